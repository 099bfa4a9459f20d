/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of the uapi header: arguments in, checks, arguments out.
 */
#ifndef _CAPS_IOCTL_H
#define _CAPS_IOCTL_H

struct caps_actor;

long caps_command(struct caps_actor *actor, unsigned int cmd,
		  void __user *arg);

#endif
