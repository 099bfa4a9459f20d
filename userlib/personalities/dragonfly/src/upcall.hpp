// SPDX-License-Identifier: MIT
// What upcid stands for, and the thread that each port has which was opened with one.
//
// For a function the thread gets each message and calls it. For an eventfd it waits until
// something comes to the port, and adds 1.
#pragma once

#include "port.hpp"

#include <sys/caps_event.h>

#include <condition_variable>

namespace dragonfly {

struct upcall {
    upcall() = default;
    upcall(const upcall &) = delete;
    upcall &operator=(const upcall &) = delete;
    ~upcall();

    caps_upcall_t function = nullptr;
    void *data = nullptr;
    int eventfd = -1; ///< instead; a duplicate
};

class caller {
  public:
    caller(std::shared_ptr<const upcall> what, std::shared_ptr<port> where)
        : upcall_(std::move(what)), port_(std::move(where)) {}

    /// 0, or a negative errno. The thread keeps it alive.
    static int start(const std::shared_ptr<caller> &it, int portid);
    /// The port is closed: the function has returned, unless it is what closes, and is not
    /// called again.
    void finish();

  private:
    static void *run(void *it);
    void call_with_all();
    void call(void *msg, int size, caps_msgid_t msgid, caps_cred_t ccr, int word);
    void count_events();

    std::shared_ptr<const upcall> upcall_;
    std::shared_ptr<port> port_;
    int portid_ = 0;

    std::mutex lock_; // of what follows
    std::condition_variable returned_;
    bool calling_ = false;
    bool finished_ = false;
};

} // namespace dragonfly
