// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies of every size, by every way they can take, byte for byte; and the
 * limits on them.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define MIB	((size_t)1 << 20)

/* A way for a body from a client to a server. */
FIXTURE_VARIANT(tidy) {
	unsigned int command;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(tidy, call) { CAPS_CALL, 0 };
FIXTURE_VARIANT_ADD(tidy, copied_call) { CAPS_CALL, CAPS_COPY };
FIXTURE_VARIANT_ADD(tidy, send) { CAPS_SEND, 0 };
FIXTURE_VARIANT_ADD(tidy, deferred_send) { CAPS_SEND, CAPS_DEFER };
FIXTURE_VARIANT_ADD(tidy, async) { CAPS_CALL_ASYNC, 0 };
FIXTURE_VARIANT_ADD(tidy, deferred_async) { CAPS_CALL_ASYNC, CAPS_DEFER };

typedef const FIXTURE_VARIANT(tidy) way;

/* Is a body of this length left in the sender's pages? */
static bool stays(int fd, way *w, size_t len)
{
	return len > query(fd).copy_break && !(w->flags & CAPS_COPY) &&
	       (w->command == CAPS_CALL || (w->flags & CAPS_DEFER));
}

/* A message underway. */
struct flight {
	struct caps_call call;
	struct caps_send send;
	struct background caller;
	struct caps_receive received;
};

static long take_off(struct pair *p, way *w, struct flight *f,
		     struct caps_data data)
{
	if (w->command == CAPS_CALL) {
		f->call = call_of(p->cap, "");
		f->call.request = data;
		f->call.flags = w->flags;
		background_start(&f->caller, p->client, CAPS_CALL, &f->call);
		return 0;
	}
	f->send = (struct caps_send){
		.capability = p->cap, .flags = w->flags, .data = data,
	};
	return caps_ioctl(p->client, w->command, &f->send);
}

/* Held, with so much of the body as @data has room for. */
static long take_in(struct pair *p, struct flight *f, struct caps_data data)
{
	f->received = (struct caps_receive){
		.port = p->port, .deadline = grace(), .flags = CAPS_HOLD,
		.buffer = data,
	};
	return caps_ioctl(p->server, CAPS_RECEIVE, &f->received);
}

/* The server ends it, and the client learns all that it should. */
static void land(struct __test_metadata *_metadata, struct pair *p, way *w,
		 struct flight *f, bool stayed)
{
	int fd = p->client;
	struct message m;

	if (w->command == CAPS_SEND)
		EXPECT_OK(discard(p->server, f->received.header.id));
	else
		EXPECT_OK(reply_text(p->server, f->received.header.id, 0, ""));
	if (w->command == CAPS_CALL) {
		EXPECT_OK(background_join(&f->caller));
		return;
	}
	if (w->flags & CAPS_DEFER)
		EXPECT_EQ(stayed, !(f->send.result & CAPS_RESULT_COPIED));
	/* An async call's answer says that the body is free, too. */
	if (stayed || w->command == CAPS_CALL_ASYNC) {
		EXPECT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(f->send.id, m.header.id);
		EXPECT_EQ(w->command == CAPS_SEND ? CAPS_KIND_DISPOSE :
			  CAPS_KIND_REPLY, m.header.kind);
	}
	EXPECT_ERR(EAGAIN, receive_now(fd, CAPS_DEFAULT_PORT, &m));
}

/* One body there: a part with the message, the rest asked for. */
static void transfer(struct __test_metadata *_metadata, struct pair *p, way *w,
		     size_t len, size_t offset, size_t part)
{
	char *body = pages_filled(len, offset, len);
	char *out = pages_map(len + 1);
	bool stayed = stays(p->client, w, len);
	struct flight f;
	__u64 got;

	ASSERT_OK(take_off(p, w, &f, data_of(body, len)))
		TH_LOG("%zu bytes", len);
	ASSERT_OK(take_in(p, &f, data_of(out, part)));
	EXPECT_EQ(len, f.received.header.body_len);
	EXPECT_EQ(stayed, !!(f.received.header.flags & CAPS_HEADER_PINNED))
		TH_LOG("%zu bytes", len);
	EXPECT_EQ(part < len,
		  !!(f.received.header.flags & CAPS_HEADER_TRUNCATED));
	EXPECT_OK(get_data(p->server, f.received.header.id, part, out + part,
			   len - part, &got));
	EXPECT_EQ(len - part, got);
	EXPECT_PATTERN(out, len, len)
		TH_LOG("%zu bytes, %zu of them with the message", len, part);
	EXPECT_EQ(0, out[len]);
	land(_metadata, p, w, &f, stayed);
	munmap(body - offset, offset + len + !len);
	munmap(out, len + 1);
}

/* Sizes at which something changes, and their neighbours. */
static size_t sizes(int fd, size_t *list)
{
	const size_t edges[] = {
		1, 8, 64, 256, query(fd).copy_break, 4096, 8192, 65536, MIB,
	};
	size_t i, n = 0;

	list[n++] = 0;
	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		list[n++] = edges[i] - 1;
		list[n++] = edges[i];
		if (edges[i] < query(fd).max_copied_body)
			list[n++] = edges[i] + 1;
	}
	return n;
}

#define SIZES_MAX	32

TEST_F(tidy, every_size)
{
	struct pair p = pair_open();
	size_t list[SIZES_MAX], i, n = sizes(p.client, list);

	for (i = 0; i < n; i++) {
		transfer(_metadata, &p, variant, list[i], 0, list[i]);
		transfer(_metadata, &p, variant, list[i], 1, list[i] / 3);
	}
}

/* None of the body with the message, all of it later. */
TEST_F(tidy, fetched_only)
{
	struct pair p = pair_open();
	size_t list[SIZES_MAX], i, n = sizes(p.client, list);

	for (i = 0; i < n; i += 2)
		transfer(_metadata, &p, variant, list[i], 4095, 0);
}

/* By offset, in any order, as often as wanted. */
TEST_F(tidy, any_part_any_number_of_times)
{
	const size_t len = 300001;
	struct pair p = pair_open();
	struct dice dice = { 0 };
	char *out = pages_map(len + 8);
	struct flight f;
	unsigned int i;
	size_t from, want;
	__u64 got;

	ASSERT_OK(take_off(&p, variant, &f,
			   data_of(pages_filled(len, 77, 9), len)));
	ASSERT_OK(take_in(&p, &f, data_of(NULL, 0)));
	for (i = 0; i < test_scale(200); i++) {
		from = dice_roll(&dice, len + 100);
		want = dice_roll(&dice, i % 8 ? 9000 : len + 8);
		EXPECT_OK(get_data(p.server, f.received.header.id, from, out,
				   want, &got));
		if (from > len)
			from = len;
		ASSERT_EQ(len - from < want ? len - from : want, got);
		ASSERT_EQ(-1, pattern_differs(out, got, 9, from));
	}
	EXPECT_OK(get_data(p.server, f.received.header.id, ~0ull, out, 8,
			   &got));
	EXPECT_EQ(0, got);
	land(_metadata, &p, variant, &f, stays(p.client, variant, len));
}

/* The largest body there is, and one byte more. */
TEST_F(tidy, largest)
{
	struct pair p = pair_open();
	bool whole = stays(p.client, variant, CAPS_MAX_BODY);
	size_t len = whole ? CAPS_MAX_BODY : query(p.client).max_copied_body;
	struct flight f;

	transfer(_metadata, &p, variant, len, 0, len / 2);
	if (variant->command != CAPS_CALL) {
		EXPECT_ERR(EMSGSIZE, take_off(&p, variant, &f,
					      data_of(pages_map(len + 1),
						      len + 1)));
		return;
	}
	take_off(&p, variant, &f, data_of(pages_map(len + 1), len + 1));
	EXPECT_ERR(EMSGSIZE, background_join(&f.caller));
}

/* A body in pieces is as long as its pieces. */
TEST_F(tidy, too_large_in_pieces)
{
	struct pair p = pair_open();
	char *body = pages_map(MIB);
	struct caps_iovec iov[65];
	struct caps_data data = {
		.body = (uintptr_t)iov, .iov_count = ARRAY_SIZE(iov),
	};
	struct flight f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct caps_iovec){ (uintptr_t)body, MIB };
	iov[64].len = 1;
	if (variant->command != CAPS_CALL) {
		EXPECT_ERR(EMSGSIZE, take_off(&p, variant, &f, data));
		return;
	}
	take_off(&p, variant, &f, data);
	EXPECT_ERR(EMSGSIZE, background_join(&f.caller));
}

/*
 * What another thread writes into a body after it was sent shows where the
 * body stayed in the sender's pages, and does not where it was copied.
 */
TEST_F(tidy, content_is_that_of_sending_or_of_reading)
{
	const size_t len = 3 * 65536;
	struct pair p = pair_open();
	char *body = pages_filled(len, 5, 1), *out = pages_map(len);
	bool stayed = stays(p.client, variant, len);
	struct flight f;

	ASSERT_OK(take_off(&p, variant, &f, data_of(body, len)));
	ASSERT_TRUE(eventually(port_info(p.server, p.port).queued));
	pattern_fill(body, len, 2);
	ASSERT_OK(take_in(&p, &f, data_of(out, len)));
	EXPECT_PATTERN(out, len, stayed ? 2 : 1);
	land(_metadata, &p, variant, &f, stayed);
}

/* The actors' counters tell which way each body took. */
TEST_F(tidy, counters)
{
	struct caps_actor_info was, is;
	struct pair p = pair_open();
	size_t copy_break = query(p.client).copy_break;
	size_t len[] = { 0, 1, copy_break, copy_break + 1, 65536 };
	__u64 copies = 0, copied = 0, pins = 0, pinned = 0, all = 0, i;

	was = actor_info(p.client);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		transfer(_metadata, &p, variant, len[i], 1, len[i]);
		all += len[i];
		if (!len[i])
			continue;
		if (stays(p.client, variant, len[i])) {
			pins++;
			pinned += len[i];
		} else {
			copies++;
			copied += len[i];
		}
	}
	is = actor_info(p.client);
	EXPECT_EQ(pins, is.pinned_bodies - was.pinned_bodies);
	EXPECT_EQ(pinned, is.pinned_bytes - was.pinned_bytes);
	EXPECT_EQ(copies, is.sent_copies - was.sent_copies);
	EXPECT_EQ(copied, is.sent_copy_bytes - was.sent_copy_bytes);
	EXPECT_EQ(all, actor_info(p.server).read_copy_bytes);
	EXPECT_EQ(0, actor_info(p.server).pinned_bodies);
}

/* A raised copy-break moves the border. */
TEST_F(tidy, copy_break_is_a_parameter)
{
	struct pair p = pair_open();

	parameter_set(&self->before, "copy_break", 20000);
	EXPECT_EQ(20000, query(p.client).copy_break);
	transfer(_metadata, &p, variant, 20000, 3, 9999);
	transfer(_metadata, &p, variant, 20001, 3, 9999);
	parameter_set(&self->before, "copy_break", 0);
	transfer(_metadata, &p, variant, 1, 3, 1);
	transfer(_metadata, &p, variant, 0, 3, 0);
}

TEST_HARNESS_MAIN
