/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of the uapi header: arguments in, checks, arguments out.
 */
#ifndef _CAPS_IOCTL_H
#define _CAPS_IOCTL_H

#include "command.h"

struct caps_command;

long caps_command(struct caps_actor *actor, unsigned int cmd,
		  void __user *arg);

const struct caps_command *caps_command_load(struct caps_actor *actor,
					     unsigned int cmd,
					     const void __user *arg,
					     union caps_args *args);
int caps_command_run(struct caps_actor *actor,
		     const struct caps_command *command,
		     caps_command_t *instead, union caps_args *args,
		     void __user *arg);

#endif
