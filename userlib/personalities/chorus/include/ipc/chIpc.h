/* SPDX-License-Identifier: MIT */
/* Ports, groups and messages of Chorus. capschorus(3) says what they do here. */
#ifndef CAPS_CHORUS_IPC_CHIPC_H
#define CAPS_CHORUS_IPC_CHIPC_H

#include <chTypes.h>
#include <ipc/chId.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits. */
#define K_CMSGSIZEMAX 65536 /* bytes of a body */
#define K_CMSGANNEXSIZE 120 /* bytes of an annex, neither more nor less */
#define K_CMSGSAVEDMAX 64   /* saved messages of an actor */
#define K_CPORTQUEUE 256    /* messages in the queue of a port */
#define K_CPORTMAX 4096     /* ports of an actor */

/* In place of a port's local identifier. */
#define K_NONEPORT 0
#define K_DEFAULTPORT (-1)
#define K_ANYENABLED (-2)

/* A message to be sent, or the place for one to be received. */
typedef struct KnMsgDesc {
    unsigned int flags; /* K_ABORTABLE, K_WAITROOM */
    VmSize bodySize;
    VmAddr bodyAddr;
    VmAddr annexAddr; /* K_CMSGANNEXSIZE bytes, or NULL: none */
    KnEvtNum seqNum;  /* set by ipcReceive() */
} KnMsgDesc;

/* ipcReceive() and, in the reply's descriptor, ipcCall(): threadAbort() ends it. */
#define K_ABORTABLE 0x1u
/* ipcSend() and ipcCall(): wait for room in a full queue. Not of Chorus. */
#define K_WAITROOM 0x100u

typedef struct KnIpcDest {
    KnUniqueId target;   /* a port, or a group */
    KnUniqueId coTarget; /* which member of the group, see ipcTarget() */
} KnIpcDest;

/* What the system knows of a message. */
typedef struct KnMsgHead {
    int bodySize;
    char flags[4];      /* [0]: K_MSGSEND ...; [1]: 1 if it has an annex */
    KnUniqueId srcPort; /* its source port; cleared if that could not be verified */
    KnUniqueId target;  /* what it was sent to */
    KnUniqueId coTarget;
    KnTransId transId; /* of an ipcCall(), else 0 */
    KnProtId actorId;  /* of the actor that sent it */
    KnProtId portId;   /* of its source port */
} KnMsgHead;

#define K_MSGSEND 1
#define K_MSGCALL 2
#define K_MSGREPLY 3

/* Options of portMigrate(): what is queued goes along, or is deleted before. */
#define K_MSGFOLLOW 0
#define K_MSGDELETE 1

/* Options of grpAllocate(): a new name, or one that follows from a stamp. */
#define K_DYNAMIC 0
#define K_STATUSER 1 /* the same for all actors of this user */
#define K_STATSYS 2  /* the same for all; of uid 0 */

/* Modes of ipcTarget(). */
#define K_BROADMODE 0 /* every member */
#define K_FUNCMODE 1  /* any one member */
#define K_FUNCUMODE 2 /* one where coTarget is */
#define K_FUNCXMODE 3 /* one other than coTarget */

int portCreate(KnCap *actorcap, KnUniqueId *portui);
int portDeclare(KnCap *actorcap, KnUniqueId *portui);
int portDelete(KnCap *actorcap, int portli);
int portEnable(KnCap *actorcap, int portli, int priority);
int portDisable(KnCap *actorcap, int portli);
int portMigrate(int options, KnCap *srcactorcap, int portli, KnCap *dstactorcap, KnEvtNum *seqnum);
int portGetSeqNum(KnCap *actorcap, int portli, KnEvtNum *seqnum);
int portUi(KnUniqueId *portui, int portli);
int portLi(KnUniqueId *portui);
int portPi(KnCap *actorcap, int portli, KnProtId *oldpi, KnProtId *newpi);
int actorPi(KnCap *actorcap, KnProtId *oldpi, KnProtId *newpi);

int grpAllocate(int options, KnCap *groupcap, int stamp);
int grpPortInsert(KnCap *groupcap, KnUniqueId *portui);
int grpPortRemove(KnCap *groupcap, KnUniqueId *portui);

int ipcSend(KnMsgDesc *msg, int srcportli, KnIpcDest *dest);
int ipcReceive(KnMsgDesc *msg, int *portli, int delay);
int ipcGetData(KnMsgDesc *msg);
int ipcReply(KnMsgDesc *msg);
int ipcCall(KnMsgDesc *request, int srcportli, KnIpcDest *dest, KnMsgDesc *reply, int delay);
int ipcSave(int reserved);
int ipcRestore(int saved);
int ipcSysInfo(KnMsgHead *head);
int ipcTarget(KnUniqueId *groupui, int mode);

/* Called with each message of a port, which is then the current one. */
typedef void (*KnMsgHdl)(KnMsgDesc *msg, void *cookie);

int svMsgHandler(KnCap *actorcap, int portli, KnMsgHdl handler, VmSize stacksize, void *cookie);
int svMsgHdlReply(KnMsgDesc *msg);

#ifdef __cplusplus
}
#endif

#endif
