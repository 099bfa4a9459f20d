// SPDX-License-Identifier: MIT
// The example of many calls in one thread.
#include "device.hpp"

#define main many_calls_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/many_calls.cpp"
#undef main

namespace {

using namespace test;

class many_calls_example : public device {};

// How many are answered in time depends on how slow all is; some are too late everywhere.
TEST_F(many_calls_example, answers_or_gives_up) {
    std::string program = "many_calls", calls = "1000";
    std::array<char *, 3> words{program.data(), calls.data(), nullptr};
    testing::internal::CaptureStdout();
    EXPECT_EQ(many_calls_main(2, words.data()), 0);
    const std::string said = testing::internal::GetCapturedStdout();
    EXPECT_EQ(said.find("1000 calls: "), 0u) << said;
    EXPECT_NE(said.find(" operations in flight at once"), std::string::npos) << said;
    EXPECT_EQ(said.find(" 0 given up"), std::string::npos) << said;
}

} // namespace
