// SPDX-License-Identifier: MIT
// Moving a port there and back with a thousand messages in its queue: does it depend on the size
// of their bodies, which stay in the sender's pages?
#include "mechanisms.hpp"
#include "parameter.hpp"

#include <fcntl.h>
#include <linux/caps.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr std::uint32_t messages = 1000;

template <typename T>
void command(int fd, unsigned long number, T &argument, const char *what) {
    check(ioctl(fd, number, &argument), what);
}

struct owner {
    int fd = check(open("/dev/caps", O_RDWR | O_CLOEXEC), "/dev/caps");
    std::uint64_t other = 0; // the other one
};

// A capability to one, for the other.
void introduce(owner &to, const owner &who) {
    caps_actor_self self{};
    command(who.fd, CAPS_ACTOR_SELF, self, "CAPS_ACTOR_SELF");
    caps_export out{};
    out.capability = self.capability;
    command(who.fd, CAPS_EXPORT, out, "CAPS_EXPORT");
    caps_import in{};
    in.fd = out.fd;
    command(to.fd, CAPS_IMPORT, in, "CAPS_IMPORT");
    close(out.fd);
    to.other = in.capability;
}

// The handle that the other one has got for it.
std::uint64_t move(const owner &from, const owner &to, std::uint64_t port) {
    caps_port_migrate it{};
    it.capability = port;
    it.actor = from.other;
    command(from.fd, CAPS_PORT_MIGRATE, it, "CAPS_PORT_MIGRATE");
    caps_close old{};
    old.capability = port;
    command(from.fd, CAPS_CLOSE, old, "CAPS_CLOSE");
    caps_receive event{};
    event.port = CAPS_DEFAULT_PORT;
    command(to.fd, CAPS_RECEIVE, event, "CAPS_RECEIVE");
    return event.header.address;
}

} // namespace

void move_queue(const side &self) {
    owner here, there;
    introduce(here, there);
    introduce(there, here);
    const parameter budget("max_pinned", std::to_string(2 * messages * self.row.request));
    const buffer body(self.row.request);
    caps_port_create port{};
    port.queue_limit = 2 * messages + 2; // one user may fill half of a queue
    command(here.fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
    caps_send it{};
    it.capability = port.capability;
    it.data.body = body.address();
    it.data.body_len = self.row.request;
    it.flags = CAPS_DEFER;
    for (std::uint32_t i = 0; i < messages; i++)
        command(here.fd, CAPS_SEND, it, "CAPS_SEND");
    if (self.row.request > CAPS_MAX_ANNEX && it.result & CAPS_RESULT_COPIED)
        throw std::runtime_error("bodies were copied, not pinned");
    std::uint64_t handle = port.capability;
    measure(self, [&] { handle = move(there, here, move(here, there, handle)); });
    close(here.fd);
    close(there.fd);
}

} // namespace bench::caps
