/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes along with a message: capabilities.
 *
 * One object hangs off a payload that has any. Each message has its own, also
 * where a body is shared. The capabilities in it are copies that no handle
 * stands for; whom they are charged to says @chain.
 *
 * Sending. A handle that is moved is taken out of the sender's table when the
 * message is loaded, but keeps its slot, so that nobody else can use or move it.
 * What was taken out is in a struct caps_moves, which nobody but the sending
 * operation touches, since the rest may be with the receiver by now:
 * caps_moves_end() gives the slots back if the message was sent, else the
 * handles.
 *
 * Receiving. Who has claimed the message reserves handles in his own table, and
 * is charged for them, writes them to the program's memory, and only then, under
 * the lock that decides whether the message is his, publishes them:
 *
 *	caps_attached_offer()		no room, bad address: nothing has happened
 *	lock; still there?
 *	  caps_attached_publish()
 *	unlock
 *	caps_attached_finish(), or caps_attached_withdraw() if it was not
 *
 * Lifetime: one owner, the payload, or who has taken it from there: who has
 * claimed the message, and CAPS_GET_DATA under the holder's lock. Freed without
 * a lock.
 */
#ifndef _CAPS_ATTACH_H
#define _CAPS_ATTACH_H

#include <linux/types.h>

#include "message.h"

struct caps_actor;
struct caps_capability;
struct caps_chain;

struct caps_attached_capability {
	struct caps_capability *capability;	/* NULL once published */
	u64 handle;		/* reserved for it by the receiver */
};

struct caps_attached {
	struct caps_chain *chain;
	u16 capability_count;
	struct caps_attached_capability capabilities[];
};

struct caps_move {
	struct caps_capability *capability;
	u64 handle;
};

struct caps_moves {
	unsigned int count;
	struct caps_move moves[];
};

int caps_attached_load(struct caps_actor *actor, struct caps_chain *payer,
		       struct caps_payload *payload, u64 address);
void caps_moves_end(struct caps_actor *actor, struct caps_payload *payload,
		    bool sent);
void __caps_attached_drop(struct caps_payload *payload);
void caps_attached_free(struct caps_attached *attached);
void caps_attached_charge_to(struct caps_attached *attached,
			     struct caps_chain *chain);

int caps_attached_expect(u64 address);
int caps_attached_offer(struct caps_actor *actor,
			struct caps_attached *attached, u64 address);
void caps_attached_publish(struct caps_actor *actor,
			   struct caps_attached *attached);
void caps_attached_withdraw(struct caps_actor *actor,
			    struct caps_attached *attached);
void caps_attached_finish(struct caps_attached *attached);
int caps_attached_take(struct caps_actor *actor, struct caps_payload *payload,
		       u64 address);

int caps_message_offer(struct caps_actor *actor, struct caps_message *message,
		       struct caps_attached **offered, u64 address);
void caps_message_take_offered(struct caps_message *message,
			       struct caps_actor *actor);

/* What was offered will not be received after all. */
static inline void caps_attached_undo(struct caps_actor *actor,
				      struct caps_attached **offered)
{
	if (unlikely(*offered))
		caps_attached_withdraw(actor, *offered);
	*offered = NULL;
}

/* Nobody else uses the payload any more. */
static inline void caps_attached_drop(struct caps_payload *payload)
{
	if (unlikely(payload->attached))
		__caps_attached_drop(payload);
}

#endif
