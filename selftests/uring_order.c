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
	struct __kernel_timespec soon = { .tv_nsec = 30000000 };
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

/* A server's turn as a chain: the receive comes after the answer. */
TEST_F(tidy, reply_linked_to_receive)
{
	struct pair p = pair_open();
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, p.port, grace());
	struct caps_reply reply = { .status = 5 };
	struct io_uring ring;
	__u64 id;

	ring_open(&ring, MANY, 0);
	ASSERT_OK(call_async(p.client, p.cap, 0, "1", &id));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	reply.id = m.header.id;
	ring_command(&ring, p.server, CAPS_REPLY, &reply, 0)->flags |=
		IOSQE_IO_LINK;
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, 0);
	ring_submit(&ring);
	EXPECT_OK(ring_result(&ring, &reply));
	EXPECT_OK(receive(p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(5, m.header.status);
	ASSERT_OK(send_text(p.client, p.cap, "2"));
	EXPECT_OK(ring_result(&ring, &r));

	/* A reply that fails breaks the chain. */
	ring_command(&ring, p.server, CAPS_REPLY, &reply, 0)->flags |=
		IOSQE_IO_LINK;
	ring_command(&ring, p.server, CAPS_RECEIVE, &r, 0);
	ring_submit(&ring);
	EXPECT_ERR(ENOMSG, ring_result(&ring, &reply));
	EXPECT_ERR(ECANCELED, ring_result(&ring, &r));
	io_uring_queue_exit(&ring);
}

/* Many answers and many receives in one system call. */
TEST_F(tidy, many_in_one_submission)
{
	struct pair p = pair_open();
	struct message m[MANY] = { 0 };
	struct caps_receive r[MANY];
	struct caps_reply reply[MANY];
	struct io_uring ring;
	__u64 id[MANY];
	unsigned int i;

	p.port = port_new_limit(p.server, 4 * MANY);
	p.cap = cap_give(p.server, p.port, p.client);
	ring_open(&ring, 2 * MANY, 0);
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
		ring_command(&ring, p.server, CAPS_REPLY, &reply[i], 0);
		ring_command(&ring, p.server, CAPS_RECEIVE, &r[i], 0);
	}
	EXPECT_EQ(2 * MANY, io_uring_submit(&ring));
	for (i = 0; i < 2 * MANY; i++)
		EXPECT_OK(ring_next(&ring, NULL));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(i + 1 + MANY, r[i].header.sequence);
		ASSERT_OK(receive_now(p.client, CAPS_DEFAULT_PORT, &m[0]));
		EXPECT_EQ(id[i], m[0].header.id);
		EXPECT_EQ(i, m[0].header.status);
	}
	io_uring_queue_exit(&ring);
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
