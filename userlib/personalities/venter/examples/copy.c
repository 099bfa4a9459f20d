/* SPDX-License-Identifier: MIT */
/*
 * Copies between whatever has a name: files, devices and servers, all by one call.
 *
 *   venter_copy OBJECT OBJECT...
 *
 * The first object is copied to the second, that to the third, and so on. A name with a
 * '/' is a path, else a server's. A terminal is read until its end-of-file character.
 */
#include <venter.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { from = 1, to = 2 };

static char buffer[4096];

static int complain(const char *object) {
    fprintf(stderr, "%s: %s\n", object, strerror(errno));
    return -1;
}

/* Up to a buffer's fill at an address. How many bytes it was; -1. */
static long transfer(int port, unsigned operation, uint64_t address, size_t size) {
    void *at = buffer;
    size_t none = 0;
    int done;

    if (operation == IO_READ) {
        done = IO(&port, &operation, &address, &none, NULL, &size, &at);
        return done == IO_ANSWER ? (long)size : -1;
    }
    done = IO(&port, &operation, &address, &size, &at, &none, NULL);
    return done == IO_ANSWER ? 0 : -1;
}

/* What the object had more than was written goes, where it has a size. */
static int cut(uint64_t size) {
    if (!(Operations(to) & IO_SET(IO_RESIZE)) || transfer(to, IO_RESIZE, size, 0) == 0)
        return 0;
    return errno == EINVAL ? 0 : -1;
}

static int copy_open(const char *source, const char *target) {
    uint64_t address = 0;
    long size;

    while ((size = transfer(from, IO_READ, address, sizeof(buffer))) > 0) {
        if (transfer(to, IO_WRITE, address, (size_t)size) != 0)
            return complain(target);
        address += (uint64_t)size;
    }
    if (size < 0)
        return complain(source);
    return cut(address) == 0 ? 0 : complain(target);
}

static int copy(const char *source, const char *target) {
    int result;

    if (Open(IO_SELF, from, source, IO_SET(IO_READ)) != 0)
        return complain(source);
    if (Open(IO_SELF, to, target, IO_SET(IO_WRITE) | IO_SET(IO_CREATE) | IO_SET(IO_RESIZE)) == 0) {
        result = copy_open(source, target);
        Close(to);
    } else {
        result = complain(target);
    }
    Close(from);
    return result;
}

int main(int argc, char **argv) {
    int i;

    if (argc < 3) {
        fprintf(stderr, "usage: %s OBJECT OBJECT...\n", argv[0]);
        return 2;
    }
    for (i = 1; i + 1 < argc; i++) {
        if (copy(argv[i], argv[i + 1]) != 0)
            return 1;
    }
    return 0;
}
