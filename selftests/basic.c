// SPDX-License-Identifier: GPL-2.0
/*
 * One ordinary use of everything, between two processes. Built as a 64-bit and
 * as a 32-bit program, with the same results.
 */
#include "caps_test.h"

FIXTURE(basic)
{
	int fd;
	__u64 cap;		/* to the server */
	struct child server;
};

FIXTURE_SETUP(basic)
{
	self->fd = actor_open();
	self->cap = echo_server(&self->server, self->fd);
}

FIXTURE_TEARDOWN(basic)
{
	child_kill(&self->server);
}

TEST_F(basic, call)
{
	char body[32] = "", annex[32] = "";
	struct caps_call call = call_of(self->cap, "text to echo");

	call.operation = 17;
	call.request.annex = (uintptr_t)"annex";
	call.request.annex_len = 5;
	call.reply = data_of(body, sizeof(body));
	call.reply.annex = (uintptr_t)annex;
	call.reply.annex_len = sizeof(annex);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_CALL, &call));
	EXPECT_EQ(17, call.status);
	EXPECT_EQ(12, call.reply_body_len);
	EXPECT_EQ(5, call.reply_annex_len);
	EXPECT_STREQ("text to echo", body);
	EXPECT_STREQ("annex", annex);
}

TEST_F(basic, call_in_pieces)
{
	char first[6] = "", second[16] = "";
	struct caps_iovec from[2] = {
		{ (uintptr_t)"pieces ", 7 }, { (uintptr_t)"of text", 7 },
	};
	struct caps_iovec to[2] = {
		{ (uintptr_t)first, 5 }, { (uintptr_t)second, 15 },
	};
	struct caps_call call = call_of(self->cap, "");

	call.request = (struct caps_data){
		.body = (uintptr_t)from, .iov_count = 2,
	};
	call.reply = (struct caps_data){
		.body = (uintptr_t)to, .iov_count = 2,
	};
	ASSERT_OK(caps_ioctl(self->fd, CAPS_CALL, &call));
	EXPECT_STREQ("piece", first);
	EXPECT_STREQ("s of text", second);
}

TEST_F(basic, call_async)
{
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->fd, self->cap, 0, "later", &id));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(self->server.pid, (pid_t)m.header.pid);
	EXPECT_STREQ("later", m.body);
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->fd, id));
}

TEST_F(basic, send_and_receive)
{
	__u64 port = port_new(self->fd);
	struct caps_get_header again = { 0 };
	struct caps_identity who = { 0 };
	struct message m;
	char byte;

	ASSERT_OK(port_enable(self->fd, port, 3));
	ASSERT_OK(send_text(self->fd, port, "to myself"));
	EXPECT_TRUE(readable(self->fd));
	ASSERT_OK(receive_until(self->fd, CAPS_ANY_PORT, CAPS_HOLD, grace(),
				&m));
	EXPECT_STREQ("to myself", m.body);
	EXPECT_EQ(getpid(), (pid_t)m.header.pid);
	EXPECT_EQ(1, m.header.sequence);
	again.id = m.header.id;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_HEADER, &again));
	EXPECT_EQ(0, memcmp(&m.header, &again.header, sizeof(m.header)));
	who.id = m.header.id;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_IDENTITY, &who));
	EXPECT_NE(0, who.pid_namespace);
	ASSERT_OK(get_data(self->fd, m.header.id, 3, &byte, 1, NULL));
	EXPECT_EQ('m', byte);
	EXPECT_OK(discard(self->fd, m.header.id));
	EXPECT_OK(port_disable(self->fd, port));
	EXPECT_OK(port_delete(self->fd, port));
	EXPECT_OK(cap_close(self->fd, port));
}

TEST_F(basic, batch)
{
	struct message m[3];
	struct caps_receive entries[3] = {
		receive_of(&m[0], 0, 0), receive_of(&m[1], 0, 0),
		receive_of(&m[2], 0, 0),
	};
	struct caps_receive_batch batch = {
		.port = CAPS_DEFAULT_PORT, .count = 3,
		.entries = (uintptr_t)entries,
	};

	ASSERT_OK(send_text(self->fd, CAPS_DEFAULT_PORT, "1"));
	ASSERT_OK(send_text(self->fd, CAPS_DEFAULT_PORT, "2"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE_BATCH, &batch));
	EXPECT_EQ(2, batch.received);
	EXPECT_EQ('1', m[0].body[0]);
	EXPECT_EQ('2', m[1].body[0]);
}

/* A body in the sender's own pages. */
TEST_F(basic, large_body)
{
	const size_t len = 3 * query(self->fd).copy_break + 1;
	char *body = malloc(len), *copy = calloc(1, len);
	struct caps_call call = call_of(CAPS_DEFAULT_PORT, "");
	struct caps_receive r = { .port = CAPS_DEFAULT_PORT };
	struct background b;
	size_t i;

	for (i = 0; i < len; i++)
		body[i] = i * 31;
	call.request = data_of(body, len);
	r.deadline = grace();
	r.buffer = data_of(copy, len);
	background_start(&b, self->fd, CAPS_CALL, &call);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_TRUE(r.header.flags & CAPS_HEADER_PINNED);
	EXPECT_EQ(len, r.header.body_len);
	EXPECT_EQ(0, memcmp(body, copy, len));
	ASSERT_OK(reply_text(self->fd, r.header.id, 0, ""));
	EXPECT_OK(background_join(&b));
}

TEST_F(basic, capabilities)
{
	struct caps_capability_info i;
	__u64 narrow, copy;

	ASSERT_OK(cap_dup(self->fd, self->cap, CAPS_RIGHT_SEND |
			  CAPS_RIGHT_GRANT, 1ull << 40, &narrow));
	copy = cap_give(self->fd, narrow, self->fd);
	ASSERT_OK(cap_info(self->fd, copy, &i));
	EXPECT_EQ(1ull << 40, i.operations);
	EXPECT_EQ(CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT, i.rights);
	EXPECT_ERR(EACCES, send_text(self->fd, copy, "operation 0"));
}

TEST_F(basic, service)
{
	struct message m;
	__u64 cap;

	ASSERT_OK(service_register(self->fd, CAPS_DEFAULT_PORT, "basic", 0,
				   ~0ull));
	ASSERT_OK(service_connect(self->fd, "basic", geteuid(), ~0ull, &cap));
	ASSERT_OK(send_text(self->fd, cap, "by name"));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_TRUE(m.header.badge & CAPS_BADGE_KERNEL);
	EXPECT_OK(service_unregister(self->fd, "basic"));
}

TEST_F(basic, deadlines)
{
	__u64 deadline = in_ms(20);
	struct message m;

	EXPECT_ERR(ETIMEDOUT, receive_until(self->fd, CAPS_DEFAULT_PORT, 0,
					    deadline, &m));
	EXPECT_LE(deadline, now_ns());
}

/* Addresses have 64 bits, also where pointers have 32. */
TEST_F(basic, upper_bits_of_addresses_count)
{
	char text[] = "text";
	struct caps_send s = {
		.capability = CAPS_DEFAULT_PORT, .data = data_of(text, 4),
	};

	s.data.body |= 1ull << 63;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_SEND, &s));
	s.data.body = (uintptr_t)text ^ 1ull << 46;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_SEND, &s));
	s.data.body = (uintptr_t)text;
	EXPECT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
}

TEST_HARNESS_MAIN
