// SPDX-License-Identifier: MIT
// The floors: process_vm_readv (one copy between address spaces, no
// signalling), two sched_yield (two address-space switches, no data), and one
// system call that does nothing.
#include "mechanisms.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace bench::copies {
namespace {

struct offer {
    pid_t pid;
    void *base;
};

} // namespace

std::vector<int> prepare(const row &) {
    int fds[2];
    check(pipe(fds), "pipe");
    return {fds[0], fds[1]};
}

void lend(const side &self) {
    const buffer body(self.row.request);
    const offer mine{getpid(), body.data()};
    pipes::write_all(self.fds[1], reinterpret_cast<const std::byte *>(&mine), sizeof mine);
    say_ready(self);
    for (;;)
        pause();
}

void read_remote(const side &self) {
    const buffer body(self.row.request);
    offer theirs{};
    pipes::read_all(self.fds[0], reinterpret_cast<std::byte *>(&theirs), sizeof theirs);
    const iovec to{body.data(), body.size()};
    const iovec from{theirs.base, body.size()};
    measure(self, [&] {
        if (process_vm_readv(theirs.pid, &to, 1, &from, 1, 0) != static_cast<ssize_t>(body.size()))
            fail("process_vm_readv");
    });
}

void yield_forever(const side &self) {
    say_ready(self);
    for (;;)
        sched_yield();
}

// The server yields in between.
void yield(const side &self) {
    measure(self, [] { sched_yield(); });
}

void getppid_only(const side &self) {
    measure(self, [] { syscall(SYS_getppid); });
}

} // namespace bench::copies
