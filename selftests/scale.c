// SPDX-License-Identifier: GPL-2.0
/*
 * Many of everything, and what each of them costs the kernel.
 */
#include "caps_state.h"

#define MANY	10000

/* Kernels that check themselves need more memory for everything. */
static bool judges_memory(void)
{
	return access("/proc/lockdep_stats", F_OK) &&
	       access("/sys/kernel/debug/kmemleak", F_OK);
}

/* Bytes of kernel memory in use, once what is on its way has been freed. */
static long long settled_memory(void)
{
	long long last = -1, now;
	int i;

	for (i = 0; i < 50; i++) {
		file_text("/proc/sys/vm/stat_refresh");
		now = kernel_memory();
		if (now == last)
			break;
		last = now;
		sleep_ms(100);
	}
	return now;
}

struct cost {
	const char *what;
	long long most;		/* bytes each */
	long long before;
};

static struct cost cost_begin(const char *what, long long most)
{
	return (struct cost){ what, most, settled_memory() };
}

static void cost_end(struct __test_metadata *_metadata, struct cost *c)
{
	long long each = (settled_memory() - c->before) / MANY;

	TH_LOG("%lld bytes of kernel memory per %s", each, c->what);
	if (judges_memory())
		EXPECT_LE(each, c->most);
}

static __u64 handles[MANY];

/* Ten thousand idle ports in one actor. */
TEST_F(tidy, memory_of_ports)
{
	int i, fd = actor_open();
	struct cost c = cost_begin("idle port", 1024);

	for (i = 0; i < MANY; i++)
		ASSERT_OK(port_create(fd, i, 0, &handles[i]));
	cost_end(_metadata, &c);
}

TEST_F(tidy, memory_of_capabilities)
{
	int i, fd = actor_open();
	__u64 port = port_new(fd);
	struct cost c = cost_begin("duplicated capability", 128);

	for (i = 0; i < MANY; i++)
		ASSERT_OK(cap_dup(fd, port, CAPS_RIGHT_SEND, 1, &handles[i]));
	cost_end(_metadata, &c);
}

/* Each with the one capability that carries it. */
TEST_F(tidy, memory_of_badges)
{
	int i, fd = actor_open();
	__u64 port = port_new(fd);
	struct cost c = cost_begin("badge and its capability", 256 + 128);

	for (i = 0; i < MANY; i++)
		ASSERT_OK(cap_badge(fd, port, i, &handles[i]));
	cost_end(_metadata, &c);
}

/* All of them work, in any order, and all of them go. */
TEST_F(tidy, many_ports)
{
	int i, k, fd = actor_open();
	struct caps_send s = { 0 };
	struct message m;

	for (i = 0; i < MANY; i++) {
		ASSERT_OK(port_create(fd, i, 0, &handles[i]));
		ASSERT_OK(port_enable(fd, handles[i], 255 - i % 256));
	}
	EXPECT_EQ(MANY + 1, actor_info(fd).ports);
	for (i = 0; i < MANY; i += 7) {
		s.capability = handles[i];
		s.address = i;
		ASSERT_OK(caps_ioctl(fd, CAPS_SEND, &s));
	}
	/* By priority, then by arrival. */
	for (i = 255; i >= 0; i--)
		for (k = i; k < MANY; k += 256) {
			if (k % 7)
				continue;
			ASSERT_OK(receive_now(fd, CAPS_ANY_PORT, &m));
			ASSERT_EQ(k, m.header.cookie);
			ASSERT_EQ(k, m.header.address);
		}
	EXPECT_ERR(EAGAIN, receive_now(fd, CAPS_ANY_PORT, &m));
	for (i = 0; i < MANY; i++)
		ASSERT_OK(port_delete(fd, handles[i * 7919ull % MANY]));
	EXPECT_EQ(1, actor_info(fd).ports);
	for (i = 0; i < MANY; i++)
		ASSERT_OK(cap_close(fd, handles[i]));
}

TEST_F(tidy, many_capabilities)
{
	int i, fd = actor_open();
	__u64 port = port_new_limit(fd, 4);
	struct message m;

	for (i = 0; i < MANY; i++)
		ASSERT_OK(cap_badge(fd, port, i, &handles[i]));
	for (i = 0; i < MANY; i += 13) {
		ASSERT_OK(send_text(fd, handles[i], "x"));
		ASSERT_OK(receive_now(fd, port, &m));
		ASSERT_EQ(i, m.header.badge);
	}
	for (i = 0; i < MANY; i++)
		ASSERT_OK(cap_close(fd, handles[i * 7919ull % MANY]));
	for (i = 0; i < MANY; i += 13)
		ASSERT_ERR(EBADF, send_text(fd, handles[i], "x"));
	EXPECT_EQ(1, actor_info(fd).capabilities);
}

/* Many calls held at once, answered in another order. */
TEST_F(tidy, many_held_calls)
{
	enum { CALLS = 4000 };
	struct pair p = pair_open();
	struct message m;
	__u64 id;
	int i;

	for (i = 0; i < CALLS; i++) {
		struct caps_send s = { .capability = p.cap, .address = i };

		ASSERT_OK(caps_ioctl(p.client, CAPS_CALL_ASYNC, &s));
		ASSERT_OK(receive_now(p.server, p.port, &m));
		ASSERT_EQ(i, m.header.address);
		handles[i] = m.header.id;
	}
	EXPECT_EQ(CALLS, actor_info(p.server).held);
	EXPECT_EQ(CALLS, actor_info(p.client).pending);
	for (i = 0; i < CALLS; i++) {
		id = handles[i * 7919ull % CALLS];
		ASSERT_OK(reply_text(p.server, id, i, ""));
		ASSERT_OK(receive_now(p.client, CAPS_DEFAULT_PORT, &m));
		ASSERT_EQ(i, m.header.status);
	}
	EXPECT_EQ(0, actor_info(p.server).held);
	EXPECT_EQ(0, actor_info(p.client).pending);
}

/* Many names, each found and each free again. */
TEST_F(tidy, many_names)
{
	enum { NAMES = 1000 };
	struct pair p = pair_open();
	char name[16];
	__u64 cap;
	int i;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "many-%d", i);
		ASSERT_OK(service_register(p.server, p.port, name, 0, 1));
	}
	for (i = NAMES - 1; i >= 0; i--) {
		snprintf(name, sizeof(name), "many-%d", i);
		ASSERT_OK(service_connect(p.client, name, 0, 1, &cap));
		if (i % 2)
			ASSERT_OK(service_unregister(p.server, name));
	}
	close(p.server);
	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "many-%d", i);
		ASSERT_ERR(ENOENT, service_connect(p.client, name, 0, 1,
						   &cap));
	}
}

TEST_F(tidy, many_actors_of_one_process)
{
	enum { ACTORS = 500 };
	int i, first = actor_open(), fds[ACTORS];
	__u64 caps[ACTORS];
	struct message m;

	for (i = 0; i < ACTORS; i++) {
		fds[i] = actor_open();
		caps[i] = cap_give(first, CAPS_DEFAULT_PORT, fds[i]);
	}
	for (i = 0; i < ACTORS; i++) {
		ASSERT_OK(send_text(fds[i], caps[i], "x"));
		ASSERT_OK(receive_now(first, CAPS_DEFAULT_PORT, &m));
	}
	for (i = 0; i < ACTORS; i++)
		close(fds[i * 7 % ACTORS]);
}

/* --- processes ----------------------------------------------------------- */

/* All are there before any calls; the answer to each is its own number. */
static int one_of_many(int from, int number, int go)
{
	struct caps_call call;
	char byte;
	__u64 cap;
	int fd = actor_open();

	need(cap_import(fd, from, &cap), "CAPS_IMPORT");
	if (read(go, &byte, 1) < 0)
		return 1;
	call = call_of(cap, "");
	call.deadline = CAPS_FOREVER;
	call.address = number;
	need(caps_ioctl(fd, CAPS_CALL, &call), "CAPS_CALL");
	return call.status != number;
}

TEST_F(tidy, thousand_processes)
{
	const int n = test_scale(1000);
	int i, status, from, go[2], fd = actor_open();
	bool *seen = calloc(n, sizeof(*seen));
	__u64 port = port_new_limit(fd, 64);
	struct message m;

	from = cap_export(fd, port);
	ASSERT_EQ(0, pipe(go));
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			close(go[1]);
			close(fd);
			_exit(one_of_many(from, i, go[0]));
		}
		ASSERT_LT(0, pid);
	}
	close(go[1]);
	for (i = 0; i < n; i++) {
		ASSERT_OK(receive(fd, port, &m));
		ASSERT_LT(m.header.address, n);
		EXPECT_FALSE(seen[m.header.address]);
		seen[m.header.address] = true;
		ASSERT_OK(reply_text(fd, m.header.id, m.header.address, ""));
	}
	for (i = 0; i < n; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
	EXPECT_ERR(EAGAIN, receive_now(fd, port, &m));
}

/* A user each, and not one of them shut out of a port with little room. */
TEST_F(tidy, many_users)
{
	const int n = test_scale(300);
	int i, status, from, fd = actor_open();
	__u64 port = port_new_limit(fd, 4), cap;
	struct message m;

	from = cap_export(fd, port);
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			become_member(2000 + i);
			fd = actor_open();
			need(cap_import(fd, from, &cap), "CAPS_IMPORT");
			_exit(send_text(fd, cap, "x") != 0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(n, port_info(fd, port).users);
	EXPECT_EQ(n, port_info(fd, port).queued);
	for (i = 0; i < n; i++) {
		ASSERT_OK(receive_now(fd, port, &m));
		EXPECT_EQ(2000 + i, m.header.uid);
	}
	EXPECT_EQ(0, port_info(fd, port).users);
}

TEST_HARNESS_MAIN
