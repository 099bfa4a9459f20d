// SPDX-License-Identifier: GPL-2.0
/*
 * Commands about groups; see command.h.
 */
#include <linux/err.h>

#include "actor.h"
#include "capability.h"
#include "command.h"
#include "group.h"

int caps_do_group_create(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	struct caps_group_create *a = &args->group_create;
	struct caps_capability *capability;
	struct caps_group *group;
	int err;

	if (a->flags || a->reserved)
		return -EINVAL;
	group = caps_group_create(actor);
	if (IS_ERR(group))
		return PTR_ERR(group);
	capability = caps_capability_to_group(group);
	if (!capability) {
		caps_group_put(group);
		return -ENOMEM;
	}
	err = caps_capability_insert(actor, capability, &a->capability);
	if (err)
		caps_capability_free(capability);
	return err;
}

/* The caller's own copy of a capability to a port. */
static struct caps_capability *port_capability(struct caps_actor *actor,
					       u64 handle, u32 rights)
{
	struct caps_capability *copy;

	int err = -EINVAL;

	copy = caps_capability_copy(actor, handle, 0);
	if (IS_ERR(copy))
		return copy;
	if (copy->type == CAPS_TYPE_PORT) {
		if ((copy->rights & rights) == rights)
			return copy;
		err = -EPERM;
	}
	caps_capability_free(copy);
	return ERR_PTR(err);
}

int caps_do_group_insert(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	struct caps_group_member *a = &args->group_member;
	struct caps_capability *capability;
	struct caps_group *group;
	int err;

	if (a->flags || a->reserved)
		return -EINVAL;
	group = caps_capability_group(actor, a->group, CAPS_RIGHT_INSERT);
	if (IS_ERR(group))
		return PTR_ERR(group);
	capability = port_capability(actor, a->port, CAPS_RIGHT_MANAGE);
	err = PTR_ERR_OR_ZERO(capability);
	if (!err) {
		err = caps_group_insert(group, capability);
		caps_capability_free(capability);
	}
	caps_group_put(group);
	return err;
}

/* Who manages the group removes anything, who only inserts what it manages. */
int caps_do_group_remove(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	struct caps_group_member *a = &args->group_member;
	struct caps_capability *capability;
	struct caps_group *group;
	u32 rights = 0;
	int err;

	if (a->flags || a->reserved)
		return -EINVAL;
	group = caps_capability_group(actor, a->group, CAPS_RIGHT_MANAGE);
	if (group == ERR_PTR(-EPERM)) {
		rights = CAPS_RIGHT_MANAGE;
		group = caps_capability_group(actor, a->group,
					      CAPS_RIGHT_INSERT);
	}
	if (IS_ERR(group))
		return PTR_ERR(group);
	capability = port_capability(actor, a->port, rights);
	err = PTR_ERR_OR_ZERO(capability);
	if (!err) {
		err = caps_group_remove(group, capability->port);
		caps_capability_free(capability);
	}
	caps_group_put(group);
	return err;
}

int caps_do_group_delete(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	struct caps_group *group;
	int err;

	if (args->group.flags || args->group.reserved)
		return -EINVAL;
	group = caps_capability_group(actor, args->group.capability,
				      CAPS_RIGHT_MANAGE);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = caps_group_delete(group);
	caps_group_put(group);
	return err;
}

int caps_do_group_info(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	struct caps_group *group;
	int err;

	if (args->group_info.flags)
		return -EINVAL;
	group = caps_capability_group(actor, args->group_info.capability, 0);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = caps_group_count(group, &args->group_info.members);
	caps_group_put(group);
	return err;
}
