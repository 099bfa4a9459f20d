// SPDX-License-Identifier: MIT
// The calls about ports.
#include "actor.hpp"

#include <ipc/chIpc.h>

#include <unistd.h>

using namespace chorus;

namespace {

/// For a call about ports of an actor: the calling thread, and whether that actor is its own. If
/// it is not, then the actor's agent is asked. K_OK, or why there is no thread.
class call {
  public:
    explicit call(KnCap *actorcap) : self_(thread::enter()), whom_(actorcap) {}

    int error() const { return self_ != nullptr ? K_OK : K_EFAIL; }
    bool is_remote() const { return !me().is_me(whom_); }
    actor &me() const { return self_->home(); }
    port_table &ports() const { return me().ports(); }
    agent_answer ask(request_kind kind, int li, int argument = 0, KnUniqueId ui = {}) const {
        return chorus::ask(*self_, *whom_,
                           {.kind = kind, .li = li, .argument = argument, .ui = ui});
    }
    int ask_pi(request_kind kind, int li, KnProtId *oldpi, const KnProtId *newpi) const;

  private:
    thread *self_;
    KnCap *whom_;
};

/// Tells a protection identifier, and sets it where that is wanted, and allowed.
template <class Set>
int exchange_pi(KnProtId now, KnProtId *oldpi, const KnProtId *newpi, Set set) {
    if (newpi != nullptr && ::geteuid() != 0)
        return K_EPRIV;
    if (oldpi != nullptr)
        *oldpi = now;
    if (newpi != nullptr)
        set(*newpi);
    return K_OK;
}

int call::ask_pi(request_kind kind, int li, KnProtId *oldpi, const KnProtId *newpi) const {
    agent_request request{.kind = kind, .li = li};
    if (newpi != nullptr) {
        request.pi = *newpi;
        request.set_pi = 1;
    }
    const agent_answer said = chorus::ask(*self_, *whom_, request);
    if (said.result == K_OK && oldpi != nullptr)
        *oldpi = said.pi;
    return said.result;
}

int ask_for_port(const call &it, request_kind kind, KnUniqueId &portui) {
    const agent_answer said = it.ask(kind, K_NONEPORT, 0, portui);
    if (said.result > 0)
        portui = said.ui;
    return said.result;
}

} // namespace

int portCreate(KnCap *actorcap, KnUniqueId *portui) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (portui == nullptr)
        return K_EFAULT;
    if (it.is_remote())
        return ask_for_port(it, request_kind::port_create, *portui);
    uiClear(portui);
    return it.ports().create(*portui, it.me().pi());
}

int portDeclare(KnCap *actorcap, KnUniqueId *portui) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (portui == nullptr)
        return K_EFAULT;
    if (!ui::is_built(*portui) || ui::type_of(*portui) != ui::type::port)
        return K_EINVAL;
    // Others look for what was built among the services of uid 0.
    if (::geteuid() != 0)
        return K_EPRIV;
    if (it.is_remote())
        return ask_for_port(it, request_kind::port_declare, *portui);
    return it.ports().create(*portui, it.me().pi());
}

int portDelete(KnCap *actorcap, int portli) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (it.is_remote())
        return it.ask(request_kind::port_delete, portli).result;
    const port *const gone = it.ports().find(portli);
    if (gone != nullptr && gone->served.load() != nullptr)
        (void)svMsgHandler(K_MYACTOR, portli, nullptr, 0, nullptr);
    return it.ports().remove(portli);
}

int portEnable(KnCap *actorcap, int portli, int priority) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (it.is_remote())
        return it.ask(request_kind::port_enable, portli, priority).result;
    return it.ports().enable(portli, priority);
}

int portDisable(KnCap *actorcap, int portli) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (it.is_remote())
        return it.ask(request_kind::port_disable, portli).result;
    return it.ports().disable(portli);
}

int portGetSeqNum(KnCap *actorcap, int portli, KnEvtNum *seqnum) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (seqnum == nullptr)
        return K_EFAULT;
    if (!it.is_remote())
        return it.ports().sequence(portli, *seqnum);
    const agent_answer said = it.ask(request_kind::port_sequence, portli);
    *seqnum = said.value;
    return said.result;
}

int portUi(KnUniqueId *portui, int portli) {
    const call it(K_MYACTOR);
    if (it.error() != K_OK)
        return it.error();
    const port *const found = it.ports().find(portli);
    if (found == nullptr)
        return K_EINVAL;
    if (portui == nullptr)
        return K_EFAULT;
    *portui = found->ui();
    return K_OK;
}

int portLi(KnUniqueId *portui) {
    const call it(K_MYACTOR);
    if (it.error() != K_OK)
        return it.error();
    if (portui == nullptr)
        return K_EFAULT;
    const int portli = it.ports().find(*portui);
    return portli != K_NONEPORT ? portli : K_EINVAL;
}

int portPi(KnCap *actorcap, int portli, KnProtId *oldpi, KnProtId *newpi) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (it.is_remote())
        return it.ask_pi(request_kind::port_pi, portli, oldpi, newpi);
    port *const found = it.ports().find(portli);
    if (found == nullptr)
        return K_EINVAL;
    return exchange_pi(protection(found->pi), oldpi, newpi, [&](KnProtId pi) {
        found->pi = value(pi);
        it.me().say_who();
    });
}

int actorPi(KnCap *actorcap, KnProtId *oldpi, KnProtId *newpi) {
    const call it(actorcap);
    if (it.error() != K_OK)
        return it.error();
    if (it.is_remote())
        return it.ask_pi(request_kind::actor_pi, K_NONEPORT, oldpi, newpi);
    return exchange_pi(it.me().pi(), oldpi, newpi, [&](KnProtId pi) { it.me().set_pi(pi); });
}
