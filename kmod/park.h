/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parked commands: calls and receives from io_uring that wait without a task,
 * and sends that complete when their deferred bodies are free.
 *
 * A parked command stands where a sleeping task would: in struct caps_waiter and
 * struct caps_message its address, with the lowest bit set, takes the place of
 * the task's, and caps_wakes_run() queues work for the program's own thread
 * instead of waking one. The work goes on where the sleeper would have: it
 * copies what has come, or looks again and may park once more.
 *
 * Who runs it. @state is PARKED while nobody has the command in hand. Six may
 * want to end that, and who changes it does:
 *
 *	who gives it a message, an error or an answer	the holder's lock held
 *	its timer					no lock
 *	who frees the body of a send			awaited_lock
 *	CAPS_UNPARK					the actor's lock held
 *	the actor, when its process has gone		the actor's lock held
 *	io_uring, when ring or task end			the ring's lock held
 *
 * The last ends the command on the spot, the others queue the work. Who
 * comes second does not touch it again: a sender claims it before the store
 * that gives it something, and whoever does run it then finds that under the
 * lock (of a call: by the state of its message, see message.h).
 *
 *	sender				timer
 *	lock; take off the list		CLAIMED? then queue the work
 *	CLAIMED? then note it		  ...
 *	store-release(message)		work: lock; was anything given? else
 *	unlock				  take off the list; unlock
 *	noted? then queue the work
 *
 * Of a ring that somebody else has, too, work may wait for its end after the task
 * has gone. So the actor's teardown ends what is parked, or claimed and not yet
 * running: its message goes on, its call is given up, its pages are free. The work
 * only completes it, whenever that is:
 *
 *	teardown			work
 *	-> STOLEN; end it		CLAIMED -> RUNNING? then all as ever
 *	-> OVER; was DROPPED, or	STOLEN -> DROPPED? then leave it to
 *	  nobody had claimed it?	  the teardown, else
 *	  then queue the work		OVER: free and complete it
 *
 * The ring's lock is held where a command is parked, where its work runs and
 * where it is asked back. So what is done first may go on using the command
 * after it can be found; the work waits.
 *
 * Work may be run when there is nobody left to do it for, by another thread
 * without the address space. Then nothing is copied: a message goes back to its
 * place, a call is given up.
 *
 * Lifetime: from parking to completion, which the claim makes happen once. The
 * request holds the file and so the actor. Memory is charged to the actor, which
 * keeps some for its next ones.
 */
#ifndef _CAPS_PARK_H
#define _CAPS_PARK_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/types.h>

#include "caps.h"
#include "port.h"
#include "receive.h"

struct caps_actor;
struct caps_body;
struct caps_lent;
struct caps_message;
struct caps_wakes;
struct io_uring_cmd;

enum caps_parked_kind {
	CAPS_PARKED_CALL,
	CAPS_PARKED_RECEIVE,
	CAPS_PARKED_SEND,		/* until its deferred body is free */
};

enum caps_parked_state {
	CAPS_PARK_PARKED,
	CAPS_PARK_CLAIMED,		/* its work is queued, or is to be */
	CAPS_PARK_RUNNING,
	CAPS_PARK_STOLEN,		/* the teardown's, */
	CAPS_PARK_DROPPED,		/* and its work came meanwhile */
	CAPS_PARK_OVER,			/* but for its completion */
};

struct caps_parked {
	struct io_uring_cmd *cmd;
	struct caps_actor *actor;
	atomic_t state;			/* enum caps_parked_state */
	int reason;			/* to be given up; the actor's lock */
	u64 deadline;
	struct hrtimer timer;		/* unless that is CAPS_FOREVER */
	struct list_head link;		/* of actor->parked */
	void __user *uarg;
	enum caps_parked_kind kind;
	union {
		struct {
			struct caps_body *body;	/* awaited_lock */
			/* What brings it, unless that is an answer; a reference */
			struct caps_message *message;
		} send;
		struct {
			struct caps_call args;
			struct caps_message *message;	/* a reference */
		} call;
		struct {
			struct caps_receive args;
			struct caps_header __user *uheader;
			struct reception reception;
			struct caps_waiter waiter;
		} receive;
	};
};

int caps_park_init(void);
void caps_park_exit(void);
void caps_park_drop_spares(struct caps_actor *actor);

int caps_park_call(struct caps_actor *actor, struct io_uring_cmd *cmd,
		   struct caps_call *args, void __user *uarg,
		   struct caps_lent *lent, unsigned int issue_flags);
int caps_park_send(struct caps_actor *actor, struct caps_lent *lent,
		   struct io_uring_cmd *cmd, void __user *uarg);
int caps_park_sent(struct caps_lent *lent, int err, unsigned int issue_flags);
int caps_park_receive(struct caps_actor *actor, struct io_uring_cmd *cmd,
		      const struct caps_receive *args,
		      struct caps_header __user *uheader, void __user *uarg,
		      struct caps_wakes *wakes, unsigned int issue_flags);
void caps_park_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* For unpark.c, which has the rest. */
void caps_parked_give_up(struct caps_parked *parked);
int caps_unpark(struct caps_actor *actor, struct caps_unpark *args);
void caps_unpark_gone(struct caps_actor *actor);

/* For receive.c and call.c. */
struct caps_message *caps_park_wait(struct reception *r);
struct caps_message *caps_parked_message(struct caps_parked *parked);

/* For send.c and body.c. */
void caps_park_await(struct caps_lent *lent, struct caps_body *body,
		     struct caps_message *message);
void caps_park_await_not(struct caps_lent *lent, struct caps_body *body);
void caps_park_freed(struct caps_body *body);

static inline struct task_struct *caps_parked_task(struct caps_parked *parked)
{
	return (struct task_struct *)((unsigned long)parked | 1);
}

#endif
