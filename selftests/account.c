// SPDX-License-Identifier: GPL-2.0
/*
 * What one user may have of each thing: exactly so much, a refusal changes
 * nothing, and all of it comes back.
 */
#include "caps_memory.h"
#include "caps_migrate.h"
#include "caps_state.h"

#define UID	1001

/* Everything that is charged to this actor's user, as text. */
static char *charges(int fd)
{
	char path[64], *text, *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = file_text(path);
	at = text ? strstr(text, "\nuser-") : NULL;
	if (!at)
		die("no charges in fdinfo");
	return strdup(at);
}

/* One thing that is limited: how to get one, and how to give it back. */
struct world {
	struct pair p;		/* of the user */
	int fds[64];		/* or handles, or what it takes */
	__u64 handles[64];
};

typedef long get_fn(struct world *w, int i);
typedef long put_fn(struct world *w, int i);

static long port_get(struct world *w, int i)
{
	return port_create(w->p.client, 0, 0, &w->handles[i]);
}

/* Deleted it costs nothing; the handle would. */
static long port_put(struct world *w, int i)
{
	long ret = port_delete(w->p.client, w->handles[i]);

	return ret ?: cap_close(w->p.client, w->handles[i]);
}

static long capability_get(struct world *w, int i)
{
	return cap_dup(w->p.client, w->p.cap, CAPS_RIGHT_SEND, 1,
		       &w->handles[i]);
}

static long badge_get(struct world *w, int i)
{
	return cap_badge(w->p.server, w->p.port, i, &w->handles[i]);
}

static long badge_put(struct world *w, int i)
{
	return cap_close(w->p.server, w->handles[i]);
}

static long import_get(struct world *w, int i)
{
	if (!w->fds[0])
		w->fds[0] = cap_export(w->p.server, w->p.port);
	return cap_import(w->p.client, w->fds[0], &w->handles[i]);
}

static long connect_get(struct world *w, int i)
{
	service_register(w->p.server, w->p.port, "quota", 0,
			 CAPS_ALL_OPERATIONS);
	return service_connect(w->p.client, "quota", getuid(), CAPS_ALL_OPERATIONS,
			       &w->handles[i]);
}

static long handle_put(struct world *w, int i)
{
	return cap_close(w->p.client, w->handles[i]);
}

static const char *name_of(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "name-%d", i);
	return name;
}

static long name_get(struct world *w, int i)
{
	return service_register(w->p.server, w->p.port, name_of(i), 0, 1);
}

static long name_put(struct world *w, int i)
{
	return service_unregister(w->p.server, name_of(i));
}

static long file_get(struct world *w, int i)
{
	w->fds[i] = cap_export(w->p.client, w->p.cap);
	return w->fds[i] < 0 ? w->fds[i] : 0;
}

static long actor_get(struct world *w, int i)
{
	w->fds[i] = caps_open();
	return w->fds[i] < 0 ? w->fds[i] : 0;
}

static long fd_put(struct world *w, int i)
{
	return sys(close(w->fds[i]));
}

static long send_get(struct world *w, int i)
{
	(void)i;
	return send_text(w->p.client, w->p.cap, "message");
}

static long large_send_get(struct world *w, int i)
{
	struct caps_send s = {
		.capability = w->p.cap, .data = data_of(pages_map(8192), 8192),
	};

	(void)i;
	return caps_ioctl(w->p.client, CAPS_SEND, &s);
}

static long async_get(struct world *w, int i)
{
	return call_async(w->p.client, w->p.cap, 0, "call", &w->handles[i]);
}

static long receive_put(struct world *w, int i)
{
	struct message m;
	long ret = receive_now(w->p.server, w->p.port, &m);

	(void)i;
	if (!ret && (m.header.flags & CAPS_HEADER_HELD))
		ret = discard(w->p.server, m.header.id);
	return ret;
}

/* The reply is the caller's to take. */
static long async_put(struct world *w, int i)
{
	struct message m;
	long ret = receive_put(w, i);

	return ret ?: receive_now(w->p.client, CAPS_DEFAULT_PORT, &m);
}

FIXTURE_VARIANT(tidy) {
	const char *limit;	/* the parameter */
	unsigned long value;
	int most;		/* that many fit at the most, */
	int least;		/* and at the least */
	get_fn *get;
	put_fn *put;
};

/* What the two actors of a test have to begin with is counted, too. */
FIXTURE_VARIANT_ADD(tidy, ports) {
	"max_ports", 20, 17, 17, port_get, port_put,
};

FIXTURE_VARIANT_ADD(tidy, capabilities) {
	"max_capabilities", 20, 18, 18, capability_get, handle_put,
};

FIXTURE_VARIANT_ADD(tidy, ports_for_want_of_capabilities) {
	"max_capabilities", 20, 18, 18, port_get, port_put,
};

FIXTURE_VARIANT_ADD(tidy, badges) {
	"max_capabilities", 20, 18, 18, badge_get, badge_put,
};

FIXTURE_VARIANT_ADD(tidy, imports) {
	"max_capabilities", 20, 18, 17, import_get, handle_put,
};

FIXTURE_VARIANT_ADD(tidy, connections) {
	"max_capabilities", 20, 18, 18, connect_get, handle_put,
};

FIXTURE_VARIANT_ADD(tidy, names) {
	"max_names", 20, 20, 20, name_get, name_put,
};

FIXTURE_VARIANT_ADD(tidy, files) {
	"max_files", 20, 20, 20, file_get, fd_put,
};

FIXTURE_VARIANT_ADD(tidy, actors) {
	"max_actors", 20, 18, 18, actor_get, fd_put,
};

/* An actor may keep a few messages at hand for the next sends. */
FIXTURE_VARIANT_ADD(tidy, sends) {
	"max_messages", 20, 20, 16, send_get, receive_put,
};

FIXTURE_VARIANT_ADD(tidy, calls) {
	"max_messages", 20, 20, 16, async_get, async_put,
};

FIXTURE_VARIANT_ADD(tidy, kernel_bytes) {
	"max_kernel_bytes", 200000, 24, 14, large_send_get, receive_put,
};

/* As many more as there are to be had, behind the @n that it has. */
static int get_all(struct world *w, get_fn *get, int n)
{
	long ret;

	for (; n < 64; n++) {
		ret = get(w, n);
		if (ret == -EDQUOT)
			break;
		need(ret, "before the limit");
	}
	return n;
}

static void to_the_limit(struct __test_metadata *_metadata,
			 const FIXTURE_VARIANT(tidy) * v)
{
	struct world w = { 0 };
	char *full;
	int i, n, round;

	become_member(UID);
	w.p = pair_open();
	n = get_all(&w, v->get, 0);
	EXPECT_LE(n, v->most);
	EXPECT_GE(n, v->least);

	/* A refusal changes nothing. */
	full = charges(w.p.client);
	EXPECT_ERR(EDQUOT, v->get(&w, n));
	EXPECT_STREQ(full, charges(w.p.client));

	/* One back, one more; all back, all again. */
	EXPECT_OK(v->put(&w, 0));
	EXPECT_TRUE(eventually(!v->get(&w, 0)));
	EXPECT_ERR(EDQUOT, v->get(&w, n));
	for (round = 0; round < 2; round++) {
		for (i = 0; i < n; i++)
			EXPECT_OK(v->put(&w, i));
		for (i = 0; i < n; i++)
			EXPECT_TRUE(eventually(!v->get(&w, i)));
	}
	EXPECT_ERR(EDQUOT, v->get(&w, n));
}

TEST_F(tidy, limit)
{
	struct child c;

	parameter_set(&self->before, variant->limit, variant->value);
	if (child_start(&c)) {
		to_the_limit(_metadata, variant);
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
}

/* A user's process that gets all there is whenever told, and says how much. */
static void getter_start(struct child *c, uid_t uid, get_fn *get)
{
	struct world w = { 0 };
	int n = 0;

	if (!child_start(c)) {
		hear(c);
		return;
	}
	become_member(uid);
	w.p = pair_open();
	say(c, 0);
	for (;;) {
		hear(c);
		n = get_all(&w, get, n);
		say(c, n);
	}
}

static int getter_gets(struct child *c)
{
	say(c, 0);
	return hear(c);
}

/* All processes of a user share the limit, and only those. */
TEST_F(tidy, whose_limit)
{
	struct child one, two, other;

	parameter_set(&self->before, variant->limit, variant->value);
	getter_start(&one, UID, variant->get);
	getter_start(&two, UID, variant->get);
	getter_start(&other, UID + 1, variant->get);
	EXPECT_GT(getter_gets(&one), 0);
	EXPECT_EQ(0, getter_gets(&two));
	EXPECT_GE(getter_gets(&other), variant->least);

	/* What one had is the other's once it is dead. */
	child_kill(&one);
	EXPECT_TRUE(eventually(getter_gets(&two) >= variant->least));
	child_kill(&two);
	child_kill(&other);
}

/* --- bodies ------------------------------------------------------------ */

TIDY_FIXTURE(plain)

/* A copied body counts in full before the first byte of it is copied. */
TEST_F(plain, body_above_the_limit)
{
	struct pair p = pair_open();
	struct caps_send s = {
		.capability = p.cap, .flags = CAPS_COPY,
		.data = data_of(pages_map(128 << 10), 128 << 10),
	};

	parameter_set(&self->before, "max_kernel_bytes", 100000);
	EXPECT_ERR(EDQUOT, caps_ioctl(p.client, CAPS_SEND, &s));
	EXPECT_EQ(0, port_info(p.server, p.port).queued);
	s.data.body_len = 64 << 10;
	EXPECT_OK(caps_ioctl(p.client, CAPS_SEND, &s));
}

/* --- what others keep of the dead --------------------------------------- */

static long long ports_paid(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_field(path, "user-ports");
}

static long long actors_paid(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_field(path, "user-actors");
}

/* Capabilities to deleted ports use up nothing of their maker's, ... */
TEST_F(plain, deleted_ports_cost_nothing)
{
	int fd = actor_open(), other = actor_open();
	__u64 port, cap = 0;

	for (int i = 0; i < 8; i++) {
		port = port_new(fd);
		cap = cap_give(fd, port, other);
		EXPECT_EQ(3, ports_paid(fd));
		ASSERT_OK(port_delete(fd, port));
		EXPECT_EQ(2, ports_paid(fd));
		ASSERT_OK(cap_close(fd, port));
		EXPECT_ERR(EPIPE, send_text(other, cap, "gone"));
	}
	EXPECT_EQ(2 + 8, live_count("ports"));
	EXPECT_OK(cap_close(other, cap));
	EXPECT_TRUE(eventually(live_count("ports") == 2 + 7));
	/* Nothing is given back twice. */
	EXPECT_EQ(2, ports_paid(fd));
}

/* ... nor such as have moved before. */
TEST_F(plain, deleted_after_it_moved)
{
	struct move m = move_prepare();

	EXPECT_EQ(4, ports_paid(m.client));
	ASSERT_OK(move_go(&m, 0));
	EXPECT_EQ(4, ports_paid(m.client));
	ASSERT_OK(port_delete(m.new, m.arrived));
	EXPECT_EQ(3, ports_paid(m.client));
	move_end(&m);
}

/* Capabilities to dead actors neither, and they keep no tables in memory. */
TEST_F(plain, dead_actors_cost_nothing)
{
	int me = actor_open(), other = actor_open(), fd;
	__u64 handles[100];
	long chunks;

	for (int i = 0; i < 8; i++)
		cap_give(me, CAPS_DEFAULT_PORT, other);
	chunks = live_count("chunks");
	for (int i = 0; i < 8; i++) {
		fd = actor_open();
		for (int n = 0; n < 100; n++)
			need(cap_dup(fd, CAPS_DEFAULT_PORT, CAPS_RIGHT_SEND, 1,
				     &handles[n]), "CAPS_DUPLICATE");
		EXPECT_LT(chunks, live_count("chunks"));
		send_text(fd, CAPS_DEFAULT_PORT, "leaves a spare message");
		cap_give(fd, actor_self(fd), other);
		close(fd);
		EXPECT_TRUE(eventually(actors_paid(me) == 2));
	}
	EXPECT_EQ(2 + 8, live_count("actors"));
	EXPECT_TRUE(eventually(live_count("chunks") == chunks));
	EXPECT_EQ(0, live_count("messages"));
	close(other);
	EXPECT_TRUE(eventually(live_count("actors") == 1));
	/* Nothing is given back twice. */
	EXPECT_EQ(1, actors_paid(me));
}

/* --- calls that their callers left -------------------------------------- */

/* Takes calls until it may not, then ends one and takes the next. */
static void debtor(struct child *c)
{
	struct message m;
	__u64 port, one = 0;
	int fd, taken = 0;
	long ret;

	become_member(UID);
	fd = actor_open();
	port = port_new(fd);
	say_fd(c, cap_export(fd, port));
	while (!(ret = receive(fd, port, &m)))
		if (m.header.kind == CAPS_KIND_CALL) {
			one = m.header.id;
			say(c, ++taken);
		}
	say(c, -ret);
	hear(c);
	say(c, port_info(fd, port).queued);
	say(c, -discard(fd, one));
	say(c, -receive(fd, port, &m));
	say(c, m.header.kind);
	say(c, -discard(fd, m.header.id));
	pause();
}

/*
 * What a server keeps of them is the server's to pay for, limit or not; above
 * its limit it takes no other call, but loses none either.
 */
TEST_F(plain, who_is_above_the_limit_takes_no_call)
{
	int fd = actor_open(), from, i;
	__u64 cap, id, heard = 0;
	struct child c;

	parameter_set(&self->before, "max_messages", 20);
	if (child_start(&c))
		debtor(&c);
	from = hear_fd(&c);
	ASSERT_OK(cap_import(fd, from, &cap));
	close(from);
	for (i = 1; i < 30; i++) {
		ASSERT_OK(call_async(fd, cap, 0, "call", &id));
		heard = hear(&c);
		if (heard != (__u64)i)
			break;
		EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(fd, id));
	}
	EXPECT_EQ(22, i);
	ASSERT_EQ(EDQUOT, heard);
	say(&c, 0);
	EXPECT_EQ(1, hear(&c));
	EXPECT_EQ(0, hear(&c));
	EXPECT_EQ(0, hear(&c));
	EXPECT_EQ(CAPS_KIND_CALL, hear(&c));
	EXPECT_EQ(0, hear(&c));
	child_kill(&c);
}

/* ... but hears what it can end, although a call stands in the way. */
TEST_F(plain, who_is_above_the_limit_hears_who_left)
{
	struct pair p = pair_open();
	struct message held[8], m;
	__u64 ids[9];
	int i;

	for (i = 0; i < 9; i++)
		ASSERT_OK(call_async(p.client, p.cap, 0, "call", &ids[i]));
	for (i = 0; i < 8; i++)
		ASSERT_OK(receive(p.server, p.port, &held[i]));
	parameter_set(&self->before, "max_messages", 4);
	EXPECT_ERR(EDQUOT, receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(p.client, ids[3]));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(held[3].header.id, m.header.id);
	EXPECT_ERR(EDQUOT, receive_now(p.server, p.port, &m));
	for (i = 0; i < 8; i++)
		EXPECT_OK(discard(p.server, held[i].header.id));
	while (!receive_now(p.client, CAPS_DEFAULT_PORT, &m))
		;
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_KIND_CALL, m.header.kind);
	close(p.server);
	close(p.client);
}

TEST_HARNESS_MAIN
