// SPDX-License-Identifier: GPL-2.0
/*
 * Names that move with their port; see service.h and migrate.h.
 */
#include <linux/cred.h>

#include "account.h"
#include "actor.h"
#include "port.h"
#include "service.h"

/* Does a name stay with its port? It says whose server answers to it. */
static bool service_moves(const struct caps_service *service,
			  const struct caps_actor *to)
{
	return uid_eq(service->registrant, to->cred->euid);
}

/**
 * caps_services_begin_move - a port is about to move, and its names with it
 * @actor: its owner
 * @port: the port
 * @to: who will own it, and pays for the names
 *
 * No name changes until caps_services_end_move().
 *
 * Return: how many will move, or -EDQUOT: then nothing is to be ended.
 */
long caps_services_begin_move(struct caps_actor *actor, struct caps_port *port,
			      struct caps_actor *to)
{
	struct caps_service *service;
	long names = 0;
	int err = 0;

	mutex_lock(&caps_services_lock);
	list_for_each_entry(service, &actor->services, actor_link) {
		if (service->port == port && service_moves(service, to))
			names++;
	}
	if (names)
		err = caps_charge(to->chain, CAPS_NAMES, names);
	if (err)
		mutex_unlock(&caps_services_lock);
	return err ?: names;
}

static void service_move(struct caps_service *service, struct caps_actor *to)
{
	struct caps_actor *actor = service->actor;

	caps_uncharge(service->chain, CAPS_NAMES, 1);
	caps_chain_put(service->chain);
	service->chain = caps_chain_get(to->chain);
	/* caps_service_find() looks whether it is alive, under RCU. */
	WRITE_ONCE(service->actor, caps_actor_get(to));
	/* One after the other, newest first, as they go fastest. */
	list_move_tail(&service->actor_link, &to->services);
	caps_actor_put(actor);
}

/**
 * caps_services_end_move - the port has moved, or will not
 * @actor: as caps_services_begin_move() was told, like all the others
 * @port: the port
 * @to: who owns it now, if it has moved
 * @names: what that returned
 * @moved: has it?
 */
void caps_services_end_move(struct caps_actor *actor, struct caps_port *port,
			    struct caps_actor *to, long names, bool moved)
{
	struct caps_service *service, *next;

	if (!moved && names)
		caps_uncharge(to->chain, CAPS_NAMES, names);
	list_for_each_entry_safe(service, next, &actor->services, actor_link) {
		cond_resched();
		if (!moved || service->port != port)
			continue;
		if (service_moves(service, to))
			service_move(service, to);
		else
			caps_service_remove(service);
	}
	mutex_unlock(&caps_services_lock);
}
