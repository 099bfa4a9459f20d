// SPDX-License-Identifier: MIT
// Operations parked in the kernel by io_uring. The only place that knows liburing. A call for which
// there is no room yet is tried again: io_uring would let a worker wait, one of a few, and that
// also for the answer, while all calls after it stand behind.
#include "ring.hpp"

#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

namespace caps {

namespace {

// Operations are counted from 1.
constexpr std::uint64_t nobody = 0;
constexpr std::uint64_t bell_name = ~std::uint64_t{0};
constexpr std::uint64_t timer_name = bell_name - 1;

// A full queue has nothing to wait for: so often so many calls look again. When others have their
// answers, some look at once.
constexpr long long room_ns = 5'000'000;
constexpr std::size_t many = 64;
constexpr std::size_t some = 2;

} // namespace

class ring::parked_engine final : public ring::engine {
  public:
    parked_engine(int bell, int actor) noexcept : engine(bell), actor_(actor) {}
    ~parked_engine() override;

    bool open(unsigned entries) noexcept;
    path how() const noexcept override { return path::parked; }
    int poll_fd() const noexcept override { return ring_.ring_fd; }
    void start(one &operation) override;
    void cancel(one &operation) noexcept override;
    int wait(deadline until, std::vector<ended> &into) override;
    bool stop(std::vector<ended> &into) override;

  private:
    bool works() noexcept;
    io_uring_sqe *entry() noexcept;
    void command(unsigned command, void *argument, std::uint32_t flags,
                 std::uint64_t name) noexcept;
    void await_bell() noexcept;
    void issue(one &operation) noexcept;
    int unpark(one &operation) const noexcept;
    void retry(std::size_t most) noexcept;
    void await_room(one &operation);
    void await_timer() noexcept;
    void tick(std::vector<ended> &into);
    void drain(std::vector<ended> &into);
    void finish(std::uint64_t name, int outcome, std::vector<ended> &into);

    int actor_;
    bool open_ = false;
    bool ending_ = false;
    bool woken_ = false;
    bool timed_ = false;
    std::unordered_map<std::uint64_t, one *> flying_;
    std::deque<one *> unsent_; // of these, those that nobody has room for
    std::vector<ended> done_;  // canceled among them
    __kernel_timespec pause_{.tv_sec = 0, .tv_nsec = room_ns};
    io_uring ring_{};
};

bool ring::parked_engine::open(unsigned entries) noexcept {
    io_uring_params params{};
    params.flags = IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * entries;
    open_ = ::io_uring_queue_init_params(entries, &ring_, &params) == 0;
    if (!open_ || !works())
        return false;
    await_bell();
    return true;
}

// A ring can be had where it cannot be entered (seccomp), or may carry no commands (a security
// module): one that does nothing is the proof.
bool ring::parked_engine::works() noexcept {
    ::caps_query query{};
    io_uring_cqe *cqe = nullptr;
    command(CAPS_QUERY, &query, 0, nobody);
    // One that fails may have queued it all the same; the ring's end takes it away.
    if (::io_uring_submit(&ring_) != 1 || ::io_uring_wait_cqe(&ring_, &cqe) != 0)
        return false;
    const bool good = cqe->res == 0;
    ::io_uring_cqe_seen(&ring_, cqe);
    return good;
}

ring::parked_engine::~parked_engine() {
    if (open_)
        ::io_uring_queue_exit(&ring_);
}

// The ring ends in the background, so what it would write to is ended before. Other rings of the
// actor go on. Last come, first gone: the kernel finds the last at once.
bool ring::parked_engine::stop(std::vector<ended> &into) {
    ending_ = true;
    while (!unsent_.empty())
        cancel(*unsent_.front());
    (void)::io_uring_submit(&ring_);
    for (int outcome = 0; !flying_.empty() && outcome >= 0;) {
        std::vector<one *> all;
        for (const auto &[name, operation] : flying_)
            all.push_back(operation);
        std::ranges::sort(all, std::ranges::greater{}, &one::name);
        for (one *const operation : all)
            unpark(*operation);
        std::vector<ended> last;
        outcome = wait(deadline(std::chrono::milliseconds(10)), last);
        into.insert(into.end(), last.begin(), last.end());
    }
    into.insert(into.end(), done_.begin(), done_.end());
    return flying_.empty();
}

io_uring_sqe *ring::parked_engine::entry() noexcept {
    io_uring_sqe *sqe = ::io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        (void)::io_uring_submit(&ring_);
        sqe = ::io_uring_get_sqe(&ring_);
    }
    return sqe;
}

// liburing 2.3 has no helper for commands yet.
void ring::parked_engine::command(unsigned command, void *argument, std::uint32_t flags,
                                  std::uint64_t name) noexcept {
    io_uring_sqe *sqe = entry();
    ::caps_uring area{};
    area.argument = reinterpret_cast<std::uintptr_t>(argument);
    area.flags = flags;
    *sqe = {};
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = actor_;
    sqe->cmd_op = command;
    sqe->user_data = name;
    std::memcpy(sqe->cmd, &area, sizeof area);
}

// Once, and again when it has rung.
void ring::parked_engine::await_bell() noexcept {
    io_uring_sqe *sqe = entry();
    ::io_uring_prep_poll_add(sqe, bell_, POLLIN);
    sqe->user_data = bell_name;
}

void ring::parked_engine::start(one &operation) {
    flying_.emplace(operation.name, &operation); // the last that may throw
    if (operation.command() == CAPS_CALL)
        static_cast<call_one &>(operation).call.flags |= CAPS_NOWAIT_QUEUE;
    issue(operation);
}

void ring::parked_engine::issue(one &operation) noexcept {
    command(operation.command(), operation.argument(), CAPS_URING_PARK, operation.name);
}

void ring::parked_engine::retry(std::size_t most) noexcept {
    for (; most > 0 && !unsent_.empty(); --most) {
        one &next = *unsent_.front();
        unsent_.pop_front();
        issue(next);
    }
}

void ring::parked_engine::await_room(one &operation) {
    unsent_.push_back(&operation);
    if (!timed_)
        await_timer();
}

void ring::parked_engine::await_timer() noexcept {
    timed_ = true;
    io_uring_sqe *sqe = entry();
    ::io_uring_prep_timeout(sqe, &pause_, 0, 0);
    sqe->user_data = timer_name;
}

// It runs as long as some are unsent. Not all are tried, but all have their deadlines.
void ring::parked_engine::tick(std::vector<ended> &into) {
    const std::uint64_t now = deadline(deadline::clock::now()).nanoseconds();
    std::erase_if(unsent_, [&](one *operation) {
        if (static_cast<call_one *>(operation)->call.deadline > now)
            return false;
        flying_.erase(operation->name);
        into.push_back({operation->name, -ETIMEDOUT});
        return true;
    });
    timed_ = false;
    retry(many);
    if (!unsent_.empty())
        await_timer();
}

int ring::parked_engine::unpark(one &operation) const noexcept {
    ::caps_unpark unpark{};
    unpark.argument = reinterpret_cast<std::uintptr_t>(operation.argument());
    return capsu_unpark(actor_, &unpark);
}

void ring::parked_engine::cancel(one &operation) noexcept {
    operation.canceled = true;
    if (std::erase(unsent_, &operation) > 0) {
        flying_.erase(operation.name);
        done_.push_back({operation.name, -ECANCELED});
        return;
    }
    (void)::io_uring_submit(&ring_);
    (void)unpark(operation);
}

void ring::parked_engine::finish(std::uint64_t name, int outcome, std::vector<ended> &into) {
    const auto at = flying_.find(name);
    if (at == flying_.end())
        return; // memory was short the last time, in the midst of what had ended
    one &operation = *at->second;
    if (outcome == -EAGAIN && operation.command() == CAPS_CALL) {
        if (!operation.canceled && !ending_)
            return await_room(operation);
        outcome = -ECANCELED;
    }
    flying_.erase(at);
    into.push_back({name, outcome});
    retry(some);
}

// Submitting, which is a system call only then, also lets the kernel deliver what its queue had no
// room for.
void ring::parked_engine::drain(std::vector<ended> &into) {
    io_uring_cqe *cqe = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    into.reserve(into.size() + ::io_uring_cq_ready(&ring_) + unsent_.size());
    io_uring_for_each_cqe(&ring_, head, cqe) {
        count++;
        if (cqe->user_data == bell_name) {
            woken_ = rung() || woken_;
            await_bell();
        } else if (cqe->user_data == timer_name) {
            tick(into);
        } else if (cqe->user_data != nobody) {
            finish(cqe->user_data, cqe->res, into);
        }
    }
    ::io_uring_cq_advance(&ring_, count);
    (void)::io_uring_submit(&ring_);
}

int ring::parked_engine::wait(deadline until, std::vector<ended> &into) {
    int outcome = ::io_uring_submit(&ring_);
    drain(into);
    into.insert(into.end(), done_.begin(), done_.end());
    done_.clear();
    while (outcome >= 0 && into.empty() && !woken_) {
        io_uring_cqe *cqe = nullptr;
        __kernel_timespec left{};
        if (until == forever) {
            outcome = ::io_uring_wait_cqe(&ring_, &cqe);
        } else {
            const auto now = deadline(deadline::clock::now());
            if (until <= now)
                return 0;
            const std::uint64_t ns = until.nanoseconds() - now.nanoseconds();
            left.tv_sec = static_cast<long long>(ns / 1'000'000'000);
            left.tv_nsec = static_cast<long long>(ns % 1'000'000'000);
            outcome = ::io_uring_wait_cqe_timeout(&ring_, &cqe, &left);
        }
        if (outcome == -EINTR || outcome == -ETIME)
            outcome = 0;
        drain(into);
    }
    woken_ = false;
    return outcome < 0 ? outcome : 0;
}

std::unique_ptr<ring::engine> ring::engine::open_parked(int bell, int actor, unsigned entries) {
    auto parked = std::make_unique<parked_engine>(bell, actor);
    if (!parked->open(entries))
        return nullptr;
    return parked;
}

} // namespace caps
