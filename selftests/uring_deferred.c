// SPDX-License-Identifier: GPL-2.0
/*
 * Sends, async calls and answers that complete when their deferred bodies are
 * free, pinned or in buffers that are registered with io_uring.
 */
#include "caps_group.h"
#include "caps_memory.h"
#include "caps_uring.h"

#define ENTRIES	8
#define LEN	(100u << 10)

/* What is sent by a ring. */
FIXTURE(deferred)
{
	struct before before;
	struct pair p;
	struct io_uring ring;
	struct caps_send s;
	char *body;
};

FIXTURE_VARIANT(deferred)
{
	bool fixed;
};

FIXTURE_VARIANT_ADD(deferred, pinned) { };
FIXTURE_VARIANT_ADD(deferred, fixed) { .fixed = true };

FIXTURE_SETUP(deferred)
{
	struct iovec all = { .iov_len = LEN };

	before_take(&self->before);
	self->p = pair_open();
	if (!can_park(self->p.client))
		SKIP(_exit(255), "this kernel cannot park");
	self->body = pages_filled(LEN, 0, 1);
	self->s = (struct caps_send){
		.capability = self->p.cap, .flags = CAPS_DEFER,
		.data = data_of(self->body, LEN),
	};
	all.iov_base = self->body;
	ring_open(&self->ring, ENTRIES, 0);
	need(io_uring_register_buffers(&self->ring, &all, 1), "registering");
}

FIXTURE_TEARDOWN(deferred)
{
	if (self->ring.sq.ring_ptr)
		io_uring_queue_exit(&self->ring);
	before_check(_metadata, &self->before);
}

#define START_DEFERRED_BY(fd, command, arg) do {			\
	ring_command(&self->ring, fd, command, arg,			\
		     CAPS_URING_PARK)->uring_cmd_flags =		\
		variant->fixed ? IORING_URING_CMD_FIXED : 0;		\
	ring_submit(&self->ring);					\
} while (0)

#define START_DEFERRED()						\
	START_DEFERRED_BY(self->p.client, CAPS_SEND, &self->s)

/* No message tells of it besides. */
static void no_dispose(struct __test_metadata *_metadata, struct pair *p)
{
	struct message m;

	EXPECT_ERR(EAGAIN, receive_now(p->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(p->client).pending);
}

TEST_F(deferred, completes_when_discarded)
{
	char *got = pages_map(LEN);
	__u64 id;

	START_DEFERRED();
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_FALSE(ring_has(&self->ring));
	self->body[LEN - 1] ^= 1;
	EXPECT_EQ(LEN, read_body(self->p.server, id, 0, got, LEN));
	EXPECT_EQ(0, memcmp(got, self->body, LEN));
	EXPECT_OK(discard(self->p.server, id));
	EXPECT_OK(ring_result(&self->ring, &self->s));
	EXPECT_EQ(0, self->s.result);
	no_dispose(_metadata, &self->p);
	EXPECT_EQ(!variant->fixed,
		  actor_info(self->p.client).pinned_bodies);
}

TEST_F(deferred, port_deleted)
{
	START_DEFERRED();
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_OK(ring_result(&self->ring, &self->s));
	no_dispose(_metadata, &self->p);
	START_DEFERRED();
	EXPECT_ERR(EPIPE, ring_result(&self->ring, &self->s));
}

/* It completes at once, and the receiver finds the body gone. */
TEST_F(deferred, given_up)
{
	char got[64];
	__u64 id;

	START_DEFERRED();
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_EQ(1, unpark(self->p.client, &self->s));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &self->s));
	EXPECT_ERR(ECANCELED, read_body(self->p.server, id, 0, got, 64));
	EXPECT_OK(discard(self->p.server, id));
	EXPECT_FALSE(ring_has(&self->ring));
}

/* Not received, it takes no room and is not there for who polls. */
TEST_F(deferred, given_up_while_queued)
{
	struct message m;

	START_DEFERRED();
	EXPECT_EQ(1, port_info(self->p.server, self->p.port).queued);
	EXPECT_EQ(1, unpark(self->p.client, &self->s));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &self->s));
	EXPECT_EQ(0, port_info(self->p.server, self->p.port).queued);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
}

/* Nor is any of those that a group was sent. */
TEST_F(deferred, given_up_by_a_group)
{
	int fd = self->p.client;
	__u64 group = group_new(fd), members[3];
	struct message m;
	unsigned int i;

	for (i = 0; i < 3; i++)
		members[i] = member_new(fd, group, 8);
	self->s.capability = group;
	START_DEFERRED();
	EXPECT_OK(receive_now(fd, members[0], &m));
	EXPECT_EQ(1, unpark(fd, &self->s));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &self->s));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, port_info(fd, members[i]).queued);
		EXPECT_ERR(EAGAIN, receive_now(fd, members[i], &m));
	}
}

TEST_F(deferred, ring_closed_first)
{
	char got[64];
	__u64 id;

	START_DEFERRED();
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_EQ(64, read_body(self->p.server, id, 0, got, 64));
	io_uring_queue_exit(&self->ring);
	self->ring.sq.ring_ptr = NULL;
	EXPECT_TRUE(eventually(read_body(self->p.server, id, 0, got, 64) ==
			       -ECANCELED));
	EXPECT_OK(discard(self->p.server, id));
}

TEST_F(deferred, completes_at_once)
{
	struct message m;

	/* What fits into the message is not deferred. */
	self->s.data = data_of(self->body, 10);
	START_DEFERRED();
	EXPECT_OK(ring_result(&self->ring, &self->s));
	EXPECT_EQ(CAPS_RESULT_COPIED, self->s.result);
	EXPECT_OK(receive_now(self->p.server, self->p.port, &m));
	/* Nor can it wait for two things. */
	self->s.data = data_of(self->body, LEN);
	self->s.deadline = grace();
	START_DEFERRED();
	EXPECT_ERR(EINVAL, ring_result(&self->ring, &self->s));
	no_dispose(_metadata, &self->p);
}

/* --- async calls and answers that do ---------------------------------------- */

TEST_F(deferred, async_call)
{
	char *got = pages_map(LEN);
	struct message m;
	__u64 id;

	START_DEFERRED_BY(self->p.client, CAPS_CALL_ASYNC, &self->s);
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_NE(0, self->s.id);
	EXPECT_FALSE(ring_has(&self->ring));
	self->body[LEN - 1] ^= 1;
	EXPECT_EQ(LEN, read_body(self->p.server, id, 0, got, LEN));
	EXPECT_EQ(0, memcmp(got, self->body, LEN));
	EXPECT_OK(reply_text(self->p.server, id, 7, ""));
	EXPECT_OK(ring_result(&self->ring, &self->s));
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(self->s.id, m.header.id);
	EXPECT_EQ(7, m.header.status);
	no_dispose(_metadata, &self->p);
	EXPECT_EQ(!variant->fixed,
		  actor_info(self->p.client).pinned_bodies);
}

/* Once it is taken it goes on without its body; before that it ends. */
TEST_F(deferred, async_call_given_up)
{
	struct message m;
	char got[64];
	__u64 id;

	START_DEFERRED_BY(self->p.client, CAPS_CALL_ASYNC, &self->s);
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_EQ(1, unpark(self->p.client, &self->s));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &self->s));
	EXPECT_ERR(ECANCELED, read_body(self->p.server, id, 0, got, 64));
	EXPECT_OK(reply_text(self->p.server, id, 7, ""));
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(self->s.id, m.header.id);
	EXPECT_EQ(7, m.header.status);

	START_DEFERRED_BY(self->p.client, CAPS_CALL_ASYNC, &self->s);
	EXPECT_EQ(1, unpark(self->p.client, &self->s));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &self->s));
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(self->s.id, m.header.id);
	EXPECT_EQ(ECANCELED, m.header.error);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
}

TEST_F(deferred, async_call_aborted)
{
	__u64 id;

	START_DEFERRED_BY(self->p.client, CAPS_CALL_ASYNC, &self->s);
	EXPECT_OK(take(&self->p, NULL, 0, &id));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER,
		  abort_call(self->p.client, self->s.id));
	EXPECT_OK(ring_result(&self->ring, &self->s));
	EXPECT_OK(discard(self->p.server, id));
}

/* A call that the server holds, and its answer with the body here. */
static struct caps_reply asked(struct __test_metadata *_metadata,
			       struct pair *p, char *body)
{
	struct caps_reply reply = {
		.data = data_of(body, LEN), .flags = CAPS_DEFER,
	};
	__u64 id;

	EXPECT_OK(call_async(p->client, p->cap, 0, "", &id));
	EXPECT_OK(take(p, NULL, 0, &reply.id));
	return reply;
}

TEST_F(deferred, answer_to_one_that_sleeps)
{
	char *got = pages_map(LEN);
	struct caps_call call = {
		.capability = self->p.cap, .deadline = grace(),
		.reply = data_of(got, LEN),
	};
	struct caps_reply reply = {
		.data = data_of(self->body, LEN), .flags = CAPS_DEFER,
	};
	struct background b;
	struct message m;

	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_OK(take(&self->p, NULL, 0, &reply.id));
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_OK(ring_result(&self->ring, &reply));
	EXPECT_EQ(0, reply.result);
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(0, memcmp(got, self->body, LEN));
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(!variant->fixed,
		  actor_info(self->p.server).pinned_bodies);
	/* Who has room for a direct one gets it at once. */
	call.flags = CAPS_DIRECT_REPLY;
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_OK(take(&self->p, NULL, 0, &reply.id));
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_OK(ring_result(&self->ring, &reply));
	EXPECT_EQ(CAPS_RESULT_COPIED, reply.result);
	EXPECT_OK(background_join(&b));
}

TEST_F(deferred, answer_that_is_read_later)
{
	struct caps_reply reply = asked(_metadata, &self->p, self->body);
	char *got = pages_map(LEN);
	struct caps_header header;
	struct message m;

	/* The receipt is another matter, and comes besides. */
	reply.flags |= CAPS_RECEIPT;
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(take_at(self->p.client, CAPS_DEFAULT_PORT, NULL, 0, &header));
	EXPECT_FALSE(ring_has(&self->ring));
	self->body[0] ^= 1;
	EXPECT_EQ(LEN, read_body(self->p.client, header.id, 0, got, LEN));
	EXPECT_EQ(0, memcmp(got, self->body, LEN));
	EXPECT_OK(discard(self->p.client, header.id));
	EXPECT_OK(ring_result(&self->ring, &reply));
	EXPECT_OK(receive(self->p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(reply.id, m.header.id);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, CAPS_DEFAULT_PORT, &m));
}

/* Who reads it then is told that the server has gone. */
TEST_F(deferred, answer_given_up)
{
	struct caps_reply reply = asked(_metadata, &self->p, self->body);
	char *got = pages_map(LEN);
	struct caps_header header;

	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_EQ(1, unpark(self->p.server, &reply));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &reply));
	EXPECT_OK(take_at(self->p.client, CAPS_DEFAULT_PORT, got, LEN,
			  &header));
	EXPECT_EQ(ECONNRESET, header.error);
	EXPECT_OK(discard(self->p.client, header.id));

	reply = asked(_metadata, &self->p, self->body);
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_OK(take_at(self->p.client, CAPS_DEFAULT_PORT, NULL, 0, &header));
	io_uring_queue_exit(&self->ring);
	self->ring.sq.ring_ptr = NULL;
	EXPECT_TRUE(eventually(read_body(self->p.client, header.id, 0, got,
					 64) == -ECANCELED));
	EXPECT_OK(discard(self->p.client, header.id));
}

/* It completes with the error, and the buffer is the server's. */
TEST_F(deferred, answer_that_fails)
{
	struct caps_reply reply = asked(_metadata, &self->p, self->body);
	__u64 id;

	EXPECT_OK(discard(self->p.server, reply.id));
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_ERR(ENOMSG, ring_result(&self->ring, &reply));
	EXPECT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	EXPECT_OK(take(&self->p, NULL, 0, &reply.id));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->p.client, id));
	START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &reply));
	EXPECT_EQ(0, live_count("parked"));
}

/* --- several ends ------------------------------------------------------------ */

/* Its end against that of its ring or its own, in any order. */
TEST_F(deferred, several_ends_at_once)
{
	unsigned int rounds = test_scale(300), i;
	struct background b;
	__u64 id;
	long ret;

	for (i = 0; i < rounds; i++) {
		struct caps_discard d = { 0 };

		START_DEFERRED();
		ASSERT_OK(take(&self->p, NULL, 0, &id));
		d.id = id;
		background_start(&b, self->p.server, CAPS_DISCARD, &d);
		ret = unpark(self->p.client, &self->s);
		EXPECT_TRUE(ret == 0 || ret == 1);
		EXPECT_OK(background_join(&b));
		ret = ring_result(&self->ring, &self->s);
		EXPECT_TRUE(ret == 0 || ret == -ECANCELED);
	}
	EXPECT_EQ(0, live_count("parked"));
	EXPECT_EQ(0, live_count("bodies"));
}

/* An answer that is given up while it is read. */
TEST_F(deferred, several_ends_of_an_answer)
{
	unsigned int rounds = test_scale(300), i;
	char *got = pages_map(LEN);
	struct background b;
	long ret;

	for (i = 0; i < rounds; i++) {
		struct caps_reply reply = asked(_metadata, &self->p,
						self->body);
		struct caps_receive r = {
			.port = CAPS_DEFAULT_PORT, .deadline = grace(),
			.buffer = data_of(got, LEN),
		};

		START_DEFERRED_BY(self->p.server, CAPS_REPLY, &reply);
		background_start(&b, self->p.client, CAPS_RECEIVE, &r);
		ret = unpark(self->p.server, &reply);
		EXPECT_TRUE(ret == 0 || ret == 1);
		EXPECT_OK(background_join(&b));
		ret = ring_result(&self->ring, &reply);
		EXPECT_TRUE(ret == (r.header.error ? -ECANCELED : 0) ||
			    (ret == -ECANCELED && !r.header.error));
	}
	EXPECT_EQ(0, live_count("parked"));
	EXPECT_EQ(0, live_count("bodies"));
}

TEST_HARNESS_MAIN
