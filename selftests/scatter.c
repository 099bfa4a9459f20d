// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies in pieces, on either side: what is gathered is scattered again byte
 * for byte, and not one byte between the pieces is touched.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define CANARY	0xee

/* Pieces of one stretch of memory, with gaps between them. */
struct pieces {
	struct caps_iovec iov[CAPS_MAX_IOVECS];
	unsigned int count;
	size_t len;		/* of the pieces together */
	size_t room;		/* of the memory */
	unsigned char *memory;
};

/* Pieces of up to @max bytes, some of none, that make @least at the least. */
static struct pieces *pieces_new(struct dice *dice, unsigned int count,
				 size_t max, size_t least)
{
	struct pieces *p = calloc(1, sizeof(*p));
	size_t at = 0, len;
	unsigned int i;

	p->count = count;
	for (i = 0; i < count; i++) {
		at += 1 + dice_roll(dice, 40);
		len = dice_roll(dice, max + 1);
		if (i == count - 1 && p->len + len < least)
			len = least - p->len;
		p->iov[i] = (struct caps_iovec){ at, len };
		p->len += len;
		at += len;
	}
	p->room = at + 1;
	p->memory = pages_map(p->room);
	memset(p->memory, CANARY, p->room);
	for (i = 0; i < count; i++)
		p->iov[i].base += (uintptr_t)p->memory;
	return p;
}

static void pieces_free(struct pieces *p)
{
	munmap(p->memory, p->room);
	free(p);
}

static struct caps_data data_of_pieces(struct pieces *p)
{
	return (struct caps_data){
		.body = (uintptr_t)p->iov, .iov_count = p->count,
	};
}

static void pieces_fill(struct pieces *p, __u64 seed)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < p->count; done += p->iov[i].len, i++)
		pattern_fill_from((void *)(uintptr_t)p->iov[i].base,
				  p->iov[i].len, seed, done);
}

/*
 * The first @len bytes are those from @from on of what @seed stands for, and
 * everything else is as it was.
 */
static bool pieces_hold(struct pieces *p, size_t len, __u64 seed, size_t from)
{
	unsigned char *at = p->memory, *end = p->memory + p->room, *piece;
	size_t part;
	unsigned int i;

	for (i = 0; i < p->count; i++) {
		piece = (void *)(uintptr_t)p->iov[i].base;
		for (; at < piece; at++)
			if (*at != CANARY)
				return false;
		part = len < p->iov[i].len ? len : p->iov[i].len;
		if (pattern_differs(piece, part, seed, from) >= 0)
			return false;
		at += part;
		from += part;
		len -= part;
	}
	for (; at < end; at++)
		if (*at != CANARY)
			return false;
	return !len;
}

/* Pieces of the sender and of the receiver. */
FIXTURE_VARIANT(tidy) {
	unsigned int from_count;
	size_t from_max;
	unsigned int to_count;
	size_t to_max;
};

FIXTURE_VARIANT_ADD(tidy, one_to_many) { 1, 60000, 700, 90 };
FIXTURE_VARIANT_ADD(tidy, many_to_one) { 700, 90, 1, 10 };
FIXTURE_VARIANT_ADD(tidy, tiny_to_tiny) { 1024, 3, 1024, 3 };
FIXTURE_VARIANT_ADD(tidy, below_copy_break) { 17, 100, 5, 500 };
FIXTURE_VARIANT_ADD(tidy, most_to_most) { 1024, 1000, 1024, 1000 };
FIXTURE_VARIANT_ADD(tidy, pages_to_pages) { 64, 8192, 50, 12000 };
FIXTURE_VARIANT_ADD(tidy, two_to_three) { 2, 100000, 3, 70000 };
FIXTURE_VARIANT_ADD(tidy, most_to_few) { 1024, 400, 3, 90000 };
FIXTURE_VARIANT_ADD(tidy, large_to_most) { 3, 300000, 1024, 600 };

/* Both ways, with every flag that decides how a body travels. */
static void round_trip(struct __test_metadata *_metadata, struct pair *p,
		       struct dice *dice,
		       const FIXTURE_VARIANT(tidy) * v, __u32 flags)
{
	struct pieces *from, *to, *back, *home;
	struct caps_call call = call_of(p->cap, "");
	struct caps_receive r = { .port = p->port, .deadline = grace() };
	struct caps_reply reply = { 0 };
	struct background b;

	from = pieces_new(dice, v->from_count, v->from_max, 0);
	to = pieces_new(dice, v->to_count, v->to_max, from->len);
	back = pieces_new(dice, v->to_count, v->to_max, 0);
	home = pieces_new(dice, v->from_count, v->from_max, back->len);
	pieces_fill(from, 1);
	pieces_fill(back, 2);

	call.request = data_of_pieces(from);
	call.reply = data_of_pieces(home);
	call.flags = flags;
	background_start(&b, p->client, CAPS_CALL, &call);
	r.buffer = data_of_pieces(to);
	EXPECT_OK(caps_ioctl(p->server, CAPS_RECEIVE, &r));
	EXPECT_EQ(from->len, r.header.body_len);
	EXPECT_TRUE(pieces_hold(to, from->len, 1, 0));

	reply.id = r.header.id;
	reply.data = data_of_pieces(back);
	EXPECT_OK(caps_ioctl(p->server, CAPS_REPLY, &reply));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(back->len, call.reply_body_len);
	EXPECT_TRUE(pieces_hold(home, back->len, 2, 0));
	pieces_free(from);
	pieces_free(to);
	pieces_free(back);
	pieces_free(home);
}

TEST_F(tidy, call_and_reply)
{
	const __u32 flags[] = {
		0, CAPS_COPY, CAPS_DIRECT_REPLY, CAPS_COPY | CAPS_DIRECT_REPLY,
	};
	struct pair p = pair_open();
	struct dice dice = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		round_trip(_metadata, &p, &dice, variant, flags[i]);
}

/* A part of the body into pieces, from any offset. */
TEST_F(tidy, parts)
{
	struct pair p = pair_open();
	struct caps_send send = { .capability = p.cap, .flags = CAPS_DEFER };
	struct caps_receive r = {
		.port = p.port, .deadline = grace(), .flags = CAPS_HOLD,
	};
	struct dice dice = { 99 };
	struct pieces *from, *to;
	struct caps_get_data get;
	unsigned int i;
	size_t want;

	from = pieces_new(&dice, variant->from_count, variant->from_max, 0);
	pieces_fill(from, 3);
	send.data = data_of_pieces(from);
	ASSERT_OK(caps_ioctl(p.client, CAPS_SEND, &send));
	ASSERT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
	EXPECT_EQ(from->len, r.header.body_len);
	for (i = 0; i < test_scale(10); i++) {
		to = pieces_new(&dice, variant->to_count, variant->to_max, 0);
		get = (struct caps_get_data){
			.id = r.header.id, .buffer = data_of_pieces(to),
			.offset = dice_roll(&dice, from->len + 1),
		};
		want = from->len - get.offset;
		want = want < to->len ? want : to->len;
		EXPECT_OK(caps_ioctl(p.server, CAPS_GET_DATA, &get));
		EXPECT_EQ(want, get.copied);
		EXPECT_TRUE(pieces_hold(to, want, 3, get.offset));
		pieces_free(to);
	}
	EXPECT_OK(discard(p.server, r.header.id));
}

TIDY_FIXTURE(pieces)

/* One piece too many. */
TEST_F(pieces, most_pieces)
{
	struct pair p = pair_open();
	struct caps_iovec *iov = calloc(CAPS_MAX_IOVECS + 1, sizeof(*iov));
	struct caps_send send = {
		.capability = p.cap,
		.data = { .body = (uintptr_t)iov,
			  .iov_count = CAPS_MAX_IOVECS + 1 },
	};
	struct caps_receive r = {
		.port = p.port, .deadline = grace(), .buffer = send.data,
	};

	EXPECT_ERR(EMSGSIZE, caps_ioctl(p.client, CAPS_SEND, &send));
	send.data.iov_count--;
	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &send));
	EXPECT_ERR(EMSGSIZE, caps_ioctl(p.server, CAPS_RECEIVE, &r));
	r.buffer.iov_count--;
	EXPECT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
	EXPECT_EQ(0, r.header.body_len);
}

/* The same bytes as many pieces of a body, and places that overlap. */
TEST_F(pieces, overlapping)
{
	struct pair p = pair_open();
	char *page = pages_filled(4096, 0, 6), *out = pages_map(64 * 4096);
	struct caps_iovec iov[64];
	struct caps_call call = call_of(p.cap, "");
	struct caps_receive r = {
		.port = p.port, .deadline = grace(),
		.buffer = data_of(out, 64 * 4096),
	};
	struct background b;
	unsigned int i;

	for (i = 0; i < 64; i++)
		iov[i] = (struct caps_iovec){ (uintptr_t)page, 4096 };
	call.request = (struct caps_data){
		.body = (uintptr_t)iov, .iov_count = 64,
	};
	background_start(&b, p.client, CAPS_CALL, &call);
	EXPECT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
	for (i = 0; i < 64; i++)
		EXPECT_PATTERN(out + i * 4096, 4096, 6);
	EXPECT_OK(reply_text(p.server, r.header.id, 0, ""));
	EXPECT_OK(background_join(&b));

	/* All pieces in one place: the last bytes win, nothing else breaks. */
	EXPECT_OK(send_text(p.client, p.cap, "abcdefgh"));
	for (i = 0; i < 8; i++)
		iov[i].len = 1;
	r.buffer = (struct caps_data){
		.body = (uintptr_t)iov, .iov_count = 8,
	};
	EXPECT_OK(caps_ioctl(p.server, CAPS_RECEIVE, &r));
	EXPECT_EQ('h', page[0]);
}

/* One bad piece among good ones: nothing was sent, nothing was received. */
TEST_F(pieces, bad_piece)
{
	struct pair p = pair_open();
	char *good = pages_filled(65536, 0, 1);
	struct caps_iovec iov[] = {
		{ (uintptr_t)good, 10000 }, { NOWHERE, 10000 },
		{ (uintptr_t)good + 20000, 10000 },
	};
	struct caps_send send = {
		.capability = p.cap, .flags = CAPS_DEFER,
		.data = { .body = (uintptr_t)iov, .iov_count = 3 },
	};
	struct caps_receive r = {
		.port = p.port, .deadline = grace(), .buffer = send.data,
	};
	struct message m;

	EXPECT_ERR(EFAULT, caps_ioctl(p.client, CAPS_SEND, &send));
	send.flags = 0;
	EXPECT_ERR(EFAULT, caps_ioctl(p.client, CAPS_SEND, &send));
	EXPECT_EQ(0, port_info(p.server, p.port).queued);

	send.data = data_of(good, 25000);
	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &send));
	EXPECT_ERR(EFAULT, caps_ioctl(p.server, CAPS_RECEIVE, &r));
	EXPECT_EQ(1, port_info(p.server, p.port).queued);
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_OK(discard(p.server, m.header.id));
}

TEST_HARNESS_MAIN
