// SPDX-License-Identifier: MIT
// The two processes of a row.
#pragma once

#include "bench.hpp"

namespace bench {

// One pass over one row, by two new processes: its samples.
std::vector<double> run_row(const row &, unsigned warm_up_ms);

// In such a process: be the server (for ever) or the client.
void run_side(bool server, const side &);

} // namespace bench
