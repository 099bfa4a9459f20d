// SPDX-License-Identifier: MIT
// Receiving: one, many, from any port, along with an answer; reading, holding, identity.
#include "device.hpp"

#include <grp.h>
#include <poll.h>

#include <atomic>
#include <fstream>

namespace {

using namespace test;

class receive : public device {};

bool readable(const caps::actor &actor) {
    pollfd entry{.fd = actor.get(), .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

// In a system call: the state follows the program's name, which is in parentheses.
bool is_asleep(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    const std::string line(std::istreambuf_iterator<char>(file), {});
    return line.find(") S ") != line.npos;
}

TEST_F(receive, does_not_wait_where_told_so) {
    const caps::port door = me.create_port();
    const auto none = door.try_receive({}, caps::no_wait);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), EAGAIN) << none.error().message();
    const auto late = door.try_receive({}, 20ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), ETIMEDOUT) << late.error().message();
    const auto past = door.try_receive({}, 0s);
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error().code(), ETIMEDOUT) << past.error().message();
}

TEST_F(receive, takes_messages_in_the_order_sent) {
    const caps::port door = me.create_port();
    for (std::uint64_t i = 0; i < 20; ++i)
        door.send({.address = i});
    for (std::uint64_t i = 0; i < 20; ++i) {
        const auto message = door.receive({}, soon());
        EXPECT_EQ(message.address(), i);
        EXPECT_EQ(message.sequence(), i + 1);
        EXPECT_EQ(message.kind(), caps::kind::send);
        EXPECT_FALSE(message.held());
    }
}

TEST_F(receive, from_any_looks_at_enabled_ports_by_priority) {
    const caps::port low = me.create_port({.cookie = 1}), high = me.create_port({.cookie = 2}),
                     off = me.create_port({.cookie = 3});
    low.enable(9);
    high.enable(3);
    off.send({});
    EXPECT_FALSE(readable(me));
    EXPECT_FALSE(me.try_receive({}, caps::no_wait));
    low.send({});
    high.send({});
    EXPECT_TRUE(readable(me));
    EXPECT_EQ(me.receive({}, soon()).cookie(), 2u);
    EXPECT_EQ(me.receive({}, soon()).cookie(), 1u);
    EXPECT_FALSE(readable(me));
    off.enable();
    EXPECT_EQ(me.receive({}, soon()).cookie(), 3u);
    off.disable();
    off.send({});
    EXPECT_FALSE(readable(me));
}

TEST_F(receive, keeps_what_does_not_fit_for_reading_in_parts) {
    const caps::port door = me.create_port();
    const auto body = pattern(10000);
    door.send({.body = body});
    std::vector<std::byte> start(100);
    const auto message = door.receive(start, soon());
    EXPECT_TRUE(message.truncated());
    EXPECT_TRUE(message.held()) << "one-way, but not all of it was put";
    EXPECT_EQ(message.body_size(), body.size());
    EXPECT_EQ(message.body().size(), start.size());
    EXPECT_TRUE(std::ranges::equal(message.body(), std::span(body).first(100)));
    std::vector<std::byte> part(300);
    EXPECT_EQ(message.read(part, 5000), 300u);
    EXPECT_TRUE(std::ranges::equal(part, std::span(body).subspan(5000, 300)));
    EXPECT_EQ(message.read(part, 9900), 100u);
    EXPECT_EQ(message.read(part, 10000), 0u);
    EXPECT_TRUE(message.read_all() == body);
}

TEST_F(receive, without_a_body_has_nothing_to_read) {
    const caps::port door = me.create_port();
    door.send({.annex = "annex only"});
    const auto message = door.receive({}, soon());
    EXPECT_EQ(text_of(message.annex()), "annex only");
    EXPECT_TRUE(message.read_all().empty());
}

TEST_F(receive, holds_one_way_messages_on_request) {
    const caps::port door = me.create_port();
    door.send({.body = "kept"});
    door.send({.body = "kept"});
    std::array<char, 16> room{};
    {
        auto message = door.receive(room, soon(), caps::receive_flags::hold);
        EXPECT_TRUE(message.held());
        EXPECT_FALSE(message.answerable());
        EXPECT_EQ(me.info().held, 1u);
        const auto reply = message.try_reply({});
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().code(), EINVAL) << reply.error().message();
        EXPECT_TRUE(message.held());
    }
    EXPECT_EQ(me.info().held, 0u) << "its destructor should have ended it";
    EXPECT_FALSE(door.receive(room, soon()).held());
}

TEST_F(receive, moves_a_held_message_without_ending_it) {
    const caps::port door = me.create_port();
    door.send({.annex = "moved", .body = "moved"});
    caps::received first = door.receive({}, soon(), caps::receive_flags::hold);
    const std::uint64_t id = first.id();
    caps::received second = std::move(first);
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_FALSE(first);
    EXPECT_EQ(second.id(), id);
    EXPECT_EQ(text_of(second.annex()), "moved");
    caps::received &alias = second;
    second = std::move(alias);
    EXPECT_TRUE(second.held());
    EXPECT_EQ(me.info().held, 1u);
    second = caps::received();
    EXPECT_EQ(me.info().held, 0u) << "assigning should have ended it";
}

TEST_F(receive, gives_a_released_message_back_by_its_id) {
    const caps::port door = me.create_port();
    door.send({.operation = 9, .annex = "label", .body = "content"});
    const std::uint64_t id = door.receive({}, soon(), caps::receive_flags::hold).release();
    EXPECT_EQ(me.info().held, 1u);
    {
        const caps::received again = me.held(id);
        EXPECT_EQ(again.operation(), 9u);
        EXPECT_EQ(again.sequence(), 1u);
        EXPECT_EQ(text_of(again.annex()), "label");
        EXPECT_EQ(text_of(again.read_all()), "content");
    }
    EXPECT_EQ(me.info().held, 0u);
    const auto gone = me.try_held(id);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), ENOMSG) << gone.error().message();
}

TEST_F(receive, in_a_batch_takes_what_is_there) {
    const caps::port door = me.create_port();
    caps::batch batch(8, 64);
    for (int i = 0; i < 5; ++i)
        door.send({.annex = "a" + std::to_string(i), .body = "body " + std::to_string(i)});
    EXPECT_EQ(door.receive_batch(batch, soon()), 5u);
    int i = 0;
    for (const caps::received &message : batch) {
        EXPECT_EQ(message.text(), "body " + std::to_string(i));
        EXPECT_EQ(text_of(message.annex()), "a" + std::to_string(i));
        EXPECT_EQ(message.sequence(), static_cast<std::uint64_t>(++i));
    }
    EXPECT_EQ(i, 5);
    const auto none = door.try_receive_batch(batch, caps::no_wait);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), EAGAIN) << none.error().message();
    EXPECT_TRUE(batch.empty());
}

TEST_F(receive, in_a_batch_stops_at_its_room_and_ends_what_is_held) {
    const caps::port door = me.create_port();
    caps::batch batch(3, 4, true);
    for (int i = 0; i < 5; ++i)
        door.send({.body = "longer than four"});
    EXPECT_EQ(door.receive_batch(batch, soon()), 3u);
    EXPECT_EQ(me.info().held, 3u);
    caps::received kept = std::move(batch[1]);
    EXPECT_EQ(door.receive_batch(batch, soon()), 2u);
    EXPECT_EQ(me.info().held, 3u);
    EXPECT_EQ(text_of(kept.read_all()), "longer than four");
    caps::batch moved = std::move(batch);
    EXPECT_EQ(moved.size(), 2u);
    EXPECT_EQ(moved[0].text(), "long");
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_TRUE(batch.empty());
    moved.clear();
    EXPECT_EQ(me.info().held, 1u);
}

TEST_F(receive, in_a_batch_holds_one_way_messages_on_request) {
    const caps::port door = me.create_port();
    caps::batch plain(2, 16), holding(2, 16, true);
    door.send({.body = "fits"});
    EXPECT_EQ(door.receive_batch(plain, soon()), 1u);
    EXPECT_FALSE(plain[0].held());
    door.send({.body = "fits"});
    EXPECT_EQ(door.receive_batch(holding, soon()), 1u);
    EXPECT_TRUE(holding[0].held());
    EXPECT_EQ(me.info().held, 1u);
}

TEST_F(receive, with_a_reply_serves_in_a_loop) {
    const caps::port door = me.create_port();
    std::jthread client([&] {
        for (int i = 0; i < 50; ++i) {
            std::array<char, 16> room{};
            const auto reply = door.call({.body = std::to_string(i)}, room, soon());
            EXPECT_EQ(reply.text(), std::to_string(i) + "!");
        }
        door.send({.operation = 1});
    });
    std::array<char, 16> room{};
    std::string answer;
    caps::received message;
    int served = 0;
    for (;;) {
        door.reply_receive(message, {.body = answer}, room, soon());
        if (message.operation() == 1)
            break;
        answer = std::string(message.text()) + "!";
        ++served;
    }
    EXPECT_EQ(served, 50);
    EXPECT_EQ(door.info().sequence, 51u);
}

// What is answered may lie in the very memory that the next message is put into.
TEST_F(receive, with_a_reply_answers_before_it_overwrites) {
    const caps::port door = me.create_port();
    std::array<char, 32> room{};
    const auto ask = [&](const char *annex, const char *body) {
        return std::jthread([&, annex, body] {
            std::array<char, 32> got{};
            const auto reply = door.call({.annex = annex, .body = body}, got, soon());
            EXPECT_EQ(text_of(reply.annex()), annex);
            EXPECT_EQ(reply.text(), body);
        });
    };
    const auto first = ask("first annex", "first body");
    caps::received message = door.receive(room, soon());
    const auto second = ask("SECOND ANNEX", "SECOND BODY");
    ASSERT_TRUE(eventually([&] { return door.info().queued == 1; }));
    door.reply_receive(message, {.annex = message.annex(), .body = message.body()}, room, soon());
    EXPECT_EQ(message.text(), "SECOND BODY");
    message.reply({.annex = message.annex(), .body = message.body()});
}

TEST_F(receive, with_a_reply_to_one_who_has_gone_goes_on) {
    const caps::port door = me.create_port();
    const auto sent = door.call_async({});
    caps::received message = door.receive({}, soon());
    EXPECT_EQ(me.abort(sent.id), caps::abort_outcome::at_server);
    EXPECT_EQ(door.receive({}, soon()).kind(), caps::kind::cancelled);
    door.send({.operation = 2});
    const auto next = door.try_reply_receive(message, {.body = "too late"}, {}, soon());
    ASSERT_TRUE(next) << next.error().message();
    EXPECT_EQ(message.operation(), 2u);
    EXPECT_EQ(me.info().held, 0u);
}

TEST_F(receive, with_a_reply_that_is_refused_receives_nothing) {
    const caps::port door = me.create_port();
    const std::jthread client([&] {
        std::array<char, 16> room{};
        EXPECT_EQ(door.call({.annex = "early"}, room, soon()).text(), "better");
    });
    caps::received message = door.receive({}, soon());
    door.send({.annex = "other"});
    const std::vector<std::byte> too_long(200);
    const auto refused = door.try_reply_receive(message, {.annex = too_long}, {}, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what(), caps::operation::reply);
    EXPECT_EQ(refused.error().code(), EMSGSIZE) << refused.error().message();
    EXPECT_TRUE(message.answerable());
    EXPECT_EQ(text_of(message.annex()), "early");
    EXPECT_EQ(door.info().queued, 1u);
    message.reply({.body = "better"});
}

TEST_F(receive, with_a_reply_only_receives_when_done_again) {
    const caps::port door = me.create_port();
    caps::received message;
    const std::jthread client([&] { EXPECT_TRUE(door.try_call({}, {}, soon())); });
    door.reply_receive(message, {}, {}, soon());
    const auto late = door.try_reply_receive(message, {}, {}, 20ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().what(), caps::operation::receive);
    EXPECT_EQ(late.error().code(), ETIMEDOUT) << late.error().message();
    EXPECT_FALSE(message);
    door.send({.operation = 4});
    door.reply_receive(message, {}, {}, soon());
    EXPECT_EQ(message.operation(), 4u);
}

TEST_F(receive, with_a_reply_keeps_the_message_if_it_cannot_even_begin) {
    const caps::port door = me.create_port();
    (void)door.call_async({.operation = 3});
    caps::received message = door.receive({}, soon());
    const auto unknown = static_cast<caps::receive_flags>(1u << 20);
    const auto refused = door.try_reply_receive(message, {}, {}, soon(), unknown);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL) << refused.error().message();
    EXPECT_TRUE(message.answerable());
    EXPECT_TRUE(message.try_reply({}));
}

TEST_F(receive, ends_when_the_port_is_removed) {
    const caps::port door = me.create_port();
    const std::jthread remover([&, receiver = ::gettid()] {
        EXPECT_TRUE(eventually([&] { return is_asleep(receiver); }));
        door.remove();
    });
    const auto gone = door.try_receive({}, soon());
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), EIDRM) << gone.error().message();
}

TEST_F(receive, is_interrupted_by_a_handler_only_without_sa_restart) {
    const caps::port door = me.create_port();
    for (const int flags : {0, SA_RESTART}) {
        static std::atomic<int> caught;
        caught = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { ++caught; };
        action.sa_flags = flags;
        ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
        const std::jthread signaller([&, thread = ::pthread_self(), receiver = ::gettid()] {
            EXPECT_TRUE(eventually([&] { return is_asleep(receiver); }));
            ::pthread_kill(thread, SIGUSR1);
            EXPECT_TRUE(eventually([&] { return caught == 1 && is_asleep(receiver); }));
            door.send({.operation = 6});
        });
        const auto message = door.try_receive({}, soon());
        if (flags == SA_RESTART) {
            ASSERT_TRUE(message) << message.error().message();
            EXPECT_EQ(message->operation(), 6u);
        } else {
            ASSERT_FALSE(message);
            EXPECT_EQ(message.error().code(), EINTR) << message.error().message();
            EXPECT_EQ(door.receive({}, soon()).operation(), 6u);
        }
    }
}

TEST_F(receive, tells_more_about_the_sender) {
    const caps::port door = me.create_port();
    const passed ticket(door);
    process sender([&] {
        std::vector<gid_t> groups(100);
        for (std::size_t i = 0; i < groups.size(); ++i)
            groups[i] = static_cast<gid_t>(2000 + i);
        if (::getuid() == 0 && ::setgroups(groups.size(), groups.data()) != 0)
            return 1;
        auto [actor, server] = ticket.take();
        server.call({}, {}, soon());
        return 0;
    });
    auto message = door.receive({}, soon());
    const caps::identity who = message.identity();
    if (::getuid() == 0) {
        ASSERT_EQ(who.groups.size(), 100u) << "more than the library asks for at first";
        EXPECT_EQ(who.groups.front(), 2000u);
        EXPECT_EQ(who.groups.back(), 2099u);
        EXPECT_NE(who.effective, 0u);
    }
    EXPECT_NE(who.user_namespace, 0u);
    EXPECT_NE(who.pid_namespace, 0u);
    std::printf("label \"%s\", effective %llx\n", who.label.c_str(),
                static_cast<unsigned long long>(who.effective));
    message.reply({});
    EXPECT_EQ(sender.wait(), 0);
}

TEST_F(receive, in_a_child_is_enotconn) {
    const caps::port door = me.create_port();
    process child([&] {
        const auto refused = door.try_receive({}, caps::no_wait);
        return !refused && refused.error().code() == ENOTCONN ? 0 : 1;
    });
    EXPECT_EQ(child.wait(), 0);
}

} // namespace
