// SPDX-License-Identifier: MIT
// Services: names that ports are found by, and the connections to them.
#ifndef CAPS_SERVICE_HPP
#define CAPS_SERVICE_HPP

#include <caps/capability.hpp>
#include <caps/deadline.hpp>

#include <unistd.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace caps {

/// No id in particular: none when registering, any when connecting; never for both ids.
inline constexpr std::uint32_t any_id = CAPS_ANY_ID;

/// Whose name it is, who may connect to it, and what for.
struct service_options {
    operation_mask operations = all_operations; ///< granted to connections
    bool world = false;                         ///< any uid may connect
    bool user = false;                          ///< the name's uid may; so if none is set
    bool group = false;                         ///< members of the name's group may
    std::uint32_t uid = ::geteuid();            ///< another takes CAP_SETUID
    std::uint32_t gid = any_id;                 ///< one that this user is not in, CAP_SETGID
    bool newest = false;         ///< others may have the name too; the newest gets new clients
    bool first = false;          ///< with newest: EEXIST nevertheless if there is one
    bool replace = false;        ///< take the name from who registered it as the same user
    std::uint32_t in_flight = 0; ///< messages of one connection on their way; 0: 128
    bool connected = false;      ///< kind::connected comes before all else of a connection
    bool disconnected = false;   ///< kind::disconnected comes once, after all else of it
    bool ask = false; ///< kind::application comes, to accept() or reject(); not with connected
};

/// A registered name; the destructor gives it back. Connections made through it stay. It is also
/// free the moment its actor dies.
class CAPSUSER_API service {
  public:
    service() noexcept = default;
    /// Takes a registered name over.
    service(int actor_fd, std::string_view name, std::uint32_t uid = ::geteuid(),
            std::uint32_t gid = any_id) noexcept;
    service(service &&other) noexcept
        : actor_(other.actor_), uid_(other.uid_), gid_(other.gid_), name_(other.release_text()) {}
    service &operator=(service &&other) noexcept {
        service taken(std::move(other));
        std::swap(actor_, taken.actor_);
        std::swap(uid_, taken.uid_);
        std::swap(gid_, taken.gid_);
        std::swap(name_, taken.name_);
        return *this;
    }
    ~service() { reset(); }

    std::string_view name() const noexcept { return name_.data(); }
    explicit operator bool() const noexcept { return name_[0] != 0; }
    /// Leaves the name registered for as long as the actor lives.
    void release() noexcept { name_[0] = 0; }
    /// Gives the name back, ignoring errors.
    void reset() noexcept;

  private:
    using text = std::array<char, CAPS_MAX_NAME + 1>;

    text release_text() noexcept {
        const text copy = name_;
        release();
        return copy;
    }

    int actor_ = -1;
    std::uint32_t uid_ = any_id;
    std::uint32_t gid_ = any_id;
    text name_{}; // terminated; empty when there is none
};

/// Which service to connect to, and what for. By default one that this user registered.
struct connect_options {
    std::uint32_t uid = ::geteuid();            ///< of the name
    std::uint32_t gid = any_id;                 ///< of the name
    operation_mask operations = all_operations; ///< wanted; all takes what there is
    std::span<const std::uint32_t> trusted{};   ///< uids in order, where both ids are any_id
    bool world = false; ///< be let in by these rules only; all of them if none is set
    bool user = false;
    bool group = false;
    deadline until = no_wait;   ///< for the service to appear
    deadline verdict = forever; ///< for its server to answer, where that is asked
};

/// What actor::services() tells of one.
struct service_info {
    std::string name;
    operation_mask operations = 0;
    std::uint32_t uid = any_id;
    std::uint32_t gid = any_id;
    std::uint32_t pid = 0;   ///< of its server, 0 if it cannot be seen
    std::uint32_t flags = 0; ///< CAPS_REGISTER_*
};

/// A capability that a service gave out. The server sees a badge of its own with each message.
class connection : public capability {
  public:
    connection() noexcept = default;
    /// Takes a handle over.
    connection(int actor_fd, std::uint64_t handle, operation_mask granted,
               std::uint32_t in_flight = 0) noexcept
        : capability(actor_fd, handle), granted_(granted), in_flight_(in_flight) {}

    /// The operations granted.
    operation_mask operations() const noexcept { return granted_; }
    /// How many messages can be on their way; 0 if there is no limit.
    std::uint32_t in_flight() const noexcept { return in_flight_; }

  private:
    operation_mask granted_ = 0;
    std::uint32_t in_flight_ = 0;
};

} // namespace caps

#endif
