// SPDX-License-Identifier: GPL-2.0
/*
 * Port queues; see queue.h.
 */
#include "account.h"
#include "actor.h"
#include "attach.h"
#include "badge.h"
#include "message.h"
#include "port.h"
#include "port_signal.h"
#include "queue.h"
#include "wait.h"

#define LOOKS	32	/* at who waits for room, for each message that leaves */

/**
 * caps_queue_first - what would be received next from a port
 * @port: the port
 *
 * What waits for room is received only where nothing has room: then all that
 * is counted is being delivered, and a receiver that has nothing to do may
 * take what would otherwise wait for one that is stuck.
 *
 * Return: the message, or NULL.
 */
struct caps_message *caps_queue_first(struct caps_port *port)
{
	struct list_head *list = &port->notices;

	if (list_empty(list))
		list = &port->queue;
	if (list_empty(list))
		list = &port->blocked;
	return list_first_entry_or_null(list, struct caps_message, link);
}

static bool ready_less(struct rb_node *a, const struct rb_node *b)
{
	const struct caps_port *p = rb_entry(a, struct caps_port, ready);
	const struct caps_port *q = rb_entry(b, struct caps_port, ready);

	if (p->priority != q->priority)
		return p->priority < q->priority;
	return p->ready_arrival < q->ready_arrival;
}

static struct caps_badge *first_badge_event(struct caps_port *port)
{
	return list_first_entry(&port->badge_events, struct caps_badge, event);
}

/**
 * caps_queue_update - put a port where it belongs in the ready tree
 * @owner: its owner, or the one it has just lost
 * @port: the port, whose queue, priority or state has changed
 */
void caps_queue_update(struct caps_actor *owner, struct caps_port *port)
{
	struct caps_message *first = caps_queue_first(port);
	u64 arrival = first ? first->arrival : U64_MAX;

	lockdep_assert_held(&owner->lock);

	if (port->signals)
		arrival = min(arrival, port->signals_arrival);
	if (!list_empty(&port->badge_events))
		arrival = min(arrival, first_badge_event(port)->arrival);
	if (port->is_ready)
		rb_erase_cached(&port->ready, &owner->ready);
	port->is_ready = port->enabled && arrival != U64_MAX;
	if (port->is_ready) {
		port->ready_arrival = arrival;
		rb_add_cached(&port->ready, &owner->ready, ready_less);
	}
}

static struct caps_waiter *first_waiter(struct caps_actor *owner,
					struct caps_port *port)
{
	struct list_head *list = &port->waiters;

	if (list_empty(list) && port->enabled)
		list = &owner->waiters;
	return list_first_entry_or_null(list, struct caps_waiter, link);
}

/* Who may be handed a message: nobody before what the badges have to tell. */
static struct caps_waiter *find_waiter(struct caps_actor *owner,
				       struct caps_port *port)
{
	if (unlikely(!list_empty(&port->badge_events)))
		return NULL;
	return first_waiter(owner, port);
}

static struct list_head *line_of(struct caps_port *port,
				 const struct caps_message *message)
{
	return caps_message_is_notice(message) ? &port->notices : &port->queue;
}

/* A sender that waited for room need not wait any more. */
static void unblock(struct caps_port *port, struct caps_message *message,
		    struct caps_wakes *wakes)
{
	struct task_struct *task = message->task;

	port->waiting--;
	if (!message->sync) {
		message->task = NULL;
		caps_wakes_add(wakes, task);
	}
	/* Pairs with wait_for_room(), which may return then. */
	smp_store_release(&message->state, CAPS_QUEUED);
}

static void begin_claim(struct caps_port *port, struct caps_message *message)
{
	message->claimed = CAPS_CLAIMED;
	port->claimed++;
	hlist_add_head(&message->claim, &port->claims);
}

static void claim(struct caps_port *port, struct caps_message *message,
		  struct caps_wakes *wakes)
{
	if (message->state == CAPS_BLOCKED)
		unblock(port, message, wakes);
	else
		port->queued--;
	list_del_init(&message->link);
	begin_claim(port, message);
}

/* The waiter may be gone as soon as it has its message: wake the task. */
static void hand_over(struct caps_waiter *waiter, struct caps_message *message,
		      struct caps_wakes *wakes)
{
	list_del(&waiter->link);
	if (waiter->asleep)
		caps_wakes_add(wakes, waiter->task);
	else if (task_cpu(waiter->task) == raw_smp_processor_id())
		wakes->offer = true;
	/* The last touch: pairs with sleep_for_message(). */
	smp_store_release(&waiter->message, message);
}

/**
 * caps_queue_dispatch - hand what is there to those who wait for it
 * @owner: the owner
 * @port: its port
 * @wakes: whom to wake; stops when full
 */
void caps_queue_dispatch(struct caps_actor *owner, struct caps_port *port,
			 struct caps_wakes *wakes)
{
	struct caps_message *message;
	struct caps_waiter *waiter = NULL;

	if (port->signals || !list_empty(&port->badge_events))
		waiter = first_waiter(owner, port);
	if (waiter) {
		list_del(&waiter->link);
		caps_wakes_add(wakes, waiter->task);
		/* The last touch: pairs with sleep_for_message(). */
		smp_store_release(&waiter->error, CAPS_LOOK_AGAIN);
	}
	/* One turn may add two: a receiver and a sender that was blocked. */
	while (!caps_wakes_full(wakes)) {
		message = caps_queue_first(port);
		waiter = find_waiter(owner, port);
		if (!message || !waiter)
			break;
		claim(port, message, wakes);
		hand_over(waiter, message, wakes);
		caps_queue_update(owner, port);
	}
}

static void enqueue(struct caps_actor *owner, struct caps_port *port,
		    struct caps_message *message, struct caps_waiter *waiter,
		    struct caps_wakes *wakes)
{
	message->arrival = ++owner->arrivals;
	if (waiter) {
		begin_claim(port, message);
		hand_over(waiter, message, wakes);
		return;
	}
	list_add_tail(&message->link, line_of(port, message));
	port->queued++;
	if (port->enabled) {
		if (!port->is_ready)
			caps_queue_update(owner, port);
		wakes->poll = true;
	} else if (unlikely(atomic_read(&port->pollers))) {
		wakes->poll = true;
	}
}

static void block(struct caps_actor *owner, struct caps_port *port,
		  struct caps_message *message, struct caps_wakes *wakes)
{
	message->arrival = ++owner->arrivals;
	message->task = current;
	/* Pairs with lock_holder(): the sender's table has it already. */
	smp_store_release(&message->state, CAPS_BLOCKED);
	list_add_tail(&message->link, &port->blocked);
	port->waiting++;
	if (port->enabled && !port->is_ready) {
		caps_queue_update(owner, port);
		wakes->poll = true;
	} else if (atomic_read(&port->pollers)) {
		wakes->poll = true;
	}
}

/**
 * caps_queue_admit - let a message in, if there is room
 * @owner: the owner
 * @port: its port
 * @message: a fresh message; its place reference goes to the queue on success
 * @may_block: the sender is prepared to wait for room
 * @wakes: whom to wake
 *
 * Return: 0; -EAGAIN without room; -EINVAL if what goes along may not come
 * here; CAPS_NEEDS_SHARES if the message must be prepared for counting first.
 */
int caps_queue_admit(struct caps_actor *owner, struct caps_port *port,
		     struct caps_message *message, bool may_block,
		     struct caps_wakes *wakes)
{
	struct caps_waiter *waiter = find_waiter(owner, port);
	bool room = true;

	lockdep_assert_held(&owner->lock);

	if (unlikely(message->request.attached) &&
	    !caps_attached_may_come(message->request.attached, port))
		return -EINVAL;
	if (!waiter) {
		if (message->share_count < message->chain->count)
			return CAPS_NEEDS_SHARES;
		room = caps_shares_allow(port, message);
		if (!room && !may_block)
			return -EAGAIN;
		if (room)
			caps_shares_take(port, message);
	}
	message->holder = owner;
	message->port = caps_port_get(port);
	message->since = jiffies;
	if (room) {
		/* As in block(). */
		smp_store_release(&message->state, CAPS_QUEUED);
		enqueue(owner, port, message, waiter, wakes);
	} else {
		block(owner, port, message, wakes);
	}
	return 0;
}

/**
 * caps_queue_notify - queue what needs no room: an answer, or a notice
 * @owner: the owner
 * @port: its port
 * @message: in no queue; a place reference goes to the queue
 * @wakes: whom to wake
 */
void caps_queue_notify(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message, struct caps_wakes *wakes)
{
	lockdep_assert_held(&owner->lock);

	enqueue(owner, port, message, find_waiter(owner, port), wakes);
}

/**
 * caps_queue_reserve - room for a message that comes later, or not at all
 * @owner: the owner
 * @port: its port
 * @message: a fresh message
 *
 * It is counted, and claimed by its sender: caps_queue_commit() lets it in,
 * caps_queue_remove() gives the room back. Should the port move meanwhile it
 * follows, as a delivery that fails does; see caps_claim_lock().
 *
 * Return: 0; -EAGAIN without room, also if a receiver waits, who may have left
 * by then; CAPS_NEEDS_SHARES as caps_queue_admit().
 */
int caps_queue_reserve(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message)
{
	lockdep_assert_held(&owner->lock);

	if (message->share_count < message->chain->count)
		return CAPS_NEEDS_SHARES;
	if (!caps_shares_allow(port, message))
		return -EAGAIN;
	caps_shares_take(port, message);
	message->holder = owner;
	message->port = caps_port_get(port);
	begin_claim(port, message);
	return 0;
}

/**
 * caps_queue_commit - let a message in for which there is room
 * @owner: the owner
 * @port: its port
 * @message: what caps_queue_reserve() was told of; its place reference goes to
 *	the queue
 * @wakes: whom to wake
 */
void caps_queue_commit(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message, struct caps_wakes *wakes)
{
	lockdep_assert_held(&owner->lock);

	caps_queue_end_claim(port, message);
	WRITE_ONCE(message->holder, owner);
	message->since = jiffies;
	/* As in block(). */
	smp_store_release(&message->state, CAPS_QUEUED);
	enqueue(owner, port, message, find_waiter(owner, port), wakes);
}

struct caps_message *__caps_queue_claim(struct caps_actor *actor,
					struct caps_port *port,
					struct caps_wakes *wakes)
{
	struct caps_message *message;

	lockdep_assert_held(&actor->lock);

	if (!port)
		port = caps_queue_ready(actor);
	if (!port)
		return NULL;
	message = caps_queue_first(port);
	if (!message)
		return NULL;
	claim(port, message, wakes);
	caps_queue_update(actor, port);
	/* Who waits has not been given what is behind it, and is to look. */
	if (unlikely(!list_empty(&port->badge_events)))
		caps_queue_dispatch(actor, port, wakes);
	return message;
}

/**
 * caps_queue_unclaim - delivery failed: put a message back in its place
 * @owner: the owner of the message's port
 * @message: a claimed message
 * @wakes: whom to wake
 */
void caps_queue_unclaim(struct caps_actor *owner, struct caps_message *message,
			struct caps_wakes *wakes)
{
	struct caps_port *port = message->port;
	struct caps_message *next;

	lockdep_assert_held(&owner->lock);

	caps_queue_end_claim(port, message);
	port->queued++;
	list_for_each_entry(next, line_of(port, message), link) {
		if (next->arrival > message->arrival)
			break;
	}
	list_add_tail(&message->link, &next->link);
	caps_queue_update(owner, port);
	caps_queue_dispatch(owner, port, wakes);
	wakes->poll |= caps_port_is_polled(port);
}

/**
 * caps_queue_promote - let in what waits for room, as far as there is some now
 * @owner: the owner
 * @port: its port
 * @wakes: whom to wake; stops when full
 *
 * Who may not come in yet goes to the end of the line, so that no number of them
 * hides the others; a sender has one message there, and its order does not matter.
 */
void caps_queue_promote(struct caps_actor *owner, struct caps_port *port,
			struct caps_wakes *wakes)
{
	u32 looks = min(port->waiting, LOOKS);
	struct caps_message *message;

	while (looks-- && !caps_wakes_full(wakes)) {
		message = list_first_entry(&port->blocked, struct caps_message,
					   link);
		if (!caps_shares_allow(port, message)) {
			list_move_tail(&message->link, &port->blocked);
			continue;
		}
		caps_shares_take(port, message);
		unblock(port, message, wakes);
		message->arrival = ++owner->arrivals;
		list_move_tail(&message->link, &port->queue);
		port->queued++;
	}
	caps_queue_update(owner, port);
}

void __caps_queue_remove(struct caps_port *port, struct caps_message *message,
			 struct caps_wakes *wakes)
{
	struct caps_actor *owner = message->holder;

	lockdep_assert_held(&owner->lock);

	if (message->counted) {
		caps_shares_return(port, message);
		if (port->waiting && rcu_access_pointer(port->owner) == owner)
			caps_queue_promote(owner, port, wakes);
	}
	if (message->claimed) {
		caps_queue_end_claim(port, message);
		return;
	}
	if (message->state == CAPS_BLOCKED)
		port->waiting--;
	else
		port->queued--;
	list_del_init(&message->link);
	caps_queue_update(owner, port);
}
