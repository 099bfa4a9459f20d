// SPDX-License-Identifier: GPL-2.0
/*
 * Sending to all members of a group, and to all enabled ports of an actor: who
 * gets it, who does not, and what the sender is told.
 */
#include "caps_attach.h"
#include "caps_group.h"
#include "caps_state.h"

#define MEMBERS	5

/* Two actors with members each, and one that sends. */
FIXTURE(broadcast)
{
	int fd;			/* the sender's */
	int a, b;
	__u64 group;		/* the sender's */
	__u64 in_a, in_b;	/* theirs */
	__u64 port[MEMBERS];	/* of a: 0 to 2, of b: 3 and 4 */
};

static int owner(FIXTURE_DATA(broadcast) *self, int i)
{
	return i < 3 ? self->a : self->b;
}

FIXTURE_SETUP(broadcast)
{
	self->fd = actor_open();
	self->a = actor_open();
	self->b = actor_open();
	self->group = group_new(self->fd);
	self->in_a = cap_give(self->fd, self->group, self->a);
	self->in_b = cap_give(self->fd, self->group, self->b);
	/* One user may have half of the room: one message. */
	for (int i = 0; i < MEMBERS; i++)
		self->port[i] = member_new(owner(self, i), i < 3 ?
					   self->in_a : self->in_b, 2);
}

FIXTURE_TEARDOWN(broadcast)
{
}

static int count_silent(FIXTURE_DATA(broadcast) *self)
{
	int n = 0;

	for (int i = 0; i < MEMBERS; i++)
		n += silent(owner(self, i), self->port[i]);
	return n;
}

/* Everybody gets one, with all that a message has. */
TEST_F(broadcast, everybody)
{
	struct caps_send s = group_message(self->group, 0, "to all");
	struct message m;

	s.address = 77;
	s.operation = 5;
	s.data.annex = (uintptr_t)"annex";
	s.data.annex_len = 5;
	s.reached = 99;
	s.full = 99;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(MEMBERS, s.reached);
	EXPECT_EQ(0, s.full);
	EXPECT_EQ(0, s.result);
	EXPECT_EQ(0, s.id);
	for (int i = 0; i < MEMBERS; i++) {
		ASSERT_OK(receive_now(owner(self, i), self->port[i], &m));
		EXPECT_STREQ("to all", m.body);
		EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
		EXPECT_EQ(77, m.header.address);
		EXPECT_EQ(5, m.header.operation);
		EXPECT_EQ(5, m.header.annex_len);
		EXPECT_EQ(0, memcmp(m.annex, "annex", 5));
		EXPECT_EQ(getpid(), m.header.pid);
		EXPECT_EQ(0, m.header.badge);
		EXPECT_EQ(1, m.header.sequence);
	}
	EXPECT_EQ(MEMBERS, count_silent(self));
}

/* A send to one port tells the same. */
TEST_F(broadcast, one_port_reached)
{
	struct caps_send s = group_message(self->port[0], 0, "x");

	ASSERT_OK(caps_ioctl(self->a, CAPS_SEND, &s));
	EXPECT_EQ(1, s.reached);
	EXPECT_EQ(0, s.full);
}

/* Nobody there is no failure. */
TEST_F(broadcast, empty_group)
{
	__u64 group = group_new(self->fd);

	EXPECT_EQ(0, group_send(self->fd, group, 0, "x"));
	EXPECT_EQ(0, group_send(self->fd, group, CAPS_TO_ALL, "x"));
}

/* Who has no room is counted, and gets nothing. */
TEST_F(broadcast, full)
{
	struct caps_send s = group_message(self->group, 0, "second");

	ASSERT_OK(send_text(self->a, self->port[1], "first"));
	ASSERT_OK(send_text(self->b, self->port[4], "first"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(3, s.reached);
	EXPECT_EQ(2, s.full);
	EXPECT_EQ(-EAGAIN, group_send(self->fd, self->group, 0, "third"));
	EXPECT_TRUE(says(self->a, self->port[1], "first"));
	EXPECT_TRUE(says(self->a, self->port[0], "second"));
	EXPECT_TRUE(silent(self->a, self->port[1]));
	EXPECT_EQ(2, group_send(self->fd, self->group, 0, "fourth"));
	EXPECT_TRUE(says(self->a, self->port[0], "fourth"));
	EXPECT_TRUE(says(self->a, self->port[1], "fourth"));
}

/* Calls need one answer, and nobody waits for many. */
TEST_F(broadcast, refused)
{
	struct caps_call call = call_of(self->group, "x");
	struct caps_send s = group_message(self->group, 0, "x");

	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL, &call));
	call.flags = CAPS_TO_ALL;
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL, &call));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL_ASYNC, &s));
	s.deadline = grace();
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(MEMBERS, count_silent(self));
	EXPECT_EQ(0, actor_info(self->fd).pending);
}

/* One capability cannot go to many; to one it goes as through a port. */
TEST_F(broadcast, attachments)
{
	struct caps_send s = group_message(self->group, 0, "");
	struct load l = load_of(CAPS_DEFAULT_PORT, 1);

	l.transfers[0].flags = 0;
	s.data = load_data(&l);
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SEND, &s));
	s.flags = CAPS_TO_ALL;
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(MEMBERS, count_silent(self));
	s.flags = CAPS_TO_ANY;
	EXPECT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(1, s.reached);
}

/* Flags that contradict each other, or have nothing to refer to. */
TEST_F(broadcast, flags)
{
	static const __u32 wrong[] = {
		CAPS_TO_ANY | CAPS_TO_NEAR, CAPS_TO_ANY | CAPS_TO_ALL,
		CAPS_TO_NEAR | CAPS_TO_ALL,
	};
	static const __u32 flags[] = {
		CAPS_TO_ANY, CAPS_TO_NEAR, CAPS_TO_ALL, CAPS_EXCLUDE_PORT,
		CAPS_EXCLUDE_ACTOR,
	};
	struct caps_call call;
	__u64 port = port_new(self->fd);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, group_send_relative(self->fd, self->group,
						       wrong[i], port, "x"));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		/* A port has no members. */
		EXPECT_EQ(-EINVAL, group_send(self->fd, port, flags[i], "x"));
		call = call_of(port, "x");
		call.flags = flags[i];
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL, &call));
	}
	EXPECT_EQ(-EINVAL, group_send_relative(self->fd, self->group, 0, port,
					       "x"));
	EXPECT_EQ(-EINVAL, group_send_relative(self->fd, self->group,
					       CAPS_TO_ALL, port, "x"));
	EXPECT_EQ(-EBADF, group_send(self->fd, self->group, CAPS_EXCLUDE_PORT,
				     "x"));
	EXPECT_EQ(-EINVAL, group_send_relative(self->fd, self->group,
					       CAPS_EXCLUDE_PORT, self->group,
					       "x"));
	EXPECT_EQ(MEMBERS, count_silent(self));
}

/* Sending takes the right to. */
TEST_F(broadcast, rights)
{
	__u64 mute;

	ASSERT_OK(cap_dup(self->fd, self->group,
			  CAPS_RIGHTS_GROUP & ~CAPS_RIGHT_SEND,
			  CAPS_ALL_OPERATIONS, &mute));
	EXPECT_EQ(-EPERM, group_send(self->fd, mute, 0, "x"));
	EXPECT_EQ(-EPERM, group_send(self->fd, mute, CAPS_TO_ANY, "x"));
	EXPECT_EQ(-EBADF, group_send(self->fd, 0, CAPS_TO_ALL, "x"));
}

/* A member that sends to the others. */
TEST_F(broadcast, exclude_port)
{
	EXPECT_EQ(MEMBERS - 1,
		  group_send_relative(self->a, self->in_a, CAPS_EXCLUDE_PORT,
				      self->port[1], "x"));
	EXPECT_TRUE(silent(self->a, self->port[1]));
	/* Looking takes it: one was silent, and the others are now. */
	EXPECT_EQ(1, count_silent(self));
	EXPECT_EQ(MEMBERS, count_silent(self));
}

TEST_F(broadcast, exclude_actor)
{
	EXPECT_EQ(2, group_send_relative(self->a, self->in_a,
					 CAPS_EXCLUDE_ACTOR, self->port[1],
					 "x"));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(silent(self->a, self->port[i]));
	for (int i = 3; i < MEMBERS; i++)
		EXPECT_TRUE(says(self->b, self->port[i], "x"));
}

/* One that has gone excludes nobody else. */
TEST_F(broadcast, exclude_an_ended_port)
{
	__u64 port = port_new(self->a);

	ASSERT_OK(port_delete(self->a, port));
	EXPECT_EQ(MEMBERS, group_send_relative(self->a, self->in_a,
					       CAPS_EXCLUDE_ACTOR, port, "x"));
}

/* All or nothing: one without room keeps it from all. */
TEST_F(broadcast, all)
{
	ASSERT_OK(send_text(self->b, self->port[4], "first"));
	EXPECT_EQ(-EAGAIN, group_send(self->fd, self->group, CAPS_TO_ALL,
				      "second"));
	for (int i = 0; i < MEMBERS - 1; i++) {
		EXPECT_EQ(0, port_info(owner(self, i), self->port[i]).queued);
		EXPECT_EQ(0, port_info(owner(self, i), self->port[i]).users);
	}
	EXPECT_TRUE(says(self->b, self->port[4], "first"));
	/* Nothing is left of it: there is room as before. */
	EXPECT_EQ(MEMBERS, group_send(self->fd, self->group, CAPS_TO_ALL,
				      "third"));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_TRUE(says(owner(self, i), self->port[i], "third"));
	EXPECT_EQ(MEMBERS - 1,
		  group_send_relative(self->a, self->in_a,
				      CAPS_TO_ALL | CAPS_EXCLUDE_PORT,
				      self->port[0], "fourth"));
}

/* Receivers that wait are woken, as by any message. */
TEST_F(broadcast, wakes)
{
	struct message m[MEMBERS];
	struct caps_receive r[MEMBERS];
	struct background b[MEMBERS];
	static const __u32 flags[] = { 0, CAPS_TO_ALL };

	for (size_t turn = 0; turn < ARRAY_SIZE(flags); turn++) {
		for (int i = 0; i < MEMBERS; i++) {
			r[i] = receive_of(&m[i], self->port[i], grace());
			background_start(&b[i], owner(self, i), CAPS_RECEIVE,
					 &r[i]);
			background_settle(&b[i]);
		}
		EXPECT_EQ(MEMBERS, group_send(self->fd, self->group,
					      flags[turn], "wake up"));
		for (int i = 0; i < MEMBERS; i++) {
			EXPECT_OK(background_join(&b[i]));
			EXPECT_EQ(7, r[i].header.body_len);
		}
	}
}

/* Poll tells enabled members. */
TEST_F(broadcast, poll)
{
	ASSERT_OK(port_enable(self->a, self->port[0], 0));
	EXPECT_FALSE(readable(self->a));
	EXPECT_EQ(MEMBERS, group_send(self->fd, self->group, 0, "x"));
	EXPECT_TRUE(readable(self->a));
	EXPECT_TRUE(says(self->a, CAPS_ANY_PORT, "x"));
	EXPECT_FALSE(readable(self->a));
	EXPECT_FALSE(readable(self->b));
	EXPECT_TRUE(says(self->a, self->port[1], "x"));
}

/* Everybody who holds it can answer, where the sender said. */
TEST_F(broadcast, answers)
{
	struct caps_send s = group_message(self->group, 0, "who is there?");
	__u64 source = port_new(self->fd);
	struct message m;

	s.source = source;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	for (int i = 0; i < MEMBERS; i++) {
		ASSERT_OK(receive_until(owner(self, i), self->port[i],
					CAPS_HOLD, 0, &m));
		EXPECT_TRUE(m.header.flags & CAPS_HEADER_ANSWERABLE);
		EXPECT_OK(reply_text(owner(self, i), m.header.id, i, "me"));
	}
	for (int i = 0; i < MEMBERS; i++) {
		ASSERT_OK(receive_now(self->fd, source, &m));
		EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
		EXPECT_EQ(i, m.header.status);
		EXPECT_STREQ("me", m.body);
	}
	EXPECT_TRUE(silent(self->fd, source));
}

/* Each sender's messages arrive in the order sent, here and there. */
TEST_F(broadcast, order)
{
	__u64 group = group_new(self->fd), port = member_new(self->fd, group, 0);
	char text[16];

	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (i % 2)
			EXPECT_OK(send_text(self->fd, port, text));
		else
			EXPECT_EQ(1, group_send(self->fd, group, i % 4 ?
						CAPS_TO_ALL : 0, text));
	}
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%d", i);
		EXPECT_TRUE(says(self->fd, port, text));
	}
}

/* The sender pays for all of them beforehand, or there are none. */
TEST_F(tidy, charged_together)
{
	int fd = actor_open(), other = actor_open();
	__u64 group = group_new(fd), theirs = cap_give(fd, group, other);

	for (int i = 0; i < 40; i++)
		member_new(other, theirs, 0);
	parameter_set(&self->before, "max_messages", 30);
	EXPECT_EQ(-EDQUOT, group_send(fd, group, 0, "x"));
	EXPECT_EQ(-EDQUOT, group_send(fd, group, CAPS_TO_ALL, "x"));
	EXPECT_EQ(0, actor_info(other).held);
	EXPECT_LE(live_count("messages"), 4);
	parameter_set(&self->before, "max_messages", 100);
	EXPECT_EQ(40, group_send(fd, group, 0, "x"));
	EXPECT_EQ(40, group_send(fd, group, 0, "x"));
	EXPECT_EQ(-EDQUOT, group_send(fd, group, 0, "x"));
}

/* --- to an actor --------------------------------------------------------- */

TEST_F(broadcast, actor)
{
	__u64 actor = cap_give(self->a, actor_self(self->a), self->fd);

	EXPECT_EQ(0, group_send(self->fd, actor, 0, "nobody listens"));
	ASSERT_OK(port_enable(self->a, self->port[0], 0));
	ASSERT_OK(port_enable(self->a, self->port[2], 1));
	EXPECT_EQ(2, group_send(self->fd, actor, 0, "both"));
	EXPECT_TRUE(says(self->a, self->port[0], "both"));
	EXPECT_TRUE(silent(self->a, self->port[1]));
	ASSERT_OK(port_enable(self->a, CAPS_DEFAULT_PORT, 1));
	EXPECT_EQ(2, group_send(self->fd, actor, 0, "two have room"));
	EXPECT_TRUE(says(self->a, self->port[0], "two have room"));
	EXPECT_TRUE(says(self->a, self->port[2], "both"));
	EXPECT_TRUE(says(self->a, CAPS_DEFAULT_PORT, "two have room"));
	close(self->a);
	EXPECT_EQ(-EPIPE, group_send(self->fd, actor, 0, "nobody"));
}

TEST_F(broadcast, actor_refused)
{
	__u64 actor = cap_give(self->a, actor_self(self->a), self->fd), mute;
	struct caps_send s = group_message(actor, 0, "x");
	struct caps_call call = call_of(actor, "x");

	ASSERT_OK(port_enable(self->a, self->port[0], 0));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL, &call));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CALL_ASYNC, &s));
	EXPECT_EQ(-EINVAL, group_send(self->fd, actor, CAPS_TO_ANY, "x"));
	EXPECT_EQ(-EINVAL, group_send(self->fd, actor, CAPS_TO_ALL, "x"));
	s.deadline = grace();
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SEND, &s));
	ASSERT_OK(cap_dup(self->fd, actor, CAPS_RIGHT_ACCEPT,
			  CAPS_ALL_OPERATIONS, &mute));
	EXPECT_EQ(-EPERM, group_send(self->fd, mute, 0, "x"));
	ASSERT_OK(cap_dup(self->fd, actor, CAPS_RIGHT_SEND, 2, &mute));
	EXPECT_EQ(-EACCES, group_send(self->fd, mute, 0, "x"));
	EXPECT_TRUE(silent(self->a, self->port[0]));
}

/* What is disabled again is passed over, and hides nobody. */
TEST_F(broadcast, actor_with_disabled_ports)
{
	__u64 actor = cap_give(self->a, actor_self(self->a), self->fd);

	for (int i = 0; i < 3; i++)
		ASSERT_OK(port_enable(self->a, self->port[i], 0));
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(port_disable(self->a, self->port[i]));
		EXPECT_EQ(2, group_send(self->fd, actor, 0, "two"));
		EXPECT_TRUE(silent(self->a, self->port[i]));
		ASSERT_TRUE(says(self->a, self->port[(i + 1) % 3], "two"));
		ASSERT_TRUE(says(self->a, self->port[(i + 2) % 3], "two"));
		ASSERT_OK(port_enable(self->a, self->port[i], 0));
	}
	EXPECT_EQ(3, group_send(self->fd, actor, 0, "all"));
}

/* The shortest of many sends, in nanoseconds. */
static __u64 time_of_send(int fd, __u64 actor, __u64 port)
{
	__u64 least = ~0ull, begin, took;
	struct message m;

	for (int i = 0; i < 100; i++) {
		begin = now_ns();
		need(group_send(fd, actor, 0, "x"), "CAPS_SEND");
		took = now_ns() - begin;
		if (took < least)
			least = took;
		need(receive_now(fd, port, &m), "CAPS_RECEIVE");
	}
	return least;
}

/* A send does not look at those that are disabled, however many. */
TEST_F(tidy, disabled_ports_cost_nothing)
{
	int fd = actor_open();
	__u64 actor = actor_self(fd), port = port_new(fd), few, many;

	ASSERT_OK(port_enable(fd, port, 0));
	few = time_of_send(fd, actor, port);
	for (int i = 0; i < 20000; i++)
		port_new(fd);
	many = time_of_send(fd, actor, port);
	TH_LOG("%llu ns, with 20,000 disabled ports %llu ns", few, many);
	EXPECT_LT(many, 3 * few);
}

/* More enabled ports than a group may have members are too many. */
TEST_F(tidy, actor_with_many_ports)
{
	int fd = actor_open();
	__u64 actor = actor_self(fd);

	for (int i = 0; i < 20; i++)
		ASSERT_OK(port_enable(fd, port_new(fd), 0));
	parameter_set(&self->before, "max_group_members", 19);
	EXPECT_EQ(-EMSGSIZE, group_send(fd, actor, 0, "x"));
	parameter_set(&self->before, "max_group_members", 20);
	EXPECT_EQ(20, group_send(fd, actor, 0, "x"));
}

TEST_HARNESS_MAIN
