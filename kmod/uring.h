/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands through io_uring: the same table, the same functions.
 *
 * A command is issued first with IO_URING_F_NONBLOCK, by the program's own
 * thread or the ring's poller, which hold the ring's lock. It is tried without
 * waiting then. What would wait returns -EAGAIN, whereupon io_uring issues it
 * again in a worker, without the flag; or, if it is marked CAPS_URING_NOWAIT,
 * it completes with -EAGAIN; or, marked CAPS_URING_PARK, it waits without anybody,
 * see park.h. A worker shares address space, thread group and
 * files with the program and has the credentials of the submission, so
 * everything else is as in an ioctl.
 *
 * A worker is told to give up by a notification that wakes interruptible
 * sleepers only. So a call through io_uring is always CAPS_INTERRUPTIBLE: ring,
 * exec and exit would wait for it otherwise.
 */
#ifndef _CAPS_URING_H
#define _CAPS_URING_H

struct io_uring_cmd;

int caps_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif
