// SPDX-License-Identifier: MIT
// portMigrate().
//
// In the kernel a port moves to an actor that is named by a capability, and it says nothing about
// local identifiers. So the agent of the new owner is asked twice: first for the capability, which
// it gives to those who have the key; and then, after the cut, what the port is called there. By
// then it has seen the port arrive, since that was told to it before. If the port is another
// actor's, its agent does the same.
#include "actor.hpp"

#include <chorus.h>

namespace chorus {
namespace {

void close(actor &home, std::uint64_t capability) {
    caps_close it{};
    it.capability = capability;
    (void)command(home.device(), CAPS_CLOSE, &it);
}

/// A port of this actor. Its local identifier there, or an error.
int migrate(thread &self, bool drop, int portli, const KnCap &to, KnEvtNum &sequence) {
    actor &home = self.home();
    const port *const it = home.ports().find(portli);
    if (it == nullptr)
        return K_EINVAL;
    const agent_answer place = ask(self, to, {.kind = request_kind::port_accept, .ui = it->ui()});
    if (place.result != K_OK)
        return place.result;
    departure left{};
    const int error = home.ports().migrate(portli, place.along.capability, drop, left);
    close(home, place.along.capability);
    if (error != K_OK)
        return error;
    sequence = left.sequence;
    // It stays in its groups. Who has it now answers for them, too, when their host is gone.
    for (const KnCap &group : home.port_groups().leave(left.name))
        (void)ask(self, to, {.kind = request_kind::group_join, .ui = left.name, .other = group});
    return ask(self, to, {.kind = request_kind::port_settle, .ui = left.name, .pi = left.pi})
        .result;
}

} // namespace
} // namespace chorus

using namespace chorus;

int portMigrate(int options, KnCap *srcactorcap, int portli, KnCap *dstactorcap, KnEvtNum *seqnum) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (options != K_MSGFOLLOW && options != K_MSGDELETE)
        return K_EINVAL;
    if (seqnum == nullptr)
        return K_EFAULT;
    actor &home = self->home();
    const bool is_mine = home.is_me(srcactorcap);
    if (is_mine && home.is_me(dstactorcap))
        return K_EBUSY; // it is there
    KnCap to{};
    const int error = dstactorcap != K_MYACTOR ? K_OK : home.publish(to);
    if (error != K_OK)
        return error;
    if (dstactorcap != K_MYACTOR)
        to = *dstactorcap;
    if (is_mine)
        return migrate(*self, options == K_MSGDELETE, portli, to, *seqnum);
    const agent_answer said =
        ask(*self, *srcactorcap,
            {.kind = request_kind::port_migrate, .li = portli, .argument = options, .other = to});
    *seqnum = said.value;
    return said.result;
}
