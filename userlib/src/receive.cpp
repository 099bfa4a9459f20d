// SPDX-License-Identifier: MIT
// Receiving one message, a batch of them, and the next one along with an answer.
#include <caps/batch.hpp>
#include <caps/caps.h>
#include <caps/receiver.hpp>

#include "describe.hpp"

namespace caps {

namespace {

failure of(const detail_receive &from, operation what, int outcome) noexcept {
    if (from.port == CAPS_ANY_PORT)
        return {what, -outcome, failure::object_kind::actor,
                static_cast<std::uint64_t>(from.actor)};
    return {what, -outcome, failure::object_kind::capability, from.port};
}

} // namespace

result<received> detail_receive::receive(const buffers &body, deadline until,
                                         receive_flags flags) const noexcept {
    result<received> out;
    ::caps_receive receive{};
    receive.port = port;
    receive.deadline = until.nanoseconds();
    receive.buffer = detail::describe(bytes(out->annex_), body);
    receive.flags = static_cast<std::uint32_t>(flags);
    const int outcome = capsu_receive(actor, &receive);
    if (outcome < 0) {
        out = failed(of(*this, operation::receive, outcome));
    } else {
        out->actor_ = actor;
        out->header_ = receive.header;
        out->body_ = body.front();
        body.accept(actor, out->fds_lost());
    }
    return out; // by one name everywhere: built in place, its annex is never copied
}

result<std::size_t> detail_receive::receive_batch(batch &into, deadline until) const noexcept {
    into.prepare();
    const int outcome = capsu_receive_batch(actor, port, until.nanoseconds(), into.entries_.data(),
                                            static_cast<std::uint32_t>(into.entries_.size()));
    if (outcome < 0)
        return failed(of(*this, operation::receive_batch, outcome));
    into.accept(actor, static_cast<std::size_t>(outcome));
    return into.size();
}

// The kernel answers first and clears the id, so that what is done again, by a restart or below,
// only receives.
result<void> detail_receive::reply_receive(received &message, const answer &with,
                                           const buffers &body, deadline until,
                                           receive_flags flags) const noexcept {
    if (!message.answerable())
        (void)message.try_discard();
    ::caps_attachments along;
    ::caps_reply_receive both{};
    both.reply.id = message.held() ? message.id() : 0;
    both.reply.data = detail::describe(with, along);
    both.reply.status = with.status;
    both.reply.flags = static_cast<std::uint32_t>(with.mode);
    both.receive.port = port;
    both.receive.deadline = until.nanoseconds();
    both.receive.flags = static_cast<std::uint32_t>(flags);
    // The answer may be in there: it is taken before anything is put.
    both.receive.buffer = detail::describe(bytes(message.annex_), body);

    int outcome = capsu_reply_receive(actor, &both);
    if (outcome < 0 && both.reply.outcome == -ECANCELED) {
        both.reply = {};
        outcome = capsu_reply_receive(actor, &both);
    }
    if (outcome < 0 && both.reply.id != 0) // not answered, for its own fault or the receive's
        return failed(failure(both.reply.outcome < 0 ? operation::reply : operation::receive,
                              -outcome, failure::object_kind::message, message.id(),
                              both.reply.result));
    message.clear();
    if (outcome < 0)
        return failed(of(*this, operation::receive, outcome));
    message.actor_ = actor;
    message.header_ = both.receive.header;
    message.body_ = body.front();
    body.accept(actor, message.fds_lost());
    return {};
}

batch::batch(std::size_t messages, std::size_t body_bytes, bool hold)
    : body_bytes_(body_bytes), flags_(hold ? CAPS_HOLD : 0), bodies_(messages * body_bytes),
      entries_(messages), messages_(messages) {}

batch::batch(batch &&other) noexcept
    : body_bytes_(other.body_bytes_), flags_(other.flags_), size_(std::exchange(other.size_, 0)),
      bodies_(std::move(other.bodies_)), entries_(std::move(other.entries_)),
      messages_(std::move(other.messages_)) {}

batch &batch::operator=(batch &&other) noexcept {
    batch taken(std::move(other));
    std::swap(body_bytes_, taken.body_bytes_);
    std::swap(flags_, taken.flags_);
    std::swap(size_, taken.size_);
    bodies_.swap(taken.bodies_);
    entries_.swap(taken.entries_);
    messages_.swap(taken.messages_);
    return *this;
}

bytes batch::room_of(std::size_t index) noexcept {
    return {bodies_.data() + index * body_bytes_, body_bytes_};
}

void batch::clear() noexcept {
    for (received &message : messages_) {
        (void)message.try_discard();
        message.clear();
    }
    size_ = 0;
}

void batch::prepare() noexcept {
    clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        entries_[i] = {};
        entries_[i].flags = flags_;
        entries_[i].buffer = detail::describe(bytes(messages_[i].annex_), buffers(room_of(i)));
    }
}

void batch::accept(int actor, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        messages_[i].actor_ = actor;
        messages_[i].header_ = entries_[i].header;
        messages_[i].body_ = room_of(i);
    }
    size_ = count;
}

} // namespace caps
