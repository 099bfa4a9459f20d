// SPDX-License-Identifier: MIT
// Calls and answers between processes and threads, on the real device.
#include "device.hpp"

namespace {

using namespace test;

class call : public device {};

TEST_F(call, brings_body_annex_and_status_there_and_back) {
    const caps::port door = me.create_port({.cookie = 77});
    const passed ticket(door);
    process client([&] {
        auto [actor, server] = ticket.take();
        std::array<char, 64> room{};
        const auto reply = server.call(
            {.operation = 5, .address = 1234, .annex = "question", .body = "what?"}, room, soon());
        return reply.status() == -3 && text_of(reply.annex()) == "answer" &&
                       reply.text() == "that" && reply.body_size() == 4 && !reply.truncated()
                   ? 0
                   : 1;
    });
    std::array<char, 64> room{};
    caps::received question = door.receive(room, soon());
    EXPECT_EQ(question.kind(), caps::kind::call);
    EXPECT_TRUE(question.held());
    EXPECT_TRUE(question.answerable());
    EXPECT_EQ(question.operation(), 5u);
    EXPECT_EQ(question.address(), 1234u);
    EXPECT_EQ(question.cookie(), 77u);
    EXPECT_EQ(question.sequence(), 1u);
    EXPECT_EQ(text_of(question.annex()), "question");
    EXPECT_EQ(question.text(), "what?");
    EXPECT_FALSE(question.truncated());
    EXPECT_EQ(question.pid(), static_cast<std::uint32_t>(client.pid()));
    EXPECT_EQ(question.uid(), ::getuid());
    EXPECT_EQ(question.egid(), ::getegid());
    question.reply({.status = -3, .annex = "answer", .body = "that"});
    EXPECT_FALSE(question.held());
    EXPECT_EQ(client.wait(), 0);
}

TEST_F(call, gathers_and_scatters_pieces_in_order) {
    const caps::port door = me.create_port();
    const auto server = serve(door, 1, [](caps::received &message) {
        const auto body = message.read_all();
        EXPECT_EQ(text_of(body), "one two three");
        message.reply({.body = {"four ", "", "five ", "six"}});
    });
    std::array<char, 3> first{};
    std::array<char, 4> second{};
    std::array<char, 40> third{};
    const auto reply =
        door.call({.body = {"one ", "two ", "three"}}, {first, second, third}, soon());
    EXPECT_EQ(reply.body_size(), 13u);
    EXPECT_EQ(std::string(first.data(), 3) + std::string(second.data(), 4) + third.data(),
              "four five six");
    EXPECT_EQ(reply.text(), "fou") << "body() is what is in the first piece";
}

// Through all ways a body can take: copied, pinned, straight into the caller's buffer.
TEST_F(call, keeps_every_byte_of_bodies_of_all_sizes) {
    const caps::port door = me.create_port();
    const auto limits = me.query();
    const std::size_t at = limits.copy_break;
    const std::vector<std::size_t> sizes{0,
                                         1,
                                         at - 1,
                                         at,
                                         at + 1,
                                         caps::direct_reply_threshold - 1,
                                         caps::direct_reply_threshold,
                                         caps::direct_reply_threshold + 4097,
                                         std::size_t{3} << 20};
    const auto server = serve(door, static_cast<int>(sizes.size()), [](caps::received &message) {
        auto body = message.read_all();
        std::ranges::reverse(body);
        EXPECT_TRUE(message.try_reply({.body = body}));
    });
    for (const std::size_t size : sizes) {
        auto sent = pattern(size);
        std::vector<std::byte> got(size);
        const auto reply = door.call({.body = sent}, got, soon());
        std::ranges::reverse(sent);
        EXPECT_EQ(reply.body_size(), size);
        EXPECT_TRUE(got == sent) << "a body of " << size << " bytes was changed on its way";
    }
    std::printf("sizes up to %zu, copied at send: %llu\n", sizes.back(),
                static_cast<unsigned long long>(me.info().sent_copies));
}

TEST_F(call, above_the_copy_break_pins_and_does_not_copy_when_sent) {
    const caps::port door = me.create_port();
    const auto server = serve(door, 2, [](caps::received &message) { message.reply({}); });
    const auto before = me.info();
    door.call({.body = pattern(1 << 20)}, {}, soon());
    const auto pinned = me.info();
    EXPECT_EQ(pinned.pinned_bodies, before.pinned_bodies + 1);
    EXPECT_EQ(pinned.sent_copies, before.sent_copies);
    door.call({.body = pattern(1 << 20), .mode = caps::body_mode::copy}, {}, soon());
    const auto copied = me.info();
    EXPECT_EQ(copied.pinned_bodies, pinned.pinned_bodies);
    EXPECT_EQ(copied.sent_copy_bytes, pinned.sent_copy_bytes + (1 << 20));
}

TEST_F(call, asks_for_a_direct_reply_only_for_large_buffers) {
    const caps::port door = me.create_port();
    const std::vector<std::byte> large(caps::direct_reply_threshold, std::byte{7});
    const auto copies_for = [&](std::size_t room, caps::call_flags flags) {
        const auto server =
            serve(door, 1, [&](caps::received &message) { message.reply({.body = large}); });
        std::vector<std::byte> got(room);
        const auto before = me.info().sent_copies;
        const auto reply = door.call({}, got, soon(), flags);
        EXPECT_EQ(reply.body_size(), large.size());
        return me.info().sent_copies - before;
    };
    EXPECT_EQ(copies_for(large.size() - 1, caps::call_flags::none), 1u);
    EXPECT_EQ(copies_for(large.size(), caps::call_flags::none), 0u);
    EXPECT_EQ(copies_for(large.size(), caps::call_flags::no_direct_reply), 1u);
}

TEST_F(call, tells_when_the_answer_was_cut) {
    const caps::port door = me.create_port();
    const auto server =
        serve(door, 1, [](caps::received &message) { message.reply({.body = "0123456789"}); });
    std::array<char, 4> room{};
    const auto reply = door.call({}, room, soon());
    EXPECT_TRUE(reply.truncated());
    EXPECT_EQ(reply.body_size(), 10u);
    EXPECT_EQ(reply.text(), "0123");
}

TEST_F(call, that_nobody_takes_ends_in_time_without_effect) {
    const caps::port door = me.create_port();
    const auto reply = door.try_call({}, {}, 50ms);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ETIMEDOUT) << reply.error().message();
    EXPECT_FALSE(reply.error().taken());
    EXPECT_EQ(door.info().queued, 0u);
}

TEST_F(call, that_was_taken_says_so_when_its_time_is_up) {
    const caps::port door = me.create_port();
    caps::received held;
    const auto server = serve(door, 1, [&](caps::received &message) { held = std::move(message); });
    // A server kept from running for so long sees the next call instead.
    auto patience = 500ms;
    auto reply = door.try_call({}, {}, patience);
    while (!reply && !reply.error().taken() && patience < 60s)
        reply = door.try_call({}, {}, patience *= 2);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ETIMEDOUT) << reply.error().message();
    EXPECT_TRUE(reply.error().taken());
    {
        const caps::received notice = door.receive({}, soon());
        EXPECT_EQ(notice.kind(), caps::kind::cancelled);
        EXPECT_EQ(notice.id(), held.id());
        EXPECT_FALSE(notice.held()) << "the end of the notice must not be that of the call";
    }
    const auto late = held.try_reply({.body = "late"});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), ECANCELED) << late.error().message();
    EXPECT_FALSE(held.held()) << "ECANCELED ends it";
}

TEST_F(call, that_must_not_wait_is_refused) {
    const caps::port door = me.create_port();
    const auto reply = door.try_call({}, {}, caps::no_wait);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), EINVAL) << reply.error().message();
}

TEST_F(call, does_not_wait_for_room_if_told_not_to) {
    const caps::port door = me.create_port({.queue_limit = 1});
    door.send({});
    const auto reply = door.try_call({}, {}, soon(), caps::call_flags::no_wait_queue);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), EAGAIN) << reply.error().message();
}

TEST_F(call, to_a_removed_port_is_epipe) {
    caps::port door = me.create_port();
    const caps::capability client = door.duplicate({});
    door.reset();
    const auto reply = client.try_call({}, {}, soon());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), EPIPE) << reply.error().message();
    EXPECT_TRUE(client.info().dead);
}

TEST_F(call, whose_server_is_killed_holding_it_is_econnreset) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const caps::descriptor from_server(pipe_fds[0]), to_client(pipe_fds[1]);
    const std::string name = "killed." + std::to_string(::getpid());
    process server([&] {
        const auto actor = caps::actor::open();
        const auto door = actor.create_port();
        const auto service = door.register_service(name);
        (void)!::write(to_client.get(), "r", 1);
        const auto message = door.receive({}, soon());
        ::kill(::getpid(), SIGKILL);
        return 0;
    });
    char ready;
    ASSERT_EQ(::read(from_server.get(), &ready, 1), 1);
    const auto client = me.connect(name);
    const auto reply = client.try_call({}, {}, soon());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ECONNRESET) << reply.error().message();
}

TEST_F(call, that_was_received_and_forgotten_is_econnreset) {
    const caps::port door = me.create_port();
    const auto server = serve(door, 1, [](caps::received &) {});
    const auto reply = door.try_call({}, {}, soon());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ECONNRESET) << reply.error().message();
}

TEST_F(call, ends_with_eintr_only_where_interruptible) {
    const caps::port door = me.create_port();
    caps::received held;
    const auto server = serve(door, 1, [&](caps::received &message) { held = std::move(message); });
    struct sigaction quiet {};
    quiet.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGUSR1, &quiet, nullptr), 0);
    const pthread_t caller = ::pthread_self();
    const std::jthread signaller([&, caller](const std::stop_token &stop) {
        while (me.info().held == 0 && !stop.stop_requested())
            std::this_thread::sleep_for(5ms);
        ::pthread_kill(caller, SIGUSR1);
    });
    const auto reply = door.try_call({}, {}, soon(), caps::call_flags::interruptible);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), EINTR) << reply.error().message();
    EXPECT_TRUE(reply.error().taken());
}

TEST_F(call, with_an_operation_outside_the_mask_is_refused) {
    const caps::port door = me.create_port();
    const auto narrow = door.duplicate({.operations = caps::operations(1)});
    const auto server = serve(door, 1, [](caps::received &message) { message.reply({}); });
    EXPECT_TRUE(narrow.try_call({.operation = 1}, {}, soon()));
    const auto refused = narrow.try_call({.operation = 2}, {}, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EACCES) << refused.error().message();
}

TEST_F(call, throws_what_its_twin_returns) {
    const caps::port door = me.create_port();
    try {
        door.call({}, {}, 1ms);
        FAIL() << "no exception";
    } catch (const caps::error &caught) {
        EXPECT_EQ(caught.why().code(), ETIMEDOUT);
        EXPECT_EQ(caught.why().what(), caps::operation::call);
        std::printf("%s\n", caught.what());
    }
}

} // namespace
