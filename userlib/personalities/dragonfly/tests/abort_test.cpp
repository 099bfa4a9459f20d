// SPDX-License-Identifier: MIT
// The four outcomes of an abort, each as both ends see it.
#include "dfly_test.hpp"

namespace dfly_test {
namespace {

using abort_test = dfly_test;

/// What was aborted comes back, empty; and only that.
void expect_back(int id, off_t aborted) {
    const message it = wait(id);
    EXPECT_EQ(said(it), "reply ");
    EXPECT_EQ(it.id.c_id, aborted);
    EXPECT_EQ(it.error, ECANCELED);
    EXPECT_EQ(said(get(id)), error(EWOULDBLOCK));
}

TEST_F(abort_test, BeforeTheServer) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "never seen");
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_BEFORESERVER);
    expect_back(mine, id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

TEST_F(abort_test, AtTheServer) {
    for (const int flags : {0, CAPF_ABORT_HARD}) {
        const an_id server = service();
        const an_id mine = client();
        const off_t id = put(mine, "x");
        const off_t held = request(server, "x");
        waiting sleeper(server);
        EXPECT_EQ(caps_sys_abort(mine, id, flags), CAPS_ABORT_ATSERVER);
        const message told = sleeper.get(); // it wakes
        EXPECT_EQ(said(told), "dispose");
        EXPECT_EQ(told.id.c_id, held);
        EXPECT_EQ(told.from.pid, ::getpid());
        errno = 0;
        EXPECT_EQ(reply(server, held, "late"), -1);
        EXPECT_EQ(errno, EINVAL);
        expect_back(mine, id);
    }
}

TEST_F(abort_test, AtAServerThatRepliesBeforeItLooks) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "x");
    const off_t held = request(server, "x");
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_ATSERVER);
    EXPECT_EQ(reply(server, held, "late"), 0);
    const message told = wait(server);
    EXPECT_EQ(said(told), "dispose");
    EXPECT_EQ(told.id.c_id, held);
    expect_back(mine, id);
}

TEST_F(abort_test, Returned) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "x");
    EXPECT_EQ(reply(server, request(server, "x"), "answer"), 0);
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_RETURNED);
    EXPECT_EQ(said(get(mine)), "reply answer");
    EXPECT_EQ(said(get(server)), "dispose");
}

TEST_F(abort_test, ReturnedAndTooLargeSoFar) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "x");
    EXPECT_EQ(reply(server, request(server, "x"), "answer"), 0);
    EXPECT_EQ(get(mine, 2).size, 6);
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_RETURNED);
    EXPECT_EQ(said(get(mine)), "reply answer");
}

TEST_F(abort_test, Unknown) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "x");
    EXPECT_EQ(reply(server, request(server, "x"), "answer"), 0);
    EXPECT_EQ(said(get(mine)), "reply answer");
    EXPECT_EQ(said(get(server)), "dispose");
    for (const off_t any : {id, off_t{0}, off_t{-1}, off_t{1}, off_t{1} << 32})
        EXPECT_EQ(caps_sys_abort(mine, any, 0), CAPS_ABORT_NOTIMPL) << any;
    // Nothing has come of it on either side.
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
    ASSERT_GT(put(mine, "y"), 0);
    EXPECT_EQ(said(get(server)), "request y");
}

TEST_F(abort_test, NoNumberTakesTheWatchAway) {
    // How a client knows that its server has gone has an id of the kernel, too.
    an_id server = service();
    const an_id mine = client();
    for (off_t slot = 0; slot < 16; slot++)
        for (off_t generation = 1; generation < 4; generation++)
            EXPECT_EQ(caps_sys_abort(mine, slot << 32 | generation, 0), CAPS_ABORT_NOTIMPL);
    waiting sleeper(mine);
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    EXPECT_EQ(said(sleeper.get()), error(ENOTCONN));
}

TEST_F(abort_test, TwiceIsReturned) {
    const an_id server = service();
    const an_id mine = client();
    const off_t id = put(mine, "x");
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_BEFORESERVER);
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_RETURNED); // it is on its way back
    expect_back(mine, id);
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_NOTIMPL);
}

TEST_F(abort_test, WakesWhoWaitsAndMakesRoom) {
    const an_id server = service();
    const an_id mine = client();
    std::vector<off_t> all;
    all.reserve(CAPS_MAXINPROG);
    for (int i = 0; i < CAPS_MAXINPROG; i++)
        all.push_back(put(mine, "x"));
    EXPECT_EQ(put(mine, "x"), -1);
    EXPECT_EQ(errno, ENOBUFS);
    waiting sleeper(mine);
    EXPECT_EQ(caps_sys_abort(mine, all[100], 0), CAPS_ABORT_BEFORESERVER);
    EXPECT_EQ(sleeper.get().id.c_id, all[100]);
    EXPECT_GT(put(mine, "x"), 0);
    EXPECT_EQ(put(mine, "x"), -1);
    EXPECT_EQ(said(get(server)), "request x");
}

TEST_F(abort_test, ALargeBufferIsFreeAtOnce) {
    const an_id server = service();
    const an_id mine = client();
    std::string large(64 << 10, 'a');
    const off_t id = put(mine, large);
    const message got = wait(server, 10); // known to be large, and not read yet
    EXPECT_EQ(got.size, 64 << 10);
    EXPECT_EQ(caps_sys_abort(mine, id, 0), CAPS_ABORT_ATSERVER);
    large.assign(large.size(), 'b');
    const message told = wait(server, 64 << 10);
    EXPECT_EQ(said(told), "dispose");
    EXPECT_EQ(told.id.c_id, got.id.c_id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

} // namespace
} // namespace dfly_test
