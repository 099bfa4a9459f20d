// SPDX-License-Identifier: GPL-2.0
/*
 * Parked commands that are ended by their actor: asked to, or because its process
 * has gone; see park.h.
 */
#include <linux/sched.h>

#include "actor.h"
#include "command.h"
#include "park.h"
#include "wait.h"

/**
 * caps_unpark - let parked commands complete
 * @actor: whose
 * @args: checked; which, and then how many
 *
 * Return: 0.
 */
int caps_unpark(struct caps_actor *actor, struct caps_unpark *args)
{
	void __user *uarg = u64_to_user_ptr(args->argument);
	struct caps_parked *parked, *next;
	LIST_HEAD(claimed);

	args->ended = 0;
	spin_lock(&actor->lock);
	list_for_each_entry_safe(parked, next, &actor->parked, link) {
		if (uarg && parked->uarg != uarg)
			continue;
		parked->reason = -ECANCELED;
		if (!caps_parked_claim(caps_parked_task(parked)))
			continue;
		list_move(&parked->link, &claimed);
		args->ended++;
	}
	spin_unlock(&actor->lock);

	/* Claimed, they stay until their work is queued. */
	while (!list_empty(&claimed)) {
		parked = list_first_entry(&claimed, struct caps_parked, link);
		list_del_init(&parked->link);
		caps_parked_queue(caps_parked_task(parked));
		cond_resched();
	}
	return 0;
}

/*
 * The next of those that nobody has in hand. What is found running ends by
 * itself, and without a process is not parked again. @idle: nor is its work queued.
 */
static struct caps_parked *steal(struct caps_actor *actor, bool *idle)
{
	struct caps_parked *parked, *next;
	int state;

	spin_lock(&actor->lock);
	list_for_each_entry_safe(parked, next, &actor->parked, link) {
		list_del_init(&parked->link);
		state = atomic_read(&parked->state);
		while (state <= CAPS_PARK_CLAIMED &&
		       !atomic_try_cmpxchg(&parked->state, &state,
					   CAPS_PARK_STOLEN))
			;
		if (state > CAPS_PARK_CLAIMED)
			continue;
		*idle = state == CAPS_PARK_PARKED;
		spin_unlock(&actor->lock);
		return parked;
	}
	spin_unlock(&actor->lock);
	return NULL;
}

/**
 * caps_unpark_gone - end what was parked by a process that has gone
 * @actor: its actor; dead, or an orphan
 */
void caps_unpark_gone(struct caps_actor *actor)
{
	struct caps_parked *parked;
	bool idle;

	while ((parked = steal(actor, &idle))) {
		caps_parked_give_up(parked);
		if (atomic_xchg(&parked->state, CAPS_PARK_OVER) ==
		    CAPS_PARK_DROPPED)
			idle = true;
		if (idle)
			caps_parked_queue(caps_parked_task(parked));
		cond_resched();
	}
}
