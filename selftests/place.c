// SPDX-License-Identifier: GPL-2.0
/*
 * Placing: what arrives in another actor's table, what it is told, and what
 * the one who places learns.
 */
#include "caps_state.h"

/* The client may place in the server's table; it has a port of its own. */
FIXTURE(place)
{
	struct before before;
	int client;
	int server;
	__u64 port;		/* the client's */
	__u64 accept;		/* the client's, to the server */
	struct message m;
};

FIXTURE_SETUP(place)
{
	before_take(&self->before);
	self->client = actor_open();
	self->server = actor_open();
	self->port = port_new(self->client);
	need(port_enable(self->server, CAPS_DEFAULT_PORT, 0), "enable");
	self->accept = cap_give(self->server, actor_self(self->server),
				self->client);
}

FIXTURE_TEARDOWN(place)
{
	before_check(_metadata, &self->before);
}

static long place(int fd, __u64 cap, __u64 actor, __u32 rights,
		  __u64 operations)
{
	struct caps_place p = {
		.capability = cap, .operations = operations, .actor = actor,
		.rights = rights,
	};

	return caps_ioctl(fd, CAPS_PLACE, &p);
}

/* It works there, with as little as was said, and the event says who did it. */
TEST_F(place, arrives)
{
	struct caps_capability_info i;
	__u64 handles = actor_info(self->server).capabilities, badged;

	ASSERT_OK(cap_badge(self->client, self->port, 7, &badged));
	ASSERT_OK(place(self->client, badged, self->accept, CAPS_RIGHT_SEND,
			5));
	EXPECT_EQ(handles + 1, actor_info(self->server).capabilities);
	EXPECT_TRUE(readable(self->server));
	ASSERT_OK(receive_now(self->server, CAPS_ANY_PORT, &self->m));
	EXPECT_EQ(CAPS_KIND_CAPABILITY_ARRIVED, self->m.header.kind);
	EXPECT_EQ(0, self->m.header.flags);
	EXPECT_EQ(0, self->m.header.id);
	EXPECT_EQ(0, self->m.header.badge);
	EXPECT_EQ(0, self->m.header.body_len);
	EXPECT_EQ(0, self->m.header.capability_count);
	EXPECT_EQ(getpid(), self->m.header.pid);
	EXPECT_EQ(getuid(), self->m.header.uid);
	ASSERT_OK(cap_info(self->server, self->m.header.address, &i));
	EXPECT_EQ(CAPS_RIGHT_SEND, i.rights);
	EXPECT_EQ(5, i.operations);
	EXPECT_EQ(7, i.badge);
	ASSERT_OK(send_text(self->server, self->m.header.address, "thanks"));
	ASSERT_OK(receive_now(self->client, self->port, &self->m));
	EXPECT_STREQ("thanks", self->m.body);
	EXPECT_EQ(7, self->m.header.badge);
}

/* From another process, and to one that sleeps. */
TEST_F(place, wakes_another_process)
{
	struct child c;
	__u64 accept;
	int fd;

	if (child_start(&c)) {
		fd = actor_open();
		accept = cap_export(fd, actor_self(fd));
		say_fd(&c, accept);
		EXPECT_OK(receive(fd, CAPS_DEFAULT_PORT, &self->m));
		EXPECT_EQ(CAPS_KIND_CAPABILITY_ARRIVED, self->m.header.kind);
		EXPECT_EQ(getppid(), (pid_t)self->m.header.pid);
		EXPECT_OK(send_text(fd, self->m.header.address, "child"));
		CHILD_END();
	}
	ASSERT_OK(cap_import(self->client, hear_fd(&c), &accept));
	ASSERT_TRUE(eventually(asleep(c.pid)));
	ASSERT_OK(place(self->client, self->port, accept, CAPS_RIGHT_SEND, 1));
	ASSERT_OK(receive(self->client, self->port, &self->m));
	EXPECT_STREQ("child", self->m.body);
	EXPECT_EQ(c.pid, (pid_t)self->m.header.pid);
	EXPECT_OK(child_wait(&c));
}

/* Refused with no effect on either side. */
static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(place) * self, int error, __u64 cap,
			   __u64 actor, __u32 rights, __u64 operations)
{
	__u64 handles = actor_info(self->server).capabilities;
	struct live live = live_now();

	EXPECT_ERR(error, place(self->client, cap, actor, rights, operations));
	EXPECT_EQ(handles, actor_info(self->server).capabilities);
	EXPECT_STREQ(live.text, live_now().text);
	EXPECT_ERR(EAGAIN, receive_now(self->server, CAPS_DEFAULT_PORT,
				       &self->m));
}

TEST_F(place, refusals)
{
	const __u64 port = self->port, accept = self->accept;
	__u64 no_grant, no_accept, few;

	/* A spare message is kept; let there be one from the beginning. */
	ASSERT_OK(send_text(self->client, CAPS_DEFAULT_PORT, ""));
	ASSERT_OK(receive_now(self->client, CAPS_DEFAULT_PORT, &self->m));
	ASSERT_OK(cap_dup(self->client, port, CAPS_RIGHT_SEND, 1, &no_grant));
	ASSERT_OK(cap_dup(self->client, accept, CAPS_RIGHT_SEND, 1,
			  &no_accept));
	ASSERT_OK(cap_dup(self->client, port,
			  CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT, 1, &few));
	expect_refused(_metadata, self, EBADF, 12345, accept, 1, 1);
	expect_refused(_metadata, self, EBADF, port, 12345, 1, 1);
	expect_refused(_metadata, self, EBADF, port, 0, 1, 1);
	expect_refused(_metadata, self, EINVAL, port, port, 0, 1);
	expect_refused(_metadata, self, EINVAL, port, accept,
		       CAPS_RIGHTS_ALL + 1, 1);
	expect_refused(_metadata, self, EPERM, port, no_accept, 1, 1);
	expect_refused(_metadata, self, EPERM, no_grant, accept, 1, 1);
	expect_refused(_metadata, self, EPERM, few, accept,
		       CAPS_RIGHT_SEND | CAPS_RIGHT_MANAGE, 1);
	expect_refused(_metadata, self, EACCES, few, accept, 1, 3);
}

TEST_F(place, revoked)
{
	struct caps_revoke r = { .capability = self->port };
	__u64 others = cap_give(self->client, self->port, self->server);
	__u64 accept = actor_self(self->server);

	ASSERT_OK(caps_ioctl(self->client, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, place(self->server, others, accept, 1, 1));
}

/* The other's user has a limit, which is all that shows of it. */
TEST_F(place, over_the_limit)
{
	long used = live_count("capabilities");

	ASSERT_OK(place(self->client, self->port, self->accept, 1, 1));
	ASSERT_OK(receive_now(self->server, CAPS_DEFAULT_PORT, &self->m));
	parameter_set(&self->before, "max_capabilities", used + 1);
	expect_refused(_metadata, self, EDQUOT, self->port, self->accept, 1,
		       1);
	parameter_set(&self->before, "max_capabilities", used + 2);
	EXPECT_OK(place(self->client, self->port, self->accept, 1, 1));
}

/* Nobody places in a dead one; the event and the handle go with it. */
TEST_F(place, dead)
{
	long live;

	ASSERT_OK(place(self->client, self->port, self->accept, 1, 1));
	live = live_count("capabilities");
	close(self->server);
	EXPECT_TRUE(eventually(live_count("capabilities") < live));
	EXPECT_ERR(EPIPE, place(self->client, self->port, self->accept, 1, 1));
	self->server = actor_open();
}

/* The event arrives though its maker has died. */
TEST_F(place, placer_dies)
{
	ASSERT_OK(place(self->client, CAPS_DEFAULT_PORT, self->accept, 1, 1));
	close(self->client);
	ASSERT_OK(receive_now(self->server, CAPS_DEFAULT_PORT, &self->m));
	EXPECT_EQ(CAPS_KIND_CAPABILITY_ARRIVED, self->m.header.kind);
	EXPECT_TRUE(eventually(send_text(self->server, self->m.header.address,
					 "") == -EPIPE));
}

/* A bad place for the header: the event stays. */
TEST_F(place, event_stays_for_a_bad_address)
{
	struct caps_receive *r = read_only(sizeof(*r));

	ASSERT_OK(place(self->client, self->port, self->accept, 1, 1));
	EXPECT_ERR(EFAULT, caps_ioctl(self->server, CAPS_RECEIVE, r));
	ASSERT_OK(receive_now(self->server, CAPS_DEFAULT_PORT, &self->m));
	EXPECT_EQ(CAPS_KIND_CAPABILITY_ARRIVED, self->m.header.kind);
}

/* Placing in tables that grow, while their owners die. */
static void *open_and_close(void *arg)
{
	FIXTURE_DATA(place) * self = arg;
	unsigned int i, n = test_scale(300);
	int fd;

	for (i = 0; i < n; i++) {
		fd = actor_open();
		__atomic_store_n(&self->accept,
				 cap_give(fd, actor_self(fd), self->client),
				 __ATOMIC_RELEASE);
		if (i % 8 == 0)
			sleep_ms(5);
		close(fd);
	}
	__atomic_store_n(&self->accept, 0, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(place, while_they_die)
{
	unsigned long placed = 0, dead = 0;
	pthread_t thread;
	__u64 accept;
	long err;

	need(-pthread_create(&thread, NULL, open_and_close, self), "thread");
	while ((accept = __atomic_load_n(&self->accept, __ATOMIC_ACQUIRE))) {
		err = place(self->client, self->port, accept, 1, 1);
		placed += !err;
		dead += err == -EPIPE;
		/* So many at one that they are all it may have. */
		if (err == -EDQUOT)
			sched_yield();
		else if (err)
			ASSERT_EQ(-EPIPE, err);
	}
	pthread_join(thread, NULL);
	TH_LOG("%lu placed, %lu times it was dead", placed, dead);
}

TEST_HARNESS_MAIN
