// SPDX-License-Identifier: MIT
#include "groups.hpp"

#include "actor.hpp"
#include "group_send.hpp"

#include <exec/chExec.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace chorus {
namespace {

/// While a host dies or takes over its name leads nowhere; that lasts milliseconds.
constexpr int attempts = 200;

/// If it has not succeeded by then it goes on once a second, so often.
constexpr int late_attempts = 60;

/// Operation 63, which no Chorus message has: members of which that is all are passed over.
constexpr std::uint64_t unused_operation = 1ULL << 63;

/// Deaths of hosts that were just being asked; more at a time than threads that ask.
constexpr std::size_t most_early_deaths = 256;

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

/// One that has fired, or that is 0, is none any more.
void groups::unwatch(std::uint64_t watch) {
    caps_abort it{};
    it.id = watch;
    (void)command(home_.device(), CAPS_ABORT, &it);
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
    it = {.cap = cap, .capability = made.capability};
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
    if (error == 0)
        it = {.cap = cap, .capability = said.along.capability, .watch = watch.id};
    else
        unwatch(watch.id);
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

/// @a renew is set if its name has to be looked up again first, which the caller then does.
int groups::find(const KnCap &cap, std::uint64_t &capability, bool &renew) {
    renew = false;
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    if (found == known_.end())
        return K_EUNKNOWN;
    membership &it = found->second;
    const KnKey key = it.cap.key;
    if (key.keyHead != cap.key.keyHead || key.keyTail != cap.key.keyTail)
        return K_EINVAL;
    if (is_dead(home_, it.capability))
        it.stale = it.watch != 0 || !found_anew(it);
    renew = it.stale && !it.renewing;
    it.renewing = it.renewing || renew;
    capability = it.capability;
    return K_OK;
}

/// Is that still the group of that name? Else what was done to it may be lost.
bool groups::is_current(const KnCap &cap, std::uint64_t capability) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    return found != known_.end() && found->second.capability == capability;
}

/// Returns the capability to use.
std::uint64_t groups::enter(const KnCap &cap, const membership &it) {
    const std::lock_guard held(lock_);
    const auto [place, is_new] = known_.try_emplace(key_of(cap.ui), it);
    if (is_new) {
        home_.names().add(ui::with_mode(cap.ui, 0), it.capability);
        if (has_died(it.watch))
            replace_host_of(place->second);
    } else { // another thread was faster
        close(it.capability);
        unwatch(it.watch);
    }
    return place->second.capability;
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
    bool is_to_renew = false;
    int error = find(cap, capability, is_to_renew);
    while (is_to_renew) {
        if (!renew(cap)) {
            renew_later(cap); // until then, what there is may do
            break;
        }
        error = find(cap, capability, is_to_renew);
    }
    if (error != K_EUNKNOWN)
        return error;
    membership it{};
    error = obtain(cap, it);
    if (error == K_OK)
        capability = enter(cap, it);
    return error;
}

bool groups::note(const KnCap &cap, KnUniqueId port, bool is_member) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(cap.ui));
    if (found == known_.end())
        return false;
    std::set<std::uint64_t> &ports = found->second.ports;
    return is_member ? ports.insert(ui::value(port)).second : ports.erase(ui::value(port)) != 0;
}

/// 0, EAGAIN if it is to be done again, or another negative errno.
int groups::try_to_put(const KnCap &cap, std::uint64_t capability, std::uint64_t handle) {
    const int error = change(CAPS_GROUP_INSERT, capability, handle);
    if (error == 0 || error == -EBUSY) // a member already
        return is_current(cap, capability) ? 0 : -EAGAIN;
    if (error != -EPIPE && error != -EBADF)
        return error;
    return is_dead(home_, handle) ? error : -EAGAIN; // else the group is being given up
}

/// Inserts it, whichever group has the name.
int groups::put(const KnCap &cap, KnUniqueId port, std::uint64_t handle) {
    bool is_noted = false;
    int error = -EAGAIN;
    for (int i = 0; i < attempts && error == -EAGAIN; i++) {
        if (i != 0)
            (void)threadDelay(1);
        std::uint64_t capability = 0;
        const int refused = open(cap, capability);
        if (refused != K_OK) {
            if (is_noted)
                note(cap, port, false);
            return refused;
        }
        // Before it is one: whoever takes the members elsewhere is not to leave this behind.
        is_noted = note(cap, port, true) || is_noted;
        error = try_to_put(cap, capability, handle);
    }
    if (error != 0 && is_noted)
        note(cap, port, false);
    if (error == -EAGAIN)
        return K_EUNKNOWN;
    return error == -EDQUOT || error == -EMSGSIZE ? K_ENOMEM : k_error(error);
}

int groups::insert(const KnCap &cap, KnUniqueId port) {
    const auto *const it = home_.ports().find(home_.ports().find(port));
    if (it == nullptr)
        return K_EUNKNOWN;
    return put(cap, port, it->capability);
}

int groups::remove(const KnCap &cap, KnUniqueId port) {
    for (int i = 0; i < attempts; i++) {
        std::uint64_t capability = 0;
        const int refused = open(cap, capability);
        if (refused != K_OK)
            return refused;
        bool exists = false;
        const int error = home_.names().with(port, [&](std::uint64_t handle) {
            exists = true;
            return change(CAPS_GROUP_REMOVE, capability, handle);
        });
        const bool is_done = error == 0 || error == -ENOENT;
        const bool counts =
            error == 0 || (is_current(cap, capability) && (is_done || !is_dead(home_, capability)));
        if (counts && is_done)
            note(cap, port, false);
        if (counts)
            return error != -ENOENT ? k_error(error) : exists ? K_EINVAL : K_EUNKNOWN;
        (void)threadDelay(1); // it is being given up
    }
    return K_EUNKNOWN;
}

agent_answer groups::give(const caps_header &header, const agent_request &request) {
    const std::lock_guard held(lock_);
    const auto found = known_.find(key_of(request.ui));
    if (found == known_.end())
        return {K_EUNKNOWN};
    membership &it = found->second;
    // Who asks shall not be given what is worth nothing.
    if (is_dead(home_, it.capability) && (it.watch != 0 || !found_anew(it)))
        return {K_EUNKNOWN};
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
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const auto &it) { return it.second.watch == watch; });
    if (found != known_.end()) {
        replace_host_of(found->second);
        return;
    }
    // A thread that has asked that host has yet to enter what it was told.
    early_deaths_.push_back(watch);
    if (early_deaths_.size() > most_early_deaths)
        early_deaths_.pop_front();
}

/// The same, asked later, once.
bool groups::has_died(std::uint64_t watch) {
    const auto found = std::find(early_deaths_.begin(), early_deaths_.end(), watch);
    if (found == early_deaths_.end())
        return false;
    early_deaths_.erase(found);
    return true;
}

/// By a thread of its own, which may have to ask the next host's agent. If there is none to be had
/// the next who uses the group does it.
void groups::replace_host_of(membership &it) {
    it.stale = true;
    if (it.renewing)
        return;
    auto next = std::make_unique<succession>(succession{*this, it.cap});
    it.renewing = start_thread(succeed, next.get());
    if (it.renewing)
        (void)next.release();
}

void *groups::succeed(void *succession_to_run) {
    const std::unique_ptr<succession> it(static_cast<succession *>(succession_to_run));
    it->of.replace_host(it->cap);
    return nullptr;
}

void groups::replace_host(const KnCap &cap) {
    for (int i = 0; i < attempts + late_attempts; i++) {
        if (renew(cap))
            return;
        (void)threadDelay(i < attempts ? 1 : 1000);
    }
    const std::lock_guard held(lock_);
    known_.at(key_of(cap.ui)).renewing = false; // the next who uses it tries again
}

void groups::renew_later(const KnCap &cap) {
    const std::lock_guard held(lock_);
    membership &it = known_.at(key_of(cap.ui));
    it.renewing = false;
    replace_host_of(it);
}

/// Looks up once to which group its name leads now, or makes it lead to the one that is known. The
/// caller has set that somebody does; false if that has to be done again.
bool groups::renew(const KnCap &cap) {
    membership next{};
    int error = ui::owner_of(cap.ui) == ::geteuid() ? home_.answer_for(cap.ui) : -ENOENT;
    if (error != 0)
        error = ask_host(cap, next);
    const std::lock_guard held(lock_);
    return error == 0 && adopt(known_.at(key_of(cap.ui)), next);
}

/// What the next host has given; nothing if that is this actor. False: not yet.
bool groups::adopt(membership &it, const membership &next) {
    const bool is_host = next.capability == 0 || it.watch == 0;
    unwatch(is_host ? next.watch : it.watch);
    it.watch = is_host ? 0 : next.watch;
    const relation is = is_host ? relation::same : compare(it.capability, next.capability);
    bool is_settled = is != relation::unknown;
    if (is == relation::different)
        is_settled = change_to(it, next.capability);
    else if (is_host && is_dead(home_, it.capability))
        is_settled = found_anew(it);
    if (next.capability != 0 && it.capability != next.capability)
        close(next.capability);
    it.stale = !is_settled || has_died(it.watch);
    it.renewing = it.stale;
    return !it.stale;
}

/// By its host, when somebody has deleted it.
bool groups::found_anew(membership &it) {
    caps_group_create made{};
    if (command(home_.device(), CAPS_GROUP_CREATE, &made) != 0)
        return false;
    const bool is_changed = change_to(it, made.capability);
    if (!is_changed)
        close(made.capability);
    return is_changed;
}

/// From now on its name means that one. False if nothing was given up.
bool groups::change_to(membership &it, std::uint64_t capability) {
    if (!move_members(it, capability))
        return false;
    caps_group_ref gone{};
    gone.capability = it.capability;
    (void)command(home_.device(), CAPS_GROUP_DELETE, &gone);
    const std::uint64_t old = std::exchange(it.capability, capability);
    home_.names().add(ui::with_mode(it.cap.ui, 0), capability);
    close(old);
    return true;
}

/// The kernel does not tell whether two handles name one group; but a port cannot be inserted
/// twice. This one nobody notices, since it takes no operation that is used.
groups::relation groups::compare(std::uint64_t one, std::uint64_t other) {
    caps_port_create made{};
    if (command(home_.device(), CAPS_PORT_CREATE, &made) != 0)
        return relation::unknown;
    caps_duplicate mute{};
    mute.capability = made.capability;
    mute.operations = unused_operation;
    mute.rights = CAPS_RIGHT_MANAGE | CAPS_RIGHT_SEND;
    relation is = relation::unknown;
    if (command(home_.device(), CAPS_DUPLICATE, &mute) == 0) {
        is = compare_by(mute.result, one, other);
        close(mute.result);
    }
    caps_port_ref gone{};
    gone.capability = made.capability;
    (void)command(home_.device(), CAPS_PORT_DELETE, &gone);
    close(made.capability);
    return is;
}

/// @a port is in neither. The older one may be gone, the newer one must not be. Where there is no
/// room for it nothing can be told.
groups::relation groups::compare_by(std::uint64_t port, std::uint64_t one, std::uint64_t other) {
    const int first = change(CAPS_GROUP_INSERT, one, port);
    if (first != 0 && first != -EPIPE)
        return relation::unknown;
    const int second = change(CAPS_GROUP_INSERT, other, port);
    if (first == 0 && second == -EBUSY)
        return relation::same;
    return second == 0 ? relation::different : relation::unknown;
}

/// False if they could not all be.
bool groups::move_members(membership &from, std::uint64_t to) {
    for (auto it = from.ports.begin(); it != from.ports.end();) {
        const auto *const port = home_.ports().find(home_.ports().find(ui::from_value(*it)));
        const std::uint64_t handle = port != nullptr ? port->capability.load() : 0;
        const int error = handle != 0 ? change(CAPS_GROUP_INSERT, to, handle) : 0;
        if (error != 0 && error != -EBUSY) // by an attempt before this
            return false;
        bool is_member = handle != 0;
        // Others may have removed it, which is to stay so.
        if (is_member && change(CAPS_GROUP_REMOVE, from.capability, handle) == -ENOENT &&
            error == 0) {
            (void)change(CAPS_GROUP_REMOVE, to, handle);
            is_member = false;
        }
        it = is_member ? std::next(it) : from.ports.erase(it);
    }
    return true;
}

} // namespace chorus
