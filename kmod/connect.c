// SPDX-License-Identifier: GPL-2.0
/*
 * Connecting to services, and waiting for one; see service.h.
 *
 * Who waits is on its own stack, in a table by name under the services' mutex,
 * looks once more when it stands there, and is woken only by a service that it
 * asked for; so neither does it miss one, nor do others wake up for nothing. Those
 * who wait for a port that is taken by another client (see single.h) stand there,
 * too.
 */
#include <linux/cred.h>
#include <linux/freezer.h>
#include <linux/jhash.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "actor.h"
#include "apply.h"
#include "badge.h"
#include "capability.h"
#include "port.h"
#include "service.h"
#include "single.h"
#include "wait.h"

#define CONNECTION_RIGHTS \
	(CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH)

struct waiting {
	struct list_head link;		/* this and all but @woken: */
					/* caps_services_lock */
	const struct caps_request *request;
	struct task_struct *task;
	bool busy;			/* waits for a port, not for the name */
	bool woken;
	bool offered;			/* woken alone, for a port */
	struct caps_name name;		/* of that */
};

/* What a service that lets the current task in has for it. */
struct offer {
	struct caps_port *port;		/* a reference */
	struct caps_name name;
	u64 service;			/* its number */
	u64 ticket;			/* see single.h */
	u64 operations;
	u32 flags;			/* CAPS_REGISTER_* */
	u32 in_flight;
};

/* In it the one that has waited for the longest time is met first. */
static struct list_head *line_of(struct caps_net *cnet,
				 const struct caps_name *name)
{
	u32 hash = jhash(name->text, sizeof(name->text), 0);

	return &cnet->waiting[hash % ARRAY_SIZE(cnet->waiting)];
}

static bool fits(const struct caps_request *request,
		 const struct caps_name *name)
{
	const struct caps_name *wanted = &request->name;
	u32 i;

	if (memcmp(wanted->text, name->text, sizeof(name->text)))
		return false;
	for (i = 0; i < request->trusted_count; i++) {
		if (uid_eq(request->trusted[i], name->uid))
			return true;
	}
	return !request->trusted_count &&
	       (!uid_valid(wanted->uid) || uid_eq(wanted->uid, name->uid)) &&
	       (!gid_valid(wanted->gid) || gid_eq(wanted->gid, name->gid));
}

static void wake(struct waiting *waiting)
{
	if (waiting->woken)
		return;
	WRITE_ONCE(waiting->woken, true);
	wake_up_process(waiting->task);
}

/* Is there something to be had? */
static bool available(struct caps_net *cnet, const struct caps_request *request)
{
	struct caps_service *service;
	bool is;

	rcu_read_lock();
	service = caps_service_find(cnet, request);
	is = service && !caps_single_taken(service);
	rcu_read_unlock();
	return is;
}

/**
 * caps_connect_wake - those who wait for a service are to look
 * @cnet: where it is; the services' mutex is held
 * @name: its name
 * @one: it is a free port: of those who wait for one only the first who would
 *	get something and has not been woken
 */
void caps_connect_wake(struct caps_net *cnet, const struct caps_name *name,
		       bool one)
{
	struct waiting *waiting;
	bool found = false;

	lockdep_assert_held(&caps_services_lock);

	list_for_each_entry(waiting, line_of(cnet, name), link) {
		if (!fits(waiting->request, name))
			continue;
		if (!one || !waiting->busy) {
			wake(waiting);
		} else if (!found && !waiting->woken &&
			   available(cnet, waiting->request)) {
			found = true;
			waiting->offered = true;
			waiting->name = *name;
			wake(waiting);
		}
	}
}

/* -EBUSY: all that there are have been taken. */
static int look(struct caps_net *cnet, const struct caps_request *request,
		u64 wanted, struct offer *offer)
{
	struct caps_service *service;
	int err;

	rcu_read_lock();
again:
	err = -ENOENT;
	service = caps_service_find(cnet, request);
	if (!service)
		goto out;
	err = -EACCES;
	if (!caps_service_admits(service, request->admit))
		goto out;
	if (wanted != CAPS_ALL_OPERATIONS && wanted & ~service->operations)
		goto out;
	err = -EBUSY;
	if (caps_single_taken(service))
		goto out;
	if ((service->flags & CAPS_REGISTER_SINGLE) &&
	    !caps_single_take(service))
		goto again;
	offer->name = service->name;
	offer->service = service->number;
	offer->ticket = service->ticket;
	offer->operations = wanted & service->operations;
	offer->flags = service->flags;
	offer->in_flight = service->in_flight;
	offer->port = service->port;
	err = caps_port_tryget(service->port) ? 0 : -ENOENT;
out:
	rcu_read_unlock();
	return err;
}

/* Who was woken for a free port may not have taken it: it is for the next. */
static void pass_on(struct caps_net *cnet, struct waiting *waiting)
{
	struct caps_request request = { .name = waiting->name };

	if (waiting->offered && available(cnet, &request))
		caps_connect_wake(cnet, &waiting->name, true);
	waiting->offered = false;
}

static int sleep_for_service(struct waiting *waiting, u64 deadline)
{
	const unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	int err = 0;

	while (!err) {
		set_current_state(state);
		if (READ_ONCE(waiting->woken))
			break;
		err = caps_sleep(state, deadline);
	}
	__set_current_state(TASK_RUNNING);
	return err == -EINTR ? -ERESTARTSYS : err;
}

/* Until when to wait after this error; 0: not at all. */
static u64 patience(const struct caps_connect *args, int err)
{
	if (err == -ENOENT)
		return args->deadline;
	if (err == -EBUSY && !(args->flags & CAPS_CONNECT_NOWAIT))
		return args->verdict;
	return 0;
}

static int wait_for_offer(struct caps_net *cnet,
			  const struct caps_request *request,
			  const struct caps_connect *args, struct offer *offer)
{
	struct waiting waiting = { .request = request, .task = current };
	bool was_there = false;
	int err, failed = 0;
	u64 until;

	mutex_lock(&caps_services_lock);
	list_add_tail(&waiting.link, line_of(cnet, &request->name));
	for (;;) {
		err = look(cnet, request, args->operations, offer);
		pass_on(cnet, &waiting);
		waiting.woken = false;
		waiting.busy = err == -EBUSY;
		was_there |= waiting.busy;
		until = patience(args, err);
		/* What it waits for now has a deadline of its own. */
		if (failed == -ETIMEDOUT && !caps_deadline_passed(until))
			failed = 0;
		if (!until || failed)
			break;
		mutex_unlock(&caps_services_lock);
		failed = sleep_for_service(&waiting, until);
		mutex_lock(&caps_services_lock);
	}
	list_del(&waiting.link);
	mutex_unlock(&caps_services_lock);
	if (until)
		return failed;
	return err == -ENOENT && was_there ? -ECONNREFUSED : err;
}

static int look_or_wait(const struct caps_request *request,
			const struct caps_connect *args, struct offer *offer)
{
	struct caps_net *cnet = caps_net_current();
	int err;

	err = look(cnet, request, args->operations, offer);
	if (patience(args, err))
		err = wait_for_offer(cnet, request, args, offer);
	return err == -EBUSY ? -EAGAIN : err;
}

static int parse_trusted(struct caps_request *request,
			 const struct caps_connect *args)
{
	struct user_namespace *ns = current_user_ns();
	u32 uids[CAPS_MAX_TRUSTED], i;
	bool any = !uid_valid(request->name.uid) &&
		   !gid_valid(request->name.gid);

	/* Of anybody's servers any user could pose as the one meant. */
	if (any != !!args->trusted_count || (args->trusted && !any))
		return -EINVAL;
	if (args->trusted_count > CAPS_MAX_TRUSTED)
		return -EMSGSIZE;
	if (copy_from_user(uids, u64_to_user_ptr(args->trusted),
			   args->trusted_count * sizeof(uids[0])))
		return -EFAULT;
	for (i = 0; i < args->trusted_count; i++) {
		request->trusted[i] = make_kuid(ns, uids[i]);
		if (!uid_valid(request->trusted[i]))
			return -EINVAL;
	}
	request->trusted_count = args->trusted_count;
	return 0;
}

/*
 * The badge that the server's verdict is about, or another one that it chose. A
 * limit is set while nobody can use it.
 */
static struct caps_badge *accepted_badge(struct caps_badge *badge,
					 const struct caps_verdict *verdict,
					 u32 limit)
{
	if (verdict->flags & CAPS_VERDICT_BADGE)
		return caps_badge_rename(badge, verdict->badge, limit);
	badge->limit = limit;
	return badge;
}

/* Nothing has come of it: a port for one client is for the next one. */
static void release(const struct offer *offer)
{
	if (offer->flags & CAPS_REGISTER_SINGLE)
		caps_single_free(caps_net_current(), &offer->name, offer->port,
				 offer->ticket);
}

/*
 * Ask the server. Its end is announced before the connection begins, so that
 * the server hears of it whatever comes in between.
 */
static int ask(struct caps_actor *actor, struct offer *offer,
	       struct caps_connect *args, struct caps_badge **badge)
{
	struct caps_plea plea = {
		.port = offer->port, .badge = *badge,
		.service = offer->service, .operations = offer->operations,
		.deadline = args->verdict,
	};
	struct caps_badge *accepted;
	int err;

	err = caps_apply(actor, &plea);
	args->result = plea.result;
	if (err) {
		release(offer);
		return err;
	}
	offer->operations = plea.verdict.operations;
	offer->in_flight = plea.verdict.in_flight ?: offer->in_flight;
	accepted = accepted_badge(*badge, &plea.verdict, offer->in_flight);
	err = PTR_ERR_OR_ZERO(accepted);
	if (!err) {
		*badge = accepted;
		err = caps_badge_announce(*badge, false,
					  offer->flags &
					  CAPS_REGISTER_DISCONNECTED);
	}
	/* It was there, and has gone now. */
	return err == -EPIPE ? -ECONNREFUSED : err;
}

/* A handle to what is offered; the badge's reference is kept. */
static int make_handle(struct caps_actor *actor, const struct offer *offer,
		       struct caps_badge *badge, u64 *handle)
{
	struct caps_capability *capability;
	int err;

	capability = caps_capability_create(offer->port, caps_badge_get(badge),
					    offer->operations,
					    CONNECTION_RIGHTS);
	if (!capability)
		return -ENOMEM;
	err = caps_capability_insert(actor, capability, handle);
	if (err)
		caps_capability_free(capability);
	return err;
}

/* The same, and the server asked or told if it wants to be. */
static int connect(struct caps_actor *actor, struct offer *offer,
		   struct caps_connect *args)
{
	bool asked = offer->flags & CAPS_REGISTER_ASK;
	bool connected = offer->flags & CAPS_REGISTER_CONNECTED;
	bool disconnected = offer->flags & CAPS_REGISTER_DISCONNECTED;
	bool told = !asked && (connected || disconnected);
	struct caps_badge *badge = ERR_PTR(-EAGAIN);
	int err = 0;

	if (!disconnected || !caps_badge_events_due(offer->port))
		badge = caps_badge_assign(actor, offer->port, told,
					  offer->in_flight);
	if (IS_ERR(badge)) {
		release(offer);
		return PTR_ERR(badge);
	}
	if (asked)
		err = ask(actor, offer, args, &badge);
	if (!err)
		err = make_handle(actor, offer, badge, &args->capability);
	if (!err && told) {
		err = caps_badge_announce(badge, connected, disconnected);
		if (err)
			caps_capability_close(actor, args->capability);
	}
	args->in_flight = badge->limit;
	caps_badge_put(badge);
	return err;
}

/**
 * caps_service_connect - a capability to a service, with a badge of its own
 * @actor: who connects
 * @args: checked but for name and ids
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_service_connect(struct caps_actor *actor, struct caps_connect *args)
{
	struct caps_request request = {
		.admit = args->flags & CAPS_ADMIT ?: CAPS_ADMIT,
	};
	struct offer offer;
	int err;

	args->result = 0;
	err = caps_name_parse(&request.name, args->name, args->name_len,
			      args->uid, args->gid);
	if (!err)
		err = parse_trusted(&request, args);
	if (err)
		return err;
	do {
		err = look_or_wait(&request, args, &offer);
		if (err)
			return err;
		err = connect(actor, &offer, args);
		caps_port_put(offer.port);
		/* Gone between the two: it is found no more. */
	} while (err == -EPIPE && !(args->result & CAPS_RESULT_REJECTED));
	args->operations = offer.operations;
	return err;
}
