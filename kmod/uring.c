// SPDX-License-Identifier: GPL-2.0
/*
 * Commands through io_uring; see uring.h.
 */
#include <linux/fs.h>

#include "actor.h"
#include "body.h"
#include "command.h"
#include "compat/uring.h"
#include "ioctl.h"
#include "ipc.h"
#include "park.h"
#include "uring.h"
#include "wait.h"

/* What the entry says, read once. */
struct entry {
	void __user *uarg;
	u32 flags;
};

static int read_entry(struct io_uring_cmd *cmd, struct entry *entry)
{
	const struct caps_uring *area = caps_uring_area(cmd);

	entry->uarg = u64_to_user_ptr(READ_ONCE(area->argument));
	entry->flags = READ_ONCE(area->flags);
	if (caps_uring_is_stale(cmd))
		return -ESTALE;
	if (entry->flags & ~(CAPS_URING_NOWAIT | CAPS_URING_PARK) ||
	    entry->flags == (CAPS_URING_NOWAIT | CAPS_URING_PARK) ||
	    READ_ONCE(area->reserved))
		return -EINVAL;
	if (entry->flags & CAPS_URING_PARK && !CAPS_URING_CAN_PARK)
		return -EOPNOTSUPP;
	return 0;
}

/* A worker goes by what the entry said when it was submitted. */
static void keep_entry(struct io_uring_cmd *cmd, const struct entry *entry)
{
	BUILD_BUG_ON(sizeof(*entry) > sizeof(cmd->pdu));
	memcpy(cmd->pdu, entry, sizeof(*entry));
	caps_uring_set_again(cmd);
}

static int kept_entry(const struct io_uring_cmd *cmd, struct entry *entry)
{
	memcpy(entry, cmd->pdu, sizeof(*entry));
	return 0;
}

/* A turn of a command: what it says, how it is issued, what it leaves. */
struct turn {
	struct io_uring_cmd *cmd;
	struct caps_actor *actor;
	struct entry entry;
	unsigned int issue_flags;
	bool again;		/* -EAGAIN means that it would wait, and may */
	struct caps_lent lent;
	union caps_args args;
};

/* A worker shall not wait for it. */
static int park_receive(struct turn *turn)
{
	struct caps_wakes wakes __uninitialized;
	struct caps_reply_receive __user *both = turn->entry.uarg;
	struct caps_receive __user *user = turn->entry.uarg;
	struct caps_receive *args = &turn->args.receive;
	int err;

	caps_wakes_init(&wakes);
	if (_IOC_NR(turn->cmd->cmd_op) == _IOC_NR(CAPS_REPLY_RECEIVE)) {
		args = &turn->args.reply_receive.receive;
		user = &both->receive;
		err = caps_reply_before(turn->actor, &turn->args.reply_receive,
					both, &wakes);
	} else {
		err = caps_check_receive(args);
	}
	return err ?: caps_park_receive(turn->actor, turn->cmd, args,
					&user->header, turn->entry.uarg, &wakes,
					turn->issue_flags);
}

static struct caps_lent *lent_of(union caps_args *args)
{
	return &container_of(args, struct turn, args)->lent;
}

static int do_send(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	return caps_check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_SEND, lent_of(args));
}

static int do_call_async(struct caps_actor *actor, union caps_args *args,
			 void __user *uarg)
{
	return caps_check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_CALL, lent_of(args));
}

static int do_reply(struct caps_actor *actor, union caps_args *args,
		    void __user *uarg)
{
	return caps_reply_lent(actor, &args->reply, lent_of(args));
}

/* What can complete when a deferred body is free, carried out so. */
static __always_inline caps_command_t *deferring(struct turn *turn)
{
	const union caps_args *args = &turn->args;
	bool send = args->send.flags & CAPS_DEFER;

	switch (_IOC_NR(turn->cmd->cmd_op)) {
	case _IOC_NR(CAPS_SEND):
		return send ? do_send : NULL;
	case _IOC_NR(CAPS_CALL_ASYNC):
		return send ? do_call_async : NULL;
	case _IOC_NR(CAPS_REPLY):
		return args->reply.flags & CAPS_DEFER ? do_reply : NULL;
	default:
		return NULL;
	}
}

/* A command that completes when its body is free cannot wait for room first. */
static int park_deferred(struct turn *turn, const struct caps_command *command,
			 caps_command_t *handler)
{
	int err;

	if (handler != do_reply && turn->args.send.deadline)
		return -EINVAL;
	if (!(turn->issue_flags & IO_URING_F_NONBLOCK))
		return -EOPNOTSUPP;
	err = caps_park_send(turn->actor, &turn->lent, turn->cmd,
			     turn->entry.uarg);
	if (err)
		return err;
	err = caps_command_run(turn->actor, command, handler, &turn->args,
			       turn->entry.uarg);
	return caps_park_sent(&turn->lent, err, turn->issue_flags);
}

/*
 * Buffers that are registered stay so until the command completes. What copies
 * a body, and what takes bytes out of one, only ever needed its address.
 */
static bool may_lend(struct turn *turn)
{
	switch (_IOC_NR(turn->cmd->cmd_op)) {
	case _IOC_NR(CAPS_SEND):
	case _IOC_NR(CAPS_CALL_ASYNC):
	case _IOC_NR(CAPS_REPLY):
		return turn->entry.flags & CAPS_URING_PARK || !deferring(turn);
	case _IOC_NR(CAPS_REPLY_RECEIVE):
		/* It completes with the message that comes next. */
		return !(turn->args.reply_receive.reply.flags & CAPS_DEFER);
	case _IOC_NR(CAPS_CALL):
	case _IOC_NR(CAPS_RECEIVE):
	case _IOC_NR(CAPS_RECEIVE_BATCH):
	case _IOC_NR(CAPS_GET_DATA):
		return true;
	default:
		return false;
	}
}

/*
 * With IOSQE_ASYNC, or linked behind what a worker did: it would wait there, and
 * nobody could unpark it.
 */
static bool begun_by_worker(const struct turn *turn)
{
	switch (_IOC_NR(turn->cmd->cmd_op)) {
	case _IOC_NR(CAPS_CALL):
	case _IOC_NR(CAPS_RECEIVE):
	case _IOC_NR(CAPS_REPLY_RECEIVE):
		return !caps_uring_is_again(turn->cmd);
	default:
		return false;
	}
}

static int call(struct turn *turn)
{
	struct caps_call *args = &turn->args.call;
	int err;

	if (turn->entry.flags & CAPS_URING_NOWAIT)
		return -EINVAL;
	if (!turn->again) {
		args->flags |= CAPS_INTERRUPTIBLE;
		err = caps_check_call(args, turn->entry.uarg);
		return err ?: caps_tell_call(args, turn->entry.uarg,
					     caps_call_lent(turn->actor, args,
							    &turn->lent));
	}
	if (!(turn->entry.flags & CAPS_URING_PARK))
		return -EAGAIN;
	err = caps_park_call(turn->actor, turn->cmd, args, turn->entry.uarg,
			     &turn->lent, turn->issue_flags);
	if (args->flags & CAPS_NOWAIT_QUEUE)
		turn->again = false;
	return err;
}

/* A deadline, and what a command ends with that has none and would wait. */
struct wait {
	u64 *deadline;
	int without;
};

#define MAX_WAITS	2

/* What a command may wait for, but for CAPS_CALL, which must. */
static void find_waits(struct turn *turn, struct wait *waits)
{
	union caps_args *args = &turn->args;

	switch (_IOC_NR(turn->cmd->cmd_op)) {
	case _IOC_NR(CAPS_SEND):
	case _IOC_NR(CAPS_CALL_ASYNC):
		waits[0] = (struct wait){ &args->send.deadline, -EAGAIN };
		break;
	case _IOC_NR(CAPS_RECEIVE):
		waits[0] = (struct wait){ &args->receive.deadline, -EAGAIN };
		break;
	case _IOC_NR(CAPS_RECEIVE_BATCH):
		waits[0] = (struct wait){ &args->receive_batch.deadline,
					  -EAGAIN };
		break;
	case _IOC_NR(CAPS_REPLY_RECEIVE):
		waits[0] = (struct wait){ &args->reply_receive.receive.deadline,
					  -EAGAIN };
		break;
	case _IOC_NR(CAPS_CONNECT):
		waits[0] = (struct wait){ &args->connect.deadline, -ENOENT };
		waits[1] = (struct wait){ &args->connect.verdict, -EAGAIN };
		break;
	case _IOC_NR(CAPS_GENERATION):
		if (args->generation.flags & CAPS_GENERATION_WAIT)
			waits[0] = (struct wait){ &args->generation.deadline,
						  -ETIMEDOUT };
		break;
	}
}

/* Carried out as if it had no deadlines; -EAGAIN: again, where it may wait. */
static int run_without(struct turn *turn, const struct caps_command *command)
{
	bool again = turn->again, waited[MAX_WAITS];
	struct wait waits[MAX_WAITS] = { };
	unsigned int i;
	int err;

	find_waits(turn, waits);
	for (i = 0; i < MAX_WAITS; i++) {
		waited[i] = waits[i].deadline && *waits[i].deadline;
		if (waited[i])
			*waits[i].deadline = 0;
	}
	turn->again = false;
	err = caps_command_run(turn->actor, command, NULL, &turn->args,
			       turn->entry.uarg);
	for (i = 0; i < MAX_WAITS; i++) {
		if (!again || !waited[i] || err != waits[i].without)
			continue;
		turn->again = true;
		err = -EAGAIN;
	}
	return err;
}

/* Until when what can be parked is to wait, if it can. */
static u64 park_until(const struct turn *turn)
{
	switch (_IOC_NR(turn->cmd->cmd_op)) {
	case _IOC_NR(CAPS_RECEIVE):
		return turn->args.receive.deadline;
	case _IOC_NR(CAPS_REPLY_RECEIVE):
		return turn->args.reply_receive.receive.deadline;
	default:
		return 0;
	}
}

static int carry_out(struct turn *turn)
{
	bool may_wait = !(turn->issue_flags & IO_URING_F_NONBLOCK);
	unsigned int cmd = turn->cmd->cmd_op;
	const struct caps_command *command;
	caps_command_t *handler;

	command = caps_command_load(turn->actor, cmd, turn->entry.uarg,
				    &turn->args);
	if (IS_ERR(command))
		return PTR_ERR(command);
	if (turn->lent.cmd && !may_lend(turn))
		return -EINVAL;
	if (turn->entry.flags & CAPS_URING_PARK) {
		if (may_wait && begun_by_worker(turn))
			return -EOPNOTSUPP;
		if (!may_wait && park_until(turn))
			return park_receive(turn);
		handler = deferring(turn);
		if (handler)
			return park_deferred(turn, command, handler);
	}
	turn->again = !may_wait && !(turn->entry.flags & CAPS_URING_NOWAIT);
	if (_IOC_NR(cmd) == _IOC_NR(CAPS_CALL))
		return call(turn);
	if (may_wait && !(turn->entry.flags & CAPS_URING_NOWAIT))
		return caps_command_run(turn->actor, command, NULL, &turn->args,
					turn->entry.uarg);
	return run_without(turn, command);
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
	struct turn turn __uninitialized;
	int err;

	if (caps_uring_cancels(issue_flags)) {
		caps_park_cancel(cmd, issue_flags);
		return 0;
	}
	turn.cmd = cmd;
	turn.actor = cmd->file->private_data;
	turn.issue_flags = issue_flags;
	turn.again = false;
	turn.lent = (struct caps_lent){
		.cmd = cmd->flags & IORING_URING_CMD_FIXED ? cmd : NULL,
	};
	err = caps_uring_is_again(cmd) ? kept_entry(cmd, &turn.entry) :
					 read_entry(cmd, &turn.entry);
	if (!err)
		err = carry_out(&turn);
	if (err == -ERESTARTSYS)
		err = -EINTR;
	if (err == -EAGAIN && turn.again)
		keep_entry(cmd, &turn.entry);
	if (err != -EAGAIN || turn.again)
		return err;
	/* Returned, it would be taken for a wish to be issued again. */
	io_uring_cmd_done(cmd, err, 0, issue_flags);
	return -EIOCBQUEUED;
}
