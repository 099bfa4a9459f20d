// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring's own means on commands: not waiting and poll, links, timeouts, many
 * in one submission, rings that are refused.
 */
#include "caps_uring.h"

#define MANY	64u

/* --- not waiting ---------------------------------------------------------- */

TEST_F(tidy, nowait_and_poll)
{
	struct pair p = pair_open();
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, CAPS_FOREVER);
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	ASSERT_OK(port_enable(p.server, p.port, 0));
	ring_open(&ring, MANY, 0);
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, CAPS_URING_NOWAIT);
	ring_submit(&ring);
	EXPECT_ERR(EAGAIN, ring_result(&ring, &r));
	/* In a worker, too. */
	ring_command(&ring, p.server, CAPS_RECEIVE, &r,
		     CAPS_URING_NOWAIT)->flags |= IOSQE_ASYNC;
	ring_submit(&ring);
	EXPECT_ERR(EAGAIN, ring_result(&ring, &r));

	/* Poll completes once there is something, and the receive with it. */
	sqe = ring_entry(&ring);
	io_uring_prep_poll_add(sqe, p.server, POLLIN);
	io_uring_sqe_set_data(sqe, &p);
	sqe->flags |= IOSQE_IO_LINK;
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, CAPS_URING_NOWAIT);
	ring_submit(&ring);
	EXPECT_FALSE(ring_has(&ring));
	ASSERT_OK(send_text(p.client, p.cap, "now"));
	EXPECT_EQ(POLLIN, ring_result(&ring, &p));
	EXPECT_OK(ring_result(&ring, &r));
	EXPECT_STREQ("now", m.body);
	io_uring_queue_exit(&ring);
}

TEST_F(tidy, nowait_commands)
{
	struct pair p = pair_open();
	struct message m = { 0 };
	struct caps_call call = call_of(p.cap, "call");
	struct caps_reply_receive rr = {
		.receive = receive_of(&m, p.port, CAPS_FOREVER),
	};
	struct io_uring ring;
	__u64 id;

	ring_open(&ring, MANY, 0);
	ring_command(&ring, p.client, CAPS_CALL, &call, CAPS_URING_NOWAIT);
	ring_submit(&ring);
	EXPECT_ERR(EINVAL, ring_result(&ring, &call));
	EXPECT_ERR(EAGAIN, receive_now(p.server, p.port, &m));

	/* The answer goes, whatever comes of the receive. */
	ASSERT_OK(call_async(p.client, p.cap, 0, "call", &id));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	rr.reply.id = m.header.id;
	ring_command(&ring, p.server, CAPS_REPLY_RECEIVE, &rr,
		     CAPS_URING_NOWAIT);
	ring_submit(&ring);
	EXPECT_ERR(EAGAIN, ring_result(&ring, &rr));
	EXPECT_EQ(0, rr.reply.id);
	EXPECT_OK(receive_now(p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	io_uring_queue_exit(&ring);
}

/* --- links ------------------------------------------------------------------ */

TEST_F(tidy, linked_timeout)
{
	struct __kernel_timespec soon = { .tv_nsec = 300000000 };
	struct pair p = pair_open();
	struct message m;
	struct caps_receive r = receive_of(&m, p.port, CAPS_FOREVER);
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	long ret;

	ring_open(&ring, MANY, 0);
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, 0)->flags |=
		IOSQE_IO_LINK;
	sqe = ring_entry(&ring);
	io_uring_prep_link_timeout(sqe, &soon, 0);
	io_uring_sqe_set_data(sqe, &soon);
	ring_submit(&ring);
	ret = ring_result(&ring, &r);
	EXPECT_TRUE(ret == -ECANCELED || ret == -EINTR);
	ASSERT_OK(send_text(p.client, p.cap, "not lost"));
	EXPECT_OK(receive(p.server, p.port, &m));
	io_uring_queue_exit(&ring);
}

/* A call that is taken already: the server is told. */
TEST_F(tidy, linked_timeout_of_a_call)
{
	struct __kernel_timespec soon = { .tv_sec = 1 };
	struct pair p = pair_open();
	struct caps_call call = call_of(p.cap, "question");
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	struct message m;
	__u64 id;

	ring_open(&ring, MANY, 0);
	call.deadline = CAPS_FOREVER;
	ring_command(&ring, p.client, CAPS_CALL, &call, 0)->flags |=
		IOSQE_IO_LINK;
	sqe = ring_entry(&ring);
	io_uring_prep_link_timeout(sqe, &soon, 0);
	io_uring_sqe_set_data(sqe, &soon);
	ring_submit(&ring);
	ASSERT_OK(receive(p.server, p.port, &m));
	id = m.header.id;
	EXPECT_TRUE(given_up(ring_result(&ring, &call)));
	EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
	EXPECT_OK(receive(p.server, p.port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_OK(discard(p.server, id));
	io_uring_queue_exit(&ring);
}

/* In every kind of ring; in which they go to a worker first, or not. */
FIXTURE(chain)
{
	struct before before;
	struct pair p;
	struct io_uring ring;
};

FIXTURE_VARIANT(chain)
{
	unsigned int setup;
	unsigned int sqe;
};

FIXTURE_VARIANT_ADD(chain, plain) { };
FIXTURE_VARIANT_ADD(chain, worker) { .sqe = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(chain, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(chain, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(chain)
{
	before_take(&self->before);
	self->p = pair_open();
	ring_open(&self->ring, 2 * MANY, variant->setup);
}

FIXTURE_TEARDOWN(chain)
{
	io_uring_queue_exit(&self->ring);
	before_check(_metadata, &self->before);
}

/* Another entry; @more: the next one waits for it. */
static void add(struct io_uring *ring, unsigned int sqe_flags, int fd,
		unsigned int command, void *arg, bool more)
{
	ring_command(ring, fd, command, arg, 0)->flags |=
		sqe_flags | (more ? IOSQE_IO_LINK : 0);
}

#define ADD(fd, command, arg, more)					\
	add(&self->ring, variant->sqe, fd, command, arg, more)

/* A server's turn as a chain: the receive comes after the answer. */
TEST_F(chain, reply_linked_to_receive)
{
	struct pair p = self->p;
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, p.port, grace());
	struct caps_reply reply = { .status = 5 };
	__u64 id;

	ASSERT_OK(call_async(p.client, p.cap, 0, "1", &id));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	reply.id = m.header.id;
	ADD(p.server, CAPS_REPLY, &reply, true);
	ADD(p.server, CAPS_RECEIVE, &r, false);
	ring_submit(&self->ring);
	EXPECT_OK(ring_result(&self->ring, &reply));
	EXPECT_OK(receive(p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(5, m.header.status);
	ASSERT_OK(send_text(p.client, p.cap, "2"));
	EXPECT_OK(ring_result(&self->ring, &r));

	/* A reply that fails breaks the chain. */
	ADD(p.server, CAPS_REPLY, &reply, true);
	ADD(p.server, CAPS_RECEIVE, &r, false);
	ring_submit(&self->ring);
	EXPECT_ERR(ENOMSG, ring_result(&self->ring, &reply));
	EXPECT_ERR(ECANCELED, ring_result(&self->ring, &r));
}

/* Many answers and many receives in one system call; workers have no order. */
TEST_F(chain, many_in_one_submission)
{
	struct pair p = self->p;
	struct message m[MANY] = { 0 };
	struct caps_receive r[MANY];
	struct caps_reply reply[MANY];
	__u64 id[MANY], received = 0, answered = 0;
	unsigned int i, which;

	p.port = port_new_limit(p.server, 4 * MANY);
	p.cap = cap_give(p.server, p.port, p.client);
	for (i = 0; i < MANY; i++) {
		ASSERT_OK(call_async(p.client, p.cap, 0, "1", &id[i]));
		ASSERT_OK(receive_now(p.server, p.port, &m[i]));
		reply[i] = (struct caps_reply){
			.id = m[i].header.id, .status = i,
		};
	}
	for (i = 0; i < MANY; i++)
		ASSERT_OK(send_text(p.client, p.cap, "2"));
	for (i = 0; i < MANY; i++) {
		r[i] = receive_of(&m[i], p.port, 0);
		ADD(p.server, CAPS_REPLY, &reply[i], false);
		ADD(p.server, CAPS_RECEIVE, &r[i], false);
	}
	EXPECT_EQ(2 * MANY, io_uring_submit(&self->ring));
	for (i = 0; i < 2 * MANY; i++)
		EXPECT_OK(ring_next(&self->ring, NULL));
	for (i = 0; i < MANY; i++) {
		received |= 1ull << (r[i].header.sequence - 1 - MANY);
		ASSERT_OK(receive_now(p.client, CAPS_DEFAULT_PORT, &m[0]));
		which = m[0].header.status;
		ASSERT_GT(MANY, which);
		answered |= 1ull << which;
		EXPECT_EQ(id[which], m[0].header.id);
		if (variant->sqe & IOSQE_ASYNC)
			continue;
		EXPECT_EQ(i + 1 + MANY, r[i].header.sequence);
		EXPECT_EQ(i, which);
	}
	EXPECT_EQ(~0ull, received);
	EXPECT_EQ(~0ull, answered);
}

/* --- entries used again ------------------------------------------------------ */

/* What a worker carries out is not what stands in the entry by then. */
TEST_F(tidy, a_worker_goes_by_what_was_submitted)
{
	struct pair p = pair_open();
	struct caps_call call = call_of(p.cap, "1");
	struct caps_query q[2] = { 0 };
	unsigned int rounds, i;
	struct io_uring ring;
	struct message m;

	p.port = port_new_limit(p.server, 1);
	call.capability = cap_give(p.server, p.port, p.client);
	ring_open(&ring, 2, 0);
	for (rounds = test_scale(200); rounds; rounds--) {
		/* No room: a worker waits. */
		ASSERT_OK(send_text(p.client, call.capability, "full"));
		ring_command(&ring, p.client, CAPS_CALL, &call, 0);
		ring_submit(&ring);
		for (i = 0; i < 2; i++)
			ring_command(&ring, p.client, CAPS_QUERY, &q[i], 0);
		ring_submit(&ring);
		for (i = 0; i < 2; i++)
			EXPECT_OK(ring_result(&ring, &q[i]));
		ASSERT_OK(receive(p.server, p.port, &m));
		ASSERT_OK(receive(p.server, p.port, &m));
		ASSERT_OK(reply_text(p.server, m.header.id, rounds, ""));
		ASSERT_OK(ring_result(&ring, &call));
		ASSERT_EQ(rounds, call.status);
	}
	io_uring_queue_exit(&ring);
}

/*
 * Nor is what waits for another before it: then the kernel either has kept what
 * was submitted, or it is not carried out.
 */
TEST_F(tidy, a_linked_command_goes_by_what_was_submitted)
{
	struct pair p = pair_open();
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, p.port, 0);
	struct caps_query q[2] = { 0 };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	unsigned int i;
	long ret;

	ASSERT_OK(port_enable(p.server, p.port, 0));
	ring_open(&ring, 2, 0);
	sqe = ring_entry(&ring);
	io_uring_prep_poll_add(sqe, p.server, POLLIN);
	io_uring_sqe_set_data(sqe, &p);
	sqe->flags |= IOSQE_IO_LINK;
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, CAPS_URING_NOWAIT);
	ring_submit(&ring);
	for (i = 0; i < 2; i++)
		ring_command(&ring, p.server, CAPS_QUERY, &q[i], 0);
	ring_submit(&ring);
	for (i = 0; i < 2; i++)
		EXPECT_OK(ring_result(&ring, &q[i]));
	ASSERT_OK(send_text(p.client, p.cap, "1"));
	EXPECT_EQ(POLLIN, ring_result(&ring, &p));
	ret = ring_result(&ring, &r);
	EXPECT_TRUE(ret == 0 || ret == -ESTALE);
	if (ret)
		EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_STREQ("1", m.body);
	io_uring_queue_exit(&ring);
}

/* Issued for the first time, though by a worker, which has had others before. */
TEST_F(tidy, a_worker_goes_on_with_what_is_linked)
{
	int fd = actor_open();
	struct caps_query q[MANY] = { 0 };
	struct io_uring ring;
	unsigned int i, round;

	ring_open(&ring, MANY, 0);
	for (round = 0; round < 3; round++) {
		memset(q, 0, sizeof(q));
		for (i = 0; i < MANY; i++)
			ring_command(&ring, fd, CAPS_QUERY, &q[i], 0)->flags |=
				IOSQE_ASYNC * !i | IOSQE_IO_LINK * (i < MANY - 1);
		ring_submit(&ring);
		for (i = 0; i < MANY; i++) {
			EXPECT_OK(ring_next(&ring, NULL));
			EXPECT_NE(0, q[i].max_body);
		}
	}
	io_uring_queue_exit(&ring);
}

/* --- stops ------------------------------------------------------------------ */

/* In a child: what becomes of a wait while it is stopped and goes on. */
static long over_a_stop(struct child *child, __u32 flags)
{
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_DEFAULT_PORT, in_ms(3000));
	struct io_uring ring;
	int fd = actor_open();

	ring_open(&ring, MANY, 0);
	ring_command(&ring, fd, CAPS_RECEIVE, &r, flags);
	ring_submit(&ring);
	if (ring_has(&ring))
		return 0;
	say(child, 0);
	hear(child);
	return ring_result(&ring, &r);
}

/* A worker stops as well, and cannot do its command again; nobody else need. */
TEST_F(tidy, a_stop_interrupts_workers)
{
	__u32 flags[] = { 0, CAPS_URING_PARK };
	struct pair p = pair_open();
	unsigned int i, kinds = can_park(p.server) ? 2 : 1;
	struct child child;
	int status;

	for (i = 0; i < kinds; i++) {
		if (child_start(&child)) {
			EXPECT_ERR(flags[i] ? ETIMEDOUT : EINTR,
				   over_a_stop(&child, flags[i]));
			CHILD_END();
		}
		hear(&child);
		kill(child.pid, SIGSTOP);
		EXPECT_EQ(child.pid, waitpid(child.pid, &status, WUNTRACED));
		EXPECT_TRUE(WIFSTOPPED(status));
		kill(child.pid, SIGCONT);
		say(&child, 0);
		EXPECT_OK(child_wait(&child));
		close(child.line);
	}
}

/* --- refused -------------------------------------------------------------- */

TEST_F(tidy, polled_rings_are_refused)
{
	struct pair p = pair_open();
	struct caps_query q = { 0 };
	struct io_uring ring;

	ring_open(&ring, MANY, IORING_SETUP_IOPOLL);
	ring_command(&ring, p.server, CAPS_QUERY, &q, 0);
	ring_submit(&ring);
	EXPECT_ERR(EOPNOTSUPP, ring_result(&ring, &q));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
