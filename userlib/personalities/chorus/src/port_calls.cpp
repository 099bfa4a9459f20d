// SPDX-License-Identifier: MIT
// The calls about ports.
#include "actor.hpp"

#include <ipc/chIpc.h>

#include <unistd.h>

using namespace chorus;

namespace {

/// The actor, if it is the calling one that is meant.
int enter(const KnCap *actorcap, actor *&me) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    me = &self->home();
    return me->is_me(actorcap) ? K_OK : K_EINVAL;
}

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

} // namespace

int portCreate(KnCap *actorcap, KnUniqueId *portui) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    if (portui == nullptr)
        return K_EFAULT;
    uiClear(portui);
    return me->ports().create(*portui, me->pi());
}

int portDeclare(KnCap *actorcap, KnUniqueId *portui) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    if (portui == nullptr)
        return K_EFAULT;
    if (!ui::is_built(*portui) || ui::type_of(*portui) != ui::type::port)
        return K_EINVAL;
    // Others look for what was built among the services of uid 0.
    if (::geteuid() != 0)
        return K_EPRIV;
    return me->ports().create(*portui, me->pi());
}

int portDelete(KnCap *actorcap, int portli) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    const port *const it = me->ports().find(portli);
    if (it != nullptr && it->served.load() != nullptr)
        (void)svMsgHandler(K_MYACTOR, portli, nullptr, 0, nullptr);
    return me->ports().remove(portli);
}

int portEnable(KnCap *actorcap, int portli, int priority) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    return error != K_OK ? error : me->ports().enable(portli, priority);
}

int portDisable(KnCap *actorcap, int portli) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    return error != K_OK ? error : me->ports().disable(portli);
}

int portGetSeqNum(KnCap *actorcap, int portli, unsigned int *seqnum) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    return seqnum != nullptr ? me->ports().sequence(portli, *seqnum) : K_EFAULT;
}

int portUi(int portli, KnUniqueId *portui) {
    actor *me = nullptr;
    const int error = enter(K_MYACTOR, me);
    if (error != K_OK)
        return error;
    const port *const it = me->ports().find(portli);
    if (it == nullptr)
        return K_EINVAL;
    if (portui == nullptr)
        return K_EFAULT;
    *portui = it->ui();
    return K_OK;
}

int portLi(KnUniqueId *portui) {
    actor *me = nullptr;
    const int error = enter(K_MYACTOR, me);
    if (error != K_OK)
        return error;
    if (portui == nullptr)
        return K_EFAULT;
    const int portli = me->ports().find(*portui);
    return portli != K_NONEPORT ? portli : K_EINVAL;
}

int portPi(KnCap *actorcap, int portli, KnProtId *oldpi, KnProtId *newpi) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    port *const it = me->ports().find(portli);
    if (it == nullptr)
        return K_EINVAL;
    return exchange_pi(it->pi, oldpi, newpi, [&](KnProtId pi) {
        it->pi = pi;
        me->say_who();
    });
}

int actorPi(KnCap *actorcap, KnProtId *oldpi, KnProtId *newpi) {
    actor *me = nullptr;
    const int error = enter(actorcap, me);
    if (error != K_OK)
        return error;
    return exchange_pi(me->pi(), oldpi, newpi, [&](KnProtId pi) { me->set_pi(pi); });
}
