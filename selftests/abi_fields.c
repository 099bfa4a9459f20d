// SPDX-License-Identifier: GPL-2.0
/*
 * The calling convention, for every command: unknown flags, reserved fields,
 * what is read and what is written, and by whom.
 */
#include "abi_commands.h"
#include "caps_state.h"

#define GARBAGE	0xa5

static bool within(const struct span *span, size_t byte)
{
	return byte >= span->from && byte < span->to;
}

/* Each bit of each flags field is either known or refused. */
TEST_F(command, unknown_flags_are_refused)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size);
	unsigned int i, bit;
	__u32 *flags;

	variant->prepare(w, arg);
	for (i = 0; i < ARRAY_SIZE(variant->flags) && variant->flags[i]; i++) {
		flags = (__u32 *)(arg + variant->flags[i]);
		for (bit = 0; bit < 32; bit++) {
			*flags = 1u << bit;
			if (variant->known[i] & *flags)
				continue;
			EXPECT_ERR(EINVAL, caps_ioctl(w->fd, variant->nr,
						      arg))
				TH_LOG("field %u, bit %u", i, bit);
		}
		*flags = 0;
	}
	EXPECT_OK(caps_ioctl(w->fd, variant->nr, arg));
}

/* Each bit of each reserved field is refused. */
TEST_F(command, reserved_fields_are_refused)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size);
	unsigned int bit;
	size_t i;

	variant->prepare(w, arg);
	for (i = 0; i < ARRAY_SIZE(variant->reserved) &&
	     variant->reserved[i]; i++) {
		__u32 *reserved = (__u32 *)(arg + variant->reserved[i]);

		for (bit = 0; bit < 32; bit++) {
			*reserved = 1u << bit;
			EXPECT_ERR(EINVAL, caps_ioctl(w->fd, variant->nr,
						      arg))
				TH_LOG("field %zu, bit %u", i, bit);
		}
		*reserved = 0;
	}
	EXPECT_OK(caps_ioctl(w->fd, variant->nr, arg));
}

/* What goes in does not matter for "out"; what is "in" stays as it was. */
TEST_F(command, outs_are_ignored_and_ins_unwritten)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size), *before = malloc(variant->size);
	size_t byte;

	variant->prepare(w, arg);
	for (byte = 0; byte < variant->size; byte++)
		if (within(&variant->out[0], byte) ||
		    within(&variant->out[1], byte))
			arg[byte] = GARBAGE;
	memcpy(before, arg, variant->size);
	EXPECT_OK(caps_ioctl(w->fd, variant->nr, arg));
	for (byte = 0; byte < variant->size; byte++)
		if (!within(&variant->out[0], byte) &&
		    !within(&variant->out[1], byte) &&
		    !within(&variant->both, byte))
			EXPECT_EQ(before[byte], arg[byte])
				TH_LOG("byte %zu", byte);
}

/* A refused call writes nothing, save where the header says so. */
TEST_F(command, failure_writes_nothing)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size), *before = malloc(variant->size);
	size_t byte;

	variant->prepare(w, arg);
	*(__u32 *)(arg + variant->flags[0]) = 1u << 31;
	for (byte = 0; byte < variant->size; byte++)
		if (within(&variant->out[0], byte) ||
		    within(&variant->out[1], byte))
			arg[byte] = GARBAGE;
	memcpy(before, arg, variant->size);
	EXPECT_ERR(EINVAL, caps_ioctl(w->fd, variant->nr, arg));
	for (byte = 0; byte < variant->size; byte++)
		if (!within(&variant->always, byte))
			EXPECT_EQ(before[byte], arg[byte])
				TH_LOG("byte %zu", byte);
}

/* A struct that is not there, or not all there. */
TEST_F(command, unreadable_struct_is_a_bad_address)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size - 1);

	EXPECT_ERR(EFAULT, caps_ioctl(w->fd, variant->nr, NULL));
	EXPECT_ERR(EFAULT, caps_ioctl(w->fd, variant->nr,
				      (void *)(uintptr_t)NOWHERE));
	EXPECT_ERR(EFAULT, caps_ioctl(w->fd, variant->nr, arg));
}

/* The actor is its owner's; a child that inherits the file can adopt an orphan. */
TEST_F(command, another_process_is_not_connected)
{
	const long want = variant->nr == CAPS_ADOPT ? 0 : -ENOTCONN;
	struct world *w = &self->world;
	char *arg = guarded(variant->size);
	struct child c;

	variant->prepare(w, arg);
	if (child_start(&c)) {
		__CAPS_CHECK(want, caps_ioctl(w->fd, variant->nr, arg), 0);
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	EXPECT_OK(caps_ioctl(w->fd, variant->nr, arg));
}

/* What is told of limits is what the header and the parameters say. */
TEST(query_tells_the_limits)
{
	struct caps_query q = query(actor_open());

	EXPECT_EQ(CAPS_FEATURE_URING, q.features & ~CAPS_FEATURE_PARK);
	EXPECT_EQ(CAPS_MAX_BODY, q.max_body);
	EXPECT_EQ(CAPS_MAX_ANNEX, q.max_annex);
	EXPECT_EQ(CAPS_MAX_IOVECS, q.max_iovecs);
	EXPECT_EQ(CAPS_MAX_BATCH, q.max_batch);
	EXPECT_EQ(parameter("max_copied_body"), q.max_copied_body);
	EXPECT_EQ(parameter("max_pinned"), q.max_pinned);
	EXPECT_EQ(parameter("copy_break"), q.copy_break);
	EXPECT_EQ(parameter("default_queue_limit"), q.default_queue_limit);
	EXPECT_EQ(parameter("max_queue_limit"), q.max_queue_limit);
	EXPECT_LE(q.default_queue_limit, q.max_queue_limit);
}

/* An actor is no file to read from, to write to or to map. */
TEST(file_operations_are_refused)
{
	int fd = actor_open();
	char byte = 0;

	EXPECT_GT(0, read(fd, &byte, 1));
	EXPECT_GT(0, write(fd, &byte, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
}

TEST_HARNESS_MAIN
