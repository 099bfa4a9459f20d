// SPDX-License-Identifier: MIT
#include "actor.hpp"

#include "fork.hpp"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace chorus {
namespace {

std::atomic<actor *> me{nullptr};
std::mutex beginning; // held while that is set, and while the process forks

void before_fork() {
    beginning.lock();
}

void after_fork_in_parent() {
    beginning.unlock();
}

/// The child has none of the parent's ports, messages and threads. The parent's object is left
/// as it is, since other threads may have held its locks.
void after_fork_in_child() {
    if (const actor *const parents = me.exchange(nullptr))
        ::close(parents->device());
    forget_thread_of_parent();
    beginning.unlock();
}

/// The first number that is not a key.
template <class Map>
int free_number(const Map &map) {
    int number = 1;
    for (const auto &it : map)
        if (it.first != number++)
            return number - 1;
    return number;
}

} // namespace

int device_of(const actor &home) {
    return home.device();
}

actor *actor::mine() {
    actor *it = me.load(std::memory_order_acquire);
    if (it != nullptr)
        return it;
    const std::lock_guard held(beginning);
    it = me.load();
    if (it == nullptr) {
        it = create();
        me.store(it, std::memory_order_release);
    }
    return it;
}

actor *actor::create() {
    static const bool once =
        ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    const int device = once ? ::open("/dev/caps", O_RDWR | O_CLOEXEC) : -1;
    if (device < 0)
        return nullptr;
    install_abort_handler();
    std::unique_ptr<actor> it(new actor(device));
    if (!it->begin()) {
        ::close(device);
        return nullptr;
    }
    return it.release();
}

actor::actor(int device)
    : device_(device), names_(device), ports_(device, names_), watcher_(*this), agent_(*this),
      groups_(*this), pi_(value(protection_of(::geteuid(), ::getegid()))) {
    const char *const full = std::getenv("CAPSCHORUS_FULL");
    always_waits_ = full != nullptr && std::strcmp(full, "wait") == 0;
}

bool actor::begin() {
    KnUniqueId name{};
    if (ports_.create(name, pi()) != port_table::default_port)
        return false;
    // The actor's own name goes with that of its default port.
    ui::choose(self_.ui, ui::type::actor, ui::owner_of(name), name.uiTail);
    const std::uint64_t key = ui::random_bits();
    self_.key = {static_cast<unsigned>(key >> 32), static_cast<unsigned>(key)};
    return true;
}

bool actor::is_me(const KnCap *actorcap) const {
    return actorcap == K_MYACTOR || std::memcmp(actorcap, &self_, sizeof(self_)) == 0;
}

int actor::publish(KnCap &actorcap) {
    const std::lock_guard held(lock_);
    if (!published_) {
        const int error = agent_.serve(self_.ui);
        if (error != 0)
            return k_error(error);
        published_ = true;
    }
    actorcap = self_;
    return K_OK;
}

std::uint64_t actor::self_capability() {
    const std::lock_guard held(lock_);
    if (self_capability_ == 0) {
        caps_actor_self it{};
        if (command(device_, CAPS_ACTOR_SELF, &it) == 0)
            self_capability_ = it.capability;
    }
    return self_capability_;
}

void actor::set_pi(KnProtId pi) {
    pi_ = value(pi);
    say_who();
}

std::uint64_t actor::quiet_port() {
    const std::lock_guard held(lock_);
    if (quiet_port_ == 0) {
        caps_port_create made{};
        if (command(device_, CAPS_PORT_CREATE, &made) == 0)
            quiet_port_ = made.capability;
    }
    return quiet_port_;
}

thread *actor::join() {
    const std::lock_guard held(lock_);
    const KnThreadLid lid = free_number(threads_);
    std::unique_ptr<thread> &place = threads_[lid];
    place.reset(new thread(*this, lid));
    return place.get();
}

void actor::leave(thread &gone) {
    if (gone.current())
        discard(gone.current().header.id);
    const std::lock_guard held(lock_);
    threads_.erase(gone.lid());
}

int actor::abort(KnThreadLid threadli) {
    const std::lock_guard held(lock_);
    const auto found = threads_.find(threadli);
    if (found == threads_.end())
        return K_EINVAL;
    found->second->abort();
    return K_OK;
}

void actor::abort_server_of(std::uint64_t call) {
    const std::lock_guard held(lock_);
    for (const auto &[lid, it] : threads_)
        if (it->serving() == call)
            it->abort_for(call);
}

void actor::abort_where_callers_have_gone() {
    const std::lock_guard held(lock_);
    for (const auto &[lid, it] : threads_) {
        const std::uint64_t call = it->serving();
        if (call != 0 && it->in_abortable_wait() && caller_has_gone(call))
            it->abort_for(call);
    }
}

void actor::discard(std::uint64_t id) {
    caps_discard it{};
    it.id = id;
    // ENOMSG: another thread of the actor has ended it.
    (void)command(device_, CAPS_DISCARD, &it);
}

bool actor::caller_has_gone(std::uint64_t id) {
    caps_get_data nothing{};
    nothing.id = id;
    return command(device_, CAPS_GET_DATA, &nothing) == -ECANCELED;
}

int actor::save(const message &it) {
    const std::lock_guard held(lock_);
    if (saved_.size() >= K_CMSGSAVEDMAX)
        return K_ETOOMUCH;
    const int number = free_number(saved_);
    saved_.emplace(number, it);
    return number;
}

bool actor::restore(int saved, message &it) {
    const std::lock_guard held(lock_);
    const auto found = saved_.find(saved);
    if (found == saved_.end())
        return false;
    it = found->second;
    saved_.erase(found);
    return true;
}

} // namespace chorus
