// SPDX-License-Identifier: MIT
// Operations tried again and again, whenever poll(2) says that it may help. A call is an
// asynchronous one, whose answer comes to a port of the ring's own.
#include "ring.hpp"

#include <poll.h>

#include <algorithm>
#include <climits>

namespace caps {

namespace {

// A full queue has nothing to poll: whoever waits for room looks again so often.
constexpr int room_ms = 5;

std::uint64_t now() {
    return deadline(deadline::clock::now()).nanoseconds();
}

int milliseconds_until(std::uint64_t end) {
    if (end == forever.nanoseconds())
        return -1;
    const std::uint64_t at = now();
    if (end <= at)
        return 0;
    return static_cast<int>(std::min<std::uint64_t>((end - at) / 1'000'000 + 1, INT_MAX));
}

} // namespace

class ring::polled_engine final : public ring::engine {
  public:
    polled_engine(const actor &of, port answers) : actor_(of.get()), answers_(std::move(answers)) {}
    ~polled_engine() override;

    path how() const noexcept override { return path::polled; }
    void start(one &operation) override;
    void cancel(one &operation) noexcept override;
    int wait(deadline until, std::vector<ended> &into) override;

  private:
    struct sent_call {
        call_one *by;
        bool canceled;
    };

    int send(call_one &operation);
    int take_answer();
    void try_all();
    void expire();
    int poll_all(deadline until);
    int file_of(std::uint64_t port);

    int actor_;
    port answers_;
    std::map<std::uint64_t, descriptor> files_; // by port
    std::vector<call_one *> unsent_;
    std::map<std::uint64_t, sent_call> sent_; // by the kernel's id
    std::vector<receive_one *> waiting_;      // in order of their starts
    std::vector<ended> done_;
};

ring::polled_engine::~polled_engine() {
    for (const auto &[id, call] : sent_)
        (void)capsu_abort(actor_, id);
}

void ring::polled_engine::start(one &operation) {
    if (operation.command() == CAPS_CALL)
        unsent_.push_back(static_cast<call_one *>(&operation));
    else
        waiting_.push_back(static_cast<receive_one *>(&operation));
}

void ring::polled_engine::cancel(one &operation) noexcept {
    if (std::erase(waiting_, &operation) + std::erase(unsent_, &operation) > 0) {
        done_.push_back({operation.name, -ECANCELED});
        return;
    }
    for (auto &[id, call] : sent_)
        if (call.by == &operation)
            call.canceled = true;
}

// -EAGAIN: there is no room yet.
int ring::polled_engine::send(call_one &operation) {
    const ::caps_call &call = operation.call;
    if (call.deadline == 0)
        return -EINVAL;
    if (call.deadline <= now())
        return -ETIMEDOUT;
    ::caps_send send{};
    send.capability = call.capability;
    send.source = answers_.get();
    send.address = call.address;
    send.data = call.request;
    send.operation = call.operation;
    send.flags = call.flags & ~std::uint32_t{CAPS_DIRECT_REPLY};
    const int outcome = capsu_call_async(actor_, &send);
    if (outcome >= 0)
        sent_.emplace(send.id, sent_call{&operation, false});
    return outcome;
}

int ring::polled_engine::file_of(std::uint64_t port) {
    if (port == CAPS_ANY_PORT)
        return actor_;
    const auto at = files_.find(port);
    if (at != files_.end())
        return at->second.get();
    const int fd = capsu_port_file(actor_, port);
    if (fd >= 0)
        files_.emplace(port, descriptor(fd));
    return fd;
}

// One answer, into the struct of its call; -EAGAIN if there is none.
int ring::polled_engine::take_answer() {
    ::caps_receive next{};
    next.port = answers_.get();
    next.flags = CAPS_HOLD;
    const int outcome = capsu_receive(actor_, &next);
    if (outcome < 0)
        return outcome;
    const ::caps_header &header = next.header;
    auto at = sent_.extract(header.id);
    if (at.empty())
        return header.flags & CAPS_HEADER_HELD ? capsu_discard(actor_, header.id) : 0;
    call_one &one = *at.mapped().by;
    ::caps_call &call = one.call;
    if (header.error != 0) {
        call.result = header.error == ECONNRESET ? CAPS_RESULT_TAKEN : 0;
        done_.push_back({one.name, -header.error});
        return 0;
    }
    ::caps_get_data data{};
    data.id = header.id;
    data.buffer = call.reply;
    const int got = capsu_get_data(actor_, &data);
    call.reply_body_len = header.body_len;
    call.reply_annex_len = header.annex_len;
    call.status = header.status;
    call.result = data.result & CAPS_RESULT_FDS_LOST;
    if (data.copied < header.body_len)
        call.result |= CAPS_RESULT_TRUNCATED;
    if (got < 0)
        call.result = CAPS_RESULT_TAKEN | CAPS_RESULT_ANSWERED;
    (void)capsu_discard(actor_, header.id);
    done_.push_back({one.name, std::min(got, 0)});
    return 0;
}

// Whatever would not wait now.
void ring::polled_engine::try_all() {
    while (take_answer() == 0)
        continue;
    std::erase_if(unsent_, [&](call_one *call) {
        const int outcome = send(*call);
        if (outcome < 0 && outcome != -EAGAIN)
            done_.push_back({call->name, outcome});
        return outcome != -EAGAIN;
    });
    std::erase_if(waiting_, [&](receive_one *one) {
        ::caps_receive now_or_not = one->receive;
        now_or_not.deadline = 0;
        const int outcome = capsu_receive(actor_, &now_or_not);
        if (outcome == -EAGAIN && one->receive.deadline > now())
            return false;
        one->receive.header = now_or_not.header;
        const bool late = outcome == -EAGAIN && one->receive.deadline != 0;
        done_.push_back({one->name, late ? -ETIMEDOUT : outcome});
        return true;
    });
}

// Calls whose time has come, and those that are canceled. An answer that came first wins.
void ring::polled_engine::expire() {
    std::erase_if(sent_, [&](auto &entry) {
        auto &[id, call] = entry;
        const int why = call.canceled ? -ECANCELED : -ETIMEDOUT;
        if (!call.canceled && call.by->call.deadline > now())
            return false;
        const int outcome = capsu_abort(actor_, id);
        if (outcome < 0 || outcome == CAPS_ABORT_ANSWERED)
            return false;
        call.by->call.result = outcome == CAPS_ABORT_AT_SERVER ? CAPS_RESULT_TAKEN : 0;
        done_.push_back({call.by->name, why});
        return true;
    });
}

int ring::polled_engine::poll_all(deadline until) {
    std::uint64_t end = until.nanoseconds();
    std::vector<pollfd> fds;
    const auto add = [&](std::uint64_t port) {
        const int fd = file_of(port);
        if (fd >= 0 && std::ranges::find(fds, fd, &pollfd::fd) == fds.end())
            fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
        return fd;
    };
    for (const receive_one *one : waiting_) {
        if (add(one->receive.port) < 0)
            return 0; // the next try says why
        end = std::min<std::uint64_t>(end, one->receive.deadline);
    }
    add(answers_.get());
    for (const auto &[id, call] : sent_)
        end = std::min<std::uint64_t>(end, call.by->call.deadline);
    int timeout = milliseconds_until(end);
    if (!unsent_.empty())
        timeout = timeout < 0 ? room_ms : std::min(timeout, room_ms);
    if (::poll(fds.data(), fds.size(), timeout) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

int ring::polled_engine::wait(deadline until, std::vector<ended> &into) {
    int outcome = 0;
    for (;;) {
        try_all();
        expire();
        if (!done_.empty() || outcome < 0 || until.nanoseconds() <= now())
            break;
        outcome = poll_all(until);
    }
    into = std::exchange(done_, {});
    return into.empty() ? outcome : 0;
}

result<std::unique_ptr<ring::engine>> ring::engine::open_polled(const actor &of) {
    auto answers = of.try_create_port();
    if (!answers)
        return failed(answers.error());
    return std::unique_ptr<engine>(new polled_engine(of, std::move(*answers)));
}

} // namespace caps
