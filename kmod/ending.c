// SPDX-License-Identifier: GPL-2.0
/*
 * How messages end: failure, cancellation, and the way back to the sender; see
 * the table of states in message.h.
 */
#include "account.h"
#include "actor.h"
#include "attach.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"

/**
 * caps_message_fail - end a message that has not been answered
 * @message: its holder is locked; in no queue any more
 * @error: -EPIPE before it was taken, -ECONNRESET after; of one that was
 *	forwarded the latter anyway
 * @wakes: whom to wake
 *
 * Return: whether its sender is to be told by a reply: hand that to
 * caps_message_settle() or _drained() after unlocking.
 */
bool caps_message_fail(struct caps_message *message, int error,
		       struct caps_wakes *wakes)
{
	bool reply;

	lockdep_assert_held(&message->holder->lock);

	if (message->state > CAPS_TAKEN || message->state == CAPS_FRESH)
		return false;
	/* Who waits for room is told by the call it waits in. */
	reply = message->kind == CAPS_KIND_CALL && !message->sync &&
		message->state != CAPS_BLOCKED;
	if (reply)
		caps_message_set_from(message, message->holder,
				      message->holder->cred);
	message->error = message->forwarded ? -ECONNRESET : error;
	if (message->task)
		caps_wakes_add(wakes, message->task);
	/* The last touch of a caller's message: pairs with call_wait(). */
	smp_store_release(&message->state, CAPS_FAILED);
	return reply;
}

/**
 * caps_message_abandon - the holder drops a message without an answer
 * @message: its holder is locked
 * @wakes: whom to wake
 *
 * Return: as caps_message_fail().
 */
bool caps_message_abandon(struct caps_message *message,
			  struct caps_wakes *wakes)
{
	if (message->kind == CAPS_KIND_CALL && message->state == CAPS_TAKEN)
		return caps_message_fail(message, -ECONNRESET, wakes);
	if (message->state < CAPS_FINAL)
		message->state = CAPS_ENDED;
	return false;
}

/*
 * A cancelled call's notice lost the port it was queued at: the default port
 * has it instead, as long as there is an actor.
 */
static void notice_requeue(struct caps_message *message)
{
	struct caps_actor *holder = message->holder;
	struct caps_port *old = message->port;
	struct caps_wakes wakes;
	bool queued = false;

	caps_wakes_init(&wakes);
	spin_lock(&holder->lock);
	if (!holder->dead && message->state == CAPS_CANCELLED) {
		message->port = caps_port_get(holder->self.port);
		caps_queue_notify(holder, message->port, message, &wakes);
		queued = true;
	}
	spin_unlock(&holder->lock);
	caps_wakes_poll(&wakes, holder);
	caps_wakes_run(&wakes);

	if (queued)
		caps_port_put(old);
	else
		caps_message_put(message);
}

/**
 * caps_message_settle - what the receiver held is no more
 * @message: in no queue or table any more; the place reference is taken over
 * @reply: what caps_message_fail() said
 */
void caps_message_settle(struct caps_message *message, bool reply)
{
	if (reply) {
		caps_message_return(message);
		return;
	}
	/* A sender that slept for it has been woken, and owns the request. */
	if (!message->task)
		caps_payload_drop(&message->request);
	if (message->kind == CAPS_KIND_REPLY)
		caps_message_drop_reply(message);
	caps_message_put(message);
}

/**
 * caps_message_drained - a message's port went away under it
 * @message: in no queue any more; the place reference is taken over
 * @reply: what caps_message_fail() said
 */
void caps_message_drained(struct caps_message *message, bool reply)
{
	if (caps_message_returns(message))
		caps_message_return(message);
	else if (caps_message_is_notice(message))
		notice_requeue(message);
	else
		caps_message_settle(message, reply);
}

/*
 * What the sender's table knows by an id goes to the sender, wherever the source
 * port has moved to; the answer to a one-way message goes to the port.
 */
static bool goes_to_sender(const struct caps_message *message)
{
	return message->kind != CAPS_KIND_SEND &&
	       (message->kind != CAPS_KIND_REPLY || message->sent_id);
}

/*
 * The image that would know the id has gone, its actor has been kept. Not the
 * process: exec gives it another image, which may have adopted the actor.
 */
static bool asker_is_gone(const struct caps_message *message)
{
	return message->image != message->sender->image;
}

static struct caps_actor *lock_source(struct caps_message *message,
				      struct caps_port **port)
{
	struct caps_actor *owner = NULL;

	*port = message->source;
	if (*port)
		owner = caps_port_lock(*port);
	if (owner && owner != message->sender && goes_to_sender(message)) {
		spin_unlock(&owner->lock);
		owner = NULL;
	}
	if (!owner) {
		*port = message->sender->self.port;
		owner = caps_port_lock(*port);
	}
	if (owner && goes_to_sender(message) && asker_is_gone(message)) {
		spin_unlock(&owner->lock);
		owner = NULL;
	}
	return owner;
}

/**
 * caps_message_return - queue an answer or a notice at its source port
 * @message: final or a due notice; the place reference is taken over
 *
 * If the source port is gone the default port has it; if the actor is gone
 * nobody has.
 */
void caps_message_return(struct caps_message *message)
{
	struct caps_port *port, *old = message->port;
	struct caps_attached *unwanted = NULL;
	u32 kind = message->kind;
	struct caps_wakes wakes;
	struct caps_actor *owner;

	caps_payload_drop(&message->request);
	caps_attached_drop(&message->request);
	message->header.capability_count = 0;
	message->header.fd_count = 0;
	/* An answer on its way keeps nobody connected. */
	caps_message_drop_badge(message);
	/* The table held a message, perhaps a caller's, for the body's sake. */
	if (message->kind == CAPS_KIND_DISPOSE)
		caps_message_forget_id(message->sender, message->sent_id);
	caps_wakes_init(&wakes);

	rcu_read_lock();
	owner = lock_source(message, &port);
	if (owner) {
		/* A deferred send's id stays with its DISPOSE. */
		if (kind == CAPS_KIND_SEND)
			message->sent_id = 0;
		if (!caps_message_returns(message))
			kind = CAPS_KIND_REPLY;
		message->held_id = 0;
		message->holder = owner;
		message->port = caps_port_get(port);
		unwanted = caps_attached_strip(message, &message->reply,
					       port);
		/* Pairs with caps_message_is_answer(). */
		smp_store_release(&message->kind, kind);
		caps_queue_notify(owner, port, message, &wakes);
		spin_unlock(&owner->lock);
		caps_wakes_poll(&wakes, owner);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	if (unwanted)
		caps_attached_free(unwanted);

	if (owner) {
		caps_port_put(old);
	} else {
		caps_message_drop_reply(message);
		caps_message_forget_id(message->sender, message->sent_id);
		caps_message_put(message);
	}
}

/**
 * caps_message_drop_reply - an answer has been read, or nobody will read it
 * @message: answered
 *
 * A server that deferred the body waits to hear that it is free, and has a
 * reference to the message until then. It may lose the answer meanwhile. The
 * holder is that server, kept by the notice, or who drops.
 */
void caps_message_drop_reply(struct caps_message *message)
{
	struct caps_body *body = READ_ONCE(message->reply.body);

	if (!body)
		return;
	/* Nobody takes it from a caller; without a notice the holder may go. */
	if (message->sync && !body->dispose) {
		caps_payload_drop(&message->reply);
		return;
	}
	spin_lock(&message->holder->lock);
	body = message->reply.body;
	message->reply.body = NULL;
	spin_unlock(&message->holder->lock);
	caps_body_put(body);
}

/* What a cancelled message gives up, to be put after unlocking. */
struct remains {
	struct caps_body *body;
	struct caps_attached *attached;
	struct caps_port *port;
	bool place;
};

/*
 * The caller leaves a call that the server holds. From now on what stays in
 * the kernel of it is the server's to end, and to pay for.
 */
static void leave_taken(struct caps_message *message, struct remains *remains,
			struct caps_wakes *wakes)
{
	struct caps_actor *holder = message->holder;
	struct caps_port *port = message->port;

	remains->body = message->request.body;
	message->request.body = NULL;
	remains->attached = message->request.attached;
	message->request.attached = NULL;
	caps_message_charge_to(message, holder->chain);
	message->state = CAPS_CANCELLED;
	if (message->kind != CAPS_KIND_CALL)
		return;

	if (rcu_access_pointer(port->owner) != holder) {
		remains->port = port;
		port = caps_port_get(holder->self.port);
		message->port = port;
	}
	caps_queue_notify(holder, port, caps_message_get(message), wakes);
}

static void withdraw(struct caps_message *message, struct remains *remains,
		     struct caps_wakes *wakes)
{
	/* Another thread aborts a call whose sender still waits for room. */
	if (message->state == CAPS_BLOCKED && message->task != current)
		caps_wakes_add(wakes, message->task);
	/* Whoever is delivering it will notice, and drop it. */
	if (!message->claimed) {
		caps_queue_remove(message->port, message, wakes);
		remains->place = true;
	}
	/* Being delivered; or still read by one that has passed it on. */
	if (message->request.body)
		remains->body = caps_body_get(message->request.body);
	message->state = CAPS_WITHDRAWN;
}

static void put_remains(struct caps_message *message, struct remains *remains)
{
	/* The sender has left: nobody reads on. */
	caps_body_revoke(remains->body);
	caps_body_put(remains->body);
	if (remains->attached)
		caps_attached_free(remains->attached);
	caps_port_put(remains->port);
	if (remains->place)
		caps_message_put(message);
}

/**
 * caps_holder_lock - lock whoever holds a message
 * @message: the caller has a reference of its own, and is in rcu_read_lock()
 * @state: what it was in before
 *
 * The holder of one that is not final cannot have been freed: it ends its
 * messages first, and its memory goes by RCU.
 *
 * Return: the holder, locked; NULL of what is final, or not yet sent.
 */
struct caps_actor *caps_holder_lock(struct caps_message *message,
				    enum caps_state *state)
{
	struct caps_actor *holder;

	for (;;) {
		/* Not fresh any more: the holder is set. See queue.c, admit. */
		*state = smp_load_acquire(&message->state);
		if (*state > CAPS_TAKEN || *state == CAPS_FRESH)
			return NULL;
		holder = READ_ONCE(message->holder);
		spin_lock(&holder->lock);
		if (likely(message->holder == holder))
			return holder;
		spin_unlock(&holder->lock);
	}
}

/* How far its sender knows it may have got. */
static enum caps_state reached(const struct caps_message *message)
{
	return message->state == CAPS_QUEUED && message->forwarded ?
	       CAPS_TAKEN : message->state;
}

/**
 * caps_message_cancel - the sender gives a message up
 * @message: the caller has a reference of its own
 * @upto: give up only if it has not got further than this state
 *
 * CAPS_BLOCKED and CAPS_QUEUED become CAPS_WITHDRAWN, CAPS_TAKEN becomes
 * CAPS_CANCELLED, and the holder is sent a notice. One that was forwarded has
 * got as far as CAPS_TAKEN, though it may be CAPS_QUEUED again.
 *
 * Return: the state that the message is in now.
 */
enum caps_state caps_message_cancel(struct caps_message *message,
				    enum caps_state upto)
{
	struct remains remains = {};
	struct caps_wakes wakes;
	struct caps_actor *holder;
	enum caps_state state;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	holder = caps_holder_lock(message, &state);
	if (holder) {
		state = message->state;
		if (reached(message) <= upto) {
			if (state == CAPS_TAKEN)
				leave_taken(message, &remains, &wakes);
			else
				withdraw(message, &remains, &wakes);
			state = message->state;
		}
		spin_unlock(&holder->lock);
		caps_wakes_poll(&wakes, holder);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	put_remains(message, &remains);
	trace_caps_cancel(message, state);
	return state;
}

/**
 * caps_dispose_attach - tell the sender when a body is free
 * @actor: who deferred it
 * @body: a pinned body, not shared yet
 * @source: where the notice goes, or NULL for the default port
 * @id: what the notice says
 *
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int caps_dispose_attach(struct caps_actor *actor, struct caps_body *body,
			struct caps_port *source, u64 id)
{
	struct caps_message *dispose;

	dispose = caps_message_create(actor, CAPS_KIND_DISPOSE);
	if (IS_ERR(dispose))
		return PTR_ERR(dispose);
	dispose->sent_id = id;
	if (source)
		dispose->source = caps_port_get(source);
	body->dispose = dispose;
	return 0;
}

/**
 * caps_dispose_detach - nothing was sent, so nobody is to be told
 * @body: a body, or NULL
 */
void caps_dispose_detach(struct caps_body *body)
{
	if (!body || !body->dispose)
		return;
	caps_message_put(body->dispose);
	body->dispose = NULL;
}

/* Who was asked is told of who asked. */
static void show_asker(struct caps_message *notice,
		       const struct caps_message *message)
{
	caps_message_set_from(notice, message->sender, message->cred);
}

/**
 * caps_receipt_attach - tell who answers when that has been received
 * @actor: who answers
 * @message: what it answers, with the answer loaded; busy
 * @id: what the notice says
 *
 * If there is a notice of the body's end anyway, that is it. Until it is due it
 * is paid for by who asked, who alone can bring that about.
 *
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int caps_receipt_attach(struct caps_actor *actor, struct caps_message *message,
			u64 id)
{
	struct caps_body *body = message->reply.body;
	struct caps_message *receipt;

	if (body && body->dispose) {
		show_asker(body->dispose, message);
		return 0;
	}
	receipt = caps_message_create(actor, CAPS_KIND_DISPOSE);
	if (IS_ERR(receipt))
		return PTR_ERR(receipt);
	receipt->sent_id = id;
	show_asker(receipt, message);
	caps_message_charge_to(receipt, message->sender->chain);
	message->receipt = receipt;
	return 0;
}

/**
 * caps_receipt_due - the answer has been received, or nobody will
 * @receipt: of a message that is being freed
 */
void caps_receipt_due(struct caps_message *receipt)
{
	caps_message_charge_to(receipt, receipt->sender->chain);
	caps_message_return(receipt);
}

/**
 * caps_receipt_detach - it was not answered after all
 * @message: the message
 */
void caps_receipt_detach(struct caps_message *message)
{
	struct caps_message *receipt = message->receipt;

	message->receipt = NULL;
	if (receipt)
		caps_message_put(receipt);
}

/**
 * caps_message_reset_reply - the body of an answer is gone: let it say so
 * @message: an answer on its way back, its holder locked
 *
 * Return: the body, to be put after unlocking, or NULL.
 */
struct caps_body *caps_message_reset_reply(struct caps_message *message)
{
	struct caps_body *body = message->reply.body;

	lockdep_assert_held(&message->holder->lock);

	message->reply.body = NULL;
	message->reply.body_len = 0;
	message->reply.annex_len = 0;
	message->status = 0;
	message->error = -ECONNRESET;
	message->header.capability_count = 0;
	message->header.fd_count = 0;
	return body;
}

static struct caps_body *lose_sync(struct caps_message *message)
{
	struct caps_body *body;

	spin_lock(&message->holder->lock);
	body = message->reply.body;
	if (body)
		caps_body_get(body);
	spin_unlock(&message->holder->lock);
	return body;
}

/* One that is being received is reset by who receives it; see undeliver(). */
static struct caps_body *lose_queued(struct caps_message *message)
{
	if (!message->claimed)
		return caps_message_reset_reply(message);
	return message->reply.body ? caps_body_get(message->reply.body) : NULL;
}

/*
 * Who has an answer drops its body under its own lock before it goes: as long as
 * there is one, the memory of its holder is there for this RCU reader section.
 */
static struct caps_actor *lock_answered(struct caps_message *message)
{
	struct caps_actor *holder;

	/* The holder is read after the body. */
	while (smp_load_acquire(&message->reply.body)) {
		holder = READ_ONCE(message->holder);
		spin_lock(&holder->lock);
		if (likely(message->holder == holder))
			return holder;
		spin_unlock(&holder->lock);
	}
	return NULL;
}

static struct caps_body *lose_async(struct caps_message *message)
{
	struct caps_body *body = NULL;
	struct caps_actor *holder;

	rcu_read_lock();
	holder = lock_answered(message);
	if (holder) {
		if (message->kind == CAPS_KIND_REPLY)
			body = lose_queued(message);
		spin_unlock(&holder->lock);
	}
	rcu_read_unlock();
	return body;
}

/**
 * caps_message_lose_reply - the server died before its deferred answer was read
 * @message: an answered message; the caller has a reference
 *
 * The body is in the server's pages, which are to be free soon, also if
 * somebody is reading them and stands still.
 */
void caps_message_lose_reply(struct caps_message *message)
{
	struct caps_body *body = message->sync ? lose_sync(message) :
						 lose_async(message);

	caps_body_revoke(body);
	caps_body_put(body);
}
