// SPDX-License-Identifier: MIT
// Capabilities: sending, calling, narrowing, passing on.
#include <caps/capability.hpp>
#include <caps/caps.h>

#include "describe.hpp"

namespace caps {

namespace {

constexpr std::uint32_t own_flags = static_cast<std::uint32_t>(call_flags::no_direct_reply);

failure of(const capability &on, operation what, int outcome, std::uint32_t result = 0) noexcept {
    return {what, -outcome, failure::object_kind::capability, on.get(), result};
}

::caps_send describe(const capability &to, const outgoing &message, deadline until,
                     ::caps_attachments &along) noexcept {
    ::caps_send send{};
    send.capability = to.get();
    send.source = message.source;
    send.address = message.address;
    send.deadline = until.nanoseconds();
    send.data = detail::describe(message, along);
    send.operation = message.operation;
    send.flags = static_cast<std::uint32_t>(message.mode);
    return send;
}

std::uint32_t flags_of(const outgoing &message, const buffers &answer, call_flags flags) noexcept {
    auto wanted = static_cast<std::uint32_t>(flags);
    if ((wanted & own_flags) == 0 && answer.size() >= direct_reply_threshold)
        wanted |= CAPS_DIRECT_REPLY;
    return (wanted & ~own_flags) | static_cast<std::uint32_t>(message.mode);
}

} // namespace

void capability::reset() noexcept {
    const std::uint64_t old = release();
    if (old != 0)
        (void)capsu_close(actor_, old);
}

result<std::uint64_t> capability::try_watch(std::uint64_t source) const noexcept {
    std::uint64_t id = 0;
    const int outcome = capsu_watch(actor_, handle_, source, &id);
    if (outcome < 0)
        return failed(of(*this, operation::watch, outcome));
    return id;
}

result<void> capability::try_signal(std::uint64_t bits) const noexcept {
    const int outcome = capsu_signal(actor_, handle_, bits);
    if (outcome < 0)
        return failed(of(*this, operation::signal, outcome));
    return {};
}

result<std::uint64_t> capability::try_generation() const noexcept {
    std::uint64_t now = 0;
    const int outcome = capsu_generation(actor_, handle_, &now);
    if (outcome < 0)
        return failed(of(*this, operation::generation, outcome));
    return now;
}

result<std::uint64_t> capability::try_generation_after(std::uint64_t known,
                                                       deadline until) const noexcept {
    const int outcome = capsu_generation_wait(actor_, handle_, &known, until.nanoseconds());
    if (outcome < 0)
        return failed(of(*this, operation::generation, outcome));
    return known;
}

result<sent> capability::try_send(const outgoing &message, deadline until) const noexcept {
    ::caps_attachments along;
    ::caps_send send = describe(*this, message, until, along);
    const int outcome = capsu_send(actor_, &send);
    if (outcome < 0)
        return failed(of(*this, operation::send, outcome, send.result));
    return sent{send.id, (send.result & CAPS_RESULT_COPIED) != 0};
}

result<sent> capability::try_call_async(const outgoing &message, deadline until) const noexcept {
    ::caps_attachments along;
    ::caps_send send = describe(*this, message, until, along);
    const int outcome = capsu_call_async(actor_, &send);
    if (outcome < 0)
        return failed(of(*this, operation::call_async, outcome, send.result));
    return sent{send.id, (send.result & CAPS_RESULT_COPIED) != 0};
}

result<reply> capability::try_call(const outgoing &message, const buffers &answer, deadline until,
                                   call_flags flags) const noexcept {
    return call_through(message, answer, until, flags, 0, 0);
}

result<reply> capability::call_through(const outgoing &message, const buffers &answer,
                                       deadline until, call_flags flags, std::uint32_t group_flags,
                                       std::uint64_t relative) const noexcept {
    result<caps::reply> back;
    ::caps_attachments along;
    ::caps_call call{};
    call.capability = handle_;
    call.relative = relative;
    call.address = message.address;
    call.deadline = until.nanoseconds();
    call.operation = message.operation;
    call.flags = flags_of(message, answer, flags) | group_flags;
    call.request = detail::describe(message, along);
    call.reply = detail::describe(bytes(back->annex_), answer);

    const int outcome = capsu_call(actor_, &call);
    if (outcome < 0) {
        back = failed(of(*this, operation::call, outcome, call.result));
    } else {
        answer.accept(actor_, (call.result & CAPS_RESULT_FDS_LOST) != 0);
        back->body_ = answer.front();
        back->body_len_ = call.reply_body_len;
        back->annex_len_ = call.reply_annex_len;
        back->status_ = call.status;
        back->result_ = call.result;
    }
    return back; // by one name everywhere: built in place, its annex is never copied
}

result<capability> capability::try_duplicate(const narrowing &to) const noexcept {
    ::caps_duplicate duplicate{};
    duplicate.capability = handle_;
    duplicate.operations = to.operations;
    duplicate.badge = to.badge.value_or(0);
    duplicate.rights = static_cast<std::uint32_t>(to.rights);
    duplicate.flags =
        (to.badge ? CAPS_DUP_BADGE : 0) | (to.disconnected ? CAPS_DUP_DISCONNECTED : 0);
    const int outcome = capsu_duplicate(actor_, &duplicate);
    if (outcome < 0)
        return failed(of(*this, operation::duplicate, outcome));
    return capability(actor_, duplicate.result);
}

result<capability> capability::try_duplicate() const noexcept {
    const result<capability_info> same = capability::try_info();
    if (!same)
        return failed(same.error());
    return try_duplicate({.rights = same->rights, .operations = same->operations});
}

result<capability_info> capability::try_info() const noexcept {
    ::caps_capability_info info;
    const int outcome = capsu_capability_info(actor_, handle_, &info);
    if (outcome < 0)
        return failed(of(*this, operation::capability_info, outcome));
    return capability_info{.type = static_cast<object_type>(info.type),
                           .rights = static_cast<caps::rights>(info.rights),
                           .operations = info.operations,
                           .badge = info.badge,
                           .badged = (info.status & CAPS_INFO_BADGED) != 0,
                           .own = (info.status & CAPS_INFO_OWN) != 0,
                           .dead = (info.status & CAPS_INFO_DEAD) != 0};
}

result<descriptor> capability::try_export_fd() const noexcept {
    const int outcome = capsu_export(actor_, handle_);
    if (outcome < 0)
        return failed(of(*this, operation::export_fd, outcome));
    return descriptor(outcome);
}

result<void> capability::try_place_in(const capability &actor,
                                      const narrowing &with) const noexcept {
    ::caps_place place{};
    place.capability = handle_;
    place.operations = with.operations;
    place.actor = actor.get();
    place.rights = static_cast<std::uint32_t>(with.rights);
    // The kernel chooses no badge here; to place it without the one asked for would be worse.
    const int outcome = with.badge ? -EINVAL : capsu_place(actor_, &place);
    if (outcome < 0)
        return failed(of(*this, operation::place, outcome));
    return {};
}

} // namespace caps
