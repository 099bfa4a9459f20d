// SPDX-License-Identifier: MIT
// The defects of the implementation of 2004, each shown not to be here.
#include "dfly_test.hpp"

#include <filesystem>

namespace dfly_test {
namespace {

using defect_test = dfly_test;

/// Every legal character, every length: once valid names failed.
TEST_F(defect_test, D1ValidNamesAreValid) {
    const std::string legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    for (std::size_t length = 1; length < CAPS_MAXNAMELEN; length++) {
        const std::string name = legal.substr(legal.size() - length - 1, length);
        const an_id server = service(name.c_str());
        const an_id mine = client(name.c_str());
    }
    for (const char letter : legal) {
        if (letter == '.' && !is_root())
            continue; // the kernel reserves what begins with it
        const std::string name(3, letter);
        const an_id server = service(name.c_str());
        const an_id mine = client(name.c_str());
    }
}

/// Ids were addresses in the kernel, negative, and the same again.
TEST_F(defect_test, D2IdsArePositiveAndNotUsedAgain) {
    const an_id server = service();
    const an_id mine = client();
    std::set<off_t> at_client;
    std::set<off_t> at_server;
    const int rounds = scaled(3000);
    for (int i = 0; i < rounds; i++) {
        const off_t sent = put(mine, "");
        ASSERT_GT(sent, 0);
        ASSERT_NE(sent >> 40, 0x7f8880); // no address, with or without its sign
        const off_t got = request(server, "");
        ASSERT_GT(got, 0);
        EXPECT_EQ(reply(server, got, ""), 0);
        EXPECT_EQ(wait(mine).id.c_id, sent);
        EXPECT_EQ(wait(server).id.c_id, got);
        at_client.insert(sent);
        at_server.insert(got);
    }
    EXPECT_EQ(at_client.size(), static_cast<std::size_t>(rounds));
    EXPECT_EQ(at_server.size(), static_cast<std::size_t>(rounds));
}

/// What was too large could neither be read nor refused, and nothing came past it.
TEST_F(defect_test, D3WhatIsTooLargeCanBeReadOrRefused) {
    const an_id server = service();
    const an_id mine = client();
    const off_t sent = put(mine, "a large one");
    ASSERT_GT(put(mine, "next"), 0);
    const message peeked = get(server, 4);
    EXPECT_EQ(peeked.size, 11);
    EXPECT_EQ(peeked.id.c_state, CAPMS_REQUEST);
    EXPECT_EQ(peeked.from.pid, ::getpid());
    EXPECT_EQ(get(server, 10).id.c_id, peeked.id.c_id); // still the first
    EXPECT_EQ(said(wait(server, 11)), "request a large one");
    EXPECT_EQ(reply(server, peeked.id.c_id, "read"), 0);
    EXPECT_EQ(wait(mine).id.c_id, sent);

    const message unread = get(server, 0);
    EXPECT_EQ(unread.size, 4);
    ASSERT_GT(put(mine, "last"), 0);
    EXPECT_EQ(reply(server, unread.id.c_id, "no"), 0); // as the manual said
    EXPECT_EQ(said(get(mine)), "reply no");
    EXPECT_EQ(get(server).id.c_id, peeked.id.c_id); // its DISPOSE
    EXPECT_EQ(said(get(server)), "request last");
    EXPECT_EQ(get(server).id.c_id, unread.id.c_id);
}

TEST_F(defect_test, D3SoCanAReply) {
    const an_id server = service();
    const an_id mine = client();
    for (const int size : {20, 20000}) {
        ASSERT_GT(put(mine, ""), 0);
        EXPECT_EQ(reply(server, request(server, ""), std::string(size, 'r')), 0);
        EXPECT_EQ(wait(mine, 5).size, size);
        EXPECT_TRUE(readable(mine));
        EXPECT_EQ(get(mine, size).text, std::string(size, 'r'));
        EXPECT_FALSE(readable(mine));
        EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
        EXPECT_EQ(said(wait(server)), "dispose");
    }
}

TEST_F(defect_test, D3TheClientOfATooLargeOneMayGo) {
    const an_id server = service();
    an_id mine = client();
    ASSERT_GT(put(mine, "a large one"), 0);
    const off_t id = get(server, 4).id.c_id;
    EXPECT_EQ(caps_sys_close(mine.release()), 0);
    message end;
    EXPECT_TRUE(eventually([&] { return (end = get(server, 4)).size == 0; }));
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, id);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
}

/// A bad address made an empty message, or cost one.
TEST_F(defect_test, D4ABadAddressIsSaidAndCostsNothing) {
    const an_id server = service();
    const an_id mine = client();
    auto *const nowhere = reinterpret_cast<char *>(8);
    EXPECT_EQ(caps_sys_put(mine, nowhere, 3), -1);
    EXPECT_EQ(errno, EFAULT);
    EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    ASSERT_GT(put(mine, "abc"), 0);
    caps_cred good{};
    std::array<char, 3> body{};
    auto *const bad_id = reinterpret_cast<caps_msgid *>(nowhere);
    EXPECT_EQ(caps_sys_get(server, body.data(), 3, bad_id, &good), -1);
    EXPECT_EQ(errno, EFAULT); // the good one does not hide it
    EXPECT_EQ(caps_sys_get(server, nowhere, 3, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EFAULT);
    const off_t id = request(server, "abc");
    EXPECT_EQ(caps_sys_reply(server, nowhere, 3, id), -1);
    EXPECT_EQ(errno, EFAULT);
    EXPECT_EQ(said(get(mine)), error(EWOULDBLOCK));
    EXPECT_EQ(reply(server, id, "def"), 0);
    EXPECT_EQ(said(get(mine)), "reply def");
}

/// Memory that goes before it is read is no empty message either.
TEST_F(defect_test, D4SoIsOneOfTheSendersAfterwards) {
    const an_id server = service();
    const an_id mine = client();
    constexpr int size = 64 << 10;
    void *const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 'm', size);
    ASSERT_GT(caps_sys_put(mine, memory, size), 0);
    EXPECT_EQ(::munmap(memory, size), 0);
    EXPECT_TRUE(wait(server, size).text == std::string(size, 'm'));
}

TEST_F(defect_test, D5NobodyWaitsForTheDead) {
    an_id server = service();
    const an_id mine = client();
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), "x"), 0);
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    EXPECT_EQ(said(wait(mine)), "reply x");
    EXPECT_EQ(said(wait(mine)), error(ENOTCONN));
    EXPECT_EQ(said(wait(mine)), error(ENOTCONN));
}

TEST_F(defect_test, D6ErrnoTellsAnEmptyReplyFromNone) {
    an_id server = service();
    const an_id mine = client();
    char byte = 0;
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(reply(server, request(server, ""), ""), 0);
    errno = ENOTCONN; // of something before
    EXPECT_EQ(caps_sys_wait(mine, &byte, 1, nullptr, nullptr), 0);
    EXPECT_EQ(errno, 0);
    ASSERT_GT(put(mine, ""), 0);
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    EXPECT_EQ(caps_sys_wait(mine, &byte, 1, nullptr, nullptr), 0);
    EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(defect_test, D7AHundredAndTwentyEightAndNoMore) {
    const an_id server = service();
    const an_id mine = client();
    const an_id another = client();
    for (int i = 0; i < CAPS_MAXINPROG; i++)
        ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(put(mine, "x"), -1);
    EXPECT_EQ(errno, ENOBUFS);
    for (int i = 0; i < CAPS_MAXINPROG; i++) // it is each client's own
        ASSERT_GT(put(another, "y"), 0);
    EXPECT_EQ(put(another, "y"), -1);
    // Neither reading nor replying makes room, but getting the reply.
    const off_t id = request(server, "x");
    EXPECT_EQ(put(mine, "x"), -1);
    EXPECT_EQ(reply(server, id, ""), 0);
    EXPECT_EQ(put(mine, "x"), -1);
    EXPECT_EQ(errno, ENOBUFS);
    EXPECT_EQ(said(get(mine)), "reply ");
    EXPECT_GT(put(mine, "x"), 0);
    EXPECT_EQ(put(mine, "x"), -1);
}

/// It came from nobody, and nobody was woken.
TEST_F(defect_test, D8TheEndOfADeadClientsRequestWakes) {
    const an_id server = service();
    teller ready;
    process other([&] {
        const int id = client().release();
        ready.tell(put(id, "x"));
        ::pause();
        return 0;
    });
    EXPECT_GT(ready.hear(), 0);
    const pid_t pid = other.pid();
    const message asked = wait(server);
    EXPECT_EQ(asked.from.pid, pid);
    waiting sleeper(server);
    EXPECT_TRUE(sleeper.is_asleep());
    other.kill();
    const message end = sleeper.get();
    EXPECT_EQ(said(end), "dispose");
    EXPECT_EQ(end.id.c_id, asked.id.c_id);
    // Its state says that nobody sent it, and the credentials whose it is about.
    EXPECT_EQ(end.from.uid, asked.from.uid);
    EXPECT_EQ(end.from.gid, asked.from.gid);
}

TEST_F(defect_test, D9AStuckServerKeepsNoClientFromItsEnd) {
    for (const bool large : {false, true}) {
        teller ready;
        process server([&] {
            const int id = caps_sys_service("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
            ready.tell(id);
            (void)wait(id, 1 << 20);
            ready.tell();
            ::pause();
            return 0;
        });
        EXPECT_GT(ready.hear(), 0);
        const std::string body(large ? 64 << 10 : 10, 'x');
        process closes([&] {
            const int id = client().release();
            (void)put(id, body);
            (void)put(id, body);
            (void)ready.hear();
            server.signal(SIGSTOP);
            pause();
            return caps_sys_close(id);
        });
        EXPECT_EQ(closes.wait(), 0);
        process exits([&] { return put(client().release(), body) > 0 ? 0 : 1; });
        EXPECT_EQ(exits.wait(), 0);
    }
}

std::ptrdiff_t descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

/// What the module has, as it says itself.
std::string live() {
    std::ifstream file("/sys/module/caps/parameters/live");
    std::string line;
    std::getline(file, line);
    return line;
}

TEST_F(defect_test, D10WhatFailsLeavesNothingBehind) {
    const an_id server = service();
    const an_id mine = client();
    const off_t unread = put(mine, "x");
    const auto fail_all = [&] {
        (void)caps_sys_service("", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
        (void)caps_sys_service("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT | CAPF_EXCL);
        (void)caps_sys_service("test", ::geteuid(), any_gid, 99, CAPF_ANYCLIENT);
        (void)caps_sys_client("none", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT);
        (void)caps_sys_client("test", ::geteuid(), any_gid, 0, 0);
        (void)caps_sys_setgen(12345, 1);
        (void)caps_sys_getgen(server);
        (void)caps_sys_setgen(server, 1);
        (void)caps_sys_getgen(mine);
        (void)put(server, "x");
        (void)reply(server, unread, "x");
        (void)reply(mine, 1, "x");
        (void)caps_sys_get(server, nullptr, -1, nullptr, nullptr);
        (void)caps_sys_get(mine, nullptr, 0, nullptr, nullptr);
        (void)caps_sys_close(12345);
    };
    fail_all();
    pause();
    const auto before = descriptors();
    const std::string live_before = live();
    for (int i = 0; i < scaled(300); i++)
        fail_all();
    EXPECT_EQ(descriptors(), before);
    // Others than root cannot read it, and see nothing all the time.
    EXPECT_TRUE(eventually([&] { return live() == live_before; })) << live_before << '\n' << live();
}

TEST_F(defect_test, D11NobodysNamesAndUnknownFlags) {
    const auto refuses = [](int id) { return id == -1 && errno == EINVAL; };
    EXPECT_TRUE(refuses(caps_sys_service("test", any_uid, any_gid, 0, CAPF_ANYCLIENT)));
    EXPECT_TRUE(refuses(caps_sys_client("test", any_uid, any_gid, 0, CAPF_ANYCLIENT)));
    for (int bit = 7; bit < 32; bit++) {
        const int flags = static_cast<int>(CAPF_ANYCLIENT | 1U << bit);
        EXPECT_TRUE(refuses(caps_sys_service("test", ::geteuid(), any_gid, 0, flags))) << bit;
        EXPECT_TRUE(refuses(caps_sys_client("test", ::geteuid(), any_gid, 0, flags))) << bit;
    }
    const an_id known = service("test", CAPF_ANYCLIENT | CAPF_WCRED | CAPF_NOFORK | CAPF_WAITSVC);
}

void set_parameter(const char *name, const std::string &value) {
    std::ofstream(std::string("/sys/module/caps/parameters/") + name) << value << std::flush;
}

TEST_F(defect_test, D11EachUserHasItsLimits) {
    if (!is_root())
        GTEST_SKIP() << "takes root";
    for (const char *const what : {"max_names", "max_ports", "max_actors"}) {
        std::string before;
        std::ifstream(std::string("/sys/module/caps/parameters/") + what) >> before;
        set_parameter(what, "50");
        process other([] {
            if (!become_member(1001))
                return 1;
            int opened = 0;
            while (caps_sys_service("test", 1001, any_gid, 0, CAPF_ANYCLIENT) > 0)
                if (++opened > 50)
                    return 2;
            return opened > 10 && errno == EDQUOT ? 0 : 3;
        });
        EXPECT_EQ(other.wait(), 0) << what;
        set_parameter(what, before);
    }
}

/// Switches of a thread that sleeps.
long switches(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/status");
    std::string word;
    while (file >> word)
        if (word == "voluntary_ctxt_switches:") {
            long count = -1;
            file >> count;
            return count;
        }
    return -1;
}

/// Whatever service came, all that waited for any were woken.
TEST_F(defect_test, D11OnlyWhoWaitsForItIsWoken) {
    std::atomic<pid_t> thread{0};
    std::atomic<int> id{0};
    std::thread sleeper([&] {
        thread = ::gettid();
        id = caps_sys_client("awaited", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT | CAPF_WAITSVC);
    });
    pause(300ms);
    const long before = switches(thread);
    EXPECT_GE(before, 0);
    for (int i = 0; i < 20; i++)
        const an_id other = service(("other" + std::to_string(i)).c_str());
    EXPECT_EQ(switches(thread), before);
    const an_id server = service("awaited");
    sleeper.join();
    const an_id mine(id);
}

TEST_F(defect_test, D12WhatIsSmallIsAsItWasSent) {
    const an_id server = service();
    const an_id mine = client();
    for (const int size : {4, 4096}) {
        std::string body(size, 'a');
        ASSERT_GT(put(mine, body), 0);
        body.assign(size, 'b');
        const message got = wait(server, size);
        EXPECT_TRUE(got.text == std::string(size, 'a'));
        body.assign(size, 'c');
        EXPECT_EQ(reply(server, got.id.c_id, body), 0);
        body.assign(size, 'd');
        EXPECT_TRUE(wait(mine, size).text == std::string(size, 'c'));
        EXPECT_EQ(said(wait(server)), "dispose");
    }
}

TEST_F(defect_test, D12WhatIsLargeKeepsItsLengthAndSender) {
    const an_id server = service();
    const an_id mine = client();
    constexpr int size = 64 << 10;
    std::string body(size, 'a');
    ASSERT_GT(put(mine, body), 0);
    body[1000] = 'b';
    const message got = wait(server, size + 1000);
    EXPECT_EQ(got.size, size);
    EXPECT_EQ(got.from.pid, ::getpid());
    EXPECT_TRUE(got.text == body); // as it is when it is read
}

} // namespace
} // namespace dfly_test
