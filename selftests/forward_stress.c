// SPDX-License-Identifier: GPL-2.0
/*
 * Servers that hand calls to each other at random, clients that give up at
 * random, and all of them killed and born again all the time. Each answer belongs
 * to its call, none comes twice, who is told that no server had a call was told
 * the truth, and in the end nothing is left.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define SERVERS	3
#define CLIENTS	4
#define THREADS	2	/* of each server */
#define PENDING	8	/* async calls of a client */

static struct shared {
	bool stop;
	__u64 births, killed;
	__u64 forwarded, answered, async, refused, reset, late, aborted, deaths;
	char wrong[200];	/* what went wrong first */
} *shared;

#define COUNT(what)	__atomic_add_fetch(&shared->what, 1, __ATOMIC_RELAXED)

static bool going_on(void)
{
	return !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

__attribute__((noreturn))
static void wrong(const char *what, long ret)
{
	if (!__atomic_exchange_n(&shared->stop, true, __ATOMIC_ACQ_REL))
		snprintf(shared->wrong, sizeof(shared->wrong), "%s: %s", what,
			 result_name(ret));
	_exit(1);
}

/* --- who is there -------------------------------------------------------- */

struct peers {
	int fd;
	__u64 cap[SERVERS];
	__u64 watch[SERVERS];
};

static const char *server_name(char *name, int i)
{
	sprintf(name, "forward-%d", i);
	return name;
}

/* A capability to a server, once it is there, and a watch on it. */
static __u64 peer(struct peers *p, int i)
{
	struct caps_watch w = { 0 };
	char name[32];

	if (!p->cap[i] && !service_connect(p->fd, server_name(name, i), 0,
					   CAPS_ALL_OPERATIONS, &p->cap[i])) {
		w.capability = p->cap[i];
		if (caps_ioctl(p->fd, CAPS_WATCH, &w))
			wrong("watching", 0);
		p->watch[i] = w.id;
	}
	return p->cap[i];
}

static void peer_lost(struct peers *p, __u64 watch)
{
	int i;

	for (i = 0; i < SERVERS; i++) {
		if (p->watch[i] != watch)
			continue;
		p->watch[i] = 0;
		cap_close(p->fd, p->cap[i]);
		p->cap[i] = 0;
		COUNT(deaths);
		return;
	}
	wrong("a death that nobody watched", 0);
}

/* --- servers ------------------------------------------------------------- */

static struct peers mine;	/* the server's; changed by its first thread */
static __u64 own;

static void serve_answer(__u64 id, __u64 seed)
{
	struct caps_reply r = { .id = id };
	long ret;

	seed++;
	r.data.annex = (uintptr_t)&seed;
	r.data.annex_len = sizeof(seed);
	ret = caps_ioctl(mine.fd, CAPS_REPLY, &r);
	if (ret && ret != -ECANCELED && ret != -ENOMSG)
		wrong("answering", ret);
}

/* ENOMSG: the other thread has ended it, having heard that its caller left. */
static void serve(struct message *m, struct dice *dice)
{
	int to = dice_roll(dice, SERVERS + 1);
	struct caps_forward f = { .id = m->header.id };
	__u64 seed;
	long ret;

	memcpy(&seed, m->annex, sizeof(seed));
	switch (dice_roll(dice, 16)) {
	case 0:
		ret = discard(mine.fd, f.id);
		if (ret && ret != -ENOMSG)
			wrong("discarding", ret);
		return;
	case 1 ... 5:
		return serve_answer(f.id, seed);
	case 6:
		usleep(dice_roll(dice, 3000));
	}
	f.capability = to == SERVERS ? own :
		       __atomic_load_n(&mine.cap[to], __ATOMIC_RELAXED);
	ret = caps_ioctl(mine.fd, CAPS_FORWARD, &f);
	switch (-ret) {
	case 0:
		COUNT(forwarded);
		return;
	case ECANCELED: case ENOMSG:
		return;
	case EAGAIN: case EPIPE: case EBADF:
		return serve_answer(f.id, seed);
	}
	wrong("forwarding", ret);
}

static void *server_thread(void *arg)
{
	struct dice dice = { getpid() * 31 + (uintptr_t)arg };
	struct message m;
	long ret;
	int i;

	for (;;) {
		for (i = 0; !arg && i < SERVERS; i++)
			peer(&mine, i);
		ret = receive_until(mine.fd, arg ? own : CAPS_ANY_PORT, 0,
				    in_ms(20), &m);
		if (ret == -ETIMEDOUT)
			continue;
		if (ret)
			wrong("receiving", ret);
		if (m.header.kind == CAPS_KIND_CANCELLED)
			discard(mine.fd, m.header.id);
		else if (m.header.kind == CAPS_KIND_PORT_DEAD)
			peer_lost(&mine, m.header.id);
		else if (m.header.kind == CAPS_KIND_CALL)
			serve(&m, &dice);
		else
			wrong("a server got something else", 0);
	}
	return NULL;
}

static void server_main(int i)
{
	pthread_t thread;
	char name[32];
	uintptr_t t;

	mine.fd = actor_open();
	own = port_new_limit(mine.fd, 6);
	need(port_enable(mine.fd, own, 0), "CAPS_PORT_ENABLE");
	need(port_enable(mine.fd, CAPS_DEFAULT_PORT, 0), "CAPS_PORT_ENABLE");
	need(service_register(mine.fd, own, server_name(name, i), 0,
			      CAPS_ALL_OPERATIONS), "CAPS_REGISTER");
	for (t = 1; t < THREADS; t++)
		need(-pthread_create(&thread, NULL, server_thread, (void *)t),
		     "thread");
	server_thread(NULL);
}

/* --- clients ------------------------------------------------------------- */

struct client {
	struct peers peers;
	struct dice dice;
	struct {
		__u64 id, seed;
	} pending[PENDING];
};

static void call_one(struct client *c, __u64 cap)
{
	__u64 seed = dice_roll(&c->dice, 1 << 30), back = 0;
	struct caps_call call = {
		.capability = cap, .deadline = dice_roll(&c->dice, 3) ?
			grace() : in_ms(dice_roll(&c->dice, 10)),
		.flags = dice_roll(&c->dice, 2) ? CAPS_INTERRUPTIBLE : 0,
	};
	long ret;

	call.request.annex = (uintptr_t)&seed;
	call.request.annex_len = sizeof(seed);
	call.reply.annex = (uintptr_t)&back;
	call.reply.annex_len = sizeof(back);
	ret = caps_ioctl(c->peers.fd, CAPS_CALL, &call);
	switch (-ret) {
	case 0:
		if (back != seed + 1)
			wrong("an answer to another call", 0);
		COUNT(answered);
		return;
	case ECONNRESET:
		if (!(call.result & CAPS_RESULT_TAKEN))
			wrong("reset and not taken", 0);
		COUNT(reset);
		return;
	case EPIPE:
		if (call.result & CAPS_RESULT_TAKEN)
			wrong("EPIPE of a call that was taken", 0);
		COUNT(refused);
		return;
	case ETIMEDOUT: case EINTR:
		COUNT(late);
		return;
	}
	wrong("calling", ret);
}

static void async_one(struct client *c, __u64 cap, int slot)
{
	__u64 seed = dice_roll(&c->dice, 1 << 30);
	struct caps_send s = { .capability = cap };
	long ret;

	s.data.annex = (uintptr_t)&seed;
	s.data.annex_len = sizeof(seed);
	ret = caps_ioctl(c->peers.fd, CAPS_CALL_ASYNC, &s);
	if (ret == -EAGAIN || ret == -EPIPE)
		return;
	if (ret)
		wrong("calling async", ret);
	c->pending[slot].id = s.id;
	c->pending[slot].seed = seed;
}

static void abort_one(struct client *c, int slot)
{
	long ret = abort_call(c->peers.fd, c->pending[slot].id);

	/* Only an answer that is there keeps it pending. */
	if (ret == CAPS_ABORT_ANSWERED)
		return;
	if (ret != CAPS_ABORT_BEFORE && ret != CAPS_ABORT_AT_SERVER)
		wrong("aborting", ret);
	c->pending[slot].id = 0;
	COUNT(aborted);
}

static void hear_answer(struct client *c, const struct message *m)
{
	__u64 seed;
	int i;

	if (m->header.kind == CAPS_KIND_PORT_DEAD)
		return peer_lost(&c->peers, m->header.id);
	if (m->header.kind != CAPS_KIND_REPLY)
		wrong("a client got something else", 0);
	for (i = 0; i < PENDING; i++) {
		if (c->pending[i].id != m->header.id)
			continue;
		memcpy(&seed, m->annex, sizeof(seed));
		if (!m->header.error && seed != c->pending[i].seed + 1)
			wrong("an answer to another async call", 0);
		if (m->header.error && m->header.error != EPIPE &&
		    m->header.error != ECONNRESET)
			wrong("an async call ended", -m->header.error);
		c->pending[i].id = 0;
		COUNT(async);
		return;
	}
	wrong("an answer twice, or of an aborted call", 0);
}

static void nothing(int sig)
{
	(void)sig;
}

static void client_main(void)
{
	struct client c = { .dice = { getpid() } };
	struct message m;
	__u64 cap;
	int slot;

	signal(SIGUSR1, nothing);
	c.peers.fd = actor_open();
	while (going_on()) {
		cap = peer(&c.peers, dice_roll(&c.dice, SERVERS));
		slot = dice_roll(&c.dice, PENDING);
		if (!cap)
			usleep(500);
		else if (dice_roll(&c.dice, 2))
			call_one(&c, cap);
		else if (!c.pending[slot].id)
			async_one(&c, cap, slot);
		else if (!dice_roll(&c.dice, 3))
			abort_one(&c, slot);
		while (!receive_now(c.peers.fd, CAPS_DEFAULT_PORT, &m))
			hear_answer(&c, &m);
	}
	_exit(0);
}

/* --- the test ------------------------------------------------------------ */

static void start(struct child *c, int i)
{
	COUNT(births);
	if (!child_start(c))
		return;
	if (i < SERVERS)
		server_main(i);
	client_main();
}

static void end(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->line);
}

TEST_F(tidy, all_at_once)
{
	struct child all[SERVERS + CLIENTS];
	unsigned int seconds = test_scale(20);
	struct dice dice = { 5 };
	__u64 until;
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	for (i = 0; i < SERVERS + CLIENTS; i++)
		start(&all[i], i);
	for (until = in_ms(1000 * (seconds < 5 ? 5 : seconds));
	     going_on() && now_ns() < until;) {
		i = dice_roll(&dice, SERVERS + CLIENTS);
		if (!dice_roll(&dice, 8)) {
			end(&all[i]);
			COUNT(killed);
			start(&all[i], i);
		} else if (i >= SERVERS) {
			kill(all[i].pid, SIGUSR1);
		}
		usleep(dice_roll(&dice, 10000));
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (i = SERVERS + CLIENTS; i--;)
		end(&all[i]);
	TH_LOG("%llu forwarded, %llu answered, %llu async, %llu EPIPE",
	       shared->forwarded, shared->answered, shared->async,
	       shared->refused);
	TH_LOG("%llu reset, %llu late, %llu aborted, %llu killed, %llu deaths",
	       shared->reset, shared->late, shared->aborted, shared->killed,
	       shared->deaths);
	EXPECT_STREQ("", shared->wrong);
	EXPECT_LT(0, shared->forwarded);
	EXPECT_LT(0, shared->answered);
	EXPECT_LT(0, shared->async);
	EXPECT_LT(0, shared->reset);
	EXPECT_LT(0, shared->killed);
	munmap(shared, sizeof(*shared));
}

TEST_HARNESS_MAIN
