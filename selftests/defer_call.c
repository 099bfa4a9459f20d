// SPDX-License-Identifier: GPL-2.0
/*
 * Deferred bodies of async calls, and of answers.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(100 << 10)

#define EXPECT_FREE_PAGES()						\
	EXPECT_TRUE(eventually(pages_pinned() == self->before.pinned))

/* --- async calls: their one answer says that the body is free ------------ */

struct async {
	struct pair p;
	__u64 id;		/* the client's */
	__u64 held;		/* the server's, once taken */
};

static struct async async_call(struct __test_metadata *_metadata, bool taken)
{
	struct async a = { .p = pair_open() };
	struct caps_send s = {
		.capability = a.p.cap, .flags = CAPS_DEFER,
		.data = data_of(pages_filled(LEN, 0, 1), LEN),
	};
	struct message m;

	EXPECT_OK(caps_ioctl(a.p.client, CAPS_CALL_ASYNC, &s));
	EXPECT_EQ(0, s.result);
	a.id = s.id;
	if (taken) {
		EXPECT_OK(receive(a.p.server, a.p.port, &m));
		a.held = m.header.id;
	}
	return a;
}

static void one_answer(struct __test_metadata *_metadata, struct async *a,
		       int error)
{
	struct message m;

	EXPECT_OK(receive(a->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_REPLY, m.header.kind);
	EXPECT_EQ(a->id, m.header.id);
	EXPECT_EQ(error, m.header.error);
	EXPECT_ERR(EAGAIN, receive_now(a->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(a->p.client).pending);
}

TEST_F(tidy, async_answered)
{
	struct async a = async_call(_metadata, true);
	char byte;

	EXPECT_OK(get_data(a.p.server, a.held, 0, &byte, 1, NULL));
	EXPECT_OK(reply_text(a.p.server, a.held, 0, ""));
	EXPECT_FREE_PAGES();
	EXPECT_ERR(ENOMSG, get_data(a.p.server, a.held, 0, &byte, 1, NULL));
	one_answer(_metadata, &a, 0);
}

TEST_F(tidy, async_discarded)
{
	struct async a = async_call(_metadata, true);

	EXPECT_OK(discard(a.p.server, a.held));
	EXPECT_FREE_PAGES();
	one_answer(_metadata, &a, ECONNRESET);
}

TEST_F(tidy, async_server_dies)
{
	struct async taken = async_call(_metadata, true);
	struct async queued = async_call(_metadata, false);

	close(taken.p.server);
	close(queued.p.server);
	one_answer(_metadata, &taken, ECONNRESET);
	one_answer(_metadata, &queued, EPIPE);
	EXPECT_FREE_PAGES();
}

TEST_F(tidy, async_port_deleted)
{
	struct async a = async_call(_metadata, false);

	EXPECT_OK(port_delete(a.p.server, a.p.port));
	one_answer(_metadata, &a, EPIPE);
	EXPECT_FREE_PAGES();
}

/* Withdrawn: no answer, and the body is the caller's again. */
TEST_F(tidy, async_aborted)
{
	struct async queued = async_call(_metadata, false);
	struct async taken = async_call(_metadata, true);
	struct message m;
	char byte;

	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(queued.p.client, queued.id));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(taken.p.client, taken.id));
	EXPECT_FREE_PAGES();
	EXPECT_ERR(ECANCELED, get_data(taken.p.server, taken.held, 0, &byte, 1,
				       NULL));
	EXPECT_ERR(EAGAIN, receive_now(queued.p.client, CAPS_DEFAULT_PORT,
				       &m));
	EXPECT_ERR(EAGAIN, receive_now(taken.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(taken.p.client).pending);
	EXPECT_OK(discard(taken.p.server, taken.held));
}

/* --- deferred answers ---------------------------------------------------- */

static long reply_deferred(int fd, __u64 id, const void *body, size_t len,
			   __u32 *result)
{
	struct caps_reply r = {
		.id = id, .flags = CAPS_DEFER, .data = data_of(body, len),
	};
	long ret = caps_ioctl(fd, CAPS_REPLY, &r);

	*result = r.result;
	return ret;
}

static void one_dispose(struct __test_metadata *_metadata, int fd, __u64 id)
{
	struct message m;

	EXPECT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_ERR(EAGAIN, receive_now(fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(fd).pending);
}

/* A caller that waits has it at once; the server is told that it has. */
TEST_F(tidy, to_a_waiting_caller)
{
	const size_t sizes[] = { 5000, LEN, 2 << 20 };
	struct pair p = pair_open();
	struct background b;
	struct caps_call call;
	struct message m;
	__u32 result;
	char *out;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		out = pages_map(sizes[i]);
		call = call_of(p.cap, "");
		call.reply = data_of(out, sizes[i]);
		background_start(&b, p.client, CAPS_CALL, &call);
		EXPECT_OK(receive(p.server, p.port, &m));
		EXPECT_OK(reply_deferred(p.server, m.header.id,
					 pages_filled(sizes[i], 3, i),
					 sizes[i], &result));
		EXPECT_EQ(0, result);
		EXPECT_OK(background_join(&b));
		EXPECT_PATTERN(out, sizes[i], i);
		EXPECT_EQ(sizes[i], call.reply_body_len);
		/* The caller's message is free before the notice is read. */
		EXPECT_EQ(0, actor_info(p.server).held);
		EXPECT_EQ(0, actor_info(p.server).pending);
		one_dispose(_metadata, p.server, m.header.id);
	}
	EXPECT_FREE_PAGES();
}

/* What is small, or goes straight into the caller's buffer, is free at once. */
TEST_F(tidy, nothing_to_tell)
{
	struct pair p = pair_open();
	struct caps_call call = call_of(p.cap, "");
	char *out = pages_map(LEN);
	struct background b;
	struct message m;
	__u32 result;

	call.reply = data_of(out, LEN);
	background_start(&b, p.client, CAPS_CALL, &call);
	EXPECT_OK(receive(p.server, p.port, &m));
	EXPECT_OK(reply_deferred(p.server, m.header.id, "small", 5, &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_OK(background_join(&b));

	call.flags = CAPS_DIRECT_REPLY;
	background_start(&b, p.client, CAPS_CALL, &call);
	EXPECT_OK(receive(p.server, p.port, &m));
	EXPECT_OK(reply_deferred(p.server, m.header.id,
				 pages_filled(LEN, 3, 1), LEN, &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_OK(background_join(&b));
	EXPECT_PATTERN(out, LEN, 1);
	EXPECT_ERR(EAGAIN, receive_now(p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(p.server).pending);
}

/* An async caller's answer waits in its queue, in the server's pages. */
static struct async answered(struct __test_metadata *_metadata)
{
	struct async a = { .p = pair_open() };
	struct message m;
	__u32 result;

	EXPECT_OK(call_async(a.p.client, a.p.cap, 0, "question", &a.id));
	EXPECT_OK(receive(a.p.server, a.p.port, &m));
	a.held = m.header.id;
	EXPECT_OK(reply_deferred(a.p.server, a.held, pages_filled(LEN, 0, 4),
				 LEN, &result));
	EXPECT_EQ(0, result);
	EXPECT_ERR(EAGAIN, receive_now(a.p.server, CAPS_DEFAULT_PORT, &m));
	return a;
}

static long take(struct async *a, char *out, size_t len, __u32 flags,
		 struct caps_header *header)
{
	struct caps_receive r = {
		.port = CAPS_DEFAULT_PORT, .deadline = grace(), .flags = flags,
		.buffer = data_of(out, len),
	};
	long ret = caps_ioctl(a->p.client, CAPS_RECEIVE, &r);

	*header = r.header;
	return ret;
}

TEST_F(tidy, to_an_async_caller)
{
	struct async a = answered(_metadata);
	char *out = pages_map(LEN);
	struct caps_header header;

	EXPECT_OK(take(&a, out, LEN, 0, &header));
	EXPECT_EQ(CAPS_KIND_REPLY, header.kind);
	EXPECT_EQ(a.id, header.id);
	EXPECT_TRUE(header.flags & CAPS_HEADER_PINNED);
	EXPECT_PATTERN(out, LEN, 4);
	one_dispose(_metadata, a.p.server, a.held);
	EXPECT_FREE_PAGES();
}

/* Fetched later, in parts: until it is discarded. */
TEST_F(tidy, to_an_async_caller_in_parts)
{
	struct async a = answered(_metadata);
	char *out = pages_map(LEN);
	struct caps_header header;
	struct message m;

	EXPECT_OK(take(&a, out, 1000, 0, &header));
	EXPECT_TRUE(header.flags & CAPS_HEADER_HELD);
	EXPECT_TRUE(header.flags & CAPS_HEADER_TRUNCATED);
	EXPECT_OK(get_data(a.p.client, header.id, 1000, out + 1000,
			   LEN - 1000, NULL));
	EXPECT_PATTERN(out, LEN, 4);
	EXPECT_ERR(EAGAIN, receive_now(a.p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_OK(discard(a.p.client, header.id));
	one_dispose(_metadata, a.p.server, a.held);
}

TEST_F(tidy, async_caller_dies_before_it_reads)
{
	struct async a = answered(_metadata);

	close(a.p.client);
	one_dispose(_metadata, a.p.server, a.held);
	EXPECT_FREE_PAGES();
}

TEST_F(tidy, source_port_deleted_under_the_answer)
{
	struct pair p = pair_open();
	__u64 source = port_new(p.client), id;
	struct async a = { .p = p };
	char *out = pages_map(LEN);
	struct caps_header header;
	struct message m;
	__u32 result;

	EXPECT_OK(call_async(p.client, p.cap, source, "question", &id));
	EXPECT_OK(receive(p.server, p.port, &m));
	EXPECT_OK(reply_deferred(p.server, m.header.id,
				 pages_filled(LEN, 0, 4), LEN, &result));
	EXPECT_OK(port_delete(p.client, source));
	EXPECT_OK(take(&a, out, LEN, 0, &header));
	EXPECT_EQ(id, header.id);
	EXPECT_PATTERN(out, LEN, 4);
	one_dispose(_metadata, p.server, m.header.id);
}

/* The server dies with its answer unread: the pages go, and that is said. */
TEST_F(tidy, server_dies_before_it_is_read)
{
	struct async a = answered(_metadata);
	char *out = pages_map(LEN);
	struct caps_header header;

	close(a.p.server);
	EXPECT_FREE_PAGES();
	EXPECT_OK(take(&a, out, LEN, 0, &header));
	EXPECT_EQ(CAPS_KIND_REPLY, header.kind);
	EXPECT_EQ(a.id, header.id);
	EXPECT_EQ(ECONNRESET, header.error);
	EXPECT_EQ(0, header.body_len);
	EXPECT_EQ(0, actor_info(a.p.client).pending);
}

/* ... or while it is held: what is left of it cannot be fetched. */
TEST_F(tidy, server_dies_while_it_is_held)
{
	struct async a = answered(_metadata);
	char *out = pages_map(LEN);
	struct caps_header header;

	EXPECT_OK(take(&a, out, 1000, 0, &header));
	close(a.p.server);
	EXPECT_FREE_PAGES();
	EXPECT_ERR(ECANCELED, get_data(a.p.client, header.id, 0, out, LEN,
				       NULL));
	EXPECT_OK(discard(a.p.client, header.id));
}

/* ... or fetched just now, by somebody who stands still. */
TEST_F(tidy, server_dies_while_it_is_fetched)
{
	struct async a = answered(_metadata);
	struct caps_get_data get = { 0 };
	struct caps_header header;
	struct region region;
	struct background b;

	if (!uffd_start(&region, LEN))
		SKIP(return, "no userfaultfd");
	EXPECT_OK(take(&a, NULL, 0, 0, &header));
	get.id = header.id;
	get.buffer = data_of(region.map, LEN);
	background_start(&b, a.p.client, CAPS_GET_DATA, &get);
	ASSERT_TRUE(eventually(region_touched(&region)));
	close(a.p.server);
	EXPECT_FREE_PAGES();
	region_answer(&region);
	EXPECT_ERR(ECANCELED, background_join(&b));
	EXPECT_OK(discard(a.p.client, header.id));
}

/* To nobody: refused, and there is nothing to be told. */
TEST_F(tidy, to_a_caller_that_has_gone)
{
	struct async a = async_call(_metadata, true);
	struct message m;
	__u32 result;

	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(a.p.client, a.id));
	EXPECT_OK(receive(a.p.server, a.p.port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_ERR(ECANCELED, reply_deferred(a.p.server, a.held,
					     pages_map(LEN), LEN, &result));
	EXPECT_ERR(EAGAIN, receive_now(a.p.server, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(0, actor_info(a.p.server).pending);
	EXPECT_FREE_PAGES();
}

/* An answer that is refused leaves the call as it was. */
TEST_F(tidy, refused_answer)
{
	struct async a = async_call(_metadata, true);
	char *body = pages_map(2 << 20);
	struct message m;
	__u32 result;

	parameter_set(&self->before, "max_pinned", 4096);
	EXPECT_ERR(EDQUOT, reply_deferred(a.p.server, a.held, body, 2 << 20,
					  &result));
	EXPECT_ERR(EMSGSIZE, reply_data(a.p.server, a.held, 0, body, 2 << 20));
	EXPECT_ERR(EFAULT, reply_deferred(a.p.server, a.held, (void *)NOWHERE,
					  LEN, &result));
	EXPECT_ERR(EAGAIN, receive_now(a.p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_OK(reply_text(a.p.server, a.held, 0, "answer"));
	one_answer(_metadata, &a, 0);
}

TEST_HARNESS_MAIN
