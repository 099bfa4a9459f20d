// SPDX-License-Identifier: MIT
// Annex and body as the kernel takes them. Internal.
#ifndef CAPSUSER_DESCRIBE_HPP
#define CAPSUSER_DESCRIBE_HPP

#include <caps/buffers.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace caps::detail {

// A length that does not fit the kernel's field must not wrap into one that is allowed: the
// largest is refused as EMSGSIZE.
template <class Piece>
::caps_data describe(const Piece &annex, const pieces<Piece> &body) noexcept {
    ::caps_data data{};
    data.annex = reinterpret_cast<std::uintptr_t>(annex.data());
    data.annex_len = static_cast<std::uint32_t>(
        std::min<std::size_t>(annex.size(), std::numeric_limits<std::uint32_t>::max()));
    body.put_into(data);
    return data;
}

} // namespace caps::detail

#endif
