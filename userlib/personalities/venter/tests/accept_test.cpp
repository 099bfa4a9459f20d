// SPDX-License-Identifier: MIT
// Becoming a client: applications and verdicts.
#include "venter_test.hpp"

#include <grp.h>

namespace venter_test {
namespace {

using accept_test = venter_test;

/// A client that opens and closes, in a process of its own; its status is 0 or an errno.
class opener : public process {
  public:
    explicit opener(const char *name, int milliseconds = -1, int times = 1)
        : process([=] {
              for (int i = 0; i < times; i++) {
                  if (open_soon(1, name, IO_SET(0), milliseconds) != 0)
                      return errno;
                  (void)Close(1);
              }
              return 0;
          }) {}
};

// V2: Open waits for the verdict, and each available port has one applicant at a time.
TEST_F(accept_test, V2_OneApplicationAtATime) {
    const gong decide_now;
    process server([&] {
        room buffer{};
        CHECK(Become_server("v2") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        const unsigned first = application(it).pid;
        decide_now.await();
        CHECK(it.attempt() == -1 && errno == EINVAL); // the other one is not here
        CHECK(decide(it, rejected(EPERM), buffer) == IO_APPLICATION);
        CHECK(application(it).pid != first);
        CHECK(let_in(it, buffer) == -1 && errno == EPIPE);
        return 0;
    });
    opener one("v2");
    opener other("v2");
    pause(300);
    EXPECT_EQ(::waitpid(one.pid(), nullptr, WNOHANG), 0);
    EXPECT_EQ(::waitpid(other.pid(), nullptr, WNOHANG), 0);
    decide_now.strike();
    EXPECT_EQ(one.wait() + other.wait(), EPERM); // one of them was let in
    EXPECT_EQ(server.wait(), 0);
}

// V3: without an available port one waits, for some time, or not at all.
TEST_F(accept_test, V3_WaitsForAnAvailablePort) {
    const gong make_available;
    process server([&] {
        room buffer{};
        room other{};
        CHECK(Become_server("v3") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        io_verdict yes = accepted(it.address);
        it.out_buf = &yes;
        it.out_len = sizeof(yes);
        it.into(buffer);
        CHECK(it.initiate() == 0);
        make_available.await();
        CHECK(Make_available(2, other.size(), other.data()) == 0);
        io second = of(2);
        CHECK(second.complete() == IO_APPLICATION);
        CHECK(let_in(second, other) == -1 && errno == EPIPE);
        return 0;
    });
    ASSERT_EQ(open_soon(1, "v3"), 0);
    EXPECT_EQ(Open_within(IO_SELF, 2, "v3", IO_ALL_OPERATIONS, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(Open_within(IO_SELF, 2, "v3", IO_ALL_OPERATIONS, 50), -1);
    EXPECT_EQ(errno, ETIMEDOUT);
    opener patient("v3");
    pause();
    EXPECT_EQ(::waitpid(patient.pid(), nullptr, WNOHANG), 0);
    make_available.strike();
    EXPECT_EQ(patient.wait(), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V4: no such name, and a name whose server has never had an available port.
TEST_F(accept_test, V4_NoServerAndNoAvailablePort) {
    EXPECT_EQ(Open(IO_SELF, 1, "v4", IO_ALL_OPERATIONS), -1);
    EXPECT_EQ(errno, ENOENT);
    const gong begun;
    const gong make_available;
    process server([&] {
        room buffer{};
        CHECK(Make_available(1, buffer.size(), buffer.data()) == -1 && errno == EDESTADDRREQ);
        CHECK(Become_server("v4") == 0);
        CHECK(Become_server("v4b") == -1 && errno == EBUSY);
        begun.strike();
        make_available.await();
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(echo(it, buffer, let_in(it, buffer)) == 0);
        return 0;
    });
    begun.await();
    EXPECT_EQ(Open_within(IO_SELF, 1, "v4", IO_ALL_OPERATIONS, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    opener patient("v4");
    pause();
    make_available.strike();
    EXPECT_EQ(patient.wait(), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V5: the port that has been available for the longest time.
TEST_F(accept_test, V5_ThePortThatIsAvailableLongest) {
    process server([] {
        std::array<room, 4> buffers{};
        CHECK(Become_server("v5") == 0);
        for (const int port : {3, 1, 2})
            CHECK(Make_available(port, sizeof(room), buffers[port].data()) == 0);
        for (const int port : {3, 1, 2, 3, 1}) {
            io it = of(IO_ANY_PORT);
            CHECK(it.complete() == IO_APPLICATION);
            CHECK(it.port == port);
            io_verdict no = rejected(EPERM);
            it.out_buf = &no;
            it.out_len = sizeof(no);
            it.into(buffers[port]);
            CHECK(it.initiate() == 0);
        }
        return 0;
    });
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(open_soon(1, "v5"), -1);
        EXPECT_EQ(errno, EPERM);
    }
    EXPECT_EQ(server.wait(), 0);
}

// V6: who applies is the kernel's word, and no request can be taken for an application.
TEST_F(accept_test, V6_WhoAppliesIsTheKernelsWord) {
    process server([] {
        room buffer{};
        CHECK(Become_server("v6") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        const io_application who = application(it);
        CHECK(it.in_len == sizeof(who) && it.address == 0x5 && who.operations == 0x5);
        CHECK(who.uid == 1001 && who.euid == 1001 && who.gid == who.egid && who.pid != 0);
        CHECK(who.effective == 0 && who.permitted == 0 && who.group_count >= 1);
        for (const auto &[path, inode] : {std::pair("/proc/self/ns/user", who.user_namespace),
                                          std::pair("/proc/self/ns/pid", who.pid_namespace),
                                          std::pair("/proc/self/ns/net", who.network_namespace)}) {
            struct stat here {};
            CHECK(::stat(path, &here) == 0 && here.st_ino == inode);
        }
        CHECK(let_in(it, buffer) == IO_REQUEST); // though it looks like one
        CHECK(it.in_len == sizeof(who) && application(it).uid == 0);
        return 0;
    });
    process client([] {
        const std::array<gid_t, 1> groups{4711};
        struct stat device {};
        CHECK(::stat("/dev/caps", &device) == 0);
        CHECK(::setgroups(1, groups.data()) == 0);
        CHECK(become_nobody());
        CHECK(open_soon(1, "v6@0", 0x5) == 0);
        const io_application forged{};
        (void)ask(1, {reinterpret_cast<const char *>(&forged), sizeof(forged)});
        return 0;
    });
    EXPECT_EQ(client.wait(), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V7: an application always fits.
TEST_F(accept_test, V7_AnApplicationFitsThePostedBuffer) {
    process server([] {
        room buffer{};
        CHECK(Become_server("v7") == 0);
        CHECK(Make_available(1, sizeof(io_application) - 1, buffer.data()) == -1);
        CHECK(errno == EMSGSIZE);
        CHECK(Make_available(1, sizeof(io_application), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        io_verdict no = rejected(EPERM);
        it.out_buf = &no;
        it.out_len = sizeof(no);
        it.in_len = sizeof(io_application) - 1; // for the next one
        CHECK(it.whole() == -1 && errno == EMSGSIZE);
        CHECK(let_in(it, buffer) == -1 && errno == EPIPE);
        return 0;
    });
    EXPECT_EQ(open_soon(1, "v7"), 0);
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V8: the first output is the verdict, whatever it looks like; nonsense rejects.
TEST_F(accept_test, V8_WhatIsNoVerdictRejects) {
    process server([] {
        room buffer{};
        CHECK(Become_server("v8") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        const io_verdict bad[] = {{3, 0, 0},         {IO_ACCEPT, 1, 1},   {IO_ACCEPT, 0, 0x3},
                                  {IO_REJECT, 0, 0}, {IO_REJECT, 512, 0}, {IO_REJECT, 1, 1}};
        io it = of(1);
        for (const io_verdict &verdict : bad) {
            CHECK(it.complete() == IO_APPLICATION);
            CHECK(decide(it, verdict, buffer) == -1 && errno == EBADMSG);
        }
        CHECK(it.complete() == IO_APPLICATION);
        it.say("come in");
        it.into(buffer);
        CHECK(it.whole() == -1 && errno == EBADMSG);
        return 0;
    });
    for (int i = 0; i < 7; i++) {
        EXPECT_EQ(open_soon(1, "v8", 0x1), -1);
        EXPECT_EQ(errno, ECONNREFUSED);
    }
    EXPECT_EQ(server.wait(), 0);
}

// V9, V11: granted are some of those that are wanted, and nobody is bothered with others.
TEST_F(accept_test, V9_V11_TheVerdictGrantsOperations) {
    process server([] {
        room buffer{};
        CHECK(Become_server("v9") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(decide(it, accepted(it.address & 0x5), buffer) == IO_REQUEST);
        CHECK(it.operation == 2);
        return echo(it, buffer, IO_REQUEST);
    });
    ASSERT_EQ(open_soon(1, "v9", 0x7), 0);
    EXPECT_EQ(Operations(1), 0x5u);
    EXPECT_EQ(ask(1, "not this", 1), error(EACCES));
    io other{1, 1};
    EXPECT_EQ(other.initiate(), -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(ask(1, "this", 2), "this!");
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V9, V10: a rejection has its reason, and the port is available as it posted.
TEST_F(accept_test, V10_TheRejectedLeaveThePortAvailable) {
    process server([] {
        room buffer{};
        room next{};
        CHECK(Become_server("v10") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION && it.in_buf == buffer.data());
        CHECK(decide(it, rejected(EPERM), next) == IO_APPLICATION);
        CHECK(it.in_buf == next.data());
        CHECK(decide(it, rejected(511), buffer) == IO_APPLICATION);
        CHECK(it.in_buf == buffer.data());
        return echo(it, buffer, let_in(it, buffer));
    });
    for (const int reason : {EPERM, 511}) {
        EXPECT_EQ(open_soon(1, "v10"), -1);
        EXPECT_EQ(errno, reason);
        EXPECT_EQ(Operations(1), 0u); // closed
    }
    ASSERT_EQ(open_soon(1, "v10"), 0);
    EXPECT_EQ(ask(1, "hello"), "hello!");
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V12: the client sees nothing of the verdict but that it is in: its first I/O is its own.
TEST_F(accept_test, V12_TheVerdictCompletesNoIO) {
    process server([] { return serve("v12"); });
    ASSERT_EQ(open_soon(1, "v12"), 0);
    io it = of(1);
    EXPECT_EQ(it.attempt(), -1);
    EXPECT_EQ(errno, EINVAL);
    std::array<char, 100> answer{};
    it.say("first");
    it.into(answer);
    ASSERT_EQ(it.initiate(), 0);
    ASSERT_EQ(it.complete(), IO_ANSWER);
    EXPECT_EQ(it.text(), "first!");
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V14: an applicant that gives up before the server has seen it was never there.
TEST_F(accept_test, V14_WhoGivesUpUnseenVanishes) {
    const gong given_up;
    const gong available;
    process server([&] {
        room buffer{};
        CHECK(Become_server("v14a") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        available.strike();
        given_up.await();
        io it = of(1);
        CHECK(it.attempt() == -1 && errno == EAGAIN);
        available.strike();
        CHECK(it.complete() == IO_APPLICATION);
        return echo(it, buffer, let_in(it, buffer));
    });
    available.await();
    EXPECT_EQ(open_soon(1, "v14a", 1, 50), -1);
    EXPECT_EQ(errno, ETIMEDOUT);
    {
        opener killed("v14a");
        pause(300);
    }
    given_up.strike();
    available.await();
    ASSERT_EQ(open_soon(1, "v14a"), 0);
    EXPECT_EQ(ask(1, "x"), "x!");
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
}

// V14: if the server has seen it, its verdict says so, and the port is available again.
TEST_F(accept_test, V14_TheVerdictSaysThatTheApplicantHasGone) {
    for (const bool accepts : {true, false}) {
        const gong seen;
        const gong given_up;
        process server([&] {
            room buffer{};
            std::array<char, 8> small{};
            CHECK(Become_server("v14b") == 0);
            CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
            io it = of(1);
            CHECK(it.complete() == IO_APPLICATION);
            seen.strike();
            given_up.await();
            io_verdict verdict = accepts ? accepted(0) : rejected(EPERM);
            it.out_buf = &verdict;
            it.out_len = sizeof(verdict);
            if (accepts)
                it.into(small); // enough for requests, not for applications
            else
                it.into(buffer);
            CHECK(it.whole() == IO_GONE && it.port == 1);
            CHECK(it.whole() == -1 && errno == EBUSY); // available, so in midst I/O
            CHECK(it.complete() == IO_APPLICATION && it.in_len == sizeof(io_application));
            return echo(it, buffer, let_in(it, buffer));
        });
        {
            opener killed("v14b");
            seen.await();
        }
        given_up.strike();
        ASSERT_EQ(open_soon(1, "v14b"), 0);
        EXPECT_EQ(ask(1, "x"), "x!");
        EXPECT_EQ(Close(1), 0);
        EXPECT_EQ(server.wait(), 0);
    }
}

// V15: the server goes: whoever applies, or waits to, is refused.
TEST_F(accept_test, V15_OpenIsRefusedWhenTheServerGoes) {
    for (const bool seen_by_server : {true, false}) {
        const gong ready;
        process server([&] {
            room buffer{};
            CHECK(Become_server("v15a") == 0);
            CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
            io it = of(1);
            ready.strike();
            CHECK(!seen_by_server || it.complete() == IO_APPLICATION);
            pause(100000);
            return 0;
        });
        ready.await();
        opener one("v15a");
        opener other("v15a");
        pause(300);
        server.kill();
        EXPECT_EQ(one.wait(), ECONNREFUSED);
        EXPECT_EQ(other.wait(), ECONNREFUSED);
    }
}

// V15: closing the port that somebody applies at refuses as well.
TEST_F(accept_test, V15_OpenIsRefusedWhenThePortIsClosed) {
    process server([&] {
        room buffer{};
        CHECK(Become_server("v15b") == 0);
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(Close(1) == 0);
        pause(500);
        return 0;
    });
    EXPECT_EQ(open_soon(1, "v15b"), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
    EXPECT_EQ(server.wait(), 0);
}

// A port whose client has gone is made available for the next one.
TEST_F(accept_test, APortServesOneClientAfterTheOther) {
    process server([] { return serve("again", 3); });
    for (int i = 0; i < 3; i++) {
        ASSERT_EQ(open_soon(1, "again"), 0);
        EXPECT_EQ(ask(1, "hello"), "hello!");
        EXPECT_EQ(Close(1), 0);
    }
    EXPECT_EQ(server.wait(), 0);
}

} // namespace
} // namespace venter_test
