// SPDX-License-Identifier: GPL-2.0
/*
 * Events; see event.h.
 */
#include "actor.h"
#include "event.h"
#include "message.h"
#include "port.h"
#include "queue.h"

/**
 * caps_event_queue - an event has happened
 * @target: whom to tell; locked and alive
 * @event: the reference is taken over
 * @value: what the header's @address says
 * @wakes: whom to wake
 */
void caps_event_queue(struct caps_actor *target, struct caps_message *event,
		      u64 value, struct caps_wakes *wakes)
{
	lockdep_assert_held(&target->lock);

	event->header.address = value;
	event->holder = target;
	event->port = caps_port_get(target->self.port);
	caps_queue_notify(target, event->port, event, wakes);
}
