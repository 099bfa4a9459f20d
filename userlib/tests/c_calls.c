/* SPDX-License-Identifier: MIT */
/*
 * The C interface, used from C: compiles as C, links by versioned symbols,
 * and does what the C++ one does. Each function returns 0 or the line that
 * did not do as it should, with the outcome in *seen.
 */
#include <caps/caps.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define EXPECT(value, expected)                                                                    \
    do {                                                                                           \
        *seen = (long long)(value);                                                                \
        if (*seen != (long long)(expected))                                                        \
            return __LINE__;                                                                       \
    } while (0)

/* One actor, both ends: an async call, its answer, and what is left of it. */
static int async_call(int actor, uint64_t port, uint64_t client, long long *seen) {
    static const char question[] = "question", answer[] = "answer";
    char got[16] = "";
    struct caps_send send = {.capability = client,
                             .operation = 2,
                             .data = {.body = (uintptr_t)question, .body_len = sizeof(question)}};
    struct caps_receive receive = {.port = port,
                                   .deadline = capsu_deadline(60000000000),
                                   .buffer = {.body = (uintptr_t)got, .body_len = sizeof(got)}};
    struct caps_reply reply = {.status = 6,
                               .data = {.body = (uintptr_t)answer, .body_len = sizeof(answer)}};
    struct caps_header header;

    EXPECT(capsu_call_async(actor, &send), 0);
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(strcmp(got, question), 0);
    EXPECT(receive.header.operation, 2);
    EXPECT(receive.header.badge, 5);
    EXPECT(capsu_header(actor, receive.header.id, &header), 0);
    EXPECT(header.sequence, 1);
    reply.id = receive.header.id;
    EXPECT(capsu_reply(actor, &reply), 0);
    EXPECT(capsu_reply(actor, &reply), -ENOMSG);

    receive.port = CAPS_DEFAULT_PORT;
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(receive.header.kind, CAPS_KIND_REPLY);
    EXPECT(receive.header.id, send.id);
    EXPECT(receive.header.status, 6);
    EXPECT(strcmp(got, answer), 0);
    EXPECT(capsu_abort(actor, send.id), CAPS_ABORT_UNKNOWN);
    return 0;
}

/* What takes another process is in the selftests. */
static int kept_and_moved(int actor, uint64_t port, long long *seen) {
    struct caps_port_migrate migrate = {.capability = port};
    struct caps_place place = {
        .capability = port, .actor = port, .operations = 1, .rights = CAPS_RIGHT_SEND};
    struct caps_receive receive = {.port = CAPS_DEFAULT_PORT};
    uint64_t self;

    EXPECT(capsu_keep(actor), 0);
    EXPECT(capsu_adopt(actor), -EBUSY);
    EXPECT(capsu_actor_self(actor, &self), 0);
    migrate.actor = self;
    EXPECT(capsu_port_migrate(actor, &migrate), -EBUSY);
    EXPECT(capsu_place(actor, &place), -EINVAL);
    place.actor = self;
    EXPECT(capsu_place(actor, &place), 0);
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(receive.header.kind, CAPS_KIND_CAPABILITY_ARRIVED);
    EXPECT(capsu_close(actor, receive.header.address), 0);
    EXPECT(capsu_close(actor, self), 0);
    return 0;
}

/* A call that goes round once, and the end of where it went. */
static int watched_and_forwarded(int actor, uint64_t port, long long *seen) {
    struct caps_send send = {.capability = port};
    struct caps_receive receive = {.port = port};
    uint64_t other, id;

    EXPECT(capsu_port_create(actor, 0, 0, 0, &other), 0);
    EXPECT(capsu_watch(actor, other, 0, &id), 0);
    EXPECT(capsu_call_async(actor, &send), 0);
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(capsu_forward(actor, receive.header.id, other), 0);
    EXPECT(capsu_forward(actor, receive.header.id, other), -ENOMSG);
    EXPECT(capsu_port_delete(actor, other), 0);
    receive.port = CAPS_DEFAULT_PORT;
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(receive.header.id, send.id);
    EXPECT(receive.header.error, ECONNRESET);
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(receive.header.kind, CAPS_KIND_PORT_DEAD);
    EXPECT(receive.header.id, id);
    EXPECT(capsu_close(actor, other), 0);
    return 0;
}

/* A capability and a file, which come back as others. */
static int attached(int actor, uint64_t port, long long *seen) {
    struct caps_transfer give = {.capability = port, .operations = 2, .rights = CAPS_RIGHT_SEND};
    int file = actor, got_file = -1;
    uint64_t got = 0;
    struct caps_attachments along = {.capabilities = (uintptr_t)&give,
                                     .fds = (uintptr_t)&file,
                                     .capability_count = 1,
                                     .fd_count = 1};
    struct caps_attachments room = {.capabilities = (uintptr_t)&got,
                                    .fds = (uintptr_t)&got_file,
                                    .capability_count = 1,
                                    .fd_count = 1};
    struct caps_send send = {.capability = port, .data = {.attachments = (uintptr_t)&along}};
    struct caps_receive receive = {.port = port, .buffer = {.attachments = (uintptr_t)&room}};
    struct caps_capability_info info;

    EXPECT(capsu_send(actor, &send), -EINVAL);
    file = STDERR_FILENO;
    EXPECT(capsu_send(actor, &send), 0);
    EXPECT(capsu_receive(actor, &receive), 0);
    EXPECT(receive.header.capability_count, 1);
    EXPECT(receive.header.fd_count, 1);
    EXPECT(room.capabilities_put, 1);
    EXPECT(room.fds_put, 1);
    EXPECT(capsu_capability_info(actor, got, &info), 0);
    EXPECT(info.operations, 2);
    EXPECT(capsu_close(actor, got), 0);
    EXPECT(close(got_file), 0);
    return 0;
}

static int held_message(int actor, uint64_t port, long long *seen) {
    char got[8] = "";
    struct caps_send send = {.capability = port,
                             .data = {.body = (uintptr_t) "abcdefg", .body_len = 8}};
    struct caps_receive entries[4] = {{.flags = CAPS_HOLD}, {.flags = CAPS_HOLD}};
    struct caps_get_data get = {.offset = 4,
                                .buffer = {.body = (uintptr_t)got, .body_len = sizeof(got)}};
    struct caps_identity identity = {0};

    EXPECT(capsu_send(actor, &send), 0);
    EXPECT(capsu_send(actor, &send), 0);
    EXPECT(capsu_receive_batch(actor, port, 0, entries, 4), 2);
    get.id = entries[1].header.id;
    EXPECT(capsu_get_data(actor, &get), 0);
    EXPECT(get.copied, 4);
    EXPECT(strcmp(got, "efg"), 0);
    identity.id = get.id;
    EXPECT(capsu_identity(actor, &identity), 0);
    EXPECT(identity.user_namespace != 0, 1);
    EXPECT(capsu_discard(actor, entries[0].header.id), 0);
    EXPECT(capsu_discard(actor, entries[1].header.id), 0);
    EXPECT(capsu_discard(actor, entries[1].header.id), -ENOMSG);
    EXPECT(capsu_receive_batch(actor, port, 0, entries, 4), -EAGAIN);
    return 0;
}

int c_messages(long long *seen) {
    struct caps_duplicate duplicate = {.operations = CAPS_ALL_OPERATIONS,
                                       .badge = 5,
                                       .rights = CAPS_RIGHT_SEND,
                                       .flags = CAPS_DUP_BADGE};
    struct caps_port_info info;
    uint64_t port;
    int line, actor = capsu_open(NULL);

    EXPECT(actor >= 0, 1);
    EXPECT(capsu_port_create(actor, 9, 10, 0, &port), 0);
    EXPECT(capsu_port_info(actor, port, &info), 0);
    EXPECT(info.cookie, 9);
    EXPECT(info.queue_limit, 10);
    EXPECT(capsu_port_enable(actor, port, 3), 0);
    EXPECT(capsu_port_disable(actor, port), 0);
    EXPECT(capsu_port_disable(actor, port), -EBUSY);
    duplicate.capability = port;
    EXPECT(capsu_duplicate(actor, &duplicate), 0);
    line = async_call(actor, port, duplicate.result, seen);
    if (line)
        return line;
    line = held_message(actor, port, seen);
    if (line)
        return line;
    line = attached(actor, port, seen);
    if (line)
        return line;
    line = watched_and_forwarded(actor, port, seen);
    if (line)
        return line;
    line = kept_and_moved(actor, port, seen);
    if (line)
        return line;
    EXPECT(capsu_port_delete(actor, port), 0);
    EXPECT(capsu_close(actor, port), 0);
    EXPECT(capsu_close(actor, port), -EBADF);
    close(actor);
    return 0;
}

int c_names(const char *name, long long *seen) {
    uint64_t port, capability, imported, operations = CAPS_ALL_OPERATIONS;
    struct caps_capability_info info;
    struct caps_actor_info holds;
    struct caps_query limits;
    int fd, actor = capsu_open("/dev/caps");

    EXPECT(actor >= 0, 1);
    EXPECT(capsu_query(actor, &limits), 0);
    EXPECT(limits.max_annex, CAPS_MAX_ANNEX);
    EXPECT(capsu_port_create(actor, 0, 0, 0, &port), 0);
    EXPECT(capsu_register(actor, port, name, 3, CAPS_REGISTER_WORLD), 0);
    EXPECT(capsu_connect(actor, name, geteuid(), &operations, &capability), 0);
    EXPECT(operations, 3);
    EXPECT(capsu_capability_info(actor, capability, &info), 0);
    EXPECT(info.operations, 3);
    EXPECT(info.status & CAPS_INFO_OWN, CAPS_INFO_OWN);
    fd = capsu_export(actor, capability);
    EXPECT(fd >= 0, 1);
    EXPECT(capsu_import(actor, fd, &imported), 0);
    EXPECT(imported != capability, 1);
    EXPECT(capsu_unregister(actor, name), 0);
    EXPECT(capsu_connect(actor, name, geteuid(), &operations, &capability), -ENOENT);
    EXPECT(capsu_actor_info(actor, &holds), 0);
    EXPECT(holds.ports, 2);
    close(fd);
    close(actor);
    return 0;
}
