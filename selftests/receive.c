// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: from which port, in which order, into which room.
 */
#include "caps_test.h"

FIXTURE(receive)
{
	int fd;
	__u64 port;
};

FIXTURE_SETUP(receive)
{
	self->fd = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 10));
}

FIXTURE_TEARDOWN(receive)
{
}

static __u64 enabled(int fd, __u32 priority)
{
	__u64 port = port_new(fd);

	need(port_enable(fd, port, priority), "CAPS_PORT_ENABLE");
	return port;
}

TEST_F(receive, nothing_there)
{
	struct message m;

	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_DEFAULT_PORT, &m));
}

/* It waits until the deadline, not less. */
TEST_F(receive, nothing_comes)
{
	__u64 deadline = in_ms(30);
	struct message m;

	EXPECT_ERR(ETIMEDOUT, receive_until(self->fd, CAPS_ANY_PORT, 0,
					    deadline, &m));
	EXPECT_LE(deadline, now_ns());
	deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, receive_until(self->fd, self->port, 0, deadline,
					    &m));
	EXPECT_LE(deadline, now_ns());
}

/* A deadline that has passed: what is there comes, nothing is waited for. */
TEST_F(receive, past_deadline)
{
	struct message m;

	EXPECT_ERR(ETIMEDOUT, receive_until(self->fd, CAPS_ANY_PORT, 0, 1, &m));
	ASSERT_OK(send_text(self->fd, self->port, "x"));
	EXPECT_OK(receive_until(self->fd, CAPS_ANY_PORT, 0, 1, &m));
}

/* However far away it is, a deadline in the future is not past. */
TEST_F(receive, far_deadlines)
{
	const __u64 deadlines[] = {
		CAPS_FOREVER, CAPS_FOREVER - 1, 1ull << 63, (1ull << 63) - 1,
	};
	struct background b;
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		struct caps_receive r = receive_of(&m, self->port,
						   deadlines[i]);

		background_start(&b, self->fd, CAPS_RECEIVE, &r);
		background_settle(&b);
		sleep_ms(20);
		ASSERT_OK(send_text(self->fd, self->port, "x"));
		EXPECT_OK(background_join(&b));
	}
}

TEST_F(receive, sleeps_until_something_comes)
{
	const __u64 ports[] = { CAPS_ANY_PORT, self->port };
	struct message m;
	struct background b;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct caps_receive r = receive_of(&m, ports[i], CAPS_FOREVER);

		background_start(&b, self->fd, CAPS_RECEIVE, &r);
		background_settle(&b);
		ASSERT_OK(send_text(self->fd, self->port, "wake up"));
		ASSERT_OK(background_join(&b));
		EXPECT_EQ(0, memcmp("wake up", m.body, 7));
		EXPECT_EQ(7, r.header.body_len);
	}
}

/* Lower numbers first, whatever came first. */
TEST_F(receive, by_priority)
{
	const __u32 priorities[] = { 200, 0, 255, 1, 128 };
	const __u32 order[] = { 0, 1, 10, 128, 200, 255 };
	struct message m;
	unsigned int i;
	__u64 port;

	ASSERT_OK(send_text(self->fd, self->port, "10"));
	for (i = 0; i < ARRAY_SIZE(priorities); i++) {
		char text[8];

		port = enabled(self->fd, priorities[i]);
		snprintf(text, sizeof(text), "%u", priorities[i]);
		ASSERT_OK(send_text(self->fd, port, text));
	}
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
		EXPECT_EQ(order[i], (__u32)atoi(m.body));
	}
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* Among ports of one priority, in the order of arrival. */
TEST_F(receive, by_arrival_among_equals)
{
	__u64 ports[3] = {
		self->port, enabled(self->fd, 10), enabled(self->fd, 10)
	};
	const unsigned int to[] = { 2, 0, 1, 1, 2, 0, 0, 2, 1 };
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		char text[2] = { '0' + i };

		ASSERT_OK(send_text(self->fd, ports[to[i]], text));
	}
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
		EXPECT_EQ('0' + (char)i, m.body[0]);
	}
}

/* A priority changed while messages wait counts for them too. */
TEST_F(receive, by_the_priority_of_now)
{
	__u64 second = enabled(self->fd, 20);
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "10"));
	ASSERT_OK(send_text(self->fd, second, "20, now 5"));
	ASSERT_OK(port_enable(self->fd, second, 5));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_STREQ("20, now 5", m.body);
}

/* By name one gets that port's messages only. */
TEST_F(receive, by_name)
{
	__u64 second = enabled(self->fd, 0);
	struct message m;

	ASSERT_OK(send_text(self->fd, second, "second"));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
	ASSERT_OK(send_text(self->fd, self->port, "first"));
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("first", m.body);
}

/* Several sleepers each get one message, none two, none nothing. */
TEST_F(receive, one_message_one_receiver)
{
	enum { COUNT = 4 };
	struct message m[COUNT];
	struct caps_receive r[COUNT];
	struct background b[COUNT];
	unsigned int i, seen = 0;

	for (i = 0; i < COUNT; i++) {
		r[i] = receive_of(&m[i], CAPS_ANY_PORT, CAPS_FOREVER);
		background_start(&b[i], self->fd, CAPS_RECEIVE, &r[i]);
		background_settle(&b[i]);
	}
	for (i = 0; i < COUNT; i++) {
		char text[2] = { '0' + i };

		ASSERT_OK(send_text(self->fd, self->port, text));
	}
	for (i = 0; i < COUNT; i++) {
		ASSERT_OK(background_join(&b[i]));
		seen |= 1u << (m[i].body[0] - '0');
	}
	EXPECT_EQ((1u << COUNT) - 1, seen);
}

/* A port that is deleted under a receiver tells it so. */
TEST_F(receive, deleted_under_a_receiver)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->port, CAPS_FOREVER);
	struct background b;

	background_start(&b, self->fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EIDRM, background_join(&b));
}

/* A receiver from any port sleeps on, for there are others. */
TEST_F(receive, deleted_under_a_receiver_from_any)
{
	__u64 second = enabled(self->fd, 0);
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, CAPS_FOREVER);
	struct background b;

	background_start(&b, self->fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	ASSERT_OK(port_delete(self->fd, self->port));
	ASSERT_OK(send_text(self->fd, second, "x"));
	EXPECT_OK(background_join(&b));
}

/* Disabling does not disturb who waits for the port by name. */
TEST_F(receive, disabled_under_a_receiver)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->port, CAPS_FOREVER);
	struct background b;

	background_start(&b, self->fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	ASSERT_OK(port_disable(self->fd, self->port));
	ASSERT_OK(send_text(self->fd, self->port, "x"));
	EXPECT_OK(background_join(&b));
}

/* What fits exactly is all; the message is done with. */
TEST_F(receive, exact_room)
{
	char body[5];
	struct caps_receive r = {
		.port = self->port, .buffer = data_of(body, 4),
	};

	body[4] = '#';
	ASSERT_OK(send_text(self->fd, self->port, "four"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(0, r.header.flags);
	EXPECT_EQ(0, r.header.id);
	EXPECT_EQ(0, memcmp("four#", body, 5));
	EXPECT_EQ(0, actor_info(self->fd).held);
}

/* What does not fit stays: the message is held, and says how much it is. */
TEST_F(receive, too_little_room_for_the_body)
{
	char body[5] = "####";
	struct caps_receive r = {
		.port = self->port, .buffer = data_of(body, 3),
	};
	char whole[8] = "#######";
	__u64 copied;

	ASSERT_OK(send_text(self->fd, self->port, "seven77"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED, r.header.flags);
	EXPECT_EQ(7, r.header.body_len);
	EXPECT_EQ(0, memcmp("sev#", body, 4));
	ASSERT_NE(0, r.header.id);
	EXPECT_EQ(1, actor_info(self->fd).held);
	ASSERT_OK(get_data(self->fd, r.header.id, 0, whole, 7, &copied));
	EXPECT_EQ(7, copied);
	EXPECT_STREQ("seven77", whole);
	EXPECT_OK(discard(self->fd, r.header.id));
	EXPECT_EQ(0, actor_info(self->fd).held);
}

/* The same for the annex. */
TEST_F(receive, too_little_room_for_the_annex)
{
	struct caps_send s = { .capability = self->port };
	char annex[6] = "#####";
	struct caps_receive r = { .port = self->port };
	struct caps_get_data g = { 0 };

	s.data.annex = (uintptr_t)"annex";
	s.data.annex_len = 5;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	r.buffer.annex = (uintptr_t)annex;
	r.buffer.annex_len = 2;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED, r.header.flags);
	EXPECT_EQ(5, r.header.annex_len);
	EXPECT_EQ(0, memcmp("an###", annex, 5));

	g.id = r.header.id;
	g.buffer.annex = (uintptr_t)annex;
	g.buffer.annex_len = sizeof(annex);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_GET_DATA, &g));
	EXPECT_EQ(5, g.annex_copied);
	EXPECT_EQ(0, g.copied);
	EXPECT_EQ(0, memcmp("annex", annex, 5));
	EXPECT_OK(discard(self->fd, r.header.id));
}

/* A message never blocks the queue for want of room. */
TEST_F(receive, no_room_at_all)
{
	struct caps_receive r = { .port = self->port };
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "no room"));
	ASSERT_OK(send_text(self->fd, self->port, "next"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(7, r.header.body_len);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("next", m.body);
	EXPECT_OK(discard(self->fd, r.header.id));
}

/* An empty message needs no room and is not held. */
TEST_F(receive, nothing_fits_nowhere)
{
	struct caps_receive r = { .port = self->port };

	ASSERT_OK(send_text(self->fd, self->port, ""));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(0, r.header.flags);
	EXPECT_EQ(0, r.header.id);
}

/* With HOLD a one-way message stays readable until it is discarded. */
TEST_F(receive, hold)
{
	struct message m;
	char again[8] = "";

	ASSERT_OK(send_text(self->fd, self->port, "hold me"));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	EXPECT_EQ(CAPS_HEADER_HELD, m.header.flags);
	ASSERT_NE(0, m.header.id);
	ASSERT_OK(get_data(self->fd, m.header.id, 0, again, 7, NULL));
	EXPECT_STREQ("hold me", again);
	EXPECT_ERR(EINVAL, reply_text(self->fd, m.header.id, 0, ""));
	EXPECT_OK(discard(self->fd, m.header.id));
	EXPECT_ERR(ENOMSG, discard(self->fd, m.header.id));
	EXPECT_ERR(ENOMSG, get_data(self->fd, m.header.id, 0, again, 7, NULL));
}

/* Calls are held without asking. */
TEST_F(receive, calls_are_held)
{
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->fd, self->port, 0, "?", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE, m.header.flags);
	EXPECT_NE(0, m.header.id);
}

/* The header can be had again, and is the same, sequence included. */
TEST_F(receive, header_again)
{
	struct caps_get_header g = { 0 };
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "x"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(send_text(self->fd, self->port, "y"));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	EXPECT_EQ(2, m.header.sequence);
	g.id = m.header.id;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_HEADER, &g));
	EXPECT_EQ(0, memcmp(&g.header, &m.header, sizeof(m.header)));
	ASSERT_OK(discard(self->fd, m.header.id));
	EXPECT_ERR(ENOMSG, caps_ioctl(self->fd, CAPS_HEADER, &g));
}

/* An id of one actor means nothing to another. */
TEST_F(receive, ids_are_per_actor)
{
	int other = actor_open();
	struct caps_get_header g = { 0 };
	struct caps_identity i = { 0 };
	struct message m;
	char byte;

	ASSERT_OK(send_text(self->fd, self->port, "x"));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	g.id = m.header.id;
	i.id = m.header.id;
	EXPECT_ERR(ENOMSG, caps_ioctl(other, CAPS_HEADER, &g));
	EXPECT_ERR(ENOMSG, caps_ioctl(other, CAPS_IDENTITY, &i));
	EXPECT_ERR(ENOMSG, get_data(other, m.header.id, 0, &byte, 1, NULL));
	EXPECT_ERR(ENOMSG, reply_text(other, m.header.id, 0, ""));
	EXPECT_ERR(ENOMSG, discard(other, m.header.id));
	EXPECT_OK(discard(self->fd, m.header.id));
}

TEST_HARNESS_MAIN
