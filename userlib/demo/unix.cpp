// SPDX-License-Identifier: MIT
#include "unix.hpp"

#include <cstring>
#include <sys/uio.h>

namespace demo {

unix_address::unix_address(const std::string &service, uid_t server) {
    std::string name = service + "." + std::to_string(server);
    address_.sun_family = AF_UNIX;
    // Abstract: the first byte of the path stays zero.
    std::memcpy(address_.sun_path + 1, name.data(), name.size());
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

caps::descriptor unix_socket(int type, const unix_address *bound) {
    caps::descriptor fd(check(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket"));
    if (bound)
        check(bind(fd.get(), bound->get(), bound->size()), "bind");
    return fd;
}

void unix_stream::send(std::span<const std::byte> head, std::span<const std::byte> body) {
    iovec pieces[] = {{const_cast<std::byte *>(head.data()), head.size()},
                      {const_cast<std::byte *>(body.data()), body.size()}};
    std::size_t left = head.size() + body.size();
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    while (left) {
        auto sent = static_cast<std::size_t>(
            check(sendmsg(fd_.get(), &message, MSG_NOSIGNAL), "sending to the server"));
        copied_ += sent;
        left -= sent;
        for (auto &piece : pieces) {
            std::size_t gone = std::min(sent, piece.iov_len);
            piece.iov_base = static_cast<std::byte *>(piece.iov_base) + gone;
            piece.iov_len -= gone;
            sent -= gone;
        }
    }
}

std::size_t unix_stream::take(std::span<iovec> pieces, int flags) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    auto count = static_cast<std::size_t>(check(recvmsg(fd_.get(), &message, flags), "receiving"));
    for (cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            std::memcpy(&credentials_, CMSG_DATA(c), sizeof(credentials_));
    copied_ += count;
    ended_ = count == 0;
    return count;
}

std::size_t unix_stream::receive(std::span<std::byte> head, std::span<std::byte> body) {
    iovec pieces[] = {{head.data(), head.size()}, {body.data(), body.size()}};
    std::size_t count = take(pieces, 0);
    if (ended_)
        return 0;
    // A head is far smaller than what the kernel hands over at once.
    if (count < head.size())
        fail("a request in splinters", EPROTO);
    return count - head.size();
}

void unix_stream::receive(std::span<std::byte> body) {
    while (!body.empty()) {
        iovec piece{body.data(), body.size()};
        std::size_t count = take({&piece, 1}, MSG_WAITALL);
        if (ended_)
            fail("the other side left", ECONNRESET);
        body = body.subspan(count);
    }
}

} // namespace demo
