// SPDX-License-Identifier: GPL-2.0
/*
 * Named services; see service.h.
 */
#include <linux/ctype.h>
#include <linux/cred.h>
#include <linux/jhash.h>
#include <linux/nsproxy.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "account.h"
#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "port.h"
#include "service.h"

#define CONNECTION_RIGHTS \
	(CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH)

struct service_key {
	kuid_t uid;
	char name[CAPS_MAX_NAME + 1];	/* padded with zeros */
};

struct service {
	struct rhash_head node;
	struct list_head net_link;	/* caps_net.services */
	struct list_head actor_link;	/* caps_actor.services */
	struct caps_net *cnet;
	struct service_key key;
	struct caps_actor *actor;
	struct caps_port *port;
	struct caps_chain *chain;
	u64 operations;
	u32 flags;			/* CAPS_REGISTER_* */
	struct rcu_head rcu;
};

struct caps_net {
	struct list_head services;	/* services_lock */
	struct rhashtable table;
};

static unsigned int caps_net_id;
static DEFINE_MUTEX(services_lock);

static const struct rhashtable_params service_params = {
	.head_offset		= offsetof(struct service, node),
	.key_offset		= offsetof(struct service, key),
	.key_len		= sizeof(struct service_key),
	.automatic_shrinking	= true,
};

static struct caps_net *caps_net(struct net *net)
{
	return net_generic(net, caps_net_id);
}

static int make_key(struct service_key *key, kuid_t uid, u64 name, u32 len)
{
	u32 i;

	if (!len || len > CAPS_MAX_NAME)
		return -EINVAL;
	memset(key, 0, sizeof(*key));
	key->uid = uid;
	if (copy_from_user(key->name, u64_to_user_ptr(name), len))
		return -EFAULT;
	for (i = 0; i < len; i++) {
		if (!isascii(key->name[i]) ||
		    (!isalnum(key->name[i]) && !strchr("_.-", key->name[i])) ||
		    !key->name[i])
			return -EINVAL;
	}
	return 0;
}

static void service_free_rcu(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct service, rcu));
}

static void service_drop(struct service *service)
{
	caps_uncharge(service->chain, CAPS_NAMES, 1);
	caps_chain_put(service->chain);
	caps_port_put(service->port);
	caps_actor_put(service->actor);
	call_rcu(&service->rcu, service_free_rcu);
	caps_gone(CAPS_LIVE_SERVICES);
}

/* A name whose actor or port has gone is free. */
static bool service_alive(const struct service *service)
{
	return !READ_ONCE(READ_ONCE(service->actor)->dead) &&
	       rcu_access_pointer(service->port->owner);
}

static void service_remove(struct service *service)
{
	lockdep_assert_held(&services_lock);

	rhashtable_remove_fast(&service->cnet->table, &service->node,
			       service_params);
	list_del(&service->net_link);
	list_del(&service->actor_link);
	service_drop(service);
}

static struct service *service_create(struct caps_actor *actor,
				      struct caps_port *port,
				      const struct service_key *key,
				      const struct caps_register *args)
{
	struct service *service;
	int err;

	err = caps_charge(actor->chain, CAPS_NAMES, 1);
	if (err)
		return ERR_PTR(err);
	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service) {
		caps_uncharge(actor->chain, CAPS_NAMES, 1);
		return ERR_PTR(-ENOMEM);
	}
	service->key = *key;
	service->actor = caps_actor_get(actor);
	service->port = caps_port_get(port);
	service->chain = caps_chain_get(actor->chain);
	service->operations = args->operations;
	service->flags = args->flags;
	caps_born(CAPS_LIVE_SERVICES);
	return service;
}

static int service_insert(struct caps_net *cnet, struct service *service)
{
	struct service *old;
	int err;

	mutex_lock(&services_lock);
	old = rhashtable_lookup_fast(&cnet->table, &service->key,
				     service_params);
	err = -EEXIST;
	if (old && service_alive(old))
		goto out;
	if (old)
		service_remove(old);
	/* A teardown looks for names after the actor has died. */
	err = -ENOTCONN;
	if (READ_ONCE(service->actor->dead))
		goto out;
	/* A port moves with this lock held, see caps_services_begin_move(). */
	err = caps_port_lost(service->port);
	if (rcu_access_pointer(service->port->owner) != service->actor)
		goto out;
	service->cnet = cnet;
	err = rhashtable_insert_fast(&cnet->table, &service->node,
				     service_params);
	if (err)
		goto out;
	list_add(&service->net_link, &cnet->services);
	list_add(&service->actor_link, &service->actor->services);
out:
	mutex_unlock(&services_lock);
	return err;
}

/**
 * caps_service_register - bind a name to an own port
 * @actor: who registers
 * @args: checked but for the name
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_service_register(struct caps_actor *actor,
			  const struct caps_register *args)
{
	struct net *net = current->nsproxy->net_ns;
	struct service *service;
	struct caps_port *port;
	struct service_key key;
	int err;

	err = make_key(&key, current_euid(), args->name, args->name_len);
	if (err)
		return err;
	if (key.name[0] == '.' && !ns_capable(net->user_ns, CAP_SYS_ADMIN))
		return -EPERM;
	port = caps_capability_own_port(actor, args->port, CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	service = service_create(actor, port, &key, args);
	caps_port_put(port);
	if (IS_ERR(service))
		return PTR_ERR(service);
	err = service_insert(caps_net(net), service);
	if (err)
		service_drop(service);
	return err;
}

/**
 * caps_service_unregister - free a name
 * @actor: who registered it
 * @args: checked but for the name
 *
 * Return: 0; -ENOENT if it is not registered under the caller's effective uid,
 * -EPERM if another actor did; -EINVAL, -EFAULT.
 */
int caps_service_unregister(struct caps_actor *actor,
			    const struct caps_unregister *args)
{
	struct caps_net *cnet = caps_net(current->nsproxy->net_ns);
	struct service *service;
	struct service_key key;
	int err;

	err = make_key(&key, current_euid(), args->name, args->name_len);
	if (err)
		return err;
	mutex_lock(&services_lock);
	service = rhashtable_lookup_fast(&cnet->table, &key, service_params);
	if (!service || !service_alive(service))
		err = -ENOENT;
	else if (service->actor != actor)
		err = -EPERM;
	/* Of a port that is gone, too: until then the name is charged. */
	if (service && service->actor == actor)
		service_remove(service);
	mutex_unlock(&services_lock);
	return err;
}

/* What a service that lets the current task in has for it. */
struct offer {
	struct caps_port *port;		/* a reference */
	u64 operations;
	u32 flags;			/* CAPS_REGISTER_* */
};

static int service_find(const struct service_key *key, u64 wanted,
			struct offer *offer)
{
	struct caps_net *cnet = caps_net(current->nsproxy->net_ns);
	struct service *service;
	int err = -ENOENT;

	rcu_read_lock();
	service = rhashtable_lookup(&cnet->table, key, service_params);
	if (!service || !service_alive(service))
		goto out;
	err = -EACCES;
	if (!(service->flags & CAPS_REGISTER_WORLD) &&
	    !uid_eq(service->key.uid, current_euid()))
		goto out;
	if (wanted != CAPS_ALL_OPERATIONS && wanted & ~service->operations)
		goto out;
	offer->operations = wanted & service->operations;
	offer->flags = service->flags;
	offer->port = service->port;
	err = caps_port_tryget(service->port) ? 0 : -ENOENT;
out:
	rcu_read_unlock();
	return err;
}

/* A capability to what is offered, and the server told if it wants to be. */
static int connect(struct caps_actor *actor, const struct offer *offer,
		   u64 *handle)
{
	bool connected = offer->flags & CAPS_REGISTER_CONNECTED;
	bool disconnected = offer->flags & CAPS_REGISTER_DISCONNECTED;
	struct caps_capability *capability;
	struct caps_badge *badge;
	int err;

	badge = caps_badge_assign(actor, offer->port,
				  connected || disconnected);
	if (IS_ERR(badge))
		return PTR_ERR(badge);
	caps_badge_get(badge);
	err = -ENOMEM;
	capability = caps_capability_create(offer->port, badge,
					    offer->operations,
					    CONNECTION_RIGHTS);
	if (!capability)
		goto put_badge;
	err = caps_capability_insert(actor, capability, handle);
	if (err) {
		caps_capability_free(capability);
		goto put_badge;
	}
	if (connected || disconnected)
		err = caps_badge_announce(badge, connected, disconnected);
	if (err)
		caps_capability_close(actor, *handle);
put_badge:
	caps_badge_put(badge);
	return err;
}

/**
 * caps_service_connect - a capability to a service, with a badge of its own
 * @actor: who connects
 * @args: checked but for the name
 *
 * Return: 0, and see the uapi header for everything else.
 */
int caps_service_connect(struct caps_actor *actor, struct caps_connect *args)
{
	struct service_key key;
	struct offer offer;
	kuid_t uid;
	int err;

	uid = make_kuid(current_user_ns(), args->uid);
	if (!uid_valid(uid))
		return -EINVAL;
	err = make_key(&key, uid, args->name, args->name_len);
	if (err)
		return err;
	err = service_find(&key, args->operations, &offer);
	if (err)
		return err;
	err = connect(actor, &offer, &args->capability);
	args->operations = offer.operations;
	caps_port_put(offer.port);
	return err == -EPIPE ? -ENOENT : err;
}

/* Does a name stay with its port? It says under whose uid its server runs. */
static bool service_moves(const struct service *service,
			  const struct caps_actor *to)
{
	return uid_eq(service->key.uid, to->cred->euid);
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
	struct service *service;
	long names = 0;
	int err = 0;

	mutex_lock(&services_lock);
	list_for_each_entry(service, &actor->services, actor_link) {
		if (service->port == port && service_moves(service, to))
			names++;
	}
	if (names)
		err = caps_charge(to->chain, CAPS_NAMES, names);
	if (err)
		mutex_unlock(&services_lock);
	return err ?: names;
}

static void service_move(struct service *service, struct caps_actor *to)
{
	struct caps_actor *actor = service->actor;

	caps_uncharge(service->chain, CAPS_NAMES, 1);
	caps_chain_put(service->chain);
	service->chain = caps_chain_get(to->chain);
	/* service_find() looks whether it is alive, under RCU. */
	WRITE_ONCE(service->actor, caps_actor_get(to));
	list_move(&service->actor_link, &to->services);
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
	struct service *service, *next;

	if (!moved && names)
		caps_uncharge(to->chain, CAPS_NAMES, names);
	list_for_each_entry_safe(service, next, &actor->services, actor_link) {
		if (!moved || service->port != port)
			continue;
		if (service_moves(service, to))
			service_move(service, to);
		else
			service_remove(service);
	}
	mutex_unlock(&services_lock);
}

/**
 * caps_services_end - a dead actor's names go
 * @actor: the actor
 */
void caps_services_end(struct caps_actor *actor)
{
	struct service *service, *next;

	mutex_lock(&services_lock);
	list_for_each_entry_safe(service, next, &actor->services, actor_link)
		service_remove(service);
	mutex_unlock(&services_lock);
}

static int __net_init caps_net_init(struct net *net)
{
	struct caps_net *cnet = caps_net(net);

	INIT_LIST_HEAD(&cnet->services);
	return rhashtable_init(&cnet->table, &service_params);
}

static void __net_exit caps_net_exit(struct net *net)
{
	struct caps_net *cnet = caps_net(net);
	struct service *service, *next;

	mutex_lock(&services_lock);
	list_for_each_entry_safe(service, next, &cnet->services, net_link)
		service_remove(service);
	mutex_unlock(&services_lock);
	rhashtable_destroy(&cnet->table);
}

static struct pernet_operations caps_net_ops = {
	.init	= caps_net_init,
	.exit	= caps_net_exit,
	.id	= &caps_net_id,
	.size	= sizeof(struct caps_net),
};

int caps_services_init(void)
{
	return register_pernet_subsys(&caps_net_ops);
}

void caps_services_exit(void)
{
	unregister_pernet_subsys(&caps_net_ops);
}
