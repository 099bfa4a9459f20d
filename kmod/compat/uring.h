/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands that come through io_uring.
 *
 * Up to 6.4 a command is handed the area in its entry, later the entry. A
 * command may be parked, that is completed by the module some time later, only
 * where io_uring asks for it back when its ring or task ends; before 6.7 it
 * does not, and exec would wait for a parked one for ever.
 */
#ifndef _CAPS_COMPAT_URING_H
#define _CAPS_COMPAT_URING_H

#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static inline const void *caps_uring_area(const struct io_uring_cmd *cmd)
{
	return cmd->sqe->cmd;
}
#else
static inline const void *caps_uring_area(const struct io_uring_cmd *cmd)
{
	return cmd->cmd;
}
#endif

#endif /* _CAPS_COMPAT_URING_H */
