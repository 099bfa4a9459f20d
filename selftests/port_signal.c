// SPDX-License-Identifier: GPL-2.0
/*
 * Bits set in a port: they add up, come all at once in the turn of the first,
 * need no room, and wake who waits.
 */
#include "caps_memory.h"
#include "caps_state.h"

FIXTURE(bits) {
	struct before before;
	struct pair p;
};

FIXTURE_SETUP(bits)
{
	before_take(&self->before);
	self->p = pair_open();
}

FIXTURE_TEARDOWN(bits)
{
	close(self->p.server);
	close(self->p.client);
	before_check(_metadata, &self->before);
}

static long set_bits(int fd, __u64 cap, __u64 bits)
{
	struct caps_signal s = { .capability = cap, .bits = bits };

	return caps_ioctl(fd, CAPS_SIGNAL, &s);
}

TEST_F(bits, add_up)
{
	struct message m;

	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_OK(set_bits(self->p.server, self->p.port, 1ULL << 63));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_EQ(CAPS_KIND_SIGNAL, m.header.kind);
	EXPECT_EQ(1 | 1ULL << 63, m.header.address);
	EXPECT_EQ(1, m.header.sequence);
	EXPECT_EQ(0, m.header.id);
	EXPECT_EQ(0, m.header.pid);
	EXPECT_EQ(0, m.header.badge);
	EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port, &m));
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 4));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_EQ(4, m.header.address);
}

/* In the turn of the first, also where the queue is full, and not counted. */
TEST_F(bits, take_their_turn)
{
	__u64 port = port_new_limit(self->p.server, 2), cap;
	struct message m;

	cap = cap_give(self->p.server, port, self->p.client);
	EXPECT_OK(send_text(self->p.client, cap, "first"));
	EXPECT_ERR(EAGAIN, send_text(self->p.client, cap, "no room"));
	EXPECT_OK(set_bits(self->p.client, cap, 2));
	EXPECT_EQ(1, port_info(self->p.server, port).queued);
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_STREQ("first", m.body);
	EXPECT_OK(send_text(self->p.client, cap, "second"));
	EXPECT_OK(set_bits(self->p.client, cap, 1));
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_EQ(CAPS_KIND_SIGNAL, m.header.kind);
	EXPECT_EQ(3, m.header.address);
	EXPECT_OK(receive(self->p.server, port, &m));
	EXPECT_STREQ("second", m.body);
}

/* Bits set all the time keep no message away, in this port or in another. */
TEST_F(bits, shut_nobody_out)
{
	__u64 other = port_new(self->p.server), cap;
	struct message m;
	int i, texts = 0;

	cap = cap_give(self->p.server, other, self->p.client);
	EXPECT_OK(port_enable(self->p.server, self->p.port, 0));
	EXPECT_OK(port_enable(self->p.server, other, 0));
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "same port"));
	EXPECT_OK(send_text(self->p.client, cap, "another"));
	for (i = 0; i < 5 && texts < 2; i++) {
		EXPECT_OK(receive(self->p.server, CAPS_ANY_PORT, &m));
		texts += m.header.kind == CAPS_KIND_SEND;
		EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	}
	EXPECT_EQ(3, i);
}

TEST_F(bits, refused)
{
	struct caps_signal s = { .capability = self->p.cap };
	__u64 weak;

	EXPECT_ERR(EINVAL, caps_ioctl(self->p.client, CAPS_SIGNAL, &s));
	EXPECT_ERR(EBADF, set_bits(self->p.client, 12345, 1));
	EXPECT_OK(cap_dup(self->p.server, self->p.port, CAPS_RIGHT_GRANT,
			  CAPS_ALL_OPERATIONS, &weak));
	EXPECT_ERR(EPERM, set_bits(self->p.server, weak, 1));
	EXPECT_FALSE(readable(self->p.server));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_ERR(EPIPE, set_bits(self->p.client, self->p.cap, 1));
}

/* Readable exactly when the port is enabled and they are set. */
TEST_F(bits, poll)
{
	struct message m;

	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_FALSE(readable(self->p.server));
	EXPECT_OK(port_enable(self->p.server, self->p.port, 5));
	EXPECT_TRUE(readable(self->p.server));
	EXPECT_OK(receive_now(self->p.server, CAPS_ANY_PORT, &m));
	EXPECT_EQ(1, m.header.address);
	EXPECT_FALSE(readable(self->p.server));
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 2));
	EXPECT_TRUE(readable(self->p.server));
	EXPECT_OK(port_disable(self->p.server, self->p.port));
	EXPECT_FALSE(readable(self->p.server));
	EXPECT_OK(receive_now(self->p.server, self->p.port, &m));
	EXPECT_EQ(2, m.header.address);
}

/* Who waits is woken, whether for the port or for any. */
TEST_F(bits, wake)
{
	struct caps_receive r = { .deadline = CAPS_FOREVER };
	__u64 ports[2] = { self->p.port, CAPS_ANY_PORT };
	struct background receiver;
	int i;

	for (i = 0; i < 2; i++) {
		if (i)
			EXPECT_OK(port_enable(self->p.server, self->p.port, 0));
		r.port = ports[i];
		background_start(&receiver, self->p.server, CAPS_RECEIVE, &r);
		background_settle(&receiver);
		EXPECT_OK(set_bits(self->p.client, self->p.cap, 8));
		EXPECT_OK(background_join(&receiver));
		EXPECT_EQ(CAPS_KIND_SIGNAL, r.header.kind);
		EXPECT_EQ(8, r.header.address);
	}
}

/* One of several that wait has them, and the others go on waiting. */
TEST_F(bits, one_of_several)
{
	struct caps_receive r[3];
	struct background receivers[3];
	int i, bits = 0, sends = 0;

	for (i = 0; i < 3; i++) {
		r[i] = (struct caps_receive){ .port = self->p.port,
					      .deadline = CAPS_FOREVER };
		background_start(&receivers[i], self->p.server, CAPS_RECEIVE,
				 &r[i]);
		background_settle(&receivers[i]);
	}
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "one"));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "two"));
	for (i = 0; i < 3; i++) {
		EXPECT_OK(background_join(&receivers[i]));
		bits += r[i].header.kind == CAPS_KIND_SIGNAL;
		sends += r[i].header.kind == CAPS_KIND_SEND;
		if (r[i].header.flags & CAPS_HEADER_HELD)
			EXPECT_OK(discard(self->p.server, r[i].header.id));
	}
	EXPECT_EQ(1, bits);
	EXPECT_EQ(2, sends);
}

/* A header that cannot be written: they stay set. */
TEST_F(bits, fault)
{
	struct caps_receive *r;
	struct message m;

	EXPECT_OK(set_bits(self->p.client, self->p.cap, 16));
	r = guarded(sizeof(*r));
	*r = (struct caps_receive){ .port = self->p.port };
	need(sys(mprotect((void *)((uintptr_t)r & -page_size()), page_size(),
			  PROT_READ)), "mprotect");
	EXPECT_ERR(EFAULT, caps_ioctl(self->p.server, CAPS_RECEIVE, r));
	EXPECT_OK(set_bits(self->p.client, self->p.cap, 1));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_EQ(17, m.header.address);
}

/* None is lost, however many set them and take them. */
TEST_F(bits, none_is_lost)
{
	const unsigned int rounds = test_scale(20000);
	struct child setters[3];
	struct message m;
	unsigned int i, ended = 0;
	__u64 seen = 0;
	int from;

	for (i = 0; i < 3; i++) {
		if (child_start(&setters[i])) {
			int fd = actor_open();
			__u64 cap;

			need(cap_import(fd, hear_fd(&setters[i]), &cap),
			     "CAPS_IMPORT");
			for (unsigned int n = 0; n < rounds; n++)
				need(set_bits(fd, cap, 1ULL << (n % 32)),
				     "CAPS_SIGNAL");
			need(set_bits(fd, cap, 1ULL << (40 + i)), "the last");
			CHILD_END();
		}
		from = cap_export(self->p.server, self->p.port);
		say_fd(&setters[i], from);
		close(from);
	}
	while (ended != 7) {
		if (receive(self->p.server, self->p.port, &m)) {
			EXPECT_EQ(7, ended);
			break;
		}
		seen |= m.header.address;
		ended = seen >> 40;
	}
	EXPECT_EQ(rounds < 32 ? (1ULL << rounds) - 1 : 0xffffffffULL,
		  seen & 0xffffffffULL);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, child_wait(&setters[i]));
}

TEST_HARNESS_MAIN
