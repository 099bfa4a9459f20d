/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services: names, bound to ports, per network namespace.
 *
 * A name is qualified by the effective uid that registered it. It belongs to
 * the actor that registered; once that is dead the name counts as free, even
 * before its teardown has come around to removing it. It moves along with its
 * port to an actor of the same uid, see migrate.h.
 *
 * Lifetime: a service holds its actor and port in memory and goes by RCU.
 * Locking: one mutex for changes, RCU for look-ups. A namespace that ends takes
 * its names along, whoever registered them.
 */
#ifndef _CAPS_SERVICE_H
#define _CAPS_SERVICE_H

#include "caps.h"

struct caps_actor;
struct caps_port;

int caps_services_init(void);
void caps_services_exit(void);
void caps_services_end(struct caps_actor *actor);
long caps_services_begin_move(struct caps_actor *actor, struct caps_port *port,
			      struct caps_actor *to);
void caps_services_end_move(struct caps_actor *actor, struct caps_port *port,
			    struct caps_actor *to, long names, bool moved);

int caps_service_register(struct caps_actor *actor,
			  const struct caps_register *args);
int caps_service_unregister(struct caps_actor *actor,
			    const struct caps_unregister *args);
int caps_service_connect(struct caps_actor *actor, struct caps_connect *args);

#endif
