/* SPDX-License-Identifier: MIT */
/*
 * The front end of an installer: a client that waits until there is a back end,
 * and then asks what it shall show. Here the user is the command line.
 *
 *	installer_front RENDEZVOUS DISK [PATIENCE]
 *
 * PATIENCE: the percentage at which the user cancels (never). Once it pretends
 * to have lost the thread. It ends with 0 if all was installed.
 */
#include "installer.h"

static int id;
static char answer[MESSAGE_SIZE];

static int ask(int type, const char *text) {
    static char message[MESSAGE_SIZE];
    int n;

    snprintf(message, sizeof(message), "%c%s", type, text);
    if (caps_sys_put(id, message, (int)strlen(message)) < 0) {
        perror("caps_sys_put");
        exit(1);
    }
    n = caps_sys_wait(id, answer, sizeof(answer) - 1, NULL, NULL);
    if (n <= 0) {
        fprintf(stderr, "front end: the back end has gone\n");
        exit(1);
    }
    answer[n] = '\0';
    return answer[0];
}

static void understood(int reply) {
    if (reply != BE_READY)
        fprintf(stderr, "front end: '%s' is no acknowledgement\n", answer);
}

int main(int ac, char **av) {
    int patience = ac > 3 ? atoi(av[3]) : 101;
    int shown = 0, lost = 0;

    if (ac < 3)
        return 2;
    id = caps_sys_client(av[1], getuid(), getgid(), 0, CAPF_ANYCLIENT | CAPF_WAITSVC);
    if (id <= 0) {
        perror("caps_sys_client");
        return 1;
    }
    for (;;) {
        switch (ask(FE_READY, "")) {
        case BE_PRESENT:
            printf("front end: %s\n", answer + 1);
            if (lost++ == 0)
                continue; /* ready again: the same once more */
            understood(ask(FE_SUBMIT, av[2]));
            break;
        case BE_PROGRESS:
            shown = atoi(answer + 1);
            understood(ask(shown >= patience ? FE_CANCEL : FE_CONTINUE, ""));
            break;
        case BE_STOP:
            understood(ask(FE_CONTINUE, ""));
            caps_sys_close(id);
            printf("front end: %d %%\n", shown);
            return shown != 100;
        default:
            fprintf(stderr, "front end: what is '%s'?\n", answer);
            return 1;
        }
    }
}
