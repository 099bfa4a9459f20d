// SPDX-License-Identifier: MIT
#include "group_send.hpp"

namespace chorus {

bool is_dead(const actor &home, std::uint64_t capability) {
    caps_capability_info info{};
    info.capability = capability;
    return command(home.device(), CAPS_CAPABILITY_INFO, &info) != 0 ||
           (info.status & (CAPS_INFO_DEAD | CAPS_INFO_REVOKED));
}

} // namespace chorus
