// SPDX-License-Identifier: MIT
#include "kept.hpp"

#include <algorithm>

namespace dragonfly {

void kept_messages::push_back(const kept_message &it) {
    all_.push_back(it);
    set_signal();
}

void kept_messages::push_front(const kept_message &it) {
    all_.push_front(it);
    set_signal();
}

kept_message kept_messages::pop() {
    const kept_message first = all_.front();
    all_.pop_front();
    take_signal_back();
    return first;
}

bool kept_messages::remove(std::uint64_t id, kept_message *it) {
    const auto found =
        std::ranges::find_if(all_, [id](const kept_message &one) { return one.header.id == id; });
    if (found == all_.end())
        return false;
    if (it != nullptr)
        *it = *found;
    all_.erase(found);
    take_signal_back();
    return true;
}

bool kept_messages::has(std::uint64_t id) const {
    return std::ranges::any_of(all_, [id](const kept_message &one) { return one.header.id == id; });
}

void kept_messages::begin_polling() {
    polled_ = true;
    set_signal();
}

void kept_messages::stay_readable() {
    for_ever_ = true;
    set_signal();
}

void kept_messages::signal_taken() {
    signalled_ = false;
    set_signal();
}

void kept_messages::set_signal() {
    if (!polled_ || signalled_ || (all_.empty() && !for_ever_))
        return;
    caps_signal it{};
    it.capability = CAPS_DEFAULT_PORT;
    it.bits = 1;
    signalled_ = command(device_.fd(), CAPS_SIGNAL, &it) == 0;
}

/// Nothing is kept any more. What else is in the default port is a DISPOSE; if it is its turn,
/// it is kept, and the signal stays for it.
void kept_messages::take_signal_back() {
    if (!signalled_ || for_ever_ || !all_.empty())
        return;
    caps_receive in{};
    in.port = CAPS_DEFAULT_PORT;
    if (command(device_.fd(), CAPS_RECEIVE, &in) != 0)
        return;
    if (in.header.kind == CAPS_KIND_SIGNAL) {
        signalled_ = false;
        return;
    }
    kept_message it;
    it.header = in.header;
    all_.push_back(it);
}

} // namespace dragonfly
