/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How identities are told to programs.
 */
#ifndef _CAPS_IDENTITY_H
#define _CAPS_IDENTITY_H

#include <linux/capability.h>
#include <linux/types.h>

u64 caps_capability_set(const kernel_cap_t *set);

#endif
