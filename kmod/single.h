/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ports for one client each, several of them under one name
 * (CAPS_REGISTER_SINGLE).
 *
 * Such a port is taken by who is about to apply, in one step, so it never has two
 * applications. It is free again when that comes to nothing, which whoever took it
 * sees to; once accepted it is taken until it is registered anew. Free ports have
 * their @turn: the one with the lowest has been free for the longest time.
 *
 * Each registering has a ticket of its own, not 0. The port is free for who has the
 * ticket that stands in @free. So once it was registered anew it is neither taken by
 * who found the old name, nor freed by who applied under that.
 *
 * Who finds all taken waits in the table of those who wait for a name. One of them,
 * the first that would get something, is woken for each port that becomes free; it
 * may be somebody who trusts several users, and those of another one are taken. Who
 * was woken passes that on if the port is still free when it has looked, whether it
 * got another one, waits again or leaves, see connect.c. When a port loses its name
 * all look, since it may have been the last; and when a name appears all who have
 * waited for that, since from now on it is a port for which they wait, or do not.
 *
 * Locking: @registered, @single, @names and @turn change under the services' lock. A look-up reads
 * the turn without it: at worst it is another port's.
 */
#ifndef _CAPS_SINGLE_H
#define _CAPS_SINGLE_H

#include "port.h"
#include "service.h"

int caps_single_begin(struct caps_service *service);
void caps_single_end(struct caps_service *service);
void caps_single_free(struct caps_net *cnet, const struct caps_name *name,
		      struct caps_port *port, u64 ticket);

/* Take its port for a client. False: somebody has. */
static inline bool caps_single_take(struct caps_service *service)
{
	u64 ticket = service->ticket;

	return cmpxchg(&service->port->free, ticket, 0) == ticket;
}

static inline bool caps_single_taken(const struct caps_service *service)
{
	return (service->flags & CAPS_REGISTER_SINGLE) &&
	       READ_ONCE(service->port->free) != service->ticket;
}

/* Which of two is to be taken; the first may be NULL. */
static inline struct caps_service *
caps_single_better(struct caps_service *one, struct caps_service *other)
{
	if (!one || caps_single_taken(one))
		return other;
	if (caps_single_taken(other))
		return one;
	return READ_ONCE(one->port->turn) < READ_ONCE(other->port->turn) ?
		one : other;
}

#endif
