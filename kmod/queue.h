/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port's queue: admission, claims, hand-over to waiting receivers, and the
 * owner's tree of ready ports. Rules in port.h. Everything here is called with
 * the owner's lock held, except where it says so.
 *
 * Invariant: no receiver waits for what is there. Whatever adds a message, or
 * lets one be received that could not be, hands it to a waiter if there is one.
 */
#ifndef _CAPS_QUEUE_H
#define _CAPS_QUEUE_H

#include <linux/types.h>

#include "actor.h"
#include "message.h"
#include "port.h"

#define CAPS_NEEDS_SHARES	1

struct caps_message *caps_queue_first(struct caps_port *port);
void caps_queue_update(struct caps_actor *owner, struct caps_port *port);
void caps_queue_dispatch(struct caps_actor *owner, struct caps_port *port,
			 struct caps_wakes *wakes);

int caps_queue_admit(struct caps_actor *owner, struct caps_port *port,
		     struct caps_message *message, bool may_block,
		     struct caps_wakes *wakes);
void caps_queue_notify(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message, struct caps_wakes *wakes);
int caps_queue_reserve(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message);
void caps_queue_commit(struct caps_actor *owner, struct caps_port *port,
		       struct caps_message *message, struct caps_wakes *wakes);
struct caps_message *__caps_queue_claim(struct caps_actor *actor,
					struct caps_port *port,
					struct caps_wakes *wakes);
void caps_queue_unclaim(struct caps_actor *owner, struct caps_message *message,
			struct caps_wakes *wakes);
void caps_queue_promote(struct caps_actor *owner, struct caps_port *port,
			struct caps_wakes *wakes);
void __caps_queue_remove(struct caps_port *port, struct caps_message *message,
			 struct caps_wakes *wakes);

/* The port that "receive from any" takes from, or NULL. */
static inline struct caps_port *caps_queue_ready(const struct caps_actor *actor)
{
	struct rb_node *node = rb_first_cached(&actor->ready);

	return node ? rb_entry(node, struct caps_port, ready) : NULL;
}

/**
 * caps_queue_claim - choose what to deliver, and reserve it
 * @actor: who receives
 * @port: from which of its ports, or NULL for any enabled one
 * @wakes: whom to wake
 *
 * Return: the message, or NULL if nothing is there.
 */
static inline struct caps_message *caps_queue_claim(struct caps_actor *actor,
						    struct caps_port *port,
						    struct caps_wakes *wakes)
{
	if (!port && RB_EMPTY_ROOT(&actor->ready.rb_root))
		return NULL;
	return __caps_queue_claim(actor, port, wakes);
}

/* A message is not being delivered any more. */
static inline void caps_queue_end_claim(struct caps_port *port,
					struct caps_message *message)
{
	/* Otherwise the port has forgotten it already. */
	if (message->claimed == CAPS_CLAIMED) {
		__hlist_del(&message->claim);
		port->claimed--;
	}
	message->claimed = CAPS_UNCLAIMED;
}

/**
 * caps_queue_remove - a message leaves its port
 * @port: the port; it may have lost its owner already
 * @message: queued, blocked or claimed
 * @wakes: whom to wake
 *
 * The caller inherits the place reference, and the message its port.
 */
static inline void caps_queue_remove(struct caps_port *port,
				     struct caps_message *message,
				     struct caps_wakes *wakes)
{
	lockdep_assert_held(&message->holder->lock);

	if (message->counted || message->claimed != CAPS_CLAIMED) {
		__caps_queue_remove(port, message, wakes);
		return;
	}
	caps_queue_end_claim(port, message);
}

#endif
