// SPDX-License-Identifier: GPL-2.0
/*
 * Asking a server whether somebody may connect; see apply.h.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "actor.h"
#include "apply.h"
#include "badge.h"
#include "identity.h"
#include "ipc.h"
#include "message.h"
#include "port.h"
#include "queue.h"
#include "trace.h"
#include "wait.h"

#define MAX_REASON	511	/* what the kernel has for itself lies above */

static void describe(struct caps_message *message, u64 service)
{
	const struct cred *cred = message->cred;
	struct caps_application *a = (void *)message->request.data;

	BUILD_BUG_ON(sizeof(*a) > CAPS_MAX_ANNEX);
	*a = (struct caps_application){
		.service = service,
		.effective = caps_capability_set(&cred->cap_effective),
		.permitted = caps_capability_set(&cred->cap_permitted),
		.inheritable = caps_capability_set(&cred->cap_inheritable),
		.user_namespace = cred->user_ns->ns.inum,
		.pid_namespace = ns_of_pid(message->tgid)->ns.inum,
		.network_namespace = current->nsproxy->net_ns->ns.inum,
	};
	message->request.annex_len = sizeof(*a);
}

static struct caps_message *application_create(struct caps_actor *actor,
					       const struct caps_plea *plea)
{
	struct caps_message *message;

	message = caps_message_create(actor, CAPS_KIND_CALL);
	if (IS_ERR(message))
		return message;
	message->application = true;
	message->sync = true;
	message->task = current;
	message->badge = caps_badge_get(plea->badge);
	message->header.address = plea->operations;
	describe(message, plea->service);
	return message;
}

static int post_once(const struct caps_plea *plea, struct caps_message *message,
		     struct caps_wakes *wakes)
{
	struct caps_port *port = plea->port;
	struct caps_actor *owner;
	int err = -EPIPE;

	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		message->generation = port->generation;
		if (!owner->dead)
			err = caps_queue_admit(owner, port, message, true,
					       wakes);
		spin_unlock(&owner->lock);
		caps_wakes_poll(wakes, owner);
	}
	rcu_read_unlock();
	return err;
}

static int post(const struct caps_plea *plea, struct caps_message *message)
{
	struct caps_wakes wakes;
	int err;

	caps_wakes_init(&wakes);
	do {
		err = post_once(plea, message, &wakes);
	} while (err == CAPS_NEEDS_SHARES &&
		 !(err = caps_shares_prepare(message)));
	if (!err)
		trace_caps_send(message);
	caps_wakes_run(&wakes);
	return err;
}

/* How it ended: what the server said, or that it will not say anything. */
static int outcome(const struct caps_message *message, struct caps_plea *plea)
{
	if (message->state == CAPS_FAILED)
		return -ECONNREFUSED;
	plea->result = CAPS_RESULT_TAKEN;
	if (message->status) {
		plea->result |= CAPS_RESULT_REJECTED;
		return -message->status;
	}
	memcpy(&plea->verdict, message->reply.data, sizeof(plea->verdict));
	return 0;
}

/**
 * caps_apply - ask a server whether the current process may connect
 * @actor: who wants to
 * @plea: what it asks; result and verdict are filled
 *
 * Return: 0 if it may; -EPIPE if the port was gone before it could be asked;
 * -EAGAIN without a deadline; -ETIMEDOUT; -EINTR, -ERESTARTSYS; -ECONNREFUSED
 * if the server ended without a verdict; -EDQUOT, -ENOMEM; what the server
 * says.
 */
int caps_apply(struct caps_actor *actor, struct caps_plea *plea)
{
	struct caps_call wait = {
		.deadline = plea->deadline, .flags = CAPS_INTERRUPTIBLE,
	};
	struct caps_message *message;
	int err;

	if (!plea->deadline)
		return -EAGAIN;
	if (caps_deadline_passed(plea->deadline))
		return -ETIMEDOUT;
	message = application_create(actor, plea);
	if (IS_ERR(message))
		return PTR_ERR(message);
	caps_message_get(message);
	err = post(plea, message);
	if (err) {
		caps_message_put(message);
	} else {
		err = caps_call_wait(message, &wait);
		plea->result = wait.result;
		if (!err)
			err = outcome(message, plea);
	}
	caps_message_put(message);
	return err;
}

static bool verdict_fits(const struct caps_message *message, s32 status)
{
	const struct caps_payload *reply = &message->reply;
	struct caps_verdict verdict;

	if (reply->body_len || reply->attached)
		return false;
	if (status)
		return status > 0 && status <= MAX_REASON && !reply->annex_len;
	if (reply->annex_len != sizeof(verdict))
		return false;
	memcpy(&verdict, reply->data, sizeof(verdict));
	if (verdict.flags & ~CAPS_VERDICT_BADGE ||
	    verdict.in_flight > CAPS_MAX_IN_FLIGHT ||
	    verdict.operations & ~message->header.address)
		return false;
	if (verdict.flags & CAPS_VERDICT_BADGE)
		return !(verdict.badge & CAPS_BADGE_KERNEL);
	return !verdict.badge;
}

/**
 * caps_verdict_check - is an answer to an application a verdict?
 * @message: the application, with the answer loaded; busy
 * @status: the answer's; that of a rejection if it is none
 *
 * Return: 0; -EBADMSG if it is none: then nothing of it is to be kept.
 */
int caps_verdict_check(struct caps_message *message, s32 *status)
{
	if (verdict_fits(message, *status))
		return 0;
	*status = ECONNREFUSED;
	return -EBADMSG;
}
