// SPDX-License-Identifier: GPL-2.0
/*
 * Groups: making, changing, ending; see group.h. Sending is in group_send.c.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "group.h"
#include "params.h"

/*
 * Room for @room members; charged to @chain, unless that is NULL. So are the
 * ports: for one that has ended its maker does not pay any more, and it stays in
 * memory until the list changes.
 */
static struct caps_members *members_alloc(struct caps_chain *chain, u32 room)
{
	struct caps_members *members;
	size_t size = struct_size(members, member, room);
	size_t charge = size + room * sizeof(struct caps_port);
	int err;

	if (chain) {
		err = caps_charge(chain, CAPS_KERNEL_BYTES, charge);
		if (err)
			return ERR_PTR(err);
	}
	members = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!members) {
		if (chain)
			caps_uncharge(chain, CAPS_KERNEL_BYTES, charge);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&members->refs, 1);
	members->count = 0;
	members->charged = charge;
	members->chain = chain ? caps_chain_get(chain) : NULL;
	return members;
}

/* Whoever finds it under RCU sees that it has no references. */
void __caps_members_free(struct caps_members *members)
{
	u32 i;

	for (i = 0; i < members->count; i++) {
		caps_badge_put(members->member[i].badge);
		caps_port_put(members->member[i].port);
	}
	if (members->chain) {
		caps_uncharge(members->chain, CAPS_KERNEL_BYTES,
			      members->charged);
		caps_chain_put(members->chain);
	}
	kvfree_rcu(members, rcu);
}

static void members_add(struct caps_members *members, struct caps_port *port,
			struct caps_badge *badge, u64 operations,
			u64 generation)
{
	struct caps_member *member = &members->member[members->count++];

	member->port = caps_port_get(port);
	member->badge = badge;
	if (badge)
		refcount_inc(&badge->refs);
	member->operations = operations;
	member->generation = generation;
}

/* Those of @from that are still good, but for @without. */
static void members_copy(struct caps_members *to,
			 const struct caps_members *from,
			 const struct caps_port *without)
{
	const struct caps_member *member = from->member;
	const struct caps_member *end = member + from->count;

	for (; member < end; member++) {
		if (member->port != without && caps_member_is_good(member))
			members_add(to, member->port, member->badge,
				    member->operations, member->generation);
	}
}

/* How many are good; whether @port is among them. */
static u32 members_count(const struct caps_members *members,
			 const struct caps_port *port, bool *found)
{
	const struct caps_member *member = members->member;
	const struct caps_member *end = member + members->count;
	u32 count = 0;

	*found = false;
	for (; member < end; member++) {
		if (!caps_member_is_good(member))
			continue;
		count++;
		*found |= member->port == port;
	}
	return count;
}

/**
 * caps_group_create - an empty group
 * @actor: who pays
 *
 * Return: a reference; -EDQUOT or -ENOMEM.
 */
struct caps_group *caps_group_create(struct caps_actor *actor)
{
	struct caps_members *members;
	struct caps_group *group;
	int err;

	err = caps_charge(actor->chain, CAPS_GROUPS, 1);
	if (err)
		return ERR_PTR(err);
	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group) {
		err = -ENOMEM;
		goto uncharge;
	}
	members = members_alloc(actor->chain, 0);
	if (IS_ERR(members)) {
		err = PTR_ERR(members);
		kfree(group);
		goto uncharge;
	}
	refcount_set(&group->refs, 1);
	mutex_init(&group->change);
	RCU_INIT_POINTER(group->members, members);
	group->chain = caps_chain_get(actor->chain);
	caps_born(CAPS_LIVE_GROUPS);
	return group;

uncharge:
	caps_uncharge(actor->chain, CAPS_GROUPS, 1);
	return ERR_PTR(err);
}

void __caps_group_free(struct caps_group *group)
{
	struct caps_members *members =
		rcu_dereference_protected(group->members, true);

	/* One that was deleted costs its maker nothing any more. */
	if (members)
		caps_uncharge(group->chain, CAPS_GROUPS, 1);
	caps_members_put(members);
	caps_chain_put(group->chain);
	mutex_destroy(&group->change);
	kfree_rcu(group, rcu);
	caps_gone(CAPS_LIVE_GROUPS);
}

static struct caps_members *group_members(struct caps_group *group)
{
	return rcu_dereference_protected(group->members,
					 lockdep_is_held(&group->change));
}

/* From now on senders see @members. Returns what they saw until now. */
static struct caps_members *group_publish(struct caps_group *group,
					  struct caps_members *members)
{
	return rcu_replace_pointer(group->members, members,
				   lockdep_is_held(&group->change));
}

/* The next snapshot, with one more member; the mutex is held. */
static struct caps_members *
members_with(struct caps_group *group, const struct caps_capability *capability)
{
	struct caps_members *old = group_members(group), *members;
	bool found;

	if (!old || !rcu_access_pointer(capability->port->owner))
		return ERR_PTR(-EPIPE);
	if (members_count(old, capability->port, &found) >=
	    READ_ONCE(caps_max_group_members))
		return ERR_PTR(found ? -EBUSY : -EMSGSIZE);
	if (found)
		return ERR_PTR(-EBUSY);
	members = members_alloc(group->chain, old->count + 1);
	if (IS_ERR(members))
		return members;
	members_copy(members, old, capability->port);
	members_add(members, capability->port, capability->badge,
		    capability->operations, capability->generation);
	return members;
}

/**
 * caps_group_insert - make a port a member
 * @group: the group
 * @capability: the caller's own, to the port
 *
 * Return: 0; -EPIPE if the group or the port is gone, -EBUSY if it is a member,
 * -EMSGSIZE if there are too many; -EDQUOT, -ENOMEM.
 */
int caps_group_insert(struct caps_group *group,
		      const struct caps_capability *capability)
{
	struct caps_members *members, *old = NULL;

	mutex_lock(&group->change);
	members = members_with(group, capability);
	if (!IS_ERR(members))
		old = group_publish(group, members);
	mutex_unlock(&group->change);
	caps_members_put(old);
	return PTR_ERR_OR_ZERO(members);
}

/* The next snapshot, with one member less; the mutex is held. */
static struct caps_members *members_without(struct caps_group *group,
					    const struct caps_port *port)
{
	struct caps_members *old = group_members(group), *members;
	bool found;

	if (!old)
		return ERR_PTR(-EPIPE);
	members_count(old, port, &found);
	if (!found)
		return ERR_PTR(-ENOENT);
	members = members_alloc(group->chain, old->count - 1);
	if (!IS_ERR(members))
		members_copy(members, old, port);
	return members;
}

/**
 * caps_group_remove - a port is no member any more
 * @group: the group
 * @port: the port
 *
 * Return: 0; -EPIPE if the group is gone, -ENOENT if it is no member; -EDQUOT,
 * -ENOMEM.
 */
int caps_group_remove(struct caps_group *group, const struct caps_port *port)
{
	struct caps_members *members, *old = NULL;

	mutex_lock(&group->change);
	members = members_without(group, port);
	if (!IS_ERR(members))
		old = group_publish(group, members);
	mutex_unlock(&group->change);
	caps_members_put(old);
	return PTR_ERR_OR_ZERO(members);
}

/**
 * caps_group_delete - nobody is reached through a group any more
 * @group: the group
 *
 * What is left of it is there for those who have capabilities to it, and paid for
 * with these: its maker, who cannot close them, must not be kept out of others.
 *
 * Return: 0, or -EPIPE if it is gone already.
 */
int caps_group_delete(struct caps_group *group)
{
	struct caps_members *old;

	mutex_lock(&group->change);
	old = group_publish(group, NULL);
	mutex_unlock(&group->change);
	if (!old)
		return -EPIPE;
	caps_members_put(old);
	caps_uncharge(group->chain, CAPS_GROUPS, 1);
	return 0;
}

/**
 * caps_group_count - how many members can be sent to
 * @group: the group
 * @count: the answer
 *
 * Return: 0, or -EPIPE if it is gone.
 */
int caps_group_count(struct caps_group *group, u32 *count)
{
	struct caps_members *members = caps_members_of_group(group);
	bool unused;

	if (!members)
		return -EPIPE;
	*count = members_count(members, NULL, &unused);
	caps_members_put(members);
	return 0;
}

/**
 * caps_members_of_group - the members as they are now
 * @group: the group
 *
 * Return: a reference, or NULL if the group was deleted.
 */
struct caps_members *caps_members_of_group(struct caps_group *group)
{
	struct caps_members *members;

	rcu_read_lock();
	do
		members = rcu_dereference(group->members);
	while (members && !refcount_inc_not_zero(&members->refs));
	rcu_read_unlock();
	return members;
}

/*
 * The actor's lock is held, for max_group_members ports at the most: those that
 * are enabled come first. False: there is not room for all.
 */
static bool add_enabled(struct caps_members *members, struct caps_actor *actor,
			u32 room)
{
	struct caps_port *port;

	list_for_each_entry(port, &actor->ports, link) {
		if (!port->enabled)
			break;
		if (members->count == room)
			return false;
		members_add(members, port, NULL, CAPS_ALL_OPERATIONS,
			    port->generation);
	}
	return true;
}

/**
 * caps_members_of_actor - the ports that an actor has enabled now
 * @actor: the actor
 *
 * Return: a snapshot as of a group; -EPIPE if the actor has died, -EMSGSIZE if
 * more of its ports are enabled than a group may have, -ENOMEM.
 */
struct caps_members *caps_members_of_actor(struct caps_actor *actor)
{
	u32 most = READ_ONCE(caps_max_group_members);
	struct caps_members *members;
	bool all, dead;
	u32 room;

	do {
		room = min_t(unsigned long, READ_ONCE(actor->enabled_count),
			     most);
		members = members_alloc(NULL, room);
		if (IS_ERR(members))
			return members;
		spin_lock(&actor->lock);
		dead = actor->dead;
		all = dead || add_enabled(members, actor, room);
		spin_unlock(&actor->lock);
		if (all && !dead)
			return members;
		caps_members_put(members);
	} while (!all && room < most);
	return ERR_PTR(dead ? -EPIPE : -EMSGSIZE);
}
