// SPDX-License-Identifier: GPL-2.0
/*
 * The calling convention, for every command: sizes, tails, unknown flags,
 * reserved fields, what is read and what is written.
 */
#include "abi_commands.h"
#include "caps_state.h"

#define PAGE	4096
#define GARBAGE	0xa5

/* --- the properties ------------------------------------------------------ */

/* The number with another size or direction. */
static unsigned int sized(unsigned int nr, size_t size)
{
	return _IOC(_IOC_DIR(nr), _IOC_TYPE(nr), _IOC_NR(nr), size);
}

static bool within(const struct span *span, size_t byte)
{
	return byte >= span->from && byte < span->to;
}

/* The struct is as large as published. */
TEST_F(command, published_size)
{
	EXPECT_EQ(variant->size, _IOC_SIZE(variant->nr));
}

/* A caller that sends less than was ever published is refused. */
TEST_F(command, every_shorter_size_is_refused)
{
	char *arg = guarded(variant->size);
	size_t size;

	variant->prepare(&self->world, arg);
	for (size = 0; size < variant->size; size++)
		EXPECT_ERR(EINVAL, caps_ioctl(self->world.fd,
					      sized(variant->nr, size), arg))
			TH_LOG("size %zu", size);
}

/* A newer caller that uses nothing new is served; its tail stays zero. */
TEST_F(command, longer_with_zeros_succeeds)
{
	const size_t sizes[] = {
		variant->size, variant->size + 1, variant->size + 8, PAGE,
	};
	size_t i, byte;
	char *arg;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		arg = guarded(sizes[i]);
		variant->prepare(&self->world, arg);
		EXPECT_OK(caps_ioctl(self->world.fd, sized(variant->nr, sizes[i]),
				     arg))
			TH_LOG("size %zu", sizes[i]);
		for (byte = variant->size; byte < sizes[i]; byte++)
			ASSERT_EQ(0, arg[byte]);
	}
}

/* A newer caller that uses something new is told so. */
TEST_F(command, longer_with_a_bit_is_refused)
{
	size_t size, byte;
	char *arg;

	for (size = variant->size + 1; size <= variant->size + 16; size++) {
		arg = guarded(size);
		variant->prepare(&self->world, arg);
		for (byte = variant->size; byte < size; byte++) {
			arg[byte] = 1;
			EXPECT_ERR(E2BIG, caps_ioctl(self->world.fd,
						     sized(variant->nr, size),
						     arg))
				TH_LOG("size %zu, byte %zu", size, byte);
			arg[byte] = 0;
		}
	}
}

/* Nothing is larger than a page, zeros or not. */
TEST_F(command, larger_than_a_page_is_refused)
{
	const size_t most = (1 << _IOC_SIZEBITS) - 1;
	char *arg = guarded(most);

	variant->prepare(&self->world, arg);
	EXPECT_ERR(E2BIG, caps_ioctl(self->world.fd, sized(variant->nr, PAGE + 1),
				     arg));
	EXPECT_ERR(E2BIG, caps_ioctl(self->world.fd, sized(variant->nr, most), arg));
}

/* The number with another direction is no command. */
TEST_F(command, other_directions_are_unknown)
{
	const unsigned int nr = variant->nr;
	char *arg = guarded(variant->size);
	unsigned int dir;

	variant->prepare(&self->world, arg);
	for (dir = 0; dir < (_IOC_READ | _IOC_WRITE); dir++)
		EXPECT_ERR(ENOTTY, caps_ioctl(self->world.fd,
					      _IOC(dir, CAPS_IOC, _IOC_NR(nr),
						   variant->size), arg));
}

/* Each bit of each flags field is either known or refused. */
TEST_F(command, unknown_flags_are_refused)
{
	char *arg = guarded(variant->size);
	unsigned int i, bit;
	__u32 *flags;

	variant->prepare(&self->world, arg);
	for (i = 0; i < ARRAY_SIZE(variant->flags) && variant->flags[i]; i++) {
		flags = (__u32 *)(arg + variant->flags[i]);
		for (bit = 0; bit < 32; bit++) {
			*flags = 1u << bit;
			if (variant->known[i] & *flags)
				continue;
			EXPECT_ERR(EINVAL, caps_ioctl(self->world.fd, variant->nr,
						      arg))
				TH_LOG("field %u, bit %u", i, bit);
		}
		*flags = 0;
	}
	EXPECT_OK(caps_ioctl(self->world.fd, variant->nr, arg));
}

/* Each bit of each reserved field is refused. */
TEST_F(command, reserved_fields_are_refused)
{
	char *arg = guarded(variant->size);
	unsigned int bit;
	size_t i;

	variant->prepare(&self->world, arg);
	for (i = 0; i < ARRAY_SIZE(variant->reserved) &&
	     variant->reserved[i]; i++) {
		__u32 *reserved = (__u32 *)(arg + variant->reserved[i]);

		for (bit = 0; bit < 32; bit++) {
			*reserved = 1u << bit;
			EXPECT_ERR(EINVAL, caps_ioctl(self->world.fd, variant->nr,
						      arg))
				TH_LOG("field %zu, bit %u", i, bit);
		}
		*reserved = 0;
	}
	EXPECT_OK(caps_ioctl(self->world.fd, variant->nr, arg));
}

/* What goes in does not matter for "out"; what is "in" stays as it was. */
TEST_F(command, outs_are_ignored_and_ins_unwritten)
{
	char *arg = guarded(variant->size), *before = malloc(variant->size);
	size_t byte;

	variant->prepare(&self->world, arg);
	for (byte = 0; byte < variant->size; byte++)
		if (within(&variant->out[0], byte) ||
		    within(&variant->out[1], byte))
			arg[byte] = GARBAGE;
	memcpy(before, arg, variant->size);
	EXPECT_OK(caps_ioctl(self->world.fd, variant->nr, arg));
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
	char *arg = guarded(variant->size), *before = malloc(variant->size);
	size_t byte;

	variant->prepare(&self->world, arg);
	*(__u32 *)(arg + variant->flags[0]) = 1u << 31;
	for (byte = 0; byte < variant->size; byte++)
		if (within(&variant->out[0], byte) ||
		    within(&variant->out[1], byte))
			arg[byte] = GARBAGE;
	memcpy(before, arg, variant->size);
	EXPECT_ERR(EINVAL, caps_ioctl(self->world.fd, variant->nr, arg));
	for (byte = 0; byte < variant->size; byte++)
		if (!within(&variant->always, byte))
			EXPECT_EQ(before[byte], arg[byte])
				TH_LOG("byte %zu", byte);
}

/* A struct that is not there, or not all there. */
TEST_F(command, unreadable_struct_is_a_bad_address)
{
	char *arg = guarded(variant->size - 1);

	EXPECT_ERR(EFAULT, caps_ioctl(self->world.fd, variant->nr, NULL));
	EXPECT_ERR(EFAULT, caps_ioctl(self->world.fd, variant->nr,
				      (void *)(uintptr_t)NOWHERE));
	EXPECT_ERR(EFAULT, caps_ioctl(self->world.fd, variant->nr, arg));
}

/* The actor is its owner's; a child that inherits the file has none. */
TEST_F(command, another_process_is_not_connected)
{
	char *arg = guarded(variant->size);
	struct child c;

	variant->prepare(&self->world, arg);
	if (child_start(&c)) {
		EXPECT_ERR(ENOTCONN, caps_ioctl(self->world.fd, variant->nr, arg));
		CHILD_END();
	}
	EXPECT_OK(child_wait(&c));
	EXPECT_OK(caps_ioctl(self->world.fd, variant->nr, arg));
}

/* What is told of limits is what the header and the parameters say. */
TEST(query_tells_the_limits)
{
	struct caps_query q = query(actor_open());

	EXPECT_EQ(CAPS_FEATURES_NONE, q.features);
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

/* A number that stands for nothing, or of another letter, is no command. */
TEST(unknown_commands)
{
	char room[256] = { 0 };
	int fd = actor_open();
	unsigned int nr, known = 0;

	for (nr = 0; nr < 256; nr++) {
		if (caps_ioctl(fd, _IOWR(CAPS_IOC, nr, room), room) != -ENOTTY)
			known++;
		EXPECT_ERR(ENOTTY, caps_ioctl(fd, _IOWR(CAPS_IOC - 1, nr, room),
					      room));
	}
	EXPECT_EQ(27, known);
}

TEST_HARNESS_MAIN
