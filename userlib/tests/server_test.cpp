// SPDX-License-Identifier: MIT
// The server: threads that answer, and how they stop.
#include "device.hpp"

#include <caps/server.hpp>

#include <atomic>
#include <cstring>
#include <latch>
#include <set>
#include <stdexcept>

namespace {

using namespace test;

struct session {
    static inline std::atomic<int> made = 0, destroyed = 0;

    session() { ++made; }
    session(session &&) = delete;
    ~session() { ++destroyed; }

    std::atomic<int> asked = 0;
};

/// Runs a server in a thread of its own, and stops it in time.
template <class Server>
class running {
  public:
    explicit running(Server &server) : server_(server), thread_([&server] { server.run(); }) {}
    running(running &&) = delete;
    ~running() { server_.stop(); }

  private:
    Server &server_;
    std::jthread thread_;
};

class server : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        session::made = session::destroyed = 0;
    }
    caps::connection connect() const { return me.connect(name_, {.until = soon()}); }

    std::string name_ = "server." + std::to_string(::getpid());
};

caps::const_bytes text(std::string_view from, std::vector<std::byte> &room) {
    room.resize(from.size());
    std::memcpy(room.data(), from.data(), from.size());
    return room;
}

TEST_F(server, answers_by_operation) {
    caps::server<> echo(me, name_, {}, {.threads = 2});
    echo.on(1,
            [](auto &request) -> caps::answer {
                EXPECT_EQ(request.connection, nullptr);
                return {.body = text(std::string(request.message.text()) + "!", request.room)};
            })
        .on(2, [](auto &request) -> caps::answer {
            return {.status = static_cast<int>(request.message.read_all().size())};
        });
    EXPECT_THROW(echo.on(64, {}), std::out_of_range);
    const running now(echo);
    const auto to = connect();
    std::array<char, 64> room{};
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(to.call({.operation = 1, .body = "hello"}, room, soon()).text(), "hello!");
    const auto large = pattern(100000);
    EXPECT_EQ(to.call({.operation = 2, .body = large}, {}, soon()).status(), 100000);
    EXPECT_EQ(to.call({.operation = 3}, {}, soon()).status(), ENOSYS);
}

TEST_F(server, turns_exceptions_into_a_status) {
    std::atomic<int> told = 0;
    caps::server<> faulty(me, name_, {}, {.threads = 1});
    faulty
        .on(0,
            [&](auto &) -> caps::answer { throw std::system_error(EDOM, std::system_category()); })
        .on(1, [&](auto &) -> caps::answer { throw std::runtime_error("oh"); })
        .on(2, [&](auto &) -> caps::answer { throw std::bad_alloc(); })
        .on(3,
            [&](auto &) -> caps::answer {
                me.connect("nobody.is.here");
                return {};
            })
        .on(4, [&](auto &) -> caps::answer { throw 1; })
        .otherwise([](auto &) -> caps::answer { return {.status = 1}; })
        .on_exception([&](const std::exception_ptr &what) { told += what ? 1 : 0; });
    const running now(faulty);
    const auto to = connect();
    for (unsigned i = 0; const int status : {EDOM, EIO, ENOMEM, ENOENT, EIO, 1})
        EXPECT_EQ(to.call({.operation = i++}, {}, soon()).status(), status);
    EXPECT_EQ(told, 5);
}

TEST_F(server, tells_who_gets_no_answer_that_can_be_sent) {
    caps::server<> verbose(me, name_, {}, {.threads = 1});
    const std::array<std::byte, CAPS_MAX_ANNEX + 1> large{};
    verbose.on(0, [&](auto &) -> caps::answer { return {.annex = large}; })
        .on(1, [](auto &request) -> caps::answer {
            (void)request.message.reply({.status = 7}); // by itself
            return {.status = 8};
        });
    const running now(verbose);
    const auto to = connect();
    EXPECT_EQ(to.call({}, {}, soon()).status(), EMSGSIZE);
    EXPECT_EQ(to.call({.operation = 1}, {}, soon()).status(), 7);
    EXPECT_EQ(to.call({}, {}, soon()).status(), EMSGSIZE) << "it goes on";
}

TEST_F(server, handles_what_is_no_request) {
    caps::server<> door(me, name_, {.disconnected = true}, {.threads = 2});
    std::atomic<std::uint64_t> bits = 0, ended = 0;
    std::atomic<int> sends = 0;
    door.on(0,
            [&](auto &) -> caps::answer {
                ++sends;
                return {};
            })
        .on_event([&](caps::received &event) {
            bits |= event.bits();
            if (event.kind() == caps::kind::disconnected)
                ended = event.badge();
        });
    const running now(door);
    auto to = connect();
    const auto badge = to.info().badge;
    to.send({});
    to.signal(5);
    EXPECT_TRUE(eventually([&] { return bits == 5 && sends == 1; }));
    to.reset();
    EXPECT_TRUE(eventually([&] { return ended == badge; }));
}

// --- states -------------------------------------------------------------------------

TEST_F(server, has_a_state_for_each_connection) {
    caps::server<session> counting(me, name_, {.in_flight = 3}, {.threads = 3, .connections = 2});
    counting.on(
        0, [](auto &request) -> caps::answer { return {.status = ++request.connection->asked}; });
    const running now(counting);
    {
        const auto one = connect(), two = connect();
        EXPECT_EQ(one.in_flight(), 3u);
        for (int i = 1; i <= 10; ++i)
            EXPECT_EQ(one.call({}, {}, soon()).status(), i);
        EXPECT_EQ(two.call({}, {}, soon()).status(), 1);
        const auto third = me.try_connect(name_);
        ASSERT_FALSE(third);
        EXPECT_EQ(third.error().code(), EUSERS);
        EXPECT_TRUE(third.error().rejected());
        EXPECT_EQ(counting.connections(), 2u);
    }
    EXPECT_TRUE(eventually([&] { return counting.connections() == 0; }));
    EXPECT_EQ(session::made - session::destroyed, 0);
    EXPECT_TRUE(me.try_connect(name_));
}

// One-way messages, too, whose connection has ended before any thread looks at them.
TEST_F(server, has_it_for_each_message_of_a_connection) {
    constexpr int clients = 3, rounds = 30, messages = 4;
    std::atomic<int> known = 0, unknown = 0;
    caps::server<session> counting(me, name_, {}, {.threads = 4});
    counting.on(0, [&](auto &request) -> caps::answer {
        ++(request.connection != nullptr ? known : unknown);
        return {};
    });
    const running now(counting);
    {
        std::vector<std::jthread> running;
        running.reserve(clients);
        for (int i = 0; i < clients; ++i)
            running.emplace_back([&] {
                for (int round = 0; round < rounds; ++round) {
                    const auto to = connect();
                    for (int message = 0; message < messages; ++message)
                        to.send({});
                }
            });
    }
    EXPECT_TRUE(eventually([&] { return counting.connections() == 0; }));
    EXPECT_TRUE(eventually([&] { return session::destroyed == clients * rounds; }));
    EXPECT_EQ(known, clients * rounds * messages);
    EXPECT_EQ(unknown, 0);
    EXPECT_EQ(session::made, clients * rounds);
}

TEST_F(server, admits_whom_it_likes) {
    caps::server<session> choosy(me, name_, {}, {.threads = 1});
    choosy.admit([](const caps::received &who, caps::verdict &grant) {
        grant.in_flight = 1;
        return who.application()->operations == 1 ? std::make_shared<session>() : nullptr;
    });
    const running now(choosy);
    EXPECT_EQ(me.connect(name_, {.operations = 1}).in_flight(), 1u);
    EXPECT_EQ(me.try_connect(name_, {.operations = 2}).error().code(), EACCES);
}

// --- the end ---------------------------------------------------------------------------

TEST_F(server, stops_while_all_wait) {
    for (int round = 0; round < 20; ++round) {
        caps::server<session> idle(me, name_, {}, {.threads = 4});
        std::jthread thread([&] { idle.run(); });
        if (round % 2 == 0)
            (void)connect();
        idle.stop();
        idle.stop();
        thread.join();
        EXPECT_EQ(me.try_connect(name_).error().code(), ENOENT);
    }
    EXPECT_EQ(session::made, session::destroyed);
    caps::server<> never(me, name_), given(me, name_ + ".2");
    never.stop();
    never.run();
    const auto other = caps::actor::open();
    const auto accepting = other.self().export_fd();
    given.hand_over(me.import_fd(accepting.get()));
    given.run();
}

TEST_F(server, answers_what_was_taken_and_refuses_the_rest) {
    constexpr int taken = 2, queued = 5;
    std::latch busy(taken), go(1);
    caps::server<session> slow(me, name_, {}, {.threads = taken});
    slow.on(0, [&](auto &) -> caps::answer {
        busy.count_down();
        go.wait();
        return {.status = 1};
    });
    std::jthread thread([&] { slow.run(); });
    const auto to = connect();
    std::set<std::uint64_t> first, rest;
    for (int i = 0; i < taken; ++i)
        first.insert(to.call_async({}).id);
    busy.wait();
    for (int i = 0; i < queued; ++i)
        rest.insert(to.call_async({}).id);
    std::jthread applying([&] { EXPECT_FALSE(me.try_connect(name_)) << "nobody new"; });
    ASSERT_TRUE(eventually([&] { return slow.door().info().queued == queued + 1; }));
    slow.stop();
    go.count_down();
    thread.join();
    for (int i = 0; i < taken + queued; ++i) {
        const auto answer = me.default_port()->receive({}, soon());
        ASSERT_EQ(answer.kind(), caps::kind::reply);
        const bool had = first.erase(answer.id()) == 1;
        EXPECT_EQ(answer.error(), had ? 0 : EPIPE);
        EXPECT_EQ(answer.status(), had ? 1 : 0);
        EXPECT_TRUE(had || rest.erase(answer.id()) == 1);
    }
}

TEST_F(server, can_be_stopped_by_a_handler) {
    caps::server<> obedient(me, name_, {}, {.threads = 3});
    obedient.on(0, [&](auto &) -> caps::answer {
        obedient.stop();
        return {.status = 1};
    });
    std::jthread thread([&] { obedient.run(); });
    const auto to = connect();
    EXPECT_EQ(to.call({}, {}, soon()).status(), 1);
    thread.join();
    EXPECT_EQ(to.try_call({}, {}, soon()).error().code(), EPIPE);
}

TEST_F(server, leaves_later_answers_to_who_took_the_message) {
    std::mutex lock;
    std::vector<caps::received> later;
    caps::server<session> lazy(me, name_, {}, {.threads = 2});
    lazy.on(0, [&](auto &request) -> caps::answer {
        const std::scoped_lock guard(lock);
        later.push_back(std::move(request.message));
        return {.status = 1}; // to nobody
    });
    std::jthread thread([&] { lazy.run(); });
    auto to = connect();
    (void)to.call_async({});
    to.reset();
    ASSERT_TRUE(eventually([&] {
        const std::scoped_lock guard(lock);
        return later.size() == 1;
    }));
    EXPECT_EQ(lazy.connections(), 1u) << "as long as the message is held";
    later.front().reply({.status = 2});
    EXPECT_TRUE(eventually([&] { return lazy.connections() == 0; }));
    EXPECT_EQ(me.default_port()->receive({}, soon()).status(), 2);
    lazy.stop();
}

TEST_F(server, says_why_it_could_not_go_on) {
    caps::server<> cut(me, name_, {}, {.threads = 3});
    std::jthread hand([&] {
        std::this_thread::sleep_for(20ms);
        cut.door().remove();
    });
    try {
        cut.run();
        ADD_FAILURE() << "it has no port any more";
    } catch (const caps::error &problem) {
        EXPECT_TRUE(problem.why().code() == EIDRM || problem.why().code() == EPIPE)
            << problem.what();
    }
}

// Whoever calls all the time is answered, or told that nobody has seen it.
TEST_F(server, stops_without_losing_a_call) {
    for (int round = 0; round < 5; ++round) {
        caps::server<session> busy(me, name_, {}, {.threads = 3});
        busy.on(0, [](auto &) -> caps::answer { return {.status = 1}; });
        std::jthread thread([&] { busy.run(); });
        std::atomic<int> answered = 0;
        std::vector<std::jthread> clients;
        clients.reserve(3);
        for (int i = 0; i < 3; ++i)
            clients.emplace_back([&, to = connect()] {
                auto got = to.try_call({}, {}, soon());
                for (; got; got = to.try_call({}, {}, soon())) {
                    EXPECT_EQ(got->status(), 1);
                    ++answered;
                }
                EXPECT_EQ(got.error().code(), EPIPE) << got.error().message();
            });
        ASSERT_TRUE(eventually([&] { return answered > 30; }));
        busy.stop();
        thread.join();
    }
}

// A client that calls all the time sees nothing of a successor but its answers.
TEST_F(server, hands_over_to_a_successor) {
    caps::server<session> old(me, name_, {}, {.threads = 2});
    old.on(0, [](auto &) -> caps::answer { return {.status = 1}; });
    std::jthread thread([&] { old.run(); });
    const auto to = connect();
    std::atomic<int> answers = 0, from_successor = 0;
    std::jthread client([&](const std::stop_token &enough) {
        while (!enough.stop_requested()) {
            from_successor += to.call({}, {}, soon()).status() == 2 ? 1 : 0;
            ++answers;
        }
    });
    ASSERT_TRUE(eventually([&] { return answers > 10; }));
    const auto other = caps::actor::open();
    const auto accepting = other.self().export_fd();
    EXPECT_FALSE(old.try_hand_over(to)) << "that is no actor";
    old.hand_over(me.import_fd(accepting.get()));
    thread.join();
    EXPECT_EQ(old.try_hand_over(to).error().code(), EPIPE) << "it has none any more";
    caps::server<session> young(other.arrived(other.default_port()->receive({}, soon())),
                                {.threads = 2});
    young.on(0, [](auto &request) -> caps::answer {
        return {.status = request.connection != nullptr ? 2 : 3};
    });
    const running now(young);
    EXPECT_TRUE(eventually([&] { return from_successor > 10; }));
    client.request_stop();
    client.join();
    EXPECT_EQ(young.connections(), 1u);
    EXPECT_TRUE(me.try_connect(name_)) << "the name went along";
}

} // namespace
