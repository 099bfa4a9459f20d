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

/* --- a value that is used again ------------------------------------------ */

static long accept_as(struct gate *g, const struct message *m, __u64 badge)
{
	struct caps_verdict v = {
		.operations = 1, .badge = badge, .flags = CAPS_VERDICT_BADGE,
	};

	return accept_with(g->server, m->header.id, &v);
}

/* What has not ended, as the server sees it, is not told to have. */
TEST_F(end, not_of_what_goes_on)
{
	struct gate *g = &self->g;
	struct message m;
	__u64 old;

	knock(g, 1);
	m = asked(g);
	ASSERT_OK(accept_as(g, &m, 5));
	ASSERT_OK(gate_wait(g));
	old = g->c.capability;
	knock(g, 1);
	m = asked(g);
	ASSERT_OK(cap_close(g->client, old));
	ASSERT_OK(accept_as(g, &m, 5));
	ASSERT_OK(gate_wait(g));
	EXPECT_EQ(0, next(g, 5));
	ASSERT_OK(send_text(g->client, g->c.capability, "goes on"));
	EXPECT_EQ(CAPS_KIND_SEND, next(g, 5));
	ASSERT_OK(cap_close(g->client, g->c.capability));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(g, 5));
	EXPECT_EQ(0, next(g, 5));
	EXPECT_EQ(0, charged(g->server, "connections"));
}

static long badge_told(const struct gate *g, __u64 badge, __u64 *result)
{
	struct caps_duplicate d = {
		.capability = g->port, .rights = CAPS_RIGHT_SEND,
		.badge = badge, .operations = 1,
		.flags = CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED,
	};
	long ret = caps_ioctl(g->server, CAPS_DUPLICATE, &d);

	*result = d.result;
	return ret;
}

/* Nor if who chooses it again does not ask: somebody has. */
TEST_F(end, of_what_goes_on_unasked)
{
	struct caps_revoke r = { .flags = CAPS_REVOKE_BADGE, .badge = 5 };
	struct gate *g = &self->g;
	struct message m;
	__u64 cap;

	r.capability = g->port;
	ASSERT_OK(badge_told(g, 5, &cap));
	ASSERT_OK(cap_close(g->server, cap));
	/* Nobody has it, so there is nothing to take back. */
	EXPECT_ERR(ENOENT, caps_ioctl(g->server, CAPS_REVOKE, &r));
	ASSERT_OK(cap_badge(g->server, g->port, 5, &cap));
	EXPECT_EQ(0, next(g, 5));
	ASSERT_OK(cap_close(g->server, cap));
	ASSERT_OK(receive_now(g->server, g->port, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
	EXPECT_EQ(5, m.header.badge);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(0, next(g, 5));
	EXPECT_EQ(0, charged(g->server, "connections"));
	/* That was its end: the next one tells only if asked to. */
	ASSERT_OK(cap_badge(g->server, g->port, 5, &cap));
	ASSERT_OK(cap_close(g->server, cap));
	EXPECT_EQ(0, next(g, 5));
}

/* The same of what could not be written. */
TEST_F(end, of_what_goes_on_after_a_fault)
{
	struct caps_receive *r = read_only(sizeof(*r));
	struct gate *g = &self->g;
	__u64 cap;

	ASSERT_OK(port_enable(g->server, g->port, 0));
	ASSERT_OK(badge_told(g, 5, &cap));
	ASSERT_OK(cap_close(g->server, cap));
	EXPECT_ERR(EFAULT, caps_ioctl(g->server, CAPS_RECEIVE, r));
	ASSERT_OK(cap_badge(g->server, g->port, 5, &cap));
	EXPECT_EQ(0, next(g, 5));
	ASSERT_OK(cap_close(g->server, cap));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(g, 5));
	EXPECT_EQ(0, next(g, 5));
}

/* Chosen again and again while it is told; as often as it was the last. */
TEST_F(end, whatever_comes_first)
{
	unsigned int i, rounds = test_scale(2000), ends = 0;
	struct gate *g = &self->g;
	struct caps_receive r[2];
	struct background b[2];
	struct message m[2];
	__u64 cap;

	for (i = 0; i < rounds; i++) {
		ASSERT_OK(badge_told(g, 5, &cap));
		r[i % 2] = receive_of(&m[i % 2], g->port, grace());
		background_start(&b[i % 2], g->server, CAPS_RECEIVE, &r[i % 2]);
		ASSERT_OK(cap_close(g->server, cap));
		ASSERT_OK(badge_told(g, 5, &cap));
		ASSERT_OK(cap_close(g->server, cap));
		ASSERT_OK(background_join(&b[i % 2]));
		ASSERT_EQ(CAPS_KIND_DISCONNECTED, r[i % 2].header.kind);
		while (next(g, 5) == CAPS_KIND_DISCONNECTED)
			ends++;
		ASSERT_LE(ends, i + 1);
	}
	EXPECT_EQ(0, charged(g->server, "connections"));
}

/* --- who was accepted ---------------------------------------------------- */

/* There is no need of another connection, or of memory, for another badge. */
TEST_F(end, accepted_at_the_limit)
{
	struct gate *g = &self->g;
	struct message m;

	parameter_set(&self->before, "max_connections", 1);
	knock(g, 1);
	m = asked(g);
	ASSERT_OK(accept_as(g, &m, 77));
	ASSERT_OK(gate_wait(g));
	EXPECT_EQ(1, charged(g->client, "connections"));
	ASSERT_OK(cap_close(g->client, g->c.capability));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(g, 77));
	EXPECT_EQ(0, charged(g->client, "connections"));
}

/* Whatever becomes of it, the server hears of the end. */
TEST_F(end, accepted_for_nothing)
{
	struct gate *g = &self->g;
	struct message m;

	knock(g, 1);
	m = asked(g);
	parameter_set(&self->before, "max_capabilities", 0);
	ASSERT_OK(accept_as(g, &m, 77));
	EXPECT_ERR(EDQUOT, gate_wait(g));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(g, 77));
	EXPECT_EQ(0, next(g, 77));
}

/* The badge that the application had is nobody's then. */
TEST_F(end, accepted_as_another)
{
	struct caps_revoke r = { .flags = CAPS_REVOKE_BADGE };
	struct gate *g = &self->g;
	struct message m;
	int i;

	r.capability = g->port;
	for (i = 0; i < 2; i++) {
		knock(g, 1);
		m = asked(g);
		r.badge = m.header.badge;
		if (i)
			ASSERT_OK(caps_ioctl(g->server, CAPS_REVOKE, &r));
		ASSERT_OK(accept_as(g, &m, 77 + i));
		ASSERT_OK(gate_wait(g));
		EXPECT_ERR(ENOENT, caps_ioctl(g->server, CAPS_REVOKE, &r));
		EXPECT_OK(send_text(g->client, g->c.capability, "hello"));
		EXPECT_EQ(CAPS_KIND_SEND, next(g, 77 + i));
		r.badge = 77 + i;
		EXPECT_OK(caps_ioctl(g->server, CAPS_REVOKE, &r));
		EXPECT_ERR(EKEYREVOKED, send_text(g->client, g->c.capability,
						  "no"));
	}
}

/* --- much to tell -------------------------------------------------------- */

/* Connects and goes, as another user, until that fails. */
static long come_and_go(const char *name, unsigned int times)
{
	struct child c;
	__u64 cap;
	long ret;

	if (child_start(&c)) {
		int own;

		become_member(ALICE);
		own = actor_open();
		while (times--) {
			ret = service_connect(own, name, 0, ~0ull, &cap);
			if (ret)
				_exit(-ret);
			if (cap_close(own, cap) || charged(own, "connections"))
				_exit(EINVAL);
		}
		_exit(0);
	}
	return -child_wait(&c);
}

/* What only the server can end it pays for, and gets no more of. */
TEST_F(end, at_the_cost_of_the_server)
{
	struct gate *g = &self->g;
	struct message m;
	__u64 cap;
	int i;

	ASSERT_OK(service_register(g->server, g->port, "idle",
				   CAPS_REGISTER_DISCONNECTED |
				   CAPS_REGISTER_WORLD, ~0ull));
	parameter_set(&self->before, "max_connections", 10);
	EXPECT_OK(come_and_go("idle", 11));
	EXPECT_EQ(11, charged(g->server, "connections"));
	EXPECT_ERR(EAGAIN, come_and_go("idle", 1));
	EXPECT_ERR(EAGAIN, service_connect(g->client, "idle", 0, ~0ull, &cap));
	ASSERT_OK(receive_now(g->server, g->port, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
	EXPECT_EQ(ALICE, m.header.euid);
	EXPECT_OK(come_and_go("idle", 1));
	for (i = 0; i < 11; i++)
		EXPECT_OK(receive_now(g->server, g->port, &m));
	EXPECT_EQ(0, next(g, 0));
	EXPECT_EQ(0, charged(g->server, "connections"));
}

/* One event at most is before what others have sent. */
TEST_F(end, of_many_in_turn)
{
	struct gate *g = &self->g;
	struct caps_signal s = { .bits = 1 };
	__u64 cap, badge = CAPS_BADGE_KERNEL | 51;
	int i;

	for (i = 0; i < 50; i++)
		ASSERT_OK(cap_close(g->client, joined(g->client)));
	s.capability = cap_give(g->server, g->port, g->client);
	ASSERT_OK(send_text(g->client, s.capability, "plain"));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, CAPS_BADGE_KERNEL | 1));
	EXPECT_EQ(CAPS_KIND_SEND, next(g, 0));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, CAPS_BADGE_KERNEL | 2));
	ASSERT_OK(caps_ioctl(g->client, CAPS_SIGNAL, &s));
	EXPECT_EQ(CAPS_KIND_SIGNAL, next(g, 0));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, CAPS_BADGE_KERNEL | 3));
	/* Nor before what tells of who has sent, but that is. */
	cap = joined(g->client);
	ASSERT_OK(send_text(g->client, cap, "new"));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, badge));
	EXPECT_EQ(CAPS_KIND_SEND, next(g, badge));
	/* And messages keep no events: in turn. */
	for (i = 4; i < 6; i++) {
		ASSERT_OK(send_text(g->client, s.capability, "plain"));
		EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, CAPS_BADGE_KERNEL | i));
		EXPECT_EQ(CAPS_KIND_SEND, next(g, 0));
	}
	for (i = 6; i <= 50; i++)
		EXPECT_EQ(CAPS_KIND_CONNECTED, next(g, CAPS_BADGE_KERNEL | i));
	for (i = 1; i <= 50; i++)
		EXPECT_EQ(CAPS_KIND_DISCONNECTED,
			  next(g, CAPS_BADGE_KERNEL | i));
	EXPECT_EQ(0, next(g, 0));
}

TEST_HARNESS_MAIN
