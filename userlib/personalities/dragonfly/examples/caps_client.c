/* SPDX-License-Identifier: MIT */
/*
 * The client of DragonFly's test of caps: asks on and on. A child that it forks
 * finds out by ENOTCONN that the connection is not its own, connects anew and
 * goes on, and so do all if the server is replaced.
 *
 *	caps_client [TURNS [GENERATIONS [ALL]]]
 *
 * It forks after TURNS (1000), and so do its descendants, GENERATIONS (10) deep.
 * Each ends after ALL turns (never) and tells how it went.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/caps.h>
#include <sys/errno.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int which;
static int reconnects;

static int connect_again(int cid) {
    caps_sys_close(cid);
    cid = caps_sys_client("test", getuid(), getgid(), 0, CAPF_ANYCLIENT | CAPF_WAITSVC);
    if (cid < 0)
        perror("caps_sys_client");
    reconnects++;
    return cid;
}

/* Status of the child, if there is one, and of this process. */
static int finish(int cid, pid_t child, long good, long all) {
    int status = 0;

    caps_sys_close(cid);
    printf("client %d: %ld replies, connected %d times more\n", which, good, reconnects);
    fflush(stdout);
    if (child > 0)
        waitpid(child, &status, 0);
    return status != 0 || good != all;
}

int main(int ac, char **av) {
    static char question[] = "xyz";
    long turns = ac > 1 ? atol(av[1]) : 1000;
    int generations = ac > 2 ? atoi(av[2]) : 10;
    long all = ac > 3 ? atol(av[3]) : -1;
    long count = 0, good = 0;
    pid_t child = 0;
    caps_gen_t gen = 0, ngen = 0;
    off_t msgcid = -1;
    struct caps_msgid msgid;
    char buf[256];
    int n, forked = 0;
    int cid = caps_sys_client("test", getuid(), getgid(), 0, CAPF_ANYCLIENT);

    while (count != all) {
        errno = 0;
        if (cid >= 0) {
            msgcid = caps_sys_put(cid, question, 3);
            ngen = caps_sys_getgen(cid);
        }
        if (cid < 0 || (msgcid < 0 && errno == ENOTCONN)) {
            cid = connect_again(cid);
            continue;
        }
        if (ngen != gen) {
            printf("client %d: generation %lld\n", which, (long long)ngen);
            gen = ngen;
        }
        n = caps_sys_wait(cid, buf, sizeof(buf), &msgid, NULL);
        if (n == 4 && msgid.c_state == CAPMS_REPLY && msgid.c_id == msgcid &&
            memcmp(buf, "abcd", 4) == 0)
            good++;
        else if (errno == ENOTCONN)
            continue; /* the server has gone: this turn again */
        count++;
        if (count == turns && which < generations && !forked) {
            fflush(stdout);
            forked = 1;
            child = fork();
            if (child == 0) {
                which++;
                count = good = reconnects = forked = 0;
            }
        }
    }
    return finish(cid, child, good, all);
}
