// SPDX-License-Identifier: MIT
// Groups.
#include <caps/caps.h>
#include <caps/group.hpp>

#include "describe.hpp"

namespace caps {

namespace {

failure of(const group &on, operation what, int outcome, std::uint32_t result = 0) noexcept {
    return {what, -outcome, failure::object_kind::capability, on.get(), result};
}

result<void> done_or(int outcome, const group &on, operation what) noexcept {
    if (outcome < 0)
        return failed(of(on, what, outcome));
    return {};
}

} // namespace

result<void> group::try_insert(const capability &port) const noexcept {
    return done_or(capsu_group_insert(actor_fd(), get(), port.get()), *this,
                   operation::group_insert);
}

result<void> group::try_remove(const capability &port) const noexcept {
    return done_or(capsu_group_remove(actor_fd(), get(), port.get()), *this,
                   operation::group_remove);
}

result<void> group::try_disband() const noexcept {
    return done_or(capsu_group_delete(actor_fd(), get()), *this, operation::group_delete);
}

result<std::uint32_t> group::try_members() const noexcept {
    ::caps_group_info info;
    const int outcome = capsu_group_info(actor_fd(), get(), &info);
    if (outcome < 0)
        return failed(of(*this, operation::group_info, outcome));
    return info.members;
}

result<spread> group::send_to(to whom, const outgoing &message, const relation &related,
                              deadline until) const noexcept {
    ::caps_attachments along;
    ::caps_send send{};
    send.capability = get();
    send.source = message.source;
    send.relative = related.port;
    send.address = message.address;
    send.deadline = until.nanoseconds();
    send.data = detail::describe(message, along);
    send.operation = message.operation;
    send.flags = static_cast<std::uint32_t>(message.mode) | flags_of(whom, related);
    const int outcome = capsu_send(actor_fd(), &send);
    if (outcome < 0)
        return failed(of(*this, operation::send, outcome, send.result));
    return spread{.id = send.id,
                  .copied = (send.result & CAPS_RESULT_COPIED) != 0,
                  .reached = send.reached,
                  .full = send.full,
                  .partial = (send.result & CAPS_RESULT_PARTIAL) != 0};
}

} // namespace caps
