// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding: a held message goes on to another port.
 *
 * Its state goes back from TAKEN to QUEUED, and it is marked as forwarded: a
 * server has had it, so its sender is never told that none has. It is busy until
 * it goes, as while it is answered, so nobody else ends it here but a sender that
 * leaves. It changes table, queue and holder at once, under the locks of both
 * actors:
 *
 *	forwarder			sender that leaves, see lock_holder()
 *	lock(both)			lock(holder)
 *	still TAKEN? else stop		still the holder? else again
 *	-> QUEUED, other holder		-> CANCELLED before, WITHDRAWN after
 *	unlock				unlock
 */
#include "account.h"
#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "ipc.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "revoke.h"
#include "trace.h"
#include "wait.h"

struct forwarding {
	struct caps_actor *actor;
	struct caps_message *message;
	struct caps_wakes wakes;
	unsigned int shares;		/* to bring along */
	bool ended, notice;		/* see caps_held_end_cancelled() */
	/* Of the message: the new ones, and once it has gone the old ones. */
	struct caps_badge *badge;
	bool in_flight;			/* it is counted there */
	struct caps_port *port;
};

/* The forwarder and the port's owner; NULL if there is none. */
static struct caps_actor *lock_both(struct caps_actor *actor,
				    struct caps_port *port)
{
	struct caps_actor *owner;

	for (;;) {
		owner = rcu_dereference(port->owner);
		if (!owner)
			return NULL;
		caps_actors_lock(actor, owner);
		if (likely(rcu_access_pointer(port->owner) == owner))
			return owner;
		caps_actors_unlock(actor, owner);
	}
}

/* May it still go? Both are locked. */
static int may_forward(struct forwarding *f, struct caps_actor *owner,
		       const struct caps_capability *capability)
{
	struct caps_message *message = f->message;

	if (f->actor->dead)
		return -ENOTCONN;
	if (message->state == CAPS_CANCELLED) {
		f->ended = true;
		f->notice = caps_held_end_cancelled(f->actor, message,
						    &f->wakes);
		return -ECANCELED;
	}
	if (message->state != CAPS_TAKEN)
		return -ENOMSG;
	if (caps_capability_is_revoked(capability, f->actor))
		return -EKEYREVOKED;
	/* Another thread may have what came along, or give it back. */
	if (message->lent)
		return -EBUSY;
	return owner->dead ? -EPIPE : 0;
}

/* One more on its way there, if it is a connection. Nobody waits for a turn. */
static bool enter(struct forwarding *f)
{
	if (f->badge && f->badge->limit)
		f->in_flight = caps_badge_enter(f->badge);
	return f->in_flight || !f->badge || !f->badge->limit;
}

/* Both are locked. Whoever waits there may look at it before they are not. */
static int move(struct forwarding *f, struct caps_actor *owner,
		const struct caps_capability *capability)
{
	struct caps_message *message = f->message;
	const u64 held_id = message->held_id, generation = message->generation;
	const bool forwarded = message->forwarded;
	const unsigned long since = message->since;
	struct caps_port *port = message->port;
	int err;

	if (!enter(f))
		return -EAGAIN;
	swap(message->badge, f->badge);
	message->generation = caps_generation_of(capability, owner, f->actor);
	message->held_id = 0;
	message->forwarded = true;
	message->busy = false;
	/* What somebody has taken does not come along. */
	if (!message->request.attached) {
		message->header.capability_count = 0;
		message->header.fd_count = 0;
	}
	err = caps_queue_admit(owner, capability->port, message, false,
			       &f->wakes);
	if (err) {
		swap(message->badge, f->badge);
		message->generation = generation;
		message->held_id = held_id;
		message->forwarded = forwarded;
		message->busy = true;
		f->shares = message->chain->count;
		return err;
	}
	/* From now on it burdens this connection, not the first. */
	swap(message->in_flight, f->in_flight);
	message->since = since;
	f->port = port;
	caps_table_remove(&f->actor->messages, held_id);
	return 0;
}

static int forward_once(struct forwarding *f, u64 handle)
{
	struct caps_capability *capability;
	struct caps_actor *owner;
	int err;

	capability = caps_capability_find(f->actor, handle);
	if (!capability)
		return -EBADF;
	err = caps_may_send(capability, f->message->header.operation);
	if (err)
		return err;
	if (capability->type != CAPS_TYPE_PORT)
		return -EINVAL;
	/* Zero: the handle is being closed by another thread just now. */
	if (capability->badge && !refcount_inc_not_zero(&capability->badge->refs))
		return -EBADF;
	f->badge = capability->badge;
	owner = lock_both(f->actor, capability->port);
	if (!owner)
		return -EPIPE;
	err = may_forward(f, owner, capability);
	if (!err)
		err = move(f, owner, capability);
	caps_actors_unlock(f->actor, owner);
	caps_wakes_poll(&f->wakes, owner);
	return err;
}

static int forward(struct forwarding *f, u64 handle)
{
	int err;

	for (;;) {
		rcu_read_lock();
		err = forward_once(f, handle);
		rcu_read_unlock();
		if (f->in_flight)
			caps_badge_leave(f->badge);
		caps_badge_put(f->badge);
		f->badge = NULL;
		f->in_flight = false;
		if (err != CAPS_NEEDS_SHARES)
			return err;
		err = caps_shares_bring(f->message, f->shares);
		if (err)
			return err;
	}
}

/**
 * caps_forward - hand a held message on to another port
 * @actor: who holds it
 * @args: checked
 *
 * Return: 0; -ENOMSG, -EINVAL, -EBUSY, -ECANCELED; for the rest see caps_post().
 */
int caps_forward(struct caps_actor *actor, const struct caps_forward *args)
{
	struct forwarding f = { .actor = actor };
	int err;

	caps_wakes_init(&f.wakes);
	err = caps_held_begin(actor, args->id, &f.message, &f.wakes);
	if (!err) {
		/* Its connection would be to the port that it came to. */
		err = f.message->application ? -EINVAL :
					       forward(&f, args->capability);
		if (err)
			caps_held_return(actor, f.message);
		else
			trace_caps_send(f.message);
	}
	caps_wakes_run(&f.wakes);
	if (!f.message)
		return err;
	if (f.ended)
		caps_held_put_ended(f.message, f.notice);
	caps_port_put(f.port);
	caps_message_put(f.message);
	return err;
}
