// SPDX-License-Identifier: MIT
// A server that may be killed and restarted without losing a request: it keeps its actor, whose
// file it leaves with the service manager, and its successor adopts it. In a unit file:
//
//   [Service]
//   ExecStart=/usr/local/bin/kept_server
//   NotifyAccess=main
//   FileDescriptorStoreMax=1
//   Restart=always
//
// What it needs of sd_notify(3) and sd_listen_fds(3) is short enough to be here.
#include <caps/caps.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace kept_server {

/// Does the manager hand over what an earlier process stored? Then it is descriptor 3.
inline bool has_stored() {
    const char *pid = std::getenv("LISTEN_PID"), *count = std::getenv("LISTEN_FDS");
    return pid && count && std::atol(pid) == ::getpid() && std::atoi(count) == 1;
}

/// sd_pid_notify_with_fds(): a datagram with one descriptor to the manager's socket.
inline bool store(int fd) {
    const char *path = std::getenv("NOTIFY_SOCKET");
    if (!path)
        return false;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
    const auto length = offsetof(sockaddr_un, sun_path) + std::strlen(to.sun_path);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = 0;
    char state[] = "FDSTORE=1\nFDNAME=caps\nREADY=1";
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fd))> control{};
    iovec text{state, sizeof(state) - 1};
    msghdr message{.msg_name = &to,
                   .msg_namelen = static_cast<socklen_t>(length),
                   .msg_iov = &text,
                   .msg_iovlen = 1,
                   .msg_control = control.data(),
                   .msg_controllen = control.size(),
                   .msg_flags = 0};
    cmsghdr *passed = CMSG_FIRSTHDR(&message);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(fd));
    std::memcpy(CMSG_DATA(passed), &fd, sizeof(fd));
    const caps::descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL) > 0;
}

/// The actor of an earlier process, or a new one that is left to a later one.
inline caps::actor open() {
    if (has_stored()) {
        caps::actor mine(3);
        mine.adopt();
        return mine;
    }
    auto mine = caps::actor::open();
    mine.keep();
    if (!store(mine.get()))
        std::cerr << "nobody stores my actor: a restart loses what is queued\n";
    return mine;
}

} // namespace kept_server

int main() {
    auto me = kept_server::open();
    // The default port is always there, so nothing but the file needs to be remembered; nor does
    // the name, which a successor finds registered.
    auto door = me.default_port();
    auto name = door->try_register_service("kept");
    if (name)
        name->release();
    else if (name.error().code() != EEXIST)
        caps::raise(name.error());
    std::array<char, 256> text{};
    caps::received question;
    for (unsigned long answered = 0;; ++answered) {
        const std::string answer = std::to_string(::getpid()) + " " + std::to_string(answered);
        door->reply_receive(question, {.body = answer}, text);
    }
}
