// SPDX-License-Identifier: MIT
// A port of the kernel's, through which messages for one io-port come.
//
// A thread that completes any port takes messages for all of them ("receive from any"), so one
// may have a message for which another thread waits at its port. It hands it over: puts it
// down here, and if somebody waits wakes that one by a signal of the kernel's to the port.
// Messages are handed over without their bodies, which the kernel keeps.
#pragma once

#include "command.hpp"
#include "end.hpp"

#include <array>
#include <deque>
#include <mutex>

namespace venter {

class process;

struct message {
    caps_header header{};
    std::array<char, 64> annex{};
    std::size_t body_put = 0; // bytes of the body that are where they were wanted

    template <class T>
    bool annex_is(T &it) const {
        static_assert(sizeof(T) <= sizeof(annex));
        if (header.annex_len != sizeof(T))
            return false;
        __builtin_memcpy(&it, annex.data(), sizeof(T));
        return true;
    }
};

/// A place for a message, whose body goes to @a body.
caps_receive receive_into(message &it, char *body, std::size_t size);

class inlet {
  public:
    explicit inlet(process &home) : home_(home) {}
    inlet(const inlet &) = delete;
    inlet &operator=(const inlet &) = delete;
    ~inlet();

    int create(int number);
    /// One of the kernel's that is there already.
    void adopt(std::uint64_t handle, std::uint64_t cookie);

    std::uint64_t handle() const { return handle_; }
    std::uint64_t cookie() const { return cookie_; }
    /// From now on it takes part when any port is waited for.
    int take_part();

    /// The next message. -EAGAIN, -EINTR and so on.
    int receive(message &it, char *body, std::size_t size, waiting how);
    /// The same, after an answer; @a reply.id is 0 if that was given.
    int answer_and_receive(caps_reply &reply, message &it, char *body, std::size_t size);

    void hand(const message &it);
    bool has_handed() const { return handed_count_.load(std::memory_order_acquire) != 0; }

  private:
    bool take_handed(message &it);
    bool begin_wait(message &it);
    void end_wait();

    process &home_;
    std::uint64_t handle_ = 0;
    std::uint64_t cookie_ = 0;
    bool takes_part_ = false;
    std::mutex lock_; // of what follows
    std::deque<message> handed_;
    bool waited_for_ = false;
    std::atomic<unsigned> handed_count_{0};
};

} // namespace venter
