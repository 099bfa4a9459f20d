// SPDX-License-Identifier: MIT
// From unique identifiers to capabilities, seen from inside.
#include "chorus_test.hpp"

#include "command.hpp"
#include "directory.hpp"

#include <fcntl.h>

#include <set>

namespace chorus_test {
namespace {

class directory_test : public chorus_test {
  protected:
    void SetUp() override {
        chorus_test::SetUp();
        device_ = ::open("/dev/caps", O_RDWR | O_CLOEXEC);
    }
    void TearDown() override { ::close(device_); }

    std::uint64_t capabilities() const {
        caps_actor_info info{};
        EXPECT_EQ(chorus::command(device_, CAPS_ACTOR_INFO, &info), 0);
        return info.capabilities;
    }

    int device_ = -1;
};

TEST_F(directory_test, TheFirstUseConnectsAndLaterOnesDoNot) {
    const a_port port;
    chorus::directory directory(device_);
    const std::uint64_t before = capabilities();
    std::set<std::uint64_t> used;
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(directory.with(port.ui, [&](std::uint64_t it) { return used.insert(it), 0; }), 0);
    EXPECT_EQ(used.size(), 1U);
    EXPECT_EQ(capabilities(), before + 1);
}

TEST_F(directory_test, WhatComesOfANameIsTheRightToSendAndNoMore) {
    const a_port port;
    chorus::directory directory(device_);
    EXPECT_EQ(directory.with(port.ui,
                             [&](std::uint64_t capability) {
                                 caps_capability_info info{};
                                 info.capability = capability;
                                 const int error =
                                     chorus::command(device_, CAPS_CAPABILITY_INFO, &info);
                                 EXPECT_TRUE(info.rights & CAPS_RIGHT_SEND);
                                 EXPECT_FALSE(info.rights & CAPS_RIGHT_MANAGE);
                                 return error;
                             }),
              0);
}

TEST_F(directory_test, ACapabilityThatTurnsOutWorthlessIsReplacedOnce) {
    const a_port port;
    chorus::directory directory(device_);
    int uses = 0;
    const auto fail = [&](std::uint64_t /*capability*/) { return uses++, -EKEYREVOKED; };
    EXPECT_EQ(directory.with(port.ui, fail), -EPIPE);
    EXPECT_EQ(uses, 1); // it was new: looking again would find the same
    EXPECT_EQ(directory.with(port.ui, [](std::uint64_t /*it*/) { return 0; }), 0);
    const std::uint64_t before = capabilities();
    uses = 0;
    EXPECT_EQ(directory.with(port.ui, fail), -EPIPE);
    EXPECT_EQ(uses, 2);
    EXPECT_EQ(capabilities(), before - 1); // neither of them is left
}

TEST_F(directory_test, AMessageThatWasDeletedIsNotSentAgain) {
    const a_port port;
    chorus::directory directory(device_);
    EXPECT_EQ(directory.with(port.ui, [](std::uint64_t /*it*/) { return 0; }), 0);
    const std::uint64_t before = capabilities();
    int uses = 0;
    const auto fail = [&](std::uint64_t /*capability*/) { return uses++, -EPIPE; };
    EXPECT_EQ(directory.with(port.ui, fail), -EPIPE);
    EXPECT_EQ(uses, 1); // the port lives
    EXPECT_EQ(capabilities(), before);
}

TEST_F(directory_test, OnlySoManyAreKept) {
    const std::array<a_port, 9> ports;
    chorus::directory directory(device_, 4);
    const std::uint64_t before = capabilities();
    for (int turn = 0; turn < 2; turn++)
        for (const a_port &port : ports) {
            EXPECT_EQ(directory.with(port.ui, [](std::uint64_t /*it*/) { return 0; }), 0);
            EXPECT_LE(capabilities(), before + 4);
        }
}

} // namespace
} // namespace chorus_test
