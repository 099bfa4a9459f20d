// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every user copy of every command fails once: the command
 * says so and has no effect, so that the same again succeeds; or it succeeds.
 *
 * Needs a kernel with fault injection (/proc/thread-self/fail-nth).
 */
#include "caps_group.h"
#include "caps_memory.h"
#include "caps_state.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define LARGE		(20 << 10)
#define STOP		63

/* What a command finds, made anew for each attempt. */
struct world {
	struct pair p;
	pthread_t server;
	bool serving;
	__u64 port;		/* the client's, enabled, with a message in it */
	__u64 group;		/* the client's, with that port and another */
	__u64 handle;
	__u64 held;		/* by the server: a call */
	__u64 pending;		/* at the client: the same */
	int file;		/* an exported capability */
	char *large;		/* LARGE bytes to send or to be received into */
	char *room;
};

/* --- commands ------------------------------------------------------------ */

typedef long command_fn(struct world *w);

static long do_open(struct world *w)
{
	long fd = caps_open();

	(void)w;
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static long do_query(struct world *w)
{
	struct caps_query q = { 0 };

	return caps_ioctl(w->p.client, CAPS_QUERY, &q);
}

static long do_actor_info(struct world *w)
{
	struct caps_actor_info i = { 0 };

	return caps_ioctl(w->p.client, CAPS_ACTOR_INFO, &i);
}

static long do_duplicate(struct world *w)
{
	return cap_dup(w->p.client, w->p.cap, 1, 1, &w->handle);
}

static long do_badge(struct world *w)
{
	return cap_badge(w->p.server, w->p.port, 99, &w->handle);
}

static long do_close(struct world *w)
{
	return cap_close(w->p.client, w->p.cap);
}

static long do_capability_info(struct world *w)
{
	struct caps_capability_info i;

	return cap_info(w->p.client, w->p.cap, &i);
}

static long do_export(struct world *w)
{
	long fd = cap_export(w->p.client, w->p.cap);

	return fd < 0 ? fd : 0;
}

static long do_import(struct world *w)
{
	return cap_import(w->p.client, w->file, &w->handle);
}

static long do_port_create(struct world *w)
{
	return port_create(w->p.client, 0, 0, &w->handle);
}

static long do_port_delete(struct world *w)
{
	return port_delete(w->p.client, w->port);
}

static long do_port_enable(struct world *w)
{
	return port_enable(w->p.client, w->port, 3);
}

static long do_port_disable(struct world *w)
{
	return port_disable(w->p.client, w->port);
}

static long do_port_info(struct world *w)
{
	struct caps_port_info i = { .capability = w->port };

	return caps_ioctl(w->p.client, CAPS_PORT_INFO, &i);
}

static long send_body(struct world *w, unsigned int command, __u32 flags,
		      size_t len)
{
	struct caps_send s = {
		.capability = w->p.cap, .flags = flags,
		.data = data_of(w->large, len),
	};

	s.data.annex = (uintptr_t)"annex";
	s.data.annex_len = 5;
	return caps_ioctl(w->p.client, command, &s);
}

static long do_send_small(struct world *w)
{
	return send_body(w, CAPS_SEND, 0, 10);
}

static long do_send_copied(struct world *w)
{
	return send_body(w, CAPS_SEND, 0, LARGE);
}

static long do_send_deferred(struct world *w)
{
	return send_body(w, CAPS_SEND, CAPS_DEFER, LARGE);
}

static long do_async_small(struct world *w)
{
	return send_body(w, CAPS_CALL_ASYNC, 0, 10);
}

static long do_async_deferred(struct world *w)
{
	return send_body(w, CAPS_CALL_ASYNC, CAPS_DEFER, LARGE);
}

static long do_send_pieces(struct world *w)
{
	struct caps_iovec iov[20];
	struct caps_send s = {
		.capability = w->p.cap, .flags = CAPS_DEFER,
		.data = { .body = (uintptr_t)iov, .iov_count = 20 },
	};
	int i;

	for (i = 0; i < 20; i++)
		iov[i] = (struct caps_iovec){ (uintptr_t)w->large + i, 900 };
	return caps_ioctl(w->p.client, CAPS_SEND, &s);
}

static long call_body(struct world *w, __u32 flags, size_t len)
{
	/* Not in_ms(): asking for the time may fail here, too. */
	struct caps_call call = {
		.capability = w->p.cap, .deadline = CAPS_FOREVER,
		.flags = flags, .request = data_of(w->large, len),
		.reply = data_of(w->room, len),
	};

	return caps_ioctl(w->p.client, CAPS_CALL, &call);
}

static long do_call_small(struct world *w)
{
	return call_body(w, 0, 10);
}

static long do_call_pinned(struct world *w)
{
	return call_body(w, 0, LARGE);
}

static long do_call_copied(struct world *w)
{
	return call_body(w, CAPS_COPY, LARGE);
}

static long do_call_direct(struct world *w)
{
	return call_body(w, CAPS_DIRECT_REPLY, LARGE);
}

static struct caps_receive receive_large(struct world *w)
{
	return (struct caps_receive){
		.port = w->port, .flags = CAPS_HOLD,
		.buffer = data_of(w->room, LARGE),
	};
}

static long do_receive(struct world *w)
{
	struct caps_receive r = receive_large(w);

	return caps_ioctl(w->p.client, CAPS_RECEIVE, &r);
}

static long do_receive_any(struct world *w)
{
	struct caps_receive r = receive_large(w);

	r.port = CAPS_ANY_PORT;
	return caps_ioctl(w->p.client, CAPS_RECEIVE, &r);
}

static long do_receive_pieces(struct world *w)
{
	struct caps_receive r = receive_large(w);
	struct caps_iovec iov[10];
	int i;

	for (i = 0; i < 10; i++)
		iov[i] = (struct caps_iovec){
			(uintptr_t)w->room + i * 2000, 1900,
		};
	r.buffer = (struct caps_data){
		.body = (uintptr_t)iov, .iov_count = 10,
	};
	return caps_ioctl(w->p.client, CAPS_RECEIVE, &r);
}

static long do_receive_batch(struct world *w)
{
	struct caps_receive entries[2] = { receive_large(w), { 0 } };
	struct caps_receive_batch b = {
		.port = w->port, .entries = (uintptr_t)entries, .count = 2,
	};

	entries[0].port = 0;
	return caps_ioctl(w->p.client, CAPS_RECEIVE_BATCH, &b);
}

static long do_get_data(struct world *w)
{
	return get_data(w->p.server, w->held, 3, w->room, LARGE, NULL);
}

static long reply_body(struct world *w, __u32 flags, size_t len)
{
	struct caps_reply r = {
		.id = w->held, .flags = flags, .data = data_of(w->large, len),
	};

	return caps_ioctl(w->p.server, CAPS_REPLY, &r);
}

static long do_reply_small(struct world *w)
{
	return reply_body(w, 0, 10);
}

static long do_reply_copied(struct world *w)
{
	return reply_body(w, 0, LARGE);
}

static long do_reply_deferred(struct world *w)
{
	return reply_body(w, CAPS_DEFER, LARGE);
}

static long do_reply_receipt(struct world *w)
{
	return reply_body(w, CAPS_RECEIPT, 10);
}

static long do_discard(struct world *w)
{
	return discard(w->p.server, w->held);
}

static long do_abort(struct world *w)
{
	struct caps_abort a = { .id = w->pending };

	return caps_ioctl(w->p.client, CAPS_ABORT, &a);
}

static long do_header(struct world *w)
{
	struct caps_get_header h = { .id = w->held };

	return caps_ioctl(w->p.server, CAPS_HEADER, &h);
}

static long do_identity(struct world *w)
{
	struct caps_identity i = {
		.id = w->held, .groups = (uintptr_t)w->room,
		.group_count = 32, .label = (uintptr_t)w->room + 4096,
		.label_len = 256,
	};

	return caps_ioctl(w->p.server, CAPS_IDENTITY, &i);
}

static long do_register(struct world *w)
{
	return service_register(w->p.server, w->p.port, "failing", 0, 1);
}

static long do_unregister(struct world *w)
{
	return service_unregister(w->p.server, "failnth");
}

static long do_connect(struct world *w)
{
	return service_connect(w->p.client, "failnth", 0, 1, &w->handle);
}

FIXTURE_VARIANT(tidy) {
	command_fn *command;
	bool makes;		/* something that its result names */
	bool served;		/* by a thread that answers */
};

#define COMMAND(name)							\
	FIXTURE_VARIANT_ADD(tidy, name) { do_##name, false, false };
#define MAKES(name)							\
	FIXTURE_VARIANT_ADD(tidy, name) { do_##name, true, false };
#define SERVED(name)							\
	FIXTURE_VARIANT_ADD(tidy, name) { do_##name, false, true };

COMMAND(open)
COMMAND(query)
COMMAND(actor_info)
MAKES(duplicate)
MAKES(badge)
COMMAND(close)
COMMAND(capability_info)
COMMAND(export)
MAKES(import)
MAKES(port_create)
COMMAND(port_delete)
COMMAND(port_enable)
COMMAND(port_disable)
COMMAND(port_info)
MAKES(send_small)
MAKES(send_copied)
MAKES(send_deferred)
MAKES(send_pieces)
MAKES(async_small)
MAKES(async_deferred)
SERVED(call_small)
SERVED(call_pinned)
SERVED(call_copied)
SERVED(call_direct)
COMMAND(receive)
COMMAND(receive_any)
COMMAND(receive_pieces)
MAKES(receive_batch)
COMMAND(get_data)
MAKES(reply_small)
MAKES(reply_copied)
MAKES(reply_deferred)
MAKES(reply_receipt)
COMMAND(discard)
MAKES(abort)
COMMAND(header)
COMMAND(identity)
COMMAND(register)
COMMAND(unregister)
MAKES(connect)
#include "failnth_group.h"

/* --- the world of one attempt -------------------------------------------- */

static void *serve(void *arg)
{
	struct world *w = arg;
	struct caps_receive r = {
		.port = w->p.port, .deadline = CAPS_FOREVER,
	};

	for (;;) {
		need(caps_ioctl(w->p.server, CAPS_RECEIVE, &r), "server");
		if (r.header.operation == STOP)
			return NULL;
		if (r.header.kind == CAPS_KIND_CALL)
			reply_data(w->p.server, r.header.id, 0, w->large,
				   LARGE);
	}
}

static void world_open(struct world *w, bool served)
{
	struct caps_send s = {
		.data = data_of(w->large, LARGE),
	};
	struct message m;

	w->p = pair_open();
	w->port = port_new(w->p.client);
	need(port_enable(w->p.client, w->port, 0), "CAPS_PORT_ENABLE");
	s.capability = w->port;
	need(caps_ioctl(w->p.client, CAPS_SEND, &s), "CAPS_SEND");
	w->group = group_new(w->p.client);
	need(group_insert(w->p.client, w->group, w->port), "CAPS_GROUP_INSERT");
	member_new(w->p.client, w->group, 0);
	w->file = cap_export(w->p.server, w->p.port);
	need(w->file, "CAPS_EXPORT");
	need(service_register(w->p.server, w->p.port, "failnth", 0, 1),
	     "CAPS_REGISTER");
	w->serving = served;
	if (served) {
		need(-pthread_create(&w->server, NULL, serve, w), "thread");
		/* Until it has received once, and so has all that this takes. */
		need(send_text(w->p.client, w->p.cap, ""), "CAPS_SEND");
		if (!eventually(port_info(w->p.server, w->p.port).sequence))
			die("the server does not receive");
		return;
	}
	s.capability = w->p.cap;
	need(caps_ioctl(w->p.client, CAPS_CALL_ASYNC, &s), "CAPS_CALL_ASYNC");
	w->pending = s.id;
	need(receive(w->p.server, w->p.port, &m), "CAPS_RECEIVE");
	w->held = m.header.id;
}

static void world_close(struct world *w)
{
	struct caps_send stop = {
		.capability = w->p.cap, .operation = STOP,
	};

	if (w->serving) {
		need(caps_ioctl(w->p.client, CAPS_SEND, &stop), "stop");
		pthread_join(w->server, NULL);
	}
	close_range(3, ~0u, 0);
}

/* --- failing ------------------------------------------------------------- */

/* Let everything fail that can, and say nothing about it. */
static bool failing_prepare(void)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	static const char *const knobs[][2] = {
		{ "ignore-gfp-wait", "N" }, { "ignore-gfp-highmem", "N" },
		{ "min-order", "0" }, { "verbose", "0" },
	};
	char path[128];
	size_t i, k;

	if (access(FAIL_NTH, W_OK))
		return false;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (k = 0; k < ARRAY_SIZE(knobs); k++) {
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s",
				 kinds[i], knobs[k][0]);
			file_write(path, knobs[k][1]);
		}
	return true;
}

/* Run a command whose @nth allocation or user copy fails. Did one? */
static bool fail_nth(command_fn *command, struct world *w, unsigned int nth,
		     long *ret)
{
	char text[16] = "";
	int fd = open(FAIL_NTH, O_RDWR);

	need(sys(fd), FAIL_NTH);
	snprintf(text, sizeof(text), "%u", nth);
	need(sys(write(fd, text, strlen(text))), FAIL_NTH);
	*ret = command(w);
	/* Reading may be what fails: then the command had less. */
	memset(text, 0, sizeof(text));
	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		strcpy(text, "1");
	while (pwrite(fd, "0", 1, 0) < 0)
		;
	close(fd);
	return !strtoul(text, NULL, 10);
}

/* Objects, but for messages: an actor keeps some for its next sends. */
static struct live objects(void)
{
	struct live live = live_now();
	char *from = strstr(live.text, "messages"), *to;

	to = strstr(from, "bodies");
	memmove(from, to, strlen(to) + 1);
	return live;
}

static bool same_objects(const struct live *before)
{
	return !strcmp(objects().text, before->text);
}

static bool may_fail_with(long ret)
{
	return ret == -ENOMEM || ret == -EFAULT || ret == -ENFILE ||
	       ret == -EMFILE || ret == -EDQUOT;
}

/*
 * Commands that make something see to it beforehand that the result can be
 * written. Only if that fails all the same, as the very last thing, has the
 * command had its effect; a program must take its own memory away meanwhile.
 */
static bool had_effect(struct world *w, command_fn *command,
		       const struct live *before)
{
	return !same_objects(before) || command(w);
}

/* Objects of the old world take a moment to go. */
static void renew(struct world *w, bool served, const struct before *b)
{
	world_close(w);
	if (!eventually(as_before(b)))
		die("left behind: %s", live_now().text);
	world_open(w, served);
}

TEST_F(tidy, every_failure)
{
	struct world w = { .large = pages_filled(LARGE, 0, 1) };
	unsigned int nth, failed = 0, late = 0;
	command_fn *command = variant->command;
	struct live before;
	long ret;

	if (!failing_prepare())
		SKIP(return, "no fault injection");
	w.room = pages_filled(LARGE, 0, 2);
	world_open(&w, variant->served);
	for (nth = 1; nth < 1000; nth++) {
		before = objects();
		if (!fail_nth(command, &w, nth, &ret))
			break;
		failed += !!ret;
		if (ret == -EFAULT && variant->makes) {
			if (had_effect(&w, command, &before) && !late)
				late = nth;
			renew(&w, variant->served, &self->before);
		} else if (ret) {
			/* As if it had not been: the same world again. */
			EXPECT_TRUE(may_fail_with(ret))
				TH_LOG("%u: %s", nth, result_name(ret));
			EXPECT_TRUE(eventually(same_objects(&before)))
				TH_LOG("%u: %s left %s, not %s", nth,
				       result_name(ret), objects().text,
				       before.text);
		} else {
			renew(&w, variant->served, &self->before);
		}
	}
	EXPECT_OK(ret);
	world_close(&w);
	TH_LOG("%u points, %u failures", nth - 1, failed);
	EXPECT_LT(0, failed);
	/* The number of points may vary a little, by pages for objects. */
	EXPECT_TRUE(!late || late + 5 >= nth)
		TH_LOG("failed after all at point %u", late);
}

TEST_HARNESS_MAIN
