// SPDX-License-Identifier: MIT
// Messages that the library has received and the program has not.
//
// poll(2) looks at the kernel's queues only, so as long as there are any a signal (a bit that
// is set in the default port) stands for them there, once somebody may be polling.
#pragma once

#include "command.hpp"
#include "device.hpp"

#include <sys/caps.h>

#include <deque>

namespace dragonfly {

struct kept_message {
    caps_msg_state_t state = CAPMS_DISPOSE;
    caps_header header{};
    bool held = false;  ///< the kernel has it by header.id: body and identity are there
    bool shown = false; ///< the program knows of it, but had no room
    int word = 0;       ///< what errno says of an empty reply
};

/// A port's; its lock is held in every call.
class kept_messages {
  public:
    explicit kept_messages(const device &of) : device_(of) {}

    bool empty() const { return all_.empty(); }
    void push_back(const kept_message &it);
    void push_front(const kept_message &it);
    kept_message pop();
    /// Take the one with this id out, if there is one.
    bool remove(std::uint64_t id, kept_message *it = nullptr);
    bool has(std::uint64_t id) const;

    /// From now on somebody may be polling.
    void begin_polling();
    /// The port is readable for ever.
    void stay_readable();
    /// The signal was received.
    void signal_taken();

  private:
    void set_signal();
    void take_signal_back();

    const device &device_;
    std::deque<kept_message> all_;
    bool polled_ = false;
    bool signalled_ = false;
    bool for_ever_ = false;
};

} // namespace dragonfly
