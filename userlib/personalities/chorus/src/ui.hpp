// SPDX-License-Identifier: MIT
// Unique identifiers: how the 64 bits are used, and which service each one is.
//
// A name that the system has chosen says whose it is:
//
//	head: 0 | uid of the owner (31)
//	tail: type (2) | mode (2) | number (28)
//
// A name that was built by uiBuild() says where it is:
//
//	head: 1 | type (2) | mode (2) | 0 (11) | site (16)
//	tail: stamp (32)
//
// The mode is what ipcTarget() writes into the name of a group. A name that was chosen belongs
// to a service of that uid, which nobody else can register; one that was built, to a service
// whose own name begins with a dot, which takes privilege, registered by uid 0.
#pragma once

#include <ipc/chId.h>

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace chorus::ui {

/// What it names. The last is a site if built, else a user's static group: those are apart from
/// the other groups so that no stamp meets a random number.
enum class type : unsigned { port = 0, group = 1, actor = 2, stamped = 3 };

constexpr unsigned number_bits = 28;
constexpr unsigned number_mask = (1U << number_bits) - 1;

inline std::uint64_t value(KnUniqueId ui) {
    return static_cast<std::uint64_t>(ui.uiHead) << 32 | ui.uiTail;
}

inline KnUniqueId from_value(std::uint64_t value) {
    return {static_cast<unsigned>(value >> 32), static_cast<unsigned>(value)};
}

inline bool is_built(KnUniqueId ui) {
    return ui.uiHead >> 31;
}

inline bool equal(KnUniqueId one, KnUniqueId other) {
    return value(one) == value(other);
}

type type_of(KnUniqueId ui);
inline bool is_group(KnUniqueId ui) {
    return type_of(ui) == type::group || (type_of(ui) == type::stamped && !is_built(ui));
}
unsigned mode_of(KnUniqueId ui);
KnUniqueId with_mode(KnUniqueId ui, unsigned mode);

/// The user whose process answers for it.
uid_t owner_of(KnUniqueId ui);

/// The name of a user's object with this number; owners above 2^31 have none (false).
bool choose(KnUniqueId &ui, type type, uid_t owner, unsigned number);
/// The same with a random number other than 0.
bool choose(KnUniqueId &ui, type type, uid_t owner);

/// The name of the service behind it, the mode left out; that of a static system group contains
/// its stamp in digits.
std::string service_of(KnUniqueId ui);

std::uint64_t random_bits();

} // namespace chorus::ui
