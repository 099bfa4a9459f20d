// SPDX-License-Identifier: MIT
// Receiving and answering, for ipc.cpp, current.cpp and message handlers.
#pragma once

#include "thread.hpp"

#include <ipc/chIpc.h>

namespace chorus {

/// ipcReceive() from a capability of the kernel's; @a portli becomes the port that it was.
int receive(thread &self, KnMsgDesc &msg, int &portli, std::uint64_t capability, int delay);

/// ipcReply().
int reply(thread &self, const KnMsgDesc &msg);

} // namespace chorus
