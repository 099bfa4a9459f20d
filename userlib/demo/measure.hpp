// SPDX-License-Identifier: MIT
// What a mechanism costs while it works: system calls and context switches of a
// process, kernel memory of a group of processes.
#pragma once

#include "stage.hpp"

#include <optional>
#include <string>

namespace demo {

/// Counts this process, all its threads included. Make it while still root and
/// before any thread: the counter is inherited by threads started after it.
class meter {
  public:
    meter();

    void start();

    /// What happened since start(), for the director: "switches", and
    /// "system_calls" where the kernel lets them be counted.
    json stop() const;

  private:
    caps::descriptor events_;
    long switches_ = 0;
};

/// A control group of its own for a set of processes, which tells what memory
/// the kernel holds on their behalf. Needs control groups version 2; without
/// them there is no answer.
class memory_group {
  public:
    explicit memory_group(const std::string &name);
    memory_group(const memory_group &) = delete;
    memory_group &operator=(const memory_group &) = delete;
    ~memory_group();

    /// Open cgroup.procs for player, or -1.
    int entrance() const { return procs_.get(); }

    /// From now on, growth counts.
    void start() {
        base_ = now();
        peak_ = base_;
    }
    void sample();
    /// The highest growth seen by sample(), in bytes.
    std::optional<std::uint64_t> peak() const;

  private:
    std::optional<std::uint64_t> now() const;

    std::string path_;
    caps::descriptor procs_, stat_;
    std::optional<std::uint64_t> base_, peak_;
};

} // namespace demo
