// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a service: until it is there, until the deadline, until a signal;
 * and nobody wakes up for another's.
 */
#include "caps_names.h"

FIXTURE(waiting) {
	struct before before;
	int server;
	int client;
	struct background b;
	struct caps_connect c;
};

FIXTURE_SETUP(waiting)
{
	before_take(&self->before);
	self->server = actor_open();
	self->client = actor_open();
}

FIXTURE_TEARDOWN(waiting)
{
	close(self->server);
	close(self->client);
	before_check(_metadata, &self->before);
}

static void await(FIXTURE_DATA(waiting) * self, __u32 uid, __u32 gid)
{
	self->c = connect_of("awaited", uid, gid);
	self->c.deadline = grace();
	background_start(&self->b, self->client, CAPS_CONNECT, &self->c);
	background_settle(&self->b);
}

static long appear(FIXTURE_DATA(waiting) * self, __u32 uid, __u32 gid,
		   __u32 flags)
{
	return register_to(self->server, CAPS_DEFAULT_PORT, "awaited", uid,
			   gid, flags);
}

TEST_F(waiting, until_it_is_there)
{
	struct message m;

	await(self, 0, ANY);
	ASSERT_OK(appear(self, 0, ANY, 0));
	ASSERT_OK(background_join(&self->b));
	ASSERT_OK(send_text(self->client, self->c.capability, "at last"));
	ASSERT_OK(receive_now(self->server, CAPS_DEFAULT_PORT, &m));
	/* And not at all if it is there already. */
	self->c.deadline = 1;
	EXPECT_OK(caps_ioctl(self->client, CAPS_CONNECT, &self->c));
}

/* Any of the forms in which it can be asked for. */
TEST_F(waiting, for_what_was_asked_for)
{
	const __u32 uids[] = { BOB, ALICE };

	await(self, ALICE, STAFF);
	ASSERT_OK(appear(self, 0, ANY, CAPS_REGISTER_WORLD));
	ASSERT_OK(appear(self, ALICE, ANY, CAPS_REGISTER_WORLD));
	ASSERT_OK(appear(self, ANY, STAFF, CAPS_REGISTER_WORLD));
	EXPECT_TRUE(eventually(asleep(self->b.tid)));
	ASSERT_OK(appear(self, ALICE, STAFF, CAPS_REGISTER_WORLD));
	ASSERT_OK(background_join(&self->b));

	self->c = connect_of("trusted", ANY, ANY);
	self->c.trusted = (uintptr_t)uids;
	self->c.trusted_count = 2;
	self->c.deadline = grace();
	background_start(&self->b, self->client, CAPS_CONNECT, &self->c);
	background_settle(&self->b);
	ASSERT_OK(register_to(self->server, CAPS_DEFAULT_PORT, "trusted", 0,
			      STAFF, CAPS_REGISTER_WORLD));
	EXPECT_TRUE(eventually(asleep(self->b.tid)));
	ASSERT_OK(register_to(self->server, CAPS_DEFAULT_PORT, "trusted",
			      ALICE, ANY, CAPS_REGISTER_WORLD));
	EXPECT_OK(background_join(&self->b));
}

/* One that refuses is an answer, too. */
TEST_F(waiting, for_a_refusal)
{
	await(self, ALICE, ANY);
	ASSERT_OK(appear(self, ALICE, ANY, 0));
	EXPECT_ERR(EACCES, background_join(&self->b));
}

TEST_F(waiting, until_the_deadline)
{
	self->c = connect_of("awaited", 0, ANY);
	EXPECT_ERR(ENOENT, caps_ioctl(self->client, CAPS_CONNECT, &self->c));
	self->c.deadline = 1;
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CONNECT,
					 &self->c));
	self->c.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->client, CAPS_CONNECT,
					 &self->c));
	EXPECT_GE(now_ns(), self->c.deadline);
}

static void nothing(int number)
{
	(void)number;
}

TEST_F(waiting, until_a_signal)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	await(self, 0, ANY);
	pthread_kill(self->b.thread, SIGUSR1);
	EXPECT_ERR(EINTR, background_join(&self->b));
	/* With restart it goes on to wait. */
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	await(self, 0, ANY);
	pthread_kill(self->b.thread, SIGUSR1);
	sleep_ms(20);
	ASSERT_OK(appear(self, 0, ANY, 0));
	EXPECT_OK(background_join(&self->b));
}

/* Killed, it leaves nothing behind; see the fixture. */
TEST_F(waiting, until_it_is_killed)
{
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();

		self->c = connect_of("awaited", 0, ANY);
		self->c.deadline = CAPS_FOREVER;
		say(&c, 0);
		caps_ioctl(fd, CAPS_CONNECT, &self->c);
		_exit(1);
	}
	hear(&c);
	ASSERT_TRUE(eventually(asleep(c.pid)));
	child_kill(&c);
	EXPECT_OK(appear(self, 0, ANY, 0));
}

/* Of many who wait only those wake up whom it concerns. */
TEST_F(waiting, no_herd)
{
	enum { OTHERS = 20 };
	struct caps_connect c[OTHERS];
	struct background b[OTHERS];
	long long before[OTHERS];
	char names[OTHERS][8], name[8];
	unsigned int i;

	for (i = 0; i < OTHERS; i++) {
		snprintf(names[i], sizeof(names[i]), "o%u", i);
		c[i] = connect_of(names[i], 0, ANY);
		/* Some ask for the right name of another user. */
		if (i % 4 == 0)
			c[i] = connect_of("awaited", ALICE, ANY);
		c[i].deadline = grace();
		background_start(&b[i], self->client, CAPS_CONNECT, &c[i]);
		background_settle(&b[i]);
	}
	await(self, 0, ANY);
	for (i = 0; i < OTHERS; i++)
		before[i] = switches(b[i].tid);
	ASSERT_OK(appear(self, 0, ANY, 0));
	EXPECT_OK(background_join(&self->b));
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		ASSERT_OK(register_to(self->server, CAPS_DEFAULT_PORT, name, 0,
				      ANY, 0));
	}
	for (i = 0; i < OTHERS; i++)
		EXPECT_EQ(before[i], switches(b[i].tid))
			TH_LOG("waiting for %s", names[i]);
	ASSERT_OK(appear(self, ALICE, ANY, CAPS_REGISTER_WORLD));
	for (i = 0; i < OTHERS; i++) {
		if (i % 4)
			ASSERT_OK(register_to(self->server, CAPS_DEFAULT_PORT,
					      names[i], 0, ANY, 0));
		EXPECT_OK(background_join(&b[i]));
	}
}

/* A server that comes and goes is missed by nobody. */
TEST_F(waiting, while_it_restarts)
{
	unsigned int i, rounds = test_scale(100);
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();

		self->c = connect_of("awaited", 0, ANY);
		for (;;) {
			self->c.deadline = grace();
			need(caps_ioctl(fd, CAPS_CONNECT, &self->c),
			     "CAPS_CONNECT");
			need(cap_close(fd, self->c.capability), "CAPS_CLOSE");
			say(&c, 0);
			hear(&c);
		}
	}
	for (i = 0; i < rounds; i++) {
		int fd = actor_open();

		ASSERT_OK(register_to(fd, CAPS_DEFAULT_PORT, "awaited", 0, ANY,
				      0));
		hear(&c);
		close(fd);
		say(&c, 0);
	}
	child_kill(&c);
}

TEST_HARNESS_MAIN
