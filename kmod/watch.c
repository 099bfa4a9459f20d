// SPDX-License-Identifier: GPL-2.0
/*
 * Watches; see watch.h.
 */
#include "actor.h"
#include "capability.h"
#include "message.h"
#include "port.h"
#include "revoke.h"
#include "watch.h"

/* The port that dies with what a capability names; in an RCU reader section. */
static struct caps_port *mortal_port(const struct caps_capability *capability)
{
	switch (capability->type) {
	case CAPS_TYPE_PORT:
		return capability->port;
	case CAPS_TYPE_ACTOR:
		return capability->actor->self.port;
	}
	return NULL;
}

/* What is dead is not revoked: its owner's own handles were exempt. */
static bool may_not_watch(const struct caps_capability *capability,
			  const struct caps_actor *actor)
{
	return caps_capability_is_revoked(capability, actor) &&
	       rcu_access_pointer(capability->port->owner);
}

static struct caps_port *find_watched(struct caps_actor *actor, u64 handle)
{
	struct caps_capability *capability;
	struct caps_port *port;

	capability = caps_capability_find(actor, handle);
	if (!capability)
		return ERR_PTR(-EBADF);
	if (!(capability->rights & CAPS_RIGHT_WATCH))
		return ERR_PTR(-EPERM);
	port = mortal_port(capability);
	if (!port)
		return ERR_PTR(-EINVAL);
	if (may_not_watch(capability, actor))
		return ERR_PTR(-EKEYREVOKED);
	/* Zero: the handle is being closed by another thread just now. */
	return caps_port_tryget(port) ? port : ERR_PTR(-EBADF);
}

/* The list gets a reference, or whoever receives it now. */
static void arm(struct caps_actor *actor, struct caps_message *watch)
{
	struct caps_actor *owner;

	caps_message_get(watch);
	rcu_read_lock();
	owner = caps_port_lock(watch->port);
	if (owner) {
		list_add_tail(&watch->link, &watch->port->watches);
		spin_unlock(&owner->lock);
	}
	rcu_read_unlock();
	if (!owner)
		caps_message_return(watch);
	else if (READ_ONCE(actor->dead))
		caps_watch_withdraw(watch);
}

static int watch_begin(struct caps_actor *actor, struct caps_message *watch,
		       u64 handle)
{
	struct caps_port *port;

	rcu_read_lock();
	port = find_watched(actor, handle);
	rcu_read_unlock();
	if (IS_ERR(port))
		return PTR_ERR(port);
	/* Before the id: who withdraws it needs this. */
	watch->port = port;
	return caps_message_assign_id(watch);
}

/**
 * caps_watch - be told of a death
 * @actor: whom to tell
 * @args: checked
 *
 * Return: 0; -EBADF, -EPERM, -EINVAL, -EPIPE, -EKEYREVOKED, -EDQUOT, -ENOMEM,
 * -EMFILE.
 */
int caps_watch(struct caps_actor *actor, struct caps_watch *args)
{
	struct caps_port *source = NULL;
	struct caps_message *watch;
	int err;

	if (args->source) {
		source = caps_capability_own_port(actor, args->source, 0);
		if (IS_ERR(source))
			return PTR_ERR(source);
	}
	watch = caps_message_create(actor, CAPS_KIND_PORT_DEAD);
	if (IS_ERR(watch)) {
		caps_port_put(source);
		return PTR_ERR(watch);
	}
	watch->source = source;
	err = watch_begin(actor, watch, args->capability);
	if (!err) {
		args->id = watch->sent_id;
		arm(actor, watch);
	}
	caps_message_put(watch);
	return err;
}

/**
 * caps_watch_withdraw - no event is to come
 * @watch: the caller has a reference; its id stays
 *
 * Return: whether that was in time.
 */
bool caps_watch_withdraw(struct caps_message *watch)
{
	struct caps_actor *owner;
	bool armed = false;

	rcu_read_lock();
	owner = caps_port_lock(READ_ONCE(watch->port));
	if (owner) {
		armed = !watch->holder && !list_empty(&watch->link);
		if (armed) {
			list_del_init(&watch->link);
			WRITE_ONCE(watch->state, CAPS_WITHDRAWN);
		}
		spin_unlock(&owner->lock);
	}
	rcu_read_unlock();
	if (armed)
		caps_message_put(watch);
	/* Or another thread was first: no event comes then, either. */
	return READ_ONCE(watch->state) == CAPS_WITHDRAWN;
}

/**
 * caps_watches_end - a port has died
 * @watches: what its list was, which nobody else can find any more
 */
void caps_watches_end(struct list_head *watches)
{
	struct caps_message *watch;

	while (!list_empty(watches)) {
		watch = list_first_entry(watches, struct caps_message, link);
		list_del_init(&watch->link);
		caps_message_return(watch);
		cond_resched();
	}
}
