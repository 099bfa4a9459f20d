// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <cerrno>
#include <climits>
#include <pthread.h>

namespace dragonfly {

/// Never destroyed: threads may outlive main().
process &process::mine() {
    static auto *const it = new process;
    return *it;
}

process::process() {
    ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void process::before_fork() {
    mine().lock_.lock();
    device::opening().lock();
}

void process::after_fork_in_parent() {
    device::opening().unlock();
    mine().lock_.unlock();
}

void process::after_fork_in_child() {
    device::close_all_of_parent();
    device::opening().unlock();
    mine().become_child();
    mine().lock_.unlock();
}

/// The parent's objects are left as they are: its threads may have been at work on them.
void process::become_child() {
    auto *const parents = new std::map<int, entry>;
    parents->swap(ports_);
    for (const auto &[portid, it] : *parents)
        if (!it.no_fork)
            ports_[portid] = {};
}

int process::free_id() {
    if (last_ < INT_MAX)
        return ++last_;
    int id = 1;
    for (const auto &it : ports_)
        if (it.first != id++)
            return id - 1;
    return id;
}

int process::add(const std::shared_ptr<port> &it, int flags, int upcid) {
    const std::lock_guard held(lock_);
    entry fresh;
    fresh.it = it;
    fresh.no_fork = flags & CAPF_NOFORK;
    const int portid = free_id();
    if (upcid != 0) {
        const auto found = upcalls_.find(upcid);
        if (found == upcalls_.end())
            return -EINVAL;
        fresh.calls = std::make_shared<caller>(found->second, it);
        const int error = caller::start(fresh.calls, portid);
        if (error != 0)
            return error;
    }
    ports_[portid] = std::move(fresh);
    return portid;
}

int process::find(int portid, std::shared_ptr<port> &it) {
    const std::lock_guard held(lock_);
    const auto found = ports_.find(portid);
    if (found == ports_.end())
        return -EINVAL;
    it = found->second.it;
    return it ? 0 : -ENOTCONN;
}

int process::close(int portid) {
    entry gone;
    {
        const std::lock_guard held(lock_);
        const auto found = ports_.find(portid);
        if (found == ports_.end())
            return -EINVAL;
        gone = std::move(found->second);
        ports_.erase(found);
    }
    if (gone.it)
        gone.it->close();
    if (gone.calls)
        gone.calls->finish();
    return 0;
}

int process::add_upcall(std::shared_ptr<const upcall> it) {
    const std::lock_guard held(lock_);
    upcalls_[++last_upcall_] = std::move(it);
    return last_upcall_;
}

bool process::remove_upcall(int upcid) {
    const std::lock_guard held(lock_);
    return upcalls_.erase(upcid) != 0;
}

bool process::has_upcall(int upcid) {
    const std::lock_guard held(lock_);
    return upcalls_.contains(upcid);
}

} // namespace dragonfly
