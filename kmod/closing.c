// SPDX-License-Identifier: GPL-2.0
/*
 * The end of what went along with messages; of its files see closing.h.
 */
#include <linux/file.h>
#include <linux/sched.h>

#include "account.h"
#include "actor.h"
#include "attach.h"
#include "capability.h"
#include "closing.h"

static struct workqueue_struct *closing_queue;

int caps_closing_start(void)
{
	/* One for each user at most: none is to wait for another's. */
	closing_queue = alloc_workqueue("caps_closing", WQ_UNBOUND,
					WQ_UNBOUND_MAX_ACTIVE);
	return closing_queue ? 0 : -ENOMEM;
}

/* Waits until all is closed. */
void caps_closing_stop(void)
{
	destroy_workqueue(closing_queue);
}

/* The files are closed, if there were any. */
static void attached_end(struct caps_attached *attached)
{
	struct caps_actor *sender = attached->sender;

	caps_uncharge(attached->chain, CAPS_FILES, attached->fd_count);
	caps_chain_put(attached->chain);
	caps_attached_put(attached);
	if (sender)
		caps_actor_put(sender);
	caps_gone(CAPS_LIVE_ATTACHED);
}

static void close_all(struct work_struct *work)
{
	struct caps_closing *closing = container_of(work, struct caps_closing,
						    work);
	struct llist_node *all = llist_del_all(&closing->list);
	struct caps_attached *attached, *next;
	u32 i;

	all = llist_reverse_order(all);
	llist_for_each_entry_safe(attached, next, all, closing) {
		for (i = 0; i < attached->fd_count; i++) {
			__fput_sync(attached->files[i]);
			cond_resched();
		}
		attached_end(attached);
	}
	caps_user_put(container_of(closing, struct caps_user, closing));
}

void caps_closing_init(struct caps_closing *closing)
{
	init_llist_head(&closing->list);
	INIT_WORK(&closing->work, close_all);
}

/* Whoever paid on the way, by holding the message or asking for the answer. */
static void charge_sender(struct caps_attached *attached)
{
	struct caps_chain *chain = caps_chain_get(attached->sender->chain);

	caps_uncharge(attached->chain, CAPS_FILES, attached->fd_count);
	caps_charge_forced(chain, CAPS_FILES, attached->fd_count);
	caps_chain_put(attached->chain);
	attached->chain = chain;
}

static void close_later(struct caps_attached *attached)
{
	struct caps_user *user = attached->sender->chain->outermost;

	charge_sender(attached);
	/* From now on what is added may be gone: the work has a reference. */
	caps_user_get(user);
	llist_add(&attached->closing, &user->closing.list);
	if (!queue_work(closing_queue, &user->closing.work))
		caps_user_put(user);
}

static void close_now(struct caps_attached *attached)
{
	u32 i;

	for (i = 0; i < attached->fd_count; i++)
		fput(attached->files[i]);
	attached_end(attached);
}

/**
 * caps_attached_free - what went along is no more
 * @attached: in no payload any more
 */
void caps_attached_free(struct caps_attached *attached)
{
	struct caps_capability *capability;
	u32 i;

	for (i = 0; i < attached->capability_count; i++) {
		capability = attached->capabilities[i].capability;
		if (capability)
			caps_capability_free(capability);
	}
	caps_uncharge(attached->chain, CAPS_CAPABILITIES,
		      attached->capability_count);
	if (attached->fd_count && !caps_actor_is_mine(attached->sender))
		close_later(attached);
	else
		close_now(attached);
}

void __caps_attached_drop(struct caps_payload *payload)
{
	struct caps_attached *attached = payload->attached;

	payload->attached = NULL;
	caps_attached_free(attached);
}
