// SPDX-License-Identifier: GPL-2.0
/*
 * Named services: registering and finding them; see service.h.
 */
#include <linux/ctype.h>
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "port.h"
#include "service.h"
#include "single.h"

DEFINE_MUTEX(caps_services_lock);	/* names, and who waits for them */

static unsigned int caps_net_id;

static const struct rhashtable_params by_uid_params = {
	.head_offset		= offsetof(struct caps_service, by_uid),
	.key_offset		= offsetof(struct caps_service, name.uid),
	.key_len		= offsetofend(struct caps_name, text) -
				  offsetof(struct caps_name, uid),
	.automatic_shrinking	= true,
};

static const struct rhashtable_params by_gid_params = {
	.head_offset		= offsetof(struct caps_service, by_gid),
	.key_offset		= offsetof(struct caps_service, name.text),
	.key_len		= offsetofend(struct caps_name, gid) -
				  offsetof(struct caps_name, text),
	.automatic_shrinking	= true,
};

static struct caps_net *caps_net(struct net *net)
{
	return net_generic(net, caps_net_id);
}

/* The names that the current task knows. */
struct caps_net *caps_net_current(void)
{
	return caps_net(current->nsproxy->net_ns);
}

/**
 * caps_name_parse - a name from a program's memory
 * @name: what it is
 * @text: its address
 * @len: its length
 * @uid: of the current user namespace, or CAPS_ANY_ID
 * @gid: likewise
 *
 * Return: 0; -EINVAL if it is none, or an id is not mapped; -EFAULT.
 */
int caps_name_parse(struct caps_name *name, u64 text, u32 len, u32 uid, u32 gid)
{
	struct user_namespace *ns = current_user_ns();
	u32 i;

	if (!len || len > CAPS_MAX_NAME)
		return -EINVAL;
	memset(name, 0, sizeof(*name));
	name->uid = uid == CAPS_ANY_ID ? INVALID_UID : make_kuid(ns, uid);
	name->gid = gid == CAPS_ANY_ID ? INVALID_GID : make_kgid(ns, gid);
	if ((uid != CAPS_ANY_ID && !uid_valid(name->uid)) ||
	    (gid != CAPS_ANY_ID && !gid_valid(name->gid)))
		return -EINVAL;
	if (copy_from_user(name->text, u64_to_user_ptr(text), len))
		return -EFAULT;
	for (i = 0; i < len; i++) {
		if (!isascii(name->text[i]) ||
		    (!isalnum(name->text[i]) &&
		     !strchr("_.-", name->text[i])) ||
		    !name->text[i])
			return -EINVAL;
	}
	return 0;
}

static void service_free_rcu(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct caps_service, rcu));
}

static void service_drop(struct caps_service *service)
{
	caps_uncharge(service->chain, CAPS_NAMES, 1);
	caps_chain_put(service->chain);
	caps_port_put(service->port);
	caps_actor_put(service->actor);
	call_rcu(&service->rcu, service_free_rcu);
	caps_gone(CAPS_LIVE_SERVICES);
}

/* A name whose actor or port has gone is free. */
bool caps_service_alive(const struct caps_service *service)
{
	return !READ_ONCE(READ_ONCE(service->actor)->dead) &&
	       rcu_access_pointer(service->port->owner);
}

static int tables_insert(struct caps_net *cnet, struct caps_service *service)
{
	int err = 0;

	if (uid_valid(service->name.uid))
		err = rhltable_insert(&cnet->by_uid, &service->by_uid,
				      by_uid_params);
	if (err || !gid_valid(service->name.gid))
		return err;
	err = rhltable_insert(&cnet->by_gid, &service->by_gid, by_gid_params);
	if (err && uid_valid(service->name.uid))
		rhltable_remove(&cnet->by_uid, &service->by_uid, by_uid_params);
	return err;
}

/**
 * caps_service_remove - a name goes
 * @service: the name; the services' mutex is held
 */
void caps_service_remove(struct caps_service *service)
{
	struct caps_net *cnet = service->cnet;

	lockdep_assert_held(&caps_services_lock);

	if (uid_valid(service->name.uid))
		rhltable_remove(&cnet->by_uid, &service->by_uid, by_uid_params);
	if (gid_valid(service->name.gid))
		rhltable_remove(&cnet->by_gid, &service->by_gid, by_gid_params);
	list_del(&service->net_link);
	list_del(&service->actor_link);
	caps_single_end(service);
	service_drop(service);
}

/* Services that a name with at least one id may mean, newest first; RCU. */
struct walk {
	const struct caps_name *name;
	struct rhlist_head *at;
};

static struct caps_service *walk_at(const struct walk *walk)
{
	if (!walk->at)
		return NULL;
	return uid_valid(walk->name->uid) ?
		container_of(walk->at, struct caps_service, by_uid) :
		container_of(walk->at, struct caps_service, by_gid);
}

static struct caps_service *walk_next(struct walk *walk)
{
	walk->at = rcu_dereference(walk->at->next);
	return walk_at(walk);
}

static struct caps_service *walk_begin(struct walk *walk, struct caps_net *cnet,
				       const struct caps_name *name)
{
	walk->name = name;
	if (uid_valid(name->uid))
		walk->at = rhltable_lookup(&cnet->by_uid, &name->uid,
					   by_uid_params);
	else
		walk->at = rhltable_lookup(&cnet->by_gid, name->text,
					   by_gid_params);
	return walk_at(walk);
}

/* Has a service exactly these ids? The text is equal. */
static bool same_ids(const struct caps_service *service,
		     const struct caps_name *name)
{
	return uid_eq(service->name.uid, name->uid) &&
	       gid_eq(service->name.gid, name->gid);
}

static struct caps_service *find_among(struct caps_net *cnet,
				       const struct caps_name *name,
				       bool of_no_user)
{
	struct caps_service *service, *single = NULL;
	struct walk walk;

	for (service = walk_begin(&walk, cnet, name); service;
	     service = walk_next(&walk)) {
		if (gid_valid(name->gid) &&
		    !gid_eq(service->name.gid, name->gid))
			continue;
		if (of_no_user && uid_valid(service->name.uid))
			continue;
		if (!caps_service_alive(service))
			continue;
		if (!(service->flags & CAPS_REGISTER_SINGLE))
			return single ?: service;
		single = caps_single_better(single, service);
	}
	return single;
}

/* What is a group's alone no member takes over with a name of his own as well. */
static struct caps_service *find_newest(struct caps_net *cnet,
					const struct caps_name *name)
{
	struct caps_service *service = NULL;

	if (!uid_valid(name->uid))
		service = find_among(cnet, name, true);
	return service ?: find_among(cnet, name, false);
}

/**
 * caps_service_find - what a client's words mean
 * @cnet: the names that it knows
 * @request: the words
 *
 * The caller is in an RCU reader section.
 *
 * Return: the newest living service that fits, or the one whose turn it is; NULL.
 */
struct caps_service *caps_service_find(struct caps_net *cnet,
				       const struct caps_request *request)
{
	struct caps_name name = request->name;
	struct caps_service *service = NULL;
	u32 i;

	if (!request->trusted_count)
		return find_newest(cnet, &name);
	for (i = 0; i < request->trusted_count && !service; i++) {
		name.uid = request->trusted[i];
		service = find_newest(cnet, &name);
	}
	return service;
}

/**
 * caps_service_admits - do a service's rules let the current task in?
 * @service: the service
 * @admit: the rules that the task accepts
 */
bool caps_service_admits(const struct caps_service *service, u32 admit)
{
	admit &= service->flags;
	if (admit & CAPS_REGISTER_WORLD)
		return true;
	if ((admit & CAPS_REGISTER_USER) &&
	    uid_eq(service->name.uid, current_euid()))
		return true;
	return (admit & CAPS_REGISTER_GROUP) && gid_valid(service->name.gid) &&
	       in_egroup_p(service->name.gid);
}

static struct caps_service *service_create(struct caps_actor *actor,
					   struct caps_port *port,
					   const struct caps_name *name,
					   const struct caps_register *args)
{
	struct caps_service *service;
	int err;

	err = caps_charge(actor->chain, CAPS_NAMES, 1);
	if (err)
		return ERR_PTR(err);
	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service) {
		caps_uncharge(actor->chain, CAPS_NAMES, 1);
		return ERR_PTR(-ENOMEM);
	}
	service->name = *name;
	service->registrant = current_euid();
	service->actor = caps_actor_get(actor);
	service->port = caps_port_get(port);
	service->chain = caps_chain_get(actor->chain);
	service->operations = args->operations;
	service->flags = args->flags;
	service->in_flight = args->in_flight ?: CAPS_DEFAULT_IN_FLIGHT;
	if (!(args->flags & CAPS_ADMIT))
		service->flags |= CAPS_REGISTER_USER;
	caps_born(CAPS_LIVE_SERVICES);
	return service;
}

static bool makes_way(const struct caps_service *old,
		      const struct caps_service *service)
{
	return !caps_service_alive(old) ||
	       ((service->flags & CAPS_REGISTER_REPLACE) &&
		uid_eq(old->registrant, service->registrant));
}

/* Another of the same name and ids, which makes way or does not; or NULL. */
static struct caps_service *find_same(struct caps_net *cnet,
				      const struct caps_service *service,
				      bool way)
{
	struct caps_service *old;
	struct walk walk;

	rcu_read_lock();
	for (old = walk_begin(&walk, cnet, &service->name); old;
	     old = walk_next(&walk)) {
		if (old != service && same_ids(old, &service->name) &&
		    makes_way(old, service) == way)
			break;
	}
	rcu_read_unlock();
	return old;
}

/*
 * Would there be too many in one list of equal keys? Those that make way do not
 * count.
 */
static bool too_many(struct caps_net *cnet, const struct caps_service *service)
{
	const struct caps_name *name = &service->name;
	struct caps_service *old;
	struct walk walk;
	u32 n = 0;

	rcu_read_lock();
	for (old = walk_begin(&walk, cnet, name); old; old = walk_next(&walk)) {
		if (same_ids(old, name))
			n += !makes_way(old, service);
		else
			n += uid_valid(name->uid);
	}
	rcu_read_unlock();
	return n >= CAPS_MAX_NAMESAKES;
}

static int service_insert(struct caps_net *cnet, struct caps_service *service)
{
	struct caps_service *old;
	int err;

	lockdep_assert_held(&caps_services_lock);

	old = find_same(cnet, service, false);
	if (old && (!(old->flags & service->flags & CAPS_REGISTER_NEWEST) ||
		    (service->flags & CAPS_REGISTER_FIRST)))
		return -EEXIST;
	if (too_many(cnet, service))
		return -EMSGSIZE;
	/* A teardown looks for names after the actor has died. */
	if (READ_ONCE(service->actor->dead))
		return -ENOTCONN;
	/* A port moves with this lock held, see caps_services_begin_move(). */
	if (rcu_access_pointer(service->port->owner) != service->actor)
		return caps_port_lost(service->port);
	service->cnet = cnet;
	service->number = ++cnet->registered;
	err = caps_single_begin(service);
	if (err)
		return err;
	err = tables_insert(cnet, service);
	if (err) {
		caps_single_end(service);
		return err;
	}
	list_add_tail(&service->net_link, &cnet->services);
	list_add(&service->actor_link, &service->actor->services);
	while ((old = find_same(cnet, service, true))) {
		caps_service_remove(old);
		cond_resched();
	}
	/* A name that is only kept changes what the others wait for. */
	caps_connect_wake(cnet, &service->name,
			  service->port->single && !caps_single_taken(service));
	return 0;
}

static int may_register(struct net *net, const struct caps_name *name)
{
	struct user_namespace *ns = current_user_ns();

	if (!uid_valid(name->uid) && !gid_valid(name->gid))
		return -EINVAL;
	if (uid_valid(name->uid) && !uid_eq(name->uid, current_euid()) &&
	    !ns_capable(ns, CAP_SETUID))
		return -EPERM;
	if (gid_valid(name->gid) && !in_egroup_p(name->gid) &&
	    !ns_capable(ns, CAP_SETGID))
		return -EPERM;
	if (name->text[0] == '.' && !ns_capable(net->user_ns, CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
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
	struct caps_service *service;
	struct caps_port *port;
	struct caps_name name;
	int err;

	err = caps_name_parse(&name, args->name, args->name_len, args->uid,
			      args->gid);
	if (!err)
		err = may_register(current->nsproxy->net_ns, &name);
	if (err)
		return err;
	port = caps_capability_own_port(actor, args->port, CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	service = service_create(actor, port, &name, args);
	caps_port_put(port);
	if (IS_ERR(service))
		return PTR_ERR(service);
	mutex_lock(&caps_services_lock);
	err = service_insert(caps_net_current(), service);
	mutex_unlock(&caps_services_lock);
	if (err)
		service_drop(service);
	return err;
}

/* The newest that the actor has; else one that another has, or NULL. */
static struct caps_service *find_own(struct caps_net *cnet,
				     const struct caps_actor *actor,
				     const struct caps_name *name)
{
	struct caps_service *service, *other = NULL;
	struct walk walk;

	rcu_read_lock();
	for (service = walk_begin(&walk, cnet, name); service;
	     service = walk_next(&walk)) {
		if (!same_ids(service, name))
			continue;
		if (service->actor == actor)
			break;
		if (caps_service_alive(service))
			other = service;
	}
	rcu_read_unlock();
	return service ?: other;
}

/**
 * caps_service_unregister - free a name
 * @actor: who registered it
 * @args: checked but for the name
 *
 * Return: 0; -ENOENT if nobody has it, -EPERM if another actor has; -EINVAL,
 * -EFAULT.
 */
int caps_service_unregister(struct caps_actor *actor,
			    const struct caps_unregister *args)
{
	struct caps_service *service;
	struct caps_name name;
	int err;

	err = caps_name_parse(&name, args->name, args->name_len, args->uid,
			      args->gid);
	if (err)
		return err;
	if (!uid_valid(name.uid) && !gid_valid(name.gid))
		return -EINVAL;
	mutex_lock(&caps_services_lock);
	service = find_own(caps_net_current(), actor, &name);
	if (!service)
		err = -ENOENT;
	else if (service->actor != actor)
		err = -EPERM;
	else if (!caps_service_alive(service))
		err = -ENOENT;
	/* Of a port that is gone, too: until then the name is charged. */
	if (service && service->actor == actor)
		caps_service_remove(service);
	mutex_unlock(&caps_services_lock);
	return err;
}

/**
 * caps_services_end - a dead actor's names go
 * @actor: the actor
 */
void caps_services_end(struct caps_actor *actor)
{
	struct caps_service *service, *next;

	mutex_lock(&caps_services_lock);
	list_for_each_entry_safe(service, next, &actor->services, actor_link) {
		caps_service_remove(service);
		cond_resched();
	}
	mutex_unlock(&caps_services_lock);
}

static int __net_init caps_net_init(struct net *net)
{
	struct caps_net *cnet = caps_net(net);
	unsigned int i;
	int err;

	INIT_LIST_HEAD(&cnet->services);
	for (i = 0; i < ARRAY_SIZE(cnet->waiting); i++)
		INIT_LIST_HEAD(&cnet->waiting[i]);
	err = rhltable_init(&cnet->by_uid, &by_uid_params);
	if (err)
		return err;
	err = rhltable_init(&cnet->by_gid, &by_gid_params);
	if (err)
		rhltable_destroy(&cnet->by_uid);
	return err;
}

static void __net_exit caps_net_exit(struct net *net)
{
	struct caps_net *cnet = caps_net(net);
	struct caps_service *service, *next;

	mutex_lock(&caps_services_lock);
	/* The newest stands first in the tables. */
	list_for_each_entry_safe_reverse(service, next, &cnet->services,
					 net_link) {
		caps_service_remove(service);
		cond_resched();
	}
	mutex_unlock(&caps_services_lock);
	rhltable_destroy(&cnet->by_gid);
	rhltable_destroy(&cnet->by_uid);
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
