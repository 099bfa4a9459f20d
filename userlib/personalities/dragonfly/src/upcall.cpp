// SPDX-License-Identifier: MIT
#include "upcall.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <pthread.h>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace dragonfly {
namespace {

thread_local const caller *running = nullptr;

/// Detached, and without signals, which are the program's.
int start_thread(void *(*run)(void *), void *argument) {
    sigset_t all;
    sigset_t before;
    pthread_t thread{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = ::pthread_create(&thread, nullptr, run, argument);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error == 0)
        ::pthread_detach(thread);
    return -error;
}

bool may_pass(int error) {
    return error == -ENOMEM || error == -EDQUOT || error == -EMFILE;
}

} // namespace

upcall::~upcall() {
    if (eventfd >= 0)
        ::close(eventfd);
}

int caller::start(const std::shared_ptr<caller> &it, int portid) {
    it->portid_ = portid;
    auto own = std::make_unique<std::shared_ptr<caller>>(it);
    const int error = start_thread(run, own.get());
    if (error == 0)
        (void)own.release();
    return error;
}

void *caller::run(void *it) {
    const std::unique_ptr<std::shared_ptr<caller>> own(static_cast<std::shared_ptr<caller> *>(it));
    const std::shared_ptr<caller> self = *own;
    running = self.get();
    if (self->upcall_->function != nullptr)
        self->call_with_all();
    else
        self->count_events();
    self->port_.reset();
    return nullptr;
}

void caller::finish() {
    std::unique_lock held(lock_);
    finished_ = true;
    if (running != this)
        returned_.wait(held, [this] { return !calling_; });
}

void caller::call(void *msg, int size, caps_msgid_t msgid, caps_cred_t ccr, int word) {
    std::unique_lock held(lock_);
    if (finished_)
        return;
    calling_ = true;
    held.unlock();
    errno = word;
    upcall_->function(portid_, msg, size, msgid, ccr, upcall_->data);
    held.lock();
    calling_ = false;
    returned_.notify_all();
}

void caller::call_with_all() {
    std::vector<char> body(4096);
    for (;;) {
        caps_msgid msgid{};
        caps_cred ccr{};
        place to{body.data(), static_cast<int>(body.size()), &msgid, &ccr};
        int word = -1;
        const int size = port_->get(to, true, word);
        if (size > to.room) {
            body.resize(static_cast<std::size_t>(size)); // it is still the first
        } else if (size >= 0) {
            call(body.data(), size, &msgid, &ccr, word > 0 ? word : 0);
        } else if (may_pass(size)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        } else {
            call(nullptr, -1, nullptr, nullptr, -size);
            return;
        }
    }
}

/// Edge-triggered: each arrival counts, though the program may not have got the last message.
void caller::count_events() {
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event it{};
    it.events = EPOLLIN | EPOLLET;
    ::epoll_ctl(poller, EPOLL_CTL_ADD, port_->poll_fd(), &it);
    const std::uint64_t one = 1;
    while (!port_->is_closed()) {
        if (::epoll_wait(poller, &it, 1, -1) == 1)
            (void)!::write(upcall_->eventfd, &one, sizeof(one));
    }
    ::close(poller);
}

} // namespace dragonfly
