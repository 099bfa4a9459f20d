// SPDX-License-Identifier: GPL-2.0
/*
 * A port moves while one of its messages is being delivered: the old owner has
 * that if the delivery succeeds, else it stays with the port.
 */
#include "caps_memory.h"
#include "caps_migrate.h"

#define BUFFER	65536

FIXTURE(migrate_claims) {
	struct before before;
	struct move m;
	struct region region[2];
	struct caps_receive receive[2];
	struct background receiver[2];
};

FIXTURE_SETUP(migrate_claims)
{
	before_take(&self->before);
	self->m = move_prepare();
}

FIXTURE_TEARDOWN(migrate_claims)
{
	move_end(&self->m);
	before_check(_metadata, &self->before);
}

/* The old owner receives @text, or what there is if that is NULL, and stands. */
static bool stand(FIXTURE_DATA(migrate_claims) *self, int i, const char *text)
{
	struct move *m = &self->m;

	if (!uffd_start(&self->region[i], BUFFER))
		return false;
	if (text)
		need(send_text(m->client, m->cap, text), "CAPS_SEND");
	self->receive[i] = (struct caps_receive){
		.port = m->port, .deadline = CAPS_FOREVER,
		.buffer = data_of(self->region[i].map, BUFFER),
	};
	background_start(&self->receiver[i], m->old, CAPS_RECEIVE,
			 &self->receive[i]);
	if (!eventually(region_touched(&self->region[i])))
		die("the receiver does not stand");
	return true;
}

#define STAND(i, text)							\
	do {								\
		if (!stand(self, i, text))				\
			SKIP(return, "no userfaultfd");			\
	} while (0)

#define COMPLETE(i, text) do {						\
	region_answer(&self->region[i]);				\
	EXPECT_OK(background_join(&self->receiver[i]));			\
	EXPECT_EQ(0, memcmp(text, self->region[i].map, strlen(text)));	\
} while (0)

#define FAIL(i) do {							\
	region_end(&self->region[i]);					\
	EXPECT_ERR(EFAULT, background_join(&self->receiver[i]));	\
} while (0)

#define EXPECT_NUMBERED(fd, port, number, text) do {			\
	struct message __next;						\
									\
	EXPECT_OK(receive_now(fd, port, &__next));			\
	EXPECT_STREQ(text, __next.body);				\
	EXPECT_EQ(number, __next.header.sequence);			\
} while (0)

/* It has the number that the cut left for it. */
TEST_F(migrate_claims, completes)
{
	struct move *m = &self->m;

	STAND(0, "first");
	EXPECT_OK(send_text(m->client, m->cap, "second"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(1, m->sequence);
	EXPECT_EQ(1, port_info(m->new, m->arrived).queued);
	EXPECT_NUMBERED(m->new, m->arrived, 2, "second");
	COMPLETE(0, "first");
	EXPECT_EQ(1, self->receive[0].header.sequence);
	EXPECT_OK(send_text(m->client, m->cap, "third"));
	EXPECT_NUMBERED(m->new, m->arrived, 3, "third");
}

/* It goes before what came after it, and the number is missing. */
TEST_F(migrate_claims, fails)
{
	struct move *m = &self->m;

	STAND(0, "first");
	EXPECT_OK(send_text(m->client, m->cap, "second"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(port_enable(m->new, m->arrived, 0));
	EXPECT_EQ(1, m->sequence);
	EXPECT_OK(send_text(m->client, m->cap, "third"));
	FAIL(0);
	EXPECT_EQ(3, port_info(m->new, m->arrived).queued);
	EXPECT_NUMBERED(m->new, CAPS_ANY_PORT, 2, "first");
	EXPECT_NUMBERED(m->new, CAPS_ANY_PORT, 3, "second");
	EXPECT_NUMBERED(m->new, CAPS_ANY_PORT, 4, "third");
	EXPECT_FALSE(readable(m->new));
}

/* It wakes who waits at the new owner, and poll. */
TEST_F(migrate_claims, failing_wakes_the_new_owner)
{
	struct message got = { 0 };
	struct move *m = &self->m;
	struct pollfd p = { .fd = m->new, .events = POLLIN };
	struct caps_receive r;
	struct background b;

	STAND(0, "first");
	STAND(1, "second");
	ASSERT_OK(move_go(m, 0));
	r = receive_of(&got, m->arrived, CAPS_FOREVER);
	background_start(&b, m->new, CAPS_RECEIVE, &r);
	background_settle(&b);
	FAIL(0);
	EXPECT_OK(background_join(&b));
	EXPECT_STREQ("first", got.body);
	EXPECT_OK(port_enable(m->new, m->arrived, 0));
	FAIL(1);
	EXPECT_EQ(1, poll(&p, 1, GRACE_MS));
	EXPECT_NUMBERED(m->new, m->arrived, 4, "second");
}

/* Two of them, put back in whatever order, keep theirs; also over two moves. */
TEST_F(migrate_claims, order_over_two_moves)
{
	struct move *m = &self->m;
	int third = actor_open();
	__u64 to = cap_give(third, actor_self(third), m->new), port;

	STAND(0, "first");
	STAND(1, "second");
	EXPECT_OK(send_text(m->client, m->cap, "third"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(send_text(m->client, m->cap, "fourth"));
	ASSERT_OK(port_migrate(m->new, m->arrived, to, 0, NULL, NULL));
	port = port_arrived(third, 0);
	EXPECT_OK(send_text(m->client, m->cap, "fifth"));
	FAIL(1);
	FAIL(0);
	EXPECT_NUMBERED(third, port, 3, "first");
	EXPECT_NUMBERED(third, port, 4, "second");
	EXPECT_NUMBERED(third, port, 5, "third");
	EXPECT_NUMBERED(third, port, 6, "fourth");
	EXPECT_NUMBERED(third, port, 7, "fifth");
	close(third);
}

/* What came at the old owner stays before what came at the new one. */
TEST_F(migrate_claims, order_at_the_new_owner)
{
	struct move *m = &self->m;
	struct message got;
	int i;

	for (i = 0; i < 10; i++) {
		EXPECT_OK(send_text(m->client, m->cap, "some"));
		EXPECT_OK(receive_now(m->old, m->port, &got));
	}
	EXPECT_OK(send_text(m->client, m->cap, "first"));
	ASSERT_OK(move_go(m, 0));
	EXPECT_OK(send_text(m->client, m->cap, "second"));
	if (!uffd_start(&self->region[0], BUFFER))
		SKIP(return, "no userfaultfd");
	self->receive[0] = (struct caps_receive){
		.port = m->arrived, .buffer = data_of(self->region[0].map,
						      BUFFER),
	};
	background_start(&self->receiver[0], m->new, CAPS_RECEIVE,
			 &self->receive[0]);
	ASSERT_TRUE(eventually(region_touched(&self->region[0])));
	FAIL(0);
	EXPECT_NUMBERED(m->new, m->arrived, 11, "first");
	EXPECT_NUMBERED(m->new, m->arrived, 12, "second");
}

/* Back at the old owner it is put back there. */
TEST_F(migrate_claims, there_and_back)
{
	struct move *m = &self->m;

	STAND(0, "first");
	ASSERT_OK(move_go(m, 0));
	ASSERT_OK(port_migrate(m->new, m->arrived, m->back, 0, NULL, NULL));
	FAIL(0);
	EXPECT_NUMBERED(m->old, m->port, 2, "first");
}

/* With the queue dropped it is dropped, too, but if it was received it stays. */
TEST_F(migrate_claims, dropped)
{
	struct move *m = &self->m;

	STAND(0, "first");
	STAND(1, "second");
	ASSERT_OK(move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(2, m->sequence);
	EXPECT_EQ(0, m->dropped);
	FAIL(0);
	COMPLETE(1, "second");
	EXPECT_EQ(0, port_info(m->new, m->arrived).queued);
}

/* ... but not an answer: it stays with the port. */
TEST_F(migrate_claims, answer_is_not_dropped)
{
	struct move *m = &self->m;
	__u64 server = port_new(m->client);
	struct caps_send s = {
		.capability = cap_give(m->client, server, m->old),
		.source = m->port, .data = data_of("s", 1),
	};
	struct message ask;

	ASSERT_OK(caps_ioctl(m->old, CAPS_SEND, &s));
	ASSERT_OK(receive_until(m->client, server, CAPS_HOLD, 0, &ask));
	ASSERT_OK(reply_text(m->client, ask.header.id, 0, "answer"));
	STAND(0, NULL);
	ASSERT_OK(move_go(m, CAPS_MIGRATE_DROP));
	EXPECT_EQ(1, m->sequence);
	EXPECT_EQ(0, m->dropped);
	EXPECT_EQ(0, port_info(m->new, m->arrived).queued);
	FAIL(0);
	EXPECT_NUMBERED(m->new, m->arrived, 2, "answer");
}

/* A call can be answered where it was received; or is never seen. */
static void call_case(struct __test_metadata *_metadata,
		      FIXTURE_DATA(migrate_claims) *self, __u32 flags,
		      bool completes)
{
	struct move *m = &self->m;
	struct message got;
	__u64 id;

	ASSERT_OK(call_async(m->client, m->cap, 0, "call", &id));
	ASSERT_TRUE(eventually(region_touched(&self->region[0])));
	ASSERT_OK(move_go(m, flags));
	if (completes) {
		region_answer(&self->region[0]);
		ASSERT_OK(background_join(&self->receiver[0]));
		EXPECT_OK(reply_text(m->old, self->receive[0].header.id, 9,
				     ""));
	} else {
		region_end(&self->region[0]);
		background_join(&self->receiver[0]);
	}
	if (!completes && !flags) {
		ASSERT_OK(receive_now(m->new, m->arrived, &got));
		EXPECT_OK(reply_text(m->new, got.header.id, 9, ""));
	}
	ASSERT_OK(receive_now(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(id, got.header.id);
	EXPECT_EQ(completes || !flags ? 9 : 0, got.header.status);
	EXPECT_EQ(completes || !flags ? 0 : EPIPE, got.header.error);
}

/* A receiver that waits already is handed the call, which counts nowhere. */
#define CALL_CASE(flags, completes)					\
	do {								\
		if (!uffd_start(&self->region[0], BUFFER))		\
			SKIP(return, "no userfaultfd");			\
		self->receive[0] = (struct caps_receive){		\
			.port = self->m.port, .deadline = CAPS_FOREVER,	\
			.buffer = data_of(self->region[0].map, BUFFER),	\
		};							\
		background_start(&self->receiver[0], self->m.old,	\
				 CAPS_RECEIVE, &self->receive[0]);	\
		background_settle(&self->receiver[0]);			\
		call_case(_metadata, self, flags, completes);		\
	} while (0)

TEST_F(migrate_claims, call_completes)
{
	CALL_CASE(0, true);
}

TEST_F(migrate_claims, call_fails)
{
	CALL_CASE(0, false);
}

TEST_F(migrate_claims, call_completes_though_dropped)
{
	CALL_CASE(CAPS_MIGRATE_DROP, true);
}

TEST_F(migrate_claims, call_fails_and_is_dropped)
{
	CALL_CASE(CAPS_MIGRATE_DROP, false);
}

/* A caller that leaves meanwhile withdraws it. */
TEST_F(migrate_claims, withdrawn)
{
	struct move *m = &self->m;
	struct message got;
	__u64 id;

	if (!uffd_start(&self->region[0], BUFFER))
		SKIP(return, "no userfaultfd");
	self->receive[0] = (struct caps_receive){
		.port = m->port, .deadline = CAPS_FOREVER,
		.buffer = data_of(self->region[0].map, BUFFER),
	};
	EXPECT_OK(call_async(m->client, m->cap, 0, "call", &id));
	background_start(&self->receiver[0], m->old, CAPS_RECEIVE,
			 &self->receive[0]);
	ASSERT_TRUE(eventually(region_touched(&self->region[0])));
	ASSERT_OK(move_go(m, 0));
	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(m->client, id));
	/* The receiver looks for another, and the port is not there. */
	region_answer(&self->region[0]);
	EXPECT_ERR(EPERM, background_join(&self->receiver[0]));
	EXPECT_ERR(EAGAIN, receive_now(m->new, m->arrived, &got));
}

/* Each who stands in line for room gets what the cut has left. */
TEST_F(migrate_claims, room_comes_free)
{
	struct caps_send s = { .deadline = CAPS_FOREVER,
			       .data = data_of("second", 6) };
	struct background sender;

	move_end(&self->m);
	self->m = move_prepare_limit(2);
	STAND(0, "first");
	s.capability = self->m.cap;
	background_start(&sender, self->m.client, CAPS_SEND, &s);
	background_settle(&sender);
	ASSERT_OK(move_go(&self->m, 0));
	EXPECT_OK(background_join(&sender));
	FAIL(0);
	EXPECT_NUMBERED(self->m.new, self->m.arrived, 2, "first");
	EXPECT_NUMBERED(self->m.new, self->m.arrived, 3, "second");
}

/* The old owner ends with the delivery: the message is the new one's. */
TEST_F(migrate_claims, old_owner_dies)
{
	struct move *m = &self->m;

	STAND(0, "first");
	ASSERT_OK(move_go(m, 0));
	/* The file lives until the thread in it returns. */
	close(m->old);
	FAIL(0);
	EXPECT_NUMBERED(m->new, m->arrived, 2, "first");
	m->old = actor_open();
}

/* The new owner is gone when it fails: nobody saw it. */
TEST_F(migrate_claims, new_owner_dies)
{
	struct move *m = &self->m;
	struct message got;
	__u64 id;

	STAND(0, "first");
	EXPECT_OK(call_async(m->client, m->cap, 0, "call", &id));
	ASSERT_OK(move_go(m, 0));
	close(m->new);
	ASSERT_OK(receive(m->client, CAPS_DEFAULT_PORT, &got));
	EXPECT_EQ(EPIPE, got.header.error);
	FAIL(0);
	EXPECT_ERR(EPIPE, send_text(m->client, m->cap, "late"));
	m->new = actor_open();
}

/* A signal that could not be delivered goes with its port, as does its number. */
TEST_F(migrate_claims, signal_that_failed)
{
	struct move *m = &self->m;
	struct caps_signal s = { .capability = m->port, .bits = 6 };
	struct background b;
	struct message got;

	if (!uffd_start(&self->region[0], BUFFER))
		SKIP(return, "no userfaultfd");
	EXPECT_OK(caps_ioctl(m->old, CAPS_SIGNAL, &s));
	/* The struct with the header's place is what cannot be written. */
	uffd_answer(&self->region[0]);
	*(struct caps_receive *)self->region[0].map = (struct caps_receive){
		.port = m->port, .deadline = CAPS_FOREVER,
	};
	EXPECT_EQ(0, mprotect(self->region[0].map, BUFFER, PROT_READ));
	background_start(&b, m->old, CAPS_RECEIVE, self->region[0].map);
	EXPECT_ERR(EFAULT, background_join(&b));
	EXPECT_EQ(0, port_info(m->old, m->port).sequence);
	ASSERT_OK(move_go(m, 0));
	ASSERT_OK(receive_now(m->new, m->arrived, &got));
	EXPECT_EQ(6, got.header.address);
	EXPECT_EQ(1, got.header.sequence);
}

TEST_HARNESS_MAIN
