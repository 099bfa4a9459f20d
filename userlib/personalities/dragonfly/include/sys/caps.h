/* SPDX-License-Identifier: MIT */
/*
 * The caps interface of DragonFly BSD as of 2004, over /dev/caps: what programs
 * written for it include. capsdfly(3) says what is particular here;
 * sys/caps_event.h has what that system lacked. Plain C, of 1989 on.
 */
#ifndef CAPS_DRAGONFLY_SYS_CAPS_H
#define CAPS_DRAGONFLY_SYS_CAPS_H

#include <stdint.h>
#include <sys/msgport.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* C knows no other way, and reserves the one name for systems. */
/* NOLINTBEGIN(modernize-use-using,bugprone-reserved-identifier) */

/* Who may connect; of a client, whom it takes as a server. */
#define CAPF_USER 0x0001
#define CAPF_GROUP 0x0002
#define CAPF_WORLD 0x0004
#define CAPF_ANYCLIENT (CAPF_USER | CAPF_GROUP | CAPF_WORLD)

#define CAPF_EXCL 0x0008    /* service: fail if there is one already */
#define CAPF_WCRED 0x0010   /* means nothing */
#define CAPF_NOFORK 0x0020  /* a forked child does not know the id */
#define CAPF_WAITSVC 0x0040 /* client: sleep until there is a service */
#define CAPF_UFLAGS 0xFFFF  /* where flags of programs are */

/* Limits. */
#define CAPS_MAXNAMELEN 64 /* the terminator included */
#define CAPS_MAXINPROG 128 /* messages of a client on their way */
#define CAPS_MAXGROUPS 16

/* What caps_sys_abort() returns, and its flag. */
#define CAPS_ABORT_NOTIMPL 0      /* no such message, nothing done */
#define CAPS_ABORT_RETURNED 1     /* the reply is back already, nothing done */
#define CAPS_ABORT_BEFORESERVER 2 /* the server never sees it */
#define CAPS_ABORT_ATSERVER 3     /* the server had it, and is told */
#define CAPF_ABORT_HARD 0x0001    /* from the server, too; so it is anyway */

/* What a message is; the two that end in RETRY never occur. */
typedef enum caps_msg_state {
    CAPMS_REQUEST,
    CAPMS_REQUEST_RETRY,
    CAPMS_REPLY,
    CAPMS_REPLY_RETRY,
    CAPMS_DISPOSE
} caps_msg_state_t;

typedef enum caps_type {
    CAPT_UNKNOWN,
    CAPT_CLIENT,
    CAPT_SERVICE,
    CAPT_REMOTE,
    CAPT_FORKED
} caps_type_t;

/* Which message. Ids are positive, and not used again. */
typedef struct caps_msgid {
    off_t c_id;
    caps_msg_state_t c_state;
    int c_reserved01;
} * caps_msgid_t;

/* Whose message, when it was sent. */
typedef struct caps_cred {
    pid_t pid; /* 0: of another pid namespace */
    uid_t uid;
    uid_t euid;
    gid_t gid;
    int ngroups;
    int cacheid; /* 0 */
    gid_t groups[CAPS_MAXGROUPS];
} * caps_cred_t;

/* What libraries made of a port id; no call takes it. */
typedef struct caps_port {
    struct lwkt_port cp_lport;
    int cp_portid;
    int cp_upcallid;
} * caps_port_t;

typedef int64_t caps_gen_t;

/* A message's id is an off_t: programs of 32 bits need -D_FILE_OFFSET_BITS=64. */
typedef char caps_off_t_has_64_bits[sizeof(off_t) == 8 ? 1 : -1];

/* These sources use it, and had it from here. */
#ifndef __DECONST
#define __DECONST(type, var) ((type)(uintptr_t)(const void *)(var))
#endif

int caps_sys_service(const char *name, uid_t uid, gid_t gid, int upcid, int flags);
int caps_sys_client(const char *name, uid_t uid, gid_t gid, int upcid, int flags);
int caps_sys_close(int portid);
off_t caps_sys_put(int portid, void *msg, int msgsize);
int caps_sys_reply(int portid, void *msg, int msgsize, off_t msgcid);
int caps_sys_get(int portid, void *msg, int maxsize, caps_msgid_t msgid, caps_cred_t ccr);
int caps_sys_wait(int portid, void *msg, int maxsize, caps_msgid_t msgid, caps_cred_t ccr);
int caps_sys_abort(int portid, off_t msgcid, int flags);
int caps_sys_setgen(int portid, caps_gen_t gen);
caps_gen_t caps_sys_getgen(int portid);

/* NOLINTEND(modernize-use-using,bugprone-reserved-identifier) */

#ifdef __cplusplus
}
#endif

#endif
