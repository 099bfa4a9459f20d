/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The people of the tests about capabilities in messages.
 */
#ifndef CAPS_TRANSFER_H
#define CAPS_TRANSFER_H

#include "caps_attach.h"

/* A client and a server; the client's capability to a third one's port. */
FIXTURE(transfer)
{
	struct before before;
	struct pair p;
	int owner;
	__u64 port;
	__u64 cap;		/* the client's, with badge 7 */
	struct load load;
	struct room room;
	struct message m;
};

FIXTURE_SETUP(transfer)
{
	__u64 badged;

	before_take(&self->before);
	self->p = pair_open();
	self->owner = actor_open();
	self->port = port_new(self->owner);
	need(cap_badge(self->owner, self->port, 7, &badged), "badge");
	self->cap = cap_give(self->owner, badged, self->p.client);
	room_init(&self->room, CAPS_MAX_ATTACHED);
}

FIXTURE_TEARDOWN(transfer)
{
	before_check(_metadata, &self->before);
}

#define receive_all(self) \
	receive_room((self)->p.server, (self)->p.port, &(self)->room, \
		     &(self)->m)

/* Does this handle lead to the owner's port? */
static inline void expect_works(struct __test_metadata *_metadata,
				FIXTURE_DATA(transfer) * self, int fd,
				__u64 handle)
{
	struct message m;

	ASSERT_OK(send_text(fd, handle, "hello"));
	ASSERT_OK(receive_now(self->owner, self->port, &m));
	EXPECT_STREQ("hello", m.body);
	EXPECT_EQ(7, m.header.badge);
}

#endif /* CAPS_TRANSFER_H */
