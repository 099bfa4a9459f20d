/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A badge: what tells a port's receiver through which capability a message
 * came.
 *
 * One object per port and value. It counts the handles and exported files that
 * carry it and the messages sent through them. Kernel badges (bit 63) are
 * given out once per port; those an owner chooses are found again by value.
 *
 * Events. Where somebody asked, the badge itself stands in its port's list of
 * badge events: *connected* once, with a reference, before the badge can be
 * used; *disconnected* when the last reference has gone, so after everything
 * that had one. Such a badge, and each connection, is charged to who made it
 * while somebody has it, and then to the port's owner, who alone can end it. This
 * may be above the owner's limit, but then nobody else may connect to it: that
 * bounds what an idle server leaves in its list. badge_event.c has that part.
 * Until its end has been fetched a badge is found by its value: if that is chosen
 * again meanwhile nothing has ended, and nothing is told.
 *
 * Turns. A connection has a limit of messages that are on their way; who sends
 * one more waits before it is in any queue, so nothing of it is in the way of
 * others. Each falling of @in_flight wakes one; the port's end, and revoking, all,
 * who wait on the port for that.
 *
 * Lifetime: @refs; holds its port's memory. After the last put the port's list
 * owns it, or nobody. Locking: the tree and the list of a port are under the
 * lock of the port's owner; a port without one has no use for them.
 */
#ifndef _CAPS_BADGE_H
#define _CAPS_BADGE_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

struct caps_actor;
struct caps_chain;
struct caps_header;
struct caps_port;
struct cred;
struct pid;

struct caps_badge {
	refcount_t refs;
	u32 limit;			/* of @in_flight; 0: none */
	atomic_t in_flight;		/* messages sent and not ended */
	bool linked;			/* owner's lock */
	bool revoked;			/* owner's lock; read without, too */
	bool disconnected;		/* owner's lock; its end is told */
	u64 value;
	struct rb_node node;		/* owner's lock */
	struct caps_port *port;
	wait_queue_head_t turn;		/* who waits for @in_flight to fall */
	struct list_head event;		/* owner's lock; in badge_events */
	u64 arrival;			/* owner's lock; of the event */
	u64 sequence;			/* likewise, once it was taken; or 0 */
	struct caps_chain *chain;	/* who pays; NULL: only handles do */
	struct pid *tgid;		/* who made it, like @chain */
	const struct cred *cred;
	struct rcu_head rcu;
};

struct caps_badge *caps_badge_choose(struct caps_actor *maker,
				     struct caps_port *port, u64 value);
struct caps_badge *caps_badge_rename(struct caps_badge *mine, u64 value,
				     u32 limit);
struct caps_badge *caps_badge_assign(struct caps_actor *maker,
				     struct caps_port *port, bool told,
				     u32 limit);
int caps_badge_wait(struct caps_badge *badge, u64 generation, u64 deadline);
int caps_badge_revoke(struct caps_port *port, u64 value);
bool caps_badge_relink(struct caps_badge *badge);
void caps_badge_unlink(struct caps_badge *badge);
void caps_badge_release(struct caps_badge *badge);
void __caps_badge_free(struct caps_badge *badge);

/* Events, in badge_event.c. */
int caps_badge_announce(struct caps_badge *badge, bool connected,
			bool disconnected);
bool caps_badge_events_due(struct caps_port *port);
struct caps_badge *caps_badge_event_take(struct caps_actor *owner,
					 struct caps_port *port);
int caps_badge_event_put(struct caps_actor *owner, struct caps_badge *badge,
			 struct caps_header __user *uheader);
void caps_badge_events_end(struct caps_actor *owner, struct caps_port *port);

static inline struct caps_badge *caps_badge_get(struct caps_badge *badge)
{
	refcount_inc(&badge->refs);
	return badge;
}

/* May one more message be on its way? It is counted then. */
static inline bool caps_badge_enter(struct caps_badge *badge)
{
	return atomic_fetch_add_unless(&badge->in_flight, 1, badge->limit) !=
	       badge->limit;
}

/* One has been ended. */
static inline void caps_badge_leave(struct caps_badge *badge)
{
	atomic_dec_return(&badge->in_flight);
	/* That was a full barrier, as who waits has: one sees the other. */
	if (waitqueue_active(&badge->turn))
		wake_up(&badge->turn);
}

static inline void caps_badge_put(struct caps_badge *badge)
{
	if (badge && refcount_dec_and_test(&badge->refs))
		__caps_badge_free(badge);
}

#endif
