/* SPDX-License-Identifier: MIT */
/* The header that every Chorus program begins with. */
#ifndef CAPS_CHORUS_CHORUS_H
#define CAPS_CHORUS_CHORUS_H

#include <chTypes.h>
#include <exec/chExec.h>
#include <ipc/chIpc.h>

#endif
