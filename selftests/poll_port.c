// SPDX-License-Identifier: GPL-2.0
/*
 * Files that poll one port, and whether all that can be polled is exact whatever
 * is done.
 */
#include <sys/epoll.h>

#include "caps_state.h"

static int port_file(int fd, __u64 port)
{
	struct caps_export e = { .capability = port };
	long ret = caps_ioctl(fd, CAPS_PORT_FILE, &e);

	return ret ? (int)ret : e.fd;
}

static int events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

#define GONE	(POLLHUP | POLLERR)

TEST_F(tidy, a_disabled_port)
{
	struct pair p = pair_open();
	int file = port_file(p.server, p.port);
	struct caps_signal s = { .capability = p.cap, .bits = 1 };
	__u64 other = port_new(p.server);
	struct message m;

	ASSERT_LT(0, file);
	EXPECT_EQ(FD_CLOEXEC, fcntl(file, F_GETFD));
	EXPECT_EQ(0, events(file));
	ASSERT_OK(send_text(p.server, other, "elsewhere"));
	EXPECT_EQ(0, events(file));
	ASSERT_OK(send_text(p.client, p.cap, "here"));
	EXPECT_EQ(POLLIN, events(file));
	EXPECT_FALSE(readable(p.server));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(0, events(file));
	ASSERT_OK(caps_ioctl(p.client, CAPS_SIGNAL, &s));
	EXPECT_EQ(POLLIN, events(file));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(0, events(file));
	close(file);
}

TEST_F(tidy, not_of_others)
{
	struct pair p = pair_open();

	EXPECT_ERR(EPERM, port_file(p.client, p.cap));
	EXPECT_ERR(EBADF, port_file(p.client, 12345));
}

/* --- who sleeps ----------------------------------------------------------- */

/* When its time is up poll() looks once more: then nobody has woken it. */
static void *poll_main(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };
	__u64 late = in_ms(GRACE_MS / 2);
	int n = poll(&p, 1, GRACE_MS);

	return (void *)(long)(n == 1 && now_ns() < late ? p.revents : 0);
}

static pthread_t sleeper_start(int *file)
{
	pthread_t thread;

	need(-pthread_create(&thread, NULL, poll_main, file), "thread");
	sleep_ms(30);
	return thread;
}

/* What it saw when it was woken; 0 if it was not. */
static long sleeper_end(pthread_t thread)
{
	void *seen;

	need(-pthread_join(thread, &seen), "thread");
	return (long)seen;
}

TEST_F(tidy, wakes_sleepers)
{
	struct pair p = pair_open();
	struct caps_signal s = { .capability = p.cap, .bits = 4 };
	int file = port_file(p.server, p.port);
	struct message m;
	pthread_t sleeper;

	sleeper = sleeper_start(&file);
	EXPECT_OK(send_text(p.client, p.cap, "come"));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	sleeper = sleeper_start(&file);
	EXPECT_OK(caps_ioctl(p.client, CAPS_SIGNAL, &s));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	sleeper = sleeper_start(&file);
	EXPECT_OK(port_delete(p.server, p.port));
	EXPECT_EQ(GONE, sleeper_end(sleeper));
	EXPECT_EQ(GONE, events(file));
	close(file);
}

/* Who comes and goes is received as messages are; the port is disabled. */
TEST_F(tidy, who_comes_and_goes)
{
	struct pair p = pair_open();
	struct caps_register r = {
		.port = p.port, .name = (uintptr_t)"poll", .name_len = 4,
		.uid = geteuid(), .gid = CAPS_ANY_ID, .operations = 1,
		.flags = CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED,
	};
	int file = port_file(p.server, p.port);
	struct message m;
	pthread_t sleeper;
	__u64 cap;

	ASSERT_OK(caps_ioctl(p.server, CAPS_REGISTER, &r));
	sleeper = sleeper_start(&file);
	ASSERT_OK(service_connect(p.client, "poll", geteuid(), 1, &cap));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_KIND_CONNECTED, m.header.kind);
	EXPECT_EQ(0, events(file));
	sleeper = sleeper_start(&file);
	EXPECT_OK(cap_close(p.client, cap));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
	EXPECT_EQ(0, events(file));
	close(file);
}

/* What was told of the port goes to the default port, disabled as that is. */
TEST_F(tidy, notices_of_a_port_that_moves)
{
	struct pair p = pair_open();
	int to = actor_open(), file = port_file(p.server, CAPS_DEFAULT_PORT);
	struct caps_port_migrate move = { .capability = p.port };
	struct message m;
	pthread_t sleeper;
	__u64 id;

	move.actor = cap_give(to, actor_self(to), p.server);
	ASSERT_OK(call_async(p.client, p.cap, 0, "leaves", &id));
	ASSERT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(p.client, id));
	EXPECT_EQ(0, events(file));
	sleeper = sleeper_start(&file);
	ASSERT_OK(caps_ioctl(p.server, CAPS_PORT_MIGRATE, &move));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_OK(receive_now(p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	close(file);
}

TEST_F(tidy, hangs_up_when_the_port_moves)
{
	int from = actor_open(), to = actor_open(), file, again;
	struct caps_port_migrate move = { .capability = port_new(from) };
	struct message m;
	pthread_t sleeper;

	move.actor = cap_give(to, actor_self(to), from);
	file = port_file(from, move.capability);
	sleeper = sleeper_start(&file);
	ASSERT_OK(caps_ioctl(from, CAPS_PORT_MIGRATE, &move));
	EXPECT_EQ(GONE, sleeper_end(sleeper));
	ASSERT_OK(receive_now(to, CAPS_DEFAULT_PORT, &m));
	again = port_file(to, m.header.address);
	EXPECT_EQ(0, events(again));
	sleeper = sleeper_start(&again);
	ASSERT_OK(send_text(from, move.capability, "there"));
	EXPECT_EQ(POLLIN, sleeper_end(sleeper));
	EXPECT_EQ(GONE, events(file));
	close(file);
	close(again);
}

/* It keeps nobody alive, and tells a child as little as the actor does. */
TEST_F(tidy, hangs_up_with_its_actor)
{
	struct pair p = pair_open();
	int file = port_file(p.server, p.port);
	pthread_t sleeper;
	struct child c;

	if (child_start(&c)) {
		EXPECT_EQ(GONE, events(file));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	sleeper = sleeper_start(&file);
	close(p.server);
	EXPECT_EQ(GONE, sleeper_end(sleeper));
	EXPECT_ERR(EPIPE, send_text(p.client, p.cap, "too late"));
	close(file);
}

/* --- exactness ------------------------------------------------------------ */

#define PORTS	3

/* Some ports, what is known to be in them, and all that polls. */
struct model {
	int fd;
	int edges;		/* epoll of the files and the actor, edge triggered */
	int levels;		/* likewise, level triggered */
	__u64 port[PORTS];
	__u64 call[PORTS];	/* an async call that is there, or 0 */
	unsigned int there[PORTS];
	bool signalled[PORTS];
	bool enabled[PORTS];
	struct pollfd polled[PORTS + 1];
};

static void poll_also(struct model *m, unsigned int i, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

	m->polled[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	need(sys(epoll_ctl(m->levels, EPOLL_CTL_ADD, fd, &event)), "epoll_ctl");
	event.events |= EPOLLET;
	need(sys(epoll_ctl(m->edges, EPOLL_CTL_ADD, fd, &event)), "epoll_ctl");
}

static void model_start(struct model *m)
{
	unsigned int i;

	*m = (struct model){ .fd = actor_open() };
	m->edges = epoll_create1(EPOLL_CLOEXEC);
	m->levels = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < PORTS; i++) {
		m->port[i] = port_new(m->fd);
		poll_also(m, i, port_file(m->fd, m->port[i]));
	}
	poll_also(m, PORTS, m->fd);
}

/* Which of them an epoll has, as bits. */
static unsigned int events_of(int epoll)
{
	struct epoll_event events[PORTS + 1];
	unsigned int which = 0;
	long n = sys(epoll_wait(epoll, events, PORTS + 1, 0));

	while (n-- > 0)
		which |= 1u << events[n].data.u32;
	return which;
}

/* Does each tell what the model knows? */
static bool model_is_right(struct model *m)
{
	bool any = false, one;
	unsigned int i, ready = 0;

	if (poll(m->polled, PORTS + 1, 0) < 0)
		return false;
	for (i = 0; i < PORTS; i++) {
		one = m->there[i] || m->signalled[i];
		if (m->polled[i].revents != (one ? POLLIN : 0))
			return false;
		any |= one && m->enabled[i];
		ready |= one << i;
	}
	ready |= any << PORTS;
	return m->polled[PORTS].revents == (any ? POLLIN : 0) &&
	       events_of(m->levels) == ready;
}

/* An edge is not lost, whatever others there are. */
static long edge_of(struct model *m, unsigned int port)
{
	unsigned int expected = 1u << port;

	if (m->enabled[port])
		expected |= 1u << PORTS;
	return (events_of(m->edges) & expected) == expected ? 0 : -ENODATA;
}

static void took(struct model *m, unsigned int port,
		 const struct caps_header *header)
{
	if (header->kind == CAPS_KIND_SIGNAL) {
		m->signalled[port] = false;
		return;
	}
	m->there[port]--;
	if (header->kind == CAPS_KIND_CALL) {
		m->call[port] = 0;
		need(discard(m->fd, header->id), "CAPS_DISCARD");
	}
}

static long step_take(struct model *m, unsigned int n)
{
	struct caps_receive r = { .port = m->port[n] };
	bool there = m->there[n] || m->signalled[n];
	long ret = caps_ioctl(m->fd, CAPS_RECEIVE, &r);

	if (!ret)
		took(m, n, &r.header);
	return ret == (there ? 0 : -EAGAIN) ? 0 : ret;
}

/* The answer, that it was discarded, goes to the default port. */
static void drop_answers(struct model *m)
{
	struct message message;

	while (!receive_now(m->fd, CAPS_DEFAULT_PORT, &message))
		;
}

static long step_call(struct model *m, unsigned int n)
{
	long ret;

	drop_answers(m);
	if (m->call[n]) {
		ret = abort_call(m->fd, m->call[n]);
		m->call[n] = 0;
		m->there[n]--;
		return ret == CAPS_ABORT_BEFORE ? 0 : ret;
	}
	ret = call_async(m->fd, m->port[n], 0, "", &m->call[n]);
	if (ret) {
		m->call[n] = 0;
		return ret == -EAGAIN ? 0 : ret;
	}
	m->there[n]++;
	return edge_of(m, n);
}

static long step_send(struct model *m, unsigned int n)
{
	long ret = send_text(m->fd, m->port[n], "");

	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	m->there[n]++;
	return edge_of(m, n);
}

static long step(struct model *m)
{
	struct caps_signal s = { .bits = 1 };
	unsigned int n = random() % PORTS;
	long ret;

	switch (random() % 8) {
	case 0:
	case 1:
		return step_send(m, n);
	case 2:
	case 3:
	case 4:
		return step_take(m, n);
	case 5:
		return step_call(m, n);
	case 6:
		s.capability = m->port[n];
		ret = caps_ioctl(m->fd, CAPS_SIGNAL, &s);
		m->signalled[n] = true;
		return ret ? ret : edge_of(m, n);
	default:
		m->enabled[n] = !m->enabled[n];
		return m->enabled[n] ? port_enable(m->fd, m->port[n], n) :
				       port_disable(m->fd, m->port[n]);
	}
}

TEST_F(tidy, exact_whatever_is_done)
{
	unsigned int steps = test_scale(1000000), i;
	struct model m;

	srandom(1);
	model_start(&m);
	while (steps--) {
		ASSERT_OK(step(&m));
		ASSERT_TRUE(model_is_right(&m));
	}
	for (i = 0; i < PORTS; i++)
		close(m.polled[i].fd);
	close(m.edges);
	close(m.levels);
}

TEST_HARNESS_MAIN
