// SPDX-License-Identifier: MIT
// The workers of http_proxy, as the proxy sees them: a group to call, and what each has served.
#ifndef HTTP_PROXY_POOL_HPP
#define HTTP_PROXY_POOL_HPP

#include "worker.hpp"

#include <nlohmann/json.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace http_proxy {

/// Processes that are forked before there is anything else to inherit, and end with the proxy.
class pool {
  public:
    explicit pool(unsigned workers) : me_(caps::actor::open()), group_(me_.create_group()) {
        const caps::descriptor way_in =
            group_.duplicate({.rights = caps::rights::insert | caps::rights::grant}).export_fd();
        for (unsigned i = 0; i < workers; ++i)
            workers_.push_back({start(i, way_in.get())});
        await_all();
    }
    pool(pool &&) = delete;
    ~pool() {
        for (worker &one : workers_)
            if (alive(one)) {
                ::kill(one.pid, SIGKILL);
                ::waitpid(one.pid, nullptr, 0);
            }
    }

    const caps::actor &actor() const noexcept { return me_; }
    const caps::group &group() const noexcept { return group_; }

    /// With each answer. They may come in another order than they were given.
    void note(const account &of) {
        std::uint64_t &last = workers_.at(of.worker).served;
        last = std::max(last, of.served);
    }
    void note_retry() noexcept { retried_++; }

    /// The dead are counted with what they had served: no answer is forgotten.
    nlohmann::json report() {
        std::uint64_t served = 0;
        nlohmann::json list = nlohmann::json::array();
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            worker &one = workers_[i];
            served += one.served;
            list.push_back({{"name", fmt::format("worker {}", i)},
                            {"pid", one.pid},
                            {"alive", alive(one)},
                            {"served", one.served}});
        }
        return {{"served", served}, {"retried", retried_}, {"workers", list}};
    }

  private:
    struct worker {
        pid_t pid;
        std::uint64_t served = 0;
        bool gone = false;
    };

    static pid_t start(unsigned number, int way_in) {
        const pid_t parent = ::getpid(), pid = ::fork();
        if (pid < 0)
            throw std::system_error(errno, std::generic_category(), "fork");
        if (pid > 0)
            return pid;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        // The actor is the parent's; its destructors are nothing for the child.
        try {
            ::_exit(work(number, way_in));
        } catch (const std::exception &error) {
            std::cerr << "http_proxy: worker " << number << ": " << error.what() << std::endl;
            ::_exit(1);
        }
    }

    static bool alive(worker &one) {
        if (!one.gone)
            one.gone = ::waitpid(one.pid, nullptr, WNOHANG) != 0;
        return !one.gone;
    }

    void await_all() {
        while (group_.members() < workers_.size()) {
            for (worker &one : workers_)
                if (!alive(one))
                    throw std::runtime_error("a worker could not start");
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    caps::actor me_;
    caps::group group_;
    std::vector<worker> workers_;
    std::uint64_t retried_ = 0;
};

} // namespace http_proxy

#endif
