// SPDX-License-Identifier: GPL-2.0
/*
 * Actors: opening, whose they are, dying; see actor.h.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "caps.h"
#include "image.h"
#include "keep.h"
#include "message.h"
#include "park.h"
#include "port.h"
#include "service.h"
#include "trace.h"
#include "wait.h"
#include "watch.h"

static struct workqueue_struct *teardown_queue;

static void actor_teardown(struct work_struct *work);

int caps_actors_init(void)
{
	teardown_queue = alloc_workqueue("caps", WQ_UNBOUND, 0);
	return teardown_queue ? 0 : -ENOMEM;
}

/* Ends what is still queued, and with it the last references. */
void caps_actors_exit(void)
{
	destroy_workqueue(teardown_queue);
}

static void actor_init(struct caps_actor *actor)
{
	refcount_set(&actor->refs, 1);
	INIT_LIST_HEAD(&actor->image_link);
	INIT_LIST_HEAD(&actor->services);
	INIT_WORK(&actor->teardown, actor_teardown);
	init_waitqueue_head(&actor->poll);
	spin_lock_init(&actor->lock);
	caps_table_init(&actor->capabilities, &actor->lock);
	caps_table_init(&actor->messages, &actor->lock);
	INIT_LIST_HEAD(&actor->ports);
	actor->ready = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&actor->waiters);
	INIT_LIST_HEAD(&actor->parked);
	INIT_LIST_HEAD(&actor->spare_parked);
	actor->mm = current->mm;
	actor->tgid = get_pid(task_tgid(current));
	actor->cred = get_current_cred();
}

static int actor_add_default_port(struct caps_actor *actor)
{
	struct caps_port *port;
	int err;

	port = caps_port_create(actor, 0, 0);
	if (IS_ERR(port))
		return PTR_ERR(port);
	port->is_default = true;
	err = caps_port_join(port, actor);
	if (err) {
		caps_port_put(port);
		return err;
	}
	actor->self.type = CAPS_TYPE_PORT;
	actor->self.port = port;
	actor->self.operations = CAPS_ALL_OPERATIONS;
	actor->self.rights = CAPS_RIGHTS_PORT;
	return 0;
}

/**
 * caps_actor_create - an actor of the current process
 *
 * Return: the actor with one reference; -EDQUOT, -ENOMEM, -ERESTARTSYS, or
 * -ENOTCONN for a task without an address space.
 */
struct caps_actor *caps_actor_create(void)
{
	struct caps_chain *chain;
	struct caps_actor *actor;
	int err;

	if (!current->mm)
		return ERR_PTR(-ENOTCONN);
	chain = caps_chain_create(current_cred());
	if (!chain)
		return ERR_PTR(-ENOMEM);
	err = caps_charge(chain, CAPS_ACTORS, 1);
	if (err)
		goto put_chain;
	actor = kzalloc(sizeof(*actor), GFP_KERNEL_ACCOUNT);
	if (!actor) {
		err = -ENOMEM;
		goto uncharge;
	}
	actor->chain = chain;
	actor->charged = true;
	actor_init(actor);
	caps_born(CAPS_LIVE_ACTORS);

	err = actor_add_default_port(actor);
	if (!err)
		err = caps_image_join(actor);
	if (err) {
		/* The teardown undoes whatever there is. */
		caps_actor_kill(actor);
		caps_actor_put(actor);
		return ERR_PTR(err);
	}
	return actor;

uncharge:
	caps_uncharge(chain, CAPS_ACTORS, 1);
put_chain:
	caps_chain_put(chain);
	return ERR_PTR(err);
}

static void actor_free_rcu(struct rcu_head *rcu)
{
	struct caps_actor *actor = container_of(rcu, struct caps_actor, rcu);

	/* Tables are looked up under RCU. */
	caps_table_destroy(&actor->capabilities);
	caps_table_destroy(&actor->messages);
	kfree(actor);
}

void __caps_actor_free(struct caps_actor *actor)
{
	caps_message_drop_spares(actor);
	caps_park_drop_spares(actor);
	caps_port_put(actor->self.port);
	caps_chain_put(actor->chain);
	put_cred(actor->cred);
	put_pid(actor->tgid);
	call_rcu(&actor->rcu, actor_free_rcu);
	caps_gone(CAPS_LIVE_ACTORS);
}

/**
 * caps_actor_died_with - is this a flush by the last of the owner's threads?
 * @actor: the actor of the file being flushed
 *
 * The address space does not tell: it is gone already when an exiting task
 * flushes, and a vfork child that closes flushes with its parent's.
 */
bool caps_actor_died_with(const struct caps_actor *actor)
{
	return task_tgid(current) == READ_ONCE(actor->tgid) &&
	       !atomic_read(&current->signal->live);
}

/**
 * caps_actor_kill - the actor is dead from now on
 * @actor: the caller has a reference
 *
 * Its teardown is queued. May be called any number of times, from wherever
 * sleeping is not allowed.
 */
void caps_actor_kill(struct caps_actor *actor)
{
	bool first;

	spin_lock(&actor->lock);
	first = !actor->dead;
	WRITE_ONCE(actor->dead, true);
	spin_unlock(&actor->lock);
	if (!first)
		return;
	trace_caps_die(actor);
	caps_actor_queue_teardown(actor);
}

/**
 * caps_actor_queue_teardown - the actor has become dead, or an orphan
 * @actor: the caller has a reference
 *
 * If it was queued already, that finds what it has become by now.
 */
void caps_actor_queue_teardown(struct caps_actor *actor)
{
	caps_actor_get(actor);
	if (!queue_work(teardown_queue, &actor->teardown))
		caps_actor_put(actor);
}

static void end_ports(struct caps_actor *actor)
{
	struct caps_port *port;

	for (;;) {
		spin_lock(&actor->lock);
		port = list_first_entry_or_null(&actor->ports,
						struct caps_port, link);
		if (port)
			caps_port_get(port);
		spin_unlock(&actor->lock);
		if (!port)
			break;
		caps_port_end(actor, port);
		caps_port_put(port);
	}
}

/* Receivers from any port: threads of a process that has gone. */
static bool end_waiters(struct caps_actor *actor)
{
	struct caps_waiter *waiter;
	struct caps_wakes wakes;

	caps_wakes_init(&wakes);
	spin_lock(&actor->lock);
	while (!caps_wakes_full(&wakes) && !list_empty(&actor->waiters)) {
		waiter = list_first_entry(&actor->waiters, struct caps_waiter,
					  link);
		list_del_init(&waiter->link);
		caps_wakes_add(&wakes, waiter->task);
		/* The last touch: pairs with sleep_for_message(). */
		smp_store_release(&waiter->error, -ENOTCONN);
	}
	spin_unlock(&actor->lock);
	caps_wakes_run(&wakes);
	return !list_empty_careful(&actor->waiters);
}

/* What the table held a reference for, and why. */
static void end_message(struct caps_actor *actor, struct caps_message *message,
			u64 id)
{
	struct caps_wakes wakes;
	bool reply;

	if (message->state >= CAPS_FINAL && message->sender != actor &&
	    !caps_message_is_answer(message, actor, id)) {
		caps_message_lose_reply(message);
		caps_message_put(message);
	} else if (!caps_message_is_held(message, actor, id)) {
		/* Pending: a watch, an async call, or a deferred body. */
		if (message->kind == CAPS_KIND_PORT_DEAD) {
			caps_watch_withdraw(message);
		} else {
			if (message->state == CAPS_FRESH)
				caps_siblings_cancel(message);
			caps_message_cancel(message, CAPS_TAKEN);
		}
		caps_message_put(message);
	} else {
		caps_wakes_init(&wakes);
		spin_lock(&actor->lock);
		reply = caps_message_abandon(message, &wakes);
		spin_unlock(&actor->lock);
		caps_wakes_run(&wakes);
		caps_message_settle(message, reply);
	}
}

/**
 * caps_actor_end_messages - its process has gone: end what its table stands for
 * @actor: dead, or an orphan
 */
void caps_actor_end_messages(struct caps_actor *actor)
{
	struct caps_message *message;
	u32 slot = 0;
	u64 id;

	for (;;) {
		spin_lock(&actor->lock);
		message = caps_table_next(&actor->messages, &slot, &id);
		if (message)
			caps_table_remove(&actor->messages, id);
		spin_unlock(&actor->lock);
		if (!message)
			break;
		end_message(actor, message, id);
		cond_resched();
	}
}

static void end_capabilities(struct caps_actor *actor)
{
	struct caps_capability *capability;
	u32 slot = 0;
	u64 handle;

	for (;;) {
		spin_lock(&actor->lock);
		capability = caps_table_next(&actor->capabilities, &slot,
					     &handle);
		spin_unlock(&actor->lock);
		if (!capability)
			break;
		caps_capability_close(actor, handle);
		cond_resched();
	}
}

/*
 * Nothing is in it any more. What others hold a little longer is not to cost its
 * maker anything, nor to be large. A second teardown finds nothing to do. A table
 * that somebody is about to place something in, and will not, stays to the end.
 */
static void actor_shrink(struct caps_actor *actor)
{
	bool charged;

	caps_message_drop_spares(actor);
	caps_park_drop_spares(actor);
	spin_lock(&actor->lock);
	charged = actor->charged;
	actor->charged = false;
	caps_table_clear(&actor->capabilities);
	caps_table_clear(&actor->messages);
	spin_unlock(&actor->lock);
	if (charged)
		caps_uncharge(actor->chain, CAPS_ACTORS, 1);
}

static void actor_teardown(struct work_struct *work)
{
	struct caps_actor *actor = container_of(work, struct caps_actor,
						teardown);

	if (!READ_ONCE(actor->dead)) {
		caps_actor_orphaned(actor);
		caps_actor_put(actor);
		return;
	}
	caps_services_end(actor);
	caps_unpark_gone(actor);
	while (end_waiters(actor))
		cond_resched();
	caps_actor_end_messages(actor);
	end_ports(actor);
	end_capabilities(actor);
	actor_shrink(actor);
	wake_up_poll(&actor->poll, EPOLLHUP | EPOLLERR);
	caps_actor_put(actor);
}
