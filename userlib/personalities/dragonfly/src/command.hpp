// SPDX-License-Identifier: MIT
// The kernel's commands, and its errors and ids in the words of 2004.
//
// The bare ABI is used here, not libcapsuser: each call is to be one system call where it can.
#pragma once

#include <cstdint>
#include <linux/caps.h>
#include <sys/types.h>

namespace dragonfly {

/// 0, or a negative errno. The program's errno stays as it is.
int command(int fd, unsigned long number, void *arguments);

/// What a negative errno of the kernel is to a program, unless a call knows better.
int to_program(int error);

inline std::uint64_t address_of(const void *at) {
    return reinterpret_cast<std::uintptr_t>(at);
}

/// The kernel's ids are a generation and a slot, 32 bits each, of which slots are few. In this
/// order a message's id is positive as an off_t whatever the generation, and never used again.
inline off_t to_msgid(std::uint64_t id) {
    return static_cast<off_t>(id << 32 | id >> 32);
}

inline std::uint64_t from_msgid(off_t msgid) {
    const auto bits = static_cast<std::uint64_t>(msgid);
    return bits << 32 | bits >> 32;
}

} // namespace dragonfly
