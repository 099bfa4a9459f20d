// SPDX-License-Identifier: GPL-2.0
/*
 * One body for many messages: what is sent to a group.
 *
 * Each message has a reference. The pages go back when the last one has left the
 * body, by being consumed, discarded, withdrawn or dropped; then, if its sender
 * waits for that, when the last reader has, too. So no member takes it away from
 * another.
 *
 * Who pays. A pinned one is the sender's, to the end. A copied one is the
 * sender's as long as a message has it that the sender alone can end; who holds
 * one pays for a body of that size as if it had one of its own.
 *
 * What is pinned vanishes with its sender. The message that the others were
 * cloned from stands in the sender's table, and its @link heads the list of
 * those that still have the body, by their @sibling. The sender's lock guards it.
 */
#include "account.h"
#include "actor.h"
#include "body.h"
#include "message.h"

/**
 * caps_payload_share - let other messages have a body, too
 * @payload: the first message's, which nobody else can find yet
 */
void caps_payload_share(struct caps_payload *payload)
{
	struct caps_body *body = payload->body;

	if (!body)
		return;
	body->shared = true;
	atomic_set(&body->sharers, 1);
	atomic_set(&body->payers, 1);
}

/**
 * caps_payload_join - have the same body as another message
 * @message: a clone, which nobody else can find yet
 * @original: the message that caps_payload_share() was told of
 */
void caps_payload_join(struct caps_message *message,
		       struct caps_message *original)
{
	struct caps_body *body = original->request.body;
	struct caps_actor *sender = original->sender;

	if (!body)
		return;
	message->request.body = caps_body_get(body);
	atomic_inc(&body->sharers);
	atomic_inc(&body->payers);
	if (!body->pinned)
		return;
	spin_lock(&sender->lock);
	list_add_tail(&message->sibling, &original->link);
	spin_unlock(&sender->lock);
}

/* The payer of a message pays no more for its copied body. */
static void stop_paying(struct caps_message *message, struct caps_body *body)
{
	if (message->adopted)
		caps_uncharge(message->chain, CAPS_KERNEL_BYTES,
			      PAGE_ALIGN(body->len));
	else if (atomic_dec_and_test(&body->payers))
		caps_body_uncharge(body);
}

/**
 * caps_payload_charge_to - who holds a message pays for its body
 * @message: with a shared body; charged to another until now
 * @chain: who pays from now on, whatever his limit
 */
void caps_payload_charge_to(struct caps_message *message,
			    struct caps_chain *chain)
{
	struct caps_body *body = message->request.body;

	if (body->pinned)
		return;
	stop_paying(message, body);
	caps_charge_forced(chain, CAPS_KERNEL_BYTES, PAGE_ALIGN(body->len));
}

/* A message does not have its shared body any more; see caps_payload_drop(). */
void __caps_payload_leave(struct caps_payload *payload)
{
	struct caps_message *message = container_of(payload,
						    struct caps_message,
						    request);
	struct caps_body *body = payload->body;

	payload->body = NULL;
	if (body->pinned) {
		spin_lock(&message->sender->lock);
		list_del_init(&message->sibling);
		spin_unlock(&message->sender->lock);
	} else {
		stop_paying(message, body);
	}
	if (atomic_dec_and_test(&body->sharers) && !caps_body_is_awaited(body))
		caps_body_revoke(body);
	caps_body_put(body);
}

/* One that still has the body, or NULL. Some are being freed just now. */
static struct caps_message *take_sibling(struct caps_message *original)
{
	struct caps_actor *sender = original->sender;
	struct caps_message *message, *found = NULL;

	spin_lock(&sender->lock);
	while (!found && !list_empty(&original->link)) {
		message = list_first_entry(&original->link,
					   struct caps_message, sibling);
		list_del_init(&message->sibling);
		if (refcount_inc_not_zero(&message->refs))
			found = message;
	}
	spin_unlock(&sender->lock);
	return found;
}

/**
 * caps_siblings_cancel - the sender of a deferred body has died
 * @original: the message that stands in its table
 */
void caps_siblings_cancel(struct caps_message *original)
{
	struct caps_message *message;

	while ((message = take_sibling(original))) {
		caps_message_cancel(message, CAPS_TAKEN);
		caps_message_put(message);
		cond_resched();
	}
}
