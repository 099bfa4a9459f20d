// SPDX-License-Identifier: MIT
// A thread of a Chorus actor: its current message, and how it is aborted.
//
// threadAbort() must end a wait in the kernel, and one that is about to begin. So the thread
// publishes where the deadline of its command is, looks whether it has been aborted, and makes
// the system call; who aborts it sets the mark, looks for a deadline, and sends a signal, whose
// handler sets that deadline into the past. Whichever comes first: either the mark is seen, or
// the system call begins with a deadline that has passed, or it is interrupted, and then it is
// begun again by the kernel with that deadline, or tells EINTR.
#pragma once

#include "command.hpp"

#include <ipc/chIpc.h>

#include <atomic>
#include <pthread.h>

namespace chorus {

class actor;

/// A message that was received and not yet ended.
struct message {
    caps_header header{};
    int portli = K_NONEPORT;
    unsigned sequence = 0;  // in Chorus' count, see port::first
    bool body_left = false; // for ipcGetData()

    explicit operator bool() const { return header.id != 0; }
    bool is_call() const { return header.kind == CAPS_KIND_CALL; }
};

class thread {
  public:
    /// The calling one, registered with its actor; null where there is no device.
    static thread *enter();

    thread(const thread &) = delete;
    thread &operator=(const thread &) = delete;

    actor &home() const { return home_; }
    KnThreadLid lid() const { return lid_; }

    message &current() { return current_; }
    /// Ends the current message and puts another in its place.
    void replace_current(const message &next);
    /// After it has been written to.
    void current_is_new() {
        serving_.store(current_.is_call() ? current_.header.id : 0, std::memory_order_release);
    }
    /// Ends it, if there is one.
    void drop_current();
    /// There is none any more; what it was lives on elsewhere, or has been ended.
    void forget_current();

    /// A command that may wait until @a deadline, a field of its @a arguments. 0 or a negative
    /// errno: EINTR only if @a abortable and aborted, or if it must not be repeated.
    template <class Arguments>
    int wait(unsigned long number, Arguments &arguments, __u64 &deadline, bool abortable);

    // --- for other threads ---

    /// The call that it serves; 0: none.
    std::uint64_t serving() const { return serving_.load(std::memory_order_acquire); }
    bool in_abortable_wait() const { return deadline_.load() != nullptr; }
    void abort();
    /// The same because the caller of what it serves has gone; once for each call.
    void abort_for(std::uint64_t call) {
        if (told_.exchange(call) != call)
            abort();
    }
    /// Was it aborted? Forgets that.
    bool take_abort() {
        return aborted_.load(std::memory_order_relaxed) && aborted_.exchange(false);
    }

    static void on_signal(int);

  private:
    friend class actor;

    thread(actor &home, KnThreadLid lid) : home_(home), lid_(lid), self_(::pthread_self()) {}

    /// False if it has been aborted already.
    bool begin_abortable(__u64 &deadline);
    void end_abortable();

    actor &home_;
    KnThreadLid lid_;
    pthread_t self_;
    message current_;
    std::atomic<std::uint64_t> serving_{0};
    std::atomic<std::uint64_t> told_{0};
    std::atomic<bool> aborted_{false};
    std::atomic<__u64 *> deadline_{nullptr};
};

/// May a command be given again after a signal that was not threadAbort()'s?
inline bool repeatable(const caps_call &call) {
    return !(call.result & CAPS_RESULT_TAKEN);
}
template <class Arguments>
bool repeatable(const Arguments & /*arguments*/) {
    return true;
}

int device_of(const actor &home);

template <class Arguments>
int thread::wait(unsigned long number, Arguments &arguments, __u64 &deadline, bool abortable) {
    const __u64 until = deadline;
    for (;;) {
        if (abortable && !begin_abortable(deadline))
            return -EINTR;
        const int error = command(device_of(home_), number, &arguments);
        if (abortable)
            end_abortable();
        if (error == 0)
            return 0;
        if (abortable && take_abort())
            return -EINTR;
        if (error != -EINTR || !repeatable(arguments))
            return error;
        deadline = until;
    }
}

} // namespace chorus
