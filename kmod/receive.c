// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: choose a message, deliver it while it is claimed, then take it.
 *
 * A waiting receiver's struct caps_waiter is on its stack. It may be touched
 * under the actor's lock while it is in a list, and last of all by the store
 * that gives it a message or an error:
 *
 *	receiver			sender
 *	lock; add to list; unlock	lock; take off list
 *	set state			asleep? get_task(waiter->task)
 *	load-acquire(message)		store-release(waiter->message)
 *	sleep				unlock; wake the task, not the waiter
 *
 * A server that has just answered stands in the list before it offers the CPU
 * to its client, so that the next call is handed to it. It is not asleep, will
 * look again, and need not be woken; only if nothing has come it says, under
 * the lock, that from now on it must be.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "account.h"
#include "actor.h"
#include "attach.h"
#include "header.h"
#include "ipc.h"
#include "message.h"
#include "migrate.h"
#include "park.h"
#include "payload.h"
#include "port.h"
#include "port_signal.h"
#include "queue.h"
#include "revoke.h"
#include "trace.h"
#include "wait.h"

static void release_id(struct reception *r)
{
	if (!r->id)
		return;
	spin_lock(&r->actor->lock);
	caps_table_release(&r->actor->messages, r->id);
	spin_unlock(&r->actor->lock);
	r->id = 0;
}

/* The actor's lock is held; -ENOSPC: make room in the table first. */
static int may_receive(struct reception *r)
{
	struct caps_actor *actor = r->actor;

	if (actor->dead)
		return -ENOTCONN;
	if (r->port && rcu_access_pointer(r->port->owner) != actor)
		return r->waited ? -EIDRM : caps_port_lost(r->port);
	if (!r->id)
		r->id = caps_table_reserve(&actor->messages);
	return r->id ? 0 : -ENOSPC;
}

/* From now on who gives us something must wake us. */
static void fall_asleep(struct caps_actor *actor, struct caps_waiter *waiter)
{
	spin_lock(&actor->lock);
	waiter->asleep = true;
	spin_unlock(&actor->lock);
}

static int sleep_for_message(struct caps_waiter *waiter, u64 deadline)
{
	const unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	int err = 0;

	while (!err) {
		set_current_state(state);
		/* Pair with whoever gave us the one or the other. */
		if (smp_load_acquire(&waiter->message) ||
		    smp_load_acquire(&waiter->error)) /* likewise */
			break;
		err = caps_sleep(state, deadline);
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

/* Not given anything: out of the list, unless that comes too late. */
static void leave_list(struct caps_actor *actor, struct caps_waiter *waiter)
{
	spin_lock(&actor->lock);
	if (!waiter->message && !waiter->error)
		list_del(&waiter->link);
	spin_unlock(&actor->lock);
}

/* Called with the actor's lock held, returns without. */
static struct caps_message *wait_for_message(struct reception *r)
{
	struct caps_actor *actor = r->actor;
	struct caps_waiter waiter __uninitialized;
	int err = 0;

	if (unlikely(r->parked))
		return caps_park_wait(r);
	waiter.task = current;
	waiter.asleep = !r->wakes->count;
	waiter.message = NULL;
	waiter.error = 0;
	list_add_tail(&waiter.link, r->port ? &r->port->waiters :
					      &actor->waiters);
	spin_unlock(&actor->lock);
	r->waited = true;
	caps_wakes_run(r->wakes);

	/* Pairs with hand_over(). */
	if (!smp_load_acquire(&waiter.message)) {
		if (!waiter.asleep)
			fall_asleep(actor, &waiter);
		err = sleep_for_message(&waiter, r->deadline);
		if (err)
			leave_list(actor, &waiter);
	}
	if (waiter.message)
		return waiter.message;
	if (waiter.error == CAPS_LOOK_AGAIN)
		return NULL;
	if (waiter.error)
		return ERR_PTR(waiter.error);
	return ERR_PTR(err == -EINTR ? -ERESTARTSYS : err);
}

/* What is no message comes first. The actor's lock is held. */
static bool take_other(struct reception *r)
{
	struct caps_port *port = r->port ?: caps_queue_ready(r->actor);

	if (!port)
		return false;
	if (unlikely(!list_empty(&port->badge_events)))
		r->event = caps_badge_event_take(r->actor, port);
	if (r->event)
		return true;
	r->signals = caps_signals_take(r->actor, port, &r->sequence);
	if (!r->signals)
		return false;
	r->signalled = caps_port_get(port);
	/* As in __caps_queue_claim(). */
	if (unlikely(!list_empty(&port->badge_events)))
		caps_queue_dispatch(r->actor, port, r->wakes);
	return true;
}

/* A claimed message; NULL to look again, or for others; or an error. */
static struct caps_message *claim_or_wait(struct reception *r)
{
	struct caps_actor *actor = r->actor;
	struct caps_message *message = NULL;
	int err;

	spin_lock(&actor->lock);
	while ((err = may_receive(r)) == -ENOSPC) {
		spin_unlock(&actor->lock);
		err = caps_table_grow(&actor->messages);
		spin_lock(&actor->lock);
		if (err)
			break;
	}
	if (!err && !take_other(r)) {
		message = caps_queue_claim(actor, r->port, r->wakes);
		if (!message && r->deadline)
			return wait_for_message(r);
		err = message ? 0 : -EAGAIN;
	}
	spin_unlock(&actor->lock);
	caps_wakes_run(r->wakes);
	return err ? ERR_PTR(err) : message;
}

/* A claimed message; NULL: signals or an event; or why there is none. */
static struct caps_message *claim_message(struct reception *r)
{
	struct caps_message *message = unlikely(r->parked) ?
		caps_parked_message(r->parked) : NULL;

	if (message)
		return message;
	do
		message = claim_or_wait(r);
	while (!message && !r->signals && !r->event);
	return message;
}

static int put_event(struct reception *r, struct caps_header __user *uheader)
{
	struct caps_badge *badge = r->event;

	r->event = NULL;
	return caps_badge_event_put(r->actor, badge, uheader);
}

static int put_signals(struct reception *r, struct caps_header __user *uheader)
{
	struct caps_port *port = r->signalled;
	struct caps_header header = {
		.address = r->signals,
		.cookie = port->cookie,
		.kind = CAPS_KIND_SIGNAL,
	};
	int err = 0;

	if (copy_to_user(uheader, &header,
			 offsetof(struct caps_header, sequence))) {
		caps_signals_restore(r->actor, port, r->signals, r->sequence);
		err = -EFAULT;
	} else {
		put_user(r->sequence, &uheader->sequence);
	}
	r->signals = 0;
	caps_port_put(port);
	return err;
}

/* Why a claimed message is not to be delivered; 0: it is. Its holder is locked. */
static __always_inline int unwanted(const struct caps_message *message)
{
	const struct caps_body *body = message->request.body;
	bool notice = caps_message_is_notice(message);

	if (message->kind > CAPS_KIND_CALL)
		return 0;
	/* Withdrawn, or ended, by others meanwhile. */
	if (message->state != (notice ? CAPS_CANCELLED : CAPS_QUEUED))
		return -ECANCELED;
	if (notice)
		return 0;
	/* Soon to be: deferred to many by one who has died. */
	if (body && caps_body_revoked(body))
		return -ECANCELED;
	return caps_message_is_revoked(message) ? -EKEYREVOKED : 0;
}

/**
 * caps_undeliver - put a claimed message back, or end it if its port is gone
 * @actor: who claimed it
 * @message: the message; the claim, and with it the place, is given up
 */
void caps_undeliver(struct caps_actor *actor, struct caps_message *message)
{
	const struct caps_payload *payload = caps_message_payload(message);
	struct caps_attached *stripped = NULL;
	struct caps_body *lost = NULL;
	struct caps_actor *owner;
	struct caps_wakes wakes;
	bool reply = false;
	int err;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	owner = caps_claim_lock(actor, message);
	/* Its server died while it was read. */
	if (message->kind == CAPS_KIND_REPLY && payload->body &&
	    caps_body_revoked(payload->body))
		lost = caps_message_reset_reply(message);
	err = unwanted(message);
	if (!owner)
		err = -EPIPE;
	if (err) {
		caps_queue_remove(message->port, message, &wakes);
		reply = caps_message_fail(message, err, &wakes);
	} else {
		WRITE_ONCE(message->holder, owner);
		stripped = caps_attached_strip(message,
					       caps_message_carried(message),
					       message->port);
		caps_queue_unclaim(owner, message, &wakes);
	}
	caps_actors_unlock(actor, owner);
	if (owner)
		caps_wakes_poll(&wakes, owner);
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	caps_body_put(lost);
	if (stripped)
		caps_attached_free(stripped);
	if (err)
		caps_message_drained(message, reply);
}

/**
 * caps_unsend - a deferred body was taken away: end what brings it
 * @message: its message, or that of a group send; a reference is taken over
 *
 * The body has been revoked, so whoever delivers the message now ends it; who
 * holds it has a message without a body.
 */
void caps_unsend(struct caps_message *message)
{
	struct caps_actor *holder;
	struct caps_wakes wakes;
	enum caps_state state;
	bool waits = false, reply;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	holder = caps_holder_lock(message, &state);
	if (holder) {
		waits = message->state == CAPS_QUEUED && !message->claimed;
		if (waits) {
			caps_queue_remove(message->port, message, &wakes);
			reply = caps_message_fail(message, -ECANCELED, &wakes);
		}
		spin_unlock(&holder->lock);
		caps_wakes_poll(&wakes, holder);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	if (waits)
		caps_message_drained(message, reply);
	else if (state == CAPS_FRESH)
		caps_siblings_cancel(message);
	caps_message_put(message);
}

/*
 * Put a message that has been taken where it belongs: the table if it is held,
 * else nowhere. Returns the reference to put after unlocking, if any.
 */
static struct caps_message *place_message(struct reception *r,
					  struct caps_message *message,
					  bool hold)
{
	if (caps_message_is_notice(message))
		return message;
	if (message->kind == CAPS_KIND_CALL || message->kind == CAPS_KIND_SEND)
		WRITE_ONCE(message->state, hold ? CAPS_TAKEN : CAPS_ENDED);
	if (!hold)
		return message;
	/* Its sender cannot end it any more. */
	if (message->kind == CAPS_KIND_SEND)
		caps_message_charge_to(message, r->actor->chain);
	if (message->kind == CAPS_KIND_REPLY && message->sent_id) {
		/* The table has had a reference since the call was sent. */
		message->held_id = message->sent_id;
		return message;
	}
	message->held_id = r->id;
	caps_table_publish(&r->actor->messages, r->id, message);
	r->id = 0;
	return NULL;
}

/* -EAGAIN: it was withdrawn meanwhile; look for another. */
static int take_message(struct reception *r, struct caps_message *message,
			bool hold, u64 *sequence)
{
	struct caps_actor *actor = r->actor;
	struct caps_port *port = message->port;
	struct caps_message *rest;
	u64 forget = 0;

	spin_lock(&actor->lock);
	if (actor->dead || unwanted(message)) {
		spin_unlock(&actor->lock);
		caps_attached_undo(actor, &r->attached);
		caps_undeliver(actor, message);
		return actor->dead ? -ENOTCONN : -EAGAIN;
	}
	/* A port that has moved away left a number, see migrate.h. */
	*sequence = likely(message->claimed == CAPS_CLAIMED) ?
			    ++port->sequence : message->number;
	caps_queue_remove(port, message, r->wakes);
	/* The header under a notice is that of the call, which is held. */
	if (!caps_message_is_notice(message))
		message->header.sequence = *sequence;
	if (!hold && caps_message_returns(message))
		forget = message->sent_id;
	if (unlikely(r->attached))
		caps_message_take_offered(message, actor);
	rest = place_message(r, message, hold);
	spin_unlock(&actor->lock);
	caps_wakes_poll(r->wakes, actor);
	caps_wakes_run(r->wakes);

	if (forget)
		caps_message_forget_id(message->sender, forget);
	if (rest) {
		/* Behind a notice somebody may be making an answer just now. */
		if (!hold && !caps_message_is_notice(rest)) {
			caps_payload_drop(&rest->request);
			caps_message_drop_reply(rest);
		}
		caps_message_put(rest);
	}
	return 0;
}

/* Held messages whose senders have left are charged to the holder. */
static inline bool may_hold_no_more(const struct caps_actor *actor, u32 kind)
{
	if (kind == CAPS_KIND_REPLY)
		return false;
	return caps_overdrawn(actor->chain, CAPS_MESSAGES) ||
	       caps_overdrawn(actor->chain, CAPS_KERNEL_BYTES);
}

/* Likewise what stays with a one-way message, whose sender cannot end it. */
static bool may_keep_no_more(const struct caps_actor *actor,
			     const struct caps_message *message)
{
	const struct caps_header *header = &message->header;

	if (message->kind != CAPS_KIND_SEND)
		return false;
	return (header->capability_count &&
		caps_overdrawn(actor->chain, CAPS_CAPABILITIES)) ||
	       (header->fd_count && caps_overdrawn(actor->chain, CAPS_FILES));
}

/*
 * Not all has been put, or something came along. Returns whether the message
 * is to be held for the sake of what stays in it.
 */
static noinline int deliver_more(struct reception *r,
				 struct caps_message *message,
				 const struct caps_data *buffer, int more,
				 bool hold)
{
	int stays = more & CAPS_MORE, err;

	if (more & CAPS_ATTACHED) {
		err = caps_message_offer(r->actor, message, &r->attached,
					 buffer->attachments);
		if (err < 0)
			return err;
		if (err && may_keep_no_more(r->actor, message))
			return -EDQUOT;
		stays |= err;
	}
	if (stays && !hold && may_hold_no_more(r->actor, message->kind))
		return -EDQUOT;
	return stays;
}

/* Write everything but the sequence number. Returns whether to hold it. */
static int deliver(struct reception *r, struct caps_message *message,
		   struct caps_receive *args,
		   struct caps_header __user *uheader)
{
	u32 kind = kind_of(message);
	int more, hold;

	trace_caps_claim(r->actor, message);
	if (kind > CAPS_KIND_REPLY)
		return put_notice(message, kind, id_of(message, false, 0),
				  uheader);
	hold = kind == CAPS_KIND_CALL || (args->flags & CAPS_HOLD);
	if (hold && may_hold_no_more(r->actor, kind))
		return -EDQUOT;
	more = caps_payload_store(r->actor, caps_message_payload(message),
				  &args->buffer);
	if (unlikely(more)) {
		if (more > 0)
			more = deliver_more(r, message, &args->buffer, more,
					    hold);
		if (more < 0)
			return more;
		hold |= more;
	}
	message->header.flags = header_flags(message, kind, hold, more);
	return put_header(message, kind, id_of(message, hold, r->id),
			  uheader) ?: hold;
}

/* Files cannot be installed before all else is written, nor taken back. */
static void tell_lost(struct caps_header __user *uheader)
{
	u32 flags;

	if (!get_user(flags, &uheader->flags))
		put_user(flags | CAPS_HEADER_FDS_LOST, &uheader->flags);
}

int caps_receive_more(struct reception *r, struct caps_receive *args,
		      struct caps_header __user *uheader)
{
	struct caps_message *message;
	u64 sequence;
	int hold, err;

	do {
		message = claim_message(r);
		if (!message)
			return r->event ? put_event(r, uheader) :
					  put_signals(r, uheader);
		if (IS_ERR(message))
			return PTR_ERR(message);
		hold = deliver(r, message, args, uheader);
		if (hold < 0) {
			caps_attached_undo(r->actor, &r->attached);
			caps_undeliver(r->actor, message);
			/* Gone while it was read: look again. */
			if (hold == -ECANCELED) {
				err = -EAGAIN;
				continue;
			}
			return hold;
		}
		err = take_message(r, message, hold, &sequence);
	} while (err == -EAGAIN);

	/* It is ours now; CAPS_HEADER tells what could not be written. */
	if (!err)
		put_user(sequence, &uheader->sequence);
	if (unlikely(r->attached)) {
		if (caps_attached_finish(r->attached))
			tell_lost(uheader);
		r->attached = NULL;
	}
	return err;
}

static int reception_begin(struct reception *r, struct caps_actor *actor,
			   u64 port, u64 deadline, struct caps_wakes *wakes)
{
	r->actor = actor;
	r->port = NULL;
	r->deadline = deadline;
	r->id = 0;
	r->waited = false;
	r->parked = NULL;
	r->wakes = wakes;
	r->signals = 0;
	r->attached = NULL;
	r->event = NULL;
	if (port != CAPS_ANY_PORT)
		r->port = caps_capability_own_port(actor, port, 0);
	return PTR_ERR_OR_ZERO(r->port);
}

static inline void reception_end(struct reception *r)
{
	release_id(r);
	caps_port_put(r->port);
}

/**
 * caps_receive - take one message
 * @actor: who receives
 * @args: checked
 * @uheader: where the header goes
 * @wakes: run before anything that may take long
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_receive(struct caps_actor *actor, struct caps_receive *args,
		 struct caps_header __user *uheader, struct caps_wakes *wakes)
{
	struct reception r __uninitialized;
	int err;

	err = reception_begin(&r, actor, args->port, args->deadline, wakes);
	if (err) {
		caps_wakes_run(wakes);
		return err;
	}
	err = caps_receive_more(&r, args, uheader);
	reception_end(&r);
	return err;
}

/* Batches, and what is parked: begins, goes on when woken, may be given up. */
int caps_receive_begin(struct reception *r, struct caps_actor *actor,
		       const struct caps_receive *args,
		       struct caps_parked *parked, struct caps_wakes *wakes)
{
	int err = reception_begin(r, actor, args->port, args->deadline, wakes);

	r->parked = parked;
	return err;
}

void caps_receive_leave(struct reception *r, struct caps_message *message)
{
	if (message)
		caps_undeliver(r->actor, message);
	reception_end(r);
}
