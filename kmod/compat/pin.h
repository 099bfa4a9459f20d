/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pinning pages of the current process such that waiting for them can be
 * killed, and holds no lock that others may want.
 *
 * From 6.3 on pin_user_pages_fast() does that. Before, it keeps mmap_lock while
 * it waits for a page and ignores signals: a FUSE server that does not answer
 * would make its victim unkillable, and hang whoever looks at it in /proc. So
 * what is not there yet is faulted in first, as the program itself would.
 */
#ifndef _CAPS_COMPAT_PIN_H
#define _CAPS_COMPAT_PIN_H

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
static inline int caps_pin_pages(unsigned long start, int count,
				 unsigned int flags, struct page **pages)
{
	return pin_user_pages_fast(start, count, flags, pages);
}
#else
static inline int caps_pin_pages(unsigned long start, int count,
				 unsigned int flags, struct page **pages)
{
	size_t size = (size_t)count << PAGE_SHIFT, missing;
	int n = pin_user_pages_fast_only(start, count, flags, pages);

	if (n > 0)
		return n;
	/* Not fault_in_writeable(), which writes zeroes there. */
	missing = flags & FOLL_WRITE ?
		  fault_in_safe_writeable((char __user *)start, size) :
		  fault_in_readable((char __user *)start, size);
	count = (size - missing) >> PAGE_SHIFT;
	if (!count)
		return -EFAULT;
	return pin_user_pages_fast(start, count, flags, pages);
}
#endif

#endif /* _CAPS_COMPAT_PIN_H */
