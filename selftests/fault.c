// SPDX-License-Identifier: GPL-2.0
/*
 * Bad addresses, absurd lengths and nothing at all, at every position: an
 * error, and everything stays as it was.
 */
#include "caps_test.h"

FIXTURE(fault)
{
	int fd;
	int client;
	__u64 port;
	__u64 cap;		/* the client's */
};

FIXTURE_SETUP(fault)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new(self->fd);
	ASSERT_OK(port_enable(self->fd, self->port, 0));
	self->cap = cap_give(self->fd, self->port, self->client);
}

FIXTURE_TEARDOWN(fault)
{
}

static char *kernel_address(void)
{
	return (char *)(sizeof(long) == 8 ? 0xffff888000000000 : 0xc0000000);
}

/* Data whose parts cannot be read, nor written; each refused by EFAULT. */
static unsigned int bad_data(struct caps_data *bad)
{
	static struct caps_iovec pieces[2];
	char *edge = guarded(10);
	unsigned int n = 0;

	pieces[0] = (struct caps_iovec){ (uintptr_t)edge, 10 };
	pieces[1] = (struct caps_iovec){ NOWHERE, 10 };
	bad[n++] = data_of((void *)(uintptr_t)NOWHERE, 20);
	bad[n++] = data_of(NULL, 20);
	bad[n++] = data_of(edge, 20);
	bad[n++] = data_of(kernel_address(), 20);
	bad[n++] = data_of((void *)-16l, 20);
	bad[n++] = (struct caps_data){ .annex = NOWHERE, .annex_len = 20 };
	bad[n++] = (struct caps_data){
		.annex = (uintptr_t)edge, .annex_len = 20,
	};
	bad[n++] = (struct caps_data){ .body = NOWHERE, .iov_count = 2 };
	bad[n++] = (struct caps_data){
		.body = (uintptr_t)edge, .iov_count = 1,
	};
	bad[n++] = (struct caps_data){
		.body = (uintptr_t)pieces, .iov_count = 2,
	};
	return n;
}

#define BAD	10

/* Sending from a bad address sends nothing. */
TEST_F(fault, sending)
{
	struct caps_data bad[BAD];
	unsigned int i, n = bad_data(bad);

	ASSERT_EQ(BAD, n);
	for (i = 0; i < n; i++) {
		struct caps_send s = {
			.capability = self->cap, .data = bad[i],
		};
		struct caps_call call = call_of(self->cap, "");

		call.request = bad[i];
		EXPECT_ERR(EFAULT, caps_ioctl(self->client, CAPS_SEND, &s)) {
			TH_LOG("bad data %u", i);
		}
		EXPECT_ERR(EFAULT, caps_ioctl(self->client, CAPS_CALL_ASYNC,
					      &s));
		EXPECT_ERR(EFAULT, caps_ioctl(self->client, CAPS_CALL, &call));
		EXPECT_EQ(0, call.result);
	}
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
	EXPECT_EQ(0, actor_info(self->client).pending);
	EXPECT_EQ(0, actor_info(self->client).sent_copies);
}

static void send_both(int fd, __u64 cap)
{
	struct caps_send s = { .capability = cap };

	s.data = data_of("a body of twenty b.", 20);
	s.data.annex = (uintptr_t)"an annex of twenty.";
	s.data.annex_len = 20;
	need(caps_ioctl(fd, CAPS_SEND, &s), "CAPS_SEND");
}

/* Receiving to a bad address leaves the message where it was, at its place. */
TEST_F(fault, receiving)
{
	struct caps_data bad[BAD];
	unsigned int i, n = bad_data(bad);
	struct message m;

	send_both(self->client, self->cap);
	ASSERT_OK(send_text(self->client, self->cap, "behind it"));
	for (i = 0; i < n; i++) {
		struct caps_receive r = { .buffer = bad[i] };
		struct caps_receive_batch batch = {
			.entries = (uintptr_t)&r, .count = 1,
		};

		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE, &r)) {
			TH_LOG("bad data %u", i);
		}
		EXPECT_EQ(0, r.header.kind);
		r.port = self->port;
		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE, &r));
		r.port = 0;
		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE_BATCH,
					      &batch));
		EXPECT_EQ(2, port_info(self->fd, self->port).queued);
		EXPECT_TRUE(readable(self->fd));
	}
	EXPECT_EQ(0, actor_info(self->fd).held);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(1, m.header.sequence);
	EXPECT_STREQ("a body of twenty b.", m.body);
	EXPECT_STREQ("an annex of twenty.", m.annex);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("behind it", m.body);
}

/* Pages that can be read only are bad to receive into. */
TEST_F(fault, receiving_into_read_only_pages)
{
	struct caps_receive r = {
		.port = self->port, .buffer = data_of(read_only(64), 64),
	};
	struct message m;

	send_both(self->client, self->cap);
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	r.buffer = (struct caps_data){
		.annex = (uintptr_t)read_only(64), .annex_len = 64,
	};
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(1, m.header.sequence);
}

/* A header that cannot be written: not received. */
TEST_F(fault, header_in_a_read_only_page)
{
	struct caps_receive *r = read_only(sizeof(*r));
	struct message m;

	/* All zero: from any port, no buffer, do not wait. */
	ASSERT_OK(send_text(self->client, self->cap, "x"));
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE, r));
	EXPECT_EQ(1, port_info(self->fd, self->port).queued);
	EXPECT_EQ(0, actor_info(self->fd).held);
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_EQ(1, m.header.sequence);
}

/* Each place where the writable part of the header may end. */
TEST_F(fault, header_across_two_pages)
{
	const size_t page = 4096, size = sizeof(struct caps_receive);
	const size_t start = offsetof(struct caps_receive, header);
	const size_t last = offsetof(struct caps_receive, header.sequence);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int taken = 0;
	size_t edge;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_READ));
	for (edge = start; edge < size; edge += 8) {
		struct caps_receive *r = (void *)(map + page - edge);

		memset(r, 0, edge);
		ASSERT_OK(send_text(self->client, self->cap, ""));
		if (edge < last) {
			EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_RECEIVE,
						      r)) {
				TH_LOG("%zu bytes", edge);
			}
			continue;
		}
		/* The number is written last: it is ours then, without it. */
		EXPECT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, r));
		EXPECT_EQ(CAPS_KIND_SEND, r->header.kind);
		taken++;
	}
	EXPECT_EQ(1, taken);
	EXPECT_EQ(1, port_info(self->fd, self->port).sequence);
}

/* Answering from a bad address answers nothing. */
TEST_F(fault, answering)
{
	struct caps_data bad[BAD];
	unsigned int i, n = bad_data(bad);
	struct message m;
	__u64 id;

	ASSERT_OK(call_async(self->client, self->cap, 0, "", &id));
	ASSERT_OK(receive(self->fd, self->port, &m));
	for (i = 0; i < n; i++) {
		struct caps_reply r = { .id = m.header.id, .data = bad[i] };
		struct caps_reply_receive both = { .reply = r };

		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REPLY, &r)) {
			TH_LOG("bad data %u", i);
		}
		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REPLY_RECEIVE,
					      &both));
		EXPECT_EQ(-EFAULT, both.reply.outcome);
		EXPECT_EQ(m.header.id, both.reply.id);
	}
	ASSERT_OK(reply_text(self->fd, m.header.id, 1, "good"));
	ASSERT_OK(receive(self->client, CAPS_DEFAULT_PORT, &m));
	EXPECT_STREQ("good", m.body);
}

/* Reading a held message to a bad address changes nothing about it. */
TEST_F(fault, reading)
{
	struct caps_data bad[BAD];
	unsigned int i, n = bad_data(bad);
	char body[20];
	struct message m;

	send_both(self->client, self->cap);
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	for (i = 0; i < n; i++) {
		struct caps_get_data g = {
			.id = m.header.id, .buffer = bad[i],
		};

		EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_GET_DATA, &g)) {
			TH_LOG("bad data %u", i);
		}
	}
	ASSERT_OK(get_data(self->fd, m.header.id, 0, body, 20, NULL));
	EXPECT_STREQ("a body of twenty b.", body);
}

/* A call whose answer has no place learns that there was one. */
TEST_F(fault, being_answered)
{
	struct caps_data bad[BAD];
	unsigned int i, n = bad_data(bad);

	for (i = 0; i < n; i++) {
		struct caps_call call = call_of(self->cap, "");
		struct caps_reply r = { .data = data_of("twenty bytes of it.",
							20) };
		struct background b;
		struct message m;

		call.reply = bad[i];
		background_start(&b, self->client, CAPS_CALL, &call);
		ASSERT_OK(receive(self->fd, self->port, &m));
		r.id = m.header.id;
		r.data.annex = (uintptr_t)"twenty bytes of it.";
		r.data.annex_len = 20;
		ASSERT_OK(caps_ioctl(self->fd, CAPS_REPLY, &r));
		EXPECT_ERR(EFAULT, background_join(&b)) {
			TH_LOG("bad data %u", i);
		}
		EXPECT_TRUE(call.result & CAPS_RESULT_ANSWERED);
	}
}

/* --- results that cannot be written -------------------------------------- */

/* Run on a copy of @arg that cannot be written to. */
static long run_read_only(int fd, unsigned int command, const void *arg)
{
	size_t size = _IOC_SIZE(command);
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long ret;

	if (map == MAP_FAILED)
		die("no memory");
	memcpy(map, arg, size);
	need(sys(mprotect(map, size, PROT_READ)), "mprotect");
	ret = caps_ioctl(fd, command, map);
	munmap(map, size);
	return ret;
}

/* What cannot be named is not made. */
TEST_F(fault, nothing_is_made_that_cannot_be_named)
{
	struct caps_port_create create = { 0 };
	struct caps_duplicate copy = { .capability = self->port };
	struct caps_export export = { .capability = self->port };
	struct caps_import import = { .fd = cap_export(self->fd, self->port) };
	struct caps_send async = { .capability = self->port };
	struct caps_watch watch = { .capability = self->port };
	struct caps_connect connect = {
		.name = (uintptr_t)"fault", .name_len = 5, .uid = geteuid(),
		.gid = CAPS_ANY_ID,
		.operations = CAPS_ALL_OPERATIONS,
	};
	struct caps_actor_info before, after;
	int next = dup(0);

	close(next);
	ASSERT_OK(service_register(self->fd, self->port, "fault", 0, 0));
	before = actor_info(self->fd);
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_PORT_CREATE, &create));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_DUPLICATE, &copy));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_EXPORT, &export));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_IMPORT, &import));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_CALL_ASYNC, &async));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_CONNECT, &connect));
	EXPECT_ERR(EFAULT, run_read_only(self->fd, CAPS_WATCH, &watch));
	after = actor_info(self->fd);
	EXPECT_EQ(before.ports, after.ports);
	EXPECT_EQ(before.capabilities, after.capabilities);
	EXPECT_EQ(before.pending, after.pending);
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
	EXPECT_EQ(next, dup(0));
}

/* What has nothing to tell does not write, and needs no place for it. */
TEST_F(fault, nothing_to_tell)
{
	struct caps_port_ref disable = { .capability = self->port };
	struct caps_port_enable enable = { .capability = self->port };
	struct caps_close close = { .capability = self->cap };
	struct caps_discard end = { 0 };
	struct message m;

	ASSERT_OK(send_text(self->client, self->cap, ""));
	ASSERT_OK(receive_until(self->fd, self->port, CAPS_HOLD, 0, &m));
	end.id = m.header.id;
	EXPECT_OK(run_read_only(self->fd, CAPS_PORT_DISABLE, &disable));
	EXPECT_OK(run_read_only(self->fd, CAPS_PORT_ENABLE, &enable));
	EXPECT_OK(run_read_only(self->fd, CAPS_DISCARD, &end));
	EXPECT_OK(run_read_only(self->client, CAPS_CLOSE, &close));
	EXPECT_OK(run_read_only(self->fd, CAPS_PORT_DELETE, &disable));
}

/* --- lengths ------------------------------------------------------------- */

/* Lengths that wrap around, or exceed every limit, never look small. */
TEST_F(fault, absurd_lengths)
{
	static char byte[16];
	static const __u64 lengths[] = {
		CAPS_MAX_BODY + 1, 1ull << 31, 1ull << 32, (1ull << 32) + 1,
		1ull << 47, 1ull << 63, ~0ull - 15, ~0ull,
	};
	unsigned int i;
	long ret;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct caps_iovec one = { (uintptr_t)byte, lengths[i] };
		struct caps_iovec two[2] = {
			{ (uintptr_t)byte, 16 },
			{ (uintptr_t)byte, lengths[i] },
		};
		struct caps_send s = { .capability = self->cap };

		/* Too long, and mostly not there: either is true. */
		s.data.body = (uintptr_t)byte;
		s.data.body_len = lengths[i];
		ret = caps_ioctl(self->client, CAPS_SEND, &s);
		EXPECT_TRUE(ret == -EMSGSIZE || ret == -EFAULT);
		s.data = (struct caps_data){
			.body = (uintptr_t)&one, .iov_count = 1,
		};
		ret = caps_ioctl(self->client, CAPS_SEND, &s);
		EXPECT_TRUE(ret == -EMSGSIZE || ret == -EFAULT);
		s.data = (struct caps_data){
			.body = (uintptr_t)two, .iov_count = 2,
		};
		ret = caps_ioctl(self->client, CAPS_SEND, &s);
		EXPECT_TRUE(ret == -EMSGSIZE || ret == -EFAULT) {
			TH_LOG("length %#llx: %s", lengths[i],
			       result_name(ret));
		}
	}
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

/* 1,024 pieces are the most, for sending and for receiving. */
TEST_F(fault, pieces)
{
	static struct caps_iovec pieces[CAPS_MAX_IOVECS + 1];
	static char from[CAPS_MAX_IOVECS + 1], to[CAPS_MAX_IOVECS + 1];
	struct caps_send s = { .capability = self->cap };
	struct caps_receive r = { .port = self->port };
	unsigned int i;

	for (i = 0; i <= CAPS_MAX_IOVECS; i++) {
		from[i] = i * 7;
		pieces[i] = (struct caps_iovec){ (uintptr_t)&from[i], 1 };
	}
	s.data.body = (uintptr_t)pieces;
	s.data.iov_count = CAPS_MAX_IOVECS + 1;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->client, CAPS_SEND, &s));
	s.data.iov_count = ~0u;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->client, CAPS_SEND, &s));
	s.data.iov_count = CAPS_MAX_IOVECS;
	ASSERT_OK(caps_ioctl(self->client, CAPS_SEND, &s));

	for (i = 0; i <= CAPS_MAX_IOVECS; i++)
		pieces[i].base = (uintptr_t)&to[i];
	r.buffer.body = (uintptr_t)pieces;
	r.buffer.iov_count = CAPS_MAX_IOVECS + 1;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	r.buffer.iov_count = CAPS_MAX_IOVECS;
	ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(CAPS_MAX_IOVECS, r.header.body_len);
	EXPECT_EQ(0, memcmp(from, to, CAPS_MAX_IOVECS));
	EXPECT_EQ(0, to[CAPS_MAX_IOVECS]);
}

/* A list of pieces has no length of its own. */
TEST_F(fault, pieces_and_a_length)
{
	struct caps_iovec piece = { (uintptr_t)"x", 1 };
	struct caps_send s = { .capability = self->cap };
	struct caps_receive r = { .port = self->port };

	s.data.body = (uintptr_t)&piece;
	s.data.iov_count = 1;
	s.data.body_len = 1;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_SEND, &s));
	ASSERT_OK(send_text(self->client, self->cap, "x"));
	r.buffer = s.data;
	EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_RECEIVE, &r));
	EXPECT_EQ(1, port_info(self->fd, self->port).queued);
}

/* Nothing, from nowhere, in no pieces, to nowhere: all of that is fine. */
TEST_F(fault, nothing_at_all)
{
	struct caps_iovec empty[2] = { { 0, 0 }, { NOWHERE, 0 } };
	const struct caps_data nothing[] = {
		{ 0 },
		{ .annex = NOWHERE, .body = NOWHERE },
		{ .body = (uintptr_t)empty, .iov_count = 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nothing); i++) {
		struct caps_send s = {
			.capability = self->cap, .data = nothing[i],
		};
		struct caps_receive r = {
			.port = self->port, .buffer = nothing[i],
			.flags = CAPS_HOLD,
		};
		struct caps_get_data g = { .buffer = nothing[i] };
		struct caps_reply reply = { .data = nothing[i] };

		EXPECT_OK(caps_ioctl(self->client, CAPS_CALL_ASYNC, &s));
		ASSERT_OK(caps_ioctl(self->fd, CAPS_RECEIVE, &r));
		EXPECT_EQ(0, r.header.body_len);
		EXPECT_EQ(0, r.header.flags & CAPS_HEADER_TRUNCATED);
		g.id = r.header.id;
		EXPECT_OK(caps_ioctl(self->fd, CAPS_GET_DATA, &g));
		EXPECT_EQ(0, g.copied);
		reply.id = r.header.id;
		EXPECT_OK(caps_ioctl(self->fd, CAPS_REPLY, &reply));
		r.port = CAPS_DEFAULT_PORT;
		EXPECT_OK(caps_ioctl(self->client, CAPS_RECEIVE, &r));
		EXPECT_EQ(0, r.header.body_len);
	}
}

TEST_HARNESS_MAIN
