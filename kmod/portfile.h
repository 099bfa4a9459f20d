/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that poll one port of an actor, be it enabled or not.
 *
 * They wait in the actor's wait queue. While a port has such files (@pollers), what
 * comes to it wakes that queue though the port is disabled, and so does its end or
 * its moving away.
 *
 * Lifetime: a file holds memory of actor and port, but keeps neither alive.
 */
#ifndef _CAPS_PORTFILE_H
#define _CAPS_PORTFILE_H

#include <linux/types.h>

struct caps_actor;
struct file;

struct file *caps_portfile_create(struct caps_actor *actor, u64 handle);

#endif
