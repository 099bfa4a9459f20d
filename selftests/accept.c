// SPDX-License-Identifier: GPL-2.0
/*
 * A server that is asked who may connect: what it is told, what it can say, and
 * that nobody gets around it.
 */
#include "caps_accept.h"

FIXTURE(gate) {
	struct before before;
	struct gate g;
};

FIXTURE_SETUP(gate)
{
	before_take(&self->before);
	self->g = gate_open(CAPS_REGISTER_DISCONNECTED);
}

FIXTURE_TEARDOWN(gate)
{
	gate_close(&self->g);
	before_check(_metadata, &self->before);
}

static ino_t namespace_of(const char *kind)
{
	char path[64];
	struct stat s;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	need(sys(stat(path, &s)), path);
	return s.st_ino;
}

static struct caps_capability_info info_of(int fd, __u64 cap)
{
	struct caps_capability_info i;

	need(cap_info(fd, cap, &i), "CAPS_CAPABILITY_INFO");
	return i;
}

/* The number of the only name that there is. */
static __u64 number_of_name(int fd)
{
	struct caps_service_entry entries[2];
	struct caps_services s = {
		.entries = (uintptr_t)entries, .count = ARRAY_SIZE(entries),
	};

	need(caps_ioctl(fd, CAPS_SERVICES, &s), "CAPS_SERVICES");
	return s.count == 1 ? entries[0].cursor : 0;
}

/* V6: the kernel says who it is and what it wants. */
TEST_F(gate, tells_who_applies)
{
	struct caps_application a;
	__u64 all = ~0ull >> (63 - CAP_LAST_CAP);
	struct message m;

	knock(&self->g, 0x5);
	m = asked(&self->g);
	EXPECT_EQ(CAPS_KIND_APPLICATION, m.header.kind);
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE, m.header.flags);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(getuid(), m.header.uid);
	EXPECT_EQ(getegid(), m.header.egid);
	EXPECT_EQ(0x5, m.header.address);
	EXPECT_TRUE(m.header.badge & CAPS_BADGE_KERNEL);
	EXPECT_EQ(0, m.header.body_len);
	ASSERT_EQ(sizeof(a), m.header.annex_len);
	memcpy(&a, m.annex, sizeof(a));
	EXPECT_NE(0, a.service);
	EXPECT_EQ(number_of_name(self->g.server), a.service);
	EXPECT_EQ(all, a.effective & all);
	EXPECT_EQ(all, a.permitted & all);
	EXPECT_EQ(0, a.inheritable);
	EXPECT_EQ(namespace_of("user"), a.user_namespace);
	EXPECT_EQ(namespace_of("pid"), a.pid_namespace);
	EXPECT_EQ(namespace_of("net"), a.network_namespace);
	ASSERT_OK(admit(&self->g, &m));
	ASSERT_OK(gate_wait(&self->g));
}

/* Groups and what it may do are those of the client's process. */
TEST_F(gate, tells_of_another_user)
{
	struct gate *g = &self->g;
	struct caps_application a;
	__u32 groups[8] = { 0 };
	struct caps_identity who = { .groups = (uintptr_t)groups };
	struct message m;
	struct child c;

	if (child_start(&c)) {
		struct caps_connect p = plea(~0ull);

		become_one(ALICE, true);
		EXPECT_OK(caps_ioctl(actor_open(), CAPS_CONNECT, &p));
		CHILD_END();
	}
	m = asked(g);
	EXPECT_EQ(c.pid, m.header.pid);
	EXPECT_EQ(ALICE, m.header.uid);
	EXPECT_EQ(ALICE, m.header.gid);
	EXPECT_EQ(GRANTED, m.header.address);
	memcpy(&a, m.annex, sizeof(a));
	EXPECT_EQ(0, a.effective);
	EXPECT_EQ(0, a.permitted);
	who.id = m.header.id;
	who.group_count = 8;
	ASSERT_OK(caps_ioctl(g->server, CAPS_IDENTITY, &who));
	ASSERT_EQ(2, who.group_count);
	EXPECT_TRUE(groups[0] == STAFF || groups[1] == STAFF);
	EXPECT_EQ(0, who.effective);
	ASSERT_OK(admit(g, &m));
	EXPECT_EQ(0, child_wait(&c));
}

/* V9, V11: what is granted, and no more; the limit; the badge shown. */
TEST_F(gate, grants)
{
	struct caps_verdict v = { .operations = 0x3, .in_flight = 2 };
	struct caps_send s = { .operation = 1 };
	struct gate *g = &self->g;
	struct message m, next;

	knock(g, 0x7);
	m = asked(g);
	ASSERT_OK(accept_with(g->server, m.header.id, &v));
	ASSERT_OK(gate_wait(g));
	EXPECT_EQ(0x3, g->c.operations);
	EXPECT_EQ(2, g->c.in_flight);
	EXPECT_EQ(CAPS_RESULT_TAKEN, g->c.result);
	EXPECT_EQ(m.header.badge, info_of(g->client, g->c.capability).badge);
	s.capability = g->c.capability;
	ASSERT_OK(caps_ioctl(g->client, CAPS_SEND, &s));
	ASSERT_OK(caps_ioctl(g->client, CAPS_SEND, &s));
	EXPECT_ERR(EAGAIN, caps_ioctl(g->client, CAPS_SEND, &s));
	s.operation = 2;
	EXPECT_ERR(EACCES, caps_ioctl(g->client, CAPS_SEND, &s));
	EXPECT_EQ(2, port_info(g->server, g->port).queued);
	ASSERT_OK(receive_now(g->server, g->port, &next));
	EXPECT_EQ(m.header.badge, next.header.badge);
	/* The verdict was no answer to anything of the client's. V12 */
	EXPECT_ERR(ENOMSG, admit(g, &m));
}

/* A badge of the server's choice, for two; one end, when both are gone. */
TEST_F(gate, grants_a_badge)
{
	struct caps_verdict v = {
		.operations = 1, .badge = 77, .flags = CAPS_VERDICT_BADGE,
	};
	struct gate *g = &self->g;
	__u64 cap[2];
	struct message m;
	int i;

	for (i = 0; i < 2; i++) {
		knock(g, 1);
		m = asked(g);
		ASSERT_OK(accept_with(g->server, m.header.id, &v));
		ASSERT_OK(gate_wait(g));
		cap[i] = g->c.capability;
		EXPECT_EQ(128, g->c.in_flight);
		EXPECT_EQ(77, info_of(g->client, cap[i]).badge);
	}
	ASSERT_OK(cap_close(g->client, cap[0]));
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
	ASSERT_OK(cap_close(g->client, cap[1]));
	ASSERT_OK(receive_now(g->server, g->port, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
	EXPECT_EQ(77, m.header.badge);
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
}

/* V9, V10: any reason, and that it is the server's; nothing stays of it. */
TEST_F(gate, rejects)
{
	static const int reasons[] = { EPERM, EACCES, EPIPE, ENOENT, 511 };
	struct gate *g = &self->g;
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		knock(g, ~0ull);
		m = asked(g);
		ASSERT_OK(reject(g->server, m.header.id, reasons[i]));
		EXPECT_ERR(reasons[i], gate_wait(g));
		EXPECT_EQ(CAPS_RESULT_TAKEN | CAPS_RESULT_REJECTED,
			  g->c.result);
	}
	EXPECT_EQ(0, actor_info(g->client).capabilities);
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
}

/* V8: what is no verdict rejects, and its maker is told. */
TEST_F(gate, refuses_nonsense)
{
	struct caps_verdict good = { .operations = 1 }, v[5];
	struct gate *g = &self->g;
	struct caps_reply r[9];
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = good;
	v[0].operations = 0x9;			/* more than was wanted */
	v[1].badge = 5;				/* without its flag */
	v[2].flags = 2;
	v[3].flags = CAPS_VERDICT_BADGE;
	v[3].badge = CAPS_BADGE_KERNEL | 5;
	v[4].in_flight = CAPS_MAX_IN_FLIGHT + 1;
	for (i = 0; i < ARRAY_SIZE(v); i++)
		r[i] = verdict_of(0, 0, &v[i]);
	r[5] = verdict_of(0, 0, NULL);
	r[6] = verdict_of(0, -EACCES, NULL);
	r[7] = verdict_of(0, 512, NULL);
	r[8] = verdict_of(0, EACCES, &good);	/* yes and no */
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		knock(g, 0x1);
		m = asked(g);
		r[i].id = m.header.id;
		EXPECT_ERR(EBADMSG, caps_ioctl(g->server, CAPS_REPLY, &r[i]));
		EXPECT_ERR(ECONNREFUSED, gate_wait(g));
		EXPECT_EQ(CAPS_RESULT_TAKEN | CAPS_RESULT_REJECTED,
			  g->c.result);
		EXPECT_ERR(ENOMSG, caps_ioctl(g->server, CAPS_REPLY, &r[i]));
	}
	EXPECT_EQ(0, actor_info(g->server).held);
}

/* A body, in the message or in pages: neither is a verdict. */
TEST_F(gate, refuses_bodies)
{
	struct caps_verdict good = { .operations = 1 };
	static char large[65536];
	struct gate *g = &self->g;
	size_t sizes[] = { 1, sizeof(large) };
	struct caps_reply r;
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		knock(g, 0x1);
		m = asked(g);
		r = verdict_of(m.header.id, 0, &good);
		r.data.body = (uintptr_t)large;
		r.data.body_len = sizes[i];
		r.flags = i ? CAPS_DEFER : 0;
		EXPECT_ERR(EBADMSG, caps_ioctl(g->server, CAPS_REPLY, &r));
		EXPECT_ERR(ECONNREFUSED, gate_wait(g));
	}
}

/* An answer that could not be read is none: the next one counts. */
TEST_F(gate, waits_for_an_answer)
{
	struct caps_reply bad = {
		.data.annex = NOWHERE,
		.data.annex_len = sizeof(struct caps_verdict),
	};
	struct gate *g = &self->g;
	struct message m;

	knock(g, ~0ull);
	m = asked(g);
	bad.id = m.header.id;
	EXPECT_ERR(EFAULT, caps_ioctl(g->server, CAPS_REPLY, &bad));
	ASSERT_OK(admit(g, &m));
	EXPECT_OK(gate_wait(g));
}

/* V8, V12, V13: one port, applications and requests, each says which it is. */
TEST_F(gate, serves_in_one_loop)
{
	struct caps_verdict v = { .operations = GRANTED };
	struct caps_reply_receive rr = { 0 };
	struct gate *g = &self->g;
	struct background call;
	struct caps_call c;
	struct message m;

	ASSERT_OK(port_enable(g->server, g->port, 0));
	knock(g, ~0ull);
	ASSERT_OK(receive(g->server, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_APPLICATION, m.header.kind);
	rr.reply = verdict_of(m.header.id, 0, &v);
	rr.receive = receive_of(&m, CAPS_ANY_PORT, in_ms(100));
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(g->server, CAPS_REPLY_RECEIVE, &rr));
	ASSERT_OK(gate_wait(g));
	c = call_of(g->c.capability, "request");
	background_start(&call, g->client, CAPS_CALL, &c);
	ASSERT_OK(receive(g->server, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_STREQ("request", m.body);
	ASSERT_OK(reply_text(g->server, m.header.id, 0, ""));
	EXPECT_OK(background_join(&call));
}

/* V7: a server that gave it no room learns its size, and can fetch it. */
TEST_F(gate, is_fetched)
{
	struct gate *g = &self->g;
	struct caps_receive r = {
		.port = g->port, .deadline = grace(),
	};
	struct caps_verdict v = { .operations = 0x5 };
	struct caps_application a = { 0 };
	struct caps_get_data fetch = { 0 };

	EXPECT_LE(sizeof(a), CAPS_MAX_ANNEX);
	knock(g, 0x5);
	ASSERT_OK(caps_ioctl(g->server, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_KIND_APPLICATION, r.header.kind);
	EXPECT_EQ(sizeof(a), r.header.annex_len);
	EXPECT_TRUE(r.header.flags & CAPS_HEADER_TRUNCATED);
	fetch.id = r.header.id;
	fetch.buffer.annex = (uintptr_t)&a;
	fetch.buffer.annex_len = sizeof(a);
	ASSERT_OK(caps_ioctl(g->server, CAPS_GET_DATA, &fetch));
	EXPECT_EQ(number_of_name(g->server), a.service);
	EXPECT_EQ(namespace_of("net"), a.network_namespace);
	ASSERT_OK(accept_with(g->server, r.header.id, &v));
	EXPECT_OK(gate_wait(g));
	EXPECT_EQ(0x5, g->c.operations);
}

/* V2: several wait at once, each for its own verdict, in any order. */
TEST_F(gate, of_many)
{
	enum { MANY = 6 };
	struct gate *g = &self->g, others[MANY];
	struct caps_verdict v = { 0 };
	struct message m[MANY];
	__u64 badge;
	int i;

	for (i = 0; i < MANY; i++) {
		others[i] = *g;
		knock(&others[i], 1ull << i);
		m[i] = asked(g);
		EXPECT_EQ(1ull << i, m[i].header.address);
		EXPECT_TRUE(eventually(asleep(others[i].b.tid)));
	}
	for (i = MANY - 1; i >= 0; i--) {
		v.operations = 1ull << i;
		if (i % 2)
			ASSERT_OK(accept_with(g->server, m[i].header.id, &v));
		else
			ASSERT_OK(reject(g->server, m[i].header.id, i + 1));
	}
	for (i = 0; i < MANY; i++) {
		EXPECT_ERR(i % 2 ? 0 : i + 1, gate_wait(&others[i]));
		if (!(i % 2))
			continue;
		EXPECT_EQ(1ull << i, others[i].c.operations);
		badge = info_of(g->client, others[i].c.capability).badge;
		EXPECT_EQ(m[i].header.badge, badge);
	}
}

/* The rules come first, and so do the registered operations. */
TEST_F(gate, bothers_nobody_in_vain)
{
	struct gate *g = &self->g;
	struct caps_connect c = plea(0x100);
	struct message m;

	EXPECT_ERR(EACCES, caps_ioctl(g->client, CAPS_CONNECT, &c));
	c = plea(1);
	c.flags = CAPS_CONNECT_GROUP;
	EXPECT_ERR(EACCES, caps_ioctl(g->client, CAPS_CONNECT, &c));
	EXPECT_EQ(0, c.result);
	EXPECT_ERR(EAGAIN, receive_now(g->server, g->port, &m));
}

/* It is not passed on: the connection would be to another port. */
TEST_F(gate, decides_itself)
{
	struct gate *g = &self->g;
	struct caps_forward f = { .capability = port_new(g->server) };
	struct message m;

	knock(g, ~0ull);
	m = asked(g);
	f.id = m.header.id;
	EXPECT_ERR(EINVAL, caps_ioctl(g->server, CAPS_FORWARD, &f));
	ASSERT_OK(admit(g, &m));
	EXPECT_OK(gate_wait(g));
}

/* What the verdict says is said once: no CONNECTED besides. */
TEST_F(gate, is_not_told_twice)
{
	struct gate *g = &self->g;

	EXPECT_ERR(EINVAL, register_to(g->server, g->port, "both", 0, ANY,
				       CAPS_REGISTER_ASK |
				       CAPS_REGISTER_CONNECTED));
}

TEST_HARNESS_MAIN
