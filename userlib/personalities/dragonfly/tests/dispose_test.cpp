// SPDX-License-Identifier: MIT
// DISPOSE: for every reply, when it has been received; quietly. For requests whose clients left.
#include "dfly_test.hpp"

namespace dfly_test {
namespace {

using dispose_test = dfly_test;

TEST_F(dispose_test, ComesWhenTheReplyWasReceivedAndNotBefore) {
    const an_id server = service();
    const an_id mine = client();
    for (const int size : {0, 1, 4096, 4097, 64 << 10}) {
        const std::string answer(size, 'a');
        ASSERT_GT(put(mine, ""), 0);
        const off_t id = request(server, "");
        EXPECT_EQ(reply(server, id, answer), 0);
        EXPECT_EQ(said(get(server)), error(EWOULDBLOCK)) << size;
        EXPECT_TRUE(wait(mine, 64 << 10).text == answer);
        const message end = get(server);
        EXPECT_EQ(said(end), "dispose") << size;
        EXPECT_EQ(end.id.c_id, id);
        EXPECT_EQ(said(get(server)), error(EWOULDBLOCK)) << size;
    }
}

TEST_F(dispose_test, NotWhileTheReplyIsTooLargeForItsReader) {
    const an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), "a long answer"), 0);
    EXPECT_EQ(get(mine, 3).size, 13);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    EXPECT_EQ(said(get(mine)), "reply a long answer");
    EXPECT_EQ(said(get(server)), "dispose");
}

TEST_F(dispose_test, DoesNotWakeAServerThatWaits) {
    const an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, "1"), 0);
    const off_t first = request(server, "1");
    EXPECT_EQ(reply(server, first, ""), 0);
    waiting sleeper(server);
    EXPECT_EQ(said(get(mine)), "reply ");
    EXPECT_TRUE(sleeper.is_asleep());
    // It is found together with the next request, and before it.
    ASSERT_GT(put(mine, "2"), 0);
    const message end = sleeper.get();
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, first);
    EXPECT_EQ(said(get(server)), "request 2");
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

TEST_F(dispose_test, IsFoundByWhoComesToWait) {
    const an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), ""), 0);
    EXPECT_EQ(said(get(mine)), "reply ");
    EXPECT_EQ(said(wait(server)), "dispose");
}

TEST_F(dispose_test, IsCountedByPoll) {
    const an_id server = service();
    const an_id mine = client();
    EXPECT_FALSE(readable(server));
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_TRUE(readable(server));
    EXPECT_EQ(reply(server, request(server, ""), ""), 0);
    EXPECT_FALSE(readable(server));
    EXPECT_TRUE(readable(mine));
    EXPECT_EQ(said(get(mine)), "reply ");
    EXPECT_FALSE(readable(mine));
    EXPECT_TRUE(readable(server));
    EXPECT_EQ(said(get(server)), "dispose");
    EXPECT_FALSE(readable(server));
}

TEST_F(dispose_test, KeptOnesAreCountedByPoll) {
    const an_id server = service();
    const an_id mine = client();
    EXPECT_FALSE(readable(server)); // somebody polls
    for (int i = 0; i < 2; i++)
        ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), ""), 0);
    waiting sleeper(server);
    EXPECT_EQ(said(get(mine)), "reply ");
    EXPECT_EQ(said(get(mine)), "reply ");
    ASSERT_GT(put(mine, "next"), 0);
    EXPECT_EQ(said(sleeper.get()), "dispose");
    // The library has the others, or the kernel.
    EXPECT_TRUE(readable(server));
    EXPECT_EQ(said(get(server)), "dispose");
    EXPECT_TRUE(readable(server));
    EXPECT_EQ(said(get(server)), "request next");
    EXPECT_FALSE(readable(server));
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

TEST_F(dispose_test, ForAReplyWhoseReaderDied) {
    const an_id server = service();
    an_id mine = client();
    ASSERT_GT(put(mine, ""), 0);
    const off_t id = request(server, "");
    EXPECT_EQ(reply(server, id, "never read"), 0);
    EXPECT_EQ(caps_sys_close(mine.release()), 0);
    ASSERT_TRUE(readable(server, 10000)); // quietly, too
    const message end = get(server);
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, id);
}

TEST_F(dispose_test, ForARequestWhoseClientDied) {
    const an_id server = service();
    an_id mine = client();
    ASSERT_GT(put(mine, "held"), 0);
    const off_t id = request(server, "held");
    EXPECT_EQ(caps_sys_close(mine.release()), 0);
    const message end = wait(server);
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    errno = 0;
    EXPECT_EQ(reply(server, id, "too late"), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST_F(dispose_test, NotForARequestThatNobodyHasRead) {
    const an_id server = service();
    an_id mine = client();
    ASSERT_GT(put(mine, "unread"), 0);
    EXPECT_TRUE(readable(server));
    EXPECT_EQ(caps_sys_close(mine.release()), 0);
    EXPECT_TRUE(eventually([&] { return !readable(server); }));
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

TEST_F(dispose_test, OnceForAReplyThatCameTooLate) {
    const an_id server = service();
    an_id mine = client();
    ASSERT_GT(put(mine, "held"), 0);
    const off_t id = request(server, "held");
    EXPECT_FALSE(readable(server));
    EXPECT_EQ(caps_sys_close(mine.release()), 0);
    ASSERT_TRUE(readable(server, 10000)); // it is there, but the server has not looked
    EXPECT_EQ(reply(server, id, "to nobody"), 0);
    EXPECT_TRUE(readable(server));
    const message end = get(server);
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    EXPECT_FALSE(readable(server));
}

TEST_F(dispose_test, OfALargeReplySaysThatTheBufferIsFree) {
    const an_id server = service();
    const an_id mine = client();
    constexpr int size = 64 << 10;
    std::string answer(size, 'a');
    for (int i = 0; i < 8; i++) {
        const char letter = static_cast<char>('a' + i);
        answer.assign(size, letter);
        ASSERT_GT(put(mine, ""), 0);
        EXPECT_EQ(reply(server, request(server, ""), answer), 0);
        EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
        EXPECT_TRUE(wait(mine, size).text == std::string(size, letter));
        EXPECT_EQ(said(wait(server)), "dispose");
    }
}

} // namespace
} // namespace dfly_test
