// SPDX-License-Identifier: GPL-2.0
/*
 * Commands about actors, capabilities, ports and services; see command.h.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "capfile.h"
#include "command.h"
#include "generation.h"
#include "info.h"
#include "keep.h"
#include "migrate.h"
#include "place.h"
#include "port.h"
#include "portfile.h"
#include "port_signal.h"
#include "revoke.h"
#include "service.h"
#include "watch.h"

int caps_do_query(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->query.flags || args->query.reserved)
		return -EINVAL;
	caps_info_query(&args->query);
	return 0;
}

int caps_do_actor_info(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	if (args->actor_info.flags || args->actor_info.reserved)
		return -EINVAL;
	caps_info_actor(actor, &args->actor_info);
	return 0;
}

int caps_do_actor_self(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	struct caps_actor_self *a = &args->actor_self;
	struct caps_capability *capability;
	int err;

	if (a->flags || a->reserved)
		return -EINVAL;
	capability = caps_capability_to_actor(actor);
	if (!capability)
		return -ENOMEM;
	err = caps_capability_insert(actor, capability, &a->capability);
	if (err)
		caps_capability_free(capability);
	return err;
}

int caps_do_keep(struct caps_actor *actor, union caps_args *args,
		 void __user *uarg)
{
	if (args->keep.flags || args->keep.reserved)
		return -EINVAL;
	return caps_actor_keep(actor);
}

/* The one command for who does not own the actor. */
int caps_do_adopt(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->keep.flags || args->keep.reserved)
		return -EINVAL;
	return caps_actor_adopt(actor);
}

/* The badge of a duplicate: the original's, or one that the owner chooses. */
static int choose_badge(struct caps_actor *maker, struct caps_capability *copy,
			u64 value)
{
	struct caps_badge *badge;

	if (value & CAPS_BADGE_KERNEL || copy->type != CAPS_TYPE_PORT)
		return -EINVAL;
	if (!(copy->rights & CAPS_RIGHT_MANAGE) || copy->badge)
		return -EPERM;
	badge = caps_badge_choose(maker, copy->port, value);
	if (IS_ERR(badge))
		return PTR_ERR(badge);
	copy->badge = badge;
	return 0;
}

int caps_do_duplicate(struct caps_actor *actor, union caps_args *args,
		      void __user *uarg)
{
	struct caps_duplicate *a = &args->duplicate;
	bool badge = a->flags & CAPS_DUP_BADGE;
	bool told = a->flags & CAPS_DUP_DISCONNECTED;
	struct caps_badge *chosen = NULL;
	struct caps_capability *copy;
	int err = 0;

	if (a->flags & ~(CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED) ||
	    a->rights & ~CAPS_RIGHTS_ALL ||
	    (!badge && (a->badge || a->flags)))
		return -EINVAL;
	copy = caps_capability_copy(actor, a->capability, a->rights);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	if (a->operations & ~copy->operations)
		err = -EACCES;
	else if (badge)
		err = choose_badge(told ? actor : NULL, copy, a->badge);
	copy->operations = a->operations;
	copy->rights = a->rights;
	if (!err && told)
		chosen = caps_badge_get(copy->badge);
	if (!err)
		err = caps_capability_insert(actor, copy, &a->result);
	if (err)
		caps_capability_free(copy);
	else if (chosen)
		caps_badge_announce(chosen, false, true);
	caps_badge_put(chosen);
	return err;
}

int caps_do_close(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->close.flags || args->close.reserved)
		return -EINVAL;
	return caps_capability_close(actor, args->close.capability);
}

int caps_do_capability_info(struct caps_actor *actor, union caps_args *args,
			    void __user *uarg)
{
	if (args->capability_info.flags)
		return -EINVAL;
	return caps_info_capability(actor, &args->capability_info);
}

/* The descriptor is installed last, when its number has been written. */
static int give_file(struct file *file, __s32 __user *number)
{
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	if (put_user(fd, number)) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}

int caps_do_export(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	struct caps_export __user *user = uarg;

	if (args->export.flags)
		return -EINVAL;
	return give_file(caps_capfile_create(actor, args->export.capability),
			 &user->fd);
}

int caps_do_port_file(struct caps_actor *actor, union caps_args *args,
		      void __user *uarg)
{
	struct caps_export __user *user = uarg;

	if (args->export.flags)
		return -EINVAL;
	return give_file(caps_portfile_create(actor, args->export.capability),
			 &user->fd);
}

int caps_do_import(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	if (args->import.flags)
		return -EINVAL;
	return caps_capfile_import(actor, args->import.fd,
				   &args->import.capability);
}

int caps_do_place(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->place.flags || args->place.rights & ~CAPS_RIGHTS_ALL)
		return -EINVAL;
	return caps_place(actor, &args->place);
}

int caps_do_watch(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->watch.flags || args->watch.reserved)
		return -EINVAL;
	return caps_watch(actor, &args->watch);
}

int caps_do_port_create(struct caps_actor *actor, union caps_args *args,
			void __user *uarg)
{
	struct caps_port_create *a = &args->port_create;
	struct caps_capability *capability;
	struct caps_port *port;
	int err = -ENOMEM;

	if (a->flags & ~CAPS_PORT_UNIX_SOCKETS)
		return -EINVAL;
	port = caps_port_create(actor, a->cookie, a->queue_limit);
	if (IS_ERR(port))
		return PTR_ERR(port);
	port->unix_sockets = a->flags & CAPS_PORT_UNIX_SOCKETS;
	capability = caps_capability_create(port, NULL, CAPS_ALL_OPERATIONS,
					    CAPS_RIGHTS_PORT);
	if (!capability)
		goto put_port;
	err = caps_port_join(port, actor);
	if (!err)
		err = caps_capability_insert(actor, capability,
					     &a->capability);
	if (err) {
		caps_port_end(actor, port);
		caps_capability_free(capability);
	}
put_port:
	caps_port_put(port);
	return err;
}

int caps_do_port_delete(struct caps_actor *actor, union caps_args *args,
			void __user *uarg)
{
	struct caps_port *port;
	int err = 0;

	if (args->port.flags || args->port.reserved)
		return -EINVAL;
	port = caps_capability_own_port(actor, args->port.capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	if (port->is_default)
		err = -EBUSY;
	else if (!caps_port_end(actor, port))
		err = -EPIPE;
	caps_port_put(port);
	return err;
}

int caps_do_port_enable(struct caps_actor *actor, union caps_args *args,
			void __user *uarg)
{
	struct caps_port_enable *a = &args->port_enable;
	struct caps_port *port;
	int err;

	if (a->flags || a->priority > 255)
		return -EINVAL;
	port = caps_capability_own_port(actor, a->capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = caps_port_enable(actor, port, a->priority);
	caps_port_put(port);
	return err;
}

int caps_do_port_disable(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	struct caps_port *port;
	int err;

	if (args->port.flags || args->port.reserved)
		return -EINVAL;
	port = caps_capability_own_port(actor, args->port.capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = caps_port_disable(actor, port);
	caps_port_put(port);
	return err;
}

int caps_do_port_info(struct caps_actor *actor, union caps_args *args,
		      void __user *uarg)
{
	if (args->port_info.flags || args->port_info.reserved)
		return -EINVAL;
	return caps_info_port(actor, &args->port_info);
}

int caps_do_revoke(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	struct caps_revoke *a = &args->revoke;
	struct caps_port *port;
	int err;

	if (a->flags & ~CAPS_REVOKE_BADGE || a->reserved ||
	    (!(a->flags & CAPS_REVOKE_BADGE) && a->badge))
		return -EINVAL;
	port = caps_capability_own_port(actor, a->capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = caps_port_revoke(actor, port, a);
	caps_port_put(port);
	return err;
}

int caps_do_signal(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	if (args->signal.flags || args->signal.reserved || !args->signal.bits)
		return -EINVAL;
	return caps_signal(actor, &args->signal);
}

int caps_do_port_migrate(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	if (args->port_migrate.flags & ~CAPS_MIGRATE_DROP ||
	    args->port_migrate.reserved)
		return -EINVAL;
	return caps_port_migrate(actor, &args->port_migrate);
}

#define REGISTER_FLAGS \
	(CAPS_ADMIT | CAPS_REGISTER_NEWEST | CAPS_REGISTER_FIRST | \
	 CAPS_REGISTER_REPLACE | CAPS_REGISTER_CONNECTED | \
	 CAPS_REGISTER_DISCONNECTED | CAPS_REGISTER_ASK | \
	 CAPS_REGISTER_SINGLE | CAPS_REGISTER_RESERVED)

/* Is the one flag there without the other, which it needs? */
static bool lacks(u32 flags, u32 one, u32 other)
{
	return (flags & one) && !(flags & other);
}

int caps_do_register(struct caps_actor *actor, union caps_args *args,
		     void __user *uarg)
{
	const u32 flags = args->register_.flags;

	if (args->register_.in_flight > CAPS_MAX_IN_FLIGHT)
		return -EMSGSIZE;
	if (flags & ~REGISTER_FLAGS || args->register_.reserved ||
	    lacks(flags, CAPS_REGISTER_FIRST, CAPS_REGISTER_NEWEST) ||
	    lacks(flags, CAPS_REGISTER_SINGLE, CAPS_REGISTER_ASK) ||
	    lacks(flags, CAPS_REGISTER_RESERVED, CAPS_REGISTER_SINGLE))
		return -EINVAL;
	if (flags & CAPS_REGISTER_ASK && flags & CAPS_REGISTER_CONNECTED)
		return -EINVAL;
	return caps_service_register(actor, &args->register_);
}

int caps_do_unregister(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	if (args->unregister.flags)
		return -EINVAL;
	return caps_service_unregister(actor, &args->unregister);
}

int caps_do_connect(struct caps_actor *actor, union caps_args *args,
		    void __user *uarg)
{
	struct caps_connect __user *user = uarg;
	int err;

	if (args->connect.flags & ~(CAPS_ADMIT | CAPS_CONNECT_NOWAIT) || args->connect.reserved)
		return -EINVAL;
	err = caps_service_connect(actor, &args->connect);
	/* Best effort, as for a call. */
	if (err)
		(void)put_user(args->connect.result, &user->result);
	return err;
}

int caps_do_services(struct caps_actor *actor, union caps_args *args,
		     void __user *uarg)
{
	if (args->services.flags)
		return -EINVAL;
	return caps_service_list(&args->services);
}

int caps_do_generation_set(struct caps_actor *actor, union caps_args *args,
			   void __user *uarg)
{
	if (args->generation_set.flags || args->generation_set.reserved)
		return -EINVAL;
	return caps_generation_set(actor, &args->generation_set);
}

int caps_do_generation(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	struct caps_generation *a = &args->generation;

	if (a->flags & ~CAPS_GENERATION_WAIT || a->reserved ||
	    (a->deadline && !a->flags))
		return -EINVAL;
	return caps_generation_get(actor, a);
}
