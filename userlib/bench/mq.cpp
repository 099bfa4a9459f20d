// SPDX-License-Identifier: MIT
// POSIX message queues: one for requests, one for answers.
#include "mechanisms.hpp"

#include <algorithm>
#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

namespace bench::mq {
namespace {

// The name is only needed until the other process has the descriptor.
int make_queue(std::size_t size, long limit) {
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    check(setrlimit(RLIMIT_MSGQUEUE, &none), "RLIMIT_MSGQUEUE");
    mq_attr attributes{};
    attributes.mq_maxmsg = limit;
    attributes.mq_msgsize = static_cast<long>(std::max<std::size_t>(size, 1));
    const int fd =
        check(mq_open("/capsbench", O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open");
    check(mq_unlink("/capsbench"), "mq_unlink");
    check(fcntl(fd, F_SETFD, 0), "F_SETFD"); // the kernel makes it close-on-exec
    return fd;
}

void send(int fd, const buffer &from) {
    check(mq_send(fd, reinterpret_cast<const char *>(from.data()), from.size(), 0), "mq_send");
}

void receive(int fd, const buffer &to) {
    check(mq_receive(fd, reinterpret_cast<char *>(to.data()), to.size(), nullptr), "mq_receive");
}

} // namespace

std::vector<int> prepare(const row &r) {
    return {make_queue(r.request, 2), make_queue(r.answer, 2)};
}

void serve(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    say_ready(self);
    for (;;) {
        receive(self.fds[0], request);
        send(self.fds[1], answer);
    }
}

void call(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    measure(self, [&] {
        send(self.fds[0], request);
        receive(self.fds[1], answer);
    });
}

std::vector<int> prepare_oneway(const row &r) {
    std::vector<int> fds = eventfds::prepare(r);
    fds.push_back(make_queue(r.request, burst));
    return fds;
}

void drain(const side &self) {
    const buffer message(self.row.request);
    say_ready(self);
    for (;;) {
        eventfds::wait(self.fds[0]);
        for (unsigned i = 0; i < burst; i++)
            receive(self.fds[2], message);
        eventfds::signal(self.fds[1]);
    }
}

void send_many(const side &self) {
    const buffer message(self.row.request);
    measure(
        self,
        [&] {
            for (unsigned i = 0; i < burst; i++)
                send(self.fds[2], message);
            eventfds::signal(self.fds[0]);
            eventfds::wait(self.fds[1]);
        },
        burst);
}

} // namespace bench::mq
