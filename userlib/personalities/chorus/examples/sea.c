/* SPDX-License-Identifier: MIT */
/*
 * Two actors, in the manner of the ChorusOS guides: a server that answers what
 * it is asked, and a client that knows nothing of it but the unique identifier
 * of its port, as two numbers. First the client sends a message with an annex,
 * and gets the answer on a port of its own; then it makes a call.
 *
 *	sea                  starts both
 *	sea HEAD TAIL        the client alone, of the server with that port
 */
#include <chorus.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DELAY 10000 /* milliseconds */

static char sendAnnex[K_CMSGANNEXSIZE] = "Hello world from Chorus ...";
static char sendBody[] = "Is the sea calm?";
static char answerBody[] = "The sea is calm, the tide is full.";

static char annex[K_CMSGANNEXSIZE];
static char body[1000];

static void message(KnMsgDesc *msg, char *bodyAddr, VmSize bodySize, char *annexAddr) {
    memset(msg, 0, sizeof(*msg));
    msg->bodyAddr = bodyAddr;
    msg->bodySize = bodySize;
    msg->annexAddr = annexAddr;
}

static void check(int result, const char *call) {
    if (result >= 0)
        return;
    printf("%s: error %d\n", call, result);
    exit(1);
}

/* Answers so many messages, however they were sent. */
static void server(int portLi, int messages) {
    KnMsgDesc msg;
    int from;
    while (messages-- > 0) {
        from = portLi;
        message(&msg, body, sizeof(body), annex);
        check(ipcReceive(&msg, &from, DELAY), "ipcReceive");
        printf("server: \"%s\", annex \"%s\"\n", body, annex);
        message(&msg, answerBody, sizeof(answerBody), NULL);
        check(ipcReply(&msg), "ipcReply");
        memset(annex, 0, sizeof(annex));
    }
}

static int client(const KnUniqueId *serverUi) {
    KnMsgDesc msg, answer;
    KnIpcDest dest;
    KnUniqueId myUi;
    int myLi = portCreate(K_MYACTOR, &myUi);
    check(myLi, "portCreate");
    memset(&dest, 0, sizeof(dest));
    dest.target = *serverUi;

    message(&msg, sendBody, sizeof(sendBody), sendAnnex);
    check(ipcSend(&msg, myLi, &dest), "ipcSend");
    message(&answer, body, sizeof(body), NULL);
    check(ipcReceive(&answer, &myLi, DELAY), "ipcReceive");
    printf("client: an answer on its port: \"%s\"\n", body);

    memset(body, 0, sizeof(body));
    check(ipcCall(&msg, K_DEFAULTPORT, &dest, &answer, DELAY), "ipcCall");
    printf("client: the answer to a call: \"%s\"\n", body);
    return strcmp(body, answerBody) != 0;
}

int main(int argc, char **argv) {
    KnUniqueId portUi;
    int portLi, status = 0;
    pid_t child;
    if (argc == 3) {
        portUi.uiHead = (unsigned int)strtoul(argv[1], NULL, 0);
        portUi.uiTail = (unsigned int)strtoul(argv[2], NULL, 0);
        return client(&portUi);
    }
    portLi = portCreate(K_MYACTOR, &portUi);
    check(portLi, "portCreate");
    printf("server: its port is %u %u\n", portUi.uiHead, portUi.uiTail);
    fflush(stdout);
    child = fork();
    if (child == 0)
        exit(client(&portUi));
    server(portLi, 2);
    waitpid(child, &status, 0);
    return status != 0;
}
