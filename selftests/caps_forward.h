/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client, a server that forwards, and one that it forwards to, all in this
 * process.
 */
#ifndef CAPS_FORWARD_H
#define CAPS_FORWARD_H

#include "caps_memory.h"
#include "caps_state.h"

#define BADGE_A	11	/* the client's, at the first server */
#define BADGE_B	22	/* the first server's, at the second */

FIXTURE(forward) {
	struct before before;
	int client, a, b;
	__u64 door;		/* the first server's port */
	__u64 cap;		/* the client's, to it */
	__u64 room;		/* the second server's port */
	__u64 next;		/* the first server's, to it */
	struct caps_call call;
	struct background caller;
};

FIXTURE_SETUP(forward)
{
	__u64 badged;

	before_take(&self->before);
	self->client = actor_open();
	self->a = actor_open();
	self->b = actor_open();
	self->door = port_new(self->a);
	self->room = port_new(self->b);
	need(cap_badge(self->a, self->door, BADGE_A, &badged), "a badge");
	self->cap = cap_give(self->a, badged, self->client);
	need(cap_close(self->a, badged), "CAPS_CLOSE");
	need(cap_badge(self->b, self->room, BADGE_B, &badged), "a badge");
	self->next = cap_give(self->b, badged, self->a);
	need(cap_close(self->b, badged), "CAPS_CLOSE");
	self->call = call_of(self->cap, "question");
}

FIXTURE_TEARDOWN(forward)
{
	close(self->client);
	close(self->a);
	close(self->b);
	before_check(_metadata, &self->before);
}

static inline long pass_on(int fd, __u64 id, __u64 cap)
{
	struct caps_forward f = { .id = id, .capability = cap };

	return caps_ioctl(fd, CAPS_FORWARD, &f);
}

/* Take one at the door and hand it on; returns what it was called there. */
static inline __u64 pass_next(int fd, __u64 port, __u64 cap)
{
	struct message m;

	need(receive_until(fd, port, CAPS_HOLD, grace(), &m), "CAPS_RECEIVE");
	need(pass_on(fd, m.header.id, cap), "CAPS_FORWARD");
	return m.header.id;
}

#define START_CALL(self)						\
	background_start(&(self)->caller, (self)->client, CAPS_CALL,	\
			 &(self)->call)

/* A call, which the client waits in, is queued at the second server. */
#define QUEUE_FORWARDED(self)						\
	do {								\
		START_CALL(self);					\
		pass_next((self)->a, (self)->door, (self)->next);	\
	} while (0)

#endif /* CAPS_FORWARD_H */
