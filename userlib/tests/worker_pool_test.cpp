// SPDX-License-Identifier: MIT
// The example of a pool whose workers are killed and replaced, for some seconds.
#include "device.hpp"

#define main worker_pool_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/worker_pool.cpp"
#undef main

namespace {

using namespace test;

class pool : public device {};

// Its own verdict: each call was answered rightly, or reported failed, and whoever was replaced
// ended well.
TEST_F(pool, accounts_for_every_call) {
    process running([] {
        std::string program = "worker_pool", duration = "4", kills = "3", replacements = "3";
        std::array<char *, 5> words{program.data(), duration.data(), kills.data(),
                                    replacements.data(), nullptr};
        return worker_pool_main(4, words.data());
    });
    EXPECT_EQ(running.wait(), 0);
}

} // namespace
