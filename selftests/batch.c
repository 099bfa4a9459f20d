// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving many messages at once.
 */
#include "caps_test.h"

#define ROOM	8

FIXTURE(batch)
{
	int fd;
	__u64 port;
	struct message m[ROOM];
	struct caps_receive entries[ROOM];
	struct caps_receive_batch args;
};

FIXTURE_SETUP(batch)
{
	unsigned int i;

	self->fd = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 10));
	for (i = 0; i < ROOM; i++)
		self->entries[i] = receive_of(&self->m[i], 0, 0);
	self->args = (struct caps_receive_batch){
		.entries = (uintptr_t)self->entries, .count = ROOM,
	};
}

FIXTURE_TEARDOWN(batch)
{
}

static long receive_batch(FIXTURE_DATA(batch) * self)
{
	self->args.received = 99;
	return caps_ioctl(self->fd, CAPS_RECEIVE_BATCH, &self->args);
}

static void send_numbers(FIXTURE_DATA(batch) * self, __u64 port,
			 unsigned int from, unsigned int to)
{
	char text[8];

	for (; from < to; from++) {
		snprintf(text, sizeof(text), "%u", from);
		need(send_text(self->fd, port, text), "CAPS_SEND");
	}
}

/* What is there, in order, each with its own header. */
TEST_F(batch, takes_what_is_there)
{
	unsigned int i;

	send_numbers(self, self->port, 0, 5);
	ASSERT_OK(receive_batch(self));
	ASSERT_EQ(5, self->args.received);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i, (unsigned int)atoi(self->m[i].body));
		EXPECT_EQ(1, self->entries[i].header.body_len);
		EXPECT_EQ(CAPS_KIND_SEND, self->entries[i].header.kind);
		EXPECT_EQ(i + 1, self->entries[i].header.sequence);
	}
	EXPECT_EQ(0, self->entries[5].header.kind);
	EXPECT_FALSE(readable(self->fd));
}

/* No more than asked for; the rest stays. */
TEST_F(batch, takes_no_more_than_its_count)
{
	send_numbers(self, self->port, 0, 5);
	self->args.count = 2;
	ASSERT_OK(receive_batch(self));
	EXPECT_EQ(2, self->args.received);
	EXPECT_EQ(0, self->entries[2].header.kind);
	EXPECT_EQ(3, port_info(self->fd, self->port).queued);
}

TEST_F(batch, nothing_there)
{
	__u64 deadline = in_ms(30);

	EXPECT_ERR(EAGAIN, receive_batch(self));
	self->args.deadline = deadline;
	EXPECT_ERR(ETIMEDOUT, receive_batch(self));
	EXPECT_LE(deadline, now_ns());
}

/* It waits for the first message, not for a full batch. */
TEST_F(batch, waits_for_one)
{
	struct background b;

	self->args.deadline = CAPS_FOREVER;
	background_start(&b, self->fd, CAPS_RECEIVE_BATCH, &self->args);
	background_settle(&b);
	send_numbers(self, self->port, 0, 1);
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(1, self->args.received);
}

TEST_F(batch, counts_from_1_to_1024)
{
	struct caps_receive *many = calloc(CAPS_MAX_BATCH + 1, sizeof(*many));

	ASSERT_NE(NULL, many);
	send_numbers(self, self->port, 0, 3);
	self->args.entries = (uintptr_t)many;
	self->args.count = 0;
	EXPECT_ERR(EINVAL, receive_batch(self));
	self->args.count = CAPS_MAX_BATCH + 1;
	EXPECT_ERR(EMSGSIZE, receive_batch(self));
	self->args.count = ~0u;
	EXPECT_ERR(EMSGSIZE, receive_batch(self));
	EXPECT_EQ(3, port_info(self->fd, self->port).queued);
	self->args.count = CAPS_MAX_BATCH;
	ASSERT_OK(receive_batch(self));
	EXPECT_EQ(3, self->args.received);
}

/* A whole batch of the largest size. */
TEST_F(batch, of_1024)
{
	struct caps_receive *many = calloc(CAPS_MAX_BATCH, sizeof(*many));
	__u64 port = port_new_limit(self->fd, 2 * CAPS_MAX_BATCH);
	unsigned int i;

	ASSERT_NE(NULL, many);
	for (i = 0; i < CAPS_MAX_BATCH; i++)
		ASSERT_OK(send_text(self->fd, port, ""));
	self->args.port = port;
	self->args.entries = (uintptr_t)many;
	self->args.count = CAPS_MAX_BATCH;
	ASSERT_OK(receive_batch(self));
	ASSERT_EQ(CAPS_MAX_BATCH, self->args.received);
	for (i = 0; i < CAPS_MAX_BATCH; i++)
		ASSERT_EQ(i + 1, many[i].header.sequence);
}

/* From any port: in the order in which single receives would have come. */
TEST_F(batch, by_priority)
{
	__u64 first = port_new(self->fd);

	ASSERT_OK(port_enable(self->fd, first, 1));
	send_numbers(self, self->port, 2, 4);
	send_numbers(self, first, 0, 2);
	ASSERT_OK(receive_batch(self));
	ASSERT_EQ(4, self->args.received);
	EXPECT_EQ('0', self->m[0].body[0]);
	EXPECT_EQ('1', self->m[1].body[0]);
	EXPECT_EQ('2', self->m[2].body[0]);
	EXPECT_EQ('3', self->m[3].body[0]);
}

/* From one port, whatever others have. */
TEST_F(batch, by_name)
{
	__u64 hidden = port_new(self->fd);

	send_numbers(self, self->port, 0, 2);
	send_numbers(self, hidden, 5, 6);
	self->args.port = hidden;
	ASSERT_OK(receive_batch(self));
	EXPECT_EQ(1, self->args.received);
	EXPECT_EQ('5', self->m[0].body[0]);
}

/* Each entry says whether to hold. */
TEST_F(batch, holds_entry_by_entry)
{
	send_numbers(self, self->port, 0, 2);
	self->entries[1].flags = CAPS_HOLD;
	ASSERT_OK(receive_batch(self));
	ASSERT_EQ(2, self->args.received);
	EXPECT_EQ(0, self->entries[0].header.flags);
	EXPECT_EQ(CAPS_HEADER_HELD, self->entries[1].header.flags);
	EXPECT_EQ(1, actor_info(self->fd).held);
	EXPECT_OK(discard(self->fd, self->entries[1].header.id));
}

/* Calls in a batch are each answered. */
TEST_F(batch, of_calls)
{
	struct message m;
	__u64 ids[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_OK(call_async(self->fd, self->port, 0, "", &ids[i]));
	ASSERT_OK(receive_batch(self));
	ASSERT_EQ(3, self->args.received);
	for (i = 0; i < 3; i++)
		ASSERT_OK(reply_text(self->fd, self->entries[i].header.id, i,
				     ""));
	for (i = 0; i < 3; i++) {
		ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(ids[i], m.header.id);
		EXPECT_EQ(i, m.header.status);
	}
}

/* A bad first entry fails the batch; nothing is consumed. */
static void expect_first_fails(struct __test_metadata *_metadata,
			       FIXTURE_DATA(batch) * self, int error)
{
	struct caps_receive good = receive_of(&self->m[0], 0, 0);

	EXPECT_ERR(error, receive_batch(self));
	EXPECT_EQ(2, port_info(self->fd, self->port).queued);
	self->entries[0] = good;
}

TEST_F(batch, bad_first_entry)
{
	send_numbers(self, self->port, 0, 2);
	self->entries[0].port = self->port;
	expect_first_fails(_metadata, self, EINVAL);
	self->entries[0].deadline = 1;
	expect_first_fails(_metadata, self, EINVAL);
	self->entries[0].flags = 1u << 1;
	expect_first_fails(_metadata, self, EINVAL);
	self->entries[0].reserved = 1;
	expect_first_fails(_metadata, self, EINVAL);
	self->entries[0].buffer.body = NOWHERE;
	expect_first_fails(_metadata, self, EFAULT);
	self->args.entries = NOWHERE;
	EXPECT_ERR(EFAULT, receive_batch(self));
	EXPECT_EQ(2, port_info(self->fd, self->port).queued);
}

/* A bad later entry ends it; what came before it has been received. */
static void expect_second_ends(struct __test_metadata *_metadata,
			       FIXTURE_DATA(batch) * self)
{
	struct caps_receive good = receive_of(&self->m[1], 0, 0);
	struct message m;

	send_numbers(self, self->port, 0, 2);
	ASSERT_OK(receive_batch(self));
	EXPECT_EQ(1, self->args.received);
	EXPECT_EQ('0', self->m[0].body[0]);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("1", m.body);
	self->entries[1] = good;
}

TEST_F(batch, bad_second_entry)
{
	self->entries[1].port = self->port;
	expect_second_ends(_metadata, self);
	self->entries[1].deadline = 1;
	expect_second_ends(_metadata, self);
	self->entries[1].flags = 1u << 1;
	expect_second_ends(_metadata, self);
	self->entries[1].reserved = 1;
	expect_second_ends(_metadata, self);
	self->entries[1].buffer.body = NOWHERE;
	expect_second_ends(_metadata, self);
}

/* Entries that end at unmapped memory. */
TEST_F(batch, entries_end_early)
{
	struct caps_receive *entries = guarded(2 * sizeof(*entries));

	memset(entries, 0, 2 * sizeof(*entries));
	send_numbers(self, self->port, 0, 4);
	self->args.entries = (uintptr_t)entries;
	ASSERT_OK(receive_batch(self));
	EXPECT_EQ(2, self->args.received);
	EXPECT_EQ(2, port_info(self->fd, self->port).queued);
}

/* Only from an own port. */
TEST_F(batch, from_a_bad_port)
{
	int other = actor_open();

	self->args.port = 0xdead;
	EXPECT_ERR(EBADF, receive_batch(self));
	self->args.port = cap_give(other, port_new(other), self->fd);
	EXPECT_ERR(EPERM, receive_batch(self));
}

TEST_HARNESS_MAIN
