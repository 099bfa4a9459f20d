// SPDX-License-Identifier: GPL-2.0
/*
 * The calling convention, for every command: its number, and the size that is
 * part of it.
 */
#include "abi_commands.h"

#define PAGE	4096

/* The number with another size. */
static unsigned int sized(unsigned int nr, size_t size)
{
	return _IOC(_IOC_DIR(nr), _IOC_TYPE(nr), _IOC_NR(nr), size);
}

/* The struct is as large as published. */
TEST_F(command, published_size)
{
	EXPECT_EQ(variant->size, _IOC_SIZE(variant->nr));
}

/* A caller that sends less than was ever published is refused. */
TEST_F(command, every_shorter_size_is_refused)
{
	struct world *w = &self->world;
	char *arg = guarded(variant->size);
	size_t size;

	variant->prepare(w, arg);
	for (size = 0; size < variant->size; size++)
		EXPECT_ERR(EINVAL, caps_ioctl(w->fd,
					      sized(variant->nr, size), arg))
			TH_LOG("size %zu", size);
}

/* A newer caller that uses nothing new is served; its tail stays zero. */
TEST_F(command, longer_with_zeros_succeeds)
{
	struct world *w = &self->world;
	const size_t sizes[] = {
		variant->size, variant->size + 1, variant->size + 8, PAGE,
	};
	size_t i, byte;
	char *arg;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		arg = guarded(sizes[i]);
		variant->prepare(w, arg);
		EXPECT_OK(caps_ioctl(w->fd, sized(variant->nr, sizes[i]),
				     arg))
			TH_LOG("size %zu", sizes[i]);
		for (byte = variant->size; byte < sizes[i]; byte++)
			ASSERT_EQ(0, arg[byte]);
	}
}

/* A newer caller that uses something new is told so. */
TEST_F(command, longer_with_a_bit_is_refused)
{
	struct world *w = &self->world;
	static const size_t more[] = { 1, 8, 24 };
	size_t i, size, byte;
	char *arg;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		size = variant->size + more[i];
		arg = guarded(size);
		variant->prepare(w, arg);
		for (byte = variant->size; byte < size; byte++) {
			arg[byte] = 1;
			EXPECT_ERR(E2BIG, caps_ioctl(w->fd,
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
	struct world *w = &self->world;
	const size_t most = (1 << _IOC_SIZEBITS) - 1;
	char *arg = guarded(most);

	variant->prepare(w, arg);
	EXPECT_ERR(E2BIG, caps_ioctl(w->fd, sized(variant->nr, PAGE + 1),
				     arg));
	EXPECT_ERR(E2BIG, caps_ioctl(w->fd, sized(variant->nr, most), arg));
}

/* The number with another direction is no command. */
TEST_F(command, other_directions_are_unknown)
{
	struct world *w = &self->world;
	const unsigned int nr = variant->nr;
	char *arg = guarded(variant->size);
	unsigned int dir;

	variant->prepare(w, arg);
	for (dir = 0; dir < (_IOC_READ | _IOC_WRITE); dir++)
		EXPECT_ERR(ENOTTY, caps_ioctl(w->fd,
					      _IOC(dir, CAPS_IOC, _IOC_NR(nr),
						   variant->size), arg));
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
	EXPECT_EQ(46, known);
}

TEST_HARNESS_MAIN
