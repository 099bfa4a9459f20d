// SPDX-License-Identifier: GPL-2.0
/*
 * Ports: creating, deleting, enabling, limits, the default port.
 */
#include "caps_test.h"

FIXTURE(port)
{
	int fd;
	__u64 port;
};

FIXTURE_SETUP(port)
{
	self->fd = actor_open();
	self->port = port_new(self->fd);
}

FIXTURE_TEARDOWN(port)
{
}

TEST_F(port, is_born_disabled_and_empty)
{
	struct caps_port_info info = port_info(self->fd, self->port);

	EXPECT_EQ(0, info.status);
	EXPECT_EQ(0, info.sequence);
	EXPECT_EQ(0, info.queued);
	EXPECT_EQ(0, info.waiting);
	EXPECT_EQ(0, info.users);
	EXPECT_EQ(query(self->fd).default_queue_limit, info.queue_limit);
}

/* Nobody takes from a disabled port by accident, but by name one can. */
TEST_F(port, disabled_port_is_not_any_port)
{
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "hidden"));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_FALSE(readable(self->fd));
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_STREQ("hidden", m.body);
}

/* Enabling shows what is there already; disabling hides it again. */
TEST_F(port, enabling_shows_the_queue)
{
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "waiting"));
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	EXPECT_TRUE(readable(self->fd));
	ASSERT_OK(port_disable(self->fd, self->port));
	EXPECT_FALSE(readable(self->fd));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_STREQ("waiting", m.body);
}

/* A receiver that sleeps on "any" gets what enabling a port reveals. */
TEST_F(port, enabling_wakes_a_receiver)
{
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, grace());
	struct background b;

	ASSERT_OK(send_text(self->fd, self->port, "revealed"));
	background_start(&b, self->fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(8, r.header.body_len);
}

TEST_F(port, enabling_again_changes_the_priority)
{
	ASSERT_OK(port_enable(self->fd, self->port, 3));
	EXPECT_EQ(3, port_info(self->fd, self->port).priority);
	ASSERT_OK(port_enable(self->fd, self->port, 255));
	EXPECT_EQ(255, port_info(self->fd, self->port).priority);
	EXPECT_EQ(CAPS_PORT_ENABLED, port_info(self->fd, self->port).status);
}

TEST_F(port, priorities_end_at_255)
{
	EXPECT_ERR(EINVAL, port_enable(self->fd, self->port, 256));
	EXPECT_ERR(EINVAL, port_enable(self->fd, self->port, ~0u));
	EXPECT_EQ(0, port_info(self->fd, self->port).status);
}

TEST_F(port, only_an_enabled_port_can_be_disabled)
{
	EXPECT_ERR(EBUSY, port_disable(self->fd, self->port));
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	EXPECT_OK(port_disable(self->fd, self->port));
	EXPECT_ERR(EBUSY, port_disable(self->fd, self->port));
}

/* What the owner said at creation comes back with each message. */
TEST_F(port, cookie_comes_with_each_message)
{
	const __u64 cookies[] = { 0, 1, ~0ull };
	struct message m;
	unsigned int i;
	__u64 port;

	for (i = 0; i < ARRAY_SIZE(cookies); i++) {
		ASSERT_OK(port_create(self->fd, cookies[i], 0, &port));
		EXPECT_EQ(cookies[i], port_info(self->fd, port).cookie);
		ASSERT_OK(send_text(self->fd, port, "x"));
		ASSERT_OK(receive(self->fd, port, &m));
		EXPECT_EQ(cookies[i], m.header.cookie);
	}
}

TEST_F(port, limit_is_what_was_asked_for)
{
	struct caps_query q = query(self->fd);
	const __u32 limits[] = { 1, 2, 77, q.max_queue_limit };
	unsigned int i;
	__u64 port;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		port = port_new_limit(self->fd, limits[i]);
		EXPECT_EQ(limits[i], port_info(self->fd, port).queue_limit);
	}
	EXPECT_ERR(EMSGSIZE, port_create(self->fd, 0, q.max_queue_limit + 1,
					 &port));
	EXPECT_ERR(EMSGSIZE, port_create(self->fd, 0, ~0u, &port));
}

/*
 * One user fills half of a queue, and at least one place, whatever the limit;
 * the rest is for others. What is received makes room.
 */
TEST_F(port, one_user_fills_half_of_the_queue)
{
	const __u32 limits[] = { 1, 2, 3, 4, 5, 16, 33 };
	unsigned int i, n, half;
	struct message m;
	__u64 port;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		port = port_new_limit(self->fd, limits[i]);
		half = limits[i] / 2 ? limits[i] / 2 : 1;
		for (n = 0; n < half; n++)
			EXPECT_OK(send_text(self->fd, port, "x"))
				TH_LOG("%u of limit %u", n, limits[i]);
		EXPECT_ERR(EAGAIN, send_text(self->fd, port, "x"));
		EXPECT_EQ(half, port_info(self->fd, port).queued);
		EXPECT_EQ(1, port_info(self->fd, port).users);

		ASSERT_OK(receive_now(self->fd, port, &m));
		EXPECT_OK(send_text(self->fd, port, "x"));
		EXPECT_ERR(EAGAIN, send_text(self->fd, port, "x"));
	}
}

/* Another user always gets in. */
TEST_F(port, another_user_finds_room)
{
	__u64 port = port_new_limit(self->fd, 2);
	long exported = cap_export(self->fd, port);
	struct child c;
	__u64 cap;

	ASSERT_OK(send_text(self->fd, port, "x"));
	ASSERT_ERR(EAGAIN, send_text(self->fd, port, "x"));
	if (child_start(&c)) {
		int fd = actor_open();

		become(1001);
		ASSERT_OK(cap_import(fd, exported, &cap));
		EXPECT_OK(send_text(fd, cap, "y"));
		EXPECT_ERR(EAGAIN, send_text(fd, cap, "y"));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(2, port_info(self->fd, port).queued);
	EXPECT_EQ(2, port_info(self->fd, port).users);
}

/* A full port does not stand in the way of another. */
TEST_F(port, queues_are_independent)
{
	__u64 full = port_new_limit(self->fd, 1);

	ASSERT_OK(send_text(self->fd, full, "x"));
	ASSERT_ERR(EAGAIN, send_text(self->fd, full, "x"));
	EXPECT_OK(send_text(self->fd, self->port, "x"));
}

/* The info counts what is queued, and what has been received. */
TEST_F(port, info_follows_the_queue)
{
	struct caps_port_info info;
	struct message m;
	unsigned int n;

	for (n = 1; n <= 5; n++) {
		ASSERT_OK(send_text(self->fd, self->port, "x"));
		info = port_info(self->fd, self->port);
		EXPECT_EQ(n, info.queued);
		EXPECT_EQ(0, info.sequence);
	}
	for (n = 1; n <= 5; n++) {
		ASSERT_OK(receive(self->fd, self->port, &m));
		EXPECT_EQ(n, m.header.sequence);
		info = port_info(self->fd, self->port);
		EXPECT_EQ(5 - n, info.queued);
		EXPECT_EQ(n, info.sequence);
	}
	EXPECT_EQ(0, info.users);
}

/* Each port counts for itself. */
TEST_F(port, sequences_are_per_port)
{
	__u64 second = port_new(self->fd);
	struct message m;

	ASSERT_OK(send_text(self->fd, self->port, "x"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(send_text(self->fd, second, "x"));
	ASSERT_OK(receive(self->fd, second, &m));
	EXPECT_EQ(1, m.header.sequence);
}

/* After its end the port is gone for everybody; the handles stay. */
TEST_F(port, deleted_port_is_gone)
{
	int other = actor_open();
	__u64 cap = cap_give(self->fd, self->port, other), id;
	struct caps_port_info p = { .capability = self->port };
	struct caps_call call = call_of(cap, "x");
	struct message m;

	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, port_enable(self->fd, self->port, 0));
	EXPECT_ERR(EPIPE, port_disable(self->fd, self->port));
	EXPECT_ERR(EPIPE, caps_ioctl(self->fd, CAPS_PORT_INFO, &p));
	EXPECT_ERR(EPIPE, receive_now(self->fd, self->port, &m));
	EXPECT_ERR(EPIPE, send_text(self->fd, self->port, "x"));
	EXPECT_ERR(EPIPE, send_text(other, cap, "x"));
	EXPECT_ERR(EPIPE, call_async(other, cap, 0, "x", &id));
	EXPECT_ERR(EPIPE, call_async(self->fd, CAPS_DEFAULT_PORT, self->port,
				     "x", &id));
	EXPECT_ERR(EPIPE, caps_ioctl(other, CAPS_CALL, &call));
	EXPECT_EQ(0, call.result);
	EXPECT_ERR(EPIPE, service_register(self->fd, self->port, "gone", 0, 0));
	EXPECT_OK(cap_close(self->fd, self->port));
	EXPECT_OK(cap_close(other, cap));
}

/* Queued sends go with the port, and do not show up anywhere else. */
TEST_F(port, deleting_drops_the_queue)
{
	struct message m;

	ASSERT_OK(port_enable(self->fd, self->port, 0));
	ASSERT_OK(send_text(self->fd, self->port, "x"));
	EXPECT_TRUE(readable(self->fd));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_FALSE(readable(self->fd));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* What was received before is still answered after. */
TEST_F(port, deleting_leaves_received_calls_answerable)
{
	struct caps_call call = call_of(self->port, "x");
	struct background b;
	struct message m;

	background_start(&b, self->fd, CAPS_CALL, &call);
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(port_delete(self->fd, self->port));
	ASSERT_OK(reply_text(self->fd, m.header.id, 5, ""));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(5, call.status);
}

TEST_F(port, ports_are_counted)
{
	__u64 before = actor_info(self->fd).ports, port;

	EXPECT_EQ(2, before);	/* the default one, and the fixture's */
	port = port_new(self->fd);
	EXPECT_EQ(before + 1, actor_info(self->fd).ports);
	ASSERT_OK(cap_close(self->fd, port));
	EXPECT_EQ(before + 1, actor_info(self->fd).ports);
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_EQ(before, actor_info(self->fd).ports);
}

/* The default port is there from the start and to the end. */
TEST_F(port, default_port_cannot_be_deleted)
{
	EXPECT_EQ(CAPS_PORT_IS_DEFAULT,
		  port_info(self->fd, CAPS_DEFAULT_PORT).status);
	EXPECT_ERR(EBUSY, port_delete(self->fd, CAPS_DEFAULT_PORT));
	EXPECT_OK(send_text(self->fd, CAPS_DEFAULT_PORT, "x"));
}

/* Nor under another handle. */
TEST_F(port, default_port_cannot_be_deleted_by_a_copy)
{
	__u64 copy;

	ASSERT_OK(cap_dup(self->fd, CAPS_DEFAULT_PORT, CAPS_RIGHTS_PORT, ~0ull,
			  &copy));
	EXPECT_ERR(EBUSY, port_delete(self->fd, copy));
}

/* Otherwise it is a port like any other. */
TEST_F(port, default_port_can_be_enabled_and_given_away)
{
	int other = actor_open();
	__u64 cap = cap_give(self->fd, CAPS_DEFAULT_PORT, other);
	struct message m;

	ASSERT_OK(port_enable(self->fd, CAPS_DEFAULT_PORT, 9));
	EXPECT_EQ(CAPS_PORT_IS_DEFAULT | CAPS_PORT_ENABLED,
		  port_info(self->fd, CAPS_DEFAULT_PORT).status);
	ASSERT_OK(send_text(other, cap, "hello"));
	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_STREQ("hello", m.body);
	EXPECT_OK(port_disable(self->fd, CAPS_DEFAULT_PORT));
}

TEST_HARNESS_MAIN
