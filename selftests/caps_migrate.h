/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port's old owner, its new one, and a client: three actors of this process.
 */
#ifndef CAPS_MIGRATE_H
#define CAPS_MIGRATE_H

#include "caps_state.h"

struct move {
	int old;
	int new;
	int client;
	__u64 port;		/* the old owner's */
	__u64 cap;		/* the client's, to it */
	__u64 heir;		/* the old owner's, to the new one */
	__u64 back;		/* the new owner's, to the old one */
	__u64 arrived;		/* the new owner's handle, once it has it */
	__u64 sequence;
	__u64 dropped;
};

static inline struct move move_prepare_limit(__u32 limit)
{
	struct move m = {
		.old = actor_open(), .new = actor_open(),
		.client = actor_open(),
	};

	m.port = port_new_limit(m.old, limit);
	m.cap = cap_give(m.old, m.port, m.client);
	m.heir = cap_give(m.new, actor_self(m.new), m.old);
	m.back = cap_give(m.old, actor_self(m.old), m.new);
	return m;
}

static inline struct move move_prepare(void)
{
	return move_prepare_limit(0);
}

static inline void move_end(struct move *m)
{
	close(m->old);
	close(m->new);
	close(m->client);
}

/* @sequence and @dropped may be NULL. */
static inline long port_migrate(int fd, __u64 port, __u64 actor, __u32 flags,
				__u64 *sequence, __u64 *dropped)
{
	struct caps_port_migrate p = {
		.capability = port, .actor = actor, .flags = flags,
	};
	long ret = caps_ioctl(fd, CAPS_PORT_MIGRATE, &p);

	if (sequence)
		*sequence = p.sequence;
	if (dropped)
		*dropped = p.dropped;
	return ret;
}

/* The handle of a port that has come to an actor; 0 if none has. */
static inline __u64 port_arrived(int fd, __u64 deadline)
{
	struct message m;
	long ret = receive_until(fd, CAPS_DEFAULT_PORT, 0, deadline, &m);

	return ret || m.header.kind != CAPS_KIND_PORT_ARRIVED ?
		       0 : m.header.address;
}

static inline long move_go(struct move *m, __u32 flags)
{
	long ret = port_migrate(m->old, m->port, m->heir, flags, &m->sequence,
				&m->dropped);

	if (!ret)
		m->arrived = port_arrived(m->new, 0);
	return ret;
}

#define EXPECT_NEXT(fd, port, text) do {				\
	struct message __next;						\
									\
	EXPECT_OK(receive_now(fd, port, &__next));			\
	EXPECT_STREQ(text, __next.body);				\
} while (0)

#endif /* CAPS_MIGRATE_H */
