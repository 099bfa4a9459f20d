// SPDX-License-Identifier: GPL-2.0
/*
 * Files that take long to close, in messages that nobody takes them from: a
 * socket that lingers, because its peer does not read. That is a matter of who
 * sent it, not of who ends the message, nor of other users.
 */
#include "caps_attach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define LINGER		60	/* seconds: longer than anything here */
#define SENDER_UID	1001
#define OTHER_UID	1002

FIXTURE(linger)
{
	struct before before;
	struct pair p;
	struct message m;
};

FIXTURE_SETUP(linger)
{
	before_take(&self->before);
	self->p = pair_open();
}

FIXTURE_TEARDOWN(linger)
{
	before_check(_metadata, &self->before);
}

/* Two ends; the first lingers until the second has read all. */
static void sockets(int ends[2])
{
	struct linger linger = { .l_onoff = 1, .l_linger = LINGER };
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);
	char some[65536] = "";

	need(sys(listener), "socket");
	need(sys(bind(listener, (struct sockaddr *)&at, len)), "bind");
	need(sys(getsockname(listener, (struct sockaddr *)&at, &len)), "name");
	need(sys(listen(listener, 1)), "listen");
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	need(sys(ends[0]), "socket");
	if (connect(ends[0], (struct sockaddr *)&at, len))
		need(errno == EINPROGRESS ? 0 : -errno, "connect");
	ends[1] = accept(listener, NULL, NULL);
	need(sys(ends[1]), "accept");
	close(listener);
	need(sys(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger,
			    sizeof(linger))), "SO_LINGER");
	/* Until the window has been closed for a while. */
	for (int full = 0; full < 10; full++) {
		while (write(ends[0], some, sizeof(some)) > 0)
			full = 0;
		usleep(1000);
	}
}

static void read_all(int fd)
{
	char some[65536];

	while (read(fd, some, sizeof(some)) > 0)
		;
	close(fd);
}

/*
 * In a child: an actor of user @uid, and a capability to what the parent says.
 * 0 stays root.
 */
static int sender_open(struct child *c, uid_t uid, __u64 *cap)
{
	int from = hear_fd(c), fd;

	if (uid)
		become_member(uid);
	fd = actor_open();
	need(cap_import(fd, from, cap), "CAPS_IMPORT");
	return fd;
}

/*
 * A process of user @uid makes a pipe, and sends one end, of which it is the last
 * to have it. Is it closed when the message has been discarded?
 */
static bool others_are_closed(struct __test_metadata *_metadata,
			      FIXTURE_DATA(linger) * self, uid_t uid)
{
	int end, exported;
	struct child c;
	bool closed;
	char byte;

	if (child_start(&c)) {
		struct load load = {};
		int ends[2], fd;
		__u64 cap;

		fd = sender_open(&c, uid, &cap);
		need(sys(pipe2(ends, O_NONBLOCK)), "pipe");
		say_fd(&c, ends[0]);
		load_fd(&load, ends[1]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		CHILD_END();
	}
	exported = cap_export(self->p.server, self->p.port);
	say_fd(&c, exported);
	end = hear_fd(&c);
	need(child_wait(&c), "the child");
	close(exported);
	need(receive_now(self->p.server, self->p.port, &self->m), "receive");
	need(discard(self->p.server, self->m.header.id), "discard");
	closed = eventually(read(end, &byte, 1) == 0);
	close(end);
	return closed;
}

/* Who discards it does not wait; who sent it pays until it is closed. */
TEST_F(linger, discarded)
{
	int ends[2], peer;
	struct child c;
	long others;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender_open(&c, SENDER_UID, &cap);
		struct load load = {};

		sockets(ends);
		load_fd(&load, ends[0]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		close(ends[0]);
		say_fd(&c, ends[1]);
		close(ends[1]);
		hear(&c);
		EXPECT_EQ(1, charged(fd, "files"));
		say(&c, 1);
		EXPECT_TRUE(eventually(charged(fd, "files") == 0));
		CHILD_END();
	}
	say_fd(&c, cap_export(self->p.server, self->p.port));
	peer = hear_fd(&c);
	others = charged(self->p.server, "files");
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	EXPECT_EQ(1, self->m.header.fd_count);
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(1, live_count("attached"));
	EXPECT_EQ(others, charged(self->p.server, "files"));

	/* Meanwhile what others have sent is closed. */
	EXPECT_TRUE(others_are_closed(_metadata, self, OTHER_UID));
	EXPECT_TRUE(eventually(live_count("attached") == 1));
	say(&c, 1);
	hear(&c);
	read_all(peer);
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/*
 * A lingering socket of root's, of which another sends the last descriptor: that
 * one neither waits nor pays.
 */
TEST_F(linger, made_by_another)
{
	int ends[2], peer;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		struct load load = {};
		int fd;

		sockets(ends);
		say_fd(&c, ends[1]);
		close(ends[1]);
		fd = sender_open(&c, SENDER_UID, &cap);
		load_fd(&load, ends[0]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		close(ends[0]);
		say(&c, 1);
		hear(&c);
		EXPECT_EQ(0, charged(fd, "files"));
		CHILD_END();
	}
	peer = hear_fd(&c);
	say_fd(&c, cap_export(self->p.server, self->p.port));
	hear(&c);
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(1, live_count("attached"));
	/* That, and the server's exported capability. */
	EXPECT_EQ(2, charged(self->p.server, "files"));
	EXPECT_TRUE(others_are_closed(_metadata, self, SENDER_UID));
	say(&c, 1);
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_TRUE(eventually(live_count("attached") == 1));
	read_all(peer);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/* An AF_UNIX socket beside it, closed by who discards it, changes nothing. */
TEST_F(linger, beside_a_unix_socket)
{
	struct caps_port_create create = { .flags = CAPS_PORT_UNIX_SOCKETS };
	int ends[2], peer;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender_open(&c, SENDER_UID, &cap), unix_ends[2];
		struct load load = {};

		sockets(ends);
		need(sys(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_ends)),
		     "socketpair");
		load_fd(&load, unix_ends[0]);
		load_fd(&load, ends[0]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		say_fd(&c, ends[1]);
		CHILD_END();
	}
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_PORT_CREATE, &create));
	say_fd(&c, cap_export(self->p.server, create.capability));
	peer = hear_fd(&c);
	EXPECT_EQ(0, child_wait(&c));
	ASSERT_OK(receive_now(self->p.server, create.capability, &self->m));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(1, live_count("attached"));
	read_all(peer);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/* What is made in a namespace of root's keeps nothing of root's own open. */
TEST_F(linger, made_in_a_namespace)
{
	int ends[2], peer;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		struct load load = {};
		int fd = sender_open(&c, 0, &cap);

		if (unshare(CLONE_NEWUSER)) {
			say(&c, 0);
			_exit(0);
		}
		say(&c, 1);
		hear(&c);
		need(sys(setresuid(1, 1, 1)), "setresuid");
		sockets(ends);
		say_fd(&c, ends[1]);
		load_fd(&load, ends[0]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		CHILD_END();
	}
	say_fd(&c, cap_export(self->p.server, self->p.port));
	if (!hear(&c)) {
		child_wait(&c);
		SKIP(return, "no user namespaces");
	}
	map_write(c.pid, "uid_map", "0 100000 1000");
	say(&c, 1);
	peer = hear_fd(&c);
	EXPECT_EQ(0, child_wait(&c));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(1, live_count("attached"));
	EXPECT_TRUE(others_are_closed(_metadata, self, 0));
	EXPECT_TRUE(eventually(live_count("attached") == 1));
	read_all(peer);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/*
 * Answered with it, by another user: that one pays, and waits. While it has more
 * than it may it answers with no more files.
 */
TEST_F(linger, answered)
{
	int ends[2], peer;
	struct child c;
	__u64 cap, id;

	if (child_start(&c)) {
		struct load load = {};
		struct caps_reply r = {};
		__u64 port;
		int fd;

		become_member(SENDER_UID);
		fd = actor_open();
		port = port_new(fd);
		sockets(ends);
		say_fd(&c, cap_export(fd, port));
		say_fd(&c, ends[1]);
		load_fd(&load, ends[0]);
		need(receive(fd, port, &self->m), "CAPS_RECEIVE");
		r.id = self->m.header.id;
		r.data = load_data(&load);
		need(caps_ioctl(fd, CAPS_REPLY, &r), "CAPS_REPLY");
		close(ends[0]);
		say(&c, 1);
		hear(&c);
		/* The file of its capability, and the socket. */
		EXPECT_EQ(2, charged(fd, "files"));
		load.fds[0] = ends[1];
		need(receive(fd, port, &self->m), "CAPS_RECEIVE");
		r.id = self->m.header.id;
		EXPECT_ERR(EDQUOT, caps_ioctl(fd, CAPS_REPLY, &r));
		close(ends[1]);
		CHILD_END();
	}
	need(cap_import(self->p.client, hear_fd(&c), &cap), "CAPS_IMPORT");
	peer = hear_fd(&c);
	ASSERT_OK(call_async(self->p.client, cap, 0, "", &id));
	hear(&c);
	ASSERT_OK(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m));
	EXPECT_EQ(1, charged(self->p.client, "files"));
	ASSERT_OK(discard(self->p.client, self->m.header.id));
	EXPECT_EQ(0, charged(self->p.client, "files"));
	EXPECT_EQ(1, live_count("attached"));
	EXPECT_TRUE(others_are_closed(_metadata, self, 0));

	/* The caller may have one more. */
	EXPECT_EQ(0, charged(self->p.client, "files"));
	parameter_set(&self->before, "max_files", 1);
	say(&c, 1);
	ASSERT_OK(call_async(self->p.client, cap, 0, "", &id));
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_TRUE(eventually(live_count("attached") == 1));
	read_all(peer);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/* Who dies with it in a queue leaves it to the same worker. */
TEST_F(linger, receiver_dies)
{
	int ends[2], peer;
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = sender_open(&c, SENDER_UID, &cap);
		struct load load = {};

		sockets(ends);
		load_fd(&load, ends[0]);
		need(send_load(fd, cap, &load), "CAPS_SEND");
		say_fd(&c, ends[1]);
		CHILD_END();
	}
	say_fd(&c, cap_export(self->p.server, self->p.port));
	peer = hear_fd(&c);
	EXPECT_EQ(0, child_wait(&c));
	close(self->p.server);
	self->p = pair_open();
	EXPECT_TRUE(others_are_closed(_metadata, self, OTHER_UID));
	EXPECT_TRUE(eventually(live_count("attached") == 1));
	read_all(peer);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

TEST_HARNESS_MAIN
