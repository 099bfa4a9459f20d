// SPDX-License-Identifier: GPL-2.0
/*
 * What a server is told of its clients: that one has connected, before all
 * else, and that it has gone, once, after all else.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define TOLD	(CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED | \
		 CAPS_REGISTER_WORLD)

FIXTURE(told) {
	struct before before;
	int server;
	int client;
	__u64 port;
};

FIXTURE_SETUP(told)
{
	before_take(&self->before);
	self->server = actor_open();
	self->client = actor_open();
	self->port = port_new(self->server);
}

FIXTURE_TEARDOWN(told)
{
	close(self->server);
	close(self->client);
	before_check(_metadata, &self->before);
}

static void offer(FIXTURE_DATA(told) * self, __u32 flags)
{
	need(service_register(self->server, self->port, "told", flags, ~0ull),
	     "CAPS_REGISTER");
}

static long join(int fd, __u64 *cap)
{
	return service_connect(fd, "told", 0, ~0ull, cap);
}

static __u64 badge_of(int fd, __u64 cap)
{
	struct caps_capability_info i;

	need(cap_info(fd, cap, &i), "CAPS_CAPABILITY_INFO");
	return i.badge;
}

/* A connection whose end is told, and its badge. */
static __u64 joined(FIXTURE_DATA(told) * self, __u64 *badge)
{
	__u64 cap;

	offer(self, CAPS_REGISTER_DISCONNECTED);
	need(join(self->client, &cap), "CAPS_CONNECT");
	*badge = badge_of(self->client, cap);
	return cap;
}

/* The kind of what comes next, with this badge; 0 if there is nothing. */
static int next(FIXTURE_DATA(told) * self, __u64 badge)
{
	struct message m;
	long ret = receive_now(self->server, self->port, &m);

	if (ret == -EAGAIN)
		return 0;
	need(ret, "CAPS_RECEIVE");
	return m.header.badge == badge ? (int)m.header.kind : -1;
}

/* --- gone ---------------------------------------------------------------- */

TEST_F(told, of_its_end_once)
{
	struct message m;
	__u64 badge, cap = joined(self, &badge);

	EXPECT_EQ(0, next(self, badge));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(receive(self->server, self->port, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
	EXPECT_EQ(badge, m.header.badge);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(geteuid(), m.header.euid);
	EXPECT_EQ(1, m.header.sequence);
	EXPECT_EQ(0, m.header.id);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(0, next(self, badge));
}

/* Only who asked is. */
TEST_F(told, nothing_unasked)
{
	__u64 cap;

	offer(self, 0);
	ASSERT_OK(join(self->client, &cap));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(cap_badge(self->server, self->port, 5, &cap));
	ASSERT_OK(cap_close(self->server, cap));
	EXPECT_EQ(0, next(self, 0));
}

/* A copy in another process, and one in a descriptor that nobody opened. */
TEST_F(told, after_the_last_copy)
{
	__u64 badge, cap = joined(self, &badge), copy;
	struct child c;
	int fd;

	fd = cap_export(self->client, cap);
	need(fd, "CAPS_EXPORT");
	if (child_start(&c)) {
		int own = actor_open();

		close_range(self->server, self->client, 0);
		need(cap_import(own, fd, &copy), "CAPS_IMPORT");
		close(fd);
		say(&c, 0);
		pause();
	}
	hear(&c);
	ASSERT_OK(cap_dup(self->client, cap, CAPS_RIGHT_SEND, 1, &copy));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_EQ(0, next(self, badge));
	ASSERT_OK(cap_close(self->client, copy));
	EXPECT_EQ(0, next(self, badge));
	child_kill(&c);
	sleep_ms(20);
	EXPECT_EQ(0, next(self, badge));
	close(fd);
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	EXPECT_EQ(0, next(self, badge));
}

/* A descriptor may be in flight between two processes, or lost there. */
TEST_F(told, after_a_descriptor_in_flight)
{
	__u64 badge, cap = joined(self, &badge);
	struct child c;
	int fd = cap_export(self->client, cap);

	need(fd, "CAPS_EXPORT");
	if (child_start(&c)) {
		close(fd);
		say(&c, 0);
		pause();
	}
	hear(&c);
	say_fd(&c, fd);
	close(fd);
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_EQ(0, next(self, badge));
	child_kill(&c);
	close(c.line);
	EXPECT_TRUE(eventually(next(self, badge) == CAPS_KIND_DISCONNECTED));
	EXPECT_EQ(0, next(self, badge));
}

TEST_F(told, after_the_last_message)
{
	__u64 badge, cap = joined(self, &badge);

	ASSERT_OK(send_text(self->client, cap, "one"));
	ASSERT_OK(send_text(self->client, cap, "two"));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_EQ(CAPS_KIND_SEND, next(self, badge));
	EXPECT_EQ(CAPS_KIND_SEND, next(self, badge));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	EXPECT_EQ(0, next(self, badge));
}

/* What the server holds may need what it knows of the client. */
TEST_F(told, after_what_is_held)
{
	__u64 badge, cap = joined(self, &badge), id;
	struct message m, gone;

	ASSERT_OK(call_async(self->client, cap, 0, "call", &id));
	ASSERT_OK(receive(self->server, self->port, &m));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_EQ(0, next(self, badge));
	close(self->client);
	ASSERT_OK(receive(self->server, self->port, &gone));
	EXPECT_EQ(CAPS_KIND_CANCELLED, gone.header.kind);
	EXPECT_EQ(0, next(self, badge));
	ASSERT_OK(discard(self->server, m.header.id));
	EXPECT_TRUE(eventually(next(self, badge) == CAPS_KIND_DISCONNECTED));
}

/* But not what it has answered, and nobody has read. */
TEST_F(told, before_the_answer_is_read)
{
	__u64 badge, cap = joined(self, &badge), id;
	struct message m;

	ASSERT_OK(call_async(self->client, cap, 0, "call", &id));
	ASSERT_OK(receive(self->server, self->port, &m));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(reply_text(self->server, m.header.id, 0, "answer"));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_STREQ("answer", m.body);
}

/* Killed, in whatever it was doing. */
TEST_F(told, of_a_death)
{
	unsigned int i, rounds = test_scale(20);
	struct message m, next_one;
	struct child c;
	__u64 cap;

	offer(self, TOLD);
	for (i = 0; i < rounds; i++) {
		if (child_start(&c)) {
			int own = actor_open();
			struct caps_call call;

			need(join(own, &cap), "CAPS_CONNECT");
			call = call_of(cap, "call");
			caps_ioctl(own, CAPS_CALL, &call);
			_exit(1);
		}
		ASSERT_OK(receive(self->server, self->port, &m));
		ASSERT_EQ(CAPS_KIND_CONNECTED, m.header.kind);
		EXPECT_EQ(c.pid, m.header.pid);
		if (i % 2) {
			ASSERT_OK(receive(self->server, self->port,
					  &next_one));
			ASSERT_EQ(CAPS_KIND_CALL, next_one.header.kind);
			EXPECT_EQ(m.header.badge, next_one.header.badge);
		}
		child_kill(&c);
		while (!receive(self->server, self->port, &next_one)) {
			EXPECT_EQ(m.header.badge, next_one.header.badge);
			if (next_one.header.kind == CAPS_KIND_DISCONNECTED)
				break;
			discard(self->server, next_one.header.id);
		}
		EXPECT_EQ(c.pid, next_one.header.pid);
	}
}

/* A value that the owner chose, each time that it has gone. */
TEST_F(told, of_chosen_badges)
{
	struct caps_duplicate d = {
		.capability = self->port, .rights = CAPS_RIGHT_SEND,
		.badge = 5, .operations = 1,
		.flags = CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED,
	};
	__u64 same;
	int i;

	for (i = 0; i < 3; i++) {
		/* It is enough if one of them asks. */
		ASSERT_OK(cap_badge(self->server, self->port, 5, &same));
		ASSERT_OK(caps_ioctl(self->server, CAPS_DUPLICATE, &d));
		ASSERT_OK(cap_close(self->server, d.result));
		EXPECT_EQ(0, next(self, 5));
		ASSERT_OK(cap_close(self->server, same));
		EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, 5));
	}
	EXPECT_EQ(0, next(self, 5));
	d.flags = CAPS_DUP_DISCONNECTED;
	EXPECT_ERR(EINVAL, caps_ioctl(self->server, CAPS_DUPLICATE, &d));
	d.badge = 0;
	EXPECT_ERR(EINVAL, caps_ioctl(self->server, CAPS_DUPLICATE, &d));
}

/* A duplicate that could not be made has not gone either. */
TEST_F(told, nothing_of_what_never_was)
{
	struct caps_duplicate d = {
		.capability = self->port, .rights = CAPS_RIGHT_SEND,
		.badge = 5, .operations = 1,
		.flags = CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED,
	};
	__u64 cap;

	offer(self, TOLD);
	parameter_set(&self->before, "max_capabilities", 0);
	EXPECT_ERR(EDQUOT, caps_ioctl(self->server, CAPS_DUPLICATE, &d));
	EXPECT_ERR(EDQUOT, join(self->client, &cap));
	EXPECT_EQ(0, next(self, 0));
}

/* Taken back is not gone: somebody may have a call out. */
TEST_F(told, of_revoked_ones_too)
{
	struct caps_revoke r = {
		.capability = self->port, .flags = CAPS_REVOKE_BADGE,
	};
	__u64 badge, cap = joined(self, &badge);

	r.badge = badge;
	ASSERT_OK(caps_ioctl(self->server, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, send_text(self->client, cap, "no"));
	EXPECT_EQ(0, next(self, badge));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
}

/* --- how they come ------------------------------------------------------- */

TEST_F(told, first_of_the_connection)
{
	struct message m;
	__u64 cap, badge;

	offer(self, TOLD);
	ASSERT_OK(join(self->client, &cap));
	badge = badge_of(self->client, cap);
	ASSERT_OK(send_text(self->client, cap, "hello"));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(receive(self->server, self->port, &m));
	EXPECT_EQ(CAPS_KIND_CONNECTED, m.header.kind);
	EXPECT_EQ(badge, m.header.badge);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_EQ(CAPS_KIND_SEND, next(self, badge));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	EXPECT_EQ(0, next(self, badge));
}

/* In the turn of when it happened, among messages from others. */
TEST_F(told, in_its_turn)
{
	__u64 port = self->port, other, cap;

	offer(self, TOLD);
	ASSERT_OK(cap_badge(self->server, port, 9, &other));
	ASSERT_OK(send_text(self->server, other, "before"));
	ASSERT_OK(join(self->client, &cap));
	ASSERT_OK(send_text(self->server, other, "between"));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(send_text(self->server, other, "after"));
	EXPECT_EQ(CAPS_KIND_SEND, next(self, 9));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(self, CAPS_BADGE_KERNEL | 1));
	EXPECT_EQ(CAPS_KIND_SEND, next(self, 9));
	/* Its first message was in the list until just now. */
	EXPECT_EQ(CAPS_KIND_SEND, next(self, 9));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, CAPS_BADGE_KERNEL | 1));
}

/* No room is needed, and poll and "receive from any" see them. */
TEST_F(told, through_a_full_queue)
{
	__u64 port = port_new_limit(self->server, 1), filler, cap;
	struct message m;

	self->port = port;
	ASSERT_OK(cap_badge(self->server, port, 9, &filler));
	ASSERT_OK(send_text(self->server, filler, "full"));
	ASSERT_ERR(EAGAIN, send_text(self->server, filler, "no room"));
	offer(self, TOLD);
	ASSERT_OK(join(self->client, &cap));
	EXPECT_FALSE(readable(self->server));
	ASSERT_OK(receive(self->server, port, &m));
	ASSERT_OK(port_enable(self->server, port, 0));
	EXPECT_TRUE(readable(self->server));
	ASSERT_OK(receive(self->server, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CONNECTED, m.header.kind);
	EXPECT_FALSE(readable(self->server));
	ASSERT_OK(send_text(self->server, filler, "full"));
	ASSERT_OK(receive(self->server, CAPS_ANY_PORT, &m));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_TRUE(readable(self->server));
	ASSERT_OK(receive(self->server, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, m.header.kind);
}

/* A waiting receiver gets it; the next one what came behind. */
TEST_F(told, to_those_who_wait)
{
	struct message m[2];
	struct caps_receive r[2];
	struct background b[2];
	unsigned int i, rounds = test_scale(50), first;
	__u64 cap, badge;

	offer(self, TOLD);
	for (i = 0; i < rounds; i++) {
		for (first = 0; first < 2; first++) {
			r[first] = receive_of(&m[first], self->port, grace());
			background_start(&b[first], self->server, CAPS_RECEIVE,
					 &r[first]);
			background_settle(&b[first]);
		}
		ASSERT_OK(join(self->client, &cap));
		ASSERT_OK(send_text(self->client, cap, "hello"));
		badge = badge_of(self->client, cap);
		ASSERT_OK(background_join(&b[0]));
		ASSERT_OK(background_join(&b[1]));
		first = r[0].header.kind != CAPS_KIND_CONNECTED;
		EXPECT_EQ(CAPS_KIND_CONNECTED, r[first].header.kind);
		EXPECT_EQ(CAPS_KIND_SEND, r[!first].header.kind);
		EXPECT_LT(r[first].header.sequence, r[!first].header.sequence);
		EXPECT_EQ(badge, r[0].header.badge);
		EXPECT_EQ(badge, r[1].header.badge);
		ASSERT_OK(cap_close(self->client, cap));
		EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	}
}

/* In a batch as everything else. */
TEST_F(told, in_a_batch)
{
	struct caps_receive entries[8] = { 0 };
	struct caps_receive_batch b = {
		.port = self->port, .deadline = grace(), .count = 8,
		.entries = (uintptr_t)entries,
	};
	__u64 cap, badge;

	offer(self, TOLD);
	ASSERT_OK(join(self->client, &cap));
	badge = badge_of(self->client, cap);
	ASSERT_OK(send_text(self->client, cap, ""));
	ASSERT_OK(cap_close(self->client, cap));
	ASSERT_OK(caps_ioctl(self->server, CAPS_RECEIVE_BATCH, &b));
	ASSERT_EQ(3, b.received);
	EXPECT_EQ(CAPS_KIND_CONNECTED, entries[0].header.kind);
	EXPECT_EQ(CAPS_KIND_SEND, entries[1].header.kind);
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, entries[2].header.kind);
	EXPECT_EQ(badge, entries[2].header.badge);
	EXPECT_EQ(3, entries[2].header.sequence);
}

/* What could not be written comes again. */
TEST_F(told, again_after_a_fault)
{
	struct caps_receive *r = read_only(sizeof(*r));
	__u64 badge, cap;

	offer(self, TOLD);
	ASSERT_OK(join(self->client, &cap));
	badge = badge_of(self->client, cap);
	ASSERT_OK(port_enable(self->server, self->port, 0));
	EXPECT_ERR(EFAULT, caps_ioctl(self->server, CAPS_RECEIVE, r));
	EXPECT_EQ(0, port_info(self->server, self->port).sequence);
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(self, badge));
	ASSERT_OK(cap_close(self->client, cap));
	EXPECT_ERR(EFAULT, caps_ioctl(self->server, CAPS_RECEIVE, r));
	EXPECT_EQ(CAPS_KIND_DISCONNECTED, next(self, badge));
	EXPECT_EQ(0, next(self, badge));
}

/* --- what stays behind: nothing, see the fixture ------------------------- */

/* A server that goes, with both kinds in its list. */
TEST_F(told, nobody_any_more)
{
	__u64 kept, gone;

	offer(self, TOLD);
	ASSERT_OK(join(self->client, &kept));
	ASSERT_OK(join(self->client, &gone));
	ASSERT_OK(cap_close(self->client, gone));
	ASSERT_OK(port_delete(self->server, self->port));
	ASSERT_OK(cap_close(self->client, kept));
}

/* What a server did not fetch is charged to who connected. */
TEST_F(told, at_the_cost_of_the_client)
{
	struct child c;
	unsigned int i;
	__u64 cap;

	offer(self, TOLD);
	parameter_set(&self->before, "max_connections", 10);
	if (child_start(&c)) {
		int own;

		become_member(1001);
		own = actor_open();
		for (i = 0; i < 10; i++) {
			ASSERT_OK(join(own, &cap));
			ASSERT_OK(cap_close(own, cap));
		}
		EXPECT_ERR(EDQUOT, join(own, &cap));
		say(&c, 0);
		hear(&c);
		EXPECT_OK(join(own, &cap));
		EXPECT_OK(cap_close(own, cap));
		CHILD_END();
	}
	hear(&c);
	/* Another user's have room. */
	EXPECT_OK(join(self->client, &cap));
	EXPECT_OK(cap_close(self->client, cap));
	EXPECT_EQ(CAPS_KIND_CONNECTED, next(self, CAPS_BADGE_KERNEL | 1));
	for (i = 0; next(self, CAPS_BADGE_KERNEL | 1) !=
	     CAPS_KIND_DISCONNECTED && i < 100; i++)
		;
	EXPECT_LT(i, 100);
	say(&c, 0);
	EXPECT_OK(child_wait(&c));
}

TEST_HARNESS_MAIN
