// SPDX-License-Identifier: MIT
// The ids of this process, for ports and for upcalls.
//
// Ids of ports count from 1, and are used again only when all have been used. A forked child
// has its parent's ids as placeholders, without ports: they are ENOTCONN until it closes them.
// Those opened with CAPF_NOFORK it does not have at all.
#pragma once

#include "upcall.hpp"

#include <map>

namespace dragonfly {

class process {
  public:
    static process &mine();

    /// The id, or a negative errno.
    int add(const std::shared_ptr<port> &it, int flags, int upcid);
    /// 0, -EINVAL, or -ENOTCONN: a placeholder.
    int find(int portid, std::shared_ptr<port> &it);
    /// 0, or -EINVAL.
    int close(int portid);

    /// The id, more than 0.
    int add_upcall(std::shared_ptr<const upcall> it);
    bool remove_upcall(int upcid);
    bool has_upcall(int upcid);

  private:
    struct entry {
        std::shared_ptr<port> it; ///< null: a placeholder
        std::shared_ptr<caller> calls;
        bool no_fork = false;
    };

    process();
    static void before_fork();
    static void after_fork_in_parent();
    static void after_fork_in_child();
    void become_child();
    int free_id();

    std::mutex lock_;
    std::map<int, entry> ports_;
    std::map<int, std::shared_ptr<const upcall>> upcalls_;
    int last_ = 0;
    int last_upcall_ = 0;
};

} // namespace dragonfly
