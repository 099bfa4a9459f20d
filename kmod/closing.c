// SPDX-License-Identifier: GPL-2.0
/*
 * The end of what went along with messages; of its files see closing.h.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "account.h"
#include "actor.h"
#include "attach.h"
#include "capability.h"
#include "closing.h"

static struct workqueue_struct *closing_queue;

int caps_closing_start(void)
{
	/* Two for each user at most: none is to wait for another's. */
	closing_queue = alloc_workqueue("caps_closing", WQ_UNBOUND,
					WQ_UNBOUND_MAX_ACTIVE);
	return closing_queue ? 0 : -ENOMEM;
}

/* Waits until what the module's end has left is closed. */
void caps_closing_stop(void)
{
	destroy_workqueue(closing_queue);
}

static void close_all(struct work_struct *work)
{
	struct caps_closing *closing = container_of(work, struct caps_closing,
						    work);
	struct llist_node *all = llist_del_all(&closing->list);
	struct caps_attached_file *one, *next;

	all = llist_reverse_order(all);
	llist_for_each_entry_safe(one, next, all, closing) {
		__fput_sync(one->file);
		caps_uncharge(one->maker, CAPS_FILES, 1);
		caps_chain_put(one->maker);
		caps_attached_put(one->in);
		cond_resched();
	}
	caps_user_put(closing->user);
	/* Unloading waits for what is left of this function. */
	module_put(THIS_MODULE);
}

void caps_closing_init(struct caps_closing *closing, struct caps_user *user)
{
	closing->user = user;
	init_llist_head(&closing->list);
	INIT_WORK(&closing->work, close_all);
}

static void close_later(struct caps_attached_file *one)
{
	struct caps_chain *maker = one->maker;
	struct caps_user *user = maker->outermost;
	struct caps_closing *closing = &user->closing[maker->count > 1];

	caps_charge_forced(maker, CAPS_FILES, 1);
	refcount_inc(&one->in->refs);
	/* From now on what is added may be gone: the work has its own. */
	caps_user_get(user);
	__module_get(THIS_MODULE);
	llist_add(&one->closing, &closing->list);
	if (!queue_work(closing_queue, &closing->work)) {
		caps_user_put(user);
		module_put(THIS_MODULE);
	}
}

static void close_now(struct caps_attached_file *one)
{
	fput(one->file);
	caps_chain_put(one->maker);
}

/*
 * Sockets that may hold files do not wait: those go where fput() puts them, which
 * is the right place only in a process; and the port wanted such sockets. What
 * came beside them does.
 */
static void close_files(struct caps_attached *attached)
{
	bool mine = caps_actor_is_mine(attached->sender);
	struct caps_attached_file *one = attached->files;
	u32 i;

	for (i = 0; i < attached->fd_count; i++, one++) {
		if (mine || caps_file_is_unix_socket(one->file))
			close_now(one);
		else
			close_later(one);
	}
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
	caps_uncharge(attached->chain, CAPS_FILES, attached->fd_count);
	caps_chain_put(attached->chain);
	if (attached->sender) {
		close_files(attached);
		caps_actor_put(attached->sender);
	}
	caps_attached_put(attached);
}

void __caps_attached_drop(struct caps_payload *payload)
{
	struct caps_attached *attached = payload->attached;

	payload->attached = NULL;
	caps_attached_free(attached);
}
