// SPDX-License-Identifier: GPL-2.0
/*
 * A process that adopts, after exec, the actor that it had before: it is the
 * same process, and yet somebody else. What its former image waited for is not
 * for it.
 *
 * This program is also its own new image: "--adopt LINE FD PORT" adopts, says
 * so, and looks when told what there is at the default port and at PORT;
 * "--near LINE FD PORT" opens an actor of its own, and is told a group.
 */
#include "caps_group.h"
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(256 << 10)

/* --- the new image ------------------------------------------------------- */

/* What would be received from a port: its kind, or a negative errno. */
static __u64 look(int fd, __u64 port)
{
	struct message m;
	long ret = receive_now(fd, port, &m);

	return ret ? (__u64)ret : m.header.kind;
}

static int image_adopt(struct child *c, int fd, __u64 port)
{
	struct caps_keep k = { 0 };

	say(c, caps_ioctl(fd, CAPS_ADOPT, &k));
	hear(c);
	say(c, look(fd, CAPS_DEFAULT_PORT));
	say(c, look(fd, port));
	return 0;
}

static int image_near(struct child *c)
{
	int fd = actor_open();
	__u64 port = port_new(fd), group;

	need(cap_import(fd, hear_fd(c), &group), "CAPS_IMPORT");
	say(c, group_send_relative(fd, group, CAPS_TO_NEAR, port, "near"));
	need(group_insert(fd, group, port), "CAPS_GROUP_INSERT");
	say(c, group_send_relative(fd, group, CAPS_TO_NEAR, port, "near"));
	return 0;
}

static void exec_image(const char *what, struct child *c, int fd, __u64 port)
{
	char line[16], number[16], handle[32];
	char *argv[] = { "keep_exec", (char *)what, line, number, handle, NULL };

	snprintf(line, sizeof(line), "%d", c->line);
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(handle, sizeof(handle), "%llu", port);
	fcntl(c->line, F_SETFD, 0);
	fcntl(fd, F_SETFD, 0);
	execv("/proc/self/exe", argv);
	die("exec: %s", strerror(errno));
}

/* --- the tests ----------------------------------------------------------- */

static int actor_kept(void)
{
	struct caps_keep k = { 0 };
	int fd = actor_open();

	need(caps_ioctl(fd, CAPS_KEEP, &k), "CAPS_KEEP");
	return fd;
}

/* The new image has adopted what the old one had; nothing is there for it. */
static void finds_nothing(struct __test_metadata *_metadata, struct child *c)
{
	say(c, 0);
	EXPECT_EQ((__u64)-EAGAIN, hear(c));
	EXPECT_EQ((__u64)-EAGAIN, hear(c));
	EXPECT_EQ(0, child_wait(c));
}

/* That a body is free, which a reader had who stood still in its memory. */
TEST_F(tidy, dispose_of_a_send)
{
	struct caps_get_data get = { 0 };
	struct background reader;
	struct region region;
	struct message m;
	struct child c;
	int me = actor_open(), fd, from;
	__u64 port = port_new(me), cap;

	if (!uffd_start(&region, LEN))
		SKIP(return, "no userfaultfd");
	from = cap_export(me, port);
	if (child_start(&c)) {
		struct caps_send s = { .flags = CAPS_DEFER };

		fd = actor_kept();
		need(cap_import(fd, from, &cap), "CAPS_IMPORT");
		s.capability = cap;
		s.source = port_new(fd);
		s.data = data_of(pages_filled(LEN, 0, 1), LEN);
		need(caps_ioctl(fd, CAPS_SEND, &s), "CAPS_SEND");
		hear(&c);
		exec_image("--adopt", &c, fd, s.source);
	}
	ASSERT_OK(receive_until(me, port, CAPS_HOLD, grace(), &m));
	get.id = m.header.id;
	get.buffer = data_of(region.map, LEN);
	background_start(&reader, me, CAPS_GET_DATA, &get);
	EXPECT_TRUE(eventually(region_touched(&region)));
	say(&c, 0);
	EXPECT_EQ(0, hear(&c));
	region_answer(&region);
	EXPECT_ERR(ECANCELED, background_join(&reader));
	finds_nothing(_metadata, &c);
}

/* ... or that of an answer is. */
TEST_F(tidy, dispose_of_a_reply)
{
	struct background caller;
	struct caps_call call;
	struct region region;
	struct child c;
	int me = actor_open(), fd;
	__u64 cap;

	if (!uffd_start(&region, LEN))
		SKIP(return, "no userfaultfd");
	if (child_start(&c)) {
		struct caps_reply r = { .flags = CAPS_DEFER };
		struct message m;
		__u64 port;

		fd = actor_kept();
		port = port_new(fd);
		say_fd(&c, cap_export(fd, port));
		need(receive(fd, port, &m), "CAPS_RECEIVE");
		r.id = m.header.id;
		r.data = data_of(pages_filled(LEN, 0, 1), LEN);
		need(caps_ioctl(fd, CAPS_REPLY, &r), "CAPS_REPLY");
		hear(&c);
		exec_image("--adopt", &c, fd, port);
	}
	ASSERT_OK(cap_import(me, hear_fd(&c), &cap));
	call = call_of(cap, "");
	call.reply = data_of(region.map, LEN);
	background_start(&caller, me, CAPS_CALL, &call);
	EXPECT_TRUE(eventually(region_touched(&region)));
	say(&c, 0);
	EXPECT_EQ(0, hear(&c));
	region_answer(&region);
	EXPECT_ERR(ECONNRESET, background_join(&caller));
	finds_nothing(_metadata, &c);
}

/* The ports of an orphan are not near to the new image, its own are. */
TEST_F(tidy, an_orphan_is_not_near)
{
	int me = actor_open(), fd, from;
	__u64 group = group_new(me), mine;
	struct child c;

	from = cap_export(me, group);
	if (child_start(&c)) {
		fd = actor_kept();
		need(cap_import(fd, from, &mine), "CAPS_IMPORT");
		need(group_insert(fd, mine, port_new(fd)), "CAPS_GROUP_INSERT");
		exec_image("--near", &c, fd, 0);
	}
	say_fd(&c, from);
	EXPECT_EQ((__u64)-ENOENT, hear(&c));
	EXPECT_EQ(1, hear(&c));
	EXPECT_EQ(0, child_wait(&c));
}

int main(int argc, char **argv)
{
	struct child c = { 0 };

	if (argc != 5)
		return test_harness_run(argc, argv);
	c.line = atoi(argv[2]);
	if (!strcmp(argv[1], "--near"))
		return image_near(&c);
	return image_adopt(&c, atoi(argv[3]), strtoull(argv[4], NULL, 10));
}
