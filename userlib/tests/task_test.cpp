// SPDX-License-Identifier: MIT
// Tasks and scopes: what begins, ends and is destroyed when. No device is needed.
#include <caps/scope.hpp>
#include <caps/task.hpp>

#include <gtest/gtest.h>

#include <coroutine>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using caps::scope;
using caps::task;

// Begins at once, and destroys what it awaits together with itself.
class runner {
  public:
    struct promise_type {
        runner get_return_object() { return runner(handle::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { thrown = std::current_exception(); }
        std::exception_ptr thrown;
    };

    explicit runner(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    runner(runner &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~runner() { destroy(); }

    bool done() const { return frame_.done(); }
    void destroy() {
        if (frame_)
            std::exchange(frame_, nullptr).destroy();
    }
    void rethrow() const {
        if (frame_.promise().thrown)
            std::rethrow_exception(frame_.promise().thrown);
    }

  private:
    using handle = std::coroutine_handle<promise_type>;
    handle frame_;
};

template <class T>
runner run(task<T> what, T &into) {
    into = co_await std::move(what);
}

runner run(task<> what) {
    co_await std::move(what);
}

// Waited for until somebody opens it.
class gate {
  public:
    struct waiting {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> then) const { at.add(then); }
        void await_resume() const noexcept {}
        gate &at;
    };

    waiting operator co_await() { return {*this}; }
    void add(std::coroutine_handle<> then) { all_.push_back(then); }
    void open() {
        for (const auto handle : std::exchange(all_, {}))
            handle.resume();
    }

  private:
    std::vector<std::coroutine_handle<>> all_;
};

// Counts what lives.
class alive {
  public:
    explicit alive(int &count) : count_(&count) { ++*count_; }
    alive(const alive &other) : count_(other.count_) { ++*count_; }
    alive &operator=(const alive &) = delete;
    ~alive() { --*count_; }

  private:
    int *count_;
};

// --- one ---------------------------------------------------------------------

TEST(task, is_lazy) {
    int steps = 0;
    const auto step = [&]() -> task<> {
        steps++;
        co_return;
    };
    task<> one = step();
    EXPECT_EQ(steps, 0);
    EXPECT_TRUE(one);
    const runner all = run(std::move(one));
    EXPECT_EQ(steps, 1);
    EXPECT_FALSE(one); // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(all.done());
    static_assert(!std::is_copy_constructible_v<task<>>);
    static_assert(std::is_nothrow_move_constructible_v<task<int>>);
}

TEST(task, one_never_awaited_is_destroyed) {
    int count = 0;
    const auto holds = [](alive) -> task<> { co_return; };
    {
        const task<> one = holds(alive(count));
        EXPECT_EQ(count, 1);
        task<> other = holds(alive(count));
        EXPECT_EQ(count, 2);
        other = holds(alive(count));
        EXPECT_EQ(count, 2);
    }
    EXPECT_EQ(count, 0);
}

task<std::unique_ptr<int>> make(int value) {
    co_return std::make_unique<int>(value);
}

TEST(task, gives_what_can_only_be_moved) {
    std::unique_ptr<int> got;
    const runner all = run(make(5), got);
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, 5);
}

TEST(task, gives_references) {
    std::string text = "here";
    const auto refer = [&]() -> task<std::string &> { co_return text; };
    const auto check = [&]() -> task<> {
        std::string &same = co_await refer();
        EXPECT_EQ(&same, &text);
    };
    EXPECT_TRUE(run(check()).done());
}

TEST(task, gives_what_looks_like_its_own_state) {
    const auto give = []() -> task<std::exception_ptr> { co_return std::make_exception_ptr(1); };
    std::exception_ptr got;
    run(give(), got).rethrow();
    EXPECT_TRUE(got);
}

TEST(task, gives_what_has_no_default) {
    struct number {
        explicit number(int from) : value(from) {}
        int value;
    };
    int got = 0;
    const auto give = []() -> task<number> { co_return number(3); };
    const auto take = [&]() -> task<> { got = (co_await give()).value; };
    run(take()).rethrow();
    EXPECT_EQ(got, 3);
}

TEST(task, passes_exceptions_on) {
    int count = 0;
    const auto fails = [](alive) -> task<int> {
        throw std::runtime_error("inside");
        co_return 0;
    };
    const auto calls = [&](alive) -> task<int> { co_return co_await fails(alive(count)) + 1; };
    std::string what;
    const auto catches = [&]() -> task<> {
        try {
            (void)co_await calls(alive(count));
        } catch (const std::runtime_error &error) {
            what = error.what();
        }
        EXPECT_EQ(count, 0);
    };
    run(catches()).rethrow();
    EXPECT_EQ(what, "inside");
}

TEST(task, awaited_twice) {
    const auto nothing = []() -> task<> { co_return; };
    const auto twice = [&]() -> task<> {
        task<> one = nothing();
        co_await std::move(one);
        co_await std::move(one); // NOLINT(bugprone-use-after-move)
    };
    EXPECT_THROW(run(twice()).rethrow(), std::logic_error);
    EXPECT_THROW(run(task<>()).rethrow(), std::logic_error);
}

// All frames on the way, wherever the innermost waits.
TEST(task, destroyed_while_it_waits) {
    int count = 0;
    gate shut;
    const auto inner = [&](alive) -> task<> { co_await shut; };
    const auto outer = [&](alive) -> task<> {
        const alive local(count);
        co_await inner(alive(count));
    };
    runner all = run(outer(alive(count)));
    EXPECT_EQ(count, 4); // the arguments of inner(), too
    EXPECT_FALSE(all.done());
    all.destroy();
    EXPECT_EQ(count, 0);
}

// --- many --------------------------------------------------------------------

// gcc under AddressSanitizer makes no tail calls.
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
constexpr int many = 1000;
#else
constexpr int many = 1'000'000;
#endif

task<int> ready(int value) {
    co_return value;
}

TEST(task, a_million_in_turn_need_no_stack) {
    const auto sum = []() -> task<long> {
        long all = 0;
        for (int i = 0; i < many; ++i)
            all += co_await ready(i);
        co_return all;
    };
    long got = 0;
    run(sum(), got).rethrow();
    EXPECT_EQ(got, static_cast<long>(many) * (many - 1) / 2);
}

task<int> nested(int depth) {
    if (depth == 0)
        co_return 0;
    co_return co_await nested(depth - 1) + 1;
}

TEST(task, a_hundred_thousand_inside_one_another_need_no_stack) {
    int got = 0;
    run(nested(many / 10), got).rethrow();
    EXPECT_EQ(got, many / 10);
}

// --- side by side ------------------------------------------------------------

TEST(scope, ends_when_all_have) {
    gate first, second;
    int ended = 0;
    const auto child = [&](gate &at) -> task<> {
        co_await at;
        ended++;
    };
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn(child(first));
        in.spawn(child(second));
        EXPECT_EQ(in.size(), 2u);
        co_return;
    }));
    EXPECT_FALSE(all.done());
    second.open();
    EXPECT_EQ(ended, 1);
    EXPECT_FALSE(all.done());
    first.open();
    EXPECT_EQ(ended, 2);
    EXPECT_TRUE(all.done());
}

TEST(scope, without_children) {
    EXPECT_TRUE(run(caps::with_scope([](scope &in) -> task<> { co_await in.join(); })).done());
}

// A lambda's captures are in the lambda, which must outlive its coroutine.
TEST(scope, keeps_the_function_as_long_as_its_task) {
    gate shut;
    std::string got;
    int count = 0;
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn(
            [&, text = std::string("a text that is not short"), holds = alive(count)]() -> task<> {
                co_await shut;
                got = text;
            });
        co_return;
    }));
    EXPECT_EQ(count, 1);
    shut.open();
    EXPECT_EQ(got, "a text that is not short");
    EXPECT_TRUE(all.done());
}

// Waits for the gate unless it is asked to stop before that.
class gate_or_stop {
  public:
    gate_or_stop(gate &at, std::stop_token stop) : at_(at), stop_(std::move(stop)) {}
    bool await_ready() const noexcept { return stop_.stop_requested(); }
    void await_suspend(std::coroutine_handle<> then) { at_.add(then); }
    void await_resume() const {
        if (stop_.stop_requested())
            throw std::system_error(ECANCELED, std::generic_category());
    }

  private:
    gate &at_;
    std::stop_token stop_;
};

TEST(scope, the_first_exception_stops_the_others) {
    gate shut, bad;
    int stopped = 0;
    const auto waits = [&](scope &in) -> task<> {
        try {
            co_await gate_or_stop(shut, in.token());
        } catch (const std::system_error &) {
            stopped++;
            throw;
        }
    };
    const auto fails = [&](const char *why) -> task<> {
        co_await bad;
        throw std::runtime_error(why);
    };
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn(waits(in));
        in.spawn(fails("first"));
        in.spawn(fails("second"));
        in.spawn(waits(in));
        co_return;
    }));
    bad.open();
    EXPECT_FALSE(all.done());
    shut.open();
    ASSERT_TRUE(all.done());
    EXPECT_EQ(stopped, 2);
    try {
        all.rethrow();
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error &error) {
        EXPECT_STREQ(error.what(), "first");
    }
}

TEST(scope, an_exception_of_the_body) {
    gate shut;
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn([&]() -> task<> { co_await gate_or_stop(shut, in.token()); });
        throw std::runtime_error("body");
        co_return;
    }));
    EXPECT_FALSE(all.done());
    shut.open();
    ASSERT_TRUE(all.done());
    EXPECT_THROW(all.rethrow(), std::runtime_error);
}

// Whoever is asked to stop and does is no failure.
TEST(scope, request_stop) {
    gate shut;
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn([&]() -> task<> { co_await gate_or_stop(shut, in.token()); });
        in.request_stop();
        co_return;
    }));
    shut.open();
    ASSERT_TRUE(all.done());
    all.rethrow();
}

TEST(scope, canceled_without_being_asked_is_a_failure) {
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn([]() -> task<> {
            throw std::system_error(ECANCELED, std::generic_category());
            co_return;
        });
        co_return;
    }));
    EXPECT_THROW(all.rethrow(), std::system_error);
}

TEST(scope, a_stop_from_outside_is_passed_on) {
    gate shut;
    std::stop_source outer;
    bool stopped = false;
    const runner all = run(caps::with_scope(
        [&](scope &in) -> task<> {
            co_await shut;
            stopped = in.token().stop_requested();
        },
        outer.get_token()));
    std::jthread([&] { outer.request_stop(); }).join();
    shut.open();
    EXPECT_TRUE(stopped);
    EXPECT_TRUE(all.done());
}

TEST(scope, joined_in_the_middle) {
    gate shut;
    std::vector<std::string> order;
    const auto child = [&](std::string name) -> task<> {
        co_await shut;
        order.push_back(std::move(name));
    };
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn(child("one"));
        in.spawn(child("two"));
        co_await in.join();
        order.emplace_back("joined");
        in.spawn(child("three"));
        try {
            in.spawn([]() -> task<> {
                throw std::runtime_error("handled");
                co_return;
            });
            co_await in.join();
        } catch (const std::runtime_error &error) {
            order.emplace_back(error.what());
        }
    }));
    shut.open();
    shut.open();
    ASSERT_TRUE(all.done());
    all.rethrow();
    EXPECT_EQ(order, (std::vector<std::string>{"one", "two", "joined", "three", "handled"}));
}

TEST(scope, joined_by_two) {
    gate shut;
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn([&]() -> task<> { co_await shut; });
        in.spawn([&]() -> task<> {
            co_await shut;
            co_await in.join();
        });
        in.spawn([&]() -> task<> { co_await shut; });
        co_await in.join();
    }));
    shut.open();
    ASSERT_TRUE(all.done());
    EXPECT_THROW(all.rethrow(), std::logic_error);
}

// What has ended does not pile up, however long the scope lives.
TEST(scope, frames_go_when_children_end) {
    int count = 0, most = 0;
    const auto child = [&](alive) -> task<> {
        most = std::max(most, count);
        co_return;
    };
    run(caps::with_scope([&](scope &in) -> task<> {
        for (int i = 0; i < 1000; ++i)
            in.spawn(child(alive(count)));
        EXPECT_EQ(in.size(), 0u);
        EXPECT_EQ(count, 0);
        co_return;
    })).rethrow();
    EXPECT_LE(most, 3);
}

TEST(scope, children_of_children) {
    gate shut;
    int ended = 0;
    const runner all = run(caps::with_scope([&](scope &in) -> task<> {
        in.spawn([&]() -> task<> {
            co_await shut;
            for (int i = 0; i < 3; ++i)
                in.spawn([&]() -> task<> {
                    co_await shut;
                    ended++;
                });
        });
        co_return;
    }));
    shut.open();
    EXPECT_FALSE(all.done());
    shut.open();
    EXPECT_TRUE(all.done());
    EXPECT_EQ(ended, 3);
}

// Children go before what they use in the body.
TEST(scope, destroyed_while_children_wait) {
    int count = 0, others = 0, at_the_end = 0;
    gate shut;
    struct last {
        ~last() { seen = children; }
        int &seen, &children;
    };
    runner all = run(caps::with_scope([&](scope &in) -> task<> {
        const last local{at_the_end, count};
        const alive here(others);
        for (int i = 0; i < 3; ++i)
            in.spawn([&, holds = alive(count)]() -> task<> { co_await shut; });
        at_the_end = -1;
        co_await in.join();
    }));
    EXPECT_EQ(count, 3);
    all.destroy();
    EXPECT_EQ(count, 0);
    EXPECT_EQ(others, 0);
    EXPECT_EQ(at_the_end, 0);
}

} // namespace
