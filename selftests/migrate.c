// SPDX-License-Identifier: GPL-2.0
/*
 * A port moves to another actor: what comes along, and what stays.
 */
#include "caps_memory.h"
#include "caps_migrate.h"

#define UID	1001

FIXTURE(migrate) {
	struct before before;
	struct move m;
};

FIXTURE_SETUP(migrate)
{
	before_take(&self->before);
	self->m = move_prepare();
}

FIXTURE_TEARDOWN(migrate)
{
	move_end(&self->m);
	before_check(_metadata, &self->before);
}

/* The queue comes along, in order, and what is sent later goes there, too. */
TEST_F(migrate, with_the_queue)
{
	struct move *m = &self->m;

	EXPECT_OK(send_text(m->client, m->cap, "first"));
	EXPECT_OK(send_text(m->client, m->cap, "second"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(0, m->dropped);
	EXPECT_OK(send_text(m->client, m->cap, "third"));
	EXPECT_EQ(3, port_info(m->new, m->arrived).queued);
	EXPECT_NEXT(m->new, m->arrived, "first");
	EXPECT_NEXT(m->new, m->arrived, "second");
	EXPECT_NEXT(m->new, m->arrived, "third");
}

/* The event says which port it is; the handle has all rights. */
TEST_F(migrate, event)
{
	struct move *m = &self->m;
	struct caps_capability_info i;
	struct message e;

	EXPECT_OK(port_enable(m->new, CAPS_DEFAULT_PORT, 0));
	EXPECT_FALSE(readable(m->new));
	EXPECT_OK(port_migrate(m->old, m->port, m->heir, 0, NULL, NULL));
	EXPECT_TRUE(readable(m->new));
	ASSERT_OK(receive_now(m->new, CAPS_ANY_PORT, &e));
	EXPECT_EQ(CAPS_KIND_PORT_ARRIVED, e.header.kind);
	EXPECT_EQ(getpid(), e.header.pid);
	EXPECT_EQ(0, e.header.flags);
	EXPECT_EQ(0, e.header.body_len);
	ASSERT_OK(cap_info(m->new, e.header.address, &i));
	EXPECT_EQ(CAPS_TYPE_PORT, i.type);
	EXPECT_EQ(CAPS_RIGHTS_PORT, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	EXPECT_EQ(CAPS_INFO_OWN, i.status);
	EXPECT_FALSE(readable(m->new));
}

/* It arrives disabled, and can be enabled at once. */
TEST_F(migrate, arrives_disabled)
{
	struct move *m = &self->m;
	struct message got;

	EXPECT_OK(port_enable(m->old, m->port, 3));
	EXPECT_OK(send_text(m->client, m->cap, "first"));
	EXPECT_TRUE(readable(m->old));
	ASSERT_OK(move_go(m, 0));
	EXPECT_FALSE(readable(m->old));
	EXPECT_FALSE(readable(m->new));
	EXPECT_ERR(EAGAIN, receive_now(m->new, CAPS_ANY_PORT, &got));
	EXPECT_EQ(0, port_info(m->new, m->arrived).status);
	EXPECT_EQ(3, port_info(m->new, m->arrived).priority);
	EXPECT_ERR(EBUSY, port_disable(m->new, m->arrived));
	EXPECT_OK(port_enable(m->new, m->arrived, 0));
	EXPECT_TRUE(readable(m->new));
	EXPECT_NEXT(m->new, CAPS_ANY_PORT, "first");
}

/* Cookie, limit and signals move; the old owner is none any more. */
TEST_F(migrate, what_belongs_to_the_port)
{
	struct move *m = &self->m;
	struct caps_signal s = { .bits = 5 };
	struct caps_port_info i;
	struct message got;

	ASSERT_OK(port_create(m->old, 77, 3, &m->port));
	s.capability = m->port;
	EXPECT_OK(caps_ioctl(m->old, CAPS_SIGNAL, &s));
	ASSERT_OK(move_go(m, 0));
	i = port_info(m->new, m->arrived);
	EXPECT_EQ(77, i.cookie);
	EXPECT_EQ(3, i.queue_limit);
	ASSERT_OK(receive_now(m->new, m->arrived, &got));
	EXPECT_EQ(CAPS_KIND_SIGNAL, got.header.kind);
	EXPECT_EQ(5, got.header.address);
	EXPECT_EQ(77, got.header.cookie);

	EXPECT_ERR(EPERM, receive_now(m->old, m->port, &got));
	EXPECT_ERR(EPERM, port_enable(m->old, m->port, 0));
	EXPECT_ERR(EPERM, port_delete(m->old, m->port));
	EXPECT_ERR(EPERM, move_go(m, 0));
	EXPECT_OK(send_text(m->old, m->port, "still a capability"));
	EXPECT_NEXT(m->new, m->arrived, "still a capability");
	EXPECT_EQ(2, actor_info(m->old).ports);
	EXPECT_EQ(2, actor_info(m->new).ports);
}

/* The number of the cut; the new owner goes on behind it. */
TEST_F(migrate, sequence)
{
	struct move *m = &self->m;
	struct message got;
	int i;

	for (i = 0; i < 4; i++)
		EXPECT_OK(send_text(m->client, m->cap, "some"));
	EXPECT_OK(receive_now(m->old, m->port, &got));
	EXPECT_OK(receive_now(m->old, m->port, &got));
	EXPECT_EQ(2, got.header.sequence);
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(2, m->sequence);
	EXPECT_EQ(2, port_info(m->new, m->arrived).sequence);
	EXPECT_OK(receive_now(m->new, m->arrived, &got));
	EXPECT_EQ(3, got.header.sequence);
	EXPECT_OK(port_migrate(m->new, m->arrived, m->back, 0, &m->sequence,
			       NULL));
	EXPECT_EQ(3, m->sequence);
	EXPECT_OK(receive_now(m->old, m->port, &got));
	EXPECT_EQ(4, got.header.sequence);
}

/* Without its queue: calls end with EPIPE, and the server never saw them. */
TEST_F(migrate, drop)
{
	struct move *m = &self->m;
	struct caps_call call = call_of(m->cap, "call");
	struct background caller;
	struct message got;
	__u64 id;

	EXPECT_OK(send_text(m->client, m->cap, "send"));
	EXPECT_OK(call_async(m->client, m->cap, 0, "async", &id));
	background_start(&caller, m->client, CAPS_CALL, &call);
	background_settle(&caller);
	EXPECT_EQ(3, port_info(m->old, m->port).queued);
	ASSERT_OK(move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(3, m->dropped);
	EXPECT_EQ(0, m->sequence);
	EXPECT_ERR(EPIPE, background_join(&caller));
	EXPECT_EQ(0, call.result & CAPS_RESULT_TAKEN);
	ASSERT_OK(receive_now(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(CAPS_KIND_REPLY, got.header.kind);
	EXPECT_EQ(id, got.header.id);
	EXPECT_EQ(EPIPE, got.header.error);
	EXPECT_EQ(0, port_info(m->new, m->arrived).queued);
	EXPECT_EQ(0, port_info(m->new, m->arrived).users);
	EXPECT_OK(send_text(m->client, m->cap, "later"));
	EXPECT_NEXT(m->new, m->arrived, "later");
}

/* What was asked for from the port goes to the port, with the queue or without. */
TEST_F(migrate, answers_are_not_dropped)
{
	struct move *m = &self->m;
	__u64 server = port_new(m->client);
	struct caps_send s = {
		.capability = cap_give(m->client, server, m->old),
		.source = m->port, .data = data_of("s", 1),
	};
	struct message ask[2];

	for (int i = 0; i < 2; i++) {
		EXPECT_OK(caps_ioctl(m->old, CAPS_SEND, &s));
		EXPECT_OK(receive_until(m->client, server, CAPS_HOLD, 0,
					&ask[i]));
	}
	EXPECT_OK(send_text(m->client, m->cap, "dropped"));
	EXPECT_OK(reply_text(m->client, ask[0].header.id, 0, "queued"));
	ASSERT_OK(move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(1, m->dropped);
	EXPECT_OK(reply_text(m->client, ask[1].header.id, 0, "later"));
	EXPECT_NEXT(m->new, m->arrived, "queued");
	EXPECT_NEXT(m->new, m->arrived, "later");
	EXPECT_ERR(EAGAIN, receive_now(m->old, CAPS_DEFAULT_PORT, &ask[0]));
}

/* Senders that wait for room wait on, at the new owner. */
TEST_F(migrate, blocked_senders_follow)
{
	struct caps_send s = { .deadline = CAPS_FOREVER,
			       .data = data_of("second", 6) };
	struct move m = move_prepare_limit(2);
	struct background sender;

	EXPECT_OK(send_text(m.client, m.cap, "first"));
	s.capability = m.cap;
	background_start(&sender, m.client, CAPS_SEND, &s);
	background_settle(&sender);
	EXPECT_EQ(1, port_info(m.old, m.port).waiting);
	ASSERT_OK(move_go(&m, 0));
	EXPECT_EQ(1, port_info(m.new, m.arrived).waiting);
	EXPECT_NEXT(m.new, m.arrived, "first");
	EXPECT_OK(background_join(&sender));
	EXPECT_NEXT(m.new, m.arrived, "second");
	move_end(&m);
}

/* ... or are told that it was dropped. */
TEST_F(migrate, blocked_senders_are_dropped)
{
	struct caps_send s = { .deadline = CAPS_FOREVER,
			       .data = data_of("second", 6) };
	struct move m = move_prepare_limit(2);
	struct caps_call call = call_of(m.cap, "call");
	struct background sender, caller;

	EXPECT_OK(send_text(m.client, m.cap, "first"));
	s.capability = m.cap;
	background_start(&sender, m.client, CAPS_SEND, &s);
	background_start(&caller, m.client, CAPS_CALL, &call);
	background_settle(&sender);
	background_settle(&caller);
	EXPECT_EQ(2, port_info(m.old, m.port).waiting);
	ASSERT_OK(move_go(&m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(3, m.dropped);
	EXPECT_ERR(EPIPE, background_join(&sender));
	EXPECT_ERR(EPIPE, background_join(&caller));
	EXPECT_EQ(0, port_info(m.new, m.arrived).waiting);
	EXPECT_OK(send_text(m.client, m.cap, "room again"));
	move_end(&m);
}

/* A sender can take back what has moved. */
TEST_F(migrate, withdrawal_follows)
{
	struct move *m = &self->m;
	__u64 id;

	EXPECT_OK(call_async(m->client, m->cap, 0, "call", &id));
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(m->client, id));
	EXPECT_EQ(0, port_info(m->new, m->arrived).queued);
}

/* Threads that wait on the port are told, those that wait on any are not. */
TEST_F(migrate, waiters)
{
	struct message got[9] = { 0 };
	struct caps_receive r[9];
	struct background b[9];
	struct move *m = &self->m;
	int i;

	EXPECT_OK(port_enable(m->old, m->port, 0));
	for (i = 0; i < 9; i++) {
		r[i] = receive_of(&got[i], i ? m->port : CAPS_ANY_PORT,
				  CAPS_FOREVER);
		background_start(&b[i], m->old, CAPS_RECEIVE, &r[i]);
		background_settle(&b[i]);
	}
	ASSERT_OK(move_go(m, 0));
	for (i = 1; i < 9; i++)
		EXPECT_ERR(EIDRM, background_join(&b[i]));
	EXPECT_OK(send_text(m->client, m->cap, "not for the old one"));
	EXPECT_TRUE(eventually(asleep(b[0].tid)));
	EXPECT_OK(port_enable(m->old, CAPS_DEFAULT_PORT, 0));
	EXPECT_OK(send_text(m->old, CAPS_DEFAULT_PORT, "for the old one"));
	EXPECT_OK(background_join(&b[0]));
	EXPECT_STREQ("for the old one", got[0].body);
}

/* A call is answered where it was received. */
TEST_F(migrate, received_calls_stay)
{
	struct move *m = &self->m;
	struct message got;
	__u64 id;

	EXPECT_OK(call_async(m->client, m->cap, 0, "call", &id));
	ASSERT_OK(receive_now(m->old, m->port, &got));
	ASSERT_OK(move_go(m, 0));
	EXPECT_ERR(ENOMSG, reply_text(m->new, got.header.id, 1, ""));
	EXPECT_OK(reply_text(m->old, got.header.id, 2, "answer"));
	ASSERT_OK(receive_now(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(2, got.header.status);
	EXPECT_STREQ("answer", got.body);
}

/* That its caller has left is told where it is held, before and after. */
TEST_F(migrate, notices_stay)
{
	struct move *m = &self->m;
	struct message first, second, got;
	__u64 ids[2];

	EXPECT_OK(call_async(m->client, m->cap, 0, "one", &ids[0]));
	EXPECT_OK(call_async(m->client, m->cap, 0, "two", &ids[1]));
	ASSERT_OK(receive_now(m->old, m->port, &first));
	ASSERT_OK(receive_now(m->old, m->port, &second));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(m->client, ids[0]));
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(m->client, ids[1]));
	EXPECT_ERR(EAGAIN, receive_now(m->new, m->arrived, &got));
	ASSERT_OK(receive_now(m->old, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(CAPS_KIND_CANCELLED, got.header.kind);
	EXPECT_EQ(first.header.id, got.header.id);
	EXPECT_OK(discard(m->old, got.header.id));
	ASSERT_OK(receive_now(m->old, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(second.header.id, got.header.id);
	EXPECT_OK(discard(m->old, got.header.id));
}

/* ... and wakes who waits for it there. */
TEST_F(migrate, notices_wake_the_old_owner)
{
	struct move *m = &self->m;
	struct message held, got = { 0 };
	struct caps_receive r = receive_of(&got, CAPS_DEFAULT_PORT,
					   CAPS_FOREVER);
	struct background b;
	__u64 id;

	EXPECT_OK(call_async(m->client, m->cap, 0, "one", &id));
	ASSERT_OK(receive_now(m->old, m->port, &held));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(m->client, id));
	background_start(&b, m->old, CAPS_RECEIVE, &r);
	background_settle(&b);
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(held.header.id, r.header.id);
	EXPECT_OK(discard(m->old, held.header.id));
}

/* Answers to the old owner's calls are its own, those to one-way sends not. */
TEST_F(migrate, answers)
{
	struct move *m = &self->m;
	__u64 server = port_new(m->client), source = m->port, id[2];
	__u64 to = cap_give(m->client, server, m->old);
	struct caps_send s = {
		.capability = to, .source = source, .data = data_of("s", 1),
	};
	struct message ask[4], got;
	int i;

	EXPECT_OK(call_async(m->old, to, source, "early", &id[0]));
	EXPECT_OK(call_async(m->old, to, source, "late", &id[1]));
	EXPECT_OK(caps_ioctl(m->old, CAPS_SEND, &s));
	EXPECT_OK(caps_ioctl(m->old, CAPS_SEND, &s));
	for (i = 0; i < 4; i++)
		EXPECT_OK(receive_until(m->client, server, CAPS_HOLD, 0,
					&ask[i]));
	EXPECT_OK(reply_text(m->client, ask[0].header.id, 0, "early"));
	EXPECT_OK(reply_text(m->client, ask[2].header.id, 0, "first"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(reply_text(m->client, ask[1].header.id, 0, "late"));
	EXPECT_OK(reply_text(m->client, ask[3].header.id, 0, "second"));

	for (i = 0; i < 2; i++) {
		ASSERT_OK(receive_now(m->old, CAPS_DEFAULT_PORT, &got));
		EXPECT_EQ(CAPS_KIND_REPLY, got.header.kind);
		EXPECT_EQ(id[i], got.header.id);
		EXPECT_STREQ(i ? "late" : "early", got.body);
	}
	EXPECT_ERR(EAGAIN, receive_now(m->old, CAPS_DEFAULT_PORT, &got));
	EXPECT_NEXT(m->new, m->arrived, "first");
	/* Held by the new owner, though the old one had asked. */
	ASSERT_OK(receive_until(m->new, m->arrived, CAPS_HOLD, 0, &got));
	EXPECT_EQ(CAPS_KIND_REPLY, got.header.kind);
	EXPECT_STREQ("second", got.body);
	EXPECT_OK(get_data(m->new, got.header.id, 2, got.body, 4, NULL));
	EXPECT_EQ(0, memcmp("cond", got.body, 4));
	EXPECT_ERR(EINVAL, reply_text(m->new, got.header.id, 0, ""));
	EXPECT_OK(discard(m->new, got.header.id));
	EXPECT_ERR(ENOMSG, discard(m->new, got.header.id));
}

/*
 * A one-way message is answered with a deferred body after its source port has
 * moved, and the new owner holds the answer. Returns what the server answered.
 */
static __u64 hold_answer(struct move *m, struct message *got)
{
	__u64 server = port_new(m->client);
	struct caps_send s = {
		.capability = cap_give(m->client, server, m->old),
		.source = m->port, .data = data_of("s", 1),
	};
	struct caps_reply r = {
		.data = data_of(pages_filled(65536, 0, 1), 65536),
		.flags = CAPS_DEFER,
	};
	struct message ask;

	need(caps_ioctl(m->old, CAPS_SEND, &s), "CAPS_SEND");
	need(receive_until(m->client, server, CAPS_HOLD, 0, &ask), "request");
	need(move_go(m, 0), "CAPS_PORT_MIGRATE");
	r.id = ask.header.id;
	need(caps_ioctl(m->client, CAPS_REPLY, &r), "CAPS_REPLY");
	need(receive_until(m->new, m->arrived, CAPS_HOLD, 0, got), "answer");
	return r.id;
}

/* An answer that moved and is held goes with whoever holds it. */
TEST_F(migrate, held_answer_dies_with_the_new_owner)
{
	struct move *m = &self->m;
	struct message got;
	__u64 asked = hold_answer(m, &got);

	EXPECT_EQ(65536, got.header.body_len);
	close(m->new);
	ASSERT_OK(receive(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(CAPS_KIND_DISPOSE, got.header.kind);
	EXPECT_EQ(asked, got.header.id);
	m->new = actor_open();
}

/* ... and loses its body with who gave it. */
TEST_F(migrate, held_answer_loses_its_body)
{
	struct move *m = &self->m;
	struct message got;

	hold_answer(m, &got);
	EXPECT_OK(get_data(m->new, got.header.id, 0, got.body, 8, NULL));
	close(m->client);
	EXPECT_TRUE(eventually(get_data(m->new, got.header.id, 0, got.body, 8,
					NULL) == -ECANCELED));
	EXPECT_EQ(self->before.pinned, pages_pinned());
	EXPECT_OK(discard(m->new, got.header.id));
	m->client = actor_open();
}

/* Badges stay with the port, and can be revoked by the new owner. */
TEST_F(migrate, badges)
{
	struct move *m = &self->m;
	struct caps_revoke r = { .badge = 7, .flags = CAPS_REVOKE_BADGE };
	struct message got;
	__u64 own, given;

	EXPECT_OK(cap_badge(m->old, m->port, 7, &own));
	given = cap_give(m->old, own, m->client);
	EXPECT_OK(send_text(m->client, given, "before"));
	ASSERT_OK(move_go(m, 0));
	ASSERT_OK(receive_now(m->new, m->arrived, &got));
	EXPECT_EQ(7, got.header.badge);
	EXPECT_OK(send_text(m->client, given, "after"));
	r.capability = m->arrived;
	EXPECT_OK(caps_ioctl(m->new, CAPS_REVOKE, &r));
	EXPECT_EQ(1, r.dropped);
	EXPECT_ERR(EKEYREVOKED, send_text(m->client, given, "late"));
	EXPECT_OK(cap_badge(m->new, m->arrived, 7, &own));
}

/* The owner's own messages outlive a revocation, also when it is owner no more. */
TEST_F(migrate, revoked_before)
{
	struct move *m = &self->m;
	struct caps_revoke r = { .capability = m->port };
	struct message got;

	EXPECT_OK(caps_ioctl(m->old, CAPS_REVOKE, &r));
	EXPECT_OK(send_text(m->old, m->port, "own"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_NEXT(m->new, m->arrived, "own");
	/* Its handle is older than the revocation. */
	EXPECT_ERR(EKEYREVOKED, send_text(m->old, m->port, "own"));
	EXPECT_OK(send_text(m->new, m->arrived, "new"));
	EXPECT_NEXT(m->new, m->arrived, "new");
	EXPECT_ERR(EAGAIN, receive_now(m->new, m->arrived, &got));
}

/* After it the old owner is as revocable as anybody. */
TEST_F(migrate, revoked_after)
{
	struct move *m = &self->m;
	struct caps_revoke r = { 0 };

	EXPECT_OK(send_text(m->old, m->port, "still mine"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(send_text(m->old, m->port, "anybody"));
	r.capability = m->arrived;
	EXPECT_OK(caps_ioctl(m->new, CAPS_REVOKE, &r));
	EXPECT_EQ(2, r.dropped);
	EXPECT_ERR(EKEYREVOKED, send_text(m->old, m->port, "anybody"));
}

/* A name stays with its port, for an owner of the same uid. */
TEST_F(migrate, names_move)
{
	struct move *m = &self->m;
	__u64 cap;

	EXPECT_OK(service_register(m->old, m->port, "moving", 0,
				   CAPS_ALL_OPERATIONS));
	ASSERT_OK(move_go(m, 0));
	EXPECT_ERR(EEXIST, service_register(m->old, CAPS_DEFAULT_PORT, "moving",
					    0, CAPS_ALL_OPERATIONS));
	EXPECT_OK(service_connect(m->client, "moving", geteuid(),
				  CAPS_ALL_OPERATIONS, &cap));
	EXPECT_OK(send_text(m->client, cap, "by name"));
	EXPECT_NEXT(m->new, m->arrived, "by name");
	EXPECT_ERR(EPERM, service_unregister(m->old, "moving"));
	close(m->old);
	EXPECT_OK(send_text(m->client, cap, "still"));
	EXPECT_OK(service_unregister(m->new, "moving"));
	m->old = actor_open();
}

/* The new owner's death frees it, and ends the port. */
TEST_F(migrate, names_die_with_the_new_owner)
{
	struct move *m = &self->m;

	EXPECT_OK(service_register(m->old, m->port, "moving", 0,
				   CAPS_ALL_OPERATIONS));
	ASSERT_OK(move_go(m, 0));
	close(m->new);
	EXPECT_OK(service_register(m->old, CAPS_DEFAULT_PORT, "moving", 0,
				   CAPS_ALL_OPERATIONS));
	EXPECT_ERR(EPIPE, send_text(m->client, m->cap, "gone"));
	m->new = actor_open();
}

/* Of another uid: the name is free. */
TEST_F(migrate, names_tell_the_uid)
{
	struct move *m = &self->m;
	struct child c;
	__u64 cap, heir;
	int from;

	if (child_start(&c)) {
		become_member(UID);
		close_range(m->old, m->client, 0);
		m->new = actor_open();
		say_fd(&c, cap_export(m->new, actor_self(m->new)));
		if (!port_arrived(m->new, grace()))
			_exit(1);
		say(&c, 0);
		pause();
	}
	from = hear_fd(&c);
	ASSERT_OK(cap_import(m->old, from, &heir));
	close(from);
	EXPECT_OK(service_register(m->old, m->port, "moving",
				   CAPS_REGISTER_WORLD, CAPS_ALL_OPERATIONS));
	EXPECT_OK(port_migrate(m->old, m->port, heir, 0, NULL, NULL));
	hear(&c);
	EXPECT_OK(send_text(m->client, m->cap, "there it is"));
	EXPECT_ERR(ENOENT, service_connect(m->client, "moving", geteuid(),
					   CAPS_ALL_OPERATIONS, &cap));
	EXPECT_ERR(ENOENT, service_connect(m->client, "moving", UID,
					   CAPS_ALL_OPERATIONS, &cap));
	child_kill(&c);
}

/* The new owner can delete it; senders are told. */
TEST_F(migrate, deleted_by_the_new_owner)
{
	struct move *m = &self->m;
	struct message got;
	__u64 id;

	EXPECT_OK(call_async(m->client, m->cap, 0, "call", &id));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(port_delete(m->new, m->arrived));
	ASSERT_OK(receive_now(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(EPIPE, got.header.error);
	EXPECT_ERR(EPIPE, send_text(m->client, m->cap, "gone"));
}

/* The old owner's death does not touch it; its own sends stay. */
TEST_F(migrate, outlives_the_old_owner)
{
	struct move *m = &self->m;

	EXPECT_OK(send_text(m->old, m->port, "last words"));
	ASSERT_OK(move_go(m, 0));
	close(m->old);
	EXPECT_OK(send_text(m->client, m->cap, "later"));
	EXPECT_NEXT(m->new, m->arrived, "last words");
	EXPECT_NEXT(m->new, m->arrived, "later");
	m->old = actor_open();
}

TEST_HARNESS_MAIN
