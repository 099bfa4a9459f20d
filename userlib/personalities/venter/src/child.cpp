// SPDX-License-Identifier: MIT
// What a child does: it reports to its parent, and opens the ports that it is given.
#include "family.hpp"

#include "client.hpp"
#include "file.hpp"
#include "process.hpp"
#include "server.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace venter {
namespace {

// For each port a parent can have said something, and half of the room is for one user.
constexpr std::uint32_t room_for_notes = 2 * (IO_PORTS + 1);

} // namespace

void family::report_to_parent() {
    int descriptor = -1;
    int pid = 0;
    const char *const word = std::getenv("CAPSVENTER_PARENT");
    // A grandchild that was made by a bare fork() has inherited it, too.
    if (word == nullptr || std::sscanf(word, "%d:%d", &descriptor, &pid) != 2 || pid != ::getpid())
        return;
    (void)::unsetenv("CAPSVENTER_PARENT");
    caps_import it{};
    it.fd = descriptor;
    const int error = command(home_.device(), CAPS_IMPORT, &it);
    ::close(descriptor);
    // Without a parent it is as any other process.
    if (error == 0 && report(it.capability) == 0)
        pick_up();
}

/// Returns when the parent starts this process, or has gone. The capability stays: its end
/// tells the parent of that of this process.
int family::report(std::uint64_t parent) {
    caps_port_create notes{};
    notes.queue_limit = room_for_notes;
    caps_actor_self self{};
    int error = command(home_.device(), CAPS_PORT_CREATE, &notes);
    if (error == 0)
        error = command(home_.device(), CAPS_ACTOR_SELF, &self);
    if (error != 0)
        return error;
    notes_port_ = notes.capability;
    const caps_transfer given[2] = {
        {self.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHT_ACCEPT, 0},
        {notes.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHT_SEND, 0},
    };
    caps_attachments with{};
    with.capabilities = address_of(given);
    with.capability_count = 2;
    caps_call call{};
    call.capability = parent;
    call.deadline = CAPS_FOREVER;
    call.request.attachments = address_of(&with);
    do {
        error = command(home_.device(), CAPS_CALL, &call);
    } while (error == -EINTR);
    return 0;
}

void family::pick_up() {
    if (notes_port_ == 0)
        return;
    const std::lock_guard held(arrivals_lock_);
    // What a note is about has arrived before it was sent.
    while (hear_note())
        ;
    while (hear_arrival())
        ;
    while (!notes_.empty()) {
        const auto [it, descriptor] = notes_.front();
        notes_.pop_front();
        install(it, descriptor);
    }
}

bool family::hear_note() {
    note it{};
    std::int32_t descriptor = -1;
    caps_attachments with{};
    with.fds = address_of(&descriptor);
    with.fd_count = 1;
    caps_receive r{};
    r.port = notes_port_;
    r.buffer.annex = address_of(&it);
    r.buffer.annex_len = sizeof(it);
    r.buffer.attachments = address_of(&with);
    if (command(home_.device(), CAPS_RECEIVE, &r) != 0)
        return false;
    if (r.header.kind == CAPS_KIND_SEND && r.header.annex_len == sizeof(it))
        notes_.emplace_back(it, descriptor);
    return true;
}

bool family::hear_arrival() {
    caps_receive r{};
    r.port = CAPS_DEFAULT_PORT;
    if (command(home_.device(), CAPS_RECEIVE, &r) != 0)
        return false;
    if (r.header.kind == CAPS_KIND_CAPABILITY_ARRIVED)
        capabilities_.push_back(r.header.address);
    else if (r.header.kind == CAPS_KIND_PORT_ARRIVED)
        ports_.push_back(r.header.address);
    return true;
}

/// What has arrived for it: both come in the order in which the parent gave them.
bool family::matching(const note &it, std::uint64_t &handle) {
    auto &arrived = it.what == opening::kind::server ? ports_ : capabilities_;
    if (arrived.empty())
        return false;
    handle = arrived.front();
    arrived.pop_front();
    return true;
}

/// A number that the program uses already stays what it is, and what was given is closed.
void family::install(const note &it, int descriptor) {
    std::uint64_t handle = 0;
    if (it.what != opening::kind::file && !matching(it, handle))
        return;
    const int number = static_cast<int>(it.number);
    port *const here = home_.find(number);
    if (here == nullptr)
        return;
    const std::unique_lock held = home_.enter(*here);
    std::unique_ptr<end> at;
    if (it.what == opening::kind::file) {
        if (!held || here->at != nullptr) {
            ::close(descriptor);
            return;
        }
        at = std::make_unique<file>(descriptor, it.operations, here->descriptor);
    } else if (it.what == opening::kind::client) {
        at = std::make_unique<client>(home_, number, handle, it.operations);
    } else {
        auto asked = std::make_unique<server>(home_, here->options);
        if (held && here->at == nullptr)
            asked->be_connected(handle, it.cookie);
        at = std::move(asked);
    }
    if (held && here->at == nullptr)
        home_.install(*here, std::move(at));
}

} // namespace venter
