// SPDX-License-Identifier: GPL-2.0
/*
 * What a receiver does with a message that it holds: answer, discard, read;
 * and what a sender does with one that is pending: abort.
 */
#include <linux/cred.h>

#include "account.h"
#include "actor.h"
#include "apply.h"
#include "attach.h"
#include "ipc.h"
#include "message.h"
#include "park.h"
#include "payload.h"
#include "port.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"
#include "watch.h"

/* The message that @actor holds by @id. The lock is held. */
static inline struct caps_message *held_find(struct caps_actor *actor, u64 id)
{
	struct caps_message *message;

	lockdep_assert_held(&actor->lock);

	message = caps_table_find(&actor->messages, id);
	if (!message)
		return NULL;
	/* Answered, but a deferred answer's notice may still have the id. */
	if (message->state >= CAPS_FINAL)
		return caps_message_is_answer(message, actor, id) ? message :
								    NULL;
	if (message->held_id != id || message->holder != actor)
		return NULL;
	return message;
}

/**
 * caps_held_get - a message that is held
 * @actor: by whom
 * @id: by which id
 *
 * Return: a reference, or -ENOMSG.
 */
struct caps_message *caps_held_get(struct caps_actor *actor, u64 id)
{
	struct caps_message *message;

	spin_lock(&actor->lock);
	message = held_find(actor, id);
	if (message)
		caps_message_get(message);
	spin_unlock(&actor->lock);
	return message ?: ERR_PTR(-ENOMSG);
}

/* Take a held message out of the table, with the reference that had. */
static void held_remove(struct caps_actor *actor, struct caps_message *message)
{
	caps_table_remove(&actor->messages, message->held_id);
}

/**
 * caps_held_end_cancelled - the holder ends a message whose caller has left
 * @actor: the holder, locked
 * @message: a cancelled message
 * @wakes: whom to wake
 *
 * Return: whether the notice had not been delivered, for caps_held_put_ended().
 */
bool caps_held_end_cancelled(struct caps_actor *actor,
			     struct caps_message *message,
			     struct caps_wakes *wakes)
{
	held_remove(actor, message);
	message->state = CAPS_ENDED;
	if (message->claimed || list_empty(&message->link))
		return false;
	caps_queue_remove(message->port, message, wakes);
	return true;
}

/**
 * caps_held_put_ended - put the references that an ended message had
 * @message: the message
 * @notice: what caps_held_end_cancelled() said
 */
void caps_held_put_ended(struct caps_message *message, bool notice)
{
	if (notice)
		caps_message_put(message);
	caps_message_put(message);
}

/*
 * Who pays for a copied answer and what goes along with it: who asked for it,
 * and alone can read it. A held one-way message is charged to the holder until
 * it goes back.
 */
static struct caps_chain *reply_payer(const struct caps_message *message)
{
	return message->adopted ? message->sender->chain : message->chain;
}

/*
 * Nobody else ends the message for now, but a sender that leaves. @payer stays
 * NULL unless the answer is large, or something goes along; without it none is
 * to be made.
 */
static __always_inline int held_begin(struct caps_actor *actor, u64 id,
				      bool large, struct caps_message **result,
				      struct caps_chain **payer,
				      struct caps_wakes *wakes)
{
	struct caps_message *message;
	bool notice = false, ended = false;
	int err = 0;

	spin_lock(&actor->lock);
	message = held_find(actor, id);
	if (!message) {
		err = -ENOMSG;
	} else if (message->kind == CAPS_KIND_REPLY ||
		   (message->kind == CAPS_KIND_SEND && !message->source &&
		    payer)) {
		err = -EINVAL;
	} else if (message->busy) {
		err = -EBUSY;
	} else if (message->state == CAPS_CANCELLED) {
		err = -ECANCELED;
		ended = true;
		notice = caps_held_end_cancelled(actor, message, wakes);
	} else {
		message->busy = true;
		if (large)
			*payer = caps_chain_get(reply_payer(message));
		*result = caps_message_get(message);
	}
	spin_unlock(&actor->lock);
	if (ended)
		caps_held_put_ended(message, notice);
	return err;
}

/**
 * caps_held_begin - something is to be done with a held message
 * @actor: the holder
 * @id: any value
 * @result: the message; it is busy until caps_held_return()
 * @wakes: whom to wake
 *
 * Return: 0 with a reference; -ENOMSG, -EINVAL, -EBUSY, -ECANCELED.
 */
int caps_held_begin(struct caps_actor *actor, u64 id,
		    struct caps_message **result, struct caps_wakes *wakes)
{
	return held_begin(actor, id, false, result, NULL, wakes);
}

/**
 * caps_held_return - nothing was done with it
 * @actor: the holder
 * @message: what caps_held_begin() found; the reference stays
 */
void caps_held_return(struct caps_actor *actor, struct caps_message *message)
{
	spin_lock(&actor->lock);
	message->busy = false;
	spin_unlock(&actor->lock);
}

/* A caller that sleeps takes it at once; others have a port. */
static bool may_go_back(const struct caps_message *message)
{
	const struct caps_port *port = NULL;

	if (!message->sync)
		port = message->source ?: message->sender->self.port;
	return caps_attached_may_come(message->reply.attached, port);
}

static int reply_load(struct caps_actor *actor, struct caps_message *message,
		      struct caps_chain *payer, struct caps_reply *args,
		      struct caps_lent *lent)
{
	struct caps_payload *reply = &message->reply;
	bool defer = args->flags & CAPS_DEFER;
	int err;

	if (unlikely(lent))
		reply->lent = lent;
	err = caps_payload_load(actor, actor->chain, payer, reply, &args->data,
				args->flags, defer);
	if (unlikely(lent))
		reply->lent = NULL;
	if (!err && unlikely(reply->attached) && !may_go_back(message))
		err = -EINVAL;
	if (err || !(args->flags & (CAPS_DEFER | CAPS_RECEIPT)))
		return err;
	if (defer && (!reply->body || !reply->body->pinned))
		args->result = CAPS_RESULT_COPIED;
	else if (defer && lent)
		caps_park_await(lent, reply->body, NULL);
	else if (defer)
		err = caps_dispose_attach(actor, reply->body, NULL, args->id);
	if (!err && args->flags & CAPS_RECEIPT)
		err = caps_receipt_attach(actor, message, args->id);
	return err;
}

static void reply_unload(struct caps_message *message, struct caps_lent *lent)
{
	caps_receipt_detach(message);
	caps_dispose_detach(message->reply.body);
	if (unlikely(lent) && lent->awaited)
		caps_park_await_not(lent, message->reply.body);
	caps_payload_drop(&message->reply);
	caps_attached_drop(&message->reply);
	message->reply.placed = false;
	message->reply.body_len = 0;
	message->reply.annex_len = 0;
}

/* What is no verdict is not shown to who applied: it is a rejection. */
static noinline int check_verdict(struct caps_message *message,
				  struct caps_reply *args,
				  struct caps_lent *lent)
{
	int err = caps_verdict_check(message, &args->status);

	if (err)
		reply_unload(message, lent);
	return err;
}

/*
 * Hand the answer to a caller that sleeps. The store is the last thing done to
 * the message but for putting references; see message.h.
 */
static void answer(struct caps_message *message, s32 status,
		   struct caps_wakes *wakes)
{
	message->status = status;
	if (message->sync)
		caps_wakes_add(wakes, message->task);
	/* Pairs with call_wait(): the answer is whole. */
	smp_store_release(&message->state, CAPS_ANSWERED);
}

/* Returns 0 with the place reference left to the caller, or -errno. */
static int reply_commit(struct caps_actor *actor, struct caps_message *message,
			s32 status, struct caps_wakes *wakes, bool *notice)
{
	struct caps_body *body = message->reply.body;

	lockdep_assert_held(&actor->lock);

	message->busy = false;
	if (message->state == CAPS_CANCELLED) {
		*notice = caps_held_end_cancelled(actor, message, wakes);
		return -ECANCELED;
	}
	if (message->state != CAPS_TAKEN)
		return -ENOMSG;
	/* Until its body is free the table keeps the id, and a reference. */
	if (body && body->dispose)
		caps_message_get(message);
	else
		held_remove(actor, message);
	answer(message, status, wakes);
	return 0;
}

/**
 * caps_reply - answer a message that is held
 * @actor: who answers
 * @args: checked
 * @lent: what io_uring has for a deferred body, or NULL
 * @wakes: whom to wake afterwards
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_reply(struct caps_actor *actor, struct caps_reply *args,
	       struct caps_lent *lent, struct caps_wakes *wakes)
{
	struct caps_chain *payer = NULL;
	struct caps_message *message;
	bool notice = false, sync;
	int err, failed, senseless = 0;

	args->result = 0;
	err = held_begin(actor, args->id, !caps_data_is_small(&args->data),
			 &message, &payer, wakes);
	if (err)
		return err;
	failed = reply_load(actor, message, payer, args, lent);
	if (unlikely(payer))
		caps_chain_put(payer);
	if (failed)
		reply_unload(message, lent);
	else if (unlikely(message->application))
		senseless = check_verdict(message, args, lent);

	sync = message->sync;
	spin_lock(&actor->lock);
	if (failed && failed != -ECANCELED) {
		message->busy = false;
		err = failed;
	} else {
		err = reply_commit(actor, message, args->status, wakes,
				   &notice);
	}
	spin_unlock(&actor->lock);
	if (unlikely(args->data.attachments))
		caps_moves_end(actor, &message->reply,
			       !err && !senseless);
	trace_caps_reply(actor, args->id, err);

	if (err == -ECANCELED) {
		if (!failed)
			reply_unload(message, lent);
		caps_held_put_ended(message, notice);
	} else if (!err && !sync) {
		if (message->adopted) {
			/* The request ends with the holder who paid for it. */
			caps_payload_drop(&message->request);
			caps_message_charge_to(message, reply_payer(message));
		}
		caps_message_set_from(message, actor, current_cred());
		caps_message_return(message);
	} else if (!err) {
		caps_message_put(message);
	}
	caps_message_put(message);
	return err ?: senseless;
}

/**
 * caps_discard - end a held message without an answer
 * @actor: whose
 * @id: the message
 *
 * Return: 0, -ENOMSG, or -EBUSY while another thread answers it.
 */
int caps_discard(struct caps_actor *actor, u64 id)
{
	bool notice = false, reply = false;
	struct caps_message *message;
	struct caps_wakes wakes;
	int err = 0;

	caps_wakes_init(&wakes);
	spin_lock(&actor->lock);
	message = held_find(actor, id);
	if (!message) {
		err = -ENOMSG;
	} else if (message->busy) {
		err = -EBUSY;
	} else if (message->state == CAPS_CANCELLED) {
		notice = caps_held_end_cancelled(actor, message, &wakes);
	} else {
		held_remove(actor, message);
		reply = caps_message_abandon(message, &wakes);
	}
	spin_unlock(&actor->lock);
	if (err)
		return err;
	caps_wakes_run(&wakes);
	if (notice)
		caps_message_put(message);
	caps_message_settle(message, reply);
	return 0;
}

static u32 withdraw(struct caps_message *message)
{
	if (message->kind == CAPS_KIND_PORT_DEAD)
		return caps_watch_withdraw(message) ? CAPS_ABORT_BEFORE :
						      CAPS_ABORT_ANSWERED;
	switch (caps_message_cancel(message, CAPS_TAKEN)) {
	case CAPS_WITHDRAWN:
		return message->forwarded ? CAPS_ABORT_AT_SERVER :
					    CAPS_ABORT_BEFORE;
	case CAPS_CANCELLED:
		return CAPS_ABORT_AT_SERVER;
	default:
		return CAPS_ABORT_ANSWERED;
	}
}

/**
 * caps_abort - withdraw an async call, or a watch
 * @actor: who called
 * @args: checked
 *
 * Return: 0 with @args->outcome set.
 */
int caps_abort(struct caps_actor *actor, struct caps_abort *args)
{
	struct caps_message *message;

	args->outcome = CAPS_ABORT_UNKNOWN;
	spin_lock(&actor->lock);
	message = caps_table_find(&actor->messages, args->id);
	if (message && message->sent_id == args->id &&
	    message->sender == actor &&
	    !caps_message_is_held(message, actor, args->id)) {
		if (message->kind == CAPS_KIND_REPLY)
			args->outcome = CAPS_ABORT_ANSWERED;
	} else {
		message = NULL;
	}
	if (message && (message->kind == CAPS_KIND_CALL ||
			message->kind == CAPS_KIND_PORT_DEAD))
		caps_message_get(message);
	else
		message = NULL;
	spin_unlock(&actor->lock);
	if (!message)
		return 0;

	args->outcome = withdraw(message);
	if (args->outcome != CAPS_ABORT_ANSWERED)
		caps_message_forget_id(actor, args->id);
	caps_message_put(message);
	return 0;
}

/* A held message's payload, kept alive by the references given back. */
static int payload_get(struct caps_actor *actor, u64 id, bool attached,
		       struct caps_message **result,
		       struct caps_payload *payload)
{
	struct caps_message *message;
	struct caps_payload *from;
	int err = 0;

	spin_lock(&actor->lock);
	message = held_find(actor, id);
	if (!message) {
		err = -ENOMSG;
	} else if (message->state == CAPS_CANCELLED ||
		   (message->kind == CAPS_KIND_REPLY && message->error)) {
		err = -ECANCELED;
	} else {
		from = caps_message_carried(message);
		*payload = *from;
		if (payload->body)
			caps_body_get(payload->body);
		/* One thread alone gets it, or puts it back. */
		if (attached && from->attached) {
			from->attached = NULL;
			message->lent = true;
		}
		*result = caps_message_get(message);
	}
	spin_unlock(&actor->lock);
	return err;
}

/*
 * Take what came along, which payload_get() has taken out of the message, or
 * put it back there. If the message has ended meanwhile nobody gets it.
 */
static int take_attached(struct caps_actor *actor, struct caps_get_data *args,
			 struct caps_message *message,
			 struct caps_attached *attached, u64 address)
{
	bool stays = false, held;
	int err;

	err = caps_attached_offer(actor, attached, address);
	spin_lock(&actor->lock);
	held = !actor->dead && held_find(actor, args->id) == message &&
	       message->state != CAPS_CANCELLED;
	if (held)
		message->lent = false;
	if (held && !err) {
		caps_attached_publish(actor, attached);
	} else if (held) {
		caps_message_carried(message)->attached = attached;
		stays = true;
	}
	spin_unlock(&actor->lock);
	if (stays)
		return min(err, 0);
	if (held) {
		if (caps_attached_finish(attached))
			args->result = CAPS_RESULT_FDS_LOST;
		return 0;
	}
	if (!err)
		caps_attached_withdraw(actor, attached);
	caps_attached_free(attached);
	return -ECANCELED;
}

static int get_attached(struct caps_actor *actor, struct caps_get_data *args,
			struct caps_message *message,
			struct caps_attached *attached, ssize_t n)
{
	u64 address = args->buffer.attachments;
	int err;

	if (!attached)
		return n < 0 ? n : caps_attached_expect(address);
	/* No room puts it back. */
	err = take_attached(actor, args, message, attached,
			    n < 0 ? 0 : address);
	return n < 0 ? n : err;
}

/**
 * caps_get_data - read from a held message
 * @actor: who reads
 * @args: checked
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_get_data(struct caps_actor *actor, struct caps_get_data *args)
{
	struct caps_data annex = args->buffer, *body = &args->buffer;
	struct caps_payload payload, only_annex;
	struct caps_message *message;
	enum caps_state state;
	ssize_t n;
	int err;

	args->result = 0;
	err = payload_get(actor, args->id, body->attachments, &message,
			  &payload);
	if (err)
		return err;
	only_annex = payload;
	only_annex.body_len = 0;
	only_annex.body = NULL;
	annex.body_len = 0;
	annex.iov_count = 0;
	err = caps_payload_store(actor, &only_annex, &annex);
	n = err < 0 ? err : caps_payload_read(actor, &payload, args->offset,
					      body);
	if (n >= 0) {
		args->copied = n;
		args->annex_copied = min(annex.annex_len, payload.annex_len);
		/* Who has gone wants nothing done, though all was read. */
		state = smp_load_acquire(&message->state);
		if (state == CAPS_CANCELLED || state == CAPS_ENDED ||
		    state == CAPS_WITHDRAWN)
			n = -ECANCELED;
	}
	if (body->attachments)
		n = get_attached(actor, args, message, payload.attached, n);
	caps_body_put(payload.body);
	caps_message_put(message);
	return min_t(ssize_t, n, 0);
}

/**
 * caps_get_header - the header of a held message again
 * @actor: whose
 * @args: checked
 *
 * Return: 0 or -ENOMSG.
 */
int caps_get_header(struct caps_actor *actor, struct caps_get_header *args)
{
	struct caps_message *message;

	spin_lock(&actor->lock);
	message = held_find(actor, args->id);
	if (message) {
		args->header = message->header;
		if (caps_header_is_foreign())
			caps_header_translate(message, &args->header);
	}
	spin_unlock(&actor->lock);
	return message ? 0 : -ENOMSG;
}
