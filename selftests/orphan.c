// SPDX-License-Identifier: GPL-2.0
/*
 * What servers see when a client dies at each stage of its message: calls not
 * yet taken vanish, for those taken a notice comes, copied one-way messages
 * stay, pinned ones vanish.
 */
#include "caps_memory.h"
#include "caps_state.h"

/* The test's own actor, the server, and a client in another process. */
struct client {
	struct child child;
	int me;
	__u64 port;
};

/* What clients send, and then wait to be killed. */
struct shape {
	unsigned int command;
	__u32 flags;
	size_t len;
	bool source;
};

static void client_main(struct child *c, const struct shape *shape)
{
	int from = hear_fd(c), fd = actor_open();
	struct caps_send s = { .flags = shape->flags };
	struct caps_call call;
	__u64 cap;

	need(cap_import(fd, from, &cap), "CAPS_IMPORT");
	s.capability = cap;
	s.data = data_of(pages_filled(shape->len, 1, 5), shape->len);
	if (shape->source)
		s.source = port_new(fd);
	if (shape->command == CAPS_CALL) {
		call = call_of(cap, "");
		call.deadline = CAPS_FOREVER;
		call.request = s.data;
		call.flags = shape->flags;
		if (shape->flags & CAPS_DIRECT_REPLY)
			call.reply = data_of(pages_map(1 << 20), 1 << 20);
		caps_ioctl(fd, CAPS_CALL, &call);
		die("the call returned");
	}
	need(caps_ioctl(fd, shape->command, &s), "sending");
	say(c, s.result);
	for (;;)
		pause();
}

/* Has a message of @shape in the server's queue; returns CAPS_RESULT_*. */
static __u32 client_start(struct client *c, const struct shape *shape)
{
	int from;

	c->me = actor_open();
	c->port = port_new(c->me);
	if (child_start(&c->child)) {
		close(c->me);
		client_main(&c->child, shape);
	}
	from = cap_export(c->me, c->port);
	need(from, "CAPS_EXPORT");
	say_fd(&c->child, from);
	close(from);
	if (!eventually(port_info(c->me, c->port).queued == 1))
		die("nothing was sent");
	return shape->command == CAPS_CALL ? 0 : hear(&c->child);
}

#define LARGE	(200 << 10)

FIXTURE_VARIANT(tidy) {
	struct shape shape;
};

FIXTURE_VARIANT_ADD(tidy, small_call) {
	.shape = { CAPS_CALL, 0, 100, false },
};

FIXTURE_VARIANT_ADD(tidy, pinned_call) {
	.shape = { CAPS_CALL, 0, LARGE, false },
};

FIXTURE_VARIANT_ADD(tidy, copied_call) {
	.shape = { CAPS_CALL, CAPS_COPY, LARGE, false },
};

FIXTURE_VARIANT_ADD(tidy, call_with_direct_reply) {
	.shape = { CAPS_CALL, CAPS_DIRECT_REPLY, 100, false },
};

FIXTURE_VARIANT_ADD(tidy, interruptible_call) {
	.shape = { CAPS_CALL, CAPS_INTERRUPTIBLE, 100, false },
};

FIXTURE_VARIANT_ADD(tidy, async_call) {
	.shape = { CAPS_CALL_ASYNC, 0, 100, true },
};

FIXTURE_VARIANT_ADD(tidy, deferred_async_call) {
	.shape = { CAPS_CALL_ASYNC, CAPS_DEFER, LARGE, true },
};

/* Killed before the server takes it: as if it had never called. */
TEST_F(tidy, queued_call_vanishes)
{
	struct client c;
	struct message m;

	client_start(&c, &variant->shape);
	child_kill(&c.child);
	EXPECT_TRUE(eventually(!port_info(c.me, c.port).queued));
	EXPECT_ERR(EAGAIN, receive_now(c.me, c.port, &m));
	EXPECT_EQ(0, actor_info(c.me).held);
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned));
}

/* Killed afterwards: a notice, and neither body nor answer any more. */
TEST_F(tidy, taken_call_is_cancelled)
{
	struct message m, notice;
	struct client c;
	char byte;

	client_start(&c, &variant->shape);
	EXPECT_OK(receive(c.me, c.port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_ERR(EAGAIN, receive_now(c.me, c.port, &notice));
	child_kill(&c.child);

	EXPECT_OK(receive(c.me, c.port, &notice));
	EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
	EXPECT_EQ(m.header.id, notice.header.id);
	EXPECT_EQ(c.child.pid, (pid_t)m.header.pid);
	EXPECT_ERR(ECANCELED, get_data(c.me, m.header.id, 0, &byte, 1, NULL));
	EXPECT_ERR(EAGAIN, receive_now(c.me, c.port, &notice));
	EXPECT_ERR(ECANCELED, reply_text(c.me, m.header.id, 0, "late"));
	EXPECT_ERR(ENOMSG, reply_text(c.me, m.header.id, 0, "later"));
	EXPECT_EQ(0, actor_info(c.me).held);
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned));
}

/* ... also where the server ends it by discarding. */
TEST_F(tidy, cancelled_call_is_discarded)
{
	struct message m, notice;
	struct client c;

	client_start(&c, &variant->shape);
	EXPECT_OK(receive(c.me, c.port, &m));
	child_kill(&c.child);
	EXPECT_OK(receive(c.me, c.port, &notice));
	EXPECT_OK(discard(c.me, m.header.id));
	EXPECT_ERR(ENOMSG, discard(c.me, m.header.id));
	EXPECT_EQ(0, actor_info(c.me).held);
}

/* ... and where it ends it before it has seen the notice: which never comes. */
TEST_F(tidy, ended_before_the_notice)
{
	struct message m;
	struct client c;

	client_start(&c, &variant->shape);
	EXPECT_OK(receive(c.me, c.port, &m));
	child_kill(&c.child);
	EXPECT_TRUE(eventually(port_info(c.me, c.port).queued));
	EXPECT_ERR(ECANCELED, reply_text(c.me, m.header.id, 0, "late"));
	EXPECT_ERR(EAGAIN, receive_now(c.me, c.port, &m));
	EXPECT_EQ(0, port_info(c.me, c.port).queued);
}

/* An answer on its way to a dead client goes nowhere, and nobody minds. */
TEST_F(tidy, answered_as_it_dies)
{
	struct message m;
	struct client c;

	client_start(&c, &variant->shape);
	EXPECT_OK(receive(c.me, c.port, &m));
	/* A signal would end an interruptible call before its answer. */
	if (!(variant->shape.flags & CAPS_INTERRUPTIBLE))
		kill(c.child.pid, SIGSTOP);
	EXPECT_OK(reply_text(c.me, m.header.id, 0, "answer"));
	child_kill(&c.child);
	EXPECT_ERR(ENOMSG, reply_text(c.me, m.header.id, 0, "again"));
	EXPECT_ERR(EAGAIN, receive_now(c.me, c.port, &m));
}

TIDY_FIXTURE(oneway)

FIXTURE_VARIANT(oneway) {
	struct shape shape;
};

FIXTURE_VARIANT_ADD(oneway, empty) {
	.shape = { CAPS_SEND, 0, 0, false },
};

FIXTURE_VARIANT_ADD(oneway, small) {
	.shape = { CAPS_SEND, 0, 100, false },
};

FIXTURE_VARIANT_ADD(oneway, answerable) {
	.shape = { CAPS_SEND, 0, 100, true },
};

FIXTURE_VARIANT_ADD(oneway, large) {
	.shape = { CAPS_SEND, 0, LARGE, false },
};

FIXTURE_VARIANT_ADD(oneway, deferred) {
	.shape = { CAPS_SEND, CAPS_DEFER, LARGE, false },
};

static bool pinned(const struct shape *shape)
{
	return shape->flags & CAPS_DEFER;
}

/* A one-way message outlives its sender if its bytes do. */
TEST_F(oneway, queued_send)
{
	const size_t len = variant->shape.len;
	char *body = pages_map(LARGE);
	struct caps_receive r = { 0 };
	struct client c;

	EXPECT_EQ(0, client_start(&c, &variant->shape));
	child_kill(&c.child);
	r.port = c.port;
	r.buffer = data_of(body, LARGE);
	if (pinned(&variant->shape)) {
		EXPECT_TRUE(eventually(!port_info(c.me, c.port).queued));
		EXPECT_ERR(EAGAIN, caps_ioctl(c.me, CAPS_RECEIVE, &r));
		return;
	}
	EXPECT_OK(caps_ioctl(c.me, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_KIND_SEND, r.header.kind);
	EXPECT_EQ(len, r.header.body_len);
	EXPECT_PATTERN(body, len, 5);
}

/* One that is held when its sender dies: its body stays if it was copied. */
TEST_F(oneway, held_send)
{
	const size_t len = variant->shape.len;
	char *body = pages_map(LARGE);
	struct message m;
	struct client c;
	__u64 got = 0;

	client_start(&c, &variant->shape);
	EXPECT_OK(receive_until(c.me, c.port, CAPS_HOLD, grace(), &m));
	EXPECT_TRUE(m.header.flags & CAPS_HEADER_HELD);
	child_kill(&c.child);
	if (pinned(&variant->shape)) {
		EXPECT_TRUE(eventually(pages_pinned() ==
				       self->before.pinned));
		EXPECT_ERR(ECANCELED, get_data(c.me, m.header.id, 0, body,
					       LARGE, &got));
	} else {
		EXPECT_OK(get_data(c.me, m.header.id, 0, body, LARGE, &got));
		EXPECT_EQ(len, got);
		EXPECT_PATTERN(body, len, 5);
	}
	EXPECT_OK(discard(c.me, m.header.id));
	EXPECT_EQ(0, actor_info(c.me).held);
}

TIDY_FIXTURE(plain)

/* A sender that waits for room leaves nothing when killed. */
TEST_F(plain, killed_waiting_for_room)
{
	int me = actor_open(), fd, from;
	__u64 port = port_new_limit(me, 8), cap;
	struct caps_call call;
	struct background b;
	struct child c;
	unsigned int sent = 0;
	struct message m;

	from = cap_export(me, port);
	while (!send_text(me, port, "fill"))
		sent++;
	if (child_start(&c)) {
		close(me);
		fd = actor_open();
		need(cap_import(fd, from, &cap), "CAPS_IMPORT");
		call = call_of(cap, "waiting");
		call.deadline = CAPS_FOREVER;
		background_start(&b, fd, CAPS_CALL, &call);
		background_join(&b);
		die("the call returned");
	}
	EXPECT_TRUE(eventually(port_info(me, port).waiting == 1));
	child_kill(&c);
	EXPECT_TRUE(eventually(!port_info(me, port).waiting));
	while (!receive_now(me, port, &m)) {
		EXPECT_STREQ("fill", m.body);
		sent--;
	}
	EXPECT_EQ(0, sent);
}

/*
 * The pages of a sender that is gone are free, though nobody received. That
 * they are is told by the count of pins; the free memory is shown beside.
 */
TEST_F(plain, pages_of_the_dead_are_free)
{
	const struct shape shape = { CAPS_SEND, CAPS_DEFER, 32 << 20, false };
	long long before = file_field("/proc/meminfo", "MemFree"), during;
	struct client c;
	__u64 since;

	EXPECT_EQ(0, client_start(&c, &shape));
	EXPECT_GE(pages_pinned(), self->before.pinned + 8192);
	during = file_field("/proc/meminfo", "MemFree");
	child_kill(&c.child);
	since = now_ns();
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned));
	TH_LOG("free %lld kB before, %lld while queued, %lld %llu ms after",
	       before, during, file_field("/proc/meminfo", "MemFree"),
	       (now_ns() - since) / 1000000);
	EXPECT_EQ(0, port_info(c.me, c.port).queued);
}

TEST_HARNESS_MAIN
