// SPDX-License-Identifier: MIT
#include "stage.hpp"

#include <csignal>
#include <cstdio>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

namespace demo {

board::board(caps::descriptor fd) : fd_(std::move(fd)) {
    void *place =
        mmap(nullptr, slots * sizeof(counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (place == MAP_FAILED)
        fail("mapping the board");
    counters_ = static_cast<counter *>(place);
}

board board::create() {
    caps::descriptor fd(check(memfd_create("caps-demo", MFD_CLOEXEC), "memfd_create"));
    check(ftruncate(fd.get(), slots * sizeof(counter)), "ftruncate");
    return board(std::move(fd));
}

board board::inherited() {
    return board(caps::descriptor(inherited_fd));
}

void say(const char *event, json details) {
    details["event"] = event;
    std::string line = details.dump() + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

void await_cue() {
    char cue;
    if (read(STDIN_FILENO, &cue, 1) != 1)
        _exit(1);
}

void become(uid_t uid) {
    struct stat node;
    check(stat("/dev/caps", &node), "/dev/caps");
    check(setgroups(1, &node.st_gid), "setgroups");
    check(setresgid(uid, uid, uid), "setresgid");
    check(setresuid(uid, uid, uid), "setresuid");
    // A change of ids clears it, so last: nobody outlives the director.
    check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
}

} // namespace demo
