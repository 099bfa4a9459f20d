// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies that stay in their sender's pages: what happens to the pages while
 * the body is queued, in memory of every kind, and where pinning is refused.
 */
#include "caps_memory.h"
#include "caps_state.h"

#include <sys/resource.h>

#define LEN	(40 * 4096)
#define HUGE	((size_t)2 << 20)

/* A call whose body is pinned and queued. */
struct flight {
	struct pair p;
	struct caps_call call;
	struct background caller;
};

static void take_off(struct flight *f, const void *body, size_t len)
{
	f->p = pair_open();
	f->call = call_of(f->p.cap, "");
	f->call.request = data_of(body, len);
	background_start(&f->caller, f->p.client, CAPS_CALL, &f->call);
	if (!eventually(port_info(f->p.server, f->p.port).queued == 1))
		die("the call is not queued");
}

/* What the server sees. */
static char *land(struct __test_metadata *_metadata, struct flight *f)
{
	struct caps_receive r = { .port = f->p.port, .deadline = grace() };
	char *out = pages_map(f->call.request.body_len);

	r.buffer = data_of(out, f->call.request.body_len);
	EXPECT_OK(caps_ioctl(f->p.server, CAPS_RECEIVE, &r));
	EXPECT_TRUE(r.header.flags & CAPS_HEADER_PINNED);
	EXPECT_OK(reply_text(f->p.server, r.header.id, 0, ""));
	EXPECT_OK(background_join(&f->caller));
	return out;
}

/* --- the mapping changes while the body is queued ------------------------ */

TEST_F(tidy, unmapped)
{
	char *body = pages_filled(LEN, 0, 1);
	struct flight f;

	take_off(&f, body, LEN);
	EXPECT_EQ(0, munmap(body, LEN));
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
}

TEST_F(tidy, remapped)
{
	char *body = pages_filled(LEN, 0, 1), *other;
	struct flight f;

	take_off(&f, body, LEN);
	other = mmap(body, LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(body, other);
	pattern_fill(other, LEN, 2);
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
	EXPECT_PATTERN(other, LEN, 2);
}

TEST_F(tidy, moved)
{
	char *body = pages_filled(LEN, 0, 1), *there;
	struct flight f;

	take_off(&f, body, LEN);
	there = mremap(body, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
		       pages_map(LEN));
	ASSERT_NE(MAP_FAILED, there);
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
	EXPECT_PATTERN(there, LEN, 1);
}

TEST_F(tidy, protected)
{
	char *body = pages_filled(LEN, 0, 1);
	struct flight f;

	take_off(&f, body, LEN);
	EXPECT_EQ(0, mprotect(body, LEN, PROT_NONE));
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
}

TEST_F(tidy, given_up)
{
	char *body = pages_filled(LEN, 0, 1);
	struct flight f;

	take_off(&f, body, LEN);
	EXPECT_EQ(0, madvise(body, LEN, MADV_DONTNEED));
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
	EXPECT_EQ(0, body[0]);
}

/* A child has copies of its own; the parent's pages stay those pinned. */
TEST_F(tidy, forked)
{
	char *body = pages_filled(LEN, 0, 1), *out;
	struct flight f;
	struct child c;

	take_off(&f, body, LEN);
	if (child_start(&c)) {
		EXPECT_PATTERN(body, LEN, 1);
		pattern_fill(body, LEN, 3);
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
	pattern_fill(body, LEN / 2, 1);
	out = land(_metadata, &f);
	EXPECT_PATTERN(out, LEN, 1);
	EXPECT_PATTERN(body, LEN, 1);
}

/* A file mapped shared, and cut to nothing: what is pinned stays. */
TEST_F(tidy, truncated)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	struct flight f;
	char *body;

	ASSERT_EQ(0, ftruncate(fd, LEN));
	body = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, body);
	pattern_fill(body, LEN, 1);
	take_off(&f, body, LEN);
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_PATTERN(land(_metadata, &f), LEN, 1);
}

/* --- memory of every kind ------------------------------------------------ */

/* Other mappings of a shared file see and make the same bytes. */
TEST_F(tidy, shared_file)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	char *body, *other;
	struct flight f;

	ASSERT_EQ(0, ftruncate(fd, LEN));
	body = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
	other = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, body);
	ASSERT_NE(MAP_FAILED, other);
	pattern_fill(other, LEN, 1);
	take_off(&f, body, LEN);
	pattern_fill(other, LEN, 2);
	EXPECT_PATTERN(land(_metadata, &f), LEN, 2);
}

/* A program's own text, mapped from its file. */
TEST_F(tidy, file_read_only)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *body = mmap(NULL, LEN, PROT_READ, MAP_PRIVATE, fd, 0), *out;
	char *bytes = malloc(LEN);
	struct flight f;

	ASSERT_NE(MAP_FAILED, body);
	ASSERT_EQ(LEN, pread(fd, bytes, LEN, 0));
	take_off(&f, body, LEN);
	out = land(_metadata, &f);
	EXPECT_EQ(0, memcmp(bytes, out, LEN));
}

/* Pages that nobody ever wrote. */
TEST_F(tidy, untouched)
{
	char *body = pages_map(LEN), *out;
	struct flight f;
	size_t i;

	take_off(&f, body, LEN);
	out = land(_metadata, &f);
	for (i = 0; i < LEN; i++)
		ASSERT_EQ(0, out[i]);
}

/* From inside a stretch of two huge pages, over the border between them. */
static void huge_case(struct __test_metadata *_metadata, char *map)
{
	const size_t from[] = { 0, 1, HUGE - 5000, HUGE - 1, HUGE };
	struct flight f;
	char *out;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(from); i++) {
		pattern_fill(map + from[i], HUGE - 1, i);
		take_off(&f, map + from[i], HUGE - 1);
		out = land(_metadata, &f);
		EXPECT_PATTERN(out, HUGE - 1, i);
		munmap(out, HUGE - 1);
		close(f.p.client);
		close(f.p.server);
	}
}

TEST_F(tidy, hugetlb_pages)
{
	const char *knob = "/proc/sys/vm/nr_hugepages";
	char *map, was[32];

	if (!file_text(knob))
		SKIP(return, "no hugetlb pages");
	snprintf(was, sizeof(was), "%.30s", file_text(knob));
	file_write(knob, "8");
	map = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
	if (map == MAP_FAILED)
		SKIP(return, "no hugetlb pages to be had");
	huge_case(_metadata, map);
	munmap(map, 2 * HUGE);
	file_write(knob, was);
}

TEST_F(tidy, transparent_huge_pages)
{
	char *map = pages_map(3 * HUGE);

	map = (void *)(((uintptr_t)map + HUGE - 1) & ~(HUGE - 1));
	if (madvise(map, 2 * HUGE, MADV_HUGEPAGE))
		SKIP(return, "no transparent huge pages");
	memset(map, 1, 2 * HUGE);
	if (file_field("/proc/self/smaps_rollup", "AnonHugePages") < 2048)
		SKIP(return, "no transparent huge pages to be had");
	huge_case(_metadata, map);
}

/* --- where pinning is refused, the body is copied ------------------------ */

static long defer(struct pair *p, struct caps_data data, __u32 *result)
{
	struct caps_send s = {
		.capability = p->cap, .flags = CAPS_DEFER, .data = data,
	};
	long ret = caps_ioctl(p->client, CAPS_SEND, &s);

	*result = s.result;
	return ret;
}

/* Takes it, and says whether it was in the sender's pages. */
static bool was_pinned(struct __test_metadata *_metadata, struct pair *p,
		       char *out, size_t len)
{
	struct caps_receive r = {
		.port = p->port, .deadline = grace(),
		.buffer = data_of(out, len),
	};

	EXPECT_OK(caps_ioctl(p->server, CAPS_RECEIVE, &r));
	EXPECT_EQ(len, r.header.body_len);
	return r.header.flags & CAPS_HEADER_PINNED;
}

/* The first page that the kernel shows to all for reading the time. */
static char *vvar_page(void)
{
	unsigned long from;
	char *line = file_text("/proc/self/maps");
	int ends[2];

	line = line ? strstr(line, "[vvar]") : NULL;
	if (!line || pipe(ends))
		return NULL;
	while (line[-1] != '\n')
		line--;
	from = strtoul(line, NULL, 16);
	/* Not every kernel puts something readable there. */
	return write(ends[1], (void *)from, 4096) == 4096 ? (void *)from : NULL;
}

TEST_F(tidy, device_like_memory)
{
	struct pair p = pair_open();
	char *page = vvar_page();
	struct caps_iovec iov[257];
	struct caps_data data = { .body = (uintptr_t)iov };
	__u32 result;
	unsigned int i;

	if (!page)
		SKIP(return, "no readable memory that cannot be pinned");
	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct caps_iovec){ (uintptr_t)page, 4096 };
	data.iov_count = 256;
	ASSERT_OK(defer(&p, data, &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_FALSE(was_pinned(_metadata, &p, pages_map(1 << 20), 1 << 20));
	EXPECT_EQ(0, actor_info(p.client).pinned_bodies);

	/* What is too large to be copied cannot be sent at all. */
	data.iov_count = 257;
	EXPECT_ERR(EMSGSIZE, defer(&p, data, &result));
	EXPECT_EQ(0, port_info(p.server, p.port).queued);
}

/* A part that can be pinned before one that cannot: all given back. */
TEST_F(tidy, partly_refused)
{
	char *page = vvar_page(), *good = pages_filled(LEN, 0, 1), *out;
	struct pair p = pair_open();
	struct caps_iovec iov[] = {
		{ (uintptr_t)good, LEN }, { (uintptr_t)page, 4096 },
		{ (uintptr_t)good, LEN },
	};
	struct caps_data data = { .body = (uintptr_t)iov, .iov_count = 3 };
	__u32 result;

	if (!page)
		SKIP(return, "no readable memory that cannot be pinned");
	out = pages_map(2 * LEN + 4096);
	ASSERT_OK(defer(&p, data, &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_EQ(self->before.pinned, pages_pinned());
	EXPECT_FALSE(was_pinned(_metadata, &p, out, 2 * LEN + 4096));
	EXPECT_PATTERN(out, LEN, 1);
	EXPECT_PATTERN(out + LEN + 4096, LEN, 1);
}

TEST_F(tidy, secret_memory)
{
	struct pair p = pair_open();
	int fd = syscall(SYS_memfd_secret, FD_CLOEXEC);
	char *body, *out = pages_map(LEN);
	__u32 result;

	if (fd < 0)
		SKIP(return, "no secret memory");
	ASSERT_EQ(0, ftruncate(fd, 2 << 20));
	body = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, body);
	pattern_fill(body, 2 << 20, 1);
	ASSERT_OK(defer(&p, data_of(body, LEN), &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_FALSE(was_pinned(_metadata, &p, out, LEN));
	EXPECT_PATTERN(out, LEN, 1);
	EXPECT_ERR(EMSGSIZE, defer(&p, data_of(body, 2 << 20), &result));
}

/* Not there, or only in part. */
TEST_F(tidy, bad_addresses)
{
	struct pair p = pair_open();
	char *body = pages_filled(LEN, 0, 1);
	struct caps_call call = call_of(p.cap, "");
	__u32 result;

	mprotect(body + LEN / 2, 4096, PROT_NONE);
	EXPECT_ERR(EFAULT, defer(&p, data_of(body, LEN), &result));
	call.request = data_of(body, LEN);
	EXPECT_ERR(EFAULT, caps_ioctl(p.client, CAPS_CALL, &call));
	call.request = data_of((void *)NOWHERE, LEN);
	EXPECT_ERR(EFAULT, caps_ioctl(p.client, CAPS_CALL, &call));
	EXPECT_EQ(0, port_info(p.server, p.port).queued);
	EXPECT_EQ(self->before.pinned, pages_pinned());
}

/* --- budgets ------------------------------------------------------------- */

static void memlock(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	need(sys(setrlimit(RLIMIT_MEMLOCK, &limit)), "RLIMIT_MEMLOCK");
}

/* As a user without privileges, who may lock nothing. */
static void no_locking(struct __test_metadata *_metadata)
{
	struct pair p;
	char *out = pages_map(LEN);
	struct flight f;
	__u32 result;

	memlock(0);
	become_member(1001);
	p = pair_open();
	EXPECT_OK(defer(&p, data_of(pages_filled(LEN, 0, 1), LEN), &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_FALSE(was_pinned(_metadata, &p, out, LEN));
	EXPECT_PATTERN(out, LEN, 1);
	EXPECT_ERR(EDQUOT, defer(&p, data_of(pages_map(2 << 20), 2 << 20),
				 &result));

	/* A call's pins last no longer than the call: not counted there. */
	take_off(&f, pages_filled(LEN, 0, 2), LEN);
	EXPECT_PATTERN(land(_metadata, &f), LEN, 2);
}

TEST_F(tidy, memlock_of_nothing)
{
	struct child c;

	if (child_start(&c)) {
		no_locking(_metadata);
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
}

/* Room for one body at a time; each gives back what it took. */
static void some_locking(struct __test_metadata *_metadata)
{
	struct pair p;
	char *body = pages_filled(LEN, 0, 1), *out = pages_map(LEN);
	struct message m;
	__u32 result;
	int i;

	/* The kernel charges two pages more. */
	memlock(LEN + 3 * 4096);
	become_member(1002);
	p = pair_open();
	for (i = 0; i < 20; i++) {
		ASSERT_OK(defer(&p, data_of(body, LEN), &result));
		ASSERT_EQ(0, result);
		ASSERT_OK(defer(&p, data_of(body, LEN), &result));
		ASSERT_EQ(CAPS_RESULT_COPIED, result);
		EXPECT_TRUE(was_pinned(_metadata, &p, out, LEN));
		EXPECT_FALSE(was_pinned(_metadata, &p, out, LEN));
		ASSERT_OK(receive(p.client, CAPS_DEFAULT_PORT, &m));
	}
}

TEST_F(tidy, memlock_is_given_back)
{
	struct child c;

	if (child_start(&c)) {
		some_locking(_metadata);
		CHILD_END();
	}
	EXPECT_EQ(0, child_wait(&c));
}

/* Who may lock memory is not limited in it. */
TEST_F(tidy, memlock_does_not_bind_root)
{
	struct pair p = pair_open();
	__u32 result;

	memlock(0);
	ASSERT_OK(defer(&p, data_of(pages_filled(LEN, 0, 1), LEN), &result));
	EXPECT_EQ(0, result);
	EXPECT_TRUE(was_pinned(_metadata, &p, pages_map(LEN), LEN));
}

/* The module's own budget, for calls and deferred bodies alike. */
TEST_F(tidy, pin_budget)
{
	const size_t mib = 1 << 20;
	struct pair p = pair_open();
	char *body = pages_filled(2 * mib, 0, 1), *out = pages_map(2 * mib);
	struct caps_call call = call_of(p.cap, "");
	__u32 result;

	parameter_set(&self->before, "max_pinned", mib);
	EXPECT_EQ(mib, query(p.client).max_pinned);
	ASSERT_OK(defer(&p, data_of(body, mib), &result));
	EXPECT_EQ(0, result);
	ASSERT_OK(defer(&p, data_of(body, mib), &result));
	EXPECT_EQ(CAPS_RESULT_COPIED, result);
	EXPECT_ERR(EDQUOT, defer(&p, data_of(body, mib + 1), &result));
	call.request = data_of(body, mib + 1);
	EXPECT_ERR(EDQUOT, caps_ioctl(p.client, CAPS_CALL, &call));
	EXPECT_EQ(2, port_info(p.server, p.port).queued);

	EXPECT_TRUE(was_pinned(_metadata, &p, out, mib));
	EXPECT_FALSE(was_pinned(_metadata, &p, out, mib));
	EXPECT_PATTERN(out, mib, 1);
	ASSERT_OK(defer(&p, data_of(body, mib), &result));
	EXPECT_EQ(0, result);
}

TEST_HARNESS_MAIN
