// SPDX-License-Identifier: MIT
// capsbench: what an operation costs, for ports and for their peers.
//
// Every row is run twice, a whole run apart; a row whose two results differ by
// more than a hundredth is not a result, and the run fails.
#include "bench.hpp"
#include "memory.hpp"
#include "process.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <fnmatch.h>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sched.h>

namespace {

using bench::row;

// How far two passes may be apart. Binder's are its driver's own business; an actor's end is
// finished in the background, by whoever is interrupted for it, and to a lesser extent that of a
// capability; and of three processes the scheduler does not always choose the same.
double tolerance(const row &what) {
    if (what.operation == "actor")
        return 0.05;
    if (what.operation.starts_with("carry-") || what.operation.starts_with("call-beside-") ||
        what.operation == "connect")
        return 0.02;
    return what.mechanism == "binder" ? 0.02 : 0.01;
}

struct options {
    std::string kernel, json, serve, client;
    std::vector<std::string> filters, sizes = {"0", "64", "1K", "4K", "64K", "1M"};
    std::vector<int> fds;
    int report = -1;
    bench::timing times{.warm_up_ms = 50};
    bool list = false;
    bool memory = false;
};

struct result {
    row what;
    std::vector<double> passes[2];
};

double median(std::vector<double> of) {
    std::ranges::sort(of);
    const std::size_t n = of.size();
    return (of[(n - 1) / 2] + of[n / 2]) / 2;
}

bool wanted(const row &r, const options &opts) {
    if (opts.filters.empty())
        return true;
    return std::ranges::any_of(opts.filters, [&](const std::string &filter) {
        return fnmatch(filter.c_str(), r.name().c_str(), FNM_EXTMATCH) == 0;
    });
}

std::vector<row> chosen_rows(const options &opts) {
    std::vector<std::size_t> sizes;
    for (const std::string &text : opts.sizes)
        sizes.push_back(bench::parse_size(text));
    std::vector<row> rows = bench::all_rows(sizes);
    std::erase_if(rows, [&](const row &r) { return !wanted(r, opts); });
    return rows;
}

// The row that a server or client was started for.
row row_named(const std::string &name) {
    const std::size_t dot = name.rfind('.');
    const std::size_t size = bench::parse_size(name.substr(dot + 1));
    for (row &r : bench::all_rows(std::vector{size}))
        if (r.name() == name)
            return r;
    throw std::runtime_error("no such row: " + name);
}

// Both processes of a row share one processor; a machine in which they do not
// answers another question.
void use_one_processor() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    bench::check(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

nlohmann::json as_json(const result &r, const std::string &kernel) {
    std::vector<double> all = r.passes[0];
    all.insert(all.end(), r.passes[1].begin(), r.passes[1].end());
    const auto [low, high] = std::ranges::minmax(all);
    const double middle = median(all);
    return {{"kernel", kernel},
            {"operation", r.what.operation},
            {"mechanism", r.what.mechanism},
            {"bytes", r.what.bytes},
            {"instructions", std::llround(middle)},
            {"runs", all.size()},
            {"spread", std::round((high - low) / middle * 1e4) / 1e4}};
}

// False if the two passes do not agree.
bool show(const result &r) {
    const double first = median(r.passes[0]);
    const double second = median(r.passes[1]);
    const double apart = std::abs(first - second) / std::min(first, second);
    fmt::print("{:<26} {:>10.0f} {:>10.0f} {:>7.2f} %{}\n", r.what.name(), first, second,
               apart * 100, apart > tolerance(r.what) ? "  REJECTED" : "");
    return apart <= tolerance(r.what);
}

nlohmann::json weigh(const options &opts) {
    nlohmann::json all = nlohmann::json::array();
    if (!opts.memory)
        return all;
    for (const bench::memory_figure &one : bench::measure_memory()) {
        fmt::print("{:<40} {:>10.0f} bytes\n", one.what, one.bytes);
        all.push_back({{"kernel", opts.kernel},
                       {"what", one.what},
                       {"bytes", std::llround(one.bytes)},
                       {"goal", one.goal}});
    }
    return all;
}

// The first time through, briefly, is for the kernel's allocators: they age
// with what has run, and a row costs more in used slabs than in fresh ones.
void run_passes(std::vector<result> &results, const bench::timing &times) {
    use_one_processor();
    for (int pass = 0; pass <= 2; pass++) {
        for (std::size_t i = 0; i < results.size(); i++) {
            fmt::print(stderr, "pass {}/2 row {}/{} {}\n", pass, i + 1, results.size(),
                       results[i].what.name());
            auto samples =
                bench::run_row(results[i].what, pass > 0 ? times : bench::timing{.brief = true});
            if (pass > 0)
                results[i].passes[pass - 1] = std::move(samples);
        }
    }
}

int drive(const options &opts) {
    std::vector<result> results;
    for (const row &r : chosen_rows(opts))
        results.push_back({r, {}});
    if (results.empty())
        throw std::runtime_error("no row matches (see --list)");
    if (opts.list) {
        for (const result &r : results)
            fmt::print("{}\n", r.what.name());
        return 0;
    }
    run_passes(results, opts.times);
    bool good = true;
    fmt::print("{:<26} {:>10} {:>10} {:>9}\n", "row", "pass 1", "pass 2", "apart");
    nlohmann::json rows = nlohmann::json::array();
    for (const result &r : results) {
        good = show(r) && good;
        rows.push_back(as_json(r, opts.kernel));
    }
    const nlohmann::json memory = weigh(opts);
    if (!opts.json.empty())
        std::ofstream(opts.json) << nlohmann::json{{"rows", rows}, {"memory", memory}}.dump(1);
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) try {
    options opts;
    CLI::App app("What an operation costs, for ports and for their peers");
    app.add_option("--rows", opts.filters, "only rows with these names; * and ? match")
        ->delimiter(',');
    app.add_option("--sizes", opts.sizes, "instead of 0,64,1K,4K,64K,1M")->delimiter(',');
    app.add_option("--warm-up", opts.times.warm_up_ms,
                   "milliseconds before a row is measured (50)");
    app.add_option("--hold", opts.times.hold_ms, "and so many more before the first sample (0)");
    app.add_option("--kernel", opts.kernel, "its name in the results");
    app.add_option("--json", opts.json, "results go to this file too");
    app.add_flag("--memory", opts.memory, "also what the module's objects weigh");
    app.add_flag("--list", opts.list, "print the rows' names and end");
    app.add_flag("--brief", opts.times.brief)->group("");
    app.add_option("--serve", opts.serve)->group("");
    app.add_option("--client", opts.client)->group("");
    app.add_option("--fds", opts.fds)->delimiter(',')->group("");
    app.add_option("--report", opts.report)->group("");
    CLI11_PARSE(app, argc, argv);

    const bool server = !opts.serve.empty();
    if (server || !opts.client.empty()) {
        const row r = row_named(server ? opts.serve : opts.client);
        bench::run_side(server, {r, opts.fds, opts.report, opts.times.warm_up_ms * 1'000'000ULL,
                                 opts.times.hold_ms * 1'000'000ULL, opts.times.brief});
        return 0;
    }
    return drive(opts);
} catch (const std::exception &e) {
    fmt::print(stderr, "capsbench: {}\n", e.what());
    return 1;
}
