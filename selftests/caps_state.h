/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel says about itself: the module's parameters and live objects,
 * pinned pages, memory in use. For tests that run as root.
 *
 * TEST_F(tidy, ...) ends with the proof that the test left nothing behind: all
 * descriptors closed, the module's objects and the pages pinned in the system
 * are as many as they were before. Children must have ended by then.
 */
#ifndef CAPS_STATE_H
#define CAPS_STATE_H

#include "caps_test.h"

#include <sys/stat.h>

#define PARAMETERS	"/sys/module/caps/parameters/"

/* These tests do more than the harness's 30 s allow a slow kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 100

/* --- files of one value -------------------------------------------------- */

/* The text, or NULL; good until the next call. */
static inline char *file_text(const char *path)
{
	static char text[65536];
	ssize_t len, all = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while ((len = read(fd, text + all, sizeof(text) - 1 - all)) > 0)
		all += len;
	close(fd);
	text[all] = 0;
	return len < 0 ? NULL : text;
}

static inline long file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;
	ret = sys(write(fd, text, strlen(text)));
	close(fd);
	return ret < 0 ? ret : 0;
}

/* The number behind the line's first word, or -1. */
static inline long long file_field(const char *path, const char *word)
{
	char *text = file_text(path), *line;
	size_t len = strlen(word);

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, len) && strchr(" \t:", line[len]))
			return strtoll(line + len + 1 + (line[len] == ':'),
				       NULL, 10);
		if (!*line)
			break;
	}
	return -1;
}

/* --- the module ---------------------------------------------------------- */

static inline unsigned long parameter(const char *name)
{
	char path[512], *text;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	text = file_text(path);
	if (!text)
		die("no parameter %s", name);
	return strtoul(text, NULL, 10);
}

static inline void parameter_write(const char *name, unsigned long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	snprintf(text, sizeof(text), "%lu", value);
	need(file_write(path, text), name);
}

/* Objects that exist in the module, as text. */
struct live {
	char text[256];
};

static inline struct live live_now(void)
{
	char *text = file_text(PARAMETERS "live");
	struct live live;

	if (!text)
		die("no parameter live");
	snprintf(live.text, sizeof(live.text), "%.255s", text);
	return live;
}

/* How many of one kind: "actors", "ports", "messages", ... */
static inline long live_count(const char *kind)
{
	struct live live = live_now();
	char *at = strstr(live.text, kind);

	if (!at)
		die("live has no %s", kind);
	return strtol(at + strlen(kind), NULL, 10);
}

/* What the user of this actor has of a resource. */
static inline long charged(int fd, const char *what)
{
	char path[64], key[64], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(key, sizeof(key), "\nuser-%s:", what);
	at = strstr(file_text(path), key);
	if (!at)
		die("no %s in fdinfo", what);
	return strtol(at + strlen(key), NULL, 10);
}

/* --- pages --------------------------------------------------------------- */

/* Pages that are pinned now, in the whole system. */
static inline long long pages_pinned(void)
{
	long long in, out;

	/* Counts that processors keep to themselves come together. */
	file_text("/proc/sys/vm/stat_refresh");
	in = file_field("/proc/vmstat", "nr_foll_pin_acquired");
	out = file_field("/proc/vmstat", "nr_foll_pin_released");
	return in - out;
}

/* Bytes of the kernel's own that objects may be made of. */
static inline long long kernel_memory(void)
{
	/* Counts that processors keep to themselves come together. */
	file_text("/proc/sys/vm/stat_refresh");
	return (file_field("/proc/meminfo", "Slab") +
		file_field("/proc/meminfo", "VmallocUsed") +
		file_field("/proc/meminfo", "Percpu")) * 1024;
}

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* --- parameters for one test --------------------------------------------- */

#define SAVED_MAX	16

struct saved {
	unsigned int count;
	struct {
		const char *name;
		unsigned long value;
	} one[SAVED_MAX];
};

/* --- a test that leaves nothing behind ----------------------------------- */

struct before {
	struct live live;
	long long pinned;
	struct saved saved;
};

static inline bool as_before(const struct before *b)
{
	struct live live = live_now();

	return !strcmp(live.text, b->live.text) && pages_pinned() == b->pinned;
}

static inline void before_take(struct before *b)
{
	b->live = live_now();
	b->pinned = pages_pinned();
}

static inline void before_check(struct __test_metadata *_metadata,
				struct before *b)
{
	struct saved *saved = &b->saved;
	struct live live;

	while (saved->count) {
		saved->count--;
		parameter_write(saved->one[saved->count].name,
				saved->one[saved->count].value);
	}
	close_range(3, ~0u, 0);
	if (eventually(as_before(b)))
		return;
	live = live_now();
	TH_LOG("left behind: %lld pages pinned, %s",
	       pages_pinned() - b->pinned, live.text);
	TH_LOG("where before: %s", b->live.text);
	_metadata->passed = 0;
}

#define TIDY_FIXTURE(name)						\
	FIXTURE(name) { struct before before; };			\
	FIXTURE_SETUP(name) { before_take(&self->before); }		\
	FIXTURE_TEARDOWN(name) { before_check(_metadata, &self->before); }

TIDY_FIXTURE(tidy)

/* Until the end of this test. */
static inline void parameter_set(struct before *b, const char *name,
				 unsigned long value)
{
	struct saved *saved = &b->saved;

	if (saved->count == SAVED_MAX)
		die("too many parameters set");
	saved->one[saved->count].name = name;
	saved->one[saved->count++].value = parameter(name);
	parameter_write(name, value);
}

/* --- other users --------------------------------------------------------- */

/* Become this user for good, one that may open the device. */
static inline void become_member(uid_t uid)
{
	struct stat device;
	gid_t group;

	need(sys(stat(CAPS_DEVICE, &device)), CAPS_DEVICE);
	group = device.st_gid;
	need(sys(setgroups(1, &group)), "setgroups");
	need(sys(setresgid(uid, uid, uid)), "setresgid");
	need(sys(setresuid(uid, uid, uid)), "setresuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* --- two actors of this process ------------------------------------------ */

struct pair {
	int server;
	int client;
	__u64 port;		/* the server's */
	__u64 cap;		/* the client's, to it */
};

static inline struct pair pair_open(void)
{
	struct pair p = { .server = actor_open(), .client = actor_open() };

	p.port = port_new(p.server);
	p.cap = cap_give(p.server, p.port, p.client);
	return p;
}

#endif /* CAPS_STATE_H */
