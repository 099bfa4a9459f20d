// SPDX-License-Identifier: MIT
// upcid: functions that are called with each message, eventfds that are told of them; poll.
#include "dfly_test.hpp"

#include <sys/eventfd.h>

#include <condition_variable>
#include <functional>
#include <mutex>

namespace dfly_test {
namespace {

using upcall_test = dfly_test;

/// What a function was called with, and what it does then.
class collector {
  public:
    using action = std::function<void(int portid, const message &)>;

    explicit collector(action then = nullptr)
        : then_(std::move(then)), upcid_(caps_upcall_function(called, this)) {
        EXPECT_GT(upcid_, 0);
    }
    ~collector() { EXPECT_EQ(caps_upcall_remove(upcid_), 0); }
    collector(const collector &) = delete;

    int upcid() const { return upcid_; }
    std::vector<message> all() {
        const std::lock_guard held(lock_);
        return all_;
    }
    bool has(std::size_t count) {
        return eventually([&] { return all().size() >= count; });
    }

  private:
    static void called(int portid, void *msg, int msgsize, caps_msgid_t msgid, caps_cred_t ccr,
                       void *data) {
        message it;
        it.error = errno;
        it.size = msgsize;
        if (msgsize > 0)
            it.text.assign(static_cast<char *>(msg), static_cast<std::size_t>(msgsize));
        if (msgid != nullptr)
            it.id = *msgid;
        if (ccr != nullptr)
            it.from = *ccr;
        static_cast<collector *>(data)->take(portid, it);
    }
    void take(int portid, const message &it) {
        if (then_)
            then_(portid, it);
        const std::lock_guard held(lock_);
        all_.push_back(it);
    }

    action then_;
    int upcid_;
    std::mutex lock_;
    std::vector<message> all_;
};

TEST_F(upcall_test, AThousandMessagesWithoutGetOrWait) {
    const int count = std::max(scaled(1000), 100);
    collector requests([](int portid, const message &it) {
        if (it.size >= 0 && it.id.c_state == CAPMS_REQUEST) {
            EXPECT_EQ(reply(portid, it.id.c_id, it.text + "!"), 0);
        }
    });
    collector replies;
    const an_id server = service("test", CAPF_ANYCLIENT, requests.upcid());
    const an_id mine = client("test", CAPF_ANYCLIENT, replies.upcid());
    std::vector<off_t> sent;
    for (int i = 0; i < count; i++) {
        off_t id = -1;
        EXPECT_TRUE(eventually([&] { return (id = put(mine, std::to_string(i))) > 0; }));
        sent.push_back(id);
    }
    ASSERT_TRUE(replies.has(count));
    const std::vector<message> got = replies.all();
    for (int i = 0; i < count; i++) {
        ASSERT_EQ(said(got[i]), "reply " + std::to_string(i) + "!");
        ASSERT_EQ(got[i].id.c_id, sent[i]);
        ASSERT_EQ(got[i].from.pid, ::getpid());
    }
    // Each request, and each DISPOSE, at once though nothing else comes.
    ASSERT_TRUE(requests.has(2 * count));
    int disposes = 0;
    for (const message &it : requests.all())
        disposes += it.id.c_state == CAPMS_DISPOSE;
    EXPECT_EQ(disposes, count);
    EXPECT_EQ(requests.all().size(), static_cast<std::size_t>(2 * count));
}

TEST_F(upcall_test, LargeMessagesAsTheyAre) {
    collector requests;
    const an_id server = service("test", CAPF_ANYCLIENT, requests.upcid());
    const an_id mine = client();
    std::string body(300000, 'u');
    body[299999] = '!';
    ASSERT_GT(put(mine, body), 0);
    ASSERT_TRUE(requests.has(1));
    EXPECT_TRUE(requests.all()[0].text == body);
    EXPECT_EQ(requests.all().size(), 1U);
}

TEST_F(upcall_test, TheEndIsToldOnce) {
    collector replies;
    an_id server = service();
    const an_id mine = client("test", CAPF_ANYCLIENT, replies.upcid());
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    ASSERT_TRUE(replies.has(2));
    pause();
    const std::vector<message> got = replies.all();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(said(got[0]), "reply ");
    EXPECT_EQ(got[0].error, ENOTCONN);
    EXPECT_EQ(said(got[1]), error(ENOTCONN));
}

TEST_F(upcall_test, NoneAfterClose) {
    std::atomic<int> running{0};
    std::atomic<int> calls{0};
    collector requests([&](int /*portid*/, const message & /*it*/) {
        running = 1;
        pause();
        calls++;
        running = 0;
    });
    an_id server = service("test", CAPF_ANYCLIENT, requests.upcid());
    const an_id mine = client();
    for (int i = 0; i < 5; i++)
        ASSERT_GT(put(mine, "x"), 0);
    EXPECT_TRUE(eventually([&] { return running == 1; }));
    EXPECT_EQ(caps_sys_close(server.release()), 0);
    EXPECT_EQ(running, 0);
    const int before = calls;
    pause();
    EXPECT_EQ(calls, before);
    EXPECT_LT(before, 5);
}

TEST_F(upcall_test, AFunctionMayCloseItsPort) {
    std::promise<int> closed;
    collector requests([&](int portid, const message &it) {
        if (it.size >= 0)
            closed.set_value(caps_sys_close(portid));
    });
    an_id server = service("test", CAPF_ANYCLIENT, requests.upcid());
    const an_id mine = client();
    ASSERT_GT(put(mine, "x"), 0);
    EXPECT_EQ(closed.get_future().get(), 0);
    (void)server.release();
    const message it = wait(mine);
    EXPECT_EQ(said(it), "reply ");
    EXPECT_EQ(it.error, ENOTCONN);
    pause();
    EXPECT_EQ(requests.all().size(), 1U);
}

TEST_F(upcall_test, AnEventfdIsToldOfEachArrival) {
    const int events = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int upcid = caps_upcall_eventfd(events);
    ASSERT_GT(upcid, 0);
    {
        const an_id server = service("test", CAPF_ANYCLIENT, upcid);
        EXPECT_EQ(caps_upcall_remove(upcid), 0); // the port keeps it
        const an_id mine = client();
        const auto told = [&] {
            std::uint64_t count = 0;
            return ::read(events, &count, sizeof(count)) == sizeof(count);
        };
        EXPECT_FALSE(told());
        ASSERT_GT(put(mine, "1"), 0);
        EXPECT_TRUE(eventually(told));
        pause();
        EXPECT_FALSE(told());
        ASSERT_GT(put(mine, "2"), 0); // the first is still there
        EXPECT_TRUE(eventually(told));
        EXPECT_EQ(said(get(server)), "request 1");
        EXPECT_EQ(said(get(server)), "request 2");
        EXPECT_EQ(said(get(server)), error(EWOULDBLOCK));
    }
    ::close(events);
}

TEST_F(upcall_test, AThousandByEventfdWithoutWait) {
    const int count = std::max(scaled(1000), 100);
    const int events = ::eventfd(0, EFD_CLOEXEC);
    const int upcid = caps_upcall_eventfd(events);
    const an_id server = service("test", CAPF_ANYCLIENT, upcid);
    const an_id mine = client();
    std::thread sender([&] {
        for (int i = 0; i < count; i++) {
            EXPECT_TRUE(eventually([&] {
                while (get(mine).size >= 0) {
                }
                return put(mine, "x") > 0;
            }));
        }
    });
    int got = 0;
    while (got < count) {
        std::uint64_t told = 0;
        ASSERT_EQ(::read(events, &told, sizeof(told)), static_cast<ssize_t>(sizeof(told)));
        for (message it = get(server); it.size >= 0; it = get(server)) {
            if (it.id.c_state == CAPMS_REQUEST) {
                EXPECT_EQ(reply(server, it.id.c_id, ""), 0);
                got++;
            }
        }
    }
    sender.join();
    EXPECT_EQ(caps_upcall_remove(upcid), 0);
    ::close(events);
}

TEST_F(upcall_test, UnknownOnesAreRefused) {
    const auto refuses = [](int result, int number = EINVAL) {
        return result == -1 && errno == number;
    };
    for (const int upcid : {-1, 12345}) {
        EXPECT_TRUE(refuses(caps_sys_service("test", ::geteuid(), any_gid, upcid, CAPF_ANYCLIENT)));
        EXPECT_TRUE(refuses(caps_upcall_remove(upcid)));
    }
    EXPECT_TRUE(refuses(caps_upcall_function(nullptr, nullptr)));
    EXPECT_TRUE(refuses(caps_upcall_eventfd(-1), EBADF));
    const int upcid = collector().upcid();
    EXPECT_TRUE(refuses(caps_sys_service("test", ::geteuid(), any_gid, upcid, CAPF_ANYCLIENT)));
}

TEST_F(upcall_test, AForkedChildHasNoThreadForThem) {
    collector requests;
    const an_id server = service("test", CAPF_ANYCLIENT, requests.upcid());
    const an_id mine = client();
    process child([&] {
        if (put(mine, "x") != -1 || errno != ENOTCONN)
            return 1;
        // What is registered stays, for the child's own ports.
        const an_id own = service("own", CAPF_ANYCLIENT, requests.upcid());
        const an_id to_own = client("own");
        return put(to_own, "y") > 0 && requests.has(1) ? 0 : 2;
    });
    EXPECT_EQ(child.wait(), 0);
    ASSERT_GT(put(mine, "z"), 0);
    ASSERT_TRUE(requests.has(1));
    EXPECT_EQ(said(requests.all()[0]), "request z");
}

} // namespace
} // namespace dfly_test
