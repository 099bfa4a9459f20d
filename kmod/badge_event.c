// SPDX-License-Identifier: GPL-2.0
/*
 * What a port's owner is told about badges: that one is connected, and that
 * nobody has one any more; see badge.h.
 *
 * While events are in a port's list nothing is handed to those who wait there:
 * what came later would overtake them. One of them is woken to look, and whoever
 * takes anything then, be it an event or not, wakes the next one.
 *
 * Anybody can make many events, by connecting and closing, and they take no room
 * of his. So when one has been taken it is the turn of something else that is
 * there, whichever is older. A message brings along what tells of its sender.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "wait.h"

/* The owner is locked. */
static void event_add(struct caps_actor *owner, struct caps_port *port,
		      struct caps_badge *badge, struct caps_wakes *wakes)
{
	badge->arrival = ++owner->arrivals;
	list_add_tail(&badge->event, &port->badge_events);
	caps_queue_update(owner, port);
	caps_queue_dispatch(owner, port, wakes);
	wakes->poll |= caps_port_is_polled(port);
}

/**
 * caps_badge_announce - from now on a badge may be used, and its end is told
 * @badge: not in use, or worthless so far; the caller has a reference
 * @connected: tell that it begins, before anything that is sent with it
 * @disconnected: tell when it ends
 *
 * Return: 0, or -EPIPE if the port is gone.
 */
int caps_badge_announce(struct caps_badge *badge, bool connected,
			bool disconnected)
{
	struct caps_port *port = badge->port;
	struct caps_wakes wakes;
	struct caps_actor *owner;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		badge->disconnected |= disconnected;
		/* Or it was revoked, by somebody who guessed the number. */
		if (badge->linked)
			WRITE_ONCE(badge->revoked, false);
		if (connected)
			event_add(owner, port, caps_badge_get(badge), &wakes);
		spin_unlock(&owner->lock);
		caps_wakes_poll(&wakes, owner);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	return owner ? 0 : -EPIPE;
}

/*
 * From now on only the owner can end it, so it pays, whatever its limit is.
 * Returns who did. The owner is locked.
 */
static struct caps_chain *event_recharge(struct caps_port *port,
					 struct caps_badge *badge)
{
	struct caps_chain *payer = badge->chain;

	caps_charge_forced(port->chain, CAPS_CONNECTIONS, 1);
	caps_uncharge(payer, CAPS_CONNECTIONS, 1);
	badge->chain = caps_chain_get(port->chain);
	return payer;
}

/**
 * caps_badge_events_due - has a port's owner too much left to fetch?
 * @port: the port
 *
 * What it is charged for above its limit are ends that it was not told of yet,
 * by this port or another one.
 *
 * Return: whether nobody shall connect whose end is to be told, too.
 */
bool caps_badge_events_due(struct caps_port *port)
{
	struct caps_actor *owner;
	bool due = false;

	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		due = caps_overdrawn(port->chain, CAPS_CONNECTIONS);
		spin_unlock(&owner->lock);
	}
	rcu_read_unlock();
	return due;
}

/* The last reference has gone. */
void __caps_badge_free(struct caps_badge *badge)
{
	struct caps_port *port = badge->port;
	struct caps_chain *payer = NULL;
	struct caps_wakes wakes;
	struct caps_actor *owner;
	bool told = false;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		told = badge->disconnected;
		if (told) {
			payer = event_recharge(port, badge);
			event_add(owner, port, badge, &wakes);
		} else {
			caps_badge_unlink(badge);
		}
		spin_unlock(&owner->lock);
		caps_wakes_poll(&wakes, owner);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	caps_chain_put(payer);
	if (!told)
		caps_badge_release(badge);
}

/* What tells that the sender of a message is there, if that is still to come. */
static struct caps_badge *connected_of(struct caps_port *port,
				       const struct caps_message *message)
{
	struct caps_badge *badge = message ? message->badge : NULL;

	/* Another port's list is under another lock. */
	if (!badge || badge->port != port || list_empty(&badge->event))
		return NULL;
	return badge;
}

/* The event whose turn it is, with at least one in the list; or NULL. */
static struct caps_badge *event_next(struct caps_port *port)
{
	const struct caps_message *first = caps_queue_first(port);
	struct caps_badge *badge;

	if (port->event_taken && port->signals &&
	    !(first && first->arrival < port->signals_arrival))
		return NULL;
	if (port->event_taken && first)
		return connected_of(port, first);
	badge = list_first_entry(&port->badge_events, struct caps_badge, event);
	if ((first && first->arrival < badge->arrival) ||
	    (port->signals && port->signals_arrival < badge->arrival))
		return NULL;
	return badge;
}

/**
 * caps_badge_event_take - the event whose turn it is
 * @owner: the owner, locked
 * @port: its port, with something in its list
 *
 * Return: the badge, to be handed to caps_badge_event_put(), or NULL.
 */
struct caps_badge *caps_badge_event_take(struct caps_actor *owner,
					 struct caps_port *port)
{
	struct caps_badge *badge;

	lockdep_assert_held(&owner->lock);

	badge = event_next(port);
	port->event_taken = badge;
	if (!badge)
		return NULL;
	list_del_init(&badge->event);
	if (list_empty(&port->badge_events))
		port->event_taken = false;
	caps_queue_update(owner, port);
	/* From now on its value is another badge. */
	if (!refcount_read(&badge->refs))
		caps_badge_unlink(badge);
	/* Now, so that what is behind it has a higher one. */
	if (!badge->sequence)
		badge->sequence = ++port->sequence;
	return badge;
}

/* What was kept from those who wait is handed to them. */
static void resume(struct caps_actor *owner, struct caps_port *port)
{
	struct caps_wakes wakes;
	bool more;

	do {
		caps_wakes_init(&wakes);
		spin_lock(&owner->lock);
		if (rcu_access_pointer(port->owner) == owner)
			caps_queue_dispatch(owner, port, &wakes);
		more = caps_wakes_full(&wakes);
		spin_unlock(&owner->lock);
		caps_wakes_run(&wakes);
	} while (more);
}

/* Only the *connected* one has a reference. */
static void event_drop(struct caps_badge *badge)
{
	if (refcount_read(&badge->refs))
		caps_badge_put(badge);
	else
		caps_badge_release(badge);
}

/* Where it was: others may have been taken and come back meanwhile. */
static void event_insert(struct caps_port *port, struct caps_badge *badge)
{
	struct caps_badge *next;

	list_for_each_entry(next, &port->badge_events, event) {
		if (next->arrival > badge->arrival)
			break;
	}
	list_add_tail(&badge->event, &next->event);
}

/*
 * A number is kept that is below those of what was received meanwhile, or is
 * just being received: a message has none before that has succeeded.
 */
static void number_return(struct caps_port *port, struct caps_badge *badge,
			  bool moved)
{
	bool last = !moved && !port->claimed &&
		    port->sequence == badge->sequence;

	if (last)
		port->sequence--;
	if (last || moved)
		badge->sequence = 0;
}

/* It could not be delivered: it comes again, wherever its port is now. */
static void event_restore(struct caps_actor *actor, struct caps_badge *badge)
{
	struct caps_port *port = badge->port;
	struct caps_actor *owner;
	struct caps_wakes wakes;
	bool told = false;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		number_return(port, badge, owner != actor);
		told = refcount_read(&badge->refs) || caps_badge_relink(badge);
		if (told)
			event_insert(port, badge);
		caps_queue_update(owner, port);
		caps_queue_dispatch(owner, port, &wakes);
		wakes.poll |= caps_port_is_polled(port);
		spin_unlock(&owner->lock);
		caps_wakes_poll(&wakes, owner);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	if (!told)
		event_drop(badge);
}

static void event_header(const struct caps_badge *badge,
			 struct caps_header *header)
{
	struct user_namespace *ns = current_user_ns();

	*header = (struct caps_header){
		.badge = badge->value,
		.cookie = badge->port->cookie,
		.kind = refcount_read(&badge->refs) ? CAPS_KIND_CONNECTED :
						      CAPS_KIND_DISCONNECTED,
		.pid = pid_nr_ns(badge->tgid, task_active_pid_ns(current)),
		.uid = from_kuid_munged(ns, badge->cred->uid),
		.euid = from_kuid_munged(ns, badge->cred->euid),
		.gid = from_kgid_munged(ns, badge->cred->gid),
		.egid = from_kgid_munged(ns, badge->cred->egid),
		.sequence = badge->sequence,
	};
}

/**
 * caps_badge_event_put - deliver an event
 * @owner: who receives
 * @badge: taken; handed over
 * @uheader: where the header goes
 *
 * Return: 0, or -EFAULT, then it will come again.
 */
int caps_badge_event_put(struct caps_actor *owner, struct caps_badge *badge,
			 struct caps_header __user *uheader)
{
	struct caps_port *port = badge->port;
	struct caps_header header;

	resume(owner, port);
	event_header(badge, &header);
	if (copy_to_user(uheader, &header, sizeof(header))) {
		event_restore(owner, badge);
		return -EFAULT;
	}
	/* Its other event has another, and cannot have come yet. */
	badge->sequence = 0;
	event_drop(badge);
	return 0;
}

/**
 * caps_badge_events_end - a port has lost its owner: nobody is told
 * @owner: whom it has lost
 * @port: the port
 */
void caps_badge_events_end(struct caps_actor *owner, struct caps_port *port)
{
	struct caps_badge *badge;

	for (;;) {
		spin_lock(&owner->lock);
		badge = list_first_entry_or_null(&port->badge_events,
						 struct caps_badge, event);
		if (badge)
			list_del_init(&badge->event);
		spin_unlock(&owner->lock);
		if (!badge)
			break;
		event_drop(badge);
		cond_resched();
	}
}
