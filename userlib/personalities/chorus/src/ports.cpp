// SPDX-License-Identifier: MIT
#include "ports.hpp"

#include "command.hpp"
#include "protection.hpp"

#include <unistd.h>

namespace chorus {
namespace {

/// It comes at once, or not at all: nobody says that a migration has failed.
constexpr std::chrono::seconds expected_for{30};

} // namespace

port *port_table::find(int portli) {
    if (portli == K_DEFAULTPORT)
        portli = default_port;
    if (portli < default_port || portli > K_CPORTMAX)
        return nullptr;
    port &it = slots_[static_cast<unsigned>(portli)];
    return it.capability.load(std::memory_order_acquire) != 0 ? &it : nullptr;
}

int port_table::find(KnUniqueId name) {
    const std::lock_guard held(lock_);
    const auto found = by_name_.find(ui::value(name));
    return found != by_name_.end() ? found->second : K_NONEPORT;
}

int port_table::create(KnUniqueId &name, KnProtId pi) {
    caps_port_create made{};
    made.queue_limit = K_CPORTQUEUE;
    // The port's cookie is its name, so each number that is tried takes a port.
    const bool declared = uiValid(&name) != 0;
    for (;;) {
        if (!declared && !ui::choose(name, ui::type::port, ::geteuid()))
            return K_EINVAL;
        made.cookie = ui::value(name);
        int error = command(device_, CAPS_PORT_CREATE, &made);
        if (error != 0)
            return error == -EDQUOT ? K_ENOMEM : k_error(error);
        error = names_.announce(ui::service_of(name), made.capability);
        if (error == 0)
            break;
        delete_port(made.capability);
        if (error != -EEXIST || declared)
            return error == -EDQUOT ? K_ENOMEM : k_error(error);
    }
    const int portli = add(made.capability, name, pi, 0);
    if (portli < 0) {
        names_.withdraw(ui::service_of(name));
        delete_port(made.capability);
    }
    return portli;
}

/// For a port of that name; those that others are expected to take are not free.
int port_table::free_slot(KnUniqueId name) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(expected_, [&](const auto &it) { return it.second < now; });
    const std::size_t others = expected_.size() - expected_.count(ui::value(name));
    if (by_name_.size() + others >= K_CPORTMAX)
        return K_ENOMEM;
    for (int portli = default_port; portli <= K_CPORTMAX; portli++)
        if (slots_[static_cast<unsigned>(portli)].capability.load(std::memory_order_relaxed) == 0)
            return portli;
    return K_ENOMEM;
}

int port_table::add(std::uint64_t capability, KnUniqueId name, KnProtId pi, std::uint64_t first) {
    const std::lock_guard held(lock_);
    const int portli = free_slot(name);
    if (portli < 0)
        return portli;
    expected_.erase(ui::value(name));
    port &it = slots_[static_cast<unsigned>(portli)];
    it.name = ui::value(name);
    it.pi = value(pi);
    it.first = first;
    it.priority = port::disabled;
    it.served = nullptr;
    it.capability.store(capability, std::memory_order_release);
    by_name_.insert_or_assign(ui::value(name), portli);
    names_.add(name, capability);
    return portli;
}

int port_table::accepts(KnUniqueId name) {
    const std::lock_guard held(lock_);
    // A name belongs to a user: another's process must not come to answer for it.
    if (ui::owner_of(name) != ::geteuid())
        return K_EPRIV;
    const int portli = free_slot(name);
    if (portli < 0)
        return portli;
    expected_[ui::value(name)] = std::chrono::steady_clock::now() + expected_for;
    return K_OK;
}

int port_table::migrate(int portli, std::uint64_t actor, bool drop, departure &left) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr || it == &slots_[default_port] || it->served != nullptr)
        return K_EINVAL;
    caps_port_migrate move{};
    move.capability = it->capability;
    move.actor = actor;
    move.flags = drop ? CAPS_MIGRATE_DROP : 0;
    const int error = command(device_, CAPS_PORT_MIGRATE, &move);
    if (error != 0)
        return error == -EDQUOT ? K_ENOMEM : k_error(error);
    left = {it->ui(), protection(it->pi), static_cast<KnEvtNum>(move.sequence - it->first + 1)};
    it->capability = 0;
    by_name_.erase(it->name);
    // To send to it, the handle is as good as any; somebody may be doing so just now.
    names_.disown(left.name);
    return K_OK;
}

void port_table::arrive(std::uint64_t capability, KnProtId pi) {
    caps_port_info info{};
    info.capability = capability;
    const int error = command(device_, CAPS_PORT_INFO, &info);
    const KnUniqueId name = ui::from_value(info.cookie);
    const bool is_ours = error == 0 && uiValid(&name) && ui::type_of(name) == ui::type::port &&
                         ui::owner_of(name) == ::geteuid();
    if (!is_ours || find(name) != K_NONEPORT || add(capability, name, pi, info.sequence) < 0) {
        delete_port(capability);
        return;
    }
    // The name came along, but not if this process has changed its user since it began.
    (void)names_.announce(ui::service_of(name), capability);
}

void port_table::delete_port(std::uint64_t capability) {
    caps_port_ref gone{};
    gone.capability = capability;
    (void)command(device_, CAPS_PORT_DELETE, &gone);
    caps_close handle{};
    handle.capability = capability;
    (void)command(device_, CAPS_CLOSE, &handle);
}

int port_table::remove(int portli) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr || it == &slots_[default_port])
        return K_EINVAL;
    const std::uint64_t capability = it->capability.exchange(0);
    by_name_.erase(it->name);
    names_.remove(it->ui());
    names_.withdraw(ui::service_of(it->ui()));
    delete_port(capability);
    return K_OK;
}

int port_table::set_enabled(std::uint64_t capability, int priority) {
    if (priority == port::disabled) {
        caps_port_ref it{};
        it.capability = capability;
        const int error = command(device_, CAPS_PORT_DISABLE, &it);
        return error == -EBUSY ? 0 : error;
    }
    caps_port_enable it{};
    it.capability = capability;
    it.priority = static_cast<std::uint32_t>(priority);
    return command(device_, CAPS_PORT_ENABLE, &it);
}

int port_table::enable(int portli, int priority) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr || priority < 0 || priority > 255)
        return K_EINVAL;
    // While it has a handler the kernel is not to give its messages to others.
    const int error = it->served != nullptr ? 0 : set_enabled(it->capability, priority);
    if (error == 0)
        it->priority = priority;
    return k_error(error);
}

int port_table::disable(int portli) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr)
        return K_EINVAL;
    const int error = it->served != nullptr ? 0 : set_enabled(it->capability, port::disabled);
    if (error == 0)
        it->priority = port::disabled;
    return k_error(error);
}

int port_table::serve(int portli, handler *by, handler **before) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr)
        return K_EINVAL;
    *before = it->served;
    if (by != nullptr && it->served != nullptr)
        return K_EBUSY;
    if (by == nullptr && it->served == nullptr)
        return K_EINVAL;
    it->served = by;
    if (it->priority == port::disabled)
        return K_OK;
    return k_error(set_enabled(it->capability, by != nullptr ? port::disabled : it->priority));
}

int port_table::sequence(int portli, unsigned &count) {
    const std::lock_guard held(lock_);
    port *const it = find(portli);
    if (it == nullptr)
        return K_EINVAL;
    caps_port_info info{};
    info.capability = it->capability;
    const int error = command(device_, CAPS_PORT_INFO, &info);
    count = static_cast<unsigned>(info.sequence - it->first);
    return k_error(error);
}

} // namespace chorus
