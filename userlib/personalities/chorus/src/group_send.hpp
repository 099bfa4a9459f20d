// SPDX-License-Identifier: MIT
// Sending to a group: which members, in the words of the kernel.
#pragma once

#include "actor.hpp"

#include <ipc/chIpc.h>

namespace chorus {

/// A message's destination for the kernel.
struct route {
    std::uint64_t capability;
    std::uint64_t relative;
    std::uint32_t flags;
};

bool is_dead(const actor &home, std::uint64_t capability);

/// The one member, by the name @a other: near to that, or else than that.
template <class Send>
int send_beside(actor &home, route to, KnUniqueId other, bool near, Send send) {
    const ui::type type = ui::type_of(other);
    if (ui::is_built(other) && type == ui::type::stamped) { // a site
        // All members are on this one.
        return near == (uiIsLocal(&other) != 0) ? send(to) : -EPIPE;
    }
    if (type != ui::type::port && type != ui::type::actor)
        return -EINVAL;
    const route any = to;
    if (near)
        to.flags = CAPS_TO_NEAR;
    else
        to.flags |= type == ui::type::port ? CAPS_EXCLUDE_PORT : CAPS_EXCLUDE_ACTOR;
    bool exists = false;
    const int error = home.names().with(other, [&](std::uint64_t relative) {
        if (is_dead(home, relative))
            return -EKEYREVOKED; // as good as that: the name may be another's by now
        exists = true;
        to.relative = relative;
        const int sent = send(to);
        // There is none in its actor or process; but all members are on its site.
        return near && sent == -ENOENT ? send(any) : sent;
    });
    // Who is not there is not a member either.
    return exists || near ? error : send(any);
}

/// Gives @a send the routes to try, and returns what it returned last.
template <class Send>
int send_to_group(actor &home, const KnIpcDest &dest, Send send) {
    return home.names().with(dest.target, [&](std::uint64_t capability) {
        route to{capability, 0, 0};
        const unsigned mode = ui::mode_of(dest.target);
        if (mode != K_BROADMODE)
            to.flags = CAPS_TO_ANY;
        if (mode == K_BROADMODE || mode == K_FUNCMODE)
            return send(to);
        if (!uiValid(&dest.coTarget))
            return -EINVAL;
        return send_beside(home, to, dest.coTarget, mode == K_FUNCUMODE, send);
    });
}

} // namespace chorus
