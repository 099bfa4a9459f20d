// SPDX-License-Identifier: MIT
// The parent's part; the child's is in child.cpp.
#include "family.hpp"

#include "process.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace venter {
namespace {

constexpr std::uint32_t placed_rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH;

} // namespace

/// The port that children call.
int family::begin() {
    if (port_ != 0)
        return 0;
    caps_port_create it{};
    const int error = command(home_.device(), CAPS_PORT_CREATE, &it);
    if (error == 0)
        port_ = it.capability;
    return error;
}

/// A descriptor with a capability to it, whose badge says which child it is.
int family::invite(int &descriptor) {
    int error = begin();
    if (error != 0)
        return error;
    caps_duplicate one{};
    one.capability = port_;
    one.operations = CAPS_ALL_OPERATIONS;
    one.badge = ++badges_;
    one.rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT;
    one.flags = CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED;
    error = command(home_.device(), CAPS_DUPLICATE, &one);
    if (error != 0)
        return error;
    caps_export it{};
    it.capability = one.result;
    error = command(home_.device(), CAPS_EXPORT, &it);
    home_.close_capability(one.result);
    descriptor = it.fd;
    return error;
}

pid_t family::create() {
    const std::lock_guard held(lock_);
    int descriptor = -1;
    const int error = invite(descriptor);
    if (error != 0)
        return error;
    const pid_t pid = ::fork();
    if (pid == 0) {
        (void)::fcntl(descriptor, F_SETFD, 0);
        const std::string word = std::to_string(descriptor) + ":" + std::to_string(::getpid());
        (void)::setenv("CAPSVENTER_PARENT", word.c_str(), 1);
        return 0;
    }
    const int failed = -errno;
    ::close(descriptor);
    if (pid < 0)
        return failed;
    child it;
    it.badge = badges_;
    children_[pid] = it; // perhaps in place of one that had the number before
    return pid;
}

/// One message of children.
int family::listen() {
    std::uint64_t capabilities[2] = {};
    caps_attachments with{};
    with.capabilities = address_of(capabilities);
    with.capability_count = 2;
    caps_receive r{};
    r.port = port_;
    r.deadline = CAPS_FOREVER;
    r.buffer.attachments = address_of(&with);
    const int error = command(home_.device(), CAPS_RECEIVE, &r);
    if (error == 0)
        heard(r.header, r.header.capability_count == 2 ? capabilities : nullptr);
    return error;
}

void family::heard(const caps_header &header, const std::uint64_t *capabilities) {
    for (auto &[pid, it] : children_) {
        if (header.kind == CAPS_KIND_CANCELLED && header.id == it.call)
            it.call = 0; // it executes another program, which will call
        if (header.badge != it.badge)
            continue;
        if (header.kind == CAPS_KIND_DISCONNECTED) {
            it.gone = true;
        } else if (header.kind == CAPS_KIND_CALL && capabilities != nullptr) {
            it.call = header.id;
            it.actor = capabilities[0];
            it.notes = capabilities[1];
        }
    }
}

/// A child, once it has called.
int family::find_ready(pid_t pid, child *&it) {
    const auto found = children_.find(pid);
    if (found == children_.end())
        return -ECHILD;
    it = &found->second;
    while (it->call == 0 && !it->started && !it->gone) {
        const int error = listen();
        if (error != 0)
            return error;
    }
    return it->gone ? -ESRCH : 0;
}

int family::start(pid_t pid) {
    const std::lock_guard held(lock_);
    child *it = nullptr;
    const int error = find_ready(pid, it);
    if (error != 0)
        return error;
    if (it->started)
        return -EALREADY;
    it->started = true;
    caps_reply go{};
    go.id = it->call;
    return command(home_.device(), CAPS_REPLY, &go);
}

int family::reserve(pid_t pid, int number) {
    const std::lock_guard held(lock_);
    const auto found = children_.find(pid);
    if (found == children_.end())
        return -ECHILD;
    if (number < 1 || number > IO_PORTS)
        return -EBADF;
    return found->second.given.insert(number).second ? 0 : -EBUSY;
}

void family::release(pid_t pid, int number) {
    const std::lock_guard held(lock_);
    const auto found = children_.find(pid);
    if (found != children_.end())
        found->second.given.erase(number);
}

int family::give(pid_t pid, int number, const opening &it) {
    const std::lock_guard held(lock_);
    child *to = nullptr;
    int error = find_ready(pid, to);
    if (error == 0)
        error = place(*to, it);
    if (error != 0 && it.what == opening::kind::server) {
        caps_port_ref gone{};
        gone.capability = it.handle;
        (void)command(home_.device(), CAPS_PORT_DELETE, &gone);
    }
    if (error == 0) {
        error = tell(*to, number, it);
        // It has something and does not know what for: what comes next would be mistaken.
        to->gone = error != 0;
    }
    close(it);
    return error == -EPIPE ? -ESRCH : error;
}

int family::place(const child &to, const opening &it) {
    if (it.what == opening::kind::server) {
        caps_port_migrate move{};
        move.capability = it.handle;
        move.actor = to.actor;
        return command(home_.device(), CAPS_PORT_MIGRATE, &move);
    }
    if (it.what == opening::kind::file)
        return 0;
    caps_place put{};
    put.capability = it.handle;
    put.operations = it.operations;
    put.actor = to.actor;
    put.rights = placed_rights;
    return command(home_.device(), CAPS_PLACE, &put);
}

int family::tell(const child &to, int number, const opening &it) {
    const note word{it.what, static_cast<std::uint32_t>(number), it.operations, it.cookie};
    const std::int32_t descriptor = it.descriptor;
    caps_attachments with{};
    with.fds = address_of(&descriptor);
    with.fd_count = 1;
    caps_send send{};
    send.capability = to.notes;
    send.data.annex = address_of(&word);
    send.data.annex_len = sizeof(word);
    if (it.what == opening::kind::file)
        send.data.attachments = address_of(&with);
    return command(home_.device(), CAPS_SEND, &send);
}

void family::close(const opening &it) const {
    if (it.what == opening::kind::file)
        ::close(it.descriptor);
    else
        home_.close_capability(it.handle);
}

} // namespace venter
