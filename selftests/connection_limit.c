// SPDX-License-Identifier: GPL-2.0
/*
 * How much one connection may have on its way: exactly so many, until they have
 * been received or answered; who waits gets a turn.
 */
#include "caps_names.h"

FIXTURE(flight) {
	struct before before;
	int server;
	int client;
	__u64 port;
	__u64 cap;
};

FIXTURE_SETUP(flight)
{
	before_take(&self->before);
	self->server = actor_open();
	self->client = actor_open();
	/* Of which one user may fill half. */
	self->port = port_new_limit(self->server, 1024);
}

FIXTURE_TEARDOWN(flight)
{
	close(self->server);
	close(self->client);
	before_check(_metadata, &self->before);
}

static long offer(FIXTURE_DATA(flight) * self, const char *name, __u32 limit)
{
	struct caps_register r = {
		.port = self->port, .name = (uintptr_t)name,
		.name_len = strlen(name), .uid = 0, .gid = ANY,
		.operations = CAPS_ALL_OPERATIONS, .in_flight = limit,
	};
	long ret = caps_ioctl(self->server, CAPS_REGISTER, &r);

	return ret ?: service_connect(self->client, name, 0,
				      CAPS_ALL_OPERATIONS, &self->cap);
}

/* How many sends fit, up to @most. */
static unsigned int sends(FIXTURE_DATA(flight) * self, unsigned int most)
{
	unsigned int n = 0;
	long ret = 0;

	while (n < most && !(ret = send_text(self->client, self->cap, "x")))
		n++;
	if (ret && ret != -EAGAIN)
		die("CAPS_SEND: %s", result_name(ret));
	return n;
}

TEST_F(flight, exactly_128)
{
	struct message m;
	__u64 other;

	ASSERT_OK(offer(self, "flight", 0));
	EXPECT_EQ(128, CAPS_DEFAULT_IN_FLIGHT);
	EXPECT_EQ(128, sends(self, 1000));
	/* Another connection has as many. */
	other = self->cap;
	ASSERT_OK(service_connect(self->client, "flight", 0, ~0ull,
				  &self->cap));
	EXPECT_EQ(128, sends(self, 1000));
	self->cap = other;
	ASSERT_OK(receive_now(self->server, self->port, &m));
	EXPECT_EQ(1, sends(self, 1000));
}

/* A plain capability has none but the port's. */
TEST_F(flight, of_connections_only)
{
	self->cap = cap_give(self->server, self->port, self->client);
	EXPECT_EQ(512, sends(self, 1000));
}

TEST_F(flight, as_registered)
{
	EXPECT_ERR(EMSGSIZE, offer(self, "bad", CAPS_MAX_IN_FLIGHT + 1));
	ASSERT_OK(offer(self, "one", 1));
	EXPECT_EQ(1, sends(self, 1000));
	ASSERT_OK(offer(self, "three", 3));
	EXPECT_EQ(3, sends(self, 1000));
}

/* A call is on its way until it is answered, whoever holds it. */
TEST_F(flight, calls_until_answered)
{
	struct message m[2], reply;
	__u64 id;
	int i;

	ASSERT_OK(offer(self, "calls", 2));
	for (i = 0; i < 2; i++) {
		ASSERT_OK(call_async(self->client, self->cap, 0, "call", &id));
		ASSERT_OK(receive_now(self->server, self->port, &m[i]));
	}
	EXPECT_ERR(EAGAIN, call_async(self->client, self->cap, 0, "no", &id));
	EXPECT_EQ(0, sends(self, 1));
	/* A copy of the capability is the same connection. */
	ASSERT_OK(cap_dup(self->client, self->cap, CAPS_RIGHT_SEND, ~0ull,
			  &self->cap));
	EXPECT_EQ(0, sends(self, 1));
	ASSERT_OK(reply_text(self->server, m[0].header.id, 0, ""));
	EXPECT_EQ(1, sends(self, 2));
	ASSERT_OK(discard(self->server, m[1].header.id));
	EXPECT_EQ(1, sends(self, 2));
	ASSERT_OK(receive_now(self->client, CAPS_DEFAULT_PORT, &reply));
}

/* Nor what the server has passed on: another has it now. */
TEST_F(flight, not_what_was_forwarded)
{
	struct caps_forward f = { .capability = port_new(self->server) };
	struct message m, reply;
	__u64 id;

	ASSERT_OK(offer(self, "forwarded", 1));
	ASSERT_OK(call_async(self->client, self->cap, 0, "call", &id));
	EXPECT_EQ(0, sends(self, 1));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	f.id = m.header.id;
	ASSERT_OK(caps_ioctl(self->server, CAPS_FORWARD, &f));
	EXPECT_EQ(1, sends(self, 2));
	/* Its end is not another's turn. */
	ASSERT_OK(receive_now(self->server, f.capability, &m));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, ""));
	EXPECT_EQ(0, sends(self, 1));
	ASSERT_OK(receive_now(self->client, CAPS_DEFAULT_PORT, &reply));
}

/* What a client passes on to the server through its connection, is. */
TEST_F(flight, what_was_forwarded_through_it)
{
	struct caps_forward f[2];
	struct message m, reply;
	__u64 own, id;
	int i;

	ASSERT_OK(offer(self, "through", 1));
	own = port_new(self->client);
	for (i = 0; i < 2; i++) {
		ASSERT_OK(call_async(self->client, own, 0, "call", &id));
		ASSERT_OK(receive_now(self->client, own, &m));
		f[i] = (struct caps_forward){
			.id = m.header.id, .capability = self->cap,
		};
	}
	ASSERT_OK(caps_ioctl(self->client, CAPS_FORWARD, &f[0]));
	EXPECT_EQ(0, sends(self, 1));
	EXPECT_ERR(EAGAIN, caps_ioctl(self->client, CAPS_FORWARD, &f[1]));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	EXPECT_ERR(EAGAIN, caps_ioctl(self->client, CAPS_FORWARD, &f[1]));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, ""));
	ASSERT_OK(caps_ioctl(self->client, CAPS_FORWARD, &f[1]));
	EXPECT_EQ(0, sends(self, 1));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, ""));
	EXPECT_EQ(1, sends(self, 2));
	for (i = 0; i < 2; i++)
		ASSERT_OK(receive_now(self->client, CAPS_DEFAULT_PORT, &reply));
}

/* What was taken back, or never got anywhere, is not. */
TEST_F(flight, not_what_was_withdrawn)
{
	struct caps_call call;
	__u64 id;
	int i;

	ASSERT_OK(offer(self, "withdrawn", 1));
	for (i = 0; i < 10; i++) {
		ASSERT_OK(call_async(self->client, self->cap, 0, "call", &id));
		ASSERT_EQ(CAPS_ABORT_BEFORE, abort_call(self->client, id));
		call = call_of(self->cap, "call");
		call.deadline = in_ms(2);
		ASSERT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL,
						 &call));
	}
	EXPECT_EQ(1, sends(self, 1000));
}

static long revoke_it(FIXTURE_DATA(flight) * self, bool badge)
{
	struct caps_capability_info i;
	struct caps_revoke r = { .capability = self->port };

	need(cap_info(self->client, self->cap, &i), "CAPS_CAPABILITY_INFO");
	r.flags = badge ? CAPS_REVOKE_BADGE : 0;
	r.badge = badge ? i.badge : 0;
	return caps_ioctl(self->server, CAPS_REVOKE, &r);
}

/* --- waiting ------------------------------------------------------------- */

TEST_F(flight, until_the_deadline)
{
	struct caps_call call;

	ASSERT_OK(offer(self, "deadline", 1));
	EXPECT_EQ(1, sends(self, 1));
	call = call_of(self->cap, "call");
	call.flags = CAPS_NOWAIT_QUEUE;
	EXPECT_ERR(EAGAIN, caps_ioctl(self->client, CAPS_CALL, &call));
	call.flags = 0;
	call.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CALL, &call));
	EXPECT_EQ(0, call.result);
	EXPECT_GE(now_ns(), call.deadline);
	EXPECT_EQ(1, port_info(self->server, self->port).queued);
}

/* Each of them gets a turn. */
TEST_F(flight, turns)
{
	enum { THREADS = 8 };
	unsigned int i, rounds = test_scale(20);
	struct caps_call call[THREADS];
	struct background b[THREADS];
	struct message m;

	ASSERT_OK(offer(self, "turns", 1));
	while (rounds--) {
		EXPECT_EQ(1, sends(self, 1));
		for (i = 0; i < THREADS; i++) {
			call[i] = call_of(self->cap, "call");
			background_start(&b[i], self->client, CAPS_CALL,
					 &call[i]);
			background_settle(&b[i]);
		}
		EXPECT_EQ(1, port_info(self->server, self->port).queued);
		ASSERT_OK(receive(self->server, self->port, &m));
		for (i = 0; i < THREADS; i++) {
			ASSERT_OK(receive(self->server, self->port, &m));
			EXPECT_EQ(0, port_info(self->server,
					       self->port).queued);
			ASSERT_OK(reply_text(self->server, m.header.id, 0,
					     ""));
		}
		for (i = 0; i < THREADS; i++)
			EXPECT_OK(background_join(&b[i]));
	}
}

/* Who gives up lets the next one go; who finds the port gone, all of them. */
TEST_F(flight, nobody_is_forgotten)
{
	enum { THREADS = 6 };
	struct caps_call call[THREADS];
	struct background b[THREADS];
	unsigned int i, answered = 0, gone = 0;
	struct message m;
	long ret;

	ASSERT_OK(offer(self, "forgotten", 1));
	EXPECT_EQ(1, sends(self, 1));
	for (i = 0; i < THREADS; i++) {
		call[i] = call_of(self->cap, "call");
		if (i < 2)
			call[i].deadline = in_ms(500);
		background_start(&b[i], self->client, CAPS_CALL, &call[i]);
		background_settle(&b[i]);
	}
	EXPECT_ERR(ETIMEDOUT, background_join(&b[0]));
	EXPECT_ERR(ETIMEDOUT, background_join(&b[1]));
	ASSERT_OK(receive(self->server, self->port, &m));
	ASSERT_OK(receive(self->server, self->port, &m));
	ASSERT_OK(port_delete(self->server, self->port));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, ""));
	for (i = 2; i < THREADS; i++) {
		ret = background_join(&b[i]);
		answered += !ret;
		gone += ret == -EPIPE;
	}
	EXPECT_EQ(1, answered);
	EXPECT_EQ(THREADS - 3, gone);
}

/*
 * Nor does anybody wait for the end of what is held when there is no use in it
 * any more: the port has gone, or the badge, or all capabilities.
 */
TEST_F(flight, of_what_has_ended)
{
	static const int reasons[] = { EPIPE, EKEYREVOKED, EKEYREVOKED };
	enum { THREADS = 3 };
	struct caps_call call[THREADS];
	struct background b[THREADS];
	unsigned int i, how;
	struct message m;
	__u64 id;

	for (how = 0; how < ARRAY_SIZE(reasons); how++) {
		self->port = port_new(self->server);
		ASSERT_OK(offer(self, "ended", 1));
		ASSERT_OK(call_async(self->client, self->cap, 0, "held", &id));
		ASSERT_OK(receive_now(self->server, self->port, &m));
		for (i = 0; i < THREADS; i++) {
			call[i] = call_of(self->cap, "call");
			background_start(&b[i], self->client, CAPS_CALL,
					 &call[i]);
			background_settle(&b[i]);
		}
		if (!how)
			ASSERT_OK(port_delete(self->server, self->port));
		else
			ASSERT_OK(revoke_it(self, how == 1));
		for (i = 0; i < THREADS; i++)
			EXPECT_ERR(reasons[how], background_join(&b[i]));
		EXPECT_ERR(reasons[how], send_text(self->client, self->cap,
						   "not EAGAIN"));
		EXPECT_OK(reply_text(self->server, m.header.id, 0, ""));
		if (how)
			EXPECT_OK(service_unregister(self->server, "ended"));
	}
}

/* Whose time is up just when its turn comes leaves that to the next one. */
TEST_F(flight, passed_on)
{
	struct sched_param first = { .sched_priority = 1 }, other = { 0 };
	struct caps_call call[2];
	struct background b[2];
	struct message m;
	cpu_set_t one;
	int i;

	/* On one processor the threads run when this one lets them. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	need(sys(sched_setaffinity(0, sizeof(one), &one)), "sched_setaffinity");
	ASSERT_OK(offer(self, "passed", 1));
	EXPECT_EQ(1, sends(self, 1));
	for (i = 0; i < 2; i++) {
		call[i] = call_of(self->cap, "call");
		if (!i)
			call[i].deadline = in_ms(300);
		background_start(&b[i], self->client, CAPS_CALL, &call[i]);
		background_settle(&b[i]);
	}
	need(sys(sched_setscheduler(0, SCHED_FIFO, &first)), "SCHED_FIFO");
	ASSERT_OK(receive_now(self->server, self->port, &m));
	while (now_ns() < call[0].deadline + 10 * 1000000)
		;
	need(sys(sched_setscheduler(0, SCHED_OTHER, &other)), "SCHED_OTHER");
	EXPECT_ERR(ETIMEDOUT, background_join(&b[0]));
	ASSERT_OK(receive(self->server, self->port, &m));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, ""));
	EXPECT_OK(background_join(&b[1]));
}

TEST_HARNESS_MAIN
