// SPDX-License-Identifier: MIT
// All of libcapsuser: typed, owning access to /dev/caps. See libcapsuser(3).
//
//   actor       an open /dev/caps          port        receives messages
//   capability  the right to send          connection  a capability got by name
//   service     a registered name          received    a message that came
//   group       ports addressed as one     spread      whom a message reached
//   outgoing    what to send               answer      what to reply
//   reply       what a call brought back   batch       several messages
//   transfer    a capability to go along  attachments what came along
//   unowned<>   a borrowed handle          result<>    a value or a failure
//   deadline    until when to wait         error       the exception
//   generation_file  a number to poll for
//
// Above it, and not included here: caps/acceptor.hpp and caps/server.hpp; caps/ring.hpp and
// caps/loop.hpp, which need another library; caps/task.hpp and caps/scope.hpp.
#ifndef CAPS_CAPS_HPP
#define CAPS_CAPS_HPP

#include <caps/actor.hpp>
#include <caps/attachments.hpp>
#include <caps/batch.hpp>
#include <caps/buffers.hpp>
#include <caps/capability.hpp>
#include <caps/config.hpp>
#include <caps/deadline.hpp>
#include <caps/descriptor.hpp>
#include <caps/error.hpp>
#include <caps/generation.hpp>
#include <caps/group.hpp>
#include <caps/message.hpp>
#include <caps/port.hpp>
#include <caps/result.hpp>
#include <caps/rights.hpp>
#include <caps/service.hpp>
#include <caps/unowned.hpp>

#endif
