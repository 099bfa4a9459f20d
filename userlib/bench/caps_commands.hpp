// SPDX-License-Identifier: MIT
// What the rows of ports need of the bare ABI.
#pragma once

#include "bench.hpp"

#include <fcntl.h>
#include <linux/caps.h>
#include <sys/ioctl.h>

namespace bench::caps {

template <typename T>
void command(int fd, unsigned long number, T &argument, const char *what) {
    check(ioctl(fd, number, &argument), what);
}

inline int open_actor() {
    return check(open("/dev/caps", O_RDWR | O_CLOEXEC), "/dev/caps");
}

inline std::uint64_t address(const void *at) {
    return reinterpret_cast<std::uint64_t>(at);
}

inline caps_data body(const buffer &from, std::size_t size) {
    caps_data data{};
    data.body = from.address();
    data.body_len = size;
    return data;
}

// To the server of the row.
std::uint64_t connect(int fd);
caps_call make_call(std::uint64_t capability, const caps_data &request, const caps_data &answer);

} // namespace bench::caps
