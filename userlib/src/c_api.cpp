// SPDX-License-Identifier: MIT
// The C interface: each command of /dev/caps as a function. The C++ classes are made of these.
#include <caps/caps.h>
#include <caps/config.hpp>
#include <caps/deadline.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <unistd.h>

#include <cstring>

// A struct that grows needs a new version of the functions that take it, in libcapsuser.map: those
// of this version must go on passing the size that their callers were built with.
static_assert(sizeof(caps_query) == CAPS_QUERY_SIZE_VER0);
static_assert(sizeof(caps_actor_info) == CAPS_ACTOR_INFO_SIZE_VER0);
static_assert(sizeof(caps_duplicate) == CAPS_DUPLICATE_SIZE_VER0);
static_assert(sizeof(caps_place) == CAPS_PLACE_SIZE_VER0);
static_assert(sizeof(caps_capability_info) == CAPS_CAPABILITY_INFO_SIZE_VER0);
static_assert(sizeof(caps_port_info) == CAPS_PORT_INFO_SIZE_VER0);
static_assert(sizeof(caps_send) == CAPS_SEND_SIZE_VER0);
static_assert(sizeof(caps_call) == CAPS_CALL_SIZE_VER0);
static_assert(sizeof(caps_receive) == CAPS_RECEIVE_SIZE_VER0);
static_assert(sizeof(caps_get_data) == CAPS_GET_DATA_SIZE_VER0);
static_assert(sizeof(caps_reply) == CAPS_REPLY_SIZE_VER0);
static_assert(sizeof(caps_reply_receive) == CAPS_REPLY_RECEIVE_SIZE_VER0);
static_assert(sizeof(caps_identity) == CAPS_IDENTITY_SIZE_VER0);
static_assert(sizeof(caps_group_info) == CAPS_GROUP_INFO_SIZE_VER0);

namespace {

// Signals need nothing from us: the kernel restarts what had no effect yet, and reports EINTR only
// to a program whose handler was installed without SA_RESTART, which asked for it.
int command(int actor, unsigned long number, void *argument) {
    const int outcome = ::ioctl(actor, number, argument);
    return outcome < 0 ? -errno : outcome;
}

std::uint64_t address_of(const void *pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

} // namespace

extern "C" {

int capsu_open(const char *device) {
    const int fd = ::open(device ? device : "/dev/caps", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int capsu_query(int actor, caps_query *limits) {
    *limits = {};
    return command(actor, CAPS_QUERY, limits);
}

int capsu_actor_info(int actor, caps_actor_info *info) {
    *info = {};
    return command(actor, CAPS_ACTOR_INFO, info);
}

int capsu_duplicate(int actor, struct caps_duplicate *duplicate) {
    return command(actor, CAPS_DUPLICATE, duplicate);
}

int capsu_close(int actor, uint64_t capability) {
    struct caps_close close = {.capability = capability, .flags = 0, .reserved = 0};
    return command(actor, CAPS_CLOSE, &close);
}

int capsu_capability_info(int actor, uint64_t capability, struct caps_capability_info *info) {
    *info = {};
    info->capability = capability;
    return command(actor, CAPS_CAPABILITY_INFO, info);
}

int capsu_export(int actor, uint64_t capability) {
    struct caps_export out = {.capability = capability, .flags = 0, .fd = -1};
    const int outcome = command(actor, CAPS_EXPORT, &out);
    return outcome < 0 ? outcome : out.fd;
}

int capsu_actor_self(int actor, uint64_t *capability) {
    struct caps_actor_self self = {.flags = 0, .reserved = 0, .capability = 0};
    const int outcome = command(actor, CAPS_ACTOR_SELF, &self);
    if (outcome == 0)
        *capability = self.capability;
    return outcome;
}

int capsu_import(int actor, int fd, uint64_t *capability) {
    struct caps_import in = {.fd = fd, .flags = 0, .capability = 0};
    const int outcome = command(actor, CAPS_IMPORT, &in);
    if (outcome >= 0)
        *capability = in.capability;
    return outcome;
}

int capsu_place(int actor, struct caps_place *place) {
    return command(actor, CAPS_PLACE, place);
}

int capsu_keep(int actor) {
    struct caps_keep keep = {.flags = 0, .reserved = 0};
    return command(actor, CAPS_KEEP, &keep);
}

int capsu_adopt(int actor) {
    struct caps_keep keep = {.flags = 0, .reserved = 0};
    return command(actor, CAPS_ADOPT, &keep);
}

int capsu_watch(int actor, uint64_t capability, uint64_t source, uint64_t *id) {
    struct caps_watch watch = {
        .capability = capability, .source = source, .flags = 0, .reserved = 0, .id = 0};
    const int outcome = command(actor, CAPS_WATCH, &watch);
    if (outcome >= 0)
        *id = watch.id;
    return outcome;
}

int capsu_signal(int actor, uint64_t capability, uint64_t bits) {
    struct caps_signal signal = {.capability = capability, .bits = bits, .flags = 0, .reserved = 0};
    return command(actor, CAPS_SIGNAL, &signal);
}

int capsu_port_create(int actor, uint64_t cookie, uint32_t queue_limit, uint32_t flags,
                      uint64_t *port) {
    struct caps_port_create create = {
        .cookie = cookie, .queue_limit = queue_limit, .flags = flags, .capability = 0};
    const int outcome = command(actor, CAPS_PORT_CREATE, &create);
    if (outcome >= 0)
        *port = create.capability;
    return outcome;
}

int capsu_port_delete(int actor, uint64_t port) {
    struct caps_port_ref which = {.capability = port, .flags = 0, .reserved = 0};
    return command(actor, CAPS_PORT_DELETE, &which);
}

int capsu_port_enable(int actor, uint64_t port, uint32_t priority) {
    struct caps_port_enable enable = {.capability = port, .priority = priority, .flags = 0};
    return command(actor, CAPS_PORT_ENABLE, &enable);
}

int capsu_port_disable(int actor, uint64_t port) {
    struct caps_port_ref which = {.capability = port, .flags = 0, .reserved = 0};
    return command(actor, CAPS_PORT_DISABLE, &which);
}

int capsu_port_info(int actor, uint64_t port, struct caps_port_info *info) {
    *info = {};
    info->capability = port;
    return command(actor, CAPS_PORT_INFO, info);
}

int capsu_revoke(int actor, struct caps_revoke *revoke) {
    return command(actor, CAPS_REVOKE, revoke);
}

int capsu_port_file(int actor, uint64_t port) {
    struct caps_export out = {.capability = port, .flags = 0, .fd = -1};
    const int outcome = command(actor, CAPS_PORT_FILE, &out);
    return outcome < 0 ? outcome : out.fd;
}

int capsu_unpark(int actor, struct caps_unpark *unpark) {
    const int outcome = command(actor, CAPS_UNPARK, unpark);
    return outcome < 0 ? outcome : static_cast<int>(unpark->ended);
}

int capsu_port_migrate(int actor, struct caps_port_migrate *migrate) {
    return command(actor, CAPS_PORT_MIGRATE, migrate);
}

int capsu_send(int actor, struct caps_send *message) {
    return command(actor, CAPS_SEND, message);
}

int capsu_call(int actor, struct caps_call *call) {
    return command(actor, CAPS_CALL, call);
}

int capsu_call_async(int actor, struct caps_send *message) {
    return command(actor, CAPS_CALL_ASYNC, message);
}

int capsu_receive(int actor, struct caps_receive *receive) {
    return command(actor, CAPS_RECEIVE, receive);
}

int capsu_receive_batch(int actor, uint64_t port, uint64_t deadline, struct caps_receive *entries,
                        uint32_t count) {
    struct caps_receive_batch batch = {.port = port,
                                       .deadline = deadline,
                                       .entries = address_of(entries),
                                       .count = count,
                                       .flags = 0,
                                       .received = 0,
                                       .reserved = 0};
    const int outcome = command(actor, CAPS_RECEIVE_BATCH, &batch);
    return outcome < 0 ? outcome : static_cast<int>(batch.received);
}

int capsu_get_data(int actor, struct caps_get_data *get) {
    return command(actor, CAPS_GET_DATA, get);
}

int capsu_reply(int actor, struct caps_reply *reply) {
    return command(actor, CAPS_REPLY, reply);
}

int capsu_reply_receive(int actor, struct caps_reply_receive *both) {
    return command(actor, CAPS_REPLY_RECEIVE, both);
}

int capsu_discard(int actor, uint64_t id) {
    struct caps_discard discard = {.id = id, .flags = 0, .reserved = 0};
    return command(actor, CAPS_DISCARD, &discard);
}

int capsu_forward(int actor, uint64_t id, uint64_t capability) {
    struct caps_forward forward = {.id = id, .capability = capability, .flags = 0, .reserved = 0};
    return command(actor, CAPS_FORWARD, &forward);
}

int capsu_abort(int actor, uint64_t id) {
    struct caps_abort abort = {.id = id, .flags = 0, .outcome = 0};
    const int outcome = command(actor, CAPS_ABORT, &abort);
    return outcome < 0 ? outcome : static_cast<int>(abort.outcome);
}

int capsu_header(int actor, uint64_t id, struct caps_header *header) {
    struct caps_get_header get = {};
    get.id = id;
    const int outcome = command(actor, CAPS_HEADER, &get);
    if (outcome >= 0)
        *header = get.header;
    return outcome;
}

int capsu_identity(int actor, struct caps_identity *identity) {
    return command(actor, CAPS_IDENTITY, identity);
}

int capsu_group_create(int actor, uint64_t *group) {
    struct caps_group_create create = {.flags = 0, .reserved = 0, .capability = 0};
    const int outcome = command(actor, CAPS_GROUP_CREATE, &create);
    if (outcome >= 0)
        *group = create.capability;
    return outcome;
}

int capsu_group_insert(int actor, uint64_t group, uint64_t port) {
    struct caps_group_member member = {.group = group, .port = port, .flags = 0, .reserved = 0};
    return command(actor, CAPS_GROUP_INSERT, &member);
}

int capsu_group_remove(int actor, uint64_t group, uint64_t port) {
    struct caps_group_member member = {.group = group, .port = port, .flags = 0, .reserved = 0};
    return command(actor, CAPS_GROUP_REMOVE, &member);
}

int capsu_group_delete(int actor, uint64_t group) {
    struct caps_group_ref which = {.capability = group, .flags = 0, .reserved = 0};
    return command(actor, CAPS_GROUP_DELETE, &which);
}

int capsu_group_info(int actor, uint64_t group, struct caps_group_info *info) {
    *info = {};
    info->capability = group;
    return command(actor, CAPS_GROUP_INFO, info);
}

int capsu_register_name(int actor, const struct caps_register *reg) {
    struct caps_register copy = *reg;
    return command(actor, CAPS_REGISTER, &copy);
}

int capsu_unregister_name(int actor, const struct caps_unregister *unreg) {
    struct caps_unregister copy = *unreg;
    return command(actor, CAPS_UNREGISTER, &copy);
}

int capsu_connect_name(int actor, struct caps_connect *connect) {
    return command(actor, CAPS_CONNECT, connect);
}

int capsu_services(int actor, struct caps_services *services) {
    return command(actor, CAPS_SERVICES, services);
}

int capsu_generation_set(int actor, uint64_t port, uint64_t generation) {
    struct caps_generation_set set = {
        .capability = port, .generation = generation, .flags = 0, .reserved = 0};
    return command(actor, CAPS_GENERATION_SET, &set);
}

static int generation_of(int actor, struct caps_generation get, uint64_t *generation) {
    const int outcome = command(actor, CAPS_GENERATION, &get);
    if (outcome >= 0)
        *generation = get.generation;
    return outcome;
}

int capsu_generation(int actor, uint64_t capability, uint64_t *generation) {
    return generation_of(
        actor,
        {.capability = capability, .generation = 0, .deadline = 0, .flags = 0, .reserved = 0},
        generation);
}

int capsu_generation_wait(int actor, uint64_t capability, uint64_t *generation, uint64_t deadline) {
    return generation_of(actor,
                         {.capability = capability,
                          .generation = *generation,
                          .deadline = deadline,
                          .flags = CAPS_GENERATION_WAIT,
                          .reserved = 0},
                         generation);
}

int capsu_register(int actor, uint64_t port, const char *name, uint64_t operations,
                   uint32_t flags) {
    const struct caps_register reg = {.port = port,
                                      .name = address_of(name),
                                      .operations = operations,
                                      .name_len = static_cast<__u32>(std::strlen(name)),
                                      .uid = geteuid(),
                                      .gid = CAPS_ANY_ID,
                                      .flags = flags,
                                      .in_flight = 0,
                                      .reserved = 0};
    return capsu_register_name(actor, &reg);
}

int capsu_unregister(int actor, const char *name) {
    const struct caps_unregister unreg = {.name = address_of(name),
                                          .name_len = static_cast<__u32>(std::strlen(name)),
                                          .uid = geteuid(),
                                          .gid = CAPS_ANY_ID,
                                          .flags = 0};
    return capsu_unregister_name(actor, &unreg);
}

int capsu_connect(int actor, const char *name, uid_t uid, uint64_t *operations,
                  uint64_t *capability) {
    struct caps_connect connect {};
    connect.name = address_of(name);
    connect.name_len = static_cast<__u32>(std::strlen(name));
    connect.uid = uid;
    connect.gid = CAPS_ANY_ID;
    connect.verdict = CAPS_FOREVER;
    connect.operations = *operations;
    const int outcome = capsu_connect_name(actor, &connect);
    if (outcome >= 0) {
        *operations = connect.operations;
        *capability = connect.capability;
    }
    return outcome;
}

uint64_t capsu_deadline(int64_t nanoseconds) {
    return caps::deadline(std::chrono::nanoseconds(nanoseconds)).nanoseconds();
}

const char *capsu_version() {
    return CAPSUSER_VERSION;
}

} // extern "C"
