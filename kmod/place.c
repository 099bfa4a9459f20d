// SPDX-License-Identifier: GPL-2.0
/*
 * Placing; see place.h.
 */
#include "account.h"
#include "actor.h"
#include "capability.h"
#include "event.h"
#include "message.h"
#include "place.h"
#include "wait.h"

/* Both are the target's now, or still the caller's. */
static int place(struct caps_actor *target, struct caps_capability *capability,
		 struct caps_message *event)
{
	struct caps_wakes wakes;
	u64 handle;
	int err;

	if (READ_ONCE(target->dead))
		return -EPIPE;
	err = caps_charge(target->chain, CAPS_CAPABILITIES, 1);
	if (err)
		return err;
	caps_wakes_init(&wakes);
	spin_lock(&target->lock);
	err = caps_table_obtain(&target->capabilities, &handle);
	if (!err && target->dead) {
		caps_table_release(&target->capabilities, handle);
		err = -EPIPE;
	}
	if (!err) {
		caps_table_publish(&target->capabilities, handle, capability);
		caps_event_queue(target, event, handle, &wakes);
	}
	spin_unlock(&target->lock);
	if (err) {
		caps_uncharge(target->chain, CAPS_CAPABILITIES, 1);
		return err;
	}
	caps_wakes_poll(&wakes, target);
	caps_wakes_run(&wakes);
	return 0;
}

/**
 * caps_place - put a copy of a capability into another actor's table
 * @actor: who does it
 * @args: checked
 *
 * Return: 0; -EBADF, -EPERM, -EACCES, -EINVAL, -EKEYREVOKED; -EPIPE if the
 * other is dead; -EDQUOT if its user or the caller's is over a limit; -EMFILE,
 * -ENOMEM.
 */
int caps_place(struct caps_actor *actor, const struct caps_place *args)
{
	struct caps_capability *copy;
	struct caps_message *event;
	struct caps_actor *target;
	int err;

	target = caps_capability_actor(actor, args->actor, CAPS_RIGHT_ACCEPT);
	if (IS_ERR(target))
		return PTR_ERR(target);
	copy = caps_capability_narrow(actor, args->capability, args->rights,
				      args->operations);
	if (IS_ERR(copy)) {
		err = PTR_ERR(copy);
		goto put_target;
	}
	event = caps_message_create(actor, CAPS_KIND_CAPABILITY_ARRIVED);
	if (IS_ERR(event)) {
		err = PTR_ERR(event);
		goto free_copy;
	}
	err = place(target, copy, event);
	if (!err)
		goto put_target;
	caps_message_put(event);
free_copy:
	caps_capability_free(copy);
put_target:
	caps_actor_put(target);
	return err;
}
