// SPDX-License-Identifier: GPL-2.0
/*
 * Badges; see badge.h.
 */
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "caps.h"
#include "port.h"

static void badge_release(struct caps_badge *badge)
{
	caps_port_put(badge->port);
	kfree_rcu(badge, rcu);
	caps_gone(CAPS_LIVE_BADGES);
}

/*
 * Find a living badge of @value, or put @fresh there. A dying one that still
 * stands in the tree makes way.
 */
static struct caps_badge *badge_insert(struct caps_port *port,
				       struct caps_badge *fresh)
{
	struct rb_node **link = &port->badges.rb_node, *parent = NULL;
	struct caps_badge *badge = NULL;

	while (*link) {
		parent = *link;
		badge = rb_entry(parent, struct caps_badge, node);
		if (fresh->value < badge->value)
			link = &parent->rb_left;
		else if (fresh->value > badge->value)
			link = &parent->rb_right;
		else
			break;
	}
	if (*link) {
		if (refcount_inc_not_zero(&badge->refs))
			return badge;
		rb_replace_node(parent, &fresh->node, &port->badges);
		badge->linked = false;
		fresh->linked = true;
		return fresh;
	}
	rb_link_node(&fresh->node, parent, link);
	rb_insert_color(&fresh->node, &port->badges);
	fresh->linked = true;
	return fresh;
}

static struct caps_badge *badge_get(struct caps_port *port, u64 value,
				    bool assign)
{
	struct caps_badge *fresh, *badge;
	struct caps_actor *owner;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	refcount_set(&fresh->refs, 1);
	fresh->port = caps_port_get(port);
	caps_born(CAPS_LIVE_BADGES);

	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		fresh->value = assign ? CAPS_BADGE_KERNEL | ++port->last_badge :
					value;
		badge = badge_insert(port, fresh);
		spin_unlock(&owner->lock);
	} else {
		badge = ERR_PTR(-EPIPE);
	}
	rcu_read_unlock();

	if (badge != fresh)
		badge_release(fresh);
	return badge;
}

/**
 * caps_badge_choose - the badge of a value that the port's owner chose
 * @port: the port
 * @value: bit 63 clear
 *
 * Return: a reference, -ENOMEM, or -EPIPE if the port is gone.
 */
struct caps_badge *caps_badge_choose(struct caps_port *port, u64 value)
{
	return badge_get(port, value, false);
}

/**
 * caps_badge_assign - a badge with a value that the port never had before
 * @port: the port
 *
 * Return: a reference, -ENOMEM, or -EPIPE if the port is gone.
 */
struct caps_badge *caps_badge_assign(struct caps_port *port)
{
	return badge_get(port, 0, true);
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
	struct rb_node *node = port->badges.rb_node;
	struct caps_badge *badge;

	while (node) {
		badge = rb_entry(node, struct caps_badge, node);
		if (value < badge->value) {
			node = node->rb_left;
		} else if (value > badge->value) {
			node = node->rb_right;
		} else {
			rb_erase(&badge->node, &port->badges);
			badge->linked = false;
			WRITE_ONCE(badge->revoked, true);
			return 0;
		}
	}
	return -ENOENT;
}

void __caps_badge_free(struct caps_badge *badge)
{
	struct caps_actor *owner;

	rcu_read_lock();
	owner = caps_port_lock(badge->port);
	if (owner) {
		if (badge->linked)
			rb_erase(&badge->node, &badge->port->badges);
		spin_unlock(&owner->lock);
	}
	rcu_read_unlock();
	badge_release(badge);
}
