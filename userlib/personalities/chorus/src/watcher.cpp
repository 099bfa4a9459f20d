// SPDX-License-Identifier: MIT
#include "watcher.hpp"

#include "actor.hpp"

#include <chrono>
#include <pthread.h>
#include <signal.h>

namespace chorus {

bool start_thread(void *(*run)(void *), void *argument, std::size_t stack) {
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    pthread_t thread{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // What the C library finds too small it refuses, and its default stays.
    if (stack != 0)
        (void)::pthread_attr_setstacksize(&attributes, stack);
    const int error = ::pthread_create(&thread, &attributes, run, argument);
    ::pthread_attr_destroy(&attributes);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error == 0;
}

void watcher::begin() {
    const std::lock_guard held(lock_);
    if (!started_)
        started_ = start_thread(run, this);
    if (waiting_++ == 0)
        changed_.notify_one();
}

void watcher::end() {
    const std::lock_guard held(lock_);
    waiting_--;
}

void *watcher::run(void *me) {
    static_cast<watcher *>(me)->look_forever();
    return nullptr;
}

void watcher::look_forever() {
    constexpr auto interval = std::chrono::milliseconds(5);
    for (;;) {
        {
            std::unique_lock held(lock_);
            changed_.wait(held, [this] { return waiting_ != 0; });
            // Nobody notifies meanwhile: this is the pause.
            changed_.wait_for(held, interval, [] { return false; });
        }
        home_.abort_where_callers_have_gone();
    }
}

} // namespace chorus
