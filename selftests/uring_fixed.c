// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies in buffers that are registered with io_uring, and sends that complete
 * when their deferred bodies are free.
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

/* The next message, held, and its body in @got if there is one. */
static long take(struct pair *p, char *got, size_t len, __u64 *id)
{
	struct caps_receive r = {
		.port = p->port, .deadline = grace(), .flags = CAPS_HOLD,
		.buffer = data_of(got, len),
	};
	long ret = caps_ioctl(p->server, CAPS_RECEIVE, &r);

	*id = r.header.id;
	return ret;
}

/* How many bytes of a held message's body there are, or a negative errno. */
static long read_body(int fd, __u64 id, __u64 offset, void *buffer, size_t len)
{
	__u64 copied = 0;
	long ret = get_data(fd, id, offset, buffer, len, &copied);

	return ret ? ret : (long)copied;
}

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
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.client, CAPS_QUERY, &q, 0));
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
}

/*
 * An answer is free when whoever asked has read it, perhaps long after the
 * command: a buffer that is registered does not serve for it, and nothing has
 * happened then. A deferred one completes when it has gone, marked or not, and
 * DISPOSE tells the rest.
 */
TEST_F(fixed, answers)
{
	struct caps_reply reply = {
		.data = data_of(self->body, LEN), .flags = CAPS_DEFER,
	};
	__u32 mark = can_park(self->p.server) ? CAPS_URING_PARK : 0;
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(receive(self->p.server, self->p.port, &m));
	reply.id = m.header.id;
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.server, CAPS_REPLY, &reply, 0));
	reply.flags = 0;
	EXPECT_ERR(EINVAL, DO_FIXED(self->p.server, CAPS_REPLY, &reply, 0));
	reply.flags = CAPS_DEFER;
	ring_command(&self->ring, self->p.server, CAPS_REPLY, &reply, mark);
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

/* --- sends that complete when their bodies are free ------------------------- */

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

#define START_DEFERRED() do {						\
	ring_command(&self->ring, self->p.client, CAPS_SEND, &self->s,	\
		     CAPS_URING_PARK)->uring_cmd_flags =		\
		variant->fixed ? IORING_URING_CMD_FIXED : 0;		\
	ring_submit(&self->ring);					\
} while (0)

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

TEST_HARNESS_MAIN
