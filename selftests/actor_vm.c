// SPDX-License-Identifier: GPL-2.0
/*
 * Actors and processes that share an address space without being threads of
 * one: clone() with CLONE_VM, with and without the table of descriptors.
 */
#include "caps_actor.h"

static char stack[1 << 16] __attribute__((aligned(16)));
static struct subject *shared;

/*
 * Runs in the subject's memory, also after the subject is gone: system calls
 * only. Tries its luck once, tells the test, and waits to be killed.
 */
static int sharer(void *arg)
{
	struct caps_port_create c = { 0 };
	__u64 told;

	(void)arg;
	told = syscall(SYS_ioctl, shared->fd, CAPS_PORT_CREATE, &c) ? errno : 0;
	syscall(SYS_sendto, shared->child.line, &told, sizeof(told),
		MSG_NOSIGNAL, NULL, 0);
	for (;;)
		syscall(SYS_pause);
	return 0;
}

static pid_t sharer_start(struct subject *s, int flags)
{
	pid_t pid;

	shared = s;
	pid = clone(sharer, stack + sizeof(stack), CLONE_VM | SIGCHLD | flags,
		    NULL);
	need(sys(pid), "clone");
	return pid;
}

/* It shares memory and perhaps descriptors, and is still somebody else. */
static void refused(struct __test_metadata *_metadata, int flags)
{
	struct subject s;
	pid_t pid;

	if (subject_start(&s)) {
		pid = sharer_start(&s, flags);
		hear(&s.child);
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	EXPECT_EQ(ENOTCONN, hear(&s.child));
	EXPECT_ALIVE(&s);
	say(&s.child, 0);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

TEST_F(tidy, sharer_of_memory_is_refused)
{
	refused(_metadata, 0);
}

TEST_F(tidy, sharer_of_memory_and_files_is_refused)
{
	refused(_metadata, CLONE_FILES);
}

/* The subject is killed while the sharer lives; returns the sharer. */
static pid_t outlived(struct __test_metadata *_metadata, struct subject *s,
		      int flags)
{
	pid_t pid;

	if (subject_start(s)) {
		pid = sharer_start(s, flags);
		say(&s->child, pid);
		for (;;)
			pause();
	}
	/* The two speak in any order. */
	pid = hear(&s->child);
	if (pid == ENOTCONN)
		pid = hear(&s->child);
	else
		EXPECT_EQ(ENOTCONN, hear(&s->child));
	EXPECT_ALIVE(s);
	kill(s->child.pid, SIGKILL);
	EXPECT_EQ(-SIGKILL, child_wait(&s->child));
	return pid;
}

/* The address space lives on, but the process and its table are gone. */
TEST_F(tidy, sharer_of_memory_outlives_it)
{
	struct subject s;
	pid_t pid = outlived(_metadata, &s, 0);

	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	EXPECT_EQ(0, kill(pid, 0));
	kill(pid, SIGKILL);
}

/* Nothing tells of the death before the last sharer of both is gone. */
TEST_F(tidy, sharer_of_memory_and_files_outlives_it)
{
	struct subject s;
	pid_t pid = outlived(_metadata, &s, CLONE_FILES);

	EXPECT_ALIVE(&s);
	kill(pid, SIGKILL);
	EXPECT_DEAD(&s);
	EXPECT_NAME_FREE(&s);
}

/* Nor where the owner has no descriptor and another process holds the file. */
TEST_F(tidy, sharer_outlives_an_owner_that_had_closed)
{
	struct subject s;
	pid_t pid;
	int held;

	if (subject_start(&s)) {
		pid = sharer_start(&s, 0);
		hear(&s.child);
		say_fd(&s.child, s.fd);
		close(s.fd);
		say(&s.child, pid);
		for (;;)
			pause();
	}
	EXPECT_EQ(ENOTCONN, hear(&s.child));
	say(&s.child, 0);
	held = hear_fd(&s.child);
	pid = hear(&s.child);
	child_kill(&s.child);
	EXPECT_ALIVE(&s);
	kill(pid, SIGKILL);
	EXPECT_DEAD(&s);
	EXPECT_NAME_FREE(&s);
	close(held);
}

/* The sharer's end is not the owner's. */
TEST_F(tidy, sharer_dies_first)
{
	struct subject s;
	pid_t pid;

	if (subject_start(&s)) {
		pid = sharer_start(&s, 0);
		say(&s.child, pid);
		for (;;)
			if (waitpid(pid, NULL, 0) == pid) {
				subject_works(_metadata, &s);
				subject_pause(&s);
			}
	}
	pid = hear(&s.child);
	if (pid == ENOTCONN)
		pid = hear(&s.child);
	else
		EXPECT_EQ(ENOTCONN, hear(&s.child));
	kill(pid, SIGKILL);
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

TEST_HARNESS_MAIN
