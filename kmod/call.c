// SPDX-License-Identifier: GPL-2.0
/*
 * The synchronous call: send, sleep, take the answer.
 */
#include <linux/sched/signal.h>

#include "actor.h"
#include "attach.h"
#include "ipc.h"
#include "message.h"
#include "park.h"
#include "payload.h"
#include "trace.h"
#include "wait.h"

/*
 * Before the server has taken the call any signal withdraws it; after that
 * only a fatal one ends the wait, or any if the caller asked.
 */
static unsigned int sleep_state(const struct caps_message *message,
				enum caps_state state, bool interruptible)
{
	bool taken = state == CAPS_TAKEN || READ_ONCE(message->forwarded);

	if (taken && !interruptible)
		return TASK_KILLABLE | TASK_FREEZABLE;
	return TASK_INTERRUPTIBLE | TASK_FREEZABLE;
}

/*
 * The wait has ended without an answer: give the call up, as far as the reason
 * allows. Returns 0 if an answer came first, or to go on waiting.
 */
static int give_up(struct caps_message *message, int err, bool interruptible,
		   u32 *result)
{
	enum caps_state upto = CAPS_QUEUED;

	if (err == -ETIMEDOUT || interruptible || fatal_signal_pending(current))
		upto = CAPS_TAKEN;
	switch (caps_message_cancel(message, upto)) {
	case CAPS_WITHDRAWN:
		if (message->forwarded)
			break;
		return err == -EINTR ? -ERESTARTSYS : err;
	case CAPS_CANCELLED:
		break;
	default:
		return 0;
	}
	*result = CAPS_RESULT_TAKEN;
	return err;
}

static __always_inline int call_wait(struct caps_message *message,
				     struct caps_call *args)
{
	bool interruptible = args->flags & CAPS_INTERRUPTIBLE;
	enum caps_state state;
	unsigned int sleep;
	int err = 0;

	for (;;) {
		sleep = sleep_state(message, READ_ONCE(message->state),
				    interruptible);
		set_current_state(sleep);
		/* Pairs with answer() and caps_message_fail(). */
		state = smp_load_acquire(&message->state);
		if (state >= CAPS_FINAL)
			break;
		if (sleep_state(message, state, interruptible) != sleep)
			continue;
		err = caps_sleep(sleep, args->deadline);
		if (!err)
			continue;
		err = give_up(message, err, interruptible, &args->result);
		if (err)
			break;
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

/**
 * caps_call_wait - sleep until a call has an answer, or will have none
 * @message: it; the caller has a reference
 * @args: deadline and flags; @args->result says how far a failed one got
 *
 * Return: 0 when it is answered or has failed; -ETIMEDOUT, -EINTR,
 * -ERESTARTSYS.
 */
int caps_call_wait(struct caps_message *message, struct caps_call *args)
{
	return call_wait(message, args);
}

/*
 * There is no later for what came along with the answer: what has no room, in
 * the program or under its limits, is dropped.
 */
static int take_attached(struct caps_actor *actor, struct caps_message *message,
			 struct caps_call *args)
{
	bool lost = false;
	int err = caps_attached_take(actor, &message->reply,
				     args->reply.attachments, &lost);

	if (lost)
		args->result = CAPS_RESULT_FDS_LOST;
	return err == -EFAULT ? err : err ? CAPS_MORE : 0;
}

/* Not all of the answer was put, or something came along. */
static noinline int call_rest(struct caps_actor *actor,
			      struct caps_message *message,
			      struct caps_call *args, int more)
{
	int cut = more;

	if (more > 0 && more & CAPS_ATTACHED) {
		cut = take_attached(actor, message, args);
		if (cut >= 0)
			cut |= more & CAPS_MORE;
	}
	if (cut == -ECANCELED) {
		/* The server died and took its deferred body along. */
		args->result = CAPS_RESULT_TAKEN;
		return -ECONNRESET;
	}
	if (cut < 0) {
		args->result = CAPS_RESULT_TAKEN | CAPS_RESULT_ANSWERED;
		return cut;
	}
	if (cut)
		args->result |= CAPS_RESULT_TRUNCATED;
	return 0;
}

static __always_inline int call_result(struct caps_actor *actor,
				       struct caps_message *message,
				       struct caps_call *args)
{
	int more;

	if (message->state == CAPS_FAILED) {
		if (message->error == -ECONNRESET)
			args->result = CAPS_RESULT_TAKEN;
		return message->error;
	}
	more = caps_payload_store(actor, &message->reply, &args->reply);
	if (unlikely(more)) {
		more = call_rest(actor, message, args, more);
		if (more)
			return more;
	}
	args->reply_body_len = message->reply.body_len;
	args->reply_annex_len = message->reply.annex_len;
	args->status = message->status;
	return 0;
}

static __always_inline int call_load(struct caps_actor *actor,
				     struct caps_message *message,
				     struct caps_call *args,
				     struct caps_lent *lent)
{
	struct caps_direct *direct;
	int err;

	if (unlikely(lent))
		message->request.lent = lent;
	err = caps_payload_load(actor, message->chain, message->chain,
				&message->request,
				&args->request, args->flags, true);
	if (unlikely(lent))
		message->request.lent = NULL;
	if (err || !(args->flags & CAPS_DIRECT_REPLY))
		return err;
	direct = caps_direct_create(actor, message->chain, &args->reply, lent);
	if (IS_ERR(direct))
		return PTR_ERR(direct);
	message->reply.direct = direct;
	return 0;
}

/* To a port, as nearly always, or to one of a group. */
static __always_inline int call_post(struct caps_actor *actor,
				     struct caps_message *message,
				     const struct caps_call *args,
				     u64 deadline)
{
	struct caps_route route;
	int err = CAPS_NOT_A_PORT;

	if (likely(!(args->flags & CAPS_GROUP_FLAGS)))
		err = caps_post(actor, message, args->capability, deadline);
	if (likely(err != CAPS_NOT_A_PORT))
		return err;
	if (!(args->flags & (CAPS_TO_ANY | CAPS_TO_NEAR)))
		return -EINVAL;
	route = (struct caps_route){
		.capability = args->capability,
		.relative = args->relative,
		.flags = args->flags,
		.operation = args->operation,
	};
	return caps_post_to_one(actor, message, &route, deadline);
}

/* The wait is over: take the answer, unless there is a reason not to. */
static __always_inline int call_end(struct caps_actor *actor,
				    struct caps_message *message,
				    struct caps_call *args, int err)
{
	caps_direct_close(message->reply.direct);
	if (!err) {
		/* Another thread of the server may still read it. */
		caps_payload_drop(&message->request);
		err = call_result(actor, message, args);
		caps_message_drop_reply(message);
	}
	return err;
}

static __always_inline int call_begin(struct caps_actor *actor,
				      struct caps_call *args,
				      struct caps_lent *lent,
				      struct caps_parked *parked)
{
	struct caps_message *message;
	int err;

	args->result = 0;
	if (!args->deadline)
		return -EINVAL;
	if (caps_deadline_passed(args->deadline))
		return -ETIMEDOUT;

	message = caps_message_create(actor, CAPS_KIND_CALL);
	if (IS_ERR(message))
		return PTR_ERR(message);
	message->sync = true;
	message->task = parked ? caps_parked_task(parked) : current;
	message->header.operation = args->operation;
	message->header.address = args->address;
	err = call_load(actor, message, args, lent);
	if (err)
		goto out;

	caps_message_get(message);
	err = call_post(actor, message, args,
			parked || args->flags & CAPS_NOWAIT_QUEUE ?
				0 : args->deadline);
	if (err) {
		caps_message_put(message);
		goto out;
	}
	if (parked) {
		parked->call.message = message;
		return -EIOCBQUEUED;
	}
	err = call_end(actor, message, args, call_wait(message, args));
out:
	if (unlikely(args->request.attachments))
		caps_moves_end(actor, &message->request,
			       !err || args->result & CAPS_RESULT_TAKEN);
	caps_message_put(message);
	return err;
}

/* What a ring asks for costs the plain call nothing: it is compiled apart. */
static noinline int call_by_ring(struct caps_actor *actor,
				 struct caps_call *args, struct caps_lent *lent,
				 struct caps_parked *parked)
{
	return call_begin(actor, args, lent, parked);
}

/**
 * caps_call - send and wait for the answer
 * @actor: who calls
 * @args: checked; @args->result is valid on failure too
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_call(struct caps_actor *actor, struct caps_call *args)
{
	return call_begin(actor, args, NULL, NULL);
}

/**
 * caps_call_lent - call with buffers that are registered with io_uring
 * @actor: who calls
 * @args: checked
 * @lent: the buffers
 *
 * Return: as caps_call().
 */
int caps_call_lent(struct caps_actor *actor, struct caps_call *args,
		   struct caps_lent *lent)
{
	return call_by_ring(actor, args, lent, NULL);
}

/**
 * caps_call_park - send; the answer is for a parked command
 * @parked: whose args have been checked
 * @lent: its buffers are registered with io_uring, or NULL
 *
 * Return: -EIOCBQUEUED, or why nothing was sent; -EAGAIN without room.
 */
int caps_call_park(struct caps_parked *parked, struct caps_lent *lent)
{
	return call_by_ring(parked->actor, &parked->call.args, lent, parked);
}

/**
 * caps_call_unpark - a parked call has its answer, or is given up
 * @parked: it
 * @reason: 0, or why it is given up
 * @gone: nobody is there to take the answer
 *
 * Return: the result of the call.
 */
int caps_call_unpark(struct caps_parked *parked, int reason, bool gone)
{
	struct caps_message *message = parked->call.message;
	struct caps_call *args = &parked->call.args;
	int err = 0;

	/* Pairs with answer() and caps_message_fail(). */
	if (smp_load_acquire(&message->state) < CAPS_FINAL)
		err = give_up(message, reason, true, &args->result);
	if (err || !gone) {
		err = call_end(parked->actor, message, args, err);
	} else {
		caps_direct_close(message->reply.direct);
		caps_payload_drop(&message->request);
		caps_message_drop_reply(message);
		err = reason;
	}
	if (unlikely(args->request.attachments))
		caps_moves_end(parked->actor, &message->request,
			       message->state == CAPS_ANSWERED ||
			       (message->state == CAPS_FAILED &&
				message->error == -ECONNRESET) ||
			       args->result & CAPS_RESULT_TAKEN);
	caps_message_put(message);
	return err;
}
