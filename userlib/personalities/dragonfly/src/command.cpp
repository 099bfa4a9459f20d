// SPDX-License-Identifier: MIT
#include "command.hpp"

#include <cerrno>
#include <sys/ioctl.h>
#include <utility>

namespace dragonfly {

int command(int fd, unsigned long number, void *arguments) {
    const int before = errno;
    return ::ioctl(fd, number, arguments) == 0 ? 0 : -std::exchange(errno, before);
}

int to_program(int error) {
    switch (-error) {
    case EPIPE:
    case EKEYREVOKED:
    case ECONNRESET:
        return -ENOTCONN;
    case EBADF:
    case EIDRM:
    case EBUSY:
    case ENOMSG:
        return -EINVAL;
    default:
        return error;
    }
}

} // namespace dragonfly
