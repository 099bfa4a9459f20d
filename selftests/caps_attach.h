/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capabilities and files that go along with messages: what is sent, and the room for
 * what is received.
 */
#ifndef CAPS_ATTACH_H
#define CAPS_ATTACH_H

#include "caps_state.h"

#define MANY	(CAPS_MAX_ATTACHED + 1)

struct load {
	struct caps_attachments a;
	struct caps_transfer transfers[MANY];
	__s32 fds[MANY];
};

struct room {
	struct caps_attachments a;
	__u64 handles[MANY];
	__s32 fds[MANY];
};

/* One more of them; its place. */
static inline struct caps_transfer *load_add(struct load *l, __u64 cap)
{
	struct caps_transfer *t = &l->transfers[l->a.capability_count++];

	l->a.capabilities = (uintptr_t)l->transfers;
	*t = (struct caps_transfer){
		.capability = cap, .rights = CAPS_RIGHT_SEND,
		.operations = CAPS_ALL_OPERATIONS,
	};
	return t;
}

static inline void load_fd(struct load *l, int fd)
{
	l->fds[l->a.fd_count++] = fd;
}

static inline struct load load_of(__u64 cap, unsigned int count)
{
	struct load l = {};

	while (count--)
		load_add(&l, cap);
	/* The address is of where it is copied to. */
	return l;
}

static inline struct caps_data load_data(struct load *l)
{
	struct caps_data data = data_of("load", 4);

	if (l->a.capability_count)
		l->a.capabilities = (uintptr_t)l->transfers;
	if (l->a.fd_count)
		l->a.fds = (uintptr_t)l->fds;
	data.attachments = (uintptr_t)&l->a;
	return data;
}

static inline void room_init(struct room *r, unsigned int count)
{
	memset(r, 0, sizeof(*r));
	r->a.capabilities = (uintptr_t)r->handles;
	r->a.capability_count = count;
	r->a.fds = (uintptr_t)r->fds;
	r->a.fd_count = count;
}

static inline long send_load(int fd, __u64 cap, struct load *l)
{
	struct caps_send s = { .capability = cap, .data = load_data(l) };

	return caps_ioctl(fd, CAPS_SEND, &s);
}

/* What is there now; @address of a struct caps_attachments, or 0. */
static inline long receive_at(int fd, __u64 port, __u64 address,
			      struct message *m)
{
	struct caps_receive r = receive_of(m, port, 0);
	long ret;

	r.buffer.attachments = address;
	ret = caps_ioctl(fd, CAPS_RECEIVE, &r);
	m->header = r.header;
	return ret;
}

static inline long receive_room(int fd, __u64 port, struct room *r,
				struct message *m)
{
	return receive_at(fd, port, (uintptr_t)&r->a, m);
}

static inline long get_attached(int fd, __u64 id, __u64 address)
{
	struct caps_get_data g = { .id = id };

	g.buffer.attachments = address;
	return caps_ioctl(fd, CAPS_GET_DATA, &g);
}

static inline __u64 handles_of(int fd)
{
	return actor_info(fd).capabilities;
}

#endif /* CAPS_ATTACH_H */
