// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: making and freeing, and how they end; see message.h.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "account.h"
#include "actor.h"
#include "attach.h"
#include "badge.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"

static struct kmem_cache *message_cache;

/*
 * A constructor also keeps the allocator from clearing a kilobyte that would
 * be overwritten or never looked at: only lengths that were stored are read.
 */
static void payload_construct(struct caps_payload *payload, u8 *data)
{
	payload->placed = false;
	payload->body = NULL;
	payload->direct = NULL;
	payload->attached = NULL;
	payload->moves = NULL;
	payload->lent = NULL;
	payload->data = data;
}

static void message_construct(void *object)
{
	struct caps_message *message = object;

	INIT_LIST_HEAD(&message->link);
	INIT_LIST_HEAD(&message->sibling);
	message->from_tgid = NULL;
	message->from_cred = NULL;
	message->receipt = NULL;
	message->spare_count = 0;
	message->spare = NULL;
	payload_construct(&message->request, message->data[0]);
	payload_construct(&message->reply, message->data[1]);
}

int caps_messages_init(void)
{
	const size_t size = sizeof(struct caps_message);
	const size_t data = offsetof(struct caps_message, data);

	message_cache = kmem_cache_create_usercopy("caps_message", size, 0,
						   SLAB_ACCOUNT, data,
						   size - data,
						   message_construct);
	return message_cache ? 0 : -ENOMEM;
}

void caps_messages_exit(void)
{
	kmem_cache_destroy(message_cache);
}

static void message_destroy(struct caps_message *message)
{
	caps_shares_trim(message, 0);
	caps_uncharge(message->chain, CAPS_MESSAGES, 1);
	caps_uncharge(message->chain, CAPS_KERNEL_BYTES, sizeof(*message));
	caps_chain_put(message->chain);
	put_pid(message->tgid);
	put_cred(message->cred);
	kmem_cache_free(message_cache, message);
	caps_gone(CAPS_LIVE_MESSAGES);
}

static bool same_ids(const struct cred *a, const struct cred *b)
{
	return uid_eq(a->uid, b->uid) && uid_eq(a->euid, b->euid) &&
	       gid_eq(a->gid, b->gid) && gid_eq(a->egid, b->egid) &&
	       a->user_ns == b->user_ns;
}

static struct caps_chain *chain_of(struct caps_actor *actor,
				   const struct cred *cred)
{
	if (uid_eq(cred->uid, actor->cred->uid) &&
	    cred->user_ns == actor->cred->user_ns)
		return caps_chain_get(actor->chain);
	return caps_chain_create(cred);
}

static void show_identity(struct caps_header *header, struct caps_actor *actor,
			  struct pid *tgid, const struct cred *cred)
{
	header->pid = pid_nr(tgid);
	header->uid = __kuid_val(cred->uid);
	header->euid = __kuid_val(cred->euid);
	header->gid = __kgid_val(cred->gid);
	header->egid = __kgid_val(cred->egid);
	header->flags = same_ids(cred, actor->cred) ? 0 : CAPS_HEADER_IDENTITY;
}

static noinline struct caps_message *
message_alloc(struct caps_actor *sender)
{
	const struct cred *cred = current_cred();
	struct caps_message *message;
	struct caps_chain *chain;
	int err = -ENOMEM;

	chain = chain_of(sender, cred);
	if (!chain)
		return ERR_PTR(err);
	err = caps_charge(chain, CAPS_MESSAGES, 1);
	if (err)
		goto put_chain;
	err = caps_charge(chain, CAPS_KERNEL_BYTES, sizeof(*message));
	if (err)
		goto uncharge_message;
	message = kmem_cache_alloc(message_cache, GFP_KERNEL);
	if (!message) {
		err = -ENOMEM;
		goto uncharge_bytes;
	}
	message->chain = chain;
	message->tgid = caps_actor_tgid(sender);
	message->image = READ_ONCE(sender->image);
	message->cred = get_cred(cred);
	message->shares = NULL;
	message->share_count = 0;
	show_identity(&message->header, sender, message->tgid, cred);
	caps_born(CAPS_LIVE_MESSAGES);
	return message;

uncharge_bytes:
	caps_uncharge(chain, CAPS_KERNEL_BYTES, sizeof(*message));
uncharge_message:
	caps_uncharge(chain, CAPS_MESSAGES, 1);
put_chain:
	caps_chain_put(chain);
	return ERR_PTR(err);
}

static struct caps_message **spare_slot(struct caps_actor *actor)
{
	unsigned int cpu = raw_smp_processor_id();

	return &actor->spares[cpu % CAPS_SPARES];
}

static void destroy_chain(struct caps_message *message)
{
	struct caps_message *next;

	for (; message; message = next) {
		next = message->spare;
		message->spare = NULL;
		message->spare_count = 0;
		message_destroy(message);
	}
}

/* Whoever keeps some for himself meanwhile puts fewer there. */
static void put_chain(struct caps_message **slot, struct caps_message *chain)
{
	destroy_chain(xchg(slot, chain));
}

/* There is a spare one. But who has many calls in flight will have so again. */
static noinline void keep_another(struct caps_message *message)
{
	struct caps_message **slot = spare_slot(message->sender);
	struct caps_message *rest;
	unsigned int count;

	if (message->adopted || READ_ONCE(message->sender->dead) ||
	    caps_used_half(message->chain, CAPS_MESSAGES) ||
	    caps_used_half(message->chain, CAPS_KERNEL_BYTES)) {
		message_destroy(message);
		return;
	}
	rest = xchg(slot, NULL);
	count = rest ? rest->spare_count + 1 : 0;
	if (count >= CAPS_MANY_SPARES) {
		put_chain(slot, rest);
		message_destroy(message);
		return;
	}
	message->spare = rest;
	message->spare_count = count;
	put_chain(slot, message);
}

/* A spare is good for the credentials and the image that it was made by. */
static inline bool is_good(const struct caps_message *message,
			   const struct caps_actor *sender)
{
	return message->cred == current_cred() &&
	       message->image == READ_ONCE(sender->image);
}

static noinline struct caps_message *
take_from_chain(struct caps_actor *sender, struct caps_message **slot,
		struct caps_message *message)
{
	if (message->spare)
		put_chain(slot, message->spare);
	message->spare = NULL;
	message->spare_count = 0;
	if (is_good(message, sender))
		return message;
	message_destroy(message);
	return NULL;
}

static struct caps_message *take_spare(struct caps_actor *sender)
{
	struct caps_message **slot = spare_slot(sender), *message;

	if (!READ_ONCE(*slot))
		return NULL;
	message = xchg(slot, NULL);
	if (likely(!message ||
		   (!message->spare && is_good(message, sender))))
		return message;
	return take_from_chain(sender, slot, message);
}

/* All but what a spare one keeps. */
static inline void message_reset(struct caps_message *message,
				 struct caps_actor *sender, u32 kind)
{
	refcount_set(&message->refs, 1);
	message->state = CAPS_FRESH;
	message->claimed = CAPS_UNCLAIMED;
	message->counted = false;
	message->busy = false;
	message->lent = false;
	message->adopted = false;
	message->forwarded = false;
	message->sync = false;
	message->application = false;
	message->arrival = 0;
	message->holder = NULL;
	message->kind = kind;
	message->port = NULL;
	message->badge = NULL;
	message->in_flight = false;
	message->source = NULL;
	message->task = NULL;
	message->sender = caps_actor_get(sender);
	message->held_id = 0;
	message->sent_id = 0;
	message->header.address = 0;
	message->header.operation = 0;
	message->header.flags &= CAPS_HEADER_IDENTITY;
	message->header.status = 0;
	message->header.error = 0;
	message->header.capability_count = 0;
	message->header.fd_count = 0;
	message->request.body_len = 0;
	message->request.annex_len = 0;
	message->reply.body_len = 0;
	message->reply.annex_len = 0;
	message->status = 0;
	message->error = 0;
}

/**
 * caps_message_create - a message of the current credentials
 * @sender: whose; a reference is taken
 * @kind: CAPS_KIND_*
 *
 * Return: the message with one reference; -EDQUOT or -ENOMEM.
 */
struct caps_message *caps_message_create(struct caps_actor *sender, u32 kind)
{
	struct caps_message *message = take_spare(sender);

	if (!message) {
		message = message_alloc(sender);
		if (IS_ERR(message))
			return message;
	}
	message_reset(message, sender, kind);
	return message;
}

/* What a clone has of its own, apart from the fields of any message. */
static void clone_fill(struct caps_message *clone,
		       const struct caps_message *original)
{
	const struct caps_payload *from = &original->request;
	struct caps_payload *to = &clone->request;

	clone->chain = original->chain;
	clone->tgid = get_pid(original->tgid);
	clone->image = original->image;
	clone->cred = get_cred(original->cred);
	clone->shares = NULL;
	clone->share_count = 0;
	clone->header = original->header;
	message_reset(clone, original->sender, original->kind);
	clone->header.address = original->header.address;
	clone->header.operation = original->header.operation;
	if (original->source)
		clone->source = caps_port_get(original->source);
	to->body_len = from->body_len;
	to->annex_len = from->annex_len;
	memcpy(to->data, from->data, from->annex_len);
	if (!from->body)
		memcpy(to->data + CAPS_MAX_ANNEX, from->data + CAPS_MAX_ANNEX,
		       from->body_len);
}

/**
 * caps_message_clone - more messages like one, to be sent to others
 * @original: fresh and loaded; a body of its own is not shared yet
 * @clones: where they go
 * @count: how many; they are charged already
 *
 * Return: @count, or 0 when out of memory.
 */
unsigned int caps_message_clone(const struct caps_message *original,
				struct caps_message **clones,
				unsigned int count)
{
	unsigned int i;

	count = kmem_cache_alloc_bulk(message_cache, GFP_KERNEL, count,
				      (void **)clones);
	if (!count)
		return 0;
	refcount_add(count, &original->chain->refs);
	atomic_long_add(count, &caps_live[CAPS_LIVE_MESSAGES]);
	for (i = 0; i < count; i++)
		clone_fill(clones[i], original);
	return count;
}

static void drop_from(struct caps_message *message)
{
	put_pid(message->from_tgid);
	put_cred(message->from_cred);
	message->from_tgid = NULL;
	message->from_cred = NULL;
	show_identity(&message->header, message->sender, message->tgid,
		      message->cred);
}

static void drop_rest(struct caps_message *message)
{
	struct caps_message *receipt = message->receipt;

	message->receipt = NULL;
	if (receipt)
		caps_receipt_due(receipt);
	caps_port_put(message->source);
	if (message->from_tgid)
		drop_from(message);
	caps_attached_drop(&message->request);
	caps_attached_drop(&message->reply);
	caps_direct_free(message->reply.direct);
	message->reply.direct = NULL;
	message->reply.placed = false;
}

void __caps_message_drop_badge(struct caps_message *message)
{
	struct caps_badge *badge = message->badge;

	if (message->in_flight)
		caps_badge_leave(badge);
	message->in_flight = false;
	message->badge = NULL;
	caps_badge_put(badge);
}

void __caps_message_free(struct caps_message *message)
{
	struct caps_actor *sender = message->sender;

	caps_payload_drop(&message->request);
	caps_payload_drop(&message->reply);
	/* Few have any of them. */
	if ((unsigned long)message->request.attached |
	    (unsigned long)message->reply.attached |
	    (unsigned long)message->reply.direct |
	    (unsigned long)message->source |
	    (unsigned long)message->receipt |
	    (unsigned long)message->from_tgid)
		drop_rest(message);
	caps_message_drop_badge(message);
	caps_port_put(message->port);
	if (message->share_count > message->chain->count)
		caps_shares_trim(message, message->chain->count);

	if (message->adopted || READ_ONCE(sender->dead) ||
	    cmpxchg(spare_slot(sender), NULL, message))
		keep_another(message);
	/* Its teardown may have dropped the others just before. */
	if (unlikely(READ_ONCE(sender->dead)))
		caps_message_drop_spares(sender);
	caps_actor_put(sender);
}

/**
 * caps_message_charge_to - another pays for a message and its copied request
 * @message: the holder's lock is held, or nobody else can find it
 * @chain: who pays from now on, whatever his limit
 */
void caps_message_charge_to(struct caps_message *message,
			    struct caps_chain *chain)
{
	struct caps_body *body = message->request.body;
	struct caps_chain *old = message->chain;

	if (body && body->shared)
		caps_payload_charge_to(message, chain);
	else if (body)
		caps_body_charge_to(body, chain);
	/* In this order: both may be the same user, whom nobody shall refuse. */
	caps_uncharge(old, CAPS_MESSAGES, 1);
	caps_uncharge(old, CAPS_KERNEL_BYTES, sizeof(*message));
	caps_charge_forced(chain, CAPS_MESSAGES, 1);
	caps_charge_forced(chain, CAPS_KERNEL_BYTES, sizeof(*message));
	message->chain = caps_chain_get(chain);
	message->adopted = true;
	caps_chain_put(old);
	if (message->request.attached)
		caps_attached_charge_to(message->request.attached, chain);
}

/**
 * caps_message_drop_spares - free what an actor keeps for its next sends
 * @actor: dead, or nobody uses it any more
 */
void caps_message_drop_spares(struct caps_actor *actor)
{
	int i;

	for (i = 0; i < CAPS_SPARES; i++)
		put_chain(&actor->spares[i], NULL);
}

/**
 * caps_header_translate - a header as the current process may see it
 * @message: whose header
 * @header: a copy of it
 */
void caps_header_translate(const struct caps_message *message,
			   struct caps_header *header)
{
	const struct cred *cred = message->from_cred ?: message->cred;
	struct pid *tgid = message->from_tgid ?: message->tgid;
	struct user_namespace *ns = current_user_ns();

	header->pid = pid_nr_ns(tgid, task_active_pid_ns(current));
	header->uid = from_kuid_munged(ns, cred->uid);
	header->euid = from_kuid_munged(ns, cred->euid);
	header->gid = from_kgid_munged(ns, cred->gid);
	header->egid = from_kgid_munged(ns, cred->egid);
}

/**
 * caps_message_set_from - show another identity than the sender's
 * @message: on its way back
 * @actor: whose process
 * @cred: whose ids
 */
void caps_message_set_from(struct caps_message *message,
			   struct caps_actor *actor, const struct cred *cred)
{
	message->from_tgid = caps_actor_tgid(actor);
	message->from_cred = get_cred(cred);
	show_identity(&message->header, actor, message->from_tgid, cred);
}

/**
 * caps_message_assign_id - let the sender name a message while it is pending
 * @message: a fresh message
 *
 * Return: 0; -ENOMEM, -EMFILE, or -ENOTCONN if the sender has died.
 */
int caps_message_assign_id(struct caps_message *message)
{
	struct caps_actor *actor = message->sender;
	int err;
	u64 id;

	spin_lock(&actor->lock);
	err = caps_table_obtain(&actor->messages, &id);
	if (!err && actor->dead) {
		caps_table_release(&actor->messages, id);
		err = -ENOTCONN;
	}
	if (!err) {
		message->sent_id = id;
		caps_table_publish(&actor->messages, id,
				   caps_message_get(message));
	}
	spin_unlock(&actor->lock);
	return err;
}

/**
 * caps_message_forget_id - nothing more will come for an id
 * @actor: whose
 * @id: what caps_message_assign_id() assigned, or 0
 */
void caps_message_forget_id(struct caps_actor *actor, u64 id)
{
	struct caps_message *message;

	if (!id)
		return;
	spin_lock(&actor->lock);
	message = caps_table_remove(&actor->messages, id);
	spin_unlock(&actor->lock);
	if (message)
		caps_message_put(message);
}
