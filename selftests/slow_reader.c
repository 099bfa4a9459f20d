// SPDX-License-Identifier: GPL-2.0
/*
 * Readers that stand still in memory of their own, half way through a body,
 * while its sender gets the buffer back. What the sender writes there from then
 * on is not theirs to see, and they keep nothing that the sender pays for.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define LEN	(256 << 10)
#define OLD	1		/* seed of what was sent */
#define SECRET	2		/* and of what is written there afterwards */

/* How the sender gets its buffer back. */
enum ending { TIMEOUT, PASSED_ON, ANSWER, DISCARD, ABORT, ASYNC_ANSWER };

FIXTURE_VARIANT(tidy) {
	enum ending end;
	bool receiving;		/* the reader is in CAPS_RECEIVE */
	bool copied;		/* the body, when it was sent */
};

FIXTURE_VARIANT_ADD(tidy, deadline) { TIMEOUT };
FIXTURE_VARIANT_ADD(tidy, deadline_while_received) { TIMEOUT, true };
FIXTURE_VARIANT_ADD(tidy, deadline_when_passed_on) { PASSED_ON };
FIXTURE_VARIANT_ADD(tidy, answered) { ANSWER };
FIXTURE_VARIANT_ADD(tidy, discarded) { DISCARD };
FIXTURE_VARIANT_ADD(tidy, aborted) { ABORT };
FIXTURE_VARIANT_ADD(tidy, aborted_while_received) { ABORT, true };
FIXTURE_VARIANT_ADD(tidy, async_answered) { ASYNC_ANSWER };
FIXTURE_VARIANT_ADD(tidy, copied_deadline) { TIMEOUT, false, true };
FIXTURE_VARIANT_ADD(tidy, copied_answered) { ANSWER, false, true };
FIXTURE_VARIANT_ADD(tidy, copied_aborted) { ABORT, false, true };
FIXTURE_VARIANT_ADD(tidy, copied_aborted_while_received) { ABORT, true, true };

struct scene {
	struct pair p;
	char *sent;
	struct caps_call call;
	struct background caller;
	__u64 async_id;		/* or 0: a call that waits */
	__u64 held;
	struct region region;
	struct caps_get_data get;
	struct caps_receive receive;
	struct background reader;
};

static void scene_send(struct scene *s, enum ending end, bool copied)
{
	struct caps_send send = { .flags = copied ? CAPS_COPY : CAPS_DEFER };

	s->p = pair_open();
	s->sent = pages_filled(LEN, 0, OLD);
	if (end == ABORT || end == ASYNC_ANSWER) {
		send.capability = s->p.cap;
		send.data = data_of(s->sent, LEN);
		need(caps_ioctl(s->p.client, CAPS_CALL_ASYNC, &send),
		     "CAPS_CALL_ASYNC");
		s->async_id = send.id;
		return;
	}
	s->call = call_of(s->p.cap, "");
	s->call.request = data_of(s->sent, LEN);
	s->call.flags = copied ? CAPS_COPY : 0;
	if (end == TIMEOUT || end == PASSED_ON)
		s->call.deadline = in_ms(1500);
	background_start(&s->caller, s->p.client, CAPS_CALL, &s->call);
	if (!eventually(port_info(s->p.server, s->p.port).queued))
		die("nothing was sent");
}

/* The reader stands at the first byte of what is not there yet. */
static void scene_read(struct scene *s, bool receiving)
{
	struct caps_receive head = { .port = s->p.port };

	if (receiving) {
		s->receive = (struct caps_receive){ .port = s->p.port };
		s->receive.buffer = data_of(s->region.map, LEN);
		background_start(&s->reader, s->p.server, CAPS_RECEIVE,
				 &s->receive);
	} else {
		need(caps_ioctl(s->p.server, CAPS_RECEIVE, &head),
		     "CAPS_RECEIVE");
		s->held = head.header.id;
		s->get.id = s->held;
		s->get.buffer = data_of(s->region.map, LEN);
		background_start(&s->reader, s->p.server, CAPS_GET_DATA,
				 &s->get);
	}
	if (!eventually(region_touched(&s->region)))
		die("nobody reads");
}

static void scene_end(struct __test_metadata *_metadata, struct scene *s,
		      enum ending end)
{
	struct caps_forward on = { .id = s->held };
	struct message m;

	/* To a port where nobody receives; the reader here reads on. */
	if (end == PASSED_ON) {
		on.capability = port_new(s->p.server);
		EXPECT_OK(caps_ioctl(s->p.server, CAPS_FORWARD, &on));
		end = TIMEOUT;
	}
	if (end == ANSWER || end == ASYNC_ANSWER)
		EXPECT_OK(reply_text(s->p.server, s->held, 0, "done"));
	else if (end == DISCARD)
		EXPECT_OK(discard(s->p.server, s->held));
	else if (end == ABORT)
		EXPECT_EQ(s->held ? CAPS_ABORT_AT_SERVER : CAPS_ABORT_BEFORE,
			  abort_call(s->p.client, s->async_id));

	if (end == ASYNC_ANSWER)
		EXPECT_OK(receive(s->p.client, CAPS_DEFAULT_PORT, &m));
	else if (end != ABORT)
		EXPECT_ERR(end == TIMEOUT ? ETIMEDOUT :
			   end == DISCARD ? ECONNRESET : 0,
			   background_join(&s->caller));
}

/* What the sender's user pays for, but for the messages themselves. */
static bool paid_for_body(struct scene *s)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->p.client);
	return file_field(path, "user-kernel-bytes") >= LEN;
}

/* Words that were written after the sender had its buffer back. */
static unsigned int secrets_in(const char *p)
{
	unsigned int i, n = 0;
	__u64 word;

	for (i = 0; i < LEN / 8; i++) {
		memcpy(&word, p + 8 * i, 8);
		n += word == pattern_word(SECRET, i);
	}
	return n;
}

TEST_F(tidy, sees_nothing_that_comes_later)
{
	struct scene s = { 0 };

	if (!uffd_start(&s.region, LEN))
		SKIP(return, "no userfaultfd");
	scene_send(&s, variant->end, variant->copied);
	scene_read(&s, variant->receiving);
	scene_end(_metadata, &s, variant->end);

	/* The sender has its buffer back, whatever the reader does. */
	EXPECT_EQ(self->before.pinned, pages_pinned());
	EXPECT_FALSE(paid_for_body(&s));
	pattern_fill(s.sent, LEN, SECRET);
	region_answer(&s.region);
	if (!variant->receiving)
		EXPECT_ERR(ECANCELED, background_join(&s.reader));
	else
		EXPECT_ERR(EAGAIN, background_join(&s.reader));
	EXPECT_EQ(0, secrets_in(s.region.map));
}

/* Takes one call, answers it by what stays in its memory, and waits. */
static void deferring_server(struct child *c)
{
	struct caps_reply r = { .flags = CAPS_DEFER };
	int fd = actor_open();
	__u64 port = port_new(fd);
	struct message m;

	say_fd(c, cap_export(fd, port));
	need(receive(fd, port, &m), "CAPS_RECEIVE");
	r.id = m.header.id;
	r.data = data_of(pages_filled(LEN, 0, OLD), LEN);
	need(caps_ioctl(fd, CAPS_REPLY, &r), "CAPS_REPLY");
	say(c, r.result);
	pause();
}

TIDY_FIXTURE(plain)

/* The pages of a dead server are free, whoever reads its answer. */
static void dead_server(struct __test_metadata *_metadata,
			struct before *before, bool async)
{
	struct caps_receive receive = { .port = CAPS_DEFAULT_PORT };
	struct background b;
	struct caps_call call;
	struct region region;
	struct child server;
	int fd = actor_open();
	__u64 cap, id;

	if (!uffd_start(&region, LEN))
		SKIP(return, "no userfaultfd");
	if (child_start(&server))
		deferring_server(&server);
	need(cap_import(fd, hear_fd(&server), &cap), "CAPS_IMPORT");
	call = call_of(cap, "");
	call.reply = data_of(region.map, LEN);
	receive.buffer = call.reply;
	receive.deadline = grace();
	if (async)
		need(call_async(fd, cap, 0, "", &id), "CAPS_CALL_ASYNC");
	background_start(&b, fd, async ? CAPS_RECEIVE : CAPS_CALL,
			 async ? (void *)&receive : (void *)&call);
	EXPECT_EQ(0, hear(&server));
	EXPECT_TRUE(eventually(region_touched(&region)));
	child_kill(&server);
	EXPECT_TRUE(eventually(pages_pinned() == before->pinned));
	region_answer(&region);
	EXPECT_ERR(async ? 0 : ECONNRESET, background_join(&b));
	if (async) {
		EXPECT_EQ(CAPS_KIND_REPLY, receive.header.kind);
		EXPECT_EQ(ECONNRESET, receive.header.error);
		EXPECT_EQ(0, receive.header.body_len);
	} else {
		EXPECT_EQ(CAPS_RESULT_TAKEN, call.result);
	}
}

TEST_F(plain, caller_of_a_dead_server)
{
	dead_server(_metadata, &self->before, false);
}

TEST_F(plain, receiver_of_a_dead_servers_answer)
{
	dead_server(_metadata, &self->before, true);
}

TEST_HARNESS_MAIN
