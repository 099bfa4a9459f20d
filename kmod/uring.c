// SPDX-License-Identifier: GPL-2.0
/*
 * Commands through io_uring; see uring.h.
 */
#include <linux/fs.h>

#include "actor.h"
#include "command.h"
#include "compat/uring.h"
#include "ioctl.h"
#include "uring.h"

/* What the entry says, read once. */
struct entry {
	void __user *uarg;
	u32 flags;
};

static int read_entry(const struct io_uring_cmd *cmd, struct entry *entry)
{
	const struct caps_uring *area = caps_uring_area(cmd);

	entry->uarg = u64_to_user_ptr(READ_ONCE(area->argument));
	entry->flags = READ_ONCE(area->flags);
	if (entry->flags & ~CAPS_URING_NOWAIT || READ_ONCE(area->reserved) ||
	    cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	return 0;
}

/* The deadline of a command that may wait, but for CAPS_CALL, which must. */
static u64 *deadline_of(unsigned int cmd, union caps_args *args)
{
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(CAPS_SEND):
	case _IOC_NR(CAPS_CALL_ASYNC):
		return &args->send.deadline;
	case _IOC_NR(CAPS_RECEIVE):
		return &args->receive.deadline;
	case _IOC_NR(CAPS_RECEIVE_BATCH):
		return &args->receive_batch.deadline;
	case _IOC_NR(CAPS_REPLY_RECEIVE):
		return &args->reply_receive.receive.deadline;
	default:
		return NULL;
	}
}

/* Sets @again if a -EAGAIN means that it would wait, and may. */
static int carry_out(struct io_uring_cmd *cmd, const struct entry *entry,
		     bool may_wait, bool *again)
{
	struct caps_actor *actor = cmd->file->private_data;
	union caps_args args __uninitialized;
	const struct caps_command *command;
	u64 *deadline;

	command = caps_command_load(actor, cmd->cmd_op, entry->uarg, &args);
	if (IS_ERR(command))
		return PTR_ERR(command);
	*again = !may_wait && !(entry->flags & CAPS_URING_NOWAIT);
	if (_IOC_NR(cmd->cmd_op) == _IOC_NR(CAPS_CALL)) {
		if (entry->flags & CAPS_URING_NOWAIT)
			return -EINVAL;
		if (*again)
			return -EAGAIN;
		args.call.flags |= CAPS_INTERRUPTIBLE;
	}
	deadline = deadline_of(cmd->cmd_op, &args);
	if (!deadline || !*deadline)
		*again = false;
	else if (!may_wait || entry->flags & CAPS_URING_NOWAIT)
		*deadline = 0;
	return caps_command_run(actor, command, &args, entry->uarg);
}

/**
 * caps_uring_cmd - carry out a command that came through io_uring
 * @cmd: on the file of an actor
 * @issue_flags: how it is issued
 *
 * Return: its result; -EAGAIN to be issued again where it may wait, or
 * -EIOCBQUEUED if it has been completed here.
 */
int caps_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	bool may_wait = !(issue_flags & IO_URING_F_NONBLOCK);
	bool again = false;
	struct entry entry;
	int err;

	err = read_entry(cmd, &entry);
	if (!err)
		err = carry_out(cmd, &entry, may_wait, &again);
	if (err == -ERESTARTSYS)
		err = -EINTR;
	if (err != -EAGAIN || again)
		return err;
	/* Returned, it would be taken for a wish to be issued again. */
	io_uring_cmd_done(cmd, err, 0, issue_flags);
	return -EIOCBQUEUED;
}
