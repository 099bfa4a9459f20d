// SPDX-License-Identifier: MIT
// Shared memory with two futexes: data is copied in by one side and out by the
// other, as a program must that trusts the other side with no more than bytes.
#include "mechanisms.hpp"

#include <atomic>
#include <cstring>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench::futexes {
namespace {

struct shared {
    std::atomic<std::uint32_t> request_there;
    alignas(64) std::atomic<std::uint32_t> answer_there;
    alignas(4096) std::byte request[1 << 20];
    std::byte answer[4096];
};

void post(std::atomic<std::uint32_t> &word) {
    word.store(1, std::memory_order_release);
    check(syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0), "FUTEX_WAKE");
}

void take(std::atomic<std::uint32_t> &word) {
    while (word.load(std::memory_order_acquire) == 0)
        if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr, nullptr, 0) == -1 && errno != EAGAIN)
            fail("FUTEX_WAIT");
    word.store(0, std::memory_order_relaxed);
}

shared &map(const side &self) {
    void *at = mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                    self.fds[0], 0);
    if (at == MAP_FAILED)
        fail("mmap");
    return *static_cast<shared *>(at);
}

} // namespace

std::vector<int> prepare(const row &) {
    const int fd = check(memfd_create("capsbench", 0), "memfd_create");
    check(ftruncate(fd, sizeof(shared)), "ftruncate");
    return {fd};
}

void serve(const side &self) {
    shared &memory = map(self);
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    say_ready(self);
    for (;;) {
        take(memory.request_there);
        std::memcpy(request.data(), memory.request, self.row.request);
        std::memcpy(memory.answer, answer.data(), self.row.answer);
        post(memory.answer_there);
    }
}

void call(const side &self) {
    shared &memory = map(self);
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    measure(self, [&] {
        std::memcpy(memory.request, request.data(), self.row.request);
        post(memory.request_there);
        take(memory.answer_there);
        std::memcpy(answer.data(), memory.answer, self.row.answer);
    });
}

} // namespace bench::futexes
