// SPDX-License-Identifier: GPL-2.0
/*
 * What clients see when their server dies, or deletes the port, at each stage
 * of a message: EPIPE where the server never had it, ECONNRESET where it had.
 */
#include "caps_memory.h"
#include "caps_state.h"

/* A server in a process of its own that does one thing at a time, as told. */
enum order {
	RECEIVE,	/* a message, and say its id */
	ANSWER,		/* the message received last, and say the result */
	STALL,		/* in receiving: its buffer never becomes there */
	EXIT,
};

struct server {
	struct child child;
	int me;			/* the test's own actor, the client */
	__u64 cap;
};

static void server_main(struct child *c)
{
	int fd = actor_open();
	__u64 port = port_new_limit(fd, 100);
	struct message m = { 0 };
	struct caps_receive r;
	struct region region;

	say_fd(c, cap_export(fd, port));
	for (;;) {
		switch (hear(c)) {
		case RECEIVE:
			need(receive_until(fd, port, CAPS_HOLD, grace(), &m),
			     "CAPS_RECEIVE");
			say(c, m.header.id);
			break;
		case ANSWER:
			say(c, reply_text(fd, m.header.id, 7, "answer"));
			break;
		case STALL:
			if (!uffd_start(&region, 4096))
				die("no userfaultfd");
			say_fd(c, region.fd);
			r = receive_of((void *)region.map, port, grace());
			caps_ioctl(fd, CAPS_RECEIVE, &r);
			die("it did not stall");
		case EXIT:
			_exit(0);
		}
	}
}

static void server_start(struct server *s)
{
	int from;

	if (child_start(&s->child))
		server_main(&s->child);
	s->me = actor_open();
	from = hear_fd(&s->child);
	need(cap_import(s->me, from, &s->cap), "CAPS_IMPORT");
	close(from);
}

static __u64 order(struct server *s, enum order what)
{
	say(&s->child, what);
	return hear(&s->child);
}

/* Let the server stand in the middle of receiving, for good. */
static bool stall(struct server *s)
{
	struct region region = { 0 };
	int probe = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (probe < 0)
		return false;
	close(probe);
	say(&s->child, STALL);
	region.fd = hear_fd(&s->child);
	return eventually(region_touched(&region));
}

enum stage {
	QUEUED,
	CLAIMED,
	TAKEN,
	ANSWERED,
};

static const int error_of[] = {
	[QUEUED] = EPIPE,
	[CLAIMED] = EPIPE,
	[TAKEN] = ECONNRESET,
	[ANSWERED] = 0,
};

/* A message is underway; the server gets as far as @stage, then dies. */
static bool reach_and_kill(struct server *s, enum stage stage)
{
	if (stage == CLAIMED && !stall(s))
		return false;
	if (stage >= TAKEN)
		order(s, RECEIVE);
	if (stage == ANSWERED)
		need((int)order(s, ANSWER), "CAPS_REPLY");
	child_kill(&s->child);
	return true;
}

FIXTURE_VARIANT(tidy) {
	enum stage stage;
};

FIXTURE_VARIANT_ADD(tidy, queued) { .stage = QUEUED };
FIXTURE_VARIANT_ADD(tidy, claimed) { .stage = CLAIMED };
FIXTURE_VARIANT_ADD(tidy, taken) { .stage = TAKEN };
FIXTURE_VARIANT_ADD(tidy, answered) { .stage = ANSWERED };

/* A call ends in the errno of its stage, and the flag tells the same. */
TEST_F(tidy, call)
{
	struct server s;
	struct background b;
	struct caps_call call;
	char answer[16] = "";

	server_start(&s);
	call = call_of(s.cap, "question");
	call.deadline = CAPS_FOREVER;
	call.reply = data_of(answer, sizeof(answer));
	background_start(&b, s.me, CAPS_CALL, &call);
	background_settle(&b);
	if (!reach_and_kill(&s, variant->stage))
		SKIP(child_kill(&s.child); return, "no userfaultfd");

	EXPECT_ERR(error_of[variant->stage], background_join(&b));
	if (variant->stage != ANSWERED)
		EXPECT_EQ(variant->stage == TAKEN,
			  !!(call.result & CAPS_RESULT_TAKEN));
	EXPECT_STREQ(variant->stage == ANSWERED ? "answer" : "", answer);
	EXPECT_ERR(EPIPE, caps_ioctl(s.me, CAPS_CALL, &call));
}

/* An async call gets the same as a reply, once. */
TEST_F(tidy, async_call)
{
	struct server s;
	struct message m;
	__u64 id;

	server_start(&s);
	EXPECT_OK(call_async(s.me, s.cap, 0, "question", &id));
	if (!reach_and_kill(&s, variant->stage))
		SKIP(child_kill(&s.child); return, "no userfaultfd");

	EXPECT_OK(receive(s.me, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(error_of[variant->stage], m.header.error);
	EXPECT_STREQ(variant->stage == ANSWERED ? "answer" : "", m.body);
	EXPECT_ERR(EAGAIN, receive_now(s.me, CAPS_DEFAULT_PORT, &m));
	EXPECT_ERR(EPIPE, call_async(s.me, s.cap, 0, "again", &id));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(s.me, id));
	EXPECT_EQ(0, actor_info(s.me).pending);
}

/* The same with a body that is pinned; its pages are free afterwards. */
TEST_F(tidy, call_with_pinned_body)
{
	const size_t len = 256 << 10;
	struct server s;
	struct background b;
	struct caps_call call;

	server_start(&s);
	call = call_of(s.cap, "");
	call.deadline = CAPS_FOREVER;
	call.request = data_of(pages_filled(len, 3, 1), len);
	background_start(&b, s.me, CAPS_CALL, &call);
	background_settle(&b);
	EXPECT_EQ(1, actor_info(s.me).pinned_bodies);
	if (!reach_and_kill(&s, variant->stage))
		SKIP(child_kill(&s.child); return, "no userfaultfd");
	EXPECT_ERR(error_of[variant->stage], background_join(&b));
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned));
}

/* A one-way message promises nothing about the server: nothing arrives. */
TEST_F(tidy, send_with_source)
{
	struct caps_send send = { 0 };
	struct server s;
	struct message m;
	__u64 source;

	server_start(&s);
	source = port_new(s.me);
	send.capability = s.cap;
	send.source = source;
	send.data = data_of("one-way", 7);
	EXPECT_OK(caps_ioctl(s.me, CAPS_SEND, &send));
	if (!reach_and_kill(&s, variant->stage))
		SKIP(child_kill(&s.child); return, "no userfaultfd");
	if (variant->stage == ANSWERED) {
		EXPECT_OK(receive(s.me, source, &m));
		EXPECT_STREQ("answer", m.body);
	}
	EXPECT_ERR(EAGAIN, receive_now(s.me, source, &m));
	EXPECT_ERR(EPIPE, send_text(s.me, s.cap, "again"));
}

TIDY_FIXTURE(dying)

/* An exit is a death like any other. */
TEST_F(dying, exit_with_taken_and_queued_calls)
{
	struct server server, *s = &server;
	struct message m;
	__u64 taken, queued;
	int i;

	server_start(s);
	EXPECT_OK(call_async(s->me, s->cap, 0, "taken", &taken));
	EXPECT_OK(call_async(s->me, s->cap, 0, "queued", &queued));
	order(s, RECEIVE);
	say(&s->child, EXIT);
	for (i = 0; i < 2; i++) {
		EXPECT_OK(receive(s->me, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(m.header.id == taken ? ECONNRESET : EPIPE,
			  m.header.error);
	}
	EXPECT_ERR(EAGAIN, receive_now(s->me, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, child_wait(&s->child));
}

/* Every one of many calls gets exactly one end, and the right one. */
TEST_F(dying, many_calls)
{
	struct server server, *s = &server;
	enum { CALLS = 48, RECEIVED = 20 };
	int i, known, seen[CALLS] = { 0 };
	__u64 ids[CALLS];
	struct message m;

	server_start(s);
	for (i = 0; i < CALLS; i++)
		ASSERT_OK(call_async(s->me, s->cap, 0, "x", &ids[i]));
	for (i = 0; i < RECEIVED; i++)
		order(s, RECEIVE);
	child_kill(&s->child);
	for (i = 0; i < CALLS; i++) {
		ASSERT_OK(receive(s->me, CAPS_DEFAULT_PORT, &m));
		for (known = 0; known < CALLS; known++)
			if (ids[known] == m.header.id)
				break;
		ASSERT_LT(known, CALLS);
		EXPECT_EQ(0, seen[known]++);
		EXPECT_EQ(known < RECEIVED ? ECONNRESET : EPIPE,
			  m.header.error);
	}
	EXPECT_ERR(EAGAIN, receive_now(s->me, CAPS_DEFAULT_PORT, &m));
}

/* Who waits for room is told too. */
TEST_F(dying, senders_waiting_for_room)
{
	struct server server, *s = &server;
	struct caps_send send = { .deadline = CAPS_FOREVER };
	struct background sender, caller;
	struct caps_call call;

	server_start(s);
	send.capability = s->cap;
	call = call_of(s->cap, "call");
	while (!send_text(s->me, s->cap, "fill"))
		;
	call.deadline = CAPS_FOREVER;
	background_start(&sender, s->me, CAPS_SEND, &send);
	background_start(&caller, s->me, CAPS_CALL, &call);
	background_settle(&sender);
	background_settle(&caller);
	child_kill(&s->child);
	EXPECT_ERR(EPIPE, background_join(&sender));
	EXPECT_ERR(EPIPE, background_join(&caller));
	EXPECT_EQ(0, call.result & CAPS_RESULT_TAKEN);
}

TEST_HARNESS_MAIN
