// SPDX-License-Identifier: MIT
// This process as a Chorus actor: all the state that the library keeps for it is in here.
//
// It comes into being with the first call, and lives until the process ends. A forked child is
// an actor of its own, which begins anew: see fork() in actor.cpp.
#pragma once

#include "agent.hpp"
#include "directory.hpp"
#include "groups.hpp"
#include "ports.hpp"
#include "protection.hpp"
#include "thread.hpp"
#include "watcher.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace chorus {

class actor {
  public:
    /// Null where there is no device.
    static actor *mine();

    int device() const { return device_; }
    directory &names() { return names_; }
    port_table &ports() { return ports_; }
    groups &port_groups() { return groups_; }
    watcher &watch() { return watcher_; }

    // --- what it is ---

    /// K_MYACTOR, or this one's capability?
    bool is_me(const KnCap *actorcap) const;
    /// The capability, for others to use: from then on there is an agent.
    int publish(KnCap &actorcap);
    /// Its agent is who one connects to by that name. 0 or a negative errno.
    int answer_for(KnUniqueId name) { return agent_.serve(ui::with_mode(name, 0)); }
    int start_agent() { return agent_.start(); }
    KnProtId pi() const { return protection(pi_); }
    void set_pi(KnProtId pi);
    /// The kernel's capability to it, for agents; 0 if there is none to be had.
    std::uint64_t self_capability();
    /// Does any identifier differ from what the kernel says by itself, the user id?
    bool says_who_it_is() const { return says_who_; }
    void say_who() { says_who_ = true; }
    /// Nothing ever arrives there.
    std::uint64_t quiet_port();

    // --- its threads ---

    thread *join();
    void leave(thread &gone);
    int abort(KnThreadLid threadli);
    void abort_server_of(std::uint64_t call);
    void abort_where_callers_have_gone();

    // --- messages ---

    void discard(std::uint64_t id);
    bool caller_has_gone(std::uint64_t id);
    /// An identifier for it, or K_ETOOMUCH.
    int save(const message &it);
    bool restore(int saved, message &it);

    /// ipcSend() and ipcCall() wait for room in a full queue, whatever their flags say.
    bool always_waits() const { return always_waits_; }

  private:
    explicit actor(int device);
    static actor *create();
    bool begin();

    int device_;
    bool always_waits_;
    directory names_;
    port_table ports_;
    watcher watcher_;
    agent agent_;
    groups groups_;
    KnCap self_{};
    std::atomic<std::uint64_t> pi_;
    std::atomic<bool> says_who_{false};

    std::mutex lock_; // of what follows
    std::map<KnThreadLid, std::unique_ptr<thread>> threads_;
    std::map<int, message> saved_;
    std::uint64_t quiet_port_ = 0;
    std::uint64_t self_capability_ = 0;
    bool published_ = false;
};

} // namespace chorus
