// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that only tell: features, limits, and the state of objects.
 */
#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "compat/uring.h"
#include "group.h"
#include "info.h"
#include "message.h"
#include "params.h"
#include "port.h"
#include "revoke.h"

void caps_info_query(struct caps_query *args)
{
	args->features = 0;
	if (IS_ENABLED(CONFIG_IO_URING))
		args->features = CAPS_FEATURE_URING |
				 (CAPS_URING_CAN_PARK ? CAPS_FEATURE_PARK : 0);
	args->max_body = CAPS_MAX_BODY;
	args->max_copied_body = READ_ONCE(caps_max_copied_body);
	args->max_pinned = READ_ONCE(caps_max_pinned);
	args->copy_break = max(READ_ONCE(caps_copy_break), CAPS_INLINE);
	args->max_annex = CAPS_MAX_ANNEX;
	args->max_iovecs = CAPS_MAX_IOVECS;
	args->max_batch = CAPS_MAX_BATCH;
	args->default_queue_limit = READ_ONCE(caps_default_queue_limit);
	args->max_queue_limit = READ_ONCE(caps_max_queue_limit);
}

void caps_info_actor(struct caps_actor *actor, struct caps_actor_info *args)
{
	struct caps_message *message;
	u32 slot = 0;
	u64 id;

	args->held = 0;
	spin_lock(&actor->lock);
	args->ports = actor->port_count;
	args->capabilities = actor->capabilities.used;
	args->pending = 0;
	while ((message = caps_table_next(&actor->messages, &slot, &id))) {
		if (caps_message_is_held(message, actor, id))
			args->held++;
		else
			args->pending++;
	}
	spin_unlock(&actor->lock);

	args->pinned_bodies = atomic_long_read(&actor->pinned_bodies);
	args->pinned_bytes = atomic_long_read(&actor->pinned_bytes);
	args->sent_copies = atomic_long_read(&actor->sent_copies);
	args->sent_copy_bytes = atomic_long_read(&actor->sent_copy_bytes);
	args->read_copies = atomic_long_read(&actor->read_copies);
	args->read_copy_bytes = atomic_long_read(&actor->read_copy_bytes);
}

/* In an RCU reader section. */
static u32 capability_status(const struct caps_capability *capability,
			     const struct caps_actor *actor)
{
	struct caps_actor *owner;
	u32 status = 0;

	if (capability->type == CAPS_TYPE_GROUP)
		return rcu_access_pointer(capability->group->members) ?
		       0 : CAPS_INFO_DEAD;
	owner = capability->type == CAPS_TYPE_ACTOR ? capability->actor :
		rcu_dereference(capability->port->owner);
	if (!owner || READ_ONCE(owner->dead))
		status |= CAPS_INFO_DEAD;
	if (owner == actor)
		status |= CAPS_INFO_OWN;
	if (capability->badge)
		status |= CAPS_INFO_BADGED;
	if (caps_capability_is_revoked(capability, actor))
		status |= CAPS_INFO_REVOKED;
	return status;
}

int caps_info_capability(struct caps_actor *actor,
			 struct caps_capability_info *args)
{
	struct caps_capability *capability;
	int err = -EBADF;

	rcu_read_lock();
	capability = caps_capability_find(actor, args->capability);
	if (!capability)
		goto out;
	args->type = capability->type;
	args->rights = capability->rights;
	args->operations = capability->operations;
	args->badge = capability->badge ? capability->badge->value : 0;
	args->status = capability_status(capability, actor);
	err = 0;
out:
	rcu_read_unlock();
	return err;
}

int caps_info_port(struct caps_actor *actor, struct caps_port_info *args)
{
	struct caps_port *port;
	int err = 0;

	port = caps_capability_own_port(actor, args->capability, 0);
	if (IS_ERR(port))
		return PTR_ERR(port);
	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) != actor)
		err = caps_port_lost(port);
	args->cookie = port->cookie;
	args->sequence = port->sequence;
	args->queue_limit = port->limit;
	args->queued = port->queued + port->claimed;
	args->waiting = port->waiting;
	args->users = port->users;
	args->priority = port->priority;
	args->status = (port->enabled ? CAPS_PORT_ENABLED : 0) |
		       (port->is_default ? CAPS_PORT_IS_DEFAULT : 0) |
		       (port->unix_sockets ? CAPS_PORT_UNIX_SOCKETS : 0);
	spin_unlock(&actor->lock);
	caps_port_put(port);
	return err;
}
