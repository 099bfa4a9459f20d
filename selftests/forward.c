// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarded messages: who sent them, what they say and who is answered stay the
 * same, and what cannot be forwarded is still held.
 */
#include "caps_forward.h"

TEST_F(forward, call)
{
	char answer[16] = { 0 }, annex[] = "annex";
	struct message m, seen;
	__u64 id;

	self->call.operation = 9;
	self->call.address = 0x1234;
	self->call.request.annex = (uintptr_t)annex;
	self->call.request.annex_len = sizeof(annex);
	self->call.reply = data_of(answer, sizeof(answer));
	START_CALL(self);
	EXPECT_OK(receive(self->a, self->door, &seen));
	EXPECT_EQ(BADGE_A, seen.header.badge);
	id = seen.header.id;
	EXPECT_OK(pass_on(self->a, id, self->next));

	EXPECT_EQ(0, actor_info(self->a).held);
	EXPECT_ERR(ENOMSG, pass_on(self->a, id, self->next));
	EXPECT_ERR(ENOMSG, reply_text(self->a, id, 0, "mine"));
	EXPECT_ERR(ENOMSG, discard(self->a, id));
	EXPECT_ERR(ENOMSG, get_data(self->a, id, 0, m.body, 1, NULL));

	EXPECT_EQ(1, port_info(self->b, self->room).queued);
	EXPECT_EQ(1, port_info(self->b, self->room).users);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_EQ(BADGE_B, m.header.badge);
	EXPECT_EQ(9, m.header.operation);
	EXPECT_EQ(0x1234, m.header.address);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(seen.header.uid, m.header.uid);
	EXPECT_EQ(seen.header.flags, m.header.flags);
	EXPECT_EQ(1, m.header.sequence);
	EXPECT_STREQ("question", m.body);
	EXPECT_STREQ("annex", m.annex);
	EXPECT_EQ(0, port_info(self->b, self->room).users);
	EXPECT_OK(reply_text(self->b, m.header.id, 5, "answer"));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(5, self->call.status);
	EXPECT_EQ(0, self->call.result);
	EXPECT_STREQ("answer", answer);
}

/* The identity is the sender's, not the forwarder's. */
TEST_F(forward, identity)
{
	struct caps_identity who = { 0 };
	struct child c;
	struct message m;
	int from;

	if (child_start(&c)) {
		struct caps_call call = { .deadline = grace() };
		int fd;

		become(4242);
		fd = actor_open();
		need(cap_import(fd, hear_fd(&c), &call.capability), "import");
		EXPECT_OK(caps_ioctl(fd, CAPS_CALL, &call));
		EXPECT_EQ(3, call.status);
		CHILD_END();
	}
	from = cap_export(self->client, self->cap);
	say_fd(&c, from);
	close(from);
	pass_next(self->a, self->door, self->next);
	EXPECT_EQ(1, port_info(self->b, self->room).users);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_EQ(c.pid, m.header.pid);
	EXPECT_EQ(4242, m.header.uid);
	EXPECT_EQ(4242, m.header.egid);
	who.id = m.header.id;
	EXPECT_OK(caps_ioctl(self->b, CAPS_IDENTITY, &who));
	EXPECT_EQ(0, who.effective);
	EXPECT_OK(reply_text(self->b, m.header.id, 3, ""));
	EXPECT_EQ(0, child_wait(&c));
}

TEST_F(forward, async_call)
{
	struct message m;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "question", &id));
	pass_next(self->a, self->door, self->next);
	EXPECT_EQ(1, actor_info(self->client).pending);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_OK(reply_text(self->b, m.header.id, 7, "answer"));
	EXPECT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(7, m.header.status);
	EXPECT_STREQ("answer", m.body);
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
}

/* One-way messages too, whether they can be answered or not. */
TEST_F(forward, one_way)
{
	struct caps_send s = {
		.capability = self->cap, .source = CAPS_DEFAULT_PORT,
		.data = data_of("answer me", 9),
	};
	struct message m;

	EXPECT_OK(send_text(self->client, self->cap, "plain"));
	EXPECT_OK(caps_ioctl(self->client, CAPS_SEND, &s));
	pass_next(self->a, self->door, self->next);
	pass_next(self->a, self->door, self->next);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
	EXPECT_EQ(0, m.header.flags);
	EXPECT_STREQ("plain", m.body);
	EXPECT_OK(receive_until(self->b, self->room, CAPS_HOLD, grace(), &m));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE, m.header.flags);
	EXPECT_OK(reply_text(self->b, m.header.id, 4, "here"));
	EXPECT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(4, m.header.status);
	EXPECT_STREQ("here", m.body);
}

/* A body in the caller's pages is read there, also where both have read it. */
TEST_F(forward, pinned_body)
{
	const size_t len = 300000;
	char *body = pages_filled(len, 77, 5), *copy = pages_map(len);
	struct message m;
	__u64 copied;

	self->call.request = data_of(body, len);
	START_CALL(self);
	EXPECT_OK(receive(self->a, self->door, &m));
	EXPECT_OK(get_data(self->a, m.header.id, 1000, copy, 1000, &copied));
	EXPECT_EQ(-1, pattern_differs(copy, 1000, 5, 1000));
	EXPECT_OK(pass_on(self->a, m.header.id, self->next));
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_EQ(len, m.header.body_len);
	EXPECT_TRUE(m.header.flags & CAPS_HEADER_PINNED);
	EXPECT_OK(get_data(self->b, m.header.id, 0, copy, len, &copied));
	EXPECT_EQ(len, copied);
	EXPECT_PATTERN(copy, len, 5);
	EXPECT_OK(reply_text(self->b, m.header.id, 0, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(self->before.pinned, pages_pinned());
}

/* A deferred one-way body is free when the second server has done with it. */
TEST_F(forward, deferred_body)
{
	char *body = pages_filled(100000, 0, 1);
	struct caps_send s = {
		.capability = self->cap, .flags = CAPS_DEFER,
		.data = data_of(body, 100000),
	};
	struct message m;

	EXPECT_OK(caps_ioctl(self->client, CAPS_SEND, &s));
	pass_next(self->a, self->door, self->next);
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_PATTERN(m.body, sizeof(m.body) - 1, 1);
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(1, actor_info(self->b).held);
	close(self->b);
	EXPECT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(s.id, m.header.id);
}

/* What is refused is held as before, and can be answered. */
TEST_F(forward, refused)
{
	struct caps_forward f = { .flags = 1 };
	struct caps_revoke r = { .capability = self->room };
	__u64 weak, dead, id;
	struct message m;

	START_CALL(self);
	EXPECT_OK(receive(self->a, self->door, &m));
	id = m.header.id;
	dead = cap_give(self->client, actor_self(self->client), self->a);
	EXPECT_ERR(EBADF, pass_on(self->a, id, 12345));
	EXPECT_ERR(EINVAL, pass_on(self->a, id, dead));
	EXPECT_OK(cap_dup(self->a, self->next, CAPS_RIGHT_WATCH,
			  CAPS_ALL_OPERATIONS, &weak));
	EXPECT_ERR(EPERM, pass_on(self->a, id, weak));
	EXPECT_OK(cap_dup(self->a, self->next, CAPS_RIGHT_SEND, ~1ull, &weak));
	EXPECT_ERR(EACCES, pass_on(self->a, id, weak));
	f.id = id;
	f.capability = self->next;
	EXPECT_ERR(EINVAL, caps_ioctl(self->a, CAPS_FORWARD, &f));
	EXPECT_ERR(ENOMSG, pass_on(self->a, id + 1, self->next));
	EXPECT_ERR(ENOMSG, pass_on(self->b, id, self->room));
	EXPECT_OK(caps_ioctl(self->b, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, pass_on(self->a, id, self->next));
	weak = port_new(self->b);
	dead = cap_give(self->b, weak, self->a);
	EXPECT_OK(port_delete(self->b, weak));
	EXPECT_ERR(EPIPE, pass_on(self->a, id, dead));
	EXPECT_EQ(0, port_info(self->b, self->room).queued);
	EXPECT_EQ(0, port_info(self->b, self->room).users);
	EXPECT_EQ(1, actor_info(self->a).held);
	EXPECT_OK(get_data(self->a, id, 0, m.body, 8, NULL));
	EXPECT_OK(reply_text(self->a, id, 6, "answer"));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(6, self->call.status);
}

/* An answer that is held is not to be handed on. */
TEST_F(forward, reply_is_refused)
{
	struct message m;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "x", &id));
	EXPECT_OK(receive(self->a, self->door, &m));
	EXPECT_OK(reply_text(self->a, m.header.id, 0, "y"));
	EXPECT_OK(receive_until(self->client, CAPS_DEFAULT_PORT, CAPS_HOLD,
				grace(), &m));
	EXPECT_ERR(EINVAL, pass_on(self->client, id, self->cap));
	EXPECT_OK(discard(self->client, id));
}

/* No room: unchanged, until there is some. It counts for the caller. */
TEST_F(forward, no_room)
{
	__u64 small = port_new_limit(self->b, 2);
	__u64 cap = cap_give(self->b, small, self->a);
	struct message m;
	__u64 id, other;

	EXPECT_OK(call_async(self->client, self->cap, 0, "first", &id));
	EXPECT_OK(call_async(self->client, self->cap, 0, "second", &other));
	pass_next(self->a, self->door, cap);
	EXPECT_OK(receive(self->a, self->door, &m));
	EXPECT_ERR(EAGAIN, pass_on(self->a, m.header.id, cap));
	EXPECT_ERR(EAGAIN, pass_on(self->a, m.header.id, cap));
	EXPECT_EQ(1, port_info(self->b, small).queued);
	EXPECT_EQ(BADGE_A, m.header.badge);
	other = m.header.id;
	EXPECT_OK(receive(self->b, small, &m));
	EXPECT_STREQ("first", m.body);
	EXPECT_OK(pass_on(self->a, other, cap));
	EXPECT_OK(receive(self->b, small, &m));
	EXPECT_STREQ("second", m.body);
	EXPECT_EQ(0, port_info(self->b, small).users);
}

/* Another thread makes an answer meanwhile. */
TEST_F(forward, while_it_is_answered)
{
	struct caps_reply r = { 0 };
	struct background replier;
	struct region region;
	struct message m;

	if (!uffd_start(&region, 4096))
		SKIP(return, "no userfaultfd");
	START_CALL(self);
	EXPECT_OK(receive(self->a, self->door, &m));
	r.id = m.header.id;
	r.data = data_of(region.map, 4096);
	background_start(&replier, self->a, CAPS_REPLY, &r);
	EXPECT_TRUE(eventually(region_touched(&region)));
	EXPECT_ERR(EBUSY, pass_on(self->a, r.id, self->next));
	region_answer(&region);
	EXPECT_OK(background_join(&replier));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_ERR(ENOMSG, pass_on(self->a, r.id, self->next));
}

/* Its caller has gone: that ends it, and the notice too. */
TEST_F(forward, caller_has_gone)
{
	struct message m;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "x", &id));
	EXPECT_OK(receive(self->a, self->door, &m));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_EQ(1, port_info(self->a, self->door).queued);
	EXPECT_ERR(ECANCELED, pass_on(self->a, m.header.id, self->next));
	EXPECT_ERR(ENOMSG, pass_on(self->a, m.header.id, self->next));
	EXPECT_EQ(0, port_info(self->a, self->door).queued);
	EXPECT_EQ(0, port_info(self->b, self->room).queued);
	EXPECT_EQ(0, actor_info(self->a).held);
}

/* --- ways it can go ------------------------------------------------------ */

/* Straight to one that waits. */
TEST_F(forward, second_server_waits)
{
	struct caps_receive r = { .port = self->room, .deadline = grace() };
	struct background receiver;

	background_start(&receiver, self->b, CAPS_RECEIVE, &r);
	background_settle(&receiver);
	QUEUE_FORWARDED(self);
	EXPECT_OK(background_join(&receiver));
	EXPECT_EQ(BADGE_B, r.header.badge);
	EXPECT_OK(reply_text(self->b, r.header.id, 3, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(3, self->call.status);
}

/* Into another port of one's own, into the same, and round and round. */
TEST_F(forward, rounds)
{
	__u64 inner = port_new(self->a), back, caps[3];
	struct message m;
	int i;

	back = cap_give(self->a, self->door, self->b);
	START_CALL(self);
	pass_next(self->a, self->door, inner);
	pass_next(self->a, inner, self->door);
	pass_next(self->a, self->door, self->door);
	for (i = 0; i < 100; i++) {
		pass_next(self->a, self->door, self->next);
		pass_next(self->b, self->room, back);
	}
	caps[0] = cap_give(self->a, self->door, self->client);
	pass_next(self->a, self->door, self->next);
	EXPECT_OK(port_delete(self->a, inner));
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_STREQ("question", m.body);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_OK(reply_text(self->b, m.header.id, 42, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(42, self->call.status);
	EXPECT_EQ(0, actor_info(self->a).held + actor_info(self->b).held);
	EXPECT_OK(cap_close(self->client, caps[0]));
}

/* A caller may serve itself in the end. */
TEST_F(forward, back_to_the_caller)
{
	__u64 own = port_new(self->client), cap;
	struct message m;

	cap = cap_give(self->client, own, self->a);
	START_CALL(self);
	pass_next(self->a, self->door, cap);
	EXPECT_OK(receive(self->client, own, &m));
	EXPECT_OK(reply_text(self->client, m.header.id, 12, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(12, self->call.status);
}

TEST_HARNESS_MAIN
