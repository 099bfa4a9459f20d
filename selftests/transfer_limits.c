// SPDX-License-Identifier: GPL-2.0
/*
 * Receivers that may have no more capabilities: they get the messages all the
 * same, and what came along as soon as they may.
 */
#include "caps_transfer.h"

/* The way that a message with four of them, and one behind it, go. */
static void expect_held(struct __test_metadata *_metadata,
			FIXTURE_DATA(transfer) * self, unsigned int cmd,
			__u32 flags)
{
	struct caps_send s = { .capability = self->p.cap };
	long used = live_count("capabilities");
	__u64 handles = handles_of(self->p.server), id;

	self->load = load_of(self->cap, 4);
	s.data = load_data(&self->load);
	/* One too few for what is on its way and the same number of handles. */
	parameter_set(&self->before, "max_capabilities", used + 7);
	ASSERT_OK(caps_ioctl(self->p.client, cmd, &s));
	ASSERT_OK(send_text(self->p.client, self->p.cap, "behind"));
	self->room.a.capabilities_put = 99;
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(flags, self->m.header.flags);
	EXPECT_EQ(4, self->m.header.capability_count);
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_STREQ("load", self->m.body);
	id = self->m.header.id;
	EXPECT_ERR(EDQUOT, get_attached(self->p.server, id,
					(uintptr_t)&self->room.a));
	EXPECT_EQ(handles, handles_of(self->p.server));
	ASSERT_OK(receive_all(self));
	EXPECT_STREQ("behind", self->m.body);

	parameter_set(&self->before, "max_capabilities", used + 8);
	ASSERT_OK(get_attached(self->p.server, id, (uintptr_t)&self->room.a));
	ASSERT_EQ(4, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.server, self->room.handles[3]);
	ASSERT_OK(discard(self->p.server, id));
}

/* What cannot be taken is held and lets through what is behind it. */
TEST_F(transfer, one_way_without_room_under_the_limit)
{
	expect_held(_metadata, self, CAPS_SEND,
		    CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED);
}

TEST_F(transfer, call_without_room_under_the_limit)
{
	expect_held(_metadata, self, CAPS_CALL_ASYNC,
		    CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE |
			    CAPS_HEADER_TRUNCATED);
}

/* An answer likewise: then its caller is the one who may have no more. */
TEST_F(transfer, answer_without_room_under_the_limit)
{
	struct caps_reply r = {};
	long used;
	__u64 id;

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(receive_all(self));
	used = live_count("capabilities");
	parameter_set(&self->before, "max_capabilities", used + 7);
	self->load = load_of(CAPS_DEFAULT_PORT, 4);
	r.id = self->m.header.id;
	r.data = load_data(&self->load);
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	ASSERT_OK(receive_room(self->p.client, CAPS_DEFAULT_PORT, &self->room,
			       &self->m));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED,
		  self->m.header.flags);
	EXPECT_ERR(EDQUOT, get_attached(self->p.client, id,
					(uintptr_t)&self->room.a));
	parameter_set(&self->before, "max_capabilities", used + 8);
	ASSERT_OK(get_attached(self->p.client, id, (uintptr_t)&self->room.a));
	EXPECT_EQ(4, self->room.a.capabilities_put);
	ASSERT_OK(discard(self->p.client, id));
}

/* A process of another user that sends four with each message it is asked for. */
static void send_for_ever(struct child *c)
{
	struct load load = load_of(CAPS_DEFAULT_PORT, 4);
	int from = hear_fd(c), fd;
	long before;
	__u64 cap;

	become_member(1001);
	fd = actor_open();
	need(cap_import(fd, from, &cap), "CAPS_IMPORT");
	before = charged(fd, "capabilities");
	while (hear(c)) {
		need(send_load(fd, cap, &load), "CAPS_SEND");
		/* What has been received before is its holder's. */
		say(c, charged(fd, "capabilities") - before);
	}
}

/* What stays with a one-way message is its holder's, up to his limit. */
TEST_F(transfer, held_for_another)
{
	__u64 ids[4] = {};
	struct child c;
	long base, ret;
	int n;

	if (child_start(&c)) {
		send_for_ever(&c);
		CHILD_END();
	}
	say_fd(&c, cap_export(self->p.server, self->p.port));
	base = charged(self->p.server, "capabilities");
	/* Two have room, one is above. */
	parameter_set(&self->before, "max_capabilities", base + 10);
	for (n = 0; n < 4; n++) {
		say(&c, 1);
		EXPECT_EQ(4, hear(&c));
		ret = receive_now(self->p.server, self->p.port, &self->m);
		if (ret)
			break;
		ids[n] = self->m.header.id;
	}
	EXPECT_EQ(3, n);
	EXPECT_ERR(EDQUOT, ret);
	EXPECT_EQ(base + 12, charged(self->p.server, "capabilities"));
	/* Ending one of them helps. */
	ASSERT_OK(discard(self->p.server, ids[0]));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	EXPECT_EQ(base + 12, charged(self->p.server, "capabilities"));
	ASSERT_OK(discard(self->p.server, ids[1]));
	ASSERT_OK(discard(self->p.server, ids[2]));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(base, charged(self->p.server, "capabilities"));
	say(&c, 0);
	EXPECT_EQ(0, child_wait(&c));
}

TEST_HARNESS_MAIN
