// SPDX-License-Identifier: MIT
// Coroutines over a ring, on either path.
#include "device.hpp"

#include <caps/loop.hpp>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstdlib>
#include <optional>

namespace {

using namespace test;
using caps::task;

unsigned scaled(unsigned rounds) {
    const char *const scale = std::getenv("CAPS_TEST_SCALE");
    const double by = scale != nullptr ? std::atof(scale) : 1.0;
    return std::max(20u, static_cast<unsigned>(rounds * std::min(by, 1.0)));
}

class loop : public device, public testing::WithParamInterface<caps::ring::path> {
  protected:
    void SetUp() override {
        device::SetUp();
        if (!me)
            return;
        all.emplace(me, 64, GetParam());
        door = me.create_port({.queue_limit = 1024});
    }

    caps::port door;
    std::optional<caps::loop> all;
};

// Answers calls until it is stopped.
task<> answer_all(caps::in_loop<caps::port> from, std::stop_token stop) {
    std::array<char, 16> room{};
    for (;;) {
        caps::received question = co_await from.receive(room, caps::forever, stop);
        if (question.kind() == caps::kind::call)
            (void)question.try_reply(
                {.status = static_cast<std::int32_t>(question.address()), .body = question.body()});
    }
}

TEST_P(loop, a_server_and_its_client) {
    const auto server = all->bind(door);
    const int sum = all->run([&]() -> task<int> {
        int got = 0;
        co_await caps::with_scope([&](caps::scope &in) -> task<> {
            in.spawn(answer_all(server, in.token()));
            std::array<char, 16> room{};
            for (unsigned i = 1; i <= 3; ++i) {
                const caps::reply back =
                    co_await server.call({.address = i, .body = "hello"}, room, soon());
                EXPECT_EQ(back.text(), "hello");
                got += back.status();
            }
            in.request_stop();
        });
        co_return got;
    }());
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(all->ring().in_flight(), 0u);
}

TEST_P(loop, what_can_be_bound) {
    const auto name = door.register_service("loop_test");
    const caps::connection to = me.connect("loop_test");
    const caps::capability plain = door.duplicate();
    door.enable();
    const auto by_name = all->bind(to);
    const auto by_capability = all->bind(plain);
    const auto any = all->bind(me);
    all->run([&]() -> task<> {
        co_await caps::with_scope([&](caps::scope &in) -> task<> {
            in.spawn([&]() -> task<> { co_await by_name.call({.address = 1}, {}, soon()); });
            in.spawn([&]() -> task<> { co_await by_capability.call({.address = 2}, {}, soon()); });
            for (std::uint64_t i = 1; i <= 2; ++i) {
                caps::received message = co_await any.receive({}, soon());
                EXPECT_EQ(message.address(), i);
                message.reply({});
            }
        });
    }());
    EXPECT_EQ(any->info().held, 0u);
}

// All of them at the server at once, which answers when it has the last.
TEST_P(loop, five_thousand_in_flight) {
    constexpr unsigned calls = 5000, receivers = 64;
    const auto server = all->bind(door);
    std::vector<caps::received> held;
    std::vector<std::array<char, 8>> rooms(calls);
    unsigned answered = 0;
    const auto ask = [&](unsigned i) -> task<> {
        const caps::reply back =
            co_await server.call({.address = i, .body = "?"}, rooms[i], soon());
        EXPECT_EQ(back.status(), static_cast<int>(i));
        EXPECT_EQ(back.text(), "answer");
        answered++;
    };
    const auto collect = [&](caps::scope &in) -> task<> {
        while (held.size() < calls)
            held.push_back(co_await server.receive({}, soon(), in.token()));
        for (caps::received &question : std::exchange(held, {}))
            question.reply({.status = static_cast<int>(question.address()), .body = "answer"});
        in.request_stop();
    };
    all->run(caps::with_scope([&](caps::scope &clients) -> task<> {
        co_await caps::with_scope([&](caps::scope &in) -> task<> {
            for (unsigned i = 0; i < receivers; ++i)
                in.spawn(collect(in));
            for (unsigned i = 0; i < calls; ++i)
                clients.spawn(ask(i));
            EXPECT_EQ(all->ring().in_flight(), calls + receivers);
            co_return;
        });
    }));
    EXPECT_EQ(answered, calls);
}

// --- ends --------------------------------------------------------------------

TEST_P(loop, deadlines) {
    const auto port = all->bind(door);
    all->run([&]() -> task<> {
        const auto nothing = co_await port.try_receive({}, 20ms);
        EXPECT_FALSE(nothing);
        EXPECT_EQ(nothing.error().code(), ETIMEDOUT);
        co_await caps::with_scope([&](caps::scope &in) -> task<> {
            caps::received taken;
            in.spawn([&]() -> task<> { taken = co_await port.receive({}, soon()); });
            const auto late = co_await port.try_call({}, {}, 1s);
            EXPECT_FALSE(late);
            EXPECT_EQ(late.error().code(), ETIMEDOUT);
            EXPECT_TRUE(late.error().taken());
            co_await in.join();
        });
    }());
}

// Many that expire while one goes on.
TEST_P(loop, a_thousand_deadlines) {
    const auto port = all->bind(door);
    const caps::port other = me.create_port();
    unsigned late = 0;
    all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        for (unsigned i = 0; i < 1000; ++i)
            in.spawn([&, i]() -> task<> {
                const auto nothing = co_await port.try_receive({}, std::chrono::milliseconds(i));
                late += !nothing && nothing.error().code() == ETIMEDOUT;
            });
        other.send({.address = 4});
        const auto message = co_await all->bind(other).receive({}, soon());
        EXPECT_EQ(message.address(), 4u);
    }));
    EXPECT_EQ(late, 1000u);
}

TEST_P(loop, throws_and_tells_what_failed) {
    const auto port = all->bind(door);
    door.remove();
    int code = 0;
    caps::operation what{};
    const auto asks = [&]() -> task<> { co_await port.call({}, {}, soon()); };
    try {
        all->run(asks());
    } catch (const caps::error &error) {
        code = error.why().code();
        what = error.why().what();
    }
    EXPECT_EQ(code, EPIPE);
    EXPECT_EQ(what, caps::operation::call);
}

TEST_P(loop, the_first_exception_stops_the_others) {
    const auto port = all->bind(door);
    int stopped = 0;
    const auto waits = [&](std::stop_token stop) -> task<> {
        const auto nothing = co_await port.try_receive({}, caps::forever, stop);
        EXPECT_FALSE(nothing);
        stopped += nothing.error().code() == ECANCELED;
    };
    EXPECT_THROW(all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        for (int i = 0; i < 10; ++i)
            in.spawn(waits(in.token()));
        in.spawn([&]() -> task<> { co_await all->sleep(soon(), in.token()); });
        in.spawn([&]() -> task<> {
            co_await all->sleep(5ms);
            throw std::out_of_range("a child");
        });
        co_return;
    })),
                 std::out_of_range);
    EXPECT_EQ(stopped, 10);
    EXPECT_EQ(all->ring().in_flight(), 0u);
}

TEST_P(loop, waiting_for_nothing) {
    struct never : std::suspend_always {};
    const auto hangs = []() -> task<> { co_await never{}; };
    try {
        all->run(hangs());
        FAIL() << "it ended";
    } catch (const std::system_error &error) {
        EXPECT_EQ(error.code().value(), EDEADLK);
    }
}

TEST_P(loop, sleep) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<int> order;
    const auto nap = [&](int ms) -> task<> {
        co_await all->sleep(std::chrono::milliseconds(ms));
        order.push_back(ms);
    };
    all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        for (const int ms : {300, 20, 600})
            in.spawn(nap(ms));
        const bool slept = (co_await all->try_sleep(1ms)).has_value();
        EXPECT_TRUE(slept);
    }));
    EXPECT_EQ(order, (std::vector<int>{20, 300, 600}));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 600ms);
}

// --- stops -------------------------------------------------------------------

TEST_P(loop, stopped_before) {
    std::stop_source stop;
    stop.request_stop();
    const auto port = all->bind(door);
    all->run([&]() -> task<> {
        const auto back = co_await port.try_call({}, {}, caps::forever, stop.get_token());
        EXPECT_FALSE(back);
        EXPECT_EQ(back.error().code(), ECANCELED);
        EXPECT_EQ(back.error().what(), caps::operation::call);
        bool thrown = false;
        try {
            co_await port.receive({}, caps::forever, stop.get_token());
        } catch (const caps::error &error) {
            thrown = error.code() == std::errc::operation_canceled;
        }
        EXPECT_TRUE(thrown);
    }());
    EXPECT_EQ(door.info().queued, 0u);
}

TEST_P(loop, stopped_in_the_same_thread) {
    const auto port = all->bind(door);
    std::vector<int> codes;
    const auto note = [&](const auto &ended) { codes.push_back(ended ? 0 : ended.error().code()); };
    all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        std::stop_source stop;
        caps::result<caps::received> taken;
        in.spawn([&]() -> task<> {
            taken = co_await port.try_receive({}, soon(), stop.get_token());
            note(taken);
        });
        in.spawn([&]() -> task<> { // which the other has
            const auto back = co_await port.try_call({}, {}, soon(), stop.get_token());
            EXPECT_TRUE(!back && back.error().taken());
            note(back);
        });
        in.spawn([&]() -> task<> { // which nobody has
            note(co_await port.try_call({}, {}, soon(), stop.get_token()));
        });
        in.spawn([&]() -> task<> { note(co_await all->try_sleep(soon(), stop.get_token())); });
        co_await all->sleep(20ms);
        stop.request_stop();
        co_await in.join();
    }));
    std::ranges::sort(codes);
    EXPECT_EQ(codes, (std::vector<int>{0, ECANCELED, ECANCELED, ECANCELED}));
}

TEST_P(loop, stopped_by_another_thread) {
    const auto port = all->bind(door);
    std::stop_source stop;
    std::jthread other([&] {
        std::this_thread::sleep_for(30ms);
        stop.request_stop();
    });
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(all->run([&]() -> task<int> {
        const auto nothing = co_await port.try_receive({}, caps::forever, stop.get_token());
        co_return nothing ? 0 : nothing.error().code();
    }()),
              ECANCELED);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

// Whoever is first, it ends once, and with the one or the other.
TEST_P(loop, a_stop_and_an_answer_at_the_same_time) {
    const unsigned rounds = scaled(10'000);
    std::stop_source current;
    std::atomic<unsigned> begun{0}, stopped{0};
    const std::jthread other([&](const std::stop_token &end) {
        for (unsigned round = 1; round <= rounds; ++round) {
            while (begun < round && !end.stop_requested())
                std::this_thread::yield();
            for (volatile unsigned wait = round * 37 % 5000; wait > 0;)
                wait = wait - 1;
            current.request_stop();
            stopped = round;
        }
    });
    const auto port = all->bind(door);
    unsigned answered = 0, canceled = 0;
    const auto ask = [&](unsigned round) -> task<> {
        current = std::stop_source();
        begun = round;
        const auto back = co_await port.try_call({.address = round, .body = "?"}, {}, soon(),
                                                 current.get_token());
        if (back)
            EXPECT_EQ(back->status(), static_cast<int>(round));
        else
            EXPECT_EQ(back.error().code(), ECANCELED) << back.error().message();
        ++(back ? answered : canceled);
        while (stopped < round)
            std::this_thread::yield();
    };
    all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        in.spawn(answer_all(port, in.token()));
        for (unsigned round = 1; round <= rounds; ++round)
            co_await ask(round);
        in.request_stop();
    }));
    EXPECT_EQ(answered + canceled, rounds);
    EXPECT_EQ(all->ring().in_flight(), 0u);
    RecordProperty("answered", static_cast<int>(answered));
    RecordProperty("canceled", static_cast<int>(canceled));
}

// --- destroyed while they wait -----------------------------------------------

// Somebody else's coroutine: begins at once, destroyed when it is told to be.
class foreign {
  public:
    struct promise_type {
        foreign get_return_object() {
            return foreign(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };

    explicit foreign(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    foreign(foreign &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~foreign() { destroy(); }
    void destroy() {
        if (frame_)
            std::exchange(frame_, nullptr).destroy();
    }

  private:
    std::coroutine_handle<promise_type> frame_;
};

foreign receives(caps::in_loop<caps::port> from, int &got) {
    std::array<char, 64> room{};
    const auto message = co_await from.try_receive(room);
    got++;
}

foreign calls(caps::in_loop<caps::port> to, int &got) {
    std::array<char, 64> room{};
    (void)co_await to.try_call({.body = "a question"}, room);
    got++;
}

// A function that throws keeps the loop from telling the coroutine: the message has come for it.
TEST_P(loop, a_message_for_one_that_is_destroyed_is_dropped) {
    const caps::port first = me.create_port();
    int got = 0;
    caps::ring &ring = all->ring();
    ring.receive(first, [](auto) { throw std::out_of_range("a function"); });
    foreign one = receives(all->bind(door), got);
    EXPECT_EQ(ring.run(caps::no_wait), 0u);
    first.send({});
    int code = -1;
    std::jthread caller([&] {
        const auto back = door.try_call({.body = "lost"}, {}, soon());
        code = back ? 0 : back.error().code();
    });
    ASSERT_TRUE(eventually([&] { return door.info().queued + door.info().sequence > 0; }));
    EXPECT_THROW(ring.run(soon()), std::out_of_range);
    EXPECT_EQ(ring.in_flight(), 1u);
    EXPECT_EQ(door.info().sequence, 1u);
    one.destroy();
    caller.join();
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(got, 0);
    EXPECT_EQ(ring.in_flight(), 0u);
    EXPECT_EQ(me.info().held, 0u);
}

TEST_P(loop, coroutines_destroyed_before_anything_comes) {
    int got = 0;
    {
        std::vector<foreign> some;
        some.reserve(20);
        for (int i = 0; i < 10; ++i)
            some.push_back(receives(all->bind(*me.default_port()), got));
        for (int i = 0; i < 10; ++i)
            some.push_back(calls(all->bind(door), got));
        EXPECT_EQ(all->ring().run(10ms), 0u);
        EXPECT_EQ(all->ring().in_flight(), 20u);
    }
    EXPECT_EQ(all->ring().in_flight(), 0u);
    EXPECT_EQ(got, 0);
    EXPECT_FALSE(door.try_receive({}, caps::no_wait));
    door.send({.address = 9});
    EXPECT_EQ(door.receive({}, soon()).address(), 9u);
}

// Some wait for room in the queue, and there is none.
TEST_P(loop, coroutines_destroyed_while_a_queue_is_full) {
    const caps::port narrow = me.create_port({.queue_limit = 2});
    int got = 0;
    {
        std::vector<foreign> some;
        some.reserve(8);
        for (int i = 0; i < 8; ++i)
            some.push_back(calls(all->bind(narrow), got));
        all->ring().run(20ms);
        some[3].destroy();
    }
    EXPECT_EQ(all->ring().in_flight(), 0u);
    EXPECT_EQ(got, 0);
    EXPECT_FALSE(narrow.try_receive({}, caps::no_wait));
}

// A loop that cannot go on: all frames go, then the loop does.
TEST_P(loop, all_in_flight_when_it_fails) {
    const caps::port bad = me.create_port();
    int alive = 0;
    struct counted {
        explicit counted(int &count) : count(count) { count++; }
        counted(const counted &) = delete;
        ~counted() { count--; }
        int &count;
    };
    const auto port = all->bind(door);
    const auto waits = [&](bool call) -> task<> {
        const counted here(alive);
        std::array<char, 64> room{};
        if (call)
            (void)co_await port.call({.body = "?"}, room);
        else
            (void)co_await all->bind(bad).receive(room);
    };
    all->ring().receive(me.default_port(), [](auto) { throw std::out_of_range("a function"); });
    EXPECT_THROW(all->run(caps::with_scope([&](caps::scope &in) -> task<> {
        for (int i = 0; i < 100; ++i)
            in.spawn(waits(i % 2 == 0));
        co_await all->sleep(5ms);
        EXPECT_EQ(alive, 100);
        me.default_port()->send({});
        co_await in.join();
    })),
                 std::out_of_range);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(all->ring().in_flight(), 0u);
    all.reset();
    EXPECT_EQ(door.info().queued, 0u);
}

INSTANTIATE_TEST_SUITE_P(path, loop,
                         testing::Values(caps::ring::path::parked, caps::ring::path::polled),
                         [](const auto &of) {
                             return of.param == caps::ring::path::parked ? "parked" : "polled";
                         });

} // namespace
