/* SPDX-License-Identifier: MIT */
/*
 * The server of DragonFly's test of caps: answers whatever it is asked, and now
 * and then has another generation.
 *
 *	caps_server [EACH [ALL]]
 *
 * EACH: replies in each generation (1000000). It ends after ALL (never).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/caps.h>
#include <sys/errno.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

int main(int ac, char **av) {
    static char answer[] = "abcd";
    long each = ac > 1 ? atol(av[1]) : 1000000;
    long all = ac > 2 ? atol(av[2]) : -1;
    long count = 0;
    caps_gen_t gen = 0;
    struct caps_msgid msgid;
    char buf[256];
    int n;
    int id = caps_sys_service("test", getuid(), getgid(), 0, CAPF_ANYCLIENT);

    if (id < 0) {
        perror("caps_sys_service");
        return 1;
    }
    while (count != all) {
        n = caps_sys_wait(id, buf, sizeof(buf), &msgid, NULL);
        if (n < 0) {
            perror("caps_sys_wait");
            return 1;
        }
        if (msgid.c_state == CAPMS_DISPOSE)
            continue;
        if (caps_sys_reply(id, answer, 4, msgid.c_id) < 0) {
            perror("caps_sys_reply");
            return 1;
        }
        if (++count % each == 0)
            caps_sys_setgen(id, ++gen);
    }
    printf("server: %ld replies, generation %lld\n", count, (long long)gen);
    return caps_sys_close(id) < 0;
}
