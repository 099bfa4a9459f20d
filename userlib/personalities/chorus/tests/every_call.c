/* SPDX-License-Identifier: MIT */
/*
 * Every call, by a program in C: compiled as C of 1989 and of 1999, without
 * extensions and with all warnings. Returns the line of what went wrong, or 0.
 */
#include <chorus.h>
#include <exec/chExec.h>
#include <ipc/chIpc.h>

#include <string.h>

int every_call(void);

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static char text[] = "The sea is calm";
static int handled;

static void handler(KnMsgDesc *msg, void *cookie) {
    KnMsgDesc answer;
    (void)cookie;
    handled = msg->bodySize == sizeof(text) && memcmp(msg->bodyAddr, text, sizeof(text)) == 0;
    memset(&answer, 0, sizeof(answer));
    answer.bodyAddr = text;
    answer.bodySize = sizeof(text);
    (void)svMsgHdlReply(&answer);
}

static int names(void) {
    KnUniqueId ui, same;
    KnCap cap;
    int site;
    check(actorSelf(&cap) == K_OK && threadSelf() > 0);
    check(uiBuild(&ui, K_UIPORT, K_LOCALSITE, 4711) == K_OK && uiValid(&ui));
    check(uiSite(&same, K_LOCALSITE) == K_OK && uiLocalSite(&site) == K_OK);
    ui = same;
    check(uiEqual(&ui, &same) && uiGetSite(&ui) == site && uiIsLocal(&ui));
    uiClear(&ui);
    check(!uiValid(&ui));
    return 0;
}

static int ports(int li) {
    KnUniqueId ui, declared;
    KnProtId pi;
    KnEvtNum count;
    int other;
    check(portUi(&ui, li) == K_OK && portLi(&ui) == li);
    check(portEnable(K_MYACTOR, li, 1) == K_OK && portDisable(K_MYACTOR, li) == K_OK);
    check(portGetSeqNum(K_MYACTOR, li, &count) == K_OK && count == 0);
    check(portMigrate(K_MSGFOLLOW, K_MYACTOR, li, K_MYACTOR, &count) == K_EBUSY);
    check(portPi(K_MYACTOR, li, &pi, (KnProtId *)0) == K_OK);
    check(actorPi(K_MYACTOR, &pi, (KnProtId *)0) == K_OK);
    check(uiBuild(&declared, K_UIPORT, K_LOCALSITE, 4711) == K_OK);
    other = portDeclare(K_MYACTOR, &declared);
    check(other > 0 || other == K_EPRIV);
    check(other < 0 || portDelete(K_MYACTOR, other) == K_OK);
    return 0;
}

static int groups(int li) {
    KnCap group;
    KnMsgDesc msg;
    KnIpcDest dest;
    KnUniqueId ui;
    check(portUi(&ui, li) == K_OK && grpAllocate(K_DYNAMIC, &group, 0) == K_OK);
    check(grpPortInsert(&group, &ui) == K_OK);
    memset(&msg, 0, sizeof(msg));
    memset(&dest, 0, sizeof(dest));
    msg.bodyAddr = text;
    msg.bodySize = sizeof(text);
    dest.target = group.ui;
    check(ipcTarget(&dest.target, K_FUNCMODE) == K_OK);
    check(ipcSend(&msg, K_DEFAULTPORT, &dest) == K_OK);
    check(ipcReceive(&msg, &li, K_NOTIMEOUT) == sizeof(text));
    check(grpPortRemove(&group, &ui) == K_OK);
    return 0;
}

static int messages(int li) {
    KnMsgDesc msg, in;
    KnMsgHead head;
    KnIpcDest dest;
    char body[100];
    int saved, from = li;
    memset(&msg, 0, sizeof(msg));
    memset(&dest, 0, sizeof(dest));
    msg.bodyAddr = text;
    msg.bodySize = sizeof(text);
    in = msg;
    in.bodyAddr = NULL;
    check(portUi(&dest.target, li) == K_OK);
    check(ipcSend(&msg, li, &dest) == K_OK);
    check(ipcReceive(&in, &from, K_NOTIMEOUT) == sizeof(text) && from == li);
    in.bodyAddr = body;
    in.bodySize = sizeof(body);
    check(ipcGetData(&in) == sizeof(text) && memcmp(body, text, sizeof(text)) == 0);
    check(ipcSysInfo(&head) == K_OK && uiEqual(&head.srcPort, &dest.target));
    saved = ipcSave(K_NONEPORT);
    check(saved > 0 && ipcRestore(saved) == K_OK);
    check(ipcReply(&msg) == K_OK);
    check(ipcReceive(&in, &from, K_NOTIMEOUT) == sizeof(text));
    check(svMsgHandler(K_MYACTOR, li, handler, 0, (void *)0) == K_OK);
    check(ipcCall(&msg, K_DEFAULTPORT, &dest, &in, K_NOTIMEOUT) == sizeof(text) && handled);
    check(svMsgHandler(K_MYACTOR, li, (KnMsgHdl)0, 0, (void *)0) == K_OK);
    return 0;
}

int every_call(void) {
    KnUniqueId ui;
    int li, line;
    line = names();
    if (line)
        return line;
    li = portCreate(K_MYACTOR, &ui);
    check(li > 0);
    line = ports(li);
    if (line)
        return line;
    line = groups(li);
    if (line)
        return line;
    line = messages(li);
    if (line)
        return line;
    check(portDelete(K_MYACTOR, li) == K_OK);
    check(threadAbort(K_MYACTOR, threadSelf()) == K_OK && threadAborted() == 1);
    check(threadDelay(1) == K_OK);
    return 0;
}
