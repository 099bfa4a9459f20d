// SPDX-License-Identifier: GPL-2.0
/*
 * Sending to one member of a group: whom to choose.
 *
 * Functional (CAPS_TO_ANY): in turn. The group's cursor says where to begin; from
 * there on CANDIDATES members are looked at, those left out that have ended. The
 * first for which a receiver seems to wait gets it, else the first that has room.
 * A choice among more costs no more. Left out are also those to which what goes
 * along may not come: whether a send succeeds does not depend on the cursor.
 *
 * Associative (CAPS_TO_NEAR): the same, among those in the actor that owns a given
 * port, or if there are none those in its process.
 *
 * Once chosen, it is sent as through a capability to that member's port.
 */
#include "actor.h"
#include "attach.h"
#include "capability.h"
#include "group_send.h"
#include "message.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"

#define CANDIDATES	16

/* What a handle must allow for sending. In an RCU reader section. */
static int check_handle(const struct caps_capability *capability,
			const struct caps_route *route)
{
	int err;

	if (!capability)
		return -EBADF;
	err = caps_may_send(capability, route->operation);
	if (err)
		return err;
	if (capability->type == CAPS_TYPE_PORT)
		return -EINVAL;
	return capability->type == CAPS_TYPE_ACTOR &&
	       route->flags & CAPS_GROUP_FLAGS ? -EINVAL : 0;
}

/* The group or, else, the actor that a handle names. */
static int find_target(struct caps_actor *actor, const struct caps_route *route,
		       struct caps_group **group, struct caps_actor **named)
{
	const struct caps_capability *capability;
	int err;

	*group = NULL;
	*named = NULL;
	rcu_read_lock();
	capability = caps_capability_find(actor, route->capability);
	err = check_handle(capability, route);
	if (err)
		goto out;
	if (capability->type == CAPS_TYPE_GROUP) {
		if (caps_group_tryget(capability->group))
			*group = capability->group;
	} else if (caps_actor_tryget(capability->actor)) {
		*named = capability->actor;
	}
	/* Being closed by another thread just now. */
	if (!*group && !*named)
		err = -EBADF;
out:
	rcu_read_unlock();
	return err;
}

/* The port that @route's flags refer to, and its owner if it has one. */
static int find_relative(struct caps_target *target, struct caps_actor *actor,
			 const struct caps_route *route)
{
	struct caps_actor *owner;
	struct caps_port *port;

	if (!(route->flags & CAPS_RELATIVE_FLAGS))
		return 0;
	port = caps_capability_port(actor, route->relative, 0);
	if (IS_ERR(port))
		return PTR_ERR(port);
	target->near_port = port;
	rcu_read_lock();
	owner = rcu_dereference(port->owner);
	if (owner && caps_actor_tryget(owner))
		target->near_actor = owner;
	rcu_read_unlock();
	return 0;
}

/**
 * caps_target_open - whom a capability to a group or an actor reaches
 * @target: filled; caps_target_close() it after success
 * @actor: who sends
 * @route: what the program said
 *
 * Return: 0; -EBADF, -EPERM, -EACCES, -EPIPE; -EINVAL if it names a port, or an
 * actor and there are flags; -EMSGSIZE, -ENOMEM.
 */
int caps_target_open(struct caps_target *target, struct caps_actor *actor,
		     const struct caps_route *route)
{
	struct caps_actor *named;
	int err;

	*target = (struct caps_target){
		.flags = route->flags,
		.operation = route->operation,
	};
	err = find_target(actor, route, &target->group, &named);
	if (err)
		return err;
	if (named) {
		target->members = caps_members_of_actor(named);
		caps_actor_put(named);
		return PTR_ERR_OR_ZERO(target->members);
	}
	target->members = caps_members_of_group(target->group);
	err = target->members ? find_relative(target, actor, route) : -EPIPE;
	if (err)
		caps_target_close(target);
	return err;
}

void caps_target_close(struct caps_target *target)
{
	caps_members_put(target->members);
	if (target->group)
		caps_group_put(target->group);
	caps_port_put(target->near_port);
	if (target->near_actor)
		caps_actor_put(target->near_actor);
}

static int admit(const struct caps_member *member, struct caps_message *message,
		 bool may_block, struct caps_wakes *wakes)
{
	struct caps_badge *unused = NULL;
	struct caps_actor *owner;
	int err;

	owner = caps_member_lock(member);
	if (!owner)
		return -EPIPE;
	caps_member_stamp(member, message);
	err = caps_queue_admit(owner, member->port, message, may_block, wakes);
	if (err) {
		unused = message->badge;
		message->badge = NULL;
	}
	spin_unlock(&owner->lock);
	caps_wakes_poll(wakes, owner);
	/* Not the last: the member has one. */
	caps_badge_put(unused);
	return err;
}

/**
 * caps_member_admit - put a message where a member leads
 * @member: the member
 * @message: loaded; the place reference goes to the queue on success
 * @may_block: as for caps_post()
 * @wakes: whom to wake
 *
 * Return: 0; -EAGAIN without room, -EPIPE if it is good no more, -EINVAL if what
 * goes along may not come there, -ENOMEM.
 */
int caps_member_admit(const struct caps_member *member,
		      struct caps_message *message, bool may_block,
		      struct caps_wakes *wakes)
{
	int err;

	for (;;) {
		rcu_read_lock();
		err = admit(member, message, may_block, wakes);
		rcu_read_unlock();
		if (err != CAPS_NEEDS_SHARES)
			return err;
		err = caps_shares_prepare(message);
		if (err)
			return err;
	}
}

/* How near @relative somebody must be. */
enum nearness {
	ANYWHERE,
	SAME_PROCESS,
	SAME_ACTOR,
};

static __always_inline bool is_near(const struct caps_target *target,
				    const struct caps_actor *owner,
				    enum nearness nearness)
{
	if (nearness == ANYWHERE)
		return owner;
	if (nearness == SAME_ACTOR)
		return owner == target->near_actor;
	return owner && caps_actors_are_close(owner, target->near_actor);
}

/* Does a receiver wait for what comes here? A hint. */
static __always_inline bool has_receiver(const struct caps_port *port)
{
	const struct caps_actor *owner = rcu_dereference(port->owner);

	return !list_empty(&port->waiters) ||
	       (READ_ONCE(port->enabled) && owner &&
		!list_empty(&owner->waiters));
}

/* A walk over the members from the cursor on. */
struct walk {
	const struct caps_member *next;
	u32 passed;
	unsigned int looks;		/* at members that are near */
};

/* For each choice it is asked CANDIDATES times: the compiler knows @nearness. */
static __always_inline const struct caps_member *
walk_next(struct walk *walk, const struct caps_target *target,
	  enum nearness nearness)
{
	const struct caps_members *members = target->members;
	const struct caps_member *member;

	while (walk->passed < members->count && walk->looks < CANDIDATES) {
		member = walk->next++;
		if (walk->next == members->member + members->count)
			walk->next = members->member;
		walk->passed++;
		if (is_near(target, rcu_dereference(member->port->owner),
			    nearness)) {
			walk->looks++;
			return member;
		}
	}
	return NULL;
}

/* The next choice begins behind who got this. */
static void advance(const struct caps_target *target, const struct walk *walk)
{
	if (walk->passed > 1)
		atomic_add(walk->passed - 1, &target->group->cursor);
}

static __always_inline const struct caps_member *
find_waiting(const struct caps_target *target, struct walk *walk,
	     enum nearness nearness)
{
	const struct caps_member *member;

	do
		member = walk_next(walk, target, nearness);
	while (member && !has_receiver(member->port));
	return member;
}

/* As caps_target_wants(): -EPIPE; -EINVAL if what goes along may not come. */
static int may_get(const struct caps_target *target,
		   const struct caps_member *member,
		   const struct caps_message *message)
{
	const struct caps_attached *attached = message->request.attached;

	if (!caps_target_wants(target, member))
		return -EPIPE;
	if (unlikely(attached) &&
	    !caps_attached_may_come(attached, member->port))
		return -EINVAL;
	return 0;
}

/* The first for which somebody waits; -EAGAIN: nobody seems to. */
static int post_to_waiting(const struct caps_target *target, struct walk walk,
			   enum nearness nearness,
			   struct caps_message *message,
			   struct caps_wakes *wakes)
{
	const struct caps_member *member;
	int err = -EAGAIN;

	rcu_read_lock();
	do {
		if (nearness == ANYWHERE)
			member = find_waiting(target, &walk, ANYWHERE);
		else
			member = find_waiting(target, &walk, nearness);
	} while (member && may_get(target, member, message));
	rcu_read_unlock();
	if (member)
		err = caps_member_admit(member, message, false, wakes);
	if (!err)
		advance(target, &walk);
	return err;
}

/*
 * In turn. -EAGAIN: none has room, -EINVAL: what goes along may come to none,
 * -EPIPE: there is none.
 */
static int post_in_turn(const struct caps_target *target, struct walk walk,
			enum nearness nearness, struct caps_message *message,
			bool may_block, struct caps_wakes *wakes)
{
	const struct caps_member *member;
	int err, worst = -EPIPE;

	for (;;) {
		rcu_read_lock();
		member = walk_next(&walk, target, nearness);
		err = member ? may_get(target, member, message) : 0;
		rcu_read_unlock();
		if (!member)
			return worst;
		if (err)
			walk.looks--;
		else
			err = caps_member_admit(member, message, may_block,
						wakes);
		if (!err)
			advance(target, &walk);
		if (err == -EAGAIN || (err == -EINVAL && worst == -EPIPE))
			worst = err;
		else if (err != -EPIPE && err != -EINVAL)
			return err;
	}
}

static int post_near(const struct caps_target *target, struct walk walk,
		     enum nearness nearness, struct caps_message *message,
		     bool may_block, struct caps_wakes *wakes)
{
	int err;

	err = post_to_waiting(target, walk, nearness, message, wakes);
	if (err != -EAGAIN && err != -EPIPE && err != -EINVAL)
		return err;
	err = post_in_turn(target, walk, nearness, message, false, wakes);
	if (err == -EAGAIN && may_block)
		err = post_in_turn(target, walk, nearness, message, true,
				   wakes);
	return err;
}

static int post_to_one(const struct caps_target *target,
		       struct caps_message *message, bool may_block,
		       struct caps_wakes *wakes)
{
	u32 count = target->members->count;
	struct walk walk = {};
	u32 start;
	int err;

	if (!count)
		return -EPIPE;
	start = (u32)atomic_fetch_inc(&target->group->cursor) % count;
	walk.next = &target->members->member[start];
	if (target->flags & CAPS_TO_ANY)
		return post_near(target, walk, ANYWHERE, message, may_block,
				 wakes);
	if (!target->near_actor)
		return -EPIPE;
	err = post_near(target, walk, SAME_ACTOR, message, may_block, wakes);
	if (err != -EPIPE && err != -EINVAL)
		return err;
	return post_near(target, walk, SAME_PROCESS, message, may_block,
			 wakes);
}

/**
 * caps_post_to_one - put a message at one member of a group
 * @actor: who sends
 * @message: as for caps_post()
 * @route: with CAPS_TO_ANY or CAPS_TO_NEAR
 * @may_block: as for caps_post()
 *
 * Return: 0; what caps_target_open() returns; -ENOENT if there is no such member,
 * -EINVAL if what goes along may not come to any, -EAGAIN, -ENOMEM.
 */
int caps_post_to_one(struct caps_actor *actor, struct caps_message *message,
		     const struct caps_route *route, bool may_block)
{
	struct caps_wakes wakes __uninitialized;
	struct caps_target target;
	int err;

	err = caps_target_open(&target, actor, route);
	if (err)
		return err;
	caps_wakes_init(&wakes);
	err = post_to_one(&target, message, may_block, &wakes);
	caps_target_close(&target);
	if (!err)
		trace_caps_send(message);
	caps_wakes_run(&wakes);
	return err == -EPIPE ? -ENOENT : err;
}
