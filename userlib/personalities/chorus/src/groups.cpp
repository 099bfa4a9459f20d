// SPDX-License-Identifier: MIT
#include "groups.hpp"

#include "actor.hpp"

#include <exec/chExec.h>

#include <memory>

namespace chorus {
namespace {

/// While a host dies or takes over its name leads nowhere; that lasts milliseconds.
constexpr int attempts = 200;

/// An operation that no Chorus message has: members of which that is all are passed over.
constexpr std::uint64_t unused_operation = CAPS_BADGE_KERNEL;

std::uint64_t key_of(KnUniqueId group) {
    return ui::value(ui::with_mode(group, 0));
}

} // namespace

bool is_static(KnUniqueId group) {
    return ui::is_built(group) || ui::type_of(group) == ui::type::stamped;
}

/// No secret: whose group it is decides who may change it.
KnKey static_key(KnUniqueId group) {
    return {~group.uiTail, ~group.uiHead};
}

int ask_for_group(int device, std::uint64_t host, KnUniqueId group, std::uint64_t &capability) {
    agent_answer said{};
    const int error =
        call_agent(device, host, {.kind = request_kind::group_send, .ui = group}, said);
    capability = said.along.capability;
    return error == 0 && said.result != K_OK ? -ENOENT : error;
}

void groups::close(std::uint64_t capability) {
    caps_close it{};
    it.capability = capability;
    (void)command(home_.device(), CAPS_CLOSE, &it);
}

int groups::change(unsigned long number, std::uint64_t group, std::uint64_t port) {
    caps_group_member it{};
    it.group = group;
    it.port = port;
    return command(home_.device(), number, &it);
}

int groups::create(KnCap &cap) {
    const std::uint64_t key = ui::random_bits();
    cap.key = {static_cast<unsigned>(key >> 32), static_cast<unsigned>(key)};
    membership it{};
    int error = 0;
    do {
        if (!ui::choose(cap.ui, ui::type::group, ::geteuid()))
            return K_EINVAL;
        error = found(cap, it);
    } while (error == -EEXIST);
    if (error != 0)
        return error == -EDQUOT ? K_ENOMEM : k_error(error);
    const std::lock_guard held(lock_);
    known_.emplace(key_of(cap.ui), it);
    home_.names().add(cap.ui, it.capability);
    return K_OK;
}

/// As its host, if it has none.
int groups::found(const KnCap &cap, membership &it) {
    caps_group_create made{};
    int error = command(home_.device(), CAPS_GROUP_CREATE, &made);
    if (error != 0)
        return error;
    it = {cap, made.capability, 0, {}};
    error = home_.answer_for(cap.ui);
    if (error != 0)
        close(made.capability);
    return error;
}

/// From its host. 0 or a negative errno: ENOENT, EPIPE and ECONNRESET say that there is none.
/// EPERM and EINVAL are the host's word.
int groups::ask_host(const KnCap &cap, membership &it) {
    std::uint64_t host = 0;
    int error =
        home_.names().connect(ui::service_of(ui::with_mode(cap.ui, 0)), ui::owner_of(cap.ui), host);
    if (error != 0)
        return error;
    caps_watch watch{};
    watch.capability = host;
    error = home_.start_agent(); // which is told of the death
    if (error == 0)
        error = command(home_.device(), CAPS_WATCH, &watch);
    agent_answer said{};
    if (error == 0)
        error = call_agent(home_.device(), host,
                           {.kind = request_kind::group_change, .ui = cap.ui, .other = cap}, said);
    close(host);
    if (error == 0 && said.result != K_OK)
        error = said.result == K_EPRIV ? -EPERM : said.result == K_EINVAL ? -EINVAL : -ENOENT;
    if (error == 0) {
        it = {cap, said.along.capability, watch.id, {}};
    } else if (watch.id != 0) {
        caps_abort gone{};
        gone.id = watch.id;
        (void)command(home_.device(), CAPS_ABORT, &gone);
    }
    return error;
}

/// From its host, or as its host.
int groups::obtain(const KnCap &cap, membership &it) {
    for (int i = 0; i < attempts; i++) {
        int error = ask_host(cap, it);
        const bool is_gone = error == -ENOENT || error == -EPIPE || error == -ECONNRESET;
        if (!is_gone)
            return k_error(error);
        // Names are their owners'. Members of other users wait for one of them.
        error = ui::owner_of(cap.ui) == ::geteuid() ? found(cap, it) : -ENOENT;
        if (error != -EEXIST && error != -ENOENT)
            return error == -EDQUOT ? K_ENOMEM : k_error(error);
        (void)threadDelay(1);
    }
    return K_EUNKNOWN;
}

int groups::find(const KnCap &cap, std::uint64_t &capability) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    if (found == known_.end())
        return K_EUNKNOWN;
    const KnKey key = found->second.cap.key;
    if (key.keyHead != cap.key.keyHead || key.keyTail != cap.key.keyTail)
        return K_EINVAL;
    capability = found->second.capability;
    return K_OK;
}

/// A capability by which it can be changed.
int groups::open(const KnCap &cap, std::uint64_t &capability) {
    if (is_static(cap.ui)) {
        const KnKey key = static_key(ui::with_mode(cap.ui, 0));
        if (key.keyHead != cap.key.keyHead || key.keyTail != cap.key.keyTail)
            return K_EINVAL;
        if (ui::owner_of(cap.ui) != ::geteuid())
            return K_EPRIV;
    }
    int error = find(cap, capability);
    if (error != K_EUNKNOWN)
        return error;
    membership it{};
    error = obtain(cap, it);
    if (error != K_OK)
        return error;
    const std::lock_guard held(lock_);
    const auto [place, is_new] = known_.try_emplace(key_of(cap.ui), it);
    if (is_new)
        home_.names().add(ui::with_mode(cap.ui, 0), it.capability);
    else
        close(it.capability); // another thread was faster
    capability = place->second.capability;
    return K_OK;
}

void groups::note(const KnCap &cap, KnUniqueId port, bool is_member) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    if (found == known_.end())
        return;
    if (is_member)
        found->second.ports.insert(ui::value(port));
    else
        found->second.ports.erase(ui::value(port));
}

/// Inserts it, whichever group has the name.
int groups::put(const KnCap &cap, KnUniqueId port, std::uint64_t handle) {
    for (int i = 0; i < attempts; i++) {
        std::uint64_t capability = 0;
        int error = open(cap, capability);
        if (error != K_OK)
            return error;
        // Before it is one: whoever takes the members elsewhere is not to leave this behind.
        note(cap, port, true);
        error = change(CAPS_GROUP_INSERT, capability, handle);
        if (error == 0 || error == -EBUSY) // a member already
            return K_OK;
        if (error != -EPIPE && error != -EBADF) {
            note(cap, port, false);
            return error == -EDQUOT || error == -EMSGSIZE ? K_ENOMEM : k_error(error);
        }
        (void)threadDelay(1); // it is being given up
    }
    return K_EUNKNOWN;
}

int groups::insert(const KnCap &cap, KnUniqueId port) {
    const auto *const it = home_.ports().find(home_.ports().find(port));
    if (it == nullptr)
        return K_EUNKNOWN;
    return put(cap, port, it->capability);
}

int groups::remove(const KnCap &cap, KnUniqueId port) {
    std::uint64_t capability = 0;
    const int refused = open(cap, capability);
    if (refused != K_OK)
        return refused;
    bool exists = false;
    const int error = home_.names().with(port, [&](std::uint64_t handle) {
        exists = true;
        return change(CAPS_GROUP_REMOVE, capability, handle);
    });
    note(cap, port, false);
    if (error == -ENOENT)
        return exists ? K_EINVAL : K_EUNKNOWN;
    return k_error(error);
}

agent_answer groups::give(const caps_header &header, const agent_request &request) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(request.ui));
    if (found == known_.end())
        return {K_EUNKNOWN};
    const membership &it = found->second;
    agent_answer said{K_OK};
    said.along = {it.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHT_SEND, 0};
    if (request.kind != request_kind::group_change)
        return said;
    const KnKey key = request.other.key;
    if (key.keyHead != it.cap.key.keyHead || key.keyTail != it.cap.key.keyTail)
        return {K_EINVAL};
    if (is_static(it.cap.ui) && ui::owner_of(it.cap.ui) != header.euid)
        return {K_EPRIV};
    said.along.rights = CAPS_RIGHTS_GROUP;
    return said;
}

int groups::join(const KnCap &cap, KnUniqueId port) {
    std::uint64_t capability = 0;
    const int error = open(cap, capability);
    if (error == K_OK)
        note(cap, port, true);
    return error;
}

std::vector<KnCap> groups::leave(KnUniqueId port) {
    const std::lock_guard held(lock_);
    std::vector<KnCap> of;
    for (auto &[key, it] : known_)
        if (it.ports.erase(ui::value(port)) != 0)
            of.push_back(it.cap);
    return of;
}

// --- when a host dies ---

struct groups::succession {
    groups &of;
    KnCap cap;
};

void groups::host_died(std::uint64_t watch) {
    const std::lock_guard held(lock_);
    for (const auto &[key, it] : known_) {
        if (it.watch != watch)
            continue;
        // A thread of its own: it may have to ask the next host's agent.
        auto next = std::make_unique<succession>(succession{*this, it.cap});
        if (start_thread(succeed, next.get()))
            (void)next.release();
        return;
    }
}

void *groups::succeed(void *succession_to_run) {
    const std::unique_ptr<succession> it(static_cast<succession *>(succession_to_run));
    it->of.replace_host(it->cap);
    return nullptr;
}

void groups::replace_host(const KnCap &cap) {
    const bool may_be_host = ui::owner_of(cap.ui) == ::geteuid();
    membership next{};
    int error = -ENOENT;
    for (int i = 0; i < attempts && error != 0; i++) {
        error = may_be_host ? home_.answer_for(cap.ui) : -ENOENT;
        if (error != 0)
            error = ask_host(cap, next);
        if (error != 0)
            (void)threadDelay(1);
    }
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    if (error != 0 || found == known_.end())
        return;
    membership &it = found->second;
    it.watch = next.watch;
    if (next.capability == 0)
        return;
    if (!are_same(it.capability, next.capability)) {
        move_members(it, next.capability);
        std::swap(it.capability, next.capability);
        home_.names().add(ui::with_mode(cap.ui, 0), it.capability);
    }
    close(next.capability);
}

/// The kernel does not tell whether two handles name one group; but a port cannot be inserted
/// twice. This one nobody notices, since it takes no operation that is used.
bool groups::are_same(std::uint64_t one, std::uint64_t other) {
    caps_port_create made{};
    if (command(home_.device(), CAPS_PORT_CREATE, &made) != 0)
        return true;
    caps_duplicate mute{};
    mute.capability = made.capability;
    mute.operations = unused_operation;
    mute.rights = CAPS_RIGHT_MANAGE | CAPS_RIGHT_SEND;
    const bool is_mute = command(home_.device(), CAPS_DUPLICATE, &mute) == 0;
    const bool same = is_mute && change(CAPS_GROUP_INSERT, one, mute.result) == 0 &&
                      change(CAPS_GROUP_INSERT, other, mute.result) == -EBUSY;
    caps_port_ref gone{};
    gone.capability = made.capability;
    (void)command(home_.device(), CAPS_PORT_DELETE, &gone);
    close(mute.result);
    close(made.capability);
    return same;
}

void groups::move_members(membership &from, std::uint64_t to) {
    for (auto it = from.ports.begin(); it != from.ports.end();) {
        const auto *const port = home_.ports().find(home_.ports().find(ui::from_value(*it)));
        const std::uint64_t handle = port != nullptr ? port->capability.load() : 0;
        // Others may have removed it, which is to stay so.
        const bool was_member =
            handle != 0 && change(CAPS_GROUP_REMOVE, from.capability, handle) != -ENOENT;
        if (was_member)
            (void)change(CAPS_GROUP_INSERT, to, handle);
        it = was_member ? std::next(it) : from.ports.erase(it);
    }
    caps_group_ref gone{};
    gone.capability = from.capability;
    (void)command(home_.device(), CAPS_GROUP_DELETE, &gone);
}

} // namespace chorus
