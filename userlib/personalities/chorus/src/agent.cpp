// SPDX-License-Identifier: MIT
#include "agent.hpp"

#include "actor.hpp"

#include <chorus.h>

#include <memory>
#include <utility>

namespace chorus {
namespace {

/// An agent does nothing that takes long; one that is stopped is not to stop others.
constexpr int patience = 10000; // ms

caps_data place_of(const agent_request &request) {
    caps_data data{};
    data.body = address_of(&request);
    data.body_len = sizeof(request);
    return data;
}

} // namespace

int agent::serve(KnUniqueId name) {
    const int error = home_.names().announce(ui::service_of(name), CAPS_DEFAULT_PORT);
    return error != 0 ? error : start();
}

int agent::start() {
    const std::lock_guard held(lock_);
    if (!started_)
        started_ = start_thread(run, this);
    return started_ ? 0 : -ENOMEM;
}

void *agent::run(void *me) {
    static_cast<agent *>(me)->serve_forever();
    return nullptr;
}

void agent::serve_forever() {
    agent_request request{};
    caps_receive it{};
    it.port = CAPS_DEFAULT_PORT;
    it.deadline = CAPS_FOREVER;
    it.buffer = place_of(request);
    for (;;) {
        const int error = command(home_.device(), CAPS_RECEIVE, &it);
        if (error == -ENOTCONN || error == -EBADF) // there is no actor any more
            return;
        if (error == -EINTR)
            continue;
        if (error != 0) { // a limit, or memory: that will pass
            (void)threadDelay(10);
            continue;
        }
        if (it.header.flags & CAPS_HEADER_HELD)
            serve(it.header, request);
        else
            notice(it.header);
    }
}

void agent::notice(const caps_header &header) {
    switch (header.kind) {
    case CAPS_KIND_CANCELLED:
        home_.abort_server_of(header.id);
        break;
    case CAPS_KIND_PORT_ARRIVED:
        home_.ports().arrive(header.address, home_.pi());
        break;
    case CAPS_KIND_PORT_DEAD:
        home_.port_groups().host_died(header.id);
        break;
    default:
        break;
    }
}

/// A request that is answered by a thread of its own, because it asks other agents in its turn.
struct agent::errand {
    agent &on;
    caps_header header;
    agent_request request;
};

void *agent::run_errand(void *errand_to_run) {
    const std::unique_ptr<errand> it(static_cast<errand *>(errand_to_run));
    it->on.answer(it->header, it->on.perform(it->header, it->request));
    return nullptr;
}

/// Groups have keys of their own, and for sending to one none is needed.
bool agent::may_ask(const agent_request &request) const {
    return request.kind == request_kind::group_send || request.kind == request_kind::group_change ||
           home_.is_me(&request.object);
}

void agent::serve(const caps_header &header, const agent_request &request) {
    const bool whole = header.kind == CAPS_KIND_CALL && header.body_len == sizeof(request);
    const bool asks_others =
        request.kind == request_kind::port_migrate || request.kind == request_kind::group_join;
    if (!whole || !may_ask(request)) {
        answer(header, {K_EINVAL});
    } else if (!asks_others) {
        answer(header, perform(header, request));
    } else {
        auto it = std::make_unique<errand>(errand{*this, header, request});
        if (start_thread(run_errand, it.get()))
            (void)it.release();
        else
            answer(header, {K_ENOMEM});
    }
}

void agent::answer(const caps_header &header, agent_answer said) {
    caps_attachments along{};
    along.capabilities = address_of(&said.along);
    along.capability_count = 1;
    caps_reply it{};
    it.id = header.id;
    it.data.body = address_of(&said);
    it.data.body_len = agent_answer::told;
    if (said.along.capability != 0)
        it.data.attachments = address_of(&along);
    if (command(home_.device(), CAPS_REPLY, &it) != 0)
        home_.discard(header.id);
}

/// Both must be of uid 0: who sets it, and whose it is, or nobody would believe it.
int agent::exchange_pi(const caps_header &header, const agent_request &request, KnProtId &old) {
    KnProtId wanted = request.pi;
    if (request.set_pi && header.euid != 0)
        return K_EPRIV;
    KnProtId *const set = request.set_pi ? &wanted : nullptr;
    return request.kind == request_kind::actor_pi ? actorPi(K_MYACTOR, &old, set)
                                                  : portPi(K_MYACTOR, request.li, &old, set);
}

int agent::settle(const caps_header &header, const agent_request &request) {
    const int portli = home_.ports().find(request.ui);
    if (portli == K_NONEPORT)
        return K_ENOMEM;
    KnProtId pi = request.pi;
    if (header.euid == 0 && value(pi) != value(home_.pi()))
        (void)portPi(K_MYACTOR, portli, nullptr, &pi);
    return portli;
}

agent_answer agent::perform(const caps_header &header, const agent_request &request) {
    agent_answer said{K_EINVAL};
    KnCap other = request.other;
    said.ui = request.ui;
    switch (request.kind) {
    case request_kind::port_create:
        said.result = portCreate(K_MYACTOR, &said.ui);
        break;
    case request_kind::port_declare:
        said.result = portDeclare(K_MYACTOR, &said.ui);
        break;
    case request_kind::port_delete:
        said.result = portDelete(K_MYACTOR, request.li);
        break;
    case request_kind::port_enable:
        said.result = portEnable(K_MYACTOR, request.li, request.argument);
        break;
    case request_kind::port_disable:
        said.result = portDisable(K_MYACTOR, request.li);
        break;
    case request_kind::port_sequence:
        said.result = portGetSeqNum(K_MYACTOR, request.li, &said.value);
        break;
    case request_kind::port_migrate:
        said.result = portMigrate(request.argument, K_MYACTOR, request.li, &other, &said.value);
        break;
    case request_kind::port_accept:
        said.result = home_.ports().accepts(request.ui);
        if (said.result == K_OK)
            said.along = {home_.self_capability(), CAPS_ALL_OPERATIONS, CAPS_RIGHT_ACCEPT, 0};
        if (said.result == K_OK && said.along.capability == 0)
            said.result = K_ENOMEM;
        break;
    case request_kind::port_settle:
        said.result = settle(header, request);
        break;
    case request_kind::port_pi:
    case request_kind::actor_pi:
        said.result = exchange_pi(header, request, said.pi);
        break;
    case request_kind::group_send:
    case request_kind::group_change:
        said = home_.port_groups().give(header, request);
        break;
    case request_kind::group_join:
        said.result = home_.port_groups().join(request.other, request.ui);
        break;
    case request_kind::thread_abort:
        // Its own thread is nobody's business.
        said.result = request.li != K_MYSELF ? threadAbort(K_MYACTOR, request.li) : K_EINVAL;
        break;
    }
    return said;
}

namespace {

/// The type of capability that comes with the answer; 0: none does.
std::uint32_t type_given_to(request_kind kind) {
    switch (kind) {
    case request_kind::port_accept:
        return CAPS_TYPE_ACTOR;
    case request_kind::group_send:
    case request_kind::group_change:
        return CAPS_TYPE_GROUP;
    default:
        return 0;
    }
}

/// Is it what was asked for? Anybody may call himself an agent.
bool is_of_type(int device, std::uint64_t capability, std::uint32_t type) {
    caps_capability_info info{};
    info.capability = capability;
    return capability != 0 && command(device, CAPS_CAPABILITY_INFO, &info) == 0 &&
           info.type == type;
}

} // namespace

int call_agent(int device, std::uint64_t to, const agent_request &request, agent_answer &said) {
    const std::uint32_t type = type_given_to(request.kind);
    caps_attachments along{};
    along.capabilities = address_of(&said.along.capability);
    along.capability_count = 1;
    caps_call it{};
    it.capability = to;
    it.deadline = deadline_after(patience);
    it.request = place_of(request);
    it.reply.body = address_of(&said);
    it.reply.body_len = agent_answer::told;
    if (type != 0)
        it.reply.attachments = address_of(&along);
    said.along = {};
    int error = 0;
    do
        error = command(device, CAPS_CALL, &it);
    while (error == -EINTR && repeatable(it));
    const bool is_whole = error == 0 && it.reply_body_len == agent_answer::told;
    const bool is_given = is_whole && said.result == K_OK && type != 0;
    if (error == 0 && (!is_whole || (is_given && !is_of_type(device, said.along.capability, type))))
        error = -EPIPE; // that was no agent
    if (said.along.capability != 0 && (error != 0 || !is_given)) {
        caps_close unwanted{};
        unwanted.capability = std::exchange(said.along.capability, 0);
        (void)command(device, CAPS_CLOSE, &unwanted);
    }
    return error;
}

agent_answer ask(thread &self, const KnCap &whom, agent_request request) {
    agent_answer said{};
    if (ui::type_of(whom.ui) != ui::type::actor || ui::is_built(whom.ui))
        return {K_EINVAL};
    request.object = whom;
    actor &home = self.home();
    const int error = home.names().with(whom.ui, [&](std::uint64_t capability) {
        return call_agent(home.device(), capability, request, said);
    });
    return error == 0 ? said : agent_answer{k_error(error)};
}

} // namespace chorus
