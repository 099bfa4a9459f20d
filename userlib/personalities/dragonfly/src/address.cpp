// SPDX-License-Identifier: MIT
#include "address.hpp"

#include <sys/caps.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace dragonfly {
namespace {

// The cheapest call that reads, or writes, 8 bytes and has no other effect.
constexpr std::size_t word = 8;

bool can_write(void *at) {
    const int before = errno;
    const bool done = ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, at, word) == 0;
    errno = before;
    return done;
}

bool can_read(const void *at) {
    if (at == nullptr)
        return false; // it would mean: none
    const int before = errno;
    constexpr int no_such_way = -1; // EINVAL, once the words have been read
    (void)::syscall(SYS_rt_sigprocmask, no_such_way, at, nullptr, word);
    return std::exchange(errno, before) != EFAULT;
}

bool is_in_names(char it) {
    return (it >= 'a' && it <= 'z') || (it >= 'A' && it <= 'Z') || (it >= '0' && it <= '9') ||
           it == '_' || it == '.';
}

/// The aligned word that it is in is on one page.
const void *word_around(const char *at) {
    return at - reinterpret_cast<std::uintptr_t>(at) % word;
}

} // namespace

bool writable(void *at, std::size_t size) {
    char *const first = static_cast<char *>(at);
    return can_write(first) && (size == word || can_write(first + size - word));
}

int read_name(const char *from, std::string &name) {
    for (const char *at = from; name.size() < CAPS_MAXNAMELEN; at++) {
        const void *const around = word_around(at);
        if ((at == from || around == at) && !can_read(around))
            return -EFAULT;
        if (*at == '\0')
            break;
        name += *at;
    }
    if (name.size() == CAPS_MAXNAMELEN)
        return -ENAMETOOLONG;
    for (const char it : name)
        if (!is_in_names(it))
            return -EINVAL;
    return name.empty() ? -EINVAL : 0;
}

} // namespace dragonfly
