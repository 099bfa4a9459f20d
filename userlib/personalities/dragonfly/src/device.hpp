// SPDX-License-Identifier: MIT
// One open of /dev/caps: an actor of the kernel.
//
// A forked child closes its copies at once. What the parent closes afterwards is closed then,
// and whoever waits for it is told.
#pragma once

#include <mutex>

namespace dragonfly {

class device {
  public:
    device() = default;
    device(const device &) = delete;
    device &operator=(const device &) = delete;
    ~device();

    /// 0, or a negative errno; -EOPNOTSUPP: there is none for this user.
    int open();
    int fd() const { return fd_; }

    /// Held while the process forks.
    static std::mutex &opening();
    /// In the child, with that held.
    static void close_all_of_parent();

  private:
    int fd_ = -1;
};

} // namespace dragonfly
