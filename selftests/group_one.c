// SPDX-License-Identifier: GPL-2.0
/*
 * Sending to one member of a group, and calling one: which one it is.
 */
#include "caps_attach.h"
#include "caps_group.h"

#define MEMBERS	4

/* A pool in one actor, and one that uses it. */
FIXTURE(group_one)
{
	int fd;
	int pool;
	__u64 group;		/* of the user */
	__u64 theirs;		/* of the pool */
	__u64 port[MEMBERS];
};

FIXTURE_SETUP(group_one)
{
	self->fd = actor_open();
	self->pool = actor_open();
	self->group = group_new(self->fd);
	self->theirs = cap_give(self->fd, self->group, self->pool);
	for (int i = 0; i < MEMBERS; i++)
		self->port[i] = member_new(self->pool, self->theirs, 8);
}

FIXTURE_TEARDOWN(group_one)
{
}

static unsigned int queued(FIXTURE_DATA(group_one) *self, int i)
{
	return port_info(self->pool, self->port[i]).queued;
}

/* Each in turn: nobody gets more than one more than another. */
TEST_F(group_one, in_turn)
{
	for (int n = 1; n <= 3 * MEMBERS; n++) {
		EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
		for (int i = 0; i < MEMBERS; i++) {
			EXPECT_LE(n / MEMBERS, queued(self, i));
			EXPECT_GE((n + MEMBERS - 1) / MEMBERS, queued(self, i));
		}
	}
}

/* Those without room are passed over, and the turns of the others stay fair. */
TEST_F(group_one, in_turn_with_room)
{
	for (int i = 0; i < 4; i++)
		ASSERT_OK(send_text(self->pool, self->port[1], "full"));
	for (int n = 0; n < 3 * 4; n++)
		EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_EQ(4, queued(self, i));
	EXPECT_EQ(-EAGAIN, group_send(self->fd, self->group, CAPS_TO_ANY, "x"));
}

/* One who ended in the middle does not favour who comes next. */
TEST_F(group_one, in_turn_with_gaps)
{
	ASSERT_OK(port_delete(self->pool, self->port[2]));
	for (int n = 0; n < 3 * 3; n++)
		EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
	EXPECT_EQ(3, queued(self, 0));
	EXPECT_EQ(3, queued(self, 1));
	EXPECT_EQ(3, queued(self, 3));
}

/* One who waits gets it, whosever turn it is. */
TEST_F(group_one, waiting_first)
{
	struct message m;
	struct caps_receive r;
	struct background b;

	for (int i = 0; i < 2 * MEMBERS; i++) {
		r = receive_of(&m, self->port[3], grace());
		background_start(&b, self->pool, CAPS_RECEIVE, &r);
		background_settle(&b);
		EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
		EXPECT_OK(background_join(&b));
	}
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_EQ(0, queued(self, i));
}

/* ... also where it waits for whatever comes to its actor. */
TEST_F(group_one, waiting_for_any)
{
	int other = actor_open();
	__u64 group = cap_give(self->fd, self->group, other);
	__u64 port = member_new(other, group, 0);
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, grace());
	struct background b;

	ASSERT_OK(port_enable(other, port, 0));
	background_start(&b, other, CAPS_RECEIVE, &r);
	background_settle(&b);
	EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY, "x"));
	EXPECT_OK(background_join(&b));
}

/* No more than sixteen are looked at, from the cursor on. */
TEST_F(group_one, looks_at_sixteen)
{
	__u64 group = group_new(self->pool);
	__u64 port[20];
	int reached = 0;

	for (int i = 0; i < 20; i++)
		port[i] = member_new(self->pool, group, 2);
	for (int i = 0; i < 19; i++)
		ASSERT_OK(send_text(self->pool, port[i], "full"));
	/* From the beginning: the twentieth is too far away. */
	EXPECT_EQ(-EAGAIN, group_send(self->pool, group, CAPS_TO_ANY, "x"));
	/* The cursor goes on, so it comes within reach. */
	for (int i = 0; i < 20 && !reached; i++)
		reached = group_send(self->pool, group, CAPS_TO_ANY, "x") == 1;
	EXPECT_TRUE(reached);
	EXPECT_EQ(1, port_info(self->pool, port[19]).queued);
}

/* A member that takes AF_UNIX sockets. */
static __u64 taker_new(FIXTURE_DATA(group_one) *self, __u32 limit)
{
	struct caps_port_create c = {
		.queue_limit = limit, .flags = CAPS_PORT_UNIX_SOCKETS,
	};

	need(caps_ioctl(self->pool, CAPS_PORT_CREATE, &c), "port");
	need(group_insert(self->pool, self->theirs, c.capability), "insert");
	return c.capability;
}

static long send_socket(FIXTURE_DATA(group_one) *self, __u32 flags)
{
	struct caps_send s = group_message(self->group, flags, "");
	struct load load = {};
	int ends[2];
	long ret;

	need(sys(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)), "socketpair");
	load_fd(&load, ends[0]);
	s.data = load_data(&load);
	if (flags & CAPS_TO_NEAR)
		s.relative = cap_give(self->pool, self->port[0], self->fd);
	ret = caps_ioctl(self->fd, CAPS_SEND, &s);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

/* What may not come to all comes to one that may have it, wherever it stands. */
TEST_F(group_one, who_may_have_a_socket)
{
	__u64 taker;

	EXPECT_ERR(EINVAL, send_socket(self, CAPS_TO_ANY));
	EXPECT_ERR(EINVAL, send_socket(self, CAPS_TO_NEAR));
	/* Further away than members are looked at. */
	for (int i = 0; i < 20; i++)
		member_new(self->pool, self->theirs, 8);
	EXPECT_ERR(EINVAL, send_socket(self, CAPS_TO_ANY));
	taker = taker_new(self, 64);
	for (int i = 0; i < 25; i++)
		EXPECT_OK(send_socket(self, CAPS_TO_ANY));
	EXPECT_OK(send_socket(self, CAPS_TO_NEAR));
	EXPECT_EQ(26, port_info(self->pool, taker).queued);
	/* Without files it comes to the others, too. */
	for (int i = 0; i < 25; i++)
		EXPECT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
	EXPECT_EQ(27, port_info(self->pool, taker).queued);
}

/* Those that may not have it do not wait for it, nor do they have room. */
TEST_F(group_one, who_may_have_a_socket_is_full)
{
	__u64 taker = taker_new(self, 4);
	struct message m;
	struct caps_receive r = receive_of(&m, self->port[3], grace());
	struct background b;

	background_start(&b, self->pool, CAPS_RECEIVE, &r);
	background_settle(&b);
	for (int i = 0; i < 2; i++)
		EXPECT_OK(send_socket(self, CAPS_TO_ANY));
	EXPECT_EQ(2, port_info(self->pool, taker).queued);
	for (int i = 0; i < MEMBERS + 1; i++)
		EXPECT_ERR(EAGAIN, send_socket(self, CAPS_TO_ANY));
	ASSERT_OK(send_text(self->pool, self->port[3], "end"));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(0, m.header.fd_count);
}

/* Nobody there, or nobody left. */
TEST_F(group_one, nobody)
{
	__u64 group = group_new(self->fd);
	struct caps_call call = call_of(group, "x");

	EXPECT_EQ(-ENOENT, group_send(self->fd, group, CAPS_TO_ANY, "x"));
	call.flags = CAPS_TO_ANY;
	EXPECT_ERR(ENOENT, caps_ioctl(self->fd, CAPS_CALL, &call));
	close(self->pool);
	EXPECT_TRUE(eventually(group_send(self->fd, self->group, CAPS_TO_ANY,
					  "x") == -ENOENT));
}

/* Without room anywhere one waits as for a port. */
TEST_F(group_one, waits_for_room)
{
	struct caps_send s = group_message(self->group, CAPS_TO_ANY, "waited");
	struct background b;

	for (int i = 0; i < 4 * MEMBERS; i++)
		ASSERT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
	s.deadline = in_ms(20);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->fd, CAPS_SEND, &s));
	s.deadline = grace();
	background_start(&b, self->fd, CAPS_SEND, &s);
	background_settle(&b);
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_TRUE(says(self->pool, self->port[i], "x"));
	EXPECT_OK(background_join(&b));
}

/* A call is answered by whom it reached. */
TEST_F(group_one, call)
{
	char answer[16] = "";
	struct caps_call call = call_of(self->group, "question");
	struct background b;
	struct message m;
	int i;

	call.flags = CAPS_TO_ANY;
	call.reply = data_of(answer, sizeof(answer));
	background_start(&b, self->fd, CAPS_CALL, &call);
	background_settle(&b);
	for (i = 0; i < MEMBERS && !queued(self, i); i++)
		;
	ASSERT_LT(i, MEMBERS);
	ASSERT_OK(receive_now(self->pool, self->port[i], &m));
	EXPECT_STREQ("question", m.body);
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_OK(reply_text(self->pool, m.header.id, 3, "answer"));
	EXPECT_OK(background_join(&b));
	EXPECT_STREQ("answer", answer);
	EXPECT_EQ(3, call.status);
}

/* A call that finds no room says so if it is not to wait. */
TEST_F(group_one, call_without_room)
{
	struct caps_call call = call_of(self->group, "x");

	for (int i = 0; i < 4 * MEMBERS; i++)
		ASSERT_EQ(1, group_send(self->fd, self->group, CAPS_TO_ANY,
					"x"));
	call.flags = CAPS_TO_ANY | CAPS_NOWAIT_QUEUE;
	EXPECT_ERR(EAGAIN, caps_ioctl(self->fd, CAPS_CALL, &call));
	call.flags = CAPS_TO_ANY;
	call.deadline = in_ms(20);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->fd, CAPS_CALL, &call));
}

TEST_F(group_one, async_call)
{
	struct caps_send s = group_message(self->group, CAPS_TO_ANY, "later");
	struct message m;
	int i;

	ASSERT_OK(caps_ioctl(self->fd, CAPS_CALL_ASYNC, &s));
	EXPECT_NE(0, s.id);
	EXPECT_EQ(1, s.reached);
	for (i = 0; i < MEMBERS && !queued(self, i); i++)
		;
	ASSERT_LT(i, MEMBERS);
	ASSERT_OK(receive_now(self->pool, self->port[i], &m));
	EXPECT_OK(reply_text(self->pool, m.header.id, 0, "now"));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(s.id, m.header.id);
	EXPECT_STREQ("now", m.body);
}

/* The badge is the one that the member was inserted with. */
TEST_F(group_one, badge)
{
	__u64 group = group_new(self->pool), badged;
	struct message m;

	ASSERT_OK(cap_badge(self->pool, self->port[0], 42, &badged));
	ASSERT_OK(group_insert(self->pool, group, badged));
	EXPECT_EQ(1, group_send(self->pool, group, CAPS_TO_ANY, "x"));
	ASSERT_OK(receive_now(self->pool, self->port[0], &m));
	EXPECT_EQ(42, m.header.badge);
}

/* Not the port, or not the actor, that is named. */
TEST_F(group_one, exclude)
{
	const __u32 port = CAPS_TO_ANY | CAPS_EXCLUDE_PORT;
	const __u32 actor = CAPS_TO_ANY | CAPS_EXCLUDE_ACTOR;

	for (int i = 0; i < 3 * 3; i++)
		EXPECT_EQ(1, group_send_relative(self->pool, self->theirs, port,
						 self->port[1], "x"));
	EXPECT_EQ(0, queued(self, 1));
	EXPECT_EQ(-ENOENT, group_send_relative(self->pool, self->theirs, actor,
					       self->port[1], "x"));
	EXPECT_EQ(1, group_send_relative(self->fd, self->group, actor,
					 CAPS_DEFAULT_PORT, "x"));
}

/* --- near ---------------------------------------------------------------- */

/* In the actor if there is one, else in the process, else nowhere. */
TEST_F(group_one, near)
{
	int other = actor_open();
	__u64 near_other = port_new(other);
	__u64 group = cap_give(self->fd, self->group, other);
	__u64 member = member_new(other, group, 8);

	/* The same actor, whatever number of others there are. */
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(1, group_send_relative(other, group, CAPS_TO_NEAR,
						 near_other, "x"));
	EXPECT_EQ(4, port_info(other, member).queued);
	/* It is full, and another actor of the process is not as near. */
	EXPECT_EQ(-EAGAIN, group_send_relative(other, group, CAPS_TO_NEAR,
					       near_other, "x"));
	ASSERT_OK(port_delete(other, member));
	EXPECT_EQ(1, group_send_relative(other, group, CAPS_TO_NEAR,
					 near_other, "x"));
	EXPECT_EQ(1, queued(self, 0) + queued(self, 1) + queued(self, 2) +
		  queued(self, 3));
}

/* Another process is not near, though the group has members there. */
TEST_F(group_one, near_another_process)
{
	struct child c;
	__u64 far;

	if (child_start(&c)) {
		int fd = actor_open();

		say_fd(&c, cap_export(fd, CAPS_DEFAULT_PORT));
		hear(&c);
		CHILD_END();
	}
	ASSERT_OK(cap_import(self->fd, hear_fd(&c), &far));
	EXPECT_EQ(-ENOENT, group_send_relative(self->fd, self->group,
					       CAPS_TO_NEAR, far, "x"));
	EXPECT_EQ(1, group_send_relative(self->fd, self->group, CAPS_TO_NEAR,
					 CAPS_DEFAULT_PORT, "x"));
	say(&c, 1);
	EXPECT_OK(child_wait(&c));
	/* Nothing is near to what has gone. */
	EXPECT_EQ(-ENOENT, group_send_relative(self->fd, self->group,
					       CAPS_TO_NEAR, far, "x"));
}

TEST_F(group_one, near_what)
{
	EXPECT_EQ(-EBADF, group_send(self->fd, self->group, CAPS_TO_NEAR, "x"));
	EXPECT_EQ(-EINVAL, group_send_relative(self->fd, self->group,
					       CAPS_TO_NEAR, self->group, "x"));
}

/* With a port excluded: a sibling of it. */
TEST_F(group_one, near_but_not_itself)
{
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(1, group_send_relative(self->pool, self->theirs,
						 CAPS_TO_NEAR |
						 CAPS_EXCLUDE_PORT,
						 self->port[0], "x"));
	EXPECT_EQ(0, queued(self, 0));
	EXPECT_EQ(2, queued(self, 1));
	EXPECT_EQ(2, queued(self, 2));
	EXPECT_EQ(2, queued(self, 3));
}

TEST_HARNESS_MAIN
