// SPDX-License-Identifier: MIT
// A worker of http_proxy: a process with a port in the pool's group, who answers whatever it gets.
#ifndef HTTP_PROXY_WORKER_HPP
#define HTTP_PROXY_WORKER_HPP

#include <caps/server.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <string>

namespace http_proxy {

/// How many requests a worker may have to wait. The kernel gives one user half of a port's room.
constexpr std::uint32_t queue_limit = 4096;

/// What goes along with each answer, in its annex.
struct account {
    std::uint64_t served; ///< this one included
    std::uint32_t worker; ///< from 0
    std::uint32_t pid;
};

/// Serves until it is killed. Answers are all of one length, so that clients who compare can.
inline int work(std::uint32_t number, int group_fd) {
    const auto me = caps::actor::open();
    const caps::group pool(me.import_fd(group_fd));
    caps::port door = me.create_port({.queue_limit = queue_limit});
    pool.insert(door);

    account mine{0, number, static_cast<std::uint32_t>(::getpid())};
    std::string text;
    caps::server desk(std::move(door), {.threads = 1});
    desk.otherwise([&](auto &request) -> caps::answer {
        mine.served++;
        text = fmt::format("worker {:2} has served {:8} requests, now for {}\n", mine.worker,
                           mine.served, request.message.text());
        return {.annex = caps::bytes_of(std::as_const(mine)), .body = text};
    });
    desk.run();
    return 0;
}

} // namespace http_proxy

#endif
