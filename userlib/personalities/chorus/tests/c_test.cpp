// SPDX-License-Identifier: MIT
// Programs in C.
#include "chorus_test.hpp"

extern "C" int every_call_c89();
extern "C" int every_call_c99();

namespace chorus_test {
namespace {

using c_test = chorus_test;

TEST_F(c_test, EveryCallFromC89) {
    EXPECT_EQ(every_call_c89(), 0);
}

TEST_F(c_test, EveryCallFromC99) {
    EXPECT_EQ(every_call_c99(), 0);
}

} // namespace
} // namespace chorus_test
