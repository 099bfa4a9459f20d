// SPDX-License-Identifier: GPL-2.0
/*
 * A port's generation: set by its owner, read without a message, waited for.
 */
#include <sys/epoll.h>

#include "caps_memory.h"
#include "caps_state.h"

FIXTURE(generation) {
	struct before before;
	struct pair p;
	struct background b;
	struct caps_generation g;
};

FIXTURE_SETUP(generation)
{
	before_take(&self->before);
	self->p = pair_open();
}

FIXTURE_TEARDOWN(generation)
{
	close(self->p.server);
	close(self->p.client);
	before_check(_metadata, &self->before);
}

static long set_to(int fd, __u64 cap, __u64 value)
{
	struct caps_generation_set s = {
		.capability = cap, .generation = value,
	};

	return caps_ioctl(fd, CAPS_GENERATION_SET, &s);
}

static long get_of(int fd, __u64 cap, __u64 *value)
{
	struct caps_generation g = { .capability = cap, .generation = 99 };
	long ret = caps_ioctl(fd, CAPS_GENERATION, &g);

	*value = g.generation;
	return ret;
}

/* In another thread, for another than @known. */
static void await(FIXTURE_DATA(generation) * self, __u64 known)
{
	self->g = (struct caps_generation){
		.capability = self->p.cap, .generation = known,
		.deadline = grace(), .flags = CAPS_GENERATION_WAIT,
	};
	background_start(&self->b, self->p.client, CAPS_GENERATION, &self->g);
	background_settle(&self->b);
}

TEST_F(generation, is_read_without_a_message)
{
	static const __u64 values[] = { 0, 1, ~0ull, 1ull << 63, 5, 0 };
	unsigned int i;
	__u64 value;

	ASSERT_OK(get_of(self->p.client, self->p.cap, &value));
	EXPECT_EQ(0, value);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		ASSERT_OK(set_to(self->p.server, self->p.port, values[i]));
		ASSERT_OK(get_of(self->p.client, self->p.cap, &value));
		EXPECT_EQ(values[i], value);
		ASSERT_OK(get_of(self->p.server, self->p.port, &value));
		EXPECT_EQ(values[i], value);
	}
	EXPECT_EQ(0, port_info(self->p.server, self->p.port).queued);
	EXPECT_FALSE(readable(self->p.server));
}

/* By who owns the port and may manage it. */
TEST_F(generation, is_the_owners_to_set)
{
	__u64 value, narrow;

	EXPECT_ERR(EPERM, set_to(self->p.client, self->p.cap, 1));
	ASSERT_OK(cap_dup(self->p.server, self->p.port, CAPS_RIGHT_SEND, 1,
			  &narrow));
	EXPECT_ERR(EPERM, set_to(self->p.server, narrow, 1));
	EXPECT_ERR(EBADF, set_to(self->p.server, 77, 1));
	EXPECT_ERR(EINVAL, set_to(self->p.server, actor_self(self->p.server),
				  1));
	ASSERT_OK(get_of(self->p.client, self->p.cap, &value));
	EXPECT_EQ(0, value);
}

TEST_F(generation, of_what_is_no_port_any_more)
{
	struct caps_revoke r = { .capability = self->p.port };
	__u64 value;

	EXPECT_ERR(EBADF, get_of(self->p.client, 77, &value));
	EXPECT_ERR(EINVAL, get_of(self->p.client, actor_self(self->p.client),
				  &value));
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, get_of(self->p.client, self->p.cap, &value));
	EXPECT_OK(get_of(self->p.server, self->p.port, &value));
	self->p.port = port_new(self->p.server);
	ASSERT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_ERR(EPIPE, get_of(self->p.server, self->p.port, &value));
	EXPECT_ERR(EPIPE, set_to(self->p.server, self->p.port, 1));
	EXPECT_EQ(99, value);
}

TEST_F(generation, is_waited_for)
{
	await(self, 0);
	ASSERT_OK(set_to(self->p.server, self->p.port, 7));
	ASSERT_OK(background_join(&self->b));
	EXPECT_EQ(7, self->g.generation);
	/* Not if it is another already. */
	self->g.generation = 6;
	self->g.deadline = 0;
	EXPECT_OK(caps_ioctl(self->p.client, CAPS_GENERATION, &self->g));
	EXPECT_EQ(7, self->g.generation);
	/* Set to the same it is no other. */
	await(self, 7);
	ASSERT_OK(set_to(self->p.server, self->p.port, 7));
	sleep_ms(20);
	EXPECT_TRUE(eventually(asleep(self->b.tid)));
	ASSERT_OK(set_to(self->p.server, self->p.port, 8));
	EXPECT_OK(background_join(&self->b));
}

TEST_F(generation, is_waited_for_until_the_deadline)
{
	struct caps_generation g = {
		.capability = self->p.cap, .flags = CAPS_GENERATION_WAIT,
	};

	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->p.client, CAPS_GENERATION, &g));
	g.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->p.client, CAPS_GENERATION, &g));
	EXPECT_GE(now_ns(), g.deadline);
	g.flags = 0;
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.client, CAPS_GENERATION, &g));
}

static void nothing(int number)
{
	(void)number;
}

TEST_F(generation, is_waited_for_until_a_signal)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	await(self, 0);
	pthread_kill(self->b.thread, SIGUSR1);
	EXPECT_ERR(EINTR, background_join(&self->b));
}

/* By all who wait, and those who do when the server goes are told. */
TEST_F(generation, ends_with_the_port)
{
	struct caps_generation g[8];
	struct background b[8];
	unsigned int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 8; i++) {
			g[i] = (struct caps_generation){
				.capability = self->p.cap,
				.generation = round, .deadline = grace(),
				.flags = CAPS_GENERATION_WAIT,
			};
			background_start(&b[i], self->p.client,
					 CAPS_GENERATION, &g[i]);
			background_settle(&b[i]);
		}
		if (!round)
			ASSERT_OK(set_to(self->p.server, self->p.port, 1));
		else
			close(self->p.server);
		for (i = 0; i < 8; i++)
			EXPECT_ERR(round ? EPIPE : 0, background_join(&b[i]));
	}
}

/* A cache that is emptied whenever the number changes is never stale. */
TEST_F(generation, keeps_caches_fresh)
{
	unsigned int i, rounds = test_scale(200);
	__u64 before, after, cached = 0;
	struct message m;
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();
		struct caps_call call;
		__u64 cap, port = port_new(fd);

		say_fd(&c, cap_export(fd, port));
		for (cap = 1; !receive_until(fd, port, 0, CAPS_FOREVER, &m);
		     cap++) {
			/* First what is answered changes, then the number. */
			need(set_to(fd, port, cap), "CAPS_GENERATION_SET");
			call.status = cap;
			reply_text(fd, m.header.id, call.status, "");
		}
		_exit(0);
	}
	close(self->p.client);
	self->p.client = actor_open();
	i = hear_fd(&c);
	need(cap_import(self->p.client, i, &self->p.cap), "CAPS_IMPORT");
	close(i);
	for (i = 0; i < rounds; i++) {
		struct caps_call call = call_of(self->p.cap, "value");

		ASSERT_OK(get_of(self->p.client, self->p.cap, &before));
		EXPECT_EQ(cached, before);
		ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL, &call));
		cached = call.status;
		ASSERT_OK(get_of(self->p.client, self->p.cap, &after));
		EXPECT_EQ(cached, after);
	}
	child_kill(&c);
}

/* --- by a descriptor ----------------------------------------------------- */

static short polled(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

/* 8 bytes were read and are this. */
static bool read_is(int fd, __u64 value)
{
	__u64 got = ~value;

	return read(fd, &got, sizeof(got)) == sizeof(got) && got == value;
}

TEST_F(generation, is_polled)
{
	int fd = cap_export(self->p.client, self->p.cap), other;
	__u64 value;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, polled(fd, 0));
	EXPECT_TRUE(read_is(fd, 0));
	ASSERT_OK(set_to(self->p.server, self->p.port, 7));
	/* By this file; one that is made now has seen it. */
	other = cap_export(self->p.client, self->p.cap);
	EXPECT_EQ(0, polled(other, 0));
	EXPECT_EQ(POLLIN, polled(fd, 0));
	EXPECT_EQ(POLLIN, polled(fd, 0));
	EXPECT_ERR(EINVAL, sys(read(fd, &value, sizeof(value) - 1)));
	EXPECT_ERR(EFAULT, sys(read(fd, read_only(8), sizeof(value))));
	EXPECT_EQ(POLLIN, polled(fd, 0));
	EXPECT_TRUE(read_is(fd, 7));
	EXPECT_EQ(0, polled(fd, 0));
	ASSERT_OK(set_to(self->p.server, self->p.port, 7));
	EXPECT_EQ(0, polled(fd, 0));
	close(fd);
	close(other);
}

static void *poll_one(void *arg)
{
	return (void *)(long)polled(*(int *)arg, GRACE_MS);
}

/* Whoever sleeps in poll is woken: by another number, and by the port's end. */
TEST_F(generation, wakes_who_polls)
{
	int fd = cap_export(self->p.client, self->p.cap), i;
	pthread_t thread;
	void *events;
	__u64 value, until;

	for (i = 0; i < 2; i++) {
		need(-pthread_create(&thread, NULL, poll_one, &fd), "thread");
		sleep_ms(20);
		until = in_ms(GRACE_MS / 2);
		if (i)
			ASSERT_OK(port_delete(self->p.server, self->p.port));
		else
			ASSERT_OK(set_to(self->p.server, self->p.port, 3));
		pthread_join(thread, &events);
		/* Not because it looks again when its time is up. */
		EXPECT_LT(now_ns(), until);
		EXPECT_EQ(i ? POLLIN | POLLHUP : POLLIN, (long)events);
		if (!i)
			EXPECT_TRUE(read_is(fd, 3));
	}
	EXPECT_ERR(EPIPE, sys(read(fd, &value, sizeof(value))));
	close(fd);
}

/* In an event loop, of a process that has no actor; until it is revoked. */
TEST_F(generation, is_read_without_an_actor)
{
	struct epoll_event e = { .events = EPOLLIN }, got;
	int fd = cap_export(self->p.client, self->p.cap);
	struct caps_revoke r = { .capability = self->p.port };
	struct child c;
	__u64 value;

	if (child_start(&c)) {
		int loop = epoll_create1(EPOLL_CLOEXEC);

		EXPECT_OK(sys(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e)));
		say(&c, 1);
		EXPECT_EQ(1, epoll_wait(loop, &got, 1, GRACE_MS));
		EXPECT_TRUE(read_is(fd, 11));
		EXPECT_EQ(0, epoll_wait(loop, &got, 1, 0));
		CHILD_END();
	}
	hear(&c);
	ASSERT_OK(set_to(self->p.server, self->p.port, 11));
	EXPECT_EQ(0, child_wait(&c));
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, sys(read(fd, &value, sizeof(value))));
	close(fd);
}

/* To who sleeps or polls, too, and what comes later is not for them. */
TEST_F(generation, is_not_told_to_the_revoked)
{
	struct caps_revoke r = { .capability = self->p.port };
	int fd = cap_export(self->p.client, self->p.cap);

	await(self, 0);
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, background_join(&self->b));
	EXPECT_EQ(POLLIN | POLLERR, polled(fd, 0));
	ASSERT_OK(set_to(self->p.server, self->p.port, 5));
	self->g.generation = 0;
	EXPECT_ERR(EKEYREVOKED, caps_ioctl(self->p.client, CAPS_GENERATION,
					   &self->g));
	EXPECT_EQ(0, self->g.generation);
	close(fd);
}

/* What is not to a port has none. */
TEST_F(generation, is_a_ports)
{
	int fd = cap_export(self->p.client, actor_self(self->p.client));
	__u64 value;

	EXPECT_EQ(POLLERR, polled(fd, 0));
	EXPECT_ERR(EINVAL, sys(read(fd, &value, sizeof(value))));
	close(fd);
}

TEST_HARNESS_MAIN
