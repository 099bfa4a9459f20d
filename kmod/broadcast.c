// SPDX-License-Identifier: GPL-2.0
/*
 * Sending to all members of a group, or all enabled ports of an actor.
 *
 * The message that the program sent is the original: it is never queued. Each
 * member gets a clone, with a copy of what is inline and a reference to the body,
 * which is loaded once. Clones are charged together beforehand, made some at a
 * time, and queued one by one, with one member's owner locked at a time.
 *
 * All or nothing goes in two phases. First each member reserves room for its
 * clone, which nobody can see; if one has none, all give it back. Then each
 * clone is let in. A member that ends in between is as one that ended with its
 * message unread; one that moves away gets it where it is then.
 */
#include <linux/sched/signal.h>

#include "account.h"
#include "actor.h"
#include "group_send.h"
#include "message.h"
#include "migrate.h"
#include "queue.h"
#include "revoke.h"
#include "trace.h"
#include "wait.h"

#define CLONES	16	/* made at a time */

struct broadcast {
	struct caps_target target;
	struct caps_message *original;
	struct caps_chain *chain;	/* who pays */
	u32 charged;			/* clones that are paid, not made */
	u32 left;			/* members not looked at */
	u32 reached;
	u32 full;
	u32 spare;			/* made, not used */
	struct caps_message *clones[CLONES];
	struct list_head reserved;	/* by their link */
	struct caps_wakes wakes;
};

static int charge(struct broadcast *b, u32 count)
{
	const long size = sizeof(struct caps_message);
	int err;

	err = caps_charge(b->chain, CAPS_MESSAGES, count);
	if (err)
		return err;
	err = caps_charge(b->chain, CAPS_KERNEL_BYTES, count * size);
	if (err)
		caps_uncharge(b->chain, CAPS_MESSAGES, count);
	else
		b->charged = count;
	return err;
}

static void give_back(struct broadcast *b)
{
	const long size = sizeof(struct caps_message);

	while (b->spare)
		caps_message_put(b->clones[--b->spare]);
	caps_uncharge(b->chain, CAPS_MESSAGES, b->charged);
	caps_uncharge(b->chain, CAPS_KERNEL_BYTES, b->charged * size);
}

/* Have a clone for the next member. */
static int need_clone(struct broadcast *b)
{
	u32 i, count = min_t(u32, b->left, CLONES);

	if (b->spare)
		return 0;
	b->spare = caps_message_clone(b->original, b->clones, count);
	b->charged -= b->spare;
	for (i = 0; i < b->spare; i++)
		caps_payload_join(b->clones[i], b->original);
	return b->spare ? 0 : -ENOMEM;
}

static int deliver_one(struct broadcast *b, const struct caps_member *member)
{
	int err = caps_member_admit(member, b->clones[b->spare - 1], false,
				    &b->wakes);

	if (!err) {
		b->spare--;
		b->reached++;
	}
	return err;
}

/* A reference to the owner comes along: its end does not wait for us. */
static int reserve_once(const struct caps_member *member,
			struct caps_message *message)
{
	struct caps_actor *owner = caps_member_lock(member);
	int err;

	if (!owner)
		return -EPIPE;
	err = caps_queue_reserve(owner, member->port, message);
	if (!err) {
		caps_member_stamp(member, message);
		caps_actor_get(owner);
	}
	spin_unlock(&owner->lock);
	return err;
}

static int reserve_one(struct broadcast *b, const struct caps_member *member)
{
	struct caps_message *message = b->clones[b->spare - 1];
	int err;

	do {
		rcu_read_lock();
		err = reserve_once(member, message);
		rcu_read_unlock();
	} while (err == CAPS_NEEDS_SHARES &&
		 !(err = caps_shares_prepare(message)));
	if (!err) {
		b->spare--;
		list_add_tail(&message->link, &b->reserved);
	}
	return err;
}

/* One more of those that have room is let in, or turned away. */
static void settle_one(struct broadcast *b, struct caps_message *message,
		       bool commit)
{
	struct caps_actor *owner, *holder = message->holder;
	struct caps_port *port = message->port;

	list_del_init(&message->link);
	rcu_read_lock();
	owner = caps_claim_lock(holder, message);
	commit = commit && owner && !caps_message_is_revoked(message);
	if (commit)
		caps_queue_commit(owner, port, message, &b->wakes);
	else
		caps_queue_remove(port, message, &b->wakes);
	caps_actors_unlock(holder, owner);
	if (owner)
		caps_wakes_poll(&b->wakes, owner);
	rcu_read_unlock();
	if (!commit)
		caps_message_put(message);
	caps_actor_put(holder);
}

static void settle_all(struct broadcast *b, bool commit)
{
	struct caps_message *message;

	while (!list_empty(&b->reserved)) {
		message = list_first_entry(&b->reserved, struct caps_message,
					   link);
		settle_one(b, message, commit);
		b->reached += commit;
		if (caps_wakes_full(&b->wakes))
			caps_wakes_run(&b->wakes);
		cond_resched();
	}
}

/* Give each member one. Returns why it stopped before the last. */
static int visit_members(struct broadcast *b)
{
	const struct caps_members *members = b->target.members;
	bool all = b->target.flags & CAPS_TO_ALL;
	const struct caps_member *member;
	int err = 0;

	for (; b->left; b->left--) {
		member = &members->member[members->count - b->left];
		if (!caps_target_wants(&b->target, member))
			continue;
		/* Not for work that waits for us, which is io_uring's. */
		if (task_sigpending(current))
			return -ERESTARTSYS;
		err = need_clone(b);
		if (!err)
			err = all ? reserve_one(b, member) :
				    deliver_one(b, member);
		if (err == -EAGAIN)
			b->full++;
		if (err && err != -EPIPE && (all || err != -EAGAIN))
			return err;
		if (caps_wakes_full(&b->wakes))
			caps_wakes_run(&b->wakes);
		cond_resched();
	}
	return 0;
}

static int broadcast(struct broadcast *b, struct caps_send *args)
{
	int err;

	err = charge(b, b->left);
	if (err)
		return err;
	caps_payload_share(&b->original->request);
	err = visit_members(b);
	settle_all(b, !err);
	give_back(b);
	if (err && !b->reached)
		return err;
	if (!b->reached && b->full)
		return -EAGAIN;
	if (err)
		args->result |= CAPS_RESULT_PARTIAL;
	args->reached = b->reached;
	args->full = b->full;
	return 0;
}

/**
 * caps_broadcast - put a message at every member of a group, or port of an actor
 * @actor: who sends
 * @message: loaded; on success its place reference is gone
 * @route: without CAPS_TO_ANY and CAPS_TO_NEAR
 * @args: what the program said; the results go there
 *
 * Return: 0; what caps_target_open() returns; -EINVAL for a call, a deadline, or
 * what goes along; -EAGAIN if no member had room, or with CAPS_TO_ALL one had
 * none; -EDQUOT, -ENOMEM, -ERESTARTSYS. After an error nobody got anything.
 */
int caps_broadcast(struct caps_actor *actor, struct caps_message *message,
		   const struct caps_route *route, struct caps_send *args)
{
	struct broadcast b __uninitialized;
	int err;

	err = caps_target_open(&b.target, actor, route);
	if (err)
		return err;
	if (message->kind != CAPS_KIND_SEND || args->deadline ||
	    args->data.attachments) {
		caps_target_close(&b.target);
		return -EINVAL;
	}
	b.original = message;
	b.chain = message->chain;
	b.charged = 0;
	b.left = b.target.members->count;
	b.reached = 0;
	b.full = 0;
	b.spare = 0;
	INIT_LIST_HEAD(&b.reserved);
	caps_wakes_init(&b.wakes);
	err = broadcast(&b, args);
	caps_target_close(&b.target);
	if (!err) {
		trace_caps_send(message);
		caps_payload_drop(&message->request);
		caps_message_put(message);
	}
	caps_wakes_run(&b.wakes);
	return err;
}
