// SPDX-License-Identifier: GPL-2.0
/*
 * An actor that is kept over the end of its process: what goes on meanwhile,
 * what ends, and who may adopt it.
 */
#include "caps_memory.h"
#include "caps_migrate.h"
#include "caps_state.h"

#include <linux/capability.h>

#define UID	1001
#define NAME	"kept"

static long keep(int fd)
{
	struct caps_keep k = { 0 };

	return caps_ioctl(fd, CAPS_KEEP, &k);
}

static long adopt(int fd)
{
	struct caps_keep k = { 0 };

	return caps_ioctl(fd, CAPS_ADOPT, &k);
}

/*
 * A server in a process of its own, whose actor is kept, and a client here,
 * which also holds the server's file.
 */
struct server {
	struct child child;
	int fd;
	__u64 port;		/* the server's handle */
	int client;
	__u64 cap;		/* the client's, to it */
};

/* What a process is, in the group that may use the device. */
struct who {
	uid_t uid, euid, suid;
	gid_t gid;		/* of all three kinds */
	bool bare;		/* of capabilities */
};

static void become_who(const struct who *w)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };
	struct stat device;

	need(sys(stat(CAPS_DEVICE, &device)), CAPS_DEVICE);
	need(sys(setgroups(1, &device.st_gid)), "setgroups");
	need(sys(setresgid(w->gid, w->gid, w->gid)), "setresgid");
	need(sys(setresuid(w->uid, w->euid, w->suid)), "setresuid");
	if (w->bare)
		need(sys(syscall(SYS_capset, &head, none)), "capset");
}

/* True in the server. */
static bool server_start_as(struct server *s, const struct who *who)
{
	int from;

	s->client = actor_open();
	if (child_start(&s->child)) {
		close(s->client);
		if (who)
			become_who(who);
		s->fd = actor_open();
		s->port = port_new(s->fd);
		need(keep(s->fd), "CAPS_KEEP");
		need(service_register(s->fd, s->port, NAME, 0,
				      CAPS_ALL_OPERATIONS), "CAPS_REGISTER");
		from = cap_export(s->fd, s->port);
		need(from, "CAPS_EXPORT");
		say_fd(&s->child, from);
		close(from);
		say_fd(&s->child, s->fd);
		say(&s->child, s->port);
		return true;
	}
	from = hear_fd(&s->child);
	need(cap_import(s->client, from, &s->cap), "CAPS_IMPORT");
	close(from);
	s->fd = hear_fd(&s->child);
	s->port = hear(&s->child);
	return false;
}

static bool server_start(struct server *s)
{
	return server_start_as(s, NULL);
}

static bool server_dead(struct server *s)
{
	struct caps_capability_info info;

	need(cap_info(s->client, s->cap, &info), "CAPS_CAPABILITY_INFO");
	return info.status & CAPS_INFO_DEAD;
}

/* kill -9, and nobody is the server. */
static void server_kill(struct server *s)
{
	child_kill(&s->child);
	close(s->child.line);
}

#define CALLERS	10
#define QUEUED	100

/* The number of a message, in its body. */
static __u64 number_of(const struct message *m)
{
	return strtoull(m->body, NULL, 10);
}

/* Queued messages are the successor's, each; received calls end at once. */
TEST_F(tidy, kill_with_messages)
{
	struct background caller[CALLERS];
	struct caps_call call[CALLERS];
	struct server s;
	struct message m;
	char text[16];
	int i;

	if (server_start(&s)) {
		for (i = 0; i < CALLERS; i++)
			need(receive(s.fd, s.port, &m), "CAPS_RECEIVE");
		say(&s.child, 0);
		pause();
	}
	for (i = 0; i < CALLERS; i++) {
		call[i] = call_of(s.cap, "call");
		background_start(&caller[i], s.client, CAPS_CALL, &call[i]);
	}
	hear(&s.child);
	for (i = 0; i < QUEUED; i++) {
		snprintf(text, sizeof(text), "%d", i);
		EXPECT_OK(send_text(s.client, s.cap, text));
	}
	server_kill(&s);
	for (i = 0; i < CALLERS; i++) {
		EXPECT_ERR(ECONNRESET, background_join(&caller[i]));
		EXPECT_EQ(CAPS_RESULT_TAKEN, call[i].result);
	}
	EXPECT_FALSE(server_dead(&s));
	EXPECT_OK(send_text(s.client, s.cap, "100"));
	ASSERT_OK(adopt(s.fd));
	EXPECT_EQ(QUEUED + 1, port_info(s.fd, s.port).queued);
	EXPECT_EQ(0, actor_info(s.fd).held);
	for (i = 0; i <= QUEUED; i++) {
		ASSERT_OK(receive_now(s.fd, s.port, &m));
		EXPECT_EQ(i, number_of(&m));
		EXPECT_EQ(CALLERS + i + 1, m.header.sequence);
	}
	EXPECT_ERR(EAGAIN, receive_now(s.fd, s.port, &m));
}

/* A call to an orphan waits, and is answered by its successor. */
TEST_F(tidy, calls_wait)
{
	struct background caller;
	struct caps_call call;
	struct server s;
	struct message m;

	if (server_start(&s))
		pause();
	server_kill(&s);
	call = call_of(s.cap, "question");
	background_start(&caller, s.client, CAPS_CALL, &call);
	background_settle(&caller);
	ASSERT_OK(adopt(s.fd));
	ASSERT_OK(receive(s.fd, s.port, &m));
	EXPECT_STREQ("question", m.body);
	EXPECT_OK(reply_text(s.fd, m.header.id, 5, ""));
	EXPECT_OK(background_join(&caller));
	EXPECT_EQ(5, call.status);
}

/* Room is what it was: its senders are told, or wait. */
TEST_F(tidy, room)
{
	struct server s;
	struct message m;
	__u64 cap;
	int i, n;

	if (server_start(&s)) {
		s.port = port_new_limit(s.fd, 8);
		say_fd(&s.child, cap_export(s.fd, s.port));
		pause();
	}
	i = hear_fd(&s.child);
	ASSERT_OK(cap_import(s.client, i, &cap));
	close(i);
	server_kill(&s);
	for (n = 0; !send_text(s.client, cap, "some"); n++)
		;
	EXPECT_EQ(4, n);
	EXPECT_ERR(EAGAIN, send_text(s.client, cap, "no room"));
	ASSERT_OK(adopt(s.fd));
	EXPECT_ERR(EAGAIN, receive_now(s.fd, s.port, &m));
}

/* Names, capabilities and what they say stay. */
TEST_F(tidy, names_and_handles_stay)
{
	struct server s;
	struct message m;
	__u64 cap, other = 0;

	if (server_start(&s)) {
		need(cap_badge(s.fd, s.port, 7, &other), "a badge");
		say(&s.child, other);
		pause();
	}
	other = hear(&s.child);
	server_kill(&s);
	EXPECT_ERR(EEXIST, service_register(s.client, CAPS_DEFAULT_PORT, NAME,
					    0, CAPS_ALL_OPERATIONS));
	EXPECT_OK(service_connect(s.client, NAME, geteuid(),
				  CAPS_ALL_OPERATIONS, &cap));
	EXPECT_OK(send_text(s.client, cap, "by name"));
	ASSERT_OK(adopt(s.fd));
	EXPECT_OK(send_text(s.fd, other, "by handle"));
	EXPECT_OK(receive_now(s.fd, s.port, &m));
	EXPECT_STREQ("by name", m.body);
	EXPECT_OK(receive_now(s.fd, s.port, &m));
	EXPECT_STREQ("by handle", m.body);
	EXPECT_EQ(7, m.header.badge);
	EXPECT_EQ(getpid(), m.header.pid);
}

/* An orphan is nobody's: every other command is refused, poll says nothing. */
TEST_F(tidy, is_nobodys)
{
	struct caps_query q = { 0 };
	struct pollfd p;
	struct server s;

	if (server_start(&s))
		pause();
	p = (struct pollfd){ .fd = s.fd, .events = POLLIN };
	EXPECT_ERR(EBUSY, adopt(s.fd));
	EXPECT_EQ(0, poll(&p, 1, 0));
	server_kill(&s);
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_ERR(ENOTCONN, caps_ioctl(s.fd, CAPS_QUERY, &q));
	EXPECT_ERR(ENOTCONN, keep(s.fd));
	ASSERT_OK(adopt(s.fd));
	EXPECT_OK(caps_ioctl(s.fd, CAPS_QUERY, &q));
	EXPECT_ERR(EBUSY, adopt(s.fd));
	EXPECT_OK(keep(s.fd));
}

/* Its owner cannot adopt it, nor anybody one that is not kept. */
TEST_F(tidy, not_kept)
{
	struct child c;
	int fd;

	if (child_start(&c)) {
		fd = actor_open();
		EXPECT_ERR(EBUSY, adopt(fd));
		say_fd(&c, fd);
		hear(&c);
		CHILD_END();
	}
	fd = hear_fd(&c);
	EXPECT_ERR(EBUSY, adopt(fd));
	say(&c, 0);
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_ERR(ENOTCONN, adopt(fd));
}

/* With the last reference it dies. */
TEST_F(tidy, last_file)
{
	struct server s;
	__u64 id;

	if (server_start(&s))
		pause();
	EXPECT_OK(call_async(s.client, s.cap, 0, "call", &id));
	server_kill(&s);
	EXPECT_FALSE(server_dead(&s));
	close(s.fd);
	EXPECT_TRUE(eventually(server_dead(&s)));
	EXPECT_ERR(EPIPE, send_text(s.client, s.cap, "gone"));
}

/* Nobody else holds the file: it dies with its process. */
TEST_F(tidy, nobody_holds_it)
{
	struct server s;

	if (server_start(&s))
		pause();
	close(s.fd);
	server_kill(&s);
	EXPECT_TRUE(eventually(server_dead(&s)));
}

/* Another user may not, nor one of another namespace; nothing is lost. */
TEST_F(tidy, another_user)
{
	struct server s;
	struct child c;

	if (server_start(&s))
		pause();
	server_kill(&s);
	if (child_start(&c)) {
		become(UID);
		EXPECT_ERR(EPERM, adopt(s.fd));
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
	if (child_start(&c)) {
		if (!unshare(CLONE_NEWUSER))
			EXPECT_ERR(EPERM, adopt(s.fd));
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
	EXPECT_OK(adopt(s.fd));
}

TIDY_FIXTURE(adopter)

FIXTURE_VARIANT(adopter) {
	struct who opener, other;
	long error;		/* what the other gets */
};

/* Who ran a set-user-id program is not what it was, nor is root itself. */
FIXTURE_VARIANT_ADD(adopter, set_user_id) {
	{ UID, 0, 0, 0, true }, { UID, UID, UID, 0, true }, EPERM,
};

FIXTURE_VARIANT_ADD(adopter, root_itself) {
	{ UID, 0, 0, 0, true }, { 0, 0, 0, 0, false }, EPERM,
};

/* A set-user-id program is more than who ran it, and is lured into nothing. */
FIXTURE_VARIANT_ADD(adopter, inherited_by_set_user_id) {
	{ UID, UID, UID, 0, true }, { UID, 0, 0, 0, true }, EPERM,
};

FIXTURE_VARIANT_ADD(adopter, could_be_root_again) {
	{ UID, UID, 0, 0, true }, { UID, UID, UID, 0, true }, EPERM,
};

FIXTURE_VARIANT_ADD(adopter, another_group) {
	{ UID, UID, UID, 0, true }, { UID, UID, UID, 1, true }, EPERM,
};

FIXTURE_VARIANT_ADD(adopter, less_privileged) {
	{ 0, 0, 0, 0, false }, { 0, 0, 0, 0, true }, EPERM,
};

FIXTURE_VARIANT_ADD(adopter, more_privileged) {
	{ 0, 0, 0, 0, true }, { 0, 0, 0, 0, false }, 0,
};

/* Each has the file; only who is what the opener was may adopt. */
TEST_F(adopter, takes_what_the_opener_was)
{
	const struct who *who[] = { &variant->other, &variant->opener };
	const long error[] = { variant->error, 0 };
	struct server s;
	struct child c;
	int i;

	if (server_start_as(&s, &variant->opener))
		pause();
	server_kill(&s);
	for (i = 0; i < 2; i++) {
		if (child_start(&c)) {
			become_who(who[i]);
			EXPECT_EQ(-error[i], adopt(s.fd));
			CHILD_END();
		}
		EXPECT_EQ(0, child_wait(&c));
		EXPECT_FALSE(server_dead(&s));
	}
}

/* Of many at once one gets it. */
TEST_F(tidy, adopters_race)
{
	struct child c[8];
	struct server s;
	int i, round, won;
	long ret;

	if (server_start(&s))
		pause();
	server_kill(&s);
	for (round = 0; round < (int)test_scale(50); round++) {
		for (i = 0; i < 8; i++) {
			if (!child_start(&c[i]))
				continue;
			hear(&c[i]);
			ret = adopt(s.fd);
			say(&c[i], ret);
			hear(&c[i]);
			_exit(0);
		}
		for (i = 0; i < 8; i++)
			say(&c[i], 0);
		for (i = won = 0; i < 8; i++) {
			ret = hear(&c[i]);
			won += !ret;
			EXPECT_TRUE(!ret || ret == -EBUSY);
		}
		EXPECT_EQ(1, won);
		for (i = 0; i < 8; i++) {
			say(&c[i], 0);
			EXPECT_EQ(0, child_wait(&c[i]));
			close(c[i].line);
		}
	}
	EXPECT_FALSE(server_dead(&s));
	EXPECT_OK(adopt(s.fd));
}

/* What the process waited for is nobody's: calls, deferred bodies, answers. */
TEST_F(tidy, what_was_pending_ends)
{
	struct message m, held[2];
	struct server s;
	__u64 mine, back, id;
	int from, i;

	if (server_start(&s)) {
		struct caps_send d = { .flags = CAPS_DEFER };

		from = hear_fd(&s.child);
		need(cap_import(s.fd, from, &back), "CAPS_IMPORT");
		d.capability = back;
		d.data = data_of(pages_filled(65536, 0, 1), 65536);
		for (i = 0; i < 3; i++)
			need(call_async(s.fd, back, s.port, "call", &id),
			     "CAPS_CALL_ASYNC");
		need(caps_ioctl(s.fd, CAPS_SEND, &d), "CAPS_SEND");
		say(&s.child, 0);
		pause();
	}
	mine = port_new(s.client);
	from = cap_export(s.client, mine);
	say_fd(&s.child, from);
	close(from);
	hear(&s.child);
	ASSERT_OK(receive_now(s.client, mine, &held[0]));
	ASSERT_OK(receive_now(s.client, mine, &held[1]));
	EXPECT_OK(reply_text(s.client, held[0].header.id, 0, "unread"));
	server_kill(&s);
	/* The call that was taken is cancelled, all else vanishes. */
	ASSERT_OK(receive(s.client, mine, &m));
	EXPECT_EQ(CAPS_KIND_CANCELLED, m.header.kind);
	EXPECT_EQ(held[1].header.id, m.header.id);
	EXPECT_TRUE(eventually(!port_info(s.client, mine).queued));
	EXPECT_EQ(self->before.pinned, pages_pinned());
	ASSERT_OK(adopt(s.fd));
	EXPECT_EQ(0, actor_info(s.fd).pending);
	EXPECT_ERR(EAGAIN, receive_now(s.fd, s.port, &m));
	EXPECT_ERR(EAGAIN, receive_now(s.fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_ERR(ECANCELED, reply_text(s.client, held[1].header.id, 0, ""));
}

/* A notice for the one who has gone does not come to its successor. */
TEST_F(tidy, notices_end)
{
	struct server s;
	struct message m;
	__u64 id;

	if (server_start(&s)) {
		need(receive(s.fd, s.port, &m), "CAPS_RECEIVE");
		say(&s.child, 0);
		pause();
	}
	EXPECT_OK(call_async(s.client, s.cap, 0, "call", &id));
	hear(&s.child);
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(s.client, id));
	server_kill(&s);
	ASSERT_OK(adopt(s.fd));
	EXPECT_EQ(0, port_info(s.fd, s.port).queued);
	EXPECT_ERR(EAGAIN, receive_now(s.fd, s.port, &m));
}

/* A port that is moved to an orphan waits for its successor. */
TEST_F(tidy, ports_move_to_an_orphan)
{
	struct server s;
	__u64 port, heir, cap;
	int from;

	if (server_start(&s)) {
		from = cap_export(s.fd, actor_self(s.fd));
		say_fd(&s.child, from);
		pause();
	}
	from = hear_fd(&s.child);
	ASSERT_OK(cap_import(s.client, from, &heir));
	close(from);
	server_kill(&s);
	port = port_new(s.client);
	EXPECT_OK(send_text(s.client, port, "moved"));
	EXPECT_OK(port_migrate(s.client, port, heir, 0, NULL, NULL));
	ASSERT_OK(adopt(s.fd));
	cap = port_arrived(s.fd, 0);
	EXPECT_EQ(1, port_info(s.fd, cap).queued);
}

/* What a process sent says who it was, whoever has its actor by now. */
TEST_F(tidy, identity_is_the_sender_s)
{
	struct caps_header header;
	struct server s;
	struct message m;
	pid_t pid;

	if (server_start(&s)) {
		need(send_text(s.fd, s.port, "last words"), "CAPS_SEND");
		say(&s.child, 0);
		pause();
	}
	hear(&s.child);
	pid = s.child.pid;
	server_kill(&s);
	ASSERT_OK(adopt(s.fd));
	EXPECT_OK(send_text(s.fd, s.port, "first words"));
	ASSERT_OK(receive_now(s.fd, s.port, &m));
	header = m.header;
	EXPECT_EQ((__u32)pid, header.pid);
	ASSERT_OK(receive_now(s.fd, s.port, &m));
	EXPECT_EQ((__u32)getpid(), m.header.pid);
}

TEST_HARNESS_MAIN
