// SPDX-License-Identifier: MIT
// The roles of the digest service. Each runs in a process of its own and returns
// when it has said its last line.
#pragma once

#include "measure.hpp"
#include "stage.hpp"

#include <string>

namespace demo {

struct client_options {
    std::string sums;               ///< what sha256sum wrote about the files
    bool over_unix = false;         ///< else over ports
    unsigned threads = 1;           ///< that ask at the same time
    std::size_t largest = SIZE_MAX; ///< leave out larger files
};

/// Has every file digested and compares. Says "ready", waits for the cue, says
/// "done" with what it counted.
void digest_client(const part &role, const board &progress, meter &costs,
                   const client_options &options);

struct server_options {
    unsigned threads = 4;
    unsigned serve = 0; ///< then stop answering: take @hold calls more,
    unsigned hold = 0;
    unsigned queued = 0; ///< wait until that many are queued, and say "armed"
};

/// Says "ready", serves until the cue, then says "report" with who asked.
void digest_server(const part &role, meter &costs, const server_options &options);
void unix_digest_server(const part &role, meter &costs);

} // namespace demo
