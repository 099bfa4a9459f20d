/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations on messages, with arguments already in kernel memory.
 *
 * send.c posts and sends, call.c calls, receive.c receives, reply.c answers,
 * discards, reads and aborts, forward.c forwards. Each returns 0 or -errno and fills the fields of
 * its struct that are marked "out". Where @wakes is an argument, they are added
 * to it, and run by whoever waits next, or by the caller.
 */
#ifndef _CAPS_IPC_H
#define _CAPS_IPC_H

#include <linux/types.h>

#include "caps.h"

struct caps_actor;
struct caps_message;
struct caps_wakes;

#define CAPS_BODY_FLAGS		(CAPS_COPY | CAPS_DEFER)

int caps_post(struct caps_actor *actor, struct caps_message *message,
	      u64 capability, bool may_block);
int caps_send(struct caps_actor *actor, struct caps_send *args, u32 kind);
int caps_call(struct caps_actor *actor, struct caps_call *args);

int caps_receive(struct caps_actor *actor, struct caps_receive *args,
		 struct caps_header __user *uheader, struct caps_wakes *wakes);
void caps_undeliver(struct caps_actor *actor, struct caps_message *message);
int caps_receive_batch(struct caps_actor *actor,
		       struct caps_receive_batch *args);

int caps_reply(struct caps_actor *actor, struct caps_reply *args,
	       struct caps_wakes *wakes);
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
