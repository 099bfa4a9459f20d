/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Applications: a service that was registered with CAPS_REGISTER_ASK decides
 * itself who connects.
 *
 * An application is a call that the kernel makes for the client: it waits for
 * room and for its answer, is withdrawn, moves with the port and ends with the
 * server as any call does. @application in the message says what it is. The
 * connection's badge goes along as that of a message, with nobody to use it
 * yet; the annex is a struct caps_application.
 *
 * The first answer is the verdict, which caps_reply() has checked before the
 * client sees anything of it: what makes no sense becomes a rejection. Once it
 * is an answer the client's thread is sure to take it, so a connection that was
 * accepted begins and, if the server wants to know, is told to end.
 */
#ifndef _CAPS_APPLY_H
#define _CAPS_APPLY_H

#include <linux/types.h>

#include "caps.h"

struct caps_actor;
struct caps_badge;
struct caps_message;
struct caps_port;

/* What is asked, and what came of it. */
struct caps_plea {
	struct caps_port *port;
	struct caps_badge *badge;	/* of the connection, if accepted */
	u64 service;			/* which of the port's names */
	u64 operations;			/* wanted */
	u64 deadline;			/* of the verdict */
	u32 result;			/* CAPS_RESULT_* */
	struct caps_verdict verdict;
};

int caps_apply(struct caps_actor *actor, struct caps_plea *plea);
int caps_verdict_check(struct caps_message *message, s32 *status);

#endif
