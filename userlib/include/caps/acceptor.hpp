// SPDX-License-Identifier: MIT
// Who is connected to a service, and what the server keeps of each. Not part of caps.hpp.
#ifndef CAPS_ACCEPTOR_HPP
#define CAPS_ACCEPTOR_HPP

#include <caps/message.hpp>
#include <caps/service.hpp>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace caps {

namespace detail {

/// In a handler of exceptions: what is being handled, as a reason that a client can be given.
inline int current_reason() noexcept {
    try {
        throw;
    } catch (const std::system_error &error) {
        const auto &code = error.code();
        const bool is_errno =
            code.category() == std::generic_category() || code.category() == std::system_category();
        if (is_errno && code.value() > 0 && code.value() < 512)
            return code.value();
    } catch (const std::bad_alloc &) {
        return ENOMEM;
    } catch (...) { // whatever else it may be
        return EIO;
    }
    return EIO;
}

} // namespace detail

/// Makes a State for each connection, finds it by the badge of each message, and destroys it when
/// the connection has ended:
///
///     caps::acceptor<session> clients;
///     auto name = door.register_service("desk", clients.asking({.world = true}));
///     for (;;) {
///         auto message = door.receive(room, caps::forever, caps::receive_flags::hold);
///         if (!clients.take(message))
///             message.reply(answer_to(message, *clients.of(message)));
///     }
///
/// As many threads as receive from the port may do this at once. The service asks who may connect,
/// so a state is there before the connection is, and no thread can have a message of it too early.
/// Its end is told after all of its messages were received and none is held any more: that is why
/// one-way messages have to be held, too. All the time between no other thread ends the state.
///
/// Only connections have one: badges that the server chose itself are its own to know about.
template <class State>
class acceptor {
  public:
    using pointer = std::shared_ptr<State>;
    /// Decides about a message of kind::application: returns the state, and in the verdict what is
    /// granted (but for the badge, which is the kernel's). nullptr turns the client away with
    /// EACCES, an exception with its errno (ENOMEM for std::bad_alloc, EIO for what is no
    /// std::system_error). Also asked for connections that came here along with a port, with the
    /// first message of each; there the verdict changes nothing.
    using admission = std::function<pointer(const received &from, verdict &grant)>;

    /// Lets everybody in for whom a State(message) or State() can be made, as long as there are no
    /// more than so many: one more is EUSERS.
    explicit acceptor(std::size_t most = std::numeric_limits<std::size_t>::max())
        : acceptor(make, most) {}
    explicit acceptor(admission admit, std::size_t most = std::numeric_limits<std::size_t>::max())
        : admit_(std::move(admit)), most_(most) {}
    acceptor(acceptor &&) = delete;

    /// To be registered with.
    static service_options asking(service_options with = {}) noexcept {
        with.ask = with.disconnected = true;
        with.connected = false;
        return with;
    }

    /// Does what there is to do about connections. True if the message was about one: it has ended
    /// then. Clients that left or were turned away are no failure.
    bool take(received &message) {
        switch (message.kind()) {
        case kind::application:
            decide(message);
            return true;
        case kind::disconnected:
            return forget(message.badge());
        default:
            return false;
        }
    }

    /// Of the connection that a message came through, which has to be held. nullptr if it came
    /// through none.
    pointer of(const received &message) {
        if ((message.badge() & CAPS_BADGE_KERNEL) == 0)
            return {};
        {
            const std::shared_lock guard(lock_);
            const auto found = states_.find(message.badge());
            if (found != states_.end())
                return found->second;
        }
        return message.held() ? make_late(message) : pointer();
    }

    std::size_t size() const {
        const std::shared_lock guard(lock_);
        return states_.size();
    }

  private:
    static pointer make(const received &from, verdict & /*grant*/) {
        if constexpr (std::constructible_from<State, const received &>)
            return std::make_shared<State>(from);
        else
            return std::make_shared<State>();
    }

    // The state first: once the client is accepted, its messages can come at any time.
    void decide(received &application) {
        verdict grant;
        int reason = 0;
        try {
            reason = enter(application.badge(), admit_(application, grant));
        } catch (...) {
            reason = detail::current_reason();
        }
        if (reason != 0) {
            (void)application.try_reject(reason);
        } else {
            const auto badge = application.badge();
            grant.badge.reset();
            if (!application.try_accept(grant)) // it has gone, and nothing will tell of its end
                (void)forget(badge);
        }
        (void)application.try_discard();
    }

    int enter(std::uint64_t badge, pointer state) {
        if (!state)
            return EACCES;
        const std::unique_lock guard(lock_);
        if (states_.size() >= most_)
            return EUSERS;
        states_.emplace(badge, std::move(state));
        return 0;
    }

    // Two threads may get here with two messages: the first one's stays.
    pointer make_late(const received &message) {
        verdict unused;
        pointer state = admit_(message, unused);
        if (!state)
            throw std::system_error(EACCES, std::generic_category());
        const std::unique_lock guard(lock_);
        return states_.emplace(message.badge(), std::move(state)).first->second;
    }

    // Destroyed after the lock was given back.
    bool forget(std::uint64_t badge) {
        std::unique_lock guard(lock_);
        auto state = states_.extract(badge);
        guard.unlock();
        return !state.empty();
    }

    admission admit_;
    std::size_t most_;
    mutable std::shared_mutex lock_;
    std::unordered_map<std::uint64_t, pointer> states_; // lock_
};

} // namespace caps

#endif
