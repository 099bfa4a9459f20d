// SPDX-License-Identifier: MIT
// Deadlines: what becomes of durations and points in time. Needs no device.
#include <caps/caps.h>
#include <caps/deadline.hpp>

#include <gtest/gtest.h>

#include <time.h>

#include <cstdint>

namespace {

using namespace std::chrono_literals;
using caps::deadline;

std::uint64_t monotonic_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

TEST(deadline, of_a_duration_counts_from_now_on_the_monotonic_clock) {
    const std::uint64_t before = monotonic_now();
    const std::uint64_t got = deadline(5s).nanoseconds();
    const std::uint64_t after = monotonic_now();
    EXPECT_GE(got, before + 5'000'000'000u);
    EXPECT_LE(got, after + 5'000'000'000u);
}

TEST(deadline, of_a_point_in_time_is_that_point) {
    const deadline::clock::time_point when(123456789ns);
    EXPECT_EQ(deadline(when).nanoseconds(), 123456789u);
}

TEST(deadline, of_zero_has_passed_but_is_not_no_wait) {
    const deadline zero(0s);
    EXPECT_NE(zero, caps::no_wait);
    EXPECT_LE(zero.nanoseconds(), monotonic_now());
}

TEST(deadline, of_less_than_zero_has_passed_but_is_not_no_wait) {
    const deadline negative(-1h), first(deadline::clock::time_point::min());
    const std::uint64_t now = monotonic_now();
    EXPECT_NE(negative, caps::no_wait);
    EXPECT_LE(negative.nanoseconds(), now);
    EXPECT_NE(first, caps::no_wait);
    EXPECT_LE(first.nanoseconds(), now);
}

TEST(deadline, beyond_the_clock_is_for_ever_and_does_not_wrap) {
    EXPECT_EQ(deadline(std::chrono::hours::max()), caps::forever);
    EXPECT_EQ(deadline(std::chrono::nanoseconds::max()), caps::forever);
    EXPECT_EQ(deadline(std::chrono::duration<double>(1e30)), caps::forever);
    EXPECT_LT(deadline(24h * 365 * 100), caps::forever);
}

TEST(deadline, of_a_fraction_is_not_before_it) {
    const std::uint64_t before = monotonic_now();
    EXPECT_GT(deadline(std::chrono::duration<double>(1e-9)).nanoseconds(), before);
}

TEST(deadline, in_c_is_the_same) {
    const std::uint64_t before = monotonic_now();
    const std::uint64_t got = capsu_deadline(1'000'000'000);
    EXPECT_GE(got, before + 1'000'000'000u);
    EXPECT_LE(got, monotonic_now() + 1'000'000'000u);
    EXPECT_EQ(capsu_deadline(INT64_MAX), CAPS_FOREVER);
    EXPECT_NE(capsu_deadline(-1), 0u);
}

TEST(deadline, constants_are_those_of_the_kernel) {
    EXPECT_EQ(caps::forever.nanoseconds(), CAPS_FOREVER);
    EXPECT_EQ(caps::no_wait.nanoseconds(), 0u);
}

} // namespace
