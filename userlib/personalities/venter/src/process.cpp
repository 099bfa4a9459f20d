// SPDX-License-Identifier: MIT
#include "process.hpp"

#include "inlet.hpp"

#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace venter {
namespace {

std::atomic<process *> me{nullptr};
std::mutex beginning; // held while that is set, and while the process forks

void before_fork() {
    beginning.lock();
}

void after_fork_in_parent() {
    beginning.unlock();
}

/// The child has none of the parent's ports. The parent's object is left as it is, since other
/// threads may have held its locks.
void after_fork_in_child() {
    if (process *const parents = me.exchange(nullptr)) {
        parents->close_files();
        ::close(parents->device());
    }
    beginning.unlock();
}

} // namespace

process *process::mine() {
    process *it = me.load(std::memory_order_acquire);
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

process *process::create() {
    static const bool once =
        ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    const int device = once ? ::open("/dev/caps", O_RDWR | O_CLOEXEC) : -1;
    if (device < 0)
        return nullptr;
    auto *const it = new process(device);
    it->relatives_.report_to_parent();
    return it;
}

void process::close_files() {
    for (port &it : table_)
        if (it.descriptor.load() >= 0)
            ::close(it.descriptor.load());
}

void process::close_capability(std::uint64_t handle) const {
    caps_close it{};
    it.capability = handle;
    (void)command(device_, CAPS_CLOSE, &it);
}

std::uint64_t process::new_cookie(int number) {
    return ++cookies_ * ports_ + static_cast<std::uint64_t>(number);
}

port *process::find(int number) {
    if (number < 1 || number > IO_PORTS)
        return nullptr;
    int highest = highest_.load(std::memory_order_relaxed);
    while (highest < number && !highest_.compare_exchange_weak(highest, number))
        ;
    return &table_[static_cast<std::size_t>(number)];
}

std::unique_lock<std::mutex> process::enter(port &here) {
    std::unique_lock held(here.use, std::try_to_lock);
    if (!held) {
        // Who only looks is not at it.
        const std::lock_guard looking(looking_);
        (void)held.try_lock();
    }
    return held;
}

void process::install(port &here, std::unique_ptr<end> at) {
    const auto files = [&] { return here.at != nullptr && here.at->descriptor() >= 0 ? 1 : 0; };
    files_ -= files();
    here.at = std::move(at);
    files_ += files();
}

void process::remember(inlet &it) {
    const std::lock_guard held(inlets_lock_);
    inlets_[it.cookie() % ports_] = &it;
}

void process::forget(const inlet &it) {
    const std::lock_guard held(inlets_lock_);
    inlet *&place = inlets_[it.cookie() % ports_];
    if (place == &it)
        place = nullptr;
}

int process::become_server(const char *name) {
    if (name == nullptr)
        return -EFAULT;
    const std::lock_guard held(lock_);
    if (!name_.empty())
        return -EBUSY;
    caps_port_create it{};
    int error = command(device_, CAPS_PORT_CREATE, &it);
    if (error != 0)
        return error;
    name_ = name;
    // Nobody is let in by this one: it keeps the name while no port is available.
    error = register_name(it.capability, CAPS_REGISTER_RESERVED);
    if (error != 0) {
        name_.clear();
        caps_port_ref gone{};
        gone.capability = it.capability;
        (void)command(device_, CAPS_PORT_DELETE, &gone);
        close_capability(it.capability);
    }
    return error;
}

/// The name does not change once it is set.
int process::register_name(std::uint64_t handle, unsigned flags) {
    if (name_.empty())
        return -EDESTADDRREQ;
    caps_register it{};
    it.port = handle;
    it.name = address_of(name_.data());
    it.name_len = static_cast<std::uint32_t>(name_.size());
    it.operations = CAPS_ALL_OPERATIONS;
    it.uid = ::geteuid();
    it.gid = CAPS_ANY_ID;
    it.flags = CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST | CAPS_REGISTER_ASK |
               CAPS_REGISTER_SINGLE | CAPS_REGISTER_DISCONNECTED | flags;
    it.in_flight = 1;
    return command(device_, CAPS_REGISTER, &it);
}

std::string process::server_name() {
    const std::lock_guard held(lock_);
    return name_;
}

} // namespace venter
