// SPDX-License-Identifier: GPL-2.0
/*
 * Calls: the way there and back, deadlines, and every way to fail, each with
 * what the caller is told about it.
 */
#include "caps_test.h"

FIXTURE(call)
{
	int fd;			/* the server */
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
	struct caps_call call;
	struct background b;	/* runs the call */
};

FIXTURE_SETUP(call)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new_limit(self->fd, 2);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	self->cap = cap_give(self->fd, self->port, self->client);
	self->call = call_of(self->cap, "question");
}

FIXTURE_TEARDOWN(call)
{
}

/* The call runs in another thread until it is ended. */
static void start(FIXTURE_DATA(call) * self)
{
	background_start(&self->b, self->client, CAPS_CALL, &self->call);
}

/* It has started, and its message is received. */
static __u64 started(FIXTURE_DATA(call) * self)
{
	struct message m;

	start(self);
	need(receive(self->fd, self->port, &m), "CAPS_RECEIVE");
	return m.header.id;
}

static bool queued(FIXTURE_DATA(call) * self)
{
	return eventually(port_info(self->fd, self->port).queued == 1);
}

TEST_F(call, there_and_back)
{
	char body[16] = "", annex[16] = "";
	struct message m;

	self->call.operation = 42;
	self->call.address = 0x123456789abcdef0;
	self->call.request.annex = (uintptr_t)"fixed";
	self->call.request.annex_len = 5;
	self->call.reply = data_of(body, sizeof(body));
	self->call.reply.annex = (uintptr_t)annex;
	self->call.reply.annex_len = sizeof(annex);
	start(self);
	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_EQ(42, m.header.operation);
	EXPECT_EQ(0x123456789abcdef0, m.header.address);
	EXPECT_STREQ("question", m.body);
	EXPECT_EQ(5, m.header.annex_len);
	EXPECT_EQ(0, memcmp("fixed", m.annex, 6));

	struct caps_reply r = {
		.id = m.header.id, .status = -7, .data = data_of("answer", 6),
	};

	r.data.annex = (uintptr_t)"ax";
	r.data.annex_len = 2;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REPLY, &r));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(-7, self->call.status);
	EXPECT_EQ(6, self->call.reply_body_len);
	EXPECT_EQ(2, self->call.reply_annex_len);
	EXPECT_EQ(0, self->call.result & CAPS_RESULT_TRUNCATED);
	EXPECT_STREQ("answer", body);
	EXPECT_STREQ("ax", annex);
}

/* Nothing there, nothing back. */
TEST_F(call, empty)
{
	struct message m;

	self->call.request = (struct caps_data){ 0 };
	start(self);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, m.header.body_len);
	ASSERT_OK(reply_text(self->fd, m.header.id, 0, ""));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(0, self->call.status);
	EXPECT_EQ(0, self->call.reply_body_len);
	EXPECT_EQ(0, self->call.reply_annex_len);
}

/* The status is the server's word and no error of the kernel's. */
TEST_F(call, any_status)
{
	const int words[] = { 0, 1, -1, -EPIPE, -ECONNRESET, INT32_MIN,
			      INT32_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		__u64 id = started(self);

		ASSERT_OK(reply_text(self->fd, id, words[i], ""));
		EXPECT_OK(background_join(&self->b));
		EXPECT_EQ(words[i], self->call.status);
	}
}

/* An answer larger than its place is cut; not a byte more is written. */
TEST_F(call, answer_is_cut)
{
	char body[8] = "#######", annex[8] = "#######";
	struct caps_reply r = { .data = data_of("longanswer", 10) };

	self->call.reply = data_of(body, 4);
	self->call.reply.annex = (uintptr_t)annex;
	self->call.reply.annex_len = 2;
	r.id = started(self);
	r.data.annex = (uintptr_t)"annex";
	r.data.annex_len = 5;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REPLY, &r));
	ASSERT_OK(background_join(&self->b));
	EXPECT_TRUE(self->call.result & CAPS_RESULT_TRUNCATED);
	EXPECT_EQ(10, self->call.reply_body_len);
	EXPECT_EQ(5, self->call.reply_annex_len);
	EXPECT_STREQ("long###", body);
	EXPECT_STREQ("an#####", annex);
}

/* An answer smaller than its place leaves the rest as it was. */
TEST_F(call, answer_is_short)
{
	char body[8] = "#######";

	self->call.reply = data_of(body, 7);
	ASSERT_OK(reply_text(self->fd, started(self), 0, "abc"));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(3, self->call.reply_body_len);
	EXPECT_EQ(0, self->call.result & CAPS_RESULT_TRUNCATED);
	EXPECT_STREQ("abc####", body);
}

/* An answer can be scattered, as a question can be gathered. */
TEST_F(call, in_pieces)
{
	char out[16] = "", first[4] = "###", second[4] = "###";
	struct caps_iovec question[3] = {
		{ (uintptr_t)"ab", 2 }, { (uintptr_t)"", 0 },
		{ (uintptr_t)"cde", 3 },
	};
	struct caps_iovec answer[2] = {
		{ (uintptr_t)first, 3 }, { (uintptr_t)second, 2 },
	};
	struct message m;

	self->call.request = (struct caps_data){
		.body = (uintptr_t)question, .iov_count = 3,
	};
	self->call.reply = (struct caps_data){
		.body = (uintptr_t)answer, .iov_count = 2,
	};
	start(self);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(5, m.header.body_len);
	EXPECT_STREQ("abcde", m.body);
	ASSERT_OK(reply_text(self->fd, m.header.id, 0, "VWXYZ"));
	ASSERT_OK(background_join(&self->b));
	snprintf(out, sizeof(out), "%s%s", first, second);
	EXPECT_STREQ("VWXYZ#", out);
}

/* A pinned reply buffer gets the same answer as any other. */
TEST_F(call, direct_reply)
{
	const size_t len = 3 * query(self->fd).copy_break + 5;
	char *answer = malloc(len), *buffer = guarded(len);
	size_t i;
	__u64 id;

	ASSERT_NE(NULL, answer);
	for (i = 0; i < len; i++)
		answer[i] = i * 7;
	self->call.flags = CAPS_DIRECT_REPLY;
	self->call.reply = data_of(buffer, len);
	id = started(self);
	ASSERT_OK(reply_data(self->fd, id, 1, answer, len));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(1, self->call.status);
	EXPECT_EQ(len, self->call.reply_body_len);
	EXPECT_EQ(0, self->call.result & CAPS_RESULT_TRUNCATED);
	EXPECT_EQ(0, memcmp(answer, buffer, len));
}

/* A call without any time is a mistake, not a poll. */
TEST_F(call, deadline_zero)
{
	self->call.deadline = 0;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CALL, &self->call));
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

TEST_F(call, past_deadline)
{
	self->call.deadline = 1;
	self->call.result = ~0u;
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL, &self->call));
	EXPECT_EQ(0, self->call.result);
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

/* Not taken in time: the call was never there. */
TEST_F(call, times_out_before_it_is_taken)
{
	struct message m;

	self->call.deadline = in_ms(30);
	self->call.result = ~0u;
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL, &self->call));
	EXPECT_LE(self->call.deadline, now_ns());
	EXPECT_EQ(0, self->call.result);
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* Taken and not answered in time: the server is told, its answer is late. */
TEST_F(call, times_out_after_it_was_taken)
{
	struct message m;
	__u64 id;

	self->call.deadline = in_ms(2000);
	id = started(self);
	EXPECT_ERR(ETIMEDOUT, background_join(&self->b));
	EXPECT_LE(self->call.deadline, now_ns());
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);

	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_ERR(ECANCELED, reply_text(self->fd, id, 0, "late"));
	EXPECT_ERR(ENOMSG, reply_text(self->fd, id, 0, "later"));
}

/* No room, and no wish to wait for it. */
TEST_F(call, nowait_queue)
{
	struct message m;
	__u64 id;

	self->call.flags = CAPS_NOWAIT_QUEUE;
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	self->call.result = ~0u;
	EXPECT_ERR(EAGAIN, caps_ioctl(self->client, CAPS_CALL, &self->call));
	EXPECT_EQ(0, self->call.result);
	ASSERT_OK(receive(self->fd, self->port, &m));

	/* With room it is a call like any other. */
	id = started(self);
	ASSERT_OK(reply_text(self->fd, id, 0, ""));
	EXPECT_OK(background_join(&self->b));
}

/* Without the flag a call waits for room, and then for its answer. */
TEST_F(call, waits_for_room)
{
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "full"));
	start(self);
	ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting == 1));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("full", m.body);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("question", m.body);
	ASSERT_OK(reply_text(self->fd, m.header.id, 9, ""));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(9, self->call.status);
}

TEST_F(call, times_out_waiting_for_room)
{
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	self->call.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL, &self->call));
	EXPECT_LE(self->call.deadline, now_ns());
	EXPECT_EQ(0, self->call.result);
	EXPECT_EQ(1, port_info(self->fd, self->port).queued);
	EXPECT_EQ(0, port_info(self->fd, self->port).waiting);
}

/* EPIPE: the server never saw it. */
TEST_F(call, port_deleted_before_it_is_taken)
{
	start(self);
	ASSERT_TRUE(queued(self));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, background_join(&self->b));
	EXPECT_EQ(0, self->call.result);
}

TEST_F(call, server_closed_before_it_is_taken)
{
	start(self);
	ASSERT_TRUE(queued(self));
	close(self->fd);
	EXPECT_ERR(EPIPE, background_join(&self->b));
	EXPECT_EQ(0, self->call.result);
}

TEST_F(call, port_deleted_while_waiting_for_room)
{
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	start(self);
	ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting == 1));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, background_join(&self->b));
	EXPECT_EQ(0, self->call.result);
}

/* ECONNRESET: it had seen it. */
TEST_F(call, server_discards)
{
	ASSERT_OK(discard(self->fd, started(self)));
	EXPECT_ERR(ECONNRESET, background_join(&self->b));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
}

TEST_F(call, server_closed_after_it_was_taken)
{
	started(self);
	close(self->fd);
	EXPECT_ERR(ECONNRESET, background_join(&self->b));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
}

/* The answer came and has no place: it is lost, and the caller knows. */
TEST_F(call, answer_cannot_be_written)
{
	self->call.reply = data_of(read_only(16), 16);
	ASSERT_OK(reply_text(self->fd, started(self), 0, "answer"));
	EXPECT_ERR(EFAULT, background_join(&self->b));
	EXPECT_TRUE(self->call.result & CAPS_RESULT_ANSWERED);

	self->call.reply = (struct caps_data){
		.annex = NOWHERE, .annex_len = 8,
	};
	struct caps_reply r = { .id = started(self) };

	r.data.annex = (uintptr_t)"annex";
	r.data.annex_len = 5;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REPLY, &r));
	EXPECT_ERR(EFAULT, background_join(&self->b));
	EXPECT_TRUE(self->call.result & CAPS_RESULT_ANSWERED);
}

/* The same with the reply buffer pinned, as far as it could be. */
TEST_F(call, direct_answer_cannot_be_written)
{
	const size_t len = 4 * query(self->fd).copy_break;
	char *answer = calloc(1, len);

	self->call.flags = CAPS_DIRECT_REPLY;
	self->call.reply = data_of(read_only(len), len);
	ASSERT_OK(reply_data(self->fd, started(self), 0, answer, len));
	EXPECT_ERR(EFAULT, background_join(&self->b));
	EXPECT_TRUE(self->call.result & CAPS_RESULT_ANSWERED);
}

/* Calls made at the same time each get their own answer. */
TEST_F(call, answers_find_their_callers)
{
	enum { COUNT = 8 };
	struct background b[COUNT];
	struct caps_call calls[COUNT];
	struct message m[COUNT];
	unsigned int i;

	self->port = port_new(self->fd);
	self->cap = cap_give(self->fd, self->port, self->client);
	for (i = 0; i < COUNT; i++) {
		calls[i] = call_of(self->cap, "");
		calls[i].address = i;
		background_start(&b[i], self->client, CAPS_CALL, &calls[i]);
	}
	for (i = 0; i < COUNT; i++)
		ASSERT_OK(receive(self->fd, self->port, &m[i]));
	for (i = COUNT; i-- > 0;)
		ASSERT_OK(reply_text(self->fd, m[i].header.id,
				     100 + m[i].header.address, ""));
	for (i = 0; i < COUNT; i++) {
		EXPECT_OK(background_join(&b[i]));
		EXPECT_EQ(100 + (int)i, calls[i].status);
	}
}

/* While a server serves it can call, even back to its client. */
TEST_F(call, calls_nest)
{
	__u64 back = port_new(self->client);
	__u64 cap = cap_give(self->client, back, self->fd);
	struct caps_call nested = call_of(cap, "and you?");
	struct background b;
	struct message m;
	__u64 id = started(self);

	background_start(&b, self->fd, CAPS_CALL, &nested);
	ASSERT_OK(receive(self->client, back, &m));
	ASSERT_OK(reply_text(self->client, m.header.id, 1, ""));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(1, nested.status);
	ASSERT_OK(reply_text(self->fd, id, 2, ""));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(2, self->call.status);
}

/* Between processes, again and again. */
TEST_F(call, many_times)
{
	const unsigned int rounds = test_scale(2000);
	struct child server;
	char body[16], text[16];
	unsigned int i;

	self->cap = echo_server(&server, self->client);
	for (i = 0; i < rounds; i++) {
		snprintf(text, sizeof(text), "%u", i);
		memset(body, 0, sizeof(body));
		self->call = call_of(self->cap, text);
		self->call.operation = i % CAPS_OPERATIONS;
		self->call.reply = data_of(body, sizeof(body));
		ASSERT_OK(caps_ioctl(self->client, CAPS_CALL, &self->call));
		ASSERT_EQ((int)(i % CAPS_OPERATIONS), self->call.status);
		ASSERT_STREQ(text, body);
	}
	child_kill(&server);
	EXPECT_ERR(EPIPE, caps_ioctl(self->client, CAPS_CALL, &self->call));
}

TEST_HARNESS_MAIN
