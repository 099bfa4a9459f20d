// SPDX-License-Identifier: MIT
// The pair that README shows, run as it stands.
#include "device.hpp"

#define main ten_line_server
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/ten_line_server.cpp"
#undef main
#define main ten_line_client
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/ten_line_client.cpp"
#undef main

namespace {

using namespace test;

class ten_lines : public device {};

TEST_F(ten_lines, of_server_and_client_understand_each_other) {
    const process server([] { return ten_line_server(); });
    ASSERT_TRUE(eventually([&] { return me.try_connect("capitals").has_value(); }));
    std::string program = "ten_line_client", word = "hello, ports";
    std::array<char *, 3> words{program.data(), word.data(), nullptr};
    for (int i = 0; i < 3; ++i) {
        testing::internal::CaptureStdout();
        const int status = ten_line_client(2, words.data());
        EXPECT_EQ(testing::internal::GetCapturedStdout(), "HELLO, PORTS\n");
        EXPECT_EQ(status, 0);
    }
}

} // namespace
