// SPDX-License-Identifier: MIT
#include "file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace venter {
namespace {

int result_of(ssize_t result) {
    return result < 0 ? -errno : 0;
}

} // namespace

file::file(int descriptor, std::uint64_t operations, std::atomic<int> &told)
    : descriptor_(descriptor), operations_(operations), told_(told),
      seekable_(::lseek(descriptor, 0, SEEK_CUR) >= 0) {
    told_.store(descriptor);
    const int flags = ::fcntl(descriptor, F_GETFL);
    (void)::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

file::~file() {
    told_.store(-1);
    ::close(descriptor_);
}

int file::initiate(const parameters &p) {
    const unsigned operation = p.operation & ~operation_flags;
    if (in_midst())
        return -EBUSY;
    if (operation >= 64 || (p.operation & operation_flags & ~IO_SHARABLE))
        return -EINVAL;
    if (!(operations_ & IO_SET(operation)))
        return -EACCES;
    if (operation == IO_CREATE)
        return -EINVAL;
    asked_ = p;
    asked_.operation = operation;
    done_ = 0;
    input_.post(p);
    if (operation == IO_READ && input_.is_made() && !input_.make(p.in_len))
        return -ENOMEM;
    set_midst(true);
    return 0;
}

short file::awaited() const {
    return asked_.operation == IO_READ ? POLLIN : POLLOUT;
}

int file::complete(parameters &p, waiting how) {
    if (!in_midst())
        return -EINVAL;
    int error = step();
    while (error == -EAGAIN && how == waiting::yes) {
        pollfd it{descriptor_, awaited(), 0};
        error = result_of(::poll(&it, 1, -1));
        if (error == 0)
            error = step();
    }
    if (error == -EAGAIN || error == -EINTR)
        return error;
    set_midst(false);
    if (error != 0)
        return error;
    const bool read = asked_.operation == IO_READ;
    p = {asked_.operation, asked_.address,   read ? 0 : done_,
         asked_.out_buf,   read ? done_ : 0, read ? input_.data() : asked_.in_buf};
    return IO_ANSWER;
}

/// -EAGAIN: it is not finished.
int file::step() {
    switch (asked_.operation) {
    case IO_READ:
        return read_once();
    case IO_WRITE:
        return write_some();
    default:
        return result_of(::ftruncate(descriptor_, static_cast<off_t>(asked_.address)));
    }
}

int file::read_once() {
    const auto at = static_cast<off_t>(asked_.address);
    const ssize_t got = seekable_ ? ::pread(descriptor_, input_.data(), input_.room(), at)
                                  : ::read(descriptor_, input_.data(), input_.room());
    done_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    return result_of(got);
}

int file::write_some() {
    const char *const from = static_cast<const char *>(asked_.out_buf);
    while (done_ < asked_.out_len) {
        const auto at = static_cast<off_t>(asked_.address + done_);
        const std::size_t left = asked_.out_len - done_;
        const ssize_t put = seekable_ ? ::pwrite(descriptor_, from + done_, left, at)
                                      : ::write(descriptor_, from + done_, left);
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        done_ += static_cast<std::size_t>(put);
    }
    return 0;
}

} // namespace venter
