// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities as file descriptors: how they travel, and that without one, or
 * a name, there is no way to a port.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "caps_test.h"

#define INHERITED	"CAPS_TEST_INHERITED"

/*
 * This program run again with a descriptor's number in its environment sends
 * through what it finds there, and tells how that went.
 */
static __attribute__((constructor)) void sender_after_exec(void)
{
	const char *number = getenv(INHERITED);
	int fd;
	__u64 cap;

	if (!number)
		return;
	fd = actor_open();
	if (cap_import(fd, atoi(number), &cap))
		_exit(2);
	_exit(send_text(fd, cap, "after exec") != 0);
}

static void run_again(int exported)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", exported);
	setenv(INHERITED, number, 1);
	execl("/proc/self/exe", "export", NULL);
	_exit(3);
}

FIXTURE(export)
{
	int fd;
	__u64 port;
};

FIXTURE_SETUP(export)
{
	self->fd = actor_open();
	self->port = port_new(self->fd);
}

FIXTURE_TEARDOWN(export)
{
}

/* In a child: send through an exported capability. */
static void send_through(struct __test_metadata *_metadata, int exported)
{
	int fd = actor_open();
	__u64 cap;

	ASSERT_OK(cap_import(fd, exported, &cap));
	EXPECT_OK(send_text(fd, cap, "from the child"));
}

TEST_F(export, a_child_inherits_the_descriptor)
{
	long exported = cap_export(self->fd, self->port);
	struct message m;
	struct child c;

	ASSERT_LE(0, exported);
	if (child_start(&c)) {
		send_through(_metadata, exported);
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("from the child", m.body);
}

TEST_F(export, a_socket_carries_the_descriptor)
{
	struct message m;
	struct child c;
	long exported;

	if (child_start(&c)) {
		send_through(_metadata, hear_fd(&c));
		CHILD_END();
	}
	exported = cap_export(self->fd, self->port);
	ASSERT_LE(0, exported);
	say_fd(&c, exported);
	close(exported);
	EXPECT_OK(child_wait(&c));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("from the child", m.body);
}

/* Unless told otherwise, the descriptor does not reach another program. */
TEST_F(export, the_descriptor_is_closed_on_exec)
{
	long exported = cap_export(self->fd, self->port);
	struct child c;

	ASSERT_LE(0, exported);
	EXPECT_EQ(FD_CLOEXEC, fcntl(exported, F_GETFD));
	if (child_start(&c))
		run_again(exported);
	EXPECT_EQ(2, child_wait(&c));
}

/* A parent equips a program that it starts. */
TEST_F(export, a_program_inherits_the_descriptor)
{
	long exported = cap_export(self->fd, self->port);
	struct message m;
	struct child c;

	ASSERT_LE(0, exported);
	if (child_start(&c)) {
		fcntl(exported, F_SETFD, 0);
		run_again(exported);
	}
	EXPECT_OK(child_wait(&c));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("after exec", m.body);
}

/* Rights, operations and badge arrive as they left. */
TEST_F(export, what_is_narrow_stays_narrow)
{
	int other = actor_open();
	struct caps_duplicate d = {
		.capability = self->port, .badge = 9, .flags = CAPS_DUP_BADGE,
		.rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT, .operations = 6,
	};
	struct caps_capability_info i;
	__u64 cap, more;

	ASSERT_OK(caps_ioctl(self->fd, CAPS_DUPLICATE, &d));
	cap = cap_give(self->fd, d.result, other);
	ASSERT_OK(cap_info(other, cap, &i));
	EXPECT_EQ(CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT, i.rights);
	EXPECT_EQ(6, i.operations);
	EXPECT_EQ(9, i.badge);
	EXPECT_EQ(CAPS_INFO_BADGED, i.status);
	EXPECT_ERR(EPERM, cap_dup(other, cap, CAPS_RIGHT_WATCH, 0, &more));
	EXPECT_ERR(EACCES, cap_dup(other, cap, 0, 1, &more));
}

/* Each import makes a handle of its own; the descriptor stays. */
TEST_F(export, one_descriptor_many_handles)
{
	long exported = cap_export(self->fd, self->port);
	int other = actor_open();
	__u64 first, second;

	ASSERT_OK(cap_import(other, exported, &first));
	ASSERT_OK(cap_import(other, exported, &second));
	EXPECT_NE(first, second);
	ASSERT_OK(cap_close(other, first));
	EXPECT_OK(send_text(other, second, "still here"));
	EXPECT_OK(cap_import(other, exported, &first));
}

/* The handle lives on without the descriptor, and the other way round. */
TEST_F(export, descriptor_and_handle_are_independent)
{
	long exported = cap_export(self->fd, self->port);
	int other = actor_open();
	__u64 cap;

	ASSERT_OK(cap_close(self->fd, self->port));
	ASSERT_OK(cap_import(other, exported, &cap));
	close(exported);
	EXPECT_OK(send_text(other, cap, "x"));
}

/* A descriptor keeps nobody alive: it leads to a port that is gone. */
TEST_F(export, the_descriptor_keeps_nobody_alive)
{
	long exported = cap_export(self->fd, self->port);
	int other = actor_open();
	struct caps_capability_info i;
	__u64 cap;

	close(self->fd);
	ASSERT_OK(cap_import(other, exported, &cap));
	EXPECT_ERR(EPIPE, send_text(other, cap, "x"));
	ASSERT_OK(cap_info(other, cap, &i));
	EXPECT_EQ(CAPS_INFO_DEAD, i.status);
}

/* Only what was exported can be imported. */
TEST_F(export, other_descriptors_are_refused)
{
	int ends[2], closed;
	__u64 cap;

	ASSERT_EQ(0, pipe(ends));
	EXPECT_ERR(EINVAL, cap_import(self->fd, self->fd, &cap));
	EXPECT_ERR(EINVAL, cap_import(self->fd, ends[0], &cap));
	EXPECT_ERR(EINVAL, cap_import(self->fd, eventfd(0, 0), &cap));
	EXPECT_ERR(EBADF, cap_import(self->fd, open("/", O_PATH), &cap));
	closed = dup(0);
	close(closed);
	EXPECT_ERR(EBADF, cap_import(self->fd, closed, &cap));
	EXPECT_ERR(EBADF, cap_import(self->fd, -1, &cap));
	EXPECT_ERR(EBADF, cap_import(self->fd, -100, &cap));
}

/* Whoever holds the descriptor can do nothing with it but import. */
TEST_F(export, the_descriptor_itself_does_nothing)
{
	long exported = cap_export(self->fd, self->port);
	struct caps_query q = { 0 };
	char byte;

	ASSERT_LE(0, exported);
	EXPECT_ERR(ENOTTY, caps_ioctl(exported, CAPS_QUERY, &q));
	EXPECT_GT(0, read(exported, &byte, 1));
	EXPECT_GT(0, write(exported, "", 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, exported,
				   0));
}

/* Without room for a descriptor nothing happens. */
TEST_F(export, no_free_descriptor)
{
	struct rlimit limit;
	long exported;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = self->fd + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_ERR(EMFILE, cap_export(self->fd, self->port));
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	exported = cap_export(self->fd, self->port);
	EXPECT_EQ(self->fd + 1, exported);
}

/*
 * A process that was given neither a descriptor nor a name finds no handle
 * that works, its own default port apart; not even the one it works by
 * elsewhere.
 */
TEST_F(export, there_is_no_other_way_in)
{
	__u64 slot, generation;
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();

		EXPECT_ERR(EBADF, send_text(fd, self->port, "x"));
		for (generation = 0; generation < 16; generation++) {
			for (slot = 0; slot < test_scale(256); slot++) {
				__u64 guess = generation << 32 | slot;

				if (guess == CAPS_DEFAULT_PORT)
					continue;
				ASSERT_ERR(EBADF, send_text(fd, guess, "x"));
			}
		}
		ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, "to myself"));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
	EXPECT_EQ(0, port_info(self->fd, CAPS_DEFAULT_PORT).queued);
}

TEST_HARNESS_MAIN
