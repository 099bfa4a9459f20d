// SPDX-License-Identifier: MIT
// What every part of the demo shares: who plays, what server and clients say to
// each other, and two helpers.
#pragma once

#include <caps/descriptor.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <unistd.h>

namespace demo {

using clock = std::chrono::steady_clock;

/// The ids that the roles run under, counted from one that the user may choose.
struct people {
    uid_t first = 1001;

    uid_t server() const { return first - 1; }
    uid_t client(unsigned n) const { return first + n; }
    uid_t mallory() const { return first + 4; }
};

inline constexpr const char *client_names[] = {"alice", "bob", "carol", "dave"};
inline constexpr unsigned client_count = 4;

/// The digest service: its name, and what one can ask it for. Connections are
/// granted the first operation only.
inline constexpr const char *digest_service = "demo.digest";
inline constexpr unsigned operation_digest = 0;
inline constexpr unsigned operation_reset = 1;
inline constexpr std::uint64_t granted_operations = std::uint64_t{1} << operation_digest;

/// What the digest server answers, over either mechanism: the digest and who it
/// was told is asking.
struct digest_answer {
    std::uint8_t digest[32];
    std::uint32_t pid;
    std::uint32_t uid;
};

/// What a server reads at once.
inline constexpr std::size_t chunk_size = std::size_t{256} << 10;

[[noreturn]] inline void fail(const std::string &what, int error = errno) {
    throw std::system_error(error, std::generic_category(), what);
}

/// A negative result is an error.
template <class Number>
Number check(Number result, const char *what) {
    if (result < 0)
        fail(what);
    return result;
}

} // namespace demo
