/* SPDX-License-Identifier: GPL-2.0 */
/*
 * More than one thread or process in a test; a part of caps_test.h.
 */
#ifndef CAPS_PROCESS_H
#define CAPS_PROCESS_H

/* --- another thread ------------------------------------------------------ */

/* One ioctl in a thread of its own, of the same actor. */
struct background {
	pthread_t thread;
	int fd;
	unsigned int command;
	void *arg;
	long result;
	pid_t tid;		/* set once it runs */
};

static inline void *background_main(void *arg)
{
	struct background *b = arg;

	__atomic_store_n(&b->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	b->result = caps_ioctl(b->fd, b->command, b->arg);
	return NULL;
}

static inline void background_start(struct background *b, int fd,
				    unsigned int command, void *arg)
{
	*b = (struct background){ .fd = fd, .command = command, .arg = arg };
	need(-pthread_create(&b->thread, NULL, background_main, b), "thread");
}

/* What the ioctl returned; -ETIME if it does not return. */
static inline long background_join(struct background *b)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GRACE_MS / 1000;
	return pthread_timedjoin_np(b->thread, NULL, &until) ? -ETIME :
							       b->result;
}

/* Does this thread sleep in an ioctl? */
static inline bool asleep(pid_t tid)
{
	char path[64];
	long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number == SYS_ioctl;
}

/* Started, and asleep in the kernel. */
static inline void background_settle(struct background *b)
{
	if (!eventually(__atomic_load_n(&b->tid, __ATOMIC_ACQUIRE)) ||
	    !eventually(asleep(b->tid)))
		die("the thread does not get to sleep");
}

/* --- another process ----------------------------------------------------- */

/* A child and its parent, each with its end of a line to the other. */
struct child {
	pid_t pid;		/* 0 in the child */
	int line;
};

/* True in the child, which ends with CHILD_END(). */
static inline bool child_start(struct child *c)
{
	int ends[2];

	need(sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)),
	     "socketpair");
	fflush(NULL);
	c->pid = fork();
	need(sys(c->pid), "fork");
	c->line = ends[!c->pid];
	close(ends[!!c->pid]);
	if (c->pid)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

/* In the child: tell the parent whether all checks passed. */
#define CHILD_END()	_exit(!_metadata->passed)

/* The exit status, or minus the signal that killed it; -ETIME if neither. */
static inline long child_wait(struct child *c)
{
	int status = 0;

	if (!eventually(waitpid(c->pid, &status, WNOHANG) == c->pid)) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, &status, 0);
		return -ETIME;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The user or group ids of a process that is in a namespace of its own. */
static inline void map_write(pid_t pid, const char *which, const char *map)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	fd = open(path, O_WRONLY);
	need(sys(fd), path);
	need(sys(write(fd, map, strlen(map))), path);
	close(fd);
}

static inline void child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
	child_wait(c);
}

/* Values across the line; hearing has the grace, and dies if nobody speaks. */
static inline void say(struct child *c, __u64 value)
{
	if (send(c->line, &value, sizeof(value), MSG_NOSIGNAL) < 0)
		die("nobody listens: %s", strerror(errno));
}

static inline __u64 hear(struct child *c)
{
	struct pollfd p = { .fd = c->line, .events = POLLIN };
	__u64 value;

	if (poll(&p, 1, GRACE_MS) != 1 ||
	    recv(c->line, &value, sizeof(value), 0) != sizeof(value))
		die("nothing heard from %s", c->pid ? "child" : "parent");
	return value;
}

/* Descriptors across the line. */
static inline void say_fd(struct child *c, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (char[]){ 'f' }, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	need(sys(sendmsg(c->line, &msg, MSG_NOSIGNAL)), "SCM_RIGHTS");
}

static inline int hear_fd(struct child *c)
{
	struct pollfd p = { .fd = c->line, .events = POLLIN };
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (poll(&p, 1, GRACE_MS) != 1 ||
	    recvmsg(c->line, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&msg))
		die("no descriptor from %s", c->pid ? "child" : "parent");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Become this user for good, in the group that may use the device. */
static inline void become(uid_t uid)
{
	struct stat device;

	need(sys(stat(CAPS_DEVICE, &device)), CAPS_DEVICE);
	need(sys(setgroups(1, &device.st_gid)), "setgroups");
	need(sys(setresgid(uid, uid, uid)), "setresgid");
	need(sys(setresuid(uid, uid, uid)), "setresuid");
}

/*
 * A process that answers every call with its own body (text of up to 4095
 * bytes), annex and, as status, operation. Returns a capability to its port, for actor @fd.
 */
static inline __u64 echo_server(struct child *c, int fd)
{
	struct message m;
	int self, from;
	__u64 port, cap;

	if (!child_start(c)) {
		from = hear_fd(c);
		need(cap_import(fd, from, &cap), "CAPS_IMPORT");
		close(from);
		return cap;
	}
	close(fd);
	self = actor_open();
	port = port_new(self);
	need(port_enable(self, port, 0), "CAPS_PORT_ENABLE");
	say_fd(c, cap_export(self, port));
	while (!receive_until(self, port, 0, CAPS_FOREVER, &m)) {
		struct caps_reply r = {
			.id = m.header.id, .status = m.header.operation,
			.data = data_of(m.body, strlen(m.body)),
		};

		r.data.annex = (uintptr_t)m.annex;
		r.data.annex_len = m.header.annex_len;
		if (m.header.kind == CAPS_KIND_CALL)
			caps_ioctl(self, CAPS_REPLY, &r);
	}
	_exit(1);
}

#endif /* CAPS_PROCESS_H */
