// SPDX-License-Identifier: MIT
// Addresses that a program gave: what the kernel does not touch itself has to be tried, since a
// bad one is EFAULT and not the end of the program.
#pragma once

#include <cstddef>
#include <string>

namespace dragonfly {

/// Can all of it be written? What is there is overwritten in part. At least 8 bytes, and not
/// more than a page.
bool writable(void *at, std::size_t size);

/// A service's name as it was given: 0, or -EFAULT, -ENAMETOOLONG, -EINVAL.
int read_name(const char *from, std::string &name);

} // namespace dragonfly
