// SPDX-License-Identifier: GPL-2.0
/*
 * Waits of services through io_uring: for a name, for a server's verdict, for a
 * generation. None of them where the entry is submitted, each in a worker, and
 * only where something is to be waited for.
 */
#include "caps_accept.h"
#include "caps_uring.h"

#define ENTRIES	16u
#define AWAITED	"awaited"

FIXTURE(waits)
{
	struct before before;
	struct gate g;		/* a service that asks */
	__u64 cap;		/* the client's, to its port */
	struct io_uring ring;
};

FIXTURE_VARIANT(waits)
{
	unsigned int setup;
	unsigned int sqe;
	__u32 flags;		/* of those that wait */
};

FIXTURE_VARIANT_ADD(waits, plain) { };
FIXTURE_VARIANT_ADD(waits, worker) { .sqe = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(waits, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(waits, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(waits, park) { .flags = CAPS_URING_PARK };

FIXTURE_SETUP(waits)
{
	before_take(&self->before);
	self->g = gate_open(CAPS_REGISTER_DISCONNECTED);
	/* To the harness that says it was skipped; a return would go on. */
	if (variant->flags & CAPS_URING_PARK && !can_park(self->g.server))
		SKIP(_exit(255), "this kernel cannot park");
	self->cap = cap_give(self->g.server, self->g.port, self->g.client);
	ring_open(&self->ring, ENTRIES, variant->setup);
}

FIXTURE_TEARDOWN(waits)
{
	if (self->ring.sq.ring_ptr)
		io_uring_queue_exit(&self->ring);
	before_check(_metadata, &self->before);
}

/* By the client, in this fixture's manner, and not waiting for the completion. */
#define START(command, arg)						\
	ring_start(&self->ring, variant->sqe, self->g.client, command, arg, \
		   variant->flags)

/* Likewise, and its result. */
#define DO(command, arg) ({						\
	START(command, arg);						\
	ring_result(&self->ring, arg);					\
})

/* Of a name that is not there. */
static struct caps_connect absent(__u64 deadline)
{
	struct caps_connect c = connect_of(AWAITED, 0, ANY);

	c.deadline = deadline;
	return c;
}

static long appear(struct gate *g, __u32 flags)
{
	return register_to(g->server, g->port, AWAITED, 0, ANY, flags);
}

static struct caps_generation other_than(__u64 cap, __u64 known, __u64 deadline)
{
	return (struct caps_generation){
		.capability = cap, .generation = known,
		.deadline = deadline, .flags = CAPS_GENERATION_WAIT,
	};
}

static long generation_set(struct gate *g, __u64 value)
{
	struct caps_generation_set s = {
		.capability = g->port, .generation = value,
	};

	return caps_ioctl(g->server, CAPS_GENERATION_SET, &s);
}

static void expect_cancelled(struct __test_metadata *_metadata, struct gate *g,
			     __u64 id)
{
	struct message m = asked(g);

	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(id, m.header.id);
	EXPECT_OK(discard(g->server, id));
}

/* --- a name --------------------------------------------------------------- */

TEST_F(waits, for_a_name)
{
	struct caps_connect c = absent(grace());
	struct message m;

	START(CAPS_CONNECT, &c);
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(appear(&self->g, 0));
	EXPECT_OK(ring_result(&self->ring, &c));
	EXPECT_OK(send_text(self->g.client, c.capability, "at last"));
	EXPECT_OK(receive(self->g.server, self->g.port, &m));
	EXPECT_STREQ("at last", m.body);
}

TEST_F(waits, until_the_deadline)
{
	struct caps_connect c = absent(in_ms(30));

	EXPECT_ERR(ETIMEDOUT, DO(CAPS_CONNECT, &c));
	EXPECT_GE(now_ns(), c.deadline);
	EXPECT_ERR(ETIMEDOUT, DO(CAPS_CONNECT, &c));
	/* Nor does a verdict's deadline let anybody wait for a name. */
	c.deadline = 0;
	c.verdict = CAPS_FOREVER;
	EXPECT_ERR(ENOENT, DO(CAPS_CONNECT, &c));
}

TEST_F(waits, until_cancelled)
{
	struct caps_connect c = absent(CAPS_FOREVER);

	START(CAPS_CONNECT, &c);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_TRUE(given_up(ring_cancelled(&self->ring, &c)));
	EXPECT_OK(appear(&self->g, 0));
	EXPECT_OK(DO(CAPS_CONNECT, &c));
}

/* --- a verdict ------------------------------------------------------------ */

TEST_F(waits, for_a_verdict)
{
	struct caps_connect c = plea(0x5);
	struct message m;

	START(CAPS_CONNECT, &c);
	m = asked(&self->g);
	EXPECT_EQ(CAPS_KIND_APPLICATION, m.header.kind);
	EXPECT_EQ(getpid(), m.header.pid);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(admit(&self->g, &m));
	EXPECT_OK(ring_result(&self->ring, &c));
	EXPECT_EQ(0x5, c.operations);
	EXPECT_EQ(CAPS_RESULT_TAKEN, c.result);
}

/* First for the one, then for the other; each has its own deadline. */
TEST_F(waits, for_both)
{
	struct caps_connect c = absent(grace());
	struct message m;

	c.verdict = grace();
	START(CAPS_CONNECT, &c);
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(appear(&self->g, CAPS_REGISTER_ASK));
	m = asked(&self->g);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_OK(admit(&self->g, &m));
	EXPECT_OK(ring_result(&self->ring, &c));

	/* One that asks, of whom nobody wants to wait for an answer. */
	ASSERT_OK(unregister_of(self->g.server, AWAITED, 0, ANY));
	c = absent(grace());
	START(CAPS_CONNECT, &c);
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(appear(&self->g, CAPS_REGISTER_ASK));
	EXPECT_ERR(EAGAIN, ring_result(&self->ring, &c));
	EXPECT_ERR(EAGAIN, receive_now(self->g.server, self->g.port, &m));
}

/* The server's EAGAIN is its own, and no wish to be asked again. */
TEST_F(waits, for_a_refusal)
{
	struct caps_connect c = plea(CAPS_ALL_OPERATIONS);
	const int reasons[] = { EAGAIN, ENOENT, 511 };
	struct message m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		START(CAPS_CONNECT, &c);
		m = asked(&self->g);
		EXPECT_OK(reject(self->g.server, m.header.id, reasons[i]));
		EXPECT_ERR(reasons[i], ring_result(&self->ring, &c));
		EXPECT_EQ(CAPS_RESULT_TAKEN | CAPS_RESULT_REJECTED, c.result);
		EXPECT_ERR(EAGAIN, receive_now(self->g.server, self->g.port,
					       &m));
	}
}

TEST_F(waits, until_the_deadline_of_the_verdict)
{
	struct caps_connect c = plea(CAPS_ALL_OPERATIONS);
	struct message m;

	c.verdict = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, DO(CAPS_CONNECT, &c));
	EXPECT_EQ(0, c.result);
	EXPECT_ERR(EAGAIN, receive_now(self->g.server, self->g.port, &m));
	c.verdict = in_ms(1000);
	START(CAPS_CONNECT, &c);
	m = asked(&self->g);
	EXPECT_ERR(ETIMEDOUT, ring_result(&self->ring, &c));
	EXPECT_EQ(CAPS_RESULT_TAKEN, c.result);
	expect_cancelled(_metadata, &self->g, m.header.id);
}

TEST_F(waits, for_a_verdict_until_cancelled)
{
	struct caps_connect c = plea(CAPS_ALL_OPERATIONS);
	struct message m;

	c.verdict = CAPS_FOREVER;
	START(CAPS_CONNECT, &c);
	m = asked(&self->g);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_TRUE(given_up(ring_cancelled(&self->ring, &c)));
	EXPECT_EQ(CAPS_RESULT_TAKEN, c.result);
	expect_cancelled(_metadata, &self->g, m.header.id);
}

/* --- a generation --------------------------------------------------------- */

TEST_F(waits, for_a_generation)
{
	struct caps_generation g = other_than(self->cap, 0, grace());

	START(CAPS_GENERATION, &g);
	EXPECT_FALSE(ring_has(&self->ring));
	ASSERT_OK(generation_set(&self->g, 7));
	EXPECT_OK(ring_result(&self->ring, &g));
	EXPECT_EQ(7, g.generation);

	g = other_than(self->cap, 7, in_ms(30));
	EXPECT_ERR(ETIMEDOUT, DO(CAPS_GENERATION, &g));
	EXPECT_GE(now_ns(), g.deadline);
	g.flags = 0;
	EXPECT_ERR(EINVAL, DO(CAPS_GENERATION, &g));

	g = other_than(self->cap, 7, CAPS_FOREVER);
	START(CAPS_GENERATION, &g);
	EXPECT_FALSE(ring_has(&self->ring));
	close(self->g.server);
	EXPECT_ERR(EPIPE, ring_result(&self->ring, &g));
}

TEST_F(waits, for_a_generation_until_cancelled)
{
	struct caps_generation g = other_than(self->cap, 0, CAPS_FOREVER);

	START(CAPS_GENERATION, &g);
	EXPECT_FALSE(ring_has(&self->ring));
	EXPECT_TRUE(given_up(ring_cancelled(&self->ring, &g)));
}

/* --- only where something is to be waited for ------------------------------- */

TEST_F(waits, not_for_what_is_there)
{
	struct caps_generation g = other_than(self->cap, 1, CAPS_FOREVER);
	struct caps_connect c = connect_of("open", 0, ANY);
	struct message m;

	ASSERT_OK(register_to(self->g.server, self->g.port, "open", 0, ANY,
			      0));
	c.deadline = CAPS_FOREVER;
	c.verdict = CAPS_FOREVER;
	EXPECT_OK(DO(CAPS_CONNECT, &c));
	c.flags = CAPS_CONNECT_GROUP;
	c.operations = CAPS_ALL_OPERATIONS;
	EXPECT_ERR(EACCES, DO(CAPS_CONNECT, &c));
	EXPECT_OK(DO(CAPS_GENERATION, &g));
	EXPECT_EQ(0, g.generation);
	c = absent(0);
	EXPECT_ERR(ENOENT, DO(CAPS_CONNECT, &c));
	c = plea(CAPS_ALL_OPERATIONS);
	c.verdict = 0;
	EXPECT_ERR(EAGAIN, DO(CAPS_CONNECT, &c));
	EXPECT_ERR(EAGAIN, receive_now(self->g.server, self->g.port, &m));
	if (!(variant->sqe & IOSQE_ASYNC))
		EXPECT_EQ(0, workers());
}

/* As with deadlines of 0, in an ioctl as well as here. */
TEST_F(waits, not_when_told_so)
{
	const __u32 mark = CAPS_URING_NOWAIT;
	/* Who waits all the same is to be found out soon. */
	struct caps_generation g = other_than(self->cap, 0, in_ms(2000));
	struct caps_connect c = absent(in_ms(2000));
	struct message m;

#define NOWAIT(command, arg) ({						\
	ring_start(&self->ring, variant->sqe, self->g.client, command, arg, \
		   mark);						\
	ring_result(&self->ring, arg);					\
})

	EXPECT_ERR(ENOENT, NOWAIT(CAPS_CONNECT, &c));
	c = plea(CAPS_ALL_OPERATIONS);
	c.verdict = in_ms(2000);
	EXPECT_ERR(EAGAIN, NOWAIT(CAPS_CONNECT, &c));
	EXPECT_ERR(EAGAIN, receive_now(self->g.server, self->g.port, &m));
	EXPECT_ERR(ETIMEDOUT, NOWAIT(CAPS_GENERATION, &g));
	if (!(variant->sqe & IOSQE_ASYNC))
		EXPECT_EQ(0, workers());
	c = absent(0);
	EXPECT_ERR(ENOENT, caps_ioctl(self->g.client, CAPS_CONNECT, &c));
	g.deadline = 0;
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(self->g.client, CAPS_GENERATION, &g));
	ASSERT_OK(generation_set(&self->g, 1));
	EXPECT_OK(NOWAIT(CAPS_GENERATION, &g));
	EXPECT_EQ(1, g.generation);
}

/* --- the ends of ring, process and image ------------------------------------ */

TEST_F(waits, ring_closed_first)
{
	struct caps_generation g = other_than(self->cap, 0, CAPS_FOREVER);
	struct caps_connect c = absent(CAPS_FOREVER), p = plea(1);
	struct message m;

	p.verdict = CAPS_FOREVER;
	START(CAPS_CONNECT, &c);
	START(CAPS_GENERATION, &g);
	START(CAPS_CONNECT, &p);
	m = asked(&self->g);
	io_uring_queue_exit(&self->ring);
	self->ring.sq.ring_ptr = NULL;
	expect_cancelled(_metadata, &self->g, m.header.id);
	/* A ring ends in the background; nobody waits for the name after. */
	EXPECT_OK(appear(&self->g, 0));
}

static void process_ends(struct __test_metadata *_metadata, struct gate *gate,
			 unsigned int setup, unsigned int sqe, __u32 flags,
			 bool exec)
{
	char *argv[] = { "true", NULL };
	struct message m;
	struct child child;
	int from;

	from = cap_export(gate->server, gate->port);
	if (child_start(&child)) {
		struct caps_connect c = absent(CAPS_FOREVER), p = plea(1);
		struct caps_generation g = other_than(0, 0, CAPS_FOREVER);
		int fd = actor_open();
		struct io_uring ring;

		need(cap_import(fd, from, &g.capability), "CAPS_IMPORT");
		p.verdict = CAPS_FOREVER;
		ring_open(&ring, ENTRIES, setup);
		ring_start(&ring, sqe, fd, CAPS_CONNECT, &c, flags);
		ring_start(&ring, sqe, fd, CAPS_GENERATION, &g, flags);
		ring_start(&ring, sqe, fd, CAPS_CONNECT, &p, flags);
		hear(&child);
		if (exec)
			execv("/bin/true", argv);
		for (;;)
			pause();
	}
	close(from);
	m = asked(gate);
	EXPECT_EQ(child.pid, m.header.pid);
	if (exec) {
		say(&child, 0);
		EXPECT_OK(child_wait(&child));
	} else {
		kill(child.pid, SIGKILL);
		EXPECT_EQ(-SIGKILL, child_wait(&child));
	}
	expect_cancelled(_metadata, gate, m.header.id);
	close(child.line);
}

TEST_F(waits, killed)
{
	process_ends(_metadata, &self->g, variant->setup, variant->sqe,
		     variant->flags, false);
}

TEST_F(waits, exec)
{
	process_ends(_metadata, &self->g, variant->setup, variant->sqe,
		     variant->flags, true);
}

TEST_HARNESS_MAIN
