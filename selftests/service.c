// SPDX-License-Identifier: GPL-2.0
/*
 * Names: who may take one, who finds what behind it, and when it is free.
 */
#include <ctype.h>
#include <sched.h>

#include "caps_test.h"

FIXTURE(service)
{
	int fd;			/* the server */
	int client;
	__u64 port;
	uid_t uid;
};

FIXTURE_SETUP(service)
{
	self->fd = actor_open();
	self->client = actor_open();
	self->port = port_new(self->fd);
	self->uid = geteuid();
}

FIXTURE_TEARDOWN(service)
{
}

static long register_all(FIXTURE_DATA(service) * self, const char *name)
{
	return service_register(self->fd, self->port, name, 0, ~0ull);
}

static long connect_all(FIXTURE_DATA(service) * self, const char *name,
			__u64 *cap)
{
	return service_connect(self->client, name, self->uid, ~0ull, cap);
}

/* A name leads to its port. */
TEST_F(service, connects)
{
	struct caps_capability_info i;
	struct message m;
	__u64 cap;

	ASSERT_OK(register_all(self, "connects"));
	ASSERT_OK(connect_all(self, "connects", &cap));
	ASSERT_OK(cap_info(self->client, cap, &i));
	EXPECT_EQ(CAPS_TYPE_PORT, i.type);
	EXPECT_EQ(CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH,
		  i.rights);
	EXPECT_EQ(CAPS_INFO_BADGED, i.status);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
	ASSERT_OK(send_text(self->client, cap, "hello"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	EXPECT_STREQ("hello", m.body);
	EXPECT_EQ(i.badge, m.header.badge);
}

TEST_F(service, unknown_names)
{
	__u64 cap;

	EXPECT_ERR(ENOENT, connect_all(self, "nobody", &cap));
	EXPECT_ERR(ENOENT, service_unregister(self->fd, "nobody"));
	ASSERT_OK(register_all(self, "somebody"));
	EXPECT_ERR(ENOENT, connect_all(self, "somebod", &cap));
	EXPECT_ERR(ENOENT, connect_all(self, "somebody1", &cap));
	EXPECT_ERR(ENOENT, connect_all(self, "Somebody", &cap));
}

/* One to 63 letters, digits, underscores, dots and dashes. */
TEST_F(service, names_that_are_valid)
{
	static const char *const names[] = {
		"a", "Z", "0", "_", "-", "a.b", "a-", "x..y",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-012345678",
		"9.",
	};
	unsigned int i;
	__u64 cap;

	ASSERT_EQ(CAPS_MAX_NAME, strlen(names[8]));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_OK(register_all(self, names[i]));
		EXPECT_OK(connect_all(self, names[i], &cap));
	}
}

/* Each byte that is none of these makes a name invalid, at any place. */
TEST_F(service, names_that_are_not)
{
	struct caps_register r = { .port = self->port };
	struct caps_connect c = { .uid = self->uid, .gid = CAPS_ANY_ID };
	struct caps_unregister u = { 0 };
	unsigned int byte, place;

	for (byte = 0; byte < 256; byte++) {
		char name[3] = { 'x', 'y', 'z' };

		if (byte < 128 && (isalnum(byte) ||
				   (byte && strchr("_.-", byte))))
			continue;
		place = byte % 3;
		name[place] = byte;
		r.name = (uintptr_t)name;
		r.name_len = 3;
		c.name = (uintptr_t)name;
		c.name_len = 3;
		u.name = (uintptr_t)name;
		u.name_len = 3;
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REGISTER, &r)) {
			TH_LOG("byte %u at %u", byte, place);
		}
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CONNECT, &c));
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_UNREGISTER, &u));
	}
}

/* Names of 0, 64 and very many bytes; names that are not there. */
TEST_F(service, names_of_bad_lengths)
{
	char name[65];
	const __u32 lengths[] = { 0, 64, 65, 4096, 1u << 31, ~0u };
	struct caps_register r = { .port = self->port };
	struct caps_connect c = { .uid = self->uid, .gid = CAPS_ANY_ID };
	struct caps_unregister u = { 0 };
	unsigned int i;

	memset(name, 'x', sizeof(name));
	r.name = (uintptr_t)name;
	c.name = (uintptr_t)name;
	u.name = (uintptr_t)name;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		r.name_len = lengths[i];
		c.name_len = lengths[i];
		u.name_len = lengths[i];
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_REGISTER, &r));
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_CONNECT, &c));
		EXPECT_ERR(EINVAL, caps_ioctl(self->fd, CAPS_UNREGISTER, &u));
	}
	r.name = (uintptr_t)guarded(4);
	memset((void *)(uintptr_t)r.name, 'x', 4);
	r.name_len = 5;
	c.name = r.name;
	c.name_len = 5;
	u.name = r.name;
	u.name_len = 5;
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_REGISTER, &r));
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_CONNECT, &c));
	EXPECT_ERR(EFAULT, caps_ioctl(self->fd, CAPS_UNREGISTER, &u));
}

/* One living actor has a name, and nobody takes it, not even itself. */
TEST_F(service, names_are_exclusive)
{
	__u64 port = port_new(self->client), cap;
	struct message m;

	ASSERT_OK(register_all(self, "exclusive"));
	EXPECT_ERR(EEXIST, register_all(self, "exclusive"));
	EXPECT_ERR(EEXIST, service_register(self->client, port, "exclusive", 0,
					    0));
	ASSERT_OK(connect_all(self, "exclusive", &cap));
	ASSERT_OK(send_text(self->client, cap, "to the first"));
	EXPECT_OK(receive(self->fd, self->port, &m));
}

/* A port may have several names. */
TEST_F(service, names_of_one_port)
{
	struct message m;
	__u64 first, second;

	ASSERT_OK(register_all(self, "one"));
	ASSERT_OK(register_all(self, "two"));
	ASSERT_OK(connect_all(self, "one", &first));
	ASSERT_OK(connect_all(self, "two", &second));
	ASSERT_OK(send_text(self->client, first, "1"));
	ASSERT_OK(send_text(self->client, second, "2"));
	ASSERT_OK(receive(self->fd, self->port, &m));
	ASSERT_OK(receive(self->fd, self->port, &m));
}

/* --- when a name is free again ------------------------------------------- */

/* Given up, the name is free, and who is connected stays so. */
TEST_F(service, unregistered)
{
	struct message m;
	__u64 cap, more;

	ASSERT_OK(register_all(self, "unregistered"));
	ASSERT_OK(connect_all(self, "unregistered", &cap));
	ASSERT_OK(service_unregister(self->fd, "unregistered"));
	EXPECT_ERR(ENOENT, service_unregister(self->fd, "unregistered"));
	EXPECT_ERR(ENOENT, connect_all(self, "unregistered", &more));
	ASSERT_OK(send_text(self->client, cap, "still here"));
	EXPECT_OK(receive(self->fd, self->port, &m));
	EXPECT_OK(register_all(self, "unregistered"));
}

/* Only the actor that has a name can give it up. */
TEST_F(service, unregistered_by_another)
{
	__u64 cap;

	ASSERT_OK(register_all(self, "foreign"));
	EXPECT_ERR(EPERM, service_unregister(self->client, "foreign"));
	EXPECT_OK(connect_all(self, "foreign", &cap));
}

/* The moment its actor is closed. */
TEST_F(service, free_on_close)
{
	__u64 port = port_new(self->client);

	ASSERT_OK(register_all(self, "on-close"));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_OK(service_register(self->client, port, "on-close", 0, 0));
}

/* The moment its process is reaped. */
TEST_F(service, free_on_death)
{
	unsigned int i;
	struct child c;
	__u64 cap;

	for (i = 0; i < test_scale(20); i++) {
		if (child_start(&c)) {
			int fd = actor_open();

			need(service_register(fd, CAPS_DEFAULT_PORT,
					      "on-death", 0, ~0ull),
			     "CAPS_REGISTER");
			say(&c, 0);
			pause();
		}
		hear(&c);
		ASSERT_OK(connect_all(self, "on-death", &cap));
		ASSERT_ERR(EEXIST, register_all(self, "on-death"));
		child_kill(&c);
		EXPECT_ERR(ENOENT, connect_all(self, "on-death", &cap));
	}
	EXPECT_OK(register_all(self, "on-death"));
}

/* A name whose port is gone leads nowhere and is free. */
TEST_F(service, free_when_the_port_is_deleted)
{
	__u64 port = port_new(self->client), cap;

	ASSERT_OK(register_all(self, "deleted"));
	ASSERT_OK(port_delete(self->fd, self->port));
	EXPECT_ERR(ENOENT, connect_all(self, "deleted", &cap));
	EXPECT_OK(service_register(self->client, port, "deleted", 0, ~0ull));
	EXPECT_OK(connect_all(self, "deleted", &cap));
}

/* --- who may ------------------------------------------------------------- */

/* In a child with another uid: connect to @name of @uid. */
static long connect_as(uid_t who, const char *name, uid_t uid)
{
	struct child c;
	__u64 cap;

	if (child_start(&c)) {
		int fd = actor_open();

		become(who);
		_exit(-service_connect(fd, name, uid, ~0ull, &cap));
	}
	return -child_wait(&c);
}

/* Without WORLD only the server's own uid gets in. */
TEST_F(service, own_uid_only)
{
	if (self->uid)
		SKIP(return, "needs root");
	ASSERT_OK(register_all(self, "own"));
	EXPECT_OK(connect_as(0, "own", 0));
	EXPECT_ERR(EACCES, connect_as(1001, "own", 0));
	/* Names are kept apart by the uid that registered. */
	EXPECT_ERR(ENOENT, connect_as(1001, "own", 1001));
}

/* With it, everybody. */
TEST_F(service, world)
{
	if (self->uid)
		SKIP(return, "needs root");
	ASSERT_OK(service_register(self->fd, self->port, "world",
				   CAPS_REGISTER_WORLD, ~0ull));
	EXPECT_OK(connect_as(0, "world", 0));
	EXPECT_OK(connect_as(1001, "world", 0));
	EXPECT_OK(connect_as(1002, "world", 0));
	EXPECT_ERR(ENOENT, connect_as(1001, "world", 1002));
}

/* It is the effective uid that counts, on either side. */
TEST_F(service, effective_uid)
{
	struct child c;
	__u64 cap;

	if (self->uid)
		SKIP(return, "needs root");
	if (child_start(&c)) {
		int fd = actor_open();

		need(sys(setresuid(1001, 1002, 0)), "setresuid");
		ASSERT_OK(service_register(fd, CAPS_DEFAULT_PORT, "euid", 0,
					   ~0ull));
		EXPECT_OK(service_connect(fd, "euid", 1002, ~0ull, &cap));
		EXPECT_ERR(ENOENT, service_connect(fd, "euid", 1001, ~0ull,
						   &cap));
		need(sys(setresuid(-1, 0, -1)), "setresuid");
		EXPECT_ERR(EACCES, service_connect(fd, "euid", 1002, ~0ull,
						   &cap));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
}

/* Two uids can use the same name; each is found under its own. */
TEST_F(service, same_name_of_two_uids)
{
	struct message m;
	struct child c;
	__u64 cap;

	if (self->uid)
		SKIP(return, "needs root");
	if (child_start(&c)) {
		int fd;

		become(1001);
		fd = actor_open();
		ASSERT_OK(service_register(fd, CAPS_DEFAULT_PORT, "same",
					   CAPS_REGISTER_WORLD, ~0ull));
		say(&c, 0);
		ASSERT_OK(receive(fd, CAPS_DEFAULT_PORT, &m));
		EXPECT_STREQ("to 1001", m.body);
		CHILD_END();
	}
	hear(&c);
	ASSERT_OK(register_all(self, "same"));
	ASSERT_OK(service_connect(self->client, "same", 1001, ~0ull, &cap));
	ASSERT_OK(send_text(self->client, cap, "to 1001"));
	EXPECT_OK(child_wait(&c));
	EXPECT_EQ(0, port_info(self->fd, self->port).queued);
}

/* A name that begins with a dot takes privilege to register, not to use. */
TEST_F(service, dot_names)
{
	struct child c;

	if (self->uid)
		SKIP(return, "needs root");
	if (child_start(&c)) {
		int fd = actor_open();

		become(1001);
		EXPECT_ERR(EPERM, service_register(fd, CAPS_DEFAULT_PORT,
						   ".dot", 0, 0));
		EXPECT_OK(service_register(fd, CAPS_DEFAULT_PORT, "no.dot", 0,
					   0));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	ASSERT_OK(service_register(self->fd, self->port, ".dot",
				   CAPS_REGISTER_WORLD, ~0ull));
	EXPECT_OK(connect_as(1001, ".dot", 0));
}

/* A name is known in its network namespace only. */
TEST_F(service, network_namespaces)
{
	struct child c;
	__u64 cap;

	if (self->uid)
		SKIP(return, "needs root");
	ASSERT_OK(register_all(self, "netns"));
	if (child_start(&c)) {
		int fd;

		if (unshare(CLONE_NEWNET))
			_exit(4);
		fd = actor_open();
		EXPECT_ERR(ENOENT, service_connect(fd, "netns", 0, ~0ull,
						   &cap));
		ASSERT_OK(service_register(fd, CAPS_DEFAULT_PORT, "netns", 0,
					   ~0ull));
		EXPECT_OK(service_connect(fd, "netns", 0, ~0ull, &cap));
		ASSERT_OK(service_register(fd, CAPS_DEFAULT_PORT, "inside", 0,
					   0));
		say(&c, 0);
		hear(&c);
		CHILD_END();
	}
	hear(&c);
	EXPECT_ERR(ENOENT, connect_all(self, "inside", &cap));
	EXPECT_OK(connect_all(self, "netns", &cap));
	say(&c, 0);
	EXPECT_OK(child_wait(&c));
	EXPECT_OK(connect_all(self, "netns", &cap));
}

/* --- what a connection is ------------------------------------------------ */

/* Operations: what there is, or less, or nothing at all. */
TEST_F(service, operations)
{
	struct caps_capability_info i;
	struct caps_connect c = {
		.name = (uintptr_t)"operations", .name_len = 10,
		.uid = self->uid, .gid = CAPS_ANY_ID,
	};
	const __u64 wanted[] = { 0x0f, 0x05, 0, CAPS_ALL_OPERATIONS };
	const __u64 granted[] = { 0x0f, 0x05, 0, 0x0f };
	unsigned int n;

	ASSERT_OK(service_register(self->fd, self->port, "operations", 0,
				   0x0f));
	for (n = 0; n < ARRAY_SIZE(wanted); n++) {
		c.operations = wanted[n];
		ASSERT_OK(caps_ioctl(self->client, CAPS_CONNECT, &c));
		EXPECT_EQ(granted[n], c.operations);
		ASSERT_OK(cap_info(self->client, c.capability, &i));
		EXPECT_EQ(granted[n], i.operations);
	}
	c.operations = 0x10;
	EXPECT_ERR(EACCES, caps_ioctl(self->client, CAPS_CONNECT, &c));
	c.operations = 0x1f;
	EXPECT_ERR(EACCES, caps_ioctl(self->client, CAPS_CONNECT, &c));
	EXPECT_EQ(0x1f, c.operations);
}

/* Each connection is told apart by a badge that the kernel chose. */
TEST_F(service, badges_are_unique)
{
	enum { COUNT = 100 };
	struct caps_capability_info i;
	__u64 seen[COUNT], cap;
	unsigned int n, j;

	ASSERT_OK(register_all(self, "badges"));
	ASSERT_OK(register_all(self, "badges2"));
	for (n = 0; n < COUNT; n++) {
		ASSERT_OK(connect_all(self, n % 2 ? "badges" : "badges2",
				      &cap));
		ASSERT_OK(cap_info(self->client, cap, &i));
		EXPECT_TRUE(i.badge & CAPS_BADGE_KERNEL);
		for (j = 0; j < n; j++)
			ASSERT_NE(seen[j], i.badge);
		seen[n] = i.badge;
		/* Closing frees no badge for another. */
		if (n % 3)
			ASSERT_OK(cap_close(self->client, cap));
	}
}

/* A connection cannot manage the port, nor choose another badge. */
TEST_F(service, connections_manage_nothing)
{
	__u64 cap, result;

	ASSERT_OK(register_all(self, "manage"));
	ASSERT_OK(connect_all(self, "manage", &cap));
	EXPECT_ERR(EPERM, port_delete(self->client, cap));
	EXPECT_ERR(EPERM, port_enable(self->client, cap, 0));
	EXPECT_ERR(EPERM, service_register(self->client, cap, "more", 0, 0));
	EXPECT_ERR(EPERM, cap_badge(self->client, cap, 5, &result));
	EXPECT_ERR(EPERM, cap_dup(self->client, cap, CAPS_RIGHT_MANAGE, 0,
				  &result));
}

/* Refused, nothing is made. */
TEST_F(service, refusals_make_nothing)
{
	__u64 before, cap;

	ASSERT_OK(service_register(self->fd, self->port, "refusals", 0, 1));
	before = actor_info(self->client).capabilities;
	EXPECT_ERR(EACCES, service_connect(self->client, "refusals", self->uid,
					   2, &cap));
	EXPECT_ERR(ENOENT, service_connect(self->client, "refusal", self->uid,
					   1, &cap));
	EXPECT_ERR(EINVAL, service_connect(self->client, "refusals", -1, 1,
					   &cap));
	EXPECT_EQ(before, actor_info(self->client).capabilities);
}

TEST_HARNESS_MAIN
