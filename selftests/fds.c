// SPDX-License-Identifier: GPL-2.0
/*
 * File descriptors in messages: what arrives, what is refused, and what becomes
 * of those that cannot be installed or that nobody receives.
 */
#include "caps_attach.h"

#include <sys/resource.h>

/* A pair, and a pipe whose end for writing is sent. */
FIXTURE(fds)
{
	struct before before;
	struct pair p;
	int in;
	int out;
	struct load load;
	struct room room;
	struct message m;
};

FIXTURE_SETUP(fds)
{
	int ends[2];

	before_take(&self->before);
	self->p = pair_open();
	need(sys(pipe2(ends, O_NONBLOCK)), "pipe");
	self->in = ends[0];
	self->out = ends[1];
	load_fd(&self->load, self->out);
	room_init(&self->room, CAPS_MAX_ATTACHED);
}

FIXTURE_TEARDOWN(fds)
{
	before_check(_metadata, &self->before);
}

#define send_all(self) \
	send_load((self)->p.client, (self)->p.cap, &(self)->load)
#define receive_all(self) \
	receive_room((self)->p.server, (self)->p.port, &(self)->room, \
		     &(self)->m)

/* Does it write into the pipe, and does exec close it? */
static void expect_works(struct __test_metadata *_metadata,
			 FIXTURE_DATA(fds) * self, int fd)
{
	char c = 0;

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(1, write(fd, "x", 1));
	ASSERT_EQ(1, read(self->in, &c, 1));
	EXPECT_EQ('x', c);
}

/* Has nobody the end for writing any more? */
static bool is_closed(FIXTURE_DATA(fds) * self)
{
	char c;

	return read(self->in, &c, 1) == 0;
}

/* It is another descriptor of the same file, which its sender may close. */
TEST_F(fds, arrive)
{
	ASSERT_OK(send_all(self));
	close(self->out);
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(0, self->m.header.flags);
	EXPECT_EQ(1, self->m.header.fd_count);
	EXPECT_EQ(0, self->m.header.capability_count);
	ASSERT_EQ(1, self->room.a.fds_put);
	EXPECT_EQ(0, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->room.fds[0]);
	close(self->room.fds[0]);
	EXPECT_TRUE(is_closed(self));
}

/* 64 of each, together; and not one more. */
TEST_F(fds, as_many_as_there_may_be)
{
	unsigned int i;

	self->load = load_of(self->p.cap, CAPS_MAX_ATTACHED);
	for (i = 0; i < CAPS_MAX_ATTACHED; i++)
		load_fd(&self->load, self->out);
	ASSERT_OK(send_all(self));
	ASSERT_OK(receive_all(self));
	ASSERT_EQ(CAPS_MAX_ATTACHED, self->room.a.fds_put);
	ASSERT_EQ(CAPS_MAX_ATTACHED, self->room.a.capabilities_put);
	for (i = 0; i < CAPS_MAX_ATTACHED; i++)
		expect_works(_metadata, self, self->room.fds[i]);
	self->load.a.capability_count = 0;
	load_fd(&self->load, self->out);
	EXPECT_ERR(EMSGSIZE, send_all(self));
	EXPECT_ERR(EAGAIN, receive_all(self));
}

/* In a call and its answer, and in an asynchronous answer. */
TEST_F(fds, in_calls_and_answers)
{
	struct caps_call call = call_of(self->p.cap, "");
	struct caps_reply r = {};
	struct background b;
	struct room back;
	__u64 id;

	room_init(&back, 1);
	call.request = load_data(&self->load);
	call.reply.attachments = (uintptr_t)&back.a;
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_TRUE(eventually(!receive_all(self)));
	self->load.fds[0] = self->room.fds[0];
	r.id = self->m.header.id;
	r.data.attachments = (uintptr_t)&self->load.a;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(0, call.result);
	ASSERT_EQ(1, back.a.fds_put);
	expect_works(_metadata, self, back.fds[0]);

	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(receive_all(self));
	r.id = self->m.header.id;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	ASSERT_OK(receive_room(self->p.client, CAPS_DEFAULT_PORT, &self->room,
			       &self->m));
	ASSERT_EQ(1, self->room.a.fds_put);
	expect_works(_metadata, self, self->room.fds[0]);
}

/* --- what is refused ----------------------------------------------------- */

/* With no effect, wherever it stands. */
static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(fds) * self, int error, int fd)
{
	unsigned int at, i;

	for (at = 0; at < 5; at++) {
		self->load.a.fd_count = 0;
		for (i = 0; i < 5; i++)
			load_fd(&self->load, i == at ? fd : self->out);
		EXPECT_ERR(error, send_all(self));
	}
	EXPECT_ERR(EAGAIN, receive_all(self));
	EXPECT_EQ(0, live_count("attached"));
}

TEST_F(fds, refused)
{
	expect_refused(_metadata, self, EBADF, -1);
	expect_refused(_metadata, self, EBADF, 9999);
	expect_refused(_metadata, self, EINVAL, self->p.client);
	expect_refused(_metadata, self, EINVAL, self->p.server);
}

/* Whoever changes the name of this file in the kernel is noticed here. */
TEST_F(fds, io_uring_is_refused)
{
	char parameters[120] = { 0 };
	long ring = sys(syscall(SYS_io_uring_setup, 1, parameters));

	if (ring == -ENOSYS || ring == -EPERM)
		SKIP(return, "no io_uring");
	ASSERT_LE(0, ring);
	expect_refused(_metadata, self, EINVAL, ring);
}

/* The array: each byte that may not be there. */
TEST_F(fds, bad_arrays)
{
	struct caps_send s = { .capability = self->p.cap };
	size_t n;

	self->load.a.fd_count = 3;
	s.data.attachments = (uintptr_t)&self->load.a;
	for (n = 0; n < 12; n++) {
		self->load.a.fds = (uintptr_t)guarded(n);
		EXPECT_ERR(EFAULT, caps_ioctl(self->p.client, CAPS_SEND, &s)) {
			TH_LOG("%zu bytes", n);
		}
	}
	self->load.a.fds = NOWHERE;
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.client, CAPS_SEND, &s));
	EXPECT_ERR(EAGAIN, receive_all(self));
}

/* AF_UNIX sockets go to ports that want them, and to callers. */
TEST_F(fds, unix_sockets)
{
	struct caps_port_create c = { .flags = CAPS_PORT_UNIX_SOCKETS };
	struct caps_call call = call_of(self->p.cap, "");
	struct caps_reply r = {};
	struct background b;
	__u64 wants, id;
	int ends[2];

	need(sys(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)), "socketpair");
	expect_refused(_metadata, self, EINVAL, ends[0]);
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_PORT_CREATE, &c));
	EXPECT_EQ(CAPS_PORT_UNIX_SOCKETS,
		  port_info(self->p.server, c.capability).status);
	wants = cap_give(self->p.server, c.capability, self->p.client);
	self->load.a.fd_count = 0;
	load_fd(&self->load, ends[0]);
	ASSERT_OK(send_load(self->p.client, wants, &self->load));
	ASSERT_OK(receive_room(self->p.server, c.capability, &self->room,
			       &self->m));
	EXPECT_EQ(1, self->room.a.fds_put);
	EXPECT_EQ(1, write(self->room.fds[0], "x", 1));

	call.reply.attachments = (uintptr_t)&self->room.a;
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_OK(receive(self->p.server, self->p.port, &self->m));
	r.id = self->m.header.id;
	r.data = load_data(&self->load);
	r.data.body_len = 0;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(1, self->room.a.fds_put);

	/* The default port is not one that wants them. */
	ASSERT_OK(call_async(self->p.client, self->p.cap, 0, "", &id));
	ASSERT_OK(receive(self->p.server, self->p.port, &self->m));
	r.id = self->m.header.id;
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.server, CAPS_REPLY, &r));
	EXPECT_OK(reply_text(self->p.server, self->m.header.id, 0, ""));
}

/* What nobody has taken goes on with a forwarded message, if it may. */
TEST_F(fds, forwarded)
{
	struct caps_port_create c = { .flags = CAPS_PORT_UNIX_SOCKETS };
	struct caps_send s = { .data = load_data(&self->load) };
	struct caps_forward f = {};
	__u64 wants, wants_not;
	int ends[2];

	need(sys(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)), "socketpair");
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_PORT_CREATE, &c));
	wants = c.capability;
	wants_not = port_new(self->p.server);
	s.capability = cap_give(self->p.server, wants, self->p.client);
	self->load.fds[0] = ends[0];
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s));
	ASSERT_OK(receive_now(self->p.server, wants, &self->m));
	f.id = self->m.header.id;
	f.capability = wants_not;
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.server, CAPS_FORWARD, &f));
	f.capability = wants;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_FORWARD, &f));
	ASSERT_OK(receive_room(self->p.server, wants, &self->room, &self->m));
	ASSERT_EQ(1, self->room.a.fds_put);
	EXPECT_EQ(1, write(self->room.fds[0], "x", 1));
}

/* What a server has taken does not come to the next, nor is it said to. */
TEST_F(fds, taken_before_forwarding)
{
	struct caps_send s = { .data = load_data(&self->load) };
	struct caps_forward f = {};
	__u64 next;

	next = port_new(self->p.server);
	s.capability = self->p.cap;
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s));
	ASSERT_OK(receive_room(self->p.server, self->p.port, &self->room,
			       &self->m));
	ASSERT_EQ(1, self->m.header.fd_count);
	f.id = self->m.header.id;
	f.capability = next;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_FORWARD, &f));
	ASSERT_OK(receive_now(self->p.server, next, &self->m));
	EXPECT_EQ(0, self->m.header.fd_count);
}

/* --- no room, bad places, no numbers left --------------------------------- */

TEST_F(fds, stay_for_lack_of_room)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		load_fd(&self->load, self->out);
	ASSERT_OK(send_all(self));
	close(self->out);
	self->room.a.fd_count = 2;
	for (i = 0; i < 12; i++) {
		self->room.a.fds = (uintptr_t)guarded(i);
		self->room.a.fd_count = 3;
		EXPECT_ERR(EFAULT, receive_all(self));
	}
	self->room.a.fds = (uintptr_t)self->room.fds;
	self->room.a.fd_count = 2;
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED,
		  self->m.header.flags);
	EXPECT_EQ(3, self->m.header.fd_count);
	EXPECT_EQ(0, self->room.a.fds_put);
	self->room.a.fd_count = 3;
	ASSERT_OK(get_attached(self->p.server, self->m.header.id,
			       (uintptr_t)&self->room.a));
	ASSERT_EQ(3, self->room.a.fds_put);
	expect_works(_metadata, self, self->room.fds[2]);
	ASSERT_OK(discard(self->p.server, self->m.header.id));
}

/* As many more descriptors as @n, from now on. */
static void leave_room(int n)
{
	struct rlimit limit = {};
	int fd = dup(0);

	limit.rlim_cur = fd + n;
	limit.rlim_max = fd + n;
	close(fd);
	need(sys(setrlimit(RLIMIT_NOFILE, &limit)), "setrlimit");
}

TEST_F(fds, lost_where_there_are_no_numbers)
{
	struct caps_receive r = {
		.port = self->p.port,
		.buffer.attachments = (uintptr_t)&self->room.a,
	};

	load_fd(&self->load, self->out);
	load_add(&self->load, self->p.cap);
	ASSERT_OK(send_all(self));
	leave_room(1);
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_RECEIVE, &r));
	EXPECT_TRUE(r.header.flags & CAPS_HEADER_FDS_LOST);
	EXPECT_EQ(2, self->room.a.fds_put);
	expect_works(_metadata, self, self->room.fds[0]);
	EXPECT_EQ(-1, self->room.fds[1]);
	close(self->room.fds[0]);
	/* What else came along is there, and nothing is left of the message. */
	EXPECT_OK(cap_close(self->p.server, self->room.handles[0]));
	EXPECT_EQ(0, live_count("attached"));
}

/* Nor where they are taken from a held message, which tells so once. */
TEST_F(fds, lost_from_a_held_message)
{
	struct caps_get_data g = {
		.buffer.attachments = (uintptr_t)&self->room.a,
		.result = ~0u,
	};

	load_fd(&self->load, self->out);
	ASSERT_OK(send_all(self));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	leave_room(1);
	g.id = self->m.header.id;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_GET_DATA, &g));
	EXPECT_EQ(CAPS_RESULT_FDS_LOST, g.result);
	ASSERT_EQ(2, self->room.a.fds_put);
	expect_works(_metadata, self, self->room.fds[0]);
	EXPECT_EQ(-1, self->room.fds[1]);
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_GET_DATA, &g));
	EXPECT_EQ(0, g.result);
	EXPECT_EQ(0, self->room.a.fds_put);
	ASSERT_OK(discard(self->p.server, g.id));
}

TEST_F(fds, lost_answers)
{
	struct caps_call call = call_of(self->p.cap, "");
	struct caps_reply r = { .data.attachments = (uintptr_t)&self->load.a };
	struct background b;

	self->load.a.fds = (uintptr_t)self->load.fds;
	call.reply.attachments = (uintptr_t)&self->room.a;
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_OK(receive(self->p.server, self->p.port, &self->m));
	leave_room(0);
	r.id = self->m.header.id;
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_REPLY, &r));
	ASSERT_OK(background_join(&b));
	EXPECT_EQ(CAPS_RESULT_FDS_LOST, call.result);
	EXPECT_EQ(1, self->room.a.fds_put);
	EXPECT_EQ(-1, self->room.fds[0]);
}

/* --- who pays, and who dies ----------------------------------------------- */

TEST_F(fds, over_the_limit)
{
	parameter_set(&self->before, "max_files", 2);
	load_fd(&self->load, self->out);
	ASSERT_OK(send_all(self));
	EXPECT_ERR(EDQUOT, send_all(self));
	ASSERT_OK(receive_all(self));
	ASSERT_OK(send_all(self));
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(2, self->room.a.fds_put);
}

/* Dropped with the message, its receiver, or a call that is withdrawn. */
TEST_F(fds, closed_if_nobody_takes_them)
{
	struct caps_call call = call_of(self->p.cap, "");

	ASSERT_OK(send_all(self));
	call.deadline = in_ms(20);
	call.request = load_data(&self->load);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->p.client, CAPS_CALL, &call));
	ASSERT_OK(send_all(self));
	close(self->out);
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_FALSE(is_closed(self));
	close(self->p.server);
	EXPECT_TRUE(eventually(is_closed(self)));
}

TEST_F(fds, sender_is_killed)
{
	struct child c;
	__u64 cap;
	int fd;

	if (child_start(&c)) {
		fd = actor_open();
		need(cap_import(fd, hear_fd(&c), &cap), "CAPS_IMPORT");
		need(send_load(fd, cap, &self->load), "CAPS_SEND");
		say(&c, 1);
		pause();
	}
	close(self->out);
	say_fd(&c, cap_export(self->p.server, self->p.port));
	hear(&c);
	child_kill(&c);
	ASSERT_OK(receive_all(self));
	ASSERT_EQ(1, self->room.a.fds_put);
	expect_works(_metadata, self, self->room.fds[0]);
}

TEST_HARNESS_MAIN
