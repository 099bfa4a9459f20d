// SPDX-License-Identifier: GPL-2.0
/*
 * Generations of ports; see generation.h.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "actor.h"
#include "capability.h"
#include "generation.h"
#include "port.h"
#include "revoke.h"
#include "wait.h"

/**
 * caps_generation_set - tell a port's clients another number
 * @actor: who does
 * @args: checked
 *
 * Return: 0; -EBADF, -EPERM, -EINVAL, -EPIPE.
 */
int caps_generation_set(struct caps_actor *actor,
			const struct caps_generation_set *args)
{
	struct caps_port *port;
	int err = 0;

	port = caps_capability_own_port(actor, args->capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) == actor)
		atomic64_set(&port->told, args->generation);
	else
		err = caps_port_lost(port);
	spin_unlock(&actor->lock);
	wake_up_all(&port->told_wait);
	caps_port_put(port);
	return err;
}

static struct caps_port *readable_port(struct caps_actor *actor, u64 handle)
{
	struct caps_port *port = ERR_PTR(-EBADF);
	struct caps_capability *capability;

	rcu_read_lock();
	capability = caps_capability_find(actor, handle);
	if (capability) {
		port = capability->port;
		if (capability->type != CAPS_TYPE_PORT)
			port = ERR_PTR(-EINVAL);
		else if (caps_capability_is_revoked(capability, actor))
			port = ERR_PTR(-EKEYREVOKED);
		else if (!caps_port_tryget(port))
			port = ERR_PTR(-EBADF);
	}
	rcu_read_unlock();
	return port;
}

static int check_readable(struct caps_actor *actor, u64 handle)
{
	struct caps_port *port = readable_port(actor, handle);

	if (!IS_ERR(port))
		caps_port_put(port);
	return PTR_ERR_OR_ZERO(port);
}

/* Who is woken since it was revoked is told nothing more. */
static int wait_for_other(struct caps_actor *actor, struct caps_port *port,
			  const struct caps_generation *args)
{
	const unsigned int state = TASK_INTERRUPTIBLE | TASK_FREEZABLE;
	DEFINE_WAIT(wait);
	int err = 0;

	while (!err) {
		prepare_to_wait(&port->told_wait, &wait, state);
		err = check_readable(actor, args->capability);
		if (err || atomic64_read(&port->told) != args->generation ||
		    !rcu_access_pointer(port->owner))
			break;
		err = caps_sleep(state, args->deadline);
	}
	finish_wait(&port->told_wait, &wait);
	return err == -EINTR ? -ERESTARTSYS : err;
}

/**
 * caps_generation_get - the number, or wait for another one
 * @actor: who asks
 * @args: checked
 *
 * Return: 0; -EBADF, -EINVAL, -EKEYREVOKED, -EPIPE, -ETIMEDOUT, -ERESTARTSYS.
 */
int caps_generation_get(struct caps_actor *actor, struct caps_generation *args)
{
	struct caps_port *port = readable_port(actor, args->capability);
	int err = 0;

	if (IS_ERR(port))
		return PTR_ERR(port);
	if (args->flags & CAPS_GENERATION_WAIT)
		err = wait_for_other(actor, port, args);
	if (!err && !rcu_access_pointer(port->owner))
		err = -EPIPE;
	args->generation = atomic64_read(&port->told);
	caps_port_put(port);
	return err;
}
