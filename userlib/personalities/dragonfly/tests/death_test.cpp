// SPDX-License-Identifier: MIT
// Servers that go, and what their clients see of it: an empty reply to each request, and
// ENOTCONN then. Nobody sleeps for ever.
#include "dfly_test.hpp"

namespace dfly_test {
namespace {

using death_test = dfly_test;

/// A server in a process of its own, which takes so many requests and keeps them.
class holder {
  public:
    explicit holder(int requests)
        : process_([this, requests] {
              const int id = caps_sys_service("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
              ready_.tell(id);
              for (int i = 0; i < requests; i++)
                  (void)wait(id);
              ready_.tell(requests);
              ::pause();
              return 0;
          }) {
        EXPECT_GT(ready_.hear(), 0);
    }
    void has_them() { (void)ready_.hear(); }
    void kill() { process_.kill(); }

  private:
    teller ready_;
    process process_;
};

/// Dead and drained: whatever is asked, for ever, and at once.
void expect_dead(int id) {
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(said(wait(id)), error(ENOTCONN));
        EXPECT_EQ(said(get(id)), error(ENOTCONN));
        errno = 0;
        EXPECT_EQ(put(id, ""), -1);
        EXPECT_EQ(errno, ENOTCONN);
        EXPECT_TRUE(readable(id));
    }
}

void expect_empty_reply(const message &it, off_t id) {
    EXPECT_EQ(said(it), "reply ");
    EXPECT_EQ(it.error, ENOTCONN);
    EXPECT_EQ(it.id.c_id, id);
}

TEST_F(death_test, WhatTheServerHadComesBackEmptyOnce) {
    holder server(1);
    const an_id mine = client();
    const off_t id = put(mine, "x");
    server.has_them();
    EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
    server.kill();
    expect_empty_reply(wait(mine), id);
    expect_dead(mine);
}

TEST_F(death_test, SoDoesWhatItHadNotRead) {
    holder server(0);
    const an_id mine = client();
    const off_t id = put(mine, "x");
    server.kill();
    expect_empty_reply(wait(mine), id);
    expect_dead(mine);
}

TEST_F(death_test, EachRequestOnItsWayComesBack) {
    holder server(2);
    const an_id mine = client();
    std::set<off_t> sent;
    for (int i = 0; i < 4; i++)
        sent.insert(put(mine, "x"));
    server.has_them();
    server.kill();
    for (int i = 0; i < 4; i++) {
        const message it = wait(mine);
        EXPECT_EQ(said(it), "reply ");
        EXPECT_EQ(it.error, ENOTCONN);
        EXPECT_EQ(sent.erase(it.id.c_id), 1U);
    }
    expect_dead(mine);
}

TEST_F(death_test, WhoSleepsForARequestIsWoken) {
    holder server(1);
    const an_id mine = client();
    const off_t id = put(mine, "x");
    server.has_them();
    waiting sleeper(mine);
    server.kill();
    expect_empty_reply(sleeper.get(), id);
}

TEST_F(death_test, WhoSleepsForNothingIsWoken) {
    holder server(0);
    const an_id mine = client();
    waiting sleeper(mine);
    EXPECT_TRUE(sleeper.is_asleep());
    server.kill();
    EXPECT_EQ(said(sleeper.get()), error(ENOTCONN));
    expect_dead(mine);
}

TEST_F(death_test, AllWhoSleepAreWoken) {
    holder server(1);
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    server.has_them();
    std::vector<std::unique_ptr<waiting>> sleepers;
    sleepers.reserve(4);
    for (int i = 0; i < 4; i++)
        sleepers.push_back(std::make_unique<waiting>(mine));
    server.kill();
    std::multiset<std::string> all;
    for (const auto &it : sleepers)
        all.insert(said(it->get()));
    EXPECT_EQ(all.count("reply "), 1U);
    EXPECT_EQ(all.count(error(ENOTCONN)), 3U);
}

TEST_F(death_test, AReplyGivenBeforeIsStillReceived) {
    teller ready;
    process server([&] {
        const int id = caps_sys_service("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
        ready.tell(id);
        return reply(id, wait(id).id.c_id, "last words");
    });
    EXPECT_GT(ready.hear(), 0);
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(server.wait(), 0);
    const message last = wait(mine);
    EXPECT_EQ(said(last), "reply last words");
    EXPECT_EQ(last.error, 0);
    expect_dead(mine);
}

TEST_F(death_test, PollTellsOfIt) {
    holder server(0);
    const an_id mine = client();
    EXPECT_FALSE(readable(mine));
    server.kill();
    EXPECT_TRUE(readable(mine, 10000));
    expect_dead(mine);
}

TEST_F(death_test, AServerThatClosesIsGone) {
    an_id server = service();
    const an_id mine = client();
    const off_t first = put(mine, "held");
    (void)request(server, "held");
    const off_t second = put(mine, "unread");
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    std::set<off_t> back;
    for (int i = 0; i < 2; i++) {
        const message it = wait(mine);
        EXPECT_EQ(said(it), "reply ");
        EXPECT_EQ(it.error, ENOTCONN);
        back.insert(it.id.c_id);
    }
    EXPECT_EQ(back, (std::set<off_t>{first, second}));
    expect_dead(mine);
}

TEST_F(death_test, TheLastGenerationStaysReadable) {
    an_id server = service();
    const an_id mine = client();
    EXPECT_EQ(caps_sys_setgen(server, 12), 0);
    EXPECT_EQ(caps_sys_getgen(mine), 12);
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    // As the client of 2004 relies on: put has failed, and getgen says nothing else.
    errno = 0;
    EXPECT_EQ(put(mine, ""), -1);
    EXPECT_EQ(caps_sys_getgen(mine), 12);
    EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(death_test, ANewServerDoesNotRevive) {
    an_id old = service();
    const an_id mine = client();
    EXPECT_EQ(caps_sys_close(old.release()), 0);
    const an_id fresh = service();
    expect_dead(mine);
    const an_id again = client();
    ASSERT_GT(put(again, "x"), 0);
    EXPECT_EQ(said(wait(fresh)), "request x");
}

} // namespace
} // namespace dfly_test
