/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port: a bounded queue of messages with one owning actor.
 *
 * @queue holds what can be received, in order of arrival; @notices, which come
 * before it, that callers have left: a receiver that may hold no more must learn
 * what it can end. @blocked is what waits for room while its sender sleeps. What
 * is being delivered just now is claimed: not in these, and back in its place if
 * that fails. A receiver that waits is handed the next message directly, as
 * claimed.
 *
 * Room. A message counts against @limit while queued, or claimed from the
 * queue. One user may hold half of what the others leave free, rounded down,
 * and one message in any case, even in a full queue; so nobody can shut others
 * out. What each user holds is his *share*; it is stored in an object that the
 * message brought along, so counting never allocates. What is handed straight
 * to a waiting receiver, answers, and notices do not count.
 *
 * Ready. An enabled port with something to receive stands in its owner's
 * @ready tree by (priority, arrival of its first message); "receive from any"
 * takes the leftmost.
 *
 * Lifetime: one reference for being in its owner's list, one for each
 * capability, badge and message that names it. @owner is cleared when it is
 * deleted or its owner dies, and that ends it; the memory goes by RCU. It is
 * another when the port has moved, see migrate.h.
 *
 * Locking: everything but @refs and what is constant is under the owner's
 * lock. caps_port_lock() finds and locks the owner.
 */
#ifndef _CAPS_PORT_H
#define _CAPS_PORT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "actor.h"

struct caps_chain;
struct caps_message;
struct caps_user;
struct caps_wakes;

struct caps_port {
	refcount_t refs;
	bool is_default;		/* constant */
	bool unix_sockets;		/* may come along; constant */
	u32 limit;			/* constant */
	u64 cookie;			/* constant */
	struct caps_chain *chain;	/* who pays; goes with the owner */
	struct caps_actor __rcu *owner;
	atomic64_t told;		/* see generation.h */
	wait_queue_head_t told_wait;	/* for @told, @owner, @generation */
	u64 free;			/* see single.h */
	u64 registered;			/* services' lock */
	bool single;			/* services' lock */
	u32 names;			/* services' lock */
	u64 turn;			/* services' lock; read without */
	struct rcu_head rcu;

	/* Owner's lock: */
	struct list_head link;		/* of actor->ports; a reference */
	bool enabled;
	bool is_ready;
	u8 priority;
	struct rb_node ready;
	u64 ready_arrival;		/* key in the tree */
	struct list_head notices;
	struct list_head queue;
	struct list_head blocked;
	struct list_head waiters;	/* receivers from this port */
	struct list_head watches;	/* see watch.h */
	struct hlist_head claims;	/* messages being delivered */
	u32 queued;			/* messages in notices and queue */
	u32 waiting;			/* messages in blocked */
	u32 claimed;			/* messages in claims */
	u32 counted;			/* messages against limit */
	u32 users;			/* shares in the tree */
	struct rb_root shares;
	struct rb_root badges;
	struct list_head badge_events;	/* see badge.h */
	bool event_taken;		/* of these, last of all */
	u64 last_badge;
	u64 sequence;			/* messages received */
	u64 generation;			/* of capabilities; read without, too */
	u64 signals;			/* see port_signal.h */
	u64 signals_arrival;		/* when the first of them was set */

	atomic_t pollers;		/* see portfile.h */
};

struct caps_share {
	struct rb_node node;		/* by user, in port->shares */
	struct caps_user *user;
	u32 count;
	struct caps_share *next;	/* unused, on a message */
};

/* A waiting receiver, on its stack; see receive.c for who may touch it. */
struct caps_waiter {
	struct list_head link;
	struct task_struct *task;
	bool asleep;			/* or will look again before it sleeps */
	struct caps_message *message;	/* store-release; claimed for us */
	int error;			/* store-release; why to stop waiting */
};

int caps_ports_init(void);
void caps_ports_exit(void);

struct caps_port *caps_port_create(struct caps_actor *actor, u64 cookie,
				   u32 limit);
int caps_port_join(struct caps_port *port, struct caps_actor *actor);
bool caps_port_end(struct caps_actor *owner, struct caps_port *port);
void caps_port_drop_waiters(struct list_head *waiters,
			    struct caps_wakes *wakes);
void __caps_port_free(struct caps_port *port);

static inline struct caps_port *caps_port_get(struct caps_port *port)
{
	refcount_inc(&port->refs);
	return port;
}

static inline bool caps_port_tryget(struct caps_port *port)
{
	return refcount_inc_not_zero(&port->refs);
}

static inline void caps_port_put(struct caps_port *port)
{
	if (port && refcount_dec_and_test(&port->refs))
		__caps_port_free(port);
}

/**
 * caps_port_lock - lock a port's owner
 * @port: the port
 *
 * The caller is in an RCU reader section and stays there until it has dropped
 * the lock, which may be the last thing it knows of the owner.
 *
 * Return: the owner, locked, or NULL if the port is gone.
 */
static inline struct caps_actor *caps_port_lock(struct caps_port *port)
{
	struct caps_actor *owner;

	for (;;) {
		owner = rcu_dereference(port->owner);
		if (!owner)
			return NULL;
		spin_lock(&owner->lock);
		if (likely(rcu_access_pointer(port->owner) == owner))
			return owner;
		spin_unlock(&owner->lock);
	}
}

/* Is whoever polls to look again, after something has come? */
static inline bool caps_port_is_polled(const struct caps_port *port)
{
	return port->is_ready || atomic_read(&port->pollers);
}

void caps_port_poll_end(struct caps_actor *owner, struct caps_port *port);

/* Why a port that was an actor's own is so no more: moved away, or gone. */
static inline int caps_port_lost(const struct caps_port *port)
{
	return rcu_access_pointer(port->owner) ? -EPERM : -EPIPE;
}

void caps_port_set_enabled(struct caps_actor *owner, struct caps_port *port,
			   bool enabled);
int caps_port_enable(struct caps_actor *actor, struct caps_port *port,
		     u32 priority);
int caps_port_disable(struct caps_actor *actor, struct caps_port *port);

/* Shares, in share.c. */
int caps_shares_bring(struct caps_message *message, unsigned int count);
int caps_shares_prepare(struct caps_message *message);
void caps_shares_trim(struct caps_message *message, unsigned int keep);
bool caps_shares_allow(struct caps_port *port, struct caps_message *message);
void caps_shares_take(struct caps_port *port, struct caps_message *message);
void caps_shares_return(struct caps_port *port, struct caps_message *message);

#endif
