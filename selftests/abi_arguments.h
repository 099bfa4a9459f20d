/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How to fill the struct of each command so that it succeeds.
 */
#ifndef ABI_ARGUMENTS_H
#define ABI_ARGUMENTS_H

#include "caps_test.h"

/* What the structs refer to. */
struct world {
	int fd;
	__u64 port;
	__u64 echo;		/* a server, once somebody needs it */
	struct child server;
	unsigned int names;	/* registered so far */
	char name[32];
	char body[64];
	struct caps_receive entry;
	struct caps_service_entry listed;
};

static void zero(struct world *w, void *arg)
{
	(void)w;
	(void)arg;
}

static __u64 fresh(struct world *w)
{
	w->port = port_new(w->fd);
	need(port_enable(w->fd, w->port, 0), "CAPS_PORT_ENABLE");
	return w->port;
}

static void queue_call(struct world *w, __u64 *id)
{
	need(call_async(w->fd, fresh(w), 0, "question", id),
	     "CAPS_CALL_ASYNC");
}

static __u64 held(struct world *w)
{
	struct message m;
	__u64 id;

	queue_call(w, &id);
	need(receive(w->fd, w->port, &m), "CAPS_RECEIVE");
	return m.header.id;
}

static void duplicate(struct world *w, void *arg)
{
	*(struct caps_duplicate *)arg = (struct caps_duplicate){
		.capability = fresh(w), .rights = CAPS_RIGHT_SEND,
	};
}

/* close, port_delete and port_disable: a handle of their own. */
static void handle(struct world *w, void *arg)
{
	((struct caps_close *)arg)->capability = fresh(w);
}

static void capability_info(struct world *w, void *arg)
{
	((struct caps_capability_info *)arg)->capability = fresh(w);
}

static void export(struct world *w, void *arg)
{
	((struct caps_export *)arg)->capability = fresh(w);
}

static void import(struct world *w, void *arg)
{
	long fd = cap_export(w->fd, fresh(w));

	need(fd, "CAPS_EXPORT");
	((struct caps_import *)arg)->fd = fd;
}

static void place_in(struct world *w, void *arg)
{
	*(struct caps_place *)arg = (struct caps_place){
		.capability = fresh(w), .actor = actor_self(w->fd),
		.rights = CAPS_RIGHT_SEND,
	};
}

static void watch_of(struct world *w, void *arg)
{
	((struct caps_watch *)arg)->capability = fresh(w);
}

static void port_enable_of(struct world *w, void *arg)
{
	((struct caps_port_enable *)arg)->capability = fresh(w);
}

static void port_info_of(struct world *w, void *arg)
{
	((struct caps_port_info *)arg)->capability = fresh(w);
}

static void signal_to(struct world *w, void *arg)
{
	*(struct caps_signal *)arg = (struct caps_signal){
		.capability = fresh(w), .bits = 1,
	};
}

/* The actor becomes one that another process has left to us. */
static void orphan(struct world *w, void *arg)
{
	struct caps_keep k = { 0 };
	struct child c;
	int fd;

	(void)arg;
	if (child_start(&c)) {
		fd = actor_open();
		need(caps_ioctl(fd, CAPS_KEEP, &k), "CAPS_KEEP");
		say_fd(&c, fd);
		_exit(0);
	}
	fd = hear_fd(&c);
	child_wait(&c);
	close(c.line);
	need(sys(dup2(fd, w->fd)), "dup2");
	close(fd);
}

/* To another actor, which comes to its end with the test. */
static void migrate_to(struct world *w, void *arg)
{
	int to = actor_open();

	*(struct caps_port_migrate *)arg = (struct caps_port_migrate){
		.capability = fresh(w),
		.actor = cap_give(to, actor_self(to), w->fd),
	};
}

static void send_to(struct world *w, void *arg)
{
	*(struct caps_send *)arg = (struct caps_send){
		.capability = fresh(w), .data = data_of("text", 4),
	};
}

static void call_to(struct world *w, void *arg)
{
	if (!w->echo)
		w->echo = echo_server(&w->server, w->fd);
	*(struct caps_call *)arg = call_of(w->echo, "text");
}

static void receive_from(struct world *w, void *arg)
{
	need(send_text(w->fd, fresh(w), "text"), "CAPS_SEND");
	((struct caps_receive *)arg)->port = w->port;
	((struct caps_receive *)arg)->buffer = data_of(w->body, 64);
}

static void receive_batch(struct world *w, void *arg)
{
	need(send_text(w->fd, fresh(w), "text"), "CAPS_SEND");
	memset(&w->entry, 0, sizeof(w->entry));
	w->entry.buffer = data_of(w->body, 64);
	*(struct caps_receive_batch *)arg = (struct caps_receive_batch){
		.port = w->port, .count = 1,
		.entries = (uintptr_t)&w->entry,
	};
}

static void get_data_of(struct world *w, void *arg)
{
	((struct caps_get_data *)arg)->id = held(w);
	((struct caps_get_data *)arg)->buffer = data_of(w->body, 64);
}

static void reply_to(struct world *w, void *arg)
{
	((struct caps_reply *)arg)->id = held(w);
}

static void reply_receive(struct world *w, void *arg)
{
	struct caps_reply_receive *r = arg;
	__u64 id = held(w);

	receive_from(w, &r->receive);
	r->reply.id = id;
}

/* discard, header and identity. */
static void held_id(struct world *w, void *arg)
{
	*(__u64 *)arg = held(w);
}

static void abort_of(struct world *w, void *arg)
{
	queue_call(w, &((struct caps_abort *)arg)->id);
}

static void forward_to(struct world *w, void *arg)
{
	struct caps_forward *f = arg;

	f->id = held(w);
	f->capability = fresh(w);
}

static void new_name(struct world *w)
{
	snprintf(w->name, sizeof(w->name), "abi-%u", w->names++);
}

static void register_as(struct world *w, void *arg)
{
	new_name(w);
	*(struct caps_register *)arg = (struct caps_register){
		.port = fresh(w), .name = (uintptr_t)w->name,
		.name_len = strlen(w->name), .uid = geteuid(),
		.gid = CAPS_ANY_ID,
	};
}

static void registered(struct world *w)
{
	new_name(w);
	need(service_register(w->fd, fresh(w), w->name, 0, 3),
	     "CAPS_REGISTER");
}

static void unregister(struct world *w, void *arg)
{
	registered(w);
	*(struct caps_unregister *)arg = (struct caps_unregister){
		.name = (uintptr_t)w->name, .name_len = strlen(w->name),
		.uid = geteuid(), .gid = CAPS_ANY_ID,
	};
}

static void connect_to(struct world *w, void *arg)
{
	registered(w);
	*(struct caps_connect *)arg = (struct caps_connect){
		.name = (uintptr_t)w->name, .name_len = strlen(w->name),
		.uid = geteuid(), .gid = CAPS_ANY_ID,
		.operations = CAPS_ALL_OPERATIONS,
	};
}

static void services(struct world *w, void *arg)
{
	registered(w);
	*(struct caps_services *)arg = (struct caps_services){
		.entries = (uintptr_t)&w->listed, .count = 1,
	};
}

static void generation(struct world *w, void *arg)
{
	((struct caps_generation *)arg)->capability = fresh(w);
}

static __u64 fresh_group(struct world *w)
{
	struct caps_group_create c = { 0 };

	need(caps_ioctl(w->fd, CAPS_GROUP_CREATE, &c), "CAPS_GROUP_CREATE");
	return c.capability;
}

static void group_insert_of(struct world *w, void *arg)
{
	((struct caps_group_member *)arg)->group = fresh_group(w);
	((struct caps_group_member *)arg)->port = fresh(w);
}

static void group_remove_of(struct world *w, void *arg)
{
	group_insert_of(w, arg);
	need(caps_ioctl(w->fd, CAPS_GROUP_INSERT, arg), "CAPS_GROUP_INSERT");
}

/* group_delete and group_info. */
static void group_of(struct world *w, void *arg)
{
	((struct caps_group_ref *)arg)->capability = fresh_group(w);
}

#endif /* ABI_ARGUMENTS_H */
