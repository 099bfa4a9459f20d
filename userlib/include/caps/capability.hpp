// SPDX-License-Identifier: MIT
// Capabilities: the right to send to a port.
#ifndef CAPS_CAPABILITY_HPP
#define CAPS_CAPABILITY_HPP

#include <caps/deadline.hpp>
#include <caps/descriptor.hpp>
#include <caps/message.hpp>
#include <caps/rights.hpp>

#include <optional>

namespace caps {

/// How to call; combine with |.
enum class call_flags : std::uint32_t {
    none = 0,
    no_wait_queue = CAPS_NOWAIT_QUEUE,  ///< EAGAIN rather than wait for room in the queue
    interruptible = CAPS_INTERRUPTIBLE, ///< EINTR also after the server took it
    no_direct_reply = 1u << 31,         ///< do not pin a large reply buffer
};

constexpr call_flags operator|(call_flags a, call_flags b) noexcept {
    return static_cast<call_flags>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

/// A call whose reply buffers together are at least so large, in bytes, asks for its answer to be
/// copied straight into them, which pins them while it waits. Worth it where answers are large;
/// call_flags::no_direct_reply where a large buffer is given and answers are mostly small.
inline constexpr std::size_t direct_reply_threshold = std::size_t{64} * 1024;

/// How to make a second, narrower capability. Asking for more than the original has is EPERM or
/// EACCES.
struct narrowing {
    caps::rights rights = caps::rights::send;
    operation_mask operations = all_operations;
    /// What the port's owner sees with each message sent through it; bit 63 is the kernel's. Takes
    /// the right to manage and an original without a badge.
    std::optional<std::uint64_t> badge{};
    /// With a badge: the port's owner gets kind::disconnected when nobody has it any more.
    bool disconnected = false;
};

/// What a capability names.
enum class object_type : std::uint32_t {
    port = CAPS_TYPE_PORT,
    actor = CAPS_TYPE_ACTOR,
    group = CAPS_TYPE_GROUP,
};

/// What a capability is.
struct capability_info {
    object_type type;
    caps::rights rights;
    operation_mask operations;
    std::uint64_t badge;
    bool badged;
    bool own;  ///< this actor owns the port, or is the actor
    bool dead; ///< the port, or the actor, is gone
};

/// A handle in an actor's table, closed by the destructor. Must not outlive its actor, of which it
/// knows no more than the file descriptor. Operations are const: they do not change the handle, and
/// any number of threads may use it at once.
class CAPSUSER_API capability {
  public:
    capability() noexcept = default;
    /// Takes a handle over.
    capability(int actor_fd, std::uint64_t handle) noexcept : actor_(actor_fd), handle_(handle) {}
    capability(capability &&other) noexcept
        : actor_(other.actor_), handle_(std::exchange(other.handle_, 0)) {}
    // What other has is taken out before what was here is closed: x = std::move(x) is safe.
    capability &operator=(capability &&other) noexcept {
        capability taken(std::move(other));
        std::swap(actor_, taken.actor_);
        std::swap(handle_, taken.handle_);
        return *this;
    }
    ~capability() { reset(); }

    std::uint64_t get() const noexcept { return handle_; }
    int actor_fd() const noexcept { return actor_; }
    explicit operator bool() const noexcept { return handle_ != 0; }
    /// Gives the handle up: the caller closes it.
    [[nodiscard]] std::uint64_t release() noexcept { return std::exchange(handle_, 0); }
    /// Closes it, ignoring errors. Messages sent through it stay queued.
    void reset() noexcept;

    /// Asks for one message of kind::port_dead with the id returned, on an own port (the default
    /// port if 0), when the port dies, or the actor if this is a capability to one; at once if it
    /// is dead already. actor::abort() withdraws it: abort_outcome::before_server. Takes
    /// rights::watch.
    result<std::uint64_t> try_watch(std::uint64_t source = 0) const noexcept;
    std::uint64_t watch(std::uint64_t source = 0) const {
        return value_or_throw(try_watch(source));
    }

    /// The number that the port's owner set last, read without a message: what a client keeps of
    /// the server's answers is good as long as it does not change.
    result<std::uint64_t> try_generation() const noexcept;
    std::uint64_t generation() const { return value_or_throw(try_generation()); }
    /// The same once it is not known any more; EPIPE when the port goes.
    result<std::uint64_t> try_generation_after(std::uint64_t known, deadline until) const noexcept;
    std::uint64_t generation_after(std::uint64_t known, deadline until) const {
        return value_or_throw(try_generation_after(known, until));
    }

    /// Sets bits in the port: they add up, and its owner receives all at once, in the turn of
    /// the first. Never waits, takes no room, and tells nothing of who did it.
    result<void> try_signal(std::uint64_t bits) const noexcept;
    void signal(std::uint64_t bits) const { value_or_throw(try_signal(bits)); }

    /// One-way. Waits for room in the queue until the deadline; by default not at all (EAGAIN).
    /// With message.source the receiver can answer, and the answer arrives there.
    result<sent> try_send(const outgoing &message, deadline until = no_wait) const noexcept;
    sent send(const outgoing &message, deadline until = no_wait) const {
        return value_or_throw(try_send(message, until));
    }

    /// Sends and waits for the answer, whose body goes into the buffers. EPIPE: the server never
    /// saw it, so calling again is safe. ECONNRESET: the server took it and died or dropped it; the
    /// outcome is unknown. ETIMEDOUT and EINTR: failure::taken() tells which of both. A signal
    /// before the server took it restarts the call (EINTR from a handler without SA_RESTART); after
    /// that only a fatal one ends the wait, or any with call_flags::interruptible. no_wait is
    /// EINVAL. Large buffers: see direct_reply_threshold.
    result<caps::reply> try_call(const outgoing &message, const buffers &answer = {},
                                 deadline until = forever,
                                 call_flags flags = call_flags::none) const noexcept;
    caps::reply call(const outgoing &message, const buffers &answer = {}, deadline until = forever,
                     call_flags flags = call_flags::none) const {
        return value_or_throw(try_call(message, answer, until, flags));
    }

    /// Sends and does not wait for the answer: it arrives exactly once as a message of kind::reply
    /// with the id returned, on message.source (the default port if 0), also when the server dies,
    /// unless actor::abort() withdraws it. The deadline is for room in the queue only.
    result<sent> try_call_async(const outgoing &message, deadline until = no_wait) const noexcept;
    sent call_async(const outgoing &message, deadline until = no_wait) const {
        return value_or_throw(try_call_async(message, until));
    }

    /// A second handle, narrower or equal.
    result<capability> try_duplicate(const narrowing &to) const noexcept;
    capability duplicate(const narrowing &to) const { return value_or_throw(try_duplicate(to)); }
    /// A second handle, equal: asks what this one has first.
    result<capability> try_duplicate() const noexcept;
    capability duplicate() const { return value_or_throw(try_duplicate()); }

    result<capability_info> try_info() const noexcept;
    capability_info info() const { return value_or_throw(try_info()); }

    /// A copy of the capability in a file descriptor (close-on-exec), to be inherited or passed
    /// over a socket; actor::import_fd() takes it out. Takes rights::grant.
    result<descriptor> try_export_fd() const noexcept;
    descriptor export_fd() const { return value_or_throw(try_export_fd()); }

    /// Puts a copy, narrower or equal, into the table of the actor that the other capability names,
    /// which takes its right to accept; and rights::grant on this one. That actor gets a message
    /// of kind::capability_arrived on its default port, which actor::placed() makes a capability
    /// of. EPIPE if it is dead. Without a badge: place a duplicate that has it.
    result<void> try_place_in(const capability &actor, const narrowing &with) const noexcept;
    void place_in(const capability &actor, const narrowing &with) const {
        value_or_throw(try_place_in(actor, with));
    }

  protected:
    /// As try_call(), with what only groups need.
    result<caps::reply> call_through(const outgoing &message, const buffers &answer, deadline until,
                                     call_flags flags, std::uint32_t group_flags,
                                     std::uint64_t relative) const noexcept;

  private:
    int actor_ = -1;
    std::uint64_t handle_ = 0;
};

} // namespace caps

#endif
