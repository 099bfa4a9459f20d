// SPDX-License-Identifier: MIT
// What the tests that need /dev/caps have in common: a fixture that skips without it, other
// processes, and time limits so that nothing hangs.
#ifndef CAPSUSER_TESTS_DEVICE_HPP
#define CAPSUSER_TESTS_DEVICE_HPP

#include "process.hpp"

#include <caps/caps.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace test {

using namespace std::chrono_literals;

/// Far beyond what anything takes; only a hang reaches it.
inline caps::deadline soon() {
    return 60s;
}

/// Skips where there is no device: scripts/check counts those as failures.
class device : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/dev/caps", R_OK | W_OK) != 0)
            GTEST_SKIP() << "no /dev/caps that can be opened here";
        me = caps::actor::open();
    }

    caps::actor me;
};

/// Bytes that tell where they belong.
inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((i * 31 + (i >> 12) + seed) & 0xff);
    return bytes;
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// Waits until the condition holds; false if it never does.
template <class F>
bool eventually(F condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

/// A port of its own with the name of a file descriptor, for a process that is forked after it.
struct passed {
    explicit passed(const caps::capability &from) : fd(from.export_fd()) {}
    /// In the other process: an actor of its own, and the capability in it.
    std::pair<caps::actor, caps::capability> take() const {
        caps::actor actor = caps::actor::open();
        caps::capability capability = actor.import_fd(fd.get());
        return {std::move(actor), std::move(capability)};
    }
    caps::descriptor fd;
};

/// Answers so many messages in a thread of its own, each by the function given.
template <class F>
std::jthread serve(const caps::port &port, int messages, F answer) {
    return std::jthread([door = caps::unowned<caps::port>(port), messages, answer] {
        for (int i = 0; i < messages; ++i) {
            auto message = door->try_receive({}, soon());
            if (!message) {
                ADD_FAILURE() << "server: " << message.error().message();
                return;
            }
            answer(*message);
        }
    });
}

} // namespace test

#endif
