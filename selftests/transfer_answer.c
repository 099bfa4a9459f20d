// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities in answers: with those to a call there is no later.
 */
#include "caps_transfer.h"

/* Let the server answer a call of the client with what is loaded. */
static long call_answered(struct __test_metadata *_metadata,
			  FIXTURE_DATA(transfer) * self, struct caps_call *call)
{
	struct caps_reply r = { .data = load_data(&self->load) };
	struct background b;

	r.data.body_len = 0;
	*call = call_of(self->p.cap, "");
	call->reply.attachments = (uintptr_t)&self->room.a;
	background_start(&b, self->p.client, CAPS_CALL, call);
	EXPECT_OK(receive(self->p.server, self->p.port, &self->m));
	r.id = self->m.header.id;
	EXPECT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	return background_join(&b);
}

static __u64 servers_cap(FIXTURE_DATA(transfer) * self)
{
	return cap_give(self->p.client, self->cap, self->p.server);
}

TEST_F(transfer, in_an_answer)
{
	struct caps_call call;

	self->load = load_of(servers_cap(self), 2);
	self->load.transfers[1].flags = CAPS_TRANSFER_MOVE;
	ASSERT_OK(call_answered(_metadata, self, &call));
	EXPECT_EQ(0, call.result);
	ASSERT_EQ(2, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.client, self->room.handles[0]);
	expect_works(_metadata, self, self->p.client, self->room.handles[1]);
	EXPECT_ERR(EBADF, cap_close(self->p.server,
				    self->load.transfers[0].capability));
}

/* The place says so if nothing came along. */
TEST_F(transfer, in_no_answer)
{
	struct caps_call call;

	self->room.a.capabilities_put = 99;
	ASSERT_OK(call_answered(_metadata, self, &call));
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_EQ(0, call.result);
}

/* There is no later for what a caller has no room for. */
TEST_F(transfer, in_an_answer_without_room)
{
	__u64 before = handles_of(self->p.client);
	long live = live_count("capabilities");
	struct caps_call call;

	self->load = load_of(servers_cap(self), 2);
	room_init(&self->room, 1);
	ASSERT_OK(call_answered(_metadata, self, &call));
	EXPECT_EQ(CAPS_RESULT_TRUNCATED, call.result);
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_EQ(before, handles_of(self->p.client));
	EXPECT_EQ(live + 1, live_count("capabilities"));
}

/* Nor for one that cannot be told which they are: the answer is lost. */
TEST_F(transfer, in_an_answer_to_nowhere)
{
	__u64 before = handles_of(self->p.client);
	long live = live_count("capabilities");
	struct caps_call call;

	self->load = load_of(servers_cap(self), 2);
	self->room.a.capabilities = NOWHERE;
	EXPECT_ERR(EFAULT, call_answered(_metadata, self, &call));
	EXPECT_EQ(CAPS_RESULT_TAKEN | CAPS_RESULT_ANSWERED, call.result);
	EXPECT_EQ(before, handles_of(self->p.client));
	EXPECT_EQ(live + 1, live_count("capabilities"));
}

/* A place that is no good is refused before anything is sent. */
TEST_F(transfer, in_an_answer_to_a_bad_place)
{
	struct caps_call *call = read_only(sizeof(*call));
	struct caps_call c = call_of(self->p.cap, "");
	struct room *r = read_only(sizeof(*r));

	c.reply.attachments = NOWHERE;
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.client, CAPS_CALL, &c));
	c.reply.attachments = (uintptr_t)&r->a;
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.client, CAPS_CALL, &c));
	c.reply.attachments = (uintptr_t)&self->room.a;
	self->room.a.flags = 1;
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.client, CAPS_CALL, &c));
	self->room.a.flags = 0;
	self->room.a.capability_count = MANY;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->p.client, CAPS_CALL, &c));
	self->room.a.capability_count = 1;
	ASSERT_OK(mprotect(call, sizeof(*call), PROT_READ | PROT_WRITE));
	*call = c;
	ASSERT_OK(mprotect(call, sizeof(*call), PROT_READ));
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.client, CAPS_CALL, call));
	EXPECT_ERR(EAGAIN, receive_all(self));
}

/* The answer to an asynchronous call is received like any message. */
TEST_F(transfer, in_an_asynchronous_answer)
{
	struct caps_reply r = { .data = load_data(&self->load) };
	__u64 id, port = port_new(self->p.client);

	self->load = load_of(servers_cap(self), 1);
	r.data = load_data(&self->load);
	ASSERT_OK(call_async(self->p.client, self->p.cap, port, "", &id));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	r.id = self->m.header.id;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	/* First without a place. */
	ASSERT_OK(receive_now(self->p.client, port, &self->m));
	EXPECT_EQ(CAPS_KIND_REPLY, self->m.header.kind);
	EXPECT_EQ(1, self->m.header.capability_count);
	EXPECT_EQ(id, self->m.header.id);
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED,
		  self->m.header.flags);
	ASSERT_OK(get_attached(self->p.client, id, (uintptr_t)&self->room.a));
	ASSERT_EQ(1, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.client, self->room.handles[0]);
	ASSERT_OK(discard(self->p.client, id));
}

/* The header of an answer says nothing of what went along with the question. */
TEST_F(transfer, in_the_question_only)
{
	struct caps_send s = {
		.capability = self->p.cap, .data = load_data(&self->load),
	};

	self->load = load_of(self->cap, 1);
	s.data = load_data(&self->load);
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s));
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(1, self->m.header.capability_count);
	ASSERT_OK(reply_text(self->p.server, self->m.header.id, 0, ""));
	ASSERT_OK(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m));
	EXPECT_EQ(0, self->m.header.capability_count);
	EXPECT_EQ(0, self->m.header.flags);
}

/* A caller over its limit gets the answer without. */
TEST_F(transfer, answer_over_the_limit)
{
	long used = live_count("capabilities") + 1;
	struct caps_call call;

	self->load = load_of(servers_cap(self), 4);
	parameter_set(&self->before, "max_capabilities", used + 4);
	ASSERT_OK(call_answered(_metadata, self, &call));
	EXPECT_EQ(CAPS_RESULT_TRUNCATED, call.result);
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_EQ(used, live_count("capabilities"));
}

TEST_HARNESS_MAIN
