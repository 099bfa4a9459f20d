// SPDX-License-Identifier: MIT
// How an id comes to be a service, or a client.
#include "port.hpp"

#include <cerrno>

namespace dragonfly {
namespace {

// The one operation that there is.
constexpr std::uint64_t request = 1;

std::uint32_t rules(int flags) {
    return (flags & CAPF_USER ? CAPS_REGISTER_USER : 0) |
           (flags & CAPF_GROUP ? CAPS_REGISTER_GROUP : 0) |
           (flags & CAPF_WORLD ? CAPS_REGISTER_WORLD : 0);
}

int enable(int device, std::uint64_t port) {
    caps_port_enable it{};
    it.capability = port;
    return command(device, CAPS_PORT_ENABLE, &it);
}

bool is_nobodys(const name &it) {
    return it.uid == CAPS_ANY_ID && it.gid == CAPS_ANY_ID;
}

} // namespace

/// The cookie tells signals to this port from those to the default port.
int port::begin(std::uint32_t room) {
    caps_port_create made{};
    made.cookie = 1;
    made.queue_limit = room;
    int error = command(device_.fd(), CAPS_PORT_CREATE, &made);
    main_ = made.capability;
    if (error == 0)
        error = enable(device_.fd(), main_);
    if (error == 0)
        error = enable(device_.fd(), CAPS_DEFAULT_PORT);
    return error;
}

/// Each client may have CAPS_MAXINPROG requests there, however many clients a user has.
std::uint32_t port::largest_queue() const {
    caps_query it{};
    return command(device_.fd(), CAPS_QUERY, &it) == 0 ? it.max_queue_limit : 0;
}

int port::become_service(const name &as, int flags) {
    if (is_nobodys(as))
        return -EINVAL;
    is_service_ = true;
    const int error = begin(largest_queue());
    if (error != 0)
        return error;
    caps_register it{};
    it.port = main_;
    it.name = address_of(as.text.data());
    it.name_len = static_cast<std::uint32_t>(as.text.size());
    it.uid = as.uid;
    it.gid = as.gid;
    it.flags = CAPS_REGISTER_NEWEST | (flags & CAPF_EXCL ? CAPS_REGISTER_FIRST : 0);
    // Without a rule nobody may connect: everybody finds it, and it grants nothing.
    it.flags |= flags & CAPF_ANYCLIENT ? rules(flags) : CAPS_REGISTER_WORLD;
    it.operations = flags & CAPF_ANYCLIENT ? request : 0;
    return command(device_.fd(), CAPS_REGISTER, &it);
}

int port::become_client(const name &of, int flags) {
    if (is_nobodys(of))
        return -EINVAL;
    const int error = begin(0);
    if (error != 0)
        return error;
    caps_connect it{};
    it.name = address_of(of.text.data());
    it.name_len = static_cast<std::uint32_t>(of.text.size());
    it.uid = of.uid;
    it.gid = of.gid;
    it.flags = rules(flags);
    it.deadline = flags & CAPF_WAITSVC ? CAPS_FOREVER : 0;
    it.verdict = CAPS_FOREVER;
    it.operations = request;
    const int refused = command(device_.fd(), CAPS_CONNECT, &it);
    if (refused != 0)
        return refused;
    if (!(flags & CAPF_ANYCLIENT))
        return -EACCES;
    connection_ = it.capability;
    return watch();
}

int port::watch() {
    caps_watch it{};
    it.capability = connection_;
    it.source = main_;
    const int error = command(device_.fd(), CAPS_WATCH, &it);
    watch_ = it.id;
    return error;
}

} // namespace dragonfly
