// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that share two actors and do everything at once: serve, call, make
 * and drop ports and capabilities, poll; and signals that hit them all the
 * time. Each answer belongs to its call, and in the end nothing is left.
 */
#include "caps_memory.h"
#include "caps_state.h"

#include <sys/epoll.h>

#define LARGEST	(12 << 10)

static struct pair all;
static bool stop, failed;
static unsigned long answered, interrupted, late, made, polled;

#define COUNT(what)	__atomic_add_fetch(&(what), 1, __ATOMIC_RELAXED)

static bool going_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* The first failure is enough. */
static void fail(const char *what, long ret)
{
	if (__atomic_exchange_n(&failed, true, __ATOMIC_RELAXED))
		return;
	fprintf(stderr, "# %s: %s\n", what, result_name(ret));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
}

/* --- servers ------------------------------------------------------------- */

/* An answer is the question's seed plus one, in a body of the same length. */
static void serve_one(struct caps_reply_receive *rr, __u64 *seed, char *body)
{
	struct caps_header *h = &rr->receive.header;
	long ret;

	if (h->kind == CAPS_KIND_CANCELLED) {
		/* Another thread may have found out by answering. */
		discard(all.server, h->id);
		return;
	}
	if (h->kind != CAPS_KIND_CALL)
		return fail("served no call", 0);
	rr->reply.id = h->id;
	rr->reply.status = h->operation;
	ret = get_data(all.server, h->id, 0, body, LARGEST, NULL);
	/* Its caller has left, and the thread that heard of it ends it. */
	if (ret == -ECANCELED || ret == -ENOMSG)
		return;
	if (ret)
		return fail("CAPS_GET_DATA", ret);
	if (pattern_differs(body, h->body_len, *seed, 0) >= 0)
		return fail("a body is not what was sent", 0);
	++*seed;
	pattern_fill(body, h->body_len, *seed);
	rr->reply.data = data_of(body, h->body_len);
	rr->reply.data.annex = (uintptr_t)seed;
	rr->reply.data.annex_len = sizeof(*seed);
}

static void *server(void *arg)
{
	struct caps_reply_receive rr = { .receive.port = all.port };
	char *body = pages_map(LARGEST);
	__u64 seed;
	long ret;

	(void)arg;
	rr.receive.buffer.annex = (uintptr_t)&seed;
	rr.receive.buffer.annex_len = sizeof(seed);
	while (going_on() || port_info(all.server, all.port).queued) {
		rr.receive.deadline = in_ms(50);
		ret = caps_ioctl(all.server, CAPS_REPLY_RECEIVE, &rr);
		if (!ret)
			serve_one(&rr, &seed, body);
		else if (ret == -ECANCELED || ret == -ENOMSG)
			rr.reply.id = 0;
		else if (ret != -ETIMEDOUT && ret != -EINTR)
			fail("CAPS_REPLY_RECEIVE", ret);
	}
	if (rr.reply.id)
		caps_ioctl(all.server, CAPS_REPLY, &rr.reply);
	return NULL;
}

/* --- callers ------------------------------------------------------------- */

static void call_one(struct dice *dice, char *body, char *out)
{
	const __u32 flags[] = {
		0, CAPS_COPY, CAPS_DIRECT_REPLY, CAPS_INTERRUPTIBLE,
	};
	size_t len = dice_roll(dice, dice_roll(dice, 2) ? 200 : LARGEST);
	__u64 seed = dice_roll(dice, 1 << 30) * 2, back = 0;
	struct caps_call call = {
		.capability = all.cap, .operation = dice_roll(dice, 64),
		.flags = flags[dice_roll(dice, 4)],
		.deadline = dice_roll(dice, 5) ?
			    grace() : in_ms(dice_roll(dice, 8)),
		.request = data_of(body, len), .reply = data_of(out, LARGEST),
	};
	long ret;

	call.request.annex = (uintptr_t)&seed;
	call.request.annex_len = sizeof(seed);
	call.reply.annex = (uintptr_t)&back;
	call.reply.annex_len = sizeof(back);
	pattern_fill(body, len, seed);
	ret = caps_ioctl(all.client, CAPS_CALL, &call);
	if (ret == -ETIMEDOUT) {
		COUNT(late);
	} else if (ret == -EINTR && (call.flags & CAPS_INTERRUPTIBLE)) {
		COUNT(interrupted);
	} else if (ret) {
		fail("CAPS_CALL", ret);
	} else if (back != seed + 1 || call.reply_body_len != len ||
		   call.status != (int)call.operation ||
		   pattern_differs(out, len, back, 0) >= 0) {
		fail("an answer to another call", 0);
	} else {
		COUNT(answered);
	}
}

static void *caller(void *arg)
{
	struct dice dice = { (uintptr_t)arg * 7919 };
	char *body = pages_map(LARGEST), *out = pages_map(LARGEST);

	while (going_on())
		call_one(&dice, body, out);
	return NULL;
}

/* --- makers -------------------------------------------------------------- */

static void check(const char *what, long ret)
{
	if (ret)
		fail(what, ret);
}

/* A port with a call in its queue, deleted under it. */
static void make_port(void)
{
	__u64 source = port_new(all.client), port = port_new(all.server), id;
	__u64 cap = cap_give(all.server, port, all.client);
	struct message m;

	check("enable", port_enable(all.server, port, 200));
	check("async call", call_async(all.client, cap, source, "x", &id));
	check("delete", port_delete(all.server, port));
	check("its end", receive(all.client, source, &m));
	if (m.header.id != id || m.header.error != EPIPE)
		fail("an async call ended otherwise", -m.header.error);
	check("delete source", port_delete(all.client, source));
	check("close", cap_close(all.client, source));
	check("close", cap_close(all.client, cap));
	check("close", cap_close(all.server, port));
}

/* A connection, a narrower copy of it, and a call through that. */
static void make_capability(void)
{
	char name[32];
	__u64 cap, narrow;
	struct caps_call call;
	long ret;

	snprintf(name, sizeof(name), "threads-%ld", syscall(SYS_gettid));
	check("register", service_register(all.server, all.port, name, 0, ~0));
	check("connect", service_connect(all.client, name, 0, 8, &cap));
	check("duplicate", cap_dup(all.client, cap, CAPS_RIGHT_SEND, 8,
				   &narrow));
	check("close", cap_close(all.client, cap));
	call = (struct caps_call){
		.capability = narrow, .operation = 4, .deadline = grace(),
	};
	ret = caps_ioctl(all.client, CAPS_CALL, &call);
	if (ret != -EACCES)
		fail("a call outside the mask", ret);
	check("unregister", service_unregister(all.server, name));
	check("close", cap_close(all.client, narrow));
}

static void make_actor(void)
{
	int fd = actor_open(), copy = dup(fd);
	__u64 cap = cap_give(all.client, all.cap, fd);

	close(fd);
	check("info", cap_info(copy, cap, &(struct caps_capability_info){ 0 }));
	close(copy);
}

static void *maker(void *arg)
{
	(void)arg;
	while (going_on()) {
		make_port();
		make_capability();
		make_actor();
		COUNT(made);
	}
	return NULL;
}

static void *poller(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd, set;

	(void)arg;
	while (going_on()) {
		set = epoll_create1(EPOLL_CLOEXEC);
		fd = actor_open();
		if (epoll_ctl(set, EPOLL_CTL_ADD, all.server, &event) ||
		    epoll_ctl(set, EPOLL_CTL_ADD, all.client, &event) ||
		    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event))
			fail("epoll_ctl", -errno);
		epoll_wait(set, &event, 1, 3);
		readable(all.server);
		close(fd);
		close(set);
		COUNT(polled);
	}
	return NULL;
}

/* --- the test ------------------------------------------------------------ */

static void nothing(int sig)
{
	(void)sig;
}

/* What was cancelled at the very end. */
static void drain(int fd, __u64 port)
{
	struct message m;

	while (!receive_now(fd, port, &m))
		if (m.header.flags & CAPS_HEADER_HELD)
			discard(fd, m.header.id);
}

TEST_F(tidy, everything_at_once)
{
	void *(*const mains[])(void *) = {
		server, server, server, caller, caller, caller, caller,
		maker, maker, poller,
	};
	struct sigaction action = {
		.sa_handler = nothing, .sa_flags = SA_RESTART,
	};
	unsigned int seconds = test_scale(20);
	pthread_t threads[ARRAY_SIZE(mains)];
	struct dice dice = { 3 };
	__u64 until;
	size_t i;

	sigaction(SIGUSR1, &action, NULL);
	all = pair_open();
	for (i = 0; i < ARRAY_SIZE(mains); i++)
		need(-pthread_create(&threads[i], NULL, mains[i], (void *)i),
		     "thread");
	for (until = in_ms(1000 * (seconds < 5 ? 5 : seconds));
	     going_on() && now_ns() < until;) {
		pthread_kill(threads[dice_roll(&dice, ARRAY_SIZE(mains))],
			     SIGUSR1);
		usleep(dice_roll(&dice, 2000));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(mains); i++)
		pthread_join(threads[i], NULL);
	EXPECT_FALSE(failed);
	TH_LOG("%lu answered, %lu interrupted, %lu late, %lu made, %lu polled",
	       answered, interrupted, late, made, polled);
	EXPECT_LT(0, answered);
	EXPECT_LT(0, interrupted);
	EXPECT_LT(0, made);
	drain(all.server, all.port);
	EXPECT_EQ(0, actor_info(all.server).held);
	EXPECT_EQ(0, actor_info(all.client).held);
	EXPECT_EQ(0, actor_info(all.client).pending);
	EXPECT_EQ(1, actor_info(all.client).ports);
	EXPECT_EQ(1, actor_info(all.client).capabilities);
}

TEST_HARNESS_MAIN
