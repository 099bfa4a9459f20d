// SPDX-License-Identifier: MIT
// The director's side of the stage: roles as processes, and hearing from them.
#pragma once

#include "stage.hpp"

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace demo {

/// Called every few milliseconds while the director listens.
using tick = std::function<void()>;

/// A role in a process of its own. Killed and reaped when it goes out of scope.
class player {
  public:
    /// Starts this program with @arguments, as @uid; in the control group whose
    /// cgroup.procs is open as @group, if any.
    player(const board &counters, part role, std::string name, std::vector<std::string> arguments,
           int group = -1);
    player(player &&other) noexcept;
    player &operator=(player &&) = delete;
    ~player();

    pid_t pid() const { return pid_; }
    uid_t uid() const { return role_.uid; }
    unsigned slot() const { return role_.slot; }
    const std::string &name() const { return name_; }

    /// Lets it go on.
    void cue();

    /// What it says with @event. Throws if it ends or fails before, or has not
    /// said it at @limit.
    json hear(const std::string &event, clock::time_point limit, const tick &each = {});

    void kill();

    /// Its wait status, once it has ended; nothing if it has not at @limit.
    std::optional<int> ended(clock::time_point limit, const tick &each = {});

  private:
    std::optional<json> next_line();

    part role_;
    std::string name_;
    pid_t pid_ = -1;
    std::optional<int> status_;
    caps::descriptor to_, from_;
    std::string heard_;
};

} // namespace demo
