// SPDX-License-Identifier: GPL-2.0
/*
 * Badges; see badge.h.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "caps.h"
#include "port.h"
#include "queue.h"
#include "wait.h"

/**
 * caps_badge_release - free a badge that nobody can find
 * @badge: the badge
 */
void caps_badge_release(struct caps_badge *badge)
{
	if (badge->chain) {
		caps_uncharge(badge->chain, CAPS_CONNECTIONS, 1);
		caps_chain_put(badge->chain);
		put_pid(badge->tgid);
		put_cred(badge->cred);
	}
	caps_port_put(badge->port);
	kfree_rcu(badge, rcu);
	caps_gone(CAPS_LIVE_BADGES);
}

/* With @maker, one that is charged to it and tells who that is. */
static struct caps_badge *badge_alloc(struct caps_port *port,
				      struct caps_actor *maker)
{
	struct caps_badge *badge;
	int err;

	if (maker) {
		err = caps_charge(maker->chain, CAPS_CONNECTIONS, 1);
		if (err)
			return ERR_PTR(err);
	}
	badge = kzalloc(sizeof(*badge), GFP_KERNEL_ACCOUNT);
	if (!badge) {
		if (maker)
			caps_uncharge(maker->chain, CAPS_CONNECTIONS, 1);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&badge->refs, 1);
	badge->port = caps_port_get(port);
	INIT_LIST_HEAD(&badge->event);
	init_waitqueue_head(&badge->turn);
	if (maker) {
		badge->chain = caps_chain_get(maker->chain);
		badge->tgid = caps_actor_tgid(maker);
		badge->cred = get_current_cred();
	}
	caps_born(CAPS_LIVE_BADGES);
	return badge;
}

/* One that is there without is charged like @fresh from now on. */
static void badge_charge(struct caps_badge *badge, struct caps_badge *fresh)
{
	if (badge == fresh || badge->chain)
		return;
	swap(badge->chain, fresh->chain);
	swap(badge->tgid, fresh->tgid);
	swap(badge->cred, fresh->cred);
}

/* Where a value is, or belongs. The owner is locked, as for all of these. */
static struct rb_node **badge_place(struct caps_port *port, u64 value,
				    struct rb_node **parent)
{
	struct rb_node **link = &port->badges.rb_node;
	struct caps_badge *badge;

	*parent = NULL;
	while (*link) {
		badge = rb_entry(*link, struct caps_badge, node);
		if (value == badge->value)
			break;
		*parent = *link;
		link = value < badge->value ? &(*parent)->rb_left :
					      &(*parent)->rb_right;
	}
	return link;
}

static struct caps_badge *badge_find(struct caps_port *port, u64 value)
{
	struct rb_node *parent, **link = badge_place(port, value, &parent);

	return *link ? rb_entry(*link, struct caps_badge, node) : NULL;
}

static void badge_link(struct caps_port *port, struct caps_badge *badge)
{
	struct rb_node *parent, **link;

	link = badge_place(port, badge->value, &parent);
	rb_link_node(&badge->node, parent, link);
	rb_insert_color(&badge->node, &port->badges);
	badge->linked = true;
}

/**
 * caps_badge_unlink - a badge is not to be found any more
 * @badge: the badge; the owner of its port is locked
 */
void caps_badge_unlink(struct caps_badge *badge)
{
	if (badge->linked)
		rb_erase(&badge->node, &badge->port->badges);
	badge->linked = false;
}

/*
 * @fresh gets the value of a badge that nobody has any more. If that one's end
 * was to be told and has not been fetched, it is not: as the owner sees it the
 * badge goes on, and @fresh tells its end. Returns what is to be released.
 */
static struct caps_badge *badge_succeed(struct caps_actor *owner,
					struct caps_badge *gone,
					struct caps_badge *fresh)
{
	caps_badge_unlink(gone);
	badge_link(gone->port, fresh);
	if (!gone->disconnected)
		return NULL;
	gone->disconnected = false;
	fresh->disconnected = true;
	badge_charge(fresh, gone);
	/* Otherwise its last user waits for the lock, and releases it. */
	if (list_empty(&gone->event))
		return NULL;
	list_del_init(&gone->event);
	caps_queue_update(owner, gone->port);
	return gone;
}

/*
 * Find a living badge of @fresh's value, or put @fresh there. @unused is what
 * the caller is to release after unlocking, if anything.
 */
static struct caps_badge *badge_insert(struct caps_actor *owner,
				       struct caps_port *port,
				       struct caps_badge *fresh,
				       struct caps_badge **unused)
{
	struct caps_badge *badge = badge_find(port, fresh->value);

	*unused = NULL;
	if (badge && refcount_inc_not_zero(&badge->refs)) {
		badge_charge(badge, fresh);
		*unused = fresh;
		return badge;
	}
	if (badge)
		*unused = badge_succeed(owner, badge, fresh);
	else
		badge_link(port, fresh);
	return fresh;
}

/* Put @fresh into the port's tree, or return what has its value already. */
static struct caps_badge *badge_enter(struct caps_port *port,
				      struct caps_badge *fresh, bool assign)
{
	struct caps_badge *badge, *unused = fresh;
	struct caps_actor *owner;

	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		if (assign)
			fresh->value = CAPS_BADGE_KERNEL | ++port->last_badge;
		badge = badge_insert(owner, port, fresh, &unused);
		spin_unlock(&owner->lock);
	} else {
		badge = ERR_PTR(-EPIPE);
	}
	rcu_read_unlock();

	if (unused)
		caps_badge_release(unused);
	return badge;
}

/**
 * caps_badge_choose - the badge of a value that the port's owner chose
 * @maker: who did, if caps_badge_announce() shall follow; or NULL
 * @port: the port
 * @value: bit 63 clear
 *
 * One that is not there yet has no limit of messages on their way.
 *
 * Return: a reference, -EDQUOT, -ENOMEM, or -EPIPE if the port is gone.
 */
struct caps_badge *caps_badge_choose(struct caps_actor *maker,
				     struct caps_port *port, u64 value)
{
	struct caps_badge *fresh;

	fresh = badge_alloc(port, maker);
	if (IS_ERR(fresh))
		return fresh;
	fresh->value = value;
	return badge_enter(port, fresh, false);
}

/**
 * caps_badge_rename - give a badge the value that the port's owner chose
 * @mine: of an application; handed over, unless that fails
 * @value: bit 63 clear
 * @limit: of messages on their way, if there is no such badge yet
 *
 * The connection exists already, as its server sees it. So there is nothing in
 * here that could fail for want of memory, or be charged.
 *
 * Return: a reference to @mine, or to what has the value already; -EPIPE if the
 * port is gone.
 */
struct caps_badge *caps_badge_rename(struct caps_badge *mine, u64 value,
				     u32 limit)
{
	struct caps_port *port = mine->port;
	struct caps_badge *badge, *unused;
	struct caps_actor *owner;

	rcu_read_lock();
	owner = caps_port_lock(port);
	if (!owner) {
		rcu_read_unlock();
		return ERR_PTR(-EPIPE);
	}
	caps_badge_unlink(mine);
	mine->value = value;
	mine->limit = limit;
	badge = badge_insert(owner, port, mine, &unused);
	spin_unlock(&owner->lock);
	rcu_read_unlock();

	if (unused == mine)
		caps_badge_put(mine);
	else if (unused)
		caps_badge_release(unused);
	return badge;
}

/**
 * caps_badge_assign - a badge with a value that the port never had before
 * @maker: who connects
 * @port: the port
 * @told: worthless until caps_badge_announce()
 * @limit: of messages on their way
 *
 * Return: a reference, -EDQUOT, -ENOMEM, or -EPIPE if the port is gone.
 */
struct caps_badge *caps_badge_assign(struct caps_actor *maker,
				     struct caps_port *port, bool told,
				     u32 limit)
{
	struct caps_badge *fresh = badge_alloc(port, maker);

	if (IS_ERR(fresh))
		return fresh;
	fresh->revoked = told;
	fresh->limit = limit;
	return badge_enter(port, fresh, true);
}

/**
 * caps_badge_wait - sleep until one more message may be on its way, or never
 * @badge: with a limit; the caller has a reference
 * @generation: of the port's capabilities when there was a use in waiting
 * @deadline: absolute
 *
 * Whoever has waited must, if it sends nothing after all, let the next one try.
 *
 * Return: 0 to try again; -ETIMEDOUT, -ERESTARTSYS.
 */
int caps_badge_wait(struct caps_badge *badge, u64 generation, u64 deadline)
{
	const unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	struct caps_port *port = badge->port;
	DEFINE_WAIT(turn);
	DEFINE_WAIT(end);
	int err = 0;

	prepare_to_wait(&port->told_wait, &end, state);
	prepare_to_wait_exclusive(&badge->turn, &turn, state);
	if (atomic_read(&badge->in_flight) >= badge->limit &&
	    rcu_access_pointer(port->owner) && !READ_ONCE(badge->revoked) &&
	    READ_ONCE(port->generation) == generation)
		err = caps_sleep(state, deadline);
	finish_wait(&badge->turn, &turn);
	finish_wait(&port->told_wait, &end);
	return err == -EINTR ? -ERESTARTSYS : err;
}

/**
 * caps_badge_revoke - who carries a badge may use it no more
 * @port: the port, its owner locked
 * @value: the badge; the next one chosen with this value is another
 *
 * Return: 0 or -ENOENT.
 */
int caps_badge_revoke(struct caps_port *port, u64 value)
{
	struct caps_badge *badge = badge_find(port, value);

	/* Or nobody has it, and that is still to be told. */
	if (!badge || !refcount_read(&badge->refs))
		return -ENOENT;
	caps_badge_unlink(badge);
	WRITE_ONCE(badge->revoked, true);
	return 0;
}

/**
 * caps_badge_relink - the end of a badge was fetched, and could not be told
 * @badge: the badge; the owner of its port is locked
 *
 * Return: whether it is still to be told. If not, the value has been chosen
 * since, and the end of that one is: the caller releases @badge.
 */
bool caps_badge_relink(struct caps_badge *badge)
{
	struct caps_badge *next;

	/* The next one is another, see above. */
	if (badge->revoked)
		return true;
	next = badge_find(badge->port, badge->value);
	if (next) {
		next->disconnected = true;
		badge_charge(next, badge);
		return false;
	}
	badge_link(badge->port, badge);
	return true;
}
