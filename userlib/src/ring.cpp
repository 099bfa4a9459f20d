// SPDX-License-Identifier: MIT
// Many operations in flight: what is the same however they are carried out.
#include "ring.hpp"

#include "describe.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace caps {

void ring::call_one::finish(int outcome) {
    if (outcome < 0) {
        if (then)
            then(failed(failure(operation::call, -outcome, failure::object_kind::capability,
                                call.capability, call.result)));
        return;
    }
    answer.accept(actor, (call.result & CAPS_RESULT_FDS_LOST) != 0);
    back->body_ = answer.front();
    back->body_len_ = call.reply_body_len;
    back->annex_len_ = call.reply_annex_len;
    back->status_ = call.status;
    back->result_ = call.result;
    if (then)
        then(back);
}

void ring::receive_one::finish(int outcome) {
    if (outcome < 0) {
        const bool any = receive.port == CAPS_ANY_PORT;
        if (then)
            then(
                failed(failure(operation::receive, -outcome,
                               any ? failure::object_kind::actor : failure::object_kind::capability,
                               any ? static_cast<std::uint64_t>(actor) : receive.port)));
        return;
    }
    got->actor_ = actor;
    got->header_ = receive.header;
    got->body_ = body.front();
    body.accept(actor, got->fds_lost());
    if (then)
        then(std::move(got));
}

// A full counter has rung already.
void ring::engine::wake() const noexcept {
    (void)::eventfd_write(bell_, 1);
}

bool ring::engine::rung() const noexcept {
    ::eventfd_t times = 0;
    return ::eventfd_read(bell_, &times) == 0;
}

// The engine ends first: from then on the kernel writes into none of them. A message that came is
// given back by the object that would have held it.
ring::state::~state() {
    std::vector<engine::ended> last;
    for (const auto &[name, operation] : flying)
        operation->mute();
    const bool ended = !by || by->stop(last);
    by.reset();
    untold.insert(untold.end(), last.begin(), last.end());
    while (!untold.empty())
        tell_one();
    if (!ended) // better lost than written to
        for (auto &[name, operation] : flying)
            (void)operation.release();
}

void ring::state::tell_one() {
    const engine::ended next = untold.front();
    untold.pop_front();
    if (const auto at = flying.extract(next.name))
        at.mapped()->finish(next.outcome);
}

ring::ring(std::unique_ptr<state> with) noexcept : state_(std::move(with)) {}
ring::ring(ring &&) noexcept = default;
ring &ring::operator=(ring &&) noexcept = default;
ring::~ring() = default;

result<ring> ring::try_open(const actor &of, unsigned entries, path best) {
    auto with = std::make_unique<state>();
    with->actor = of.get();
    const auto limits = of.try_query();
    if (!limits)
        return failed(limits.error());
    with->bell.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!with->bell)
        return failed(failure(operation::open, errno, failure::object_kind::actor,
                              static_cast<std::uint64_t>(of.get())));
    if (best == path::parked && (limits->features & CAPS_FEATURE_PARK) != 0)
        with->by = engine::open_parked(with->bell.get(), of.get(), entries);
    if (!with->by) {
        auto polled = engine::open_polled(with->bell.get(), of);
        if (!polled)
            return failed(polled.error());
        with->by = std::move(*polled);
    }
    return ring(std::move(with));
}

ring::path ring::how() const noexcept {
    return state_->by->how();
}

int ring::poll_fd() const noexcept {
    return state_->by->poll_fd();
}

void ring::wake() noexcept {
    state_->by->wake();
}

std::size_t ring::in_flight() const noexcept {
    return state_->flying.size();
}

std::uint64_t ring::launch(std::unique_ptr<one> operation) {
    const auto at = state_->flying.emplace(++state_->last, std::move(operation)).first;
    at->second->name = at->first;
    try {
        state_->by->start(*at->second);
    } catch (...) {
        state_->flying.erase(at);
        throw;
    }
    return at->first;
}

std::uint64_t ring::call_through(const capability &to, const outgoing &message, on_reply then,
                                 const buffers &answer, deadline until, std::uint32_t group_flags,
                                 std::uint64_t relative) {
    auto one = std::make_unique<call_one>();
    one->actor = state_->actor;
    one->message = message;
    one->answer = answer;
    one->then = std::move(then);
    ::caps_call &call = one->call;
    call.capability = to.get();
    call.relative = relative;
    call.address = message.address;
    call.operation = message.operation;
    call.deadline = until.nanoseconds();
    call.flags = static_cast<std::uint32_t>(message.mode) | group_flags;
    if (answer.size() >= direct_reply_threshold)
        call.flags |= CAPS_DIRECT_REPLY;
    call.request = detail::describe(one->message, one->along);
    call.reply = detail::describe(bytes(one->back->annex_), one->answer);
    return launch(std::move(one));
}

std::uint64_t ring::receive(const port &from, on_message then, const buffers &body,
                            deadline until) {
    auto one = std::make_unique<receive_one>();
    one->actor = state_->actor;
    one->body = body;
    one->then = std::move(then);
    one->receive.port = from.get();
    one->receive.deadline = until.nanoseconds();
    one->receive.buffer = detail::describe(bytes(one->got->annex_), one->body);
    return launch(std::move(one));
}

std::uint64_t ring::receive(on_message then, const buffers &body, deadline until) {
    const unowned<port> any(state_->actor, std::uint64_t{CAPS_ANY_PORT});
    return receive(*any, std::move(then), body, until);
}

void ring::cancel(std::uint64_t name) noexcept {
    const auto at = state_->flying.find(name);
    if (at != state_->flying.end())
        state_->by->cancel(*at->second);
}

// Other operations may end meanwhile; the next run() tells of them.
void ring::abandon(std::uint64_t name) noexcept {
    const auto at = state_->flying.find(name);
    if (at == state_->flying.end())
        return;
    at->second->mute();
    auto &untold = state_->untold;
    const auto ended = [&] { return std::ranges::find(untold, name, &engine::ended::name); };
    while (ended() == untold.end()) {
        state_->by->cancel(*at->second);
        if (gather(std::chrono::milliseconds(10)) < 0)
            return; // with the ring
    }
    std::rotate(untold.begin(), ended(), std::next(ended()));
    state_->tell_one();
    if (!untold.empty())
        wake();
}

int ring::gather(deadline until) {
    std::vector<engine::ended> more;
    const int outcome = state_->by->wait(until, more);
    state_->untold.insert(state_->untold.end(), more.begin(), more.end());
    return outcome;
}

result<std::size_t> ring::try_run(deadline until) {
    auto &untold = state_->untold;
    const bool waits = untold.empty() && !state_->flying.empty();
    const int outcome = gather(waits ? until : no_wait);
    if (outcome < 0 && untold.empty())
        return failed(failure(operation::receive, -outcome, failure::object_kind::actor,
                              static_cast<std::uint64_t>(state_->actor)));
    std::size_t told = 0;
    for (; !untold.empty(); ++told)
        state_->tell_one();
    return told;
}

} // namespace caps
