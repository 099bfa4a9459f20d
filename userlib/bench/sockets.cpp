// SPDX-License-Identifier: MIT
// AF_UNIX: seqpacket and stream pairs, and connections to a listener.
#include "mechanisms.hpp"

#include <array>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace bench::sockets {
namespace {

constexpr std::string_view name = "capsbench"; // abstract: nothing to clean up

int make_listener() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    check(bind(fd, reinterpret_cast<sockaddr *>(&address), length), "bind");
    check(listen(fd, 128), "listen");
    return fd;
}

void send_all(int fd, const std::byte *from, std::size_t size) {
    while (size > 0) {
        const ssize_t put = check(::send(fd, from, size, MSG_NOSIGNAL), "send");
        from += put;
        size -= static_cast<std::size_t>(put);
    }
}

// False at the end of the connection.
bool receive_all(int fd, std::byte *to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = check(recv(fd, to, size, 0), "recv");
        if (got == 0)
            return false;
        to += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

} // namespace

std::vector<int> prepare(const row &r) {
    const bool packets = r.mechanism == "seqpacket";
    int fds[2];
    check(socketpair(AF_UNIX, packets ? SOCK_SEQPACKET : SOCK_STREAM, 0, fds), "socketpair");
    if (packets) {
        // A packet must fit as a whole.
        const int room = 4 << 20;
        for (const int fd : fds)
            check(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room), "SO_SNDBUFFORCE");
    }
    return {fds[0], fds[1]};
}

void serve(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    say_ready(self);
    while (receive_all(self.fds[1], request.data(), self.row.request))
        send_all(self.fds[1], answer.data(), self.row.answer);
}

void call(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    measure(self, [&] {
        send_all(self.fds[0], request.data(), self.row.request);
        if (!receive_all(self.fds[0], answer.data(), self.row.answer))
            fail("the server has gone");
    });
}

std::vector<int> prepare_oneway(const row &r) {
    std::vector<int> fds = prepare(r);
    for (const int fd : eventfds::prepare(r))
        fds.push_back(fd);
    return fds;
}

void drain(const side &self) {
    const buffer all(self.row.request * burst);
    std::array<iovec, burst> places;
    std::array<mmsghdr, burst> headers{};
    for (unsigned i = 0; i < burst; i++) {
        places[i] = {all.data() + i * self.row.request, self.row.request};
        headers[i].msg_hdr.msg_iov = &places[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    say_ready(self);
    for (;;) {
        eventfds::wait(self.fds[2]);
        if (recvmmsg(self.fds[1], headers.data(), burst, 0, nullptr) != burst)
            fail("recvmmsg");
        eventfds::signal(self.fds[3]);
    }
}

void send_many(const side &self) {
    const buffer message(self.row.request);
    measure(
        self,
        [&] {
            for (unsigned i = 0; i < burst; i++)
                send_all(self.fds[0], message.data(), self.row.request);
            eventfds::signal(self.fds[2]);
            eventfds::wait(self.fds[3]);
        },
        burst);
}

std::vector<int> prepare_listener(const row &) {
    return {make_listener()};
}

void accept_calls(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    say_ready(self);
    for (;;) {
        const int fd = check(accept(self.fds[0], nullptr, nullptr), "accept");
        if (receive_all(fd, request.data(), self.row.request))
            send_all(fd, answer.data(), self.row.answer);
        close(fd);
    }
}

void connect_call_close(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    sockaddr_un address{};
    socklen_t length = sizeof address;
    check(getsockname(self.fds[0], reinterpret_cast<sockaddr *>(&address), &length), "getsockname");
    measure(self, [&] {
        const int fd = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
        check(connect(fd, reinterpret_cast<sockaddr *>(&address), length), "connect");
        send_all(fd, request.data(), self.row.request);
        if (!receive_all(fd, answer.data(), self.row.answer))
            fail("the server has gone");
        close(fd);
    });
}

} // namespace bench::sockets
