// SPDX-License-Identifier: MIT
// Coroutines over a ring: thousands of calls and receives in flight in one thread.
//
//     caps::loop loop(me);
//     const auto server = loop.bind(connection);
//     loop.run([&]() -> caps::task<> {
//         auto reply = co_await server.call({.body = "hello"}, room, 2s);
//     }());
//
// Link with capsuser::uring (libcapsuser_uring, which needs liburing).
#ifndef CAPS_LOOP_HPP
#define CAPS_LOOP_HPP

#include <caps/ring.hpp>
#include <caps/scope.hpp>
#include <caps/task.hpp>

#include <list>
#include <mutex>
#include <optional>
#include <stop_token>

namespace caps {

template <class T>
class in_loop;
namespace detail {
struct canceling;
class sleeping;
class sleeping_or_not;
} // namespace detail

/// Runs coroutines that wait for operations of one actor, which must outlive it. What it has bound,
/// and coroutines that wait, must go before it does. For one thread at a time.
class CAPSUSER_API loop {
  public:
    explicit loop(const actor &of, unsigned entries = 256, ring::path best = ring::path::parked)
        : of_(of), ring_(caps::ring::open(of, entries, best)) {}
    loop(loop &&) = delete;

    /// Runs a task until it has ended, and meanwhile whatever else is in flight. Returns or throws
    /// what it does. EDEADLK if it waits for nothing that is in flight here.
    template <class T>
    T run(task<T> what) {
        what.start();
        while (!what.done())
            turn();
        return what.take();
    }

    /// What is to be awaited: a port, a capability or connection, or the actor, for messages from
    /// any enabled port. It must live on.
    template <class T>
    in_loop<T> bind(const T &what) noexcept {
        return {*this, what};
    }

    /// Waits so long, or until a time_point: co_await loop.sleep(50ms).
    detail::sleeping sleep(deadline until, std::stop_token stop = {});
    detail::sleeping_or_not try_sleep(deadline until, std::stop_token stop = {});

    /// Below it, for functions beside coroutines; run() runs them, too.
    caps::ring &ring() noexcept { return ring_; }

  private:
    friend struct detail::canceling;

    void turn();
    const port &silent_port();
    void cancel_soon(std::list<std::uint64_t> &ticket) noexcept;

    unowned<actor> of_;
    caps::ring ring_;
    port silent_; // nobody else has it: receiving from it is sleeping
    std::mutex asking_;
    std::list<std::uint64_t> asked_; // asking_; what is to be canceled
};

namespace detail {

/// What a stop does, in whatever thread it is requested: it tells the loop.
struct canceling {
    void operator()() const noexcept { in.cancel_soon(ticket); }

    loop &in;
    std::list<std::uint64_t> &ticket;
};

/// One operation, from the co_await to its end. Destroyed before, it waits until the kernel uses
/// none of its buffers any more, and drops what came.
///
/// A stop and the end of the operation, whichever is first:
///
///     the loop's thread                       any thread
///     ---------------------------------       ---------------------------------------
///     starts it; its name is in a ticket
///     emplaces on_stop_                       request_stop():
///     ring().run() ...                          asking_ { moves the ticket to asked_ }
///     ... is woken                              wakes the ring
///     asking_ { takes asked_ }
///     cancels all named there
///     ring().run() calls end():
///       on_stop_.reset(), which               (has not begun: never will)
///       waits for the other thread            (runs: holds asking_, and waits for nobody)
///       resumes the coroutine
///
/// end() comes once because the ring tells of each operation once: what canceling it comes to, an
/// answer that was there before the cancel, or the other way round, is decided there. Canceling
/// only names the operation. Names are used once, so one that comes too late means nothing, even if
/// the operation, its coroutine and the frame have gone. Once on_stop_ has been reset nobody but
/// the loop's thread knows the operation, and the loop outlives all of them.
template <class T, class Start>
class operation {
  public:
    operation(loop &in, Start start, std::stop_token stop)
        : in_(in), start_(std::move(start)), stop_(std::move(stop)) {}
    operation(operation &&) = delete;
    ~operation() {
        if (name_ != 0)
            in_.ring().abandon(name_);
    }

    bool await_ready() {
        if (stop_.stop_requested())
            outcome_.emplace(failed(start_.canceled()));
        return outcome_.has_value();
    }
    void await_suspend(std::coroutine_handle<> then) {
        then_ = then;
        name_ = start_(in_.ring(), [this](result<T> outcome) { end(std::move(outcome)); });
        if (!stop_.stop_possible())
            return;
        ticket_.push_back(name_);
        on_stop_.emplace(stop_, canceling{in_, ticket_});
    }
    result<T> await_resume() { return std::move(*outcome_); }

  private:
    void end(result<T> &&outcome) {
        name_ = 0;
        on_stop_.reset();
        outcome_.emplace(std::move(outcome));
        then_.resume(); // the frame that this is in may have gone
    }

    loop &in_;
    Start start_;
    std::stop_token stop_;
    std::uint64_t name_ = 0; // if it is in flight
    std::coroutine_handle<> then_;
    std::optional<result<T>> outcome_;
    std::list<std::uint64_t> ticket_; // one node, so that a stop needs no memory
    std::optional<std::stop_callback<canceling>> on_stop_;
};

struct call_start {
    std::uint64_t operator()(ring &by, ring::on_reply then) const {
        return by.call(*to, message, std::move(then), answer, until);
    }
    failure canceled() const noexcept {
        return {caps::operation::call, ECANCELED, failure::object_kind::capability, to->get()};
    }

    unowned<capability> to;
    outgoing message;
    buffers answer;
    deadline until;
};

struct receive_start {
    std::uint64_t operator()(ring &by, ring::on_message then) const {
        return by.receive(*from, std::move(then), body, until);
    }
    failure canceled() const noexcept {
        return {caps::operation::receive, ECANCELED, failure::object_kind::capability, from->get()};
    }

    unowned<port> from;
    buffers body;
    deadline until;
};

class [[nodiscard]] calling_or_not : public operation<reply, call_start> {
  public:
    using operation::operation;
};

class [[nodiscard]] calling : public operation<reply, call_start> {
  public:
    using operation::operation;
    reply await_resume() { return value_or_throw(operation::await_resume()); }
};

class [[nodiscard]] receiving_or_not : public operation<received, receive_start> {
  public:
    using operation::operation;
};

class [[nodiscard]] receiving : public operation<received, receive_start> {
  public:
    using operation::operation;
    received await_resume() { return value_or_throw(operation::await_resume()); }
};

class [[nodiscard]] sleeping_or_not : public operation<received, receive_start> {
  public:
    using operation::operation;
    result<void> await_resume() {
        const auto outcome = operation::await_resume();
        if (!outcome && outcome.error().code() != ETIMEDOUT)
            return failed(outcome.error());
        return {};
    }
};

class [[nodiscard]] sleeping : public sleeping_or_not {
  public:
    using sleeping_or_not::sleeping_or_not;
    void await_resume() { value_or_throw(sleeping_or_not::await_resume()); }
};

} // namespace detail

inline detail::sleeping loop::sleep(deadline until, std::stop_token stop) {
    return {*this, {silent_port(), {}, until}, std::move(stop)};
}

inline detail::sleeping_or_not loop::try_sleep(deadline until, std::stop_token stop) {
    return {*this, {silent_port(), {}, until}, std::move(stop)};
}

/// A port, a capability or connection, or an actor, whose operations are awaited. Copied freely.
/// Each operation comes twice, as elsewhere: co_await door.receive() throws, and
/// co_await door.try_receive() gives a result. What they are given, and what that refers to, must
/// live until they end, so they are awaited where they are made. A stop, requested from any
/// thread, ends them with ECANCELED, unless they have ended.
template <class T>
class in_loop {
  public:
    in_loop(loop &in, const T &what) noexcept : in_(&in), what_(what) {}

    /// Like capability::call().
    detail::calling
    call(const outgoing &message, const buffers &answer = {}, deadline until = forever,
         std::stop_token stop = {}) const requires std::derived_from<T, capability> {
        return {*in_, {*what_, message, answer, until}, std::move(stop)};
    }
    detail::calling_or_not
    try_call(const outgoing &message, const buffers &answer = {}, deadline until = forever,
             std::stop_token stop = {}) const requires std::derived_from<T, capability> {
        return {*in_, {*what_, message, answer, until}, std::move(stop)};
    }

    /// Like port::receive() and actor::receive().
    detail::receiving
    receive(const buffers &body = {}, deadline until = forever,
            std::stop_token stop = {}) const requires std::derived_from<T, receiver<T>> {
        return {*in_, {source(), body, until}, std::move(stop)};
    }
    detail::receiving_or_not
    try_receive(const buffers &body = {}, deadline until = forever,
                std::stop_token stop = {}) const requires std::derived_from<T, receiver<T>> {
        return {*in_, {source(), body, until}, std::move(stop)};
    }

    /// All else, which does not wait.
    const T *operator->() const noexcept { return what_.operator->(); }

  private:
    unowned<port> source() const noexcept {
        if constexpr (std::derived_from<T, actor>)
            return {what_->get(), std::uint64_t{CAPS_ANY_PORT}};
        else
            return *what_;
    }

    loop *in_;
    unowned<T> what_;
};

} // namespace caps

#endif
