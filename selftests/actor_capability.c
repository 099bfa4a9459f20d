// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities to actors: what they say, and what they are no good for.
 */
#include "caps_test.h"

/* Two actors of this process; the second has a capability to the first. */
FIXTURE(actor_capability)
{
	int fd;
	int other;
	__u64 self;
	__u64 given;
};

FIXTURE_SETUP(actor_capability)
{
	self->fd = actor_open();
	self->other = actor_open();
	self->self = actor_self(self->fd);
	self->given = cap_give(self->fd, self->self, self->other);
}

FIXTURE_TEARDOWN(actor_capability)
{
}

/* It says that it names an actor, with all rights that one can have. */
TEST_F(actor_capability, info)
{
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->fd, self->self, &i));
	EXPECT_EQ(CAPS_TYPE_ACTOR, i.type);
	EXPECT_EQ(CAPS_RIGHTS_ACTOR, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	EXPECT_EQ(CAPS_INFO_OWN, i.status);
}

/* Another actor sees that it is not its own, and when it has died. */
TEST_F(actor_capability, info_of_another)
{
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->other, self->given, &i));
	EXPECT_EQ(CAPS_TYPE_ACTOR, i.type);
	EXPECT_EQ(0, i.status);
	close(self->fd);
	ASSERT_OK(cap_info(self->other, self->given, &i));
	EXPECT_EQ(CAPS_INFO_DEAD, i.status);
	self->fd = -1;
}

/* It is duplicated narrower like any other. */
TEST_F(actor_capability, duplicates)
{
	struct caps_capability_info i;
	__u64 cap, more;

	ASSERT_OK(cap_dup(self->other, self->given, CAPS_RIGHT_ACCEPT, 1,
			  &cap));
	ASSERT_OK(cap_info(self->other, cap, &i));
	EXPECT_EQ(CAPS_TYPE_ACTOR, i.type);
	EXPECT_EQ(CAPS_RIGHT_ACCEPT, i.rights);
	EXPECT_ERR(EPERM, cap_dup(self->other, cap, CAPS_RIGHT_SEND, 1, &more));
	EXPECT_ERR(EPERM, cap_dup(self->other, self->given, CAPS_RIGHT_INSERT,
				  1, &more));
	EXPECT_ERR(EPERM, cap_export(self->other, cap));
}

/* There is nobody who would see a badge. */
TEST_F(actor_capability, takes_no_badge)
{
	struct caps_duplicate d = {
		.capability = self->self, .badge = 7, .flags = CAPS_DUP_BADGE,
	};

	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_DUPLICATE, &d));
}

/* What takes a port says that this is none, and has no effect. */
TEST_F(actor_capability, is_no_port)
{
	struct caps_port_info p = { .capability = self->self };
	struct caps_revoke r = { .capability = self->self };
	struct caps_signal s = { .capability = self->self, .bits = 1 };
	struct message m;

	EXPECT_ERR(EINVAL, port_enable(self->fd, self->self, 0));
	EXPECT_ERR(EINVAL, port_disable(self->fd, self->self));
	EXPECT_ERR(EINVAL, port_delete(self->fd, self->self));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_PORT_INFO, &p));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REVOKE, &r));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SIGNAL, &s));
	EXPECT_ERR(EINVAL, receive(self->fd, self->self, &m));
}

/*
 * It keeps its actor neither alive nor, once closed, in memory: not in its own
 * table, not in another's, not in a file.
 */
TEST_F(actor_capability, keeps_nobody)
{
	int file = cap_export(self->other, self->given);
	__u64 cap;

	ASSERT_LE(0, file);
	close(self->fd);
	close(self->other);
	self->fd = actor_open();
	ASSERT_OK(cap_import(self->fd, file, &cap));
	close(file);
	EXPECT_ERR(EPIPE, send_text(self->fd, cap, "nobody there"));
}

TEST_HARNESS_MAIN
