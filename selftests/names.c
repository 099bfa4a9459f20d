// SPDX-License-Identifier: GPL-2.0
/*
 * Names qualified by user and group: who may take which, who finds whose, who
 * is let in, what becomes of several, and what can be listed.
 */
#include "caps_names.h"

FIXTURE(names) {
	struct before before;
	int server;
	int client;
	__u64 port;
	__u64 other;
};

FIXTURE_SETUP(names)
{
	before_take(&self->before);
	self->server = actor_open();
	self->client = actor_open();
	self->port = port_new(self->server);
	self->other = port_new(self->server);
}

FIXTURE_TEARDOWN(names)
{
	close(self->server);
	close(self->client);
	before_check(_metadata, &self->before);
}

/* --- taking a name ------------------------------------------------------- */

/* In a child that is this user: what does taking a name return? */
static long register_as(uid_t who, bool staff, __u32 uid, __u32 gid)
{
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();

		become_one(who, staff);
		_exit(-register_to(fd, CAPS_DEFAULT_PORT, "as", uid, gid, 0));
	}
	return -child_wait(&c);
}

TEST_F(names, of_own_ids)
{
	EXPECT_OK(register_as(ALICE, false, ALICE, ANY));
	EXPECT_OK(register_as(ALICE, false, ALICE, ALICE));
	EXPECT_OK(register_as(ALICE, true, ALICE, STAFF));
	EXPECT_OK(register_as(ALICE, true, ANY, STAFF));
	EXPECT_ERR(EPERM, register_as(ALICE, true, BOB, ANY));
	EXPECT_ERR(EPERM, register_as(ALICE, true, 0, STAFF));
	EXPECT_ERR(EPERM, register_as(ALICE, false, ALICE, STAFF));
	EXPECT_ERR(EPERM, register_as(ALICE, false, ANY, STAFF));
	EXPECT_ERR(EINVAL, register_as(ALICE, false, ANY, ANY));
	EXPECT_ERR(EINVAL, register_as(0, false, ANY, ANY));
}

/* Those of others take the capability for just that kind of id. */
TEST_F(names, of_other_ids)
{
	struct child c;

	EXPECT_OK(register_as(0, false, ALICE, STAFF));
	if (child_start(&c)) {
		int fd = actor_open();

		need(caps_drop(CAP_SETUID), "CAP_SETUID");
		EXPECT_ERR(EPERM, register_to(fd, CAPS_DEFAULT_PORT, "x",
					      ALICE, ANY, 0));
		EXPECT_OK(register_to(fd, CAPS_DEFAULT_PORT, "x", 0, STAFF, 0));
		need(caps_drop(CAP_SETGID), "CAP_SETGID");
		EXPECT_ERR(EPERM, register_to(fd, CAPS_DEFAULT_PORT, "y",
					      0, STAFF, 0));
		EXPECT_OK(register_to(fd, CAPS_DEFAULT_PORT, "y", 0, ANY, 0));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
}

/* An id that the caller's namespace does not know is nobody's. */
TEST_F(names, of_unmapped_ids)
{
	struct child c;

	if (child_start(&c)) {
		int fd;

		become_one(ALICE, false);
		prctl(PR_SET_DUMPABLE, 1);
		need(sys(unshare(CLONE_NEWUSER)), "CLONE_NEWUSER");
		need(file_write("/proc/self/setgroups", "deny"), "setgroups");
		need(file_write("/proc/self/uid_map", "0 1001 1"), "uid_map");
		need(file_write("/proc/self/gid_map", "0 1001 1"), "gid_map");
		fd = actor_open();
		EXPECT_ERR(EINVAL, register_to(fd, CAPS_DEFAULT_PORT, "u",
					       ALICE, ANY, 0));
		EXPECT_ERR(EINVAL, register_to(fd, CAPS_DEFAULT_PORT, "u",
					       0, STAFF, 0));
		EXPECT_OK(register_to(fd, CAPS_DEFAULT_PORT, "u", 0, ANY, 0));
		EXPECT_ERR(EINVAL, connect_to(fd, "u", ALICE, ANY, 0));
		EXPECT_OK(connect_to(fd, "u", 0, ANY, 0));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
}

static long take(int fd, const char *name, __u32 flags)
{
	return register_to(fd, CAPS_DEFAULT_PORT, name, ALICE, ANY,
			   flags | CAPS_REGISTER_NEWEST);
}

static long drop(int fd, const char *name)
{
	return unregister_of(fd, name, ALICE, ANY);
}

/* Of each user; those alike count, too, and nobody is refused for others. */
TEST_F(names, over_the_limit)
{
	struct child c;
	int fd, more;

	parameter_set(&self->before, "max_names", 3);
	if (child_start(&c)) {
		become_one(ALICE, false);
		fd = actor_open();
		EXPECT_OK(take(fd, "a", 0));
		EXPECT_OK(take(fd, "a", 0));
		EXPECT_OK(take(fd, "b", 0));
		more = actor_open();
		EXPECT_ERR(EDQUOT, take(fd, "c", 0));
		EXPECT_ERR(EDQUOT, take(more, "a", 0));
		/* What shall make way is there until it does. */
		EXPECT_ERR(EDQUOT, take(more, "b", CAPS_REGISTER_REPLACE));
		EXPECT_OK(connect_to(more, "b", ALICE, ANY, 0));
		EXPECT_OK(drop(fd, "a"));
		EXPECT_OK(take(more, "a", CAPS_REGISTER_REPLACE));
		EXPECT_OK(take(fd, "c", 0));
		EXPECT_ERR(EDQUOT, take(fd, "d", 0));
		say(&c, 0);
		hear(&c);
		/* With its actor each of them goes. */
		close(fd);
		EXPECT_TRUE(eventually(!take(more, "d", 0)));
		EXPECT_TRUE(eventually(!take(more, "e", 0)));
		EXPECT_ERR(EDQUOT, take(more, "f", 0));
		CHILD_END();
	}
	hear(&c);
	EXPECT_OK(register_to(self->server, self->port, "f", 0, ANY, 0));
	EXPECT_OK(register_to(self->server, self->port, "f", ALICE, ANY, 0));
	say(&c, 0);
	EXPECT_OK(child_wait(&c));
}

/* --- finding one --------------------------------------------------------- */

/* A wildcard finds any id, an id itself only; a service's none is no id. */
TEST_F(names, wildcards)
{
	static const struct {
		__u32 uid, gid;
	} have[] = { { 0, ANY }, { ALICE, STAFF }, { ANY, STAFF } };
	static const struct {
		__u32 uid, gid;
		bool found[3];
	} ask[] = {
		{ 0, ANY, { true, false, false } },
		{ ALICE, ANY, { false, true, false } },
		{ ALICE, STAFF, { false, true, false } },
		{ ALICE, BOB, { false, false, false } },
		{ BOB, ANY, { false, false, false } },
		{ 0, STAFF, { false, false, false } },
		{ ANY, STAFF, { false, true, true } },
		{ ANY, ALICE, { false, false, false } },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(have); i++) {
		ASSERT_OK(register_to(self->server, self->port, "w",
				      have[i].uid, have[i].gid,
				      CAPS_REGISTER_WORLD));
		for (j = 0; j < ARRAY_SIZE(ask); j++) {
			EXPECT_EQ(ask[j].found[i] ? 0 : -ENOENT,
				  connect_to(self->client, "w", ask[j].uid,
					     ask[j].gid, 0))
				TH_LOG("have %u, ask %u", i, j);
		}
		ASSERT_OK(unregister_of(self->server, "w", have[i].uid,
					have[i].gid));
	}
}

/* Nobody's word alone says who a server is. */
TEST_F(names, both_wildcards)
{
	struct caps_connect c = connect_of("both", ANY, ANY);
	__u32 uids[17] = { ALICE };

	ASSERT_OK(register_to(self->server, self->port, "both", ALICE, ANY,
			      CAPS_REGISTER_WORLD));
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted = (uintptr_t)uids;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted_count = 1;
	EXPECT_OK(caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted_count = 17;
	EXPECT_ERR(EMSGSIZE, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted = NOWHERE;
	c.trusted_count = 16;
	EXPECT_ERR(EFAULT, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted = (uintptr_t)uids;
	uids[0] = ANY;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CONNECT, &c));
	/* Not where the name says it already. */
	uids[0] = ALICE;
	c = connect_of("both", ALICE, ANY);
	c.trusted = (uintptr_t)uids;
	c.trusted_count = 1;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.trusted_count = 0;
	EXPECT_ERR(EINVAL, caps_ioctl(self->client, CAPS_CONNECT, &c));
}

/* The squatter of 2004: any user could take any name, and the newest won. */
TEST_F(names, squatter)
{
	const __u32 trusted[] = { ALICE, 0 }, bob[] = { BOB };
	struct child c;
	struct message m;
	__u64 cap;

	ASSERT_OK(register_to(self->server, self->port, "bank", 0, ANY,
			      CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST));
	if (child_start(&c)) {
		int fd = actor_open();

		become_one(BOB, true);
		need(register_to(fd, CAPS_DEFAULT_PORT, "bank", BOB, ANY,
				 CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST),
		     "CAPS_REGISTER");
		need(register_to(fd, CAPS_DEFAULT_PORT, "bank", ANY, STAFF,
				 CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST),
		     "CAPS_REGISTER");
		EXPECT_ERR(EPERM, register_to(fd, CAPS_DEFAULT_PORT, "bank", 0,
					      ANY, CAPS_REGISTER_NEWEST));
		say(&c, 0);
		/* Only from who asks for Bob. */
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_STREQ("for bob", m.body);
		EXPECT_ERR(EAGAIN, receive_now(fd, CAPS_DEFAULT_PORT, &m));
		CHILD_END();
	}
	hear(&c);
	ASSERT_OK(connect_trusting(self->client, "bank", trusted, 2, &cap));
	ASSERT_OK(send_text(self->client, cap, "money"));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	EXPECT_STREQ("money", m.body);
	ASSERT_OK(service_connect(self->client, "bank", 0, 1, &cap));
	ASSERT_OK(send_text(self->client, cap, "more"));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	ASSERT_OK(connect_trusting(self->client, "bank", bob, 1, &cap));
	ASSERT_OK(send_text(self->client, cap, "for bob"));
	EXPECT_OK(child_wait(&c));
}

/* In the order in which they are trusted. */
TEST_F(names, first_trusted)
{
	const __u32 uids[] = { BOB, ALICE };
	struct message m;
	__u64 cap;

	ASSERT_OK(register_to(self->server, self->port, "first", BOB, ANY,
			      CAPS_REGISTER_WORLD));
	ASSERT_OK(register_to(self->server, self->other, "first", ALICE, ANY,
			      CAPS_REGISTER_WORLD));
	ASSERT_OK(connect_trusting(self->client, "first", uids, 2, &cap));
	ASSERT_OK(send_text(self->client, cap, "to bob"));
	EXPECT_OK(receive_now(self->server, self->port, &m));
	ASSERT_OK(unregister_of(self->server, "first", BOB, ANY));
	ASSERT_OK(connect_trusting(self->client, "first", uids, 2, &cap));
	ASSERT_OK(send_text(self->client, cap, "to alice"));
	EXPECT_OK(receive_now(self->server, self->other, &m));
}

/* --- being let in -------------------------------------------------------- */

static long connect_as(uid_t who, bool staff, __u32 uid, __u32 gid,
		       __u32 flags)
{
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();

		become_one(who, staff);
		_exit(-connect_to(fd, "door", uid, gid, flags));
	}
	return -child_wait(&c);
}

/* One rule that both sides accept must let the client in. */
TEST_F(names, rules)
{
	static const struct {
		__u32 server, client;
		long alice, staff, bob;
	} each[] = {
#define U CAPS_REGISTER_USER
#define G CAPS_REGISTER_GROUP
#define W CAPS_REGISTER_WORLD
		{ 0, 0, 0, -EACCES, -EACCES },
		{ U, 0, 0, -EACCES, -EACCES },
		{ G, 0, -EACCES, 0, -EACCES },
		{ W, 0, 0, 0, 0 },
		{ U | G, 0, 0, 0, -EACCES },
		{ U | G | W, U, 0, -EACCES, -EACCES },
		{ U | G | W, G, -EACCES, 0, -EACCES },
		{ U | G | W, W, 0, 0, 0 },
		{ U, W, -EACCES, -EACCES, -EACCES },
		{ G | U, U | G, 0, 0, -EACCES },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(each); i++) {
		ASSERT_OK(register_to(self->server, self->port, "door", ALICE,
				      STAFF, each[i].server));
		EXPECT_EQ(each[i].alice, connect_as(ALICE, false, ALICE, ANY,
						    each[i].client))
			TH_LOG("row %u", i);
		EXPECT_EQ(each[i].staff, connect_as(BOB, true, ALICE, STAFF,
						    each[i].client))
			TH_LOG("row %u", i);
		EXPECT_EQ(each[i].bob, connect_as(BOB, false, ANY, STAFF,
						  each[i].client))
			TH_LOG("row %u", i);
		ASSERT_OK(unregister_of(self->server, "door", ALICE, STAFF));
	}
}

/* --- several of one name ------------------------------------------------- */

/* Which of the server's; 0 if it is another's. */
static __u64 port_of(FIXTURE_DATA(names) * self, __u32 uid, __u32 gid)
{
	struct caps_connect c = connect_of("many", uid, gid);
	struct message m;

	need(caps_ioctl(self->client, CAPS_CONNECT, &c), "CAPS_CONNECT");
	need(send_text(self->client, c.capability, "who"), "CAPS_SEND");
	if (!receive_now(self->server, self->port, &m))
		return self->port;
	return receive_now(self->server, self->other, &m) ? 0 : self->other;
}

static __u64 next_port(FIXTURE_DATA(names) * self)
{
	return port_of(self, 0, ANY);
}

TEST_F(names, newest_wins)
{
	int third = actor_open();

	ASSERT_OK(register_to(self->server, self->port, "many", 0, ANY,
			      CAPS_REGISTER_NEWEST));
	EXPECT_ERR(EEXIST, register_to(self->server, self->other, "many", 0,
				       ANY, 0));
	EXPECT_ERR(EEXIST, register_to(self->server, self->other, "many", 0,
				       ANY, CAPS_REGISTER_NEWEST |
				       CAPS_REGISTER_FIRST));
	EXPECT_EQ(self->port, next_port(self));
	ASSERT_OK(register_to(self->server, self->other, "many", 0, ANY,
			      CAPS_REGISTER_NEWEST));
	EXPECT_EQ(self->other, next_port(self));
	/* A third actor's, while it lives. */
	ASSERT_OK(register_to(third, CAPS_DEFAULT_PORT, "many", 0, ANY,
			      CAPS_REGISTER_NEWEST));
	EXPECT_EQ(0, next_port(self));
	close(third);
	EXPECT_EQ(self->other, next_port(self));
	ASSERT_OK(unregister_of(self->server, "many", 0, ANY));
	EXPECT_EQ(self->port, next_port(self));
	ASSERT_OK(unregister_of(self->server, "many", 0, ANY));
	EXPECT_ERR(ENOENT, unregister_of(self->server, "many", 0, ANY));
	/* First, and later ones are welcome. */
	ASSERT_OK(register_to(self->server, self->port, "many", 0, ANY,
			      CAPS_REGISTER_NEWEST | CAPS_REGISTER_FIRST));
	EXPECT_OK(register_to(self->server, self->other, "many", 0, ANY,
			      CAPS_REGISTER_NEWEST));
}

/* An exclusive one stays so, whatever who comes later would like. */
TEST_F(names, exclusive)
{
	ASSERT_OK(register_to(self->server, self->port, "many", 0, ANY, 0));
	EXPECT_ERR(EEXIST, register_to(self->server, self->other, "many", 0,
				       ANY, CAPS_REGISTER_NEWEST));
	EXPECT_ERR(EINVAL, register_to(self->server, self->other, "many", 0,
				       ANY, CAPS_REGISTER_FIRST));
	/* With another group it is another name. */
	EXPECT_OK(register_to(self->server, self->other, "many", 0, STAFF, 0));
	EXPECT_ERR(EEXIST, register_to(self->server, self->other, "many", 0,
				       STAFF, 0));
}

/* What a group has alone is not taken over by one of its members. */
TEST_F(names, exclusive_of_a_group)
{
	ASSERT_OK(register_to(self->server, self->port, "many", ANY, STAFF,
			      CAPS_REGISTER_WORLD));
	ASSERT_OK(register_to(self->server, self->other, "many", 0, STAFF,
			      CAPS_REGISTER_WORLD));
	EXPECT_EQ(self->port, port_of(self, ANY, STAFF));
	EXPECT_EQ(self->other, port_of(self, 0, STAFF));
	ASSERT_OK(unregister_of(self->server, "many", ANY, STAFF));
	EXPECT_EQ(self->other, port_of(self, ANY, STAFF));
}

/* There are only so many, as each is found among all; others have theirs. */
TEST_F(names, namesakes)
{
	unsigned int i, n = CAPS_MAX_NAMESAKES, new = CAPS_REGISTER_NEWEST;
	int fd = self->server;

	for (i = 0; i < n; i++) {
		ASSERT_OK(take(fd, "many", 0));
		ASSERT_OK(register_to(fd, self->port, "many", BOB, STAFF, new));
	}
	EXPECT_ERR(EMSGSIZE, take(fd, "many", 0));
	EXPECT_ERR(EMSGSIZE, register_to(fd, self->port, "many", ALICE, STAFF,
					 new));
	EXPECT_OK(register_to(fd, self->port, "many", ANY, STAFF, new));
	ASSERT_OK(drop(fd, "many"));
	EXPECT_OK(take(fd, "many", 0));
	EXPECT_OK(take(fd, "many", CAPS_REGISTER_REPLACE));
	EXPECT_OK(take(fd, "many", 0));
}

/* The same user may put another port there; who is connected does not move. */
TEST_F(names, replaced)
{
	struct message m;
	struct child c;
	__u64 before;

	ASSERT_OK(register_to(self->server, self->port, "many", 0, ANY,
			      CAPS_REGISTER_WORLD));
	ASSERT_OK(service_connect(self->client, "many", 0, 1, &before));
	ASSERT_OK(register_to(self->server, self->other, "many", 0, ANY,
			      CAPS_REGISTER_WORLD | CAPS_REGISTER_REPLACE));
	EXPECT_EQ(self->other, next_port(self));
	ASSERT_OK(send_text(self->client, before, "stays"));
	ASSERT_OK(receive_now(self->server, self->port, &m));
	EXPECT_STREQ("stays", m.body);
	/* Another process of the same user, as after an update. */
	if (child_start(&c)) {
		int fd = actor_open();

		need(register_to(fd, CAPS_DEFAULT_PORT, "many", 0, ANY,
				 CAPS_REGISTER_REPLACE), "CAPS_REGISTER");
		say(&c, 0);
		hear(&c);
		ASSERT_OK(receive_now(fd, CAPS_DEFAULT_PORT, &m));
		CHILD_END();
	}
	hear(&c);
	EXPECT_ERR(EPERM, unregister_of(self->server, "many", 0, ANY));
	EXPECT_EQ(0, next_port(self));
	say(&c, 0);
	EXPECT_OK(child_wait(&c));
	/* Nothing is in its way any more, so nothing is replaced. */
	EXPECT_OK(register_to(self->server, self->port, "many", 0, ANY,
			      CAPS_REGISTER_REPLACE));
}

/* What root registered for a user is not that user's to replace. */
TEST_F(names, replaced_by_another)
{
	struct child c;

	ASSERT_OK(register_to(self->server, self->port, "many", ALICE, ANY,
			      CAPS_REGISTER_NEWEST));
	if (child_start(&c)) {
		int fd = actor_open();

		become_one(ALICE, false);
		EXPECT_ERR(EEXIST, register_to(fd, CAPS_DEFAULT_PORT, "many",
					       ALICE, ANY,
					       CAPS_REGISTER_REPLACE));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
}

/* --- listing ------------------------------------------------------------- */

/* All names seen by this process, in order, with blanks between them. */
static char *listed(int fd, unsigned int room, char *text, size_t size)
{
	struct caps_service_entry entries[8];
	struct caps_services s = { .entries = (uintptr_t)entries };
	unsigned int i, rounds = 0;

	text[0] = 0;
	do {
		s.count = room;
		need(caps_ioctl(fd, CAPS_SERVICES, &s), "CAPS_SERVICES");
		for (i = 0; i < s.count; i++) {
			strncat(text, entries[i].name, size - strlen(text) - 2);
			strcat(text, " ");
		}
	} while (s.count && ++rounds < 100);
	return text;
}

TEST_F(names, listed)
{
	struct caps_service_entry e;
	struct caps_services s = { .entries = (uintptr_t)&e, .count = 1 };
	struct child c;
	char text[256];

	EXPECT_STREQ("", listed(self->client, 8, text, sizeof(text)));
	ASSERT_OK(register_to(self->server, self->port, "root", 0, ANY, 0));
	ASSERT_OK(register_to(self->server, self->port, "staff", 0, STAFF,
			      CAPS_REGISTER_GROUP));
	ASSERT_OK(register_to(self->server, self->port, "alice", ALICE, ANY,
			      0));
	ASSERT_OK(register_to(self->server, self->other, "world", ANY, STAFF,
			      CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST));
	EXPECT_STREQ("root staff alice world ",
		     listed(self->client, 8, text, sizeof(text)));
	EXPECT_STREQ("root staff alice world ",
		     listed(self->client, 1, text, sizeof(text)));
	EXPECT_STREQ("root staff alice world ",
		     listed(self->client, 3, text, sizeof(text)));
	if (child_start(&c)) {
		become_one(ALICE, true);
		EXPECT_STREQ("staff alice world ",
			     listed(actor_open(), 2, text, sizeof(text)));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	if (child_start(&c)) {
		become_one(BOB, false);
		EXPECT_STREQ("world ",
			     listed(actor_open(), 2, text, sizeof(text)));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	ASSERT_OK(port_delete(self->server, self->other));
	EXPECT_STREQ("root staff alice ",
		     listed(self->client, 8, text, sizeof(text)));
	ASSERT_OK(caps_ioctl(self->client, CAPS_SERVICES, &s));
	EXPECT_STREQ("root", e.name);
	EXPECT_EQ(0, e.uid);
	EXPECT_EQ(ANY, e.gid);
	EXPECT_EQ(getpid(), e.pid);
	EXPECT_EQ(CAPS_REGISTER_USER, e.flags);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, e.operations);
	EXPECT_EQ(e.cursor, s.cursor);
}

/* More of them than are copied at a time. */
TEST_F(names, listed_in_great_number)
{
	static struct caps_service_entry entries[200];
	struct caps_services s = {
		.entries = (uintptr_t)entries, .count = 200,
	};
	unsigned int i;
	char name[16];

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ASSERT_OK(register_to(self->server, self->port, name, 0, ANY,
				      0));
	}
	ASSERT_OK(caps_ioctl(self->client, CAPS_SERVICES, &s));
	ASSERT_EQ(100, s.count);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		EXPECT_STREQ(name, entries[i].name);
	}
	s.count = 200;
	s.cursor = 0;
	s.entries = NOWHERE;
	EXPECT_ERR(EFAULT, caps_ioctl(self->client, CAPS_SERVICES, &s));
}

TEST_HARNESS_MAIN
