// SPDX-License-Identifier: MIT
#include "thread.hpp"

#include "actor.hpp"
#include "watcher.hpp"

#include <chorus.h>

#include <signal.h>

namespace chorus {
namespace {

thread_local thread *self = nullptr;

/// Not one that programs or the C library use, or that a debugger stops at.
int abort_signal() {
    return SIGRTMAX - 2;
}

} // namespace

/// Tells the actor when the thread ends.
class thread_guard {
  public:
    ~thread_guard() {
        if (self != nullptr)
            self->home().leave(*self);
        self = nullptr;
    }
    void hold() const {}
};

thread *thread::enter() {
    if (self != nullptr)
        return self;
    actor *const home = actor::mine();
    if (home == nullptr)
        return nullptr;
    static thread_local thread_guard guard;
    guard.hold();
    self = home->join();
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, abort_signal());
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    return self;
}

void forget_thread_of_parent() {
    self = nullptr;
}

void install_abort_handler() {
    struct sigaction action {};
    action.sa_handler = thread::on_signal;
    action.sa_flags = SA_RESTART; // no other system call is to notice
    ::sigemptyset(&action.sa_mask);
    ::sigaction(abort_signal(), &action, nullptr);
}

void thread::on_signal(int /*number*/) {
    if (self == nullptr)
        return;
    // 1: a moment long ago. 0 would mean something else.
    if (__u64 *const deadline = self->deadline_.load())
        *static_cast<volatile __u64 *>(deadline) = 1;
}

void thread::abort() {
    aborted_.store(true);
    if (deadline_.load() != nullptr)
        ::pthread_kill(self_, abort_signal());
}

bool thread::begin_abortable(__u64 &deadline) {
    if (serving() != 0)
        home_.watch().begin();
    deadline_.store(&deadline);
    if (!take_abort())
        return true;
    end_abortable();
    return false;
}

void thread::end_abortable() {
    deadline_.store(nullptr);
    if (serving() != 0)
        home_.watch().end();
}

void thread::drop_current() {
    if (!current_)
        return;
    home_.discard(current_.header.id);
    forget_current();
}

void thread::replace_current(const message &next) {
    drop_current();
    current_ = next;
    current_is_new();
}

void thread::forget_current() {
    current_.header.id = 0;
    serving_.store(0, std::memory_order_release);
}

} // namespace chorus

using chorus::thread;

int actorSelf(KnCap *actorcap) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (actorcap == nullptr)
        return K_EFAULT;
    return self->home().publish(*actorcap);
}

KnThreadLid threadSelf(void) {
    thread *const self = thread::enter();
    return self != nullptr ? self->lid() : K_EFAIL;
}

int threadAbort(KnCap *actorcap, KnThreadLid threadli) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (!self->home().is_me(actorcap))
        return ask(*self, *actorcap, {.kind = chorus::request_kind::thread_abort, .li = threadli})
            .result;
    return self->home().abort(threadli == K_MYSELF ? self->lid() : threadli);
}

int threadDelay(int delay) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    caps_receive nothing{};
    nothing.port = self->home().quiet_port();
    nothing.deadline = chorus::deadline_after(delay);
    const int error = self->wait(CAPS_RECEIVE, nothing, nothing.deadline, true);
    return error == -ETIMEDOUT || error == -EAGAIN ? K_OK : chorus::k_error(error);
}

int threadAborted(void) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    // Nobody has been told yet, perhaps, that the caller has gone.
    if (self->serving() != 0 && self->home().caller_has_gone(self->serving()))
        self->abort_for(self->serving());
    return self->take_abort() ? 1 : 0;
}
