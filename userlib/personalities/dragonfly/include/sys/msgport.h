/* SPDX-License-Identifier: MIT */
/* The message port of a light weight kernel thread: a member of caps_port only. */
#ifndef CAPS_DRAGONFLY_SYS_MSGPORT_H
#define CAPS_DRAGONFLY_SYS_MSGPORT_H

/* NOLINTBEGIN(modernize-use-using): it is C */
typedef struct lwkt_port {
    void *mp_private;
} * lwkt_port_t;
/* NOLINTEND(modernize-use-using) */

#endif
