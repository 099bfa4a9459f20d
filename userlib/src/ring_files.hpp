// SPDX-License-Identifier: MIT
// What a polled ring waits for, as one file: ports, a timer, the bell. Internal.
#ifndef CAPSUSER_RING_FILES_HPP
#define CAPSUSER_RING_FILES_HPP

#include <caps/deadline.hpp>
#include <caps/descriptor.hpp>

#include <cstdint>
#include <map>

namespace caps {

/// An epoll set. A port in it fires once and is armed again when it is wanted: one that nobody
/// wants for a while costs nothing, and one that is received from again and again one system call.
class ring_files {
  public:
    explicit ring_files(int actor) noexcept : actor_(actor) {}

    /// 0, or a negative errno. The bell and the port are always wanted.
    int open(int bell, std::uint64_t port);
    /// Readable when any of it is.
    int get() const noexcept { return set_.get(); }

    /// Wants a port, or CAPS_ANY_PORT, until it fires. False if it cannot be watched now.
    bool want(std::uint64_t port);
    /// Absolute; that of forever is none.
    void set_timer(std::uint64_t nanoseconds);
    /// Waits until get() is readable; what made it so has fired. 0, or a negative errno.
    int wait(deadline until);

  private:
    struct watched {
        descriptor file;
        bool armed;
        std::uint64_t wanted; // last in this turn
    };

    int control(int operation, int fd, std::uint32_t events, std::uint64_t name) const noexcept;
    void tidy();

    int actor_;
    descriptor set_;
    descriptor timer_;
    descriptor always_;
    std::uint64_t timer_at_ = 0; // 0: not known
    std::uint64_t turn_ = 0;
    std::map<std::uint64_t, watched> ports_;
};

} // namespace caps

#endif
