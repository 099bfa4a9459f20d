// SPDX-License-Identifier: GPL-2.0
/*
 * What a server is told of its clients when that is not easy: several threads
 * wait, a value is used again, nobody fetches anything, or one client has much
 * to tell.
 */
#include "caps_accept.h"
#include "caps_memory.h"

#define TOLD	(CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED | \
		 CAPS_REGISTER_WORLD)

FIXTURE(end) {
	struct before before;
	struct gate g;
};

FIXTURE_SETUP(end)
{
	before_take(&self->before);
	self->g = gate_open(CAPS_REGISTER_DISCONNECTED);
	need(service_register(self->g.server, self->g.port, "told", TOLD,
			      ~0ull), "CAPS_REGISTER");
}

FIXTURE_TEARDOWN(end)
{
	gate_close(&self->g);
	before_check(_metadata, &self->before);
}

static __u64 joined(int fd)
{
	__u64 cap;

	need(service_connect(fd, "told", 0, ~0ull, &cap), "CAPS_CONNECT");
	return cap;
}

/* The kind of what comes next, with this badge; 0 if there is nothing. */
static int next(const struct gate *g, __u64 badge)
{
	struct message m;
	long ret = receive_now(g->server, g->port, &m);

	if (ret == -EAGAIN)
		return 0;
	need(ret, "CAPS_RECEIVE");
	return m.header.badge == badge ? (int)m.header.kind : -1;
}

/* --- several threads ----------------------------------------------------- */

/* So many wait, and none comes back before the last has something. */
static unsigned int served(const struct gate *g, unsigned int threads)
{
	struct caps_receive r[4];
	struct background b[4];
	struct message m[4];
	unsigned int i, n = 0;

	for (i = 0; i < threads; i++) {
		r[i] = receive_of(&m[i], CAPS_ANY_PORT, in_ms(3000));
		background_start(&b[i], g->server, CAPS_RECEIVE, &r[i]);
		background_settle(&b[i]);
	}
	need(port_enable(g->server, g->port, 0), "CAPS_PORT_ENABLE");
	for (i = 0; i < threads; i++)
		n += !background_join(&b[i]);
	return n;
}

/* Events among messages keep nobody from these. */
TEST_F(end, wakes_all)
{
	struct gate *g = &self->g;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_OK(send_text(g->client, joined(g->client), "hello"));
	EXPECT_EQ(4, served(g, 4));
	EXPECT_EQ(0, next(g, 0));
}

TEST_F(end, wakes_all_after_signals)
{
	struct gate *g = &self->g;
	struct caps_signal s = { .bits = 1 };

	s.capability = cap_give(g->server, g->port, g->client);
	ASSERT_OK(caps_ioctl(g->client, CAPS_SIGNAL, &s));
	ASSERT_OK(send_text(g->client, joined(g->client), "hello"));
	EXPECT_EQ(3, served(g, 3));
	EXPECT_EQ(0, next(g, 0));
}

TEST_HARNESS_MAIN
