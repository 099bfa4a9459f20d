// SPDX-License-Identifier: MIT
// Groups: ports that are addressed as one.
#ifndef CAPS_GROUP_HPP
#define CAPS_GROUP_HPP

#include <caps/capability.hpp>

namespace caps {

/// Who of a group gets a message.
enum class to : std::uint32_t {
    each = 0,           ///< every member that has room
    all = CAPS_TO_ALL,  ///< every member, or none if one has no room
    any = CAPS_TO_ANY,  ///< one member, in turn; one that waits for a message first
    near = CAPS_TO_NEAR ///< one member in the actor that owns a given port, else in its process
};

/// Who of them does not.
enum class excluding : std::uint32_t {
    nobody = 0,
    port = CAPS_EXCLUDE_PORT,  ///< the given port
    actor = CAPS_EXCLUDE_ACTOR ///< all ports of the actor that owns it
};

/// The port that to::near and excluding refer to: any capability to it, as its get() tells.
struct relation {
    std::uint64_t port = 0;
    excluding without = excluding::nobody;
};

/// What became of a message to a group.
struct spread {
    std::uint64_t id;      ///< of a deferred body, else 0
    bool copied;           ///< the body's buffer is free: no dispose message will come
    std::uint32_t reached; ///< members that got it
    std::uint32_t full;    ///< members that had no room for it
    bool partial;          ///< a signal, or want of memory, ended it before the last member
};

/// Ports that are addressed as one, wherever they live, and a capability to them. The destructor
/// closes the handle; the group itself lasts as long as anybody has a capability to it, or until it
/// is disbanded. What is sent arrives at a member as if it were sent through the capability that it
/// was inserted with: with its badge, and only in operations that both allow.
///
/// Errors: EPIPE (disbanded), ENOENT (no such member), EAGAIN (nobody had room, or with to::all
/// one had none), EINVAL (a call to more than one, a deadline for more than one).
class CAPSUSER_API group : public capability {
  public:
    group() noexcept = default;
    /// Takes a handle over.
    group(int actor_fd, std::uint64_t handle) noexcept : capability(actor_fd, handle) {}
    /// A capability that names a group, as it came from somewhere.
    explicit group(capability &&from) noexcept : capability(std::move(from)) {}

    /// Makes a port a member. Takes rights::insert here and rights::manage there. EBUSY if it is
    /// one.
    result<void> try_insert(const capability &port) const noexcept;
    void insert(const capability &port) const { value_or_throw(try_insert(port)); }
    /// Takes rights::manage here, or what inserting takes. ENOENT if it is no member.
    result<void> try_remove(const capability &port) const noexcept;
    void remove(const capability &port) const { value_or_throw(try_remove(port)); }
    /// Nobody is reached through it any more. The members live on.
    result<void> try_disband() const noexcept;
    void disband() const { value_or_throw(try_disband()); }
    /// How many members can be sent to.
    result<std::uint32_t> try_members() const noexcept;
    std::uint32_t members() const { return value_or_throw(try_members()); }

    /// One-way: send<to::any>({...}). To one member it waits for room until the deadline; to
    /// several it never waits.
    template <to Whom = to::each>
    result<spread> try_send(const outgoing &message, const relation &related = {},
                            deadline until = no_wait) const noexcept {
        return send_to(Whom, message, related, until);
    }
    template <to Whom = to::each>
    spread send(const outgoing &message, const relation &related = {},
                deadline until = no_wait) const {
        return value_or_throw(try_send<Whom>(message, related, until));
    }

    /// Calls one member and waits for its answer, as capability::try_call().
    template <to Whom>
    result<caps::reply> try_call(const outgoing &message, const buffers &answer = {},
                                 const relation &related = {}, deadline until = forever,
                                 call_flags flags = call_flags::none) const noexcept {
        static_assert(Whom == to::any || Whom == to::near, "a call has one answer");
        return call_through(message, answer, until, flags, flags_of(Whom, related), related.port);
    }
    template <to Whom>
    caps::reply call(const outgoing &message, const buffers &answer = {},
                     const relation &related = {}, deadline until = forever,
                     call_flags flags = call_flags::none) const {
        return value_or_throw(try_call<Whom>(message, answer, related, until, flags));
    }

  private:
    friend class ring;

    static constexpr std::uint32_t flags_of(to whom, const relation &related) noexcept {
        return static_cast<std::uint32_t>(whom) | static_cast<std::uint32_t>(related.without);
    }
    result<spread> send_to(to whom, const outgoing &message, const relation &related,
                           deadline until) const noexcept;
};

} // namespace caps

#endif
