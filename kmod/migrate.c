// SPDX-License-Identifier: GPL-2.0
/*
 * Migration; see migrate.h.
 */
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "event.h"
#include "ipc.h"
#include "keep.h"
#include "message.h"
#include "migrate.h"
#include "port.h"
#include "queue.h"
#include "revoke.h"
#include "service.h"
#include "trace.h"
#include "wait.h"

struct migration {
	struct caps_actor *from;
	struct caps_actor *to;
	struct caps_port *port;
	bool drop;
	struct caps_capability *capability;	/* the new owner's */
	u64 handle;
	struct caps_message *event;
	struct caps_chain *payer;		/* that was until the cut */
	struct list_head waiters;		/* the old owner's, at the port */
	struct list_head dropped;		/* messages that we have claimed */
	u64 sequence;
	u64 count;				/* dropped */
};

/**
 * caps_claim_lock - lock who claimed a message, and whom it goes back to
 * @actor: who claimed it
 * @message: the message
 *
 * The caller is in an RCU reader section, until it has unlocked both by
 * caps_actors_unlock().
 *
 * Return: whom it goes back to, perhaps the same; or NULL, if to nobody.
 */
struct caps_actor *caps_claim_lock(struct caps_actor *actor,
				   struct caps_message *message)
{
	struct caps_port *port = message->port;
	struct caps_actor *owner;

	spin_lock(&actor->lock);
	if (message->claimed == CAPS_DROPPED)
		return NULL;
	owner = rcu_dereference(port->owner);
	if (message->claimed == CAPS_CLAIMED || owner == actor)
		return owner;
	/* Nobody but us can change the claim. */
	for (;;) {
		spin_unlock(&actor->lock);
		owner = rcu_dereference(port->owner);
		caps_actors_lock(actor, owner);
		if (rcu_access_pointer(port->owner) == owner)
			return owner;
		if (owner && owner != actor)
			spin_unlock(&owner->lock);
	}
}

/* Does a message of the port come along? Else it is in the owner's table. */
static bool follows(const struct caps_message *message)
{
	switch (message->kind) {
	case CAPS_KIND_SEND:
		return true;
	case CAPS_KIND_CALL:
		return !caps_message_is_notice(message);
	case CAPS_KIND_REPLY:
		return !message->sent_id;
	default:
		return false;
	}
}

/*
 * What others ask for. An answer was asked for from here: it goes to its source
 * port wherever that is, now as after the cut.
 */
static bool is_dropped(const struct migration *m,
		       const struct caps_message *message)
{
	return m->drop && message->kind != CAPS_KIND_REPLY;
}

/* What the owner sent to itself was exempt from revoking; it is so no more. */
static void disown(const struct migration *m, struct caps_message *message)
{
	if (message->generation == CAPS_OWNERS)
		message->generation = m->port->generation;
}

/* What is being delivered: the port knows nothing of it from now on. */
static void cut_claims(struct migration *m)
{
	struct caps_port *port = m->port;
	struct caps_message *message;
	struct hlist_node *next;

	hlist_for_each_entry_safe(message, next, &port->claims, claim) {
		__hlist_del(&message->claim);
		if (message->counted)
			caps_shares_return(port, message);
		message->number = ++port->sequence;
		message->claimed = CAPS_DROPPED;
		if (follows(message) && !is_dropped(m, message))
			message->claimed = CAPS_ASTRAY;
		disown(m, message);
	}
	port->claimed = 0;
}

static void stay(struct migration *m, struct caps_message *message)
{
	struct caps_port *home = m->from->self.port;

	m->port->queued--;
	home->queued++;
	message->arrival = ++m->from->arrivals;
	message->port = caps_port_get(home);
	list_move_tail(&message->link, caps_message_is_notice(message) ?
					       &home->notices : &home->queue);
	/* Not the last reference. */
	caps_port_put(m->port);
}

static void drop(struct migration *m, struct caps_message *message)
{
	if (message->counted)
		caps_shares_return(m->port, message);
	if (message->state == CAPS_BLOCKED)
		m->port->waiting--;
	else
		m->port->queued--;
	message->claimed = CAPS_DROPPED;
	list_move_tail(&message->link, &m->dropped);
	m->count++;
}

static void cut_line(struct migration *m, struct list_head *line)
{
	struct caps_message *message, *next;

	list_for_each_entry_safe(message, next, line, link) {
		if (!follows(message)) {
			stay(m, message);
		} else if (is_dropped(m, message)) {
			drop(m, message);
		} else {
			disown(m, message);
			/* Pairs with lock_holder(), which looks again. */
			WRITE_ONCE(message->holder, m->to);
		}
	}
}

static void change_owner(struct migration *m, struct caps_wakes *wakes)
{
	struct caps_actor *from = m->from, *to = m->to;
	struct caps_port *port = m->port;

	caps_port_set_enabled(from, port, false);
	caps_queue_update(from, port);
	list_splice_init(&port->waiters, &m->waiters);
	cut_claims(m);
	cut_line(m, &port->notices);
	cut_line(m, &port->queue);
	cut_line(m, &port->blocked);
	caps_queue_update(from, from->self.port);

	list_move_tail(&port->link, &to->ports);
	from->port_count--;
	to->port_count++;
	to->arrivals = max(to->arrivals, from->arrivals);
	m->payer = port->chain;
	port->chain = caps_chain_get(to->chain);
	m->sequence = port->sequence;
	rcu_assign_pointer(port->owner, to);

	caps_table_publish(&to->capabilities, m->handle, m->capability);
	caps_event_queue(to, m->event, m->handle, wakes);
}

static int cut(struct migration *m)
{
	struct caps_wakes wakes;
	int err = 0;

	caps_wakes_init(&wakes);
	caps_actors_lock(m->from, m->to);
	if (m->from->dead)
		err = -ENOTCONN;
	else if (rcu_access_pointer(m->port->owner) != m->from)
		err = caps_port_lost(m->port);
	else if (m->to->dead)
		err = -EPIPE;
	else
		change_owner(m, &wakes);
	caps_actors_unlock(m->from, m->to);
	caps_wakes_poll(&wakes, m->to);
	caps_wakes_run(&wakes);
	if (!err)
		caps_port_poll_end(m->from, m->port);
	return err;
}

static void end_waiters(struct migration *m)
{
	struct caps_wakes wakes;
	bool more;

	do {
		caps_wakes_init(&wakes);
		spin_lock(&m->from->lock);
		caps_port_drop_waiters(&m->waiters, &wakes);
		more = !list_empty(&m->waiters);
		spin_unlock(&m->from->lock);
		caps_wakes_run(&wakes);
	} while (more);
}

static void end_dropped(struct migration *m)
{
	struct caps_message *message, *next;

	list_for_each_entry_safe(message, next, &m->dropped, link) {
		list_del_init(&message->link);
		caps_undeliver(m->from, message);
		cond_resched();
	}
}

/* What came to the old owner's default port, and what room has come free. */
static void look_again(struct migration *m)
{
	struct caps_port *home = m->from->self.port;
	struct caps_actor *owner;
	struct caps_wakes wakes;
	bool more;

	do {
		caps_wakes_init(&wakes);
		spin_lock(&m->from->lock);
		if (rcu_access_pointer(home->owner) == m->from) {
			caps_queue_dispatch(m->from, home, &wakes);
			wakes.poll = caps_port_is_polled(home);
		}
		more = caps_wakes_full(&wakes);
		spin_unlock(&m->from->lock);
		caps_wakes_poll(&wakes, m->from);
		caps_wakes_run(&wakes);
	} while (more);

	do {
		caps_wakes_init(&wakes);
		rcu_read_lock();
		owner = caps_port_lock(m->port);
		if (owner) {
			caps_queue_promote(owner, m->port, &wakes);
			spin_unlock(&owner->lock);
		}
		rcu_read_unlock();
		more = caps_wakes_full(&wakes);
		caps_wakes_run(&wakes);
	} while (more);
}

/* A handle for the new owner that nothing is published under yet. */
static int reserve_handle(struct migration *m)
{
	int err;

	err = caps_charge(m->to->chain, CAPS_CAPABILITIES, 1);
	if (err)
		return err;
	spin_lock(&m->to->lock);
	err = caps_table_obtain(&m->to->capabilities, &m->handle);
	spin_unlock(&m->to->lock);
	if (err)
		caps_uncharge(m->to->chain, CAPS_CAPABILITIES, 1);
	return err;
}

static void release_handle(struct migration *m)
{
	spin_lock(&m->to->lock);
	caps_table_release(&m->to->capabilities, m->handle);
	spin_unlock(&m->to->lock);
	caps_uncharge(m->to->chain, CAPS_CAPABILITIES, 1);
}

/* All that is needed is there. The names' lock is outside of the actors'. */
static int cut_with_names(struct migration *m)
{
	long names;
	int err;

	names = caps_services_begin_move(m->from, m->port, m->to);
	if (names < 0)
		return names;
	err = cut(m);
	caps_services_end_move(m->from, m->port, m->to, names, !err);
	return err;
}

static int migrate(struct migration *m)
{
	int err;

	err = caps_charge(m->to->chain, CAPS_PORTS, 1);
	if (err)
		return err;
	err = -ENOMEM;
	m->capability = caps_capability_create(m->port, NULL,
					       CAPS_ALL_OPERATIONS,
					       CAPS_RIGHTS_PORT);
	if (!m->capability)
		goto uncharge;
	err = reserve_handle(m);
	if (err)
		goto free_capability;
	m->event = caps_message_create(m->from, CAPS_KIND_PORT_ARRIVED);
	err = PTR_ERR_OR_ZERO(m->event);
	if (err)
		goto release;
	err = cut_with_names(m);
	if (err)
		goto put_event;
	caps_uncharge(m->payer, CAPS_PORTS, 1);
	caps_chain_put(m->payer);
	end_waiters(m);
	end_dropped(m);
	if (caps_actor_is_orphan(m->to))
		caps_port_strip(m->to, m->port);
	look_again(m);
	return 0;

put_event:
	caps_message_put(m->event);
release:
	release_handle(m);
free_capability:
	caps_capability_free(m->capability);
uncharge:
	caps_uncharge(m->to->chain, CAPS_PORTS, 1);
	return err;
}

/**
 * caps_port_migrate - a port moves to another actor
 * @actor: its owner
 * @args: checked
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_port_migrate(struct caps_actor *actor, struct caps_port_migrate *args)
{
	struct migration m = {
		.from = actor, .drop = args->flags & CAPS_MIGRATE_DROP,
	};
	int err;

	INIT_LIST_HEAD(&m.waiters);
	INIT_LIST_HEAD(&m.dropped);
	m.port = caps_capability_own_port(actor, args->capability,
					  CAPS_RIGHT_MANAGE);
	if (IS_ERR(m.port))
		return PTR_ERR(m.port);
	m.to = caps_capability_actor(actor, args->actor, CAPS_RIGHT_ACCEPT);
	err = PTR_ERR_OR_ZERO(m.to);
	if (err)
		goto put_port;
	err = m.port->is_default || m.to == actor ? -EBUSY : migrate(&m);
	args->sequence = m.sequence;
	args->dropped = m.count;
	caps_actor_put(m.to);
put_port:
	caps_port_put(m.port);
	return err;
}
