/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A service that is asked who may connect, and one who wants to.
 */
#ifndef CAPS_ACCEPT_H
#define CAPS_ACCEPT_H

#include "caps_names.h"

#define ASKED	"asked"
#define GRANTED	0xffull		/* what is registered */

struct gate {
	int server;
	int client;
	__u64 port;
	struct caps_connect c;		/* of knock() */
	struct background b;
};

static inline struct gate gate_open(__u32 flags)
{
	struct gate g = { .server = actor_open(), .client = actor_open() };
	struct caps_register r = {
		.name = (uintptr_t)ASKED, .name_len = strlen(ASKED), .gid = ANY,
		.operations = GRANTED,
		.flags = CAPS_REGISTER_WORLD | CAPS_REGISTER_ASK | flags,
	};

	g.port = port_new(g.server);
	r.port = g.port;
	need(caps_ioctl(g.server, CAPS_REGISTER, &r), "CAPS_REGISTER");
	return g;
}

static inline void gate_close(struct gate *g)
{
	close(g->server);
	close(g->client);
}

static inline struct caps_connect plea(__u64 operations)
{
	struct caps_connect c = connect_of(ASKED, 0, ANY);

	c.operations = operations;
	c.verdict = grace();
	return c;
}

/* In a thread; answered by gate_wait(). */
static inline void knock(struct gate *g, __u64 operations)
{
	g->c = plea(operations);
	background_start(&g->b, g->client, CAPS_CONNECT, &g->c);
}

/* The application that the server has got. */
static inline struct message asked(struct gate *g)
{
	struct message m;

	need(receive(g->server, g->port, &m), "CAPS_RECEIVE");
	return m;
}

static inline long gate_wait(struct gate *g)
{
	return background_join(&g->b);
}

static inline struct caps_reply verdict_of(__u64 id, int status,
					   const struct caps_verdict *v)
{
	return (struct caps_reply){
		.id = id, .status = status,
		.data.annex = (uintptr_t)v,
		.data.annex_len = v ? sizeof(*v) : 0,
	};
}

static inline long accept_with(int fd, __u64 id, const struct caps_verdict *v)
{
	struct caps_reply r = verdict_of(id, 0, v);

	return caps_ioctl(fd, CAPS_REPLY, &r);
}

static inline long reject(int fd, __u64 id, int status)
{
	struct caps_reply r = verdict_of(id, status, NULL);

	return caps_ioctl(fd, CAPS_REPLY, &r);
}

/* As it was asked for. */
static inline long admit(struct gate *g, const struct message *m)
{
	struct caps_verdict v = { .operations = m->header.address };

	return accept_with(g->server, m->header.id, &v);
}

#endif /* CAPS_ACCEPT_H */
