// SPDX-License-Identifier: GPL-2.0
/*
 * Which services there are, as far as the caller may see; see service.h.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "actor.h"
#include "service.h"

#define BATCH	32u	/* entries for each hold of the lock */

static bool may_see(const struct caps_service *service, bool all)
{
	return caps_service_alive(service) &&
	       (all || caps_service_admits(service, CAPS_ADMIT) ||
		uid_eq(service->registrant, current_euid()) ||
		uid_eq(service->name.uid, current_euid()));
}

/* Of the process that the actor belongs to now. */
static u32 server_pid(struct caps_actor *actor)
{
	struct pid *tgid = caps_actor_tgid(actor);
	u32 pid = pid_nr_ns(tgid, task_active_pid_ns(current));

	put_pid(tgid);
	return pid;
}

static void describe(const struct caps_service *service,
		     struct caps_service_entry *entry)
{
	const struct caps_name *name = &service->name;
	struct user_namespace *ns = current_user_ns();

	memset(entry, 0, sizeof(*entry));
	memcpy(entry->name, name->text, sizeof(entry->name));
	entry->cursor = service->number;
	entry->operations = service->operations;
	entry->uid = uid_valid(name->uid) ? from_kuid_munged(ns, name->uid) :
					    CAPS_ANY_ID;
	entry->gid = gid_valid(name->gid) ? from_kgid_munged(ns, name->gid) :
					    CAPS_ANY_ID;
	entry->pid = server_pid(service->actor);
	entry->flags = service->flags;
}

static u32 collect(struct caps_service_entry *entries, u32 room, u64 cursor,
		   bool all)
{
	struct caps_service *service;
	u32 n = 0;

	mutex_lock(&caps_services_lock);
	list_for_each_entry(service, &caps_net_current()->services, net_link) {
		if (n == room)
			break;
		if (service->number > cursor && may_see(service, all))
			describe(service, &entries[n++]);
	}
	mutex_unlock(&caps_services_lock);
	return n;
}

/**
 * caps_service_list - the next names behind a cursor
 * @args: checked
 *
 * Return: 0; -EFAULT, -EINTR, -ENOMEM.
 */
int caps_service_list(struct caps_services *args)
{
	struct caps_service_entry __user *to = u64_to_user_ptr(args->entries);
	bool all = ns_capable(current->nsproxy->net_ns->user_ns, CAP_SYS_ADMIN);
	struct caps_service_entry *entries;
	u32 n, room = args->count;
	int err = 0;

	args->count = 0;
	if (!room)
		return 0;
	entries = kmalloc_array(min(room, BATCH), sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	do {
		n = collect(entries, min(room, BATCH), args->cursor, all);
		if (!n)
			break;
		if (copy_to_user(to + args->count, entries,
				 n * sizeof(*entries)))
			err = -EFAULT;
		args->cursor = entries[n - 1].cursor;
		args->count += n;
		room -= n;
		cond_resched();
	} while (!err && room && !fatal_signal_pending(current));
	kfree(entries);
	return err;
}
