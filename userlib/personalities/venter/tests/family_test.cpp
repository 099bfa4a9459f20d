// SPDX-License-Identifier: MIT
// Children, whose ports their parent opens and connects.
#include "venter_test.hpp"

#include <fcntl.h>

namespace venter_test {
namespace {

using family_test = venter_test;

/// Two rounds, as the end that asks.
int talk(int port) {
    CHECK(ask(port, "one") == "one!");
    CHECK(ask(port, "two") == "two!");
    return 0;
}

/// As the end that answers, until the other has gone.
int answer(int port) {
    room buffer{};
    io it = of(port);
    it.into(buffer);
    return echo(it, buffer, it.whole());
}

// V18: children, and the process itself, are connected as one likes.
TEST_F(family_test, V18_ChildrenAreConnected) {
    process asking(Create_process(), [] { return talk(7); });
    process answering(Create_process(), [] { return answer(9); });
    ASSERT_GT(asking.pid(), 0);
    ASSERT_EQ(Connect(asking.pid(), 7, answering.pid(), 9), 0);
    ASSERT_EQ(Start_process(answering.pid()), 0);
    ASSERT_EQ(Start_process(asking.pid()), 0);
    EXPECT_EQ(asking.wait(), 0);
    EXPECT_EQ(answering.wait(), 0); // told of the other's end
}

TEST_F(family_test, V18_AChildAndItsParent) {
    process asking(Create_process(), [] { return talk(7); });
    process answering(Create_process(), [] { return answer(9); });
    ASSERT_EQ(Connect(asking.pid(), 7, IO_SELF, 1), 0);
    ASSERT_EQ(Connect(IO_SELF, 2, answering.pid(), 9), 0);
    ASSERT_EQ(Start_process(answering.pid()), 0);
    ASSERT_EQ(Start_process(asking.pid()), 0);
    EXPECT_EQ(answer(1), 0);
    EXPECT_EQ(talk(2), 0);
    EXPECT_EQ(Close(2), 0);
    EXPECT_EQ(asking.wait(), 0);
    EXPECT_EQ(answering.wait(), 0);
}

// V18: nobody else is, and both ports are closed before.
TEST_F(family_test, V18_OnlyClosedPortsOfSelfAndChildren) {
    process stranger([] {
        pause(100000);
        return 0;
    });
    process child(Create_process(), [] { return Operations(3) == 0 ? 0 : 1; });
    for (const auto &[a, b] : {std::pair(IO_SELF, stranger.pid()),
                               {stranger.pid(), IO_SELF},
                               {::getppid(), child.pid()},
                               {child.pid(), 999999}}) {
        EXPECT_EQ(Connect(a, 1, b, 2), -1);
        EXPECT_EQ(errno, ECHILD);
    }
    EXPECT_EQ(Open(stranger.pid(), 1, "/dev/null", IO_SET(IO_READ)), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(Start_process(stranger.pid()), -1);
    EXPECT_EQ(errno, ECHILD);

    ASSERT_EQ(Connect(IO_SELF, 1, child.pid(), 1), 0);
    for (const auto &[mine, its] : {std::pair(1, 2), {2, 1}}) {
        EXPECT_EQ(Connect(IO_SELF, mine, child.pid(), its), -1);
        EXPECT_EQ(errno, EBUSY);
    }
    EXPECT_EQ(Connect(IO_SELF, 2, IO_SELF, 2), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(Connect(IO_SELF, 0, child.pid(), 3), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(Connect(IO_SELF, 2, child.pid(), IO_PORTS + 1), -1);
    EXPECT_EQ(errno, EBADF);
    // What failed has left nothing behind.
    ASSERT_EQ(Connect(IO_SELF, 2, child.pid(), 2), 0);
    EXPECT_EQ(Close(2), 0);
    ASSERT_EQ(Start_process(child.pid()), 0);
    EXPECT_EQ(Start_process(child.pid()), -1);
    EXPECT_EQ(errno, EALREADY);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(ask(1, "anybody"), error(EPIPE));
}

// V19: a server, a file and a device, for a child.
TEST_F(family_test, V19_OpenOnBehalfOfAChild) {
    process server([] { return serve("v19"); });
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::string pipe = "/proc/self/fd/" + std::to_string(ends[1]);
    process child(Create_process(), [] {
        CHECK(Operations(1) == 0x3 && Operations(2) == IO_SET(IO_READ));
        CHECK(ask(1, "by a child") == "by a child!");
        CHECK(ask(1, "not granted", 2) == error(EACCES));
        std::array<char, 100> buffer{};
        io read{2, IO_READ, 2};
        read.into(buffer);
        CHECK(read.whole() == IO_ANSWER && read.in_len == buffer.size());
        io write{3, IO_WRITE};
        write.say("from the child");
        CHECK(write.whole() == IO_ANSWER);
        return 0;
    });
    pause(20);
    int result = -1;
    for (int i = 0; i < 2000 && result != 0; i++, pause(5))
        result = Open(child.pid(), 1, "v19", 0x3);
    ASSERT_EQ(result, 0);
    EXPECT_EQ(Open(child.pid(), 1, "/dev/zero", IO_SET(IO_READ)), -1);
    EXPECT_EQ(errno, EBUSY);
    EXPECT_EQ(Open(child.pid(), 2, "/nowhere", IO_SET(IO_READ)), -1);
    EXPECT_EQ(errno, ENOENT);
    ASSERT_EQ(Open(child.pid(), 2, "/dev/zero", IO_SET(IO_READ)), 0);
    ASSERT_EQ(Open(child.pid(), 3, pipe.c_str(), IO_SET(IO_WRITE)), 0);
    ASSERT_EQ(Start_process(child.pid()), 0);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(server.wait(), 0); // told of its end
    std::array<char, 100> got{};
    EXPECT_EQ(::read(ends[0], got.data(), got.size()), 14);
    EXPECT_STREQ(got.data(), "from the child");
    ::close(ends[0]);
    ::close(ends[1]);
}

// What the next one executes.
TEST_F(family_test, DISABLED_Executed) {
    EXPECT_EQ(talk(3), 0);
    io it{4, IO_WRITE};
    it.say("executed");
    EXPECT_EQ(it.whole(), IO_ANSWER);
}

// The program that a child executes has the ports, whatever that is.
TEST_F(family_test, V19_WhatAChildExecutesHasItsPorts) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::string pipe = "/proc/self/fd/" + std::to_string(ends[1]);
    process child(Create_process(), [] {
        (void)::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO); // its own report
        ::execl("/proc/self/exe", "venter_tests", "--gtest_filter=family_test.DISABLED_Executed",
                "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
        return 1;
    });
    ASSERT_EQ(Connect(child.pid(), 3, IO_SELF, 1), 0);
    ASSERT_EQ(Open(child.pid(), 4, pipe.c_str(), IO_SET(IO_WRITE)), 0);
    ASSERT_EQ(Start_process(child.pid()), 0);
    EXPECT_EQ(answer(1), 0);
    std::array<char, 100> got{};
    EXPECT_EQ(::read(ends[0], got.data(), got.size()), 8);
    EXPECT_STREQ(got.data(), "executed");
    EXPECT_EQ(child.wait(), 0);
    ::close(ends[0]);
    ::close(ends[1]);
}

// A child finds what it is given after it has been started, too.
TEST_F(family_test, AChildIsGivenMoreLater) {
    process child(Create_process(), [] {
        while (Operations(5) == 0)
            pause(5);
        return talk(5);
    });
    ASSERT_EQ(Start_process(child.pid()), 0);
    pause(50);
    ASSERT_EQ(Connect(child.pid(), 5, IO_SELF, 1), 0);
    EXPECT_EQ(answer(1), 0);
    EXPECT_EQ(child.wait(), 0);
}

// What the child has opened itself stays what it is.
TEST_F(family_test, AChildsOwnPortIsNotTaken) {
    const gong given;
    process child(Create_process(), [&] {
        CHECK(Open(IO_SELF, 5, "/dev/null", IO_SET(IO_READ)) == 0);
        given.await();
        CHECK(Operations(6) == 0);
        CHECK(Operations(5) == IO_SET(IO_READ));
        return 0;
    });
    ASSERT_EQ(Start_process(child.pid()), 0);
    pause(200);
    ASSERT_EQ(Connect(child.pid(), 5, IO_SELF, 1), 0);
    given.strike();
    room buffer{};
    io it = of(1);
    it.into(buffer);
    EXPECT_EQ(it.whole(), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_EQ(child.wait(), 0);
}

// A child that has gone, before or after it called.
TEST_F(family_test, AChildThatHasGone) {
    process early(Create_process(), [] { return 0; });
    EXPECT_EQ(Connect(early.pid(), 1, IO_SELF, 1), -1);
    EXPECT_EQ(errno, ESRCH);
    EXPECT_EQ(Start_process(early.pid()), -1);
    EXPECT_EQ(errno, ESRCH);
    process late(Create_process(), [] { return Operations(1) == 0 ? 0 : 1; });
    const pid_t pid = late.pid();
    ASSERT_EQ(Start_process(pid), 0);
    EXPECT_EQ(late.wait(), 0);
    EXPECT_EQ(Connect(pid, 1, IO_SELF, 1), -1);
    EXPECT_EQ(errno, ESRCH);
    EXPECT_EQ(ask(1, "closed"), error(EBADF));
}

// A child whose parent dies before it has started it goes on without.
TEST_F(family_test, AParentThatHasGone) {
    const gong done;
    process parent([&] {
        const pid_t child = Create_process();
        if (child == 0) {
            if (Open(IO_SELF, 1, "/dev/null", IO_SET(IO_READ)) == 0)
                done.strike();
            ::_exit(0);
        }
        return 0;
    });
    EXPECT_EQ(parent.wait(), 0);
    done.await();
}

// More than a queue of the usual size holds, before the child looks.
TEST_F(family_test, EveryPortOfAChild) {
    process child(Create_process(), [] {
        for (int port = 1; port <= 400; port++)
            CHECK(Operations(port) == IO_SET(IO_READ));
        return 0;
    });
    for (int port = 1; port <= 400; port++)
        ASSERT_EQ(Open(child.pid(), port, "/dev/null", IO_SET(IO_READ)), 0) << port;
    ASSERT_EQ(Start_process(child.pid()), 0);
    EXPECT_EQ(child.wait(), 0);
}

} // namespace
} // namespace venter_test
