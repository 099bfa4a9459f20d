/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A badge: what tells a port's receiver through which capability a message
 * came.
 *
 * One object per port and value. It counts the handles and exported files that
 * carry it and the messages sent through them. Kernel badges (bit 63) are
 * given out once per port; those an owner chooses are found again by value.
 *
 * Lifetime: @refs; holds its port's memory. Locking: the tree of a port is
 * under the lock of the port's owner; a port without one has no use for it.
 */
#ifndef _CAPS_BADGE_H
#define _CAPS_BADGE_H

#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct caps_port;

struct caps_badge {
	refcount_t refs;
	bool linked;			/* owner's lock */
	bool revoked;			/* owner's lock; read without, too */
	u64 value;
	struct rb_node node;		/* owner's lock */
	struct caps_port *port;
	struct rcu_head rcu;
};

struct caps_badge *caps_badge_choose(struct caps_port *port, u64 value);
struct caps_badge *caps_badge_assign(struct caps_port *port);
int caps_badge_revoke(struct caps_port *port, u64 value);
void __caps_badge_free(struct caps_badge *badge);

static inline void caps_badge_put(struct caps_badge *badge)
{
	if (badge && refcount_dec_and_test(&badge->refs))
		__caps_badge_free(badge);
}

#endif
