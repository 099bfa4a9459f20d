// SPDX-License-Identifier: MIT
// Tells threads that wait that the caller of what they serve has gone.
//
// The kernel says so with a notice in the port through which the call came, but the thread
// waits somewhere else, and perhaps nobody receives from that port. Only while some thread that
// serves a call is in an abortable wait, this looks every few milliseconds.
#pragma once

#include <condition_variable>
#include <mutex>

namespace chorus {

class actor;

class watcher {
  public:
    explicit watcher(actor &home) : home_(home) {}

    /// A thread that serves a call begins, or ends, an abortable wait.
    void begin();
    void end();

  private:
    static void *run(void *me);
    void look_forever();

    actor &home_;
    std::mutex lock_;
    std::condition_variable changed_;
    unsigned waiting_ = 0;
    bool started_ = false;
};

/// A detached thread that takes no signals.
bool start_thread(void *(*run)(void *), void *argument, std::size_t stack = 0);

} // namespace chorus
