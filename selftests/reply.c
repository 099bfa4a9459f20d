// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a held message: answers, discards, notices of callers that left,
 * and answering and receiving in one.
 */
#include "caps_test.h"

FIXTURE(reply)
{
	int fd;			/* the server */
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
};

FIXTURE_SETUP(reply)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	self->cap = cap_give(self->fd, self->port, self->client);
}

FIXTURE_TEARDOWN(reply)
{
}

/* A call that the server holds; its answer goes to the client's default port. */
static __u64 held_call(FIXTURE_DATA(reply) * self)
{
	struct message m;
	__u64 id;

	need(call_async(self->client, self->cap, 0, "question", &id),
	     "CAPS_CALL_ASYNC");
	need(receive(self->fd, self->port, &m), "CAPS_RECEIVE");
	return m.header.id;
}

/* One whose caller has left. */
static __u64 cancelled_call(FIXTURE_DATA(reply) * self)
{
	struct message m;
	__u64 id;

	need(call_async(self->client, self->cap, 0, "question", &id),
	     "CAPS_CALL_ASYNC");
	need(receive(self->fd, self->port, &m), "CAPS_RECEIVE");
	if (abort_call(self->client, id) != CAPS_ABORT_AT_SERVER)
		die("CAPS_ABORT");
	return m.header.id;
}

static long answer(FIXTURE_DATA(reply) * self, struct message *m)
{
	return receive_now(self->client, CAPS_DEFAULT_PORT, m);
}

/* What is too large can be refused unread, and is in nobody's way. */
TEST_F(reply, to_what_was_not_read)
{
	static char large[8192];
	struct caps_receive r = { .port = self->port };
	struct caps_send s = {
		.capability = self->cap, .data = {
			.body = (uintptr_t)large, .body_len = sizeof(large),
			.annex = (uintptr_t)large, .annex_len = 128,
		},
	};
	struct message m;
	__u64 id;

	ASSERT_OK(caps_ioctl(self->client, CAPS_CALL_ASYNC, &s));
	ASSERT_OK(call_async(self->client, self->cap, 0, "small", &id));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(8192, r.header.body_len);
	EXPECT_EQ(128, r.header.annex_len);
	EXPECT_TRUE(r.header.flags & CAPS_HEADER_TRUNCATED);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("small", m.body);
	ASSERT_OK(reply_text(self->fd, r.header.id, EMSGSIZE, ""));
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(EMSGSIZE, m.header.status);
}

TEST_F(reply, unknown_id)
{
	const __u64 ids[] = { 0, 1, 2, 0x100000000, ~0ull };
	struct caps_get_header g = { 0 };
	struct caps_identity who = { 0 };
	unsigned int i;
	char byte;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		g.id = ids[i];
		who.id = ids[i];
		EXPECT_ERR(ENOMSG, reply_text(self->fd, ids[i], 0, ""));
		EXPECT_ERR(ENOMSG, discard(self->fd, ids[i]));
		EXPECT_ERR(ENOMSG, get_data(self->fd, ids[i], 0, &byte, 1,
					    NULL));
		EXPECT_ERR(ENOMSG, caps_ioctl(self->fd, CAPS_HEADER, &g));
		EXPECT_ERR(ENOMSG, caps_ioctl(self->fd, CAPS_IDENTITY, &who));
	}
}

/* The second answer harms nobody. */
TEST_F(reply, twice)
{
	__u64 id = held_call(self);
	struct message m;

	ASSERT_OK(reply_text(self->fd, id, 1, "first"));
	EXPECT_ERR(ENOMSG, reply_text(self->fd, id, 2, "second"));
	EXPECT_ERR(ENOMSG, discard(self->fd, id));
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(1, m.header.status);
	EXPECT_STREQ("first", m.body);
	EXPECT_ERR(EAGAIN, answer(self, &m));
}

/* An answered id is never given to another message. */
TEST_F(reply, ids_are_not_reused)
{
	const unsigned int rounds = test_scale(500);
	__u64 first = held_call(self), id;
	struct message m;
	unsigned int i;

	ASSERT_OK(reply_text(self->fd, first, 0, ""));
	ASSERT_OK(answer(self, &m));
	for (i = 0; i < rounds; i++) {
		id = held_call(self);
		ASSERT_NE(first, id);
		ASSERT_ERR(ENOMSG, reply_text(self->fd, first, 0, ""));
		ASSERT_OK(reply_text(self->fd, id, 0, ""));
		ASSERT_OK(answer(self, &m));
	}
}

/* In any order, from any thread. */
TEST_F(reply, in_any_order)
{
	__u64 ids[3] = { held_call(self), held_call(self), held_call(self) };
	const unsigned int order[3] = { 1, 2, 0 };
	struct message m;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_OK(reply_text(self->fd, ids[order[i]], order[i], ""));
		ASSERT_OK(answer(self, &m));
		EXPECT_EQ((int)order[i], m.header.status);
	}
}

/* A thread that received and has ended changes nothing. */
TEST_F(reply, by_another_thread)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->port, CAPS_FOREVER);
	struct background b;
	__u64 id;

	background_start(&b, self->fd, CAPS_RECEIVE, &r);
	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(background_join(&b));
	ASSERT_OK(reply_text(self->fd, r.header.id, 4, ""));
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(4, m.header.status);
}

/* What cannot be sent leaves the message as it was. */
TEST_F(reply, failing_changes_nothing)
{
	char annex[CAPS_MAX_ANNEX + 1] = "";
	struct caps_reply r = { .id = held_call(self) };
	struct message m;

	r.data.annex = (uintptr_t)annex;
	r.data.annex_len = sizeof(annex);
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->fd, CAPS_REPLY, &r));
	r.data.annex = NOWHERE;
	r.data.annex_len = 1;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REPLY, &r));
	r.data = data_of(annex, CAPS_MAX_BODY + 1);
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->fd, CAPS_REPLY, &r));
	r.data = data_of((void *)(uintptr_t)NOWHERE, 8);
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REPLY, &r));
	r.flags = CAPS_COPY | CAPS_DEFER;
	r.data = data_of(annex, 1);
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REPLY, &r));
	EXPECT_EQ(1, actor_info(self->fd).held);
	EXPECT_ERR(EAGAIN, answer(self, &m));

	EXPECT_OK(reply_text(self->fd, r.id, 0, "at last"));
	ASSERT_OK(answer(self, &m));
	EXPECT_STREQ("at last", m.body);
}

/* A one-way message cannot be answered, and stays. */
TEST_F(reply, not_answerable)
{
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "one way"));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	EXPECT_EQ(0, m.header.flags & CAPS_HEADER_ANSWERABLE);
	EXPECT_ERR(EINVAL, reply_text(self->fd, m.header.id, 0, ""));
	EXPECT_EQ(1, actor_info(self->fd).held);
	EXPECT_OK(discard(self->fd, m.header.id));
}

/* Held messages are counted until they end. */
TEST_F(reply, held_messages_are_counted)
{
	__u64 first = held_call(self), second = held_call(self);

	EXPECT_EQ(2, actor_info(self->fd).held);
	EXPECT_EQ(2, actor_info(self->client).pending);
	ASSERT_OK(reply_text(self->fd, first, 0, ""));
	EXPECT_EQ(1, actor_info(self->fd).held);
	ASSERT_OK(discard(self->fd, second));
	EXPECT_EQ(0, actor_info(self->fd).held);
}

/* --- callers that have gone ---------------------------------------------- */

/* The notice names the call; the answer ends it and reaches nobody. */
TEST_F(reply, notice_of_a_lost_caller)
{
	struct message m;
	__u64 id;

	id = cancelled_call(self);
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(1, actor_info(self->fd).held);
	EXPECT_ERR(ECANCELED, reply_text(self->fd, id, 0, ""));
	EXPECT_ERR(ENOMSG, reply_text(self->fd, id, 0, ""));
	EXPECT_EQ(0, actor_info(self->fd).held);
	EXPECT_ERR(EAGAIN, answer(self, &m));
}

/* Discarding ends it as well. */
TEST_F(reply, discarding_for_a_lost_caller)
{
	struct message m;
	__u64 id = cancelled_call(self);

	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_OK(discard(self->fd, id));
	EXPECT_ERR(ENOMSG, discard(self->fd, id));
	EXPECT_EQ(0, actor_info(self->fd).held);
}

/* Without its caller the body cannot be read; who it was can still be asked. */
TEST_F(reply, nothing_to_read_from_a_lost_caller)
{
	__u64 id = cancelled_call(self);
	struct caps_get_header g = { .id = id };
	char byte;

	EXPECT_ERR(ECANCELED, get_data(self->fd, id, 0, &byte, 1, NULL));
	EXPECT_OK(caps_ioctl(self->fd, CAPS_HEADER, &g));
	EXPECT_EQ(id, g.header.id);
	EXPECT_OK(discard(self->fd, id));
}

/* A server that has dealt with it before it reads the notice gets none. */
TEST_F(reply, notice_goes_with_its_message)
{
	struct message m;
	__u64 id = cancelled_call(self);

	EXPECT_TRUE(readable(self->fd));
	EXPECT_ERR(ECANCELED, reply_text(self->fd, id, 0, ""));
	EXPECT_FALSE(readable(self->fd));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* The notice comes even if the port the call came by is gone. */
TEST_F(reply, notice_survives_the_port)
{
	struct message m;
	__u64 id, call;

	ASSERT_OK(call_async(self->client, self->cap, 0, "", &call));
	ASSERT_OK(receive(self->fd, self->port, &m));
	id = m.header.id;
	ASSERT_OK(port_delete(self->fd, self->port));
	ASSERT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, call));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
}

/* --- answering and receiving in one -------------------------------------- */

static long reply_receive(FIXTURE_DATA(reply) * self, __u64 id, int status,
			  __u64 deadline, struct caps_reply_receive *both,
			  struct message *m)
{
	long ret;

	*both = (struct caps_reply_receive){
		.reply.id = id, .reply.status = status, .reply.outcome = 99,
		.receive = receive_of(m, self->port, deadline),
	};
	memset(m, 0, sizeof(*m));
	ret = caps_ioctl(self->fd, CAPS_REPLY_RECEIVE, both);
	m->header = both->receive.header;
	return ret;
}

TEST_F(reply, and_receive)
{
	__u64 id = held_call(self);
	struct caps_reply_receive both;
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "next"));
	ASSERT_OK(reply_receive(self, id, 6, grace(), &both, &m));
	EXPECT_EQ(0, both.reply.outcome);
	EXPECT_EQ(0, both.reply.id);
	EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
	EXPECT_STREQ("next", m.body);
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(6, m.header.status);
}

/* Without an id it only receives. */
TEST_F(reply, nobody_and_receive)
{
	struct caps_reply_receive both;
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "next"));
	ASSERT_OK(reply_receive(self, 0, 0, grace(), &both, &m));
	EXPECT_STREQ("next", m.body);
}

/* If the answer fails nothing is received. */
TEST_F(reply, failing_and_not_receiving)
{
	struct caps_reply_receive both;
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "next"));
	EXPECT_ERR(ENOMSG, reply_receive(self, 77, 0, grace(), &both, &m));
	EXPECT_EQ(-ENOMSG, both.reply.outcome);
	EXPECT_EQ(77, both.reply.id);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("next", m.body);
}

/* A caller that has gone is such a failure. */
TEST_F(reply, late_and_not_receiving)
{
	__u64 id = cancelled_call(self);
	struct caps_reply_receive both;
	struct message m;

	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(send_text(self->client, self->cap, "next"));
	EXPECT_ERR(ECANCELED, reply_receive(self, id, 0, grace(), &both, &m));
	EXPECT_EQ(-ECANCELED, both.reply.outcome);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("next", m.body);
}

/* If only the receiving fails, the answer has been given, and one can tell. */
TEST_F(reply, answering_and_nothing_there)
{
	__u64 id = held_call(self);
	struct caps_reply_receive both;
	struct message m;

	EXPECT_ERR(EAGAIN, reply_receive(self, id, 8, 0, &both, &m));
	EXPECT_EQ(0, both.reply.outcome);
	EXPECT_EQ(0, both.reply.id);
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(8, m.header.status);

	id = held_call(self);
	EXPECT_ERR(ETIMEDOUT, reply_receive(self, id, 9, in_ms(30), &both, &m));
	EXPECT_EQ(0, both.reply.outcome);
	EXPECT_EQ(0, both.reply.id);
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(9, m.header.status);
}

/* The caller need not wait for the server's next message. */
TEST_F(reply, answering_before_waiting)
{
	__u64 id = held_call(self);
	struct message m, next;
	struct caps_reply_receive both = {
		.reply.id = id,
		.receive = receive_of(&next, self->port, CAPS_FOREVER),
	};
	struct background b;

	background_start(&b, self->fd, CAPS_REPLY_RECEIVE, &both);
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	ASSERT_OK(send_text(self->client, self->cap, "next"));
	EXPECT_OK(background_join(&b));
}

/* Failing has no effect. */
TEST_F(reply, not_answering_what_cannot_be_told)
{
	struct caps_reply_receive *both = read_only(sizeof(*both));
	__u64 id = held_call(self);
	struct message m;

	ASSERT_EQ(0, mprotect(both, sizeof(*both), PROT_READ | PROT_WRITE));
	both->reply.id = id;
	both->receive.port = self->port;
	ASSERT_EQ(0, mprotect(both, sizeof(*both), PROT_READ));
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REPLY_RECEIVE, both));
	ASSERT_OK(reply_text(self->fd, id, 5, "now"));
	ASSERT_OK(answer(self, &m));
	EXPECT_EQ(5, m.header.status);
}

/* A mistake in the second half is found before the first is done. */
TEST_F(reply, refused_as_a_whole)
{
	struct message m;
	struct caps_reply_receive both = {
		.reply.id = held_call(self),
		.receive = receive_of(&m, self->port, 0),
	};

	both.receive.flags = 1u << 31;
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REPLY_RECEIVE, &both));
	EXPECT_OK(discard(self->fd, both.reply.id));
}

TEST_HARNESS_MAIN
