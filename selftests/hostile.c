// SPDX-License-Identifier: GPL-2.0
/*
 * Memory whose first touch waits for ever, by userfaultfd or by a FUSE file
 * system that does not answer, in every place that the module reads or writes:
 * only the process that passes it stands still, it can be killed, and all
 * others go on, also those that talk with it.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define REGION	(128 << 10)
#define LEN	(64 << 10)

/*
 * A process passes @region somewhere. @fd is its actor, @cap leads to the
 * test's server, @port is a port of its own with a call and a one-way message
 * in it, sent by the test.
 */
struct place {
	int fd;
	__u64 cap;
	__u64 port;
	char *region;
};

typedef long pass_fn(struct place *p);

static long pass_send(struct place *p, __u32 flags, struct caps_data data)
{
	struct caps_send s = {
		.capability = p->cap, .flags = flags, .data = data,
	};

	return caps_ioctl(p->fd, CAPS_SEND, &s);
}

static long small_body(struct place *p)
{
	return pass_send(p, 0, data_of(p->region, 100));
}

static long copied_body(struct place *p)
{
	return pass_send(p, 0, data_of(p->region, LEN));
}

static long deferred_body(struct place *p)
{
	return pass_send(p, CAPS_DEFER, data_of(p->region, LEN));
}

static long annex(struct place *p)
{
	return pass_send(p, 0, (struct caps_data){
		.annex = (uintptr_t)p->region, .annex_len = 10,
	});
}

static long pieces(struct place *p)
{
	return pass_send(p, 0, (struct caps_data){
		.body = (uintptr_t)p->region, .iov_count = 10,
	});
}

static long second_piece(struct place *p)
{
	struct caps_iovec iov[] = {
		{ (uintptr_t)pages_map(LEN), LEN },
		{ (uintptr_t)p->region, LEN },
	};

	return pass_send(p, CAPS_DEFER, (struct caps_data){
		.body = (uintptr_t)iov, .iov_count = 2,
	});
}

static long structure(struct place *p)
{
	return caps_ioctl(p->fd, CAPS_SEND, p->region);
}

static long call_body(struct place *p)
{
	struct caps_call call = call_of(p->cap, "");

	call.request = data_of(p->region, LEN);
	return caps_ioctl(p->fd, CAPS_CALL, &call);
}

static long reply_buffer(struct place *p)
{
	struct caps_call call = call_of(p->cap, "echo");

	call.reply = data_of(p->region, LEN);
	return caps_ioctl(p->fd, CAPS_CALL, &call);
}

static long direct_reply_buffer(struct place *p)
{
	struct caps_call call = call_of(p->cap, "echo");

	call.reply = data_of(p->region, LEN);
	call.flags = CAPS_DIRECT_REPLY;
	return caps_ioctl(p->fd, CAPS_CALL, &call);
}

static long receive_into(struct place *p, struct caps_data data)
{
	struct caps_receive r = {
		.port = p->port, .deadline = grace(), .buffer = data,
	};

	return caps_ioctl(p->fd, CAPS_RECEIVE, &r);
}

static long receive_body(struct place *p)
{
	return receive_into(p, data_of(p->region, LEN));
}

static long receive_annex(struct place *p)
{
	return receive_into(p, (struct caps_data){
		.annex = (uintptr_t)p->region, .annex_len = 10,
	});
}

static long receive_structure(struct place *p)
{
	return caps_ioctl(p->fd, CAPS_RECEIVE, p->region);
}

static long batch_entries(struct place *p)
{
	struct caps_receive_batch b = {
		.port = p->port, .deadline = grace(),
		.entries = (uintptr_t)p->region, .count = 2,
	};

	return caps_ioctl(p->fd, CAPS_RECEIVE_BATCH, &b);
}

static __u64 take_call(struct place *p)
{
	struct message m;

	need(receive(p->fd, p->port, &m), "CAPS_RECEIVE");
	return m.header.id;
}

static long get_data_buffer(struct place *p)
{
	return get_data(p->fd, take_call(p), 0, p->region, LEN, NULL);
}

static long reply_body(struct place *p)
{
	return reply_data(p->fd, take_call(p), 0, p->region, LEN);
}

static long identity_groups(struct place *p)
{
	struct caps_identity i = {
		.id = take_call(p), .groups = (uintptr_t)p->region,
		.group_count = 10,
	};

	return caps_ioctl(p->fd, CAPS_IDENTITY, &i);
}

static long register_name(struct place *p)
{
	struct caps_register r = {
		.port = p->port, .name = (uintptr_t)p->region, .name_len = 5,
		.uid = geteuid(), .gid = CAPS_ANY_ID,
	};

	return caps_ioctl(p->fd, CAPS_REGISTER, &r);
}

static long connect_name(struct place *p)
{
	struct caps_connect c = {
		.name = (uintptr_t)p->region, .name_len = 5,
		.uid = geteuid(), .gid = CAPS_ANY_ID,
	};

	return caps_ioctl(p->fd, CAPS_CONNECT, &c);
}

FIXTURE_VARIANT(tidy) {
	pass_fn *pass;
};

FIXTURE_VARIANT_ADD(tidy, structure) { structure };
FIXTURE_VARIANT_ADD(tidy, small_body) { small_body };
FIXTURE_VARIANT_ADD(tidy, copied_body) { copied_body };
FIXTURE_VARIANT_ADD(tidy, deferred_body) { deferred_body };
FIXTURE_VARIANT_ADD(tidy, annex) { annex };
FIXTURE_VARIANT_ADD(tidy, pieces) { pieces };
FIXTURE_VARIANT_ADD(tidy, second_piece) { second_piece };
FIXTURE_VARIANT_ADD(tidy, call_body) { call_body };
FIXTURE_VARIANT_ADD(tidy, reply_buffer) { reply_buffer };
FIXTURE_VARIANT_ADD(tidy, direct_reply_buffer) { direct_reply_buffer };
FIXTURE_VARIANT_ADD(tidy, receive_structure) { receive_structure };
FIXTURE_VARIANT_ADD(tidy, receive_body) { receive_body };
FIXTURE_VARIANT_ADD(tidy, receive_annex) { receive_annex };
FIXTURE_VARIANT_ADD(tidy, batch_entries) { batch_entries };
FIXTURE_VARIANT_ADD(tidy, get_data_buffer) { get_data_buffer };
FIXTURE_VARIANT_ADD(tidy, reply_body) { reply_body };
FIXTURE_VARIANT_ADD(tidy, identity_groups) { identity_groups };
FIXTURE_VARIANT_ADD(tidy, register_name) { register_name };
FIXTURE_VARIANT_ADD(tidy, connect_name) { connect_name };

struct hostile {
	struct child child;
	struct region region;
	int me;			/* the test's client actor */
	__u64 own;		/* to the hostile process's port */
	struct child server;
	__u64 cap;		/* to the server that all use */
};

static void hostile_main(struct hostile *h, pass_fn *pass, int from)
{
	struct place p = { .fd = actor_open() };
	long ret;

	need(cap_import(p.fd, from, &p.cap), "CAPS_IMPORT");
	p.port = port_new(p.fd);
	say_fd(&h->child, cap_export(p.fd, p.port));
	hear(&h->child);
	if (!h->region.fuse) {
		if (!uffd_start(&h->region, REGION))
			die("no userfaultfd");
		say_fd(&h->child, h->region.fd);
		say(&h->child, (uintptr_t)h->region.map);
	}
	p.region = h->region.map;
	ret = pass(&p);
	say(&h->child, ret);
	pause();
}

/* False if there is no such memory to be had. */
static bool hostile_start(struct hostile *h, bool fuse, pass_fn *pass)
{
	const gid_t groups[] = { 1, 2, 3 };
	struct caps_send send = {
		.data = { .annex = (uintptr_t)"annex", .annex_len = 5,
			  .body = (uintptr_t)"body", .body_len = 4 },
	};
	struct region probe;
	int from;

	*h = (struct hostile){ .me = actor_open() };
	need(sys(setgroups(3, groups)), "setgroups");
	h->cap = echo_server(&h->server, h->me);
	if (fuse && !fuse_start(&h->region, REGION))
		return false;
	if (!fuse && !uffd_start(&probe, 4096))
		return false;
	from = cap_export(h->me, h->cap);
	if (child_start(&h->child))
		hostile_main(h, pass, from);
	close(from);
	from = hear_fd(&h->child);
	need(cap_import(h->me, from, &h->own), "CAPS_IMPORT");
	close(from);
	send.capability = h->own;
	need(caps_ioctl(h->me, CAPS_CALL_ASYNC, &send), "CAPS_CALL_ASYNC");
	need(caps_ioctl(h->me, CAPS_SEND, &send), "CAPS_SEND");
	say(&h->child, 0);
	if (!fuse) {
		h->region.fd = hear_fd(&h->child);
		h->region.map = (char *)(uintptr_t)hear(&h->child);
		h->region.len = REGION;
	}
	return true;
}

/* Everything the others do with the server, and with the hostile process. */
static void others_go_on(struct __test_metadata *_metadata, struct hostile *h)
{
	char answer[16] = "";
	struct caps_call call = call_of(h->cap, "hello");

	call.reply = data_of(answer, sizeof(answer) - 1);
	EXPECT_OK(caps_ioctl(h->me, CAPS_CALL, &call));
	EXPECT_STREQ("hello", answer);
	EXPECT_OK(send_text(h->me, h->own, "more"));
	call = call_of(h->own, "you");
	call.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(h->me, CAPS_CALL, &call));
}

enum end {
	KILLED,
	ANSWERED,
};

static void stand_still(struct __test_metadata *_metadata, bool fuse,
			pass_fn *pass, enum end end)
{
	struct hostile h;
	long ret;

	if (!hostile_start(&h, fuse, pass))
		SKIP(child_kill(&h.server); return, "no such memory");
	if (!eventually(region_touched(&h.region)))
		die("it does not stand still");
	others_go_on(_metadata, &h);
	if (end == KILLED) {
		kill(h.child.pid, SIGKILL);
		EXPECT_EQ(-SIGKILL, child_wait(&h.child));
	} else {
		/* What it finds is no name, no struct, no list of pieces. */
		region_answer(&h.region);
		ret = hear(&h.child);
		EXPECT_TRUE(!ret || ret == -EINVAL || ret == -EFAULT ||
			    ret == -EMSGSIZE)
			TH_LOG("%s", result_name(ret));
		others_go_on(_metadata, &h);
		child_kill(&h.child);
	}
	child_kill(&h.server);
}

TEST_F(tidy, killed_in_userfaultfd)
{
	stand_still(_metadata, false, variant->pass, KILLED);
}

TEST_F(tidy, killed_in_fuse)
{
	stand_still(_metadata, true, variant->pass, KILLED);
}

TEST_F(tidy, answered_by_userfaultfd)
{
	stand_still(_metadata, false, variant->pass, ANSWERED);
}

TEST_F(tidy, answered_by_fuse)
{
	stand_still(_metadata, true, variant->pass, ANSWERED);
}

TEST_HARNESS_MAIN
