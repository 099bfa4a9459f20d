// SPDX-License-Identifier: MIT
// Receiving and answering, for ipc.cpp, current.cpp and message handlers.
#pragma once

#include "thread.hpp"

#include <ipc/chIpc.h>

namespace chorus {

/// ipcReceive() from a capability of the kernel's; @a portli becomes the port that it was. If
/// there is something to be answered @a first, that is done by the same system call, and its id
/// is then 0; as long as it is not, nothing has been received.
int receive(thread &self, KnMsgDesc &msg, int &portli, std::uint64_t capability, int delay,
            caps_reply *first);

/// ipcReply().
int reply(thread &self, const KnMsgDesc &msg);

} // namespace chorus
