/* SPDX-License-Identifier: MIT */
/*
 * The types, constants and error codes that Chorus programs name: what the
 * other headers of this directory share. Plain C, of 1989 on.
 */
#ifndef CAPS_CHORUS_CHTYPES_H
#define CAPS_CHORUS_CHTYPES_H

#ifdef __cplusplus
extern "C" {
#endif

/* What every call returns: this, or more where it says so; or an error. */
#define K_OK 0

#define K_EFAIL (-1)     /* no such device, or it was refused */
#define K_EINVAL (-2)    /* bad capability, identifier, mode; no current message */
#define K_EFAULT (-3)    /* an address outside of the actor */
#define K_EPRIV (-4)     /* privilege is missing */
#define K_ENOMEM (-5)    /* out of resources */
#define K_EUNKNOWN (-6)  /* no such actor, port or group; or it went unanswered */
#define K_EFULL (-7)     /* the queue of the destination is full */
#define K_ETOOMUCH (-8)  /* larger than allowed, or than the place given */
#define K_ENOPORT (-9)   /* the port was deleted, or moved away, meanwhile */
#define K_ETIMEOUT (-10) /* the delay has passed */
#define K_EABORT (-11)   /* the thread was aborted */
#define K_EBUSY (-12)    /* already so */

/* A name, unique and public: who knows that of a port can send to it. */
typedef struct KnUniqueId {
    unsigned int uiHead;
    unsigned int uiTail;
} KnUniqueId;

/* A secret that goes with a name. */
typedef struct KnKey {
    unsigned int keyHead;
    unsigned int keyTail;
} KnKey;

/* A name and its secret: who has both may change what is named. */
typedef struct KnCap {
    KnUniqueId ui;
    KnKey key;
} KnCap;

/* A protection identifier; only programs give it a meaning. */
typedef struct KnProtId {
    unsigned short uid;
    unsigned short gid;
    unsigned short did;
} KnProtId;

/* Counts of what happened, and names of transactions. */
typedef unsigned int KnEvtNum;
typedef unsigned int KnTransId;

typedef void *VmAddr;
typedef unsigned int VmSize;

typedef int KnThreadLid;

#define K_MYACTOR ((KnCap *)0)
#define K_MYSELF 0
#define K_NOTIMEOUT (-1)

#ifdef __cplusplus
}
#endif

#endif
