// SPDX-License-Identifier: MIT
// What becomes of ids at fork and exec.
#include "dfly_test.hpp"

#include <sys/syscall.h>

namespace dfly_test {
namespace {

using fork_test = dfly_test;

/// Does everything but close say so of this id? Where not, the number of the call.
int all_fail(int id, int number) {
    char byte = 0;
    const auto fails = [&](long long result) { return result == -1 && errno == number; };
    if (!fails(caps_sys_put(id, &byte, 1)))
        return 1;
    if (!fails(caps_sys_reply(id, &byte, 1, 1)))
        return 2;
    if (!fails(caps_sys_get(id, &byte, 1, nullptr, nullptr)))
        return 3;
    if (!fails(caps_sys_wait(id, &byte, 1, nullptr, nullptr)))
        return 4;
    if (!fails(caps_sys_setgen(id, 1)))
        return 5;
    if (!fails(caps_sys_getgen(id)))
        return 6;
    return fails(caps_sys_abort(id, 1, 0)) ? 0 : 7;
}

TEST_F(fork_test, AChildHasPlaceholders) {
    const an_id server = service();
    const an_id mine = client();
    process child([&] {
        int status = all_fail(server, ENOTCONN);
        if (status == 0)
            status = all_fail(mine, ENOTCONN) * 10;
        if (status != 0)
            return status;
        if (caps_sys_close(server) != 0 || caps_sys_close(mine) != 0)
            return 100;
        return all_fail(server, EINVAL) * 10 + all_fail(mine, EINVAL);
    });
    EXPECT_EQ(child.wait(), 0);
    // The parent's are as they were.
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(said(wait(server)), "request x");
}

TEST_F(fork_test, OrNothing) {
    const an_id server = service("test", CAPF_ANYCLIENT | CAPF_NOFORK);
    const an_id mine = client("test", CAPF_ANYCLIENT | CAPF_NOFORK);
    process child([&] {
        const int status = all_fail(server, EINVAL) * 10 + all_fail(mine, EINVAL);
        if (status != 0)
            return status;
        return caps_sys_close(mine) == -1 && errno == EINVAL ? 0 : 100;
    });
    EXPECT_EQ(child.wait(), 0);
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(said(wait(server)), "request x");
}

TEST_F(fork_test, AChildConnectsAnew) {
    const an_id server = service();
    const an_id mine = client();
    process child([&] {
        if (put(mine, "x") != -1 || errno != ENOTCONN || caps_sys_close(mine) != 0)
            return 1;
        const int again = client().release();
        if (again == mine || put(again, "child") < 0)
            return 2;
        return said(wait(again)) == "reply hello" ? 0 : 3;
    });
    const message got = wait(server);
    EXPECT_EQ(said(got), "request child");
    EXPECT_EQ(got.from.pid, child.pid());
    EXPECT_EQ(reply(server, got.id.c_id, "hello"), 0);
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(fork_test, AServicesNameStaysTheParents) {
    an_id server = service();
    teller go;
    process child([&] {
        (void)go.hear();
        return caps_sys_client("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT) == -1 &&
                       errno == ENOENT
                   ? 0
                   : 1;
    });
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    go.tell();
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(fork_test, AChildThatLivesOnKeepsNothingAlive) {
    an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    (void)request(server, "x");
    process child([] { return ::pause(); });
    pause();
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    const message it = wait(mine);
    EXPECT_EQ(said(it), "reply ");
    EXPECT_EQ(it.error, ENOTCONN);
}

TEST_F(fork_test, WhileOtherThreadsAreAtWork) {
    const an_id server = service();
    std::atomic<bool> over{false};
    std::thread worker([&] {
        while (!over) {
            const an_id mine = client();
            EXPECT_GT(put(mine, "x"), 0);
            const message got = wait(server);
            if (got.id.c_state == CAPMS_REQUEST) {
                EXPECT_EQ(reply(server, got.id.c_id, ""), 0);
            }
        }
    });
    for (int i = 0; i < scaled(50); i++) {
        process child([&] {
            if (put(server, "") != -1 || errno != ENOTCONN)
                return 1;
            const int own = caps_sys_service("own", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
            return own > 0 && caps_sys_close(own) == 0 ? 0 : 2;
        });
        EXPECT_EQ(child.wait(), 0);
    }
    over = true;
    worker.join();
}

TEST_F(fork_test, WhereNoHandlerRunsTheKernelSaysSo) {
    const an_id server = service();
    const an_id mine = client();
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0)
        ::_exit(all_fail(mine, ENOTCONN) == 1              ? 1
                : put(mine, "") == -1 && errno == ENOTCONN ? 0
                                                           : 2);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(said(wait(server)), "request x");
}

TEST_F(fork_test, ExecEndsAll) {
    teller ready;
    process server([&] {
        const int id = caps_sys_service("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
        ready.tell(id);
        (void)wait(id);
        ::execlp("sleep", "sleep", "60", nullptr);
        return 1;
    });
    EXPECT_GT(ready.hear(), 0);
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    const message it = wait(mine);
    EXPECT_EQ(said(it), "reply ");
    EXPECT_EQ(it.error, ENOTCONN);
    EXPECT_EQ(said(wait(mine)), error(ENOTCONN));
}

} // namespace
} // namespace dfly_test
