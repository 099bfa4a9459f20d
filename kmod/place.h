/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Placing: a copy of a capability goes into another actor's table, unasked. The
 * right to do so is a capability to that actor. It is told by an event.
 */
#ifndef _CAPS_PLACE_H
#define _CAPS_PLACE_H

#include "caps.h"

struct caps_actor;

int caps_place(struct caps_actor *actor, const struct caps_place *args);

#endif
