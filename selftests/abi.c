// SPDX-License-Identifier: GPL-2.0
/*
 * Commands: what is none is refused, whatever it carries.
 */
#include "caps_test.h"

/* A number of another letter, or one that stands for nothing, is ENOTTY. */
TEST(unknown_commands)
{
	char room[256] = { 0 };
	int fd = actor_open();

	EXPECT_ERR(ENOTTY, caps_ioctl(fd, _IOWR(0x9B, 0x00, room), room));
	EXPECT_ERR(ENOTTY, caps_ioctl(fd, _IOWR(CAPS_IOC, 0xff, room), room));
}

TEST_HARNESS_MAIN
