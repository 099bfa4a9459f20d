// SPDX-License-Identifier: MIT
// The exchange: one end's output values are the other's input values.
#include "venter_test.hpp"

#include <linux/caps.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

namespace venter_test {
namespace {

using exchange_test = venter_test;

// V1: what can be done in which state, on both sides.
TEST_F(exchange_test, V1_StatesOfPorts) {
    const gong ready;
    process server([&] {
        room buffer{};
        io it = of(1);
        CHECK(it.whole() == -1 && errno == EBADF); // closed
        CHECK(it.complete() == -1 && errno == EBADF);
        CHECK(Become_server("v1") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == -1 && errno == EBUSY);
        it.into(buffer);
        CHECK(it.whole() == -1 && errno == EBUSY); // available: in midst I/O
        ready.strike();
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(it.complete() == -1 && errno == EINVAL); // delivered
        CHECK(Make_available(1, buffer.size(), buffer.data()) == -1 && errno == EBUSY);
        io_verdict yes = accepted(it.address);
        it.out_buf = &yes;
        it.out_len = sizeof(yes);
        it.into(buffer);
        CHECK(it.initiate() == 0);
        CHECK(it.initiate() == -1 && errno == EBUSY); // accepted: in midst I/O
        CHECK(it.complete() == IO_REQUEST);
        CHECK(it.complete() == -1 && errno == EINVAL); // serving
        it.say("");
        it.into(buffer);
        CHECK(it.whole() == -1 && errno == EPIPE); // its client has gone
        CHECK(it.whole() == -1 && errno == EPIPE);
        CHECK(it.complete() == -1 && errno == EINVAL);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        CHECK(Close(1) == 0);
        CHECK(Close(1) == -1 && errno == EBADF);
        return 0;
    });
    ready.await();
    EXPECT_EQ(ask(1, "closed"), error(EBADF));
    ASSERT_EQ(Open(IO_SELF, 1, "v1", IO_ALL_OPERATIONS), 0);
    EXPECT_EQ(Open(IO_SELF, 1, "v1", IO_ALL_OPERATIONS), -1);
    EXPECT_EQ(errno, EBUSY);
    io it = of(1);
    EXPECT_EQ(it.complete(), -1); // idle
    EXPECT_EQ(errno, EINVAL);
    ASSERT_EQ(it.initiate(), 0);
    EXPECT_EQ(it.whole(), -1); // in midst I/O
    EXPECT_EQ(errno, EBUSY);
    EXPECT_EQ(it.complete(), IO_ANSWER);
    EXPECT_EQ(it.complete(), -1); // idle again
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
    for (const int port : {0, -1, IO_PORTS + 1}) {
        EXPECT_EQ(Open(IO_SELF, port, "/dev/null", IO_SET(IO_READ)), -1);
        EXPECT_EQ(errno, EBADF);
    }
}

// Each parameter is in and out, at both ends.
TEST_F(exchange_test, EveryParameterIsExchanged) {
    process server([] {
        room buffer{};
        CHECK(Become_server("exchange") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION && it.out_len == sizeof(io_verdict));
        CHECK(let_in(it, buffer) == IO_REQUEST);
        CHECK(it.port == 1 && it.operation == 63 && it.address == 0x123456789abcdef0u);
        CHECK(it.in_len == 8 && it.text() == "question" && it.in_buf == buffer.data());
        CHECK(it.out_len == 100); // what it can take
        const std::string much(101, 'x');
        it.say(much);
        it.into(buffer);
        CHECK(it.whole() == -1 && errno == EMSGSIZE); // more than that: nothing has happened
        it.say("the answer");
        it.operation = 4711;
        it.address = ~std::uint64_t{0};
        it.in_len = 1000;
        CHECK(it.whole() == IO_REQUEST && it.in_len == 0 && it.out_len == 0);
        it.operation = IO_FAIL | ENOSPC;
        it.out_len = 0;
        CHECK(it.whole() == -1 && errno == EPIPE);
        return 0;
    });
    ASSERT_EQ(open_soon(1, "exchange"), 0);
    std::array<char, 100> answer{};
    io it{1, 63, 0x123456789abcdef0u};
    it.say("question");
    it.into(answer);
    ASSERT_EQ(it.whole(), IO_ANSWER);
    EXPECT_EQ(it.operation, 4711u);
    EXPECT_EQ(it.address, ~std::uint64_t{0});
    EXPECT_EQ(it.text(), "the answer");
    EXPECT_EQ(it.in_buf, answer.data());
    EXPECT_EQ(it.out_len, 1000u); // the next request can be that large
    it = of(1);
    EXPECT_EQ(it.whole(), -1); // what the server says is the error
    EXPECT_EQ(errno, ENOSPC);
    it.operation = 64;
    EXPECT_EQ(it.whole(), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V16: one I/O at a time in a port, also for another thread.
TEST_F(exchange_test, V16_OneIOAtATime) {
    const gong answer_now;
    process server([&] {
        room buffer{};
        CHECK(Become_server("v16") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        const int kind = let_in(it, buffer);
        answer_now.await();
        return echo(it, buffer, kind);
    });
    ASSERT_EQ(open_soon(1, "v16"), 0);
    std::thread other([] { EXPECT_EQ(ask(1, "one"), "one!"); });
    pause();
    EXPECT_EQ(ask(1, "two"), error(EBUSY));
    io it = of(1);
    EXPECT_EQ(it.initiate(), -1);
    EXPECT_EQ(errno, EBUSY);
    EXPECT_EQ(Close(1), -1);
    EXPECT_EQ(errno, EBUSY);
    answer_now.strike();
    other.join();
    std::array<char, 1> answer{};
    it.into(answer);
    ASSERT_EQ(it.initiate(), 0);
    EXPECT_EQ(it.initiate(), -1);
    EXPECT_EQ(errno, EBUSY);
    EXPECT_EQ(it.complete(), IO_ANSWER);
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V15: the server dies: what it had taken and not answered, and what comes later.
TEST_F(exchange_test, V15_TheServerGoes) {
    const gong taken;
    process server([&] {
        room buffer{};
        CHECK(Become_server("v15") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(let_in(it, buffer) == IO_REQUEST);
        taken.strike();
        pause(100000);
        return 0;
    });
    ASSERT_EQ(open_soon(1, "v15"), 0);
    io it = of(1);
    ASSERT_EQ(it.initiate(), 0);
    taken.await();
    server.kill();
    EXPECT_EQ(it.complete(), -1);
    EXPECT_EQ(errno, ECONNRESET);
    EXPECT_EQ(ask(1, "anybody"), error(EPIPE));
    EXPECT_EQ(it.initiate(), -1);
    EXPECT_EQ(errno, EPIPE);
}

// The client dies: in front of a waiting server, and while it is served.
TEST_F(exchange_test, TheClientGoes) {
    for (const bool served : {false, true}) {
        const gong taken;
        const gong gone;
        process server([&] {
            room buffer{};
            CHECK(Become_server("clientgoes") == 0);
            CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
            io it = of(1);
            CHECK(it.complete() == IO_APPLICATION);
            if (served) {
                CHECK(let_in(it, buffer) == IO_REQUEST);
                taken.strike();
                gone.await();
                it.say("to nobody");
                it.into(buffer);
                CHECK(it.whole() == -1 && errno == EPIPE);
            } else {
                CHECK(let_in(it, buffer) == -1 && errno == EPIPE);
            }
            return 0;
        });
        process client([&] {
            CHECK(open_soon(1, "clientgoes") == 0);
            if (served)
                (void)ask(1, "never answered");
            pause(served ? 100000 : 100);
            return 0;
        });
        if (served) {
            taken.await();
            client.kill();
            (void)client.wait();
            gone.strike();
        }
        EXPECT_EQ(server.wait(), 0);
    }
}

/// The commands that a process gives to the device between two calls of getppid().
std::vector<unsigned long> commands_of(pid_t child) {
    std::vector<unsigned long> all;
    int markers = 0;
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
    while (::ptrace(PTRACE_SYSCALL, child, 0, 0) == 0 && ::waitpid(child, &status, 0) == child &&
           !WIFEXITED(status) && !WIFSIGNALED(status)) {
        __ptrace_syscall_info info{};
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
            ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0 ||
            info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        if (info.entry.nr == SYS_getppid)
            markers++;
        else if (markers == 1)
            all.push_back(info.entry.nr == SYS_ioctl ? info.entry.args[1] : info.entry.nr);
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return all;
}

// A server's IO is one system call, and so is a client's.
TEST_F(exchange_test, AnIOIsOneSystemCall) {
    constexpr int turns = 20;
    const auto traced = [] {
        return ::ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 && ::raise(SIGSTOP) == 0;
    };
    process client([&] {
        CHECK(open_soon(1, "onecall") == 0);
        for (int i = 0; i < turns + 1; i++)
            CHECK(ask(1, "request") == "request!");
        return 0;
    });
    pid_t server = ::fork();
    if (server == 0) {
        if (!traced())
            ::_exit(2);
        ::_exit([] {
            room buffer{};
            CHECK(Become_server("onecall") == 0);
            CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
            io it = of(1);
            CHECK(it.complete() == IO_APPLICATION);
            CHECK(let_in(it, buffer) == IO_REQUEST);
            (void)::syscall(SYS_getppid);
            for (int i = 0; i < turns; i++) {
                it.say("request!");
                it.into(buffer);
                CHECK(it.whole() == IO_REQUEST);
            }
            (void)::syscall(SYS_getppid);
            it.say("request!");
            it.into(buffer);
            CHECK(it.whole() == -1 && errno == EPIPE);
            return 0;
        }());
    }
    EXPECT_EQ(commands_of(server), std::vector<unsigned long>(turns, CAPS_REPLY_RECEIVE));
    EXPECT_EQ(client.wait(), 0);

    process other([] { return serve("onecall"); });
    pid_t asking = ::fork();
    if (asking == 0) {
        if (!traced() || open_soon(1, "onecall") != 0)
            ::_exit(2);
        std::array<char, 100> answer{};
        (void)::syscall(SYS_getppid);
        for (int i = 0; i < turns; i++) {
            io it = of(1);
            it.say("request");
            it.into(answer);
            if (it.whole() != IO_ANSWER)
                ::_exit(3);
        }
        (void)::syscall(SYS_getppid);
        ::_exit(0);
    }
    EXPECT_EQ(commands_of(asking), std::vector<unsigned long>(turns, CAPS_CALL));
    EXPECT_EQ(other.wait(), 0);
}

} // namespace
} // namespace venter_test
