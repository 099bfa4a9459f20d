// SPDX-License-Identifier: MIT
#include "ring_files.hpp"

#include <caps/caps.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>
#include <sys/epoll.h>
#include <sys/timerfd.h>

namespace caps {

namespace {

// What epoll tells of files that are no ports: numbers that no port has.
constexpr std::uint64_t timer_name = CAPS_ANY_PORT - 1;
constexpr std::uint64_t always_name = CAPS_ANY_PORT - 2;

// Ports that were not wanted for so many turns are forgotten.
constexpr std::uint64_t idle_turns = 1024;

int milliseconds_until(deadline end) {
    if (end == forever)
        return -1;
    const auto now = deadline(deadline::clock::now()).nanoseconds();
    if (end.nanoseconds() <= now)
        return 0;
    const std::uint64_t left = (end.nanoseconds() - now) / 1'000'000 + 1;
    return static_cast<int>(std::min<std::uint64_t>(left, INT_MAX));
}

} // namespace

int ring_files::control(int operation, int fd, std::uint32_t events,
                        std::uint64_t name) const noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = name;
    return ::epoll_ctl(set_.get(), operation, fd, &event) == 0 ? 0 : -errno;
}

int ring_files::open(int bell, std::uint64_t port) {
    set_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!set_)
        return -errno;
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_)
        return -errno;
    const int file = capsu_port_file(actor_, port);
    if (file < 0)
        return file;
    always_.reset(file);
    int outcome = control(EPOLL_CTL_ADD, timer_.get(), EPOLLIN, timer_name);
    for (const int fd : {bell, file})
        if (outcome == 0)
            outcome = control(EPOLL_CTL_ADD, fd, EPOLLIN, always_name);
    return outcome;
}

// Arming tells of what is there already.
bool ring_files::want(std::uint64_t port) {
    const auto at = ports_.find(port);
    if (at == ports_.end()) {
        descriptor file(port == CAPS_ANY_PORT ? ::dup(actor_) : capsu_port_file(actor_, port));
        if (!file || control(EPOLL_CTL_ADD, file.get(), EPOLLIN | EPOLLONESHOT, port) < 0)
            return false;
        ports_.emplace(port, watched{std::move(file), true, turn_});
        return true;
    }
    watched &known = at->second;
    known.wanted = turn_;
    if (!known.armed)
        known.armed = control(EPOLL_CTL_MOD, known.file.get(), EPOLLIN | EPOLLONESHOT, port) == 0;
    return known.armed;
}

void ring_files::set_timer(std::uint64_t nanoseconds) {
    if (nanoseconds == timer_at_)
        return;
    itimerspec at{};
    if (nanoseconds != forever.nanoseconds()) {
        at.it_value.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
        at.it_value.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    }
    (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    timer_at_ = nanoseconds;
}

// The actor's description outlives its file here, so the set is told, not left to notice.
void ring_files::tidy() {
    std::erase_if(ports_, [this](const auto &entry) {
        const auto &[port, known] = entry;
        if (turn_ - known.wanted < idle_turns)
            return false;
        (void)control(EPOLL_CTL_DEL, known.file.get(), 0, port);
        return true;
    });
}

int ring_files::wait(deadline until) {
    std::array<epoll_event, 64> fired; // NOLINT(cppcoreguidelines-pro-type-member-init)
    if (++turn_ % idle_turns == 0)
        tidy();
    const int count = ::epoll_wait(set_.get(), fired.data(), static_cast<int>(fired.size()),
                                   milliseconds_until(until));
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; ++i) {
        const std::uint64_t name = fired[static_cast<std::size_t>(i)].data.u64;
        if (name == timer_name)
            timer_at_ = 0;
        else if (const auto at = ports_.find(name); at != ports_.end())
            at->second.armed = false;
    }
    return 0;
}

} // namespace caps
