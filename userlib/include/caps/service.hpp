// SPDX-License-Identifier: MIT
// Services: names that ports are found by, and the connections to them.
#ifndef CAPS_SERVICE_HPP
#define CAPS_SERVICE_HPP

#include <caps/capability.hpp>

#include <unistd.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace caps {

/// Who may connect to a service, and what for.
struct service_options {
    operation_mask operations = all_operations; ///< granted to connections
    bool world = false;                         ///< any uid may connect, not only the owner's
    bool connected = false;    ///< kind::connected comes before all else of a connection
    bool disconnected = false; ///< kind::disconnected comes once, after all else of it
};

/// A registered name; the destructor gives it back. Connections made through it stay. It is also
/// free the moment its actor dies.
class CAPSUSER_API service {
  public:
    service() noexcept = default;
    /// Takes a registered name over.
    service(int actor_fd, std::string_view name) noexcept;
    service(service &&other) noexcept : actor_(other.actor_), name_(other.release_text()) {}
    service &operator=(service &&other) noexcept {
        service taken(std::move(other));
        std::swap(actor_, taken.actor_);
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
    text name_{}; // terminated; empty when there is none
};

/// Which service to connect to, and what for.
struct connect_options {
    std::uint32_t uid = ::geteuid();            ///< the server's effective uid
    operation_mask operations = all_operations; ///< wanted; all takes what there is
};

/// A capability that a service gave out. The server sees a badge of its own with each message.
class connection : public capability {
  public:
    connection() noexcept = default;
    /// Takes a handle over.
    connection(int actor_fd, std::uint64_t handle, operation_mask granted) noexcept
        : capability(actor_fd, handle), granted_(granted) {}

    /// The operations granted.
    operation_mask operations() const noexcept { return granted_; }

  private:
    operation_mask granted_ = 0;
};

} // namespace caps

#endif
