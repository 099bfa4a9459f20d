// SPDX-License-Identifier: MIT
// Actors: owners of ports and of a table of capabilities.
#ifndef CAPS_ACTOR_HPP
#define CAPS_ACTOR_HPP

#include <caps/descriptor.hpp>
#include <caps/group.hpp>
#include <caps/port.hpp>
#include <caps/receiver.hpp>
#include <caps/service.hpp>
#include <caps/unowned.hpp>

namespace caps {

inline constexpr const char *default_device = "/dev/caps";

/// Features and limits in force; sizes in bytes.
struct limits {
    std::uint64_t features;
    std::uint64_t max_body;
    std::uint64_t max_copied_body; ///< what a copy at send may have
    std::uint64_t max_pinned;      ///< what one user may have pinned
    std::uint32_t copy_break;      ///< bodies up to it are copied when sent
    std::uint32_t max_annex;
    std::uint32_t max_pieces; ///< of a body
    std::uint32_t max_batch;  ///< messages
    std::uint32_t default_queue_limit;
    std::uint32_t max_queue_limit;
};

/// What an actor holds, and what became of its bodies.
struct actor_info {
    std::uint64_t ports;        ///< alive, default included
    std::uint64_t capabilities; ///< handles in the table
    std::uint64_t held;         ///< received, not yet ended
    std::uint64_t pending;      ///< async calls and deferred bodies
    std::uint64_t pinned_bodies;
    std::uint64_t pinned_bytes;
    std::uint64_t sent_copies; ///< bodies copied when sent
    std::uint64_t sent_copy_bytes;
    std::uint64_t read_copies; ///< bodies this actor read
    std::uint64_t read_copy_bytes;
};

/// What became of a withdrawn call.
enum class abort_outcome : std::uint32_t {
    unknown = CAPS_ABORT_UNKNOWN,      ///< no such call
    answered = CAPS_ABORT_ANSWERED,    ///< too late: the answer is on its way or has been received
    before_server = CAPS_ABORT_BEFORE, ///< the server never saw it; no answer comes. Of a watch:
                                       ///< no message comes
    at_server = CAPS_ABORT_AT_SERVER,  ///< a server had it, which gets kind::cancelled if it has it
                                       ///< still; no answer comes
};

/// One open of /dev/caps. Belongs to the process that opened it: after a fork, to the parent. All
/// ports, capabilities and messages made through it must go before it does. get() can be polled:
/// EPOLLIN exactly when receiving from any enabled port would not wait.
class CAPSUSER_API actor : public receiver<actor> {
  public:
    static result<actor> try_open(const char *device = default_device) noexcept;
    static actor open(const char *device = default_device) {
        return value_or_throw(try_open(device));
    }

    actor() noexcept = default;
    /// Takes an open /dev/caps over.
    explicit actor(int fd) noexcept : fd_(fd) {}

    int get() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    /// Gives the file descriptor up: the caller closes it.
    [[nodiscard]] int release() noexcept { return fd_.release(); }
    void reset() noexcept { fd_.reset(); }

    result<caps::limits> try_query() const noexcept;
    caps::limits query() const { return value_or_throw(try_query()); }
    result<actor_info> try_info() const noexcept;
    actor_info info() const { return value_or_throw(try_info()); }

    /// A new port, disabled.
    result<port> try_create_port(const port_options &options = {}) const noexcept;
    port create_port(const port_options &options = {}) const {
        return value_or_throw(try_create_port(options));
    }
    /// The port that every actor has, where answers and dispose messages go that name no other.
    unowned<port> default_port() const noexcept { return {get(), CAPS_DEFAULT_PORT}; }

    /// A new group, without members.
    result<group> try_create_group() const noexcept;
    group create_group() const { return value_or_throw(try_create_group()); }

    /// A connection to the port registered under this name and the ids in options. ENOENT if there
    /// is none, ETIMEDOUT if there was none until options.until; EACCES if this user may not, or
    /// wants operations that are not granted.
    result<connection> try_connect(std::string_view name,
                                   const connect_options &options = {}) const noexcept;
    connection connect(std::string_view name, const connect_options &options = {}) const {
        return value_or_throw(try_connect(name, options));
    }
    /// The services that this process could connect to, and this user's; as root, all.
    result<std::vector<service_info>> try_services() const;
    std::vector<service_info> services() const { return value_or_throw(try_services()); }
    /// A capability to this actor, for whoever may put capabilities or ports into it. It keeps
    /// nobody alive.
    result<capability> try_self() const noexcept;
    capability self() const { return value_or_throw(try_self()); }
    /// From now on the end of this process leaves the actor to a successor, if somebody else holds
    /// the file: a parent, or the service manager's store. Names stay, ports go on queueing, what
    /// was received ends as if discarded.
    result<void> try_keep() const noexcept;
    void keep() const { value_or_throw(try_keep()); }
    /// Takes over what a process of the same user left: actor(fd).adopt(). EBUSY while that lives.
    result<void> try_adopt() const noexcept;
    void adopt() const { value_or_throw(try_adopt()); }
    /// The port that a message of kind::port_arrived has brought; of others: none.
    port arrived(const received &message) const noexcept {
        return message.kind() == kind::port_arrived ? port(get(), message.address()) : port();
    }
    /// The capability that a message of kind::capability_arrived has brought; of others: none.
    capability placed(const received &message) const noexcept {
        return message.kind() == kind::capability_arrived ? capability(get(), message.address())
                                                          : capability();
    }
    /// A capability from a descriptor made by capability::export_fd(), which stays open.
    result<capability> try_import_fd(int fd) const noexcept;
    capability import_fd(int fd) const { return value_or_throw(try_import_fd(fd)); }

    /// Withdraws an async call, or a watch.
    result<abort_outcome> try_abort(std::uint64_t id) const noexcept;
    abort_outcome abort(std::uint64_t id) const { return value_or_throw(try_abort(id)); }

    /// The held message with this id, which received::release() gave up. Its annex and body are
    /// not put anywhere: read() gets the body again. One object at a time for each message.
    result<received> try_held(std::uint64_t id) const noexcept;
    received held(std::uint64_t id) const { return value_or_throw(try_held(id)); }

  private:
    friend class receiver<actor>;
    detail_receive source() const noexcept { return {get(), CAPS_ANY_PORT}; }

    descriptor fd_;
};

} // namespace caps

#endif
