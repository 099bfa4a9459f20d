// SPDX-License-Identifier: MIT
// Completing whichever port is first.
//
// What comes by messages the kernel has for all ports at once; a message is handed to the port
// that it came for, and that is tried. Files and devices are tried, too, and waited for together
// with the kernel's device by poll(). A port at which another thread is, is that thread's; a
// message for it is handed over.
#include "inlet.hpp"
#include "process.hpp"

#include <poll.h>

#include <vector>

namespace venter {
/// What there was to try.
struct process::survey {
    int outcome = -EAGAIN;
    bool any_in_midst = false;
    std::vector<pollfd> files;
};

process::survey process::look(int &number, parameters &p) {
    const std::lock_guard looking(looking_);
    survey it;
    const int last = highest_.load(std::memory_order_acquire);
    const int first = static_cast<int>(turn_++ % static_cast<unsigned>(last + 1));
    for (int i = 0; i <= last && it.outcome == -EAGAIN; i++) {
        const int at = (first + i) % (last + 1);
        port &here = table_[static_cast<std::size_t>(at)];
        const std::unique_lock held(here.use, std::try_to_lock);
        if (!held || here.at == nullptr || !here.at->in_midst())
            continue;
        it.any_in_midst = true;
        if (here.at->is_worth_trying()) {
            it.outcome = here.at->complete(p, waiting::no);
            if (it.outcome != -EAGAIN)
                number = at;
        }
        if (here.at->descriptor() >= 0)
            it.files.push_back({here.at->descriptor(), here.at->awaited(), 0});
    }
    return it;
}

int process::complete_any(int &number, parameters &p, waiting how) {
    if (bell_ == 0 && how == waiting::yes) {
        const int error = start_bell();
        if (error != 0)
            return error;
    }
    if (how == waiting::yes)
        waiting_for_any_++;
    // A file that is always ready does not keep messages waiting.
    if (files_ > 0)
        (void)receive_any(waiting::no);
    int outcome = -EAGAIN;
    while (outcome == -EAGAIN) {
        survey seen = look(number, p);
        outcome = seen.outcome;
        if (outcome != -EAGAIN)
            break;
        if (!seen.any_in_midst) {
            outcome = -EDEADLK;
            break;
        }
        const bool can_sleep = how == waiting::yes && seen.files.empty();
        const int error = receive_any(can_sleep ? waiting::yes : waiting::no);
        if (error == 0)
            continue;
        if (error != -EAGAIN || how == waiting::no) {
            outcome = error;
            break;
        }
        seen.files.push_back({device_, POLLIN, 0});
        if (::poll(seen.files.data(), seen.files.size(), -1) < 0)
            outcome = -errno;
    }
    if (how == waiting::yes)
        waiting_for_any_--;
    return outcome;
}

/// A message to the port that it is for; the bodies of those that have one stay in the kernel.
int process::receive_any(waiting how) {
    message it;
    caps_receive r = receive_into(it, nullptr, 0);
    r.port = CAPS_ANY_PORT;
    r.deadline = how == waiting::yes ? CAPS_FOREVER : 0;
    r.flags = CAPS_HOLD;
    const int error = command(device_, CAPS_RECEIVE, &r);
    if (error != 0)
        return error;
    it.header = r.header;
    pass_on(it);
    return 0;
}

void process::pass_on(const message &it) {
    const std::lock_guard held(inlets_lock_);
    inlet *const to = inlets_[it.header.cookie % ports_];
    if (to != nullptr && to->cookie() == it.header.cookie) {
        to->hand(it);
    } else if (it.header.flags & CAPS_HEADER_HELD) {
        caps_discard gone{}; // its port has just been closed
        gone.id = it.header.id;
        (void)command(device_, CAPS_DISCARD, &gone);
    }
}

/// A port that only wakes.
int process::start_bell() {
    const std::lock_guard held(lock_);
    if (bell_ != 0)
        return 0;
    caps_port_enable it{};
    caps_port_create made{};
    int error = command(device_, CAPS_PORT_CREATE, &made);
    it.capability = made.capability;
    if (error == 0)
        error = command(device_, CAPS_PORT_ENABLE, &it);
    if (error == 0)
        bell_ = made.capability;
    return error;
}

void process::wake_any() {
    if (waiting_for_any_.load() == 0)
        return;
    caps_signal look{};
    look.capability = bell_;
    look.bits = 1;
    (void)command(device_, CAPS_SIGNAL, &look);
}

} // namespace venter
