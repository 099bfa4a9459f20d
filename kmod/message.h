/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A message: from the send to the answer.
 *
 * One object makes the whole way: queued at the server's port, held by the
 * server, and, for an asynchronous call, queued again at the caller's source
 * port as the reply. A *cancelled* notice is the held message itself queued
 * once more; a *dispose* notice is a message made when a body was deferred, a
 * *port-dead* one when the watch was set (watch.h). So no notice ever needs
 * memory when its cause happens.
 *
 * States. @holder is the actor whose lock guards @state, @link and @claimed;
 * it is set before the message can be found and changes only under that lock.
 *
 *	FRESH      being made, or a notice not yet due; seen by its maker only
 *	BLOCKED    waits for room; its sender sleeps
 *	QUEUED     can be received, or is being delivered; @forwarded: TAKEN
 *		   before by one that passed it on, so for its sender it still is
 *	TAKEN      received; in the holder's table if it can be answered or read
 *	CANCELLED  TAKEN, but the caller has left; the notice may be queued
 *	--- final: ---
 *	ANSWERED   @reply and @status are valid; kind REPLY: on its way back
 *	FAILED     @error says why; likewise
 *	WITHDRAWN  taken back before the server had it
 *	ENDED      one-way and consumed; or cancelled, and ended by the server
 *
 * Every change of state is made under the holder's lock, and that decides who
 * wins among reply, cancel, timeout and death:
 *
 *	caller				server, death
 *	lock holder			lock holder
 *	not final? -> WITHDRAWN or	still TAKEN? -> ANSWERED, FAILED
 *	  CANCELLED			get_task(caller)
 *	unlock				store-release(state)
 *					unlock; wake the task, not the message
 *
 * The caller reads the state with load-acquire and, once it is final, owns
 * everything in the message but the reference that the other side drops. The
 * other side therefore takes its reference to the task before the store.
 *
 * References: one for the place it is in (queue or table, moving with it), one
 * for a sleeping or pending sender, one for each operation in progress. The
 * last put gives everything back and keeps the object for the sender's next
 * message.
 */
#ifndef _CAPS_MESSAGE_H
#define _CAPS_MESSAGE_H

#include <linux/cred.h>
#include <linux/list.h>
#include <linux/pid_namespace.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#include <linux/user_namespace.h>

#include "body.h"
#include "caps.h"

struct caps_actor;
struct caps_attached;
struct caps_badge;
struct caps_chain;
struct caps_port;
struct caps_share;
struct caps_wakes;

enum caps_state {
	CAPS_FRESH,
	CAPS_BLOCKED,
	CAPS_QUEUED,
	CAPS_TAKEN,
	CAPS_CANCELLED,
	CAPS_FINAL,
	CAPS_ANSWERED = CAPS_FINAL,
	CAPS_FAILED,
	CAPS_WITHDRAWN,
	CAPS_ENDED,
};

/* What becomes of a message that is being delivered, should that fail. */
enum caps_claim {
	CAPS_UNCLAIMED,
	CAPS_CLAIMED,			/* it is put back; in the port's @claims */
	CAPS_ASTRAY,			/* likewise, but the port has moved away */
	CAPS_DROPPED,			/* it ends as if its port had ended */
};

/* One direction's annex and body, and what goes along. */
struct caps_payload {
	u64 body_len;
	u32 annex_len;
	bool placed;			/* the body is in @direct already */
	struct caps_body *body;		/* NULL: in data */
	struct caps_direct *direct;	/* the receiver's buffer, or NULL */
	struct caps_attached *attached;	/* or NULL; see attach.h */
	struct caps_attached *moves;	/* the sender's, while it sends */
	struct caps_lent *lent;		/* while it is loaded, or NULL */
	u8 *data;			/* annex, then body up to CAPS_INLINE */
};

#define CAPS_PAYLOAD_DATA	(CAPS_MAX_ANNEX + CAPS_INLINE)

struct caps_message {
	refcount_t refs;

	/* Holder's lock: */
	enum caps_state state;		/* load-acquire without */
	u8 claimed;			/* being delivered: enum caps_claim */
	bool counted;			/* against the port's limit */
	bool busy;			/* an answer is being made */
	bool lent;			/* CAPS_GET_DATA has what came along */
	bool adopted;			/* not charged as it was made: no spare */
	bool forwarded;			/* some server has had it; stays */
	bool sync;			/* the caller sleeps; fixed when sent */
	bool application;		/* see apply.h; fixed when sent */
	struct list_head link;
	struct hlist_node claim;	/* of port->claims */
	u64 arrival;
	u64 number;			/* as received; when not CAPS_CLAIMED */
	struct caps_actor *holder;

	/* Fixed when sent: */
	u32 kind;			/* CAPS_KIND_*; REPLY on its way back */
	bool in_flight;			/* counted at @badge */
	struct caps_port *port;		/* where it was sent; a reference */
	struct caps_badge *badge;	/* a reference, or NULL */
	struct caps_port *source;	/* where the answer goes, or NULL */
	u64 generation;			/* of the capability, see revoke.h */
	struct task_struct *task;	/* who sleeps for it, or NULL */
	unsigned long since;		/* jiffies */

	/* Who sent it; kept while spare, except @sender's reference. */
	struct caps_actor *sender;
	struct pid *tgid;
	u64 image;			/* the sender's when it was made */
	const struct cred *cred;
	struct caps_chain *chain;

	/* Whose identity a notice or reply shows instead, or NULL. */
	struct pid *from_tgid;
	const struct cred *from_cred;

	u64 held_id;			/* in the holder's table, or 0 */
	u64 sent_id;			/* in the sender's table, or 0 */

	/*
	 * What the receiver is told, as the initial namespaces see it. The
	 * sender fills in what is his; the rest is filled in by whoever has
	 * claimed the message.
	 */
	struct caps_header header;

	struct caps_payload request;
	struct caps_payload reply;
	s32 status;
	int error;			/* negative */
	struct caps_message *receipt;	/* due when this is freed; a reference */

	/* Deferred to many: in the list of the first; its sender's lock. */
	struct list_head sibling;

	struct caps_share *shares;	/* unused ones, see port.h */
	unsigned int share_count;

	/* While spare: the next one, and how many come after it. */
	unsigned int spare_count;
	struct caps_message *spare;

	/* What user copies may touch, in whole words. */
	u8 data[2][CAPS_PAYLOAD_DATA] __aligned(8);
};

int caps_messages_init(void);
void caps_messages_exit(void);

struct caps_message *caps_message_create(struct caps_actor *sender, u32 kind);
unsigned int caps_message_clone(const struct caps_message *original,
				struct caps_message **clones,
				unsigned int count);
void __caps_message_free(struct caps_message *message);
void __caps_message_drop_badge(struct caps_message *message);
void caps_message_drop_spares(struct caps_actor *actor);
void caps_message_charge_to(struct caps_message *message,
			    struct caps_chain *chain);

static inline struct caps_message *
caps_message_get(struct caps_message *message)
{
	refcount_inc(&message->refs);
	return message;
}

static inline void caps_message_put(struct caps_message *message)
{
	if (refcount_dec_and_test(&message->refs))
		__caps_message_free(message);
}

static inline void caps_message_drop_badge(struct caps_message *message)
{
	if (message->badge)
		__caps_message_drop_badge(message);
}

/* Bodies of many messages, in shared_body.c. */
void caps_payload_share(struct caps_payload *payload);
void caps_payload_join(struct caps_message *message,
		       struct caps_message *original);
void caps_payload_charge_to(struct caps_message *message,
			    struct caps_chain *chain);
void __caps_payload_leave(struct caps_payload *payload);
void caps_siblings_cancel(struct caps_message *original);

/*
 * Give the body's pages back; nobody else uses the payload any more. Who is to
 * be told when they are free waits for whoever still reads.
 */
static inline void caps_payload_drop(struct caps_payload *payload)
{
	struct caps_body *body = payload->body;

	if (!body)
		return;
	if (body->shared) {
		__caps_payload_leave(payload);
		return;
	}
	payload->body = NULL;
	if (!caps_body_is_awaited(body))
		caps_body_revoke(body);
	caps_body_put(body);
}

/* A CALL that has been received before: what is queued is its notice. */
static inline bool caps_message_is_notice(const struct caps_message *message)
{
	return message->kind == CAPS_KIND_CALL && message->held_id;
}

/* Does it go to its sender, wherever it is queued? */
static inline bool caps_message_returns(const struct caps_message *message)
{
	return message->kind == CAPS_KIND_REPLY ||
	       message->kind == CAPS_KIND_DISPOSE ||
	       message->kind == CAPS_KIND_PORT_DEAD;
}

/*
 * Does an entry of @actor's table say that it holds the message, rather than
 * that it sent it and something is to come? Ids of two tables may be equal.
 */
static inline bool caps_message_is_held(const struct caps_message *message,
					const struct caps_actor *actor, u64 id)
{
	if (message->sender == actor && message->sent_id == id &&
	    message->kind != CAPS_KIND_REPLY)
		return false;
	return message->held_id == id;
}

/*
 * Is an entry for an answered message an answer that @actor received, rather
 * than what is left there of one that it gave? The latter's message is another
 * actor's by now, and not under this lock.
 */
static inline bool caps_message_is_answer(const struct caps_message *message,
					  const struct caps_actor *actor,
					  u64 id)
{
	/* Pairs with caps_message_return(): all is that of the answer. */
	return smp_load_acquire(&message->kind) == CAPS_KIND_REPLY &&
	       message->holder == actor && message->held_id == id;
}

static inline const struct caps_payload *
caps_message_payload(const struct caps_message *message)
{
	return message->kind == CAPS_KIND_REPLY ? &message->reply :
						  &message->request;
}

static inline struct caps_payload *
caps_message_carried(struct caps_message *message)
{
	return (struct caps_payload *)caps_message_payload(message);
}

/* Are pid and ids in a header not those that the current process may see? */
static inline bool caps_header_is_foreign(void)
{
	return current_user_ns() != &init_user_ns ||
	       ns_of_pid(task_tgid(current)) != &init_pid_ns;
}

void caps_header_translate(const struct caps_message *message,
			   struct caps_header *header);
void caps_message_set_from(struct caps_message *message,
			   struct caps_actor *actor, const struct cred *cred);
bool caps_message_fail(struct caps_message *message, int error,
		       struct caps_wakes *wakes);
bool caps_message_abandon(struct caps_message *message,
			  struct caps_wakes *wakes);
void caps_message_settle(struct caps_message *message, bool reply);
void caps_message_drained(struct caps_message *message, bool reply);
struct caps_actor *caps_holder_lock(struct caps_message *message,
				    enum caps_state *state);
enum caps_state caps_message_cancel(struct caps_message *message,
				    enum caps_state upto);
struct caps_body *caps_message_reset_reply(struct caps_message *message);
void caps_message_lose_reply(struct caps_message *message);
void caps_message_drop_reply(struct caps_message *message);
void caps_message_return(struct caps_message *message);
int caps_dispose_attach(struct caps_actor *actor, struct caps_body *body,
			struct caps_port *source, u64 id);
void caps_dispose_detach(struct caps_body *body);
int caps_receipt_attach(struct caps_actor *actor, struct caps_message *message,
			u64 id);
void caps_receipt_due(struct caps_message *receipt);
void caps_receipt_detach(struct caps_message *message);

int caps_message_assign_id(struct caps_message *message);
void caps_message_forget_id(struct caps_actor *actor, u64 id);

#endif
