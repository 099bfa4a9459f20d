// SPDX-License-Identifier: MIT
// An owned file descriptor.
#ifndef CAPS_DESCRIPTOR_HPP
#define CAPS_DESCRIPTOR_HPP

#include <unistd.h>

#include <utility>

namespace caps {

/// Closes its file descriptor, ignoring errors.
class descriptor {
  public:
    descriptor() noexcept = default;
    /// Takes the descriptor over.
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor &&other) noexcept : fd_(other.release()) {}
    // Taking over what other has, before closing what was here, makes x = std::move(x) safe.
    descriptor &operator=(descriptor &&other) noexcept {
        reset(other.release());
        return *this;
    }
    ~descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Gives it up: the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept {
        const int old = std::exchange(fd_, fd);
        if (old >= 0)
            ::close(old);
    }

  private:
    int fd_ = -1;
};

} // namespace caps

#endif
