// SPDX-License-Identifier: MIT
#include "directory.hpp"

#include "command.hpp"
#include "groups.hpp"

#include <unistd.h>

namespace chorus {

void directory::add(KnUniqueId name, std::uint64_t capability) {
    const std::lock_guard held(lock_);
    const auto [place, is_new] = entries_.try_emplace(ui::value(name), entry{capability, true});
    if (is_new)
        return;
    if (!place->second.own)
        close(place->second.capability);
    place->second = {capability, true};
}

void directory::remove(KnUniqueId name) {
    const std::lock_guard held(lock_);
    entries_.erase(ui::value(name));
}

void directory::disown(KnUniqueId name) {
    const std::lock_guard held(lock_);
    const auto found = entries_.find(ui::value(name));
    if (found != entries_.end())
        found->second.own = false;
}

int directory::announce(const std::string &service, std::uint64_t port) {
    caps_register it{};
    it.port = port;
    it.name = address_of(service.data());
    it.name_len = static_cast<std::uint32_t>(service.size());
    it.operations = CAPS_ALL_OPERATIONS;
    it.uid = ::geteuid();
    it.gid = CAPS_ANY_ID;
    it.flags = CAPS_REGISTER_WORLD;
    return command(device_, CAPS_REGISTER, &it);
}

void directory::withdraw(const std::string &service) {
    caps_unregister it{};
    it.name = address_of(service.data());
    it.name_len = static_cast<std::uint32_t>(service.size());
    it.uid = ::geteuid();
    it.gid = CAPS_ANY_ID;
    (void)command(device_, CAPS_UNREGISTER, &it);
}

int directory::connect(const std::string &service, uid_t owner, std::uint64_t &capability) {
    caps_connect it{};
    it.name = address_of(service.data());
    it.name_len = static_cast<std::uint32_t>(service.size());
    it.uid = owner;
    it.gid = CAPS_ANY_ID;
    it.operations = CAPS_ALL_OPERATIONS;
    const int error = command(device_, CAPS_CONNECT, &it);
    capability = it.capability;
    return error;
}

int directory::find(KnUniqueId name, std::uint64_t &capability, bool &kept) {
    const KnUniqueId plain = ui::with_mode(name, 0);
    {
        const std::lock_guard held(lock_);
        const auto found = entries_.find(ui::value(plain));
        if (found != entries_.end()) {
            capability = found->second.capability;
            kept = true;
            return 0;
        }
    }
    int error = connect(ui::service_of(plain), ui::owner_of(plain), capability);
    if (error == 0 && ui::is_group(plain)) {
        const std::uint64_t host = capability;
        error = ask_for_group(device_, host, plain, capability);
        close(host);
    }
    return error != 0 ? error : keep(ui::value(plain), capability);
}

int directory::keep(std::uint64_t name, std::uint64_t &capability) {
    const std::lock_guard held(lock_);
    if (entries_.size() >= most_kept_)
        drop_all_found();
    const auto [place, is_new] = entries_.try_emplace(name, entry{capability, false});
    if (!is_new) {
        // Another thread was faster.
        close(capability);
        capability = place->second.capability;
    }
    return 0;
}

bool directory::is_worthless(int error, std::uint64_t capability) const {
    if (error != -EPIPE)
        return error == -EBADF || error == -EKEYREVOKED;
    caps_capability_info info{};
    info.capability = capability;
    return command(device_, CAPS_CAPABILITY_INFO, &info) != 0 || (info.status & CAPS_INFO_DEAD);
}

void directory::drop(std::uint64_t name, std::uint64_t capability) {
    const std::lock_guard held(lock_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.own || found->second.capability != capability)
        return;
    close(capability);
    entries_.erase(found);
}

void directory::drop_all_found() {
    std::erase_if(entries_, [this](const auto &it) {
        if (!it.second.own)
            close(it.second.capability);
        return !it.second.own;
    });
}

void directory::close(std::uint64_t capability) {
    caps_close it{};
    it.capability = capability;
    (void)command(device_, CAPS_CLOSE, &it);
}

} // namespace chorus
