// SPDX-License-Identifier: MIT
// Services and connections: whose name it is, who finds it, who may connect and with what.
#include "device.hpp"

#include <grp.h>
#include <poll.h>

#include <algorithm>
#include <functional>

namespace {

using namespace test;

constexpr std::uint32_t alice = 1001, bob = 1002, club = 4242;

class service : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        if (me)
            door_ = me.create_port();
    }
    void TearDown() override { door_.reset(); }

    /// Text that the port got next, and from then on answers for.
    std::string next() const {
        std::array<char, 64> room{};
        return std::string(door_.receive(room, soon()).text());
    }

    std::string name_ = "service." + std::to_string(::getpid());
    caps::port door_;
};

/// In another process, as another user: nothing but these groups.
int run_as(std::uint32_t uid, std::vector<gid_t> groups, std::function<int(caps::actor &)> run) {
    process other([&] {
        auto mine = caps::actor::open(); // the node is root's
        if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(uid, uid, uid) != 0 ||
            ::setresuid(uid, uid, uid) != 0)
            return 98;
        return run(mine);
    });
    return other.wait();
}

int code_of(const auto &outcome) {
    return outcome ? 0 : outcome.error().code();
}

// --- several of one name ------------------------------------------------------

TEST_F(service, newest_gets_new_clients_and_the_one_before_when_it_goes) {
    const auto client = caps::actor::open();
    const auto older = door_.register_service(name_, {.newest = true});
    const auto before = client.connect(name_);
    {
        const auto second = me.create_port();
        const auto newer = second.register_service(name_, {.newest = true});
        client.connect(name_).send({.body = "newer"});
        EXPECT_EQ(second.info().queued, 1u);
        before.send({.body = "a connection stays where it is"});
        EXPECT_EQ(next(), "a connection stays where it is");
    }
    client.connect(name_).send({.body = "older again"});
    EXPECT_EQ(next(), "older again");
}

TEST_F(service, first_or_exclusive_is_refused_where_there_is_one) {
    const auto one = door_.register_service(name_, {.newest = true, .first = true});
    EXPECT_EQ(code_of(door_.try_register_service(name_, {.newest = true, .first = true})), EEXIST);
    EXPECT_EQ(code_of(door_.try_register_service(name_)), EEXIST);
    const auto two = door_.register_service(name_, {.newest = true});
    const auto exclusive = door_.register_service(name_ + ".x");
    EXPECT_EQ(code_of(door_.try_register_service(name_ + ".x", {.newest = true})), EEXIST);
}

TEST_F(service, replacing_takes_the_name_and_leaves_the_connections) {
    const auto client = caps::actor::open();
    auto predecessor = door_.register_service(name_);
    const auto before = client.connect(name_);
    const auto other = caps::actor::open();
    const auto successor = other.create_port();
    const auto name = successor.register_service(name_, {.replace = true});
    client.connect(name_).send({.body = "new"});
    before.send({.body = "old"});
    EXPECT_EQ(successor.info().queued, 1u);
    EXPECT_EQ(next(), "old");
    predecessor.reset(); // it is not its own any more: that leaves the other's alone
    EXPECT_TRUE(client.try_connect(name_));
}

// --- ids ------------------------------------------------------------------------

TEST_F(service, of_a_group_lets_its_members_in) {
    const auto name =
        door_.register_service(name_, {.group = true, .uid = caps::any_id, .gid = club});
    const auto ask = [&](caps::actor &mine) {
        return code_of(mine.try_connect(name_, {.uid = caps::any_id, .gid = club}));
    };
    EXPECT_EQ(run_as(alice, {club}, ask), 0);
    EXPECT_EQ(run_as(bob, {}, ask), EACCES);
    // A member may take a name of the group; somebody else takes CAP_SETGID.
    const auto take = [&](caps::actor &mine) {
        const auto port = mine.create_port();
        return code_of(port.try_register_service(name_ + ".2", {.uid = caps::any_id, .gid = club}));
    };
    EXPECT_EQ(run_as(alice, {club}, take), 0);
    EXPECT_EQ(run_as(bob, {}, take), EPERM);
}

TEST_F(service, of_another_user_takes_a_privilege) {
    const auto name = door_.register_service(name_, {.user = true, .uid = alice});
    const auto ask = [&](caps::actor &mine) {
        return code_of(mine.try_connect(name_, {.uid = alice}));
    };
    EXPECT_EQ(run_as(alice, {}, ask), 0);
    EXPECT_EQ(run_as(bob, {}, ask), EACCES);
    EXPECT_EQ(code_of(me.try_connect(name_, {.uid = alice})), EACCES) << "root is no exception";
    EXPECT_EQ(run_as(bob, {},
                     [&](caps::actor &mine) {
                         const auto port = mine.create_port();
                         return code_of(port.try_register_service(name_ + ".2", {.uid = alice}));
                     }),
              EPERM);
}

TEST_F(service, is_only_entered_by_the_rules_that_the_client_accepts) {
    const auto world = door_.register_service(name_, {.world = true});
    EXPECT_TRUE(me.try_connect(name_, {.world = true}));
    EXPECT_EQ(code_of(me.try_connect(name_, {.user = true})), EACCES);
    EXPECT_EQ(code_of(me.try_connect(name_, {.group = true})), EACCES);
    const auto both = door_.register_service(name_ + ".2", {.world = true, .user = true});
    EXPECT_TRUE(me.try_connect(name_ + ".2", {.user = true}));
}

TEST_F(service, of_anybody_is_one_of_those_trusted) {
    const std::array<std::uint32_t, 2> trusted{alice, ::geteuid()}, others{bob, 4711};
    const auto squatted = door_.register_service(name_, {.world = true, .uid = bob});
    const auto anybody = [&](std::span<const std::uint32_t> uids) {
        return me.try_connect(name_, {.uid = caps::any_id, .trusted = uids});
    };
    EXPECT_EQ(code_of(anybody({})), EINVAL) << "a squatter would be found";
    EXPECT_EQ(code_of(anybody(trusted)), ENOENT);
    EXPECT_TRUE(anybody(others));
    // The first of them that there is, whoever came first.
    const auto mine = me.create_port(), hers = me.create_port();
    const auto second = mine.register_service(name_, {.world = true});
    const auto first = hers.register_service(name_, {.world = true, .uid = alice});
    anybody(trusted)->send({.body = "hers"});
    EXPECT_EQ(hers.info().queued, 1u);
    EXPECT_EQ(mine.info().queued, 0u);
    EXPECT_EQ(code_of(me.try_connect(name_, {.trusted = trusted})), EINVAL) << "with a uid";
    const std::array<std::uint32_t, CAPS_MAX_TRUSTED + 1> many{};
    EXPECT_EQ(code_of(anybody(many)), EMSGSIZE);
}

// --- waiting, listing -------------------------------------------------------------

TEST_F(service, is_waited_for_until_the_deadline) {
    const auto start = std::chrono::steady_clock::now();
    const auto never = me.try_connect(name_, {.until = 50ms});
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code(), ETIMEDOUT) << never.error().message();
    EXPECT_FALSE(never.error().rejected());
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    std::jthread server([&] {
        std::this_thread::sleep_for(20ms);
        auto wrong = door_.register_service(name_, {.uid = alice});
        wrong.release();
        auto right = door_.register_service(name_);
        right.release();
    });
    EXPECT_TRUE(me.try_connect(name_, {.until = soon()}));
}

TEST_F(service, list_has_all_that_one_may_see) {
    std::vector<caps::service> mine;
    mine.reserve(70);
    for (int i = 0; i < 70; ++i) // more than are asked for at once
        mine.push_back(door_.register_service(name_ + "." + std::to_string(i),
                                              {.operations = caps::operations(1, i % 64)}));
    const auto hidden = door_.register_service(name_ + ".hers", {.uid = alice});
    const auto listed = me.services();
    for (int i = 0; i < 70; ++i) {
        const auto entry = std::ranges::find(listed, mine[static_cast<std::size_t>(i)].name(),
                                             &caps::service_info::name);
        ASSERT_NE(entry, listed.end());
        EXPECT_EQ(entry->operations, caps::operations(1, i % 64));
        EXPECT_EQ(entry->uid, ::geteuid());
        EXPECT_EQ(entry->gid, caps::any_id);
        EXPECT_EQ(entry->pid, static_cast<std::uint32_t>(::getpid()));
    }
    const auto count_hers = [&](caps::actor &from) {
        return static_cast<int>(std::ranges::count(from.services(), std::string(hidden.name()),
                                                   &caps::service_info::name));
    };
    EXPECT_EQ(count_hers(me), 1) << "root sees all";
    EXPECT_EQ(run_as(alice, {}, count_hers), 1);
    EXPECT_EQ(run_as(bob, {}, count_hers), 0);
}

// --- generations --------------------------------------------------------------------

/// What poll(2) says within so many milliseconds.
short events_of(const caps::generation_file &file, int milliseconds) {
    pollfd one{.fd = file.get(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, milliseconds) == 1 ? one.revents : short{0};
}

TEST_F(service, generation_can_be_polled_for) {
    const auto name = door_.register_service(name_);
    const auto server = me.connect(name_);
    door_.set_generation(7);
    caps::generation_file changes(server.export_fd());
    EXPECT_EQ(events_of(changes, 0), 0) << "nothing new since it was made";
    EXPECT_EQ(changes.read(), 7u);
    std::jthread later([&] {
        std::this_thread::sleep_for(20ms);
        door_.set_generation(8);
    });
    EXPECT_EQ(events_of(changes, 60000), POLLIN);
    EXPECT_EQ(changes.read(), 8u);
    EXPECT_EQ(events_of(changes, 0), 0);
    later.join();
    std::jthread end([&] {
        std::this_thread::sleep_for(20ms);
        door_.remove();
    });
    EXPECT_NE(events_of(changes, 60000) & POLLHUP, 0);
    const auto gone = changes.try_read();
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), EPIPE) << gone.error().message();
    EXPECT_EQ(code_of(server.try_generation_after(8, soon())), EPIPE);
}

TEST_F(service, generation_file_is_for_ports_and_needs_no_actor) {
    EXPECT_EQ(code_of(caps::generation_file(me.create_group().export_fd()).try_read()), EINVAL);
    EXPECT_EQ(code_of(caps::generation_file().try_read()), EBADF);
    const caps::generation_file changes(door_.export_fd());
    process watcher([&] {
        if (events_of(changes, 60000) != POLLIN)
            return 1;
        return changes.read() == 3 ? 0 : 2;
    });
    door_.set_generation(3);
    EXPECT_EQ(watcher.wait(), 0);
}

// --- verdicts ---------------------------------------------------------------------------

TEST_F(service, verdict_that_comes_too_late_is_told_both) {
    const auto name = door_.register_service(name_, {.ask = true});
    for (const bool accepting : {true, false}) {
        const auto tired = me.try_connect(name_, {.verdict = 30ms});
        ASSERT_FALSE(tired);
        EXPECT_EQ(tired.error().code(), ETIMEDOUT);
        EXPECT_FALSE(tired.error().taken()) << "nobody has received it";
        EXPECT_EQ(door_.info().queued, 0u);
        std::jthread client([&] {
            const auto out = me.try_connect(name_, {.verdict = 1s});
            ASSERT_FALSE(out);
            EXPECT_EQ(out.error().code(), ETIMEDOUT);
            EXPECT_TRUE(out.error().taken());
        });
        auto asked = door_.receive({}, soon());
        client.join();
        EXPECT_EQ(door_.receive({}, soon()).kind(), caps::kind::cancelled);
        const auto late = accepting ? asked.try_accept() : asked.try_reject(EDOM);
        EXPECT_EQ(code_of(late), ECANCELED);
        EXPECT_FALSE(asked.held());
    }
}

TEST_F(service, server_that_says_nothing_refuses) {
    const auto name = door_.register_service(name_, {.ask = true});
    std::jthread server([&] {
        door_.receive({}, soon()).discard();
        (void)door_.receive({}, soon()).try_reject(4095); // no errno that may be given
    });
    const auto dropped = me.try_connect(name_);
    ASSERT_FALSE(dropped);
    EXPECT_EQ(dropped.error().code(), ECONNREFUSED);
    EXPECT_FALSE(dropped.error().rejected()) << "not its word";
    EXPECT_EQ(code_of(me.try_connect(name_)), ECONNREFUSED);
}

TEST_F(service, application_tells_who_applies) {
    const auto name = door_.register_service(name_, {.world = true, .ask = true});
    std::jthread server([&] {
        auto asked = door_.receive({}, soon());
        EXPECT_EQ(asked.euid(), alice);
        EXPECT_EQ(asked.identity().groups, std::vector<std::uint32_t>{club});
        EXPECT_EQ(asked.application()->effective, 0u);
        EXPECT_EQ(code_of(asked.try_forward_to(door_)), EINVAL);
        asked.reject(EACCES);
        EXPECT_FALSE(asked.application()->service == 0);
    });
    EXPECT_EQ(run_as(alice, {club},
                     [&](caps::actor &mine) {
                         const auto out = mine.try_connect(name_, {.uid = 0});
                         return !out && out.error().rejected() ? out.error().code() : 97;
                     }),
              EACCES);
}

// --- limits and ends ----------------------------------------------------------------------

TEST_F(service, connection_has_so_many_messages_on_their_way) {
    const auto name = door_.register_service(name_, {.in_flight = 2});
    const auto server = me.connect(name_), other = me.connect(name_);
    EXPECT_EQ(server.in_flight(), 2u);
    server.send({.body = "one"});
    auto copy = server.duplicate();
    copy.send({.body = "two"});
    EXPECT_EQ(code_of(server.try_send({})), EAGAIN);
    EXPECT_EQ(code_of(server.try_send({}, 30ms)), ETIMEDOUT);
    EXPECT_TRUE(other.try_send({}));
    EXPECT_EQ(next(), "one");
    EXPECT_TRUE(server.try_send({}));
    EXPECT_EQ(
        code_of(door_.try_register_service(name_ + ".2", {.in_flight = CAPS_MAX_IN_FLIGHT + 1})),
        EMSGSIZE);
    const auto usual = door_.register_service(name_ + ".3");
    EXPECT_EQ(me.connect(name_ + ".3").in_flight(), CAPS_DEFAULT_IN_FLIGHT);
}

// Copies in another process, in a file and in a message: all of them count.
TEST_F(service, end_of_a_connection_is_told_once_after_all_else) {
    const auto name = door_.register_service(name_, {.connected = true, .disconnected = true});
    const auto client = caps::actor::open();
    auto server = client.connect(name_);
    const auto badge = server.info().badge;
    caps::descriptor file = server.export_fd();
    const auto hall = client.create_port();
    const caps::transfer along[] = {{.handle = server.get()}};
    hall.send({.capabilities = along});
    server.send({.body = "last words"});
    server.reset();
    file.reset();
    EXPECT_EQ(door_.receive({}, soon()).kind(), caps::kind::connected);
    {
        caps::attachments room;
        const auto carried = hall.receive(room, soon());
        const auto back = room.take_capability(0);
        back.send({.body = "from the message"});
    }
    auto held = door_.receive({}, soon(), caps::receive_flags::hold);
    EXPECT_EQ(next(), "from the message");
    EXPECT_EQ(code_of(door_.try_receive({}, 30ms)), ETIMEDOUT) << "one is held";
    held.discard();
    const auto end = door_.receive({}, soon());
    EXPECT_EQ(end.kind(), caps::kind::disconnected);
    EXPECT_EQ(end.badge(), badge);
    EXPECT_EQ(code_of(door_.try_receive({}, 30ms)), ETIMEDOUT) << "once";
}

} // namespace
