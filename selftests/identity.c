// SPDX-License-Identifier: GPL-2.0
/*
 * Who sent a message, as the kernel says it: ids, groups, capability sets and
 * namespaces, translated for the receiver.
 */
#include <sched.h>
#include <linux/capability.h>

#include "caps_test.h"

#define OVERFLOW_ID	65534u

FIXTURE(identity)
{
	int fd;
	__u64 port;
	long exported;		/* the port's capability, for children */
	struct message m;
};

FIXTURE_SETUP(identity)
{
	if (geteuid())
		SKIP(return, "needs root");
	self->fd = actor_open();
	self->port = port_new(self->fd);
	self->exported = cap_export(self->fd, self->port);
	ASSERT_LE(0, self->exported);
}

FIXTURE_TEARDOWN(identity)
{
}

/* In a child: an actor with the exported capability in @cap. */
static int sender(FIXTURE_DATA(identity) * self, __u64 *cap)
{
	int fd = actor_open();

	need(cap_import(fd, self->exported, cap), "CAPS_IMPORT");
	return fd;
}

/* In a child: open, and send one message. */
static void send_one(FIXTURE_DATA(identity) * self)
{
	__u64 cap;
	int fd = sender(self, &cap);

	need(send_text(fd, cap, "who am I?"), "CAPS_SEND");
}

static void receive_held(FIXTURE_DATA(identity) * self)
{
	need(receive_until(self->fd, self->port, CAPS_HOLD, grace(), &self->m),
	     "CAPS_RECEIVE");
}

static struct caps_identity identity(FIXTURE_DATA(identity) * self)
{
	struct caps_identity i = { .id = self->m.header.id };

	need(caps_ioctl(self->fd, CAPS_IDENTITY, &i), "CAPS_IDENTITY");
	return i;
}

static __u64 namespace_of(const char *which)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", which);
	need(sys(stat(path, &st)), path);
	return st.st_ino;
}

/* Process, real and effective ids. */
TEST_F(identity, of_a_plain_process)
{
	struct child c;

	if (child_start(&c)) {
		become(1001);
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(c.pid, (pid_t)self->m.header.pid);
	EXPECT_EQ(1001, self->m.header.uid);
	EXPECT_EQ(1001, self->m.header.euid);
	EXPECT_EQ(1001, self->m.header.gid);
	EXPECT_EQ(1001, self->m.header.egid);
	EXPECT_EQ(0, self->m.header.flags & CAPS_HEADER_IDENTITY);
}

/* A thread is its process. */
TEST_F(identity, of_a_thread)
{
	struct caps_send s = { .capability = self->port };
	struct background b;

	background_start(&b, self->fd, CAPS_SEND, &s);
	ASSERT_OK(background_join(&b));
	receive_held(self);
	EXPECT_EQ(getpid(), (pid_t)self->m.header.pid);
}

/* Real and effective ids are told apart; that they changed is told. */
TEST_F(identity, changed_since_the_open)
{
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender(self, &cap);

		need(sys(setresgid(1003, 1004, 0)), "setresgid");
		need(sys(setresuid(1001, 1002, 0)), "setresuid");
		need(send_text(fd, cap, "x"), "CAPS_SEND");
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(1001, self->m.header.uid);
	EXPECT_EQ(1002, self->m.header.euid);
	EXPECT_EQ(1003, self->m.header.gid);
	EXPECT_EQ(1004, self->m.header.egid);
	EXPECT_TRUE(self->m.header.flags & CAPS_HEADER_IDENTITY);
}

/* It is the sender when it sent, not what became of it. */
TEST_F(identity, of_the_moment)
{
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender(self, &cap);

		need(send_text(fd, cap, "as root"), "CAPS_SEND");
		become(1001);
		need(send_text(fd, cap, "as 1001"), "CAPS_SEND");
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	receive_held(self);
	EXPECT_EQ(0, self->m.header.uid);
	EXPECT_EQ(0, self->m.header.flags & CAPS_HEADER_IDENTITY);
	receive_held(self);
	EXPECT_EQ(1001, self->m.header.uid);
	EXPECT_TRUE(self->m.header.flags & CAPS_HEADER_IDENTITY);
}

/* All groups, as far as there is room, and how many there are. */
TEST_F(identity, groups)
{
	static const gid_t groups[] = { 5, 900, 1001, 70000 };
	__u32 room[6] = { 1, 2, 3, 4, 5, 6 };
	struct caps_identity i = { .groups = (uintptr_t)room };
	struct child c;

	if (child_start(&c)) {
		need(sys(setgroups(4, groups)), "setgroups");
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	i.id = self->m.header.id;
	i.group_count = 2;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_IDENTITY, &i));
	EXPECT_EQ(4, i.group_count);
	EXPECT_EQ(5, room[0]);
	EXPECT_EQ(900, room[1]);
	EXPECT_EQ(3, room[2]);

	i.group_count = 6;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_IDENTITY, &i));
	EXPECT_EQ(4, i.group_count);
	EXPECT_EQ(0, memcmp(groups, room, sizeof(groups)));
	EXPECT_EQ(5, room[4]);

	i.group_count = 0;
	i.groups = 0;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_IDENTITY, &i));
	EXPECT_EQ(4, i.group_count);
}

TEST_F(identity, no_groups)
{
	struct child c;

	if (child_start(&c)) {
		need(sys(setgroups(0, NULL)), "setgroups");
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(0, identity(self).group_count);
}

/* A bad place for the groups: an error, and it can be asked again. */
TEST_F(identity, groups_to_a_bad_place)
{
	static const gid_t groups[] = { 5, 900 };
	struct caps_identity i = { .groups = NOWHERE, .group_count = 2 };
	struct child c;

	if (child_start(&c)) {
		need(sys(setgroups(2, groups)), "setgroups");
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	i.id = self->m.header.id;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_IDENTITY, &i));
	EXPECT_EQ(2, i.group_count);
	EXPECT_EQ(2, identity(self).group_count);
}

/* The three capability sets, as they were. */
TEST_F(identity, capability_sets)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = 0x21, .permitted = 0x23, .inheritable = 0x02 },
		{ .effective = 0x01, .permitted = 0x03, .inheritable = 0x00 },
	};
	struct caps_identity i;
	struct child c;

	if (child_start(&c)) {
		need(sys(syscall(SYS_capset, &header, data)), "capset");
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	i = identity(self);
	EXPECT_EQ(0x0000000100000021, i.effective);
	EXPECT_EQ(0x0000000300000023, i.permitted);
	EXPECT_EQ(0x0000000000000002, i.inheritable);
}

TEST_F(identity, namespaces_of_a_neighbour)
{
	struct child c;

	if (child_start(&c)) {
		send_one(self);
		CHILD_END();
	}
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(namespace_of("user"), identity(self).user_namespace);
	EXPECT_EQ(namespace_of("pid"), identity(self).pid_namespace);
}

/* A label is as long as it is; without room none of it is written. */
TEST_F(identity, label)
{
	char label[256];
	struct caps_identity i = {
		.label = (uintptr_t)label, .label_len = sizeof(label),
	};
	__u32 whole;

	ASSERT_OK(send_text(self->fd, self->port, ""));
	receive_held(self);
	whole = identity(self).label_len;
	memset(label, '#', sizeof(label));
	i.id = self->m.header.id;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_IDENTITY, &i));
	EXPECT_EQ(whole, i.label_len);
	if (whole < sizeof(label))
		EXPECT_EQ('#', label[whole]);
	if (whole)
		EXPECT_NE('#', label[0]);
}

/* --- user namespaces ----------------------------------------------------- */

/* In the child, as seen from outside: ids 100000 to 100999 are 0 to 999. */
static void enter_namespace(struct child *c)
{
	if (unshare(CLONE_NEWUSER)) {
		say(c, errno);
		_exit(0);
	}
	say(c, 0);
	hear(c);
}

/* In the parent. Returns false where there are no user namespaces. */
static bool map_namespace(struct child *c)
{
	if (hear(c))
		return false;
	map_write(c->pid, "uid_map", "0 100000 1000");
	map_write(c->pid, "gid_map", "0 100000 1000");
	say(c, 0);
	return true;
}

/* Root inside is nobody special outside. */
TEST_F(identity, from_inside_a_user_namespace)
{
	struct caps_identity i;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender(self, &cap);

		enter_namespace(&c);
		need(sys(setresgid(7, 7, 7)), "setresgid");
		need(sys(setresuid(0, 0, 0)), "setresuid");
		need(send_text(fd, cap, "x"), "CAPS_SEND");
		CHILD_END();
	}
	if (!map_namespace(&c))
		SKIP(return, "no user namespaces");
	receive_held(self);
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(100000, self->m.header.uid);
	EXPECT_EQ(100000, self->m.header.euid);
	EXPECT_EQ(100007, self->m.header.gid);
	i = identity(self);
	EXPECT_NE(namespace_of("user"), i.user_namespace);
	EXPECT_EQ(namespace_of("pid"), i.pid_namespace);
}

/* A receiver inside sees outsiders as the overflow ids, itself as mapped. */
TEST_F(identity, seen_from_inside_a_user_namespace)
{
	struct message m;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = actor_open();

		enter_namespace(&c);
		need(sys(setresuid(5, 5, 5)), "setresuid");
		say_fd(&c, cap_export(fd, CAPS_DEFAULT_PORT));
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(OVERFLOW_ID, m.header.uid);
		EXPECT_EQ(OVERFLOW_ID, m.header.egid);
		EXPECT_EQ(getppid(), (pid_t)m.header.pid);
		ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, "to myself"));
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(5, m.header.uid);
		EXPECT_EQ(5, m.header.euid);
		CHILD_END();
	}
	if (!map_namespace(&c))
		SKIP(return, "no user namespaces");
	ASSERT_OK(cap_import(self->fd, hear_fd(&c), &cap));
	ASSERT_OK(send_text(self->fd, cap, "from outside"));
	EXPECT_OK(child_wait(&c));
}

/* --- pid namespaces ------------------------------------------------------ */

/* A sender inside is seen by its number outside. */
TEST_F(identity, from_inside_a_pid_namespace)
{
	struct caps_identity i;
	struct child c;
	pid_t inner;

	if (child_start(&c)) {
		need(sys(unshare(CLONE_NEWPID)), "unshare");
		inner = fork();
		if (!inner) {
			EXPECT_EQ(1, getpid());
			send_one(self);
			CHILD_END();
		}
		say(&c, inner);
		EXPECT_EQ(inner, wait(NULL));
		CHILD_END();
	}
	receive_held(self);
	EXPECT_EQ(hear(&c), self->m.header.pid);
	i = identity(self);
	EXPECT_NE(namespace_of("pid"), i.pid_namespace);
	EXPECT_EQ(namespace_of("user"), i.user_namespace);
	EXPECT_OK(child_wait(&c));
}

/* A receiver inside does not see outsiders: 0. */
TEST_F(identity, seen_from_inside_a_pid_namespace)
{
	struct message m;
	struct child c;
	__u64 cap;
	int status;

	if (child_start(&c)) {
		need(sys(unshare(CLONE_NEWPID)), "unshare");
		if (!fork()) {
			int fd = actor_open();

			say_fd(&c, cap_export(fd, CAPS_DEFAULT_PORT));
			ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
			EXPECT_EQ(0, m.header.pid);
			EXPECT_EQ(0, m.header.uid);
			ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, "me"));
			ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
			EXPECT_EQ(1, m.header.pid);
			CHILD_END();
		}
		wait(&status);
		EXPECT_EQ(0, status);
		CHILD_END();
	}
	ASSERT_OK(cap_import(self->fd, hear_fd(&c), &cap));
	ASSERT_OK(send_text(self->fd, cap, "from outside"));
	EXPECT_OK(child_wait(&c));
}

/* --- the kernel's own messages ------------------------------------------- */

/* An answer shows who answered, a notice who left. */
TEST_F(identity, of_answers_and_notices)
{
	struct message m;
	struct child c;
	__u64 cap, id;

	if (child_start(&c)) {
		int fd;

		become(1001);
		fd = actor_open();
		say_fd(&c, cap_export(fd, CAPS_DEFAULT_PORT));
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(0, m.header.uid);
		ASSERT_OK(reply_text(fd, m.header.id, 0, ""));
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		say(&c, 0);
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
		EXPECT_EQ(0, m.header.uid);
		EXPECT_EQ(getppid(), (pid_t)m.header.pid);
		CHILD_END();
	}
	ASSERT_OK(cap_import(self->fd, hear_fd(&c), &cap));
	ASSERT_OK(call_async(self->fd, cap, self->port, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(1001, m.header.uid);
	EXPECT_EQ(c.pid, (pid_t)m.header.pid);

	ASSERT_OK(call_async(self->fd, cap, self->port, "", &id));
	hear(&c);
	ASSERT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->fd, id));
	EXPECT_OK(child_wait(&c));
}

/* A body that is free is no word of who had it, even of one who has died. */
TEST_F(identity, of_what_is_free)
{
	struct caps_send s = {
		.source = self->port, .flags = CAPS_DEFER,
		.data = data_of(calloc(1, 100 << 10), 100 << 10),
	};
	struct message m;
	struct child c;
	int fd;

	if (child_start(&c)) {
		become(1001);
		fd = actor_open();
		say_fd(&c, cap_export(fd, CAPS_DEFAULT_PORT));
		need(receive(fd, CAPS_DEFAULT_PORT, &m), "CAPS_RECEIVE");
		say(&c, m.header.flags);
		pause();
	}
	fd = hear_fd(&c);
	ASSERT_OK(cap_import(self->fd, fd, &s.capability));
	close(fd);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_TRUE(hear(&c) & CAPS_HEADER_HELD);
	child_kill(&c);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(s.id, m.header.id);
	EXPECT_EQ(getpid(), (pid_t)m.header.pid);
	EXPECT_EQ(0, m.header.uid);
}

TEST_HARNESS_MAIN
