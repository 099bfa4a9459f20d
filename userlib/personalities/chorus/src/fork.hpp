// SPDX-License-Identifier: MIT
// What a new actor, and a forked child, does to the library's state of threads.
#pragma once

namespace chorus {

/// threadAbort()'s signal gets its handler.
void install_abort_handler();
/// In a forked child: the calling thread is none of an actor yet.
void forget_thread_of_parent();

} // namespace chorus
