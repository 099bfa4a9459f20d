// SPDX-License-Identifier: MIT
// What a capability allows: rights, and a mask of operations.
#ifndef CAPS_RIGHTS_HPP
#define CAPS_RIGHTS_HPP

#include <linux/caps.h>

#include <concepts>
#include <cstdint>

namespace caps {

/// What a capability allows; combine with |.
enum class rights : std::uint32_t {
    none = 0,
    send = CAPS_RIGHT_SEND,     ///< send and call
    manage = CAPS_RIGHT_MANAGE, ///< remove, enable, disable, register, choose badges
    insert = CAPS_RIGHT_INSERT, ///< put ports into a group (groups only)
    accept = CAPS_RIGHT_ACCEPT, ///< place ports and capabilities in an actor (actors only)
    grant = CAPS_RIGHT_GRANT,   ///< export it, or pass it on
    watch = CAPS_RIGHT_WATCH,   ///< be told when the port or its owner dies
    port = CAPS_RIGHTS_PORT,    ///< all that a port's owner has
    actor = CAPS_RIGHTS_ACTOR,  ///< all that a capability to an actor can have
    group = CAPS_RIGHTS_GROUP,  ///< all that a group's maker has
};

constexpr rights operator|(rights a, rights b) noexcept {
    return static_cast<rights>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr rights operator&(rights a, rights b) noexcept {
    return static_cast<rights>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
/// Has it all of these?
constexpr bool includes(rights has, rights these) noexcept {
    return (has & these) == these;
}

/// A mask of operations: bit n allows operation n.
using operation_mask = std::uint64_t;
inline constexpr operation_mask all_operations = CAPS_ALL_OPERATIONS;
/// operations(1, 2, 5): a mask that allows these.
template <std::integral... N>
constexpr operation_mask operations(N... numbers) noexcept {
    return (operation_mask{0} | ... | (operation_mask{1} << numbers));
}

} // namespace caps

#endif
