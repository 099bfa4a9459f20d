// SPDX-License-Identifier: GPL-2.0
/*
 * Parked commands: what becomes of what they were given, and who ends them when
 * several want to at once.
 */
#include "caps_attach.h"
#include "caps_memory.h"
#include "caps_uring.h"

#define CHAINS	64u

/* --- without the flag's support ------------------------------------------- */

TEST_F(tidy, flags)
{
	struct caps_receive r = { .port = CAPS_DEFAULT_PORT };
	int fd = actor_open();
	struct io_uring ring;

	park_open(&ring, 0);
	ring_command(&ring, fd, CAPS_RECEIVE, &r,
		     CAPS_URING_PARK | CAPS_URING_NOWAIT);
	ring_submit(&ring);
	EXPECT_ERR(EINVAL, ring_result(&ring, &r));
	park(&ring, fd, &r);
	ring_submit(&ring);
	/* A deadline of 0 is not to wait, here as everywhere. */
	EXPECT_ERR(can_park(fd) ? EAGAIN : EOPNOTSUPP,
		   ring_result(&ring, &r));
	EXPECT_EQ(0, unpark(fd, NULL));
	/* One of io_uring's workers would wait, and not be unparked. */
	r.deadline = grace();
	ring_start(&ring, IOSQE_ASYNC, fd, CAPS_RECEIVE, &r, CAPS_URING_PARK);
	EXPECT_ERR(EOPNOTSUPP, ring_result(&ring, &r));
	io_uring_queue_exit(&ring);
}

/* Whatever is linked behind what a worker did is begun by that worker, too. */
TEST_F(tidy, not_behind_a_worker)
{
	struct caps_receive r = {
		.port = CAPS_DEFAULT_PORT, .deadline = CAPS_FOREVER,
	};
	struct caps_query q = { 0 };
	int fd = actor_open();
	struct io_uring ring;

	NEED_PARK(fd);
	park_open(&ring, 0);
	ring_command(&ring, fd, CAPS_QUERY, &q, 0)->flags |=
		IOSQE_ASYNC | IOSQE_IO_LINK;
	park(&ring, fd, &r);
	ring_submit(&ring);
	EXPECT_OK(ring_next(&ring, NULL));
	EXPECT_ERR(EOPNOTSUPP, ring_result(&ring, &r));
	EXPECT_EQ(0, unpark(fd, NULL));
	io_uring_queue_exit(&ring);
}

/* --- io_uring's own means ------------------------------------------------- */

/* It cannot cancel what is parked, and that harms nothing. */
TEST_F(tidy, io_uring_does_not_cancel)
{
	struct __kernel_timespec soon = { .tv_nsec = 1000000 };
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, CAPS_DEFAULT_PORT,
					   CAPS_FOREVER);
	struct io_uring_sqe *sqe;
	int fd = actor_open();
	struct io_uring ring;

	NEED_PARK(fd);
	park_open(&ring, 0);
	ring_command(&ring, fd, CAPS_RECEIVE, &r, CAPS_URING_PARK)->flags |=
		IOSQE_IO_LINK;
	sqe = ring_entry(&ring);
	io_uring_prep_link_timeout(sqe, &soon, 0);
	io_uring_sqe_set_data(sqe, &soon);
	ring_submit(&ring);
	EXPECT_ERR(ENOENT, ring_result(&ring, &soon));
	ring_cancel(&ring, &r);
	ring_submit(&ring);
	EXPECT_ERR(ENOENT, ring_next(&ring, NULL));
	EXPECT_FALSE(ring_has(&ring));
	ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, "still there"));
	EXPECT_OK(ring_result(&ring, &r));
	EXPECT_STREQ("still there", m.body);
	io_uring_queue_exit(&ring);
}

/* Turns of a server as chains, all in one system call: answer, then park. */
TEST_F(tidy, many_chains_in_one_submission)
{
	struct pair p = pair_open();
	struct caps_receive r[CHAINS];
	struct caps_reply reply[CHAINS];
	struct message m[CHAINS];
	struct io_uring ring;
	__u64 id[CHAINS];
	unsigned int i;

	NEED_PARK(p.server);
	p.port = port_new_limit(p.server, 2 * CHAINS);
	p.cap = cap_give(p.server, p.port, p.client);
	park_open(&ring, 0);
	for (i = 0; i < CHAINS; i++) {
		ASSERT_OK(call_async(p.client, p.cap, 0, "1", &id[i]));
		ASSERT_OK(receive_now(p.server, p.port, &m[i]));
		reply[i] = (struct caps_reply){
			.id = m[i].header.id, .status = i,
		};
		r[i] = receive_of(&m[i], p.port, CAPS_FOREVER);
		ring_command(&ring, p.server, CAPS_REPLY, &reply[i],
			     0)->flags |= IOSQE_IO_LINK;
		park(&ring, p.server, &r[i]);
	}
	EXPECT_EQ(2 * CHAINS, io_uring_submit(&ring));
	for (i = 0; i < CHAINS; i++)
		EXPECT_OK(ring_result(&ring, &reply[i]));
	EXPECT_EQ(CHAINS, parked_now());
	EXPECT_EQ(0, workers());
	for (i = 0; i < CHAINS; i++) {
		ASSERT_OK(receive_now(p.client, CAPS_DEFAULT_PORT, &m[0]));
		EXPECT_EQ(id[i], m[0].header.id);
		EXPECT_EQ(i, m[0].header.status);
		ASSERT_OK(send_text(p.client, p.cap, "2"));
	}
	for (i = 0; i < CHAINS; i++) {
		EXPECT_OK(ring_result(&ring, &r[i]));
		EXPECT_EQ(CHAINS + i + 1, r[i].header.sequence);
	}

	/* A reply that fails lets nothing be parked. */
	ring_command(&ring, p.server, CAPS_REPLY, &reply[0], 0)->flags |=
		IOSQE_IO_LINK;
	park(&ring, p.server, &r[0]);
	ring_submit(&ring);
	EXPECT_ERR(ENOMSG, ring_result(&ring, &reply[0]));
	EXPECT_ERR(ECANCELED, ring_result(&ring, &r[0]));
	EXPECT_EQ(0, parked_now());
	io_uring_queue_exit(&ring);
}

/* --- what was given to one that is gone ----------------------------------- */

/* The thread of the first ring never comes back to copy it. */
TEST_F(tidy, a_message_goes_to_the_next)
{
	struct message first = { 0 }, second = { 0 };
	struct caps_receive r[2] = {
		receive_of(&first, CAPS_DEFAULT_PORT, CAPS_FOREVER),
		receive_of(&second, CAPS_DEFAULT_PORT, CAPS_FOREVER),
	};
	struct io_uring busy, ring;
	int fd = actor_open();

	NEED_PARK(fd);
	park_open(&busy, IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN);
	park_open(&ring, 0);
	park(&busy, fd, &r[0]);
	ring_submit(&busy);
	park(&ring, fd, &r[1]);
	ring_submit(&ring);
	ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, "text"));
	EXPECT_FALSE(ring_has(&ring));
	io_uring_queue_exit(&busy);
	EXPECT_OK(ring_result(&ring, &r[1]));
	EXPECT_STREQ("text", second.body);
	EXPECT_STREQ("", first.body);
	io_uring_queue_exit(&ring);
}

/* Likewise signals, which are no message. */
TEST_F(tidy, signals_go_to_the_next)
{
	struct caps_receive r[2] = {
		{ .port = CAPS_DEFAULT_PORT, .deadline = CAPS_FOREVER },
		{ .port = CAPS_DEFAULT_PORT, .deadline = CAPS_FOREVER },
	};
	struct caps_signal s = { .capability = CAPS_DEFAULT_PORT, .bits = 1 };
	struct io_uring busy, ring;
	int fd = actor_open();

	NEED_PARK(fd);
	park_open(&busy, IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN);
	park_open(&ring, 0);
	park(&busy, fd, &r[0]);
	ring_submit(&busy);
	park(&ring, fd, &r[1]);
	ring_submit(&ring);
	ASSERT_OK(caps_ioctl(fd, CAPS_SIGNAL, &s));
	EXPECT_FALSE(ring_has(&ring));
	io_uring_queue_exit(&busy);
	EXPECT_OK(ring_result(&ring, &r[1]));
	EXPECT_EQ(CAPS_KIND_SIGNAL, r[1].header.kind);
	EXPECT_EQ(1, r[1].header.address);
	io_uring_queue_exit(&ring);
}

/* An answer that came, and that nobody will take. */
TEST_F(tidy, an_answer_to_one_that_is_gone)
{
	struct pair p = pair_open();
	size_t len = 1 << 20;
	char *body = pages_filled(len, 0, 1);
	struct caps_call call = call_of(p.cap, "");
	struct caps_reply reply = {
		.data = data_of(body, len), .flags = CAPS_DEFER,
	};
	struct io_uring ring;
	struct message m;

	NEED_PARK(p.client);
	park_open(&ring, IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN);
	call.request = data_of(body, len);
	ring_command(&ring, p.client, CAPS_CALL, &call, CAPS_URING_PARK);
	ring_submit(&ring);
	EXPECT_OK(receive(p.server, p.port, &m));
	reply.id = m.header.id;
	EXPECT_OK(caps_ioctl(p.server, CAPS_REPLY, &reply));
	io_uring_queue_exit(&ring);
	/* The server's pages are free again, and it is told. */
	EXPECT_OK(receive(p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(reply.id, m.header.id);
}

/*
 * What a call moves is with one of the two when its ring is closed before it has
 * ended: with the caller if the server never had it, else with the server.
 */
TEST_F(tidy, what_was_moved_is_with_one)
{
	enum { QUEUED, HELD, DROPPED, ANSWERED, HOWS } how;
	struct caps_call call;
	struct io_uring ring;
	struct message m;
	struct load load;
	struct room room;
	struct pair p;
	__u64 moved;

	for (how = QUEUED; how < HOWS; how++) {
		p = pair_open();
		NEED_PARK(p.client);
		park_open(&ring, IORING_SETUP_SINGLE_ISSUER |
				 IORING_SETUP_DEFER_TASKRUN);
		moved = port_new(p.client);
		load = load_of(moved, 1);
		load.transfers[0].flags = CAPS_TRANSFER_MOVE;
		call = call_of(p.cap, "");
		call.request = load_data(&load);
		ring_command(&ring, p.client, CAPS_CALL, &call,
			     CAPS_URING_PARK);
		ring_submit(&ring);
		room_init(&room, 1);
		if (how >= HELD)
			ASSERT_OK(receive_room(p.server, p.port, &room, &m));
		if (how == DROPPED)
			EXPECT_OK(discard(p.server, m.header.id));
		if (how == ANSWERED)
			EXPECT_OK(reply_text(p.server, m.header.id, 0, ""));
		io_uring_queue_exit(&ring);
		ASSERT_TRUE(eventually(!parked_now()));
		EXPECT_EQ(how >= HELD, room.a.capabilities_put);
		EXPECT_ERR(how >= HELD ? EBADF : 0,
			   cap_close(p.client, moved))
			TH_LOG("after %u", how);
		if (how >= HELD)
			EXPECT_OK(cap_close(p.server, room.handles[0]));
		close(p.client);
		close(p.server);
	}
}

/*
 * A call that was handed to a parked receive, whose thread never comes to take
 * it; the process ends, its ring does not, and the caller is told.
 */
TEST_F(tidy, a_call_to_one_that_is_outlived_by_its_ring)
{
	int client = actor_open();
	struct caps_call call;
	struct background b;
	struct child c;
	int from;

	NEED_PARK(client);
	if (child_start(&c)) {
		struct caps_receive r = { .deadline = CAPS_FOREVER };
		struct io_uring ring;
		int fd = actor_open();

		r.port = port_new(fd);
		say_fd(&c, cap_export(fd, r.port));
		park_open(&ring, IORING_SETUP_SINGLE_ISSUER |
				 IORING_SETUP_DEFER_TASKRUN);
		park(&ring, fd, &r);
		ring_submit(&ring);
		outlive(&c);
		say(&c, 0);
		for (;;)
			pause();
	}
	from = hear_fd(&c);
	hear(&c);
	call = call_of(0, "question");
	call.deadline = CAPS_FOREVER;
	need(cap_import(client, from, &call.capability), "CAPS_IMPORT");
	close(from);
	background_start(&b, client, CAPS_CALL, &call);
	background_settle(&b);
	child_kill(&c);
	EXPECT_ERR(EPIPE, background_join(&b));
	EXPECT_EQ(0, call.result);
	say(&c, 0);
	close(c.line);
}

/* --- several ends at once ------------------------------------------------- */

struct storm {
	int fd;
	unsigned int sent;
	bool done;
};

static void *storm_main(void *arg)
{
	struct storm *s = arg;
	unsigned int i;

	for (i = 0; i < s->sent;) {
		if (!send_text(s->fd, CAPS_DEFAULT_PORT, ""))
			i++;
		if (i % 3 == 0)
			unpark(s->fd, NULL);
	}
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Messages, deadlines and CAPS_UNPARK meet on the same receives: each completes
 * once, and each message is received once, in order.
 */
static void storm(struct __test_metadata *_metadata, unsigned int setup)
{
	struct storm s = { .fd = actor_open(), .sent = test_scale(4000) };
	struct caps_receive r[64];
	unsigned int got = 0, i;
	struct io_uring ring;
	pthread_t thread;
	void *which = NULL;
	long ret;

	NEED_PARK(s.fd);
	park_open(&ring, setup);
	memset(r, 0, sizeof(r));
	need(-pthread_create(&thread, NULL, storm_main, &s), "thread");
	for (i = 0; i < 64; i++) {
		r[i].port = CAPS_DEFAULT_PORT;
		r[i].deadline = now_ns() + 50000;
		park(&ring, s.fd, &r[i]);
	}
	while (got < s.sent) {
		ring_submit(&ring);
		ret = ring_next(&ring, &which);
		ASSERT_NE(-ETIME, ret);
		if (!ret)
			got++;
		else
			ASSERT_TRUE(ret == -ETIMEDOUT || ret == -ECANCELED);
		i = (struct caps_receive *)which - r;
		ASSERT_GT(64, i);
		if (!ret)
			ASSERT_GE(s.sent, r[i].header.sequence);
		r[i].deadline = now_ns() + 1000 * (i + 1);
		park(&ring, s.fd, &r[i]);
	}
	need(-pthread_join(thread, NULL), "join");
	EXPECT_TRUE(s.done);
	/* All 64 are out, but for the one not submitted: each ends once. */
	for (i = 0; i < 63; i++) {
		ret = ring_next(&ring, NULL);
		EXPECT_TRUE(ret == -ETIMEDOUT || ret == -ECANCELED);
	}
	EXPECT_FALSE(ring_has(&ring));
	io_uring_queue_exit(&ring);
}

TEST_F(tidy, several_ends_at_once)
{
	storm(_metadata, 0);
}

TEST_F(tidy, several_ends_at_once_deferred)
{
	storm(_metadata, IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN);
}

/* Calls answered, timed out and unparked at once; the server sees each once. */
static void *answer_main(void *arg)
{
	struct pair *p = arg;
	struct caps_reply reply = { 0 };
	struct message m;

	while (!receive(p->server, p->port, &m) &&
	       m.header.kind != CAPS_KIND_SEND) {
		reply.id = m.header.id;
		if (m.header.kind == CAPS_KIND_CANCELLED)
			discard(p->server, reply.id);
		else if (reply.id % 5 == 0)
			unpark(p->client, NULL);
		else
			caps_ioctl(p->server, CAPS_REPLY, &reply);
	}
	return NULL;
}

TEST_F(tidy, calls_with_several_ends)
{
	unsigned int count = test_scale(4000), done, i;
	struct pair p = pair_open();
	struct caps_call call[32];
	struct io_uring ring;
	pthread_t thread;
	void *which = NULL;
	long ret;

	NEED_PARK(p.client);
	park_open(&ring, 0);
	need(-pthread_create(&thread, NULL, answer_main, &p), "thread");
	for (i = 0; i < 32; i++) {
		call[i] = call_of(p.cap, "");
		ring_command(&ring, p.client, CAPS_CALL, &call[i],
			     CAPS_URING_PARK);
	}
	for (done = 0; done < count + 32; done++) {
		ring_submit(&ring);
		ret = ring_next(&ring, &which);
		ASSERT_TRUE(!ret || ret == -ETIMEDOUT || ret == -ECANCELED);
		i = (struct caps_call *)which - call;
		ASSERT_GT(32, i);
		if (done >= count)
			continue;
		call[i].deadline = now_ns() + 10000 * (i + 1);
		ring_command(&ring, p.client, CAPS_CALL, &call[i],
			     CAPS_URING_PARK);
	}
	EXPECT_FALSE(ring_has(&ring));
	EXPECT_EQ(0, parked_now());
	ASSERT_TRUE(eventually(!send_text(p.client, p.cap, "")));
	need(-pthread_join(thread, NULL), "join");
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
