/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations on messages, with arguments already in kernel memory.
 *
 * send.c posts and sends, call.c calls, group_send.c chooses among members,
 * broadcast.c sends to many, receive.c receives, reply.c answers, discards, reads
 * and aborts, forward.c forwards. Each returns 0 or -errno and fills the fields of
 * its struct that are marked "out". Where @wakes is an argument, they are added
 * to it, and run by whoever waits next, or by the caller.
 */
#ifndef _CAPS_IPC_H
#define _CAPS_IPC_H

#include <linux/types.h>

#include "caps.h"

struct caps_actor;
struct caps_lent;
struct caps_message;
struct caps_parked;
struct caps_wakes;

#define CAPS_BODY_FLAGS		(CAPS_COPY | CAPS_DEFER)
#define CAPS_REPLY_FLAGS	(CAPS_BODY_FLAGS | CAPS_RECEIPT)
#define CAPS_GROUP_FLAGS	(CAPS_TO_ANY | CAPS_TO_NEAR | CAPS_TO_ALL | \
				 CAPS_EXCLUDE_PORT | CAPS_EXCLUDE_ACTOR)
#define CAPS_RELATIVE_FLAGS	(CAPS_TO_NEAR | CAPS_EXCLUDE_PORT | \
				 CAPS_EXCLUDE_ACTOR)

/* What caps_post() says of a capability to a group or an actor. */
#define CAPS_NOT_A_PORT		2

/* Where a message goes, as the program said it. */
struct caps_route {
	u64 capability;
	u64 relative;
	u32 flags;			/* CAPS_GROUP_FLAGS matter */
	u32 operation;
};

/* Do flags about who gets it fit each other, and @relative them? */
static inline int caps_check_route(u32 flags, u64 relative)
{
	u32 mode = flags & (CAPS_TO_ANY | CAPS_TO_NEAR | CAPS_TO_ALL);

	if (likely(!(flags & CAPS_GROUP_FLAGS) && !relative))
		return 0;
	if (mode & (mode - 1) || (relative && !(flags & CAPS_RELATIVE_FLAGS)))
		return -EINVAL;
	return 0;
}

int caps_post(struct caps_actor *actor, struct caps_message *message,
	      u64 capability, u64 deadline);
int caps_post_to_one(struct caps_actor *actor, struct caps_message *message,
		     const struct caps_route *route, bool may_block);
int caps_broadcast(struct caps_actor *actor, struct caps_message *message,
		   const struct caps_route *route, struct caps_send *args);
int caps_send(struct caps_actor *actor, struct caps_send *args, u32 kind,
	      struct caps_lent *lent);
int caps_call(struct caps_actor *actor, struct caps_call *args);
int caps_call_wait(struct caps_message *message, struct caps_call *args);
int caps_call_lent(struct caps_actor *actor, struct caps_call *args,
		   struct caps_lent *lent);
int caps_call_park(struct caps_parked *parked, struct caps_lent *lent);
int caps_call_unpark(struct caps_parked *parked, int reason, bool gone);

int caps_receive(struct caps_actor *actor, struct caps_receive *args,
		 struct caps_header __user *uheader, struct caps_wakes *wakes);
void caps_undeliver(struct caps_actor *actor, struct caps_message *message);
void caps_unsend(struct caps_message *message);
int caps_receive_batch(struct caps_actor *actor,
		       struct caps_receive_batch *args);

int caps_reply(struct caps_actor *actor, struct caps_reply *args,
	       struct caps_lent *lent, struct caps_wakes *wakes);
int caps_discard(struct caps_actor *actor, u64 id);
int caps_abort(struct caps_actor *actor, struct caps_abort *args);
int caps_get_data(struct caps_actor *actor, struct caps_get_data *args);
int caps_get_header(struct caps_actor *actor, struct caps_get_header *args);
int caps_identity(struct caps_actor *actor, struct caps_identity *args);

int caps_forward(struct caps_actor *actor, const struct caps_forward *args);

struct caps_message *caps_held_get(struct caps_actor *actor, u64 id);
int caps_held_begin(struct caps_actor *actor, u64 id,
		    struct caps_message **result, struct caps_wakes *wakes);
void caps_held_return(struct caps_actor *actor, struct caps_message *message);
bool caps_held_end_cancelled(struct caps_actor *actor,
			     struct caps_message *message,
			     struct caps_wakes *wakes);
void caps_held_put_ended(struct caps_message *message, bool notice);

#endif
