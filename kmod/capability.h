/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A capability: what a handle, or an exported file, stands for.
 *
 * It names an object of some type, with rights, an operation mask and, if that
 * is a port, perhaps a badge. None of these ever changes. One to a port is good
 * until its port or badge is revoked, see revoke.h. A handle's capability is
 * found under RCU without a lock; what it points to is valid inside that reader
 * section even if the handle is closed meanwhile.
 *
 * Lifetime: counted by the slots in actors' tables, messages and files that
 * have it, since an equal one need not be made to be given away; freed by RCU.
 * Holds what it names in memory, but keeps nothing alive: an actor's own
 * handles go when it dies, so that one to itself is no cycle.
 */
#ifndef _CAPS_CAPABILITY_H
#define _CAPS_CAPABILITY_H

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "account.h"
#include "caps.h"

struct caps_actor;
struct caps_badge;
struct caps_group;
struct caps_port;

struct caps_capability {
	union {
		struct caps_port *port;
		struct caps_actor *actor;
		struct caps_group *group;
	};
	struct caps_badge *badge;	/* or NULL */
	u64 operations;
	u64 generation;			/* the port's when it was made */
	u32 rights;
	u32 type;			/* CAPS_TYPE_* */
	refcount_t refs;		/* 0: part of an actor, never counted */
	struct rcu_head rcu;
};

struct caps_capability *caps_capability_create(struct caps_port *port,
					       struct caps_badge *badge,
					       u64 operations, u32 rights);
struct caps_capability *caps_capability_to_actor(struct caps_actor *actor);
struct caps_capability *caps_capability_to_group(struct caps_group *group);

struct caps_capability *caps_capability_copy(struct caps_actor *actor,
					     u64 handle, u32 rights);
struct caps_capability *caps_capability_narrow(struct caps_actor *actor,
					       u64 handle, u32 rights,
					       u64 operations);
struct caps_capability *
caps_capability_dup(const struct caps_capability *original,
		    const struct caps_actor *actor);
struct caps_port *caps_capability_port(struct caps_actor *actor, u64 handle,
				       u32 rights);
struct caps_port *caps_capability_own_port(struct caps_actor *actor,
					   u64 handle, u32 rights);
struct caps_actor *caps_capability_actor(struct caps_actor *actor, u64 handle,
					 u32 rights);
struct caps_group *caps_capability_group(struct caps_actor *actor, u64 handle,
					 u32 rights);

void __caps_capability_free(struct caps_capability *capability);

/* One of those who have it gives it up. */
static inline void caps_capability_free(struct caps_capability *capability)
{
	caps_gone(CAPS_LIVE_CAPABILITIES);
	if (refcount_dec_and_test(&capability->refs))
		__caps_capability_free(capability);
}

/* May it be used to send a message of some operation? 0, -EPERM or -EACCES. */
static inline int caps_may_send(const struct caps_capability *capability,
				u32 operation)
{
	if (!(capability->rights & CAPS_RIGHT_SEND))
		return -EPERM;
	if (!(capability->operations & BIT_ULL(operation)))
		return -EACCES;
	return 0;
}

int caps_capability_insert(struct caps_actor *actor,
			   struct caps_capability *capability, u64 *handle);
int caps_capability_close(struct caps_actor *actor, u64 handle);

#endif
