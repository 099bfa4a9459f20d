// SPDX-License-Identifier: MIT
#include "port.hpp"

#include <cerrno>

namespace dragonfly {

int port::over() const {
    if (closed_)
        return -EINVAL;
    return dead_ && requests_ == 0 && kept_.empty() ? -ENOTCONN : 0;
}

/// One of those who sleep; if there is nothing for it, it wakes the next. An upcall's thread,
/// which may be polling, is told of the end.
void port::wake() {
    if (asleep_ == 0 && !(closed_ && waits_for_all_))
        return;
    caps_signal it{};
    it.capability = closed_ ? CAPS_DEFAULT_PORT : main_;
    it.bits = 1;
    (void)command(device_.fd(), CAPS_SIGNAL, &it);
}

void port::keep(const kept_message &it, bool wakes) {
    const std::lock_guard held(lock_);
    kept_.push_back(it);
    if (wakes || waits_for_all_)
        wake();
}

void port::note_death() {
    dead_ = true;
    const std::lock_guard held(lock_);
    if (requests_ == 0)
        kept_.stay_readable();
    wake();
}

/// The kernel said so of a request: has the server gone, or has it only dropped that?
void port::look_whether_dead() {
    caps_generation it{};
    it.capability = connection_;
    if (command(device_.fd(), CAPS_GENERATION, &it) != 0)
        note_death();
}

void port::request_is_back() {
    if (--requests_ != 0 || !dead_)
        return;
    const std::lock_guard held(lock_);
    kept_.stay_readable();
    wake();
}

int port::poll_fd() {
    const std::lock_guard held(lock_);
    kept_.begin_polling();
    return device_.fd();
}

int port::set_generation(caps_gen_t number) {
    caps_generation_set it{};
    it.capability = main_;
    it.generation = static_cast<std::uint64_t>(number);
    return to_program(command(device_.fd(), CAPS_GENERATION_SET, &it));
}

/// Of a server that has gone: the last that was read.
int port::generation(caps_gen_t &number) {
    if (is_service_)
        return -EINVAL;
    caps_generation it{};
    it.capability = connection_;
    const int error = command(device_.fd(), CAPS_GENERATION, &it);
    if (error == 0)
        known_generation_ = static_cast<caps_gen_t>(it.generation);
    number = known_generation_;
    return error == -EPIPE || error == -EKEYREVOKED ? 0 : to_program(error);
}

void port::close() {
    caps_port_ref it{};
    it.capability = main_;
    closed_ = true;
    // Those who sleep at the main port are told by its end, others by a signal.
    (void)command(device_.fd(), CAPS_PORT_DELETE, &it);
    const std::lock_guard held(lock_);
    wake();
}

} // namespace dragonfly
