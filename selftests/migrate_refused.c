// SPDX-License-Identifier: GPL-2.0
/*
 * Moves of a port that are refused, after which nothing has changed; and who
 * pays for one that is not.
 */
#include "caps_migrate.h"

#define UID	1001

FIXTURE(migrate_refused) {
	struct before before;
	struct move m;
};

FIXTURE_SETUP(migrate_refused)
{
	before_take(&self->before);
	self->m = move_prepare();
}

FIXTURE_TEARDOWN(migrate_refused)
{
	move_end(&self->m);
	before_check(_metadata, &self->before);
}

/* Nothing has moved: the queue, the old owner, the new one are as they were. */
#define EXPECT_UNMOVED(m) do {						\
	EXPECT_EQ(2, port_info((m)->old, (m)->port).queued);		\
	EXPECT_EQ(0, port_arrived((m)->new, 0));			\
	EXPECT_EQ(1, actor_info((m)->new).ports);			\
} while (0)

TEST_F(migrate_refused, by_rights_and_types)
{
	struct caps_port_migrate p = { 0 };
	struct move *m = &self->m;
	struct message got;
	__u64 weak, self_;

	EXPECT_OK(send_text(m->client, m->cap, "first"));
	EXPECT_OK(send_text(m->client, m->cap, "second"));
	EXPECT_ERR(EBADF, port_migrate(m->old, 0, m->heir, 0, NULL, NULL));
	EXPECT_ERR(EBADF, port_migrate(m->old, m->port, 12345, 0, NULL, NULL));
	EXPECT_ERR(EINVAL, port_migrate(m->old, m->heir, m->heir, 0, NULL,
					NULL));
	EXPECT_ERR(EINVAL, port_migrate(m->old, m->port, m->port, 0, NULL,
					NULL));
	EXPECT_ERR(EPERM, port_migrate(m->client, m->cap, m->heir, 0, NULL,
				       NULL));
	EXPECT_ERR(EBUSY, port_migrate(m->old, CAPS_DEFAULT_PORT, m->heir, 0,
				       NULL, NULL));
	self_ = actor_self(m->old);
	EXPECT_ERR(EBUSY, port_migrate(m->old, m->port, self_, 0, NULL, NULL));
	ASSERT_OK(cap_dup(m->old, m->port, CAPS_RIGHT_SEND, 1, &weak));
	EXPECT_ERR(EPERM, port_migrate(m->old, weak, m->heir, 0, NULL, NULL));
	ASSERT_OK(cap_dup(m->old, m->heir, CAPS_RIGHT_SEND, 1, &weak));
	EXPECT_ERR(EPERM, port_migrate(m->old, m->port, weak, 0, NULL, NULL));
	p.capability = m->port;
	p.actor = m->heir;
	p.flags = 2;
	EXPECT_ERR(EINVAL, caps_ioctl(m->old, CAPS_PORT_MIGRATE, &p));
	EXPECT_UNMOVED(m);
	EXPECT_OK(port_delete(m->old, m->port));
	EXPECT_ERR(EPIPE, move_go(m, 0));
	EXPECT_ERR(EAGAIN, receive_now(m->new, CAPS_DEFAULT_PORT, &got));
}

TEST_F(migrate_refused, dead_destination)
{
	struct move *m = &self->m;

	EXPECT_OK(send_text(m->client, m->cap, "first"));
	close(m->new);
	EXPECT_ERR(EPIPE, move_go(m, 0));
	EXPECT_ERR(EPIPE, move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_NEXT(m->old, m->port, "first");
	m->new = actor_open();
}

/* Over one of the new owner's limits, of another user: nothing moves. */
static void over_limit(struct __test_metadata *_metadata,
		       FIXTURE_DATA(migrate_refused) *self, const char *limit)
{
	struct move *m = &self->m;
	struct child c;
	int from;

	if (child_start(&c)) {
		become_member(UID);
		close_range(m->old, m->client, 0);
		m->new = actor_open();
		say_fd(&c, cap_export(m->new, actor_self(m->new)));
		hear(&c);
		EXPECT_EQ(0, port_arrived(m->new, 0));
		EXPECT_EQ(1, actor_info(m->new).ports);
		CHILD_END();
	}
	from = hear_fd(&c);
	ASSERT_OK(cap_import(m->old, from, &m->heir));
	close(from);
	EXPECT_OK(send_text(m->client, m->cap, "first"));
	parameter_set(&self->before, limit, 1);
	EXPECT_ERR(EDQUOT, move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_NEXT(m->old, m->port, "first");
	say(&c, 0);
	EXPECT_EQ(0, child_wait(&c));
}

TEST_F(migrate_refused, new_owner_has_too_many_ports)
{
	over_limit(_metadata, self, "max_ports");
}

TEST_F(migrate_refused, new_owner_has_too_many_capabilities)
{
	over_limit(_metadata, self, "max_capabilities");
}

/* A name must be paid for, too. */
TEST_F(migrate_refused, new_owner_has_too_many_names)
{
	struct move *m = &self->m;
	__u64 cap;

	EXPECT_OK(send_text(m->client, m->cap, "first"));
	EXPECT_OK(service_register(m->old, m->port, "moving", 0,
				   CAPS_ALL_OPERATIONS));
	parameter_set(&self->before, "max_names", 1);
	EXPECT_ERR(EDQUOT, move_go(m, 0));
	EXPECT_NEXT(m->old, m->port, "first");
	EXPECT_OK(service_connect(m->client, "moving", geteuid(),
				  CAPS_ALL_OPERATIONS, &cap));
	EXPECT_OK(service_unregister(m->old, "moving"));
	EXPECT_OK(move_go(m, 0));
}

/* What moved is paid for by the new owner only: it comes back at its end. */
TEST_F(migrate_refused, payers)
{
	struct move *m = &self->m;
	struct child c;
	int from, i;

	if (child_start(&c)) {
		become_member(UID);
		close_range(m->old, m->client, 0);
		m->new = actor_open();
		say_fd(&c, cap_export(m->new, actor_self(m->new)));
		for (i = 0; i < 4; i++)
			EXPECT_NE(0, port_arrived(m->new, grace()));
		EXPECT_EQ(5, actor_info(m->new).ports);
		say(&c, 0);
		pause();
	}
	from = hear_fd(&c);
	ASSERT_OK(cap_import(m->old, from, &m->heir));
	close(from);
	/* Three default ports, and the one that there is; it is full. */
	parameter_set(&self->before, "max_ports", 4 + 1);
	for (i = 0; i < 4; i++) {
		EXPECT_OK(port_migrate(m->old, m->port, m->heir, 0, NULL,
				       NULL));
		m->port = port_new(m->old);
	}
	EXPECT_ERR(EDQUOT, port_migrate(m->old, m->port, m->heir, 0, NULL,
					NULL));
	hear(&c);
	child_kill(&c);
}

TEST_HARNESS_MAIN
