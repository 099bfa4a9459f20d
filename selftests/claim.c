// SPDX-License-Identifier: GPL-2.0
/*
 * A message being delivered is claimed: it leaves its port only once all of it
 * is written. Here deliveries that stand still for a while, because the
 * receiver's buffer is not there yet, and what goes on around them.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define BUFFER	65536

/* A server and a client in this process, and a delivery that stands. */
FIXTURE(claim) {
	struct before before;
	int server;
	int client;
	__u64 port;
	__u64 cap;
	struct region region;
	struct caps_receive receive;
	struct background receiver;
};

FIXTURE_SETUP(claim)
{
	before_take(&self->before);
	self->server = actor_open();
	self->client = actor_open();
	self->port = port_new(self->server);
	self->cap = cap_give(self->server, self->port, self->client);
}

FIXTURE_TEARDOWN(claim)
{
	before_check(_metadata, &self->before);
}

/* A thread that receives, and stands as soon as there is something. */
static bool receiver_start(FIXTURE_DATA(claim) *self)
{
	if (!uffd_start(&self->region, BUFFER))
		return false;
	self->receive = (struct caps_receive){
		.port = self->port, .deadline = CAPS_FOREVER,
		.buffer = data_of(self->region.map, BUFFER),
	};
	background_start(&self->receiver, self->server, CAPS_RECEIVE,
			 &self->receive);
	return true;
}

static bool receiver_stands(FIXTURE_DATA(claim) *self)
{
	return eventually(region_touched(&self->region));
}

#define RECEIVER_START()						\
	do {								\
		if (!receiver_start(self))				\
			SKIP(return, "no userfaultfd");			\
	} while (0)

/* Others take what is behind it; it arrives when the buffer does. */
TEST_F(claim, others_go_on)
{
	struct message m;

	RECEIVER_START();
	EXPECT_OK(send_text(self->client, self->cap, "first"));
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_OK(send_text(self->client, self->cap, "second"));
	EXPECT_OK(send_text(self->client, self->cap, "third"));
	EXPECT_OK(receive(self->server, self->port, &m));
	EXPECT_STREQ("second", m.body);
	EXPECT_OK(receive(self->server, self->port, &m));
	EXPECT_STREQ("third", m.body);
	EXPECT_ERR(EAGAIN, receive_now(self->server, self->port, &m));
	EXPECT_FALSE(readable(self->server));

	region_answer(&self->region);
	EXPECT_OK(background_join(&self->receiver));
	EXPECT_EQ(0, memcmp("first", self->region.map, 5));
	EXPECT_EQ(3, self->receive.header.sequence);
}

/* A buffer that turns out bad puts it back in its place, for the next. */
TEST_F(claim, failure_puts_it_back)
{
	struct message m;

	RECEIVER_START();
	EXPECT_OK(send_text(self->client, self->cap, "first"));
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_OK(send_text(self->client, self->cap, "second"));
	region_end(&self->region);
	EXPECT_ERR(EFAULT, background_join(&self->receiver));
	EXPECT_EQ(2, port_info(self->server, self->port).queued);
	EXPECT_OK(receive_now(self->server, self->port, &m));
	EXPECT_STREQ("first", m.body);
	EXPECT_EQ(1, m.header.sequence);
	EXPECT_OK(receive_now(self->server, self->port, &m));
	EXPECT_STREQ("second", m.body);
}

/* ... and hands it to one who waits already. */
TEST_F(claim, failure_hands_it_on)
{
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, self->port, CAPS_FOREVER);
	struct background other;

	RECEIVER_START();
	EXPECT_OK(send_text(self->client, self->cap, "first"));
	ASSERT_TRUE(receiver_stands(self));
	background_start(&other, self->server, CAPS_RECEIVE, &r);
	background_settle(&other);
	region_end(&self->region);
	EXPECT_ERR(EFAULT, background_join(&self->receiver));
	EXPECT_OK(background_join(&other));
	EXPECT_STREQ("first", m.body);
}

/* ... and to poll. */
TEST_F(claim, failure_makes_readable)
{
	struct pollfd p = { .fd = self->server, .events = POLLIN };

	EXPECT_OK(port_enable(self->server, self->port, 0));
	RECEIVER_START();
	EXPECT_OK(send_text(self->client, self->cap, "first"));
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_FALSE(readable(self->server));
	region_end(&self->region);
	EXPECT_ERR(EFAULT, background_join(&self->receiver));
	EXPECT_EQ(1, poll(&p, 1, GRACE_MS));
}

/* A thread with a call, and what came of it. */
static void caller_start(FIXTURE_DATA(claim) *self, struct caps_call *call,
			 struct background *b, __u64 deadline)
{
	*call = call_of(self->cap, "call");
	call->deadline = deadline;
	background_start(b, self->client, CAPS_CALL, call);
}

/* A port deleted meanwhile: the delivery may complete, then it is answerable. */
TEST_F(claim, delete_then_complete)
{
	struct background caller;
	struct caps_call call;

	RECEIVER_START();
	caller_start(self, &call, &caller, CAPS_FOREVER);
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_OK(port_delete(self->server, self->port));
	EXPECT_ERR(EPIPE, send_text(self->client, self->cap, "late"));
	region_answer(&self->region);
	EXPECT_OK(background_join(&self->receiver));
	EXPECT_OK(reply_text(self->server, self->receive.header.id, 9, ""));
	EXPECT_OK(background_join(&caller));
	EXPECT_EQ(9, call.status);
}

/* ... or fail, then the server never saw it. */
TEST_F(claim, delete_then_fail)
{
	struct background caller;
	struct caps_call call;
	long ret;

	RECEIVER_START();
	caller_start(self, &call, &caller, CAPS_FOREVER);
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_OK(port_delete(self->server, self->port));
	region_end(&self->region);
	ret = background_join(&self->receiver);
	EXPECT_TRUE(ret == -EFAULT || ret == -EIDRM);
	EXPECT_ERR(EPIPE, background_join(&caller));
	EXPECT_EQ(0, call.result & CAPS_RESULT_TAKEN);
}

/*
 * A caller leaves while its call is being delivered. It does so at once, and
 * is told the truth: either the server gets it, and a notice, or never does.
 */
static void caller_leaves(struct __test_metadata *_metadata,
			  FIXTURE_DATA(claim) *self, bool completes)
{
	struct background caller;
	struct caps_call call;
	struct message m;
	long ret;

	caller_start(self, &call, &caller, in_ms(300));
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_ERR(ETIMEDOUT, background_join(&caller));
	EXPECT_FALSE(!completes && (call.result & CAPS_RESULT_TAKEN));

	/* Something to return with, if the call is withdrawn. */
	EXPECT_OK(send_text(self->client, self->cap, "after"));
	if (completes)
		region_answer(&self->region);
	else
		region_end(&self->region);
	ret = background_join(&self->receiver);
	if (!completes) {
		EXPECT_ERR(EFAULT, ret);
	} else if (call.result & CAPS_RESULT_TAKEN) {
		EXPECT_OK(ret);
		EXPECT_EQ(CAPS_KIND_CALL, self->receive.header.kind);
		EXPECT_OK(receive(self->server, self->port, &m));
		EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
		EXPECT_ERR(ECANCELED, reply_text(self->server, m.header.id, 0,
						 ""));
	} else if (!ret) {
		EXPECT_EQ(CAPS_KIND_SEND, self->receive.header.kind);
		EXPECT_EQ(0, memcmp("after", self->region.map, 5));
		return;
	}
	EXPECT_OK(receive(self->server, self->port, &m));
	EXPECT_STREQ("after", m.body);
	EXPECT_ERR(EAGAIN, receive_now(self->server, self->port, &m));
}

TEST_F(claim, caller_leaves_then_complete)
{
	RECEIVER_START();
	caller_leaves(_metadata, self, true);
}

TEST_F(claim, caller_leaves_then_fail)
{
	RECEIVER_START();
	caller_leaves(_metadata, self, false);
}

/* Withdrawing an async call that is being delivered. */
static void abort_case(struct __test_metadata *_metadata,
		       FIXTURE_DATA(claim) *self, bool completes)
{
	struct message m;
	long outcome;
	__u64 id;

	EXPECT_OK(call_async(self->client, self->cap, 0, "call", &id));
	ASSERT_TRUE(receiver_stands(self));
	outcome = abort_call(self->client, id);
	EXPECT_TRUE(outcome == CAPS_ABORT_BEFORE ||
		    (completes && outcome == CAPS_ABORT_AT_SERVER));
	EXPECT_OK(send_text(self->client, self->cap, "after"));
	if (completes)
		region_answer(&self->region);
	else
		region_end(&self->region);
	background_join(&self->receiver);
	EXPECT_ERR(EAGAIN, receive_now(self->client, CAPS_DEFAULT_PORT, &m));
	if (outcome == CAPS_ABORT_BEFORE)
		EXPECT_NE(CAPS_KIND_CALL, self->receive.header.kind);
	while (!receive_now(self->server, self->port, &m)) {
		EXPECT_NE(CAPS_KIND_CALL, m.header.kind);
		EXPECT_FALSE(outcome == CAPS_ABORT_BEFORE &&
			     m.header.kind == CAPS_KIND_CANCELLED);
		if (m.header.kind == CAPS_KIND_CANCELLED)
			EXPECT_OK(discard(self->server, m.header.id));
	}
}

TEST_F(claim, abort_then_complete)
{
	RECEIVER_START();
	abort_case(_metadata, self, true);
}

TEST_F(claim, abort_then_fail)
{
	RECEIVER_START();
	abort_case(_metadata, self, false);
}

/*
 * A sender dies while its message is being delivered. What was copied arrives,
 * what was pinned or wants an answer does not, and its pages are read by
 * nobody after they are free (which checkers in the kernel would see).
 */
static void sender_dies(struct __test_metadata *_metadata,
			FIXTURE_DATA(claim) *self, unsigned int command,
			__u32 flags)
{
	struct caps_send s = {
		.capability = self->cap, .flags = flags,
		.data = data_of(pages_filled(BUFFER, 0, 3), BUFFER),
	};
	bool stays = command == CAPS_SEND && !(flags & CAPS_DEFER);
	struct message m;

	EXPECT_OK(caps_ioctl(self->client, command, &s));
	ASSERT_TRUE(receiver_stands(self));
	close(self->client);
	EXPECT_OK(send_text(self->server, self->port, "after"));
	sleep_ms(50);
	region_answer(&self->region);
	EXPECT_OK(background_join(&self->receiver));
	EXPECT_EQ(CAPS_KIND_SEND, self->receive.header.kind);
	if (stays) {
		EXPECT_PATTERN(self->region.map, BUFFER, 3);
		EXPECT_OK(receive_now(self->server, self->port, &m));
		EXPECT_STREQ("after", m.body);
	} else {
		EXPECT_EQ(5, self->receive.header.body_len);
	}
	EXPECT_ERR(EAGAIN, receive_now(self->server, self->port, &m));
}

TEST_F(claim, sender_of_a_copied_body_dies)
{
	RECEIVER_START();
	sender_dies(_metadata, self, CAPS_SEND, 0);
}

TEST_F(claim, sender_of_a_pinned_body_dies)
{
	RECEIVER_START();
	sender_dies(_metadata, self, CAPS_SEND, CAPS_DEFER);
}

TEST_F(claim, async_caller_dies)
{
	RECEIVER_START();
	sender_dies(_metadata, self, CAPS_CALL_ASYNC, 0);
}

TEST_F(claim, async_caller_with_a_pinned_body_dies)
{
	RECEIVER_START();
	sender_dies(_metadata, self, CAPS_CALL_ASYNC, CAPS_DEFER);
}

/* What is being delivered counts: a stuck receiver frees no room. */
TEST_F(claim, claimed_messages_count)
{
	__u64 port = port_new_limit(self->server, 2);
	__u64 cap = cap_give(self->server, port, self->client);
	struct message m;

	/* From the queue, not handed straight to the waiting thread. */
	EXPECT_OK(send_text(self->client, cap, "first"));
	EXPECT_ERR(EAGAIN, send_text(self->client, cap, "no room"));
	self->port = port;
	RECEIVER_START();
	ASSERT_TRUE(receiver_stands(self));
	EXPECT_ERR(EAGAIN, send_text(self->client, cap, "no room"));
	region_answer(&self->region);
	EXPECT_OK(background_join(&self->receiver));
	EXPECT_OK(send_text(self->client, cap, "second"));
	EXPECT_OK(receive_now(self->server, port, &m));
}

/* kill -9 of a process that stands in receiving ends it, and its clients. */
TEST_F(claim, killed_receiver)
{
	struct background caller;
	struct caps_call call;
	struct child c;
	int from;
	__u64 cap;

	if (child_start(&c)) {
		close(self->server);
		close(self->client);
		self->server = actor_open();
		self->port = port_new(self->server);
		say_fd(&c, cap_export(self->server, self->port));
		if (!receiver_start(self))
			_exit(4);
		say_fd(&c, self->region.fd);
		pause();
	}
	from = hear_fd(&c);
	EXPECT_OK(cap_import(self->client, from, &cap));
	if (syscall(SYS_userfaultfd, O_CLOEXEC) < 0)
		SKIP(child_kill(&c); return, "no userfaultfd");
	self->region.fd = hear_fd(&c);
	self->cap = cap;
	caller_start(self, &call, &caller, CAPS_FOREVER);
	ASSERT_TRUE(receiver_stands(self));
	kill(c.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(&c));
	EXPECT_ERR(EPIPE, background_join(&caller));
	EXPECT_EQ(0, call.result & CAPS_RESULT_TAKEN);
}

TEST_HARNESS_MAIN
