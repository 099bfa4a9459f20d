/* SPDX-License-Identifier: MIT */
/*
 * What the caps interface of 2004 promised by its argument upcid and never had:
 * to be called with each message, or to be told of it. See capsdfly(3).
 */
#ifndef CAPS_DRAGONFLY_SYS_CAPS_EVENT_H
#define CAPS_DRAGONFLY_SYS_CAPS_EVENT_H

#include <sys/caps.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Called in a thread of the library with each message of a port, one after the
 * other. When nothing more can come, once with msgsize -1, msg and msgid NULL.
 */
/* NOLINTBEGIN(modernize-use-using): it is C */
typedef void (*caps_upcall_t)(int portid, void *msg, int msgsize, caps_msgid_t msgid,
                              caps_cred_t ccr, void *data);
/* NOLINTEND(modernize-use-using) */

/* Values for upcid, more than 0; -1 with EINVAL, EBADF or ENOMEM. */
int caps_upcall_function(caps_upcall_t function, void *data);
int caps_upcall_eventfd(int fd); /* from eventfd(2); it is duplicated */

/* Ports that have it keep it. -1 with EINVAL: unknown. */
int caps_upcall_remove(int upcid);

/*
 * A descriptor for poll(2), select(2) and epoll(7), and nothing else: readable
 * when caps_sys_get() would return something. It is closed with the port.
 */
int caps_poll_fd(int portid);

#ifdef __cplusplus
}
#endif

#endif
