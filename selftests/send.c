// SPDX-License-Identifier: GPL-2.0
/*
 * One-way sends: what arrives, in which order, and what happens without room.
 */
#include "caps_test.h"

/* A sender and a receiver with a port of room for two from one user. */
FIXTURE(send)
{
	int fd;			/* receives */
	int sender;
	__u64 port;
	__u64 cap;		/* the sender's */
};

FIXTURE_SETUP(send)
{
	self->fd = actor_open();
	self->sender = actor_open();
	self->port = port_new_limit(self->fd, 4);
	self->cap = cap_give(self->fd, self->port, self->sender);
}

FIXTURE_TEARDOWN(send)
{
}

static void fill(struct __test_metadata *_metadata, int fd, __u64 cap)
{
	ASSERT_OK(send_text(fd, cap, "1"));
	ASSERT_OK(send_text(fd, cap, "2"));
	ASSERT_ERR(EAGAIN, send_text(fd, cap, "3"));
}

/* Everything the sender said, and who it was. */
TEST_F(send, arrives_complete)
{
	struct caps_send s = {
		.capability = self->cap, .address = 0xfedcba9876543210,
		.operation = 63, .data = data_of("body", 4),
	};
	struct message m;

	s.data.annex = (uintptr_t)"annex";
	s.data.annex_len = 5;
	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	EXPECT_EQ(0, s.id);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
	EXPECT_EQ(0xfedcba9876543210, m.header.address);
	EXPECT_EQ(63, m.header.operation);
	EXPECT_EQ(0, m.header.flags);
	EXPECT_EQ(0, m.header.id);
	EXPECT_EQ(4, m.header.body_len);
	EXPECT_EQ(5, m.header.annex_len);
	EXPECT_EQ(0, memcmp("annex", m.annex, 6));
	EXPECT_STREQ("body", m.body);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(getuid(), m.header.uid);
	EXPECT_EQ(0, m.header.status);
	EXPECT_EQ(0, m.header.error);
}

/* Nothing at all can be sent, and arrives. */
TEST_F(send, may_be_empty)
{
	struct message m;

	ASSERT_OK(send_text(self->sender, self->cap, ""));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(0, m.header.annex_len);
}

/* The message is what was sent, not what the buffer holds later. */
TEST_F(send, is_a_snapshot)
{
	char text[] = "before";
	struct message m;

	ASSERT_OK(send_text(self->sender, self->cap, text));
	strcpy(text, "after!");
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("before", m.body);
}

/* Every length of the annex up to its limit; one more is too many. */
TEST_F(send, annex_up_to_its_limit)
{
	char annex[CAPS_MAX_ANNEX + 1];
	struct caps_send s = {
		.capability = self->cap, .data.annex = (uintptr_t)annex,
	};
	struct message m;
	__u32 len;

	for (len = 0; len < sizeof(annex); len++)
		annex[len] = len ^ 0x5a;
	for (len = 0; len <= CAPS_MAX_ANNEX; len++) {
		s.data.annex_len = len;
		ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
		ASSERT_OK(receive(self->fd, self->port, &m));
		EXPECT_EQ(len, m.header.annex_len);
		EXPECT_EQ(0, memcmp(annex, m.annex, len));
	}
	s.data.annex_len = CAPS_MAX_ANNEX + 1;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->sender, CAPS_SEND, &s));
	s.data.annex_len = ~0u;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->sender, CAPS_SEND, &s));
}

/* From one sender through one port messages arrive in the order sent. */
TEST_F(send, keeps_the_order)
{
	const unsigned int rounds = test_scale(500);
	__u64 port = port_new(self->fd), cap;
	unsigned int sent = 0, received = 0, n;
	char text[16];
	struct message m;

	cap = cap_give(self->fd, port, self->sender);
	/* The queue grows and shrinks, and holds 72 at most. */
	while (received < rounds) {
		for (n = 0; n < 7 && sent < rounds; n++) {
			snprintf(text, sizeof(text), "%u", sent++);
			ASSERT_OK(send_text(self->sender, cap, text));
		}
		for (n = 0; n < 6 && received < sent; n++) {
			ASSERT_OK(receive_now(self->fd, port, &m));
			ASSERT_EQ(received, (unsigned int)atoi(m.body));
			ASSERT_EQ(++received, m.header.sequence);
		}
	}
	EXPECT_ERR(EAGAIN, receive_now(self->fd, port, &m));
}

/* Sends and calls of one sender stand in one order. */
TEST_F(send, keeps_the_order_with_calls)
{
	struct message m;
	__u64 id;

	ASSERT_OK(send_text(self->sender, self->cap, "first"));
	ASSERT_OK(call_async(self->sender, self->cap, 0, "second", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("first", m.body);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("second", m.body);
}

/* Without a deadline a full queue is an answer at once. */
TEST_F(send, does_not_wait_unless_told)
{
	fill(_metadata, self->sender, self->cap);
	EXPECT_EQ(2, port_info(self->fd, self->port).queued);
	EXPECT_EQ(0, port_info(self->fd, self->port).waiting);
}

/* With one it waits that long, not less, and then was never there. */
TEST_F(send, waits_for_room_until_the_deadline)
{
	struct caps_send s = { .capability = self->cap };
	struct message m;

	fill(_metadata, self->sender, self->cap);
	s.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->sender, CAPS_SEND, &s));
	EXPECT_LE(s.deadline, now_ns());
	EXPECT_EQ(0, port_info(self->fd, self->port).waiting);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
}

/* A deadline that has passed is no room either. */
TEST_F(send, past_deadline)
{
	struct caps_send s = { .capability = self->cap, .deadline = 1 };

	EXPECT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(send_text(self->sender, self->cap, ""));
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->sender, CAPS_SEND, &s));
}

/* Room is made by receiving; who waited first comes next. */
TEST_F(send, waiting_sends_arrive_in_order)
{
	struct caps_send s[3];
	struct background b[3];
	static const char text[] = "345";
	struct message m;
	unsigned int i;
	char next;

	fill(_metadata, self->sender, self->cap);
	for (i = 0; i < 3; i++) {
		s[i] = (struct caps_send){
			.capability = self->cap, .deadline = CAPS_FOREVER,
			.data = data_of(&text[i], 1),
		};
		background_start(&b[i], self->sender, CAPS_SEND, &s[i]);
		ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting
				       == i + 1));
	}
	for (next = '1'; next <= '5'; next++) {
		ASSERT_OK(receive(self->fd, self->port, &m));
		EXPECT_EQ(next, m.body[0]);
	}
	for (i = 0; i < 3; i++)
		EXPECT_OK(background_join(&b[i]));
	EXPECT_EQ(0, port_info(self->fd, self->port).waiting);
}

/* A port that goes away ends the wait for room in it. */
TEST_F(send, deleting_the_port_ends_the_wait)
{
	struct caps_send s = {
		.capability = self->cap, .deadline = CAPS_FOREVER,
	};
	struct background b;

	fill(_metadata, self->sender, self->cap);
	background_start(&b, self->sender, CAPS_SEND, &s);
	ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting == 1));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, background_join(&b));
}

/* And so does the end of its owner. */
TEST_F(send, closing_the_owner_ends_the_wait)
{
	struct caps_send s = {
		.capability = self->cap, .deadline = CAPS_FOREVER,
	};
	struct background b;

	fill(_metadata, self->sender, self->cap);
	background_start(&b, self->sender, CAPS_SEND, &s);
	ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting == 1));
	close(self->fd);
	EXPECT_ERR(EPIPE, background_join(&b));
}

/* A send with a source can be answered once, as a message to the source. */
TEST_F(send, with_a_source_is_answerable)
{
	__u64 source = port_new(self->sender);
	struct caps_send s = {
		.capability = self->cap, .source = source,
		.data = data_of("question", 8),
	};
	struct message m;

	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	EXPECT_EQ(CAPS_KIND_SEND, m.header.kind);
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE, m.header.flags);
	ASSERT_NE(0, m.header.id);
	ASSERT_OK(reply_text(self->fd, m.header.id, 3, "answer"));
	EXPECT_ERR(ENOMSG, reply_text(self->fd, m.header.id, 3, "again"));

	ASSERT_OK(receive(self->sender, source, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(3, m.header.status);
	EXPECT_EQ(0, m.header.error);
	EXPECT_STREQ("answer", m.body);
	EXPECT_ERR(EAGAIN, receive_now(self->sender, source, &m));
}

/* A receiver that does not hold it does not mean to answer. */
TEST_F(send, with_a_source_need_not_be_answered)
{
	struct caps_send s = {
		.capability = self->cap, .source = port_new(self->sender),
	};
	struct message m;

	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, m.header.flags);
	EXPECT_EQ(0, m.header.id);
	EXPECT_EQ(0, actor_info(self->fd).held);
}

/* A source that is not one's own cannot be answered to. */
TEST_F(send, source_must_be_own)
{
	struct caps_send s = { .capability = self->cap, .source = self->cap };

	EXPECT_ERR(EPERM, caps_ioctl(self->sender, CAPS_SEND, &s));
	s.source = 0xdead;
	EXPECT_ERR(EBADF, caps_ioctl(self->sender, CAPS_SEND, &s));
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

/* What is dropped unread needs no answer: the sender hears nothing. */
TEST_F(send, dropped_send_is_not_answered)
{
	__u64 source = port_new(self->sender);
	struct caps_send s = { .capability = self->cap, .source = source };
	struct message m;

	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	ASSERT_OK(discard(self->fd, m.header.id));
	close(self->fd);
	EXPECT_ERR(EAGAIN, receive_now(self->sender, source, &m));
}

/* COPY and DEFER of a small body: it is copied, and nothing follows. */
TEST_F(send, small_bodies_are_always_copied)
{
	struct caps_send s = {
		.capability = self->cap, .data = data_of("small", 5),
		.flags = CAPS_COPY,
	};
	struct message m;

	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_FALSE(m.header.flags & CAPS_HEADER_PINNED);
	s.flags = CAPS_DEFER;
	ASSERT_OK(caps_ioctl(self->sender, CAPS_SEND, &s));
	EXPECT_EQ(CAPS_RESULT_COPIED, s.result);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_FALSE(m.header.flags & CAPS_HEADER_PINNED);
	EXPECT_ERR(EAGAIN, receive_now(self->sender, CAPS_DEFAULT_PORT, &m));
}

/* They contradict each other. */
TEST_F(send, copy_and_defer_exclude_each_other)
{
	struct caps_send s = {
		.capability = self->cap, .flags = CAPS_COPY | CAPS_DEFER,
	};

	EXPECT_ERR(EINVAL, caps_ioctl(self->sender, CAPS_SEND, &s));
	EXPECT_ERR(EINVAL, caps_ioctl(self->sender, CAPS_CALL_ASYNC, &s));
}

TEST_HARNESS_MAIN
