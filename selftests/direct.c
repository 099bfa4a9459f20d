// SPDX-License-Identifier: GPL-2.0
/*
 * Direct replies: the answer goes from the server's memory into the caller's,
 * once, while the caller sleeps; and never after it has left.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(300 << 10)
#define CANARY	0xee

/* A call underway that was taken, and its reply buffer. */
struct direct {
	struct pair p;
	struct caps_call call;
	struct background caller;
	__u64 id;		/* the server's */
};

static void direct_call(struct direct *d, void *buffer, size_t len,
			__u32 flags, __u64 deadline)
{
	struct message m;

	d->p = pair_open();
	d->call = call_of(d->p.cap, "");
	d->call.deadline = deadline;
	d->call.flags = flags;
	d->call.reply = data_of(buffer, len);
	background_start(&d->caller, d->p.client, CAPS_CALL, &d->call);
	need(receive(d->p.server, d->p.port, &m), "CAPS_RECEIVE");
	d->id = m.header.id;
}

/* With the flag, and without: two copies, of at most max_copied_body. */
FIXTURE_VARIANT(tidy) {
	__u32 flags;
};

FIXTURE_VARIANT_ADD(tidy, direct) { CAPS_DIRECT_REPLY };
FIXTURE_VARIANT_ADD(tidy, indirect) { 0 };

static bool all_canary(const unsigned char *p, size_t len)
{
	while (len--)
		if (*p++ != CANARY)
			return false;
	return true;
}

/* Every size into a buffer that has exactly so much room, not a byte more. */
TEST_F(tidy, every_size)
{
	const size_t sizes[] = {
		0, 1, 255, 256, 257, 4095, 4096, 4097, 65535, 65537, 1 << 20,
	};
	unsigned char *buffer = pages_map(2 << 20);
	struct direct d;
	size_t i, at;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		at = 4096 - i * 13;
		memset(buffer, CANARY, 2 << 20);
		direct_call(&d, buffer + at, sizes[i], variant->flags,
			    CAPS_FOREVER);
		EXPECT_OK(reply_data(d.p.server, d.id, 5,
				     pages_filled(sizes[i], i, i), sizes[i]));
		EXPECT_OK(background_join(&d.caller));
		EXPECT_EQ(5, d.call.status);
		EXPECT_EQ(sizes[i], d.call.reply_body_len);
		EXPECT_EQ(0, d.call.result & CAPS_RESULT_TRUNCATED);
		EXPECT_PATTERN(buffer + at, sizes[i], i);
		EXPECT_TRUE(all_canary(buffer, at));
		EXPECT_TRUE(all_canary(buffer + at + sizes[i],
				       (2 << 20) - at - sizes[i]));
		close(d.p.client);
		close(d.p.server);
	}
}

/* Less answer than room, more answer than room, and no room at all. */
TEST_F(tidy, other_sizes)
{
	const size_t room[] = { LEN, 100, 5000, LEN - 1, 0 };
	const size_t answer[] = { 100, 5000, LEN, LEN, 5000 };
	unsigned char *buffer = pages_map(LEN + 1);
	struct direct d;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(room); i++) {
		memset(buffer, CANARY, LEN + 1);
		len = answer[i] < room[i] ? answer[i] : room[i];
		direct_call(&d, buffer, room[i], variant->flags, CAPS_FOREVER);
		EXPECT_OK(reply_data(d.p.server, d.id, 0,
				     pages_filled(answer[i], 0, i),
				     answer[i]));
		EXPECT_OK(background_join(&d.caller));
		EXPECT_EQ(answer[i], d.call.reply_body_len);
		EXPECT_EQ(room[i] < answer[i],
			  !!(d.call.result & CAPS_RESULT_TRUNCATED));
		EXPECT_PATTERN(buffer, len, i);
		EXPECT_TRUE(all_canary(buffer + len, LEN + 1 - len));
		close(d.p.client);
		close(d.p.server);
	}
}

/* What is copied straight is as large as any body. */
TEST_F(tidy, larger_than_copies_may_be)
{
	const size_t len = 5 << 20;
	char *buffer = pages_map(len), *body = pages_filled(len, 1, 1);
	struct direct d;

	direct_call(&d, buffer, len, variant->flags, CAPS_FOREVER);
	if (!variant->flags) {
		EXPECT_ERR(EMSGSIZE, reply_data(d.p.server, d.id, 0, body,
						len));
		EXPECT_OK(reply_text(d.p.server, d.id, 0, ""));
		EXPECT_OK(background_join(&d.caller));
		return;
	}
	EXPECT_OK(reply_data(d.p.server, d.id, 0, body, len));
	EXPECT_OK(background_join(&d.caller));
	EXPECT_PATTERN(buffer, len, 1);
	EXPECT_EQ(0, actor_info(d.p.server).sent_copies);
	EXPECT_EQ(1, actor_info(d.p.client).pinned_bodies);
}

/* A server whose answer is not there fails, and may try again. */
TEST_F(tidy, answer_that_is_not_there)
{
	char *buffer = pages_map(LEN), *body = pages_filled(LEN, 0, 1);
	struct direct d;

	mprotect(body + LEN - 8192, 4096, PROT_NONE);
	direct_call(&d, buffer, LEN, variant->flags, CAPS_FOREVER);
	EXPECT_ERR(EFAULT, reply_data(d.p.server, d.id, 0, body, LEN));
	EXPECT_ERR(EFAULT, reply_data(d.p.server, d.id, 0, (void *)NOWHERE,
				      LEN));
	EXPECT_TRUE(eventually(asleep(d.caller.tid)));
	mprotect(body, LEN, PROT_READ);
	EXPECT_OK(reply_data(d.p.server, d.id, 0, body, LEN));
	EXPECT_OK(background_join(&d.caller));
	EXPECT_PATTERN(buffer, LEN, 1);
}

/* A buffer that cannot be written: the answer is lost, and that is said. */
TEST_F(tidy, unwritable_buffer)
{
	void *buffers[] = { read_only(LEN), (void *)NOWHERE };
	struct direct d;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(buffers); i++) {
		direct_call(&d, buffers[i], LEN, variant->flags, CAPS_FOREVER);
		EXPECT_OK(reply_data(d.p.server, d.id, 0,
				     pages_filled(LEN, 0, 1), LEN));
		EXPECT_ERR(EFAULT, background_join(&d.caller));
		EXPECT_TRUE(d.call.result & CAPS_RESULT_ANSWERED);
		close(d.p.client);
		close(d.p.server);
	}
}

/* Pages that nobody has touched, those shared with a child, and a file's. */
TEST_F(tidy, buffers_of_all_kinds)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	char *buffers[3];
	struct direct d;
	struct child c;
	int i;

	EXPECT_EQ(0, ftruncate(fd, LEN));
	buffers[0] = pages_map(LEN);
	buffers[1] = pages_filled(LEN, 0, 7);
	buffers[2] = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
	if (child_start(&c)) {
		hear(&c);
		EXPECT_PATTERN(buffers[1], LEN, 7);
		CHILD_END();
	}
	for (i = 0; i < 3; i++) {
		direct_call(&d, buffers[i], LEN, variant->flags, CAPS_FOREVER);
		EXPECT_OK(reply_data(d.p.server, d.id, 0,
				     pages_filled(LEN, 0, i), LEN));
		EXPECT_OK(background_join(&d.caller));
		EXPECT_PATTERN(buffers[i], LEN, i);
		close(d.p.client);
		close(d.p.server);
	}
	say(&c, 0);
	EXPECT_EQ(0, child_wait(&c));
}

/* Where the buffer cannot be pinned, two copies do. */
TEST_F(tidy, no_pins_to_be_had)
{
	char *buffer = pages_map(LEN);
	struct direct d;

	parameter_set(&self->before, "max_pinned", 4096);
	direct_call(&d, buffer, LEN, variant->flags, CAPS_FOREVER);
	EXPECT_OK(reply_data(d.p.server, d.id, 0, pages_filled(LEN, 0, 1),
			     LEN));
	EXPECT_OK(background_join(&d.caller));
	EXPECT_PATTERN(buffer, LEN, 1);
	EXPECT_EQ(0, actor_info(d.p.client).pinned_bodies);
}

/* --- a server that stands still in the middle of its answer -------------- */

/* A thread that answers with a body whose second half is not there yet. */
struct stuck {
	struct region region;
	struct caps_iovec iov[2];
	struct caps_reply reply;
	struct background server;
};

static bool stuck_start(struct stuck *s, struct direct *d)
{
	if (!uffd_start(&s->region, 65536))
		return false;
	s->iov[0].base = (uintptr_t)pages_filled(LEN, 0, 1);
	s->iov[0].len = LEN - 65536;
	s->iov[1].base = (uintptr_t)s->region.map;
	s->iov[1].len = 65536;
	s->reply = (struct caps_reply){
		.id = d->id, .data = {
			.body = (uintptr_t)s->iov, .iov_count = 2,
		},
	};
	background_start(&s->server, d->p.server, CAPS_REPLY, &s->reply);
	return eventually(region_touched(&s->region));
}

/* The caller's deadline holds all the same, and the buffer is its own again. */
TEST_F(tidy, caller_leaves_a_stuck_server)
{
	unsigned char *buffer = pages_map(LEN);
	struct direct d;
	struct stuck s;

	direct_call(&d, buffer, LEN, variant->flags, in_ms(500));
	if (!stuck_start(&s, &d))
		SKIP(background_join(&d.caller); return, "no userfaultfd");
	EXPECT_ERR(ETIMEDOUT, background_join(&d.caller));
	EXPECT_TRUE(d.call.result & CAPS_RESULT_TAKEN);
	memset(buffer, CANARY, LEN);
	region_answer(&s.region);
	EXPECT_ERR(ECANCELED, background_join(&s.server));
	EXPECT_TRUE(all_canary(buffer, LEN));
	EXPECT_ERR(ENOMSG, reply_text(d.p.server, d.id, 0, ""));
}

/* Nobody else can answer meanwhile. */
TEST_F(tidy, two_answers_at_once)
{
	char *buffer = pages_map(LEN);
	struct direct d;
	struct stuck s;
	long ret;

	direct_call(&d, buffer, LEN, variant->flags, CAPS_FOREVER);
	if (!stuck_start(&s, &d))
		SKIP(reply_text(d.p.server, d.id, 0, ""); return,
		     "no userfaultfd");
	ret = reply_text(d.p.server, d.id, 0, "other");
	EXPECT_TRUE(ret == -EBUSY || ret == -ENOMSG)
		TH_LOG("saw %s", result_name(ret));
	region_answer(&s.region);
	EXPECT_OK(background_join(&s.server));
	EXPECT_OK(background_join(&d.caller));
	EXPECT_PATTERN(buffer, LEN - 65536, 1);
	EXPECT_PATTERN(buffer + LEN - 65536, 65536, REGION_SEED);
}

/* kill -9 of the caller ends it, its pages are free, the server goes on. */
TEST_F(tidy, caller_killed_while_answered)
{
	int from, server = actor_open();
	struct direct d = { .p = { .server = server } };
	__u64 cap;
	struct caps_call call;
	struct message m;
	struct child c;
	struct stuck s;
	int fd;

	d.p.port = port_new(server);
	from = cap_export(server, d.p.port);
	if (child_start(&c)) {
		close(server);
		fd = actor_open();
		need(cap_import(fd, from, &cap), "CAPS_IMPORT");
		call = call_of(cap, "");
		call.deadline = CAPS_FOREVER;
		call.flags = variant->flags;
		call.reply = data_of(pages_map(LEN), LEN);
		caps_ioctl(fd, CAPS_CALL, &call);
		_exit(1);
	}
	EXPECT_OK(receive(server, d.p.port, &m));
	d.id = m.header.id;
	if (!stuck_start(&s, &d))
		SKIP(child_kill(&c); return, "no userfaultfd");
	kill(c.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(&c));
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned));
	region_answer(&s.region);
	EXPECT_ERR(ECANCELED, background_join(&s.server));
}

/* kill -9 of the server in the middle of its answer: the call fails. */
TEST_F(tidy, server_killed_while_answering)
{
	int from, me = actor_open();
	struct caps_call call;
	struct background b;
	struct region probe;
	struct child c;
	__u64 cap;

	if (!uffd_start(&probe, 4096))
		SKIP(return, "no userfaultfd");
	if (child_start(&c)) {
		struct direct d = { .p.server = actor_open() };
		struct message m;
		struct stuck s;

		d.p.port = port_new(d.p.server);
		say_fd(&c, cap_export(d.p.server, d.p.port));
		need(receive(d.p.server, d.p.port, &m), "CAPS_RECEIVE");
		d.id = m.header.id;
		say(&c, stuck_start(&s, &d));
		pause();
	}
	from = hear_fd(&c);
	EXPECT_OK(cap_import(me, from, &cap));
	call = call_of(cap, "");
	call.deadline = CAPS_FOREVER;
	call.flags = variant->flags;
	call.reply = data_of(pages_map(LEN), LEN);
	background_start(&b, me, CAPS_CALL, &call);
	EXPECT_TRUE(hear(&c));
	child_kill(&c);
	EXPECT_ERR(ECONNRESET, background_join(&b));
	EXPECT_TRUE(call.result & CAPS_RESULT_TAKEN);
}

/* --- the race ------------------------------------------------------------ */

#define RACE_LEN	(40 << 10)

struct racer {
	struct pair p;
	char *body;
	unsigned int rounds;
	unsigned int pause;	/* before an answer, at most, in us */
	unsigned int answered;
	unsigned int late;
};

/* Answers each call as fast as it can, or a little later. */
static void *race_server(void *arg)
{
	struct racer *r = arg;
	struct dice dice = { 1 };
	struct message m;
	unsigned int calls = 0;
	long ret;

	while (calls < r->rounds && !receive(r->p.server, r->p.port, &m)) {
		if (m.header.kind != CAPS_KIND_CALL)
			continue;
		calls++;
		usleep(dice_roll(&dice, r->pause + 1));
		ret = reply_data(r->p.server, m.header.id, 0, r->body, RACE_LEN);
		r->answered += !ret;
		r->late += ret == -ECANCELED;
	}
	return NULL;
}

static struct caps_call race_call(struct racer *r, void *buffer, __u32 flags)
{
	struct caps_call call = call_of(r->p.cap, "");

	call.flags = flags;
	call.reply = data_of(buffer, RACE_LEN);
	return call;
}

/* How long such a call takes here. */
static __u64 race_cost(struct racer *r, void *buffer, __u32 flags)
{
	struct caps_call call = race_call(r, buffer, flags);
	__u64 since = now_ns();
	struct background b;
	struct message m;

	background_start(&b, r->p.client, CAPS_CALL, &call);
	need(receive(r->p.server, r->p.port, &m), "CAPS_RECEIVE");
	need(reply_data(r->p.server, m.header.id, 0, r->body, RACE_LEN), "reply");
	need(background_join(&b), "CAPS_CALL");
	return now_ns() - since;
}

/*
 * A deadline that passes as the answer comes: whoever wins, a caller that was
 * told of its failure finds nothing written into its buffer afterwards.
 */
TEST_F(tidy, deadline_races_the_answer)
{
	struct racer r = { .p = pair_open(), .rounds = test_scale(1500) };
	unsigned char *buffer = pages_map(RACE_LEN);
	unsigned int got = 0, lost = 0;
	struct dice dice = { 2 };
	struct caps_call call;
	pthread_t server;
	__u64 cost;
	long ret;

	r.body = pages_filled(RACE_LEN, 0, 1);
	race_cost(&r, buffer, variant->flags);
	cost = race_cost(&r, buffer, variant->flags);
	r.pause = cost / 1000;
	need(-pthread_create(&server, NULL, race_server, &r), "thread");
	while (got + lost < r.rounds) {
		call = race_call(&r, buffer, variant->flags);
		call.deadline = now_ns() + cost / 4 + dice_roll(&dice, 2 * cost);
		ret = caps_ioctl(r.p.client, CAPS_CALL, &call);
		if (!ret) {
			got++;
			ASSERT_EQ(-1, pattern_differs(buffer, RACE_LEN, 1, 0));
			continue;
		}
		ASSERT_ERR(ETIMEDOUT, ret);
		if (!(call.result & CAPS_RESULT_TAKEN))
			continue;
		lost++;
		memset(buffer, CANARY, RACE_LEN);
		usleep(dice_roll(&dice, cost / 2000 + 1));
		ASSERT_TRUE(all_canary(buffer, RACE_LEN));
	}
	pthread_join(server, NULL);
	TH_LOG("%u answered, %u timed out", got, lost);
	EXPECT_EQ(got, r.answered);
	EXPECT_EQ(lost, r.late);
}

TEST_HARNESS_MAIN
