// SPDX-License-Identifier: MIT
// Calls and receives as operations of Asio, on either path.
#include "device.hpp"

#include <caps/asio.hpp>

#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <optional>

namespace {

using namespace test;

/// CAPS_TEST_SCALE below 1 makes loops shorter, for slow kernels.
int scaled(int times) {
    const char *const scale = std::getenv("CAPS_TEST_SCALE");
    return std::max(1, static_cast<int>(times * (scale ? std::atof(scale) : 1)));
}

class asio_ring : public device, public testing::WithParamInterface<caps::ring::path> {
  protected:
    void SetUp() override {
        device::SetUp();
        if (me)
            ring.emplace(context, me, 64, GetParam());
    }
    caps::asio::port port() { return {*ring, me.create_port({.queue_limit = 4096})}; }
    caps::asio::capability to(const caps::asio::port &door) {
        return {*ring, caps::unowned<caps::capability>(*door)};
    }
    /// Runs what there is; by then nothing is left that keeps the context running.
    void run() {
        context.restart();
        context.run_for(60s);
        EXPECT_TRUE(context.stopped());
    }

    // The actor goes last: messages may be on their way in the context.
    asio::io_context context;
    std::optional<caps::asio::ring> ring;
};

TEST_P(asio_ring, says_which_path_it_took) {
    const bool can_park = (me.query().features & CAPS_FEATURE_PARK) != 0;
    EXPECT_EQ(ring->how(), can_park ? GetParam() : caps::ring::path::polled);
}

// --- tokens ---

TEST_P(asio_ring, callbacks) {
    auto door = port();
    auto client = to(door);
    std::array<char, 16> asked{}, answered{};
    std::vector<std::string> heard;
    door.async_receive(asked, [&](std::error_code why, caps::received message) {
        EXPECT_FALSE(why) << why.message();
        heard.emplace_back(message.text());
        message.reply({.status = 7, .body = "answer"});
    });
    client.async_call({.body = "question"}, answered, soon(),
                      [&](std::error_code why, caps::reply back) {
                          EXPECT_FALSE(why) << why.message();
                          EXPECT_EQ(back.status(), 7);
                          heard.emplace_back(back.text());
                      });
    EXPECT_EQ(ring->in_flight(), 2u);
    EXPECT_TRUE(heard.empty());
    run();
    EXPECT_EQ(heard, (std::vector<std::string>{"question", "answer"}));
    EXPECT_EQ(ring->in_flight(), 0u);
}

// What could end at once does not end within the function that starts it.
TEST_P(asio_ring, never_inside_the_initiation) {
    auto door = port();
    bool inside = true, called = false;
    asio::post(context, [&] {
        door->send({});
        door.async_receive({}, caps::no_wait, [&](std::error_code why, const caps::received &) {
            EXPECT_FALSE(why) << why.message();
            EXPECT_FALSE(inside);
            called = true;
        });
        inside = false;
    });
    run();
    EXPECT_TRUE(called);
}

TEST_P(asio_ring, futures) {
    auto door = port(), silent = port();
    auto client = to(door);
    const auto server = serve(*door, 1, [](auto &message) { message.reply({.status = 3}); });
    auto back = client.async_call({}, {}, soon(), asio::use_future);
    auto late = silent.async_receive({}, 20ms, asio::use_future);
    std::jthread runs([&] { context.run(); });
    EXPECT_EQ(back.get().status(), 3);
    try {
        late.get();
        ADD_FAILURE() << "received";
    } catch (const std::system_error &why) {
        EXPECT_EQ(why.code(), asio::error::timed_out);
    }
}

asio::awaitable<void> echo(caps::asio::port &door, int messages) {
    std::array<std::byte, 64> room{};
    for (int i = 0; i < messages; ++i) {
        auto message = co_await door.async_receive(room, soon(), asio::use_awaitable);
        message.reply(
            {.status = static_cast<std::int32_t>(message.address()), .body = message.body()});
    }
}

TEST_P(asio_ring, awaitables) {
    auto door = port();
    auto client = to(door);
    std::string heard;
    asio::co_spawn(context, echo(door, 2), asio::detached);
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            std::array<char, 16> room{};
            const auto first = co_await client.async_call({.address = 4, .body = "one"}, room,
                                                          asio::use_awaitable);
            heard = first.text();
            const auto second =
                co_await client.async_try_call({.body = "two"}, room, asio::use_awaitable);
            heard += second ? second->text() : second.error().message();
            heard += std::to_string(first.status());
        },
        asio::detached);
    run();
    EXPECT_EQ(heard, "onetwo4");
}

TEST_P(asio_ring, default_tokens) {
    auto door = asio::use_awaitable.as_default_on(port());
    door->send({.body = "text"});
    std::string heard;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            std::array<char, 16> room{};
            heard = (co_await door.async_receive(room)).text();
            const auto none = co_await door.async_try_receive(room, caps::no_wait);
            EXPECT_EQ(none.error(), std::errc::resource_unavailable_try_again);
        },
        asio::detached);
    run();
    EXPECT_EQ(heard, "text");
}

TEST_P(asio_ring, thousands_of_coroutines) {
    const int calls = scaled(5000);
    auto door = port();
    auto client = to(door);
    int answered = 0;
    const auto ask = [&](int number) -> asio::awaitable<void> {
        int room = 0;
        const auto back =
            co_await client.async_call({.address = static_cast<std::uint64_t>(number),
                                        .body = caps::bytes_of(std::as_const(number))},
                                       caps::bytes_of(room), soon(), asio::use_awaitable);
        EXPECT_EQ(back.status(), number);
        EXPECT_EQ(room, number);
        answered++;
    };
    asio::co_spawn(context, echo(door, calls), asio::detached);
    for (int i = 0; i < calls; ++i)
        asio::co_spawn(context, ask(i), asio::detached);
    run();
    EXPECT_EQ(answered, calls);
}

TEST_P(asio_ring, to_any_of_a_group) {
    auto door = port();
    caps::asio::group pool(*ring, me.create_group());
    caps::result<caps::reply> back;
    const auto note = [&](caps::result<caps::reply> with) { back = with; };
    pool.async_try_call<caps::to::any>({}, {}, {}, soon(), note);
    run();
    EXPECT_EQ(back.error(), std::errc::no_such_file_or_directory);
    pool->insert(*door);
    asio::co_spawn(context, echo(door, 1), asio::detached);
    pool.async_try_call<caps::to::any>({.address = 8}, {}, {}, soon(), note);
    run();
    EXPECT_EQ(back->status(), 8);
    asio::co_spawn(context, echo(door, 1), asio::detached);
    pool.async_call<caps::to::any>({.address = 9}, {}, {}, soon(),
                                   [&](std::error_code why, caps::reply with) {
                                       EXPECT_FALSE(why) << why.message();
                                       back = with;
                                   });
    run();
    EXPECT_EQ(back->status(), 9);
}

TEST_P(asio_ring, any_enabled_port) {
    const caps::port door = me.create_port({.cookie = 5});
    door.enable();
    caps::asio::port any(*ring, me);
    door.send({});
    std::uint64_t cookie = 0;
    any.async_receive({}, soon(), [&](std::error_code, const caps::received &message) {
        cookie = message.cookie();
    });
    run();
    EXPECT_EQ(cookie, 5u);
}

// --- failures ---

TEST_P(asio_ring, codes_and_failures) {
    auto door = port();
    auto client = to(door);
    std::error_code code;
    bool taken = false;
    client.async_call({}, {}, 50ms, [&](std::error_code why, const caps::reply &) { code = why; });
    run();
    EXPECT_EQ(code, asio::error::timed_out);
    EXPECT_EQ(code.value(), ETIMEDOUT);
    std::array<caps::received, 1> held;
    door.async_receive(
        {}, soon(), [&](std::error_code, caps::received message) { held[0] = std::move(message); });
    client.async_try_call({}, {}, 50ms, [&](caps::result<caps::reply> back) {
        ASSERT_FALSE(back);
        taken = back.error().taken();
    });
    run();
    EXPECT_TRUE(taken);
}

// --- cancellation ---

TEST_P(asio_ring, cancel_is_for_one_object) {
    auto door = port(), other = port();
    auto client = to(other);
    std::vector<std::error_code> codes;
    const auto note = [&](std::error_code why, const auto &) { codes.push_back(why); };
    door.async_receive({}, note);
    door.async_receive({}, note);
    client.async_call({}, {}, note);
    context.run_for(20ms);
    EXPECT_TRUE(codes.empty());
    door.cancel();
    context.run_for(20ms);
    EXPECT_EQ(codes.size(), 2u);
    client.cancel();
    run();
    EXPECT_EQ(codes, std::vector<std::error_code>(3, asio::error::operation_aborted));
    client.cancel();
    other->send({});
    other.async_receive({}, note);
    run();
    EXPECT_FALSE(codes.back());
}

// Also before it was submitted.
TEST_P(asio_ring, its_end_cancels) {
    std::vector<std::error_code> codes;
    const auto note = [&](std::error_code why, const auto &) { codes.push_back(why); };
    for (const auto after : {0ms, 20ms}) {
        auto door = port(), moved = port();
        door.async_receive({}, note);
        moved = std::move(door);
        context.restart();
        context.run_for(after);
    }
    run();
    EXPECT_EQ(codes, std::vector<std::error_code>(2, asio::error::operation_aborted));
}

TEST_P(asio_ring, release) {
    auto door = port();
    std::error_code code;
    door.async_receive({}, [&](std::error_code why, const auto &) { code = why; });
    const caps::port plain = door.release();
    run();
    EXPECT_EQ(code, asio::error::operation_aborted);
    plain.send({.address = 6});
    EXPECT_EQ(plain.receive({}, caps::no_wait).address(), 6u);
}

TEST_P(asio_ring, slots) {
    using kind = asio::cancellation_type;
    auto door = port(), other = port();
    auto client = to(other);
    for (const auto how : {kind::terminal, kind::partial, kind::total}) {
        asio::cancellation_signal receive, call;
        std::error_code received, called;
        door.async_receive(
            {}, asio::bind_cancellation_slot(
                    receive.slot(), [&](std::error_code why, const auto &) { received = why; }));
        client.async_call(
            {}, {}, 1s,
            asio::bind_cancellation_slot(call.slot(),
                                         [&](std::error_code why, const auto &) { called = why; }));
        context.restart();
        context.run_for(20ms);
        receive.emit(how);
        call.emit(how);
        run();
        EXPECT_EQ(received, asio::error::operation_aborted);
        // That the server has not taken it is more than one can promise.
        EXPECT_EQ(called,
                  how == kind::total ? asio::error::timed_out : asio::error::operation_aborted);
        receive.emit(how); // which names an operation that is over
    }
}

TEST_P(asio_ring, or_a_timer) {
    using namespace asio::experimental::awaitable_operators;
    auto door = port();
    auto client = to(door);
    std::vector<std::size_t> first;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            asio::steady_timer timer(context, 20ms);
            std::array<char, 8> room{};
            auto none = co_await (door.async_receive(room, asio::use_awaitable) ||
                                  timer.async_wait(asio::use_awaitable));
            first.push_back(none.index());
            none = {}; // nothing was received, so nothing is lost
            door->send({.body = "text"});
            timer.expires_after(60s);
            const auto some = co_await (door.async_receive(room, asio::use_awaitable) ||
                                        timer.async_wait(asio::use_awaitable));
            first.push_back(some.index());
            EXPECT_EQ(std::string(room.data()), "text");
            timer.expires_after(20ms);
            const auto silence = co_await (client.async_call({}, {}, asio::use_awaitable) ||
                                           timer.async_wait(asio::use_awaitable));
            first.push_back(silence.index());
        },
        asio::detached);
    run();
    EXPECT_EQ(first, (std::vector<std::size_t>{1, 0, 1}));
    EXPECT_FALSE(door->try_receive({}, caps::no_wait));
}

// --- handlers ---

/// Counts what is allocated for a handler, and given back.
template <class T>
struct counting {
    using value_type = T;

    explicit counting(int &of) : count(&of) {}
    template <class U>
    counting(const counting<U> &other) : count(other.count) {} // NOLINT(*-explicit-*)
    T *allocate(std::size_t n) {
        ++*count;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T *at, std::size_t n) {
        --*count;
        std::allocator<T>().deallocate(at, n);
    }
    friend bool operator==(const counting &, const counting &) = default;

    int *count;
};

TEST_P(asio_ring, allocators) {
    auto door = port();
    int count = 0;
    bool called = false;
    door->send({});
    door.async_receive(
        {}, asio::bind_allocator(counting<void>(count), [&](std::error_code, const auto &) {
            EXPECT_EQ(count, 0);
            called = true;
        }));
    EXPECT_EQ(count, 1);
    run();
    EXPECT_TRUE(called);
    door.async_receive({}, asio::bind_allocator(counting<void>(count), [](auto, const auto &) {}));
    ring.reset();
    EXPECT_EQ(count, 0);
}

// A context of its own, which has work as long as the operation lasts.
TEST_P(asio_ring, executors) {
    auto door = port();
    asio::io_context other;
    const auto strand = asio::make_strand(other);
    bool called = false;
    door.async_receive({}, asio::bind_executor(strand, [&, only = std::make_unique<int>(5)](
                                                           std::error_code, const auto &) {
                           EXPECT_TRUE(strand.running_in_this_thread());
                           EXPECT_EQ(*only, 5);
                           called = true;
                       }));
    context.run_for(20ms);
    std::jthread runs([&] { other.run(); });
    door->send({});
    run();
    runs.join();
    EXPECT_TRUE(called);
}

TEST_P(asio_ring, many_threads) {
    constexpr int clients = 8;
    const int calls = scaled(200);
    std::atomic<int> answered = 0;
    std::vector<caps::asio::port> doors;
    doors.reserve(clients);
    for (int i = 0; i < clients; ++i)
        doors.push_back(port());
    const auto ask = [&](caps::asio::capability client) -> asio::awaitable<void> {
        for (int i = 0; i < calls; ++i) {
            const auto back = co_await client.async_call({.address = static_cast<std::uint64_t>(i)},
                                                         {}, soon(), asio::use_awaitable);
            answered += back.status() == i;
        }
    };
    for (auto &door : doors) {
        asio::co_spawn(asio::make_strand(context), echo(door, calls), asio::detached);
        asio::co_spawn(asio::make_strand(context), ask(to(door)), asio::detached);
    }
    {
        std::array<std::jthread, 3> threads;
        for (auto &thread : threads)
            thread = std::jthread([&] { context.run_for(60s); });
    }
    EXPECT_EQ(answered, clients * calls);
}

// --- the end of everything ---

// Handlers are destroyed then, and not called.
struct witness {
    template <class... Any>
    void operator()(Any &&...) const {
        ADD_FAILURE() << "called";
    }
    std::shared_ptr<int> token;
};

TEST_P(asio_ring, ring_goes_first) {
    auto door = port(), other = port();
    auto client = to(other);
    const auto token = std::make_shared<int>();
    door.async_receive({}, witness{token});
    client.async_call({}, {}, witness{token});
    context.run_for(20ms);
    client.async_call({}, {}, witness{token});
    EXPECT_GT(token.use_count(), 1);
    ring.reset();
    EXPECT_EQ(token.use_count(), 1);
    std::error_code code;
    door.async_receive({}, [&](std::error_code why, const auto &) { code = why; });
    run();
    EXPECT_EQ(code, asio::error::operation_aborted);
    door->send({.address = 9});
    EXPECT_EQ(door->receive({}, soon()).address(), 9u);
}

// A coroutine that owns all of it, and is owned by what it waits for.
TEST_P(asio_ring, context_goes_first) {
    const auto token = std::make_shared<int>();
    for (const auto after : {0ms, 20ms}) {
        asio::io_context brief;
        asio::co_spawn(
            brief,
            [](const caps::actor &of, caps::ring::path how,
               std::shared_ptr<int>) -> asio::awaitable<void> {
                const auto executor = co_await asio::this_coro::executor;
                caps::asio::ring own(executor, of, 8, how);
                caps::asio::port door(own, of.create_port()), other(own, of.create_port());
                caps::asio::capability self(own, other->duplicate());
                door.async_receive({}, [](auto, const auto &) { ADD_FAILURE() << "called"; });
                co_await self.async_call({}, {}, asio::use_awaitable);
                ADD_FAILURE() << "resumed";
            }(me, GetParam(), token),
            asio::detached);
        brief.run_one();
        brief.run_for(after);
        EXPECT_EQ(token.use_count(), 2);
    }
    EXPECT_EQ(token.use_count(), 1);
}

// What was received and not delivered is given back: its sender hears of it.
TEST_P(asio_ring, received_for_nobody) {
    caps::asio::port door = port();
    const auto client = door->duplicate();
    std::error_code code;
    std::jthread caller([&, to = caps::unowned<caps::capability>(client)] {
        const auto back = to->try_call({}, {}, soon());
        code = {back ? 0 : back.error().code(), std::generic_category()};
    });
    {
        asio::io_context other;
        door.async_receive({}, asio::bind_executor(other, witness{}));
        while (ring->in_flight() > 0)
            context.run_one_for(20ms);
    }
    caller.join();
    EXPECT_EQ(code, std::errc::connection_reset);
}

INSTANTIATE_TEST_SUITE_P(path, asio_ring,
                         testing::Values(caps::ring::path::parked, caps::ring::path::polled),
                         [](const auto &of) {
                             return of.param == caps::ring::path::parked ? "parked" : "polled";
                         });

} // namespace
