// SPDX-License-Identifier: MIT
// What caps::ring has in flight, and what ends it. Internal.
#ifndef CAPSUSER_RING_HPP
#define CAPSUSER_RING_HPP

#include <caps/caps.h>
#include <caps/descriptor.hpp>
#include <caps/ring.hpp>

#include <deque>
#include <map>
#include <vector>

namespace caps {

/// An operation from its start until its function has been called.
struct ring::one {
    one() = default;
    one(const one &) = delete;
    virtual ~one() = default;

    virtual unsigned command() const noexcept = 0;
    virtual void *argument() noexcept = 0;
    /// Calls the function, if there is one; the last thing done to it.
    virtual void finish(int outcome) = 0;
    /// From now on nobody is told; what comes is dropped.
    virtual void mute() noexcept = 0;

    std::uint64_t name = 0;
    bool canceled = false;
};

struct ring::call_one : one {
    unsigned command() const noexcept override { return CAPS_CALL; }
    void *argument() noexcept override { return &call; }
    void finish(int outcome) override;
    void mute() noexcept override { then = nullptr; }

    int actor = -1;
    outgoing message;
    buffers answer;
    on_reply then;
    result<reply> back;
    ::caps_attachments along{};
    ::caps_call call{};
};

struct ring::receive_one : one {
    unsigned command() const noexcept override { return CAPS_RECEIVE; }
    void *argument() noexcept override { return &receive; }
    void finish(int outcome) override;
    void mute() noexcept override { then = nullptr; }

    int actor = -1;
    buffers body;
    on_message then;
    result<received> got;
    ::caps_receive receive{};
};

/// Whoever carries them out. An operation that has ended is put into the list given to wait(). Its
/// bell, an eventfd, is rung by wake() and silenced by wait().
class ring::engine {
  public:
    struct ended {
        std::uint64_t name;
        int outcome;
    };

    explicit engine(int bell) noexcept : bell_(bell) {}
    engine(const engine &) = delete;
    virtual ~engine() = default;

    virtual path how() const noexcept = 0;
    virtual int poll_fd() const noexcept = 0;
    virtual void start(one &operation) = 0;
    virtual void cancel(one &operation) noexcept = 0;
    /// 0, or a negative errno; without a deadline passed or the bell rung, at least one.
    virtual int wait(deadline until, std::vector<ended> &into) = 0;
    /// Ends all, the last thing done to it. False if some have not ended nevertheless, and the
    /// kernel may still write to them.
    virtual bool stop(std::vector<ended> &into) = 0;
    void wake() const noexcept;

    static std::unique_ptr<engine> open_parked(int bell, int actor, unsigned entries);
    static result<std::unique_ptr<engine>> open_polled(int bell, const actor &of);

  protected:
    /// Has it been rung since it was asked last?
    bool rung() const noexcept;

    const int bell_;
};

struct ring::state {
    state() = default;
    state(const state &) = delete;
    ~state();

    void tell_one();

    descriptor bell;
    std::unique_ptr<class engine> by;
    int actor = -1;
    std::uint64_t last = 0;
    std::map<std::uint64_t, std::unique_ptr<one>> flying;
    std::deque<engine::ended> untold; // ended; of those that are abandoned meanwhile nobody is told
};

} // namespace caps

#endif
