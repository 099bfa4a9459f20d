// SPDX-License-Identifier: MIT
// The ports of an actor, by local identifier and by unique identifier.
//
// Sending and receiving look a port up without a lock: a slot's capability is published last
// and cleared first. Every change is made under the lock.
#pragma once

#include "directory.hpp"
#include "ui.hpp"

#include <ipc/chIpc.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace chorus {

class handler;

struct port {
    static constexpr int disabled = -1;

    std::atomic<std::uint64_t> capability{0}; // 0: there is no such port
    std::atomic<std::uint64_t> name{0};
    std::atomic<std::uint64_t> pi{0}; // see protection.hpp
    /// The kernel's count of messages when it came here: Chorus counts anew in each actor.
    std::atomic<std::uint64_t> first{0};
    std::atomic<handler *> served{nullptr};
    int priority = disabled;

    KnUniqueId ui() const { return ui::from_value(name.load(std::memory_order_relaxed)); }
};

/// What is told of a port that has gone to another actor.
struct departure {
    KnUniqueId name;
    KnProtId pi;
    KnEvtNum sequence; // messages received here, and one for the migration
};

class port_table {
  public:
    port_table(int device, directory &names) : device_(device), names_(names) {}

    static constexpr int default_port = 1;

    /// Null if there is none. What it points to stays, but may become another port.
    port *find(int portli);
    /// K_NONEPORT if it is none of this actor's.
    int find(KnUniqueId name);

    /// A new one; a local identifier or K_E... A @a name that is not clear is declared.
    int create(KnUniqueId &name, KnProtId pi);
    int remove(int portli);
    int enable(int portli, int priority);
    int disable(int portli);
    int sequence(int portli, unsigned &count);

    /// May a port of that name come here? K_OK, and for a while there is a place for it; K_EPRIV if
    /// it is another user's, K_ENOMEM.
    int accepts(KnUniqueId name);
    /// To another actor, by a capability of the kernel's.
    int migrate(int portli, std::uint64_t actor, bool drop, departure &left);
    /// One that has come from another actor, by its new handle.
    void arrive(std::uint64_t capability, KnProtId pi);

    /// Messages go to a handler from now on, or, with null, are received again.
    int serve(int portli, handler *by, handler **before);

  private:
    int add(std::uint64_t capability, KnUniqueId name, KnProtId pi, std::uint64_t first);
    int free_slot(KnUniqueId name);
    int set_enabled(std::uint64_t capability, int priority);
    void delete_port(std::uint64_t capability);

    int device_;
    directory &names_;
    std::mutex lock_;
    std::array<port, K_CPORTMAX + 1> slots_;
    std::unordered_map<std::uint64_t, int> by_name_;
    /// By name: until when, see accepts().
    std::unordered_map<std::uint64_t, std::chrono::steady_clock::time_point> expected_;
};

} // namespace chorus
