/* SPDX-License-Identifier: MIT */
/*
 * A server is replaced while it is being used, in the manner of the ChorusOS
 * guides: its port migrates to another actor, with the requests that are
 * queued, and the client notices nothing. The two actors agree on who has
 * served what by the sequence number of the migration.
 *
 *	watch                relieves the watch in the middle of 1000 calls
 */
#include <chorus.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DELAY 10000 /* milliseconds */
#define CALLS 1000

/* What the actors tell one another. */
typedef struct Order {
    KnCap actorCap; /* of the successor */
    int portLi;     /* which it has there */
    KnEvtNum seqNum;
} Order;

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

static void tell(const KnUniqueId *portUi, Order *order) {
    KnMsgDesc msg;
    KnIpcDest dest;
    memset(&dest, 0, sizeof(dest));
    dest.target = *portUi;
    message(&msg, order, sizeof(*order));
    check(ipcSend(&msg, K_DEFAULTPORT, &dest), "ipcSend");
}

static void hear(int portLi, Order *order) {
    KnMsgDesc msg;
    message(&msg, order, sizeof(*order));
    check(ipcReceive(&msg, &portLi, DELAY), "ipcReceive");
}

/* Answers each number with the next one, so many times. */
static KnEvtNum serve(int portLi, int calls) {
    KnMsgDesc msg;
    int number = 0, from;
    message(&msg, &number, sizeof(number));
    while (calls-- > 0) {
        from = portLi;
        check(ipcReceive(&msg, &from, DELAY), "ipcReceive");
        number++;
        check(ipcReply(&msg), "ipcReply");
    }
    return msg.seqNum;
}

/* It knows the server's port, and not who has it. */
static int client(const KnUniqueId *portUi) {
    KnMsgDesc request, answer;
    KnIpcDest dest;
    int i, number, next;
    memset(&dest, 0, sizeof(dest));
    dest.target = *portUi;
    message(&request, &number, sizeof(number));
    message(&answer, &next, sizeof(next));
    for (i = 0; i < CALLS; i++) {
        number = i;
        check(ipcCall(&request, K_DEFAULTPORT, &dest, &answer, DELAY), "ipcCall");
        if (next != i + 1)
            return 1;
    }
    printf("client: %d answers\n", i);
    return 0;
}

/* Says who it is, and takes over what it is given. */
static int successor(const KnUniqueId *helloUi) {
    Order order;
    memset(&order, 0, sizeof(order));
    check(actorSelf(&order.actorCap), "actorSelf");
    tell(helloUi, &order);
    hear(K_DEFAULTPORT, &order);
    printf("successor: has the port as %d, after %u messages\n", order.portLi, order.seqNum - 1);
    serve(order.portLi, CALLS - (int)order.seqNum + 1);
    return 0;
}

int main(void) {
    KnUniqueId serverUi, helloUi, successorUi;
    KnEvtNum served;
    Order order;
    int serverLi = portCreate(K_MYACTOR, &serverUi);
    int helloLi = portCreate(K_MYACTOR, &helloUi);
    int status = 0, worst = 0;
    KnMsgHead head;
    check(serverLi, "portCreate");
    check(helloLi, "portCreate");
    if (fork() == 0)
        exit(successor(&helloUi));
    if (fork() == 0)
        exit(client(&serverUi));

    served = serve(serverLi, CALLS / 2);
    hear(helloLi, &order);
    check(ipcSysInfo(&head), "ipcSysInfo");
    successorUi = head.srcPort;
    order.portLi = portMigrate(K_MSGFOLLOW, K_MYACTOR, serverLi, &order.actorCap, &order.seqNum);
    check(order.portLi, "portMigrate");
    printf("server: served %u, the migration is number %u\n", served, order.seqNum);
    tell(&successorUi, &order);

    while (wait(&status) > 0)
        worst |= status;
    return worst != 0 || order.seqNum != served + 1;
}
