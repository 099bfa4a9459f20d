// SPDX-License-Identifier: GPL-2.0
/*
 * Many parked commands: in what order they go, what each costs, and that their
 * end is linear.
 */
#include "caps_uring.h"

#define PARKED	10000u
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

static void park_many(struct io_uring *ring, int fd, struct caps_receive *r,
		      unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		r[i] = (struct caps_receive){
			.port = CAPS_DEFAULT_PORT, .deadline = CAPS_FOREVER,
		};
		park(ring, fd, &r[i]);
		if (!io_uring_sq_space_left(ring) || i == count - 1)
			ring_submit(ring);
	}
}

TEST_F(tidy, thousands)
{
	unsigned int count = test_scale(PARKED), i;
	struct caps_receive *r = calloc(count, sizeof(*r));
	long long before;
	struct io_uring ring;
	int fd = actor_open();

	NEED_PARK(fd);
	park_open(&ring, 0);
	before = kernel_memory();
	park_many(&ring, fd, r, count);
	TH_LOG("%u parked, %lld bytes of kernel memory each", count,
	       (kernel_memory() - before) / count);
	EXPECT_EQ(count, parked_now());
	EXPECT_EQ(0, workers());
	EXPECT_FALSE(ring_has(&ring));

	/* In order of arrival, and only as many as there is something for. */
	for (i = 0; i < 10; i++)
		ASSERT_OK(send_text(fd, CAPS_DEFAULT_PORT, ""));
	for (i = 0; i < 10; i++) {
		EXPECT_OK(ring_result(&ring, &r[i]));
		EXPECT_EQ(i + 1, r[i].header.sequence);
	}
	EXPECT_FALSE(ring_has(&ring));
	EXPECT_EQ(1, unpark(fd, &r[10]));
	EXPECT_ERR(ECANCELED, ring_result(&ring, &r[10]));
	EXPECT_EQ(0, unpark(fd, &r[10]));
	EXPECT_EQ(count - 11, unpark(fd, NULL));
	for (i = 11; i < count; i++)
		EXPECT_ERR(ECANCELED, ring_next(&ring, NULL));
	EXPECT_EQ(0, parked_now());

	/* All at once, with the ring. */
	park_many(&ring, fd, r, count);
	EXPECT_EQ(count, parked_now());
	io_uring_queue_exit(&ring);
	EXPECT_TRUE(eventually(!parked_now()));
	free(r);
}

/* --- what each costs ------------------------------------------------------ */

/* Bytes in all caches of this name. */
static long long cache_bytes(const char *name)
{
	unsigned long long objects, size;
	char *at = file_text("/proc/slabinfo"), word[64];
	long long sum = 0;

	for (; at && *at; at = strchr(at, '\n') + 1) {
		if (sscanf(at, "%63s %*u %llu %llu", word, &objects,
			   &size) == 3 && !strcmp(word, name))
			sum += objects * size;
	}
	return sum;
}

/* What io_uring itself needs for a command: the request, a copy of the entry. */
static long long io_uring_bytes(void)
{
	return cache_bytes("io_kiocb") + cache_bytes("kmalloc-128") +
	       cache_bytes("kmalloc-cg-128");
}

/*
 * Rings and actors of earlier tests are taken down after they are closed, and
 * pages of their caches are counted until a grace period is over.
 */
static void settle(void)
{
	long long now, left, last = 0;
	unsigned int steady = 0;
	__u64 until = grace();

	while (steady < 10 && now_ns() < until) {
		sleep_ms(20);
		now = kernel_memory();
		left = cache_bytes("io_kiocb") + cache_bytes("caps_parked");
		steady = now == last && left < PARKED * 32 ? steady + 1 : 0;
		last = now;
	}
}

/* Bytes beside @theirs, io_uring's, for as many as can be parked here. */
static long long memory_of_parked(long long *theirs)
{
	struct caps_receive *r = calloc(PARKED, sizeof(*r));
	long long ours, before;
	struct io_uring ring;
	int fd = actor_open();

	park_open(&ring, 0);
	settle();
	before = io_uring_bytes();
	ours = kernel_memory();
	park_many(&ring, fd, r, PARKED);
	*theirs = io_uring_bytes() - before;
	ours = kernel_memory() - ours - *theirs;
	io_uring_queue_exit(&ring);
	close(fd);
	free(r);
	return ours;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

TEST_F(tidy, memory_of_each)
{
	long long ours[5], theirs;
	unsigned int i;
	int fd = actor_open();

	NEED_PARK(fd);
	if (access("/proc/slabinfo", F_OK) || !access(KMEMLEAK, F_OK))
		SKIP(return, "no slabs, or each object has guards around it");
	/* The median: somebody else's memory may come or go meanwhile. */
	for (i = 0; i < ARRAY_SIZE(ours); i++) {
		ours[i] = memory_of_parked(&theirs);
		TH_LOG("%lld bytes each, and %lld of io_uring's",
		       ours[i] / PARKED, theirs / PARKED);
		EXPECT_LT(256, theirs / PARKED);
	}
	qsort(ours, ARRAY_SIZE(ours), sizeof(*ours), compare);
	EXPECT_LT(256, ours[2] / PARKED);
	EXPECT_GE(512, ours[2] / PARKED);
}

/* --- their end ------------------------------------------------------------ */

/* How long it takes to end so many, by CAPS_UNPARK or with their ring. */
static __u64 end_of(struct __test_metadata *_metadata, unsigned int count,
		    bool with_ring)
{
	struct caps_receive *r = calloc(count, sizeof(*r));
	int fd = actor_open();
	struct io_uring ring;
	__u64 begin;

	park_open(&ring, 0);
	park_many(&ring, fd, r, count);
	begin = now_ns();
	if (!with_ring)
		EXPECT_EQ(count, unpark(fd, NULL));
	io_uring_queue_exit(&ring);
	while (parked_now())
		usleep(100);
	begin = now_ns() - begin;
	close(fd);
	free(r);
	return begin;
}

static __u64 less(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* Each ends in the same time, be they many or few. */
TEST_F(tidy, the_end_of_all_is_linear)
{
	unsigned int count = test_scale(PARKED) / 16, how, try;
	int fd = actor_open();
	__u64 few, many;

	NEED_PARK(fd);
	for (how = 0; how < 2; how++) {
		few = ~0ull;
		many = ~0ull;
		/* The best of some, since others use the machine, too. */
		for (try = 0; try < 5; try++) {
			few = less(few, end_of(_metadata, count, how));
			many = less(many, end_of(_metadata, 16 * count, how));
		}
		TH_LOG("%u in %llu us, %u in %llu us", count, few / 1000,
		       16 * count, many / 1000);
		/* 256 times, were it not; one is measured beside others' work. */
		EXPECT_GT(100 * few, many);
	}
}

TEST_HARNESS_MAIN
