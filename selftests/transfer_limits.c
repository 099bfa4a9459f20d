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

TEST_HARNESS_MAIN
