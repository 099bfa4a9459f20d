// SPDX-License-Identifier: GPL-2.0
/*
 * Servers and clients at full rate that are killed and born again all the time.
 * Every message carries who sent it to whom, a number, and what its body is
 * made of; so nothing can get lost, come twice, or go to the wrong one without
 * being noticed. In the end nothing is left.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define SERVERS		2
#define CLIENTS		5
#define LARGEST		(20 << 10)
#define DEFERRED	4	/* bodies that a client leaves with a server */

/* What all processes see. */
static struct shared {
	bool stop;
	__u64 births;
	__u64 calls, sends, async, disposed, lost, killed;
	char wrong[200];	/* what went wrong first */
} *shared;

/* In the annex of each message and answer. */
struct stamp {
	__u64 server;		/* which incarnation it is for */
	__u64 client;		/* which one it is from */
	__u64 number;		/* of one-way messages */
	__u64 nth;		/* of those copied, or of those pinned */
	__u64 seed;		/* of the body */
};

#define COUNT(what)	__atomic_add_fetch(&shared->what, 1, __ATOMIC_RELAXED)

/* A call of this operation asks a server which incarnation it is. */
#define WHO	63

/* The first to find something wrong says what, and all stop. */
__attribute__((format(printf, 1, 2), noreturn))
static void wrong(const char *format, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&shared->stop, true, __ATOMIC_ACQ_REL)) {
		va_start(args, format);
		vsnprintf(shared->wrong, sizeof(shared->wrong), format, args);
		va_end(args);
	}
	_exit(1);
}

static bool going_on(void)
{
	return !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

static const char *server_name(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "stress-%d", i);
	return name;
}

/* --- servers ------------------------------------------------------------- */

#define BADGES	4096

struct server {
	int fd;
	__u64 port;
	__u64 self;
	struct {		/* the last one-way message, by badge */
		__u64 number;
		__u64 nth[2];
	} last[BADGES];
	char body[LARGEST + 1];
};

/* Everything of the body, part by part. False if its sender has gone. */
static bool server_reads(struct server *s, const struct caps_header *h,
			 const struct stamp *stamp)
{
	size_t part = 1 + h->body_len / 3, from;
	__u64 got;
	long ret;

	for (from = 0; from < h->body_len; from += got) {
		ret = get_data(s->fd, h->id, from, s->body + from, part, &got);
		if (ret == -ECANCELED)
			return false;
		if (ret || !got)
			wrong("getting data: %s", result_name(ret));
	}
	if (pattern_differs(s->body, h->body_len, stamp->seed, 0) >= 0)
		wrong("a body of %llu bytes is not what was sent",
		      (unsigned long long)h->body_len);
	return true;
}

/*
 * One-way messages of a client arrive in order, each of them, once. When it is
 * killed those in its own pages vanish from among those that were copied.
 */
static void server_counts(struct server *s, const struct caps_header *h,
			  const struct stamp *stamp)
{
	__u64 *number = &s->last[h->badge % BADGES].number;
	bool pinned = h->flags & CAPS_HEADER_PINNED;
	__u64 *nth = &s->last[h->badge % BADGES].nth[pinned];

	if (stamp->number <= *number || stamp->nth != *nth + 1)
		wrong("message %llu (%llu of its kind) after %llu (%llu)",
		      (unsigned long long)stamp->number,
		      (unsigned long long)stamp->nth,
		      (unsigned long long)*number, (unsigned long long)*nth);
	*number = stamp->number;
	*nth = stamp->nth;
}

static void server_answers(struct server *s, const struct caps_header *h,
			   struct stamp *stamp, struct dice *dice)
{
	struct caps_reply r = { .id = h->id, .status = h->operation };
	size_t len = dice_roll(dice, 3) ? 100 : dice_roll(dice, LARGEST);
	long ret;

	stamp->seed++;
	pattern_fill(s->body, len, stamp->seed);
	r.data = data_of(s->body, len);
	r.data.annex = (uintptr_t)stamp;
	r.data.annex_len = sizeof(*stamp);
	ret = caps_ioctl(s->fd, CAPS_REPLY, &r);
	if (ret && ret != -ECANCELED)
		wrong("replying: %s", result_name(ret));
}

static void server_serves(struct server *s, struct dice *dice)
{
	struct stamp stamp = { 0 };
	struct caps_receive r = {
		.port = s->port, .deadline = in_ms(200), .flags = CAPS_HOLD,
		.buffer = { .annex = (uintptr_t)&stamp,
			    .annex_len = sizeof(stamp) },
	};
	long ret = caps_ioctl(s->fd, CAPS_RECEIVE, &r);

	if (ret == -ETIMEDOUT)
		return;
	if (ret)
		wrong("receiving: %s", result_name(ret));
	if (r.header.kind == CAPS_KIND_CANCELLED) {
		ret = discard(s->fd, r.header.id);
		if (ret)
			wrong("ending a cancelled call: %s", result_name(ret));
		return;
	}
	if (r.header.operation == WHO)
		stamp.server = s->self;
	if (stamp.server != s->self)
		wrong("a message for another server");
	if (r.header.kind == CAPS_KIND_SEND)
		server_counts(s, &r.header, &stamp);
	if (server_reads(s, &r.header, &stamp) &&
	    r.header.kind == CAPS_KIND_CALL)
		server_answers(s, &r.header, &stamp, dice);
	else if (r.header.kind == CAPS_KIND_SEND &&
		 discard(s->fd, r.header.id))
		wrong("discarding");
}

static void server_main(int number)
{
	struct server *s = pages_map(sizeof(*s));
	struct dice dice = { number };

	s->self = COUNT(births);
	s->fd = actor_open();
	s->port = port_new(s->fd);
	/* Where the one before it was killed a moment ago. */
	while (going_on() && service_register(s->fd, s->port,
					      server_name(number), 0,
					      CAPS_ALL_OPERATIONS))
		sleep_ms(1);
	while (going_on())
		server_serves(s, &dice);
	_exit(0);
}

/* --- clients ------------------------------------------------------------- */

struct client {
	int fd;
	__u64 self;
	struct dice dice;
	struct {
		__u64 cap;	/* 0: not connected */
		__u64 self;	/* which incarnation */
		__u64 sent[2];	/* one-way messages, copied and pinned */
	} servers[SERVERS];
	struct {
		char *body;
		__u64 id;	/* 0: free */
	} deferred[DEFERRED];
	__u64 pending;		/* an async call, or 0 */
	__u64 pending_seed;
	__u64 pending_server;
	size_t copy_break;
	char *body, *answer;
};

/* The server dies at times: then nothing else can be wrong. */
static bool server_lost(struct client *c, int to, long ret)
{
	if (ret != -EPIPE && ret != -ECONNRESET)
		return false;
	cap_close(c->fd, c->servers[to].cap);
	c->servers[to].cap = 0;
	COUNT(lost);
	return true;
}

static bool client_connects(struct client *c, int to)
{
	struct stamp stamp = { 0 };
	struct caps_call call;
	long ret;

	ret = service_connect(c->fd, server_name(to), 0, CAPS_ALL_OPERATIONS,
			      &c->servers[to].cap);
	if (ret == -ENOENT || ret == -EPIPE) {
		c->servers[to].cap = 0;
		sleep_ms(1);
		return false;
	}
	if (ret)
		wrong("connecting: %s", result_name(ret));
	call = call_of(c->servers[to].cap, "");
	call.operation = WHO;
	call.reply.annex = (uintptr_t)&stamp;
	call.reply.annex_len = sizeof(stamp);
	ret = caps_ioctl(c->fd, CAPS_CALL, &call);
	if (server_lost(c, to, ret))
		return false;
	if (ret)
		wrong("asking a server who it is: %s", result_name(ret));
	c->servers[to].self = stamp.server;
	memset(c->servers[to].sent, 0, sizeof(c->servers[to].sent));
	return true;
}

/* A random body, its stamp, and what the two make of a message. */
static struct caps_data client_data(struct client *c, int to, char *body,
				    struct stamp *stamp)
{
	size_t len = dice_roll(&c->dice, 2) ? dice_roll(&c->dice, 300) :
		     dice_roll(&c->dice, LARGEST);
	struct caps_data data = data_of(body, len);

	stamp->server = c->servers[to].self;
	stamp->client = c->self;
	stamp->seed = dice_roll(&c->dice, 1 << 20) * 2;
	pattern_fill(body, len, stamp->seed);
	data.annex = (uintptr_t)stamp;
	data.annex_len = sizeof(*stamp);
	return data;
}

static void client_checks(struct client *c, const struct stamp *stamp,
			  __u64 server, __u64 seed, size_t len)
{
	if (stamp->client != c->self)
		wrong("an answer to another client");
	if (stamp->server != server)
		wrong("an answer from another server");
	if (stamp->seed != seed + 1)
		wrong("an answer to another call");
	if (pattern_differs(c->answer, len, stamp->seed, 0) >= 0)
		wrong("an answer of %zu bytes is not what was sent", len);
}

static void client_calls(struct client *c, int to)
{
	const __u32 flags[] = {
		0, CAPS_COPY, CAPS_DIRECT_REPLY, CAPS_INTERRUPTIBLE,
		CAPS_NOWAIT_QUEUE,
	};
	struct caps_call call = { .capability = c->servers[to].cap };
	__u64 server = c->servers[to].self;
	struct stamp stamp = { 0 }, back = { 0 };
	long ret;

	call.operation = dice_roll(&c->dice, 60);
	call.flags = flags[dice_roll(&c->dice, ARRAY_SIZE(flags))];
	call.request = client_data(c, to, c->body, &stamp);
	call.reply = data_of(c->answer, LARGEST);
	call.reply.annex = (uintptr_t)&back;
	call.reply.annex_len = sizeof(back);
	call.deadline = dice_roll(&c->dice, 4) ?
			grace() : in_ms(dice_roll(&c->dice, 20));
	ret = caps_ioctl(c->fd, CAPS_CALL, &call);
	if (server_lost(c, to, ret) || ret == -ETIMEDOUT || ret == -EAGAIN)
		return;
	if (ret)
		wrong("calling: %s", result_name(ret));
	if (call.status != (int)call.operation)
		wrong("status %d to operation %u", call.status,
		      call.operation);
	client_checks(c, &back, server, stamp.seed, call.reply_body_len);
	COUNT(calls);
}

static void client_sends(struct client *c, int to, bool deferred)
{
	struct caps_send s = { .capability = c->servers[to].cap };
	__u64 *sent = c->servers[to].sent;
	struct stamp stamp = { .number = sent[0] + sent[1] + 1 };
	char *body = c->body;
	bool pinned;
	long ret;
	int i = 0;

	if (deferred) {
		while (i < DEFERRED && c->deferred[i].id)
			i++;
		if (i == DEFERRED)
			return;
		body = c->deferred[i].body;
		s.flags = CAPS_DEFER;
	}
	s.data = client_data(c, to, body, &stamp);
	pinned = deferred && s.data.body_len > c->copy_break;
	stamp.nth = sent[pinned] + 1;
	ret = caps_ioctl(c->fd, CAPS_SEND, &s);
	if (server_lost(c, to, ret) || ret == -EAGAIN)
		return;
	if (ret)
		wrong("sending: %s", result_name(ret));
	sent[pinned]++;
	if (deferred && pinned == !!(s.result & CAPS_RESULT_COPIED))
		wrong("a body of %llu bytes was %spinned",
		      (unsigned long long)s.data.body_len,
		      pinned ? "not " : "");
	if (pinned)
		c->deferred[i].id = s.id;
	COUNT(sends);
}

static void client_calls_async(struct client *c, int to)
{
	struct caps_send s = { .capability = c->servers[to].cap };
	struct stamp stamp = { 0 };
	long ret;

	if (c->pending)
		return;
	s.data = client_data(c, to, c->body, &stamp);
	ret = caps_ioctl(c->fd, CAPS_CALL_ASYNC, &s);
	if (server_lost(c, to, ret) || ret == -EAGAIN)
		return;
	if (ret)
		wrong("calling asynchronously: %s", result_name(ret));
	c->pending = s.id;
	c->pending_seed = stamp.seed;
	c->pending_server = c->servers[to].self;
}

static void client_aborts(struct client *c)
{
	long outcome;

	if (!c->pending)
		return;
	outcome = abort_call(c->fd, c->pending);
	if (outcome == CAPS_ABORT_BEFORE || outcome == CAPS_ABORT_AT_SERVER)
		c->pending = 0;
	else if (outcome != CAPS_ABORT_ANSWERED)
		wrong("aborting: %ld", outcome);
}

static void client_disposes(struct client *c, __u64 id)
{
	int i;

	for (i = 0; i < DEFERRED; i++)
		if (c->deferred[i].id == id) {
			c->deferred[i].id = 0;
			COUNT(disposed);
			return;
		}
	wrong("told that a body is free, which is none of mine");
}

/* Whatever has come to the default port. */
static void client_listens(struct client *c, __u64 deadline)
{
	struct stamp stamp = { 0 };
	struct caps_receive r = {
		.port = CAPS_DEFAULT_PORT, .deadline = deadline,
		.buffer = data_of(c->answer, LARGEST),
	};
	long ret;

	r.buffer.annex = (uintptr_t)&stamp;
	r.buffer.annex_len = sizeof(stamp);
	ret = caps_ioctl(c->fd, CAPS_RECEIVE, &r);
	if (ret == -EAGAIN || ret == -ETIMEDOUT)
		return;
	if (ret)
		wrong("listening: %s", result_name(ret));
	if (r.header.kind == CAPS_KIND_DISPOSE)
		return client_disposes(c, r.header.id);
	if (r.header.kind != CAPS_KIND_REPLY || !c->pending ||
	    r.header.id != c->pending)
		wrong("heard what was not to be heard: kind %u",
		      r.header.kind);
	if (!r.header.error)
		client_checks(c, &stamp, c->pending_server, c->pending_seed,
			      r.header.body_len);
	else if (r.header.error != EPIPE && r.header.error != ECONNRESET)
		wrong("an async call ended with %d", r.header.error);
	c->pending = 0;
	COUNT(async);
}

static bool client_waits(struct client *c)
{
	int i;

	for (i = 0; i < DEFERRED; i++)
		if (c->deferred[i].id)
			return true;
	return c->pending;
}

static void client_main(int number)
{
	struct client c = { .dice = { number * 1000003ull } };
	__u64 until;
	int i, to;

	c.self = COUNT(births);
	c.dice.state += c.self << 32;
	c.fd = actor_open();
	c.copy_break = query(c.fd).copy_break;
	c.body = pages_map(LARGEST);
	c.answer = pages_map(LARGEST);
	for (i = 0; i < DEFERRED; i++)
		c.deferred[i].body = pages_map(LARGEST);
	while (going_on()) {
		to = dice_roll(&c.dice, SERVERS);
		if (!c.servers[to].cap && !client_connects(&c, to))
			continue;
		switch (dice_roll(&c.dice, 8)) {
		case 0 ... 2:
			client_calls(&c, to);
			break;
		case 3:
			client_sends(&c, to, false);
			break;
		case 4:
			client_sends(&c, to, true);
			break;
		case 5:
			client_calls_async(&c, to);
			break;
		case 6:
			client_listens(&c, 0);
			break;
		default:
			if (!dice_roll(&c.dice, 4))
				client_aborts(&c);
		}
	}
	/* The servers go too: all that is outstanding must end. */
	for (until = grace(); client_waits(&c) && now_ns() < until;)
		client_listens(&c, in_ms(100));
	if (client_waits(&c))
		_exit(2);
	_exit(0);
}

/* --- the test ------------------------------------------------------------ */

#define ALL	(SERVERS + CLIENTS)

static pid_t give_birth(int i)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	need(sys(pid), "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (i < SERVERS)
		server_main(i);
	client_main(i);
	_exit(3);
}

static void replace(struct dice *dice, pid_t *all)
{
	int i = dice_roll(dice, ALL), status;

	kill(all[i], SIGKILL);
	waitpid(all[i], &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		__atomic_store_n(&shared->stop, true, __ATOMIC_RELEASE);
	COUNT(killed);
	if (going_on())
		all[i] = give_birth(i);
	else
		all[i] = 0;
}

TEST_F(tidy, killed_and_born_again)
{
	unsigned int seconds = test_scale(30);
	struct dice dice = { 42 };
	pid_t all[ALL];
	__u64 until;
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	for (i = 0; i < ALL; i++)
		all[i] = give_birth(i);
	until = in_ms(1000 * (seconds < 5 ? 5 : seconds));
	while (going_on() && now_ns() < until) {
		sleep_ms(dice_roll(&dice, 150));
		replace(&dice, all);
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < ALL; i++) {
		struct child c = { .pid = all[i] };

		if (c.pid)
			EXPECT_EQ(0, child_wait(&c));
	}
	EXPECT_STREQ("", shared->wrong);
	TH_LOG("%llu calls, %llu async, %llu sends, %llu bodies given back",
	       shared->calls, shared->async, shared->sends, shared->disposed);
	TH_LOG("%llu killed, %llu connections lost", shared->killed,
	       shared->lost);
	EXPECT_LT(0, shared->calls);
	EXPECT_LT(0, shared->async);
	EXPECT_LT(0, shared->sends);
	EXPECT_LT(0, shared->disposed);
	EXPECT_LT(0, shared->lost);
}

TEST_HARNESS_MAIN
