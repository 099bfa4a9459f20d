/* SPDX-License-Identifier: MIT */
/*
 * A replicated server, in the manner of the ChorusOS guides: three actors have
 * a port each in a static group, which all know by its stamp. What changes is
 * broadcast to all of them, so any can answer what is asked. One of them ends;
 * then a fourth joins, and learns what it has missed from one that is not
 * itself.
 *
 *	fleet [STAMP]
 */
#include <chorus.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DELAY 10000 /* milliseconds */
#define REPLICAS 3

typedef struct Note {
    int isQuestion;
    char tide[20];
} Note;

static KnUniqueId readyUi; /* of the harbour's port */

static void check(int result, const char *call) {
    if (result >= 0)
        return;
    printf("%s: error %d\n", call, result);
    exit(1);
}

static void message(KnMsgDesc *msg, void *bodyAddr, VmSize bodySize) {
    memset(msg, 0, sizeof(*msg));
    msg->bodyAddr = bodyAddr;
    msg->bodySize = bodySize;
}

static void address(KnIpcDest *dest, const KnUniqueId *groupUi, int mode) {
    memset(dest, 0, sizeof(*dest));
    dest->target = *groupUi;
    check(ipcTarget(&dest->target, mode), "ipcTarget");
}

static void ask(KnIpcDest *dest, Note *note) {
    KnMsgDesc request, answer;
    memset(note, 0, sizeof(*note));
    note->isQuestion = 1;
    message(&request, note, sizeof(*note));
    message(&answer, note, sizeof(*note));
    check(ipcCall(&request, K_DEFAULTPORT, dest, &answer, DELAY), "ipcCall");
}

/* Knows the tide, and answers who asks. A newcomer asks another one first. */
static void replica(KnCap *groupCap, int isNew) {
    KnUniqueId myUi;
    KnMsgDesc msg;
    KnIpcDest dest;
    Note known, note;
    int from, myLi = portCreate(K_MYACTOR, &myUi);
    memset(&known, 0, sizeof(known));
    check(myLi, "portCreate");
    check(grpPortInsert(groupCap, &myUi), "grpPortInsert");
    if (isNew) {
        address(&dest, &groupCap->ui, K_FUNCXMODE);
        dest.coTarget = myUi;
        ask(&dest, &known);
        printf("replica: has joined and knows that the tide is %s\n", known.tide);
        fflush(stdout);
    }
    memset(&dest, 0, sizeof(dest));
    dest.target = readyUi;
    message(&msg, &known, sizeof(known));
    check(ipcSend(&msg, myLi, &dest), "ipcSend");
    for (;;) {
        from = myLi;
        message(&msg, &note, sizeof(note));
        check(ipcReceive(&msg, &from, K_NOTIMEOUT), "ipcReceive");
        if (!note.isQuestion) {
            known = note;
            continue;
        }
        message(&msg, &known, sizeof(known));
        check(ipcReply(&msg), "ipcReply");
    }
}

static pid_t launch(KnCap *groupCap, int portLi, int isNew) {
    KnMsgDesc msg;
    Note note;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0)
        replica(groupCap, isNew);
    message(&msg, &note, sizeof(note));
    check(ipcReceive(&msg, &portLi, DELAY), "ipcReceive");
    return child;
}

/* Of how many calls the answer is right. */
static int ask_all(const KnUniqueId *groupUi, int calls, const char *tide) {
    KnIpcDest dest;
    Note note;
    int right = 0;
    address(&dest, groupUi, K_FUNCMODE);
    while (calls-- > 0) {
        ask(&dest, &note);
        right += strcmp(note.tide, tide) == 0;
    }
    printf("harbour: %d answers that the tide is %s\n", right, tide);
    return right;
}

static void broadcast(const KnUniqueId *groupUi, const char *tide) {
    KnMsgDesc msg;
    KnIpcDest dest;
    Note note;
    memset(&note, 0, sizeof(note));
    snprintf(note.tide, sizeof(note.tide), "%s", tide);
    message(&msg, &note, sizeof(note));
    address(&dest, groupUi, K_BROADMODE);
    check(ipcSend(&msg, K_DEFAULTPORT, &dest), "ipcSend");
}

int main(int argc, char **argv) {
    pid_t replicas[REPLICAS + 1];
    KnCap groupCap;
    int i, readyLi, good;
    readyLi = portCreate(K_MYACTOR, &readyUi);
    check(readyLi, "portCreate");
    check(grpAllocate(K_STATUSER, &groupCap, argc > 1 ? atoi(argv[1]) : 100), "grpAllocate");
    for (i = 0; i < REPLICAS; i++)
        replicas[i] = launch(&groupCap, readyLi, 0);

    broadcast(&groupCap.ui, "full");
    good = ask_all(&groupCap.ui, 9, "full") == 9;
    kill(replicas[0], SIGKILL);
    waitpid(replicas[0], NULL, 0);
    good &= ask_all(&groupCap.ui, 9, "full") == 9;
    replicas[REPLICAS] = launch(&groupCap, readyLi, 1);
    good &= ask_all(&groupCap.ui, 9, "full") == 9;
    broadcast(&groupCap.ui, "low");
    good &= ask_all(&groupCap.ui, 9, "low") == 9;

    for (i = 1; i <= REPLICAS; i++)
        kill(replicas[i], SIGKILL);
    return !good;
}
