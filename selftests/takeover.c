// SPDX-License-Identifier: GPL-2.0
/*
 * A service goes to another server with all it has: its name, its queue, its
 * connections and what is to be told of them. No client notices.
 */
#include "caps_memory.h"
#include "caps_migrate.h"
#include "caps_names.h"

#define NAME	"taken"

FIXTURE(takeover) {
	struct before before;
	struct move m;
	__u64 cap;		/* the client's connection */
};

FIXTURE_SETUP(takeover)
{
	before_take(&self->before);
	self->m = move_prepare();
}

FIXTURE_TEARDOWN(takeover)
{
	move_end(&self->m);
	before_check(_metadata, &self->before);
}

static void offer(FIXTURE_DATA(takeover) * self, __u32 flags, __u32 limit)
{
	struct caps_register r = {
		.port = self->m.port, .name = (uintptr_t)NAME,
		.name_len = strlen(NAME), .gid = ANY, .flags = flags,
		.operations = CAPS_ALL_OPERATIONS, .in_flight = limit,
	};

	need(caps_ioctl(self->m.old, CAPS_REGISTER, &r), "CAPS_REGISTER");
	need(service_connect(self->m.client, NAME, 0, ~0ull, &self->cap),
	     "CAPS_CONNECT");
}

static __u64 badge_of(int fd, __u64 cap)
{
	struct caps_capability_info i;

	need(cap_info(fd, cap, &i), "CAPS_CAPABILITY_INFO");
	return i.badge;
}

#define EXPECT_KIND(fd, port, what, whose) do {				\
	struct message __next;						\
									\
	EXPECT_OK(receive_now(fd, port, &__next));			\
	EXPECT_EQ(what, __next.header.kind);				\
	EXPECT_EQ(whose, __next.header.badge);				\
} while (0)

/* The old connection and the name both lead to the new server. */
TEST_F(takeover, of_name_and_connections)
{
	struct move *m = &self->m;
	__u64 badge, other;

	offer(self, CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED, 0);
	badge = badge_of(m->client, self->cap);
	EXPECT_OK(send_text(m->client, self->cap, "before"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(send_text(m->client, self->cap, "after"));
	EXPECT_OK(service_connect(m->client, NAME, 0, ~0ull, &other));
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_CONNECTED, badge);
	EXPECT_NEXT(m->new, m->arrived, "before");
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_SEND, badge);
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_CONNECTED,
		    badge_of(m->client, other));
	EXPECT_OK(cap_close(m->client, self->cap));
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_DISCONNECTED, badge);
	EXPECT_ERR(EAGAIN, receive_now(m->new, m->arrived,
				       &(struct message){}));
	/* It is the new server's to give up. */
	EXPECT_ERR(EPERM, service_unregister(m->old, NAME));
	EXPECT_OK(service_unregister(m->new, NAME));
}

/* What is dropped with the queue does not take the events along. */
TEST_F(takeover, without_the_queue)
{
	struct move *m = &self->m;
	__u64 badge;

	offer(self, CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED, 0);
	badge = badge_of(m->client, self->cap);
	EXPECT_OK(send_text(m->client, self->cap, "dropped"));
	EXPECT_OK(cap_close(m->client, self->cap));
	ASSERT_OK(move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(1, m->dropped);
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_CONNECTED, badge);
	EXPECT_KIND(m->new, m->arrived, CAPS_KIND_DISCONNECTED, badge);
}

/* What a connection has on its way counts on, wherever it is received. */
TEST_F(takeover, of_what_is_on_its_way)
{
	struct move *m = &self->m;
	struct message held, next;
	__u64 id;
	int i;

	offer(self, 0, 3);
	ASSERT_OK(call_async(m->client, self->cap, 0, "held", &id));
	ASSERT_OK(receive_now(m->old, m->port, &held));
	for (i = 0; i < 2; i++)
		EXPECT_OK(send_text(m->client, self->cap, "queued"));
	EXPECT_ERR(EAGAIN, send_text(m->client, self->cap, "too many"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_ERR(EAGAIN, send_text(m->client, self->cap, "too many"));
	EXPECT_OK(receive_now(m->new, m->arrived, &next));
	EXPECT_OK(send_text(m->client, self->cap, "one more"));
	EXPECT_ERR(EAGAIN, send_text(m->client, self->cap, "too many"));
	EXPECT_OK(reply_text(m->old, held.header.id, 0, "answer"));
	EXPECT_OK(send_text(m->client, self->cap, "one more"));
	EXPECT_ERR(EAGAIN, send_text(m->client, self->cap, "too many"));
}

/* Its number stays, who waits for another goes on waiting. */
TEST_F(takeover, of_the_generation)
{
	struct caps_generation g = {
		.generation = 5, .deadline = grace(),
		.flags = CAPS_GENERATION_WAIT,
	};
	struct move *m = &self->m;
	struct caps_generation_set s = { .capability = m->port };
	struct background b;

	s.generation = 5;
	ASSERT_OK(caps_ioctl(m->old, CAPS_GENERATION_SET, &s));
	offer(self, 0, 0);
	g.capability = self->cap;
	background_start(&b, m->client, CAPS_GENERATION, &g);
	background_settle(&b);
	ASSERT_OK(move_go(m, 0));
	s.generation = 6;
	EXPECT_ERR(EPERM, caps_ioctl(m->old, CAPS_GENERATION_SET, &s));
	EXPECT_TRUE(eventually(asleep(b.tid)));
	s.capability = m->arrived;
	EXPECT_OK(caps_ioctl(m->new, CAPS_GENERATION_SET, &s));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(6, g.generation);
}

/* --- while it is told ---------------------------------------------------- */

static void protect(struct region *r, bool write)
{
	struct uffdio_writeprotect w = {
		.range = { (uintptr_t)r->map + page_size(), page_size() },
		.mode = write ? 0 : UFFDIO_WRITEPROTECT_MODE_WP,
	};

	need(sys(ioctl(r->fd, UFFDIO_WRITEPROTECT, &w)), "UFFDIO_WRITEPROTECT");
}

/* Can be read, but who writes the header stands still. */
static struct caps_receive *half_mapped(struct region *r, __u64 port)
{
	const size_t len = 2 * page_size();
	struct uffdio_register all = {
		.mode = UFFDIO_REGISTER_MODE_MISSING |
			UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_zeropage zero = { .range.len = len };
	struct caps_receive *receive;

	if (!uffd_start(r, len))
		return NULL;
	all.range.start = (uintptr_t)r->map;
	all.range.len = len;
	need(sys(ioctl(r->fd, UFFDIO_REGISTER, &all)), "UFFDIO_REGISTER");
	zero.range.start = (uintptr_t)r->map;
	need(sys(ioctl(r->fd, UFFDIO_ZEROPAGE, &zero)), "UFFDIO_ZEROPAGE");
	receive = (void *)(r->map + page_size() -
			   offsetof(struct caps_receive, header));
	receive->port = port;
	receive->deadline = CAPS_FOREVER;
	protect(r, false);
	return receive;
}

/*
 * Who is told while the port moves has it, if it can be written; else who has
 * the port, before all that came after it.
 */
TEST_F(takeover, of_what_is_just_told)
{
	struct move *m = &self->m;
	struct caps_receive *receive;
	struct background b;
	struct region r;
	__u64 badge, cap;
	int fails;

	for (fails = 0; fails < 2; fails++) {
		receive = half_mapped(&r, m->port);
		if (!receive)
			SKIP(return, "no userfaultfd");
		offer(self, CAPS_REGISTER_CONNECTED, 0);
		badge = badge_of(m->client, self->cap);
		background_start(&b, m->old, CAPS_RECEIVE, receive);
		ASSERT_TRUE(eventually(region_touched(&r)));
		EXPECT_OK(send_text(m->client, self->cap, "first"));
		ASSERT_OK(move_go(m, 0));
		EXPECT_EQ(1, m->sequence);
		if (fails) {
			region_end(&r);
			EXPECT_ERR(EFAULT, background_join(&b));
			EXPECT_KIND(m->new, m->arrived, CAPS_KIND_CONNECTED,
				    badge);
		} else {
			protect(&r, true);
			EXPECT_OK(background_join(&b));
			EXPECT_EQ(badge, receive->header.badge);
			EXPECT_EQ(1, receive->header.sequence);
			region_end(&r);
		}
		EXPECT_EQ(1 + fails, port_info(m->new, m->arrived).sequence);
		EXPECT_NEXT(m->new, m->arrived, "first");
		cap = m->port;
		m->port = port_new(m->old);
		EXPECT_OK(service_unregister(m->new, NAME));
		EXPECT_OK(cap_close(m->old, cap));
	}
}

/* --- between processes, all the time ------------------------------------- */

#define TURN	10	/* calls before the other server has it */

/* Serves what it has, and gives it to the other after its turn. */
static void serve(struct child *c, int fd, __u64 other)
{
	unsigned int served = 0;
	struct message m;
	__u64 port = 0;

	for (;;) {
		need(receive(fd, CAPS_ANY_PORT, &m), "CAPS_RECEIVE");
		switch (m.header.kind) {
		case CAPS_KIND_PORT_ARRIVED:
			port = m.header.address;
			need(port_enable(fd, port, 1), "CAPS_PORT_ENABLE");
			break;
		case CAPS_KIND_CALL:
			need(reply_text(fd, m.header.id, getpid(), m.body),
			     "CAPS_REPLY");
			if (++served % TURN)
				break;
			need(port_migrate(fd, port, other, 0, NULL, NULL),
			     "CAPS_PORT_MIGRATE");
			need(cap_close(fd, port), "CAPS_CLOSE");
			break;
		case CAPS_KIND_DISCONNECTED:
			say(c, m.header.badge);
			break;
		default:
			die("kind %u", m.header.kind);
		}
	}
}

static void server_main(struct child *c, bool first)
{
	int fd = actor_open(), theirs;
	__u64 port, other;

	say_fd(c, cap_export(fd, actor_self(fd)));
	theirs = hear_fd(c);
	need(cap_import(fd, theirs, &other), "CAPS_IMPORT");
	need(port_enable(fd, CAPS_DEFAULT_PORT, 0), "CAPS_PORT_ENABLE");
	if (first) {
		port = port_new(fd);
		need(service_register(fd, port, NAME,
				      CAPS_REGISTER_DISCONNECTED, ~0ull),
		     "CAPS_REGISTER");
		say(c, 1);
		need(port_migrate(fd, port, other, 0, NULL, NULL),
		     "CAPS_PORT_MIGRATE");
	}
	serve(c, fd, other);
}

static __u64 hear_either(struct child c[2])
{
	struct pollfd p[2] = {
		{ .fd = c[0].line, .events = POLLIN },
		{ .fd = c[1].line, .events = POLLIN },
	};

	if (poll(p, 2, GRACE_MS) < 1)
		die("no server says anything");
	return hear(&c[!p[0].revents]);
}

TEST_F(takeover, between_processes)
{
	unsigned int i, rounds = test_scale(500), at[2] = { 0 };
	int client = self->m.client, fd[2];
	char text[16], answer[16];
	struct caps_call call;
	struct child c[2];
	__u64 badge;

	for (i = 0; i < 2; i++) {
		if (child_start(&c[i])) {
			server_main(&c[i], !i);
			_exit(1);
		}
		fd[i] = hear_fd(&c[i]);
	}
	for (i = 0; i < 2; i++)
		say_fd(&c[i], fd[!i]);
	close(fd[0]);
	close(fd[1]);
	hear(&c[0]);
	need(service_connect(client, NAME, 0, ~0ull, &self->cap),
	     "CAPS_CONNECT");
	badge = badge_of(client, self->cap);
	for (i = 0; i < rounds; i++) {
		snprintf(text, sizeof(text), "%u", i);
		call = call_of(self->cap, text);
		call.reply = data_of(answer, sizeof(answer));
		ASSERT_OK(caps_ioctl(client, CAPS_CALL, &call));
		EXPECT_EQ(strlen(text), call.reply_body_len);
		EXPECT_EQ(0, memcmp(text, answer, strlen(text)));
		at[call.status == c[1].pid]++;
	}
	EXPECT_EQ(rounds, at[0] + at[1]);
	if (rounds >= 2 * TURN) {
		EXPECT_LE(TURN, at[0]);
		EXPECT_LE(TURN, at[1]);
	}
	ASSERT_OK(cap_close(client, self->cap));
	EXPECT_EQ(badge, hear_either(c));
	child_kill(&c[0]);
	child_kill(&c[1]);
}

TEST_HARNESS_MAIN
