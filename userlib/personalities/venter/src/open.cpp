// SPDX-License-Identifier: MIT
#include "open.hpp"

#include "process.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace venter {
namespace {

constexpr std::string_view word = "caps service ";
constexpr std::size_t max_published = 128;

struct service {
    std::string name;
    uid_t uid;
};

bool parse_uid(std::string_view text, uid_t &uid) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
    return error == std::errc{} && end == text.data() + text.size() && uid != CAPS_ANY_ID;
}

/// "caps service NAME UID\n"
std::optional<service> parse_published(std::string_view text) {
    if (text.size() < word.size() || text.substr(0, word.size()) != word || text.back() != '\n')
        return {};
    text = text.substr(word.size(), text.size() - word.size() - 1);
    const std::size_t space = text.find(' ');
    service it{};
    if (space == text.npos || !parse_uid(text.substr(space + 1), it.uid))
        return {};
    it.name = text.substr(0, space);
    return it;
}

/// Is it the word of its owner? Nobody else may write there, either.
bool is_trusted(const struct stat &file, const service &it) {
    return file.st_uid == it.uid && (file.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// 0: there is none; 1: @a it; -EPERM: not by the owner of the file.
int find_published(const char *path, service &it) {
    struct stat file {};
    // Other things than files are not to be touched in vain.
    if (::stat(path, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size > off_t{max_published})
        return 0;
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    std::array<char, max_published> text{};
    const bool is_file = ::fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
    const ssize_t size = is_file ? ::read(fd, text.data(), text.size()) : 0;
    ::close(fd);
    const auto found =
        size > 0 ? parse_published({text.data(), static_cast<std::size_t>(size)}) : std::nullopt;
    if (!found)
        return 0;
    it = *found;
    return is_trusted(file, it) ? 1 : -EPERM;
}

std::uint64_t deadline_after(int milliseconds) {
    if (milliseconds <= 0)
        return CAPS_FOREVER; // at once or not at all, else
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
           static_cast<std::uint64_t>(now.tv_nsec) +
           static_cast<std::uint64_t>(milliseconds) * 1000000u;
}

int open_service(const process &home, std::string_view name, std::optional<uid_t> uid,
                 std::uint64_t desired, int milliseconds, opening &it) {
    const std::array<std::uint32_t, 2> trusted{::geteuid(), 0};
    caps_connect c{};
    c.name = address_of(name.data());
    c.name_len = static_cast<std::uint32_t>(name.size());
    c.uid = uid.value_or(CAPS_ANY_ID);
    c.gid = CAPS_ANY_ID;
    if (!uid) {
        c.trusted = address_of(trusted.data());
        c.trusted_count = trusted.size();
    }
    c.flags = milliseconds == 0 ? CAPS_CONNECT_NOWAIT : 0;
    c.verdict = deadline_after(milliseconds);
    c.operations = desired;
    const int error = command(home.device(), CAPS_CONNECT, &c);
    it.what = opening::kind::client;
    it.handle = c.capability;
    it.operations = c.operations;
    return error;
}

/// Those that a descriptor of this mode has.
std::uint64_t operations_of(int mode) {
    const std::uint64_t write = IO_SET(IO_WRITE) | IO_SET(IO_RESIZE);
    return (mode != O_WRONLY ? IO_SET(IO_READ) : 0) | (mode != O_RDONLY ? write : 0);
}

int open_file(const char *path, std::uint64_t desired, opening &it) {
    const bool whatever = desired == IO_ALL_OPERATIONS;
    const int create = !whatever && (desired & IO_SET(IO_CREATE)) ? O_CREAT : 0;
    it.what = opening::kind::file;
    int error = -EINVAL; // neither to read nor to write
    for (const int mode : {O_RDONLY, O_WRONLY, O_RDWR}) {
        const std::uint64_t has = operations_of(mode);
        const std::uint64_t wanted = desired & operations_of(O_RDWR);
        // All that are wanted, but the least that has them; or what there is, below.
        if (whatever || wanted == 0 || (wanted & ~has) != 0)
            continue;
        it.descriptor = ::open(path, mode | create | O_CLOEXEC | O_NOCTTY, 0666);
        it.operations = wanted;
        return it.descriptor < 0 ? -errno : 0;
    }
    for (const int mode : {O_RDWR, O_RDONLY, O_WRONLY}) {
        if (!whatever)
            break;
        it.descriptor = ::open(path, mode | O_CLOEXEC | O_NOCTTY);
        it.operations = operations_of(mode);
        error = it.descriptor < 0 ? -errno : 0;
        if (error != -EACCES && error != -EROFS && error != -EISDIR)
            break;
    }
    return error;
}

} // namespace

int open_object(const process &home, const char *object, std::uint64_t desired, int milliseconds,
                opening &it) {
    if (object == nullptr)
        return -EFAULT;
    const std::string_view name(object);
    if (name.find('/') != name.npos) {
        service found{};
        const int published = find_published(object, found);
        if (published < 0)
            return published;
        return published == 0
                   ? open_file(object, desired, it)
                   : open_service(home, found.name, found.uid, desired, milliseconds, it);
    }
    const std::size_t at = name.find('@');
    uid_t uid = 0;
    if (at == name.npos)
        return open_service(home, name, {}, desired, milliseconds, it);
    if (!parse_uid(name.substr(at + 1), uid))
        return -EINVAL;
    return open_service(home, name.substr(0, at), uid, desired, milliseconds, it);
}

/// In place of an older one of the same user, or of nothing.
int publish(const char *name, const char *path) {
    if (path == nullptr)
        return -EFAULT;
    std::string fresh(path);
    if (fresh.find('/') == fresh.npos)
        return -EINVAL;
    fresh += ".XXXXXX";
    const std::string text = std::string(word) + name + ' ' + std::to_string(::geteuid()) + '\n';
    const int fd = ::mkostemp(fresh.data(), O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    int error = written && ::fchmod(fd, 0444) == 0 ? 0 : -errno;
    ::close(fd);
    service old{};
    if (error == 0 && ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path, RENAME_NOREPLACE) != 0)
        error = -errno;
    if (error == -EEXIST && find_published(path, old) == 1 && old.uid == ::geteuid())
        error = ::rename(fresh.c_str(), path) == 0 ? 0 : -errno;
    if (error != 0)
        ::unlink(fresh.c_str());
    return error;
}

} // namespace venter
