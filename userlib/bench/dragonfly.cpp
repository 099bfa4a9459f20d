// SPDX-License-Identifier: MIT
// Ports by the calls of DragonFly's caps, and what these amount to in the bare ABI: a request
// that is put, its reply that is waited for, and a server that is told that it was received.
#include "caps_commands.hpp"
#include "mechanisms.hpp"

#include <stdexcept>
#include <string_view>
#include <sys/caps.h>
#include <unistd.h>

namespace bench {
namespace dragonfly {
namespace {

// That of the other rows of ports, too.
constexpr const char *name = "capsbench";
constexpr auto any_group = static_cast<gid_t>(-1);

void expect(bool good, const char *what) {
    if (!good)
        throw std::runtime_error(what);
}

} // namespace

void serve(const side &self) {
    buffer request(self.row.request);
    buffer answer(self.row.answer);
    const int size = static_cast<int>(self.row.answer);
    const int id = caps_sys_service(name, geteuid(), any_group, 0, CAPF_ANYCLIENT);
    expect(id > 0, "caps_sys_service");
    say_ready(self);
    for (;;) {
        caps_msgid msgid{};
        const int got =
            caps_sys_wait(id, request.data(), static_cast<int>(self.row.request), &msgid, nullptr);
        expect(got >= 0, "caps_sys_wait");
        if (msgid.c_state == CAPMS_REQUEST)
            expect(caps_sys_reply(id, answer.data(), size, msgid.c_id) == 0, "caps_sys_reply");
    }
}

void call(const side &self) {
    buffer request(self.row.request);
    buffer answer(self.row.answer);
    const int id = caps_sys_client(name, geteuid(), any_group, 0, CAPF_ANYCLIENT);
    expect(id > 0, "caps_sys_client");
    int got = 0;
    measure(self, [&] {
        caps_msgid msgid{};
        (void)caps_sys_put(id, request.data(), static_cast<int>(self.row.request));
        got = caps_sys_wait(id, answer.data(), static_cast<int>(self.row.answer), &msgid, nullptr);
    });
    expect(got == static_cast<int>(self.row.answer), "caps_sys_wait");
}

} // namespace dragonfly

namespace caps {
namespace {

struct service_port {
    int fd;
    std::uint64_t port;
};

service_port offer_service() {
    const int fd = open_actor();
    caps_port_create port{};
    command(fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
    const std::string_view name = dragonfly::name;
    caps_register it{};
    it.port = port.capability;
    it.name = address(name.data());
    it.name_len = static_cast<std::uint32_t>(name.size());
    it.uid = geteuid();
    it.gid = CAPS_ANY_ID;
    it.operations = CAPS_ALL_OPERATIONS;
    command(fd, CAPS_REGISTER, it, "CAPS_REGISTER");
    return {fd, port.capability};
}

} // namespace

// It sleeps at one port, and finds what it is told at the other.
void serve_told(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    const service_port at = offer_service();
    caps_receive receive{};
    receive.port = at.port;
    receive.deadline = CAPS_FOREVER;
    receive.buffer = body(request, self.row.request);
    caps_receive told{};
    told.port = CAPS_DEFAULT_PORT;
    caps_reply reply{};
    reply.data = body(answer, self.row.answer);
    reply.flags = CAPS_DEFER | CAPS_RECEIPT;
    say_ready(self);
    command(at.fd, CAPS_RECEIVE, receive, "CAPS_RECEIVE");
    for (;;) {
        reply.id = receive.header.id;
        command(at.fd, CAPS_REPLY, reply, "CAPS_REPLY");
        command(at.fd, CAPS_RECEIVE, receive, "CAPS_RECEIVE");
        command(at.fd, CAPS_RECEIVE, told, "CAPS_RECEIVE");
    }
}

void call_told(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    const int fd = open_actor();
    caps_send send{};
    send.capability = connect(fd);
    send.data = body(request, self.row.request);
    send.flags = CAPS_DEFER;
    caps_receive receive{};
    receive.port = CAPS_DEFAULT_PORT;
    receive.deadline = CAPS_FOREVER;
    receive.buffer = body(answer, self.row.answer);
    measure(self, [&] {
        command(fd, CAPS_CALL_ASYNC, send, "CAPS_CALL_ASYNC");
        command(fd, CAPS_RECEIVE, receive, "CAPS_RECEIVE");
    });
    if (receive.header.body_len != self.row.answer)
        throw std::runtime_error("caps: not the answer that was sent");
}

} // namespace caps
} // namespace bench
