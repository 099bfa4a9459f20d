// SPDX-License-Identifier: GPL-2.0
/*
 * What capabilities in messages are refused for, in each way to send and to
 * receive: with no effect, wherever it stands.
 */
#include "caps_transfer.h"

/* One of the ways; returns what the command does. */
typedef long send_fn(FIXTURE_DATA(transfer) * self, struct caps_data *data);

static long way_send(FIXTURE_DATA(transfer) * self, struct caps_data *data)
{
	struct caps_send s = { .capability = self->p.cap, .data = *data };

	return caps_ioctl(self->p.client, CAPS_SEND, &s);
}

static long way_call_async(FIXTURE_DATA(transfer) * self,
			   struct caps_data *data)
{
	struct caps_send s = { .capability = self->p.cap, .data = *data };

	return caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s);
}

static long way_call(FIXTURE_DATA(transfer) * self, struct caps_data *data)
{
	struct caps_call c = call_of(self->p.cap, "");

	c.request = *data;
	c.deadline = in_ms(50);
	return caps_ioctl(self->p.client, CAPS_CALL, &c);
}

/* The client answers a question of its own, which stays open if it fails. */
static long way_reply(FIXTURE_DATA(transfer) * self, struct caps_data *data)
{
	struct caps_reply r = { .data = *data };
	__u64 id;
	long ret;

	need(call_async(self->p.client, CAPS_DEFAULT_PORT, 0, "", &id), "ask");
	need(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m), "take");
	r.id = self->m.header.id;
	ret = caps_ioctl(self->p.client, CAPS_REPLY, &r);
	if (ret)
		need(reply_text(self->p.client, r.id, 0, ""), "CAPS_REPLY");
	need(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m), "reply");
	return ret;
}

static send_fn *const ways[] = {
	way_send, way_call_async, way_call, way_reply,
};

/* Refused in every way, with no effect. */
static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(transfer) * self, int error,
			   __u64 attachments)
{
	struct caps_data data = data_of("load", 4);
	__u64 handles = handles_of(self->p.client);
	long live = live_count("capabilities");
	unsigned int i;

	data.attachments = attachments;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		EXPECT_ERR(error, ways[i](self, &data)) {
			TH_LOG("way %u", i);
		}
	}
	EXPECT_ERR(EAGAIN, receive_all(self));
	EXPECT_EQ(handles, handles_of(self->p.client));
	EXPECT_EQ(live, live_count("capabilities"));
	EXPECT_EQ(0, live_count("attached"));
}

/* What is wrong with one of seven, wherever it stands. */
static void expect_bad(struct __test_metadata *_metadata,
		       FIXTURE_DATA(transfer) * self, int error,
		       struct caps_transfer bad)
{
	unsigned int at;
	__u64 moved;

	need(cap_dup(self->p.client, self->cap, CAPS_RIGHT_SEND |
		     CAPS_RIGHT_GRANT, CAPS_ALL_OPERATIONS, &moved), "dup");
	for (at = 0; at < 7; at++) {
		self->load = load_of(self->cap, 7);
		self->load.transfers[(at + 3) % 7].capability = moved;
		self->load.transfers[(at + 3) % 7].flags = CAPS_TRANSFER_MOVE;
		self->load.transfers[at] = bad;
		load_data(&self->load);
		expect_refused(_metadata, self, error,
			       (uintptr_t)&self->load.a);
	}
	EXPECT_OK(cap_close(self->p.client, moved));
}

TEST_F(transfer, refuses_a_bad_one)
{
	const struct caps_transfer good = {
		.capability = self->cap, .rights = CAPS_RIGHT_SEND,
		.operations = 1,
	};
	struct caps_transfer bad = good;
	__u64 narrow;

	bad.capability = 12345;
	expect_bad(_metadata, self, EBADF, bad);
	bad.capability = 0;
	expect_bad(_metadata, self, EBADF, bad);
	bad = good;
	bad.rights = CAPS_RIGHTS_ALL + 1;
	expect_bad(_metadata, self, EINVAL, bad);
	bad = good;
	bad.flags = CAPS_TRANSFER_MOVE << 1;
	expect_bad(_metadata, self, EINVAL, bad);
	bad.flags = 1u << 31;
	expect_bad(_metadata, self, EINVAL, bad);
	bad = good;
	bad.capability = CAPS_DEFAULT_PORT;
	bad.flags = CAPS_TRANSFER_MOVE;
	expect_bad(_metadata, self, EBUSY, bad);

	/* More than it has. */
	bad = good;
	ASSERT_OK(cap_dup(self->p.client, self->cap, CAPS_RIGHT_SEND |
			  CAPS_RIGHT_GRANT, 5, &narrow));
	bad.capability = narrow;
	bad.rights = CAPS_RIGHT_SEND | CAPS_RIGHT_MANAGE;
	expect_bad(_metadata, self, EPERM, bad);
	bad.rights = CAPS_RIGHT_SEND;
	bad.operations = 2;
	expect_bad(_metadata, self, EACCES, bad);

	/* What may not be given away, moved or not. */
	ASSERT_OK(cap_dup(self->p.client, self->cap, CAPS_RIGHT_SEND, 5,
			  &narrow));
	bad = good;
	bad.capability = narrow;
	expect_bad(_metadata, self, EPERM, bad);
	bad.operations = 5;
	expect_bad(_metadata, self, EPERM, bad);
	bad.flags = CAPS_TRANSFER_MOVE;
	expect_bad(_metadata, self, EPERM, bad);
}

/* The struct: its fields, and each byte of it that may not be there. */
TEST_F(transfer, refuses_a_bad_struct)
{
	struct caps_attachments *a;
	size_t missing;
	int bit;

	self->load = load_of(self->cap, 2);
	for (bit = 0; bit < 32; bit++) {
		load_data(&self->load);
		self->load.a.flags = 1u << bit;
		expect_refused(_metadata, self, EINVAL,
			       (uintptr_t)&self->load.a);
	}
	self->load.a.flags = 0;
	self->load.a.capability_count = MANY;
	expect_refused(_metadata, self, EMSGSIZE, (uintptr_t)&self->load.a);
	self->load.a.capability_count = ~0u;
	expect_refused(_metadata, self, EMSGSIZE, (uintptr_t)&self->load.a);
	expect_refused(_metadata, self, EFAULT, NOWHERE);
	expect_refused(_metadata, self, EFAULT, ~(__u64)0 - 7);
	self->load.a.capability_count = 2;
	for (missing = 1; missing <= sizeof(*a); missing++) {
		a = guarded(sizeof(*a) - missing);
		memcpy(a, &self->load.a, sizeof(*a) - missing);
		expect_refused(_metadata, self, EFAULT, (uintptr_t)a);
	}
}

/* The array, likewise. */
TEST_F(transfer, refuses_a_bad_array)
{
	const size_t all = 3 * sizeof(struct caps_transfer);
	size_t missing;
	char *array;

	self->load = load_of(self->cap, 3);
	self->load.a.capabilities = NOWHERE;
	expect_refused(_metadata, self, EFAULT, (uintptr_t)&self->load.a);
	for (missing = 1; missing <= all; missing++) {
		array = guarded(all - missing);
		memcpy(array, self->load.transfers, all - missing);
		self->load.a.capabilities = (uintptr_t)array;
		expect_refused(_metadata, self, EFAULT,
			       (uintptr_t)&self->load.a);
	}
}

/* A bad place to receive them: nothing is received, nothing is lost. */
TEST_F(transfer, stays_queued_for_a_bad_place)
{
	const size_t size = sizeof(struct caps_attachments), array = 24;
	__u64 handles = handles_of(self->p.server);
	struct room *r = read_only(sizeof(*r));
	char *at;
	size_t n;

	self->load = load_of(self->cap, 3);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
#define REFUSED(error, address)						\
	EXPECT_ERR(error, receive_at(self->p.server, self->p.port,	\
				     (uintptr_t)(address), &self->m))
	REFUSED(EFAULT, NOWHERE);
	for (n = 0; n < size; n++) {
		at = guarded(n);
		memcpy(at, &self->room.a, n);
		REFUSED(EFAULT, at);
	}
	for (n = 0; n < array; n++) {
		self->room.a.capabilities = (uintptr_t)guarded(n);
		REFUSED(EFAULT, &self->room.a);
	}
	self->room.a.capabilities = (uintptr_t)r->handles;
	REFUSED(EFAULT, &self->room.a);
	self->room.a.capabilities = NOWHERE;
	REFUSED(EFAULT, &self->room.a);
	self->room.a.capabilities = (uintptr_t)self->room.handles;
	/* A struct that can be read, but not be written to. */
	ASSERT_OK(mprotect(r, 4096, PROT_READ | PROT_WRITE));
	r->a = self->room.a;
	ASSERT_OK(mprotect(r, 4096, PROT_READ));
	REFUSED(EFAULT, &r->a);
	for (n = 0; n < 32; n++) {
		self->room.a.flags = 1u << n;
		REFUSED(EINVAL, &self->room.a);
	}
	self->room.a.flags = 0;
	self->room.a.capability_count = MANY;
	REFUSED(EMSGSIZE, &self->room.a);
	self->room.a.capability_count = 3;
	EXPECT_EQ(handles, handles_of(self->p.server));
	EXPECT_EQ(1, port_info(self->p.server, self->p.port).queued);
	ASSERT_OK(receive_all(self));
	ASSERT_EQ(3, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.server, self->room.handles[2]);
}

/* Refused at once, also if nothing comes that needs it. */
static void expect_no_room(struct __test_metadata *_metadata,
			   FIXTURE_DATA(transfer) * self, int error,
			   __u64 address)
{
	struct caps_receive entries[2] = {};
	struct caps_receive_batch b = {
		.port = self->p.port, .count = 2,
		.entries = (uintptr_t)entries,
	};
	struct caps_reply_receive both = {};
	__u64 id;

	EXPECT_ERR(error, receive_at(self->p.server, self->p.port, address,
				     &self->m));
	entries[0].buffer.attachments = address;
	EXPECT_ERR(error, caps_ioctl(self->p.server, CAPS_RECEIVE_BATCH, &b));

	/* Not even the answer is given. */
	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	both.reply.id = self->m.header.id;
	both.receive.port = self->p.port;
	both.receive.buffer.attachments = address;
	EXPECT_ERR(error, caps_ioctl(self->p.server, CAPS_REPLY_RECEIVE,
				     &both));
	EXPECT_ERR(EAGAIN, receive_now(self->p.client, CAPS_DEFAULT_PORT,
				       &self->m));
	EXPECT_OK(discard(self->p.server, both.reply.id));
	EXPECT_OK(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m));
}

TEST_F(transfer, refuses_a_bad_room_at_once)
{
	expect_no_room(_metadata, self, EFAULT, NOWHERE);
	self->room.a.flags = 1;
	expect_no_room(_metadata, self, EINVAL, (uintptr_t)&self->room.a);
	self->room.a.flags = 0;
	self->room.a.capability_count = MANY;
	expect_no_room(_metadata, self, EMSGSIZE, (uintptr_t)&self->room.a);
	self->room.a.capability_count = 0;
	self->room.a.fd_count = MANY;
	expect_no_room(_metadata, self, EMSGSIZE, (uintptr_t)&self->room.a);
}

/* The same where they are taken from a held message. */
TEST_F(transfer, stays_held_for_a_bad_place)
{
	__u64 handles = handles_of(self->p.server), id;
	struct room *r = read_only(sizeof(*r));
	struct caps_get_data *g;
	size_t n;

	self->load = load_of(self->cap, 3);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	id = self->m.header.id;
#define NOT_TAKEN(error, address)					\
	EXPECT_ERR(error, get_attached(self->p.server, id,		\
				       (uintptr_t)(address)))
	NOT_TAKEN(EFAULT, NOWHERE);
	for (n = 0; n < 24; n++) {
		self->room.a.capabilities = (uintptr_t)guarded(n);
		NOT_TAKEN(EFAULT, &self->room.a);
	}
	self->room.a.capabilities = (uintptr_t)r->handles;
	NOT_TAKEN(EFAULT, &self->room.a);
	self->room.a.capabilities = (uintptr_t)self->room.handles;
	self->room.a.flags = 1;
	NOT_TAKEN(EINVAL, &self->room.a);
	self->room.a.flags = 0;
	/* What is told cannot be written. */
	g = (void *)r;
	ASSERT_OK(mprotect(r, 4096, PROT_READ | PROT_WRITE));
	*g = (struct caps_get_data){ .id = id };
	g->buffer.attachments = (uintptr_t)&self->room.a;
	ASSERT_OK(mprotect(r, 4096, PROT_READ));
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.server, CAPS_GET_DATA, g));
	EXPECT_EQ(handles, handles_of(self->p.server));
	ASSERT_OK(get_attached(self->p.server, id, (uintptr_t)&self->room.a));
	ASSERT_EQ(3, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.server, self->room.handles[2]);
	ASSERT_OK(discard(self->p.server, id));
}

TEST_HARNESS_MAIN
