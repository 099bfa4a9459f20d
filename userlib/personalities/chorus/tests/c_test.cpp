// SPDX-License-Identifier: MIT
// Programs in C.
#include "chorus_test.hpp"

extern "C" int every_call_c89();
extern "C" int every_call_c99();
extern "C" int sea_main(int argc, char **argv);
extern "C" int watch_main();
extern "C" int fleet_main(int argc, char **argv);

namespace chorus_test {
namespace {

using c_test = chorus_test;

TEST_F(c_test, EveryCallFromC89) {
    EXPECT_EQ(every_call_c89(), 0);
}

TEST_F(c_test, EveryCallFromC99) {
    EXPECT_EQ(every_call_c99(), 0);
}

TEST_F(c_test, TheExampleOfAServerAndItsClient) {
    process program([] {
        std::array<char *, 2> arguments{};
        return sea_main(1, arguments.data());
    });
    EXPECT_EQ(program.wait(), 0);
}

TEST_F(c_test, TheExampleOfAServerThatIsReplaced) {
    process program(watch_main);
    EXPECT_EQ(program.wait(), 0);
}

TEST_F(c_test, TheExampleOfAReplicatedServer) {
    process program([] {
        std::array<char *, 2> arguments{};
        return fleet_main(1, arguments.data());
    });
    EXPECT_EQ(program.wait(), 0);
}

TEST_F(c_test, TheClientOfTheExampleNeedsOnlyTwoNumbers) {
    a_port port;
    std::thread server([&] {
        for (int i = 0; i < 2; i++) {
            EXPECT_EQ(receive(port.li).substr(0, 6), "Is the");
            EXPECT_EQ(reply("It is not."), K_OK);
        }
    });
    process program([&] {
        std::string name = "sea";
        std::string head = std::to_string(port.ui.uiHead);
        std::string tail = std::to_string(port.ui.uiTail);
        std::array<char *, 4> arguments{name.data(), head.data(), tail.data(), nullptr};
        return sea_main(3, arguments.data());
    });
    server.join();
    EXPECT_EQ(program.wait(), 1); // another answer than it expects
}

} // namespace
} // namespace chorus_test
