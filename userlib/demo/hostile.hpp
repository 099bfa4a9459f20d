// SPDX-License-Identifier: MIT
// The roles of act 4: a client that forges, and one that is stuck in a file
// system that never answers.
#pragma once

#include "stage.hpp"

namespace demo {

/// Tries to be somebody else and to do what it was not granted. Says "done" with
/// what it tried and what came of it.
void forger(const part &role);

/// A file system at @place with the two files below, reading from which never
/// ends. Says "ready", and "stuck" with the name when somebody reads.
void silent_files(const std::string &place);
inline constexpr const char *silent_body = "body", *silent_answer = "answer";

/// Asks for the digest of a body that is the file @path; or, with @answer, for
/// one whose answer is to be written there. Says "ready"; after the cue it can
/// but hang. Says "returned" if not.
void stuck_client(const part &role, const std::string &path, bool answer);

} // namespace demo
