// SPDX-License-Identifier: GPL-2.0
/*
 * Parked commands; see park.h.
 */
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "body.h"
#include "command.h"
#include "compat/uring.h"
#include "ipc.h"
#include "message.h"
#include "park.h"
#include "port_signal.h"
#include "queue.h"
#include "wait.h"

static struct kmem_cache *parked_cache;

int caps_park_init(void)
{
	BUILD_BUG_ON(sizeof(struct caps_parked) > 480);

	parked_cache = KMEM_CACHE(caps_parked, SLAB_ACCOUNT);
	return parked_cache ? 0 : -ENOMEM;
}

void caps_park_exit(void)
{
	kmem_cache_destroy(parked_cache);
}

/* --- who ends it ---------------------------------------------------------- */

static bool change(struct caps_parked *parked, enum caps_parked_state from,
		   enum caps_parked_state to)
{
	return atomic_cmpxchg(&parked->state, from, to) == from;
}

static bool claim(struct caps_parked *parked)
{
	return change(parked, CAPS_PARK_PARKED, CAPS_PARK_CLAIMED);
}

static struct caps_parked *parked_of(struct task_struct *task)
{
	return (struct caps_parked *)((unsigned long)task & ~1ul);
}

static caps_uring_work_t run;

/**
 * caps_parked_claim - does who has something for a parked command end it?
 * @task: what stands for it; the lock is held under which it is found
 */
bool caps_parked_claim(struct task_struct *task)
{
	return claim(parked_of(task));
}

/**
 * caps_parked_queue - let a command that was claimed go on
 * @task: what stands for it
 */
void caps_parked_queue(struct task_struct *task)
{
	caps_uring_work(parked_of(task)->cmd, run);
}

static enum hrtimer_restart expired(struct hrtimer *timer)
{
	struct caps_parked *parked = container_of(timer, struct caps_parked,
						  timer);

	if (claim(parked))
		caps_uring_work(parked->cmd, run);
	return HRTIMER_NORESTART;
}

static void timer_start(struct caps_parked *parked)
{
	if (parked->deadline != CAPS_FOREVER)
		hrtimer_start(&parked->timer,
			      ns_to_ktime(min_t(u64, parked->deadline,
						KTIME_MAX)),
			      HRTIMER_MODE_ABS);
}

static void timer_stop(struct caps_parked *parked)
{
	if (parked->deadline != CAPS_FOREVER)
		hrtimer_cancel(&parked->timer);
}

/* --- one command ---------------------------------------------------------- */

static struct caps_parked **parked_in(struct io_uring_cmd *cmd)
{
	return (struct caps_parked **)cmd->pdu;
}

static struct caps_parked *parked_alloc(struct caps_actor *actor)
{
	struct caps_parked *parked;
	int err;

	err = caps_charge(actor->chain, CAPS_KERNEL_BYTES, sizeof(*parked));
	if (err)
		return ERR_PTR(err);
	parked = kmem_cache_alloc(parked_cache, GFP_KERNEL);
	if (!parked) {
		caps_uncharge(actor->chain, CAPS_KERNEL_BYTES,
			      sizeof(*parked));
		return ERR_PTR(-ENOMEM);
	}
	parked->actor = actor;
	hrtimer_init(&parked->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	parked->timer.function = expired;
	return parked;
}

static void parked_destroy(struct caps_parked *parked)
{
	caps_uncharge(parked->actor->chain, CAPS_KERNEL_BYTES,
		      sizeof(*parked));
	kmem_cache_free(parked_cache, parked);
}

static __always_inline struct caps_parked *take_spare(struct caps_actor *actor)
{
	struct caps_parked *parked;

	spin_lock(&actor->lock);
	parked = list_first_entry_or_null(&actor->spare_parked,
					  struct caps_parked, link);
	if (parked) {
		list_del(&parked->link);
		actor->spare_parked_count--;
	}
	spin_unlock(&actor->lock);
	return parked;
}

static struct caps_parked *parked_create(struct caps_actor *actor,
					 struct io_uring_cmd *cmd,
					 void __user *uarg, u64 deadline)
{
	struct caps_parked *parked;

	parked = take_spare(actor) ?: parked_alloc(actor);
	if (IS_ERR(parked))
		return parked;
	parked->cmd = cmd;
	atomic_set(&parked->state, CAPS_PARK_RUNNING);
	parked->reason = 0;
	parked->deadline = deadline;
	INIT_LIST_HEAD(&parked->link);
	parked->uarg = uarg;
	*parked_in(cmd) = parked;
	caps_born(CAPS_LIVE_PARKED);
	return parked;
}

/* What is dead keeps nothing, nor does who has much: asked at each eighth. */
static inline bool may_keep(const struct caps_actor *actor, unsigned int count)
{
	return !actor->dead && count < CAPS_MANY_SPARES &&
	       (count % 8 || !caps_used_half(actor->chain, CAPS_KERNEL_BYTES));
}

static void parked_free(struct caps_parked *parked)
{
	struct caps_actor *actor = parked->actor;
	bool keep;

	spin_lock(&actor->lock);
	list_del(&parked->link);
	keep = may_keep(actor, actor->spare_parked_count);
	if (keep) {
		list_add(&parked->link, &actor->spare_parked);
		actor->spare_parked_count++;
	}
	spin_unlock(&actor->lock);
	if (!keep)
		parked_destroy(parked);
	caps_gone(CAPS_LIVE_PARKED);
}

/**
 * caps_park_drop_spares - free what an actor keeps for its next commands
 * @actor: the actor
 */
void caps_park_drop_spares(struct caps_actor *actor)
{
	struct caps_parked *parked;

	while ((parked = take_spare(actor)))
		parked_destroy(parked);
}

/*
 * Issued for the first time: done already, or parked from now on. The ring's
 * lock keeps away what might end it before io_uring and CAPS_UNPARK know of it.
 */
static int parked_begun(struct caps_parked *parked, int err,
			unsigned int issue_flags)
{
	if (err != -EIOCBQUEUED) {
		parked_free(parked);
		return err;
	}
	spin_lock(&parked->actor->lock);
	list_add(&parked->link, &parked->actor->parked);
	spin_unlock(&parked->actor->lock);
	caps_uring_parked(parked->cmd, issue_flags);
	timer_start(parked);
	return err;
}

/* --- receives ------------------------------------------------------------- */

/**
 * caps_park_wait - wait for a message without a task
 * @r: of a parked command
 *
 * Called with the actor's lock held, returns without.
 *
 * Return: -EIOCBQUEUED, or why not to wait.
 */
struct caps_message *caps_park_wait(struct reception *r)
{
	struct caps_actor *actor = r->actor;
	struct caps_parked *parked = r->parked;
	struct caps_waiter *waiter = &parked->receive.waiter;
	int err = parked->reason ?: -EIOCBQUEUED;

	if (err == -EIOCBQUEUED) {
		waiter->task = caps_parked_task(parked);
		waiter->asleep = true;
		waiter->message = NULL;
		waiter->error = 0;
		list_add_tail(&waiter->link, r->port ? &r->port->waiters :
						       &actor->waiters);
		r->waited = true;
		atomic_set(&parked->state, CAPS_PARK_PARKED);
	}
	spin_unlock(&actor->lock);
	caps_wakes_run(r->wakes);
	return ERR_PTR(err);
}

/**
 * caps_parked_message - what a parked receiver was given
 * @parked: it; nobody else has it in hand
 *
 * Return: a claimed message, or NULL; once.
 */
struct caps_message *caps_parked_message(struct caps_parked *parked)
{
	struct caps_waiter *waiter = &parked->receive.waiter;
	struct caps_message *message = waiter->message;

	waiter->message = NULL;
	return message;
}

/* From the list, if it is there still; returns why to stop waiting, or 0. */
static int stop_waiting(struct caps_parked *parked, int reason)
{
	struct caps_waiter *waiter = &parked->receive.waiter;
	int err;

	spin_lock(&parked->actor->lock);
	if (!waiter->message && !waiter->error) {
		list_del(&waiter->link);
		waiter->error = reason ?: parked->reason;
	}
	err = waiter->message || waiter->error == CAPS_LOOK_AGAIN ?
	      0 : waiter->error;
	spin_unlock(&parked->actor->lock);
	return err;
}

/* Told to look at something, but it will not: somebody else shall. */
static void pass_on(struct reception *r)
{
	struct caps_actor *actor = r->actor;
	struct caps_wakes wakes;
	struct caps_port *port;

	caps_wakes_init(&wakes);
	spin_lock(&actor->lock);
	port = r->port ?: caps_queue_ready(actor);
	if (port && rcu_access_pointer(port->owner) == actor)
		caps_queue_dispatch(actor, port, &wakes);
	spin_unlock(&actor->lock);
	caps_wakes_run(&wakes);
}

static int run_receive(struct caps_parked *parked, int reason, bool gone)
{
	struct reception *r = &parked->receive.reception;
	struct caps_message *message;
	struct caps_wakes wakes;
	int err;

	err = stop_waiting(parked, reason);
	if (gone || err) {
		message = caps_parked_message(parked);
		if (!err && !message)
			pass_on(r);
		caps_receive_leave(r, message);
		return err ?: reason;
	}
	caps_wakes_init(&wakes);
	r->wakes = &wakes;
	err = caps_receive_more(r, &parked->receive.args,
				parked->receive.uheader);
	if (err != -EIOCBQUEUED)
		caps_receive_leave(r, NULL);
	return err;
}

/**
 * caps_park_receive - receive, and park if nothing is there
 * @actor: who receives
 * @cmd: the command
 * @args: checked
 * @uheader: where the header goes
 * @uarg: the command's struct
 * @wakes: whom to wake before that
 * @issue_flags: how it was issued: not by a worker
 *
 * Return: -EIOCBQUEUED, or the result.
 */
int caps_park_receive(struct caps_actor *actor, struct io_uring_cmd *cmd,
		      const struct caps_receive *args,
		      struct caps_header __user *uheader, void __user *uarg,
		      struct caps_wakes *wakes, unsigned int issue_flags)
{
	struct caps_parked *parked;
	struct reception *r;
	int err;

	parked = parked_create(actor, cmd, uarg, args->deadline);
	if (IS_ERR(parked)) {
		caps_wakes_run(wakes);
		return PTR_ERR(parked);
	}
	r = &parked->receive.reception;
	parked->kind = CAPS_PARKED_RECEIVE;
	parked->receive.args = *args;
	parked->receive.uheader = uheader;
	parked->receive.waiter.message = NULL;
	err = caps_receive_begin(r, actor, args, parked, wakes);
	if (!err) {
		err = caps_receive_more(r, &parked->receive.args, uheader);
		if (err != -EIOCBQUEUED)
			caps_receive_leave(r, NULL);
	} else {
		caps_wakes_run(wakes);
	}
	return parked_begun(parked, err, issue_flags);
}

/* --- calls ---------------------------------------------------------------- */

static int run_call(struct caps_parked *parked, int reason, bool gone)
{
	int err = caps_call_unpark(parked, reason ?: parked->reason, gone);

	if (!gone)
		err = caps_tell_call(&parked->call.args, parked->uarg, err);
	return err == -ERESTARTSYS ? -EINTR : err;
}

/**
 * caps_park_call - call, and park until the answer comes
 * @actor: who calls
 * @cmd: the command
 * @args: not yet checked
 * @uarg: the command's struct
 * @lent: its buffers are registered with io_uring, or NULL
 * @issue_flags: how it was issued: not by a worker
 *
 * Return: -EIOCBQUEUED, or why nothing was sent; -EAGAIN without room.
 */
int caps_park_call(struct caps_actor *actor, struct io_uring_cmd *cmd,
		   struct caps_call *args, void __user *uarg,
		   struct caps_lent *lent, unsigned int issue_flags)
{
	struct caps_parked *parked;
	int err;

	err = caps_check_call(args, uarg);
	if (err)
		return err;
	parked = parked_create(actor, cmd, uarg, args->deadline);
	if (IS_ERR(parked))
		return PTR_ERR(parked);
	parked->kind = CAPS_PARKED_CALL;
	parked->call.args = *args;
	atomic_set(&parked->state, CAPS_PARK_PARKED);
	err = caps_call_park(parked, lent);
	if (err != -EIOCBQUEUED)
		err = caps_tell_call(&parked->call.args, uarg, err);
	return parked_begun(parked, err, issue_flags);
}

/* --- sends ---------------------------------------------------------------- */

/* Guards the pointers between bodies and the sends that wait for them. */
static DEFINE_SPINLOCK(awaited_lock);

/**
 * caps_park_send - prepare to park a send until its body is free
 * @actor: who sends
 * @lent: what will know of it
 * @cmd: the command; not issued by a worker
 * @uarg: its struct
 *
 * Return: 0 or -errno; then see caps_park_sent().
 */
int caps_park_send(struct caps_actor *actor, struct caps_lent *lent,
		   struct io_uring_cmd *cmd, void __user *uarg)
{
	struct caps_parked *parked;

	parked = parked_create(actor, cmd, uarg, CAPS_FOREVER);
	if (IS_ERR(parked))
		return PTR_ERR(parked);
	parked->kind = CAPS_PARKED_SEND;
	parked->send.body = NULL;
	parked->send.message = NULL;
	atomic_set(&parked->state, CAPS_PARK_PARKED);
	lent->parked = parked;
	return 0;
}

/**
 * caps_park_sent - it has been sent, or not
 * @lent: what caps_park_send() prepared
 * @err: the result so far
 * @issue_flags: how it was issued
 *
 * Return: -EIOCBQUEUED if it waits, else @err.
 */
int caps_park_sent(struct caps_lent *lent, int err, unsigned int issue_flags)
{
	return parked_begun(lent->parked, lent->awaited ? -EIOCBQUEUED : err,
			    issue_flags);
}

/* The body is nobody else's yet. A message drops it once received or ended. */
void caps_park_await(struct caps_lent *lent, struct caps_body *body,
		     struct caps_message *message)
{
	if (message)
		lent->parked->send.message = caps_message_get(message);
	lent->parked->send.body = body;
	lent->awaited = true;
	body->parked = lent->parked;
}

/* Nor is it in this. */
void caps_park_await_not(struct caps_lent *lent, struct caps_body *body)
{
	struct caps_parked *parked = lent->parked;

	if (parked->send.message)
		caps_message_put(parked->send.message);
	parked->send.message = NULL;
	parked->send.body = NULL;
	lent->awaited = false;
	body->parked = NULL;
}

/**
 * caps_park_freed - a body is free for which a send may wait
 * @body: without references or pages
 */
void caps_park_freed(struct caps_body *body)
{
	struct caps_parked *parked;
	bool mine = false;

	spin_lock(&awaited_lock);
	parked = body->parked;
	if (parked) {
		parked->send.body = NULL;
		mine = claim(parked);
	}
	spin_unlock(&awaited_lock);
	/* Otherwise whoever claimed it may have completed it already. */
	if (mine)
		caps_uring_work(parked->cmd, run);
}

/* Completed before its body is free, which is then taken away. */
static int run_send(struct caps_parked *parked, int reason)
{
	struct caps_message *message = parked->send.message;
	struct caps_body *body;
	bool alive = false;

	spin_lock(&awaited_lock);
	body = parked->send.body;
	if (body) {
		/* Zero: nobody reads it any more. */
		alive = refcount_inc_not_zero(&body->refs);
		/* Then it is freed as soon as this is seen there. */
		smp_store_release(&body->parked, NULL);
	}
	spin_unlock(&awaited_lock);
	if (alive) {
		caps_body_revoke(body);
		caps_body_put(body);
		if (message)
			caps_unsend(message);
	} else if (message) {
		caps_message_put(message);
	}
	return alive ? reason : 0;
}

/* --- the end -------------------------------------------------------------- */

static int run_kind(struct caps_parked *parked, int reason, bool gone)
{
	switch (parked->kind) {
	case CAPS_PARKED_CALL:
		return run_call(parked, reason, gone);
	case CAPS_PARKED_RECEIVE:
		return run_receive(parked, reason, gone);
	default:
		return run_send(parked, -ECANCELED);
	}
}

/**
 * caps_parked_give_up - end what a command was parked for
 * @parked: the command, which is in hand; nobody waits for its result
 */
void caps_parked_give_up(struct caps_parked *parked)
{
	timer_stop(parked);
	run_kind(parked, -ECANCELED, true);
}

static int run_claimed(struct caps_parked *parked)
{
	bool gone = caps_uring_gone(parked->cmd) ||
		    !caps_actor_is_mine(parked->actor);
	int reason = 0, err;

	timer_stop(parked);
	if (gone)
		reason = -ECANCELED;
	else if (caps_deadline_passed(parked->deadline))
		reason = -ETIMEDOUT;
	err = run_kind(parked, reason, gone);
	if (err == -EIOCBQUEUED)
		timer_start(parked);
	return err;
}

/* The work of a command that was claimed. */
static void run(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct caps_parked *parked = *parked_in(cmd);
	int err = -ECANCELED;

	if (change(parked, CAPS_PARK_CLAIMED, CAPS_PARK_RUNNING))
		err = run_claimed(parked);
	else if (change(parked, CAPS_PARK_STOLEN, CAPS_PARK_DROPPED))
		return;
	if (err == -EIOCBQUEUED)
		return;
	parked_free(parked);
	io_uring_cmd_done(cmd, err, 0, issue_flags);
}

/**
 * caps_park_cancel - io_uring wants a parked command back
 * @cmd: the command; perhaps its work is waiting already
 * @issue_flags: from there
 */
void caps_park_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct caps_parked *parked = *parked_in(cmd);

	if (!change(parked, CAPS_PARK_PARKED, CAPS_PARK_RUNNING))
		return;
	caps_parked_give_up(parked);
	parked_free(parked);
	caps_uring_cancelled(cmd, issue_flags);
}
