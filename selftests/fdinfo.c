// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc/PID/fdinfo shows of an actor: that it is there, can be parsed, and
 * is right.
 */
#include "caps_actor.h"
#include "caps_memory.h"

static char *fdinfo(pid_t pid, int fd)
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	text = file_text(path);
	if (!text)
		die("no %s", path);
	return text;
}

static char *own_fdinfo(int fd)
{
	return fdinfo(getpid(), fd);
}

/* What stands behind "KEY:\t" at the beginning of a line, or NULL. */
static char *field(char *text, const char *key)
{
	char want[64], *at;

	snprintf(want, sizeof(want), "\n%s:\t", key);
	at = strstr(text, want);
	return at ? at + strlen(want) : NULL;
}

static long long number(char *text, const char *key)
{
	char *at = field(text, key);

	return at ? strtoll(at, NULL, 10) : -1;
}

/* The line of the port with this cookie. */
struct port_line {
	bool found;
	bool is_default;
	bool enabled;
	unsigned int priority, queued, claimed, blocked, limit, users;
	unsigned long long received;
};

static struct port_line port_line(char *text, unsigned long long cookie)
{
	struct port_line p = { 0 };
	unsigned long long this;
	char state[16];
	int len;

	while ((text = field(text, "port"))) {
		if (sscanf(text, "cookie %llx%n", &this, &len) != 1)
			die("no cookie in %.40s", text);
		p.is_default = !strncmp(text + len, " default ", 9);
		if (sscanf(text + len + (p.is_default ? 8 : 0),
			   " %15s priority %u queued %u claimed %u blocked %u limit %u users %u received %llu",
			   state, &p.priority, &p.queued, &p.claimed,
			   &p.blocked, &p.limit, &p.users, &p.received) != 8)
			die("cannot parse %.80s", text);
		p.enabled = !strcmp(state, "enabled");
		p.found = this == cookie;
		if (p.found)
			break;
	}
	return p;
}

TEST_F(tidy, every_line)
{
	const char *keys[] = {
		"actor", "ports", "capabilities", "port", "held", "pending",
		"bodies-pinned", "bytes-pinned", "bodies-copied-at-send",
		"bytes-copied-at-send", "bodies-copied-at-read",
		"bytes-copied-at-read", "user-messages", "user-kernel-bytes",
		"user-pinned-bytes", "user-capabilities", "user-ports",
		"user-names", "user-files", "user-actors",
	};
	int fd = actor_open();
	char *text = own_fdinfo(fd), want[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!field(text, keys[i]))
			die("no line %s", keys[i]);
	snprintf(want, sizeof(want), "alive pid %d\n", getpid());
	EXPECT_EQ(0, strncmp(want, field(text, "actor"), strlen(want)));
	EXPECT_EQ(NULL, field(text, "oldest-call"));
}

/* The same as the commands that ask. */
TEST_F(tidy, counts)
{
	struct pair p = pair_open();
	struct caps_actor_info info;
	struct caps_send s = {
		.capability = p.cap, .flags = CAPS_DEFER,
		.data = data_of(pages_map(65536), 65536),
	};
	struct message m;
	__u64 id;
	char *text;
	int i;

	for (i = 0; i < 5; i++)
		port_new(p.client);
	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
	EXPECT_OK(call_async(p.client, p.cap, 0, "call", &id));
	EXPECT_OK(receive_until(p.server, p.port, CAPS_HOLD, 0, &m));
	EXPECT_OK(receive(p.server, p.port, &m));

	for (i = 0; i < 2; i++) {
		int fd = i ? p.server : p.client;

		info = actor_info(fd);
		text = own_fdinfo(fd);
		EXPECT_EQ(info.ports, number(text, "ports"));
		EXPECT_EQ(info.capabilities, number(text, "capabilities"));
		EXPECT_EQ(info.held, number(text, "held"));
		EXPECT_EQ(info.pending, number(text, "pending"));
		EXPECT_EQ(info.pinned_bodies, number(text, "bodies-pinned"));
		EXPECT_EQ(info.pinned_bytes, number(text, "bytes-pinned"));
		EXPECT_EQ(info.sent_copies,
			  number(text, "bodies-copied-at-send"));
		EXPECT_EQ(info.sent_copy_bytes,
			  number(text, "bytes-copied-at-send"));
		EXPECT_EQ(info.read_copies,
			  number(text, "bodies-copied-at-read"));
		EXPECT_EQ(info.read_copy_bytes,
			  number(text, "bytes-copied-at-read"));
	}
	EXPECT_EQ(2, actor_info(p.server).held);
	EXPECT_EQ(2, actor_info(p.client).pending);
	EXPECT_EQ(65536, actor_info(p.client).pinned_bytes);
	EXPECT_EQ(6, actor_info(p.client).ports);
}

/* A thread that waits is nothing to be counted. */
TEST_F(tidy, waiting_receiver)
{
	int fd = actor_open();
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, CAPS_DEFAULT_PORT,
					   CAPS_FOREVER);
	struct background b;

	background_start(&b, fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	EXPECT_EQ(0, number(own_fdinfo(fd), "pending"));
	EXPECT_EQ(0, actor_info(fd).pending);
	EXPECT_OK(send_text(fd, CAPS_DEFAULT_PORT, "x"));
	EXPECT_OK(background_join(&b));
}

TEST_F(tidy, ports)
{
	int fd = actor_open();
	struct port_line line;
	struct message m;
	__u64 port;

	EXPECT_OK(port_create(fd, 0xabc, 10, &port));
	line = port_line(own_fdinfo(fd), 0xabc);
	EXPECT_TRUE(line.found);
	EXPECT_FALSE(line.enabled);
	EXPECT_FALSE(line.is_default);
	EXPECT_EQ(10, line.limit);
	EXPECT_EQ(0, line.queued);

	EXPECT_OK(port_enable(fd, port, 7));
	EXPECT_OK(send_text(fd, port, "one"));
	EXPECT_OK(send_text(fd, port, "two"));
	EXPECT_OK(receive_now(fd, port, &m));
	line = port_line(own_fdinfo(fd), 0xabc);
	EXPECT_TRUE(line.enabled);
	EXPECT_EQ(7, line.priority);
	EXPECT_EQ(1, line.queued);
	EXPECT_EQ(1, line.users);
	EXPECT_EQ(1, line.received);

	line = port_line(own_fdinfo(fd), 0);
	EXPECT_TRUE(line.found);
	EXPECT_TRUE(line.is_default);
	EXPECT_OK(port_delete(fd, port));
	EXPECT_FALSE(port_line(own_fdinfo(fd), 0xabc).found);
}

/* What is being delivered, and who waits for room. */
TEST_F(tidy, claimed_and_blocked)
{
	int fd = actor_open();
	struct caps_receive r = { .deadline = CAPS_FOREVER };
	struct caps_send s = { .deadline = CAPS_FOREVER };
	struct background receiver, sender;
	struct port_line line;
	struct region region;
	struct message m;
	__u64 port;

	if (!uffd_start(&region, 4096))
		SKIP(return, "no userfaultfd");
	EXPECT_OK(port_create(fd, 5, 4, &port));
	EXPECT_OK(send_text(fd, port, "one"));
	EXPECT_OK(send_text(fd, port, "two"));
	s.capability = port;
	background_start(&sender, fd, CAPS_SEND, &s);
	background_settle(&sender);
	r.port = port;
	r.buffer = data_of(region.map, 4096);
	background_start(&receiver, fd, CAPS_RECEIVE, &r);
	EXPECT_TRUE(eventually(region_touched(&region)));
	line = port_line(own_fdinfo(fd), 5);
	EXPECT_EQ(1, line.queued);
	EXPECT_EQ(1, line.claimed);
	EXPECT_EQ(1, line.blocked);

	region_answer(&region);
	EXPECT_OK(background_join(&receiver));
	EXPECT_OK(background_join(&sender));
	EXPECT_OK(receive_now(fd, port, &m));
	EXPECT_OK(receive_now(fd, port, &m));
	line = port_line(own_fdinfo(fd), 5);
	EXPECT_EQ(0, line.queued + line.claimed + line.blocked);
	EXPECT_EQ(3, line.received);
}

static bool oldest_is(int fd, const char *where, pid_t waiter, pid_t server)
{
	char *line = field(own_fdinfo(fd), "oldest-call"), state[16];
	unsigned int age;
	int pids[2];

	return line && sscanf(line, "%15s age-ms %u waiter %d server %d",
			      state, &age, &pids[0], &pids[1]) == 4 &&
	       !strcmp(state, where) && pids[0] == waiter && pids[1] == server;
}

static unsigned int oldest_age(int fd)
{
	char *line = field(own_fdinfo(fd), "oldest-call");

	return strtoul(strstr(line, "age-ms ") + 7, NULL, 10);
}

/* Whom a hung client waits for, and how long already. */
TEST_F(tidy, oldest_call)
{
	struct pair p = pair_open();
	const pid_t me = getpid();
	struct message m, n;
	unsigned int age;
	__u64 id;

	EXPECT_OK(send_text(p.client, p.cap, "no call"));
	EXPECT_EQ(NULL, field(own_fdinfo(p.server), "oldest-call"));
	EXPECT_OK(call_async(p.client, p.cap, 0, "first", &id));
	EXPECT_TRUE(oldest_is(p.server, "queued", me, me));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_TRUE(oldest_is(p.server, "received", me, me));
	age = oldest_age(p.server);
	sleep_ms(30);
	EXPECT_LE(age + 20, oldest_age(p.server));

	/* A younger one does not hide it. */
	EXPECT_OK(call_async(p.client, p.cap, 0, "second", &id));
	EXPECT_TRUE(oldest_is(p.server, "received", me, me));
	EXPECT_OK(reply_text(p.server, m.header.id, 0, ""));
	EXPECT_TRUE(oldest_is(p.server, "queued", me, me));
	EXPECT_OK(receive_now(p.server, p.port, &n));
	EXPECT_OK(discard(p.server, n.header.id));
	EXPECT_EQ(NULL, field(own_fdinfo(p.server), "oldest-call"));
}

/* "USED of LIMIT" for each thing. */
static long long used(int fd, const char *what, long long *limit)
{
	char *line = field(own_fdinfo(fd), what);
	long long now = -1;

	if (!line || sscanf(line, "%lld of %lld", &now, limit) != 2)
		die("cannot parse %s", what);
	return now;
}

TEST_F(tidy, charges)
{
	int i, from, fd = actor_open();
	long long before, limit;
	__u64 port, cap;
	const struct {
		const char *line, *parameter;
	} each[] = {
		{ "user-ports", "max_ports" },
		{ "user-capabilities", "max_capabilities" },
		{ "user-names", "max_names" },
		{ "user-messages", "max_messages" },
		{ "user-pinned-bytes", "max_pinned" },
		{ "user-kernel-bytes", "max_kernel_bytes" },
		{ "user-files", "max_files" },
		{ "user-actors", "max_actors" },
		{ "user-connections", "max_connections" },
	};

	for (i = 0; i < (int)ARRAY_SIZE(each); i++) {
		EXPECT_LE(0, used(fd, each[i].line, &limit));
		EXPECT_EQ(parameter(each[i].parameter), limit);
	}
	before = used(fd, "user-ports", &limit);
	port = port_new(fd);
	EXPECT_EQ(before + 1, used(fd, "user-ports", &limit));
	before = used(fd, "user-capabilities", &limit);
	EXPECT_OK(cap_dup(fd, port, 1, 1, &cap));
	EXPECT_EQ(before + 1, used(fd, "user-capabilities", &limit));
	EXPECT_OK(cap_close(fd, cap));
	EXPECT_EQ(before, used(fd, "user-capabilities", &limit));
	before = used(fd, "user-files", &limit);
	from = cap_export(fd, port);
	EXPECT_EQ(before + 1, used(fd, "user-files", &limit));
	close(from);
	EXPECT_EQ(before, used(fd, "user-files", &limit));
	before = used(fd, "user-actors", &limit);
	from = actor_open();
	EXPECT_EQ(before + 1, used(fd, "user-actors", &limit));
	before = used(fd, "user-kernel-bytes", &limit);
	for (i = 0; i < 10; i++)
		EXPECT_OK(send_text(fd, port, "x"));
	EXPECT_LT(before, used(fd, "user-kernel-bytes", &limit));
}

/* --- other readers ------------------------------------------------------- */

/* Another process's, and one that is dead while its file is held. */
TEST_F(tidy, of_others_and_of_the_dead)
{
	struct subject s;
	char want[32];
	int held;

	if (subject_start(&s)) {
		say(&s.child, s.fd);
		say_fd(&s.child, s.fd);
		pause();
	}
	snprintf(want, sizeof(want), "alive pid %d\n", s.child.pid);
	EXPECT_EQ(0, strncmp(want, field(fdinfo(s.child.pid, hear(&s.child)),
					 "actor"), strlen(want)));
	held = hear_fd(&s.child);
	EXPECT_EQ(0, strncmp(want, field(own_fdinfo(held), "actor"),
			     strlen(want)));
	EXPECT_EQ(2, number(own_fdinfo(held), "ports"));
	child_kill(&s.child);
	EXPECT_DEAD(&s);
	EXPECT_EQ(0, strncmp("dead", field(own_fdinfo(held), "actor"), 4));
	EXPECT_TRUE(eventually(!number(own_fdinfo(held), "ports")));
}

/* A great many ports: what is shown is bounded, what is counted is not. */
TEST_F(tidy, many_ports)
{
	int i, shown = 0, fd = actor_open();
	char *text;

	for (i = 0; i < 1000; i++)
		port_new(fd);
	text = own_fdinfo(fd);
	EXPECT_EQ(1001, number(text, "ports"));
	EXPECT_NE(NULL, field(text, "user-actors"));
	for (; (text = field(text, "port")); shown++)
		;
	EXPECT_LT(0, shown);
	EXPECT_LE(shown, 1001);
}

static int busy_fd;
static bool busy_stop;

static void *busy_main(void *arg)
{
	struct message m;
	__u64 port;

	(void)arg;
	while (!__atomic_load_n(&busy_stop, __ATOMIC_RELAXED)) {
		port = port_new(busy_fd);
		send_text(busy_fd, port, "x");
		receive_now(busy_fd, port, &m);
		port_delete(busy_fd, port);
		cap_close(busy_fd, port);
	}
	return NULL;
}

/* Reading disturbs nobody, and is not disturbed. */
TEST_F(tidy, while_busy)
{
	unsigned int i, n = test_scale(300);
	pthread_t threads[3];

	busy_fd = actor_open();
	for (i = 0; i < 3; i++)
		need(-pthread_create(&threads[i], NULL, busy_main, NULL), "");
	for (i = 0; i < n; i++)
		ASSERT_LE(1, number(own_fdinfo(busy_fd), "ports"));
	busy_stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(1, number(own_fdinfo(busy_fd), "ports"));
}

TEST_HARNESS_MAIN
