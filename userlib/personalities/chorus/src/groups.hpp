// SPDX-License-Identifier: MIT
// The port groups that this actor may change.
//
// A group of the kernel lasts as long as somebody has a capability to it, but has no name; a
// Chorus group is a name that lasts for ever. So one of the actors that may change the group, its
// host, has registered its identifier as the name of its agent, which gives the capability to who
// asks: to send for everybody, to change it for those who have the key. The others watch the
// host; when it dies, one of them takes the name over. Where there is no host, nobody is left who
// has members, and the first who inserts a port makes the group anew.
//
// A newcomer may do so in the very moment when the others are about to take the name over. Then
// there are two groups under one name, and the older one is given up: its actors put their ports
// into the newer one and delete it, so that senders look the name up again. As long as it cannot
// be told whether there are two, nothing is deleted.
#pragma once

#include "agent.hpp"
#include "ui.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace chorus {

class actor;

class groups {
  public:
    explicit groups(actor &home) : home_(home) {}

    /// A new one, under a name of its own.
    int create(KnCap &cap);
    int insert(const KnCap &cap, KnUniqueId port);
    int remove(const KnCap &cap, KnUniqueId port);

    // --- for agents ---

    /// What is told to who asks for a capability to it.
    agent_answer give(const caps_header &header, const agent_request &request);
    /// A port has come here that is in it.
    int join(const KnCap &cap, KnUniqueId port);
    /// A host has died, says that watch. Perhaps it is not yet known which.
    void host_died(std::uint64_t watch);

    /// In which this port of this actor is, which is leaving.
    std::vector<KnCap> leave(KnUniqueId port);

  private:
    struct membership {
        KnCap cap;
        std::uint64_t capability = 0; // all rights
        std::uint64_t watch = 0;      // of its host; 0: that is this actor
        std::set<std::uint64_t> ports{};
        bool stale = false;    // its name may lead to another one by now
        bool renewing = false; // somebody is finding out
    };
    struct succession;
    enum class relation { same, different, unknown };

    int open(const KnCap &cap, std::uint64_t &capability);
    int find(const KnCap &cap, std::uint64_t &capability, bool &renew);
    bool is_current(const KnCap &cap, std::uint64_t capability);
    int obtain(const KnCap &cap, membership &it);
    std::uint64_t enter(const KnCap &cap, const membership &it);
    int found(const KnCap &cap, membership &it);
    int ask_host(const KnCap &cap, membership &it);
    int put(const KnCap &cap, KnUniqueId port, std::uint64_t handle);
    int try_to_put(const KnCap &cap, std::uint64_t capability, std::uint64_t handle);
    /// Was it otherwise until now?
    bool note(const KnCap &cap, KnUniqueId port, bool is_member);
    bool has_died(std::uint64_t watch);
    void replace_host_of(membership &it);
    static void *succeed(void *succession_to_run);
    void replace_host(const KnCap &cap);
    bool renew(const KnCap &cap);
    void renew_later(const KnCap &cap);
    bool adopt(membership &it, const membership &next);
    bool found_anew(membership &it);
    bool change_to(membership &it, std::uint64_t capability);
    bool move_members(membership &from, std::uint64_t to);
    relation compare(std::uint64_t one, std::uint64_t other);
    relation compare_by(std::uint64_t port, std::uint64_t one, std::uint64_t other);
    int change(unsigned long number, std::uint64_t group, std::uint64_t port);
    void close(std::uint64_t capability);
    void unwatch(std::uint64_t watch);

    actor &home_;
    std::mutex lock_; // of what follows; never held while another agent is asked
    std::map<std::uint64_t, membership> known_; // for ever: nothing is erased
    std::deque<std::uint64_t> early_deaths_;    // watches of hosts of groups not yet in there
};

/// A group whose capability follows from its stamp.
bool is_static(KnUniqueId group);
KnKey static_key(KnUniqueId group);

/// A capability to send to a group, by its host, an agent that was connected to. 0 or a negative
/// errno.
int ask_for_group(int device, std::uint64_t host, KnUniqueId group, std::uint64_t &capability);

} // namespace chorus
