// SPDX-License-Identifier: MIT
// Ports: bounded queues of messages, received from by the actor that owns them.
#ifndef CAPS_PORT_HPP
#define CAPS_PORT_HPP

#include <caps/capability.hpp>
#include <caps/receiver.hpp>
#include <caps/service.hpp>

namespace caps {

/// How to make a port.
struct port_options {
    std::uint64_t cookie = 0;      ///< given back with each message
    std::uint32_t queue_limit = 0; ///< messages; 0 is the default of the module
    bool unix_sockets = false;     ///< AF_UNIX sockets may come along, too
};

/// The state of a port.
struct port_info {
    std::uint64_t cookie;
    std::uint64_t sequence;    ///< messages received so far
    std::uint32_t queue_limit; ///< messages
    std::uint32_t queued;      ///< messages not yet received
    std::uint32_t waiting;     ///< senders waiting for room
    std::uint32_t users;       ///< user ids with queued messages
    std::uint32_t priority;
    bool enabled;
    bool is_default;
};

/// How to move a port.
struct migrate_options {
    bool drop = false; ///< without its queue
};

/// What a move divided.
struct migrated {
    std::uint64_t
        sequence;          ///< up to it messages were the old owner's, all others are the new one's
    std::uint64_t dropped; ///< messages
};

/// A port of this actor, and a capability to it with all rights. The destructor removes the port:
/// queued calls end with EPIPE, received ones stay answerable. Moved into a plain capability, or
/// released, it lives on until its actor dies.
class CAPSUSER_API port : public capability, public receiver<port> {
  public:
    port() noexcept = default;
    /// Takes a port over.
    port(int actor_fd, std::uint64_t handle) noexcept : capability(actor_fd, handle) {}
    port(port &&other) noexcept = default;
    port &operator=(port &&other) noexcept {
        port taken(std::move(other));
        reset();
        capability::operator=(std::move(taken));
        return *this;
    }
    ~port() { reset(); }

    /// Removes the port and closes the handle, ignoring errors.
    void reset() noexcept {
        if (*this) {
            (void)try_remove();
            capability::reset();
        }
    }

    /// Into "receive from any", lowest priority number first, 0 to 255. Of an enabled port: changes
    /// its priority.
    result<void> try_enable(unsigned priority = 0) const noexcept;
    void enable(unsigned priority = 0) const { value_or_throw(try_enable(priority)); }
    /// Out of "receive from any". It still queues, and can be received from by itself.
    result<void> try_disable() const noexcept;
    void disable() const { value_or_throw(try_disable()); }
    /// Queued calls end with EPIPE, queued sends are dropped, waiting receivers get EIDRM. EBUSY
    /// for the default port. The handle stays.
    result<void> try_remove() const noexcept;
    void remove() const { value_or_throw(try_remove()); }

    /// Makes all capabilities to this port that others hold worthless, wherever they are: using
    /// them is EKEYREVOKED. Messages that came through them and were not received are dropped and
    /// their senders told; how many is returned. Calls received already go on to their answer.
    result<std::uint64_t> try_revoke() const noexcept;
    std::uint64_t revoke() const { return value_or_throw(try_revoke()); }
    /// Likewise those with one badge; ENOENT if nothing has it. Badges chosen with the same value
    /// afterwards are new.
    result<std::uint64_t> try_revoke(std::uint64_t badge) const noexcept;
    std::uint64_t revoke(std::uint64_t badge) const { return value_or_throw(try_revoke(badge)); }

    /// What capability::generation() shows to clients from now on.
    result<void> try_set_generation(std::uint64_t generation) const noexcept;
    void set_generation(std::uint64_t generation) const {
        value_or_throw(try_set_generation(generation));
    }

    /// Moves the port, with its queue, to the actor that the capability names, which takes its
    /// right to accept. Nobody's capability changes. What was received before is still answered
    /// here. The new owner gets a message of kind::port_arrived on its default port. This object is
    /// empty afterwards; after a failure nothing has moved.
    result<migrated> try_migrate(const capability &to,
                                 const migrate_options &options = {}) noexcept;
    migrated migrate(const capability &to, const migrate_options &options = {}) {
        return value_or_throw(try_migrate(to, options));
    }

    /// A file descriptor (close-on-exec) for event loops: readable exactly when receiving from this
    /// port would not wait, whether it is enabled or not, and hung up once it has gone. It can be
    /// waited for, nothing else, by this process alone, and keeps nobody alive.
    result<descriptor> try_poll_file() const noexcept;
    descriptor poll_file() const { return value_or_throw(try_poll_file()); }

    result<port_info> try_info() const noexcept;
    port_info info() const { return value_or_throw(try_info()); }

    /// Binds a name, 1 to 63 of A-Z a-z 0-9 _ . -, to the port, under this process's effective uid
    /// and in its network namespace. EEXIST while a living actor holds it.
    result<service> try_register_service(std::string_view name,
                                         const service_options &options = {}) const noexcept;
    service register_service(std::string_view name, const service_options &options = {}) const {
        return value_or_throw(try_register_service(name, options));
    }

  private:
    friend class receiver<port>;
    detail_receive source() const noexcept { return {actor_fd(), get()}; }
};

} // namespace caps

#endif
