// SPDX-License-Identifier: GPL-2.0
/*
 * poll, select and epoll: readable exactly when a receive from any port would
 * return something.
 */
#include <sys/epoll.h>
#include <sys/select.h>

#include "caps_test.h"

FIXTURE(poll)
{
	int fd;
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
};

FIXTURE_SETUP(poll)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	self->cap = cap_give(self->fd, self->port, self->client);
}

FIXTURE_TEARDOWN(poll)
{
}

static int events(int fd, short wanted)
{
	struct pollfd p = { .fd = fd, .events = wanted };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* A message makes it readable, as long as it is there. */
TEST_F(poll, level)
{
	struct message m;

	EXPECT_EQ(0, events(self->fd, POLLIN));
	ASSERT_OK(send_text(self->client, self->cap, "1"));
	ASSERT_OK(send_text(self->client, self->cap, "2"));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
	EXPECT_EQ(POLLIN | POLLRDNORM, events(self->fd, POLLIN | POLLRDNORM));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(0, events(self->fd, POLLIN));
}

/* Room is a property of a destination: it is always said to be writable. */
TEST_F(poll, always_writable)
{
	EXPECT_EQ(POLLOUT, events(self->fd, POLLOUT));
	ASSERT_OK(send_text(self->client, self->cap, "1"));
	EXPECT_EQ(POLLOUT, events(self->client, POLLIN | POLLOUT));
	EXPECT_EQ(POLLIN | POLLOUT, events(self->fd, POLLIN | POLLOUT));
}

/* What can be received by name only does not count. */
TEST_F(poll, disabled_ports_do_not_count)
{
	__u64 hidden = port_new(self->fd);

	ASSERT_OK(send_text(self->fd, hidden, "1"));
	EXPECT_EQ(0, events(self->fd, POLLIN));
	ASSERT_OK(port_enable(self->fd, hidden, 0));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
	ASSERT_OK(port_disable(self->fd, hidden));
	EXPECT_EQ(0, events(self->fd, POLLIN));
}

/* What goes away unreceived goes away here, too. */
TEST_F(poll, withdrawn_messages_do_not_count)
{
	__u64 id;

	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
	ASSERT_EQ(CAPS_ABORT_BEFORE, abort_call(self->client, id));
	EXPECT_EQ(0, events(self->fd, POLLIN));
	ASSERT_OK(send_text(self->client, self->cap, ""));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_EQ(0, events(self->fd, POLLIN));
}

/* Answers and notices count like messages. */
TEST_F(poll, answers_and_notices_count)
{
	struct message m;
	__u64 id;

	ASSERT_OK(port_enable(self->client, CAPS_DEFAULT_PORT, 0));
	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, events(self->client, POLLIN));
	ASSERT_OK(reply_text(self->fd, m.header.id, 0, ""));
	EXPECT_EQ(POLLIN, events(self->client, POLLIN));
	ASSERT_OK(receive(self->client, CAPS_ANY_PORT, &m));
	EXPECT_EQ(0, events(self->client, POLLIN));

	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(0, events(self->fd, POLLIN));
	ASSERT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN));
}

/*
 * After any operation: readable if, and only if, some enabled port has a
 * message. A model counts along.
 */
TEST_F(poll, readable_exactly_when_something_is_there)
{
	enum { PORTS = 4 };
	__u64 ports[PORTS];
	bool enabled[PORTS] = { false };
	unsigned int there[PORTS] = { 0 }, i, n, steps, in_sight;
	struct message m;

	srandom(1);
	for (i = 0; i < PORTS; i++)
		ports[i] = port_new(self->fd);
	for (steps = test_scale(2000); steps; steps--) {
		n = random() % PORTS;
		switch (random() % 4) {
		case 0:
			if (!send_text(self->fd, ports[n], "x"))
				there[n]++;
			break;
		case 1:
			if (!receive_now(self->fd, ports[n], &m))
				there[n]--;
			break;
		case 2:
			ASSERT_OK(port_enable(self->fd, ports[n], n));
			enabled[n] = true;
			break;
		default:
			ASSERT_EQ(enabled[n] ? 0 : -EBUSY,
				  port_disable(self->fd, ports[n]));
			enabled[n] = false;
		}
		for (in_sight = 0, i = 0; i < PORTS; i++)
			in_sight += enabled[i] ? there[i] : 0;
		ASSERT_EQ(in_sight != 0, readable(self->fd));
	}
}

static void *poll_main(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	return (void *)(long)poll(&p, 1, GRACE_MS);
}

/* A poller sleeps until something comes. */
TEST_F(poll, wakes_a_sleeper)
{
	struct timespec until;
	pthread_t thread;
	void *result = NULL;

	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_main, &self->fd));
	sleep_ms(50);
	ASSERT_OK(send_text(self->client, self->cap, "x"));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GRACE_MS / 2000;
	ASSERT_EQ(0, pthread_timedjoin_np(thread, &result, &until));
	EXPECT_EQ(1, (long)result);
}

/* Enabling a port that has something wakes him as well. */
TEST_F(poll, enabling_wakes_a_sleeper)
{
	__u64 hidden = port_new(self->fd);
	struct timespec until;
	pthread_t thread;
	void *result = NULL;

	ASSERT_OK(send_text(self->fd, hidden, "x"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_main, &self->fd));
	sleep_ms(50);
	ASSERT_OK(port_enable(self->fd, hidden, 0));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GRACE_MS / 2000;
	ASSERT_EQ(0, pthread_timedjoin_np(thread, &result, &until));
	EXPECT_EQ(1, (long)result);
}

TEST_F(poll, select_works)
{
	struct timeval now = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(self->fd, &set);
	EXPECT_EQ(0, select(self->fd + 1, &set, NULL, NULL, &now));
	ASSERT_OK(send_text(self->client, self->cap, "x"));
	FD_SET(self->fd, &set);
	EXPECT_EQ(1, select(self->fd + 1, &set, NULL, NULL, &now));
}

static int epoll_of(int fd, unsigned int flags)
{
	struct epoll_event event = { .events = EPOLLIN | flags };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	need(sys(epoll), "epoll_create1");
	need(sys(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)), "epoll_ctl");
	return epoll;
}

static int epoll_count(int epoll)
{
	struct epoll_event event;

	return sys(epoll_wait(epoll, &event, 1, 0));
}

TEST_F(poll, epoll_level)
{
	int epoll = epoll_of(self->fd, 0);
	struct message m;

	EXPECT_EQ(0, epoll_count(epoll));
	ASSERT_OK(send_text(self->client, self->cap, "x"));
	EXPECT_EQ(1, epoll_count(epoll));
	EXPECT_EQ(1, epoll_count(epoll));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(0, epoll_count(epoll));
}

/* One event for each message that comes, not for what is there. */
TEST_F(poll, epoll_edge)
{
	int epoll = epoll_of(self->fd, EPOLLET);
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, "1"));
	EXPECT_EQ(1, epoll_count(epoll));
	EXPECT_EQ(0, epoll_count(epoll));
	ASSERT_OK(send_text(self->client, self->cap, "2"));
	EXPECT_EQ(1, epoll_count(epoll));
	EXPECT_EQ(0, epoll_count(epoll));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(0, epoll_count(epoll));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	ASSERT_OK(send_text(self->client, self->cap, "3"));
	EXPECT_EQ(1, epoll_count(epoll));
}

TEST_F(poll, epoll_oneshot)
{
	struct epoll_event again = { .events = EPOLLIN | EPOLLONESHOT };
	int epoll = epoll_of(self->fd, EPOLLONESHOT);

	ASSERT_OK(send_text(self->client, self->cap, "1"));
	EXPECT_EQ(1, epoll_count(epoll));
	ASSERT_OK(send_text(self->client, self->cap, "2"));
	EXPECT_EQ(0, epoll_count(epoll));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_MOD, self->fd, &again));
	EXPECT_EQ(1, epoll_count(epoll));
}

/* A watched file that is closed takes itself off the list. */
TEST_F(poll, epoll_of_a_closed_file)
{
	int epoll = epoll_of(self->fd, 0);

	ASSERT_OK(send_text(self->client, self->cap, "1"));
	close(self->fd);
	EXPECT_EQ(0, epoll_count(epoll));
}

TEST_HARNESS_MAIN
