// SPDX-License-Identifier: MIT
// The shared library: its C interface from C, its exceptions across its border.
#include "device.hpp"

#include <caps/caps.h>

extern "C" int c_messages(long long *seen);
extern "C" int c_names(const char *name, long long *seen);

namespace {

using namespace test;

class shared : public device {};

TEST_F(shared, c_interface_sends_receives_and_answers) {
    long long seen = 0;
    const int line = c_messages(&seen);
    EXPECT_EQ(line, 0) << "c_calls.c:" << line << " saw " << seen;
}

TEST_F(shared, c_interface_finds_services_and_passes_capabilities) {
    long long seen = 0;
    const int line = c_names(("c." + std::to_string(::getpid())).c_str(), &seen);
    EXPECT_EQ(line, 0) << "c_calls.c:" << line << " saw " << seen;
}

TEST_F(shared, c_interface_calls_and_serves) {
    const caps::port door = me.create_port();
    const std::jthread client([&] {
        std::array<char, 8> room{};
        caps_call call{};
        call.capability = door.get();
        call.deadline = capsu_deadline(60'000'000'000);
        call.reply.body = reinterpret_cast<std::uintptr_t>(room.data());
        call.reply.body_len = room.size();
        EXPECT_EQ(capsu_call(me.get(), &call), 0);
        EXPECT_STREQ(room.data(), "hi");
        door.send({});
    });
    caps_reply_receive both{};
    both.receive.port = door.get();
    both.receive.deadline = capsu_deadline(60'000'000'000);
    ASSERT_EQ(capsu_reply_receive(me.get(), &both), 0);
    both.reply.id = both.receive.header.id;
    both.reply.data.body = reinterpret_cast<std::uintptr_t>("hi");
    both.reply.data.body_len = 3;
    ASSERT_EQ(capsu_reply_receive(me.get(), &both), 0);
    EXPECT_EQ(both.reply.outcome, 0);
    EXPECT_EQ(both.reply.id, 0u);
    EXPECT_EQ(both.receive.header.kind, CAPS_KIND_SEND);
}

TEST_F(shared, exceptions_cross_its_border) {
    const auto door = me.default_port();
    EXPECT_THROW((void)door->receive({}, caps::no_wait), caps::error);
    EXPECT_THROW((void)door->receive({}, caps::no_wait), std::system_error);
}

// Needs no device.
TEST(version, is_that_of_the_headers) {
    EXPECT_STREQ(capsu_version(), CAPSUSER_VERSION);
}

} // namespace
