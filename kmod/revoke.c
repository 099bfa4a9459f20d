// SPDX-License-Identifier: GPL-2.0
/*
 * Revoking; see revoke.h.
 */
#include "actor.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "revoke.h"
#include "wait.h"

#define BATCH	4	/* messages dropped under the lock at a time */

struct dropped {
	struct caps_message *message[BATCH];
	bool reply[BATCH];
	unsigned int count;
};

static bool is_unreceived(const struct caps_message *message)
{
	return message->kind == CAPS_KIND_SEND ||
	       (message->kind == CAPS_KIND_CALL &&
		!caps_message_is_notice(message));
}

/* Take what was revoked off a list, as far as there is room for it. */
static void drop_from(struct caps_port *port, struct list_head *list,
		      struct dropped *dropped, struct caps_wakes *wakes)
{
	struct caps_message *message, *next;
	bool reply;

	list_for_each_entry_safe(message, next, list, link) {
		if (dropped->count == BATCH || caps_wakes_full(wakes))
			break;
		if (!is_unreceived(message) ||
		    !caps_message_is_revoked(message))
			continue;
		caps_queue_remove(port, message, wakes);
		reply = caps_message_fail(message, -EKEYREVOKED, wakes);
		dropped->reply[dropped->count] = reply;
		dropped->message[dropped->count++] = message;
	}
}

/* Returns how many were dropped; 0: there are no more. */
static unsigned int drop_some(struct caps_actor *actor, struct caps_port *port)
{
	struct dropped dropped = {};
	struct caps_wakes wakes;
	unsigned int i;

	caps_wakes_init(&wakes);
	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) == actor) {
		/* First who waits, so that nobody comes in only to be dropped. */
		drop_from(port, &port->blocked, &dropped, &wakes);
		drop_from(port, &port->queue, &dropped, &wakes);
	}
	spin_unlock(&actor->lock);
	caps_wakes_poll(&wakes, actor);
	caps_wakes_run(&wakes);

	for (i = 0; i < dropped.count; i++)
		caps_message_drained(dropped.message[i], dropped.reply[i]);
	return dropped.count;
}

/**
 * caps_port_revoke - make capabilities to a port worthless
 * @actor: who asks
 * @port: its port
 * @args: checked
 *
 * Return: 0 with @args->dropped set; -EPIPE if the port is gone, -EPERM if it
 * has moved away, -ENOENT if there is no such badge.
 */
int caps_port_revoke(struct caps_actor *actor, struct caps_port *port,
		     struct caps_revoke *args)
{
	unsigned int n;
	int err = 0;

	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) != actor)
		err = caps_port_lost(port);
	else if (args->flags & CAPS_REVOKE_BADGE)
		err = caps_badge_revoke(port, args->badge);
	else
		WRITE_ONCE(port->generation, port->generation + 1);
	spin_unlock(&actor->lock);
	if (err)
		return err;

	/* Those who are in no queue yet, see caps_badge_wait(). */
	wake_up_all(&port->told_wait);
	args->dropped = 0;
	while ((n = drop_some(actor, port))) {
		args->dropped += n;
		cond_resched();
	}
	return 0;
}
