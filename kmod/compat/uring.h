/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands that come through io_uring.
 *
 * Up to 6.4 a command is handed the area in its entry, later the entry. A
 * command may be parked, that is completed by the module some time later, only
 * where io_uring asks for it back when its ring or task ends; before 6.7 it
 * does not, and exec would wait for a parked one for ever.
 *
 * In 6.12 a command that a worker issues again still points to its entry in the
 * ring, where the program may have put another one since. So does one that waits
 * for another before it, by IOSQE_IO_LINK or IOSQE_IO_DRAIN.
 */
#ifndef _CAPS_COMPAT_URING_H
#define _CAPS_COMPAT_URING_H

#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/io_uring_types.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static inline const void *caps_uring_area(const struct io_uring_cmd *cmd)
{
	return cmd->sqe->cmd;
}

/* Is what stands in the entry clearly another's by now? */
static inline bool caps_uring_is_stale(struct io_uring_cmd *cmd)
{
	const struct io_uring_sqe *sqe = cmd->sqe;

	return READ_ONCE(sqe->user_data) !=
		       cmd_to_io_kiocb(cmd)->cqe.user_data ||
	       READ_ONCE(sqe->opcode) != IORING_OP_URING_CMD ||
	       READ_ONCE(sqe->cmd_op) != cmd->cmd_op;
}
#else
static inline const void *caps_uring_area(const struct io_uring_cmd *cmd)
{
	return cmd->cmd;
}

static inline bool caps_uring_is_stale(struct io_uring_cmd *cmd)
{
	return false;
}
#endif

/*
 * Is it issued again? A worker is also the first to issue what is linked behind
 * another of its commands, so that is no sign. io_uring sets the flags when an
 * entry is submitted, and uses neither this one nor asks for it.
 */
#define CAPS_URING_AGAIN	BIT(29)

static inline bool caps_uring_is_again(const struct io_uring_cmd *cmd)
{
	return cmd->flags & CAPS_URING_AGAIN;
}

static inline void caps_uring_set_again(struct io_uring_cmd *cmd)
{
	cmd->flags |= CAPS_URING_AGAIN;
}

typedef void caps_uring_work_t(struct io_uring_cmd *cmd,
			       unsigned int issue_flags);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define CAPS_URING_CAN_PARK	1

/* Is a parked command asked back? */
static inline bool caps_uring_cancels(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}

static inline void caps_uring_parked(struct io_uring_cmd *cmd,
				     unsigned int issue_flags)
{
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
}

/*
 * Complete what is asked back: by the ring's own thread while there is one. A
 * dying ring with IORING_SETUP_DEFER_TASKRUN would complete it in its worker,
 * and lockdep takes that for a mistake.
 */
static inline void caps_uring_cancelled(struct io_uring_cmd *cmd,
					unsigned int issue_flags)
{
	io_uring_cmd_done(cmd, -ECANCELED, 0,
			  issue_flags & ~IO_URING_F_COMPLETE_DEFER);
}

/* Work run for a command: is nobody there any more who could see its result? */
static inline bool caps_uring_gone(struct io_uring_cmd *cmd)
{
	return current->flags & (PF_EXITING | PF_KTHREAD) ||
	       percpu_ref_is_dying(&cmd_to_io_kiocb(cmd)->ctx->refs);
}

/* The work completes at most this command, so a waiter for more may sleep on. */
static inline void caps_uring_work(struct io_uring_cmd *cmd,
				   caps_uring_work_t *work)
{
	io_uring_cmd_do_in_task_lazy(cmd, work);
}

#else
#define CAPS_URING_CAN_PARK	0

static inline bool caps_uring_cancels(unsigned int issue_flags)
{
	return false;
}

static inline void caps_uring_parked(struct io_uring_cmd *cmd,
				     unsigned int issue_flags)
{
}

static inline void caps_uring_cancelled(struct io_uring_cmd *cmd,
					unsigned int issue_flags)
{
}

static inline bool caps_uring_gone(struct io_uring_cmd *cmd)
{
	return true;
}

static inline void caps_uring_work(struct io_uring_cmd *cmd,
				   caps_uring_work_t *work)
{
	io_uring_cmd_complete_in_task(cmd, work);
}
#endif

#endif /* _CAPS_COMPAT_URING_H */
