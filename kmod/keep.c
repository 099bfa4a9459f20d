// SPDX-License-Identifier: GPL-2.0
/*
 * Keeping an actor; see keep.h.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>

#include "actor.h"
#include "attach.h"
#include "image.h"
#include "keep.h"
#include "message.h"
#include "park.h"
#include "port.h"
#include "queue.h"
#include "wait.h"

#define STRIPPED	16	/* taken off under the lock at a time */

/**
 * caps_actor_keep - the actor is to outlive its process image
 * @actor: the current process's
 *
 * Return: 0.
 */
int caps_actor_keep(struct caps_actor *actor)
{
	spin_lock(&actor->lock);
	WRITE_ONCE(actor->kept, true);
	spin_unlock(&actor->lock);
	return 0;
}

/**
 * caps_actor_image_ends - an actor's process image has ended
 * @actor: the caller has a reference
 * @mm: the address space that it was
 *
 * May be called again, and for an image that the actor is not in any more, from
 * wherever sleeping is not allowed.
 */
void caps_actor_image_ends(struct caps_actor *actor,
			   const struct mm_struct *mm)
{
	bool orphaned = false, dies = false;

	if (!mm)
		return;
	spin_lock(&actor->lock);
	if (actor->mm == mm) {
		orphaned = actor->kept && !actor->dead;
		dies = !orphaned;
		if (orphaned) {
			WRITE_ONCE(actor->mm, NULL);
			WRITE_ONCE(actor->image, actor->image + 1);
			actor->life = CAPS_ORPHANING;
		}
	}
	spin_unlock(&actor->lock);
	if (dies)
		caps_actor_kill(actor);
	if (!orphaned)
		return;
	/* A flush may come before the image ends. */
	caps_image_leave(actor);
	caps_actor_queue_teardown(actor);
}

/* Is a queued message about something that only the process knew of? */
static bool is_pointless(const struct caps_message *message)
{
	if (message->kind == CAPS_KIND_REPLY)
		return message->sent_id;
	return caps_message_is_notice(message) || caps_message_returns(message);
}

/*
 * Under the lock for a whole line, whose length is bounded as migrate.h says:
 * 15 instructions for each message (Linux 6.12), 124,000 for 8,192.
 */
static void collect_pointless(struct caps_port *port, struct list_head *line,
			      struct list_head *found)
{
	struct caps_message *message, *next;
	struct caps_wakes wakes;

	/* None of them counts, so none makes room for others. */
	caps_wakes_init(&wakes);
	list_for_each_entry_safe(message, next, line, link) {
		if (!is_pointless(message))
			continue;
		caps_queue_remove(port, message, &wakes);
		list_add_tail(&message->link, found);
	}
}

/*
 * Files do not stay in a line; see caps_attached_may_come(). A look at all of it
 * takes as long as collect_pointless().
 */
static u32 strip_line(struct caps_port *port, struct list_head *line,
		      struct caps_attached **found, u32 room)
{
	struct caps_message *message;
	u32 count = 0;

	list_for_each_entry(message, line, link) {
		if (count == room)
			break;
		found[count] = caps_attached_strip(message,
						   caps_message_carried(message),
						   port);
		count += !!found[count];
	}
	return count;
}

/**
 * caps_port_strip - an orphan's port gives up what may not come to it
 * @actor: the orphan
 * @port: its port, perhaps not any more
 */
void caps_port_strip(struct caps_actor *actor, struct caps_port *port)
{
	struct caps_attached *found[STRIPPED];
	u32 i, count;

	do {
		count = 0;
		spin_lock(&actor->lock);
		if (rcu_access_pointer(port->owner) == actor) {
			count = strip_line(port, &port->queue, found, STRIPPED);
			count += strip_line(port, &port->blocked, found + count,
					    STRIPPED - count);
		}
		spin_unlock(&actor->lock);
		for (i = 0; i < count; i++)
			caps_attached_free(found[i]);
		cond_resched();
	} while (count);
}

/* What a successor has no use for, or must not have, leaves a port. */
static void purge_port(struct caps_actor *actor, struct caps_port *port)
{
	struct caps_message *message, *next;
	LIST_HEAD(found);

	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) == actor) {
		collect_pointless(port, &port->notices, &found);
		collect_pointless(port, &port->queue, &found);
	}
	spin_unlock(&actor->lock);

	list_for_each_entry_safe(message, next, &found, link) {
		list_del_init(&message->link);
		caps_message_settle(message, false);
		cond_resched();
	}
}

/* The port behind @port, or the first; nobody but death takes one from an orphan. */
static struct caps_port *next_port(struct caps_actor *actor,
				   struct caps_port *port)
{
	struct list_head *at = port ? &port->link : &actor->ports;
	struct caps_port *next = NULL;

	spin_lock(&actor->lock);
	if (!actor->dead && !list_is_last(at, &actor->ports))
		next = caps_port_get(list_entry(at->next, struct caps_port,
						link));
	spin_unlock(&actor->lock);
	caps_port_put(port);
	return next;
}

/**
 * caps_actor_orphaned - end what an orphan's process had and knew
 * @actor: an orphan; it may die meanwhile
 */
void caps_actor_orphaned(struct caps_actor *actor)
{
	struct caps_port *port = NULL;

	caps_unpark_gone(actor);
	caps_actor_end_messages(actor);
	while ((port = next_port(actor, port))) {
		purge_port(actor, port);
		caps_port_strip(actor, port);
		cond_resched();
	}
	caps_message_drop_spares(actor);
	caps_park_drop_spares(actor);

	spin_lock(&actor->lock);
	WRITE_ONCE(actor->life, CAPS_ORPHAN);
	spin_unlock(&actor->lock);
	/* Before looking whether somebody waits; see wake_up_bit(). */
	smp_mb();
	wake_up_var(&actor->life);
}

static bool same_ids(const struct cred *a, const struct cred *b)
{
	return uid_eq(a->uid, b->uid) && uid_eq(a->euid, b->euid) &&
	       uid_eq(a->suid, b->suid) && gid_eq(a->gid, b->gid) &&
	       gid_eq(a->egid, b->egid) && gid_eq(a->sgid, b->sgid) &&
	       a->user_ns == b->user_ns;
}

/*
 * The actor goes on as what its opener was: it is charged to him, its names are
 * his, and it has what his privileges got it. So who takes it over must be all
 * of that. As with ptrace(2) the file alone is no permission: others inherit it
 * from a set-user-id program, or such a program from others.
 */
static bool may_adopt(const struct cred *cred, const struct cred *opener)
{
	return same_ids(cred, opener) &&
	       cap_issubset(opener->cap_permitted, cred->cap_permitted);
}

static int adopt_begin(struct caps_actor *actor)
{
	int err;

	/* What is being ended is not to be mixed with what comes now. */
	err = wait_var_event_killable(&actor->life, READ_ONCE(actor->life) !=
						    CAPS_ORPHANING);
	if (err)
		return err;
	spin_lock(&actor->lock);
	if (actor->dead)
		err = -ENOTCONN;
	else if (actor->life != CAPS_ORPHAN)
		err = -EBUSY;
	else
		actor->life = CAPS_ADOPTING;
	spin_unlock(&actor->lock);
	return err;
}

/* Returns what is to be put after a grace period, if anything. */
static struct pid *adopt_end(struct caps_actor *actor, bool adopted)
{
	struct pid *old = NULL;

	spin_lock(&actor->lock);
	actor->life = adopted ? CAPS_OWNED : CAPS_ORPHAN;
	if (adopted) {
		old = actor->tgid;
		WRITE_ONCE(actor->tgid, get_pid(task_tgid(current)));
		/* Pairs with caps_flush(). */
		smp_store_release(&actor->mm, current->mm);
	}
	spin_unlock(&actor->lock);
	return old;
}

/**
 * caps_actor_adopt - the current process takes an orphan over
 * @actor: its file is open, so it cannot come to its end meanwhile
 *
 * Return: 0; -EPERM, -EBUSY, -ENOTCONN; -ENOMEM, -ERESTARTSYS.
 */
int caps_actor_adopt(struct caps_actor *actor)
{
	struct pid *old;
	int err;

	if (!current->mm)
		return -ENOTCONN;
	if (!may_adopt(current_cred(), actor->cred))
		return -EPERM;
	err = adopt_begin(actor);
	if (err)
		return err;
	err = caps_image_join(actor);
	old = adopt_end(actor, !err);
	if (!old)
		return err;
	/* Pairs with caps_actor_tgid(), and with all who show the process. */
	synchronize_rcu();
	put_pid(old);
	return 0;
}
