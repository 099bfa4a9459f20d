// SPDX-License-Identifier: MIT
// A loop's turn, and what other threads ask of it.
#include <caps/loop.hpp>

namespace caps {

void loop::turn() {
    std::list<std::uint64_t> names;
    {
        const std::scoped_lock guard(asking_);
        names.swap(asked_);
    }
    for (const std::uint64_t name : names)
        ring_.cancel(name);
    if (ring_.in_flight() == 0)
        throw std::system_error(EDEADLK, std::generic_category(),
                                "caps::loop: the task waits for nothing that is in flight");
    ring_.run();
}

// A ring that is woken between two runs does not wait in the second.
void loop::cancel_soon(std::list<std::uint64_t> &ticket) noexcept {
    {
        const std::scoped_lock guard(asking_);
        asked_.splice(asked_.end(), ticket);
    }
    ring_.wake();
}

const port &loop::silent_port() {
    if (!silent_)
        silent_ = of_->create_port();
    return silent_;
}

} // namespace caps
