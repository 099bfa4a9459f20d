/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whom a message to a group, or to an actor, may go to: the members as they
 * were at one moment, less those that the sender excludes.
 *
 * A target lives while a send chooses, and holds references to all that it names.
 */
#ifndef _CAPS_GROUP_SEND_H
#define _CAPS_GROUP_SEND_H

#include "group.h"
#include "ipc.h"
#include "message.h"

struct caps_wakes;

struct caps_target {
	u32 flags;			/* CAPS_GROUP_FLAGS */
	u32 operation;
	struct caps_group *group;	/* NULL: an actor's ports */
	struct caps_members *members;
	struct caps_port *near_port;	/* @relative, or NULL */
	struct caps_actor *near_actor;	/* its owner, or NULL */
};

int caps_target_open(struct caps_target *target, struct caps_actor *actor,
		     const struct caps_route *route);
void caps_target_close(struct caps_target *target);
int caps_member_admit(const struct caps_member *member,
		      struct caps_message *message, bool may_block,
		      struct caps_wakes *wakes);

/* Whose port is it? Only to be compared: it may be gone. */
static inline const struct caps_actor *
caps_member_owner(const struct caps_member *member)
{
	return rcu_access_pointer(member->port->owner);
}

/* May it get the message? Without a lock; whoever locks it looks again. */
static inline bool caps_target_wants(const struct caps_target *target,
				     const struct caps_member *member)
{
	if (!(member->operations & BIT_ULL(target->operation)) ||
	    !caps_member_is_good(member))
		return false;
	if (target->flags & CAPS_EXCLUDE_PORT &&
	    member->port == target->near_port)
		return false;
	return !(target->flags & CAPS_EXCLUDE_ACTOR) ||
	       caps_member_owner(member) != target->near_actor;
}

/**
 * caps_member_lock - lock the owner of a member that is still good
 * @member: the member
 *
 * The caller is in an RCU reader section until it has dropped the lock.
 *
 * Return: the owner, or NULL.
 */
static inline struct caps_actor *
caps_member_lock(const struct caps_member *member)
{
	struct caps_actor *owner = caps_port_lock(member->port);

	if (owner && (owner->dead || caps_member_is_revoked(member))) {
		spin_unlock(&owner->lock);
		return NULL;
	}
	return owner;
}

/* The owner is locked, and nobody else can find the message. */
static inline void caps_member_stamp(const struct caps_member *member,
				     struct caps_message *message)
{
	message->generation = member->generation;
	message->badge = member->badge;
	if (member->badge)
		refcount_inc(&member->badge->refs);
}

#endif
