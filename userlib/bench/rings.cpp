// SPDX-License-Identifier: MIT
// Many round trips in flight, through io_uring on both sides: calls to a port,
// and packets over as many AF_UNIX pairs.
#include "mechanisms.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <liburing.h>
#include <linux/caps.h>
#include <poll.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench::rings {
namespace {

constexpr unsigned flight = 64;
constexpr std::uint32_t operation = 1;
constexpr std::string_view service = "capsbench-ring";

class ring {
  public:
    ring() {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        done(io_uring_queue_init_params(4 * flight, &ring_, &params), "io_uring_setup");
    }
    ~ring() { io_uring_queue_exit(&ring_); }
    ring(const ring &) = delete;
    ring &operator=(const ring &) = delete;

    io_uring_sqe *entry(std::uint64_t name) {
        io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr)
            throw std::runtime_error("no room in the ring");
        *sqe = {};
        sqe->user_data = name;
        return sqe;
    }

    // liburing 2.3 has no helper for commands yet.
    io_uring_sqe *command(int fd, unsigned number, void *argument, std::uint32_t flags,
                          std::uint64_t name) {
        caps_uring area{};
        area.argument = reinterpret_cast<std::uint64_t>(argument);
        area.flags = flags;
        io_uring_sqe *sqe = entry(name);
        sqe->opcode = IORING_OP_URING_CMD;
        sqe->fd = fd;
        sqe->cmd_op = number;
        std::memcpy(sqe->cmd, &area, sizeof area);
        return sqe;
    }

    // What commands with IORING_URING_CMD_FIXED have their bodies in.
    void lend(const buffer &all) {
        const iovec whole{all.data(), all.size()};
        done(io_uring_register_buffers(&ring_, &whole, 1), "io_uring_register");
    }

    // Submits, waits for so many, and hands each that is there to then(name, result).
    template <typename F>
    unsigned turn(unsigned least, F &&then) {
        done(io_uring_submit_and_wait(&ring_, least), "io_uring_enter");
        io_uring_cqe *cqe = nullptr;
        unsigned head = 0;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            count++;
            then(cqe->user_data, cqe->res);
        }
        io_uring_cq_advance(&ring_, count);
        return count;
    }

  private:
    static void done(int result, const char *what) {
        if (result < 0)
            throw std::system_error(-result, std::generic_category(), what);
    }

    io_uring ring_{};
};

void succeed(int result, const char *what) {
    if (result < 0)
        throw std::system_error(-result, std::generic_category(), what);
}

template <typename T>
void command(int fd, unsigned long number, T &argument, const char *what) {
    check(ioctl(fd, number, &argument), what);
}

std::uint64_t address(const void *at) {
    return reinterpret_cast<std::uint64_t>(at);
}

caps_data body(const buffer &all, unsigned index, std::size_t size) {
    caps_data data{};
    data.body = all.address() + index * size;
    data.body_len = size;
    return data;
}

int open_actor() {
    return check(open("/dev/caps", O_RDWR | O_CLOEXEC), "/dev/caps");
}

int offer_service() {
    const int fd = open_actor();
    caps_port_create port{};
    port.queue_limit = 4 * flight;
    command(fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
    caps_port_enable enable{};
    enable.capability = port.capability;
    command(fd, CAPS_PORT_ENABLE, enable, "CAPS_PORT_ENABLE");
    caps_register name{};
    name.port = port.capability;
    name.name = address(service.data());
    name.name_len = service.size();
    name.operations = CAPS_ALL_OPERATIONS;
    command(fd, CAPS_REGISTER, name, "CAPS_REGISTER");
    return fd;
}

std::uint64_t connect(int fd) {
    caps_connect to{};
    to.name = address(service.data());
    to.name_len = service.size();
    to.uid = geteuid();
    to.operations = CAPS_ALL_OPERATIONS;
    command(fd, CAPS_CONNECT, to, "CAPS_CONNECT");
    return to.capability;
}

// Else the rows that park are those that poll.
bool can_park() {
    const int fd = open_actor();
    caps_query query{};
    command(fd, CAPS_QUERY, query, "CAPS_QUERY");
    close(fd);
    return (query.features & CAPS_FEATURE_PARK) != 0;
}

// Messages of one actor, without anything parked: poll, then take all.
class polled {
  public:
    polled(ring &by, int fd, std::uint64_t port, std::size_t room)
        : by_(by), fd_(fd), room_(room), all_(room * flight) {
        batch_.port = port;
        batch_.deadline = CAPS_FOREVER;
        batch_.entries = address(entries_.data());
        batch_.count = flight;
        for (unsigned i = 0; i < flight; i++)
            entries_[i].buffer = body(all_, i, room_);
    }

    void arm() {
        io_uring_sqe *sqe = by_.entry(poll_name);
        io_uring_prep_poll_add(sqe, fd_, POLLIN);
        sqe->user_data = poll_name;
        sqe->flags |= IOSQE_IO_LINK;
        by_.command(fd_, CAPS_RECEIVE_BATCH, &batch_, CAPS_URING_NOWAIT, batch_name);
    }

    // To be told of each completion; calls then(header) for what was received.
    template <typename F>
    void completed(std::uint64_t name, int result, F &&then) {
        if (name == poll_name)
            succeed(result, "poll");
        if (name != batch_name)
            return;
        if (result != -EAGAIN)
            succeed(result, "CAPS_RECEIVE_BATCH");
        for (unsigned i = 0; result == 0 && i < batch_.received; i++)
            then(entries_[i].header);
        arm();
    }

  private:
    static constexpr std::uint64_t poll_name = 1000;
    static constexpr std::uint64_t batch_name = 1001;

    ring &by_;
    int fd_;
    std::size_t room_;
    buffer all_;
    caps_receive_batch batch_{};
    std::array<caps_receive, flight> entries_{};
};

} // namespace

void serve(const side &self) {
    if (!can_park())
        return serve_polled(self);
    const int fd = offer_service();
    const buffer requests(self.row.request * flight);
    const buffer answer(self.row.answer);
    std::array<caps_reply_receive, flight> turns{};
    ring by;
    for (unsigned i = 0; i < flight; i++) {
        turns[i].reply.data = body(answer, 0, self.row.answer);
        turns[i].receive.deadline = CAPS_FOREVER;
        turns[i].receive.buffer = body(requests, i, self.row.request);
        by.command(fd, CAPS_REPLY_RECEIVE, &turns[i], CAPS_URING_PARK, i);
    }
    say_ready(self);
    for (;;) {
        by.turn(1, [&](std::uint64_t i, int result) {
            succeed(result, "CAPS_REPLY_RECEIVE");
            turns[i].reply.id = turns[i].receive.header.id;
            by.command(fd, CAPS_REPLY_RECEIVE, &turns[i], CAPS_URING_PARK, i);
        });
    }
}

namespace {

// By @flags of the commands, and of their entries.
void call_in_flight(const side &self, std::uint32_t flags, std::uint32_t entry_flags) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answers(self.row.answer * flight);
    const std::uint64_t capability = connect(fd);
    std::array<caps_call, flight> calls{};
    for (unsigned i = 0; i < flight; i++) {
        calls[i].capability = capability;
        calls[i].deadline = CAPS_FOREVER;
        calls[i].operation = operation;
        calls[i].request = body(request, 0, self.row.request);
        calls[i].reply = body(answers, i, self.row.answer);
    }
    ring by;
    if ((entry_flags & IORING_URING_CMD_FIXED) != 0)
        by.lend(request);
    measure(
        self,
        [&] {
            for (unsigned i = 0; i < flight; i++)
                by.command(fd, CAPS_CALL, &calls[i], flags, i)->uring_cmd_flags = entry_flags;
            for (unsigned left = flight; left > 0;)
                left -=
                    by.turn(left, [](std::uint64_t, int result) { succeed(result, "CAPS_CALL"); });
        },
        flight);
}

} // namespace

void call(const side &self) {
    if (!can_park())
        return call_polled(self);
    call_in_flight(self, CAPS_URING_PARK, 0);
}

// Where nothing can be parked a few workers wait.
void call_pinned(const side &self) {
    call_in_flight(self, can_park() ? CAPS_URING_PARK : 0, 0);
}

void call_registered(const side &self) {
    call_in_flight(self, can_park() ? CAPS_URING_PARK : 0, IORING_URING_CMD_FIXED);
}

void serve_polled(const side &self) {
    const int fd = offer_service();
    const buffer answer(self.row.answer);
    std::array<caps_reply, flight> replies{};
    ring by;
    polled from(by, fd, CAPS_ANY_PORT, self.row.request);
    from.arm();
    say_ready(self);
    for (;;) {
        by.turn(1, [&](std::uint64_t name, int result) {
            unsigned next = 0;
            if (name < flight)
                succeed(result, "CAPS_REPLY");
            from.completed(name, result, [&](const caps_header &header) {
                replies[next] = {};
                replies[next].id = header.id;
                replies[next].data = body(answer, 0, self.row.answer);
                by.command(fd, CAPS_REPLY, &replies[next], 0, next);
                next++;
            });
        });
    }
}

void call_polled(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    caps_port_enable enable{};
    enable.capability = CAPS_DEFAULT_PORT;
    command(fd, CAPS_PORT_ENABLE, enable, "CAPS_PORT_ENABLE");
    caps_send one{};
    one.capability = connect(fd);
    one.operation = operation;
    one.data = body(request, 0, self.row.request);
    std::array<caps_send, flight> sends;
    sends.fill(one);
    ring by;
    polled from(by, fd, CAPS_ANY_PORT, self.row.answer);
    from.arm();
    measure(
        self,
        [&] {
            unsigned left = flight;
            for (unsigned i = 0; i < flight; i++)
                by.command(fd, CAPS_CALL_ASYNC, &sends[i], 0, i);
            while (left > 0) {
                by.turn(1, [&](std::uint64_t name, int result) {
                    if (name < flight)
                        succeed(result, "CAPS_CALL_ASYNC");
                    from.completed(name, result, [&](const caps_header &) { left--; });
                });
            }
        },
        flight);
}

std::vector<int> prepare_pairs(const row &) {
    std::vector<int> fds;
    for (unsigned i = 0; i < flight; i++) {
        int pair[2];
        check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair");
        fds.push_back(pair[0]);
        fds.push_back(pair[1]);
    }
    return fds;
}

void serve_pairs(const side &self) {
    const buffer requests(self.row.request * flight);
    const buffer answer(self.row.answer);
    ring by;
    const auto arm = [&](std::uint64_t i) {
        io_uring_sqe *sqe = by.entry(i);
        io_uring_prep_recv(sqe, self.fds[2 * i + 1], requests.data() + i * self.row.request,
                           self.row.request, 0);
        sqe->user_data = i;
    };
    for (unsigned i = 0; i < flight; i++)
        arm(i);
    say_ready(self);
    for (;;) {
        by.turn(1, [&](std::uint64_t i, int result) {
            succeed(result, "a packet");
            if (i >= flight)
                return;
            io_uring_sqe *sqe = by.entry(i);
            io_uring_prep_send(sqe, self.fds[2 * i + 1], answer.data(), self.row.answer, 0);
            sqe->user_data = flight;
            arm(i);
        });
    }
}

void call_pairs(const side &self) {
    const buffer request(self.row.request);
    const buffer answers(self.row.answer * flight);
    ring by;
    measure(
        self,
        [&] {
            for (unsigned i = 0; i < flight; i++) {
                io_uring_prep_send(by.entry(0), self.fds[2 * i], request.data(), self.row.request,
                                   0);
                io_uring_prep_recv(by.entry(0), self.fds[2 * i],
                                   answers.data() + i * self.row.answer, self.row.answer, 0);
            }
            for (unsigned left = 2 * flight; left > 0;)
                left -=
                    by.turn(left, [](std::uint64_t, int result) { succeed(result, "a packet"); });
        },
        flight);
}

} // namespace bench::rings
