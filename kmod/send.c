// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: into a port's queue, or straight to a waiting receiver.
 */
#include <linux/refcount.h>

#include "actor.h"
#include "attach.h"
#include "badge.h"
#include "capability.h"
#include "ipc.h"
#include "message.h"
#include "park.h"
#include "payload.h"
#include "port.h"
#include "queue.h"
#include "revoke.h"
#include "trace.h"
#include "wait.h"

/* Beside CAPS_NEEDS_SHARES and CAPS_NOT_A_PORT. */
#define NEEDS_TURN	3

/* A connection has as much on its way as it may: wait, if there is a use. */
static noinline int no_turn(struct caps_actor *actor,
			    struct caps_message *message,
			    const struct caps_capability *capability)
{
	const struct caps_port *port = capability->port;

	/* If it is another after the look, the wait has ended. */
	message->generation = READ_ONCE(port->generation);
	if (!rcu_access_pointer(port->owner))
		return -EPIPE;
	if (caps_capability_is_revoked(capability, actor))
		return -EKEYREVOKED;
	return NEEDS_TURN;
}

static int post_once(struct caps_actor *actor, struct caps_message *message,
		     u64 handle, bool may_block, struct caps_wakes *wakes)
{
	struct caps_capability *capability;
	struct caps_badge *badge;
	struct caps_actor *owner;
	int err;

	capability = caps_capability_find(actor, handle);
	if (!capability)
		return -EBADF;
	err = caps_may_send(capability, message->header.operation);
	if (err)
		return err;
	if (capability->type != CAPS_TYPE_PORT)
		return CAPS_NOT_A_PORT;
	badge = capability->badge;
	/* Zero: the handle is being closed by another thread just now. */
	if (badge && !message->badge) {
		if (!refcount_inc_not_zero(&badge->refs))
			return -EBADF;
		message->badge = badge;
	}
	if (badge && badge->limit && !message->in_flight) {
		if (!caps_badge_enter(badge))
			return no_turn(actor, message, capability);
		message->in_flight = true;
	}
	owner = caps_port_lock(capability->port);
	if (!owner)
		return -EPIPE;
	message->generation = caps_generation_of(capability, owner, actor);
	err = -EPIPE;
	if (caps_capability_is_revoked(capability, actor))
		err = -EKEYREVOKED;
	else if (!owner->dead)
		err = caps_queue_admit(owner, capability->port, message,
				       may_block, wakes);
	spin_unlock(&owner->lock);
	caps_wakes_poll(wakes, owner);
	return err;
}

/* What a message must have before it can be queued, without a lock. */
static int prepare(struct caps_message *message, int what, u64 deadline)
{
	if (what == CAPS_NEEDS_SHARES)
		return caps_shares_prepare(message);
	if (!deadline)
		return -EAGAIN;
	return caps_badge_wait(message->badge, message->generation, deadline);
}

/**
 * caps_post - put a message where a capability leads
 * @actor: who sends
 * @message: loaded; the place reference goes to the queue on success
 * @handle: any value
 * @deadline: without room, stay in line rather than fail, if not 0
 *
 * With a @deadline the message may be CAPS_BLOCKED afterwards; the caller has a
 * reference of its own, and waits.
 *
 * Return: 0; -EBADF, -EPERM, -EACCES, -EPIPE, -EKEYREVOKED, -EAGAIN, -ENOMEM,
 * -EINVAL if a file that goes along may not come there; -ETIMEDOUT,
 * -ERESTARTSYS while too many are on their way; CAPS_NOT_A_PORT.
 */
int caps_post(struct caps_actor *actor, struct caps_message *message,
	      u64 handle, u64 deadline)
{
	struct caps_wakes wakes __uninitialized;
	int err;

	caps_wakes_init(&wakes);
	for (;;) {
		rcu_read_lock();
		err = post_once(actor, message, handle, deadline, &wakes);
		rcu_read_unlock();
		if (likely(err <= 0) || err == CAPS_NOT_A_PORT)
			break;
		err = prepare(message, err, deadline);
		if (err)
			break;
	}
	if (!err)
		trace_caps_send(message);
	else if (message->badge && !message->in_flight)
		/* Its turn may have come: it is the next one's. */
		wake_up(&message->badge->turn);
	caps_wakes_run(&wakes);
	return err;
}

/* Wait until a blocked message has found room; takes it back otherwise. */
static int wait_for_room(struct caps_message *message, u64 deadline)
{
	const unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	int err = 0;

	if (!READ_ONCE(message->task))
		return 0;
	for (;;) {
		set_current_state(state);
		/* Pairs with unblock() and caps_message_fail(). */
		if (smp_load_acquire(&message->state) != CAPS_BLOCKED)
			break;
		if (err) {
			__set_current_state(TASK_RUNNING);
			if (caps_message_cancel(message, CAPS_BLOCKED) ==
			    CAPS_WITHDRAWN)
				return err == -EINTR ? -ERESTARTSYS : err;
			break;
		}
		err = caps_sleep(state, deadline);
	}
	__set_current_state(TASK_RUNNING);
	/* Cleared when it found room; what befalls it later is not ours. */
	return message->task ? message->error : 0;
}

static int send_load(struct caps_actor *actor, struct caps_message *message,
		     struct caps_send *args)
{
	bool defer = args->flags & CAPS_DEFER;
	struct caps_lent *lent = message->request.lent;
	struct caps_body *body;
	int err;

	err = caps_payload_load(actor, message->chain, message->chain,
				&message->request,
				&args->data, args->flags, defer);
	if (err)
		return err;
	body = message->request.body;
	defer = defer && body && body->pinned;
	if ((args->flags & CAPS_DEFER) && !defer)
		args->result = CAPS_RESULT_COPIED;

	if (lent && lent->parked) {
		if (defer)
			caps_park_await(lent, body, message);
		defer = false;
	}
	if (defer || message->kind == CAPS_KIND_CALL) {
		err = caps_message_assign_id(message);
		if (err)
			return err;
		args->id = message->sent_id;
	}
	/* An async call's answer is notice enough. */
	if (defer && message->kind == CAPS_KIND_SEND)
		err = caps_dispose_attach(actor, body, message->source,
					  message->sent_id);
	return err;
}

/* To a port, as nearly always, or to what stands for several. */
static int send_post(struct caps_actor *actor, struct caps_message *message,
		     struct caps_send *args)
{
	struct caps_route route;
	int err = CAPS_NOT_A_PORT;

	args->reached = 1;
	args->full = 0;
	if (likely(!(args->flags & CAPS_GROUP_FLAGS)))
		err = caps_post(actor, message, args->capability,
				args->deadline);
	if (likely(err != CAPS_NOT_A_PORT))
		return err;
	route = (struct caps_route){
		.capability = args->capability,
		.relative = args->relative,
		.flags = args->flags,
		.operation = args->operation,
	};
	if (args->flags & (CAPS_TO_ANY | CAPS_TO_NEAR))
		return caps_post_to_one(actor, message, &route,
					args->deadline);
	return caps_broadcast(actor, message, &route, args);
}

/**
 * caps_send - send one-way, or call without waiting for the answer
 * @actor: who sends
 * @args: checked
 * @kind: CAPS_KIND_SEND or CAPS_KIND_CALL
 * @lent: what io_uring has for a deferred body, or NULL
 *
 * Return: 0; what caps_post(), caps_post_to_one(), caps_broadcast(),
 * caps_payload_load() return; -ETIMEDOUT, -ERESTARTSYS.
 */
int caps_send(struct caps_actor *actor, struct caps_send *args, u32 kind,
	      struct caps_lent *lent)
{
	struct caps_port *source = NULL;
	struct caps_message *message;
	int err;

	args->id = 0;
	args->result = 0;
	if (args->source) {
		source = caps_capability_own_port(actor, args->source, 0);
		if (IS_ERR(source))
			return PTR_ERR(source);
	}
	message = caps_message_create(actor, kind);
	if (IS_ERR(message)) {
		caps_port_put(source);
		return PTR_ERR(message);
	}
	message->header.operation = args->operation;
	message->header.address = args->address;
	message->source = source;

	message->request.lent = lent;
	err = send_load(actor, message, args);
	message->request.lent = NULL;
	if (err)
		goto undo;
	caps_message_get(message);
	err = send_post(actor, message, args);
	if (err)
		caps_message_put(message);
	else
		err = wait_for_room(message, args->deadline);
undo:
	if (err) {
		caps_dispose_detach(message->request.body);
		if (lent && lent->awaited)
			caps_park_await_not(lent, message->request.body);
		caps_message_forget_id(actor, message->sent_id);
	}
	if (unlikely(args->data.attachments))
		caps_moves_end(actor, &message->request, !err);
	caps_message_put(message);
	return err;
}
