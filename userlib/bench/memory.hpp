// SPDX-License-Identifier: MIT
// What the module's objects cost in kernel memory.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct memory_figure {
    std::string what;
    double bytes;
    double goal; // at most
};

std::vector<memory_figure> measure_memory();

} // namespace bench
