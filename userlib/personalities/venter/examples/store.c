/* SPDX-License-Identifier: MIT */
/*
 * A server that is like a file, in memory: what was written at an address can be read there.
 *
 *   venter_store NAME CLIENTS [PATH]
 *
 * It ends when so many clients, which it serves four at a time, have come and gone. Who has
 * another user id may only read. PATH leads to it, if given.
 */
#include <venter.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ports = 4, capacity = 1 << 20 };

static char content[capacity];
static size_t content_size;

/* Of each port: a request, or an application. */
static union {
    struct io_application who;
    char bytes[4096];
} buffers[ports + 1];

/* What is said to a client, or to who wants to be one. */
struct answer {
    unsigned operation;
    size_t size;
    void *data;
};

static struct answer fail(unsigned error) {
    struct answer it = {IO_FAIL | error, 0, NULL};

    return it;
}

static struct answer judge(const struct io_application *who) {
    static struct io_verdict verdict;
    struct answer it = {0, sizeof(verdict), &verdict};
    uint64_t may = IO_SET(IO_READ);

    if (who->euid == geteuid())
        may |= IO_SET(IO_WRITE) | IO_SET(IO_RESIZE);
    memset(&verdict, 0, sizeof(verdict));
    verdict.operations = who->operations & may;
    verdict.verdict = verdict.operations != 0 ? IO_ACCEPT : IO_REJECT;
    verdict.error = verdict.operations != 0 ? 0 : EACCES;
    return it;
}

static struct answer serve(unsigned operation, uint64_t address, size_t room, const void *data,
                           size_t size) {
    struct answer it = {0, 0, NULL};

    if (address > capacity || size > capacity - address)
        return fail(EFBIG);
    if (operation == IO_WRITE) {
        memcpy(content + address, data, size);
        if (content_size < address + size)
            content_size = address + size;
    } else if (operation == IO_RESIZE) {
        if (content_size < address)
            memset(content + content_size, 0, address - content_size);
        content_size = address;
    } else if (operation != IO_READ) {
        return fail(EOPNOTSUPP);
    } else if (address < content_size) {
        it.data = content + address;
        it.size = content_size - address < room ? content_size - address : room;
    }
    return it;
}

/* One client more or less: the next thing that happens at any port, and what is said. */
static int turn(int *clients) {
    int port = IO_ANY_PORT, kind;
    unsigned operation;
    uint64_t address;
    size_t room, size;
    void *data;
    struct answer it;

    kind = Complete_IO(&port, &operation, &address, &room, NULL, &size, &data);
    if (kind == IO_GONE)
        return 0;
    if (kind < 0) {
        if (errno != EPIPE)
            return -1;
        --*clients; /* gone, and here is the place for the next one */
        return Make_available(port, sizeof(buffers[port]), &buffers[port]);
    }
    if (kind == IO_APPLICATION)
        it = judge(&buffers[port].who);
    else
        it = serve(operation, address, room, data, size);
    size = sizeof(buffers[port]);
    data = &buffers[port];
    return Initiate_IO(&port, &it.operation, &address, &it.size, &it.data, &size, &data);
}

int main(int argc, char **argv) {
    int clients = argc > 2 ? atoi(argv[2]) : 0, port;

    if (clients <= 0) {
        fprintf(stderr, "usage: %s NAME CLIENTS [PATH]\n", argv[0]);
        return 2;
    }
    if (Become_server(argv[1]) != 0 || (argc > 3 && Publish(argv[3]) != 0))
        goto failed;
    for (port = 1; port <= ports; port++) {
        if (Make_available(port, sizeof(buffers[port]), &buffers[port]) != 0)
            goto failed;
    }
    while (clients > 0) {
        if (turn(&clients) != 0)
            goto failed;
    }
    return 0;
failed:
    perror(argv[1]);
    return 1;
}
