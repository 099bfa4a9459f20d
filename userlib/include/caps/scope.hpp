// SPDX-License-Identifier: MIT
// Structured concurrency: tasks side by side, none of which outlives the block that began them.
#ifndef CAPS_SCOPE_HPP
#define CAPS_SCOPE_HPP

#include <caps/task.hpp>

#include <concepts>
#include <functional>
#include <list>
#include <optional>
#include <stop_token>
#include <system_error>

namespace caps {

class scope;

/// Runs a block that may begin others: ends when it and all of them have, and throws what the first
/// that failed has thrown. A stop that the token asks for is passed on.
///
///     co_await caps::with_scope([&](caps::scope &all) -> caps::task<> {
///         for (auto &server : servers)
///             all.spawn(ask(server, all.token()));
///         co_return;
///     });
template <std::invocable<scope &> F>
task<> with_scope(F body, std::stop_token outer = {});

/// Tasks side by side. There is no other way to one than with_scope(), which ends when all of them
/// have; destroyed before, it destroys them. For one thread at a time, but for the stop.
class scope {
  public:
    scope(scope &&) = delete;
    ~scope() {
        while (!children_.empty()) // who came last goes first
            children_.pop_front();
    }

    /// Asks the children to stop: what is to end then is given this.
    std::stop_token token() const noexcept { return stop_.get_token(); }
    /// From any thread. Who ends with ECANCELED after that has done as asked.
    void request_stop() noexcept { stop_.request_stop(); }
    /// Children that have not ended.
    std::size_t size() const noexcept { return children_.size(); }

    /// Begins a child, at once, up to where it first waits. The first exception of one asks all the
    /// others to stop. What a child uses must live outside of the block, or until a join().
    void spawn(task<> child) { add(std::move(child)); }
    /// The same for what a function returns, which is kept as long as the child is: a lambda with
    /// captures.
    template <std::invocable F>
    requires std::same_as<std::invoke_result_t<F &>, task<>>
    void spawn(F child) { add(std::move(child)); }

    /// Waits until all children have ended, and throws what the first that failed has thrown. For
    /// one at a time, and none of the children.
    [[nodiscard]] auto join() noexcept { return joining{*this}; }

  private:
    template <std::invocable<scope &> F>
    friend task<> with_scope(F body, std::stop_token outer);
    using list = std::list<task<>>;

    struct joining {
        bool await_ready() const noexcept { return of.children_.empty(); }
        void await_suspend(std::coroutine_handle<> then) const {
            if (of.joining_)
                throw std::logic_error("caps::scope: joined by two at a time");
            of.joining_ = then;
        }
        void await_resume() const {
            of.ended_.clear();
            if (of.first_)
                std::rethrow_exception(std::exchange(of.first_, nullptr));
        }

        scope &of;
    };

    explicit scope(const std::stop_token &outer) : outer_(outer, stop_requester{stop_}) {}

    template <class Child>
    void add(Child child) {
        list one(1);
        one.front() = keep(*this, one.begin(), std::move(child));
        children_.splice(children_.begin(), one);
        children_.front().start();
    }

    // A child with what becomes of its end. Its frame goes with the next end, or the join: nobody
    // can destroy a coroutine in its last step.
    template <class Child>
    static task<> keep(scope &in, list::iterator self, Child child) {
        try {
            if constexpr (std::invocable<Child &>)
                co_await child();
            else
                co_await std::move(child);
        } catch (...) {
            in.fail(std::current_exception());
        }
        in.ended_.clear();
        in.ended_.splice(in.ended_.begin(), in.children_, self);
        if (in.joining_ && in.children_.empty())
            self->go_on_with(std::exchange(in.joining_, nullptr));
    }

    // The body's frame is as durable as the scope, whose children may use what is in it.
    template <class F>
    static task<> run(F body, std::stop_token outer) {
        task<> main;
        scope in(outer);
        try {
            main = body(in);
            co_await main.in_place();
        } catch (...) {
            in.fail(std::current_exception());
        }
        co_await in.join();
    }

    void fail(const std::exception_ptr &why) noexcept {
        if (stop_.stop_requested() && is_cancellation(why))
            return;
        if (!first_)
            first_ = why;
        stop_.request_stop();
    }

    static bool is_cancellation(const std::exception_ptr &why) noexcept {
        try {
            std::rethrow_exception(why);
        } catch (const std::system_error &error) {
            return error.code() == std::errc::operation_canceled;
        } catch (...) {
            return false;
        }
    }

    struct stop_requester {
        void operator()() const noexcept { stop.request_stop(); }
        std::stop_source &stop;
    };

    std::stop_source stop_;
    std::stop_callback<stop_requester> outer_;
    std::exception_ptr first_;
    std::coroutine_handle<> joining_;
    list ended_; // at most one, in its last step or past it
    list children_;
};

template <std::invocable<scope &> F>
task<> with_scope(F body, std::stop_token outer) {
    return scope::run(std::move(body), std::move(outer));
}

} // namespace caps

#endif
