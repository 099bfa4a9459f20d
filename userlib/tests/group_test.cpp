// SPDX-License-Identifier: MIT
// Groups: members, modes, and what the sender is told.
#include "device.hpp"

namespace {

using namespace test;

class group : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        if (!me)
            return;
        all = me.create_group();
        for (auto &port : ports) {
            port = me.create_port({.queue_limit = 2}); // one user may fill half of it
            all.insert(port);
        }
    }

    caps::group all;
    std::array<caps::port, 3> ports;
};

TEST_F(group, says_what_it_is) {
    const auto info = all.info();
    EXPECT_EQ(info.type, caps::object_type::group);
    EXPECT_EQ(info.rights, caps::rights::group);
    EXPECT_FALSE(info.dead);
    EXPECT_EQ(all.members(), ports.size());
}

TEST_F(group, each_that_has_room) {
    ports[1].send({.body = "full"});
    const auto spread = all.send({.body = "news"});
    EXPECT_EQ(spread.reached, 2u);
    EXPECT_EQ(spread.full, 1u);
    EXPECT_FALSE(spread.partial);
    std::array<char, 8> room{};
    EXPECT_EQ(ports[0].receive(room, soon()).text(), "news");
    EXPECT_EQ(ports[1].receive(room, soon()).text(), "full");
    EXPECT_EQ(ports[2].receive(room, soon()).text(), "news");
}

TEST_F(group, all_or_nobody) {
    ports[1].send({.body = "full"});
    const auto refused = all.try_send<caps::to::all>({.body = "news"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EAGAIN) << refused.error().message();
    EXPECT_EQ(ports[0].info().queued, 0u);
    (void)ports[1].receive({}, soon());
    EXPECT_EQ(all.send<caps::to::all>({.body = "news"}).reached, ports.size());
}

TEST_F(group, any_in_turn) {
    for (std::size_t i = 0; i < ports.size(); ++i)
        EXPECT_EQ(all.send<caps::to::any>({.body = "work"}).reached, 1u);
    for (const auto &port : ports)
        EXPECT_EQ(port.info().queued, 1u);
    EXPECT_EQ(all.try_send<caps::to::any>({}).error().code(), EAGAIN);
    EXPECT_EQ(all.try_send<caps::to::any>({}, {}, 20ms).error().code(), ETIMEDOUT);
}

TEST_F(group, call_is_answered_by_one) {
    const caps::group one = me.create_group();
    one.insert(ports[2]);
    const auto server = serve(
        ports[2], 2, [](caps::received &message) { message.reply({.status = 5, .body = "me"}); });
    std::array<char, 8> room{};
    const auto answer = one.call<caps::to::any>({.body = "who?"}, room, {}, soon());
    EXPECT_EQ(answer.text(), "me");
    EXPECT_EQ(answer.status(), 5);
    EXPECT_EQ(one.call<caps::to::near>({}, room, {.port = ports[0].get()}, soon()).text(), "me");
}

TEST_F(group, not_to_oneself) {
    const caps::relation others{.port = ports[1].get(), .without = caps::excluding::port};
    EXPECT_EQ(all.send({.body = "x"}, others).reached, 2u);
    EXPECT_EQ(ports[1].info().queued, 0u);
    const caps::relation nobody{.port = ports[1].get(), .without = caps::excluding::actor};
    EXPECT_EQ(all.send({.body = "x"}, nobody).reached, 0u);
    const auto none = all.try_send<caps::to::any>({}, nobody);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ENOENT) << none.error().message();
    EXPECT_NE(none.error().remedy().find("no member"), std::string_view::npos);
}

TEST_F(group, members_come_and_go) {
    const auto twice = all.try_insert(ports[0]);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code(), EBUSY) << twice.error().message();
    all.remove(ports[0]);
    EXPECT_EQ(all.members(), 2u);
    EXPECT_EQ(all.try_remove(ports[0]).error().code(), ENOENT);
    ports[1].reset();
    EXPECT_EQ(all.members(), 1u);
    EXPECT_EQ(all.send({}).reached, 1u);
}

TEST_F(group, disbanded) {
    all.disband();
    EXPECT_EQ(all.try_send({}).error().code(), EPIPE);
    EXPECT_EQ(all.try_insert(ports[0]).error().code(), EPIPE);
    EXPECT_EQ(all.try_members().error().code(), EPIPE);
    EXPECT_TRUE(all.info().dead);
    EXPECT_EQ(ports[0].send({}).copied, false);
}

TEST_F(group, another_process_joins) {
    const passed door(all);
    process member([&] {
        const auto [actor, capability] = door.take();
        const caps::group joined(actor.get(), capability.duplicate().release());
        const caps::port port = actor.create_port();
        joined.insert(port);
        std::array<char, 8> room{};
        return port.receive(room, soon()).text() == "welcome" ? 0 : 1;
    });
    ASSERT_TRUE(eventually([&] { return all.members() == ports.size() + 1; }));
    EXPECT_EQ(all.send({.body = "welcome"}).reached, ports.size() + 1);
    EXPECT_EQ(member.wait(), 0);
}

} // namespace
