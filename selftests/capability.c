// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: what they allow, and that nothing else does.
 */
#include "caps_test.h"

/* Two actors of this process, one with a port. */
FIXTURE(capability)
{
	int fd;
	int other;
	__u64 port;
};

FIXTURE_SETUP(capability)
{
	self->fd = actor_open();
	self->other = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
}

FIXTURE_TEARDOWN(capability)
{
}

static long send_operation(int fd, __u64 cap, unsigned int command, __u32 op)
{
	struct caps_send s = { .capability = cap, .operation = op };

	return caps_ioctl(fd, command, &s);
}

/* A call that times out if nothing is wrong. */
static long call_operation(int fd, __u64 cap, __u32 op)
{
	struct caps_call c = {
		.capability = cap, .operation = op, .deadline = in_ms(500),
	};

	return caps_ioctl(fd, CAPS_CALL, &c);
}

/* Every command that takes a handle says that this is none. */
static void expect_bad_handle(struct __test_metadata *_metadata, int fd,
			      __u64 cap)
{
	struct caps_port_info p = { .capability = cap };
	struct caps_capability_info i;
	struct message m;
	__u64 result;

	EXPECT_ERR(EBADF, cap_dup(fd, cap, 0, 0, &result));
	EXPECT_ERR(EBADF, cap_close(fd, cap));
	EXPECT_ERR(EBADF, cap_info(fd, cap, &i));
	EXPECT_ERR(EBADF, cap_export(fd, cap));
	EXPECT_ERR(EBADF, port_delete(fd, cap));
	EXPECT_ERR(EBADF, port_enable(fd, cap, 0));
	EXPECT_ERR(EBADF, port_disable(fd, cap));
	EXPECT_ERR(EBADF, caps_ioctl(fd, CAPS_PORT_INFO, &p));
	EXPECT_ERR(EBADF, send_operation(fd, cap, CAPS_SEND, 0));
	EXPECT_ERR(EBADF, send_operation(fd, cap, CAPS_CALL_ASYNC, 0));
	EXPECT_ERR(EBADF, call_operation(fd, cap, 0));
	EXPECT_ERR(EBADF, service_register(fd, cap, "handle", 0, 0));
	if (cap == 0)		/* as these two, it says something else */
		return;
	EXPECT_ERR(EBADF, receive_now(fd, cap, &m));
	EXPECT_ERR(EBADF, call_async(fd, CAPS_DEFAULT_PORT, cap, "", &result));
}

TEST_F(capability, zero_is_no_capability)
{
	expect_bad_handle(_metadata, self->fd, 0);
}

TEST_F(capability, closed_handle_is_none)
{
	ASSERT_OK(cap_close(self->fd, self->port));
	expect_bad_handle(_metadata, self->fd, self->port);
}

/* A handle means nothing in another actor, even of the same process. */
TEST_F(capability, handle_of_another_actor_is_none)
{
	expect_bad_handle(_metadata, self->other, self->port);
}

/* What differs from a handle in one bit is none. */
TEST_F(capability, near_misses_are_none)
{
	struct caps_capability_info i;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if ((self->port ^ 1ull << bit) != CAPS_DEFAULT_PORT)
			EXPECT_ERR(EBADF, cap_info(self->fd,
						   self->port ^ 1ull << bit,
						   &i))
				TH_LOG("bit %u of %#llx", bit, self->port);
	expect_bad_handle(_metadata, self->fd, ~0ull);
}

static int compare(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* No handle is ever given out twice, however often slots are used again. */
TEST_F(capability, handles_are_never_reused)
{
	const unsigned int count = test_scale(3000);
	__u64 *seen = calloc(count, sizeof(*seen));
	unsigned int i;

	ASSERT_NE(NULL, seen);
	for (i = 0; i < count; i++) {
		ASSERT_OK(cap_dup(self->fd, self->port, CAPS_RIGHT_SEND, ~0ull,
				  &seen[i]));
		/* Some stay, so that slots change. */
		if (i % 7)
			ASSERT_OK(cap_close(self->fd, seen[i]));
	}
	qsort(seen, count, sizeof(*seen), compare);
	for (i = 1; i < count; i++)
		ASSERT_NE(seen[i - 1], seen[i]);
}

/* A new port comes with all rights and operations, and is known as own. */
TEST_F(capability, info_of_a_new_port)
{
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->fd, self->port, &i));
	EXPECT_EQ(CAPS_TYPE_PORT, i.type);
	EXPECT_EQ(CAPS_RIGHTS_PORT, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	EXPECT_EQ(CAPS_INFO_OWN, i.status);
	EXPECT_EQ(0, i.badge);
}

TEST_F(capability, info_of_the_default_port)
{
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->fd, CAPS_DEFAULT_PORT, &i));
	EXPECT_EQ(CAPS_TYPE_PORT, i.type);
	EXPECT_EQ(CAPS_RIGHTS_PORT, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	EXPECT_EQ(CAPS_INFO_OWN, i.status);
}

TEST_F(capability, info_of_another_actors_port)
{
	__u64 cap = cap_give(self->fd, self->port, self->other);
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->other, cap, &i));
	EXPECT_EQ(0, i.status);
}

TEST_F(capability, info_of_a_deleted_port)
{
	__u64 cap = cap_give(self->fd, self->port, self->other);
	struct caps_capability_info i;

	ASSERT_OK(port_delete(self->fd, self->port));
	ASSERT_OK(cap_info(self->other, cap, &i));
	EXPECT_EQ(CAPS_INFO_DEAD, i.status);
	ASSERT_OK(cap_info(self->fd, self->port, &i));
	EXPECT_TRUE(i.status & CAPS_INFO_DEAD);
}

/* Any subset of the rights can be had, and is what the new handle has. */
TEST_F(capability, duplicates_have_the_rights_asked_for)
{
	struct caps_capability_info i;
	__u32 rights;
	__u64 cap;

	for (rights = 0; rights <= CAPS_RIGHTS_ALL; rights++) {
		if (rights & ~CAPS_RIGHTS_PORT)
			continue;
		ASSERT_OK(cap_dup(self->fd, self->port, rights, 5, &cap));
		ASSERT_OK(cap_info(self->fd, cap, &i));
		EXPECT_EQ(rights, i.rights);
		EXPECT_EQ(5, i.operations);
	}
}

/* From a handle without a right none with it can be made. */
TEST_F(capability, duplicates_gain_no_right)
{
	__u64 cap, result;
	unsigned int bit;

	for (bit = 0; bit < 6; bit++) {
		__u32 right = 1u << bit;

		ASSERT_OK(cap_dup(self->fd, self->port,
				  CAPS_RIGHTS_PORT & ~right, ~0ull, &cap));
		EXPECT_ERR(EPERM, cap_dup(self->fd, cap, right, ~0ull,
					  &result))
			TH_LOG("right %#x", right);
	}
}

TEST_F(capability, unknown_rights_are_refused)
{
	unsigned int bit;
	__u64 result;

	for (bit = 6; bit < 32; bit++)
		EXPECT_ERR(EINVAL, cap_dup(self->fd, self->port, 1u << bit,
					   ~0ull, &result));
}

/* From a handle without an operation none with it can be made. */
TEST_F(capability, duplicates_gain_no_operation)
{
	__u64 cap, result;
	unsigned int bit;

	for (bit = 0; bit < CAPS_OPERATIONS; bit++) {
		__u64 op = 1ull << bit;

		ASSERT_OK(cap_dup(self->fd, self->port, CAPS_RIGHTS_PORT, ~op,
				  &cap));
		EXPECT_ERR(EACCES, cap_dup(self->fd, cap, 0, op, &result));
		EXPECT_OK(cap_dup(self->fd, cap, 0, ~op, &result));
	}
}

/* Each operation is refused by a mask without it, and only by that. */
TEST_F(capability, operation_mask_is_enforced)
{
	__u64 without, only;
	struct message m;
	__u32 op;

	for (op = 0; op < CAPS_OPERATIONS; op++) {
		ASSERT_OK(cap_dup(self->fd, self->port, CAPS_RIGHT_SEND,
				  ~(1ull << op), &without));
		ASSERT_OK(cap_dup(self->fd, self->port, CAPS_RIGHT_SEND,
				  1ull << op, &only));
		EXPECT_ERR(EACCES, send_operation(self->fd, without, CAPS_SEND,
						  op));
		EXPECT_ERR(EACCES, send_operation(self->fd, without,
						  CAPS_CALL_ASYNC, op));
		EXPECT_ERR(EACCES, call_operation(self->fd, without, op));
		EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));

		EXPECT_OK(send_operation(self->fd, only, CAPS_SEND, op));
		ASSERT_OK(receive_now(self->fd, self->port, &m));
		EXPECT_EQ(op, m.header.operation);
	}
}

/* There are 64 operations, whatever the mask says. */
TEST_F(capability, operations_end_at_63)
{
	const __u32 ops[] = { 64, 65, 127, 128, 1u << 31, ~0u };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		EXPECT_ERR(EINVAL, send_operation(self->fd, self->port,
						  CAPS_SEND, ops[i]));
		EXPECT_ERR(EINVAL, send_operation(self->fd, self->port,
						  CAPS_CALL_ASYNC, ops[i]));
		EXPECT_ERR(EINVAL, call_operation(self->fd, self->port,
						  ops[i]));
	}
}

TEST_F(capability, sending_takes_the_send_right)
{
	__u64 cap;

	ASSERT_OK(cap_dup(self->fd, self->port,
			  CAPS_RIGHTS_PORT & ~CAPS_RIGHT_SEND, ~0ull, &cap));
	EXPECT_ERR(EPERM, send_operation(self->fd, cap, CAPS_SEND, 0));
	EXPECT_ERR(EPERM, send_operation(self->fd, cap, CAPS_CALL_ASYNC, 0));
	EXPECT_ERR(EPERM, call_operation(self->fd, cap, 0));
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

TEST_F(capability, managing_takes_the_manage_right)
{
	__u64 cap, result;

	ASSERT_OK(cap_dup(self->fd, self->port,
			  CAPS_RIGHTS_PORT & ~CAPS_RIGHT_MANAGE, ~0ull, &cap));
	EXPECT_ERR(EPERM, port_delete(self->fd, cap));
	EXPECT_ERR(EPERM, port_enable(self->fd, cap, 0));
	EXPECT_ERR(EPERM, port_disable(self->fd, cap));
	EXPECT_ERR(EPERM, service_register(self->fd, cap, "manage", 0, 0));
	EXPECT_ERR(EPERM, cap_badge(self->fd, cap, 1, &result));
	EXPECT_EQ(CAPS_PORT_ENABLED, port_info(self->fd, self->port).status);
}

TEST_F(capability, exporting_takes_the_grant_right)
{
	__u64 cap;

	ASSERT_OK(cap_dup(self->fd, self->port,
			  CAPS_RIGHTS_PORT & ~CAPS_RIGHT_GRANT, ~0ull, &cap));
	EXPECT_ERR(EPERM, cap_export(self->fd, cap));
}

/* What only the owner of a port may do, no right allows another. */
TEST_F(capability, owning_is_no_right)
{
	__u64 cap = cap_give(self->fd, self->port, self->other);
	struct caps_port_info p = { .capability = cap };
	struct message m;
	__u64 id;

	EXPECT_ERR(EPERM, port_delete(self->other, cap));
	EXPECT_ERR(EPERM, port_enable(self->other, cap, 0));
	EXPECT_ERR(EPERM, port_disable(self->other, cap));
	EXPECT_ERR(EPERM, caps_ioctl(self->other, CAPS_PORT_INFO, &p));
	EXPECT_ERR(EPERM, receive_now(self->other, cap, &m));
	EXPECT_ERR(EPERM, call_async(self->other, cap, cap, "", &id));
	EXPECT_ERR(EPERM, service_register(self->other, cap, "own", 0, 0));
	EXPECT_EQ(CAPS_PORT_ENABLED, port_info(self->fd, self->port).status);
}

/* The receiver sees the badge of the handle that was used. */
TEST_F(capability, badges_are_delivered)
{
	const __u64 badges[] = { 1, 0x0123456789abcdef, ~CAPS_BADGE_KERNEL };
	struct caps_capability_info i;
	struct message m;
	unsigned int n;
	__u64 cap;

	for (n = 0; n < ARRAY_SIZE(badges); n++) {
		ASSERT_OK(cap_badge(self->fd, self->port, badges[n], &cap));
		ASSERT_OK(cap_info(self->fd, cap, &i));
		EXPECT_EQ(badges[n], i.badge);
		EXPECT_EQ(CAPS_INFO_OWN | CAPS_INFO_BADGED, i.status);

		ASSERT_OK(send_text(self->fd, cap, "x"));
		ASSERT_OK(receive(self->fd, self->port, &m));
		EXPECT_EQ(badges[n], m.header.badge);
	}
	ASSERT_OK(send_text(self->fd, self->port, "x"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, m.header.badge);
}

/* A badge can be chosen again, and a copy has that of its original. */
TEST_F(capability, badges_are_shared_by_value)
{
	__u64 first, second, copy;
	struct message m;

	ASSERT_OK(cap_badge(self->fd, self->port, 7, &first));
	ASSERT_OK(cap_badge(self->fd, self->port, 7, &second));
	ASSERT_OK(cap_dup(self->fd, first, CAPS_RIGHT_SEND, 1, &copy));
	ASSERT_OK(cap_close(self->fd, first));
	ASSERT_OK(send_text(self->fd, second, "second"));
	ASSERT_OK(send_text(self->fd, copy, "copy"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(7, m.header.badge);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(7, m.header.badge);
}

/* Whoever has a badged handle cannot pose as another. */
TEST_F(capability, a_badge_is_for_good)
{
	__u64 cap, result;

	ASSERT_OK(cap_badge(self->fd, self->port, 7, &cap));
	EXPECT_ERR(EPERM, cap_badge(self->fd, cap, 8, &result));
	EXPECT_ERR(EPERM, cap_badge(self->fd, cap, 7, &result));
}

/* The kernel's badges are not for programs, and none goes unsaid. */
TEST_F(capability, invalid_badges_are_refused)
{
	struct caps_duplicate d = { .capability = self->port, .badge = 7 };
	__u64 result;

	EXPECT_ERR(EINVAL, cap_badge(self->fd, self->port, CAPS_BADGE_KERNEL,
				     &result));
	EXPECT_ERR(EINVAL, cap_badge(self->fd, self->port, ~0ull, &result));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_DUPLICATE, &d));
}

/* The default port can be used, but its name is for ever. */
TEST_F(capability, default_port_stays)
{
	struct message m;

	EXPECT_ERR(EBUSY, cap_close(self->fd, CAPS_DEFAULT_PORT));
	ASSERT_OK(send_text(self->fd, CAPS_DEFAULT_PORT, "self"));
	ASSERT_OK(receive(self->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_STREQ("self", m.body);
}

/* What was sent stays sent when the handle goes. */
TEST_F(capability, messages_survive_the_handle)
{
	__u64 cap = cap_give(self->fd, self->port, self->other);
	struct message m;

	ASSERT_OK(send_text(self->other, cap, "sent"));
	ASSERT_OK(cap_close(self->other, cap));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("sent", m.body);
}

/* A port lives on without a handle of its owner. */
TEST_F(capability, ports_survive_the_handle)
{
	__u64 cap = cap_give(self->fd, self->port, self->other);
	struct message m;

	ASSERT_OK(cap_close(self->fd, self->port));
	ASSERT_OK(send_text(self->other, cap, "sent"));
	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_STREQ("sent", m.body);
}

/* The count of handles goes up and down with them. */
TEST_F(capability, handles_are_counted)
{
	__u64 before = actor_info(self->fd).capabilities, cap;

	ASSERT_OK(cap_dup(self->fd, self->port, 0, 0, &cap));
	EXPECT_EQ(before + 1, actor_info(self->fd).capabilities);
	ASSERT_OK(cap_close(self->fd, cap));
	EXPECT_EQ(before, actor_info(self->fd).capabilities);
	EXPECT_ERR(EPERM, cap_dup(self->fd, self->port, CAPS_RIGHT_ACCEPT, 0,
				  &cap));
	EXPECT_EQ(before, actor_info(self->fd).capabilities);
}

TEST_HARNESS_MAIN
