// SPDX-License-Identifier: GPL-2.0
/*
 * Ports: making, ending, enabling; see port.h. Queueing is in queue.c.
 */
#include <linux/poll.h>
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "caps.h"
#include "message.h"
#include "params.h"
#include "port.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"
#include "watch.h"

static struct kmem_cache *port_cache;

int caps_ports_init(void)
{
	port_cache = KMEM_CACHE(caps_port, SLAB_ACCOUNT);
	return port_cache ? 0 : -ENOMEM;
}

void caps_ports_exit(void)
{
	kmem_cache_destroy(port_cache);
}

/**
 * caps_port_create - a port that has no owner yet
 * @actor: who pays
 * @cookie: given back with each message
 * @limit: messages, 0 for the default
 *
 * Return: a reference; -EMSGSIZE if the limit is too high, -EDQUOT, -ENOMEM.
 */
struct caps_port *caps_port_create(struct caps_actor *actor, u64 cookie,
				   u32 limit)
{
	struct caps_port *port;
	int err;

	if (limit > READ_ONCE(caps_max_queue_limit))
		return ERR_PTR(-EMSGSIZE);
	err = caps_charge(actor->chain, CAPS_PORTS, 1);
	if (err)
		return ERR_PTR(err);
	port = kmem_cache_zalloc(port_cache, GFP_KERNEL);
	if (!port) {
		caps_uncharge(actor->chain, CAPS_PORTS, 1);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&port->refs, 1);
	port->limit = limit ?: READ_ONCE(caps_default_queue_limit);
	port->cookie = cookie;
	port->chain = caps_chain_get(actor->chain);
	INIT_LIST_HEAD(&port->link);
	INIT_LIST_HEAD(&port->notices);
	INIT_LIST_HEAD(&port->queue);
	INIT_LIST_HEAD(&port->blocked);
	INIT_LIST_HEAD(&port->waiters);
	INIT_LIST_HEAD(&port->watches);
	INIT_LIST_HEAD(&port->badge_events);
	init_waitqueue_head(&port->told_wait);
	port->shares = RB_ROOT;
	port->badges = RB_ROOT;
	caps_born(CAPS_LIVE_PORTS);
	trace_caps_create(actor, port);
	return port;
}

static void port_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(port_cache, container_of(rcu, struct caps_port, rcu));
}

static void stop_paying(struct caps_chain *chain)
{
	caps_uncharge(chain, CAPS_PORTS, 1);
	caps_chain_put(chain);
}

void __caps_port_free(struct caps_port *port)
{
	/* It never had an owner. */
	if (port->chain)
		stop_paying(port->chain);
	call_rcu(&port->rcu, port_free_rcu);
	caps_gone(CAPS_LIVE_PORTS);
}

/**
 * caps_port_join - give a new port its owner
 * @port: the port; the list takes a reference of its own
 * @actor: the owner
 *
 * Return: 0, or -ENOTCONN if the actor has died.
 */
int caps_port_join(struct caps_port *port, struct caps_actor *actor)
{
	int err = 0;

	spin_lock(&actor->lock);
	if (actor->dead) {
		err = -ENOTCONN;
	} else {
		caps_port_get(port);
		list_add_tail(&port->link, &actor->ports);
		actor->port_count++;
		rcu_assign_pointer(port->owner, actor);
	}
	spin_unlock(&actor->lock);
	return err;
}

/*
 * Take one message off an ended port and end it with EPIPE: the server never
 * saw it. What is being delivered is left to whoever delivers it.
 */
static bool port_drain_one(struct caps_actor *owner, struct caps_port *port)
{
	struct caps_message *message;
	struct caps_wakes wakes;
	bool reply;

	caps_wakes_init(&wakes);
	spin_lock(&owner->lock);
	message = caps_queue_first(port);
	if (!message) {
		spin_unlock(&owner->lock);
		return false;
	}
	caps_queue_remove(port, message, &wakes);
	reply = caps_message_fail(message, -EPIPE, &wakes);
	spin_unlock(&owner->lock);

	caps_wakes_run(&wakes);
	caps_message_drained(message, reply);
	return true;
}

/**
 * caps_port_drop_waiters - tell receivers that their port is not there any more
 * @waiters: a list of them, under the lock of their actor
 * @wakes: whom to wake; stops when full
 */
void caps_port_drop_waiters(struct list_head *waiters,
			    struct caps_wakes *wakes)
{
	struct caps_waiter *waiter;

	while (!caps_wakes_full(wakes) && !list_empty(waiters)) {
		waiter = list_first_entry(waiters, struct caps_waiter, link);
		list_del_init(&waiter->link);
		caps_wakes_add(wakes, waiter->task);
		/* The last touch: pairs with sleep_for_message(). */
		smp_store_release(&waiter->error, -EIDRM);
	}
}

/**
 * caps_port_set_enabled - put a port among the enabled ones, or out of these
 * @owner: its owner, locked
 * @port: the port
 * @enabled: what it is from now on
 */
void caps_port_set_enabled(struct caps_actor *owner, struct caps_port *port,
			   bool enabled)
{
	lockdep_assert_held(&owner->lock);

	if (port->enabled == enabled)
		return;
	port->enabled = enabled;
	if (enabled) {
		owner->enabled_count++;
		list_move(&port->link, &owner->ports);
	} else {
		owner->enabled_count--;
		list_move_tail(&port->link, &owner->ports);
	}
}

/**
 * caps_port_poll_end - tell who polls a port alone that it is not there any more
 * @owner: who had it
 * @port: the port
 */
void caps_port_poll_end(struct caps_actor *owner, struct caps_port *port)
{
	if (atomic_read(&port->pollers))
		wake_up_poll(&owner->poll, EPOLLHUP | EPOLLERR);
}

/**
 * caps_port_end - a port loses its owner for good
 * @owner: the actor
 * @port: the port; the caller has a reference
 *
 * Queued calls end with EPIPE, queued sends are dropped, waiting receivers get
 * EIDRM, those who watch it are told, and then it costs its owner nothing any
 * more. Does nothing if the port is not the owner's any more.
 *
 * Return: whether it was.
 */
bool caps_port_end(struct caps_actor *owner, struct caps_port *port)
{
	struct caps_chain *payer;
	struct caps_wakes wakes;
	LIST_HEAD(watches);

	spin_lock(&owner->lock);
	if (rcu_access_pointer(port->owner) != owner) {
		spin_unlock(&owner->lock);
		return false;
	}
	rcu_assign_pointer(port->owner, NULL);
	payer = port->chain;
	port->chain = NULL;
	list_splice_init(&port->watches, &watches);
	caps_port_set_enabled(owner, port, false);
	list_del_init(&port->link);
	owner->port_count--;
	caps_queue_update(owner, port);
	spin_unlock(&owner->lock);
	caps_port_poll_end(owner, port);

	do {
		caps_wakes_init(&wakes);
		spin_lock(&owner->lock);
		caps_port_drop_waiters(&port->waiters, &wakes);
		spin_unlock(&owner->lock);
		caps_wakes_run(&wakes);
	} while (!list_empty_careful(&port->waiters));

	while (port_drain_one(owner, port))
		cond_resched();
	caps_watches_end(&watches);
	caps_badge_events_end(owner, port);
	wake_up_all(&port->told_wait);
	stop_paying(payer);
	trace_caps_delete(owner, port);
	caps_port_put(port);
	return true;
}

/**
 * caps_port_enable - put a port into "receive from any"
 * @actor: who asks
 * @port: the port
 * @priority: up to 255, low first
 *
 * Return: 0, or -EPERM if the port is not the actor's.
 */
int caps_port_enable(struct caps_actor *actor, struct caps_port *port,
		     u32 priority)
{
	struct caps_wakes wakes;
	bool more;

	do {
		caps_wakes_init(&wakes);
		spin_lock(&actor->lock);
		if (rcu_access_pointer(port->owner) != actor) {
			spin_unlock(&actor->lock);
			return -EPERM;
		}
		caps_port_set_enabled(actor, port, true);
		port->priority = priority;
		caps_queue_update(actor, port);
		caps_queue_dispatch(actor, port, &wakes);
		wakes.poll = port->is_ready;
		more = caps_wakes_full(&wakes);
		spin_unlock(&actor->lock);
		caps_wakes_poll(&wakes, actor);
		caps_wakes_run(&wakes);
	} while (more);
	return 0;
}

/**
 * caps_port_disable - take a port out of "receive from any"
 * @actor: who asks
 * @port: the port
 *
 * Return: 0, -EBUSY if it is not enabled, -EPERM if it is not the actor's.
 */
int caps_port_disable(struct caps_actor *actor, struct caps_port *port)
{
	int err = 0;

	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) != actor) {
		err = -EPERM;
	} else if (!port->enabled) {
		err = -EBUSY;
	} else {
		caps_port_set_enabled(actor, port, false);
		caps_queue_update(actor, port);
	}
	spin_unlock(&actor->lock);
	return err;
}
