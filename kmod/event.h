/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An event: a message that the kernel makes for an actor, queued at its default
 * port, where it needs no room.
 *
 * It is a message of the kind in question, made with caps_message_create() by
 * whoever causes or asks for it, in advance: when the event happens nothing is
 * allocated or charged. The maker's identity is in its header and the maker pays
 * until it has been received, or its receiver has died.
 */
#ifndef _CAPS_EVENT_H
#define _CAPS_EVENT_H

#include <linux/types.h>

struct caps_actor;
struct caps_message;
struct caps_wakes;

void caps_event_queue(struct caps_actor *target, struct caps_message *event,
		      u64 value, struct caps_wakes *wakes);

#endif
