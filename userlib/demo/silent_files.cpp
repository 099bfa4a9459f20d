// SPDX-License-Identifier: MIT
// A file system whose files can be opened and mapped, and never read: whoever
// touches such memory waits.

#include "hostile.hpp"

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <cstring>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>

namespace demo {

namespace {

constexpr off_t file_size = 1 << 20;
constexpr double for_long = 3600; // seconds that the kernel may remember
constexpr fuse_ino_t first_file = FUSE_ROOT_ID + 1;
constexpr const char *names[] = {silent_body, silent_answer};
constexpr std::size_t file_count = std::size(names);

bool is_file(fuse_ino_t inode) {
    return inode >= first_file && inode < first_file + file_count;
}

struct stat status_of(fuse_ino_t inode) {
    struct stat status {};
    status.st_ino = inode;
    status.st_nlink = 1;
    status.st_mode = is_file(inode) ? S_IFREG | 0444 : S_IFDIR | 0755;
    status.st_size = is_file(inode) ? file_size : 0;
    return status;
}

void lookup(fuse_req_t request, fuse_ino_t, const char *name) {
    for (std::size_t n = 0; n < file_count; n++)
        if (std::string_view(name) == names[n]) {
            fuse_entry_param entry{};
            entry.ino = first_file + n;
            entry.attr = status_of(entry.ino);
            entry.attr_timeout = for_long;
            entry.entry_timeout = for_long;
            fuse_reply_entry(request, &entry);
            return;
        }
    fuse_reply_err(request, ENOENT);
}

void get_attributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info *) {
    const auto status = status_of(inode);
    fuse_reply_attr(request, &status, for_long);
}

// The heart of the matter: no answer.
void read_nothing(fuse_req_t, fuse_ino_t inode, size_t, off_t, fuse_file_info *) {
    static bool told[file_count];
    const auto file = inode - first_file;
    if (!told[file])
        say("stuck", {{"file", names[file]}});
    told[file] = true;
}

} // namespace

void silent_files(const std::string &place) {
    fuse_lowlevel_ops operations{};
    operations.lookup = lookup;
    operations.getattr = get_attributes;
    operations.read = read_nothing;
    char program[] = "caps-demo", option[] = "-o", others[] = "allow_other";
    char *words[] = {program, option, others, nullptr};
    fuse_args arguments = FUSE_ARGS_INIT(3, words);
    fuse_session *session = fuse_session_new(&arguments, &operations, sizeof(operations), nullptr);
    if (!session || fuse_session_mount(session, place.c_str()) != 0)
        throw std::runtime_error("cannot mount a FUSE file system at " + place);
    say("ready");
    fuse_session_loop(session);
}

} // namespace demo
