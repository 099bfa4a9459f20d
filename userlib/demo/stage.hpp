// SPDX-License-Identifier: MIT
// A role's side of the stage: how it talks to the director.
//
// A role is this program again, in a process of its own. It says lines of JSON
// on its standard output, waits for cues on its standard input, and counts its
// progress on a board of shared memory, which costs neither side a system call.
#pragma once

#include "common.hpp"

#include <atomic>
#include <nlohmann/json.hpp>

namespace demo {

using json = nlohmann::json;

/// Shared counters of progress, one for each role on stage.
class board {
  public:
    static constexpr unsigned slots = 16;
    /// Where the roles find it.
    static constexpr int inherited_fd = 3;

    /// The director's: a new one.
    static board create();
    /// A role's: the inherited one.
    static board inherited();

    std::atomic<std::uint64_t> &operator[](unsigned slot) const { return counters_[slot].value; }
    int fd() const { return fd_.get(); }

  private:
    struct alignas(64) counter {
        std::atomic<std::uint64_t> value;
    };
    explicit board(caps::descriptor fd);

    caps::descriptor fd_;
    counter *counters_; // mapped until the process ends
};

/// What the director told a role when it started it.
struct part {
    uid_t uid = 0;
    unsigned slot = 0;
    people cast;
};

/// To the director: an event, with what belongs to it.
void say(const char *event, json details = json::object());

/// Waits until the director lets the role go on; ends the process if the
/// director has gone.
void await_cue();

/// Gives up root for @uid, with the group of /dev/caps as its only other one.
void become(uid_t uid);

} // namespace demo
