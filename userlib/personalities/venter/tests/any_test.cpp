// SPDX-License-Identifier: MIT
// Completing an I/O: of one port, of any, or not yet.
#include "venter_test.hpp"

#include <fcntl.h>

namespace venter_test {
namespace {

using any_test = venter_test;

/// A server that answers each of two clients by any-port; the first says when, by its requests.
int serve_two(const char *name) {
    std::array<room, 3> buffers{};
    CHECK(Become_server(name) == 0);
    CHECK(Make_available(1, sizeof(room), buffers[1].data()) == 0);
    CHECK(Make_available(2, sizeof(room), buffers[2].data()) == 0);
    int applications = 0;
    int requests = 0;
    for (int left = 2; left > 0;) {
        io it = of(IO_ANY_PORT);
        const int kind = it.complete();
        CHECK(it.port == 1 || it.port == 2);
        if (kind == -1) {
            CHECK(errno == EPIPE);
            left--;
            continue;
        }
        // V13: which it is, and into whose buffer.
        CHECK(kind == IO_APPLICATION || kind == IO_REQUEST);
        CHECK(it.in_buf == buffers[it.port].data());
        io_verdict yes = accepted(it.address);
        const std::string text = it.text() + "!";
        if (kind == IO_APPLICATION) {
            applications++;
            it.out_buf = &yes;
            it.out_len = sizeof(yes);
        } else {
            requests++;
            it.say(text);
        }
        it.into(buffers[it.port]);
        CHECK(it.initiate() == 0);
    }
    CHECK(applications == 2 && requests == 10);
    io it = of(IO_ANY_PORT);
    CHECK(it.complete() == -1 && errno == EDEADLK);
    return 0;
}

TEST_F(any_test, V13_AnyPortTellsApplicationsFromRequests) {
    process server([] { return serve_two("v13"); });
    ASSERT_EQ(open_soon(1, "v13"), 0);
    ASSERT_EQ(open_soon(2, "v13"), 0);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(ask(2, "two"), "two!");
        EXPECT_EQ(ask(1, "one"), "one!");
    }
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(Close(2), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V17: nothing to wait for is an error and no sleep.
TEST_F(any_test, V17_NothingWasInitiated) {
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    ASSERT_EQ(Open(IO_SELF, 3, "/dev/null", IO_SET(IO_READ)), 0);
    for (const int port : {1, 2, 3}) {
        io it = of(port);
        EXPECT_EQ(it.complete(), -1);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(it.attempt(), -1);
        EXPECT_EQ(errno, EINVAL);
    }
    io any = of(IO_ANY_PORT);
    EXPECT_EQ(any.complete(), -1);
    EXPECT_EQ(errno, EDEADLK);
    EXPECT_EQ(any.attempt(), -1);
    EXPECT_EQ(errno, EDEADLK);
    EXPECT_EQ(Complete_IO(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EFAULT);
}

TEST_F(any_test, TryToCompleteDoesNotWait) {
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    std::array<char, 100> here{};
    std::array<char, 100> there{};
    io asking = of(1);
    io answering = of(2);
    answering.into(there);
    ASSERT_EQ(answering.initiate(), 0);
    EXPECT_EQ(answering.attempt(), -1);
    EXPECT_EQ(errno, EAGAIN);
    asking.say("question");
    asking.into(here);
    ASSERT_EQ(asking.initiate(), 0);
    EXPECT_EQ(asking.attempt(), -1);
    EXPECT_EQ(errno, EAGAIN);
    io any = of(IO_ANY_PORT);
    ASSERT_EQ(any.attempt(), IO_REQUEST);
    EXPECT_EQ(any.port, 2);
    EXPECT_EQ(any.text(), "question");
    any.say("answer");
    any.into(there);
    ASSERT_EQ(any.initiate(), 0);
    ASSERT_EQ(asking.attempt(), IO_ANSWER);
    EXPECT_EQ(asking.text(), "answer");
}

// Clients, servers and devices in one wait; each with its own buffer.
TEST_F(any_test, WhicheverCompletesFirst) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::string path = "/proc/self/fd/" + std::to_string(ends[0]);
    ASSERT_EQ(Open(IO_SELF, 3, path.c_str(), IO_SET(IO_READ)), 0);
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    std::array<std::array<char, 100>, 4> buffers{};
    for (const int port : {2, 3}) {
        io it = of(port);
        it.into(buffers[static_cast<std::size_t>(port)]);
        ASSERT_EQ(it.initiate(), 0);
    }
    io any = of(IO_ANY_PORT);
    EXPECT_EQ(any.attempt(), -1);
    EXPECT_EQ(errno, EAGAIN);

    std::thread late([&] {
        pause();
        EXPECT_EQ(::write(ends[1], "device", 6), 6);
    });
    ASSERT_EQ(any.complete(), IO_ANSWER);
    late.join();
    EXPECT_EQ(any.port, 3);
    EXPECT_EQ(any.text(), "device");
    EXPECT_EQ(any.in_buf, buffers[3].data());
    any.into(buffers[3]);
    any.operation = IO_READ;
    ASSERT_EQ(any.initiate(), 0); // and never completed

    std::thread client([] { EXPECT_EQ(ask(1, "process"), "done"); });
    any.port = IO_ANY_PORT;
    ASSERT_EQ(any.complete(), IO_REQUEST);
    EXPECT_EQ(any.port, 2);
    EXPECT_EQ(any.text(), "process");
    any.say("done");
    any.into(buffers[2]);
    ASSERT_EQ(any.initiate(), 0);
    client.join();
    ::close(ends[0]);
    ::close(ends[1]);
}

// A file, which is always ready, does not keep others from their turn.
TEST_F(any_test, FilesTakeTurnsWithMessages) {
    ASSERT_EQ(Open(IO_SELF, 3, "/dev/zero", IO_SET(IO_READ)), 0);
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    std::array<char, 100> zeros{};
    std::array<char, 100> request{};
    io it = of(2);
    it.into(request);
    ASSERT_EQ(it.initiate(), 0);
    std::thread client([] { EXPECT_EQ(ask(1, "in between"), "x"); });
    io file = of(3);
    file.into(zeros);
    ASSERT_EQ(file.initiate(), 0);
    io any;
    for (int i = 0; i < 100000 && any.port != 2; i++) {
        any = of(IO_ANY_PORT);
        ASSERT_GE(any.complete(), 0);
        if (any.port == 3) {
            file.into(zeros);
            ASSERT_EQ(file.initiate(), 0);
        }
    }
    ASSERT_EQ(any.port, 2);
    any.say("x");
    any.into(request);
    ASSERT_EQ(any.initiate(), 0);
    client.join();
}

// Threads that wait for any port and for one: each gets what is for it.
TEST_F(any_test, ThreadsWaitForAnyAndForOne) {
    constexpr int turns = 200;
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    ASSERT_EQ(Connect(IO_SELF, 3, IO_SELF, 4), 0);
    std::array<std::array<char, 100>, 5> buffers{};
    for (const int port : {2, 4}) {
        io it = of(port);
        it.into(buffers[static_cast<std::size_t>(port)]);
        ASSERT_EQ(it.initiate(), 0);
    }
    std::vector<std::thread> threads;
    for (const int port : {1, 3})
        threads.emplace_back([port] {
            for (int i = 0; i < turns; i++)
                EXPECT_EQ(ask(port, std::to_string(port)), std::to_string(port + 1));
        });
    // Port 4 takes part when any is waited for, but from here on a thread is at it.
    io four = of(4);
    ASSERT_EQ(four.complete(), IO_REQUEST);
    threads.emplace_back([&] {
        for (int i = 0; i < turns; i++) {
            EXPECT_EQ(four.text(), "3");
            four.say("4");
            four.into(buffers[4]);
            EXPECT_EQ(i + 1 < turns ? four.whole() : four.initiate(), i + 1 < turns);
        }
    });
    for (int i = 0; i < turns; i++) {
        io it = of(IO_ANY_PORT);
        ASSERT_EQ(it.complete(), IO_REQUEST);
        EXPECT_EQ(it.port, 2);
        EXPECT_EQ(it.text(), "1");
        it.say("2");
        it.into(buffers[2]);
        ASSERT_EQ(it.initiate(), 0);
    }
    for (std::thread &it : threads)
        it.join();
}

// What another thread initiates on a file while one waits is waited for, too.
TEST_F(any_test, WhatIsInitiatedMeanwhile) {
    ASSERT_EQ(Open(IO_SELF, 3, "/dev/zero", IO_SET(IO_READ)), 0);
    ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    std::array<char, 100> buffer{};
    io never = of(2);
    ASSERT_EQ(never.initiate(), 0);
    std::thread late([&] {
        pause();
        io it = of(3);
        it.into(buffer);
        EXPECT_EQ(it.initiate(), 0);
    });
    io any = of(IO_ANY_PORT);
    EXPECT_EQ(any.complete(), IO_ANSWER);
    EXPECT_EQ(any.port, 3);
    late.join();
}

} // namespace
} // namespace venter_test
