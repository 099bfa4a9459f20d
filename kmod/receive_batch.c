// SPDX-License-Identifier: GPL-2.0
/*
 * Several messages by one command: one receive after another, of which only
 * the first waits.
 */
#include <linux/uaccess.h>
#include "attach.h"
#include "ipc.h"
#include "receive.h"
#include "wait.h"

static int load_entry(struct caps_receive *args,
		      const struct caps_receive __user *entry)
{
	if (copy_from_user(args, entry, offsetof(struct caps_receive, header)))
		return -EFAULT;
	if (args->port || args->deadline || args->reserved ||
	    args->flags & ~CAPS_HOLD)
		return -EINVAL;
	return likely(!args->buffer.attachments) ? 0 :
	       caps_attached_check_room(args->buffer.attachments);
}

/**
 * caps_receive_batch - wait for one message and take what else is there
 * @actor: who receives
 * @args: checked but for the entries
 *
 * Return: 0 with @args->received set, or why not even one was received.
 */
int caps_receive_batch(struct caps_actor *actor,
		       struct caps_receive_batch *args)
{
	struct caps_receive __user *entries = u64_to_user_ptr(args->entries);
	struct caps_receive entry;
	struct caps_wakes wakes;
	struct reception r __uninitialized;
	int err;

	args->received = 0;
	if (!args->count)
		return -EINVAL;
	if (args->count > CAPS_MAX_BATCH)
		return -EMSGSIZE;
	caps_wakes_init(&wakes);
	entry = (struct caps_receive){
		.port = args->port,
		.deadline = args->deadline,
	};
	err = caps_receive_begin(&r, actor, &entry, NULL, &wakes);
	if (err)
		return err;
	while (args->received < args->count) {
		err = load_entry(&entry, entries);
		if (!err)
			err = caps_receive_more(&r, &entry, &entries->header);
		if (err)
			break;
		entries++;
		args->received++;
		r.deadline = 0;
	}
	caps_receive_leave(&r, NULL);
	return args->received ? 0 : err;
}
