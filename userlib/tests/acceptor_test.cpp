// SPDX-License-Identifier: MIT
// The acceptor: one state for each connection, from before its first message to after its last.
#include "device.hpp"

#include <caps/acceptor.hpp>

#include <atomic>
#include <stdexcept>

namespace {

using namespace test;

/// Counts how many there are and were.
struct session {
    static inline std::atomic<int> made = 0, destroyed = 0, counted = 0;

    session() { ++made; }
    explicit session(const caps::received &from) : session() { uid = from.euid(); }
    session(session &&) = delete;
    ~session() {
        ++destroyed;
        counted += messages;
    }

    std::uint32_t uid = 4711;
    std::atomic<int> messages = 0;
};

class acceptor : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        session::made = session::destroyed = session::counted = 0;
        if (me)
            door_ = me.create_port();
    }
    void TearDown() override { door_.reset(); }

    caps::received next(const caps::port &from) const {
        return from.receive({}, soon(), caps::receive_flags::hold);
    }
    caps::received next() const { return next(door_); }

    /// Connects while the acceptor decides.
    template <class Acceptor>
    caps::result<caps::connection> connect(Acceptor &clients, caps::operation_mask wanted = ~0ull) {
        std::jthread server([&] {
            auto message = next();
            EXPECT_EQ(message.kind(), caps::kind::application);
            EXPECT_TRUE(clients.take(message));
            EXPECT_FALSE(message.held());
        });
        return me.try_connect(name_, {.operations = wanted});
    }

    std::string name_ = "acceptor." + std::to_string(::getpid());
    caps::port door_;
};

TEST_F(acceptor, makes_finds_and_destroys_the_state) {
    caps::acceptor<session> clients;
    const auto name =
        door_.register_service(name_, caps::acceptor<session>::asking({.connected = true}));
    auto one = *connect(clients), two = *connect(clients);
    EXPECT_EQ(clients.size(), 2u);
    one.send({.body = "1"});
    auto first = next();
    const auto state = clients.of(first).get();
    ASSERT_TRUE(state);
    EXPECT_EQ(state->uid, ::geteuid());
    two.send({.body = "2"});
    EXPECT_NE(clients.of(next()).get(), state);
    one.send({.body = "3"});
    auto again = next();
    EXPECT_EQ(clients.of(again).get(), state);
    EXPECT_FALSE(clients.take(again)) << "is for others";
    again.discard();
    one.reset();
    EXPECT_FALSE(door_.try_receive({}, 30ms)) << "one is still held";
    first.discard();
    EXPECT_EQ(session::destroyed, 0);
    auto end = next();
    EXPECT_TRUE(clients.take(end));
    EXPECT_EQ(session::destroyed, 1);
    EXPECT_FALSE(clients.take(end)) << "there is none any more";
    EXPECT_EQ(clients.size(), 1u);
    EXPECT_EQ(session::made, 2);
}

TEST_F(acceptor, grants_what_the_admission_says) {
    caps::acceptor<session> clients([](const caps::received &who, caps::verdict &grant) {
        EXPECT_EQ(who.application()->operations, caps::operations(1, 2));
        grant.operations = caps::operations(2, 3);
        grant.in_flight = 5;
        grant.badge = 1; // is not its to say
        return std::make_shared<session>();
    });
    const auto name = door_.register_service(name_, clients.asking());
    const auto in = connect(clients, caps::operations(1, 2));
    ASSERT_TRUE(in);
    EXPECT_EQ(in->operations(), caps::operations(2));
    EXPECT_EQ(in->in_flight(), 5u);
    in->send({.operation = 2});
    EXPECT_EQ(clients.of(next())->uid, 4711u);
}

TEST_F(acceptor, turns_away_for_a_reason) {
    int turn = 0;
    caps::acceptor<session> clients([&](const caps::received &who, caps::verdict &) {
        switch (++turn) {
        case 1:
            return std::shared_ptr<session>();
        case 2:
            throw std::system_error(EDOM, std::generic_category());
        case 3:
            throw std::bad_alloc();
        case 4:
            throw std::runtime_error("no errno");
        case 5:
            throw std::system_error(4711, std::generic_category());
        default:
            return std::make_shared<session>(who);
        }
    });
    const auto name = door_.register_service(name_, clients.asking());
    for (const int reason : {EACCES, EDOM, ENOMEM, EIO, EIO}) {
        const auto out = connect(clients);
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().code(), reason);
        EXPECT_TRUE(out.error().rejected());
    }
    EXPECT_EQ(clients.size(), 0u);
    EXPECT_TRUE(connect(clients));
}

TEST_F(acceptor, has_no_more_than_so_many) {
    caps::acceptor<session> clients(1);
    const auto name = door_.register_service(name_, clients.asking());
    auto in = connect(clients);
    ASSERT_TRUE(in);
    EXPECT_EQ(connect(clients).error().code(), EUSERS);
    EXPECT_EQ(session::made - session::destroyed, 1);
    in->reset();
    auto end = next();
    EXPECT_TRUE(clients.take(end));
    EXPECT_TRUE(connect(clients));
}

TEST_F(acceptor, keeps_nothing_of_a_client_that_did_not_wait) {
    caps::acceptor<session> clients;
    const auto name = door_.register_service(name_, clients.asking());
    std::jthread client([&] { EXPECT_FALSE(me.try_connect(name_, {.verdict = 1s})); });
    auto asked = next();
    client.join();
    EXPECT_TRUE(clients.take(asked));
    EXPECT_EQ(clients.size(), 0u);
    EXPECT_EQ(session::destroyed, 1);
}

TEST_F(acceptor, has_no_state_for_what_is_no_connection) {
    caps::acceptor<session> clients;
    door_.send({});
    EXPECT_FALSE(clients.of(next()));
    (void)door_.duplicate({.badge = 5, .disconnected = true}).send({});
    EXPECT_FALSE(clients.of(next()));
    auto end = next();
    EXPECT_EQ(end.kind(), caps::kind::disconnected);
    EXPECT_FALSE(clients.take(end)) << "is for who chose the badge";
    EXPECT_EQ(session::made, 0);
}

// The successor makes one of the first message, and is told the end.
TEST_F(acceptor, makes_a_state_for_connections_that_came_with_a_port) {
    caps::acceptor<session> before, after;
    auto name = door_.register_service(name_, before.asking());
    auto quiet = *connect(before), busy = *connect(before);
    const auto other = caps::actor::open();
    const auto accepting = other.self().export_fd();
    door_.migrate(me.import_fd(accepting.get()));
    const auto door = other.arrived(other.default_port()->receive({}, soon()));
    for (int i = 0; i < 2; ++i) {
        busy.send({});
        const auto message = next(door);
        ASSERT_TRUE(after.of(message));
        EXPECT_EQ(after.of(message)->uid, ::geteuid());
    }
    EXPECT_EQ(after.size(), 1u);
    busy.send({});
    EXPECT_EQ(after.of(door.receive({}, soon()))->messages, 0) << "known, so it need not be held";
    quiet.reset();
    auto end = next(door);
    EXPECT_FALSE(after.take(end)) << "there never was one";
    busy.reset();
    end = next(door);
    EXPECT_TRUE(after.take(end));
    EXPECT_EQ(after.size(), 0u);
    EXPECT_EQ(session::made, 3);
    EXPECT_EQ(session::destroyed, 1);
}

/// What each of the threads does until the last connection has ended.
void serve(const caps::port &door, caps::acceptor<session> &clients, std::atomic<int> &left) {
    while (left > 0) {
        auto message = door.try_receive({}, 20ms, caps::receive_flags::hold);
        if (!message)
            continue;
        const auto kind = message->kind();
        if (clients.take(*message)) {
            left -= kind == caps::kind::disconnected ? 1 : 0;
            continue;
        }
        const auto state = clients.of(*message);
        ASSERT_TRUE(state);
        const int number = ++state->messages;
        if (kind == caps::kind::call)
            message->reply({.status = number});
    }
}

// Whichever thread gets what: no message without its state, no state without its end.
TEST_F(acceptor, is_right_with_many_threads) {
    constexpr int threads = 4, rounds = 20;
    caps::acceptor<session> clients;
    const auto name = door_.register_service(name_, clients.asking());
    std::atomic<int> left = threads * rounds;
    {
        std::vector<std::jthread> running;
        running.reserve(2 * threads);
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&] { serve(door_, clients, left); });
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&] {
                for (int round = 0; round < rounds; ++round) {
                    const auto server = me.connect(name_);
                    server.send({});
                    EXPECT_GE(server.call({}, {}, soon()).status(), 1);
                    server.send({});
                }
            });
    }
    EXPECT_EQ(session::made, threads * rounds);
    EXPECT_EQ(session::destroyed, threads * rounds);
    EXPECT_EQ(session::counted, 3 * threads * rounds);
    EXPECT_EQ(clients.size(), 0u);
}

} // namespace
