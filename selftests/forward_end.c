// SPDX-License-Identifier: GPL-2.0
/*
 * How forwarded calls end: their sender is told as if a server had them, wherever
 * they are.
 */
#include "caps_forward.h"

/* --- the second server never sees it ------------------------------------- */

TEST_F(forward, second_server_dies)
{
	QUEUE_FORWARDED(self);
	close(self->b);
	EXPECT_ERR(ECONNRESET, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
}

TEST_F(forward, second_port_is_deleted)
{
	struct message m;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "x", &id));
	QUEUE_FORWARDED(self);
	pass_next(self->a, self->door, self->next);
	EXPECT_OK(port_delete(self->b, self->room));
	EXPECT_ERR(ECONNRESET, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
	EXPECT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(ECONNRESET, m.header.error);
}

TEST_F(forward, badge_is_revoked)
{
	struct caps_revoke r = {
		.capability = self->room, .badge = BADGE_B,
		.flags = CAPS_REVOKE_BADGE,
	};

	QUEUE_FORWARDED(self);
	EXPECT_OK(caps_ioctl(self->b, CAPS_REVOKE, &r));
	EXPECT_EQ(1, r.dropped);
	EXPECT_ERR(ECONNRESET, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
}

/* Of the capabilities that it came through only the last one matters. */
TEST_F(forward, first_badge_is_revoked)
{
	struct caps_revoke r = {
		.capability = self->door, .badge = BADGE_A,
		.flags = CAPS_REVOKE_BADGE,
	};
	struct message m;

	QUEUE_FORWARDED(self);
	EXPECT_OK(caps_ioctl(self->a, CAPS_REVOKE, &r));
	r = (struct caps_revoke){ .capability = self->door };
	EXPECT_OK(caps_ioctl(self->a, CAPS_REVOKE, &r));
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_OK(reply_text(self->b, m.header.id, 8, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(8, self->call.status);
}

/* What its owner puts there itself is exempt from revoking all. */
TEST_F(forward, owner_revokes)
{
	__u64 inner = port_new(self->a);
	struct caps_revoke r = { .capability = inner };
	struct message m;

	EXPECT_OK(caps_ioctl(self->a, CAPS_REVOKE, &r));
	START_CALL(self);
	pass_next(self->a, self->door, inner);
	EXPECT_OK(caps_ioctl(self->a, CAPS_REVOKE, &r));
	EXPECT_EQ(0, r.dropped);
	EXPECT_OK(receive(self->a, inner, &m));
	EXPECT_OK(reply_text(self->a, m.header.id, 2, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(2, self->call.status);
}

TEST_F(forward, second_server_drops_it)
{
	struct message m;

	QUEUE_FORWARDED(self);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_OK(discard(self->b, m.header.id));
	EXPECT_ERR(ECONNRESET, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
}

/* The first server is of no account any more. */
TEST_F(forward, first_server_dies)
{
	struct message m;

	QUEUE_FORWARDED(self);
	close(self->a);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_OK(reply_text(self->b, m.header.id, 1, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(1, self->call.status);
}

/* --- the caller leaves --------------------------------------------------- */

TEST_F(forward, deadline)
{
	struct message m;

	self->call.deadline = in_ms(300);
	QUEUE_FORWARDED(self);
	EXPECT_ERR(ETIMEDOUT, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
	EXPECT_ERR(EAGAIN, receive_now(self->b, self->room, &m));
	EXPECT_EQ(0, port_info(self->b, self->room).users);
	EXPECT_ERR(EAGAIN, receive_now(self->a, self->door, &m));
}

static void nothing(int sig)
{
	(void)sig;
}

/* Processor time that a thread has used, in milliseconds. */
static long thread_ms(pthread_t thread)
{
	struct timespec t;
	clockid_t clock;

	need(-pthread_getcpuclockid(thread, &clock), "pthread_getcpuclockid");
	need(sys(clock_gettime(clock, &t)), "clock_gettime");
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * A signal neither ends nor restarts the wait: it was taken once. Nor does the
 * caller look again and again meanwhile whether it may leave.
 */
TEST_F(forward, signal)
{
	struct sigaction action = {
		.sa_handler = nothing, .sa_flags = SA_RESTART,
	};
	struct message m;

	sigaction(SIGUSR1, &action, NULL);
	START_CALL(self);
	/* It sleeps as one that no server has; nobody wakes it to tell. */
	background_settle(&self->caller);
	pass_next(self->a, self->door, self->next);
	pthread_kill(self->caller.thread, SIGUSR1);
	sleep_ms(200);
	EXPECT_GT(100, thread_ms(self->caller.thread));
	EXPECT_EQ(1, port_info(self->b, self->room).queued);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_OK(reply_text(self->b, m.header.id, 1, ""));
	EXPECT_OK(background_join(&self->caller));
	EXPECT_EQ(1, port_info(self->a, self->door).sequence);
}

TEST_F(forward, interruptible)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	self->call.flags = CAPS_INTERRUPTIBLE;
	QUEUE_FORWARDED(self);
	pthread_kill(self->caller.thread, SIGUSR1);
	EXPECT_ERR(EINTR, background_join(&self->caller));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);
	EXPECT_EQ(0, port_info(self->b, self->room).queued);
}

/* Queued it vanishes; taken again, the second server is told. */
TEST_F(forward, aborted)
{
	struct message m, notice;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "x", &id));
	pass_next(self->a, self->door, self->next);
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_EQ(0, port_info(self->b, self->room).queued);

	EXPECT_OK(call_async(self->client, self->cap, 0, "x", &id));
	pass_next(self->a, self->door, self->next);
	EXPECT_OK(receive(self->b, self->room, &m));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_OK(receive(self->b, self->room, &notice));
	EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
	EXPECT_EQ(m.header.id, notice.header.id);
	EXPECT_ERR(ECANCELED, reply_text(self->b, m.header.id, 0, ""));
	EXPECT_ERR(EAGAIN, receive_now(self->a, self->door, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
}

TEST_F(forward, caller_is_killed)
{
	struct child c;
	struct message m;
	int from;

	if (child_start(&c)) {
		struct caps_call call = { .deadline = CAPS_FOREVER };
		int fd = actor_open();
		__u64 id;

		need(cap_import(fd, hear_fd(&c), &call.capability), "import");
		need(call_async(fd, call.capability, 0, "x", &id), "async");
		caps_ioctl(fd, CAPS_CALL, &call);
		_exit(1);
	}
	from = cap_export(self->client, self->cap);
	say_fd(&c, from);
	close(from);
	pass_next(self->a, self->door, self->next);
	pass_next(self->a, self->door, self->next);
	EXPECT_EQ(2, port_info(self->b, self->room).queued);
	child_kill(&c);
	EXPECT_TRUE(eventually(!port_info(self->b, self->room).queued));
	EXPECT_ERR(EAGAIN, receive_now(self->b, self->room, &m));
}

/* It leaves while the second server stands in the middle of receiving. */
TEST_F(forward, leaves_while_it_is_delivered)
{
	struct caps_receive r = { .port = self->room, .deadline = grace() };
	struct background receiver;
	struct region region;
	__u64 id;

	if (!uffd_start(&region, 4096))
		SKIP(return, "no userfaultfd");
	r.buffer = data_of(region.map, 4096);
	background_start(&receiver, self->b, CAPS_RECEIVE, &r);
	background_settle(&receiver);
	EXPECT_OK(call_async(self->client, self->cap, 0, "first", &id));
	pass_next(self->a, self->door, self->next);
	EXPECT_TRUE(eventually(region_touched(&region)));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(self->client, id));
	EXPECT_OK(call_async(self->client, self->cap, 0, "second", &id));
	pass_next(self->a, self->door, self->next);
	region_answer(&region);
	EXPECT_OK(background_join(&receiver));
	EXPECT_EQ(0, memcmp("second", region.map, 6));
	EXPECT_EQ(0, port_info(self->b, self->room).queued);
	EXPECT_OK(discard(self->b, r.header.id));
}

TEST_HARNESS_MAIN
