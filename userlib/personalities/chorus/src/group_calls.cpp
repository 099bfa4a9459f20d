// SPDX-License-Identifier: MIT
// The calls about groups.
#include "actor.hpp"

#include <ipc/chIpc.h>

using namespace chorus;

int ipcTarget(KnUniqueId *groupui, int mode) {
    if (groupui == nullptr)
        return K_EFAULT;
    if (mode < K_BROADMODE || mode > K_FUNCXMODE || !ui::is_group(*groupui))
        return K_EINVAL;
    *groupui = ui::with_mode(*groupui, static_cast<unsigned>(mode));
    return K_OK;
}
