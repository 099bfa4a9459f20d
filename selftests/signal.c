// SPDX-License-Identifier: GPL-2.0
/*
 * Signals during each wait: what restarts, what ends, and what each side is
 * told. The signal is sent to a thread that sleeps in the kernel.
 */
#include "caps_test.h"

static int count;

static void handler(int signal)
{
	(void)signal;
	__atomic_add_fetch(&count, 1, __ATOMIC_RELEASE);
}

/* How many signals have been handled so far. */
static int handled(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

/* Restart system calls after the handler, or let them end? */
static void handle(bool restart)
{
	struct sigaction action = {
		.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0,
	};

	need(sys(sigaction(SIGUSR1, &action, NULL)), "sigaction");
}

FIXTURE(signal)
{
	int fd;			/* the server */
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
	struct caps_call call;
	struct background b;
};

FIXTURE_SETUP(signal)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new_limit(self->fd, 2);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	self->cap = cap_give(self->fd, self->port, self->client);
	self->call = call_of(self->cap, "question");
	self->call.result = ~0u;
}

FIXTURE_TEARDOWN(signal)
{
}

/* Send the signal to the sleeping thread, and see it handled. */
static void interrupt(struct background *b)
{
	int before = handled();

	background_settle(b);
	need(sys(syscall(SYS_tgkill, getpid(), b->tid, SIGUSR1)), "tgkill");
	if (!eventually(handled() != before))
		die("the signal is not handled");
}

static void start_call(FIXTURE_DATA(signal) * self)
{
	background_start(&self->b, self->client, CAPS_CALL, &self->call);
}

static bool queued(FIXTURE_DATA(signal) * self)
{
	return eventually(port_info(self->fd, self->port).queued == 1);
}

/* Not taken: the call starts again, and the server sees it once. */
TEST_F(signal, queued_call_restarts)
{
	struct message m;
	unsigned int i;

	handle(true);
	start_call(self);
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(queued(self));
		interrupt(&self->b);
	}
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("question", m.body);
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
	ASSERT_OK(reply_text(self->fd, m.header.id, 12, ""));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(12, self->call.status);
}

/* Not taken and not to be restarted: it was never there. */
TEST_F(signal, queued_call_ends)
{
	struct message m;

	handle(false);
	start_call(self);
	ASSERT_TRUE(queued(self));
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	EXPECT_EQ(0, self->call.result);
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* However often it restarts, the deadline stays where it was. */
TEST_F(signal, restarts_do_not_move_the_deadline)
{
	__u64 deadline = in_ms(2000);
	int before;

	handle(true);
	self->call.deadline = deadline;
	start_call(self);
	background_settle(&self->b);
	while (now_ns() < deadline) {
		before = handled();
		syscall(SYS_tgkill, getpid(), self->b.tid, SIGUSR1);
		eventually(handled() != before || now_ns() >= deadline);
		sleep_ms(20);
	}
	EXPECT_ERR(ETIMEDOUT, background_join(&self->b));
	EXPECT_EQ(deadline, self->call.deadline);
	EXPECT_EQ(0, self->call.result);
	EXPECT_LT(0, handled());
}

/* A call that waits for room is not taken either. */
TEST_F(signal, call_waiting_for_room)
{
	struct message m;

	handle(false);
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	start_call(self);
	ASSERT_TRUE(eventually(port_info(self->fd, self->port).waiting == 1));
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	EXPECT_EQ(0, self->call.result);
	EXPECT_EQ(0, port_info(self->fd, self->port).waiting);
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
}

/* Taken: the signal waits for the answer. */
TEST_F(signal, taken_call_goes_on)
{
	struct message m, notice;

	handle(false);
	start_call(self);
	ASSERT_OK(receive(self->fd, self->port, &m));
	background_settle(&self->b);
	ASSERT_EQ(0, syscall(SYS_tgkill, getpid(), self->b.tid, SIGUSR1));
	sleep_ms(50);
	EXPECT_EQ(0, handled());
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &notice));
	ASSERT_OK(reply_text(self->fd, m.header.id, 3, ""));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(3, self->call.status);
	EXPECT_EQ(1, handled());
}

/* Taken, but INTERRUPTIBLE: it ends, whatever SA_RESTART says. */
TEST_F(signal, interruptible_call_ends)
{
	struct message m;
	__u64 id;

	handle(true);
	self->call.flags = CAPS_INTERRUPTIBLE;
	start_call(self);
	ASSERT_OK(receive(self->fd, self->port, &m));
	id = m.header.id;
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	EXPECT_EQ(CAPS_RESULT_TAKEN, self->call.result);

	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_ERR(ECANCELED, reply_text(self->fd, id, 0, ""));
}

/* Not taken, INTERRUPTIBLE makes no difference: it restarts. */
TEST_F(signal, interruptible_queued_call_restarts)
{
	struct message m;

	handle(true);
	self->call.flags = CAPS_INTERRUPTIBLE;
	start_call(self);
	ASSERT_TRUE(queued(self));
	interrupt(&self->b);
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(reply_text(self->fd, m.header.id, 2, ""));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(2, self->call.status);
}

/* --- receivers and senders ----------------------------------------------- */

TEST_F(signal, receiver_restarts)
{
	struct message m;
	struct caps_receive r = receive_of(&m, self->port, grace());

	handle(true);
	background_start(&self->b, self->fd, CAPS_RECEIVE, &r);
	interrupt(&self->b);
	interrupt(&self->b);
	ASSERT_OK(send_text(self->client, self->cap, "late"));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(0, memcmp("late", m.body, 4));
}

TEST_F(signal, receiver_ends)
{
	struct message m;
	struct caps_receive r = receive_of(&m, CAPS_ANY_PORT, grace());

	handle(false);
	background_start(&self->b, self->fd, CAPS_RECEIVE, &r);
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	/* It is not in anybody's way any more. */
	ASSERT_OK(send_text(self->client, self->cap, "for another"));
	ASSERT_OK(receive_now(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_STREQ("for another", m.body);
}

TEST_F(signal, batch_receiver_restarts)
{
	struct message m;
	struct caps_receive entry = receive_of(&m, 0, 0);
	struct caps_receive_batch batch = {
		.port = self->port, .deadline = grace(), .count = 1,
		.entries = (uintptr_t)&entry,
	};

	handle(true);
	background_start(&self->b, self->fd, CAPS_RECEIVE_BATCH, &batch);
	interrupt(&self->b);
	ASSERT_OK(send_text(self->client, self->cap, "late"));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(1, batch.received);
}

/* The restart of a server's loop only receives: one answer, not two. */
TEST_F(signal, reply_receive_restarts_as_receive)
{
	struct message m, next;
	struct caps_reply_receive both = {
		.receive = receive_of(&next, self->port, grace()),
	};
	__u64 id;

	handle(true);
	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	both.reply.id = m.header.id;
	both.reply.status = 5;
	background_start(&self->b, self->fd, CAPS_REPLY_RECEIVE, &both);
	interrupt(&self->b);
	ASSERT_OK(send_text(self->client, self->cap, "next"));
	EXPECT_OK(background_join(&self->b));
	EXPECT_EQ(0, both.reply.outcome);
	EXPECT_EQ(0, both.reply.id);
	EXPECT_EQ(0, memcmp("next", next.body, 4));

	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(5, m.header.status);
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
}

TEST_F(signal, reply_receive_ends_having_replied)
{
	struct message m, next;
	struct caps_reply_receive both = {
		.receive = receive_of(&next, self->port, grace()),
	};
	__u64 id;

	handle(false);
	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	both.reply.id = m.header.id;
	background_start(&self->b, self->fd, CAPS_REPLY_RECEIVE, &both);
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	EXPECT_EQ(0, both.reply.outcome);
	EXPECT_EQ(0, both.reply.id);
	EXPECT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
}

TEST_F(signal, sender_restarts)
{
	struct caps_send s = {
		.capability = self->cap, .deadline = grace(),
		.data = data_of("waited", 6),
	};
	struct message m;

	handle(true);
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	background_start(&self->b, self->client, CAPS_SEND, &s);
	interrupt(&self->b);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_OK(background_join(&self->b));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("waited", m.body);
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
}

TEST_F(signal, sender_ends)
{
	struct caps_send s = {
		.capability = self->cap, .deadline = grace(),
	};
	struct message m;

	handle(false);
	ASSERT_OK(send_text(self->client, self->cap, "full"));
	background_start(&self->b, self->client, CAPS_SEND, &s);
	interrupt(&self->b);
	EXPECT_ERR(EINTR, background_join(&self->b));
	ASSERT_OK(receive_now(self->fd, self->port, &m));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, self->port, &m));
}

/* --- fatal signals, and stopping ----------------------------------------- */

/* A child that calls until it is ended. */
static void call_in_child(FIXTURE_DATA(signal) * self, struct child *c)
{
	long exported = cap_export(self->fd, self->port);
	int fd;

	need(exported, "CAPS_EXPORT");
	if (!child_start(c))
		return;
	fd = actor_open();
	need(cap_import(fd, exported, &self->call.capability), "CAPS_IMPORT");
	self->call.deadline = CAPS_FOREVER;
	_exit(caps_ioctl(fd, CAPS_CALL, &self->call) ? 1 :
	      self->call.status);
}

/* Every wait is killable; what was not taken vanishes. */
TEST_F(signal, killed_while_queued)
{
	struct message m;
	struct child c;

	call_in_child(self, &c);
	ASSERT_TRUE(queued(self));
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	EXPECT_EQ(-SIGKILL, child_wait(&c));
	EXPECT_TRUE(eventually(!port_info(self->fd, self->port).queued));
	EXPECT_ERR(EAGAIN, receive_now(self->fd, CAPS_ANY_PORT, &m));
}

/* Of what was taken the server hears. */
TEST_F(signal, killed_after_it_was_taken)
{
	struct message m;
	struct child c;
	__u64 id;

	call_in_child(self, &c);
	ASSERT_OK(receive(self->fd, self->port, &m));
	id = m.header.id;
	ASSERT_EQ(0, kill(c.pid, SIGKILL));
	EXPECT_EQ(-SIGKILL, child_wait(&c));
	ASSERT_OK(receive(self->fd, CAPS_ANY_PORT, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
}

/* Stopping and continuing a caller loses nothing. */
TEST_F(signal, stopped_while_queued)
{
	struct message m;
	struct child c;
	int status;

	call_in_child(self, &c);
	ASSERT_TRUE(queued(self));
	ASSERT_EQ(0, kill(c.pid, SIGSTOP));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(c.pid, SIGCONT));
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(reply_text(self->fd, m.header.id, 21, ""));
	EXPECT_EQ(21, child_wait(&c));
}

TEST_F(signal, stopped_after_it_was_taken)
{
	struct message m;
	struct child c;

	call_in_child(self, &c);
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_EQ(0, kill(c.pid, SIGSTOP));
	sleep_ms(20);
	ASSERT_EQ(0, kill(c.pid, SIGCONT));
	ASSERT_OK(reply_text(self->fd, m.header.id, 22, ""));
	EXPECT_EQ(22, child_wait(&c));
}

TEST_HARNESS_MAIN
