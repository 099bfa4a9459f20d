// SPDX-License-Identifier: MIT
// What to do about each errno of each operation. Internal.
#ifndef CAPSUSER_REMEDY_HPP
#define CAPSUSER_REMEDY_HPP

#include <caps/error.hpp>

#include <string_view>

namespace caps::detail {

/// A sentence for a person, terminated, never empty.
std::string_view remedy(operation what, int code, bool taken, bool answered) noexcept;

} // namespace caps::detail

#endif
