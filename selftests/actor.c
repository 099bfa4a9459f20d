// SPDX-License-Identifier: GPL-2.0
/*
 * When an actor lives and when it is dead: forks, threads, descriptors. What
 * exec does is in actor_exec.c, what shares memory in actor_vm.c.
 */
#include "caps_actor.h"

/* What a process gets that is not the actor's; abi.c has every command. */
static bool refused(int fd)
{
	struct caps_port_create create = { 0 };
	struct caps_receive receive = { 0 };

	return caps_ioctl(fd, CAPS_PORT_CREATE, &create) == -ENOTCONN &&
	       caps_ioctl(fd, CAPS_RECEIVE, &receive) == -ENOTCONN;
}

/* A forked child is refused, and may use, close and exit as it likes. */
TEST_F(tidy, fork_child)
{
	struct subject s;
	struct child other;

	if (subject_start(&s)) {
		if (child_start(&other)) {
			EXPECT_TRUE(refused(s.fd));
			close(s.fd);
			CHILD_END();
		}
		EXPECT_EQ(0, child_wait(&other));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* A child that opens the device for itself shares nothing with its parent. */
TEST_F(tidy, fork_child_opens_its_own)
{
	struct subject s;
	struct child other;
	int fd;

	if (subject_start(&s)) {
		if (child_start(&other)) {
			fd = actor_open();
			EXPECT_OK(port_enable(fd, port_new(fd), 0));
			EXPECT_ERR(ENOTCONN, port_enable(s.fd, s.port, 0));
			CHILD_END();
		}
		EXPECT_EQ(0, child_wait(&other));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* A child that has the descriptor keeps nothing alive. */
TEST_F(tidy, exit_while_a_child_holds_it)
{
	struct subject s;
	struct child other;
	pid_t holder;

	if (subject_start(&s)) {
		if (child_start(&other)) {
			prctl(PR_SET_PDEATHSIG, 0);
			say(&other, 0);
			for (;;)
				pause();
		}
		hear(&other);
		say(&s.child, other.pid);
		_exit(0);
	}
	holder = hear(&s.child);
	EXPECT_EQ(0, child_wait(&s.child));
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	kill(holder, SIGKILL);
}

/* One end of the matrix: how the process ends, while the test holds the file. */
static void end_while_held(struct __test_metadata *_metadata, int sig)
{
	struct subject s;
	int held;

	if (subject_start(&s)) {
		say_fd(&s.child, s.fd);
		hear(&s.child);
		if (!sig)
			_exit(0);
		pause();
	}
	held = hear_fd(&s.child);
	EXPECT_ALIVE(&s);
	say(&s.child, 0);
	if (sig)
		kill(s.child.pid, sig);
	EXPECT_EQ(-sig, child_wait(&s.child));
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	EXPECT_TRUE(refused(held));
}

TEST_F(tidy, exit_while_another_holds_it)
{
	end_while_held(_metadata, 0);
}

TEST_F(tidy, kill_while_another_holds_it)
{
	end_while_held(_metadata, SIGKILL);
}

TEST_F(tidy, sigterm_while_another_holds_it)
{
	end_while_held(_metadata, SIGTERM);
}

/* Who gets the file by SCM_RIGHTS is refused; closing it harms nobody. */
TEST_F(tidy, scm_rights)
{
	struct subject s;
	int held;

	if (subject_start(&s)) {
		say_fd(&s.child, s.fd);
		hear(&s.child);
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	held = hear_fd(&s.child);
	EXPECT_TRUE(refused(held));
	close(held);
	say(&s.child, 0);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* The owner may close its descriptor and get it back from where it is kept. */
TEST_F(tidy, owner_closes_and_gets_it_back)
{
	struct subject s;
	int held;

	if (subject_start(&s)) {
		say_fd(&s.child, s.fd);
		close(s.fd);
		say(&s.child, 0);
		s.fd = hear_fd(&s.child);
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	held = hear_fd(&s.child);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	say_fd(&s.child, held);
	close(held);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* Closing it while another holds it does not end it, exiting afterwards does. */
TEST_F(tidy, owner_closes_then_exits)
{
	struct subject s;
	int held;

	if (subject_start(&s)) {
		say_fd(&s.child, s.fd);
		close(s.fd);
		subject_pause(&s);
	}
	held = hear_fd(&s.child);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	close(held);
}

/* Any number of descriptors; the last close ends it. */
TEST_F(tidy, dup_and_last_close)
{
	struct subject s;
	int copy, other;

	if (subject_start(&s)) {
		copy = dup(s.fd);
		other = fcntl(s.fd, F_DUPFD_CLOEXEC, 100);
		close(copy);
		subject_works(_metadata, &s);
		close(s.fd);
		s.fd = other;
		subject_works(_metadata, &s);
		say(&s.child, 0);
		hear(&s.child);
		close(s.fd);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	say(&s.child, 0);
	hear(&s.child);
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	child_kill(&s.child);
}

/* Two opens in one process: two actors, with handles and lives of their own. */
TEST_F(tidy, two_actors)
{
	int a = actor_open(), b = actor_open();
	__u64 extra, port_a, port_b, cap;

	extra = port_new(a);
	port_a = port_new(a);
	EXPECT_OK(port_delete(a, extra));
	EXPECT_ERR(EBADF, port_enable(b, port_a, 0));
	port_b = port_new(b);
	EXPECT_EQ(2, actor_info(a).ports);
	EXPECT_EQ(2, actor_info(b).ports);
	cap = cap_give(a, port_a, b);

	close(a);
	EXPECT_OK(port_enable(b, port_b, 0));
	EXPECT_ERR(EPIPE, send_text(b, cap, "gone"));
}

/* --- threads ------------------------------------------------------------- */

struct thread_case {
	int fd;
	bool closes;
};

/* A thread with a table of descriptors of its own. */
static void *unshared_thread(void *arg)
{
	struct thread_case *t = arg;

	need(sys(unshare(CLONE_FILES)), "unshare");
	if (t->closes)
		close(t->fd);
	return NULL;
}

static void unshared(struct __test_metadata *_metadata, bool closes)
{
	struct subject s;
	pthread_t thread;

	if (subject_start(&s)) {
		struct thread_case t = { .fd = s.fd, .closes = closes };

		need(-pthread_create(&thread, NULL, unshared_thread, &t), "");
		pthread_join(thread, NULL);
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
}

TEST_F(tidy, unshared_thread_exits)
{
	unshared(_metadata, false);
}

TEST_F(tidy, unshared_thread_closes)
{
	unshared(_metadata, true);
}

static struct subject *orphan;

/* Outlives the first thread, and works. */
static void *last_thread(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	if (port_enable(orphan->fd, orphan->port, 0))
		_exit(1);
	say(&orphan->child, 0);
	hear(&orphan->child);
	return NULL;
}

/* The process ends with its last thread, not with its first. */
TEST_F(tidy, first_thread_exits_first)
{
	static pthread_t first;
	struct subject s;
	pthread_t thread;
	int held;

	if (subject_start(&s)) {
		orphan = &s;
		first = pthread_self();
		say_fd(&s.child, s.fd);
		need(-pthread_create(&thread, NULL, last_thread, &first), "");
		pthread_exit(NULL);
	}
	held = hear_fd(&s.child);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	say(&s.child, 0);
	EXPECT_EQ(0, child_wait(&s.child));
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	close(held);
}

/* A thread that waits in the kernel keeps the file until it returns. */
TEST_F(tidy, close_under_a_waiting_thread)
{
	int me = actor_open(), fd = actor_open();
	__u64 port = port_new(fd), cap = cap_give(fd, port, me);
	struct message m = { 0 };
	struct caps_receive r = receive_of(&m, port, CAPS_FOREVER);
	struct caps_capability_info info;
	struct background b;

	background_start(&b, fd, CAPS_RECEIVE, &r);
	background_settle(&b);
	close(fd);
	EXPECT_OK(send_text(me, cap, "last"));
	EXPECT_OK(background_join(&b));
	EXPECT_STREQ("last", m.body);
	EXPECT_TRUE(eventually(!cap_info(me, cap, &info) &&
			       (info.status & CAPS_INFO_DEAD)));
}

/* kill -9 ends threads that wait in each kind of wait. */
TEST_F(tidy, kill_with_waiting_threads)
{
	struct subject s;
	int held;

	if (subject_start(&s)) {
		struct background b[3];
		struct message m;
		struct caps_receive one = receive_of(&m, s.port, CAPS_FOREVER);
		struct caps_receive any = receive_of(&m, 0, CAPS_FOREVER);
		struct caps_call call = call_of(port_new(s.fd), "x");

		background_start(&b[0], s.fd, CAPS_RECEIVE, &one);
		background_start(&b[1], s.fd, CAPS_RECEIVE, &any);
		background_start(&b[2], s.fd, CAPS_CALL, &call);
		background_settle(&b[0]);
		background_settle(&b[1]);
		background_settle(&b[2]);
		say_fd(&s.child, s.fd);
		pause();
	}
	held = hear_fd(&s.child);
	kill(s.child.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(&s.child));
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	close(held);
}

/* Many actors of one process die with it, all of them. */
TEST_F(tidy, many_actors_die_together)
{
	int i, fd, me = actor_open();
	struct caps_capability_info info;
	__u64 caps[64];
	struct child c;

	if (child_start(&c)) {
		close(me);
		for (i = 0; i < 64; i++) {
			fd = actor_open();
			say_fd(&c, cap_export(fd, port_new(fd)));
			say_fd(&c, fd);
		}
		pause();
	}
	for (i = 0; i < 64; i++) {
		fd = hear_fd(&c);
		EXPECT_OK(cap_import(me, fd, &caps[i]));
		close(fd);
		hear_fd(&c);
	}
	child_kill(&c);
	for (i = 0; i < 64; i++)
		EXPECT_TRUE(eventually(!cap_info(me, caps[i], &info) &&
				       (info.status & CAPS_INFO_DEAD)));
}

TEST_HARNESS_MAIN
