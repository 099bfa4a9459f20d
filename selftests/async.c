// SPDX-License-Identifier: GPL-2.0
/*
 * Calls whose answers come as messages: exactly one for each, or none if
 * aborted.
 */
#include "caps_test.h"

FIXTURE(async)
{
	int fd;			/* the server */
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
	__u64 source;		/* where it is answered */
};

FIXTURE_SETUP(async)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new(self->fd);
	self->cap = cap_give(self->fd, self->port, self->client);
	self->source = port_new(self->client);
}

FIXTURE_TEARDOWN(async)
{
}

static __u64 ask(FIXTURE_DATA(async) * self)
{
	__u64 id;

	need(call_async(self->client, self->cap, self->source, "question", &id),
	     "CAPS_CALL_ASYNC");
	return id;
}

/* The server's name for the call it takes. */
static __u64 take(FIXTURE_DATA(async) * self)
{
	struct message m;

	need(receive(self->fd, self->port, &m), "CAPS_RECEIVE");
	return m.header.id;
}

static bool nothing_more(FIXTURE_DATA(async) * self)
{
	struct message m;

	return receive_now(self->client, self->source, &m) == -EAGAIN &&
	       receive_now(self->client, CAPS_DEFAULT_PORT, &m) == -EAGAIN &&
	       actor_info(self->client).pending == 0;
}

TEST_F(async, answered_at_the_source)
{
	struct message m;
	__u64 id = ask(self);

	ASSERT_NE(0, id);
	EXPECT_EQ(1, actor_info(self->client).pending);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_STREQ("question", m.body);
	ASSERT_OK(reply_text(self->fd, m.header.id, -3, "answer"));

	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(-3, m.header.status);
	EXPECT_EQ(0, m.header.error);
	EXPECT_EQ(0, m.header.flags);
	EXPECT_STREQ("answer", m.body);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_TRUE(nothing_more(self));
}

/* Without a source, at the default port. */
TEST_F(async, answered_at_the_default_port)
{
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(reply_text(self->fd, take(self), 0, ""));
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_TRUE(nothing_more(self));
}

/* The answer carries the cookie of the port it comes by. */
TEST_F(async, answers_carry_the_cookie)
{
	struct message m;
	__u64 id;

	ASSERT_OK(port_create(self->client, 55, 0, &self->source));
	id = ask(self);
	ASSERT_OK(reply_text(self->fd, take(self), 0, ""));
	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(55, m.header.cookie);
}

/* Many at once, answered in another order; each answer has its own id. */
TEST_F(async, many_outstanding)
{
	enum { COUNT = 100 };
	__u64 ids[COUNT], taken[COUNT];
	struct message m;
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		ids[i] = ask(self);
		taken[i] = take(self);
	}
	EXPECT_EQ(COUNT, actor_info(self->client).pending);
	for (i = 0; i < COUNT; i++)
		ASSERT_OK(reply_text(self->fd, taken[i * 37 % COUNT],
				     i * 37 % COUNT, ""));
	for (i = 0; i < COUNT; i++) {
		ASSERT_OK(receive(self->client, self->source, &m));
		ASSERT_EQ(ids[i * 37 % COUNT], m.header.id);
		ASSERT_EQ((int)(i * 37 % COUNT), m.header.status);
	}
	EXPECT_TRUE(nothing_more(self));
}

/* Ids are distinct, and none is used again. */
TEST_F(async, ids_are_not_reused)
{
	__u64 first = ask(self), id;
	struct message m;
	unsigned int i;

	ASSERT_OK(reply_text(self->fd, take(self), 0, ""));
	ASSERT_OK(receive(self->client, self->source, &m));
	for (i = 0; i < test_scale(300); i++) {
		id = ask(self);
		ASSERT_NE(first, id);
		ASSERT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, first));
		ASSERT_OK(reply_text(self->fd, take(self), 0, ""));
		ASSERT_OK(receive(self->client, self->source, &m));
		ASSERT_EQ(id, m.header.id);
	}
}

/* Answers need no room: a source whose queue is full still gets them. */
TEST_F(async, a_full_source_is_answered)
{
	struct message m;
	__u64 id;

	self->source = port_new_limit(self->client, 1);
	ASSERT_OK(send_text(self->client, self->source, "full"));
	ASSERT_ERR(EAGAIN, send_text(self->client, self->source, "x"));
	id = ask(self);
	ASSERT_OK(reply_text(self->fd, take(self), 0, ""));
	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(id, m.header.id);
}

/* A source that is deleted meanwhile: the default port has the answer. */
TEST_F(async, source_deleted_meanwhile)
{
	struct message m;
	__u64 id = ask(self);

	ASSERT_OK(port_delete(self->client, self->source));
	ASSERT_OK(reply_text(self->fd, take(self), 2, ""));
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(2, m.header.status);
}

/* Also when the answer stood in its queue already. */
TEST_F(async, source_deleted_with_the_answer)
{
	struct message m;
	__u64 id = ask(self);

	ASSERT_OK(reply_text(self->fd, take(self), 2, ""));
	ASSERT_OK(port_delete(self->client, self->source));
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(2, m.header.status);
}

/* An answer that does not fit is held, under the call's id, until it ends. */
TEST_F(async, answer_too_large)
{
	char body[8] = "#######";
	struct caps_receive r = {
		.port = self->source, .deadline = grace(),
		.buffer = data_of(body, 4),
	};
	__u64 id = ask(self);

	ASSERT_OK(reply_text(self->fd, take(self), 0, "answer"));
	ASSERT_OK(caps_ioctl(self->client, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_KIND_REPLY, r.header.kind);
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED, r.header.flags);
	EXPECT_EQ(6, r.header.body_len);
	EXPECT_EQ(id, r.header.id);
	EXPECT_STREQ("answ###", body);
	ASSERT_OK(get_data(self->client, id, 4, body, 2, NULL));
	EXPECT_STREQ("ersw###", body);
	EXPECT_ERR(EINVAL, reply_text(self->client, id, 0, ""));
	EXPECT_EQ(1, actor_info(self->client).held);
	ASSERT_OK(discard(self->client, id));
	EXPECT_ERR(ENOMSG, discard(self->client, id));
	EXPECT_EQ(0, actor_info(self->client).held);
	EXPECT_TRUE(nothing_more(self));
}

/* And so is one that is to be held. */
TEST_F(async, answer_held)
{
	struct message m;
	char body[8] = "";
	__u64 id = ask(self);

	ASSERT_OK(reply_text(self->fd, take(self), 0, "answer"));
	ASSERT_OK(receive_until(self->client, self->source, CAPS_HOLD, grace(),
				&m));
	EXPECT_EQ(CAPS_HEADER_HELD, m.header.flags);
	EXPECT_EQ(id, m.header.id);
	ASSERT_OK(get_data(self->client, id, 0, body, 6, NULL));
	EXPECT_STREQ("answer", body);
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, id));
	EXPECT_OK(discard(self->client, id));
	EXPECT_TRUE(nothing_more(self));
}

/* --- no answer ----------------------------------------------------------- */

static void expect_error(struct __test_metadata *_metadata,
			 FIXTURE_DATA(async) * self, __u64 id, int error)
{
	struct message m;

	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(error, m.header.error);
	EXPECT_EQ(0, m.header.status);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_TRUE(nothing_more(self));
}

TEST_F(async, server_discards)
{
	__u64 id = ask(self);

	ASSERT_OK(discard(self->fd, take(self)));
	expect_error(_metadata, self, id, ECONNRESET);
}

TEST_F(async, server_closed_after_it_was_taken)
{
	__u64 id = ask(self);

	take(self);
	close(self->fd);
	expect_error(_metadata, self, id, ECONNRESET);
}

TEST_F(async, server_closed_before_it_was_taken)
{
	__u64 id = ask(self);

	close(self->fd);
	expect_error(_metadata, self, id, EPIPE);
}

TEST_F(async, port_deleted_before_it_was_taken)
{
	__u64 id = ask(self);

	ASSERT_OK(port_delete(self->fd, self->port));
	expect_error(_metadata, self, id, EPIPE);
}

/* A refused call has no answer to come. */
TEST_F(async, refused)
{
	__u64 id;

	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, call_async(self->client, self->cap, self->source, "",
				     &id));
	EXPECT_TRUE(nothing_more(self));
}

/* A full queue likewise, at once or at the deadline. */
TEST_F(async, no_room)
{
	__u64 full = port_new_limit(self->fd, 1), id;
	struct caps_send s = { .source = self->source };
	struct message m;

	s.capability = cap_give(self->fd, full, self->client);
	ASSERT_OK(send_text(self->client, s.capability, "full"));
	EXPECT_ERR(EAGAIN, call_async(self->client, s.capability, self->source,
				      "", &id));
	s.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL_ASYNC, &s));
	EXPECT_LE(s.deadline, now_ns());
	EXPECT_TRUE(nothing_more(self));
	ASSERT_OK(receive_now(self->fd, full, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, full, &m));
}

/* Having waited for room it is a call like any other. */
TEST_F(async, waits_for_room)
{
	__u64 full = port_new_limit(self->fd, 1);
	struct caps_send s = { .source = self->source, .deadline = grace() };
	struct background b;
	struct message m;

	s.capability = cap_give(self->fd, full, self->client);
	ASSERT_OK(send_text(self->client, s.capability, "full"));
	background_start(&b, self->client, CAPS_CALL_ASYNC, &s);
	ASSERT_TRUE(eventually(port_info(self->fd, full).waiting == 1));
	ASSERT_OK(receive(self->fd, full, &m));
	ASSERT_OK(background_join(&b));
	ASSERT_OK(receive(self->fd, full, &m));
	ASSERT_OK(reply_text(self->fd, m.header.id, 5, ""));
	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(s.id, m.header.id);
	EXPECT_EQ(5, m.header.status);
}

/* --- aborting ------------------------------------------------------------ */

TEST_F(async, abort_before_the_server)
{
	__u64 id = ask(self);
	struct message m;

	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(self->client, id));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, id));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
	EXPECT_TRUE(nothing_more(self));
}

TEST_F(async, abort_at_the_server)
{
	__u64 id = ask(self), taken = take(self);
	struct message m;

	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(taken, m.header.id);
	EXPECT_ERR(ECANCELED, reply_text(self->fd, taken, 0, ""));
	EXPECT_TRUE(nothing_more(self));
}

/* The notice is counted, and the call's own header stays as it was. */
/* ... and comes before what was there already. */
TEST_F(async, abort_is_told_first)
{
	struct message first, second, m;
	__u64 one = ask(self), two = ask(self), three = ask(self);

	ASSERT_OK(receive(self->fd, self->port, &first));
	ASSERT_OK(receive(self->fd, self->port, &second));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, two));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, one));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(second.header.id, m.header.id);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(first.header.id, m.header.id);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_OK(discard(self->fd, first.header.id));
	EXPECT_OK(discard(self->fd, second.header.id));
	EXPECT_OK(discard(self->fd, m.header.id));
	EXPECT_EQ(CAPS_ABORT_ANSWERED, abort_call(self->client, three));
}

TEST_F(async, abort_leaves_the_header)
{
	struct caps_get_header g = { 0 };
	struct message call, notice;
	__u64 id = ask(self);

	ASSERT_OK(receive(self->fd, self->port, &call));
	EXPECT_EQ(1, call.header.sequence);
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	ASSERT_OK(receive(self->fd, self->port, &notice));
	EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
	EXPECT_EQ(2, notice.header.sequence);
	g.id = call.header.id;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_HEADER, &g));
	EXPECT_EQ(0, memcmp(&g.header, &call.header, sizeof(g.header)));
	EXPECT_OK(discard(self->fd, call.header.id));
}

/* Too late: the answer is there, and stays. */
TEST_F(async, abort_after_the_answer)
{
	__u64 id = ask(self);
	struct message m;

	ASSERT_OK(reply_text(self->fd, take(self), 1, ""));
	EXPECT_EQ(CAPS_ABORT_ANSWERED, abort_call(self->client, id));
	ASSERT_OK(receive(self->client, self->source, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(1, m.header.status);
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, id));
}

TEST_F(async, abort_of_what_is_not_known)
{
	__u64 id = ask(self);

	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, 0));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->client, ~0ull));
	/* The server's name for it, or the client's name at the server. */
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->fd, take(self)));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->fd, id));
}

/* Who calls himself has two ids for it: one to answer, one to abort. */
TEST_F(async, each_id_has_one_use)
{
	__u64 sent, taken;
	struct message m;
	char byte;

	ASSERT_OK(call_async(self->fd, self->port, 0, "question", &sent));
	taken = take(self);
	EXPECT_NE(sent, taken);
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->fd, taken));
	EXPECT_ERR(ENOMSG, discard(self->fd, sent));
	EXPECT_ERR(ENOMSG, reply_text(self->fd, sent, 0, ""));
	EXPECT_ERR(ENOMSG, get_data(self->fd, sent, 0, &byte, 1, NULL));
	EXPECT_OK(reply_text(self->fd, taken, 0, ""));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(sent, m.header.id);
}

/* Closing the client withdraws what the server has not taken. */
TEST_F(async, client_closed_before_it_was_taken)
{
	struct message m;

	ask(self);
	close(self->client);
	EXPECT_TRUE(eventually(!port_info(self->fd, self->port).queued));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
}

/* Of what it has taken the server is told. */
TEST_F(async, client_closed_after_it_was_taken)
{
	struct message m;
	__u64 taken;

	ask(self);
	taken = take(self);
	close(self->client);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(taken, m.header.id);
	EXPECT_ERR(ECANCELED, reply_text(self->fd, taken, 0, ""));
}

TEST_HARNESS_MAIN
