// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: one event when a port or its owner dies, and none of one that was
 * withdrawn in time; whoever else dies meanwhile, nothing is left behind.
 */
#include <pthread.h>

#include "caps_state.h"

FIXTURE(watch) {
	struct before before;
	struct pair p;
};

FIXTURE_SETUP(watch)
{
	before_take(&self->before);
	self->p = pair_open();
}

FIXTURE_TEARDOWN(watch)
{
	close(self->p.server);
	close(self->p.client);
	before_check(_metadata, &self->before);
}

static long set_watch(int fd, __u64 cap, __u64 source, __u64 *id)
{
	struct caps_watch w = { .capability = cap, .source = source };
	long ret = caps_ioctl(fd, CAPS_WATCH, &w);

	*id = w.id;
	return ret;
}

/* The event, and nothing behind it. */
static void expect_death(struct __test_metadata *_metadata, int fd, __u64 port,
			 __u64 id)
{
	struct message m;

	EXPECT_OK(receive(fd, port, &m));
	EXPECT_EQ(CAPS_KIND_PORT_DEAD, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(0, m.header.flags);
	EXPECT_EQ(0, m.header.badge);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_ERR(EAGAIN, receive_now(fd, port, &m));
	EXPECT_EQ(0, actor_info(fd).pending);
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(fd, id));
}

TEST_F(watch, port_is_deleted)
{
	struct message m;
	__u64 id;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &id));
	EXPECT_NE(0, id);
	EXPECT_EQ(1, actor_info(self->p.client).pending);
	EXPECT_ERR(EAGAIN, receive_now(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
}

TEST_F(watch, owner_dies)
{
	__u64 source = port_new(self->p.client), id;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, source, &id));
	EXPECT_OK(port_enable(self->p.client, source, 0));
	EXPECT_FALSE(readable(self->p.client));
	close(self->p.server);
	EXPECT_TRUE(eventually(readable(self->p.client)));
	expect_death(_metadata, self->p.client, source, id);
}

/* Through a capability to the actor; deleting its ports is not its death. */
TEST_F(watch, actor_dies)
{
	__u64 self_cap = actor_self(self->p.server), cap, id;

	cap = cap_give(self->p.server, self_cap, self->p.client);
	EXPECT_OK(set_watch(self->p.client, cap, 0, &id));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_EQ(1, actor_info(self->p.client).pending);
	EXPECT_FALSE(readable(self->p.client));
	close(self->p.server);
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
	EXPECT_OK(set_watch(self->p.client, cap, 0, &id));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
}

TEST_F(watch, killed)
{
	struct child c;
	__u64 cap, id;

	cap = echo_server(&c, self->p.client);
	EXPECT_OK(set_watch(self->p.client, cap, 0, &id));
	child_kill(&c);
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
}

/* It comes at once: nobody has to look first. */
TEST_F(watch, dead_already)
{
	__u64 id;

	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &id));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
	EXPECT_OK(set_watch(self->p.server, self->p.port, 0, &id));
	expect_death(_metadata, self->p.server, CAPS_DEFAULT_PORT, id);
}

TEST_F(watch, withdrawn)
{
	struct message m;
	__u64 id, other;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &id));
	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &other));
	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(self->p.client, id));
	EXPECT_EQ(CAPS_ABORT_UNKNOWN, abort_call(self->p.client, id));
	EXPECT_EQ(1, actor_info(self->p.client).pending);
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_EQ(CAPS_ABORT_ANSWERED, abort_call(self->p.client, other));
	EXPECT_EQ(CAPS_ABORT_ANSWERED, abort_call(self->p.client, other));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, other);
	EXPECT_ERR(EAGAIN, receive_now(self->p.client, CAPS_DEFAULT_PORT, &m));
}

/* A queue that has no room has some for what was asked for. */
TEST_F(watch, needs_no_room)
{
	__u64 source = port_new_limit(self->p.client, 2), ids[20];
	struct message m;
	int i;

	EXPECT_OK(send_text(self->p.client, source, "full"));
	EXPECT_ERR(EAGAIN, send_text(self->p.client, source, "full"));
	for (i = 0; i < 20; i++)
		EXPECT_OK(set_watch(self->p.client, self->p.cap, source,
				    &ids[i]));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_OK(receive(self->p.client, source, &m));
	EXPECT_STREQ("full", m.body);
	for (i = 0; i < 20; i++) {
		EXPECT_OK(receive_now(self->p.client, source, &m));
		EXPECT_EQ(ids[i], m.header.id);
	}
	EXPECT_EQ(0, actor_info(self->p.client).pending);
}

/* The default port has what its source port cannot get, or could not keep. */
TEST_F(watch, source_is_deleted)
{
	__u64 first = port_new(self->p.client), id;
	__u64 second = port_new(self->p.client), other;
	struct message m;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, first, &id));
	EXPECT_OK(set_watch(self->p.client, self->p.cap, second, &other));
	EXPECT_OK(port_delete(self->p.client, first));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_ERR(EAGAIN, receive_now(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_OK(port_delete(self->p.client, second));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, other);
}

/* The errors of what was queued there come first. */
TEST_F(watch, comes_last)
{
	__u64 id, calls[3];
	struct message m;
	int i;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &id));
	for (i = 0; i < 3; i++)
		EXPECT_OK(call_async(self->p.client, self->p.cap, 0, "x",
				     &calls[i]));
	close(self->p.server);
	for (i = 0; i < 3; i++) {
		EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
		EXPECT_EQ(calls[i], m.header.id);
		EXPECT_EQ(EPIPE, m.header.error);
	}
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
}

/* It outlives the capability, and does not keep the port. */
TEST_F(watch, capability_is_closed_or_revoked)
{
	struct caps_revoke r = { .capability = self->p.port };
	__u64 id, cap;

	EXPECT_OK(set_watch(self->p.client, self->p.cap, 0, &id));
	EXPECT_OK(caps_ioctl(self->p.server, CAPS_REVOKE, &r));
	EXPECT_EQ(1, actor_info(self->p.client).pending);
	EXPECT_ERR(EKEYREVOKED, set_watch(self->p.client, self->p.cap, 0,
					  &cap));
	EXPECT_OK(cap_close(self->p.client, self->p.cap));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	expect_death(_metadata, self->p.client, CAPS_DEFAULT_PORT, id);
	/* Its owner's own handle was never revoked. */
	EXPECT_OK(set_watch(self->p.server, self->p.port, 0, &id));
	expect_death(_metadata, self->p.server, CAPS_DEFAULT_PORT, id);
}

TEST_F(watch, refused)
{
	struct caps_watch w = { .capability = self->p.cap, .flags = 1 };
	__u64 weak, id;

	EXPECT_ERR(EBADF, set_watch(self->p.client, 12345, 0, &id));
	EXPECT_OK(cap_dup(self->p.client, self->p.cap, CAPS_RIGHT_SEND, 1,
			  &weak));
	EXPECT_ERR(EPERM, set_watch(self->p.client, weak, 0, &id));
	EXPECT_OK(cap_dup(self->p.server, actor_self(self->p.server),
			  CAPS_RIGHT_SEND, 0, &weak));
	EXPECT_ERR(EPERM, set_watch(self->p.server, weak, 0, &id));
	EXPECT_ERR(EPERM, set_watch(self->p.client, self->p.cap, self->p.cap,
				    &id));
	EXPECT_ERR(EBADF, set_watch(self->p.client, self->p.cap, 12345, &id));
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.client, CAPS_WATCH, &w));
	EXPECT_EQ(0, actor_info(self->p.client).pending);
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_FALSE(readable(self->p.client));
}

/* Paid for when it is set, and not when it is due. */
TEST_F(watch, charged)
{
	long before = live_count("messages"), n;
	__u64 id, cap = cap_give(self->p.server, self->p.port, self->p.client);

	parameter_set(&self->before, "max_messages", before + 5);
	for (n = 0; !set_watch(self->p.client, cap, 0, &id); n++)
		EXPECT_GT(6, n);
	EXPECT_EQ(5, n);
	EXPECT_ERR(EDQUOT, set_watch(self->p.client, cap, 0, &id));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	for (; n; n--)
		EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT,
				  &(struct message){}));
}

/* Who watches dies first: what the watch was made of is free at once. */
TEST_F(watch, watcher_dies)
{
	long before = live_count("messages");
	struct child c;
	__u64 cap, id;
	int i, from;

	if (child_start(&c)) {
		int fd = actor_open();

		need(cap_import(fd, hear_fd(&c), &cap), "CAPS_IMPORT");
		for (i = 0; i < 100; i++)
			need(set_watch(fd, cap, 0, &id), "CAPS_WATCH");
		say(&c, 1);
		pause();
	}
	from = cap_export(self->p.server, self->p.port);
	say_fd(&c, from);
	close(from);
	hear(&c);
	EXPECT_LE(before + 100, live_count("messages"));
	child_kill(&c);
	EXPECT_TRUE(eventually(live_count("messages") == before));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
}

/* Nobody is left to be told of one's own death. */
TEST_F(watch, oneself)
{
	__u64 port = port_new(self->p.server), id;

	EXPECT_OK(set_watch(self->p.server, actor_self(self->p.server), 0,
			    &id));
	EXPECT_OK(set_watch(self->p.server, CAPS_DEFAULT_PORT, port, &id));
	EXPECT_OK(set_watch(self->p.server, self->p.port, port, &id));
	EXPECT_EQ(3, actor_info(self->p.server).pending);
	EXPECT_OK(set_watch(self->p.server, port, port, &id));
	EXPECT_OK(port_delete(self->p.server, port));
	EXPECT_EQ(4, actor_info(self->p.server).pending);
	EXPECT_OK(receive(self->p.server, CAPS_DEFAULT_PORT,
			  &(struct message){}));
	EXPECT_EQ(3, actor_info(self->p.server).pending);
}

/* Either it is withdrawn or it comes, and never both. */
TEST_F(watch, withdrawn_while_the_port_dies)
{
	struct caps_port_ref ref = { 0 };
	struct background deleter;
	struct message m;
	int in_time = 0, late = 0;
	unsigned int i;
	__u64 cap, id;
	long ret;

	for (i = 0; i < test_scale(3000); i++) {
		ref.capability = port_new(self->p.server);
		cap = cap_give(self->p.server, ref.capability, self->p.client);
		need(set_watch(self->p.client, cap, 0, &id), "CAPS_WATCH");
		background_start(&deleter, self->p.server, CAPS_PORT_DELETE,
				 &ref);
		for (unsigned int n = i % 40 * 300; n; n--)
			__asm__ volatile("pause");
		ret = abort_call(self->p.client, id);
		EXPECT_OK(background_join(&deleter));
		if (ret == CAPS_ABORT_BEFORE) {
			in_time++;
			ASSERT_ERR(EAGAIN, receive_now(self->p.client,
						       CAPS_DEFAULT_PORT, &m));
		} else {
			late++;
			ASSERT_EQ(CAPS_ABORT_ANSWERED, ret);
			ASSERT_OK(receive_now(self->p.client,
					      CAPS_DEFAULT_PORT, &m));
			ASSERT_EQ(id, m.header.id);
		}
		cap_close(self->p.client, cap);
		cap_close(self->p.server, ref.capability);
	}
	EXPECT_EQ(0, actor_info(self->p.client).pending);
	TH_LOG("%d in time, %d late", in_time, late);
}

/* Both sides die at any moment, by SIGKILL, and whoever lives is told. */
TEST_F(watch, all_die)
{
	struct child servers[2], watchers[3];
	struct message m;
	__u64 caps[2], id;
	unsigned int n;
	int i, k, fd;

	for (n = 0; n < test_scale(100); n++) {
		for (k = 0; k < 2; k++)
			caps[k] = echo_server(&servers[k], self->p.client);
		for (i = 0; i < 3; i++) {
			if (child_start(&watchers[i])) {
				__u64 mine[2];

				fd = actor_open();
				for (k = 0; k < 2; k++)
					need(cap_import(fd, hear_fd(&watchers[i]),
							&mine[k]), "import");
				for (k = 0;; k++) {
					need(set_watch(fd, mine[k % 2], 0, &id),
					     "CAPS_WATCH");
					if (k % 3 == 0)
						abort_call(fd, id);
					if (k == 20)
						say(&watchers[i], 1);
					receive_now(fd, CAPS_DEFAULT_PORT, &m);
				}
			}
			for (k = 0; k < 2; k++) {
				fd = cap_export(self->p.client, caps[k]);
				say_fd(&watchers[i], fd);
				close(fd);
			}
		}
		for (k = 0; k < 2; k++)
			EXPECT_OK(set_watch(self->p.client, caps[k], 0, &id));
		for (i = 0; i < 3; i++)
			hear(&watchers[i]);
		for (i = 0; i < 3; i++) {
			kill(watchers[(n + i) % 3].pid, SIGKILL);
			if (i < 2)
				kill(servers[i].pid, SIGKILL);
		}
		for (k = 0; k < 2; k++) {
			ASSERT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
			EXPECT_EQ(CAPS_KIND_PORT_DEAD, m.header.kind);
			EXPECT_OK(cap_close(self->p.client, caps[k]));
			child_wait(&servers[k]);
			close(servers[k].line);
		}
		for (i = 0; i < 3; i++) {
			child_wait(&watchers[i]);
			close(watchers[i].line);
		}
		EXPECT_EQ(0, actor_info(self->p.client).pending);
	}
}

/* What two threads withdraw at once, again and again. */
struct rivals {
	int fd;
	__u64 id;
	pthread_barrier_t turn;
	unsigned int rounds;
	unsigned int outcomes[CAPS_ABORT_AT_SERVER + 1];
};

static void *withdraw(void *arg)
{
	struct rivals *r = arg;
	unsigned int i;

	for (i = 0; i < r->rounds; i++) {
		struct caps_abort a = {};

		pthread_barrier_wait(&r->turn);
		a.id = r->id;
		need(caps_ioctl(r->fd, CAPS_ABORT, &a), "CAPS_ABORT");
		__atomic_add_fetch(&r->outcomes[a.outcome & 3], 1,
				   __ATOMIC_RELAXED);
		pthread_barrier_wait(&r->turn);
	}
	return NULL;
}

/* No message comes, so neither is told that one is on its way. */
TEST_F(watch, withdrawn_by_two)
{
	struct rivals r = {
		.fd = self->p.client, .rounds = test_scale(5000),
	};
	pthread_t threads[2];
	unsigned int i;

	pthread_barrier_init(&r.turn, NULL, 3);
	for (i = 0; i < 2; i++)
		need(-pthread_create(&threads[i], NULL, withdraw, &r),
		     "thread");
	for (i = 0; i < r.rounds; i++) {
		need(set_watch(r.fd, self->p.cap, 0, &r.id), "CAPS_WATCH");
		pthread_barrier_wait(&r.turn);
		pthread_barrier_wait(&r.turn);
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, r.outcomes[CAPS_ABORT_ANSWERED]);
	EXPECT_LE(r.rounds, r.outcomes[CAPS_ABORT_BEFORE]);
	EXPECT_EQ(2 * r.rounds, r.outcomes[CAPS_ABORT_BEFORE] +
				r.outcomes[CAPS_ABORT_UNKNOWN]);
}

TEST_HARNESS_MAIN
