// SPDX-License-Identifier: GPL-2.0
/*
 * One body for all members: loaded once, nobody's to take from another, freed
 * with the last, and paid for by whoever can end it.
 */
#include "caps_group.h"
#include "caps_memory.h"
#include "caps_state.h"

#define MEMBERS	4
#define LEN	(256 << 10)
#define SEED	1

/* Each member in an actor of its own. */
struct club {
	int fd;			/* the sender's */
	__u64 group;
	int member[MEMBERS];
	__u64 port[MEMBERS];
	char *body;
	__u64 id;		/* of what was deferred */
};

static struct club club_open(void)
{
	struct club c = { .fd = actor_open() };

	c.group = group_new(c.fd);
	for (int i = 0; i < MEMBERS; i++) {
		c.member[i] = actor_open();
		c.port[i] = member_new(c.member[i],
				       cap_give(c.fd, c.group, c.member[i]),
				       2);
	}
	c.body = pages_filled(LEN, 0, SEED);
	return c;
}

static long club_send(struct club *c, __u32 flags)
{
	struct caps_send s = {
		.capability = c->group, .flags = flags,
		.data = data_of(c->body, LEN),
	};
	long ret = caps_ioctl(c->fd, CAPS_SEND, &s);

	c->id = s.id;
	return ret ? ret : (long)s.reached;
}

/* Member @i takes it whole, and it is what was sent. */
static bool takes(struct club *c, int i)
{
	char *buffer = pages_map(LEN);
	struct caps_receive r = {
		.port = c->port[i], .buffer = data_of(buffer, LEN),
	};

	return !caps_ioctl(c->member[i], CAPS_RECEIVE, &r) &&
	       r.header.body_len == LEN &&
	       pattern_differs(buffer, LEN, SEED, 0) < 0;
}

/* The name under which member @i holds it, 0 if there is nothing. */
static __u64 holds(struct club *c, int i)
{
	struct caps_receive r = { .port = c->port[i], .flags = CAPS_HOLD };

	return caps_ioctl(c->member[i], CAPS_RECEIVE, &r) ? 0 : r.header.id;
}

static bool notified(struct club *c)
{
	struct message m;

	return !receive_now(c->fd, CAPS_DEFAULT_PORT, &m) &&
	       m.header.kind == CAPS_KIND_DISPOSE && m.header.id == c->id;
}

#define EXPECT_FREE_PAGES()						\
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned))

/* One copy, whose pages go with the last who has it. */
TEST_F(tidy, copied_once)
{
	struct club c = club_open();

	EXPECT_EQ(MEMBERS, club_send(&c, CAPS_COPY));
	EXPECT_EQ(1, actor_info(c.fd).sent_copies);
	EXPECT_EQ(0, actor_info(c.fd).pinned_bodies);
	EXPECT_EQ(1, live_count("bodies"));
	memset(c.body, 0, LEN);		/* it is the sender's again */
	for (int i = 0; i < MEMBERS; i++) {
		EXPECT_EQ(1, live_count("bodies"));
		EXPECT_TRUE(takes(&c, i));
	}
	EXPECT_EQ(0, live_count("bodies"));
}

/* One pin, and one notice when the last is done. */
TEST_F(tidy, pinned_once)
{
	struct club c = club_open();
	char byte;
	__u64 id;

	EXPECT_EQ(MEMBERS, club_send(&c, CAPS_DEFER));
	EXPECT_EQ(1, actor_info(c.fd).pinned_bodies);
	EXPECT_EQ(0, actor_info(c.fd).sent_copies);
	EXPECT_EQ(1, actor_info(c.fd).pending);
	EXPECT_EQ(self->before.pinned + LEN / (long)page_size(),
		  pages_pinned());
	EXPECT_TRUE(takes(&c, 0));		/* by reading it */
	EXPECT_FALSE(notified(&c));
	EXPECT_OK(port_delete(c.member[1], c.port[1]));
	EXPECT_FALSE(notified(&c));		/* by ending */
	id = holds(&c, 2);
	close(c.member[3]);			/* by dying */
	EXPECT_OK(get_data(c.member[2], id, LEN - 1, &byte, 1, NULL));
	sleep_ms(20);
	EXPECT_FALSE(notified(&c));
	EXPECT_OK(discard(c.member[2], id));
	EXPECT_TRUE(eventually(notified(&c)));
	EXPECT_FALSE(notified(&c));
	EXPECT_EQ(0, actor_info(c.fd).pending);
	EXPECT_FREE_PAGES();
}

/* What fits into messages is copied into each. */
TEST_F(tidy, small)
{
	struct club c = club_open();
	struct caps_send s = group_message(c.group, CAPS_DEFER, "small");

	ASSERT_OK(caps_ioctl(c.fd, CAPS_SEND, &s));
	EXPECT_EQ(CAPS_RESULT_COPIED, s.result);
	EXPECT_EQ(0, live_count("bodies"));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_TRUE(says(c.member[i], c.port[i], "small"));
	EXPECT_FALSE(notified(&c));
}

/* Without any member it is free at once, and one is told. */
TEST_F(tidy, deferred_to_nobody)
{
	struct club c = { .fd = actor_open() };

	c.group = group_new(c.fd);
	c.body = pages_filled(LEN, 0, SEED);
	EXPECT_EQ(0, club_send(&c, CAPS_DEFER));
	EXPECT_TRUE(notified(&c));
	EXPECT_FALSE(notified(&c));
	EXPECT_EQ(0, actor_info(c.fd).pending);
}

/* What was not sent is not told of, and leaves nothing. */
TEST_F(tidy, deferred_without_room)
{
	struct club c = club_open();

	for (int i = 0; i < MEMBERS; i++)
		ASSERT_OK(send_text(c.member[i], c.port[i], "full"));
	EXPECT_EQ(-EAGAIN, club_send(&c, CAPS_DEFER));
	EXPECT_EQ(-EAGAIN, club_send(&c, CAPS_DEFER | CAPS_TO_ALL));
	EXPECT_TRUE(says(c.member[0], c.port[0], "full"));
	EXPECT_EQ(-EAGAIN, club_send(&c, CAPS_DEFER | CAPS_TO_ALL));
	EXPECT_EQ(-EAGAIN, club_send(&c, CAPS_COPY | CAPS_TO_ALL));
	EXPECT_EQ(0, live_count("bodies"));
	EXPECT_EQ(0, actor_info(c.fd).pending);
	EXPECT_FALSE(notified(&c));
	EXPECT_FREE_PAGES();
	EXPECT_EQ(1, club_send(&c, CAPS_DEFER));
	EXPECT_TRUE(takes(&c, 0));
	EXPECT_TRUE(notified(&c));
}

/* All or nothing with one body. */
TEST_F(tidy, all)
{
	struct club c = club_open();

	EXPECT_EQ(MEMBERS, club_send(&c, CAPS_DEFER | CAPS_TO_ALL));
	EXPECT_EQ(1, actor_info(c.fd).pinned_bodies);
	for (int i = 0; i < MEMBERS; i++) {
		EXPECT_FALSE(notified(&c));
		EXPECT_TRUE(takes(&c, i));
	}
	EXPECT_TRUE(notified(&c));
}

FIXTURE(slow)
{
	struct before before;
};

FIXTURE_VARIANT(slow)
{
	__u32 flags;
};

FIXTURE_VARIANT_ADD(slow, copied) { CAPS_COPY };
FIXTURE_VARIANT_ADD(slow, pinned) { CAPS_DEFER };

FIXTURE_SETUP(slow)
{
	before_take(&self->before);
}

FIXTURE_TEARDOWN(slow)
{
	before_check(_metadata, &self->before);
}

/* While one stands still half way through, the others end as they like. */
TEST_F(slow, others_end)
{
	struct club c = club_open();
	struct caps_receive r = { .port = c.port[0] };
	struct background reader;
	struct region region;

	if (!region_start(&region, false, LEN))
		SKIP(return, "no userfaultfd");
	r.buffer = data_of(region.map, LEN);
	EXPECT_EQ(MEMBERS, club_send(&c, variant->flags));
	background_start(&reader, c.member[0], CAPS_RECEIVE, &r);
	ASSERT_TRUE(eventually(region_touched(&region)));
	EXPECT_TRUE(takes(&c, 1));
	EXPECT_OK(port_delete(c.member[2], c.port[2]));
	close(c.member[3]);
	EXPECT_TRUE(eventually(group_count(c.fd, c.group) == 2));
	EXPECT_EQ(1, live_count("bodies"));
	EXPECT_FALSE(notified(&c));
	region_answer(&region);
	EXPECT_OK(background_join(&reader));
	EXPECT_GT(0, pattern_differs(region.map, LEN, SEED, 0));
	EXPECT_TRUE(eventually(live_count("bodies") == 0));
	if (variant->flags == CAPS_DEFER)
		EXPECT_TRUE(eventually(notified(&c)));
	region_end(&region);
}

/*
 * What was copied is gone with the last message, also for one who has ended its
 * own and still stands in it; as with a body of one message.
 */
TEST_F(tidy, reader_of_an_ended_message)
{
	struct club c = club_open();
	struct caps_get_data get = { 0 };
	struct background reader;
	struct region region;

	if (!region_start(&region, false, LEN))
		SKIP(return, "no userfaultfd");
	EXPECT_EQ(MEMBERS, club_send(&c, CAPS_COPY));
	get.id = holds(&c, 0);
	get.buffer = data_of(region.map, LEN);
	background_start(&reader, c.member[0], CAPS_GET_DATA, &get);
	ASSERT_TRUE(eventually(region_touched(&region)));
	EXPECT_OK(discard(c.member[0], get.id));
	for (int i = 1; i < MEMBERS; i++)
		EXPECT_TRUE(takes(&c, i));
	region_answer(&region);
	EXPECT_ERR(ECANCELED, background_join(&reader));
	EXPECT_TRUE(eventually(live_count("bodies") == 0));
	region_end(&region);
}

/* --- the sender dies ----------------------------------------------------- */

/* A child with the sender's end of a club of the parent's. */
static void sender_child(struct child *child, __u32 flags)
{
	struct club c = { .fd = actor_open() };

	need(cap_import(c.fd, hear_fd(child), &c.group), "import");
	c.body = pages_filled(LEN, 0, SEED);
	say(child, club_send(&c, flags));
	hear(child);
}

/* What it pinned vanishes wherever it is; what it copied stays. */
TEST_F(slow, sender_is_killed)
{
	bool pinned = variant->flags == CAPS_DEFER;
	struct caps_get_data get = { 0 };
	struct background reader;
	struct region region;
	struct child child;
	struct club c;
	char byte;
	__u64 id;

	if (child_start(&child)) {
		sender_child(&child, variant->flags);
		CHILD_END();
	}
	if (!region_start(&region, false, LEN))
		SKIP(return, "no userfaultfd");
	c = club_open();
	say_fd(&child, cap_export(c.fd, c.group));
	EXPECT_EQ(MEMBERS, hear(&child));
	id = holds(&c, 0);
	get.id = holds(&c, 1);
	get.buffer = data_of(region.map, LEN);
	background_start(&reader, c.member[1], CAPS_GET_DATA, &get);
	ASSERT_TRUE(eventually(region_touched(&region)));
	child_kill(&child);
	if (pinned) {
		EXPECT_FREE_PAGES();
		for (int i = 2; i < MEMBERS; i++)
			EXPECT_TRUE(eventually(port_info(c.member[i],
							 c.port[i]).queued ==
					       0));
		EXPECT_TRUE(eventually(get_data(c.member[0], id, 0, &byte, 1,
						NULL) == -ECANCELED));
	} else {
		for (int i = 2; i < MEMBERS; i++)
			EXPECT_TRUE(takes(&c, i));
		EXPECT_OK(get_data(c.member[0], id, 0, &byte, 1, NULL));
	}
	region_answer(&region);
	EXPECT_ERR(pinned ? ECANCELED : 0, background_join(&reader));
	EXPECT_OK(discard(c.member[0], id));
	EXPECT_OK(discard(c.member[1], get.id));
	EXPECT_TRUE(eventually(live_count("bodies") == 0));
	region_end(&region);
}

/* --- who pays ------------------------------------------------------------ */

/* What the user of this actor has of the kernel's bytes. */
static long bytes_used(int fd)
{
	const char *key = "\nuser-kernel-bytes:";
	char path[64], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	at = strstr(file_text(path), key);
	if (!at)
		die("no kernel-bytes in fdinfo");
	return strtol(at + strlen(key), NULL, 10);
}

/* The sender as long as one is queued, then each who holds it. */
TEST_F(tidy, holders_pay)
{
	struct child child;
	struct club c;
	long before;
	__u64 id[MEMBERS];

	if (child_start(&child)) {
		struct club s = { 0 };
		int from = hear_fd(&child);
		long mine;

		become_member(1001);
		s.fd = actor_open();
		need(cap_import(s.fd, from, &s.group), "import");
		s.body = pages_filled(LEN, 0, SEED);
		mine = bytes_used(s.fd);
		EXPECT_EQ(MEMBERS, club_send(&s, CAPS_COPY));
		/* One body, however many messages. */
		EXPECT_LE(LEN, bytes_used(s.fd) - mine);
		EXPECT_GT(LEN + 16384, bytes_used(s.fd) - mine);
		say(&child, 1);
		hear(&child);
		/* Three hold it, one has not read it yet. */
		EXPECT_LE(LEN, bytes_used(s.fd) - mine);
		say(&child, 1);
		hear(&child);
		EXPECT_GT(16384, bytes_used(s.fd) - mine);
		CHILD_END();
	}
	c = club_open();
	before = bytes_used(c.fd);
	say_fd(&child, cap_export(c.fd, c.group));
	hear(&child);
	for (int i = 0; i < MEMBERS - 1; i++)
		id[i] = holds(&c, i);
	EXPECT_LE((MEMBERS - 1) * LEN, bytes_used(c.fd) - before);
	say(&child, 1);
	hear(&child);
	id[MEMBERS - 1] = holds(&c, MEMBERS - 1);
	EXPECT_LE(MEMBERS * LEN, bytes_used(c.fd) - before);
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_OK(discard(c.member[i], id[i]));
	EXPECT_GT(16384, bytes_used(c.fd) - before);
	say(&child, 1);
	EXPECT_OK(child_wait(&child));
}

/* A holder that hands its message on hands the bill on, too. */
TEST_F(tidy, next_holder_pays)
{
	struct club c = club_open();
	__u64 next = port_new(c.member[0]);
	struct caps_forward forward = { .capability = next };
	struct caps_receive r = { .port = next, .flags = CAPS_HOLD };
	long before = bytes_used(c.fd);

	EXPECT_EQ(MEMBERS, club_send(&c, CAPS_COPY));
	for (int i = 1; i < MEMBERS; i++)
		EXPECT_TRUE(takes(&c, i));
	forward.id = holds(&c, 0);
	EXPECT_GT(2 * LEN, bytes_used(c.fd) - before);
	ASSERT_OK(caps_ioctl(c.member[0], CAPS_FORWARD, &forward));
	ASSERT_OK(caps_ioctl(c.member[0], CAPS_RECEIVE, &r));
	EXPECT_LE(LEN, bytes_used(c.fd) - before);
	EXPECT_GT(2 * LEN, bytes_used(c.fd) - before);
	EXPECT_OK(discard(c.member[0], r.header.id));
	EXPECT_GT(16384, bytes_used(c.fd) - before);
}

TEST_HARNESS_MAIN
