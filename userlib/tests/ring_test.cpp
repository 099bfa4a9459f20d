// SPDX-License-Identifier: MIT
// Many operations in flight, on either path.
#include "device.hpp"

#include <caps/ring.hpp>

#include <cstddef>
#include <fstream>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

namespace {

using namespace test;

class ring : public device, public testing::WithParamInterface<caps::ring::path> {
  protected:
    caps::ring open() const { return caps::ring::open(me, 64, GetParam()); }
};

TEST_P(ring, says_which_path_it_took) {
    const bool can_park = (me.query().features & CAPS_FEATURE_PARK) != 0;
    const auto best = can_park ? GetParam() : caps::ring::path::polled;
    EXPECT_EQ(open().how(), best);
}

TEST_P(ring, a_thousand_calls) {
    constexpr unsigned calls = 1000;
    const caps::port door = me.create_port({.queue_limit = 256});
    const auto server = serve(door, calls, [](caps::received &message) {
        message.reply({.status = static_cast<std::int32_t>(message.address()), .body = "answer"});
    });
    caps::ring all = open();
    std::vector<std::array<char, 8>> rooms(calls);
    std::vector<int> answered(calls);
    for (unsigned i = 0; i < calls; ++i)
        all.call(
            door, {.address = i, .body = "question"},
            [&, i](caps::result<caps::reply> back) {
                ASSERT_TRUE(back) << back.error().message();
                EXPECT_EQ(back->status(), static_cast<int>(i));
                EXPECT_EQ(back->text(), "answer");
                answered[i]++;
            },
            rooms[i], soon());
    EXPECT_EQ(all.in_flight(), calls);
    while (all.in_flight() > 0)
        ASSERT_GT(all.run(soon()), 0u);
    EXPECT_EQ(answered, std::vector<int>(calls, 1));
    EXPECT_EQ(all.run(), 0u);
}

// A server whose functions start the next receive.
TEST_P(ring, receives_one_after_another) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    std::vector<std::string> heard;
    std::array<char, 8> room{};
    std::function<void(caps::result<caps::received>)> next = [&](auto message) {
        ASSERT_TRUE(message) << message.error().message();
        heard.emplace_back(message->text());
        if (heard.size() < 3)
            all.receive(door, next, room, soon());
    };
    all.receive(door, next, room, soon());
    EXPECT_EQ(all.run(20ms), 0u);
    for (const char *text : {"one", "two", "three"}) {
        door.send({.body = text});
        EXPECT_EQ(all.run(soon()), 1u);
    }
    EXPECT_EQ(heard, (std::vector<std::string>{"one", "two", "three"}));
    EXPECT_EQ(all.in_flight(), 0u);
}

TEST_P(ring, receive_from_any_enabled_port) {
    const caps::port door = me.create_port({.cookie = 5});
    door.enable();
    caps::ring all = open();
    std::uint64_t cookie = 0;
    all.receive([&](auto message) { cookie = message ? message->cookie() : 0; }, {}, soon());
    door.send({});
    EXPECT_EQ(all.run(soon()), 1u);
    EXPECT_EQ(cookie, 5u);
}

TEST_P(ring, deadlines) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    std::vector<int> codes;
    all.receive(
        door, [&](auto message) { codes.push_back(message.error().code()); }, {}, 20ms);
    EXPECT_EQ(all.run(soon()), 1u);
    bool taken = false;
    all.call(
        door, {},
        [&](auto back) {
            codes.push_back(back.error().code());
            taken = back.error().taken();
        },
        {}, 1s);
    EXPECT_EQ(all.run(10ms), 0u);
    const auto call = door.receive({}, soon());
    EXPECT_EQ(all.run(soon()), 1u);
    EXPECT_TRUE(taken);
    EXPECT_EQ(codes, (std::vector<int>{ETIMEDOUT, ETIMEDOUT}));
}

TEST_P(ring, cancel) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    std::vector<int> codes;
    const auto note = [&](auto ended) { codes.push_back(ended.error().code()); };
    const auto receive = all.receive(me.default_port(), note);
    const auto call = all.call(door, {}, note);
    EXPECT_EQ(all.run(10ms), 0u);
    all.cancel(receive);
    all.cancel(call);
    while (all.in_flight() > 0)
        ASSERT_GT(all.run(soon()), 0u);
    EXPECT_EQ(codes, (std::vector<int>{ECANCELED, ECANCELED}));
    all.cancel(call);
    EXPECT_FALSE(door.try_receive({}, caps::no_wait));
}

TEST_P(ring, a_port_that_goes) {
    caps::port door = me.create_port();
    caps::ring all = open();
    int code = 0;
    all.call(
        door, {}, [&](auto back) { code = back.error().code(); }, {}, soon());
    EXPECT_EQ(all.run(10ms), 0u);
    door.remove();
    EXPECT_EQ(all.run(soon()), 1u);
    EXPECT_EQ(code, EPIPE);
}

// --- in somebody else's loop ---

bool readable(int file, std::chrono::milliseconds within) {
    pollfd one{.fd = file, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, static_cast<int>(within.count())) == 1;
}

TEST_P(ring, poll_fd) {
    const caps::port door = me.create_port(), other = me.create_port();
    caps::ring all = open();
    std::vector<std::uint64_t> heard;
    std::function<void(caps::result<caps::received>)> next = [&](auto message) {
        heard.push_back(message ? message->address() : 0);
        all.receive(door, next, {}, soon());
    };
    all.receive(door, next, {}, soon());
    for (std::uint64_t i = 1; i <= 3; ++i) {
        EXPECT_EQ(all.run(caps::no_wait), 0u);
        EXPECT_FALSE(readable(all.poll_fd(), 5ms)) << "before message " << i;
        other.send({}); // nobody waits there
        EXPECT_FALSE(readable(all.poll_fd(), 5ms));
        door.send({.address = i});
        EXPECT_TRUE(readable(all.poll_fd(), 10s));
        while (all.run(caps::no_wait) > 0)
            continue;
    }
    EXPECT_EQ(heard, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_P(ring, poll_fd_of_answers_and_deadlines) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    std::vector<int> codes;
    const auto note = [&](auto ended) { codes.push_back(ended ? 0 : ended.error().code()); };
    all.call(door, {}, note, {}, soon());
    all.call(door, {}, note, {}, 50ms);
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    door.receive({}, soon()).reply({});
    while (codes.size() < 2) {
        ASSERT_TRUE(readable(all.poll_fd(), 10s)) << codes.size();
        all.run(caps::no_wait);
    }
    EXPECT_EQ(codes, (std::vector<int>{0, ETIMEDOUT}));
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    EXPECT_FALSE(readable(all.poll_fd(), 0ms));
}

// More may end between two turns than its queue has room for.
TEST_P(ring, more_than_its_queue_holds) {
    constexpr unsigned receives = 100;
    const caps::port door = me.create_port({.queue_limit = 4 * receives});
    caps::ring all = caps::ring::open(me, 8, GetParam());
    unsigned told = 0;
    for (unsigned i = 0; i < receives; ++i)
        all.receive(
            door, [&](auto message) { told += message.has_value(); }, {}, soon());
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    for (unsigned i = 0; i < receives; ++i)
        door.send({});
    while (told < receives)
        ASSERT_TRUE(readable(all.poll_fd(), 10s) && all.run(caps::no_wait) > 0) << told;
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    EXPECT_FALSE(readable(all.poll_fd(), 0ms));
}

TEST_P(ring, wake) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    all.receive(
        door, [](auto) { ADD_FAILURE() << "nothing was sent"; }, {}, soon());
    for (int round = 0; round < 3; ++round) {
        std::jthread other([&] { all.wake(); });
        EXPECT_EQ(all.run(soon()), 0u);
        other.join();
        EXPECT_EQ(all.run(5ms), 0u);
        EXPECT_FALSE(readable(all.poll_fd(), 0ms)) << "round " << round;
        all.wake();
        all.wake();
        EXPECT_TRUE(readable(all.poll_fd(), 10s));
    }
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    EXPECT_FALSE(readable(all.poll_fd(), 0ms));
}

// What was started is given up with it, and its functions are not called.
TEST_P(ring, its_end) {
    const caps::port door = me.create_port(), other = me.create_port();
    {
        caps::ring all = open();
        for (int i = 0; i < 10; ++i)
            all.receive(door, [](auto) { ADD_FAILURE() << "called"; });
        all.call(other, {}, [](auto) { ADD_FAILURE() << "called"; });
        all.run(10ms);
    }
    door.send({.address = 9});
    EXPECT_EQ(door.receive({}, soon()).address(), 9u);
}

TEST_P(ring, its_end_while_a_queue_is_full) {
    const caps::port narrow = me.create_port({.queue_limit = 2});
    {
        caps::ring all = open();
        for (int i = 0; i < 8; ++i)
            all.call(narrow, {}, [](auto) { ADD_FAILURE() << "called"; });
        all.run(20ms);
    }
    EXPECT_FALSE(narrow.try_receive({}, caps::no_wait));
}

// More calls than there is room for, by far, and a server that answers none before it has all.
TEST_P(ring, calls_that_wait_for_room_need_nobodys_answer) {
    constexpr unsigned calls = 200;
    const caps::port door = me.create_port({.queue_limit = 8});
    caps::ring all = open();
    std::vector<caps::received> held;
    unsigned answered = 0, late = 0;
    for (unsigned i = 0; i < calls; ++i)
        all.call(
            door, {},
            [&](auto back) {
                answered += back.has_value();
                late += !back && back.error() == std::errc::timed_out;
            },
            {}, i % 10 == 9 ? caps::deadline(1ms) : soon());
    std::this_thread::sleep_for(2ms);
    std::function<void(caps::result<caps::received>)> next = [&](auto message) {
        ASSERT_TRUE(message) << message.error().message();
        if (message->kind() == caps::kind::call)
            held.push_back(std::move(*message));
        if (held.size() < calls - late)
            all.receive(door, next, {}, soon());
    };
    EXPECT_GT(all.run(20ms), 0u);
    EXPECT_GT(late, 0u);
    all.receive(door, next, {}, soon());
    while (held.size() < calls - late)
        all.run(soon());
    for (caps::received &question : held)
        (void)question.try_reply({});
    while (all.in_flight() > 0)
        all.run(soon());
    EXPECT_EQ(answered + late, calls);
}

// They are of one actor, but no more than that.
TEST_P(ring, one_that_ends_leaves_another_alone) {
    const caps::port door = me.create_port();
    caps::ring stays = open();
    int code = -1;
    stays.receive(door, [&](auto message) { code = message ? 0 : message.error().code(); });
    EXPECT_EQ(stays.run(caps::no_wait), 0u);
    {
        caps::ring goes = open();
        goes.receive(me.default_port(), [](auto) { ADD_FAILURE() << "called"; });
        goes.run(caps::no_wait);
    }
    EXPECT_EQ(stays.run(5ms), 0u);
    door.send({});
    EXPECT_EQ(stays.run(soon()), 1u);
    EXPECT_EQ(code, 0);
}

// What was received and not told of is given back when the ring goes, too.
TEST_P(ring, a_message_that_nobody_was_told_of_is_dropped) {
    const caps::port door = me.create_port();
    int code = -1;
    {
        caps::ring all = open();
        const caps::port first = me.create_port();
        all.receive(first, [](auto) { throw std::out_of_range("a function"); });
        all.receive(door, [](auto) { ADD_FAILURE() << "called"; });
        EXPECT_EQ(all.run(caps::no_wait), 0u);
        first.send({});
        std::jthread caller([&] {
            const auto back = door.try_call({}, {}, soon());
            code = back ? 0 : back.error().code();
        });
        EXPECT_TRUE(eventually([&] { return door.info().queued + door.info().sequence > 0; }));
        EXPECT_THROW(all.run(soon()), std::out_of_range);
        all = open();
        caller.join();
    }
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(me.info().held, 0u);
}

TEST_P(ring, abandon) {
    const caps::port door = me.create_port(), other = me.create_port();
    caps::ring all = open();
    unsigned told = 0;
    const auto never = [](auto) { ADD_FAILURE() << "called"; };
    const auto receive = all.receive(me.default_port(), never);
    const auto call = all.call(door, {}, never);
    all.receive(
        other, [&](auto message) { told += message.has_value(); }, {}, soon());
    EXPECT_EQ(all.run(10ms), 0u);
    other.send({});
    all.abandon(receive);
    all.abandon(call);
    all.abandon(call);
    EXPECT_EQ(all.in_flight(), 1u);
    EXPECT_TRUE(readable(all.poll_fd(), 10s));
    EXPECT_EQ(all.run(soon()), 1u);
    EXPECT_EQ(told, 1u);
    EXPECT_FALSE(door.try_receive({}, caps::no_wait));
}

// What it throws comes out of run(), and the others are told by the next.
TEST_P(ring, a_function_that_throws) {
    const caps::port door = me.create_port();
    caps::ring all = open();
    unsigned told = 0;
    all.receive(door, [](auto) { throw std::out_of_range("a function"); });
    all.receive(door, [&](auto) { told++; });
    EXPECT_EQ(all.run(caps::no_wait), 0u);
    door.send({});
    door.send({});
    EXPECT_THROW(all.run(soon()), std::out_of_range);
    EXPECT_EQ(all.run(soon()), 1u);
    EXPECT_EQ(told, 1u);
}

// --- where io_uring is not to be had ---

// The calling thread's for good.
void forbid(unsigned number, unsigned code) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    sock_fprog filter{.len = program.size(), .filter = program.data()};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

class without_uring : public device {
  protected:
    // It says that it polls, and works.
    void expect_polled() {
        const caps::port door = me.create_port();
        caps::ring all = caps::ring::open(me, 64);
        EXPECT_EQ(all.how(), caps::ring::path::polled);
        const auto server = serve(door, 1, [](caps::received &message) { message.reply({}); });
        bool answered = false;
        all.call(
            door, {}, [&](auto back) { answered = back.has_value(); }, {}, soon());
        EXPECT_EQ(all.run(soon()), 1u);
        EXPECT_TRUE(answered);
    }
};

TEST_F(without_uring, no_rings_by_seccomp) {
    for (const unsigned code : {ENOSYS, EPERM})
        std::thread([&] {
            forbid(SYS_io_uring_setup, code);
            expect_polled();
        }).join();
}

TEST_F(without_uring, rings_that_cannot_be_entered) {
    std::thread([&] {
        forbid(SYS_io_uring_enter, EPERM);
        expect_polled();
    }).join();
}

TEST_F(without_uring, disabled_for_all) {
    const char *const file = "/proc/sys/kernel/io_uring_disabled";
    std::string before;
    if (!(std::ifstream(file) >> before))
        GTEST_SKIP() << "this kernel cannot disable io_uring";
    if (!(std::ofstream(file) << 2 << std::flush))
        GTEST_SKIP() << "not ours to disable";
    expect_polled();
    std::ofstream(file) << before;
}

// --- one port, in somebody else's loop ---

TEST_F(without_uring, poll_file) {
    caps::port door = me.create_port();
    const caps::descriptor file = door.poll_file();
    pollfd one{.fd = file.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&one, 1, 0), 0);
    door.send({.body = "text"});
    EXPECT_EQ(::poll(&one, 1, 0), 1);
    EXPECT_EQ(one.revents, POLLIN);
    EXPECT_EQ(door.receive({}, soon()).header().body_len, 4u);
    EXPECT_EQ(::poll(&one, 1, 0), 0);
    door.remove();
    EXPECT_EQ(::poll(&one, 1, 0), 1);
    EXPECT_TRUE(one.revents & POLLHUP);
    const auto late = door.try_poll_file();
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().what(), caps::operation::poll_file);
    EXPECT_EQ(late.error().code(), EPIPE);
}

INSTANTIATE_TEST_SUITE_P(path, ring,
                         testing::Values(caps::ring::path::parked, caps::ring::path::polled),
                         [](const auto &of) {
                             return of.param == caps::ring::path::parked ? "parked" : "polled";
                         });

} // namespace
