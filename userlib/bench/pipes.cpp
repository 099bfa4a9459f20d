// SPDX-License-Identifier: MIT
// Pairs of pipes, and pairs of eventfds.
#include "mechanisms.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace bench {

namespace pipes {

// Request pipe, then answer pipe; read end, then write end.
std::vector<int> prepare(const row &) {
    int request[2];
    int answer[2];
    check(pipe(request), "pipe");
    check(pipe(answer), "pipe");
    return {request[0], request[1], answer[0], answer[1]};
}

void read_all(int fd, std::byte *to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = check(read(fd, to, size), "read");
        if (got == 0)
            throw std::runtime_error("the peer has gone");
        to += got;
        size -= static_cast<std::size_t>(got);
    }
}

void write_all(int fd, const std::byte *from, std::size_t size) {
    while (size > 0) {
        const ssize_t put = check(write(fd, from, size), "write");
        from += put;
        size -= static_cast<std::size_t>(put);
    }
}

void serve(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    say_ready(self);
    for (;;) {
        read_all(self.fds[0], request.data(), self.row.request);
        write_all(self.fds[3], answer.data(), self.row.answer);
    }
}

void call(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    measure(self, [&] {
        write_all(self.fds[1], request.data(), self.row.request);
        read_all(self.fds[2], answer.data(), self.row.answer);
    });
}

} // namespace pipes

namespace eventfds {

std::vector<int> prepare(const row &) {
    return {check(eventfd(0, 0), "eventfd"), check(eventfd(0, 0), "eventfd")};
}

void signal(int fd) {
    const std::uint64_t one = 1;
    if (write(fd, &one, sizeof one) != sizeof one)
        fail("write to eventfd");
}

void wait(int fd) {
    std::uint64_t count = 0;
    if (read(fd, &count, sizeof count) != sizeof count)
        fail("read of eventfd");
}

void serve(const side &self) {
    say_ready(self);
    for (;;) {
        wait(self.fds[0]);
        signal(self.fds[1]);
    }
}

void call(const side &self) {
    measure(self, [&] {
        signal(self.fds[0]);
        wait(self.fds[1]);
    });
}

} // namespace eventfds

} // namespace bench
