/* SPDX-License-Identifier: MIT */
/*
 * Every call of venter.h, from C: a process connects two of its own ports, and talks to
 * itself. The result is the line of what went wrong, or 0.
 */
#include <venter.h>

#include <stdlib.h>
#include <string.h>

#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

int every_call(const char *name, const char *path);

static int talk(int asking, int answering) {
    char there[16], here[16];
    void *at_server = there, *at_client = here, *text = (void *)"question";
    size_t server_room = sizeof(there), client_room = sizeof(here), length = 9, none = 0;
    unsigned operation = 5;
    uint64_t address = 77;

    NEED(Initiate_IO(&answering, NULL, NULL, NULL, NULL, &server_room, &at_server) == 0);
    NEED(Initiate_IO(&asking, &operation, &address, &length, &text, &client_room, &at_client) == 0);
    operation = 0;
    address = 0;
    NEED(Complete_IO(&answering, &operation, &address, &length, NULL, &server_room, &at_server) ==
         IO_REQUEST);
    NEED(operation == 5 && address == 77 && server_room == 9 && length == sizeof(here));
    NEED(strcmp(at_server, "question") == 0);
    NEED(Try_to_complete_IO(&asking, NULL, NULL, NULL, NULL, NULL, NULL) == -1);
    text = (void *)"answer";
    length = 7;
    server_room = sizeof(there);
    NEED(Initiate_IO(&answering, &operation, &address, &length, &text, &server_room, &at_server) ==
         0);
    NEED(Complete_IO(&asking, NULL, NULL, &none, NULL, &client_room, &at_client) == IO_ANSWER);
    NEED(client_room == 7 && none == sizeof(there) && strcmp(at_client, "answer") == 0);
    return 0;
}

int every_call(const char *name, const char *path) {
    static char room[sizeof(struct io_application)];
    int port = IO_ANY_PORT, child;
    size_t length = 5;
    void *text = (void *)"words";
    unsigned operation = IO_WRITE;
    uint64_t address = 0;
    int line;

    NEED(Connect(IO_SELF, 1, IO_SELF, 2) == 0);
    NEED(Operations(1) == IO_ALL_OPERATIONS && Operations(2) == 0);
    NEED(Set_options(2, IO_INSTALLMENTS) == 0);
    line = talk(1, 2);
    NEED(line == 0);
    NEED(Try_to_complete_IO(&port, NULL, NULL, NULL, NULL, NULL, NULL) == -1);
    NEED(Close(1) == 0 && Close(2) == 0);

    NEED(Become_server(name) == 0 && Publish(path) == 0);
    NEED(Make_available(3, sizeof(room), room) == 0 && Close(3) == 0);
    NEED(Open_within(IO_SELF, 4, name, IO_SET(0), 0) == -1);

    NEED(Open(IO_SELF, 5, "/dev/null", IO_SET(IO_WRITE)) == 0);
    port = 5;
    NEED(IO(&port, &operation, &address, &length, &text, NULL, NULL) == IO_ANSWER);
    NEED(length == 5 && Close(5) == 0);
    child = Create_process();
    if (child == 0)
        _Exit(Operations(1) == 0 ? 0 : 1);
    NEED(child > 0 && Start_process(child) == 0);
    return 0;
}
