/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services: names, bound to ports, per network namespace.
 *
 * A name is qualified by a user id, a group id, or both. It stands in a table
 * by name and user, and in one by name and group, as far as it has them, each
 * with a list of equal keys, newest first: so whatever a client gives is one
 * look-up, and names that others took under their own ids are not in the way.
 *
 * A service belongs to the actor that registered; once that is dead the name
 * counts as free, even before its teardown has come around to removing it. It
 * moves along with its port to an actor of the same user, see migrate.h.
 *
 * Who waits for a name stands in a table of its own and is woken by what
 * fits, see connect.c.
 *
 * A list of equal keys is walked from the newest on to find one, to add one and to
 * remove one, so it is bounded (CAPS_MAX_NAMESAKES), and where many go the newest
 * goes first. By a user's own ids nobody but that user can fill it; where a name
 * has no user those of others, in the list by group, are not counted.
 *
 * Lifetime: a service holds its actor and port in memory and goes by RCU.
 * Locking: one mutex for changes, RCU for look-ups. A namespace that ends takes
 * its names along, whoever registered them.
 */
#ifndef _CAPS_SERVICE_H
#define _CAPS_SERVICE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/uidgid.h>

#include "caps.h"

struct caps_actor;
struct caps_chain;
struct caps_port;

#define CAPS_ADMIT \
	(CAPS_REGISTER_USER | CAPS_REGISTER_GROUP | CAPS_REGISTER_WORLD)

/* Each of the two keys of the tables is a piece of this. */
struct caps_name {
	kuid_t uid;
	char text[CAPS_MAX_NAME + 1];	/* padded with zeros */
	kgid_t gid;
};

struct caps_net {
	struct list_head services;	/* services_lock; oldest first */
	u64 registered;			/* services_lock; how many so far */
	struct rhltable by_uid;
	struct rhltable by_gid;
	struct list_head waiting[64];	/* services_lock; see connect.c */
};

struct caps_service {
	struct rhlist_head by_uid;
	struct rhlist_head by_gid;
	struct list_head net_link;	/* caps_net.services */
	struct list_head actor_link;	/* caps_actor.services */
	struct caps_net *cnet;
	struct caps_name name;
	kuid_t registrant;
	u64 number;			/* of registering, from 1 */
	u64 ticket;			/* see single.h */
	struct caps_actor *actor;
	struct caps_port *port;
	struct caps_chain *chain;
	u64 operations;
	u32 flags;			/* CAPS_REGISTER_* */
	u32 in_flight;			/* limit of a connection */
	struct rcu_head rcu;
};

/* What a client asks for. */
struct caps_request {
	struct caps_name name;		/* ids may be invalid: any */
	kuid_t trusted[CAPS_MAX_TRUSTED];
	u32 trusted_count;
	u32 admit;			/* rules that it accepts, not 0 */
};

extern struct mutex caps_services_lock;

struct caps_net *caps_net_current(void);
int caps_name_parse(struct caps_name *name, u64 text, u32 len, u32 uid,
		    u32 gid);
struct caps_service *caps_service_find(struct caps_net *cnet,
				       const struct caps_request *request);
bool caps_service_admits(const struct caps_service *service, u32 admit);
bool caps_service_alive(const struct caps_service *service);
void caps_service_remove(struct caps_service *service);

int caps_services_init(void);
void caps_services_exit(void);
void caps_services_end(struct caps_actor *actor);

/* In service_move.c. */
long caps_services_begin_move(struct caps_actor *actor, struct caps_port *port,
			      struct caps_actor *to);
void caps_services_end_move(struct caps_actor *actor, struct caps_port *port,
			    struct caps_actor *to, long names, bool moved);

int caps_service_register(struct caps_actor *actor,
			  const struct caps_register *args);
int caps_service_unregister(struct caps_actor *actor,
			    const struct caps_unregister *args);

/* In connect.c. */
int caps_service_connect(struct caps_actor *actor, struct caps_connect *args);
void caps_connect_wake(struct caps_net *cnet, const struct caps_name *name,
		       bool one);

/* In service_list.c. */
int caps_service_list(struct caps_services *args);

#endif
