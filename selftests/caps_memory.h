/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for tests: contents that show where each byte came from, and regions
 * whose first touch waits until the test says otherwise, behind userfaultfd or
 * behind a file system of the test's own (raw FUSE protocol).
 */
#ifndef CAPS_MEMORY_H
#define CAPS_MEMORY_H

#include "caps_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>

/* --- contents ------------------------------------------------------------ */

static inline __u64 pattern_word(__u64 seed, size_t index)
{
	__u64 x = (seed + 1) * 0x9e3779b97f4a7c15ull + index;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 29;
}

/* Bytes @from ... @from + @len of what @seed stands for. */
static inline void pattern_fill_from(void *p, size_t len, __u64 seed,
				     size_t from)
{
	unsigned char *bytes = p;
	__u64 word;
	size_t i = 0;

	while (i < len) {
		word = pattern_word(seed, (from + i) / 8);
		if ((from + i) % 8 == 0 && len - i >= 8) {
			memcpy(bytes + i, &word, 8);
			i += 8;
		} else {
			bytes[i] = word >> (from + i) % 8 * 8;
			i++;
		}
	}
}

static inline void pattern_fill(void *p, size_t len, __u64 seed)
{
	pattern_fill_from(p, len, seed, 0);
}

/* The first byte that is not as filled, or -1. */
static inline ssize_t pattern_differs(const void *p, size_t len, __u64 seed,
				      size_t from)
{
	const unsigned char *bytes = p;
	__u64 word;
	size_t i = 0;

	while (i < len) {
		word = pattern_word(seed, (from + i) / 8);
		if ((from + i) % 8 == 0 && len - i >= 8 &&
		    !memcmp(bytes + i, &word, 8)) {
			i += 8;
			continue;
		}
		if (bytes[i] != (unsigned char)(word >> (from + i) % 8 * 8))
			return i;
		i++;
	}
	return -1;
}

#define EXPECT_PATTERN(p, len, seed)					\
	EXPECT_EQ(-1, pattern_differs(p, len, seed, 0))

/* The same numbers in every run. */
struct dice {
	__u64 state;
};

static inline __u64 dice_roll(struct dice *d, __u64 sides)
{
	return pattern_word(d->state++, 7) % sides;
}

/* --- pages --------------------------------------------------------------- */

static inline void *pages_map(size_t len)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		die("no %zu bytes of memory: %s", len, strerror(errno));
	return map;
}

/* Mapped and filled; @offset bytes into the first page. */
static inline void *pages_filled(size_t len, size_t offset, __u64 seed)
{
	char *map = pages_map(offset + len + !len);

	pattern_fill(map + offset, len, seed);
	return map + offset;
}

/* --- regions that wait --------------------------------------------------- */

/* Touching one of its pages waits until region_answer(), or for ever. */
struct region {
	char *map;
	size_t len;
	int fd;			/* of userfaultfd or FUSE, in its handler */
	bool fuse;
	pthread_t server;
	pthread_mutex_t lock;
	unsigned int waiting;	/* reads that nobody has answered */
	bool open;		/* answer reads at once */
	__u64 pending[64];
	struct fuse_read_in read[64];
};

/* Where the file system is mounted, in a mount namespace of the test's own. */
#define FUSE_DIR	"/tmp"

/* What the pages hold once they can be read: bytes of this seed. */
#define REGION_SEED	4711

static inline bool uffd_start(struct region *r, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	*r = (struct region){ .len = len };
	r->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0)
		return false;
	r->map = pages_map(len);
	reg.range.start = (uintptr_t)r->map;
	reg.range.len = len;
	need(sys(ioctl(r->fd, UFFDIO_API, &api)), "UFFDIO_API");
	need(sys(ioctl(r->fd, UFFDIO_REGISTER, &reg)), "UFFDIO_REGISTER");
	return true;
}

static inline void uffd_answer(struct region *r)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)r->map, .len = r->len,
	};

	copy.src = (uintptr_t)pages_filled(r->len, 0, REGION_SEED);
	need(sys(ioctl(r->fd, UFFDIO_COPY, &copy)), "UFFDIO_COPY");
	munmap((void *)(uintptr_t)copy.src, r->len);
}

/* --- FUSE: one file of one length, read by nobody but us ----------------- */

static inline void fuse_reply(struct region *r, __u64 unique, int error,
			      const void *data, size_t len)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + len, .error = -error, .unique = unique,
	};
	struct iovec iov[] = {
		{ &head, sizeof(head) }, { (void *)data, len },
	};

	/* ENOENT: the reader was killed. */
	if (writev(r->fd, iov, 2) < 0 && errno != ENOENT)
		die("answering FUSE: %s", strerror(errno));
}

static inline void fuse_give(struct region *r, __u64 unique,
			     const struct fuse_read_in *in)
{
	size_t len = in->offset >= r->len ? 0 : r->len - in->offset;
	char *data;

	if (len > in->size)
		len = in->size;
	data = malloc(len + 1);
	pattern_fill_from(data, len, REGION_SEED, in->offset);
	fuse_reply(r, unique, 0, data, len);
	free(data);
}

static inline void fuse_read(struct region *r, __u64 unique,
			     const struct fuse_read_in *in)
{
	pthread_mutex_lock(&r->lock);
	if (r->open) {
		fuse_give(r, unique, in);
	} else if (r->waiting < 64) {
		r->read[r->waiting] = *in;
		r->pending[r->waiting++] = unique;
	}
	pthread_mutex_unlock(&r->lock);
}

static inline struct fuse_attr fuse_attr(struct region *r, __u64 node)
{
	return (struct fuse_attr){
		.ino = node, .size = r->len, .nlink = 1, .blksize = 4096,
		.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0666,
	};
}

static inline void fuse_serve(struct region *r, struct fuse_in_header *in)
{
	struct fuse_init_in *init = (void *)(in + 1);
	struct fuse_init_out started = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = init->max_readahead, .max_write = 4096,
		.flags = FUSE_ASYNC_READ, .max_background = 16,
	};
	struct fuse_entry_out entry = {
		.nodeid = 2, .attr_valid = 3600, .entry_valid = 3600,
		.attr = fuse_attr(r, 2),
	};
	struct fuse_attr_out attr = {
		.attr_valid = 3600, .attr = fuse_attr(r, in->nodeid),
	};
	struct fuse_open_out opened = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		return fuse_reply(r, in->unique, 0, &started, sizeof(started));
	case FUSE_LOOKUP:
		return fuse_reply(r, in->unique, 0, &entry, sizeof(entry));
	case FUSE_GETATTR:
		return fuse_reply(r, in->unique, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return fuse_reply(r, in->unique, 0, &opened, sizeof(opened));
	case FUSE_READ:
		return fuse_read(r, in->unique, (void *)(in + 1));
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		return fuse_reply(r, in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;		/* wants no answer */
	default:
		return fuse_reply(r, in->unique, ENOSYS, NULL, 0);
	}
}

static inline void *fuse_main(void *arg)
{
	static char buffer[1 << 16];
	struct region *r = arg;

	for (;;) {
		if (read(r->fd, buffer, sizeof(buffer)) >= 0)
			fuse_serve(r, (void *)buffer);
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			return NULL;		/* unmounted */
	}
}

/* The mapping is private, so what is written there stays in the process. */
static inline bool fuse_start(struct region *r, size_t len)
{
	char options[64];
	int fd;

	*r = (struct region){ .len = len, .fuse = true };
	r->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (r->fd < 0)
		return false;
	pthread_mutex_init(&r->lock, NULL);
	need(sys(unshare(CLONE_NEWNS)), "unshare");
	need(sys(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)), "mount");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", r->fd);
	need(sys(mount("caps", FUSE_DIR, "fuse", 0, options)), "mount fuse");
	need(-pthread_create(&r->server, NULL, fuse_main, r), "thread");

	fd = open(FUSE_DIR "/file", O_RDONLY | O_CLOEXEC);
	need(sys(fd), FUSE_DIR "/file");
	r->map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (r->map == MAP_FAILED)
		die("cannot map a file of FUSE: %s", strerror(errno));
	close(fd);
	return true;
}

static inline void fuse_answer(struct region *r)
{
	pthread_mutex_lock(&r->lock);
	r->open = true;
	while (r->waiting) {
		r->waiting--;
		fuse_give(r, r->pending[r->waiting], &r->read[r->waiting]);
	}
	pthread_mutex_unlock(&r->lock);
}

/* --- either -------------------------------------------------------------- */

static inline bool region_start(struct region *r, bool fuse, size_t len)
{
	return fuse ? fuse_start(r, len) : uffd_start(r, len);
}

/* Does somebody wait for a page? */
static inline bool region_touched(struct region *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	bool waiting;

	if (!r->fuse)
		return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
	pthread_mutex_lock(&r->lock);
	waiting = r->waiting;
	pthread_mutex_unlock(&r->lock);
	return waiting;
}

/* All of it can be read from now on. */
static inline void region_answer(struct region *r)
{
	if (r->fuse)
		fuse_answer(r);
	else
		uffd_answer(r);
}

/* Whoever waits, and all who come, get EFAULT: the pages are no more. */
static inline void region_end(struct region *r)
{
	struct uffdio_range range = {
		.start = (uintptr_t)r->map, .len = r->len,
	};

	munmap(r->map, r->len);
	if (r->fuse)
		umount2(FUSE_DIR, MNT_FORCE);
	else
		ioctl(r->fd, UFFDIO_WAKE, &range);
}

#endif /* CAPS_MEMORY_H */
