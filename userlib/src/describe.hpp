// SPDX-License-Identifier: MIT
// Annex, body and what goes along, as the kernel takes them. Internal.
#ifndef CAPSUSER_DESCRIBE_HPP
#define CAPSUSER_DESCRIBE_HPP

#include <caps/attachments.hpp>
#include <caps/buffers.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

namespace caps::detail {

// A length that does not fit the kernel's field must not wrap into one that is allowed: the
// largest is refused as EMSGSIZE.
inline std::uint32_t count_of(std::size_t size) noexcept {
    return static_cast<std::uint32_t>(
        std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
}

template <class Piece, class Pieces>
::caps_data describe(const Piece &annex, const Pieces &body) noexcept {
    ::caps_data data{};
    data.annex = reinterpret_cast<std::uintptr_t>(annex.data());
    data.annex_len = count_of(annex.size());
    body.put_into(data);
    return data;
}

// What goes along with a message or an answer; along is written only if there is any, and must live
// until the operation returns.
template <class Message>
::caps_data describe(const Message &message, ::caps_attachments &along) noexcept {
    ::caps_data data = describe(message.annex, message.body);
    if (!message.capabilities.empty() || !message.fds.empty()) {
        along = {};
        along.capabilities = reinterpret_cast<std::uintptr_t>(message.capabilities.data());
        along.fds = reinterpret_cast<std::uintptr_t>(message.fds.data());
        along.capability_count = count_of(message.capabilities.size());
        along.fd_count = count_of(message.fds.size());
        data.attachments = reinterpret_cast<std::uintptr_t>(&along);
    }
    return data;
}

} // namespace caps::detail

#endif
