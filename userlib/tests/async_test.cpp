// SPDX-License-Identifier: MIT
// What does not wait: one-way messages, async calls, aborts, deferred bodies.
#include "device.hpp"

#include <sys/mman.h>

#include <map>

namespace {

using namespace test;

class async : public device {};

TEST_F(async, send_to_a_full_queue_is_eagain_and_waits_if_asked) {
    const caps::port door = me.create_port({.queue_limit = 1});
    door.send({});
    const auto full = door.try_send({});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code(), EAGAIN) << full.error().message();
    const auto late = door.try_send({}, 20ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), ETIMEDOUT) << late.error().message();
    const std::jthread receiver([&] {
        std::this_thread::sleep_for(100ms);
        door.receive({}, soon());
    });
    const auto sent = door.try_send({}, soon());
    EXPECT_TRUE(sent) << sent.error().message();
}

TEST_F(async, send_with_a_source_can_be_answered) {
    const caps::port door = me.create_port(), replies = me.create_port({.cookie = 8});
    door.send({.source = replies.get(), .body = "ping"});
    auto message = door.receive({}, soon());
    EXPECT_EQ(message.kind(), caps::kind::send);
    EXPECT_TRUE(message.answerable());
    message.reply({.status = 3, .body = "pong"});
    std::array<char, 8> room{};
    const auto reply = replies.receive(room, soon());
    EXPECT_EQ(reply.kind(), caps::kind::reply);
    EXPECT_EQ(reply.status(), 3);
    EXPECT_EQ(reply.error(), 0);
    EXPECT_EQ(reply.cookie(), 8u);
    EXPECT_EQ(reply.text(), "pong");
}

TEST_F(async, forwarded_call_is_answered_by_who_got_it) {
    const caps::port door = me.create_port(), room = me.create_port();
    const caps::capability badged = room.duplicate({.badge = 7});
    const auto call = door.call_async({.operation = 5, .address = 6, .body = "question"});
    auto message = door.receive({}, soon());
    message.forward_to(badged);
    EXPECT_FALSE(message.held());
    std::array<char, 16> space{};
    auto passed = room.receive(space, soon());
    EXPECT_EQ(passed.kind(), caps::kind::call);
    EXPECT_EQ(passed.badge(), 7u);
    EXPECT_EQ(passed.operation(), 5u);
    EXPECT_EQ(passed.address(), 6u);
    EXPECT_EQ(passed.pid(), static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(passed.text(), "question");
    passed.reply({.status = 4});
    const auto reply = me.default_port()->receive({}, soon());
    EXPECT_EQ(reply.id(), call.id);
    EXPECT_EQ(reply.status(), 4);
}

TEST_F(async, what_cannot_be_forwarded_is_still_held) {
    const caps::port door = me.create_port(), full = me.create_port({.queue_limit = 1});
    full.send({});
    (void)door.call_async({});
    auto message = door.receive({}, soon());
    const auto refused = message.try_forward_to(full);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EAGAIN) << refused.error().message();
    EXPECT_NE(refused.error().remedy().find("still held"), std::string_view::npos);
    EXPECT_TRUE(message.held());
    message.reply({.status = 1});
    EXPECT_EQ(me.default_port()->receive({}, soon()).status(), 1);
}

TEST_F(async, forwarding_for_a_caller_that_has_gone_ends_it) {
    const caps::port door = me.create_port(), room = me.create_port();
    const auto call = door.call_async({});
    auto message = door.receive({}, soon());
    EXPECT_EQ(me.abort(call.id), caps::abort_outcome::at_server);
    const auto refused = message.try_forward_to(room);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ECANCELED) << refused.error().message();
    EXPECT_FALSE(message.held());
    EXPECT_EQ(me.info().held, 0u);
}

TEST_F(async, calls_are_answered_in_any_order) {
    const caps::port door = me.create_port(), replies = me.create_port();
    std::map<std::uint64_t, int> asked;
    std::vector<caps::received> held;
    for (int i = 0; i < 10; ++i) {
        const auto sent = door.call_async({.source = replies.get(), .annex = caps::bytes_of(i)});
        EXPECT_NE(sent.id, 0u);
        asked[sent.id] = i;
        held.push_back(door.receive({}, soon()));
    }
    EXPECT_EQ(asked.size(), 10u) << "each call should have an id of its own";
    for (; !held.empty(); held.pop_back())
        held.back().reply({.annex = held.back().annex()});
    for (int i = 9; i >= 0; --i) {
        const auto reply = replies.receive({}, soon());
        int got = -1;
        ASSERT_EQ(reply.annex().size(), sizeof(got));
        std::memcpy(&got, reply.annex().data(), sizeof(got));
        EXPECT_EQ(got, i);
        EXPECT_EQ(asked.at(reply.id()), i);
    }
    EXPECT_EQ(me.info().pending, 0u);
}

TEST_F(async, call_is_told_when_its_server_drops_it) {
    const caps::port door = me.create_port(), replies = me.create_port();
    const auto sent = door.call_async({.source = replies.get()});
    door.receive({}, soon()).discard();
    const auto reply = replies.receive({}, soon());
    EXPECT_EQ(reply.kind(), caps::kind::reply);
    EXPECT_EQ(reply.id(), sent.id);
    EXPECT_EQ(reply.error(), ECONNRESET);
}

TEST_F(async, call_without_a_source_is_answered_at_the_default_port) {
    const caps::port door = me.create_port();
    const auto sent = door.call_async({});
    door.receive({}, soon()).reply({.status = 5});
    const auto reply = me.default_port()->receive({}, soon());
    EXPECT_EQ(reply.id(), sent.id);
    EXPECT_EQ(reply.status(), 5);
}

TEST_F(async, abort_has_four_outcomes) {
    const caps::port door = me.create_port();
    const auto queued = door.call_async({});
    EXPECT_EQ(me.abort(queued.id), caps::abort_outcome::before_server);
    EXPECT_EQ(door.info().queued, 0u);

    const auto taken = door.call_async({});
    caps::received message = door.receive({}, soon());
    EXPECT_EQ(me.abort(taken.id), caps::abort_outcome::at_server);
    EXPECT_EQ(door.receive({}, soon()).kind(), caps::kind::cancelled);
    EXPECT_EQ(message.try_reply({}).error().code(), ECANCELED);

    const auto answered = door.call_async({});
    door.receive({}, soon()).reply({});
    EXPECT_EQ(me.abort(answered.id), caps::abort_outcome::answered);

    EXPECT_EQ(me.abort(0x123456789abcdef), caps::abort_outcome::unknown);
}

TEST_F(async, reading_after_the_caller_has_gone_is_ecanceled) {
    const caps::port door = me.create_port();
    const auto body = pattern(100000);
    const auto sent = door.call_async({.body = body});
    caps::received message = door.receive({}, soon());
    std::vector<std::byte> room(100);
    EXPECT_EQ(message.read(room), 100u);
    EXPECT_EQ(me.abort(sent.id), caps::abort_outcome::at_server);
    const auto gone = message.try_read(room);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), ECANCELED) << gone.error().message();
    // Still to be ended, also after a detour by its id.
    const caps::received again = me.held(message.release());
    EXPECT_TRUE(again.held());
}

// A body that cannot be pinned (no budget, RLIMIT_MEMLOCK) is copied, and sent::copied says so.
TEST_F(async, deferred_body_is_disposed_of_when_read) {
    const caps::port door = me.create_port(), replies = me.create_port();
    const auto body = pattern(1 << 19);
    const auto sent =
        door.send({.source = replies.get(), .body = body, .mode = caps::body_mode::defer});
    ASSERT_FALSE(sent.copied) << "not pinned: is RLIMIT_MEMLOCK too low?";
    EXPECT_NE(sent.id, 0u);
    EXPECT_EQ(me.info().pending, 1u);
    EXPECT_FALSE(replies.try_receive({}, caps::no_wait)) << "disposed of before it was read";
    {
        const auto message = door.receive({}, soon());
        EXPECT_TRUE(message.pinned());
        EXPECT_TRUE(message.read_all() == body);
    }
    const auto dispose = replies.receive({}, soon());
    EXPECT_EQ(dispose.kind(), caps::kind::dispose);
    EXPECT_EQ(dispose.id(), sent.id);
    EXPECT_EQ(me.info().pending, 0u);
}

TEST_F(async, deferred_body_that_is_small_is_copied_and_says_so) {
    const caps::port door = me.create_port();
    const auto sent = door.send({.body = "small", .mode = caps::body_mode::defer});
    EXPECT_TRUE(sent.copied);
    EXPECT_EQ(me.info().pending, 0u);
}

TEST_F(async, body_too_large_to_copy_is_refused_with_a_remedy) {
    const caps::port door = me.create_port();
    const std::vector<std::byte> body(me.query().max_copied_body + 1);
    const auto refused = door.try_send({.body = body});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EMSGSIZE) << refused.error().message();
    EXPECT_NE(refused.error().remedy().find("defer"), std::string_view::npos);
}

} // namespace
