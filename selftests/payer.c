// SPDX-License-Identifier: GPL-2.0
/*
 * Who pays: whoever alone can bring it to an end. So nobody can use up another's
 * limits by doing nothing.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define SERVER_UID	1001
#define CLIENT_UID	1002
#define OTHER_UID	1003
#define LEN		0x100000
#define MANY		20

struct client {
	int fd;
	__u64 cap;
};

/* In a child: another user, with what the parent has exported. */
static struct client client_open(struct child *c, uid_t uid)
{
	int from = hear_fd(c);
	struct client client;

	become_member(uid);
	client.fd = actor_open();
	need(cap_import(client.fd, from, &client.cap), "import");
	return client;
}

/* Held one-way messages are the holder's: the sender goes on. */
TEST_F(tidy, held_one_way)
{
	struct child c;
	struct pair p;

	if (child_start(&c)) {
		struct client me = client_open(&c, CLIENT_UID);
		struct caps_send send = {
			.capability = me.cap,
			.deadline = CAPS_FOREVER,
		};
		char *body = pages_filled(LEN, 0, 1);
		long before = charged(me.fd, "messages"), bytes, i;

		bytes = charged(me.fd, "kernel-bytes");
		send.data = data_of(body, 100000);
		send.flags = CAPS_COPY;
		for (i = 0; i < MANY; i++)
			need(caps_ioctl(me.fd, CAPS_SEND, &send), "send");
		hear(&c);
		/* But for the spare ones. */
		before = charged(me.fd, "messages") - before;
		bytes = charged(me.fd, "kernel-bytes") - bytes;
		say(&c, before < MANY / 2 && bytes < 100000);
		CHILD_END();
	}
	p = pair_open();
	say_fd(&c, cap_export(p.server, p.port));
	for (int i = 0; i < MANY; i++) {
		struct caps_receive r = {
			.port = p.port,
			.deadline = grace(),
			.flags = i % 2 ? CAPS_HOLD : 0,	/* or it does not fit */
		};

		ASSERT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
		ASSERT_TRUE(r.header.flags & CAPS_HEADER_HELD);
	}
	EXPECT_GE(charged(p.server, "messages"), MANY);
	EXPECT_GE(charged(p.server, "kernel-bytes"), MANY * 100000);
	say(&c, 1);
	EXPECT_EQ(1, hear(&c));
	EXPECT_EQ(0, child_wait(&c));
}

/* ... and a holder that has too many gets no more. */
TEST_F(tidy, held_one_way_has_a_limit)
{
	struct message m = { 0 };
	struct pair p = pair_open();
	struct caps_receive r;
	__u64 ids[64];
	int n = 0;

	parameter_set(&self->before, "max_messages",
		      charged(p.server, "messages") + 16);
	for (;;) {
		r = receive_of(&m, p.port, 0);
		r.flags = CAPS_HOLD;
		/* The sender is the same user: then sending ends it, too. */
		if (send_text(p.client, p.cap, "x") ||
		    caps_ioctl(p.server, CAPS_RECEIVE, &r) || n == 64)
			break;
		ids[n++] = r.header.id;
	}
	EXPECT_LE(n, 17);
	EXPECT_GE(n, 8);
	while (n)
		EXPECT_OK(discard(p.server, ids[--n]));
}

/* An answer to a held one-way message is its sender's again. */
TEST_F(tidy, answered_one_way)
{
	struct child c;
	struct pair p;
	long before;

	if (child_start(&c)) {
		struct client me = client_open(&c, CLIENT_UID);
		struct caps_send send = {
			.capability = me.cap,
			.source = CAPS_DEFAULT_PORT,
			.deadline = CAPS_FOREVER,
		};

		for (int i = 0; i < MANY; i++)
			need(caps_ioctl(me.fd, CAPS_SEND, &send), "send");
		hear(&c);
		say(&c, charged(me.fd, "messages") >= MANY);
		hear(&c);
		CHILD_END();
	}
	p = pair_open();
	before = charged(p.server, "messages");
	say_fd(&c, cap_export(p.server, p.port));
	for (int i = 0; i < MANY; i++) {
		struct caps_receive r = {
			.port = p.port,
			.deadline = grace(),
			.flags = CAPS_HOLD,
		};

		ASSERT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
		ASSERT_OK(reply_text(p.server, r.header.id, 0, "seen"));
	}
	EXPECT_LT(charged(p.server, "messages") - before, MANY / 2);
	say(&c, 1);
	EXPECT_EQ(1, hear(&c));
	say(&c, 1);
	EXPECT_EQ(0, child_wait(&c));
}

/* A server as another user; answers everything with a megabyte. */
static void serve(struct child *c)
{
	char *answer = pages_filled(LEN, 0, 1);
	int fd;
	__u64 port;

	become_member(SERVER_UID);
	fd = actor_open();
	port = port_new(fd);
	say_fd(c, cap_export(fd, port));
	for (;;) {
		struct caps_receive r = { .port = port, .deadline = CAPS_FOREVER };

		need(caps_ioctl(fd, CAPS_RECEIVE, &r), "receive");
		if (reply_data(fd, r.header.id, 0, answer, LEN))
			need(discard(fd, r.header.id), "discard");
	}
}

/* Who does not read his answers keeps nobody else from getting any. */
TEST_F(tidy, unread_answers)
{
	struct child server, silent, other;
	int exported;

	parameter_set(&self->before, "max_kernel_bytes", 8 * LEN);
	if (child_start(&server)) {
		serve(&server);
		CHILD_END();
	}
	exported = hear_fd(&server);
	if (child_start(&silent)) {
		struct client me = client_open(&silent, CLIENT_UID);
		struct caps_send call = {
			.capability = me.cap,
			.deadline = CAPS_FOREVER,
		};

		for (int i = 0; i < 16; i++)
			need(caps_ioctl(me.fd, CAPS_CALL_ASYNC, &call), "call");
		/* All are answered, or refused when there is no room. */
		need(eventually(port_info(me.fd, CAPS_DEFAULT_PORT).queued ==
				16) ? 0 : -ETIMEDOUT, "answers");
		say(&silent, charged(me.fd, "kernel-bytes") > 4 * LEN);
		hear(&silent);
		CHILD_END();
	}
	say_fd(&silent, exported);
	EXPECT_EQ(1, hear(&silent));

	if (child_start(&other)) {
		struct client me = client_open(&other, OTHER_UID);
		struct caps_call call = call_of(me.cap, "");
		char *body = pages_map(LEN);

		call.reply = data_of(body, LEN);
		say(&other, caps_ioctl(me.fd, CAPS_CALL, &call));
		CHILD_END();
	}
	say_fd(&other, exported);
	EXPECT_EQ(0, hear(&other));
	EXPECT_EQ(0, child_wait(&other));
	say(&silent, 1);
	EXPECT_EQ(0, child_wait(&silent));
	child_kill(&server);
	close(exported);
}

/* Nor does he use up what the server may have, if that wants receipts. */
TEST_F(tidy, unread_answers_with_receipts)
{
	struct child c;
	struct pair p;
	long before;

	if (child_start(&c)) {
		struct client me = client_open(&c, CLIENT_UID);
		struct caps_send call = {
			.capability = me.cap,
			.deadline = CAPS_FOREVER,
		};

		for (int i = 0; i < MANY; i++)
			need(caps_ioctl(me.fd, CAPS_CALL_ASYNC, &call), "call");
		hear(&c);
		say(&c, charged(me.fd, "messages") >= 2 * MANY);
		hear(&c);
		CHILD_END();
	}
	p = pair_open();
	before = charged(p.server, "messages");
	say_fd(&c, cap_export(p.server, p.port));
	for (int i = 0; i < MANY; i++) {
		struct caps_receive r = { .port = p.port, .deadline = grace() };
		struct caps_reply reply = { .flags = CAPS_RECEIPT };

		ASSERT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
		reply.id = r.header.id;
		ASSERT_OK(caps_ioctl(p.server, CAPS_REPLY, &reply));
	}
	EXPECT_LE(charged(p.server, "messages"), before + 2);
	say(&c, 1);
	EXPECT_EQ(1, hear(&c));
	/* They are the server's when they are due. */
	say(&c, 1);
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_GE(charged(p.server, "messages"), before + MANY);
	for (int i = 0; i < MANY; i++) {
		struct caps_receive r = {
			.port = CAPS_DEFAULT_PORT, .deadline = grace(),
		};

		ASSERT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
		EXPECT_EQ(CAPS_KIND_DISPOSE, r.header.kind);
	}
	EXPECT_LE(charged(p.server, "messages"), before + 2);
}

TEST_HARNESS_MAIN
