// SPDX-License-Identifier: MIT
// The way of a message, as it was in 2004: states, ids, sizes, identity, generations.
#include "dfly_test.hpp"

namespace dfly_test {
namespace {

using call_test = dfly_test;

// What programs may have written down.
static_assert(sizeof(caps_msgid) == 16 && offsetof(caps_msgid, c_state) == 8);
static_assert(sizeof(caps_cred) == 88 && offsetof(caps_cred, groups) == 24);
static_assert(CAPMS_REQUEST == 0 && CAPMS_REPLY == 2 && CAPMS_DISPOSE == 4);
static_assert(CAPT_FORKED == 4 && CAPF_UFLAGS == 0xffff && CAPF_ANYCLIENT == 7);
static_assert(CAPF_EXCL == 8 && CAPF_WCRED == 0x10 && CAPF_NOFORK == 0x20 && CAPF_WAITSVC == 0x40);
static_assert(CAPS_MAXNAMELEN == 64 && CAPS_MAXINPROG == 128 && CAPS_MAXGROUPS == 16);
static_assert(CAPS_ABORT_NOTIMPL == 0 && CAPS_ABORT_ATSERVER == 3 && CAPF_ABORT_HARD == 1);

TEST_F(call_test, ARequestItsReplyAndItsDispose) {
    const an_id server = service();
    const an_id mine = client();
    const off_t sent = put(mine, "question");
    ASSERT_GT(sent, 0);
    const message asked = get(server);
    EXPECT_EQ(said(asked), "request question");
    EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
    EXPECT_EQ(reply(server, asked.id.c_id, "answer"), 0);
    const message answer = get(mine);
    EXPECT_EQ(said(answer), "reply answer");
    EXPECT_EQ(answer.id.c_id, sent);
    EXPECT_EQ(answer.id.c_reserved01, 0);
    const message end = get(server);
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, asked.id.c_id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
}

TEST_F(call_test, InTheOrderSentAndRepliedToInAnyOrder) {
    const an_id server = service();
    const an_id mine = client();
    std::array<off_t, 3> sent{};
    for (int i = 0; i < 3; i++)
        sent[i] = put(mine, std::to_string(i));
    std::array<off_t, 3> got{};
    for (int i = 0; i < 3; i++)
        got[i] = request(server, std::to_string(i));
    for (const int i : {1, 2, 0}) {
        EXPECT_EQ(reply(server, got[i], std::to_string(i)), 0);
        const message answer = wait(mine);
        EXPECT_EQ(said(answer), "reply " + std::to_string(i));
        EXPECT_EQ(answer.id.c_id, sent[i]);
    }
}

TEST_F(call_test, NothingIsAMessageToo) {
    const an_id server = service();
    const an_id mine = client();
    EXPECT_GT(caps_sys_put(mine, nullptr, 0), 0);
    const off_t got = request(server, "");
    EXPECT_EQ(caps_sys_reply(server, nullptr, 0, got), 0);
    EXPECT_EQ(said(get(mine)), "reply ");
}

TEST_F(call_test, IdAndCredentialsNeedNotBeAskedFor) {
    const an_id server = service();
    const an_id mine = client();
    std::array<char, 8> body{};
    ASSERT_GT(put(mine, "12345678"), 0);
    EXPECT_EQ(caps_sys_get(server, body.data(), 8, nullptr, nullptr), 8);
    EXPECT_EQ(std::string_view(body.data(), 8), "12345678");
}

TEST_F(call_test, OneServerAndManyClients) {
    const an_id server = service();
    std::vector<an_id> clients;
    clients.reserve(20);
    for (int i = 0; i < 20; i++)
        clients.push_back(client());
    for (int i = 0; i < 20; i++)
        ASSERT_GT(put(clients[i], std::to_string(i)), 0);
    for (int i = 0; i < 20; i++) {
        const off_t got = request(server, std::to_string(i));
        EXPECT_EQ(reply(server, got, "you are " + std::to_string(i)), 0);
    }
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(said(get(clients[i])), "reply you are " + std::to_string(i));
}

TEST_F(call_test, LargeMessagesBothWays) {
    const an_id server = service();
    const an_id mine = client();
    for (const int size : {4095, 4096, 4097, 128 << 10, 4 << 20}) {
        std::string question(size, 'q');
        std::string answer(size, 'a');
        question[size / 2] = '?';
        answer[size - 1] = '!';
        ASSERT_GT(put(mine, question), 0);
        message got = wait(server, size);
        EXPECT_TRUE(got.text == question);
        EXPECT_EQ(reply(server, got.id.c_id, answer), 0);
        got = wait(mine, size);
        EXPECT_TRUE(got.text == answer);
        EXPECT_EQ(said(get(server)), "dispose");
    }
}

TEST_F(call_test, TheServerReadsWhatIsThereWhenItReads) {
    const an_id server = service();
    const an_id mine = client();
    std::string large(64 << 10, 'a');
    ASSERT_GT(put(mine, large), 0);
    large[5000] = 'b';
    const message got = wait(server, 64 << 10);
    EXPECT_TRUE(got.text == large);
}

TEST_F(call_test, KernelsWordOnWhoSentIt) {
    const an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, ""), 0);
    const message got = wait(server);
    EXPECT_EQ(got.from.pid, ::getpid());
    EXPECT_EQ(got.from.uid, ::getuid());
    EXPECT_EQ(got.from.euid, ::geteuid());
    EXPECT_EQ(got.from.gid, ::getgid());
    EXPECT_EQ(got.from.cacheid, 0);
    ASSERT_GE(got.from.ngroups, 1);
    EXPECT_EQ(got.from.groups[0], ::getegid());
    EXPECT_EQ(reply(server, got.id.c_id, ""), 0);
    EXPECT_EQ(wait(mine).from.pid, ::getpid());
    EXPECT_EQ(wait(server).from.pid, ::getpid());
}

TEST_F(call_test, IdentityOfAnotherUserWithItsGroups) {
    if (!is_root())
        GTEST_SKIP() << "takes root";
    const an_id server(caps_sys_service("test", 0, any_gid, 0, CAPF_ANYCLIENT));
    process other([] {
        struct stat device {};
        std::vector<gid_t> groups;
        for (gid_t i = 0; i < 20; i++)
            groups.push_back(5000 + i);
        if (::stat("/dev/caps", &device) != 0)
            return 1;
        groups.push_back(device.st_gid);
        if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(4000) != 0 ||
            ::setresuid(1001, 1002, 1002) != 0)
            return 2;
        const int id = caps_sys_client("test", 0, any_gid, 0, CAPF_ANYCLIENT);
        if (put(id, "me") < 0)
            return 3;
        return said(wait(id)) == "reply you" ? 0 : 4;
    });
    const message got = wait(server);
    EXPECT_EQ(said(got), "request me");
    EXPECT_EQ(got.from.pid, other.pid());
    EXPECT_EQ(got.from.uid, 1001U);
    EXPECT_EQ(got.from.euid, 1002U);
    EXPECT_EQ(got.from.gid, 4000U);
    EXPECT_EQ(got.from.ngroups, CAPS_MAXGROUPS); // of 22: the rest is cut off
    EXPECT_EQ(got.from.groups[0], 4000U);
    EXPECT_EQ(std::set<gid_t>(got.from.groups, got.from.groups + CAPS_MAXGROUPS).size(),
              std::size_t{CAPS_MAXGROUPS});
    const pid_t pid = other.pid();
    EXPECT_EQ(reply(server, got.id.c_id, "you"), 0);
    EXPECT_EQ(other.wait(), 0);
    const message end = wait(server);
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.from.pid, pid);
    EXPECT_EQ(end.from.euid, 1002U);
}

TEST_F(call_test, AGenerationIsReadWithoutAMessage) {
    const an_id server = service();
    const an_id mine = client();
    EXPECT_EQ(caps_sys_getgen(mine), 0);
    for (const caps_gen_t number : {caps_gen_t{1}, caps_gen_t{7000000000}, caps_gen_t{-5}}) {
        EXPECT_EQ(caps_sys_setgen(server, number), 0);
        EXPECT_EQ(caps_sys_getgen(mine), number);
    }
    errno = 0;
    EXPECT_EQ(caps_sys_setgen(server, -1), 0);
    EXPECT_EQ(caps_sys_getgen(mine), -1);
    EXPECT_EQ(errno, 0);                    // nothing else tells it from an error
    EXPECT_EQ(caps_sys_setgen(mine, 5), 0); // its own, which nobody reads
    EXPECT_EQ(caps_sys_getgen(mine), -1);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

TEST_F(call_test, EveryThreadMayUseEveryId) {
    constexpr int threads = 4;
    const int rounds = scaled(500);
    const an_id server = service();
    std::atomic<int> answered{0};
    std::vector<std::thread> all;
    all.reserve(threads);
    for (int i = 0; i < threads; i++)
        all.emplace_back([&] {
            while (answered < threads * rounds) {
                const message got = wait(server);
                if (got.size < 0)
                    return; // closed
                if (got.id.c_state == CAPMS_REQUEST) {
                    EXPECT_EQ(reply(server, got.id.c_id, got.text + "!"), 0);
                    answered++;
                }
            }
        });
    const an_id mine = client();
    std::vector<std::thread> clients;
    clients.reserve(threads);
    std::atomic<int> right{0};
    for (int i = 0; i < threads; i++)
        clients.emplace_back([&] {
            for (int j = 0; j < rounds; j++) {
                EXPECT_GT(put(mine, "x"), 0);
                right += said(wait(mine)) == "reply x!";
            }
        });
    for (std::thread &it : clients)
        it.join();
    EXPECT_EQ(right, threads * rounds);
    pause();
    EXPECT_EQ(caps_sys_close(server), 0); // ends those who wait
    for (std::thread &it : all)
        it.join();
}

TEST_F(call_test, ClosingEndsAllWhoWait) {
    const an_id server = service();
    const an_id mine = client();
    waiting one(mine);
    waiting two(mine);
    waiting three(server);
    waiting four(server);
    EXPECT_EQ(caps_sys_close(mine), 0);
    EXPECT_EQ(said(one.get()), error(EINVAL));
    EXPECT_EQ(said(two.get()), error(EINVAL));
    EXPECT_EQ(caps_sys_close(server), 0);
    EXPECT_EQ(said(three.get()), error(EINVAL));
    EXPECT_EQ(said(four.get()), error(EINVAL));
}

} // namespace
} // namespace dfly_test
