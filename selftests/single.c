// SPDX-License-Identifier: GPL-2.0
/*
 * Ports for one client each, under one name: who gets which, who waits, and when
 * one is free again.
 */
#include <sched.h>

#include "caps_accept.h"

#define CLIENTS	4u
#define SINGLE	(CAPS_REGISTER_WORLD | CAPS_REGISTER_ASK | \
		 CAPS_REGISTER_NEWEST | CAPS_REGISTER_SINGLE)

struct applicant {
	int fd;
	struct caps_connect c;
	struct background b;
};

FIXTURE(single) {
	struct before before;
	int server;
	struct applicant a[CLIENTS];
};

FIXTURE_SETUP(single)
{
	unsigned int i;

	before_take(&self->before);
	self->server = actor_open();
	for (i = 0; i < CLIENTS; i++)
		self->a[i].fd = actor_open();
}

FIXTURE_TEARDOWN(single)
{
	unsigned int i;

	close(self->server);
	for (i = 0; i < CLIENTS; i++)
		close(self->a[i].fd);
	before_check(_metadata, &self->before);
}

/* A port of the server's for one client. */
static __u64 one_more(int server, __u32 flags)
{
	__u64 port = port_new(server);

	need(register_to(server, port, ASKED, 0, ANY, SINGLE | flags),
	     "CAPS_REGISTER");
	return port;
}

/* In a thread that sleeps now: it has applied, or waits. */
static void apply(struct applicant *a)
{
	a->c = plea(~0ull);
	background_start(&a->b, a->fd, CAPS_CONNECT, &a->c);
	background_settle(&a->b);
}

static long end_of(struct applicant *a)
{
	return background_join(&a->b);
}

static bool asked_at(int server, __u64 port, struct message *m)
{
	return !receive_now(server, port, m) &&
	       m->header.kind == CAPS_KIND_APPLICATION;
}

static long let_in(int server, const struct message *m)
{
	struct caps_verdict v = { .operations = m->header.address };

	return accept_with(server, m->header.id, &v);
}

static long try_now(int fd)
{
	struct caps_connect c = plea(~0ull);

	c.flags = CAPS_CONNECT_NOWAIT;
	return caps_ioctl(fd, CAPS_CONNECT, &c);
}

/* V2: one application at a time, and after it was accepted none. */
TEST_F(single, client)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message m, next;

	apply(&a[0]);
	apply(&a[1]);
	EXPECT_ERR(EAGAIN, try_now(a[2].fd));
	ASSERT_TRUE(asked_at(self->server, port, &m));
	EXPECT_FALSE(asked_at(self->server, port, &next));
	ASSERT_OK(let_in(self->server, &m));
	ASSERT_OK(end_of(&a[0]));
	EXPECT_FALSE(asked_at(self->server, port, &next));
	/* Not even when that client has gone. */
	ASSERT_OK(cap_close(a[0].fd, a[0].c.capability));
	EXPECT_ERR(EAGAIN, try_now(a[2].fd));
	port = one_more(self->server, 0);
	ASSERT_TRUE(eventually(asked_at(self->server, port, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
}

/* V5: the one that has been free for the longest time. */
TEST_F(single, in_turn)
{
	__u64 one = one_more(self->server, 0), two = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message first, second;

	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, one, &first));
	apply(&a[1]);
	ASSERT_TRUE(asked_at(self->server, two, &second));
	ASSERT_OK(reject(self->server, second.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[1]));
	ASSERT_OK(reject(self->server, first.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[0]));
	apply(&a[2]);
	ASSERT_TRUE(asked_at(self->server, two, &second));
	apply(&a[3]);
	ASSERT_TRUE(asked_at(self->server, one, &first));
	ASSERT_OK(let_in(self->server, &first));
	ASSERT_OK(let_in(self->server, &second));
	EXPECT_OK(end_of(&a[2]));
	EXPECT_OK(end_of(&a[3]));
}

/* V10, V14: free again after a rejection, and when an applicant has given up. */
TEST_F(single, again)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message m;
	unsigned int i;

	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	for (i = 1; i < CLIENTS; i++)
		apply(&a[i]);
	/* Each that comes free is for the first of those who wait. */
	for (i = 0; i + 1 < CLIENTS; i++) {
		ASSERT_OK(reject(self->server, m.header.id, EACCES));
		EXPECT_ERR(EACCES, end_of(&a[i]));
		ASSERT_TRUE(eventually(asked_at(self->server, port, &m)));
	}
	ASSERT_OK(discard(self->server, m.header.id));
	EXPECT_ERR(ECONNREFUSED, end_of(&a[i]));

	a[0].c = plea(~0ull);
	a[0].c.verdict = in_ms(50);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(a[0].fd, CAPS_CONNECT, &a[0].c));
	apply(&a[1]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
}

/* Rejects all who apply, until this one has been. */
static bool rejected(int server, __u64 port, struct applicant *a)
{
	struct message m;

	while (asked_at(server, port, &m))
		(void)reject(server, m.header.id, EPERM);
	return !pthread_tryjoin_np(a->b.thread, NULL) && a->b.result == -EPERM;
}

/* Who is woken and leaves does not keep the port from the next one. */
TEST_F(single, passed_on)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	unsigned int i, n = test_scale(20);
	struct message m;
	long err;

	for (i = 0; i < n; i++) {
		apply(&a[0]);
		ASSERT_TRUE(eventually(asked_at(self->server, port, &m)));
		a[1].c = plea(~0ull);
		a[1].c.verdict = in_ms(300);
		background_start(&a[1].b, a[1].fd, CAPS_CONNECT, &a[1].c);
		background_settle(&a[1].b);
		apply(&a[2]);
		/* About when the first of those who wait gives up. */
		while (now_ns() + i % 10 * 10000 < a[1].c.verdict)
			;
		ASSERT_OK(reject(self->server, m.header.id, EACCES));
		ASSERT_TRUE(eventually(rejected(self->server, port, &a[2])));
		EXPECT_ERR(EACCES, end_of(&a[0]));
		err = end_of(&a[1]);
		EXPECT_TRUE(err == -EPERM || err == -ETIMEDOUT);
	}
}

/* V15: those who wait for a port are refused when the server goes. */
TEST_F(single, refused)
{
	struct applicant *a = self->a;

	one_more(self->server, 0);
	apply(&a[0]);
	apply(&a[1]);
	close(self->server);
	EXPECT_ERR(ECONNREFUSED, end_of(&a[0]));
	EXPECT_ERR(ECONNREFUSED, end_of(&a[1]));
	EXPECT_ERR(ENOENT, try_now(a[2].fd));
	self->server = actor_open();
}

/* Where no application ends that would have been told, too. */
TEST_F(single, refused_beside_a_client)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message m;

	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[0]));
	apply(&a[1]);
	ASSERT_OK(unregister_of(self->server, ASKED, 0, ANY));
	EXPECT_ERR(ECONNREFUSED, end_of(&a[1]));
	/* Not because it looks again when its time is up. */
	EXPECT_LT(now_ns(), a[1].c.verdict);
}

/* V4: a name without a port for anybody, until there is one. */
TEST_F(single, reserved)
{
	__u64 name = one_more(self->server, CAPS_REGISTER_RESERVED), port;
	struct applicant *a = self->a;
	struct message m;

	EXPECT_ERR(EAGAIN, try_now(a[2].fd));
	apply(&a[0]);
	EXPECT_FALSE(asked_at(self->server, name, &m));
	port = one_more(self->server, 0);
	ASSERT_TRUE(eventually(asked_at(self->server, port, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[0]));
	EXPECT_FALSE(asked_at(self->server, name, &m));
}

/* Who is not let in does not wait, and takes nothing. */
TEST_F(single, not_for_everybody)
{
	struct caps_connect c = plea(~0ull);
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message m;

	c.flags = CAPS_CONNECT_GROUP;
	EXPECT_ERR(EACCES, caps_ioctl(a[1].fd, CAPS_CONNECT, &c));
	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	EXPECT_ERR(EACCES, caps_ioctl(a[1].fd, CAPS_CONNECT, &c));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[0]));
}

TEST_F(single, has_one_name)
{
	__u64 port = one_more(self->server, 0);
	int fd = self->server;

	EXPECT_ERR(EBUSY, register_to(fd, port, "other", 0, ANY, SINGLE));
	EXPECT_ERR(EBUSY, register_to(fd, port, "other", 0, ANY, 0));
	ASSERT_OK(unregister_of(fd, ASKED, 0, ANY));
	EXPECT_OK(register_to(fd, port, "other", 0, ANY, SINGLE));
	EXPECT_ERR(EINVAL, register_to(fd, port, ASKED, 0, ANY,
				       CAPS_REGISTER_SINGLE));
	EXPECT_ERR(EINVAL, register_to(fd, port, ASKED, 0, ANY,
				       CAPS_REGISTER_ASK |
				       CAPS_REGISTER_RESERVED));
}

/* Who applied to a port before it was registered anew does not free it. */
TEST_F(single, registered_anew)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message old, m;

	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, port, &old));
	ASSERT_OK(unregister_of(self->server, ASKED, 0, ANY));
	ASSERT_OK(register_to(self->server, port, ASKED, 0, ANY, SINGLE));
	apply(&a[1]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	ASSERT_OK(reject(self->server, old.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[0]));
	EXPECT_ERR(EAGAIN, try_now(a[2].fd));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
}

/* Nor does what ends late take it from those who come under the new name. */
TEST_F(single, registered_anew_is_free)
{
	__u64 port = one_more(self->server, 0);
	struct applicant *a = self->a;
	struct message m;

	apply(&a[0]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	ASSERT_OK(unregister_of(self->server, ASKED, 0, ANY));
	ASSERT_OK(register_to(self->server, port, ASKED, 0, ANY, SINGLE));
	ASSERT_OK(reject(self->server, m.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[0]));
	apply(&a[1]);
	ASSERT_TRUE(asked_at(self->server, port, &m));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
}

/* In a thread that waits for the name. */
static void await(struct applicant *a, __u32 flags, __u64 name, __u64 verdict)
{
	a->c = plea(~0ull);
	a->c.flags = flags;
	a->c.deadline = name;
	a->c.verdict = verdict;
	background_start(&a->b, a->fd, CAPS_CONNECT, &a->c);
	background_settle(&a->b);
}

/* Lets one of the applicants in; how many others end with this error? */
static unsigned int others(int server, struct applicant *a, long error)
{
	__u64 port = one_more(server, 0);
	unsigned int i, n = 0, in = 0;
	struct message m;
	long err;

	if (!eventually(asked_at(server, port, &m)) || let_in(server, &m))
		return 0;
	for (i = 0; i < CLIENTS; i++) {
		err = end_of(&a[i]);
		in += !err;
		n += err == -error;
	}
	return in == 1 ? n : 0;
}

/* Who waits for a name learns that it is there, whoever gets the port. */
TEST_F(single, appears)
{
	struct applicant *a = self->a;
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		await(&a[i], CAPS_CONNECT_NOWAIT, grace(), grace());
	EXPECT_EQ(CLIENTS - 1, others(self->server, a, EAGAIN));
	EXPECT_LT(now_ns(), a[0].c.deadline);
	ASSERT_OK(unregister_of(self->server, ASKED, 0, ANY));

	for (i = 0; i < CLIENTS; i++)
		await(&a[i], 0, grace(), in_ms(1000));
	EXPECT_EQ(CLIENTS - 1, others(self->server, a, ETIMEDOUT));
	EXPECT_LT(now_ns(), a[0].c.deadline);
}

static void set_priority(pid_t tid, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	need(sys(sched_setscheduler(tid, priority ? SCHED_FIFO : SCHED_OTHER,
				    &p)), "sched_setscheduler");
}

/* From now on no such thread runs while this one could. */
static void go_first(struct applicant *a, unsigned int n)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	need(sys(sched_setaffinity(0, sizeof(here), &here)), "affinity");
	while (n--)
		need(sys(sched_setaffinity(a[n].b.tid, sizeof(here), &here)),
		     "affinity");
	set_priority(0, 1);
}

/* Until when to wait for the name has no say once that is there. */
TEST_F(single, appears_in_time)
{
	__u64 deadline = in_ms(1000), reserved, port;
	struct applicant *a = self->a;
	struct message m;

	await(&a[0], 0, deadline, grace());
	while (now_ns() + 500000000 < deadline)
		sleep_ms(1);
	go_first(a, 1);
	reserved = one_more(self->server, CAPS_REGISTER_RESERVED);
	ASSERT_LT(now_ns(), deadline);
	while (now_ns() < deadline + 1000000)
		;
	set_priority(0, 0);
	EXPECT_TRUE(eventually(asleep(a[0].b.tid)));
	port = one_more(self->server, 0);
	ASSERT_TRUE(eventually(asked_at(self->server, port, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[0]));
	EXPECT_FALSE(asked_at(self->server, reserved, &m));
}

static const __u32 trusted[] = { ALICE, BOB };

/* Apply to this user's, or to whose is there of those who are trusted. */
static void apply_to(struct applicant *a, __u32 uid)
{
	a->c = plea(~0ull);
	a->c.uid = uid;
	if (uid == ANY) {
		a->c.trusted = (uintptr_t)trusted;
		a->c.trusted_count = ARRAY_SIZE(trusted);
	}
	background_start(&a->b, a->fd, CAPS_CONNECT, &a->c);
	background_settle(&a->b);
}

static __u64 one_of(int server, __u32 uid, __u32 flags)
{
	__u64 port = port_new(server);

	need(register_to(server, port, ASKED, uid, ANY, SINGLE | flags),
	     "CAPS_REGISTER");
	return port;
}

/* A port is for the first of those who want just that one. */
TEST_F(single, of_several_users)
{
	__u64 bobs = one_of(self->server, BOB, 0), alices;
	struct applicant *a = self->a;
	struct message m;
	long long before;

	one_of(self->server, ALICE, CAPS_REGISTER_RESERVED);
	apply_to(&a[0], BOB);
	ASSERT_TRUE(asked_at(self->server, bobs, &m));
	apply_to(&a[1], ANY);
	apply_to(&a[2], BOB);
	before = switches(a[1].b.tid);
	ASSERT_OK(reject(self->server, m.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[0]));
	ASSERT_TRUE(eventually(asked_at(self->server, bobs, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[2]));
	EXPECT_EQ(before, switches(a[1].b.tid));
	alices = one_of(self->server, ALICE, 0);
	ASSERT_TRUE(eventually(asked_at(self->server, alices, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
}

/* Who was woken for one port and takes another leaves that to the next. */
TEST_F(single, taken_instead)
{
	__u64 bobs = one_of(self->server, BOB, 0), alices;
	struct applicant *a = self->a;
	struct message m;

	apply_to(&a[0], BOB);
	ASSERT_TRUE(asked_at(self->server, bobs, &m));
	apply_to(&a[1], ANY);
	apply_to(&a[2], BOB);
	go_first(a, 3);
	/* Frees Bob's, before one who waits for that can take it. */
	set_priority(a[0].b.tid, 1);
	ASSERT_OK(reject(self->server, m.header.id, EPERM));
	EXPECT_ERR(EPERM, end_of(&a[0]));
	alices = one_of(self->server, ALICE, 0);
	set_priority(0, 0);
	ASSERT_TRUE(eventually(asked_at(self->server, alices, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[1]));
	ASSERT_TRUE(eventually(asked_at(self->server, bobs, &m)));
	ASSERT_OK(let_in(self->server, &m));
	EXPECT_OK(end_of(&a[2]));
}

TEST_HARNESS_MAIN
