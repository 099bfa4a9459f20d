// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities; see capability.h.
 */
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "caps.h"
#include "group.h"
#include "port.h"
#include "revoke.h"

static struct caps_capability *capability_alloc(u32 type, u64 operations,
						u32 rights)
{
	struct caps_capability *capability;

	capability = kzalloc(sizeof(*capability), GFP_KERNEL_ACCOUNT);
	if (!capability)
		return NULL;
	capability->type = type;
	capability->operations = operations;
	capability->rights = rights;
	refcount_set(&capability->refs, 1);
	caps_born(CAPS_LIVE_CAPABILITIES);
	return capability;
}

/**
 * caps_capability_create - a capability to a port that no handle stands for yet
 * @port: what it names; a reference is taken
 * @badge: or NULL; the reference is taken over, also on failure
 * @operations: operation mask
 * @rights: rights
 *
 * Return: the capability, or NULL when out of memory.
 */
struct caps_capability *caps_capability_create(struct caps_port *port,
					       struct caps_badge *badge,
					       u64 operations, u32 rights)
{
	struct caps_capability *capability;

	capability = capability_alloc(CAPS_TYPE_PORT, operations, rights);
	if (!capability) {
		caps_badge_put(badge);
		return NULL;
	}
	capability->port = caps_port_get(port);
	capability->badge = badge;
	capability->generation = READ_ONCE(port->generation);
	return capability;
}

/**
 * caps_capability_to_actor - a capability to an actor, with all its rights
 * @actor: what it names; a reference is taken
 *
 * Return: the capability, or NULL when out of memory.
 */
struct caps_capability *caps_capability_to_actor(struct caps_actor *actor)
{
	struct caps_capability *capability;

	capability = capability_alloc(CAPS_TYPE_ACTOR, CAPS_ALL_OPERATIONS,
				      CAPS_RIGHTS_ACTOR);
	if (capability)
		capability->actor = caps_actor_get(actor);
	return capability;
}

/**
 * caps_capability_to_group - a capability to a group, with all its rights
 * @group: what it names; the reference is taken over on success
 *
 * Return: the capability, or NULL when out of memory.
 */
struct caps_capability *caps_capability_to_group(struct caps_group *group)
{
	struct caps_capability *capability;

	capability = capability_alloc(CAPS_TYPE_GROUP, CAPS_ALL_OPERATIONS,
				      CAPS_RIGHTS_GROUP);
	if (capability)
		capability->group = group;
	return capability;
}

void __caps_capability_free(struct caps_capability *capability)
{
	switch (capability->type) {
	case CAPS_TYPE_PORT:
		caps_badge_put(capability->badge);
		caps_port_put(capability->port);
		break;
	case CAPS_TYPE_ACTOR:
		caps_actor_put(capability->actor);
		break;
	case CAPS_TYPE_GROUP:
		caps_group_put(capability->group);
		break;
	}
	kfree_rcu(capability, rcu);
}

/*
 * References to what a capability names, for a copy of it. A count that is
 * zero belongs to a handle being closed just now.
 */
static bool capability_tryget(const struct caps_capability *capability)
{
	if (capability->type == CAPS_TYPE_ACTOR)
		return caps_actor_tryget(capability->actor);
	if (capability->type == CAPS_TYPE_GROUP)
		return caps_group_tryget(capability->group);
	if (!caps_port_tryget(capability->port))
		return false;
	if (!capability->badge ||
	    refcount_inc_not_zero(&capability->badge->refs))
		return true;
	caps_port_put(capability->port);
	return false;
}

/* The original is the caller's, or found in this RCU reader section. */
static int capability_clone(const struct caps_capability *original,
			    const struct caps_actor *actor,
			    struct caps_capability *copy)
{
	if (caps_capability_is_revoked(original, actor))
		return -EKEYREVOKED;
	if (!capability_tryget(original))
		return -EBADF;
	refcount_set(&copy->refs, 1);
	copy->type = original->type;
	copy->port = original->port;
	copy->badge = original->badge;
	copy->operations = original->operations;
	copy->generation = original->generation;
	copy->rights = original->rights;
	/* The owner's are good for ever, and make new ones. */
	if (copy->type == CAPS_TYPE_PORT &&
	    rcu_access_pointer(copy->port->owner) == actor)
		copy->generation = READ_ONCE(copy->port->generation);
	return 0;
}

/**
 * caps_capability_copy - an equal capability that no handle stands for
 * @actor: whose handle
 * @handle: any value
 * @rights: what it must have
 *
 * Return: the copy, -EBADF, -EPERM, -EKEYREVOKED or -ENOMEM.
 */
struct caps_capability *caps_capability_copy(struct caps_actor *actor,
					     u64 handle, u32 rights)
{
	struct caps_capability *original, *copy;
	int err = -EBADF;

	copy = kzalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return ERR_PTR(-ENOMEM);

	rcu_read_lock();
	original = caps_capability_find(actor, handle);
	if (original && (original->rights & rights) != rights)
		err = -EPERM;
	else if (original)
		err = capability_clone(original, actor, copy);
	rcu_read_unlock();
	if (err) {
		kfree(copy);
		return ERR_PTR(err);
	}
	caps_born(CAPS_LIVE_CAPABILITIES);
	return copy;
}

/* Would a copy that @actor makes have the same generation, and be good? */
static bool is_current(const struct caps_capability *capability,
		       const struct caps_actor *actor)
{
	if (capability->type != CAPS_TYPE_PORT)
		return true;
	return !caps_capability_is_revoked(capability, actor) &&
	       capability->generation ==
	       READ_ONCE(capability->port->generation);
}

/* The very one, if a copy to give away would be equal; or NULL. */
static struct caps_capability *capability_share(struct caps_actor *actor,
						u64 handle, u32 rights,
						u64 operations)
{
	struct caps_capability *capability;

	rcu_read_lock();
	capability = caps_table_find(&actor->capabilities, handle);
	if (capability &&
	    (capability->rights != rights || !(rights & CAPS_RIGHT_GRANT) ||
	     capability->operations != operations ||
	     !is_current(capability, actor) ||
	     !refcount_inc_not_zero(&capability->refs)))
		capability = NULL;
	rcu_read_unlock();
	if (capability)
		caps_born(CAPS_LIVE_CAPABILITIES);
	return capability;
}

/**
 * caps_capability_narrow - a copy to give away, with as much or less
 * @actor: whose handle
 * @handle: a handle with the grant right
 * @rights: rights of the copy
 * @operations: its operation mask
 *
 * Not to be changed: others may have the same.
 *
 * Return: the copy, -EBADF, -EPERM, -EACCES, -EKEYREVOKED or -ENOMEM.
 */
struct caps_capability *caps_capability_narrow(struct caps_actor *actor,
					       u64 handle, u32 rights,
					       u64 operations)
{
	struct caps_capability *copy;

	copy = capability_share(actor, handle, rights, operations);
	if (copy)
		return copy;
	copy = caps_capability_copy(actor, handle, rights | CAPS_RIGHT_GRANT);
	if (IS_ERR(copy))
		return copy;
	if (operations & ~copy->operations) {
		caps_capability_free(copy);
		return ERR_PTR(-EACCES);
	}
	copy->rights = rights;
	copy->operations = operations;
	return copy;
}

/**
 * caps_capability_dup - an equal capability that no handle stands for
 * @original: owned by the caller
 * @actor: who will use the copy
 *
 * Return: the copy, -EKEYREVOKED or -ENOMEM.
 */
struct caps_capability *
caps_capability_dup(const struct caps_capability *original,
		    const struct caps_actor *actor)
{
	struct caps_capability *copy;
	int err;

	copy = kzalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	err = capability_clone(original, actor, copy);
	if (err) {
		kfree(copy);
		return ERR_PTR(err);
	}
	caps_born(CAPS_LIVE_CAPABILITIES);
	return copy;
}

/**
 * caps_capability_port - the port that a handle names
 * @actor: whose handle
 * @handle: any value
 * @rights: what it must have
 *
 * Return: a reference, -EBADF, -EPERM, or -EINVAL if it names something else.
 */
struct caps_port *caps_capability_port(struct caps_actor *actor, u64 handle,
				       u32 rights)
{
	struct caps_capability *capability;
	struct caps_port *port = ERR_PTR(-EBADF);

	rcu_read_lock();
	capability = caps_capability_find(actor, handle);
	if (capability) {
		port = capability->port;
		if (capability->type != CAPS_TYPE_PORT)
			port = ERR_PTR(-EINVAL);
		else if ((capability->rights & rights) != rights)
			port = ERR_PTR(-EPERM);
		else if (!caps_port_tryget(port))
			port = ERR_PTR(-EBADF);
	}
	rcu_read_unlock();
	return port;
}

/**
 * caps_capability_actor - the actor that a handle names
 * @actor: whose handle
 * @handle: any value
 * @rights: what it must have
 *
 * Return: a reference, -EBADF, -EPERM, or -EINVAL if it names something else.
 */
struct caps_actor *caps_capability_actor(struct caps_actor *actor, u64 handle,
					 u32 rights)
{
	struct caps_capability *capability;
	struct caps_actor *named = ERR_PTR(-EBADF);

	rcu_read_lock();
	capability = caps_capability_find(actor, handle);
	if (capability) {
		named = capability->actor;
		if (capability->type != CAPS_TYPE_ACTOR)
			named = ERR_PTR(-EINVAL);
		else if ((capability->rights & rights) != rights)
			named = ERR_PTR(-EPERM);
		else if (!caps_actor_tryget(named))
			named = ERR_PTR(-EBADF);
	}
	rcu_read_unlock();
	return named;
}

/**
 * caps_capability_group - the group that a handle names
 * @actor: whose handle
 * @handle: any value
 * @rights: what it must have
 *
 * Return: a reference, -EBADF, -EPERM, or -EINVAL if it names something else.
 */
struct caps_group *caps_capability_group(struct caps_actor *actor, u64 handle,
					 u32 rights)
{
	struct caps_capability *capability;
	struct caps_group *group = ERR_PTR(-EBADF);

	rcu_read_lock();
	capability = caps_capability_find(actor, handle);
	if (capability) {
		group = capability->group;
		if (capability->type != CAPS_TYPE_GROUP)
			group = ERR_PTR(-EINVAL);
		else if ((capability->rights & rights) != rights)
			group = ERR_PTR(-EPERM);
		else if (!caps_group_tryget(group))
			group = ERR_PTR(-EBADF);
	}
	rcu_read_unlock();
	return group;
}

/**
 * caps_capability_own_port - the port that a handle names, if it is one's own
 * @actor: whose handle
 * @handle: any value
 * @rights: what it must have
 *
 * It may be gone or move away right after.
 *
 * Return: a reference; -EBADF, -EPERM, -EINVAL; -EPIPE if the port is gone.
 */
struct caps_port *caps_capability_own_port(struct caps_actor *actor,
					   u64 handle, u32 rights)
{
	struct caps_port *port = caps_capability_port(actor, handle, rights);
	struct caps_actor *owner;

	if (IS_ERR(port))
		return port;
	owner = rcu_access_pointer(port->owner);
	if (owner == actor)
		return port;
	caps_port_put(port);
	return ERR_PTR(owner ? -EPERM : -EPIPE);
}

/**
 * caps_capability_insert - give a capability a handle
 * @actor: whose
 * @capability: taken over on success only
 * @handle: the new handle
 *
 * Return: 0, -EDQUOT, -EMFILE, -ENOMEM, or -ENOTCONN if the actor has died.
 */
int caps_capability_insert(struct caps_actor *actor,
			   struct caps_capability *capability, u64 *handle)
{
	int err;

	err = caps_charge(actor->chain, CAPS_CAPABILITIES, 1);
	if (err)
		return err;

	spin_lock(&actor->lock);
	err = caps_table_obtain(&actor->capabilities, handle);
	if (!err && actor->dead) {
		caps_table_release(&actor->capabilities, *handle);
		err = -ENOTCONN;
	}
	if (!err)
		caps_table_publish(&actor->capabilities, *handle, capability);
	spin_unlock(&actor->lock);
	if (err)
		caps_uncharge(actor->chain, CAPS_CAPABILITIES, 1);
	return err;
}

/**
 * caps_capability_close - give a handle up
 * @actor: whose
 * @handle: any value
 *
 * Return: 0, -EBADF, or -EBUSY for CAPS_DEFAULT_PORT.
 */
int caps_capability_close(struct caps_actor *actor, u64 handle)
{
	struct caps_capability *capability;

	if (handle == CAPS_DEFAULT_PORT)
		return -EBUSY;

	spin_lock(&actor->lock);
	capability = caps_table_remove(&actor->capabilities, handle);
	spin_unlock(&actor->lock);
	if (!capability)
		return -EBADF;

	caps_capability_free(capability);
	caps_uncharge(actor->chain, CAPS_CAPABILITIES, 1);
	return 0;
}
