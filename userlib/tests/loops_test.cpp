// SPDX-License-Identifier: MIT
// The examples in other people's event loops, one asking the other.
#include "device.hpp"

#define main sd_event_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/sd_event_server.cpp"
#undef main
#define main uv_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/uv_client.cpp"
#undef main

#include <sstream>

namespace {

using namespace test;

class loops : public device {
  protected:
    int ask(std::vector<std::string> words) {
        words.insert(words.begin(), "uv_client");
        std::vector<char *> all(words.size());
        std::ranges::transform(words, all.begin(), [](std::string &word) { return word.data(); });
        testing::internal::CaptureStdout();
        const int status = uv_main(static_cast<int>(all.size()), all.data());
        std::istringstream text(testing::internal::GetCapturedStdout());
        answers.clear();
        for (std::string line; std::getline(text, line);)
            answers.push_back(line);
        std::ranges::sort(answers);
        return status;
    }

    std::vector<std::string> answers;
};

TEST_F(loops, of_systemd_and_libuv) {
    process server([] { return sd_event_main(); });
    ASSERT_TRUE(eventually([&] { return me.try_connect("capitals").has_value(); }));
    EXPECT_EQ(ask({"one", "two", "three"}), 0);
    EXPECT_EQ(answers, (std::vector<std::string>{"ONE", "THREE", "TWO"}));
    std::vector<std::string> many, wanted;
    for (int i = 100; i < 180; ++i) {
        many.push_back("word" + std::to_string(i));
        wanted.push_back("WORD" + std::to_string(i));
    }
    EXPECT_EQ(ask(many), 0);
    EXPECT_EQ(answers, wanted);
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0) << "ends by its loop, not by the signal";
}

// A server that takes nothing: the client's timer ends it.
TEST_F(loops, of_libuv_gives_up) {
    const caps::port door = me.create_port();
    const auto name = door.register_service("capitals", {.world = true});
    EXPECT_EQ(ask({"word"}), 1);
    EXPECT_TRUE(answers.empty());
}

} // namespace
