// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies in buffers that are registered with io_uring; deferred ones are in
 * uring_deferred.c.
 */
#include "caps_memory.h"
#include "caps_uring.h"

#define ENTRIES	8
#define LEN	(100u << 10)
#define SKEW	200u		/* of the body in the buffer */

/* A ring with a buffer, and what it sends to. */
FIXTURE(fixed)
{
	struct before before;
	struct pair p;
	struct io_uring ring;
	char *buffer;
	char *body;		/* in it */
	char *got;		/* elsewhere, as large */
};

FIXTURE_SETUP(fixed)
{
	struct iovec all = { .iov_len = 2 * LEN };

	before_take(&self->before);
	self->p = pair_open();
	self->buffer = pages_filled(2 * LEN, 0, 1);
	self->body = self->buffer + SKEW;
	self->got = pages_map(LEN);
	all.iov_base = self->buffer;
	ring_open(&self->ring, ENTRIES, 0);
	need(io_uring_register_buffers(&self->ring, &all, 1), "registering");
}

FIXTURE_TEARDOWN(fixed)
{
	if (self->ring.sq.ring_ptr)
		io_uring_queue_exit(&self->ring);
	before_check(_metadata, &self->before);
}

static void start_fixed(struct io_uring *ring, int fd, unsigned int command,
			void *arg, __u32 flags)
{
	ring_command(ring, fd, command, arg, flags)->uring_cmd_flags =
		IORING_URING_CMD_FIXED;
	ring_submit(ring);
}

#define START_FIXED(fd, command, arg, flags)				\
	start_fixed(&self->ring, fd, command, arg, flags)

#define DO_FIXED(fd, command, arg, flags) ({				\
	START_FIXED(fd, command, arg, flags);				\
	ring_result(&self->ring, arg);					\
})

/* Nothing was pinned or copied on the way. */
#define EXPECT_NO_PINS() do {						\
	EXPECT_EQ(0, actor_info(self->p.client).pinned_bodies);		\
	EXPECT_EQ(0, actor_info(self->p.client).sent_copies);		\
} while (0)

/* --- calls ---------------------------------------------------------------- */

/* What the server reads is the buffer itself, and that is where it answers. */
static void call_through(struct __test_metadata *_metadata, struct pair *p,
			 struct io_uring *ring, char *body, char *got,
			 __u32 flags)
{
	struct caps_call call = {
		.capability = p->cap, .deadline = CAPS_FOREVER,
		.flags = CAPS_DIRECT_REPLY,
		.request = data_of(body, LEN),
		.reply = data_of(body + LEN - SKEW, LEN),
	};
	__u64 id;

	start_fixed(ring, p->client, CAPS_CALL, &call, flags);
	EXPECT_OK(take(p, NULL, 0, &id));
	body[LEN - 1] ^= 1;
	EXPECT_EQ(LEN, read_body(p->server, id, 0, got, LEN));
	EXPECT_EQ(0, memcmp(got, body, LEN));
	pattern_fill(got, LEN, 7);
	EXPECT_OK(reply_data(p->server, id, 0, got, LEN));
	EXPECT_OK(ring_result(ring, &call));
	EXPECT_EQ(LEN, call.reply_body_len);
	EXPECT_EQ(0, call.result);
	EXPECT_EQ(0, memcmp(got, body + LEN - SKEW, LEN));
}

TEST_F(fixed, call)
{
	call_through(_metadata, &self->p, &self->ring, self->body, self->got,
		     0);
	EXPECT_NO_PINS();
}

TEST_F(fixed, call_that_is_parked)
{
	if (!can_park(self->p.client)) {
		/* At once; the ring's end, in the background, is another's. */
		need(io_uring_unregister_buffers(&self->ring), "unregistering");
		SKIP(_exit(255), "this kernel cannot park");
	}
	call_through(_metadata, &self->p, &self->ring, self->body, self->got,
		     CAPS_URING_PARK);
	EXPECT_NO_PINS();
}

/* The buffer is the program's again once the call has ended. */
TEST_F(fixed, call_that_ends_early)
{
	struct caps_call call = {
		.capability = self->p.cap, .deadline = in_ms(2000),
		.request = data_of(self->body, LEN),
	};
	__u64 id;

	START_FIXED(self->p.client, CAPS_CALL, &call, 0);
	EXPECT_OK(take(&self->p, self->got, 100, &id));
	EXPECT_ERR(ETIMEDOUT, ring_result(&self->ring, &call));
	EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
	EXPECT_ERR(ECANCELED, read_body(self->p.server, id, 0, self->got, LEN));
	EXPECT_OK(io_uring_unregister_buffers(&self->ring));
}

/* --- sinks ------------------------------------------------------------------ */

TEST_F(fixed, receive_and_get_data)
{
	struct caps_receive r = {
		.port = self->p.port, .flags = CAPS_HOLD,
		.buffer = data_of(self->body, 1000),
	};
	struct caps_send s = {
		.capability = self->p.cap, .data = data_of(self->got, LEN),
	};
	struct caps_get_data more = {
		.buffer = data_of(self->body, LEN),
	};

	pattern_fill(self->got, LEN, 3);
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_SEND, &s));
	EXPECT_OK(DO_FIXED(self->p.server, CAPS_RECEIVE, &r, 0));
	EXPECT_EQ(0, memcmp(self->got, self->body, 1000));
	more.id = r.header.id;
	EXPECT_OK(DO_FIXED(self->p.server, CAPS_GET_DATA, &more, 0));
	EXPECT_EQ(LEN, more.copied);
	EXPECT_EQ(0, memcmp(self->got, self->body, LEN));
	EXPECT_EQ(0, actor_info(self->p.server).pinned_bodies);
}

/* --- what is copied in any case ---------------------------------------------- */

/* An answer and the message after it may be in one and the same buffer. */
TEST_F(fixed, calls_and_answers)
{
	struct caps_send s = {
		.capability = self->p.cap, .data = data_of(self->body, LEN),
	};
	struct caps_reply_receive rr = {
		.reply.data = data_of(self->body, LEN),
		.receive = {
			.port = self->p.port, .deadline = grace(),
			.buffer = data_of(self->body, LEN),
		},
	};
	struct caps_header header;
	struct caps_reply reply = { .data = rr.reply.data };
	__u64 id = 0;

	EXPECT_OK(DO_FIXED(self->p.client, CAPS_CALL_ASYNC, &s, 0));
	EXPECT_OK(take(&self->p, self->got, LEN, &rr.reply.id));
	EXPECT_EQ(0, memcmp(self->got, self->body, LEN));
	pattern_fill(self->body, LEN, 5);
	START_FIXED(self->p.server, CAPS_REPLY_RECEIVE, &rr, 0);
	EXPECT_OK(take_at(self->p.client, CAPS_DEFAULT_PORT, self->got, LEN,
			  &header));
	EXPECT_EQ(s.id, header.id);
	EXPECT_PATTERN(self->got, LEN, 5);
	EXPECT_OK(discard(self->p.client, header.id));

	pattern_fill(self->got, LEN, 6);
	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	EXPECT_OK(ring_result(&self->ring, &rr));
	s.data = data_of(self->got, LEN);
	EXPECT_OK(caps_ioctl(self->p.client, CAPS_SEND, &s));
	rr.reply.id = rr.receive.header.id;
	EXPECT_OK(DO_FIXED(self->p.server, CAPS_REPLY_RECEIVE, &rr, 0));
	EXPECT_PATTERN(self->body, LEN, 6);

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	EXPECT_OK(take(&self->p, NULL, 0, &reply.id));
	EXPECT_OK(DO_FIXED(self->p.server, CAPS_REPLY, &reply, 0));
	EXPECT_EQ(0, actor_info(self->p.client).pinned_bodies);
	EXPECT_EQ(0, actor_info(self->p.server).pinned_bodies);
}

TEST_F(fixed, receive_batch)
{
	struct caps_receive entry[2] = {
		{ .buffer = data_of(self->body, LEN / 2) },
		{ .buffer = data_of(self->body + LEN / 2, LEN / 2) },
	};
	struct caps_receive_batch batch = {
		.port = self->p.port, .entries = (uintptr_t)entry, .count = 2,
	};
	struct caps_send s = {
		.capability = self->p.cap, .data = data_of(self->got, LEN / 2),
	};

	pattern_fill(self->got, LEN / 2, 8);
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_SEND, &s));
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_SEND, &s));
	EXPECT_OK(DO_FIXED(self->p.server, CAPS_RECEIVE_BATCH, &batch, 0));
	EXPECT_EQ(2, batch.received);
	EXPECT_PATTERN(self->body, LEN / 2, 8);
	EXPECT_PATTERN(self->body + LEN / 2, LEN / 2, 8);
	EXPECT_EQ(0, actor_info(self->p.server).pinned_bodies);
}

/* --- refused ---------------------------------------------------------------- */

TEST_F(fixed, refused)
{
	struct caps_iovec piece = {
		.base = (uintptr_t)self->body, .len = LEN,
	};
	struct caps_call call = {
		.capability = self->p.cap, .deadline = grace(),
		.request = data_of(self->got, LEN),
	};
	struct caps_send s = {
		.capability = self->p.cap, .flags = CAPS_DEFER,
		.data = data_of(self->body, LEN),
	};
	struct caps_query q = { 0 };
	struct message m;

	/* Not in the buffer, or not all of it. */
	EXPECT_ERR(EFAULT, DO_FIXED(self->p.client, CAPS_CALL, &call, 0));
	call.request = data_of(self->buffer + LEN + SKEW, LEN);
	EXPECT_ERR(EFAULT, DO_FIXED(self->p.client, CAPS_CALL, &call, 0));
	call.request = (struct caps_data){
		.body = (uintptr_t)&piece, .iov_count = 1,
	};
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.client, CAPS_CALL, &call, 0));
	/* The command would complete before the buffer is free. */
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.client, CAPS_SEND, &s, 0));
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.client, CAPS_CALL_ASYNC, &s, 0));
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.client, CAPS_QUERY, &q, 0));
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
}

/* Nothing has happened then: the call can be answered still. */
TEST_F(fixed, deferred_answers_that_are_refused)
{
	__u32 mark = can_park(self->p.server) ? CAPS_URING_PARK : 0;
	struct caps_reply_receive rr = {
		.reply = {
			.data = data_of(self->body, LEN), .flags = CAPS_DEFER,
		},
		.receive.port = self->p.port,
	};
	__u64 id;

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(take(&self->p, NULL, 0, &rr.reply.id));
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.server, CAPS_REPLY, &rr.reply, 0));
	/* It completes when something comes, not when its answer is read. */
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.server, CAPS_REPLY_RECEIVE, &rr,
				    mark));
	EXPECT_OK(reply_text(self->p.server, rr.reply.id, 0, ""));
	EXPECT_EQ(0, actor_info(self->p.server).pinned_bodies);
}

/* Without the mark it completes when it has gone, and DISPOSE tells the rest. */
TEST_F(fixed, deferred_answer_that_is_not_parked)
{
	struct caps_reply reply = {
		.data = data_of(self->body, LEN), .flags = CAPS_DEFER,
	};
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(take(&self->p, NULL, 0, &reply.id));
	ring_command(&self->ring, self->p.server, CAPS_REPLY, &reply, 0);
	ring_submit(&self->ring);
	EXPECT_OK(ring_result(&self->ring, &reply));
	EXPECT_EQ(0, reply.result);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, CAPS_DEFAULT_PORT, &m));
	ASSERT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_OK(discard(self->p.client, id));
	ASSERT_OK(receive(self->p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(reply.id, m.header.id);
}

TEST_HARNESS_MAIN
