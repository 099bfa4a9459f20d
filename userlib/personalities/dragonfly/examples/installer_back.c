/* SPDX-License-Identifier: MIT */
/*
 * The back end of an installer. It is the service, so whatever it has to say it
 * says in reply to a request: the front end is ready, gets a form, and sends it
 * back filled in, which is acknowledged. If the front end is ready when it
 * should send something back it has lost the thread, and gets the same again.
 *
 *	installer_back RENDEZVOUS
 */
#include "installer.h"

static int id;
static struct caps_msgid msgid;
static char request[MESSAGE_SIZE];

static int receive(void) {
    int n;

    do {
        n = caps_sys_wait(id, request, sizeof(request) - 1, &msgid, NULL);
        if (n < 0) {
            perror("caps_sys_wait");
            exit(1);
        }
    } while (msgid.c_state == CAPMS_DISPOSE);
    request[n] = '\0';
    return request[0];
}

/*
 * The buffer is freed at once, though the system may still need it: so it was
 * done then, and a small reply has been copied.
 */
static void reply(int type, const char *text) {
    size_t size = strlen(text) + 2;
    char *message = malloc(size);

    snprintf(message, size, "%c%s", type, text);
    if (caps_sys_reply(id, message, (int)strlen(message), msgid.c_id) < 0) {
        perror("caps_sys_reply");
        exit(1);
    }
    memset(message, '?', strlen(message));
    free(message);
}

/* Tell the front end something, and what it says to that. */
static int exchange(int type, const char *text) {
    int answer;

    if (receive() != FE_READY)
        fprintf(stderr, "back end: '%s' instead of being ready\n", request);
    do {
        reply(type, text);
        answer = receive();
        if (answer == FE_READY)
            printf("back end: once more\n");
    } while (answer == FE_READY);
    reply(BE_READY, "");
    return answer;
}

int main(int ac, char **av) {
    char percent[8];
    int done;

    if (ac != 2)
        return 2;
    id = caps_sys_service(av[1], getuid(), getgid(), 0, CAPF_ANYCLIENT);
    if (id < 0) {
        perror("caps_sys_service");
        return 1;
    }
    if (exchange(BE_PRESENT, "Which disk?") != FE_SUBMIT)
        return 1;
    printf("back end: onto %s\n", request + 1);
    for (done = 0; done <= 100; done += 10) {
        snprintf(percent, sizeof(percent), "%d", done);
        if (exchange(BE_PROGRESS, percent) == FE_CANCEL)
            break;
    }
    printf("back end: %s\n", done > 100 ? "installed" : "cancelled");
    exchange(BE_STOP, "");
    return caps_sys_close(id) < 0;
}
