/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands through io_uring, for tests: a ring, entries, completions.
 */
#ifndef CAPS_URING_H
#define CAPS_URING_H

#include "caps_state.h"

#include <dirent.h>
#include <liburing.h>

/* --- a ring --------------------------------------------------------------- */

/* Where it is not to be had a test has nothing to test. */
static inline long ring_try(struct io_uring *ring, unsigned int entries,
			    unsigned int setup)
{
	struct io_uring_params params = {
		.flags = setup, .sq_thread_idle = 10,
	};

	return io_uring_queue_init_params(entries, ring, &params);
}

static inline void ring_open(struct io_uring *ring, unsigned int entries,
			     unsigned int setup)
{
	need(ring_try(ring, entries, setup), "io_uring_setup");
}

/* What need not wait has completed, and what is to be parked is. */
static inline void ring_submit(struct io_uring *ring)
{
	need(io_uring_submit(ring), "io_uring_enter");
	/* The ring's own thread may take its time. */
	if (!eventually(!io_uring_sq_ready(ring)))
		die("nobody takes the entries");
}

/* --- commands ------------------------------------------------------------- */

static inline struct io_uring_sqe *ring_entry(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		die("no room in the ring");
	return sqe;
}

/* An entry that has yet to be submitted; @arg is also its name. */
static inline struct io_uring_sqe *ring_command(struct io_uring *ring, int fd,
						unsigned int command, void *arg,
						__u32 flags)
{
	struct caps_uring area = {
		.argument = (uintptr_t)arg, .flags = flags,
	};
	struct io_uring_sqe *sqe = ring_entry(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = command;
	memcpy(sqe->cmd, &area, sizeof(area));
	io_uring_sqe_set_data(sqe, arg);
	return sqe;
}

/* Submitted. */
static inline void ring_start(struct io_uring *ring, unsigned int sqe_flags,
			      int fd, unsigned int command, void *arg,
			      __u32 flags)
{
	ring_command(ring, fd, command, arg, flags)->flags |= sqe_flags;
	ring_submit(ring);
}

/* Another entry that asks io_uring to cancel the one named @arg. */
static inline void ring_cancel(struct io_uring *ring, void *arg)
{
	struct io_uring_sqe *sqe = ring_entry(ring);

	io_uring_prep_cancel(sqe, arg, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

static inline bool can_park(int fd)
{
	return query(fd).features & CAPS_FEATURE_PARK;
}

/* How many were parked and are not any more, or a negative errno. */
static inline long unpark(int fd, void *arg)
{
	struct caps_unpark u = { .argument = (uintptr_t)arg };
	long ret = caps_ioctl(fd, CAPS_UNPARK, &u);

	return ret ? ret : (long)u.ended;
}

/* Threads that io_uring has made of this process to wait. */
static inline unsigned int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int count = 0;
	char path[64], *name;

	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm",
			 entry->d_name);
		name = file_text(path);
		count += name && !strncmp(name, "iou-wrk", 7);
	}
	closedir(dir);
	return count;
}

/* --- a ring that others have, too ----------------------------------------- */

/* A process that keeps what is open here until it hears something, or nobody is there. */
static inline void outlive(struct child *c)
{
	pid_t pid = fork();
	__u64 value;

	need(sys(pid), "fork");
	if (pid)
		return;
	(void)!recv(c->line, &value, sizeof(value), 0);
	_exit(0);
}

/* --- completions ---------------------------------------------------------- */

/* The next completion within the grace; @arg may be NULL. */
static inline long ring_next(struct io_uring *ring, void **arg)
{
	struct __kernel_timespec grace = { .tv_sec = GRACE_MS / 1000 };
	struct io_uring_cqe *cqe;
	long ret;

	do
		ret = io_uring_wait_cqe_timeout(ring, &cqe, &grace);
	while (ret == -EINTR);
	if (ret)
		return ret;
	ret = cqe->res;
	if (arg)
		*arg = io_uring_cqe_get_data(cqe);
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

/* What @arg completed with, whatever else does before; -ETIME if it does not. */
static inline long ring_result(struct io_uring *ring, void *arg)
{
	void *which = NULL;
	long ret;

	do
		ret = ring_next(ring, &which);
	while (ret != -ETIME && which != arg);
	return ret;
}

/*
 * What @arg completes with when io_uring is asked to cancel it. The asking
 * completes, too. 6.1 does not find what it just hands to a worker: ask again.
 */
static inline long ring_cancelled(struct io_uring *ring, void *arg)
{
	long asked, ended = -ETIME;
	__u64 until = grace();
	void *which;

	do {
		ring_cancel(ring, arg);
		ring_submit(ring);
		do {
			asked = ring_next(ring, &which);
			if (asked != -ETIME && which == arg)
				ended = asked;
		} while (asked != -ETIME && which);
	} while (asked == -ENOENT && ended == -ETIME && now_ns() < until);
	return ended == -ETIME ? ring_result(ring, arg) : ended;
}

/* A wait that was given up. */
static inline bool given_up(long result)
{
	return result == -ECANCELED || result == -EINTR;
}

/* Has anything completed by now? */
static inline bool ring_has(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	sleep_ms(20);
	io_uring_get_events(ring);
	return !io_uring_peek_cqe(ring, &cqe);
}

/* --- commands that are parked --------------------------------------------- */

/* A test that has nothing to show where the kernel cannot park ends here. */
#define NEED_PARK(fd) do {						\
	if (!can_park(fd))						\
		SKIP(return, "this kernel cannot park");		\
} while (0)

static inline void park_open(struct io_uring *ring, unsigned int setup)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | setup, .cq_entries = 16384,
	};

	need(io_uring_queue_init_params(1024, ring, &params), "io_uring_setup");
}

/* Not yet submitted. */
static inline void park(struct io_uring *ring, int fd, struct caps_receive *r)
{
	ring_command(ring, fd, CAPS_RECEIVE, r, CAPS_URING_PARK);
}

static inline long parked_now(void)
{
	return live_count("parked");
}

/* --- messages and their bodies -------------------------------------------- */

/* The next message, held, and its body in @got if there is one. */
static inline long take_at(int fd, __u64 port, char *got, size_t len,
			   struct caps_header *header)
{
	struct caps_receive r = {
		.port = port, .deadline = grace(), .flags = CAPS_HOLD,
		.buffer = data_of(got, len),
	};
	long ret = caps_ioctl(fd, CAPS_RECEIVE, &r);

	*header = r.header;
	return ret;
}

static inline long take(struct pair *p, char *got, size_t len, __u64 *id)
{
	struct caps_header header;
	long ret = take_at(p->server, p->port, got, len, &header);

	*id = header.id;
	return ret;
}

/* How many bytes of a held message's body there are, or a negative errno. */
static inline long read_body(int fd, __u64 id, __u64 offset, void *buffer,
			     size_t len)
{
	__u64 copied = 0;
	long ret = get_data(fd, id, offset, buffer, len, &copied);

	return ret ? ret : (long)copied;
}

#endif /* CAPS_URING_H */
