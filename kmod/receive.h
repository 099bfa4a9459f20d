/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A receive in progress: from the look for a message to its delivery. On the
 * stack of the receiver, or in its struct caps_parked.
 */
#ifndef _CAPS_RECEIVE_H
#define _CAPS_RECEIVE_H

#include <linux/types.h>

#include "caps.h"

struct caps_actor;
struct caps_attached;
struct caps_badge;
struct caps_message;
struct caps_parked;
struct caps_port;
struct caps_wakes;

struct reception {
	struct caps_actor *actor;
	struct caps_port *port;		/* NULL: any enabled one */
	u64 deadline;
	u64 id;				/* reserved for what is received */
	bool waited;
	struct caps_parked *parked;	/* park this rather than sleep */
	struct caps_wakes *wakes;	/* to be run before waiting */
	u64 signals;			/* taken instead of a message, from */
	struct caps_port *signalled;	/* this; a reference */
	u64 sequence;			/* of the signals */
	struct caps_attached *attached;	/* offered to the program, or NULL */
	struct caps_badge *event;	/* or this, see badge.h */
};

int caps_receive_begin(struct reception *r, struct caps_actor *actor,
		       const struct caps_receive *args,
		       struct caps_parked *parked, struct caps_wakes *wakes);
/* -EIOCBQUEUED: what is parked stays so, and is not at its end. */
int caps_receive_more(struct reception *r, struct caps_receive *args,
		      struct caps_header __user *uheader);
void caps_receive_leave(struct reception *r, struct caps_message *message);

#endif
