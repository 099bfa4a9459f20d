// SPDX-License-Identifier: MIT
// Generations as files.
#include <caps/generation.hpp>

#include <cerrno>

namespace caps {

result<std::uint64_t> generation_file::try_read() const noexcept {
    std::uint64_t now = 0;
    if (::read(get(), &now, sizeof(now)) != sizeof(now))
        return failed(failure(operation::generation, errno, failure::object_kind::fd,
                              static_cast<std::uint64_t>(get())));
    return now;
}

} // namespace caps
