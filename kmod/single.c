// SPDX-License-Identifier: GPL-2.0
/*
 * Ports for one client each; see single.h.
 */
#include "single.h"

static u64 turns;	/* and tickets; services' lock */

/**
 * caps_single_begin - a port is about to get a name
 * @service: the name; the services' mutex is held
 *
 * Return: 0; -EBUSY if it has one, and one of the two is to be its only one.
 */
int caps_single_begin(struct caps_service *service)
{
	struct caps_port *port = service->port;
	bool single = service->flags & CAPS_REGISTER_SINGLE;

	lockdep_assert_held(&caps_services_lock);

	if (port->names && (single || port->single))
		return -EBUSY;
	port->names++;
	port->single = single;
	if (single) {
		service->ticket = ++turns;
		port->registered = service->ticket;
		WRITE_ONCE(port->turn, service->ticket);
		WRITE_ONCE(port->free,
			   service->flags & CAPS_REGISTER_RESERVED ?
				   0 : service->ticket);
	}
	return 0;
}

/**
 * caps_single_end - a port has lost a name
 * @service: the name; the services' mutex is held
 */
void caps_single_end(struct caps_service *service)
{
	lockdep_assert_held(&caps_services_lock);

	service->port->names--;
	if (service->port->single)
		caps_connect_wake(service->cnet, &service->name, false);
}

/**
 * caps_single_free - an application has come to nothing
 * @cnet: where the port's name is
 * @name: what that is
 * @port: the port, which the caller took
 * @ticket: under which one; it may have been registered anew
 */
void caps_single_free(struct caps_net *cnet, const struct caps_name *name,
		      struct caps_port *port, u64 ticket)
{
	mutex_lock(&caps_services_lock);
	if (port->registered == ticket) {
		WRITE_ONCE(port->turn, ++turns);
		/* Whoever takes it now has seen that turn, or another's. */
		smp_store_release(&port->free, ticket);
		caps_connect_wake(cnet, name, true);
	}
	mutex_unlock(&caps_services_lock);
}
