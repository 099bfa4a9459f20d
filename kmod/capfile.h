/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that holds exactly one capability, so that it can be inherited or
 * passed with SCM_RIGHTS. It keeps nobody alive. Besides being imported it can
 * be polled and read, if the capability is to a port: for that one's
 * generation.
 */
#ifndef _CAPS_CAPFILE_H
#define _CAPS_CAPFILE_H

#include "caps.h"

struct caps_actor;
struct file;

struct file *caps_capfile_create(struct caps_actor *actor, u64 handle);
int caps_capfile_import(struct caps_actor *actor, int fd, u64 *handle);

#endif
