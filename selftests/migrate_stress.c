// SPDX-License-Identifier: GPL-2.0
/*
 * A port that moves among several processes all the time, while others send to
 * it: each message is received exactly once, in the order of its sender, and its
 * number says by whom. Then the same with owners that are killed.
 */
#include "caps_memory.h"
#include "caps_migrate.h"

#define OWNERS		4
#define SENDERS		16
#define MOVES		10000
#define MOST		1000000		/* messages */

/* What all processes see. */
static struct shared {
	bool stop;
	bool full_stop;
	__u64 moves, received, sent, lost, answered, ended;
	char wrong[200];		/* what went wrong first */
	__u64 seen[MOST];		/* by number: sender, nth, owner */
} *shared;

#define COUNT(what)	__atomic_add_fetch(&shared->what, 1, __ATOMIC_RELAXED)
#define SEEN(sender, nth, owner)					\
	((__u64)(sender) << 56 | (__u64)(owner) << 48 | (nth))

/* The first to find something wrong says what, and all stop. */
__attribute__((format(printf, 1, 2), noreturn))
static void wrong(const char *format, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&shared->full_stop, true, __ATOMIC_ACQ_REL)) {
		va_start(args, format);
		vsnprintf(shared->wrong, sizeof(shared->wrong), format, args);
		va_end(args);
	}
	_exit(1);
}

static bool flag(const bool *f)
{
	return __atomic_load_n(f, __ATOMIC_ACQUIRE);
}

static void shared_make(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("no memory: %s", strerror(errno));
}

/* --- owners -------------------------------------------------------------- */

struct owner {
	struct child child;
	int number;
	int fd;
	__u64 others[OWNERS];	/* actors */
	int count;		/* of those */
	__u64 port;		/* 0: it is elsewhere */
	pthread_mutex_t lock;
	pthread_cond_t came;
};

/* Moves the port away soon after it has come, until there were enough moves. */
static void *owner_moves(void *arg)
{
	struct owner *o = arg;
	struct dice d = { .state = o->number * 1000 };
	__u64 port, to, cut;
	unsigned int n;

	for (;;) {
		pthread_mutex_lock(&o->lock);
		while (!o->port)
			pthread_cond_wait(&o->came, &o->lock);
		port = o->port;
		o->port = 0;
		pthread_mutex_unlock(&o->lock);
		for (n = dice_roll(&d, 8); n; n--)
			sched_yield();
		if (flag(&shared->stop))
			return NULL;
		to = o->others[dice_roll(&d, o->count)];
		n = -port_migrate(o->fd, port, to, 0, &cut, NULL);
		if (n == EPIPE)
			continue;	/* the other was killed */
		if (n)
			wrong("migrating: %s", strerror(n));
		COUNT(moves);
		cap_close(o->fd, port);
	}
}

static void owner_saw(struct owner *o, const struct message *m)
{
	__u64 n = m->header.sequence, was;

	if (!n || n >= MOST)
		wrong("number %llu", (unsigned long long)n);
	was = __atomic_exchange_n(&shared->seen[n],
				  SEEN(m->header.operation, m->header.address,
				       o->number + 1), __ATOMIC_RELAXED);
	if (was)
		wrong("number %llu twice", (unsigned long long)n);
	COUNT(received);
}

/* All that comes through the port while it is here. */
static void owner_receives(struct owner *o, __u64 port)
{
	struct message m;
	long ret;

	for (;;) {
		ret = receive_until(o->fd, port, 0, CAPS_FOREVER, &m);
		if (ret == -EIDRM || ret == -EPERM || ret == -EBADF ||
		    ret == -EPIPE)
			return;
		if (ret)
			wrong("receiving: %s", result_name(ret));
		if (m.header.kind == CAPS_KIND_SEND) {
			owner_saw(o, &m);
		} else if (m.header.kind == CAPS_KIND_CALL) {
			ret = reply_data(o->fd, m.header.id, 0, &m.header.address,
					 sizeof(m.header.address));
			if (ret && ret != -ECANCELED)
				wrong("answering: %s", result_name(ret));
		}
	}
}

static void owner_main(struct owner *o)
{
	pthread_t mover;
	__u64 port;

	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->came, NULL);
	need(-pthread_create(&mover, NULL, owner_moves, o), "thread");
	for (;;) {
		port = port_arrived(o->fd, CAPS_FOREVER);
		if (!port)
			wrong("no port has arrived");
		pthread_mutex_lock(&o->lock);
		o->port = port;
		pthread_cond_signal(&o->came);
		pthread_mutex_unlock(&o->lock);
		owner_receives(o, port);
	}
}

/* In the child: never returns. Each is told of the others by the test. */
static void owner_start(struct owner *o, int number)
{
	int i, from;

	if (!child_start(&o->child))
		return;
	o->number = number;
	o->port = 0;
	o->fd = actor_open();
	from = cap_export(o->fd, actor_self(o->fd));
	need(from, "CAPS_EXPORT");
	say_fd(&o->child, from);
	close(from);
	o->count = hear(&o->child);
	for (i = 0; i < o->count; i++) {
		from = hear_fd(&o->child);
		need(cap_import(o->fd, from, &o->others[i]), "CAPS_IMPORT");
		close(from);
	}
	owner_main(o);
}

/* Owners that know each other; the first has the test's port. */
static void owners_start(struct owner *o, int n, int fd, __u64 port)
{
	int files[OWNERS], i, j;
	__u64 first;

	for (i = 0; i < n; i++) {
		owner_start(&o[i], i);
		files[i] = hear_fd(&o[i].child);
	}
	for (i = 0; i < n; i++) {
		say(&o[i].child, n - 1);
		for (j = 0; j < n; j++) {
			if (j != i)
				say_fd(&o[i].child, files[j]);
		}
	}
	need(cap_import(fd, files[0], &first), "CAPS_IMPORT");
	for (i = 0; i < n; i++)
		close(files[i]);
	need(port_migrate(fd, port, first, 0, NULL, NULL),
	     "CAPS_PORT_MIGRATE");
}

/* --- senders ------------------------------------------------------------- */

struct sender {
	struct child child;
	int number;
	int fd;
	__u64 cap;
};

static long sender_sends(struct sender *s, __u64 nth)
{
	struct caps_send send = {
		.capability = s->cap, .address = nth, .deadline = CAPS_FOREVER,
		.operation = s->number, .data = data_of("message", 7),
	};

	return caps_ioctl(s->fd, CAPS_SEND, &send);
}

static void sender_start(struct sender *s, int number, int from,
			 void (*body)(struct sender *))
{
	if (!child_start(&s->child))
		return;
	s->number = number;
	s->fd = actor_open();
	need(cap_import(s->fd, from, &s->cap), "CAPS_IMPORT");
	close(from);
	body(s);
	_exit(0);
}

/* Numbers its messages until enough moves were made. */
static void sends_in_order(struct sender *s)
{
	__u64 nth = 0;
	long ret;

	while (!flag(&shared->stop)) {
		ret = sender_sends(s, ++nth);
		if (ret)
			wrong("sending: %s", result_name(ret));
		if (COUNT(sent) > MOST - 2 * SENDERS)
			break;
	}
}

/* --- the tests ----------------------------------------------------------- */

/* By number: nothing is missing, twice, or out of its sender's order. */
static void check_seen(struct __test_metadata *_metadata)
{
	__u64 last[SENDERS] = { 0 }, n, nth;
	int sender;

	for (n = 1; n <= shared->sent; n++) {
		sender = shared->seen[n] >> 56;
		nth = shared->seen[n] & 0xffffffffffffull;
		if (!shared->seen[n] || nth != last[sender] + 1) {
			TH_LOG("number %llu: sender %d has %llu after %llu",
			       n, sender, nth, last[sender]);
			_metadata->passed = 0;
			return;
		}
		last[sender] = nth;
	}
}

TEST_F_TIMEOUT(tidy, exactly_once_and_in_order, 400)
{
	const __u64 goal = test_scale(MOVES);
	struct sender s[SENDERS];
	struct owner o[OWNERS];
	int fd = actor_open(), i, from;
	__u64 port = port_new(fd);

	shared_make();
	from = cap_export(fd, port);
	owners_start(o, OWNERS, fd, port);
	for (i = 0; i < SENDERS; i++)
		sender_start(&s[i], i, from, sends_in_order);
	close(from);
	while (!flag(&shared->full_stop) && shared->moves < goal)
		sleep_ms(5);
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, child_wait(&s[i].child));
	EXPECT_TRUE(eventually(flag(&shared->full_stop) ||
			       shared->received == shared->sent));
	EXPECT_STREQ("", shared->wrong);
	EXPECT_EQ(shared->sent, shared->received);
	check_seen(_metadata);
	TH_LOG("%llu moves, %llu messages", shared->moves, shared->received);
	for (i = 0; i < OWNERS; i++)
		child_kill(&o[i].child);
}

/* Sends and calls until the port is gone; each call ends, one way or another. */
static void calls_until_the_end(struct sender *s)
{
	struct caps_call call;
	__u64 nth = 0, answer;
	long ret;

	do {
		call = call_of(s->cap, "call");
		call.address = ++nth;
		call.reply = data_of(&answer, sizeof(answer));
		ret = caps_ioctl(s->fd, CAPS_CALL, &call);
		if (!ret && answer != nth)
			wrong("the answer to another call");
		if (!ret)
			COUNT(answered);
		else if (ret == -ECONNRESET)
			COUNT(lost);
		else if (ret != -EPIPE)
			wrong("calling: %s", result_name(ret));
		if (ret != -EPIPE)
			ret = sender_sends(s, nth);
	} while (ret != -EPIPE);
	COUNT(ended);
}

/* kill -9 of one owner and then the other, in the middle of it all. */
static void kill_round(struct __test_metadata *_metadata, int round)
{
	struct dice d = { .state = round };
	int fd = actor_open(), i, from, first = round & 1;
	__u64 port = port_new_limit(fd, 8), before = shared->ended;
	struct sender s[4];
	struct owner o[2];

	memset(shared->seen, 0, sizeof(shared->seen));
	from = cap_export(fd, port);
	owners_start(o, 2, fd, port);
	for (i = 0; i < 4; i++)
		sender_start(&s[i], i, from, calls_until_the_end);
	close(from);
	close(fd);
	usleep(dice_roll(&d, 30000));
	child_kill(&o[first].child);
	usleep(dice_roll(&d, 10000));
	child_kill(&o[!first].child);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, child_wait(&s[i].child));
	EXPECT_EQ(before + 4, shared->ended);
}

TEST_F(tidy, owners_are_killed)
{
	unsigned int rounds = test_scale(100), i;

	shared_make();
	for (i = 0; i < rounds && _metadata->passed; i++)
		kill_round(_metadata, i);
	EXPECT_STREQ("", shared->wrong);
	TH_LOG("%llu moves, %llu answered, %llu lost", shared->moves,
	       shared->answered, shared->lost);
}

TEST_HARNESS_MAIN
