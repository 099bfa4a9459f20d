// SPDX-License-Identifier: GPL-2.0
/*
 * Signals; see port_signal.h.
 */
#include "actor.h"
#include "capability.h"
#include "port.h"
#include "port_signal.h"
#include "queue.h"
#include "revoke.h"
#include "wait.h"

/* The owner is locked. */
static void signals_add(struct caps_actor *owner, struct caps_port *port,
			u64 bits, struct caps_wakes *wakes)
{
	if (!port->signals)
		port->signals_arrival = ++owner->arrivals;
	port->signals |= bits;
	caps_queue_update(owner, port);
	caps_queue_dispatch(owner, port, wakes);
	wakes->poll |= caps_port_is_polled(port);
}

static int signal_once(struct caps_actor *actor,
		       const struct caps_capability *capability, u64 bits,
		       struct caps_wakes *wakes)
{
	struct caps_port *port = capability->port;
	struct caps_actor *owner;
	int err = -EPIPE;

	if (!(capability->rights & CAPS_RIGHT_SEND))
		return -EPERM;
	if (capability->type != CAPS_TYPE_PORT)
		return -EINVAL;
	owner = caps_port_lock(port);
	if (!owner)
		return -EPIPE;
	if (caps_capability_is_revoked(capability, actor)) {
		err = -EKEYREVOKED;
	} else if (!owner->dead) {
		signals_add(owner, port, bits, wakes);
		err = 0;
	}
	spin_unlock(&owner->lock);
	caps_wakes_poll(wakes, owner);
	return err;
}

/**
 * caps_signal - set bits in a port
 * @actor: who does
 * @args: checked
 *
 * Return: 0; -EBADF, -EPERM, -EINVAL, -EKEYREVOKED, -EPIPE.
 */
int caps_signal(struct caps_actor *actor, const struct caps_signal *args)
{
	const struct caps_capability *capability;
	struct caps_wakes wakes;
	int err = -EBADF;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	capability = caps_capability_find(actor, args->capability);
	if (capability)
		err = signal_once(actor, capability, args->bits, &wakes);
	rcu_read_unlock();
	caps_wakes_run(&wakes);
	return err;
}

/**
 * caps_signals_take - the bits that are set, and clear them
 * @owner: the owner, locked
 * @port: its port
 * @sequence: their number; taken now, since the port may move meanwhile
 *
 * Return: the bits, 0 if there are none or it is a message's turn.
 */
u64 caps_signals_take(struct caps_actor *owner, struct caps_port *port,
		      u64 *sequence)
{
	const struct caps_message *first = caps_queue_first(port);
	u64 bits = port->signals;

	lockdep_assert_held(&owner->lock);

	if (!bits || (first && first->arrival < port->signals_arrival))
		return 0;
	port->signals = 0;
	*sequence = ++port->sequence;
	caps_queue_update(owner, port);
	return bits;
}

/**
 * caps_signals_restore - they could not be delivered
 * @actor: who received
 * @port: the port they were taken from; it may have moved, or be gone meanwhile
 * @bits: they
 * @sequence: their number, given back if it was the last
 */
void caps_signals_restore(struct caps_actor *actor, struct caps_port *port,
			  u64 bits, u64 sequence)
{
	struct caps_actor *owner;
	struct caps_wakes wakes;

	caps_wakes_init(&wakes);
	rcu_read_lock();
	owner = caps_port_lock(port);
	if (owner) {
		if (owner == actor && port->sequence == sequence)
			port->sequence--;
		signals_add(owner, port, bits, &wakes);
		spin_unlock(&owner->lock);
		caps_wakes_poll(&wakes, owner);
	}
	rcu_read_unlock();
	caps_wakes_run(&wakes);
}
