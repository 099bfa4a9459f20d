// SPDX-License-Identifier: GPL-2.0
/*
 * What parked commands are to all else that their thread and their actor do.
 */
#include "caps_group.h"
#include "caps_uring.h"

#define PARKED	64u

static struct caps_receive parked_receive(__u64 port)
{
	return (struct caps_receive){ .port = port, .deadline = CAPS_FOREVER };
}

/*
 * The first send lets the parked command go on, which the kernel notes as it
 * does a signal; the second, of the same submission, is not interrupted by that.
 */
TEST_F(tidy, a_send_to_a_group)
{
	struct pair p = pair_open();
	struct caps_receive r = parked_receive(p.port);
	struct caps_send one = { .capability = p.cap }, all;
	__u64 group = group_new(p.client), member;
	struct io_uring ring;
	unsigned int round;

	if (!can_park(p.client))
		SKIP(return, "this kernel cannot park");
	member = member_new(p.client, group, 64);
	all = group_message(group, 0, "all");
	ring_open(&ring, 8, 0);
	for (round = 0; round < 5; round++) {
		ring_start(&ring, 0, p.server, CAPS_RECEIVE, &r,
			   CAPS_URING_PARK);
		ring_command(&ring, p.client, CAPS_SEND, &one, 0);
		ring_command(&ring, p.client, CAPS_SEND, &all, 0);
		ring_submit(&ring);
		EXPECT_OK(ring_result(&ring, &all));
		EXPECT_EQ(1, all.reached);
		EXPECT_EQ(0, all.result);
		EXPECT_TRUE(says(p.client, member, "all"));
		EXPECT_FALSE(ring_has(&ring) && ring_result(&ring, &r));
	}
	io_uring_queue_exit(&ring);
}

static long long bytes_paid(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_field(path, "user-kernel-bytes");
}

/* Memory kept for the next commands goes with the actor, whoever refers to that. */
TEST_F(tidy, dead_actors_keep_nothing)
{
	int me = actor_open(), other = actor_open(), fd;
	struct caps_receive r[PARKED];
	long long before;
	struct io_uring ring;
	unsigned int round, i;

	if (!can_park(me))
		SKIP(return, "this kernel cannot park");
	before = bytes_paid(me);
	for (round = 0; round < 4; round++) {
		fd = actor_open();
		cap_give(fd, actor_self(fd), other);
		ring_open(&ring, PARKED, 0);
		for (i = 0; i < PARKED; i++) {
			r[i] = parked_receive(CAPS_DEFAULT_PORT);
			ring_command(&ring, fd, CAPS_RECEIVE, &r[i],
				     CAPS_URING_PARK);
		}
		ring_submit(&ring);
		EXPECT_LT(before, bytes_paid(me));
		EXPECT_EQ(PARKED, unpark(fd, NULL));
		for (i = 0; i < PARKED; i++)
			EXPECT_ERR(ECANCELED, ring_next(&ring, NULL));
		io_uring_queue_exit(&ring);
		close(fd);
		EXPECT_TRUE(eventually(bytes_paid(me) == before));
	}
	close(other);
	close(me);
}

TEST_HARNESS_MAIN
