// SPDX-License-Identifier: GPL-2.0
/*
 * Applications that come to nothing: nobody answers, there is no room, one of
 * the two goes, or changes its mind.
 */
#include <signal.h>

#include "caps_accept.h"
#include "caps_migrate.h"

FIXTURE(end) {
	struct before before;
	struct gate g;
};

FIXTURE_SETUP(end)
{
	before_take(&self->before);
	self->g = gate_open(CAPS_REGISTER_DISCONNECTED);
}

FIXTURE_TEARDOWN(end)
{
	gate_close(&self->g);
	before_check(_metadata, &self->before);
}

/* V3, V4: nobody receives: wait, as long as one likes, or not at all. */
TEST_F(end, without_an_answer)
{
	struct gate *g = &self->g;
	struct caps_connect c = plea(~0ull);
	struct message m;

	c.verdict = 0;
	EXPECT_ERR(EAGAIN, caps_ioctl(g->client, CAPS_CONNECT, &c));
	c.verdict = 1;
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(g->client, CAPS_CONNECT, &c));
	EXPECT_EQ(0, port_info(g->server, g->port).queued);
	c.verdict = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(g->client, CAPS_CONNECT, &c));
	EXPECT_EQ(0, c.result);
	EXPECT_GE(now_ns(), c.verdict);
	/* V14: what the server has not seen vanishes. */
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
	EXPECT_EQ(0, actor_info(g->client).capabilities);
}

/* V3: no room in the queue is no reason to fail. */
TEST_F(end, without_room)
{
	struct gate *g = &self->g;
	__u64 port = port_new_limit(g->server, 1), cap;
	struct caps_verdict v = { 0 };
	struct message m;

	ASSERT_OK(service_unregister(g->server, ASKED));
	ASSERT_OK(service_register(g->server, port, ASKED, CAPS_REGISTER_ASK,
				   GRANTED));
	cap = cap_give(g->server, port, g->client);
	ASSERT_OK(send_text(g->client, cap, "full"));
	knock(g, 0x1);
	background_settle(&g->b);
	EXPECT_EQ(1, port_info(g->server, port).waiting);
	ASSERT_OK(receive(g->server, port, &m));
	ASSERT_OK(receive(g->server, port, &m));
	EXPECT_EQ(CAPS_KIND_APPLICATION, m.header.kind);
	ASSERT_OK(accept_with(g->server, m.header.id, &v));
	EXPECT_OK(gate_wait(g));
}

/* V14: the server that has it is told, and its verdict that nobody is there. */
TEST_F(end, too_late)
{
	struct gate *g = &self->g;
	struct message m, notice;

	g->c = plea(~0ull);
	g->c.verdict = in_ms(1000);
	background_start(&g->b, g->client, CAPS_CONNECT, &g->c);
	m = asked(g);
	EXPECT_ERR(ETIMEDOUT, gate_wait(g));
	EXPECT_EQ(CAPS_RESULT_TAKEN, g->c.result);
	ASSERT_OK(receive(g->server, g->port, &notice));
	EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
	EXPECT_EQ(m.header.id, notice.header.id);
	EXPECT_EQ(m.header.badge, notice.header.badge);
	EXPECT_ERR(ECANCELED, admit(g, &m));
	EXPECT_ERR(ENOMSG, admit(g, &m));
	/* It never was a connection, so none has ended. */
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
}

/* V14: killed, before and after the server has its application. */
TEST_F(end, of_who_applies)
{
	struct gate *g = &self->g;
	struct message m, notice;
	struct child c;
	int seen;

	for (seen = 0; seen < 2; seen++) {
		if (child_start(&c)) {
			struct caps_connect p = plea(~0ull);

			caps_ioctl(actor_open(), CAPS_CONNECT, &p);
			_exit(1);
		}
		ASSERT_TRUE(eventually(port_info(g->server,
						 g->port).queued));
		if (seen)
			m = asked(g);
		child_kill(&c);
		if (seen) {
			ASSERT_OK(receive(g->server, g->port, &notice));
			EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
			EXPECT_ERR(ECANCELED, reject(g->server, m.header.id,
						     EPERM));
		}
		EXPECT_TRUE(eventually(!port_info(g->server,
						  g->port).queued));
	}
}

static void nothing(int number __attribute__((unused)))
{
}

/* V14: interrupted, before and after. */
TEST_F(end, by_a_signal)
{
	struct sigaction action = { .sa_handler = nothing };
	struct gate *g = &self->g;
	struct message m;
	int seen;

	need(sys(sigaction(SIGUSR1, &action, NULL)), "sigaction");
	for (seen = 0; seen < 2; seen++) {
		knock(g, ~0ull);
		if (seen)
			m = asked(g);
		background_settle(&g->b);
		need(-pthread_kill(g->b.thread, SIGUSR1), "pthread_kill");
		EXPECT_ERR(EINTR, gate_wait(g));
		EXPECT_EQ(seen ? CAPS_RESULT_TAKEN : 0, g->c.result);
		if (!seen)
			EXPECT_EQ(0, port_info(g->server, g->port).queued);
	}
	EXPECT_ERR(ECANCELED, admit(g, &m));
}

/* V15: the port goes, the server drops it, the server dies. */
TEST_F(end, of_the_port)
{
	struct gate *g = &self->g;

	knock(g, ~0ull);
	background_settle(&g->b);
	ASSERT_OK(port_delete(g->server, g->port));
	EXPECT_ERR(ECONNREFUSED, gate_wait(g));
	EXPECT_EQ(0, g->c.result);
	knock(g, ~0ull);
	EXPECT_ERR(ENOENT, gate_wait(g));
}

TEST_F(end, by_the_server)
{
	struct gate *g = &self->g;
	struct message m;

	knock(g, ~0ull);
	m = asked(g);
	ASSERT_OK(discard(g->server, m.header.id));
	EXPECT_ERR(ECONNREFUSED, gate_wait(g));
	EXPECT_EQ(0, g->c.result & CAPS_RESULT_REJECTED);
}

TEST_F(end, of_the_server)
{
	int seen;

	for (seen = 0; seen < 2; seen++) {
		struct gate *g = &self->g;

		knock(g, ~0ull);
		if (seen)
			asked(g);
		background_settle(&g->b);
		close(g->server);
		EXPECT_ERR(ECONNREFUSED, gate_wait(g));
		close(g->client);
		*g = gate_open(CAPS_REGISTER_DISCONNECTED);
	}
}

/* After a verdict of 0 there is a connection, and its end is told. */
TEST_F(end, of_who_was_accepted)
{
	struct caps_connect *shared = mmap(NULL, page_size(), PROT_READ |
					   PROT_WRITE, MAP_ANONYMOUS |
					   MAP_SHARED, -1, 0);
	struct gate *g = &self->g;
	unsigned int rounds = test_scale(50);
	struct message m, last;
	struct child c;

	*shared = plea(~0ull);
	while (rounds--) {
		if (child_start(&c)) {
			caps_ioctl(actor_open(), CAPS_CONNECT, shared);
			_exit(0);
		}
		m = asked(g);
		/* It is killed while it learns that it was let in. */
		kill(c.pid, SIGKILL);
		if (admit(g, &m)) {
			child_wait(&c);
			while (!receive_now(g->server, g->port, &last))
				EXPECT_EQ(CAPS_KIND_CANCELLED,
					  last.header.kind);
			continue;
		}
		ASSERT_OK(receive(g->server, g->port, &last));
		EXPECT_EQ(CAPS_KIND_DISCONNECTED, last.header.kind);
		EXPECT_EQ(m.header.badge, last.header.badge);
		child_wait(&c);
		EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &last));
	}
	munmap(shared, page_size());
}

/* The port moves meanwhile: what waits and what is held, both are answered. */
TEST_F(end, elsewhere)
{
	struct gate *g = &self->g;
	struct message m, n;
	struct gate second;
	int heir = actor_open();
	__u64 moved;

	knock(g, ~0ull);
	m = asked(g);
	second = *g;
	knock(&second, 0x1);
	background_settle(&second.b);
	ASSERT_OK(port_migrate(g->server, g->port,
			       cap_give(heir, actor_self(heir), g->server), 0,
			       NULL, NULL));
	moved = port_arrived(heir, grace());
	ASSERT_OK(admit(g, &m));
	ASSERT_OK(gate_wait(g));
	ASSERT_OK(receive(heir, moved, &n));
	EXPECT_EQ(CAPS_KIND_APPLICATION, n.header.kind);
	EXPECT_NE(m.header.badge, n.header.badge);
	second.server = heir;
	ASSERT_OK(admit(&second, &n));
	ASSERT_OK(gate_wait(&second));
	ASSERT_OK(send_text(g->client, g->c.capability, "here"));
	ASSERT_OK(receive(heir, moved, &n));
	EXPECT_EQ(m.header.badge, n.header.badge);
	close(heir);
}

/* Applications count among connections from the moment they are made. */
TEST_F(end, over_the_limit)
{
	struct gate *g = &self->g;
	struct caps_connect c = plea(~0ull);
	struct message m;

	parameter_set(&self->before, "max_connections", 1);
	knock(g, ~0ull);
	m = asked(g);
	EXPECT_ERR(EDQUOT, caps_ioctl(g->client, CAPS_CONNECT, &c));
	ASSERT_OK(reject(g->server, m.header.id, EPERM));
	EXPECT_ERR(EPERM, gate_wait(g));
	c.verdict = in_ms(10);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(g->client, CAPS_CONNECT, &c));
}

TEST_HARNESS_MAIN
