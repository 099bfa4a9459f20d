// SPDX-License-Identifier: MIT
// The two processes of a row.
#pragma once

#include "bench.hpp"

namespace bench {

struct timing {
    unsigned warm_up_ms = 0;
    unsigned hold_ms = 0;
    bool brief = false;
};

// One pass over one row, by two new processes: its samples.
std::vector<double> run_row(const row &, const timing &);

// In such a process: be the server (for ever) or the client.
void run_side(bool server, const side &);

} // namespace bench
