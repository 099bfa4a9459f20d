// SPDX-License-Identifier: MIT
// The roles of act 3: a server that answers empty calls, somebody who floods it
// with messages, and somebody who needs an answer.
#pragma once

#include "stage.hpp"

namespace demo {

inline constexpr const char *echo_service = "demo.echo";
inline constexpr std::uint32_t echo_queue_limit = 32;
inline constexpr unsigned victim_calls = 1000;

/// Says "ready", receives nothing before the cue, then serves until it is killed.
void echo_server(const part &role);
void unix_echo_server(const part &role);

/// Sends until it is refused, says "full"; from the cue to the next it goes on
/// sending, refused or not. Says "report".
void flooder(const part &role, bool over_unix);

/// Asks once on the first cue and says "knocked", then on the second cue asks
/// on until it has asked victim_calls times. No request waits for room and none
/// is repeated. Says "done".
void victim(const part &role, const board &progress, bool over_unix);

} // namespace demo
