// SPDX-License-Identifier: MIT
// Actors, ports and services.
#include <caps/actor.hpp>
#include <caps/caps.h>

#include <algorithm>

namespace caps {

namespace {

using kinds = failure::object_kind;

failure of(const actor &on, operation what, int outcome) noexcept {
    return {what, -outcome, kinds::actor, static_cast<std::uint64_t>(on.get())};
}

failure of(const port &on, operation what, int outcome) noexcept {
    return {what, -outcome, kinds::capability, on.get()};
}

result<void> done_or(int outcome, const port &on, operation what) noexcept {
    if (outcome < 0)
        return failed(of(on, what, outcome));
    return {};
}

std::uint32_t flags_of(const service_options &options) noexcept {
    return (options.world ? CAPS_REGISTER_WORLD : 0) | (options.user ? CAPS_REGISTER_USER : 0) |
           (options.group ? CAPS_REGISTER_GROUP : 0) | (options.newest ? CAPS_REGISTER_NEWEST : 0) |
           (options.first ? CAPS_REGISTER_FIRST : 0) |
           (options.replace ? CAPS_REGISTER_REPLACE : 0) |
           (options.connected ? CAPS_REGISTER_CONNECTED : 0) |
           (options.disconnected ? CAPS_REGISTER_DISCONNECTED : 0) |
           (options.ask ? CAPS_REGISTER_ASK : 0);
}

// A name as the C interface takes it. What is too long, or has a terminator inside, becomes one
// that the kernel refuses as it would have refused the original.
class terminated {
  public:
    explicit terminated(std::string_view name) noexcept {
        if (name.size() > CAPS_MAX_NAME || name.find('\0') != name.npos)
            text_.fill('x');
        else
            std::ranges::copy(name, text_.begin());
    }
    const char *get() const noexcept { return text_.data(); }
    std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(std::string_view(text_.data()).size());
    }

  private:
    // One more than a name may have, and the terminator.
    std::array<char, CAPS_MAX_NAME + 2> text_{};
};

} // namespace

result<actor> actor::try_open(const char *device) noexcept {
    const int outcome = capsu_open(device);
    if (outcome < 0)
        return failed(failure(operation::open, -outcome, kinds::device, device));
    return actor(outcome);
}

result<limits> actor::try_query() const noexcept {
    ::caps_query query;
    const int outcome = capsu_query(get(), &query);
    if (outcome < 0)
        return failed(of(*this, operation::query, outcome));
    return caps::limits{.features = query.features,
                        .max_body = query.max_body,
                        .max_copied_body = query.max_copied_body,
                        .max_pinned = query.max_pinned,
                        .copy_break = query.copy_break,
                        .max_annex = query.max_annex,
                        .max_pieces = query.max_iovecs,
                        .max_batch = query.max_batch,
                        .default_queue_limit = query.default_queue_limit,
                        .max_queue_limit = query.max_queue_limit};
}

result<actor_info> actor::try_info() const noexcept {
    ::caps_actor_info info;
    const int outcome = capsu_actor_info(get(), &info);
    if (outcome < 0)
        return failed(of(*this, operation::actor_info, outcome));
    return actor_info{.ports = info.ports,
                      .capabilities = info.capabilities,
                      .held = info.held,
                      .pending = info.pending,
                      .pinned_bodies = info.pinned_bodies,
                      .pinned_bytes = info.pinned_bytes,
                      .sent_copies = info.sent_copies,
                      .sent_copy_bytes = info.sent_copy_bytes,
                      .read_copies = info.read_copies,
                      .read_copy_bytes = info.read_copy_bytes};
}

result<port> actor::try_create_port(const port_options &options) const noexcept {
    std::uint64_t handle = 0;
    const int outcome =
        capsu_port_create(get(), options.cookie, options.queue_limit,
                          options.unix_sockets ? CAPS_PORT_UNIX_SOCKETS : 0, &handle);
    if (outcome < 0)
        return failed(of(*this, operation::port_create, outcome));
    return port(get(), handle);
}

result<group> actor::try_create_group() const noexcept {
    std::uint64_t handle = 0;
    const int outcome = capsu_group_create(get(), &handle);
    if (outcome < 0)
        return failed(of(*this, operation::group_create, outcome));
    return group(get(), handle);
}

result<connection> actor::try_connect(std::string_view name,
                                      const connect_options &options) const noexcept {
    const terminated text(name);
    ::caps_connect connect{};
    connect.name = reinterpret_cast<std::uintptr_t>(text.get());
    connect.name_len = text.size();
    connect.uid = options.uid;
    connect.gid = options.gid;
    connect.flags = (options.world ? CAPS_CONNECT_WORLD : 0) |
                    (options.user ? CAPS_CONNECT_USER : 0) |
                    (options.group ? CAPS_CONNECT_GROUP : 0);
    connect.trusted = reinterpret_cast<std::uintptr_t>(options.trusted.data());
    connect.trusted_count = static_cast<std::uint32_t>(options.trusted.size());
    connect.deadline = options.until.nanoseconds();
    connect.verdict = options.verdict.nanoseconds();
    connect.operations = options.operations;
    const int outcome = capsu_connect_name(get(), &connect);
    if (outcome < 0)
        return failed(failure(operation::connect, -outcome, kinds::service, name, options.uid,
                              connect.result));
    return connection(get(), connect.capability, connect.operations, connect.in_flight);
}

result<std::vector<service_info>> actor::try_services() const {
    std::array<::caps_service_entry, 32> entries;
    ::caps_services some{};
    some.entries = reinterpret_cast<std::uintptr_t>(entries.data());
    std::vector<service_info> all;
    do {
        some.count = entries.size();
        const int outcome = capsu_services(get(), &some);
        if (outcome < 0)
            return failed(of(*this, operation::services, outcome));
        for (const ::caps_service_entry &entry : std::span(entries).first(some.count))
            all.push_back({.name = entry.name,
                           .operations = entry.operations,
                           .uid = entry.uid,
                           .gid = entry.gid,
                           .pid = entry.pid,
                           .flags = entry.flags});
    } while (some.count != 0);
    return all;
}

result<capability> actor::try_self() const noexcept {
    std::uint64_t handle = 0;
    const int outcome = capsu_actor_self(get(), &handle);
    if (outcome < 0)
        return failed(of(*this, operation::actor_self, outcome));
    return capability(get(), handle);
}

result<void> actor::try_keep() const noexcept {
    const int outcome = capsu_keep(get());
    if (outcome < 0)
        return failed(of(*this, operation::keep, outcome));
    return {};
}

result<void> actor::try_adopt() const noexcept {
    const int outcome = capsu_adopt(get());
    if (outcome < 0)
        return failed(of(*this, operation::adopt, outcome));
    return {};
}

result<capability> actor::try_import_fd(int fd) const noexcept {
    std::uint64_t handle = 0;
    const int outcome = capsu_import(get(), fd, &handle);
    if (outcome < 0)
        return failed(
            failure(operation::import_fd, -outcome, kinds::fd, static_cast<std::uint64_t>(fd)));
    return capability(get(), handle);
}

result<abort_outcome> actor::try_abort(std::uint64_t id) const noexcept {
    const int outcome = capsu_abort(get(), id);
    if (outcome < 0)
        return failed(failure(operation::abort, -outcome, kinds::message, id));
    return static_cast<abort_outcome>(outcome);
}

result<received> actor::try_held(std::uint64_t id) const noexcept {
    result<received> out;
    ::caps_get_data annex{};
    int outcome = capsu_header(get(), id, &out->header_);
    if (outcome >= 0) {
        annex.id = id;
        annex.buffer.annex = reinterpret_cast<std::uintptr_t>(out->annex_.data());
        annex.buffer.annex_len = CAPS_MAX_ANNEX;
        outcome = capsu_get_data(get(), &annex);
        if (outcome == -ECANCELED) { // the caller has gone, its annex with it; still to be ended
            out->header_.annex_len = 0;
            outcome = 0;
        }
    }
    out->actor_ = get();
    if (outcome < 0) {
        (void)out->release(); // not ours to end
        out = failed(failure(operation::header, -outcome, kinds::message, id));
    }
    return out;
}

result<void> port::try_enable(unsigned priority) const noexcept {
    return done_or(capsu_port_enable(actor_fd(), get(), priority), *this, operation::port_enable);
}

result<void> port::try_disable() const noexcept {
    return done_or(capsu_port_disable(actor_fd(), get()), *this, operation::port_disable);
}

result<void> port::try_remove() const noexcept {
    return done_or(capsu_port_delete(actor_fd(), get()), *this, operation::port_remove);
}

result<void> port::try_set_generation(std::uint64_t generation) const noexcept {
    return done_or(capsu_generation_set(actor_fd(), get(), generation), *this,
                   operation::set_generation);
}

result<descriptor> port::try_poll_file() const noexcept {
    const int outcome = capsu_port_file(actor_fd(), get());
    if (outcome < 0)
        return failed(
            failure(operation::poll_file, -outcome, failure::object_kind::capability, get()));
    return descriptor(outcome);
}

static result<std::uint64_t> take_back(const port &from, std::uint64_t badge,
                                       std::uint32_t flags) noexcept {
    ::caps_revoke which = {
        .capability = from.get(), .badge = badge, .flags = flags, .reserved = 0, .dropped = 0};
    const int outcome = capsu_revoke(from.actor_fd(), &which);
    if (outcome < 0)
        return failed(of(from, operation::revoke, outcome));
    return which.dropped;
}

result<std::uint64_t> port::try_revoke() const noexcept {
    return take_back(*this, 0, 0);
}

result<std::uint64_t> port::try_revoke(std::uint64_t badge) const noexcept {
    return take_back(*this, badge, CAPS_REVOKE_BADGE);
}

result<migrated> port::try_migrate(const capability &to, const migrate_options &options) noexcept {
    ::caps_port_migrate move = {.capability = get(),
                                .actor = to.get(),
                                .flags = options.drop ? CAPS_MIGRATE_DROP : 0,
                                .reserved = 0,
                                .sequence = 0,
                                .dropped = 0};
    const int outcome = capsu_port_migrate(actor_fd(), &move);
    if (outcome < 0)
        return failed(of(*this, operation::migrate, outcome));
    capability::reset(); // it may come back, under another handle
    return migrated{.sequence = move.sequence, .dropped = move.dropped};
}

result<port_info> port::try_info() const noexcept {
    ::caps_port_info info;
    const int outcome = capsu_port_info(actor_fd(), get(), &info);
    if (outcome < 0)
        return failed(of(*this, operation::port_info, outcome));
    return port_info{.cookie = info.cookie,
                     .sequence = info.sequence,
                     .queue_limit = info.queue_limit,
                     .queued = info.queued,
                     .waiting = info.waiting,
                     .users = info.users,
                     .priority = info.priority,
                     .enabled = (info.status & CAPS_PORT_ENABLED) != 0,
                     .is_default = (info.status & CAPS_PORT_IS_DEFAULT) != 0};
}

result<service> port::try_register_service(std::string_view name,
                                           const service_options &options) const noexcept {
    const terminated text(name);
    ::caps_register reg{};
    reg.port = get();
    reg.name = reinterpret_cast<std::uintptr_t>(text.get());
    reg.name_len = text.size();
    reg.operations = options.operations;
    reg.uid = options.uid;
    reg.gid = options.gid;
    reg.flags = flags_of(options);
    reg.in_flight = options.in_flight;
    const int outcome = capsu_register_name(actor_fd(), &reg);
    if (outcome < 0)
        return failed(
            failure(operation::register_service, -outcome, kinds::service, name, options.uid));
    return service(actor_fd(), name, options.uid, options.gid);
}

service::service(int actor_fd, std::string_view name, std::uint32_t uid, std::uint32_t gid) noexcept
    : actor_(actor_fd), uid_(uid), gid_(gid) {
    std::ranges::copy(name.substr(0, CAPS_MAX_NAME), name_.begin());
}

void service::reset() noexcept {
    if (*this) {
        const ::caps_unregister unreg = {.name = reinterpret_cast<std::uintptr_t>(name_.data()),
                                         .name_len = static_cast<std::uint32_t>(name().size()),
                                         .uid = uid_,
                                         .gid = gid_,
                                         .flags = 0};
        (void)capsu_unregister_name(actor_, &unreg);
    }
    release();
}

} // namespace caps
