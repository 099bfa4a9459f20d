// SPDX-License-Identifier: GPL-2.0
/*
 * Files that lead back to whose queue they are in: exported capabilities,
 * AF_UNIX sockets that hold files, epoll files. When the owners die nothing of
 * it is left.
 */
#include "caps_attach.h"

#include <sys/epoll.h>

#define RING	3

/* A ring of processes: each has a port, and the next one's capability. */
struct member {
	struct child child;
	int fd;
	__u64 port;
	__u64 next;
	bool kept;
};

static int send_over(int line, int fd)
{
	struct child c = { .line = line };

	say_fd(&c, fd);
	return line;
}

/* A socket in whose queue @fd is. */
static int socket_with(int fd)
{
	int ends[2];

	need(sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends)), "socketpair");
	send_over(ends[0], fd);
	return ends[1];
}

static int epoll_of(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);

	need(sys(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)), "epoll_ctl");
	return epoll;
}

/* All that could lead back, in one message; and a socket that is in itself. */
static void load_all(struct member *m, struct load *l)
{
	int ends[2], own = cap_export(m->fd, m->port);
	int next = cap_export(m->fd, m->next);

	load_add(l, m->next)->rights |= CAPS_RIGHT_GRANT;
	load_add(l, m->port)->rights |= CAPS_RIGHT_GRANT;
	load_add(l, actor_self(m->fd))->rights = CAPS_RIGHT_GRANT;
	load_fd(l, own);
	load_fd(l, next);
	load_fd(l, epoll_of(m->fd));
	load_fd(l, socket_with(own));
	load_fd(l, socket_with(m->fd));
	load_fd(l, socket_with(socket_with(epoll_of(m->fd))));
	need(sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends)), "socketpair");
	send_over(ends[0], ends[1]);
	send_over(ends[1], ends[0]);
	load_fd(l, ends[0]);
}

/* Fill the next one's queue, say so, and wait to be killed. */
static void member_run(struct member *m)
{
	struct caps_port_create c = { .flags = CAPS_PORT_UNIX_SOCKETS };
	struct caps_keep keep = {};
	struct message taken;
	struct load load = {};
	int i;

	m->fd = actor_open();
	if (m->kept)
		need(caps_ioctl(m->fd, CAPS_KEEP, &keep), "CAPS_KEEP");
	need(caps_ioctl(m->fd, CAPS_PORT_CREATE, &c), "CAPS_PORT_CREATE");
	m->port = c.capability;
	say_fd(&m->child, cap_export(m->fd, m->port));
	need(cap_import(m->fd, hear_fd(&m->child), &m->next), "CAPS_IMPORT");
	load_all(m, &load);
	for (i = 0; i < 3; i++) {
		need(send_load(m->fd, m->next, &load), "CAPS_SEND");
		need(send_load(m->fd, m->port, &load), "CAPS_SEND");
	}
	/* One is held, without having been taken. */
	need(receive_now(m->fd, m->port, &taken), "CAPS_RECEIVE");
	say(&m->child, 1);
	for (;;)
		pause();
}

static void ring_start(struct member *ring, int *to, bool kept)
{
	int i;

	for (i = 0; i < RING; i++) {
		ring[i].kept = kept;
		if (child_start(&ring[i].child))
			member_run(&ring[i]);
		to[i] = hear_fd(&ring[i].child);
	}
	for (i = 0; i < RING; i++)
		say_fd(&ring[i].child, to[(i + 1) % RING]);
	for (i = 0; i < RING; i++)
		hear(&ring[i].child);
}

static void expect_nothing_left(struct __test_metadata *_metadata, bool kept)
{
	struct member ring[RING] = {};
	int to[RING], i;

	ring_start(ring, to, kept);
	EXPECT_EQ(6 * RING, live_count("attached"));
	for (i = 0; i < RING; i++)
		child_kill(&ring[i].child);
	/* The test itself still has exported capabilities. */
	EXPECT_TRUE(eventually(!live_count("attached")));
	EXPECT_TRUE(eventually(!live_count("messages")));
}

TEST_F(tidy, rings_leave_nothing)
{
	expect_nothing_left(_metadata, false);
}

/* The files of kept actors are in each other's queues, and in their own. */
TEST_F(tidy, rings_of_kept_actors)
{
	expect_nothing_left(_metadata, true);
}

/* One after the other, with time for each death. */
TEST_F(tidy, rings_that_die_slowly)
{
	struct member ring[RING] = {};
	int to[RING], i;

	ring_start(ring, to, false);
	for (i = 0; i < RING; i++) {
		child_kill(&ring[i].child);
		EXPECT_TRUE(eventually(live_count("attached") <=
				       6 * (RING - i - 1)));
	}
}

TEST_HARNESS_MAIN
