// SPDX-License-Identifier: GPL-2.0
/*
 * Shares: how much of a port's room each user holds; see port.h.
 *
 * A message whose sender's chain has n users needs up to n share objects when
 * it is counted. It brings them along, gives them to the port for users that
 * have none there, and takes back those that fall to zero when it leaves.
 */
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "message.h"
#include "params.h"
#include "port.h"

/**
 * caps_shares_bring - bring what counting a message may need
 * @message: a message that is in no queue, and stays so
 * @count: how many users are in its chain
 *
 * Return: 0 or -ENOMEM.
 */
int caps_shares_bring(struct caps_message *message, unsigned int count)
{
	struct caps_share *share;

	while (message->share_count < count) {
		share = kmalloc(sizeof(*share), GFP_KERNEL_ACCOUNT);
		if (!share)
			return -ENOMEM;
		share->next = message->shares;
		message->shares = share;
		message->share_count++;
	}
	return 0;
}

/**
 * caps_shares_prepare - the same for a message that only its maker knows
 * @message: the message
 *
 * Return: 0 or -ENOMEM.
 */
int caps_shares_prepare(struct caps_message *message)
{
	return caps_shares_bring(message, message->chain->count);
}

/**
 * caps_shares_trim - free unused shares
 * @message: a message that is in no queue
 * @keep: how many to keep
 */
void caps_shares_trim(struct caps_message *message, unsigned int keep)
{
	struct caps_share *share;

	while (message->share_count > keep) {
		share = message->shares;
		message->shares = share->next;
		message->share_count--;
		kfree(share);
	}
}

static struct caps_share *share_find(struct caps_port *port,
				     const struct caps_user *user,
				     struct rb_node **parent,
				     struct rb_node ***link)
{
	struct caps_share *share;

	*parent = NULL;
	*link = &port->shares.rb_node;
	while (**link) {
		*parent = **link;
		share = rb_entry(*parent, struct caps_share, node);
		if (user == share->user)
			return share;
		*link = user < share->user ? &(*parent)->rb_left :
					     &(*parent)->rb_right;
	}
	return NULL;
}

static bool share_allows(struct caps_port *port, const struct caps_user *user)
{
	struct rb_node *parent, **link;
	struct caps_share *share;
	u32 others;

	share = share_find(port, user, &parent, &link);
	if (!share)
		return port->users < READ_ONCE(caps_max_users_per_port);
	others = port->counted - share->count;
	return others < port->limit &&
	       share->count + 1 <= (port->limit - others) / 2;
}

/**
 * caps_shares_allow - may a message be counted now?
 * @port: the port, its owner locked
 * @message: the message
 */
bool caps_shares_allow(struct caps_port *port, struct caps_message *message)
{
	unsigned int i;

	for (i = 0; i < message->chain->count; i++) {
		if (!share_allows(port, message->chain->users[i]))
			return false;
	}
	return true;
}

/**
 * caps_shares_take - count a message
 * @port: the port, its owner locked
 * @message: prepared, and allowed
 */
void caps_shares_take(struct caps_port *port, struct caps_message *message)
{
	struct rb_node *parent, **link;
	struct caps_share *share;
	unsigned int i;

	for (i = 0; i < message->chain->count; i++) {
		share = share_find(port, message->chain->users[i], &parent,
				   &link);
		if (!share) {
			share = message->shares;
			message->shares = share->next;
			message->share_count--;
			share->user = message->chain->users[i];
			share->count = 0;
			rb_link_node(&share->node, parent, link);
			rb_insert_color(&share->node, &port->shares);
			port->users++;
		}
		share->count++;
	}
	port->counted++;
	message->counted = true;
}

/**
 * caps_shares_return - stop counting a message
 * @port: the port, its owner locked
 * @message: a counted message
 */
void caps_shares_return(struct caps_port *port, struct caps_message *message)
{
	struct rb_node *parent, **link;
	struct caps_share *share;
	unsigned int i;

	for (i = 0; i < message->chain->count; i++) {
		share = share_find(port, message->chain->users[i], &parent,
				   &link);
		if (--share->count)
			continue;
		rb_erase(&share->node, &port->shares);
		port->users--;
		share->next = message->shares;
		message->shares = share;
		message->share_count++;
	}
	port->counted--;
	message->counted = false;
}
