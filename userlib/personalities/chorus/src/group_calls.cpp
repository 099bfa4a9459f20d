// SPDX-License-Identifier: MIT
// The calls about groups.
#include "actor.hpp"

#include <ipc/chIpc.h>

#include <unistd.h>

using namespace chorus;

namespace {

/// For a call that changes a group: K_OK if its arguments are such.
int check(const KnCap *groupcap, const KnUniqueId *portui) {
    if (groupcap == nullptr || portui == nullptr)
        return K_EFAULT;
    if (!ui::is_group(groupcap->ui) || ui::type_of(*portui) != ui::type::port)
        return K_EINVAL;
    return K_OK;
}

} // namespace

int grpAllocate(int options, KnCap *groupcap, int stamp) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (groupcap == nullptr)
        return K_EFAULT;
    const auto number = static_cast<unsigned>(stamp);
    switch (options) {
    case K_DYNAMIC:
        return self->home().port_groups().create(*groupcap);
    case K_STATUSER:
        if (number > ui::number_mask ||
            !ui::choose(groupcap->ui, ui::type::stamped, ::geteuid(), number))
            return K_EINVAL;
        break;
    case K_STATSYS:
        if (::geteuid() != 0)
            return K_EPRIV;
        (void)uiBuild(&groupcap->ui, K_UIGROUP, K_LOCALSITE, number);
        break;
    default:
        return K_EINVAL;
    }
    groupcap->key = static_key(groupcap->ui);
    return K_OK;
}

int grpPortInsert(KnCap *groupcap, KnUniqueId *portui) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    const int error = check(groupcap, portui);
    return error != K_OK ? error : self->home().port_groups().insert(*groupcap, *portui);
}

int grpPortRemove(KnCap *groupcap, KnUniqueId *portui) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    const int error = check(groupcap, portui);
    return error != K_OK ? error : self->home().port_groups().remove(*groupcap, *portui);
}

int ipcTarget(KnUniqueId *groupui, int mode) {
    if (groupui == nullptr)
        return K_EFAULT;
    if (mode < K_BROADMODE || mode > K_FUNCXMODE || !ui::is_group(*groupui))
        return K_EINVAL;
    *groupui = ui::with_mode(*groupui, static_cast<unsigned>(mode));
    return K_OK;
}
