// SPDX-License-Identifier: MIT
// Protection identifiers. Those that nobody has set say who the kernel says it is.
#pragma once

#include <chTypes.h>

#include <cstdint>
#include <unistd.h>

namespace chorus {

/// For a variable that threads share.
inline std::uint64_t value(KnProtId pi) {
    return static_cast<std::uint64_t>(pi.did) << 32 | static_cast<std::uint64_t>(pi.gid) << 16 |
           pi.uid;
}

inline KnProtId protection(std::uint64_t value) {
    return {static_cast<unsigned short>(value), static_cast<unsigned short>(value >> 16),
            static_cast<unsigned short>(value >> 32)};
}

/// Ids that 16 bits cannot tell become the kernel's overflow id, as in its own calls of old: none
/// is to look like the super-user's.
inline KnProtId protection_of(uid_t user, gid_t group) {
    constexpr unsigned largest = 0xffff;
    constexpr unsigned short overflow = 65534;
    return {user <= largest ? static_cast<unsigned short>(user) : overflow,
            group <= largest ? static_cast<unsigned short>(group) : overflow, 0};
}

} // namespace chorus
