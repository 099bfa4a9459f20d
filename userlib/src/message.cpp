// SPDX-License-Identifier: MIT
// Received messages: reading, answering, ending.
#include <caps/capability.hpp>
#include <caps/caps.h>
#include <caps/message.hpp>

#include "describe.hpp"

#include <cerrno>
#include <cstring>

namespace caps {

namespace {

failure of(const received &on, operation what, int outcome, std::uint32_t result = 0) noexcept {
    return {what, -outcome, failure::object_kind::message, on.id(), result};
}

} // namespace

received::received(received &&other) noexcept {
    take(other);
}

received &received::operator=(received &&other) noexcept {
    if (this != &other) {
        (void)try_discard();
        take(other);
    }
    return *this;
}

// Only what is in use of the annex is copied: messages move often, annexes are mostly empty.
void received::take(received &other) noexcept {
    actor_ = other.actor_;
    header_ = other.header_;
    body_ = other.body_;
    std::ranges::copy(other.annex(), annex_.begin());
    other.clear();
}

void received::clear() noexcept {
    header_ = {};
    body_ = {};
}

std::uint64_t received::release() noexcept {
    const std::uint64_t id = header_.id;
    clear();
    return id;
}

result<std::size_t> received::try_read(const buffers &into, std::uint64_t offset) const noexcept {
    ::caps_get_data get{};
    get.id = header_.id;
    get.offset = offset;
    get.buffer = detail::describe(bytes(), into);
    const int outcome = capsu_get_data(actor_, &get);
    if (outcome < 0)
        return failed(of(*this, operation::read, outcome));
    into.accept(actor_, (get.result & CAPS_RESULT_FDS_LOST) != 0);
    return static_cast<std::size_t>(get.copied);
}

result<bool> received::try_fetch(attachments &into) const noexcept {
    const result<std::size_t> read = try_read(into);
    if (!read)
        return failed(read.error());
    return into.capability_count() != 0 || into.fd_count() != 0;
}

result<std::vector<std::byte>> received::try_read_all() const {
    std::vector<std::byte> all(header_.body_len);
    if (all.empty()) // and perhaps not even held
        return all;
    const result<std::size_t> got = try_read(all);
    if (!got)
        return failed(got.error());
    all.resize(*got);
    return all;
}

// Two questions at most: what a sender was does not change after it sent.
result<identity> received::try_identity() const {
    constexpr std::size_t usual_groups = 32, usual_label = 128;
    caps::identity who;
    who.groups.resize(usual_groups);
    who.label.resize(usual_label);
    for (;;) {
        ::caps_identity ask{};
        ask.id = header_.id;
        ask.groups = reinterpret_cast<std::uintptr_t>(who.groups.data());
        ask.label = reinterpret_cast<std::uintptr_t>(who.label.data());
        ask.group_count = static_cast<std::uint32_t>(who.groups.size());
        ask.label_len = static_cast<std::uint32_t>(who.label.size());
        const int outcome = capsu_identity(actor_, &ask);
        if (outcome < 0)
            return failed(of(*this, operation::identity, outcome));
        const bool all = ask.group_count <= who.groups.size() && ask.label_len <= who.label.size();
        who.groups.resize(ask.group_count);
        who.label.resize(ask.label_len);
        if (!all)
            continue;
        who.effective = ask.effective;
        who.permitted = ask.permitted;
        who.inheritable = ask.inheritable;
        who.user_namespace = ask.user_namespace;
        who.pid_namespace = ask.pid_namespace;
        return who;
    }
}

result<sent> received::try_reply(const answer &with) noexcept {
    ::caps_attachments along;
    ::caps_reply reply{};
    reply.id = header_.id;
    reply.data = detail::describe(with, along);
    reply.status = with.status;
    reply.flags = static_cast<std::uint32_t>(with.mode);
    const int outcome = capsu_reply(actor_, &reply);
    if (outcome < 0) {
        if (outcome == -ECANCELED || outcome == -EBADMSG) // which end it
            end();
        return failed(of(*this, operation::reply, outcome, reply.result));
    }
    end();
    return sent{header_.id, (reply.result & CAPS_RESULT_COPIED) != 0};
}

std::optional<application> received::application() const noexcept {
    ::caps_application from{};
    if (kind() != caps::kind::application || annex().size() < sizeof(from))
        return {};
    std::memcpy(&from, annex().data(), sizeof(from));
    return caps::application{.operations = address(),
                             .service = from.service,
                             .effective = from.effective,
                             .permitted = from.permitted,
                             .inheritable = from.inheritable,
                             .user_namespace = from.user_namespace,
                             .pid_namespace = from.pid_namespace,
                             .network_namespace = from.network_namespace};
}

result<void> received::try_accept(const verdict &as) noexcept {
    const ::caps_verdict verdict = {.operations = as.operations & address(),
                                    .badge = as.badge.value_or(0),
                                    .in_flight = as.in_flight,
                                    .flags = as.badge ? CAPS_VERDICT_BADGE : 0};
    const auto done = try_reply({.annex = bytes_of(verdict)});
    if (!done)
        return failed(done.error());
    return {};
}

result<void> received::try_reject(int reason) noexcept {
    const auto done = try_reply({.status = reason});
    if (!done)
        return failed(done.error());
    return {};
}

result<void> received::try_forward_to(const capability &to) noexcept {
    const int outcome = capsu_forward(actor_, header_.id, to.get());
    if (outcome >= 0 || outcome == -ECANCELED)
        end();
    if (outcome < 0)
        return failed(of(*this, operation::forward, outcome));
    return {};
}

result<void> received::try_discard() noexcept {
    if (!held())
        return {};
    const int outcome = capsu_discard(actor_, header_.id);
    end();
    if (outcome < 0)
        return failed(of(*this, operation::discard, outcome));
    return {};
}

} // namespace caps
