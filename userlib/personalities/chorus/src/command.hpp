// SPDX-License-Identifier: MIT
// The kernel's commands, and its errors in the words of Chorus.
//
// The bare ABI is used here, not libcapsuser: threadAbort() has to reach into the struct of a
// command that is under way (see thread.hpp), and each call is to be one system call.
#pragma once

#include <chTypes.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/caps.h>
#include <string_view>
#include <sys/ioctl.h>

namespace chorus {

/// 0, or a negative errno.
inline int command(int fd, unsigned long number, void *arguments) {
    return ::ioctl(fd, number, arguments) == 0 ? 0 : -errno;
}

inline std::uint64_t address_of(const void *at) {
    return reinterpret_cast<std::uintptr_t>(at);
}

/// What a negative errno of the kernel means to a Chorus program, unless a call knows better.
int k_error(int error);

constexpr std::uint64_t nanoseconds_per_millisecond = 1000000;

/// The kernel's deadline for a delay in milliseconds: 0 polls, less than 0 is for ever.
std::uint64_t deadline_after(int delay);

} // namespace chorus
