// SPDX-License-Identifier: MIT
// Operations tried again and again, whenever poll(2) says that it may help. A call is an
// asynchronous one, whose answer comes to a port of the ring's own.
#include "ring.hpp"
#include "ring_files.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace caps {

namespace {

// A full queue has nothing to poll: whoever waits for room looks again so often.
constexpr std::uint64_t room_ns = 5'000'000;

std::uint64_t now() {
    return deadline(deadline::clock::now()).nanoseconds();
}

} // namespace

class ring::polled_engine final : public ring::engine {
  public:
    polled_engine(int bell, const actor &of, port answers) noexcept
        : engine(bell), actor_(of.get()), answers_(std::move(answers)), files_(actor_) {}
    int open() { return files_.open(bell_, answers_.get()); }
    path how() const noexcept override { return path::polled; }
    int poll_fd() const noexcept override { return files_.get(); }
    void start(one &operation) override;
    void cancel(one &operation) noexcept override;
    int wait(deadline until, std::vector<ended> &into) override;
    bool stop(std::vector<ended> &into) override;

  private:
    struct sent_call {
        call_one *by;
        bool canceled;
    };

    int send(call_one &operation);
    int take_answer();
    void try_all();
    void expire();
    void watch();

    int actor_;
    port answers_;
    ring_files files_;
    std::vector<call_one *> unsent_;
    std::map<std::uint64_t, sent_call> sent_; // by the kernel's id
    std::vector<receive_one *> waiting_;      // in order of their starts
    std::vector<ended> done_;
};

bool ring::polled_engine::stop(std::vector<ended> &into) {
    for (const auto &[id, call] : sent_)
        (void)capsu_abort(actor_, id);
    into = std::exchange(done_, {});
    return true;
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
    send.relative = call.relative;
    send.address = call.address;
    send.data = call.request;
    send.operation = call.operation;
    send.flags = call.flags & ~std::uint32_t{CAPS_DIRECT_REPLY};
    const int outcome = capsu_call_async(actor_, &send);
    if (outcome >= 0)
        sent_.emplace(send.id, sent_call{&operation, false});
    return outcome;
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
    const std::uint64_t at = now();
    std::set<std::pair<__u64, __u64>> full; // who waits there stays in order
    std::erase_if(unsent_, [&](call_one *call) {
        const std::pair where(call->call.capability, call->call.relative);
        if (call->call.deadline > at && full.contains(where))
            return false;
        const int outcome = send(*call);
        if (outcome == -EAGAIN)
            full.insert(where);
        else if (outcome < 0)
            done_.push_back({call->name, outcome});
        return outcome != -EAGAIN;
    });
    std::set<std::uint64_t> empty; // where the next one need not ask again
    std::erase_if(waiting_, [&](receive_one *one) {
        if (one->receive.deadline > at && empty.contains(one->receive.port))
            return false;
        ::caps_receive now_or_not = one->receive;
        now_or_not.deadline = 0;
        const int outcome = capsu_receive(actor_, &now_or_not);
        if (outcome == -EAGAIN && one->receive.deadline > at) {
            empty.insert(one->receive.port);
            return false;
        }
        one->receive.header = now_or_not.header;
        const bool late = outcome == -EAGAIN && one->receive.deadline != 0;
        done_.push_back({one->name, late ? -ETIMEDOUT : outcome});
        return true;
    });
}

// Calls whose time has come, and those that are canceled. An answer that came first wins.
void ring::polled_engine::expire() {
    const std::uint64_t at = now();
    std::erase_if(sent_, [&](auto &entry) {
        auto &[id, call] = entry;
        const int why = call.canceled ? -ECANCELED : -ETIMEDOUT;
        if (!call.canceled && call.by->call.deadline > at)
            return false;
        const int outcome = capsu_abort(actor_, id);
        if (outcome == -EINTR || outcome == CAPS_ABORT_ANSWERED)
            return false;
        call.by->call.result = outcome == CAPS_ABORT_AT_SERVER ? CAPS_RESULT_TAKEN : 0;
        done_.push_back({call.by->name, outcome < 0 ? outcome : why});
        return true;
    });
}

// The set's file becomes readable when it makes sense to try again.
void ring::polled_engine::watch() {
    std::uint64_t next = forever.nanoseconds();
    bool all = true;
    for (const receive_one *one : waiting_) {
        all = files_.want(one->receive.port) && all;
        next = std::min<std::uint64_t>(next, one->receive.deadline);
    }
    for (const auto &[id, call] : sent_)
        next = std::min<std::uint64_t>(next, call.by->call.deadline);
    if (!unsent_.empty() || !all)
        next = std::min(next, now() + room_ns);
    files_.set_timer(next);
}

int ring::polled_engine::wait(deadline until, std::vector<ended> &into) {
    bool woken = false;
    int outcome = 0;
    for (deadline turn = no_wait;; turn = until) {
        outcome = files_.wait(turn);
        woken = rung() || woken;
        try_all();
        expire();
        watch();
        if (!done_.empty() || woken || outcome < 0 || until.nanoseconds() <= now())
            break;
    }
    into = std::exchange(done_, {});
    return into.empty() ? outcome : 0;
}

result<std::unique_ptr<ring::engine>> ring::engine::open_polled(int bell, const actor &of) {
    auto answers = of.try_create_port();
    if (!answers)
        return failed(answers.error());
    auto polled = std::make_unique<polled_engine>(bell, of, std::move(*answers));
    const int outcome = polled->open();
    if (outcome < 0)
        return failed(failure(operation::open, -outcome, failure::object_kind::actor,
                              static_cast<std::uint64_t>(of.get())));
    return polled;
}

} // namespace caps
