// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <cerrno>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace dragonfly {
namespace {

std::mutex opening_lock;

/// What is open. It is never destroyed: threads may outlive main().
std::set<int> &descriptors() {
    static auto *const all = new std::set<int>;
    return *all;
}

} // namespace

std::mutex &device::opening() {
    return opening_lock;
}

int device::open() {
    const int before = errno;
    const std::lock_guard held(opening_lock);
    fd_ = ::open("/dev/caps", O_RDWR | O_CLOEXEC);
    const int error = errno;
    errno = before;
    if (fd_ >= 0) {
        descriptors().insert(fd_);
        return 0;
    }
    switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
    case EACCES:
    case EPERM:
        return -EOPNOTSUPP;
    default:
        return -error;
    }
}

device::~device() {
    if (fd_ < 0)
        return;
    const std::lock_guard held(opening_lock);
    descriptors().erase(fd_);
    ::close(fd_);
}

void device::close_all_of_parent() {
    for (const int fd : descriptors())
        ::close(fd);
    descriptors().clear();
}

} // namespace dragonfly
