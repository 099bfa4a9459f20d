/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all tests of /dev/caps share. Each test is a process of its own (the
 * harness forks), so nothing here cleans up behind a test.
 *
 * Conventions:
 *   - What a test is about returns 0 or a negative errno, and is checked with
 *     EXPECT_OK, EXPECT_ERR or the ASSERT_ forms, which print what they saw.
 *   - What a test merely needs (actor_open, port_new, ...) ends the test if it
 *     cannot be had.
 *   - Nothing asserts how long something takes. GRACE_MS is how long a test
 *     waits for what must happen before it calls that a hang.
 */
#ifndef CAPS_TEST_H
#define CAPS_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/caps.h>
#include "kselftest_harness.h"

#define CAPS_DEVICE	"/dev/caps"
#define GRACE_MS	20000

/* A slow kernel on a busy machine may take longer than the harness allows. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	100

/* --- running one test ---------------------------------------------------- */

/* Of a list of the harness's, only the one of this name. */
#define KEEP_NAMED(list, wanted)					\
	do {								\
		__typeof__(list) *at = &(list);				\
									\
		while (*at && strcmp((*at)->name, wanted))		\
			*at = (*at)->next;				\
		if (!*at)						\
			ksft_exit_fail_msg("no such test\n");		\
		(*at)->next = NULL;					\
	} while (0)

static inline void keep_test(char *name)
{
	char *fixture = strsep(&name, "."), *variant = NULL;
	char *test = strsep(&name, ".");

	if (name) {
		variant = test;
		test = name;
	}
	KEEP_NAMED(__fixture_list, fixture);
	if (variant)
		KEEP_NAMED(__fixture_list->variant, variant);
	KEEP_NAMED(__fixture_list->tests, test ?: "");
}

/*
 * With an argument a program runs only the test of that name, as the output
 * has it; FIXTURE.TEST is that test with every variant.
 */
static inline int run_tests(int argc, char **argv)
{
	if (argc == 2)
		keep_test(argv[1]);
	return test_harness_run(argc, argv);
}

/* For TEST_HARNESS_MAIN, which is expanded further down. */
#define test_harness_run run_tests

/* --- the module ---------------------------------------------------------- */

/* A file of tests is skipped where there is no module. */
static __attribute__((constructor)) void require_device(void)
{
	if (access(CAPS_DEVICE, F_OK))
		ksft_exit_skip("no " CAPS_DEVICE "\n");
}

/* --- checking ------------------------------------------------------------ */

static inline const char *result_name(long result)
{
	const char *name = NULL;

	if (result >= 0)
		return "success";
	if (result > -4096)
		name = strerrorname_np(-result);
	return name ? name : "?";
}

static inline void check_result(struct __test_metadata *test, const char *file,
				int line, const char *expr, long want, long saw)
{
	if (want == saw)
		return;
	fprintf(stderr, "# %s:%d:%s:%s: expected %s, saw %s (%ld)\n", file, line,
		test->name, expr, result_name(want), result_name(saw), saw);
	test->passed = 0;
	test->trigger = 1;
}

/* As the harness's own checks: may be followed by a block for the failure. */
#define __CAPS_CHECK(want, expr, fatal)					\
	for (check_result(_metadata, __FILE__, __LINE__, #expr, want, expr); \
	     _metadata->trigger;					\
	     _metadata->trigger = __bail(fatal, _metadata))

#define EXPECT_OK(expr)		__CAPS_CHECK(0, expr, 0)
#define ASSERT_OK(expr)		__CAPS_CHECK(0, expr, 1)
#define EXPECT_ERR(err, expr)	__CAPS_CHECK(-(err), expr, 0)
#define ASSERT_ERR(err, expr)	__CAPS_CHECK(-(err), expr, 1)

/* What a test needs and did not get. */
__attribute__((format(printf, 1, 2), noreturn))
static inline void die(const char *format, ...)
{
	va_list args;

	fputs("# cannot go on: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

static inline void need(long result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, result_name(result));
}

/* What a system call returned, as the kernel says it. */
static inline long sys(long result)
{
	return result < 0 ? -errno : result;
}

/* CAPS_TEST_SCALE below 1 makes loops shorter, for slow kernels. */
static inline unsigned int test_scale(unsigned int n)
{
	const char *scale = getenv("CAPS_TEST_SCALE");
	double scaled = scale ? n * strtod(scale, NULL) : n;

	return scaled < 1 ? 1 : (unsigned int)scaled;
}

/* --- time ---------------------------------------------------------------- */

static inline __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Absolute, as the ABI wants it. */
static inline __u64 in_ms(unsigned int ms)
{
	return now_ns() + ms * 1000000ull;
}

static inline __u64 grace(void)
{
	return in_ms(GRACE_MS);
}

static inline void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

/*
 * Is it true within the grace? For things that happen soon after their cause
 * and announce themselves to nobody.
 */
#define eventually(condition) ({					\
	__u64 __until = grace();					\
	bool __true;							\
	while (!(__true = !!(condition)) && now_ns() < __until)		\
		sleep_ms(2);						\
	__true;								\
})

/* --- the device, capabilities, ports ------------------------------------- */

static inline long caps_ioctl(int fd, unsigned int command, const void *arg)
{
	return sys(ioctl(fd, command, arg));
}

static inline long caps_open(void)
{
	return sys(open(CAPS_DEVICE, O_RDWR | O_CLOEXEC));
}

static inline int actor_open(void)
{
	long fd = caps_open();

	need(fd, "open " CAPS_DEVICE);
	return fd;
}

static inline struct caps_query query(int fd)
{
	struct caps_query q = { 0 };

	need(caps_ioctl(fd, CAPS_QUERY, &q), "CAPS_QUERY");
	return q;
}

static inline struct caps_actor_info actor_info(int fd)
{
	struct caps_actor_info info = { 0 };

	need(caps_ioctl(fd, CAPS_ACTOR_INFO, &info), "CAPS_ACTOR_INFO");
	return info;
}

static inline long port_create(int fd, __u64 cookie, __u32 limit, __u64 *port)
{
	struct caps_port_create c = { .cookie = cookie, .queue_limit = limit };
	long ret = caps_ioctl(fd, CAPS_PORT_CREATE, &c);

	*port = c.capability;
	return ret;
}

static inline __u64 port_new_limit(int fd, __u32 limit)
{
	__u64 port;

	need(port_create(fd, 0, limit, &port), "CAPS_PORT_CREATE");
	return port;
}

/* Disabled, as ports are born. */
static inline __u64 port_new(int fd)
{
	return port_new_limit(fd, 0);
}

static inline long port_enable(int fd, __u64 port, __u32 priority)
{
	struct caps_port_enable e = {
		.capability = port, .priority = priority,
	};

	return caps_ioctl(fd, CAPS_PORT_ENABLE, &e);
}

static inline long port_disable(int fd, __u64 port)
{
	struct caps_port_ref p = { .capability = port };

	return caps_ioctl(fd, CAPS_PORT_DISABLE, &p);
}

static inline long port_delete(int fd, __u64 port)
{
	struct caps_port_ref p = { .capability = port };

	return caps_ioctl(fd, CAPS_PORT_DELETE, &p);
}

static inline struct caps_port_info port_info(int fd, __u64 port)
{
	struct caps_port_info info = { .capability = port };

	need(caps_ioctl(fd, CAPS_PORT_INFO, &info), "CAPS_PORT_INFO");
	return info;
}

/* A capability of an actor to itself. */
static inline __u64 actor_self(int fd)
{
	struct caps_actor_self s = {};

	need(caps_ioctl(fd, CAPS_ACTOR_SELF, &s), "CAPS_ACTOR_SELF");
	return s.capability;
}

static inline long cap_dup(int fd, __u64 cap, __u32 rights, __u64 operations,
			   __u64 *result)
{
	struct caps_duplicate d = {
		.capability = cap, .rights = rights, .operations = operations,
	};
	long ret = caps_ioctl(fd, CAPS_DUPLICATE, &d);

	*result = d.result;
	return ret;
}

/* All that @cap can do, with a badge. */
static inline long cap_badge(int fd, __u64 cap, __u64 badge, __u64 *result)
{
	struct caps_duplicate d = {
		.capability = cap, .rights = CAPS_RIGHTS_PORT, .badge = badge,
		.operations = CAPS_ALL_OPERATIONS, .flags = CAPS_DUP_BADGE,
	};
	long ret = caps_ioctl(fd, CAPS_DUPLICATE, &d);

	*result = d.result;
	return ret;
}

static inline long cap_close(int fd, __u64 cap)
{
	struct caps_close c = { .capability = cap };

	return caps_ioctl(fd, CAPS_CLOSE, &c);
}

static inline long cap_info(int fd, __u64 cap, struct caps_capability_info *i)
{
	*i = (struct caps_capability_info){ .capability = cap };
	return caps_ioctl(fd, CAPS_CAPABILITY_INFO, i);
}

/* The descriptor, or a negative errno. */
static inline long cap_export(int fd, __u64 cap)
{
	struct caps_export e = { .capability = cap, .fd = -1 };
	long ret = caps_ioctl(fd, CAPS_EXPORT, &e);

	return ret ? ret : e.fd;
}

static inline long cap_import(int fd, int from, __u64 *cap)
{
	struct caps_import i = { .fd = from };
	long ret = caps_ioctl(fd, CAPS_IMPORT, &i);

	*cap = i.capability;
	return ret;
}

/* A capability that @from has, also for @to, which may be in a child. */
static inline __u64 cap_give(int from, __u64 cap, int to)
{
	long fd = cap_export(from, cap);
	__u64 copy;

	need(fd, "CAPS_EXPORT");
	need(cap_import(to, fd, &copy), "CAPS_IMPORT");
	close(fd);
	return copy;
}

static inline long service_register(int fd, __u64 port, const char *name,
				    __u32 flags, __u64 operations)
{
	struct caps_register r = {
		.port = port, .name = (uintptr_t)name,
		.name_len = strlen(name), .flags = flags,
		.uid = geteuid(), .gid = CAPS_ANY_ID,
		.operations = operations,
	};

	return caps_ioctl(fd, CAPS_REGISTER, &r);
}

static inline long service_unregister(int fd, const char *name)
{
	struct caps_unregister u = {
		.name = (uintptr_t)name, .name_len = strlen(name),
		.uid = geteuid(), .gid = CAPS_ANY_ID,
	};

	return caps_ioctl(fd, CAPS_UNREGISTER, &u);
}

static inline long service_connect(int fd, const char *name, __u32 uid,
				   __u64 operations, __u64 *cap)
{
	struct caps_connect c = {
		.name = (uintptr_t)name, .name_len = strlen(name), .uid = uid,
		.gid = CAPS_ANY_ID, .operations = operations,
	};
	long ret = caps_ioctl(fd, CAPS_CONNECT, &c);

	*cap = c.capability;
	return ret;
}

/* --- messages ------------------------------------------------------------ */

static inline struct caps_data data_of(const void *body, size_t len)
{
	return (struct caps_data){ .body = (uintptr_t)body, .body_len = len };
}

/* Not waiting for room; the body is the text without its terminator. */
static inline long send_text(int fd, __u64 cap, const char *text)
{
	struct caps_send s = {
		.capability = cap, .data = data_of(text, strlen(text)),
	};

	return caps_ioctl(fd, CAPS_SEND, &s);
}

static inline long call_async(int fd, __u64 cap, __u64 source,
			      const char *text, __u64 *id)
{
	struct caps_send s = {
		.capability = cap, .source = source,
		.data = data_of(text, strlen(text)),
	};
	long ret = caps_ioctl(fd, CAPS_CALL_ASYNC, &s);

	*id = s.id;
	return ret;
}

/* To be run by caps_ioctl(fd, CAPS_CALL, ...), here or in another thread. */
static inline struct caps_call call_of(__u64 cap, const char *text)
{
	return (struct caps_call){
		.capability = cap, .deadline = grace(),
		.request = data_of(text, strlen(text)),
	};
}

/* A received message; the body ends in a 0 that is not part of it. */
struct message {
	struct caps_header header;
	char annex[CAPS_MAX_ANNEX];
	char body[4096];
};

static inline struct caps_receive receive_of(struct message *m, __u64 port,
					     __u64 deadline)
{
	return (struct caps_receive){
		.port = port, .deadline = deadline, .buffer = {
			.annex = (uintptr_t)m->annex,
			.annex_len = sizeof(m->annex),
			.body = (uintptr_t)m->body,
			.body_len = sizeof(m->body) - 1,
		},
	};
}

static inline long receive_until(int fd, __u64 port, __u32 flags,
				 __u64 deadline, struct message *m)
{
	struct caps_receive r = receive_of(m, port, deadline);
	long ret;

	r.flags = flags;
	memset(m, 0, sizeof(*m));
	ret = caps_ioctl(fd, CAPS_RECEIVE, &r);
	m->header = r.header;
	return ret;
}

/* From one port, or CAPS_ANY_PORT, what is there or comes within the grace. */
static inline long receive(int fd, __u64 port, struct message *m)
{
	return receive_until(fd, port, 0, grace(), m);
}

static inline long receive_now(int fd, __u64 port, struct message *m)
{
	return receive_until(fd, port, 0, 0, m);
}

static inline long reply_data(int fd, __u64 id, int status, const void *body,
			      size_t len)
{
	struct caps_reply r = {
		.id = id, .status = status, .data = data_of(body, len),
	};

	return caps_ioctl(fd, CAPS_REPLY, &r);
}

static inline long reply_text(int fd, __u64 id, int status, const char *text)
{
	return reply_data(fd, id, status, text, strlen(text));
}

static inline long discard(int fd, __u64 id)
{
	struct caps_discard d = { .id = id };

	return caps_ioctl(fd, CAPS_DISCARD, &d);
}

/* @copied may be NULL. */
static inline long get_data(int fd, __u64 id, __u64 offset, void *buffer,
			    size_t len, __u64 *copied)
{
	struct caps_get_data g = {
		.id = id, .offset = offset, .buffer = data_of(buffer, len),
	};
	long ret = caps_ioctl(fd, CAPS_GET_DATA, &g);

	if (copied)
		*copied = g.copied;
	return ret;
}

/* CAPS_ABORT_*, or a negative errno. */
static inline long abort_call(int fd, __u64 id)
{
	struct caps_abort a = { .id = id };
	long ret = caps_ioctl(fd, CAPS_ABORT, &a);

	return ret ? ret : (long)a.outcome;
}

/* Does poll find a message? */
static inline bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

/* --- memory -------------------------------------------------------------- */

/* An address that nothing is mapped at. */
#define NOWHERE		((__u64)8)

/* @len bytes, the one after which is the start of an inaccessible page. */
static inline void *guarded(size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t room = (len + page - 1) / page * page;
	char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE))
		die("no memory: %s", strerror(errno));
	return map + room - len;
}

/* Zeroed pages that can be read but not written. */
static inline void *read_only(size_t len)
{
	void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED)
		die("no memory: %s", strerror(errno));
	return map;
}

#include "caps_process.h"

#endif /* CAPS_TEST_H */
