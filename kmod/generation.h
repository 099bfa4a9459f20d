/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port's generation: a number for its clients, see the uapi header. It has
 * nothing to do with that of capabilities, which is for revoking.
 *
 * Read without a lock. Set under the owner's, then those who wait for another
 * are woken; they sleep on the port, of which each holds a reference, and are
 * woken when it ends as well.
 */
#ifndef _CAPS_GENERATION_H
#define _CAPS_GENERATION_H

#include "caps.h"

struct caps_actor;

int caps_generation_set(struct caps_actor *actor,
			const struct caps_generation_set *args);
int caps_generation_get(struct caps_actor *actor, struct caps_generation *args);

#endif
