// SPDX-License-Identifier: GPL-2.0
/*
 * Reading from held messages: any part, as often as wanted, until they end.
 */
#include "caps_test.h"

/*
 * A held call with a body of a given length: in the message itself, in pages
 * copied when it was sent, or in the sender's own.
 */
FIXTURE(getdata)
{
	int fd;			/* the server */
	int client;
	struct caps_call call;
	struct background b;
	__u8 *body;
	size_t len;
	__u64 id;
};

FIXTURE_VARIANT(getdata)
{
	size_t len;		/* at least 2 */
};

FIXTURE_VARIANT_ADD(getdata, tiny) { .len = 2 };
FIXTURE_VARIANT_ADD(getdata, small) { .len = 100 };
FIXTURE_VARIANT_ADD(getdata, page) { .len = 4096 };
FIXTURE_VARIANT_ADD(getdata, pages) { .len = 3 * 4096 + 77 };
FIXTURE_VARIANT_ADD(getdata, large) { .len = 1 << 20 };

FIXTURE_SETUP(getdata)
{
	struct caps_receive r = { 0 };
	size_t i;

	self->fd = actor_open();
	self->client = actor_open();
	r.port = port_new(self->fd);
	r.deadline = grace();
	self->len = variant->len;
	self->body = guarded(self->len);
	for (i = 0; i < self->len; i++)
		self->body[i] = (i * 2654435761u) >> 13;
	self->call = call_of(cap_give(self->fd, r.port, self->client), "");
	self->call.request = data_of(self->body, self->len);
	self->call.request.annex = (uintptr_t)"annex";
	self->call.request.annex_len = 5;
	background_start(&self->b, self->client, CAPS_CALL, &self->call);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	ASSERT_EQ(self->len, r.header.body_len);
	EXPECT_EQ(self->len > query(self->fd).copy_break,
		  !!(r.header.flags & CAPS_HEADER_PINNED));
	self->id = r.header.id;
}

FIXTURE_TEARDOWN(getdata)
{
}

/* Does [offset, offset + room) read as it was sent, and nothing beyond? */
static void expect_part(struct __test_metadata *_metadata,
			FIXTURE_DATA(getdata) * self, __u64 offset, size_t room)
{
	__u64 left = offset < self->len ? self->len - offset : 0;
	__u64 wanted = left < room ? left : room, copied;
	__u8 *buffer = malloc(room + 1);

	memset(buffer, '#', room + 1);
	ASSERT_OK(get_data(self->fd, self->id, offset, buffer, room, &copied));
	EXPECT_EQ(wanted, copied) {
		TH_LOG("offset %llu, room %zu", offset, room);
	}
	EXPECT_EQ(0, memcmp(self->body + offset, buffer, wanted)) {
		TH_LOG("offset %llu, room %zu", offset, room);
	}
	EXPECT_EQ('#', buffer[wanted]);
	free(buffer);
}

TEST_F(getdata, whole)
{
	expect_part(_metadata, self, 0, self->len);
}

/* More room than there is. */
TEST_F(getdata, whole_and_more)
{
	expect_part(_metadata, self, 0, self->len + 4096);
}

/* Reading takes nothing away. */
TEST_F(getdata, again_and_again)
{
	unsigned int i;

	for (i = 0; i < 10; i++)
		expect_part(_metadata, self, 0, self->len);
	EXPECT_EQ(1, actor_info(self->fd).held);
}

/* Parts at offsets around what matters to those who hold it in pages. */
TEST_F(getdata, in_parts)
{
	const __u64 around[] = { 0, 1, 255, 256, 4095, 4096, 4097, 8192 };
	const size_t rooms[] = { 1, 3, 256, 4096, 5000 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(around); i++)
		for (j = 0; j < ARRAY_SIZE(rooms); j++)
			if (around[i] < self->len)
				expect_part(_metadata, self, around[i],
					    rooms[j]);
	expect_part(_metadata, self, self->len - 1, 1);
	expect_part(_metadata, self, self->len - 2, 5000);
}

/* At the end and beyond there is nothing, which is no error. */
TEST_F(getdata, past_the_end)
{
	const __u64 offsets[] = {
		self->len, self->len + 1, self->len + 4096, 1ull << 32,
		1ull << 63, ~0ull - 1, ~0ull,
	};
	__u64 copied;
	char byte = '#';
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		EXPECT_OK(get_data(self->fd, self->id, offsets[i], &byte, 1,
				   &copied));
		EXPECT_EQ(0, copied);
		EXPECT_EQ('#', byte);
	}
}

/* No room, no bytes. */
TEST_F(getdata, nowhere)
{
	__u64 copied;

	EXPECT_OK(get_data(self->fd, self->id, 0, NULL, 0, &copied));
	EXPECT_EQ(0, copied);
}

/* Into pieces, one of them empty. */
TEST_F(getdata, scattered)
{
	__u8 *buffer = calloc(1, self->len);
	size_t half = self->len / 2;
	struct caps_iovec pieces[] = {
		{ (uintptr_t)buffer, half },
		{ NOWHERE, 0 },
		{ (uintptr_t)(buffer + half), self->len - half },
	};
	struct caps_get_data g = {
		.id = self->id, .offset = 1,
		.buffer = { .body = (uintptr_t)pieces, .iov_count = 3 },
	};

	ASSERT_NE(NULL, buffer);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_GET_DATA, &g));
	EXPECT_EQ(self->len - 1, g.copied);
	EXPECT_EQ(0, memcmp(self->body + 1, buffer, self->len - 1));
	EXPECT_EQ(0, buffer[self->len - 1]);
}

/* The annex comes to who has a place for it. */
TEST_F(getdata, annex)
{
	char annex[8] = "#######";
	struct caps_get_data g = { .id = self->id };

	g.buffer.annex = (uintptr_t)annex;
	g.buffer.annex_len = 3;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_GET_DATA, &g));
	EXPECT_EQ(3, g.annex_copied);
	EXPECT_EQ(0, g.copied);
	EXPECT_STREQ("ann####", annex);
	g.buffer.annex_len = 7;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_GET_DATA, &g));
	EXPECT_EQ(5, g.annex_copied);
	EXPECT_STREQ("annex##", annex);
}

/* A place that cannot be written to costs nothing but the attempt. */
TEST_F(getdata, bad_place)
{
	char *edge = guarded(1);
	struct caps_get_data g = { .id = self->id };

	EXPECT_ERR(EFAULT, get_data(self->fd, self->id, 0, (void *)8, 2, NULL));
	EXPECT_ERR(EFAULT, get_data(self->fd, self->id, 0, edge, 2, NULL));
	EXPECT_ERR(EFAULT, get_data(self->fd, self->id, 0, read_only(2), 2,
				    NULL));
	g.buffer.annex = NOWHERE;
	g.buffer.annex_len = 5;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_GET_DATA, &g));
	expect_part(_metadata, self, 0, self->len);
}

/* From the answer on there is nothing to read. */
TEST_F(getdata, until_answered)
{
	char byte;

	ASSERT_OK(reply_text(self->fd, self->id, 0, ""));
	EXPECT_ERR(ENOMSG, get_data(self->fd, self->id, 0, &byte, 1, NULL));
	EXPECT_OK(background_join(&self->b));
}

TEST_F(getdata, until_discarded)
{
	char byte;

	ASSERT_OK(discard(self->fd, self->id));
	EXPECT_ERR(ENOMSG, get_data(self->fd, self->id, 0, &byte, 1, NULL));
	EXPECT_ERR(ECONNRESET, background_join(&self->b));
}

/* What is counted as read is what was copied. */
TEST_F(getdata, is_counted)
{
	struct caps_actor_info before = actor_info(self->fd), after;

	expect_part(_metadata, self, 0, self->len);
	expect_part(_metadata, self, self->len, 1);
	after = actor_info(self->fd);
	EXPECT_EQ(before.read_copies + 1, after.read_copies);
	EXPECT_EQ(before.read_copy_bytes + self->len, after.read_copy_bytes);
}

TEST_HARNESS_MAIN
