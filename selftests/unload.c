// SPDX-License-Identifier: GPL-2.0
/*
 * The module comes and goes: not while a file of it is open, but whatever those
 * who once had it open do. Each test ends with the module loaded again, with
 * the parameters, owner and mode that it had.
 */
#include "caps_state.h"

#include <dirent.h>
#include <sys/utsname.h>

/* --- loading and unloading ----------------------------------------------- */

static int module_open(void)
{
	static const char *const places[] = {
		"/lib/modules/%s/caps.ko", "/lib/modules/%s/extra/caps.ko",
		"/lib/modules/%s/updates/caps.ko",
	};
	struct utsname name;
	char path[256];
	size_t i;
	int fd = -1;

	uname(&name);
	for (i = 0; i < ARRAY_SIZE(places) && fd < 0; i++) {
		snprintf(path, sizeof(path), places[i], name.release);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

static long load(const char *parameters)
{
	int fd = module_open();
	long ret = sys(syscall(SYS_finit_module, fd, parameters, 0));

	close(fd);
	return ret;
}

static long unload(void)
{
	return sys(syscall(SYS_delete_module, "caps", O_NONBLOCK));
}

/* All parameters that can be set, as loading wants them. */
static void parameters(char *text, size_t size)
{
	DIR *dir = opendir(PARAMETERS);
	struct dirent *entry;
	size_t at = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "live"))
			continue;
		at += snprintf(text + at, size - at, "%s=%lu ", entry->d_name,
			       parameter(entry->d_name));
	}
	if (dir)
		closedir(dir);
}

FIXTURE(module) {
	char parameters[2048];
	struct stat device;
	bool there;		/* a file to load it from */
};

FIXTURE_SETUP(module)
{
	int fd = module_open();

	parameters(self->parameters, sizeof(self->parameters));
	need(sys(stat(CAPS_DEVICE, &self->device)), CAPS_DEVICE);
	self->there = fd >= 0;
	close(fd);
}

static void put_back(struct __test_metadata *_metadata,
		     FIXTURE_DATA(module) *self)
{
	long ret = load(self->parameters);

	EXPECT_TRUE(!ret || ret == -EEXIST)
		TH_LOG("loading: %s", result_name(ret));
	EXPECT_EQ(0, chown(CAPS_DEVICE, self->device.st_uid,
			   self->device.st_gid));
	EXPECT_EQ(0, chmod(CAPS_DEVICE, self->device.st_mode & 07777));
}

FIXTURE_TEARDOWN(module)
{
	put_back(_metadata, self);
}

#define NEEDS_MODULE_FILE()						\
	do {								\
		if (!self->there)					\
			SKIP(return, "no caps.ko to load");		\
	} while (0)

/* What was closed may take a moment to let go. */
#define EXPECT_UNLOADS()	EXPECT_TRUE(eventually(!unload()))

/* --- busy ---------------------------------------------------------------- */

TEST_F(module, busy_while_open)
{
	int fd;

	NEEDS_MODULE_FILE();
	fd = actor_open();
	EXPECT_ERR(EWOULDBLOCK, unload());
	port_new(fd);
	close(fd);
	EXPECT_UNLOADS();
	EXPECT_ERR(ENOENT, caps_open());
}

TEST_F(module, busy_while_a_capability_is_exported)
{
	int fd, file;
	__u64 cap;

	NEEDS_MODULE_FILE();
	fd = actor_open();
	file = cap_export(fd, port_new(fd));
	close(fd);
	sleep_ms(50);
	EXPECT_ERR(EWOULDBLOCK, unload());
	fd = actor_open();
	EXPECT_OK(cap_import(fd, file, &cap));
	EXPECT_ERR(EPIPE, send_text(fd, cap, "x"));
	close(fd);
	close(file);
	EXPECT_UNLOADS();
}

/* A dead actor's file is a file, too. */
TEST_F(module, busy_while_a_dead_one_is_held)
{
	struct child c;
	int held;

	NEEDS_MODULE_FILE();
	if (child_start(&c)) {
		say_fd(&c, actor_open());
		pause();
	}
	held = hear_fd(&c);
	child_kill(&c);
	EXPECT_ERR(EWOULDBLOCK, unload());
	close(held);
	EXPECT_UNLOADS();
}

/* Whatever an actor had, it is gone when its file is. */
TEST_F(module, right_after_use)
{
	struct caps_send s = { .flags = CAPS_DEFER };
	struct message m;
	struct pair p;
	__u64 id;
	int i;

	NEEDS_MODULE_FILE();
	s.data = data_of(guarded(65536), 65536);
	for (i = 0; i < (int)test_scale(4); i++) {
		p = pair_open();
		EXPECT_OK(service_register(p.server, p.port, "unload", 0, 1));
		EXPECT_OK(call_async(p.client, p.cap, 0, "taken", &id));
		EXPECT_OK(receive_now(p.server, p.port, &m));
		EXPECT_OK(call_async(p.client, p.cap, 0, "queued", &id));
		s.capability = p.cap;
		EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
		close(p.client);
		close(p.server);
		EXPECT_UNLOADS();
		put_back(_metadata, self);
	}
}

/* --- processes that live on ---------------------------------------------- */

/* Has opened and closed the device; opens it again when told. */
static void visitor(struct child *c)
{
	int fd = actor_open();

	port_new(fd);
	close(fd);
	say(c, 0);
	while (hear(c)) {
		fd = actor_open();
		port_new(fd);
		close(fd);
		say(c, 0);
	}
	_exit(0);
}

static void visit(struct child *c)
{
	say(c, 1);
	hear(c);
}

TEST_F(module, visitor_lives_on_and_exits)
{
	struct child c;

	NEEDS_MODULE_FILE();
	if (child_start(&c))
		visitor(&c);
	hear(&c);
	EXPECT_UNLOADS();
	say(&c, 0);
	EXPECT_EQ(0, child_wait(&c));
}

TEST_F(module, visitor_comes_again)
{
	struct child c;
	int i;

	NEEDS_MODULE_FILE();
	if (child_start(&c))
		visitor(&c);
	hear(&c);
	for (i = 0; i < 3; i++) {
		EXPECT_UNLOADS();
		EXPECT_OK(load(""));
		visit(&c);
	}
	EXPECT_UNLOADS();
	child_kill(&c);
}

/* Some exit before it goes, some while it does, some after it came again. */
TEST_F(module, many_visitors)
{
	enum { VISITORS = 24 };
	struct child c[VISITORS];
	unsigned int round;
	int i;

	NEEDS_MODULE_FILE();
	for (round = 0; round < test_scale(3); round++) {
		for (i = 0; i < VISITORS; i++)
			if (child_start(&c[i]))
				visitor(&c[i]);
		for (i = 0; i < VISITORS; i++)
			hear(&c[i]);
		for (i = 0; i < VISITORS; i += 3)
			kill(c[i].pid, SIGKILL);
		EXPECT_UNLOADS();
		for (i = 1; i < VISITORS; i += 3)
			kill(c[i].pid, SIGKILL);
		EXPECT_OK(load(""));
		for (i = 2; i < VISITORS; i += 3)
			visit(&c[i]);
		for (i = 2; i < VISITORS; i += 3)
			say(&c[i], 0);
		for (i = 0; i < VISITORS; i++)
			EXPECT_EQ(i % 3 == 2 ? 0 : -SIGKILL,
				  child_wait(&c[i]));
		for (i = 0; i < VISITORS; i++)
			close(c[i].line);
	}
}

/* Comes and goes while others try to open it all the time. */
TEST_F(module, opened_all_the_time)
{
	struct child c[3];
	unsigned int i, went = 0;
	long fd;
	int k;

	NEEDS_MODULE_FILE();
	for (k = 0; k < 3; k++) {
		if (!child_start(&c[k]))
			continue;
		for (;;) {
			fd = caps_open();
			if (fd < 0)
				continue;
			port_new(fd);
			close(fd);
		}
	}
	for (i = 0; i < test_scale(8); i++) {
		/* Now and then it is in use just then. */
		if (eventually(!unload())) {
			went++;
			EXPECT_OK(load(""));
		}
	}
	for (k = 0; k < 3; k++)
		child_kill(&c[k]);
	EXPECT_LT(0, went);
}

TEST_HARNESS_MAIN
