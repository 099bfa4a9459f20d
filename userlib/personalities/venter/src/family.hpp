// SPDX-License-Identifier: MIT
// Children, whose ports a process opens and connects, and its parent, who did so.
//
// A child that was made by Create_process() inherits a descriptor with a capability to its
// parent. In its first call it sends a capability to its actor, with the right to accept, and
// waits. The parent places capabilities in that actor, moves ports to it, and says in a note, to
// another port of the child's, which number each is for, or sends a file along. Start_process()
// ends the child's wait. What arrives later the child finds when it uses a port that is closed.
#pragma once

#include "command.hpp"
#include "end.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <sys/types.h>
#include <vector>

namespace venter {

class process;

/// What a port is to be opened on, for whomever.
struct opening {
    enum class kind : std::uint32_t { file = 1, client, server };

    kind what = kind::file;
    int descriptor = -1;
    std::uint64_t handle = 0; // of a capability, or an own port
    std::uint64_t cookie = 0;
    std::uint64_t operations = 0;
};

class family {
  public:
    explicit family(process &home) : home_(home) {}

    pid_t create();
    int start(pid_t child);
    /// Has this child the number free? -ECHILD: it is none of this process's.
    int reserve(pid_t child, int number);
    void release(pid_t child, int number);
    /// To the port of that number, which was reserved. What is given is the child's, or closed.
    int give(pid_t child, int number, const opening &it);

    // --- in the child ---

    void report_to_parent();
    /// Opens the ports that the parent has given.
    void pick_up();

  private:
    struct child {
        std::uint64_t badge = 0; // of its capability to this process
        std::uint64_t call = 0;  // it waits for the answer
        std::uint64_t actor = 0;
        std::uint64_t notes = 0; // a port of its own
        bool started = false;
        bool gone = false;
        std::set<int> given;
    };
    /// What a parent tells; the annex.
    struct note {
        opening::kind what;
        std::uint32_t number;
        std::uint64_t operations;
        std::uint64_t cookie;
    };

    int begin();
    int invite(int &descriptor);
    int listen();
    void heard(const caps_header &header, const std::uint64_t *capabilities);
    int find_ready(pid_t pid, child *&it);
    int place(const child &to, const opening &it);
    int tell(const child &to, int number, const opening &it);
    void close(const opening &it) const;

    int report(std::uint64_t parent);
    bool hear_note();
    bool hear_arrival();
    void install(const note &it, int descriptor);
    bool matching(const note &it, std::uint64_t &handle);

    process &home_;
    std::mutex lock_;        // of what follows
    std::uint64_t port_ = 0; // that children call
    std::uint64_t badges_ = 0;
    std::map<pid_t, child> children_;

    std::uint64_t notes_port_ = 0; // none: nothing comes from a parent
    std::mutex arrivals_lock_;
    std::deque<std::uint64_t> capabilities_;
    std::deque<std::uint64_t> ports_;
    std::deque<std::pair<note, int>> notes_;
};

} // namespace venter
