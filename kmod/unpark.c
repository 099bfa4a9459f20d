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

/* So many are looked at before others have the actor's lock. */
#define AT_ONCE		256

/* A walk over what is parked, which may be much. */
struct walk {
	void __user *uarg;		/* the one wanted, or NULL */
	struct list_head claimed;
	struct caps_parked here;	/* in the list, before what is next */
};

/* Returns whether that was the last. */
static bool claim_some(struct caps_actor *actor, struct walk *walk)
{
	struct caps_parked *parked = &walk->here, *next;
	unsigned int left = AT_ONCE;

	lockdep_assert_held(&actor->lock);

	list_for_each_entry_safe_continue(parked, next, &actor->parked, link) {
		if (!left--) {
			list_move_tail(&walk->here.link, &parked->link);
			return false;
		}
		/* Another's place in the list has no command. */
		if (!parked->cmd || (walk->uarg && parked->uarg != walk->uarg))
			continue;
		parked->reason = -ECANCELED;
		if (caps_parked_claim(caps_parked_task(parked)))
			list_move(&parked->link, &walk->claimed);
		if (walk->uarg)
			break;
	}
	return true;
}

/* Claimed, they stay until their work is queued. Returns how many. */
static unsigned int queue_claimed(struct walk *walk)
{
	struct caps_parked *parked;
	unsigned int count = 0;

	while (!list_empty(&walk->claimed)) {
		parked = list_first_entry(&walk->claimed, struct caps_parked,
					  link);
		list_del_init(&parked->link);
		caps_parked_queue(caps_parked_task(parked));
		count++;
	}
	return count;
}

/**
 * caps_unpark - let parked commands complete
 * @actor: whose
 * @args: checked; which, and then how many
 *
 * What is parked meanwhile is not among them.
 *
 * Return: 0.
 */
int caps_unpark(struct caps_actor *actor, struct caps_unpark *args)
{
	struct walk walk = { .uarg = u64_to_user_ptr(args->argument) };
	bool last;

	INIT_LIST_HEAD(&walk.claimed);
	args->ended = 0;
	spin_lock(&actor->lock);
	list_add(&walk.here.link, &actor->parked);
	do {
		last = claim_some(actor, &walk);
		if (last)
			list_del(&walk.here.link);
		spin_unlock(&actor->lock);
		args->ended += queue_claimed(&walk);
		cond_resched();
		spin_lock(&actor->lock);
	} while (!last);
	spin_unlock(&actor->lock);
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
		if (!parked->cmd)
			continue;
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
