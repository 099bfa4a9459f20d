// SPDX-License-Identifier: GPL-2.0
/*
 * Groups as objects: who may change one, what ends, who pays.
 */
#include "caps_group.h"
#include "caps_state.h"

/* An actor with a group, and another one that may do nothing with it yet. */
FIXTURE(group)
{
	int fd;
	int other;
	__u64 group;
	__u64 port;
};

FIXTURE_SETUP(group)
{
	self->fd = actor_open();
	self->other = actor_open();
	self->group = group_new(self->fd);
	self->port = port_new(self->fd);
}

FIXTURE_TEARDOWN(group)
{
}

/* The group, for the other, with fewer rights. */
static __u64 narrow(FIXTURE_DATA(group) *self, __u32 rights)
{
	__u64 cap;

	need(cap_dup(self->fd, self->group, rights | CAPS_RIGHT_GRANT,
		     CAPS_ALL_OPERATIONS, &cap), "CAPS_DUPLICATE");
	return cap_give(self->fd, cap, self->other);
}

/* What a new one says. */
TEST_F(group, info)
{
	struct caps_capability_info i;

	ASSERT_OK(cap_info(self->fd, self->group, &i));
	EXPECT_EQ(CAPS_TYPE_GROUP, i.type);
	EXPECT_EQ(CAPS_RIGHTS_GROUP, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	EXPECT_EQ(0, i.badge);
	EXPECT_EQ(0, i.status);
	EXPECT_EQ(0, group_count(self->fd, self->group));
}

/* Ports come and go. */
TEST_F(group, insert_and_remove)
{
	__u64 more = port_new(self->fd);

	EXPECT_OK(group_insert(self->fd, self->group, self->port));
	EXPECT_EQ(1, group_count(self->fd, self->group));
	EXPECT_OK(group_insert(self->fd, self->group, more));
	EXPECT_EQ(2, group_count(self->fd, self->group));
	EXPECT_OK(group_remove(self->fd, self->group, self->port));
	EXPECT_EQ(1, group_count(self->fd, self->group));
	EXPECT_EQ(1, group_send(self->fd, self->group, 0, "one"));
	EXPECT_TRUE(silent(self->fd, self->port));
	EXPECT_TRUE(says(self->fd, more, "one"));
}

/* The default port is one like any other. */
TEST_F(group, insert_default_port)
{
	EXPECT_OK(group_insert(self->fd, self->group, CAPS_DEFAULT_PORT));
	EXPECT_EQ(1, group_send(self->fd, self->group, 0, "x"));
	EXPECT_TRUE(says(self->fd, CAPS_DEFAULT_PORT, "x"));
}

/* Twice is once too often, whoever does it. */
TEST_F(group, insert_twice)
{
	__u64 again;

	ASSERT_OK(group_insert(self->fd, self->group, self->port));
	EXPECT_ERR(EBUSY, group_insert(self->fd, self->group, self->port));
	ASSERT_OK(cap_badge(self->fd, self->port, 7, &again));
	EXPECT_ERR(EBUSY, group_insert(self->fd, self->group, again));
	EXPECT_EQ(1, group_count(self->fd, self->group));
	ASSERT_OK(group_remove(self->fd, self->group, self->port));
	EXPECT_OK(group_insert(self->fd, self->group, self->port));
}

TEST_F(group, remove_no_member)
{
	EXPECT_ERR(ENOENT, group_remove(self->fd, self->group, self->port));
	ASSERT_OK(group_insert(self->fd, self->group, self->port));
	ASSERT_OK(group_remove(self->fd, self->group, self->port));
	EXPECT_ERR(ENOENT, group_remove(self->fd, self->group, self->port));
}

/* Each of the two capabilities must be one, of its type. */
TEST_F(group, wrong_handles)
{
	__u64 actor = actor_self(self->fd), g = self->group, p = self->port;

	EXPECT_ERR(EBADF, group_insert(self->fd, 0, p));
	EXPECT_ERR(EBADF, group_insert(self->fd, g, 0));
	EXPECT_ERR(EBADF, group_remove(self->fd, 0, p));
	EXPECT_ERR(EBADF, group_remove(self->fd, g, 0));
	EXPECT_ERR(EBADF, group_delete(self->fd, 0));
	EXPECT_EQ(-EBADF, group_count(self->fd, 0));
	EXPECT_ERR(EINVAL, group_insert(self->fd, p, p));
	EXPECT_ERR(EINVAL, group_insert(self->fd, g, g));
	EXPECT_ERR(EINVAL, group_insert(self->fd, g, actor));
	EXPECT_ERR(EINVAL, group_remove(self->fd, actor, p));
	EXPECT_ERR(EINVAL, group_remove(self->fd, g, actor));
	EXPECT_ERR(EINVAL, group_delete(self->fd, p));
	EXPECT_EQ(-EINVAL, group_count(self->fd, p));
}

/* A group is no port, and nobody sees a badge of it. */
TEST_F(group, is_no_port)
{
	struct caps_port_info p = { .capability = self->group };
	struct caps_revoke r = { .capability = self->group };
	struct caps_signal s = { .capability = self->group, .bits = 1 };
	struct caps_duplicate d = {
		.capability = self->group, .badge = 7, .flags = CAPS_DUP_BADGE,
	};
	struct message m;

	EXPECT_ERR(EINVAL, port_enable(self->fd, self->group, 0));
	EXPECT_ERR(EINVAL, port_disable(self->fd, self->group));
	EXPECT_ERR(EINVAL, port_delete(self->fd, self->group));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_PORT_INFO, &p));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REVOKE, &r));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_SIGNAL, &s));
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_DUPLICATE, &d));
	EXPECT_ERR(EINVAL, receive(self->fd, self->group, &m));
	EXPECT_ERR(EINVAL, service_register(self->fd, self->group, "g", 0, 1));
}

/* Inserting takes the one right on the group and the other on the port. */
TEST_F(group, insert_takes_both_rights)
{
	__u64 port = port_new(self->other), mute;
	__u64 group = narrow(self, CAPS_RIGHT_SEND | CAPS_RIGHT_MANAGE);

	EXPECT_ERR(EPERM, group_insert(self->other, group, port));
	group = narrow(self, CAPS_RIGHT_INSERT);
	ASSERT_OK(cap_dup(self->other, port,
			  CAPS_RIGHTS_PORT & ~CAPS_RIGHT_MANAGE,
			  CAPS_ALL_OPERATIONS, &mute));
	EXPECT_ERR(EPERM, group_insert(self->other, group, mute));
	EXPECT_EQ(0, group_count(self->fd, self->group));
	EXPECT_OK(group_insert(self->other, group, port));
	EXPECT_EQ(1, group_count(self->fd, self->group));
}

/* Removing takes what inserting takes, or the right to manage the group. */
TEST_F(group, remove_takes_one_of_two)
{
	__u64 port = port_new(self->other), mute;
	__u64 insert = narrow(self, CAPS_RIGHT_INSERT);
	__u64 manage = narrow(self, CAPS_RIGHT_MANAGE);
	__u64 send = narrow(self, CAPS_RIGHT_SEND);

	ASSERT_OK(cap_dup(self->other, port, CAPS_RIGHT_SEND, 1, &mute));
	ASSERT_OK(group_insert(self->other, insert, port));
	EXPECT_ERR(EPERM, group_remove(self->other, insert, mute));
	EXPECT_ERR(EPERM, group_remove(self->other, send, port));
	EXPECT_EQ(1, group_count(self->fd, self->group));
	EXPECT_OK(group_remove(self->other, manage, mute));
	ASSERT_OK(group_insert(self->other, insert, port));
	EXPECT_OK(group_remove(self->other, insert, port));
	EXPECT_EQ(0, group_count(self->fd, self->group));
}

/* A third process with nothing but those two inserts another one's port. */
TEST_F(group, third_process_inserts)
{
	struct child c;
	__u64 insert, manage;

	if (child_start(&c)) {
		int group = hear_fd(&c), port = hear_fd(&c);
		int fd = actor_open();
		__u64 g, p;

		need(cap_import(fd, group, &g), "import");
		need(cap_import(fd, port, &p), "import");
		EXPECT_OK(group_insert(fd, g, p));
		EXPECT_EQ(-EPERM, group_send(fd, g, 0, "not mine to use"));
		CHILD_END();
	}
	ASSERT_OK(cap_dup(self->fd, self->group,
			  CAPS_RIGHT_INSERT | CAPS_RIGHT_GRANT,
			  CAPS_ALL_OPERATIONS, &insert));
	ASSERT_OK(cap_dup(self->fd, self->port,
			  CAPS_RIGHT_MANAGE | CAPS_RIGHT_GRANT,
			  CAPS_ALL_OPERATIONS, &manage));
	say_fd(&c, cap_export(self->fd, insert));
	say_fd(&c, cap_export(self->fd, manage));
	EXPECT_OK(child_wait(&c));
	/* Who inserted it has gone; the member stays. */
	EXPECT_EQ(1, group_send(self->fd, self->group, 0, "from far"));
	EXPECT_TRUE(says(self->fd, self->port, "from far"));
}

/* After it is deleted nobody is reached, and nothing can be done with it. */
TEST_F(group, deleted)
{
	struct caps_capability_info i;
	__u64 send = narrow(self, CAPS_RIGHT_SEND);
	struct caps_call call = call_of(self->group, "x");

	ASSERT_OK(group_insert(self->fd, self->group, self->port));
	EXPECT_ERR(EPERM, group_delete(self->other, send));
	EXPECT_EQ(1, group_send(self->other, send, 0, "x"));
	EXPECT_OK(group_delete(self->fd, self->group));
	EXPECT_ERR(EPIPE, group_delete(self->fd, self->group));
	EXPECT_EQ(-EPIPE, group_send(self->other, send, 0, "x"));
	EXPECT_EQ(-EPIPE, group_send(self->other, send, CAPS_TO_ANY, "x"));
	call.flags = CAPS_TO_ANY;
	EXPECT_ERR(EPIPE, caps_ioctl(self->fd, CAPS_CALL, &call));
	EXPECT_ERR(EPIPE, group_insert(self->fd, self->group, self->port));
	EXPECT_ERR(EPIPE, group_remove(self->fd, self->group, self->port));
	EXPECT_EQ(-EPIPE, group_count(self->fd, self->group));
	ASSERT_OK(cap_info(self->other, send, &i));
	EXPECT_EQ(CAPS_INFO_DEAD, i.status);
	/* What had been sent stays, and so do the members. */
	EXPECT_TRUE(says(self->fd, self->port, "x"));
	EXPECT_OK(send_text(self->fd, self->port, "directly"));
}

/* It outlives its maker in the capabilities of others. */
TEST_F(group, outlives_its_maker)
{
	__u64 group = cap_give(self->fd, self->group, self->other);
	__u64 port = port_new(self->other);

	ASSERT_OK(group_insert(self->other, group, port));
	close(self->fd);
	EXPECT_EQ(1, group_send(self->other, group, 0, "x"));
	EXPECT_TRUE(says(self->other, port, "x"));
}

/* A member that ends is passed over, and makes room at the next change. */
TEST_F(group, members_end)
{
	__u64 port[3];

	for (int i = 0; i < 3; i++)
		port[i] = member_new(self->other,
				     cap_give(self->fd, self->group,
					      self->other), 0);
	EXPECT_EQ(3, group_count(self->fd, self->group));
	ASSERT_OK(port_delete(self->other, port[1]));
	EXPECT_EQ(2, group_count(self->fd, self->group));
	EXPECT_EQ(2, group_send(self->fd, self->group, 0, "x"));
	ASSERT_OK(group_insert(self->fd, self->group, self->port));
	EXPECT_EQ(3, group_count(self->fd, self->group));
	close(self->other);
	EXPECT_EQ(1, eventually(group_count(self->fd, self->group) == 1));
	EXPECT_EQ(1, group_send(self->fd, self->group, 0, "y"));
}

/* A port that has ended cannot become one. */
TEST_F(group, insert_an_ended_port)
{
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(EPIPE, group_insert(self->fd, self->group, self->port));
}

/*
 * A membership is worth what the capability is that it was made of: revoked with
 * it, and whoever made it, when all are.
 */
TEST_F(group, revoke_all)
{
	struct caps_revoke r = { .capability = self->port };
	__u64 theirs = cap_give(self->fd, self->port, self->other);
	__u64 group = cap_give(self->fd, self->group, self->other);

	ASSERT_OK(group_insert(self->other, group, theirs));
	EXPECT_EQ(1, group_send(self->other, group, 0, "dropped"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REVOKE, &r));
	EXPECT_EQ(1, r.dropped);
	EXPECT_EQ(0, group_count(self->fd, self->group));
	EXPECT_EQ(0, group_send(self->other, group, 0, "nobody"));
	EXPECT_EQ(-ENOENT, group_send(self->other, group, CAPS_TO_ANY, "x"));
	EXPECT_TRUE(silent(self->fd, self->port));
	EXPECT_ERR(EKEYREVOKED, group_insert(self->other, group, theirs));
	EXPECT_ERR(ENOENT, group_remove(self->fd, self->group, self->port));

	/* The owner may do it again, and its own is revoked like another's. */
	ASSERT_OK(group_insert(self->fd, self->group, self->port));
	EXPECT_EQ(1, group_send(self->other, group, 0, "x"));
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REVOKE, &r));
	EXPECT_EQ(0, group_send(self->other, group, 0, "nobody"));
}

TEST_F(group, revoke_badge)
{
	struct caps_revoke r = {
		.capability = self->port, .badge = 7,
		.flags = CAPS_REVOKE_BADGE,
	};
	struct message m;
	__u64 badged;

	ASSERT_OK(cap_badge(self->fd, self->port, 7, &badged));
	ASSERT_OK(group_insert(self->fd, self->group, badged));
	EXPECT_EQ(1, group_send(self->fd, self->group, 0, "x"));
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_EQ(7, m.header.badge);
	ASSERT_OK(caps_ioctl(self->fd, CAPS_REVOKE, &r));
	EXPECT_EQ(0, group_send(self->fd, self->group, 0, "x"));
}

/* Nobody can do through a group what it could not do itself. */
TEST_F(group, operations_of_both)
{
	struct caps_send s = group_message(self->group, 0, "x");
	__u64 some, group;

	ASSERT_OK(cap_dup(self->fd, self->port, CAPS_RIGHTS_PORT, 1 << 3,
			  &some));
	ASSERT_OK(group_insert(self->fd, self->group, some));
	s.operation = 2;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(0, s.reached);
	s.operation = 3;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(1, s.reached);
	ASSERT_OK(cap_dup(self->fd, self->group, CAPS_RIGHT_SEND, 1 << 2,
			  &group));
	s.capability = group;
	EXPECT_ERR(EACCES, caps_ioctl(self->fd, CAPS_SEND, &s));
	EXPECT_EQ(1, port_info(self->fd, self->port).queued);
}

/* Too many, of the one or the other, changes nothing. */
TEST_F(tidy, limits)
{
	struct caps_group_create create = { 0 };
	int fd = actor_open();
	__u64 group = group_new(fd), port = port_new(fd);

	parameter_set(&self->before, "max_group_members", 3);
	for (int i = 0; i < 3; i++)
		member_new(fd, group, 0);
	EXPECT_ERR(EMSGSIZE, group_insert(fd, group, port));
	EXPECT_EQ(3, group_count(fd, group));
	parameter_set(&self->before, "max_groups", 1);
	EXPECT_ERR(EDQUOT, caps_ioctl(fd, CAPS_GROUP_CREATE, &create));
	EXPECT_EQ(1, live_count("groups"));

	parameter_set(&self->before, "max_group_members", 100);
	parameter_set(&self->before, "max_kernel_bytes", 64);
	EXPECT_ERR(EDQUOT, group_insert(fd, group, port));
	EXPECT_EQ(3, group_count(fd, group));
	EXPECT_ERR(EDQUOT, caps_ioctl(fd, CAPS_GROUP_CREATE, &create));
	EXPECT_EQ(1, live_count("groups"));
}

/* Others that keep capabilities to deleted groups use up none of their maker's. */
TEST_F(tidy, deleted_costs_nothing)
{
	int fd = actor_open(), other = actor_open();
	__u64 group;

	parameter_set(&self->before, "max_groups", 2);
	for (int i = 0; i < 8; i++) {
		group = group_new(fd);
		cap_give(fd, group, other);
		/* Without deleting it lives on, and is the maker's. */
		if (i == 7)
			break;
		ASSERT_OK(group_delete(fd, group));
		ASSERT_OK(cap_close(fd, group));
	}
	EXPECT_EQ(8, live_count("groups"));
	cap_close(fd, group);
	group_new(fd);
	EXPECT_ERR(EDQUOT, caps_ioctl(fd, CAPS_GROUP_CREATE,
				      &(struct caps_group_create){ 0 }));
	close(other);
	EXPECT_TRUE(eventually(live_count("groups") == 1));
	group_new(fd);
}

/* Whoever dies first, and with an exported one left over, nothing stays. */
TEST_F(tidy, nothing_is_left)
{
	int fd = actor_open(), other = actor_open(), file;
	__u64 group = group_new(fd), theirs = cap_give(fd, group, other);

	for (int i = 0; i < 50; i++) {
		member_new(fd, group, 0);
		member_new(other, theirs, 0);
	}
	EXPECT_EQ(100, group_send(fd, group, 0, "x"));
	file = cap_export(fd, group);
	close(fd);
	EXPECT_TRUE(eventually(group_count(other, theirs) == 50));
	EXPECT_EQ(50, group_send(other, theirs, 0, "x"));
	close(other);
	EXPECT_TRUE(eventually(live_count("actors") == 0));
	EXPECT_EQ(1, live_count("groups"));
	close(file);
	EXPECT_TRUE(eventually(live_count("groups") == 0));
}

TEST_HARNESS_MAIN
