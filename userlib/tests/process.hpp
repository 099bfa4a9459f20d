// SPDX-License-Identifier: MIT
// Another process, for tests of the library and of those beside it.
#pragma once

#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace test {

/// Runs a function and ends with what it returns; 99 if it throws. Killed when a test is done.
class process {
  public:
    template <class F>
    explicit process(F run) : process(::fork(), run) {}
    /// What was forked otherwise, if @a pid is 0 here.
    template <class F>
    process(pid_t pid, F run) : pid_(pid) {
        if (pid_ != 0)
            return;
        ::alarm(200); // whatever happens, it ends
        int status = 99;
        try {
            status = run();
        } catch (const std::exception &problem) {
            std::fprintf(stderr, "in the other process: %s\n", problem.what());
        }
        std::fflush(nullptr);
        ::_exit(status);
    }
    process(process &&) = delete;
    ~process() { kill(); }

    pid_t pid() const { return pid_; }
    void signal(int number) const {
        if (pid_ > 0)
            ::kill(pid_, number);
    }
    /// It is gone afterwards.
    void kill() {
        signal(SIGKILL);
        (void)wait();
    }
    /// Its exit status; -1 if a signal ended it.
    int wait() {
        int status = -1;
        if (pid_ <= 0 || ::waitpid(std::exchange(pid_, 0), &status, 0) < 0)
            return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    pid_t pid_;
};

} // namespace test
