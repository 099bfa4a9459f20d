// SPDX-License-Identifier: GPL-2.0
/*
 * CAPS_RECEIPT: who answers is told, once, when the answer has been received or
 * nobody will receive it any more, however large it is.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(100 << 10)

struct answered {
	struct pair p;
	__u64 call;		/* the client's name for it */
	__u64 id;		/* the server's */
};

/* A call that the server holds. */
static struct answered held(struct __test_metadata *_metadata)
{
	struct answered a = { .p = pair_open() };
	struct message m;

	ASSERT_OK(call_async(a.p.client, a.p.cap, 0, "question", &a.call));
	ASSERT_OK(receive(a.p.server, a.p.port, &m));
	a.id = m.header.id;
	return a;
}

static long answer(struct answered *a, __u32 flags, const void *body,
		   size_t len, __u32 *result)
{
	struct caps_reply r = {
		.id = a->id, .flags = flags | CAPS_RECEIPT,
		.data = data_of(body, len),
	};
	long ret = caps_ioctl(a->p.server, CAPS_REPLY, &r);

	*result = r.result;
	return ret;
}

static struct answered answered(struct __test_metadata *_metadata)
{
	struct answered a = held(_metadata);
	__u32 result;

	ASSERT_OK(answer(&a, 0, "answer", 6, &result));
	ASSERT_EQ(0, result);
	return a;
}

static void none(struct __test_metadata *_metadata, struct answered *a)
{
	struct message m;

	EXPECT_ERR(EAGAIN, receive_now(a->p.server, CAPS_DEFAULT_PORT, &m));
}

static void one(struct __test_metadata *_metadata, struct answered *a)
{
	struct message m;

	EXPECT_OK(receive(a->p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(a->id, m.header.id);
	EXPECT_EQ(0, m.header.body_len);
	EXPECT_EQ(0, m.header.flags & CAPS_HEADER_HELD);
	none(_metadata, a);
}

TEST_F(tidy, when_it_has_been_received)
{
	struct answered a = answered(_metadata);
	struct message m;

	ASSERT_OK(port_enable(a.p.server, CAPS_DEFAULT_PORT, 0));
	none(_metadata, &a);
	EXPECT_FALSE(readable(a.p.server));
	EXPECT_OK(receive(a.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_STREQ("answer", m.body);
	EXPECT_TRUE(readable(a.p.server));
	one(_metadata, &a);
}

TEST_F(tidy, when_it_is_held_no_more)
{
	struct answered a = answered(_metadata);
	struct message m;

	EXPECT_OK(receive_until(a.p.client, CAPS_DEFAULT_PORT, CAPS_HOLD, 0,
				&m));
	none(_metadata, &a);
	EXPECT_OK(discard(a.p.client, m.header.id));
	one(_metadata, &a);
}

TEST_F(tidy, when_the_client_is_gone)
{
	struct answered a = answered(_metadata);

	close(a.p.client);
	one(_metadata, &a);
}

/* To a caller that sleeps, too. */
TEST_F(tidy, of_a_call)
{
	struct answered a = { .p = pair_open() };
	struct caps_call call = call_of(a.p.cap, "question");
	struct background b;
	struct message m;
	__u32 result;

	background_start(&b, a.p.client, CAPS_CALL, &call);
	ASSERT_OK(receive(a.p.server, a.p.port, &m));
	a.id = m.header.id;
	EXPECT_OK(answer(&a, 0, "answer", 6, &result));
	EXPECT_OK(background_join(&b));
	one(_metadata, &a);
}

/* One that is told of its body's end is told once. */
TEST_F(tidy, of_a_deferred_answer)
{
	struct answered a = held(_metadata);
	char *body = pages_filled(LEN, 0, 1);
	struct message m;
	__u32 result;

	EXPECT_OK(answer(&a, CAPS_DEFER, body, LEN, &result));
	EXPECT_EQ(0, result);
	none(_metadata, &a);
	EXPECT_OK(receive(a.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(LEN, m.header.body_len);
	none(_metadata, &a);
	EXPECT_OK(discard(a.p.client, m.header.id));
	one(_metadata, &a);
}

/* The buffer is free at once, the receipt comes nevertheless. */
TEST_F(tidy, of_one_that_was_copied)
{
	struct answered a = held(_metadata);
	struct message m;
	__u32 result;

	EXPECT_OK(answer(&a, CAPS_DEFER, "answer", 6, &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	none(_metadata, &a);
	EXPECT_OK(receive(a.p.client, CAPS_DEFAULT_PORT, &m));
	one(_metadata, &a);
}

/* It says who was answered. */
TEST_F(tidy, from_the_client)
{
	struct pair p = pair_open();
	struct answered a = { .p = p };
	struct message m;
	__u32 result;
	pid_t child;
	int fd, shared = cap_export(p.server, p.port);

	need(shared, "CAPS_EXPORT");
	child = fork();
	if (!child) {
		become_member(1234);
		fd = actor_open();
		need(cap_import(fd, shared, &a.p.cap), "CAPS_IMPORT");
		need(call_async(fd, a.p.cap, 0, "", &a.call), "CALL_ASYNC");
		need(receive(fd, CAPS_DEFAULT_PORT, &m), "CAPS_RECEIVE");
		_exit(0);
	}
	ASSERT_OK(receive(p.server, p.port, &m));
	a.id = m.header.id;
	EXPECT_OK(answer(&a, 0, "", 0, &result));
	EXPECT_OK(receive(p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(a.id, m.header.id);
	EXPECT_EQ(1234, m.header.euid);
	EXPECT_EQ((__u32)child, m.header.pid);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

/* What was not answered has none. */
TEST_F(tidy, none_without_an_answer)
{
	struct answered a = held(_metadata), b = held(_metadata);
	__u32 result;

	EXPECT_ERR(EFAULT, answer(&a, 0, (void *)(uintptr_t)NOWHERE, 6,
				  &result));
	none(_metadata, &a);
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(b.p.client, b.call));
	EXPECT_ERR(ECANCELED, answer(&b, 0, "late", 4, &result));
	none(_metadata, &b);
	EXPECT_ERR(ENOMSG, answer(&b, 0, "later", 5, &result));
	EXPECT_OK(answer(&a, 0, "answer", 6, &result));
	close(a.p.client);
	one(_metadata, &a);
}

/* Nobody is left to be told. */
TEST_F(tidy, server_is_gone)
{
	struct answered a = answered(_metadata);
	struct message m;

	close(a.p.server);
	EXPECT_OK(receive(a.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_STREQ("answer", m.body);
}

/* The server pays for it; where it cannot, the call stays. */
TEST_F(tidy, server_pays)
{
	struct answered a = held(_metadata);
	const long before = charged(a.p.server, "messages");
	__u32 result;

	parameter_set(&self->before, "max_messages", before);
	EXPECT_ERR(EDQUOT, answer(&a, 0, "answer", 6, &result));
	parameter_set(&self->before, "max_messages", before + 1);
	EXPECT_OK(answer(&a, 0, "answer", 6, &result));
	EXPECT_EQ(before + 1, charged(a.p.server, "messages"));
	close(a.p.client);
	one(_metadata, &a);
}

TEST_HARNESS_MAIN
