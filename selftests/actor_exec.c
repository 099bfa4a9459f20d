// SPDX-License-Identifier: GPL-2.0
/*
 * An actor dies at exec: a new image of the process is somebody else. And what
 * children do that borrow their parent's memory until they exec.
 *
 * This program is also its own new image: "--use FD" tries to use a descriptor
 * and exits with what it was told, 0 being success.
 */
#include "caps_actor.h"

#include <spawn.h>

extern char **environ;

static int image(int fd)
{
	struct caps_port_create c = { 0 };
	long ret = caps_ioctl(fd, CAPS_PORT_CREATE, &c);

	if (ret)
		return -ret;
	return 0;
}

static void exec_image(int fd)
{
	char number[16];
	char *argv[] = { "actor_exec", "--use", number, NULL };

	snprintf(number, sizeof(number), "%d", fd);
	execve("/proc/self/exe", argv, environ);
	_exit(200);
}

static void *exec_thread(void *arg)
{
	exec_image(*(int *)arg);
	return NULL;
}

static void cloexec(int fd, bool on)
{
	fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

/*
 * The process gets a new image, by its first or another thread, with the
 * descriptor closed or open in it, while the test holds the file.
 */
static void exec_case(struct __test_metadata *_metadata, bool by_thread,
		      bool closed)
{
	struct subject s;
	pthread_t thread;
	int held;

	if (subject_start(&s)) {
		say_fd(&s.child, s.fd);
		hear(&s.child);
		cloexec(s.fd, closed);
		if (!by_thread)
			exec_image(s.fd);
		need(-pthread_create(&thread, NULL, exec_thread, &s.fd), "");
		for (;;)
			pause();
	}
	held = hear_fd(&s.child);
	EXPECT_ALIVE(&s);
	say(&s.child, 0);
	EXPECT_EQ(closed ? EBADF : ENOTCONN, child_wait(&s.child));
	EXPECT_NAME_FREE(&s);
	EXPECT_DEAD(&s);
	close(held);
}

TEST_F(tidy, exec_closes_it)
{
	exec_case(_metadata, false, true);
}

TEST_F(tidy, exec_leaves_it_open)
{
	exec_case(_metadata, false, false);
}

TEST_F(tidy, thread_exec_closes_it)
{
	exec_case(_metadata, true, true);
}

TEST_F(tidy, thread_exec_leaves_it_open)
{
	exec_case(_metadata, true, false);
}

/* The actor is dead while its process lives on in a new image. */
TEST_F(tidy, dead_while_the_new_image_lives)
{
	char *argv[] = { "actor_exec", "--sleep", NULL };
	struct subject s;

	if (subject_start(&s)) {
		cloexec(s.fd, false);
		execve("/proc/self/exe", argv, environ);
		_exit(200);
	}
	EXPECT_DEAD(&s);
	EXPECT_NAME_FREE(&s);
	EXPECT_EQ(0, kill(s.child.pid, 0));
	child_kill(&s.child);
}

/* Runs in memory that is its parent's, too: system calls only. */
static int sharer(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_pause);
	return 0;
}

/*
 * A process that shares its memory keeps the old image, and so the actor,
 * alive; but the new image is somebody else.
 */
TEST_F(tidy, new_image_while_the_old_lives)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	struct subject s;
	pid_t pid;

	if (subject_start(&s)) {
		cloexec(s.fd, false);
		pid = clone(sharer, stack + sizeof(stack), CLONE_VM | SIGCHLD,
			    NULL);
		need(sys(pid), "clone");
		say(&s.child, pid);
		exec_image(s.fd);
	}
	pid = hear(&s.child);
	EXPECT_EQ(ENOTCONN, child_wait(&s.child));
	EXPECT_DEAD(&s);
	EXPECT_EQ(0, kill(pid, SIGKILL));
}

/* A failed exec changes nothing. */
TEST_F(tidy, failed_exec)
{
	char *argv[] = { "nothing", NULL };
	struct subject s;

	if (subject_start(&s)) {
		EXPECT_EQ(-1, execve("/dev/null/nothing", argv, environ));
		EXPECT_EQ(-1, execve("/proc/self/status", argv, environ));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* exec waits for other threads to end: those that wait here must. */
TEST_F(tidy, exec_with_waiting_threads)
{
	struct subject s;

	if (subject_start(&s)) {
		struct background b[3];
		struct message m;
		struct caps_receive one = receive_of(&m, s.port, CAPS_FOREVER);
		struct caps_receive any = receive_of(&m, 0, CAPS_FOREVER);
		struct caps_call call = call_of(port_new(s.fd), "x");

		call.deadline = CAPS_FOREVER;
		background_start(&b[0], s.fd, CAPS_RECEIVE, &one);
		background_start(&b[1], s.fd, CAPS_RECEIVE, &any);
		background_start(&b[2], s.fd, CAPS_CALL, &call);
		background_settle(&b[0]);
		background_settle(&b[1]);
		background_settle(&b[2]);
		cloexec(s.fd, false);
		exec_image(s.fd);
	}
	EXPECT_EQ(ENOTCONN, child_wait(&s.child));
	EXPECT_DEAD(&s);
}

/* ... also one whose call the server has taken and does not answer. */
TEST_F(tidy, exec_with_a_taken_call)
{
	struct message m, notice;
	struct subject s;
	__u64 port;
	int from;

	if (subject_start(&s)) {
		struct background b;
		struct caps_call call;
		__u64 cap;

		from = hear_fd(&s.child);
		need(cap_import(s.fd, from, &cap), "CAPS_IMPORT");
		call = call_of(cap, "taken");
		call.deadline = CAPS_FOREVER;
		background_start(&b, s.fd, CAPS_CALL, &call);
		hear(&s.child);
		cloexec(s.fd, false);
		exec_image(s.fd);
	}
	port = port_new(s.me);
	from = cap_export(s.me, port);
	say_fd(&s.child, from);
	EXPECT_OK(receive(s.me, port, &m));
	say(&s.child, 0);
	EXPECT_EQ(ENOTCONN, child_wait(&s.child));
	EXPECT_DEAD(&s);
	EXPECT_OK(receive(s.me, port, &notice));
	EXPECT_EQ(CAPS_KIND_CANCELLED, notice.header.kind);
	EXPECT_EQ(m.header.id, notice.header.id);
	EXPECT_ERR(ECANCELED, reply_text(s.me, m.header.id, 0, "late"));
}

/* --- children that borrow memory until exec ------------------------------ */

/* A vfork child is refused, though it runs in its parent's memory. */
TEST_F(tidy, vfork_child)
{
	struct subject s;
	int status;
	pid_t pid;

	if (subject_start(&s)) {
		pid = vfork();
		if (!pid) {
			struct caps_port_create c = { 0 };

			if (!ioctl(s.fd, CAPS_PORT_CREATE, &c))
				_exit(1);
			if (errno != ENOTCONN)
				_exit(errno);
			close(s.fd);
			_exit(0);
		}
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

/* A vfork child that exits, or closes at exec, with the descriptor open. */
static void vfork_case(struct __test_metadata *_metadata, bool execs,
		       bool closed)
{
	struct subject s;
	int status;
	pid_t pid;

	if (subject_start(&s)) {
		cloexec(s.fd, closed);
		pid = vfork();
		if (!pid) {
			if (execs)
				exec_image(s.fd);
			_exit(0);
		}
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(!execs ? 0 : closed ? EBADF : ENOTCONN,
			  WEXITSTATUS(status));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

TEST_F(tidy, vfork_child_exits)
{
	vfork_case(_metadata, false, true);
}

TEST_F(tidy, vfork_child_execs_closing_it)
{
	vfork_case(_metadata, true, true);
}

TEST_F(tidy, vfork_child_execs_with_it_open)
{
	vfork_case(_metadata, true, false);
}

/* posix_spawn: inherits it, closes it by an action, or at exec. */
static void spawn_case(struct __test_metadata *_metadata, bool inherits,
		       bool action)
{
	posix_spawn_file_actions_t actions;
	char number[16];
	char *argv[] = { "actor_exec", "--use", number, NULL };
	struct subject s;
	int status;
	pid_t pid;

	if (subject_start(&s)) {
		cloexec(s.fd, !inherits);
		snprintf(number, sizeof(number), "%d", s.fd);
		posix_spawn_file_actions_init(&actions);
		if (action)
			posix_spawn_file_actions_addclose(&actions, s.fd);
		EXPECT_EQ(0, posix_spawn(&pid, "/proc/self/exe", &actions,
					 NULL, argv, environ));
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(inherits && !action ? ENOTCONN : EBADF,
			  WEXITSTATUS(status));
		subject_works(_metadata, &s);
		subject_pause(&s);
	}
	hear(&s.child);
	EXPECT_ALIVE(&s);
	child_kill(&s.child);
	EXPECT_DEAD(&s);
}

TEST_F(tidy, spawned_child_inherits_it)
{
	spawn_case(_metadata, true, false);
}

TEST_F(tidy, spawned_child_closes_it)
{
	spawn_case(_metadata, true, true);
}

TEST_F(tidy, spawned_child_closes_at_exec)
{
	spawn_case(_metadata, false, false);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--use"))
		return image(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "--sleep"))
		return pause();
	return test_harness_run(argc, argv);
}
