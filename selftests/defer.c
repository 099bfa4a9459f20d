// SPDX-License-Identifier: GPL-2.0
/*
 * Deferred bodies: the sender is told once, and only once, that its buffer is
 * free, in whatever way the message ends.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(100 << 10)

/* A body deferred, and its buffer; unlocked by no notice so far. */
struct deferred {
	struct pair p;
	__u64 id;
	char *body;
};

static struct deferred deferred_send(struct __test_metadata *_metadata)
{
	struct deferred d = {
		.p = pair_open(), .body = pages_filled(LEN, 0, 1),
	};
	struct caps_send s = {
		.capability = d.p.cap, .flags = CAPS_DEFER,
		.data = data_of(d.body, LEN),
	};

	EXPECT_OK(caps_ioctl(d.p.client, CAPS_SEND, &s));
	EXPECT_EQ(0, s.result);
	EXPECT_NE(0, s.id);
	d.id = s.id;
	return d;
}

static void no_notice(struct __test_metadata *_metadata, struct deferred *d)
{
	struct message m;

	EXPECT_ERR(EAGAIN, receive_now(d->p.client, CAPS_DEFAULT_PORT, &m));
}

/* Once, and then the pages are the sender's again. */
static void one_notice(struct __test_metadata *_metadata, struct deferred *d)
{
	struct message m;

	EXPECT_OK(receive(d->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(d->id, m.header.id);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(0, m.header.flags & CAPS_HEADER_HELD);
	EXPECT_EQ(0, actor_info(d->p.client).pending);
	no_notice(_metadata, d);
}

#define EXPECT_FREE_PAGES()						\
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned))

/* Into a buffer with room for @len bytes. */
static long take(struct deferred *d, __u32 flags, size_t len, __u64 *id)
{
	struct caps_receive r = {
		.port = d->p.port, .deadline = grace(), .flags = flags,
		.buffer = data_of(pages_map(LEN), len),
	};
	long ret = caps_ioctl(d->p.server, CAPS_RECEIVE, &r);

	*id = r.header.id;
	return ret;
}

TEST_F(tidy, read)
{
	struct deferred d = deferred_send(_metadata);
	__u64 id;

	no_notice(_metadata, &d);
	EXPECT_OK(take(&d, 0, LEN, &id));
	EXPECT_EQ(0, id);
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

/* The notice has nothing of the messages that its memory had before. */
TEST_F(tidy, notice_is_blank)
{
	struct deferred d = { .p = pair_open() };
	struct caps_send send = { .address = 5, .operation = 6 };
	struct message m;
	__u64 id;
	int i;

	ASSERT_OK(cap_badge(d.p.server, d.p.port, 77, &id));
	send.capability = cap_give(d.p.server, id, d.p.client);
	for (i = 0; i < 64; i++)
		EXPECT_OK(caps_ioctl(d.p.client, CAPS_SEND, &send));
	for (i = 0; i < 64; i++) {
		EXPECT_OK(receive(d.p.server, d.p.port, &m));
		EXPECT_EQ(77, m.header.badge);
	}

	send = (struct caps_send){
		.capability = d.p.cap, .flags = CAPS_DEFER,
		.data = data_of(pages_map(LEN), LEN),
	};
	EXPECT_OK(caps_ioctl(d.p.client, CAPS_SEND, &send));
	EXPECT_OK(take(&d, 0, LEN, &id));
	EXPECT_OK(receive(d.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(0, m.header.badge);
	EXPECT_EQ(0, m.header.address);
	EXPECT_EQ(0, m.header.operation);
	EXPECT_EQ(0, m.header.status);
	EXPECT_EQ(0, m.header.error);
	EXPECT_EQ(0, m.header.capability_count);
}

TEST_F(tidy, held_and_discarded)
{
	struct deferred d = deferred_send(_metadata);
	char byte;
	__u64 id;

	EXPECT_OK(take(&d, CAPS_HOLD, LEN, &id));
	no_notice(_metadata, &d);
	EXPECT_OK(get_data(d.p.server, id, LEN - 1, &byte, 1, NULL));
	no_notice(_metadata, &d);
	EXPECT_OK(discard(d.p.server, id));
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

TEST_F(tidy, cut_and_discarded)
{
	struct deferred d = deferred_send(_metadata);
	__u64 id;

	EXPECT_OK(take(&d, 0, 10, &id));
	EXPECT_NE(0, id);
	no_notice(_metadata, &d);
	EXPECT_OK(discard(d.p.server, id));
	one_notice(_metadata, &d);
}

TEST_F(tidy, port_deleted_while_queued)
{
	struct deferred d = deferred_send(_metadata);

	EXPECT_OK(port_delete(d.p.server, d.p.port));
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

TEST_F(tidy, port_deleted_while_held)
{
	struct deferred d = deferred_send(_metadata);
	char byte;
	__u64 id;

	EXPECT_OK(take(&d, CAPS_HOLD, 0, &id));
	EXPECT_OK(port_delete(d.p.server, d.p.port));
	no_notice(_metadata, &d);
	EXPECT_OK(get_data(d.p.server, id, 0, &byte, 1, NULL));
	EXPECT_OK(discard(d.p.server, id));
	one_notice(_metadata, &d);
}

TEST_F(tidy, receiver_dies_while_queued)
{
	struct deferred d = deferred_send(_metadata);

	close(d.p.server);
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

TEST_F(tidy, receiver_dies_while_held)
{
	struct deferred d = deferred_send(_metadata);
	__u64 id;

	EXPECT_OK(take(&d, CAPS_HOLD, 0, &id));
	close(d.p.server);
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

/* Nobody is there to be told, but the pages are free. */
TEST_F(tidy, sender_closes)
{
	struct deferred d = deferred_send(_metadata);
	struct message m;

	close(d.p.client);
	EXPECT_FREE_PAGES();
	EXPECT_ERR(EAGAIN, receive_now(d.p.server, d.p.port, &m));
}

TEST_F(tidy, sender_closes_while_held)
{
	struct deferred d = deferred_send(_metadata);
	char byte;
	__u64 id;

	EXPECT_OK(take(&d, CAPS_HOLD, 0, &id));
	close(d.p.client);
	EXPECT_FREE_PAGES();
	EXPECT_ERR(ECANCELED, get_data(d.p.server, id, 0, &byte, 1, NULL));
	EXPECT_OK(discard(d.p.server, id));
}

/* A delivery that fails is no delivery. */
TEST_F(tidy, bad_buffer_first)
{
	struct deferred d = deferred_send(_metadata);
	struct caps_receive r = {
		.port = d.p.port, .buffer = data_of(read_only(LEN), LEN),
	};
	__u64 id;

	EXPECT_ERR(EFAULT, caps_ioctl(d.p.server, CAPS_RECEIVE, &r));
	no_notice(_metadata, &d);
	EXPECT_OK(take(&d, 0, LEN, &id));
	one_notice(_metadata, &d);
}

TEST_F(tidy, received_in_a_batch)
{
	struct deferred d = deferred_send(_metadata);
	struct caps_receive entries[3] = { 0 };
	struct caps_receive_batch b = {
		.port = d.p.port, .entries = (uintptr_t)entries, .count = 3,
	};

	entries[0].buffer = data_of(pages_map(LEN), LEN);
	EXPECT_OK(caps_ioctl(d.p.server, CAPS_RECEIVE_BATCH, &b));
	EXPECT_EQ(1, b.received);
	one_notice(_metadata, &d);
}

/* Two threads read while a third ends it: the last one's end is the end. */
TEST_F(tidy, discarded_while_read)
{
	struct deferred d = deferred_send(_metadata);
	struct caps_get_data get = { 0 };
	struct region region;
	struct background b;

	if (!uffd_start(&region, LEN))
		SKIP(return, "no userfaultfd");
	EXPECT_OK(take(&d, CAPS_HOLD, 0, &get.id));
	get.buffer = data_of(region.map, LEN);
	background_start(&b, d.p.server, CAPS_GET_DATA, &get);
	ASSERT_TRUE(eventually(region_touched(&region)));
	EXPECT_OK(discard(d.p.server, get.id));
	no_notice(_metadata, &d);
	region_answer(&region);
	background_join(&b);
	one_notice(_metadata, &d);
	EXPECT_FREE_PAGES();
}

/* --- where the notice goes ----------------------------------------------- */

/* To the source port, however full that is; to the default one without it. */
TEST_F(tidy, source_port)
{
	struct pair p = pair_open();
	__u64 source = port_new_limit(p.client, 2);
	struct caps_send s = {
		.capability = p.cap, .flags = CAPS_DEFER, .source = source,
		.data = data_of(pages_map(LEN), LEN),
	};
	struct deferred d = { .p = p };
	struct message m;
	__u64 id;

	while (!send_text(p.client, source, "full"))
		;
	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
	EXPECT_OK(take(&d, CAPS_HOLD, 0, &id));
	EXPECT_OK(discard(p.server, id));
	no_notice(_metadata, &d);
	while (!receive_now(p.client, source, &m) &&
	       m.header.kind == CAPS_KIND_SEND)
		;
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(s.id, m.header.id);
	EXPECT_ERR(EAGAIN, receive_now(p.client, source, &m));

	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
	EXPECT_OK(port_delete(p.client, source));
	EXPECT_OK(take(&d, CAPS_HOLD, 0, &id));
	EXPECT_OK(discard(p.server, id));
	d.id = s.id;
	one_notice(_metadata, &d);
}

/* A source port deleted under a notice that is queued there. */
TEST_F(tidy, source_port_deleted_later)
{
	struct pair p = pair_open();
	__u64 source = port_new(p.client);
	struct caps_send s = {
		.capability = p.cap, .flags = CAPS_DEFER, .source = source,
		.data = data_of(pages_map(LEN), LEN),
	};
	struct deferred d = { .p = p };
	__u64 id;

	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
	d.id = s.id;
	EXPECT_OK(take(&d, 0, LEN, &id));
	EXPECT_EQ(1, port_info(p.client, source).queued);
	EXPECT_OK(port_delete(p.client, source));
	one_notice(_metadata, &d);
}

/* --- what needs no notice ------------------------------------------------ */

/* Small bodies are copied, and it is said. */
TEST_F(tidy, copied_after_all)
{
	struct pair p = pair_open();
	struct caps_send s = { .capability = p.cap, .flags = CAPS_DEFER };
	size_t len[] = { 0, 1, query(p.client).copy_break }, i;
	struct deferred d = { .p = p };
	struct message m;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		s.data = data_of(pages_map(LEN), len[i]);
		EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
		EXPECT_EQ(CAPS_RESULT_COPIED, s.result);
		EXPECT_OK(receive_until(p.server, p.port, CAPS_HOLD, 0, &m));
		EXPECT_OK(discard(p.server, m.header.id));
		no_notice(_metadata, &d);
	}
	EXPECT_EQ(0, actor_info(p.client).pending);
}

/* What was never sent is nothing to be told about. */
TEST_F(tidy, not_sent)
{
	struct pair p = pair_open();
	__u64 port = port_new_limit(p.server, 2), narrow;
	__u64 full = cap_give(p.server, port, p.client);
	struct caps_send s = {
		.flags = CAPS_DEFER, .data = data_of(pages_map(LEN), LEN),
	};
	struct deferred d = { .p = p };

	while (!send_text(p.client, full, "full"))
		;
	s.capability = full;
	EXPECT_ERR(EAGAIN, caps_ioctl(p.client, CAPS_SEND, &s));
	s.deadline = in_ms(50);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(p.client, CAPS_SEND, &s));
	s.deadline = 0;
	EXPECT_OK(cap_dup(p.client, p.cap, CAPS_RIGHT_SEND, 2, &narrow));
	s.capability = narrow;
	EXPECT_ERR(EACCES, caps_ioctl(p.client, CAPS_SEND, &s));
	s.capability = 12345;
	EXPECT_ERR(EBADF, caps_ioctl(p.client, CAPS_SEND, &s));
	close(p.server);
	s.capability = p.cap;
	EXPECT_ERR(EPIPE, caps_ioctl(p.client, CAPS_SEND, &s));
	no_notice(_metadata, &d);
	EXPECT_EQ(0, actor_info(p.client).pending);
	EXPECT_FREE_PAGES();
}

/* --- many ---------------------------------------------------------------- */

/* Ended in any order: each told once. */
TEST_F(tidy, many)
{
	enum { MANY = 60 };
	struct pair p = pair_open();
	__u64 ids[MANY], held[MANY];
	int i, k, told[MANY] = { 0 };
	struct caps_send s = { .capability = p.cap, .flags = CAPS_DEFER };
	struct message m;

	for (i = 0; i < MANY; i++) {
		s.data = data_of(pages_map(8192), 8192);
		ASSERT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
		ids[i] = s.id;
		ASSERT_OK(receive_until(p.server, p.port, CAPS_HOLD, 0, &m));
		held[i] = m.header.id;
	}
	EXPECT_EQ(MANY, actor_info(p.client).pending);
	for (i = 0; i < MANY; i++)
		EXPECT_OK(discard(p.server, held[i * 7 % MANY]));
	for (i = 0; i < MANY; i++) {
		ASSERT_OK(receive(p.client, CAPS_DEFAULT_PORT, &m));
		for (k = 0; k < MANY; k++)
			told[k] += ids[k] == m.header.id;
	}
	for (k = 0; k < MANY; k++)
		EXPECT_EQ(1, told[k]);
	EXPECT_ERR(EAGAIN, receive_now(p.client, CAPS_DEFAULT_PORT, &m));
}

TEST_HARNESS_MAIN
