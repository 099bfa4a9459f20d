/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Revoking: capabilities that others hold become worthless where they are.
 *
 * A port counts how often all were revoked; a capability, and a message, has
 * the number that was current when it was made, or sent. A badge has a mark.
 * Both change under the lock of the port's owner, and a send looks at them
 * under the same lock: what is in the queue after that came before, and is
 * dropped. What was claimed then is looked at again before it is taken.
 *
 * The owner is exempt from the first, so cannot lock itself out; what it sent
 * says so (CAPS_OWNERS), whoever receives it.
 */
#ifndef _CAPS_REVOKE_H
#define _CAPS_REVOKE_H

#include <linux/types.h>

#include "badge.h"
#include "capability.h"
#include "message.h"
#include "port.h"

/**
 * caps_capability_is_revoked - is a capability worth nothing any more?
 * @capability: a capability
 * @actor: who uses it
 *
 * Without the lock of the port's owner it may be revoked right after.
 */
static inline bool
caps_capability_is_revoked(const struct caps_capability *capability,
			   const struct caps_actor *actor)
{
	const struct caps_port *port = capability->port;

	if (capability->type != CAPS_TYPE_PORT)
		return false;
	if (capability->badge && READ_ONCE(capability->badge->revoked))
		return true;
	return capability->generation != READ_ONCE(port->generation) &&
	       rcu_access_pointer(port->owner) != actor;
}

#define CAPS_OWNERS	U64_MAX

/* What a message says of the capability that it comes through. */
static inline u64 caps_generation_of(const struct caps_capability *capability,
				     const struct caps_actor *owner,
				     const struct caps_actor *actor)
{
	return owner == actor ? CAPS_OWNERS : capability->generation;
}

/* Did a message come through what has been revoked? Its holder is locked. */
static inline bool caps_message_is_revoked(const struct caps_message *message)
{
	const struct caps_port *port = message->port;

	if (message->badge && message->badge->revoked)
		return true;
	return message->generation != port->generation &&
	       message->generation != CAPS_OWNERS;
}

int caps_port_revoke(struct caps_actor *actor, struct caps_port *port,
		     struct caps_revoke *args);

#endif
