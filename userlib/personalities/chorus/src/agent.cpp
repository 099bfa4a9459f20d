// SPDX-License-Identifier: MIT
#include "agent.hpp"

#include "actor.hpp"

#include <chorus.h>

namespace chorus {
namespace {

/// An agent does nothing that takes long; one that is stopped is not to stop others.
constexpr int patience = 10000; // ms

template <class T>
caps_data place_of(T &object) {
    caps_data data{};
    data.body = address_of(&object);
    data.body_len = sizeof(object);
    return data;
}

} // namespace

int agent::serve(KnUniqueId name) {
    const int error = home_.names().announce(ui::service_of(name), CAPS_DEFAULT_PORT);
    if (error != 0)
        return error;
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
        if (error == -EINTR)
            continue;
        if (error == -EDQUOT) { // too much is held by this user: that will pass
            (void)threadDelay(10);
            continue;
        }
        if (error != 0)
            return;
        if (it.header.kind == CAPS_KIND_CANCELLED)
            home_.abort_server_of(it.header.id);
        else if (it.header.flags & CAPS_HEADER_HELD)
            answer(it.header, request);
    }
}

void agent::answer(const caps_header &header, const agent_request &request) {
    const bool whole = header.kind == CAPS_KIND_CALL && header.body_len == sizeof(request);
    agent_answer said{K_EINVAL, 0, {}};
    if (whole && home_.is_me(&request.object))
        said = perform(request);
    caps_reply it{};
    it.id = header.id;
    it.data = place_of(said);
    if (command(home_.device(), CAPS_REPLY, &it) != 0)
        home_.discard(header.id);
}

agent_answer agent::perform(const agent_request &request) {
    agent_answer said{K_EINVAL, 0, request.ui};
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
    case request_kind::thread_abort:
        // Its own thread is nobody's business.
        said.result = request.li != K_MYSELF ? threadAbort(K_MYACTOR, request.li) : K_EINVAL;
        break;
    }
    return said;
}

agent_answer ask(thread &self, const KnCap &whom, agent_request request) {
    agent_answer said{};
    if (ui::type_of(whom.ui) != ui::type::actor || ui::is_built(whom.ui))
        return {K_EINVAL, 0, {}};
    request.object = whom;
    caps_call it{};
    it.deadline = deadline_after(patience);
    it.request = place_of(request);
    it.reply = place_of(said);
    const int error = self.home().names().with(whom.ui, [&](std::uint64_t capability) {
        it.capability = capability;
        return self.wait(CAPS_CALL, it, it.deadline, false);
    });
    if (error != 0)
        return {k_error(error), 0, {}};
    return it.reply_body_len == sizeof(said) ? said : agent_answer{K_EUNKNOWN, 0, {}};
}

} // namespace chorus
