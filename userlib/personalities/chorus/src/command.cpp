// SPDX-License-Identifier: MIT
#include "command.hpp"

#include <ctime>

namespace chorus {

int k_error(int error) {
    switch (-error) {
    case 0:
        return K_OK;
    case EINVAL:
        return K_EINVAL;
    case EFAULT:
        return K_EFAULT;
    case EPERM:
    case EACCES:
        return K_EPRIV;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return K_ENOMEM;
    case EAGAIN:
    case EDQUOT:
        return K_EFULL;
    case EMSGSIZE:
        return K_ETOOMUCH;
    case EIDRM:
        return K_ENOPORT;
    case ETIMEDOUT:
        return K_ETIMEOUT;
    case EINTR:
        return K_EABORT;
    case EBUSY:
    case EEXIST:
        return K_EBUSY;
    default:
        // The port, its owner or the caller is not there, or not any more.
        return K_EUNKNOWN;
    }
}

std::uint64_t deadline_after(int delay) {
    if (delay < 0)
        return CAPS_FOREVER;
    if (delay == 0)
        return 0;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 * nanoseconds_per_millisecond +
           static_cast<std::uint64_t>(now.tv_nsec) +
           static_cast<std::uint64_t>(delay) * nanoseconds_per_millisecond;
}

} // namespace chorus
