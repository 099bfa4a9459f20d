// SPDX-License-Identifier: GPL-2.0
/*
 * Commands through io_uring: what completes at once, what waits, and how that
 * ends, in every kind of ring.
 */
#include "caps_uring.h"

#define ENTRIES	128u

FIXTURE(uring)
{
	struct before before;
	struct pair p;
	struct io_uring ring;
};

FIXTURE_VARIANT(uring)
{
	unsigned int setup;
	unsigned int sqe;
	__u32 flags;		/* of those that wait */
};

FIXTURE_VARIANT_ADD(uring, plain) { };
FIXTURE_VARIANT_ADD(uring, worker) { .sqe = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(uring, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(uring, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(uring, park) { .flags = CAPS_URING_PARK };
FIXTURE_VARIANT_ADD(uring, park_sqpoll) {
	.setup = IORING_SETUP_SQPOLL, .flags = CAPS_URING_PARK,
};

FIXTURE_VARIANT_ADD(uring, park_defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	.flags = CAPS_URING_PARK,
};

FIXTURE_SETUP(uring)
{
	before_take(&self->before);
	self->p = pair_open();
	/* To the harness that says it was skipped; a return would go on. */
	if (variant->flags & CAPS_URING_PARK && !can_park(self->p.server))
		SKIP(_exit(255), "this kernel cannot park");
	ring_open(&self->ring, ENTRIES, variant->setup);
}

FIXTURE_TEARDOWN(uring)
{
	if (self->ring.sq.ring_ptr)
		io_uring_queue_exit(&self->ring);
	before_check(_metadata, &self->before);
}

/* In this fixture's manner, and not waiting for the completion. */
#define START(fd, command, arg)						\
	ring_start(&self->ring, variant->sqe, fd, command, arg, variant->flags)

/* Likewise, and its result. */
#define DO(fd, command, arg) ({						\
	START(fd, command, arg);					\
	ring_result(&self->ring, arg);					\
})

static void ring_close(struct io_uring *ring)
{
	io_uring_queue_exit(ring);
	ring->sq.ring_ptr = NULL;
}

/* The server has taken a call that waits for its answer now. */
static __u64 take_call(struct __test_metadata *_metadata, struct pair *p)
{
	struct message m;

	EXPECT_OK(receive(p->server, p->port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	return m.header.id;
}

/* The server is told that the caller of this one has left. */
static void expect_cancelled(struct __test_metadata *_metadata, struct pair *p,
			     __u64 id)
{
	struct message m;

	EXPECT_OK(receive(p->server, p->port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_OK(discard(p->server, id));
}

/* --- what need not wait --------------------------------------------------- */

TEST_F(uring, send_receive_reply)
{
	struct caps_send s = {
		.capability = self->p.cap, .data = data_of("question", 8),
	};
	struct caps_reply reply = { .data = data_of("answer", 6), .status = 7 };
	struct caps_port_info info = { .capability = self->p.port };
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, self->p.port, grace());

	EXPECT_OK(DO(self->p.client, CAPS_CALL_ASYNC, &s));
	EXPECT_OK(DO(self->p.server, CAPS_PORT_INFO, &info));
	EXPECT_EQ(1, info.queued);
	EXPECT_OK(DO(self->p.server, CAPS_RECEIVE, &r));
	EXPECT_STREQ("question", m.body);
	EXPECT_EQ(getpid(), r.header.pid);
	reply.id = r.header.id;
	EXPECT_OK(DO(self->p.server, CAPS_REPLY, &reply));
	EXPECT_ERR(ENOMSG, DO(self->p.server, CAPS_REPLY, &reply));
	memset(&m, 0, sizeof(m));
	r = receive_of(&m, CAPS_DEFAULT_PORT, 0);
	EXPECT_OK(DO(self->p.client, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_KIND_REPLY, r.header.kind);
	EXPECT_EQ(s.id, r.header.id);
	EXPECT_EQ(7, r.header.status);
	EXPECT_STREQ("answer", m.body);
	EXPECT_ERR(EAGAIN, DO(self->p.client, CAPS_RECEIVE, &r));
}

TEST_F(uring, malformed)
{
	struct caps_query q = { 0 };
	struct io_uring_sqe *sqe;

	EXPECT_ERR(EINVAL, (ring_command(&self->ring, self->p.server,
					 CAPS_QUERY, &q, 1u << 31),
			    ring_submit(&self->ring),
			    ring_result(&self->ring, &q)));
	sqe = ring_command(&self->ring, self->p.server, CAPS_QUERY, &q, 0);
	sqe->cmd[offsetof(struct caps_uring, reserved)] = 1;
	ring_submit(&self->ring);
	EXPECT_ERR(EINVAL, ring_result(&self->ring, &q));
	EXPECT_ERR(ENOTTY, DO(self->p.server, _IOWR(CAPS_IOC, 0xff, q), &q));
	EXPECT_ERR(EINVAL, DO(self->p.server, _IOWR(CAPS_IOC, 0, int), &q));
	EXPECT_ERR(EFAULT, DO(self->p.server, CAPS_QUERY, (void *)16));
	EXPECT_OK(DO(self->p.server, CAPS_QUERY, &q));
	EXPECT_EQ(CAPS_FEATURE_URING, q.features & CAPS_FEATURE_URING);
}

/* --- what waits ----------------------------------------------------------- */

TEST_F(uring, receive_waits)
{
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, self->p.port, CAPS_FOREVER);

	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(send_text(self->p.client, self->p.cap, "at last"));
	EXPECT_OK(ring_result(&self->ring, &r));
	EXPECT_EQ(CAPS_KIND_SEND, r.header.kind);
	EXPECT_EQ(1, r.header.sequence);
	EXPECT_STREQ("at last", m.body);
}

TEST_F(uring, receive_from_any_waits)
{
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, grace());
	struct caps_signal s = { .capability = self->p.cap, .bits = 6 };

	ASSERT_OK(port_enable(self->p.server, self->p.port, 0));
	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(caps_ioctl(self->p.client, CAPS_SIGNAL, &s));
	EXPECT_OK(ring_result(&self->ring, &r));
	EXPECT_EQ(CAPS_KIND_SIGNAL, r.header.kind);
	EXPECT_EQ(6, r.header.address);
}

TEST_F(uring, call_waits)
{
	char answer[16] = "";
	struct caps_call call = call_of(self->p.cap, "question");
	__u64 id;

	call.reply = data_of(answer, sizeof(answer));
	START(self->p.client, CAPS_CALL, &call);
	id = take_call(_metadata, &self->p);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(reply_text(self->p.server, id, -3, "answer"));
	EXPECT_OK(ring_result(&self->ring, &call));
	EXPECT_EQ(-3, call.status);
	EXPECT_EQ(6, call.reply_body_len);
	EXPECT_STREQ("answer", answer);
}

/* The second reply goes, and then nothing is there for a while. */
TEST_F(uring, reply_receive_waits)
{
	struct message m = { 0 };
	struct caps_reply_receive rr = {
		.receive = receive_of(&m, self->p.port, grace()),
	};
	__u64 id;

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "1", &id));
	rr.reply.id = take_call(_metadata, &self->p);
	START(self->p.server, CAPS_REPLY_RECEIVE, &rr);
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_EQ(0, rr.reply.id);
	ASSERT_OK(send_text(self->p.client, self->p.cap, "2"));
	EXPECT_OK(ring_result(&self->ring, &rr));
	EXPECT_EQ('2', m.body[0]);
}

TEST_F(uring, send_waits_for_room)
{
	__u64 port = port_new_limit(self->p.server, 1);
	__u64 cap = cap_give(self->p.server, port, self->p.client);
	struct caps_send s = {
		.capability = cap, .deadline = grace(),
		.data = data_of("2", 1),
	};
	struct message m;

	ASSERT_OK(send_text(self->p.client, cap, "1"));
	START(self->p.client, CAPS_SEND, &s);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_OK(ring_result(&self->ring, &s));
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_STREQ("2", m.body);
}

/* What a call finds full it waits for, also where it is handed on to do so. */
TEST_F(uring, call_waits_for_room)
{
	__u64 port = port_new_limit(self->p.server, 1);
	__u64 cap = cap_give(self->p.server, port, self->p.client);
	struct caps_call call = call_of(cap, "2");
	struct message m;

	ASSERT_OK(send_text(self->p.client, cap, "1"));
	START(self->p.client, CAPS_CALL, &call);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_OK(reply_text(self->p.server, m.header.id, 0, ""));
	EXPECT_OK(ring_result(&self->ring, &call));
	EXPECT_OK(send_text(self->p.client, cap, "3"));
	call.flags = CAPS_NOWAIT_QUEUE;
	EXPECT_ERR(EAGAIN, DO(self->p.client, CAPS_CALL, &call));
}

/* --- how waits end -------------------------------------------------------- */

TEST_F(uring, deadline)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->p.port, in_ms(30));
	struct caps_call call = call_of(self->p.cap, "question");
	__u64 id;

	EXPECT_ERR(ETIMEDOUT, DO(self->p.server, CAPS_RECEIVE, &r));
	EXPECT_ERR(ETIMEDOUT, DO(self->p.server, CAPS_RECEIVE, &r));
	call.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, DO(self->p.client, CAPS_CALL, &call));
	EXPECT_EQ(0, call.result);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
	call.deadline = in_ms(1000);
	START(self->p.client, CAPS_CALL, &call);
	id = take_call(_metadata, &self->p);
	EXPECT_ERR(ETIMEDOUT, ring_result(&self->ring, &call));
	EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
	expect_cancelled(_metadata, &self->p, id);
}

/* Given up by io_uring, or, where that cannot, by the module. */
static long give_up(struct io_uring *ring, int fd, void *arg, __u32 flags)
{
	if (!(flags & CAPS_URING_PARK))
		return ring_cancelled(ring, arg);
	if (unpark(fd, arg) != 1)
		die("CAPS_UNPARK does not find it");
	return ring_result(ring, arg);
}

TEST_F(uring, cancelled_receive)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->p.port, CAPS_FOREVER);

	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_TRUE(given_up(give_up(&self->ring, self->p.server, &r,
				     variant->flags)));
	ASSERT_OK(send_text(self->p.client, self->p.cap, "not lost"));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
}

TEST_F(uring, cancelled_call)
{
	struct caps_call call = call_of(self->p.cap, "question");
	__u64 id;

	call.deadline = CAPS_FOREVER;
	START(self->p.client, CAPS_CALL, &call);
	id = take_call(_metadata, &self->p);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_TRUE(given_up(give_up(&self->ring, self->p.client, &call,
				     variant->flags)));
	EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
	expect_cancelled(_metadata, &self->p, id);
}

TEST_F(uring, port_deleted)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->p.port, CAPS_FOREVER);
	struct caps_call call = call_of(self->p.cap, "question");
	struct pair other = pair_open();
	long ret;

	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	ret = ring_result(&self->ring, &r);
	/* A worker that had not begun to wait finds it gone already. */
	if (variant->flags & CAPS_URING_PARK || ret != -EPIPE)
		EXPECT_ERR(EIDRM, ret);
	EXPECT_ERR(EPIPE, DO(self->p.client, CAPS_CALL, &call));

	call = call_of(other.cap, "question");
	START(other.client, CAPS_CALL, &call);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(port_delete(other.server, other.port));
	EXPECT_ERR(EPIPE, ring_result(&self->ring, &call));
}

TEST_F(uring, server_dies)
{
	struct caps_call call = call_of(self->p.cap, "question");

	START(self->p.client, CAPS_CALL, &call);
	take_call(_metadata, &self->p);
	close(self->p.server);
	EXPECT_ERR(ECONNRESET, ring_result(&self->ring, &call));
	EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
}

/* Both kinds of wait at once: a receive by the client, and a call of it. */
#define START_BOTH(r, call) do {					\
	START(self->p.client, CAPS_RECEIVE, r);				\
	START(self->p.client, CAPS_CALL, call);				\
} while (0)

TEST_F(uring, ring_closed_first)
{
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_DEFAULT_PORT,
					   CAPS_FOREVER);
	struct caps_call call = call_of(self->p.cap, "question");
	__u64 id;

	call.deadline = CAPS_FOREVER;
	START_BOTH(&r, &call);
	id = take_call(_metadata, &self->p);
	ring_close(&self->ring);
	expect_cancelled(_metadata, &self->p, id);
	/* A ring ends in the background; until then it receives. */
	EXPECT_TRUE(eventually(!send_text(self->p.client, CAPS_DEFAULT_PORT,
					  "mine at last") &&
			       !receive_now(self->p.client, CAPS_DEFAULT_PORT,
					    &m)));
}

/* What waits keeps the file, as everywhere in io_uring. */
TEST_F(uring, actor_closed_first)
{
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, self->p.port, CAPS_FOREVER);
	struct caps_call call = call_of(self->p.cap, "question");

	START(self->p.client, CAPS_CALL, &call);
	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_OK(ring_result(&self->ring, &r));
	EXPECT_STREQ("question", m.body);
	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_FALSE(ring_has(&self->ring));
	close(self->p.server);
	EXPECT_FALSE(ring_has(&self->ring));
	close(self->p.client);
	EXPECT_FALSE(ring_has(&self->ring));
	ring_close(&self->ring);
}

TEST_F(uring, closing_a_duplicate_harms_nothing)
{
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, self->p.port, CAPS_FOREVER);

	START(self->p.server, CAPS_RECEIVE, &r);
	EXPECT_FALSE(ring_has(&self->ring));
	close(dup(self->p.server));
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(send_text(self->p.client, self->p.cap, "still there"));
	EXPECT_OK(ring_result(&self->ring, &r));
	EXPECT_STREQ("still there", m.body);
}

/* How a process ends whose ring waits for a message and an answer. */
enum end {
	KILLED,
	EXEC,
	OUTLIVED,		/* killed, while another one has the ring */
};

static void process_ends(struct __test_metadata *_metadata, struct pair *p,
			 unsigned int setup, unsigned int sqe, __u32 flags,
			 enum end end)
{
	char *argv[] = { "true", NULL };
	struct child c;
	__u64 id;
	int from;

	from = cap_export(p->server, p->port);
	if (child_start(&c)) {
		struct message m;
		struct caps_receive r = receive_of(&m, CAPS_DEFAULT_PORT,
						   CAPS_FOREVER);
		struct caps_call call = { .deadline = CAPS_FOREVER };
		int fd = actor_open();
		struct io_uring ring;

		need(cap_import(fd, from, &call.capability), "CAPS_IMPORT");
		ring_open(&ring, ENTRIES, setup);
		ring_start(&ring, sqe, fd, CAPS_RECEIVE, &r, flags);
		ring_start(&ring, sqe, fd, CAPS_CALL, &call, flags);
		if (end == OUTLIVED) {
			outlive(&c);
			say(&c, 0);
		} else {
			hear(&c);
		}
		if (end == EXEC)
			execv("/bin/true", argv);
		for (;;)
			pause();
	}
	close(from);
	id = take_call(_metadata, p);
	if (end == OUTLIVED)
		hear(&c);
	if (end == EXEC) {
		say(&c, 0);
		EXPECT_OK(child_wait(&c));
	} else {
		kill(c.pid, SIGKILL);
		EXPECT_EQ(-SIGKILL, child_wait(&c));
	}
	expect_cancelled(_metadata, p, id);
	if (end == OUTLIVED)
		say(&c, 0);
	close(c.line);
}

TEST_F(uring, killed)
{
	process_ends(_metadata, &self->p, variant->setup, variant->sqe,
		     variant->flags, KILLED);
}

TEST_F(uring, exec)
{
	process_ends(_metadata, &self->p, variant->setup, variant->sqe,
		     variant->flags, EXEC);
}

/* Who has the ring after that keeps nothing waiting. */
TEST_F(uring, killed_and_outlived_by_its_ring)
{
	process_ends(_metadata, &self->p, variant->setup, variant->sqe,
		     variant->flags, OUTLIVED);
}

/* --- who -------------------------------------------------------------------- */

/* Submitted by a process that has both files, but not the actor. */
TEST_F(tidy, ring_passed_on)
{
	struct pair p = pair_open();
	struct caps_query q = { 0 };
	struct io_uring ring;
	struct child c;

	ring_open(&ring, ENTRIES, 0);
	ring_command(&ring, p.server, CAPS_QUERY, &q, 0);
	/* Publish the entry; the child tells the kernel of it. */
	io_uring_smp_store_release(ring.sq.ktail, ring.sq.sqe_tail);
	ring.sq.array[0] = 0;
	if (child_start(&c)) {
		EXPECT_EQ(1, sys(syscall(SYS_io_uring_enter, ring.ring_fd, 1,
					 0, 0, NULL, 0)));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	EXPECT_ERR(ENOTCONN, ring_result(&ring, &q));
	io_uring_queue_exit(&ring);
}

/* A personality is an identity like any other: the kernel's word. */
TEST_F(tidy, identity_is_that_of_the_submission)
{
	struct pair p = pair_open();
	struct caps_send s = { .capability = p.cap };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	struct message m;
	int root;

	ring_open(&ring, ENTRIES, 0);
	root = io_uring_register_personality(&ring);
	ASSERT_LT(0, root);
	need(sys(syscall(SYS_setresuid, -1, 1234, -1)), "setresuid");
	ring_command(&ring, p.client, CAPS_SEND, &s, 0);
	ring_submit(&ring);
	EXPECT_OK(ring_result(&ring, &s));
	sqe = ring_command(&ring, p.client, CAPS_SEND, &s, 0);
	sqe->personality = root;
	sqe->flags |= IOSQE_ASYNC;
	ring_submit(&ring);
	EXPECT_OK(ring_result(&ring, &s));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(1234, m.header.euid);
	EXPECT_EQ(CAPS_HEADER_IDENTITY,
		  m.header.flags & CAPS_HEADER_IDENTITY);
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(0, m.header.euid);
	need(sys(syscall(SYS_setresuid, -1, 0, -1)), "setresuid");
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
