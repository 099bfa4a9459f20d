/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Signals: 64 bits that anybody who may send can set in a port, and that its
 * receiver takes all at once.
 *
 * Setting them takes no memory and no room, and never waits. They stand in the
 * port's line where the first of them was set, as a message would: who sets bits
 * all the time keeps no message from being received. They tell nothing of who
 * set them. Who waits for the
 * port is not given them but told to look again (caps_waiter.error is
 * CAPS_LOOK_AGAIN): whoever comes first takes them, and the others go on
 * waiting.
 */
#ifndef _CAPS_PORT_SIGNAL_H
#define _CAPS_PORT_SIGNAL_H

#include <linux/types.h>

struct caps_actor;
struct caps_port;
struct caps_signal;
struct caps_wakes;

#define CAPS_LOOK_AGAIN		1

int caps_signal(struct caps_actor *actor, const struct caps_signal *args);
u64 caps_signals_take(struct caps_actor *owner, struct caps_port *port,
		      u64 *sequence);
void caps_signals_restore(struct caps_actor *actor, struct caps_port *port,
			  u64 bits, u64 sequence);

#endif
