// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets in where room is scarce: in one port a user holds at most half of
 * what others leave free, and one who holds nothing there always gets in.
 * Owners of user namespaces count for all those in them.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define UID	1001

/* A process of some user that sends when told, and says how much it could. */
struct sender {
	struct child child;
};

/* Up to @n messages; how many went before the first EAGAIN. */
static int send_some(int fd, __u64 cap, int n)
{
	long ret = 0;
	int i;

	for (i = 0; i < n && !ret; i++)
		ret = send_text(fd, cap, "some");
	if (ret && ret != -EAGAIN && ret != -EDQUOT)
		need(ret, "CAPS_SEND");
	return ret ? i - 1 : i;
}

static void sender_main(struct child *c, int from)
{
	int fd = actor_open();
	__u64 cap;

	need(cap_import(fd, from, &cap), "CAPS_IMPORT");
	say(c, 0);
	for (;;)
		say(c, send_some(fd, cap, hear(c)));
}

static void sender_start(struct sender *s, uid_t uid, int from)
{
	if (child_start(&s->child)) {
		become_member(uid);
		sender_main(&s->child, from);
	}
	hear(&s->child);
}

static int sender_sends(struct sender *s, int n)
{
	say(&s->child, n);
	return hear(&s->child);
}

struct server {
	int fd;
	__u64 port;
	int from;
};

static struct server server_open(__u32 limit)
{
	struct server s = { .fd = actor_open() };

	s.port = port_new_limit(s.fd, limit);
	s.from = cap_export(s.fd, s.port);
	need(s.from, "CAPS_EXPORT");
	return s;
}

static int drain(struct server *s)
{
	struct message m;
	int n = 0;

	while (!receive_now(s->fd, s->port, &m))
		n++;
	return n;
}

/* Each gets half of what is left, and the first message in any case. */
TEST_F(tidy, half_of_what_is_left)
{
	const int share[] = { 16, 8, 4, 2, 1, 1, 1, 1, 1, 1 };
	struct server s = server_open(32);
	struct sender senders[10];
	int i;

	for (i = 0; i < 10; i++)
		sender_start(&senders[i], UID + i, s.from);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(share[i], sender_sends(&senders[i], 100));
	EXPECT_EQ(10, port_info(s.fd, s.port).users);
	EXPECT_EQ(36, port_info(s.fd, s.port).queued);
	EXPECT_EQ(36, drain(&s));
	EXPECT_EQ(0, port_info(s.fd, s.port).users);
	for (i = 0; i < 10; i++)
		child_kill(&senders[i].child);
}

/* All actors and processes of a user share what it gets. */
TEST_F(tidy, more_processes_get_no_more)
{
	struct server s = server_open(32);
	struct sender one, two, other;

	sender_start(&one, UID, s.from);
	sender_start(&two, UID, s.from);
	sender_start(&other, UID + 1, s.from);
	EXPECT_EQ(10, sender_sends(&one, 10));
	EXPECT_EQ(6, sender_sends(&two, 100));
	EXPECT_EQ(0, sender_sends(&one, 1));
	EXPECT_EQ(8, sender_sends(&other, 100));
	child_kill(&one.child);
	child_kill(&two.child);
	child_kill(&other.child);
	EXPECT_EQ(24, drain(&s));
}

/* Ports of no room but one: everybody's first message still gets in. */
TEST_F(tidy, smallest_port)
{
	struct server s = server_open(1);
	struct sender senders[5];
	int i;

	for (i = 0; i < 5; i++) {
		sender_start(&senders[i], UID + i, s.from);
		EXPECT_EQ(1, sender_sends(&senders[i], 2));
	}
	EXPECT_EQ(5, drain(&s));
	for (i = 0; i < 5; i++)
		child_kill(&senders[i].child);
}

/* There is a limit to everybody. */
TEST_F(tidy, most_users)
{
	struct server s = server_open(1);
	struct sender senders[4];
	int i;

	parameter_set(&self->before, "max_users_per_port", 3);
	for (i = 0; i < 4; i++)
		sender_start(&senders[i], UID + i, s.from);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, sender_sends(&senders[i], 2));
	EXPECT_EQ(0, sender_sends(&senders[3], 1));
	EXPECT_EQ(3, drain(&s));
	EXPECT_EQ(1, sender_sends(&senders[3], 1));
	drain(&s);
	for (i = 0; i < 4; i++)
		child_kill(&senders[i].child);
}

/* Room that becomes free goes to who waits for it, also behind others. */
TEST_F(tidy, room_for_who_may)
{
	struct server s = server_open(8);
	__u64 cap;
	struct caps_send blocked;
	struct background b;
	struct sender other;
	struct message m;
	int fd = actor_open();

	need(cap_import(fd, s.from, &cap), "CAPS_IMPORT");
	blocked = (struct caps_send){
		.capability = cap, .deadline = CAPS_FOREVER,
	};
	EXPECT_EQ(4, send_some(fd, cap, 100));
	background_start(&b, fd, CAPS_SEND, &blocked);
	background_settle(&b);
	EXPECT_EQ(1, port_info(s.fd, s.port).waiting);
	sender_start(&other, UID, s.from);
	EXPECT_EQ(2, sender_sends(&other, 100));

	/* Half of the six that the other leaves is three: one too few. */
	EXPECT_OK(receive_now(s.fd, s.port, &m));
	EXPECT_EQ(1, port_info(s.fd, s.port).waiting);
	EXPECT_OK(receive_now(s.fd, s.port, &m));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(0, port_info(s.fd, s.port).waiting);
	child_kill(&other.child);
	EXPECT_EQ(5, drain(&s));
}

/* --- user namespaces ----------------------------------------------------- */

/*
 * In a namespace that @owner made, and in it another user. The uid is the
 * namespace's and the initial one's alike, so that the device's file may be
 * opened; only its owner makes the namespace one of its own.
 */
static bool inside_start(struct sender *s, uid_t owner, uid_t uid, int from)
{
	bool possible;

	if (child_start(&s->child)) {
		int fd;
		__u64 cap;

		become_member(owner);
		prctl(PR_SET_DUMPABLE, 1);
		possible = !unshare(CLONE_NEWUSER);
		say(&s->child, possible);
		hear(&s->child);
		need(sys(setresgid(uid, uid, uid)), "setresgid");
		need(sys(setresuid(uid, uid, uid)), "setresuid");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Not as the owner: a member of the device's group still. */
		fd = actor_open();
		need(cap_import(fd, from, &cap), "CAPS_IMPORT");
		say(&s->child, 0);
		for (;;)
			say(&s->child, send_some(fd, cap, hear(&s->child)));
	}
	possible = hear(&s->child);
	if (!possible) {
		child_kill(&s->child);
		return false;
	}
	map_write(s->child.pid, "uid_map", "0 0 100000");
	map_write(s->child.pid, "gid_map", "0 0 100000");
	say(&s->child, 0);
	hear(&s->child);
	return true;
}

/* Any number of users in namespaces of one owner are one user, and it. */
TEST_F(tidy, users_of_one_namespace_owner)
{
	struct server s = server_open(32);
	struct sender inside[6], owner, other;
	int i, sent = 0;

	for (i = 0; i < 6; i++)
		if (!inside_start(&inside[i], UID, 2000 + i, s.from))
			SKIP(return, "no user namespaces");
	sender_start(&owner, UID, s.from);
	sender_start(&other, UID + 1, s.from);
	for (i = 0; i < 6; i++)
		sent += sender_sends(&inside[i], 5);
	EXPECT_EQ(16, sent);
	EXPECT_EQ(0, sender_sends(&owner, 1));
	EXPECT_EQ(8, sender_sends(&other, 100));
	EXPECT_EQ(24, drain(&s));
	for (i = 0; i < 6; i++)
		child_kill(&inside[i].child);
	child_kill(&owner.child);
	child_kill(&other.child);
}

/* The same for what a user may have in the kernel. */
TEST_F(tidy, quota_of_one_namespace_owner)
{
	struct server s = server_open(1000);
	struct sender inside[2], other;
	int i;

	for (i = 0; i < 2; i++)
		if (!inside_start(&inside[i], UID, 2000 + i, s.from))
			SKIP(return, "no user namespaces");
	sender_start(&other, UID + 1, s.from);
	EXPECT_EQ(40, sender_sends(&inside[0], 40));
	parameter_set(&self->before, "max_messages", 40);
	/* Its own share is untouched, its owner's used up. */
	EXPECT_EQ(0, sender_sends(&inside[1], 1));
	EXPECT_EQ(10, sender_sends(&other, 10));
	for (i = 0; i < 2; i++)
		child_kill(&inside[i].child);
	child_kill(&other.child);
	EXPECT_EQ(50, drain(&s));
}

/* What one of those who pay refuses is charged to none of the others. */
TEST_F(tidy, refusal_charges_nobody)
{
	struct server s = server_open(1000);
	struct sender inside, owner;
	int i;

	if (!inside_start(&inside, UID, 2000, s.from))
		SKIP(return, "no user namespaces");
	sender_start(&owner, UID, s.from);
	EXPECT_EQ(16, sender_sends(&owner, 16));
	parameter_set(&self->before, "max_messages", 16);
	for (i = 0; i < 32; i++)
		EXPECT_EQ(0, sender_sends(&inside, 1));
	child_kill(&owner.child);
	EXPECT_EQ(16, drain(&s));
	EXPECT_TRUE(eventually(sender_sends(&inside, 1)));
	EXPECT_EQ(12, sender_sends(&inside, 12));
	child_kill(&inside.child);
	EXPECT_EQ(13, drain(&s));
}

/* --- a flood ------------------------------------------------------------- */

static void flood(int from)
{
	char *large = pages_map(64 << 10);
	struct caps_send s = { 0 };
	unsigned int i;
	__u64 id;
	int fd = actor_open();

	need(cap_import(fd, from, &s.capability), "CAPS_IMPORT");
	for (i = 0; ; i++) {
		s.flags = i % 3 ? CAPS_DEFER : 0;
		s.data = data_of(large, i % 5 ? 100 : 64 << 10);
		if (i % 2)
			caps_ioctl(fd, CAPS_SEND, &s);
		else
			call_async(fd, s.capability, 0, "flood", &id);
	}
}

static void *answer_all(void *arg)
{
	struct server *s = arg;
	struct message m;

	while (!receive_until(s->fd, s->port, 0, CAPS_FOREVER, &m)) {
		if (m.header.kind == CAPS_KIND_CALL)
			reply_text(s->fd, m.header.id, 0, m.body);
		else if (m.header.flags & CAPS_HEADER_HELD)
			discard(s->fd, m.header.id);
		if (!strcmp(m.body, "the end"))
			break;
	}
	return NULL;
}

/* Many processes of one user at full rate; each of another's calls succeeds. */
TEST_F(tidy, flooded_port)
{
	enum { ATTACKERS = 8 };
	struct server s = server_open(64);
	struct child attackers[ATTACKERS], victim;
	unsigned int i, n = test_scale(500);
	pthread_t server;
	int status;

	need(-pthread_create(&server, NULL, answer_all, &s), "thread");
	for (i = 0; i < ATTACKERS; i++)
		if (child_start(&attackers[i])) {
			become_member(UID);
			flood(s.from);
		}
	if (child_start(&victim)) {
		struct caps_call call;
		__u64 cap;
		int fd;

		become_member(UID + 1);
		fd = actor_open();
		need(cap_import(fd, s.from, &cap), "CAPS_IMPORT");
		for (i = 0; i <= n; i++) {
			call = call_of(cap, i < n ? "victim" : "the end");
			call.flags = CAPS_NOWAIT_QUEUE;
			EXPECT_OK(caps_ioctl(fd, CAPS_CALL, &call));
		}
		CHILD_END();
	}
	/* Each of its calls has the grace, and there are many. */
	EXPECT_EQ(victim.pid, waitpid(victim.pid, &status, 0));
	EXPECT_EQ(0, status);
	pthread_join(server, NULL);
	for (i = 0; i < ATTACKERS; i++)
		child_kill(&attackers[i]);
}

TEST_HARNESS_MAIN
