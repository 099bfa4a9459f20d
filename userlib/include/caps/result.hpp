// SPDX-License-Identifier: MIT
// result<T>: a value, or the reason why there is none.
//
// Each operation comes twice: try_receive() returns a result, receive() throws caps::error. They
// do the same and cost the same until something fails.
#ifndef CAPS_RESULT_HPP
#define CAPS_RESULT_HPP

#include <caps/config.hpp>
#include <caps/error.hpp>

#include <utility>

#if CAPSUSER_EXPECTED_STD
#include <expected>
#if !defined(__cpp_lib_expected)
#error "this libcapsuser was built with CAPSUSER_EXPECTED=std: compile with -std=c++23"
#endif
#else
#include <tl/expected.hpp>
#endif

namespace caps {

// Which of the two it is was chosen when the library was built, and recorded in config.hpp: the
// functions in the library return it, so a consumer's -std must not change it.
#if CAPSUSER_EXPECTED_STD
template <class T>
using result = std::expected<T, failure>;
using failed = std::unexpected<failure>;
#else
template <class T>
using result = tl::expected<T, failure>;
using failed = tl::unexpected<failure>;
#endif

/// The value of a result, or its failure as an exception.
template <class T>
T value_or_throw(result<T> &&from) {
    if (!from)
        raise(from.error());
    if constexpr (!std::is_void_v<T>)
        return std::move(*from);
}

} // namespace caps

#endif
