// SPDX-License-Identifier: MIT
// The kernel's commands, and what goes along with messages beside their bodies.
//
// The bare ABI is used here, not libcapsuser: each I/O is to be one system call.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/caps.h>
#include <sys/ioctl.h>

namespace venter {

/// 0, or a negative errno.
inline int command(int fd, unsigned long number, void *arguments) {
    return ::ioctl(fd, number, arguments) == 0 ? 0 : -errno;
}

inline std::uint64_t address_of(const void *at) {
    return reinterpret_cast<std::uintptr_t>(at);
}

/// The annex of a request. Operation and address are in the kernel's header.
struct request_annex {
    std::uint64_t room; // bytes that the client can take
};

/// The annex of an answer. One that fails has none: it has an errno for its status.
struct answer_annex {
    std::uint64_t address;
    std::uint64_t room; // bytes that the next request may have
    std::uint32_t operation;
    std::uint32_t more; // 1: ask for what comes after this
};

constexpr int max_errno = 4095;
/// From this size on a client's buffer is written to directly, as libcapsuser has it.
constexpr std::size_t direct_size = std::size_t{64} << 10;

} // namespace venter
