// SPDX-License-Identifier: GPL-2.0
/*
 * Groups while everything changes: members come and go under a sender, queues
 * fill under one who wants all or nothing, processes are killed.
 */
#include "caps_group.h"
#include "caps_memory.h"
#include "caps_state.h"

#include <sys/time.h>

#define MEMBERS	8
#define ROUND	1000		/* messages between two looks */
#define BATCH	64

/* --- a send sees the group as it was at one moment ------------------------ */

struct flips {
	int fd;
	__u64 group;
	__u64 port[MEMBERS];
	bool stop;
	unsigned int started, done;	/* changes */
	__u8 *members;			/* after each change, as a mask */
	unsigned int room;
};

static void *flip(void *arg)
{
	struct dice dice = { 42 };
	struct flips *f = arg;
	unsigned int i, n = 0;
	__u8 mask = f->members[0];

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE) &&
	       n + 1 < f->room) {
		i = dice_roll(&dice, MEMBERS);
		mask ^= 1 << i;
		f->members[++n] = mask;
		__atomic_store_n(&f->started, n, __ATOMIC_RELEASE);
		if (mask & 1 << i)
			need(group_insert(f->fd, f->group, f->port[i]),
			     "CAPS_GROUP_INSERT");
		else
			need(group_remove(f->fd, f->group, f->port[i]),
			     "CAPS_GROUP_REMOVE");
		__atomic_store_n(&f->done, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

struct sent {
	unsigned int from, to;		/* changes that it may have seen */
	__u8 got;			/* who got it, as a mask */
	__u32 reached;
};

static void send_round(struct flips *f, int sender, __u64 cap,
		       struct sent *sent)
{
	struct caps_send s = { .capability = cap };
	__u32 n;

	s.data = data_of(&n, sizeof(n));
	for (n = 0; n < ROUND; n++) {
		sent[n].got = 0;
		sent[n].from = __atomic_load_n(&f->done, __ATOMIC_ACQUIRE);
		need(caps_ioctl(sender, CAPS_SEND, &s), "CAPS_SEND");
		sent[n].to = __atomic_load_n(&f->started, __ATOMIC_ACQUIRE);
		sent[n].reached = s.reached;
	}
}

/* What member @i has; false if something is there twice, or out of order. */
static bool drain(struct flips *f, int i, struct sent *sent)
{
	struct caps_receive entry[BATCH];
	struct caps_receive_batch batch = {
		.port = f->port[i], .entries = (uintptr_t)entry, .count = BATCH,
	};
	__u32 number[BATCH], next = 0;

	memset(entry, 0, sizeof(entry));
	for (int n = 0; n < BATCH; n++)
		entry[n].buffer = data_of(&number[n], sizeof(number[n]));
	while (!caps_ioctl(f->fd, CAPS_RECEIVE_BATCH, &batch)) {
		for (unsigned int n = 0; n < batch.received; n++) {
			if (number[n] < next || number[n] >= ROUND)
				return false;
			sent[number[n]].got |= 1 << i;
			next = number[n] + 1;
		}
	}
	return true;
}

/* Was the group at one moment meanwhile what the message reached? */
static bool explained(const struct flips *f, const struct sent *sent)
{
	unsigned int i;

	for (i = sent->from; i <= sent->to; i++) {
		if (f->members[i] == sent->got)
			return __builtin_popcount(sent->got) ==
			       (int)sent->reached;
	}
	return false;
}

TEST_F(tidy, membership_flips)
{
	struct flips f = { .fd = actor_open(), .room = 4 << 20 };
	unsigned int rounds = test_scale(100000) / ROUND ?: 1, flips;
	int sender = actor_open();
	static struct sent sent[ROUND];
	bool in_order = true;
	pthread_t thread;
	__u64 cap;

	f.members = calloc(f.room, 1);
	f.group = group_new(f.fd);
	cap = cap_give(f.fd, f.group, sender);
	for (int i = 0; i < MEMBERS; i++)
		f.port[i] = port_new_limit(f.fd, 2 * ROUND + 2);
	need(-pthread_create(&thread, NULL, flip, &f), "thread");
	for (unsigned int round = 0; round < rounds; round++) {
		send_round(&f, sender, cap, sent);
		for (int i = 0; i < MEMBERS; i++)
			in_order &= drain(&f, i, sent);
		ASSERT_TRUE(in_order);
		for (int n = 0; n < ROUND; n++) {
			ASSERT_TRUE(explained(&f, &sent[n]))
				TH_LOG("round %u message %d went to %#x",
				       round, n, sent[n].got);
		}
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	flips = f.done;
	TH_LOG("%u messages, %u changes", rounds * ROUND, flips);
	EXPECT_LT(10, flips);
	free(f.members);
}

/* --- all or nothing ------------------------------------------------------- */

struct polling {
	int fd;
	__u64 port[MEMBERS];
	bool stop;
	bool wait;		/* for messages, rather than look */
	__u8 *got;		/* of each message, who, as a mask */
	unsigned int count;
	bool twice;
};

static void take_one(struct polling *p, int i)
{
	__u32 number = 0;
	struct caps_receive r = {
		.port = p->port[i], .buffer = data_of(&number, sizeof(number)),
		.deadline = p->wait ? now_ns() + 20000 : 0,
	};

	if (caps_ioctl(p->fd, CAPS_RECEIVE, &r))
		return;
	if (number >= p->count || p->got[number] & 1 << i)
		p->twice = true;
	else
		p->got[number] |= 1 << i;
}

/* What is there, in any order, so that now this and now that one is full. */
static void *poll_members(void *arg)
{
	struct dice dice = { 7 };
	struct polling *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
		take_one(p, dice_roll(&dice, MEMBERS));
	return NULL;
}

static void all_or_nothing(struct __test_metadata *_metadata, bool wait)
{
	struct polling p = {
		.fd = actor_open(), .wait = wait,
		.count = test_scale(20000),
	};
	int sender = actor_open();
	__u64 group = group_new(p.fd), cap = cap_give(p.fd, group, sender);
	unsigned int n, sent = 0, full = 0;
	struct caps_send s = { .capability = cap, .flags = CAPS_TO_ALL };
	__u8 *want = calloc(p.count, 1);
	pthread_t thread;
	long ret;

	p.got = calloc(p.count, 1);
	for (int i = 0; i < MEMBERS; i++)
		p.port[i] = member_new(p.fd, group, 4);
	need(-pthread_create(&thread, NULL, poll_members, &p), "thread");
	s.data = data_of(&n, sizeof(n));
	for (n = 0; n < p.count; n++) {
		ret = caps_ioctl(sender, CAPS_SEND, &s);
		if (!ret)
			want[n] = (1 << MEMBERS) - 1;
		ASSERT_TRUE(ret == 0 || ret == -EAGAIN);
		ret ? full++ : sent++;
		if (ret && n % 4 == 0)
			sched_yield();
	}
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	for (int i = 0; i < MEMBERS * 4; i++)
		take_one(&p, i % MEMBERS);
	TH_LOG("%u reached all, %u nobody", sent, full);
	EXPECT_LT(0, sent);
	EXPECT_LT(0, full);
	EXPECT_FALSE(p.twice);
	EXPECT_EQ(0, memcmp(want, p.got, p.count));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_EQ(0, port_info(p.fd, p.port[i]).users);
	free(want);
	free(p.got);
}

/* A receiver that looks never sees a message of a send that failed. */
TEST_F(tidy, all_or_nothing)
{
	all_or_nothing(_metadata, false);
}

/* ... nor does one that waits. */
TEST_F(tidy, all_or_nothing_waiting)
{
	all_or_nothing(_metadata, true);
}

/* --- a signal comes in the middle ------------------------------------------ */

#define CROWD	500
#define TURNS	27		/* each moment three times */

static void nothing(int number)
{
	(void)number;
}

/* A default send that is interrupted says how many it has reached. */
TEST_F(tidy, interrupted)
{
	struct itimerval once = {}, never = {};
	struct sigaction action = {
		.sa_handler = nothing, .sa_flags = SA_RESTART,
	};
	int fd = actor_open(), sender = actor_open();
	__u64 group = group_new(fd), cap = cap_give(fd, group, sender);
	struct caps_send s = group_message(cap, 0, "x");
	unsigned int sent = 0, arrived = 0, partial = 0;
	__u64 port[CROWD];

	for (int i = 0; i < CROWD; i++)
		port[i] = member_new(fd, group, 0);
	need(sys(sigaction(SIGALRM, &action, NULL)), "sigaction");
	for (int n = 0; n < TURNS && !partial; n++) {
		/* Once, at another moment each time: 50 us to 12.8 ms. */
		once.it_value.tv_usec = 50 << (n % 9);
		setitimer(ITIMER_REAL, &once, NULL);
		ASSERT_OK(caps_ioctl(sender, CAPS_SEND, &s));
		setitimer(ITIMER_REAL, &never, NULL);
		sent += s.reached;
		if (s.result & CAPS_RESULT_PARTIAL) {
			EXPECT_LT(0, s.reached);
			EXPECT_GT(CROWD, s.reached);
			partial++;
		} else {
			EXPECT_EQ(0, s.result);
			EXPECT_EQ(CROWD, s.reached);
		}
	}
	for (int i = 0; i < CROWD; i++)
		arrived += port_info(fd, port[i]).queued;
	EXPECT_EQ(sent, arrived);
	EXPECT_EQ(1, partial);
}

/* --- processes are killed ------------------------------------------------- */

#define SENDERS		2
#define POOL		4
#define LEN		(40 << 10)

/* In a child: a member that reads, holds, discards; and joins anew. */
static void member_life(struct child *c)
{
	int fd = actor_open(), from = hear_fd(c);
	struct dice dice = { c->line + getpid() };
	char *buffer = pages_map(LEN);
	__u64 group, port;

	need(cap_import(fd, from, &group), "import");
	for (;;) {
		port = port_new_limit(fd, 8);
		group_insert(fd, group, port);
		for (int i = dice_roll(&dice, 200); i; i--) {
			struct caps_receive r = {
				.port = port, .deadline = in_ms(1),
				.flags = dice_roll(&dice, 2) ? CAPS_HOLD : 0,
				.buffer = data_of(buffer,
						  dice_roll(&dice, 2) * LEN),
			};

			if (!caps_ioctl(fd, CAPS_RECEIVE, &r) && r.header.id)
				discard(fd, r.header.id);
		}
		if (dice_roll(&dice, 2))
			group_remove(fd, group, port);
		port_delete(fd, port);
		cap_close(fd, port);
	}
}

/* In a child: sends in every mode. */
static void sender_life(struct child *c)
{
	static const __u32 modes[] = {
		0, CAPS_TO_ALL, CAPS_TO_ANY, CAPS_EXCLUDE_ACTOR,
		CAPS_TO_ANY | CAPS_EXCLUDE_PORT,
	};
	static const __u32 bodies[] = { 0, CAPS_COPY, CAPS_DEFER };
	int fd = actor_open(), from = hear_fd(c);
	struct dice dice = { c->line + getpid() };
	char *body = pages_filled(LEN, 0, 1);
	struct message m;
	__u64 group;

	need(cap_import(fd, from, &group), "import");
	for (;;) {
		struct caps_send s = {
			.capability = group,
			.flags = modes[dice_roll(&dice, ARRAY_SIZE(modes))] |
				 bodies[dice_roll(&dice, ARRAY_SIZE(bodies))],
			.data = data_of(body, dice_roll(&dice, 2) ? LEN : 64),
		};

		if (s.flags & (CAPS_EXCLUDE_ACTOR | CAPS_EXCLUDE_PORT))
			s.relative = CAPS_DEFAULT_PORT;
		caps_ioctl(fd, CAPS_SEND, &s);
		while (!receive_now(fd, CAPS_DEFAULT_PORT, &m))
			;
	}
}

static void born(struct child *c, int group, bool sender)
{
	if (child_start(c)) {
		if (sender)
			sender_life(c);
		else
			member_life(c);
		_exit(1);
	}
	say_fd(c, group);
}

/*
 * Members and senders are killed in the middle, and the group is deleted under
 * them; at the end nothing is left.
 */
TEST_F(tidy, killed_in_the_middle)
{
	struct child child[SENDERS + POOL];
	struct dice dice = { 5 };
	int fd = actor_open();
	unsigned int kills = test_scale(200);
	__u64 group = group_new(fd);
	int exported = cap_export(fd, group);

	for (int i = 0; i < SENDERS + POOL; i++)
		born(&child[i], exported, i < SENDERS);
	for (unsigned int n = 0; n < kills; n++) {
		int i = dice_roll(&dice, SENDERS + POOL);

		sleep_ms(dice_roll(&dice, 30));
		if (n % 10 == 9) {
			/* All move on to another group. */
			ASSERT_OK(group_delete(fd, group));
			sleep_ms(5);
			close(exported);
			cap_close(fd, group);
			group = group_new(fd);
			exported = cap_export(fd, group);
			for (int j = 0; j < SENDERS + POOL; j++) {
				child_kill(&child[j]);
				close(child[j].line);
				born(&child[j], exported, j < SENDERS);
			}
			continue;
		}
		child_kill(&child[i]);
		close(child[i].line);
		born(&child[i], exported, i < SENDERS);
	}
	for (int i = 0; i < SENDERS + POOL; i++)
		child_kill(&child[i]);
	EXPECT_TRUE(eventually(group_count(fd, group) == 0));
	EXPECT_TRUE(eventually(live_count("bodies") == 0));
}

TEST_HARNESS_MAIN
