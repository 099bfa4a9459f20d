// SPDX-License-Identifier: MIT
// From unique identifiers, which are plain data, to capabilities, which are not.
//
// Each Chorus port is a service under its unique identifier, and anybody may connect to it. The
// first use of an identifier connects; what comes of it, a capability to send and nothing more,
// is kept. That to a group is given by who is so connected to, see groups.hpp. See "Unique
// identifiers" in docs/internals.md.
#pragma once

#include "ui.hpp"

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace chorus {

class directory {
  public:
    /// Beyond @a most_kept, what can be found again is dropped.
    explicit directory(int device, std::size_t most_kept = 8192)
        : device_(device), most_kept_(most_kept) {}

    /// Gives @a send a capability to what is so named, and returns what that returns: 0 or a
    /// negative errno. If a capability that was kept turns out to be worth nothing, the name may
    /// have come to stand for another port meanwhile: looks again, once.
    template <class Send>
    int with(KnUniqueId name, Send send);

    /// An object of this actor, which needs no connecting to.
    void add(KnUniqueId name, std::uint64_t capability);
    void remove(KnUniqueId name);
    /// It is another actor's now.
    void disown(KnUniqueId name);

    /// Makes a port answer to a name.
    int announce(const std::string &service, std::uint64_t port);
    void withdraw(const std::string &service);
    /// A new capability to a service.
    int connect(const std::string &service, uid_t owner, std::uint64_t &capability);

  private:
    struct entry {
        std::uint64_t capability;
        bool own;
    };
    int find(KnUniqueId name, std::uint64_t &capability, bool &kept);
    int keep(std::uint64_t name, std::uint64_t &capability);
    /// Did it fail because the capability leads nowhere? EPIPE may also say that the message was
    /// deleted before its port migrated, which is not to be undone.
    bool is_worthless(int error, std::uint64_t capability) const;
    void drop(std::uint64_t name, std::uint64_t capability);
    void drop_all_found();
    void close(std::uint64_t capability);

    int device_;
    std::size_t most_kept_;
    std::mutex lock_;
    std::unordered_map<std::uint64_t, entry> entries_; // by the name without mode
};

template <class Send>
int directory::with(KnUniqueId name, Send send) {
    for (bool again = false;; again = true) {
        std::uint64_t capability = 0;
        bool kept = false;
        int error = find(name, capability, kept);
        if (error != 0)
            return error;
        error = send(capability);
        if (!is_worthless(error, capability))
            return error;
        drop(ui::value(ui::with_mode(name, 0)), capability);
        if (!kept || again)
            return -EPIPE;
    }
}

} // namespace chorus
