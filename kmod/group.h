/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A group: ports that senders address as one. It does not nest.
 *
 * A member is a port with what the capability that it was inserted through
 * said: its badge, its operations, its generation. So to send through a group
 * is to send through that capability, as far as the group's own allows it, and
 * who inserts cannot give more than it has. A member whose port has ended, or
 * which was revoked, is passed over, and left out at the next change.
 *
 * The members are an immutable snapshot. A change makes a new one; a send takes
 * a reference to the one that it finds and sees the group as it was then. Each
 * snapshot has references of its own to ports and badges, in memory only: a
 * group keeps no port alive, and no port a group.
 *
 * Lifetime: one reference for each capability that names it, one for each
 * operation in progress. It belongs to nobody: it goes with the last capability.
 * Its maker pays for it and for its snapshots until it is deleted. Memory goes by
 * RCU.
 *
 * Locking: the mutex @change serialises insert, remove and delete; senders need
 * no lock, but for the owner of one member at a time.
 */
#ifndef _CAPS_GROUP_H
#define _CAPS_GROUP_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "badge.h"
#include "port.h"

struct caps_actor;
struct caps_capability;
struct caps_chain;

struct caps_member {
	struct caps_port *port;		/* a reference */
	struct caps_badge *badge;	/* a reference, or NULL */
	u64 operations;
	u64 generation;
};

struct caps_members {
	refcount_t refs;
	u32 count;
	long charged;			/* bytes */
	struct caps_chain *chain;	/* who pays, or NULL */
	struct rcu_head rcu;
	struct caps_member member[];
};

struct caps_group {
	refcount_t refs;
	struct mutex change;		/* one at a time */
	struct caps_members __rcu *members;	/* NULL once deleted */
	atomic_t cursor;		/* where the next choice begins */
	struct caps_chain *chain;
	struct rcu_head rcu;
};

struct caps_group *caps_group_create(struct caps_actor *actor);
int caps_group_insert(struct caps_group *group,
		      const struct caps_capability *capability);
int caps_group_remove(struct caps_group *group, const struct caps_port *port);
int caps_group_delete(struct caps_group *group);
int caps_group_count(struct caps_group *group, u32 *count);
void __caps_group_free(struct caps_group *group);

struct caps_members *caps_members_of_group(struct caps_group *group);
struct caps_members *caps_members_of_actor(struct caps_actor *actor);
void __caps_members_free(struct caps_members *members);

static inline bool caps_group_tryget(struct caps_group *group)
{
	return refcount_inc_not_zero(&group->refs);
}

static inline void caps_group_put(struct caps_group *group)
{
	if (refcount_dec_and_test(&group->refs))
		__caps_group_free(group);
}

static inline void caps_members_put(struct caps_members *members)
{
	if (members && refcount_dec_and_test(&members->refs))
		__caps_members_free(members);
}

/* Was the capability revoked that a member was inserted through? */
static inline bool caps_member_is_revoked(const struct caps_member *member)
{
	return member->generation != READ_ONCE(member->port->generation) ||
	       (member->badge && READ_ONCE(member->badge->revoked));
}

/* Can it be sent to? Without a lock it may end right after. */
static inline bool caps_member_is_good(const struct caps_member *member)
{
	return rcu_access_pointer(member->port->owner) &&
	       !caps_member_is_revoked(member);
}

#endif
