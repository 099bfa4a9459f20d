/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every file of the module may assume.
 */
#ifndef _CAPS_H
#define _CAPS_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include <linux/caps.h>

/* Pages are read through their kernel mapping, ids are 64 bits wide. */
#ifndef CONFIG_64BIT
#error "caps needs a 64-bit kernel; 32-bit programs are fine"
#endif

#define CAPS_INLINE	256u	/* body bytes that fit in a message itself */

#endif
