// SPDX-License-Identifier: MIT
// What client and server say to each other. A question is a batch of names, or of uids in decimal,
// one a line; the answer has a line of the file for each, empty where there is no such user.
#ifndef USER_DATABASE_PROTOCOL_HPP
#define USER_DATABASE_PROTOCOL_HPP

#include <cstddef>
#include <cstdint>

namespace user_database {

inline constexpr const char *service_name = "users";

/// The operations of the service.
enum operation : unsigned {
    by_name = 0,
    by_uid = 1,
    count = 2, ///< what the service has done: struct counts, as an annex
};

struct counts {
    std::uint64_t calls;
    std::uint64_t keys;        ///< names and uids looked up
    std::uint64_t connections; ///< at present
    std::uint64_t yours;       ///< calls of the connection that asks
};

/// Bytes of a question or an answer; and how many keys surely fit.
inline constexpr std::size_t room = std::size_t{64} * 1024;
inline constexpr std::size_t batch_limit = 256;

} // namespace user_database

#endif
