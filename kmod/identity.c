// SPDX-License-Identifier: GPL-2.0
/*
 * More about a sender, for receivers that ask.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "actor.h"
#include "identity.h"
#include "ipc.h"
#include "message.h"

static int store_groups(const struct cred *cred, struct caps_identity *args)
{
	u32 __user *to = u64_to_user_ptr(args->groups);
	const struct group_info *groups = cred->group_info;
	u32 i, room = args->group_count;
	gid_t gid;

	args->group_count = groups->ngroups;
	for (i = 0; i < groups->ngroups && i < room; i++) {
		gid = from_kgid_munged(current_user_ns(), groups->gid[i]);
		if (put_user(gid, &to[i]))
			return -EFAULT;
	}
	return 0;
}

static int store_label(const struct cred *cred, struct caps_identity *args)
{
	u32 secid, len, room = args->label_len;
	char *label;
	int err = 0;

	args->label_len = 0;
	security_cred_getsecid(cred, &secid);
	if (security_secid_to_secctx(secid, &label, &len))
		return 0;	/* no security module labels anything */
	args->label_len = len;
	if (room && copy_to_user(u64_to_user_ptr(args->label), label,
				 min(room, len)))
		err = -EFAULT;
	security_release_secctx(label, len);
	return err;
}

/* As a program may see it, bit n for capability n. */
u64 caps_capability_set(const kernel_cap_t *set)
{
	u64 bits = 0;
	int i;

	for (i = 0; i <= CAP_LAST_CAP; i++) {
		if (cap_raised(*set, i))
			bits |= BIT_ULL(i);
	}
	return bits;
}

/**
 * caps_identity - who sent a held message
 * @actor: who asks
 * @args: checked
 *
 * Return: 0, -ENOMSG or -EFAULT.
 */
int caps_identity(struct caps_actor *actor, struct caps_identity *args)
{
	struct caps_message *message = caps_held_get(actor, args->id);
	const struct cred *cred;
	struct pid *tgid;
	int err;

	if (IS_ERR(message))
		return PTR_ERR(message);
	cred = message->from_cred ?: message->cred;
	tgid = message->from_tgid ?: message->tgid;
	err = store_groups(cred, args) ?: store_label(cred, args);
	args->effective = caps_capability_set(&cred->cap_effective);
	args->permitted = caps_capability_set(&cred->cap_permitted);
	args->inheritable = caps_capability_set(&cred->cap_inheritable);
	args->user_namespace = cred->user_ns->ns.inum;
	args->pid_namespace = ns_of_pid(tgid)->ns.inum;
	caps_message_put(message);
	return err;
}
