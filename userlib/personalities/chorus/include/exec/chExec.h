/* SPDX-License-Identifier: MIT */
/* Actors and threads, as far as programs need them that exchange messages. */
#ifndef CAPS_CHORUS_EXEC_CHEXEC_H
#define CAPS_CHORUS_EXEC_CHEXEC_H

#include <chTypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The capability of this process as an actor. */
int actorSelf(KnCap *actorcap);

/* This thread's local identifier, which is more than 0. */
KnThreadLid threadSelf(void);

/*
 * End the abortable wait of a thread; if it is in none, then the next one.
 * threadAborted() tells whether that has happened, and forgets it.
 */
int threadAbort(KnCap *actorcap, KnThreadLid threadli);
int threadAborted(void);

/* Wait so many milliseconds, abortably. K_OK after them, or K_EABORT. */
int threadDelay(int delay);

#ifdef __cplusplus
}
#endif

#endif
