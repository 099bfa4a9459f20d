// SPDX-License-Identifier: MIT
// Each errno that was documented or returned in 2004, and where.
#include "dfly_test.hpp"

#include <sys/resource.h>
#include <sys/time.h>

namespace dfly_test {
namespace {

using errno_test = dfly_test;

#define EXPECT_FAILS(number, call)                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        EXPECT_EQ(call, -1) << #call;                                                              \
        EXPECT_EQ(errno, number) << #call;                                                         \
    } while (0)

/// Two pages, of which the second cannot be touched.
class guarded {
  public:
    guarded() : page_(::sysconf(_SC_PAGESIZE)) {
        map_ = static_cast<char *>(
            ::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        EXPECT_EQ(::mprotect(map_ + page_, page_, PROT_NONE), 0);
    }
    ~guarded() { ::munmap(map_, 2 * page_); }
    guarded(const guarded &) = delete;

    /// So many bytes before the end.
    template <class T = char>
    T *before_end(long bytes) const {
        return reinterpret_cast<T *>(map_ + page_ - bytes);
    }

  private:
    long page_;
    char *map_;
};

int open_service(const char *name, int flags = CAPF_ANYCLIENT) {
    return caps_sys_service(name, ::geteuid(), any_gid, 0, flags);
}

int open_client(const char *name, int flags = CAPF_ANYCLIENT) {
    return caps_sys_client(name, ::geteuid(), any_gid, 0, flags);
}

TEST_F(errno_test, EopnotsuppWithoutTheDevice) {
    if (!is_root())
        GTEST_SKIP() << "takes root";
    for (const bool is_there : {false, true}) {
        process other([is_there] {
            if (is_there ? ::setgroups(0, nullptr) != 0 || ::setuid(65000) != 0
                         : ::chroot("/proc") != 0)
                return 1;
            if (is_there && ::access("/dev/caps", R_OK) == 0)
                return 77; // everybody may
            if (open_service("test") != -1 || errno != EOPNOTSUPP)
                return 2;
            return open_client("") == -1 && errno == EOPNOTSUPP ? 0 : 3; // this comes first
        });
        const int status = other.wait();
        if (status != 77) {
            EXPECT_EQ(status, 0);
        }
    }
}

TEST_F(errno_test, EfaultForANameThatCannotBeRead) {
    const guarded memory;
    for (const auto open : {open_service, open_client}) {
        EXPECT_FAILS(EFAULT, open(nullptr, CAPF_ANYCLIENT));
        EXPECT_FAILS(EFAULT, open(reinterpret_cast<char *>(8), CAPF_ANYCLIENT));
        for (const int left : {1, 5, 8, 20}) {
            std::memset(memory.before_end(left), 'n', left);
            EXPECT_FAILS(EFAULT, open(memory.before_end(left), CAPF_ANYCLIENT));
        }
    }
    // One that ends with the page is as good as any.
    std::memcpy(memory.before_end(5), "test", 5);
    const an_id it(open_service(memory.before_end(5)));
}

TEST_F(errno_test, EnametoolongFromSixtyFourCharacters) {
    const std::string longest(63, 'n');
    const an_id server(open_service(longest.c_str()));
    const an_id mine(open_client(longest.c_str()));
    EXPECT_FAILS(ENAMETOOLONG, open_service((longest + "n").c_str()));
    EXPECT_FAILS(ENAMETOOLONG, open_client((longest + "n").c_str()));
    EXPECT_FAILS(ENAMETOOLONG, open_client(std::string(5000, '?').c_str()));
}

TEST_F(errno_test, EinvalForABadName) {
    for (const char *const name : {"", "a b", "a/b", "a-b", "a\n", "\x80"}) {
        EXPECT_FAILS(EINVAL, open_service(name));
        EXPECT_FAILS(EINVAL, open_client(name));
    }
}

TEST_F(errno_test, EinvalForABadSize) {
    const an_id server = service();
    const an_id mine = client();
    char byte = 0;
    EXPECT_FAILS(EINVAL, caps_sys_put(mine, &byte, -1));
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_FAILS(EINVAL, caps_sys_get(server, &byte, -1, nullptr, nullptr));
    EXPECT_FAILS(EINVAL, caps_sys_wait(server, &byte, -1, nullptr, nullptr));
    const off_t id = request(server, "x");
    EXPECT_FAILS(EINVAL, caps_sys_reply(server, &byte, -1, id));
    EXPECT_EQ(caps_sys_reply(server, &byte, 0, id), 0);
}

TEST_F(errno_test, EinvalForAnUnknownPort) {
    int closed = service("closed").release();
    EXPECT_EQ(caps_sys_close(closed), 0);
    char byte = 0;
    for (const int id : {closed, 0, -1, 12345678}) {
        EXPECT_FAILS(EINVAL, caps_sys_close(id));
        EXPECT_FAILS(EINVAL, caps_sys_put(id, &byte, 1));
        EXPECT_FAILS(EINVAL, caps_sys_reply(id, &byte, 1, 1));
        EXPECT_FAILS(EINVAL, caps_sys_get(id, &byte, 1, nullptr, nullptr));
        EXPECT_FAILS(EINVAL, caps_sys_wait(id, &byte, 1, nullptr, nullptr));
        EXPECT_FAILS(EINVAL, caps_sys_abort(id, 1, 0));
        EXPECT_FAILS(EINVAL, caps_sys_setgen(id, 1));
        EXPECT_FAILS(EINVAL, caps_sys_getgen(id));
        EXPECT_FAILS(EINVAL, caps_poll_fd(id));
    }
}

TEST_F(errno_test, EinvalForTheOtherKindOfPort) {
    const an_id server = service();
    const an_id mine = client();
    const off_t sent = put(mine, "x");
    const off_t id = request(server, "x");
    EXPECT_FAILS(EINVAL, put(server, "x"));
    EXPECT_FAILS(EINVAL, caps_sys_getgen(server));
    EXPECT_FAILS(EINVAL, caps_sys_abort(server, id, 0));
    EXPECT_FAILS(EINVAL, reply(mine, sent, "x"));
    EXPECT_FAILS(EINVAL, caps_sys_abort(mine, sent, 2)); // no such flag
}

TEST_F(errno_test, EinvalForAReplyToAnUnknownOrUnreadRequest) {
    const an_id server = service();
    const an_id mine = client();
    const off_t unread = put(mine, "x");
    for (const off_t id : {off_t{0}, off_t{-1}, off_t{1}, unread, off_t{1} << 62})
        EXPECT_FAILS(EINVAL, reply(server, id, ""));
    const off_t id = request(server, "x");
    EXPECT_EQ(reply(server, id, ""), 0);
    EXPECT_FAILS(EINVAL, reply(server, id, "")); // replied to
    EXPECT_EQ(said(wait(mine)), "reply ");
    EXPECT_EQ(said(wait(server)), "dispose");
    EXPECT_FAILS(EINVAL, reply(server, id, "")); // disposed of
}

TEST_F(errno_test, EfaultForWhatCannotBeWritten) {
    const an_id server = service();
    const an_id mine = client();
    const guarded memory;
    char byte = 0;
    auto *const nowhere = reinterpret_cast<char *>(8);
    ASSERT_GT(put(mine, "x"), 0);
    for (const auto call : {caps_sys_get, caps_sys_wait}) {
        EXPECT_FAILS(EFAULT, call(server, nowhere, 1, nullptr, nullptr));
        EXPECT_FAILS(EFAULT, call(server, &byte, 1, memory.before_end<caps_msgid>(8), nullptr));
        EXPECT_FAILS(EFAULT, call(server, &byte, 1, memory.before_end<caps_msgid>(0), nullptr));
        EXPECT_FAILS(EFAULT, call(server, &byte, 1, nullptr, memory.before_end<caps_cred>(80)));
    }
    // Nothing was lost, and what is just good enough is good enough.
    auto *const id = memory.before_end<caps_msgid>(16);
    EXPECT_EQ(caps_sys_get(server, &byte, 1, id, nullptr), 1);
    EXPECT_EQ(byte, 'x');
    EXPECT_EQ(reply(server, id->c_id, "x"), 0);
    EXPECT_EQ(caps_sys_get(mine, &byte, 1, nullptr, memory.before_end<caps_cred>(88)), 1);
}

TEST_F(errno_test, EfaultForAMessageThatCannotBeRead) {
    const an_id server = service();
    const an_id mine = client();
    EXPECT_FAILS(EFAULT, caps_sys_put(mine, reinterpret_cast<void *>(8), 1));
    ASSERT_GT(put(mine, "x"), 0);
    const off_t id = request(server, "x");
    EXPECT_FAILS(EFAULT, caps_sys_reply(server, reinterpret_cast<void *>(8), 1, id));
    EXPECT_EQ(reply(server, id, "y"), 0);
    EXPECT_EQ(said(get(mine)), "reply y");
}

TEST_F(errno_test, EpermForAServiceOfOthers) {
    if (!is_root())
        GTEST_SKIP() << "takes root";
    // Root may have them all.
    const an_id foreign(caps_sys_service("test", 1234, any_gid, 0, CAPF_ANYCLIENT));
    const an_id group(caps_sys_service("test", any_uid, 1234, 0, CAPF_ANYCLIENT));
    process other([] {
        if (!become_member(1001))
            return 1;
        if (caps_sys_service("test", 1002, any_gid, 0, CAPF_ANYCLIENT) != -1 || errno != EPERM)
            return 2;
        if (caps_sys_service("test", any_uid, 1002, 0, CAPF_ANYCLIENT) != -1 || errno != EPERM)
            return 3;
        if (caps_sys_service("test", 1001, 1002, 0, CAPF_ANYCLIENT) != -1 || errno != EPERM)
            return 4;
        if (caps_sys_service("test", any_uid, ::getegid(), 0, CAPF_ANYCLIENT) < 0)
            return 5;
        return caps_sys_service("test", 1001, any_gid, 0, CAPF_ANYCLIENT) > 0 ? 0 : 6;
    });
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(errno_test, EexistForAnExclusiveOneThatIsNotTheFirst) {
    const an_id first = service();
    EXPECT_FAILS(EEXIST, open_service("test", CAPF_ANYCLIENT | CAPF_EXCL));
    const an_id other(open_service("other", CAPF_ANYCLIENT | CAPF_EXCL));
    EXPECT_FAILS(EEXIST, open_service("other", CAPF_ANYCLIENT | CAPF_EXCL));
    const an_id later = service("other"); // it does not keep off those that do not mind
}

TEST_F(errno_test, EnoentWithoutAService) {
    EXPECT_FAILS(ENOENT, open_client("test"));
    an_id gone = service();
    EXPECT_EQ(caps_sys_close(gone.release()), 0);
    EXPECT_FAILS(ENOENT, open_client("test"));
}

TEST_F(errno_test, EaccesWithoutACommonClass) {
    const an_id user = service("user", CAPF_USER);
    EXPECT_FAILS(EACCES, open_client("user", CAPF_WORLD | CAPF_GROUP));
    EXPECT_FAILS(EACCES, open_client("user", 0));
    const an_id mine(open_client("user", CAPF_USER));
    const an_id nobody = service("nobody", 0);
    EXPECT_FAILS(EACCES, open_client("nobody"));
    EXPECT_FAILS(EACCES, open_client("nobody", 0));
    EXPECT_FAILS(ENOENT, open_client("none", 0));
}

TEST_F(errno_test, EwouldblockWhereThereIsNothing) {
    const an_id server = service();
    const an_id mine = client();
    char byte = 0;
    EXPECT_FAILS(EWOULDBLOCK, caps_sys_get(server, &byte, 1, nullptr, nullptr));
    EXPECT_FAILS(EWOULDBLOCK, caps_sys_get(mine, &byte, 1, nullptr, nullptr));
}

/// A signal that interrupts for good, or only for a while.
void signal_soon(bool restarts) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = restarts ? SA_RESTART : 0;
    ::sigaction(SIGALRM, &action, nullptr);
    itimerval timer{};
    timer.it_value.tv_usec = 100000;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

TEST_F(errno_test, EintrForAWait) {
    process other([] {
        const an_id server = service();
        const an_id mine = client();
        for (const int id : {static_cast<int>(server), static_cast<int>(mine)}) {
            signal_soon(false);
            if (caps_sys_wait(id, nullptr, 0, nullptr, nullptr) != -1 || errno != EINTR)
                return 1;
        }
        signal_soon(true);
        std::thread later([&] {
            sigset_t all;
            ::sigfillset(&all);
            ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
            pause(300ms);
            (void)put(mine, "");
        });
        const int size = caps_sys_wait(server, nullptr, 0, nullptr, nullptr);
        later.join();
        return size == 0 ? 0 : 2;
    });
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(errno_test, EintrForAWaitForAService) {
    process other([] {
        signal_soon(false);
        return open_client("test", CAPF_ANYCLIENT | CAPF_WAITSVC) == -1 && errno == EINTR ? 0 : 1;
    });
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(errno_test, EnobufsForTooMuchOnItsWay) {
    const an_id server = service();
    const an_id mine = client();
    for (int i = 0; i < CAPS_MAXINPROG; i++)
        ASSERT_GT(put(mine, "x"), 0);
    EXPECT_FAILS(ENOBUFS, put(mine, "x"));
}

TEST_F(errno_test, EnotconnAfterTheServer) {
    an_id server = service();
    const an_id mine = client();
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    char byte = 0;
    EXPECT_FAILS(ENOTCONN, put(mine, "x"));
    EXPECT_FAILS(ENOTCONN, caps_sys_get(mine, &byte, 1, nullptr, nullptr));
    EXPECT_FAILS(ENOTCONN, caps_sys_wait(mine, &byte, 1, nullptr, nullptr));
}

TEST_F(errno_test, WhatSucceedsLeavesItAlone) {
    const an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    message got;
    errno = 4711;
    char byte = 0;
    EXPECT_EQ(caps_sys_wait(server, &byte, 1, &got.id, &got.from), 1);
    EXPECT_EQ(reply(server, got.id.c_id, "x"), 0);
    EXPECT_EQ(caps_sys_wait(mine, &byte, 1, &got.id, &got.from), 1);
    EXPECT_EQ(caps_sys_wait(server, &byte, 1, &got.id, &got.from), 0);
    EXPECT_EQ(caps_sys_setgen(server, 1), 0);
    EXPECT_EQ(caps_sys_getgen(mine), 1);
    EXPECT_EQ(errno, 4711);
}

} // namespace
} // namespace dfly_test
