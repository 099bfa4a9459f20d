// SPDX-License-Identifier: MIT
// capsbench-report: from what capsbench wrote for each kernel to the tables,
// the verdict on the goals, the array of results, and the plot's data.
#include "table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace {

using nlohmann::json;

constexpr std::size_t mebibyte = 1 << 20;

struct options {
    std::vector<std::string> inputs;
    std::string json, plot;
};

struct key {
    std::string kernel, operation, mechanism;
    std::size_t bytes;
    // NOLINTNEXTLINE(modernize-use-nullptr): sees a 0 in what the compiler makes of it
    auto operator<=>(const key &) const = default;
};

class results {
  public:
    void read(const std::string &path) {
        std::ifstream in(path);
        const json all = json::parse(in);
        for (const json &row : all.at("rows")) {
            const key its{row.at("kernel"), row.at("operation"), row.at("mechanism"),
                          row.at("bytes")};
            costs_[its] = row.at("instructions");
            rows.push_back(row);
        }
        for (const json &figure : all.at("memory"))
            memory.push_back(figure);
    }

    std::optional<double> cost(const key &of) const {
        const auto found = costs_.find(of);
        if (found == costs_.end())
            return std::nullopt;
        return found->second;
    }

    template <typename Member>
    auto distinct(Member member, const std::string &operation = {}) const {
        std::set<std::decay_t<decltype(std::declval<key>().*member)>> all;
        for (const auto &[its, unused] : costs_)
            if (operation.empty() || its.operation == operation)
                all.insert(its.*member);
        return all;
    }

    json rows = json::array();
    json memory = json::array();

  private:
    std::map<key, double> costs_;
};

std::string bytes_text(std::size_t bytes) {
    if (bytes >= mebibyte)
        return fmt::format("{} MiB", bytes / mebibyte);
    if (bytes >= 1024)
        return fmt::format("{} KiB", bytes / 1024);
    return fmt::format("{} B", bytes);
}

std::string count_text(std::optional<double> count) {
    if (!count)
        return "";
    std::string text = fmt::format("{:.0f}", *count);
    const int first = *count < 0 ? 1 : 0; // memory may be less than it was
    for (int at = static_cast<int>(text.size()) - 3; at > first; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

const std::vector<std::string> peers = {"seqpacket", "stream",  "pipe",   "mq",
                                        "futex",     "eventfd", "binder", "process_vm_readv"};

// The mechanisms of an operation, ours first, as columns.
std::vector<std::string> columns(const results &all, const std::string &operation) {
    const auto present = all.distinct(&key::mechanism, operation);
    std::vector<std::string> some;
    if (present.contains("caps"))
        some.emplace_back("caps");
    for (const std::string &peer : peers)
        if (present.contains(peer))
            some.push_back(peer);
    return some;
}

void print_operation(const results &all, const std::string &kernel, const std::string &operation,
                     const std::string &title) {
    const auto mechanisms = columns(all, operation);
    if (mechanisms.empty())
        return;
    bench::table counts({"size"});
    bench::table ratios({"size"});
    for (const std::string &mechanism : mechanisms) {
        counts.add_column(mechanism);
        if (mechanism != "caps")
            ratios.add_column(mechanism);
    }
    for (const std::size_t bytes : all.distinct(&key::bytes, operation)) {
        const auto ours = all.cost({kernel, operation, "caps", bytes});
        std::vector<std::string> count{bytes_text(bytes)}, ratio{bytes_text(bytes)};
        for (const std::string &mechanism : mechanisms) {
            const auto its = all.cost({kernel, operation, mechanism, bytes});
            count.push_back(count_text(its));
            if (mechanism != "caps")
                ratio.push_back(its && ours ? fmt::format("{:.2f}", *ours / *its) : "");
        }
        counts.add_row(count);
        ratios.add_row(ratio);
    }
    fmt::print("\n{}, instructions\n\n{}", title, counts.text());
    if (mechanisms.front() == "caps" && mechanisms.size() > 1)
        fmt::print("\nports as a multiple of\n\n{}", ratios.text());
}

// The same requests copied when sent and pinned: where does pinning pay?
void print_copy_break(const results &all, const std::string &kernel) {
    bench::table both({"size", "copied when sent", "pinned"});
    for (const std::size_t bytes : all.distinct(&key::bytes, "call-pin"))
        both.add_row({bytes_text(bytes), count_text(all.cost({kernel, "call-copy", "caps", bytes})),
                      count_text(all.cost({kernel, "call-pin", "caps", bytes}))});
    if (!both.empty())
        fmt::print("\nA call whose request is, instructions\n\n{}", both.text());
}

void print_kernel(const results &all, const std::string &kernel) {
    fmt::print("\n## Linux {}\n", kernel);
    print_operation(all, kernel, "call", "A request of this size and an answer of at most 64 B");
    print_operation(all, kernel, "fetch", "A request of 64 B and an answer of this size");
    print_copy_break(all, kernel);
    print_operation(all, kernel, "oneway", "A message without an answer, in bursts of 32");
    print_operation(all, kernel, "connect", "Connect, call, close");
    bench::table others({"operation", "instructions"});
    const std::vector<std::pair<key, std::string>> rest = {
        {{kernel, "call-plain", "caps", 64}, "call, 64 B, on a capability without a badge"},
        {{kernel, "call-annex", "caps", 64}, "call, 64 B in the annex both ways"},
        {{kernel, "call-capabilities", "caps", 1}, "call, 64 B, a capability moves there and back"},
        {{kernel, "call-capabilities", "caps", 16}, "the same with 16"},
        {{kernel, "carry-moved", "caps", 1}, "send a moved capability to oneself, receive it"},
        {{kernel, "carry-moved", "caps", 16}, "the same with 16"},
        {{kernel, "carry-narrowed", "caps", 1},
         "send a narrowed capability to oneself, receive it"},
        {{kernel, "carry-narrowed", "caps", 16}, "the same with 16"},
        {{kernel, "ring", "caps", 64}, "call, 64 B, 64 in flight by one ring"},
        {{kernel, "ring-poll", "caps", 64}, "the same, not parked but polled"},
        {{kernel, "ring", "seqpacket", 64}, "the same over a seqpacket socket by a ring"},
        {{kernel, "ring-pinned", "caps", 65536}, "call, 64 KiB, 64 in flight by one ring"},
        {{kernel, "ring-registered", "caps", 65536}, "the same from a registered buffer"},
        {{kernel, "call-beside-work", "caps", 64}, "call, 64 B, while another process works"},
        {{kernel, "call-beside-moves", "caps", 64}, "the same while it moves ports of its own"},
        {{kernel, "look-up", "caps", 1}, "look the only service up, be refused"},
        {{kernel, "look-up", "caps", 10000}, "the same among 10,000 with 100,000 connections"},
        {{kernel, "connect-among", "caps", 1}, "connect to the only service, close"},
        {{kernel, "connect-among", "caps", 10000},
         "the same among 10,000 with 100,000 connections"},
        {{kernel, "duplicate", "caps", 0}, "duplicate a capability, close it"},
        {{kernel, "export", "caps", 0}, "export, import, close both"},
        {{kernel, "actor", "caps", 0}, "open an actor, close it"},
        {{kernel, "move-1000", "caps", 64}, "move a port with 1,000 messages of 64 B, and back"},
        {{kernel, "move-1000", "caps", mebibyte}, "the same with 1 MiB each, deferred"},
        {{kernel, "send", "caps", 64}, "send 64 B to one of 1,000 ports, without its receipt"},
        {{kernel, "broadcast", "caps", 64}, "the same to a group of them all, for each"},
        {{kernel, "functional", "caps", 64}, "the same to any one of the group"},
        {{kernel, "broadcast", "caps", mebibyte}, "1 MiB to them all, for each"},
        {{kernel, "call", "sched_yield", 0}, "floor: two switches of address space"},
        {{kernel, "call", "getppid", 0}, "floor: one system call"},
    };
    for (const auto &[its, name] : rest)
        if (all.cost(its))
            others.add_row({name, count_text(all.cost(its))});
    fmt::print("{}{}", others.empty() ? "" : "\n", others.text());
}

struct goal {
    std::string kernel, text;
    double value, limit;
    bool met() const { return value <= limit; }
};

// Each of the second to the 16th.
std::vector<goal> attachment_goals(const results &all, const std::string &kernel) {
    std::vector<goal> some;
    for (const std::string how : {"moved", "narrowed"}) {
        const auto one = all.cost({kernel, "carry-" + how, "caps", 1});
        const auto most = all.cost({kernel, "carry-" + how, "caps", 16});
        if (one && most)
            some.push_back(
                {kernel, "a " + how + " capability in a message", (*most - *one) / 15, 600});
    }
    return some;
}

std::vector<goal> goals_of(const results &all, const std::string &kernel) {
    std::vector<goal> some;
    const auto ratio = [&](const std::string &what, const key &ours, const key &theirs,
                           double limit) {
        const auto one = all.cost(ours);
        const auto other = all.cost(theirs);
        if (one && other)
            some.push_back({kernel, what, *one / *other, limit});
    };
    const auto call = [&](std::size_t bytes, const std::string &peer, double limit) {
        ratio(fmt::format("{} call / {}", bytes_text(bytes), peer), {kernel, "call", "caps", bytes},
              {kernel, "call", peer, bytes}, limit);
    };
    call(64, "seqpacket", 0.60);
    call(64, "mq", 1.0);
    call(mebibyte, "stream", 0.35);
    call(mebibyte, "process_vm_readv", 0.80);
    ratio("64 B call on a connection / on a plain capability", {kernel, "call", "caps", 64},
          {kernel, "call-plain", "caps", 64}, 1.03);
    if (kernel == "6.1") { // nothing can be parked there: the library polls
        ratio("64 calls in flight by a ring / call", {kernel, "ring-poll", "caps", 64},
              {kernel, "call", "caps", 64}, 1.10);
    } else {
        const key ring{kernel, "ring", "caps", 64};
        ratio("64 calls in flight by a ring / call", ring, {kernel, "call", "caps", 64}, 0.60);
        ratio("64 calls in flight by a ring / seqpacket", ring, {kernel, "ring", "seqpacket", 64},
              0.50);
        ratio("64 KiB by a ring, from a registered buffer / pinned",
              {kernel, "ring-registered", "caps", 65536}, {kernel, "ring-pinned", "caps", 65536},
              0.80);
    }
    ratio("connect, call, close / stream", {kernel, "connect", "caps", 64},
          {kernel, "connect", "stream", 64}, 0.70);
    for (const auto &[operation, text] :
         {std::pair{"look-up", "a look-up"}, {"connect-among", "to connect and close"}})
        ratio(fmt::format("{} among 10,000 services / with one", text),
              {kernel, operation, "caps", 10000}, {kernel, operation, "caps", 1}, 1.20);
    for (const std::string operation : {"call", "call-apart"})
        ratio(fmt::format("64 B chorus {} / caps", operation), {kernel, operation, "chorus", 64},
              {kernel, operation, "caps", 64}, 1.20);
    ratio("64 B dragonfly call-told / caps", {kernel, "call-told", "dragonfly", 64},
          {kernel, "call-told", "caps", 64}, 1.30);
    for (const auto &[operation, limit] : {std::pair{"broadcast", 0.40}, {"functional", 1.3}})
        ratio(fmt::format("{} to 1,000 / send", operation), {kernel, operation, "caps", 64},
              {kernel, "send", "caps", 64}, limit);
    ratio("64 B call beside moving ports / beside work", {kernel, "call-beside-moves", "caps", 64},
          {kernel, "call-beside-work", "caps", 64}, 1.05);
    for (const goal &one : attachment_goals(all, kernel))
        some.push_back(one);
    const auto moved = all.cost({kernel, "move-1000", "caps", 64});
    const auto moved_large = all.cost({kernel, "move-1000", "caps", mebibyte});
    if (moved && moved_large)
        some.push_back({kernel, "what moving bodies of 1 MiB costs more than of 64 B",
                        *moved_large / *moved - 1, 0.05});
    for (const json &figure : all.memory)
        if (figure.at("kernel") == kernel)
            some.push_back({kernel, "bytes for " + figure.at("what").get<std::string>(),
                            figure.at("bytes"), figure.at("goal")});
    return some;
}

// False if a goal is missed.
bool print_goals(const results &all) {
    bench::table goals({"goal", "kernel", "measured", "at most", "verdict"});
    bool good = true;
    for (const std::string &kernel : all.distinct(&key::kernel)) {
        for (const goal &one : goals_of(all, kernel)) {
            const bool share = one.limit < 10; // else bytes, or instructions
            goals.add_row({one.text, one.kernel,
                           share ? fmt::format("{:.3f}", one.value) : count_text(one.value),
                           share ? fmt::format("{:.2f}", one.limit) : count_text(one.limit),
                           one.met() ? "met" : "MISSED"});
            good = good && one.met();
        }
    }
    if (!goals.empty())
        fmt::print("\n## Goals\n\n{}", goals.text());
    return good;
}

// One file per kernel, with a column for each mechanism that has a size: 0 is
// not on a logarithmic axis.
void write_plot_data(const results &all, const std::string &prefix) {
    std::vector<std::string> mechanisms = columns(all, "call");
    std::erase_if(mechanisms, [&](const std::string &mechanism) {
        return std::ranges::none_of(all.rows, [&](const json &row) {
            return row.at("mechanism") == mechanism && row.at("bytes") > 0;
        });
    });
    for (const std::string &kernel : all.distinct(&key::kernel)) {
        std::ofstream out(prefix + kernel + ".dat");
        out << "bytes";
        for (const std::string &mechanism : mechanisms)
            out << ' ' << mechanism;
        for (const std::size_t bytes : all.distinct(&key::bytes, "call")) {
            if (bytes == 0)
                continue;
            out << '\n' << bytes;
            for (const std::string &mechanism : mechanisms) {
                const auto its = all.cost({kernel, "call", mechanism, bytes});
                out << ' ' << (its ? fmt::format("{:.0f}", *its) : "?");
            }
        }
        out << '\n';
    }
}

} // namespace

int main(int argc, char **argv) try {
    options opts;
    CLI::App app("The tables of capsbench's results, and whether the goals are met");
    app.add_option("results", opts.inputs, "one file per kernel")->required();
    app.add_option("--json", opts.json, "the results of all kernels go to this file");
    app.add_option("--plot", opts.plot, "gnuplot's data go to files with this prefix");
    CLI11_PARSE(app, argc, argv);

    results all;
    for (const std::string &path : opts.inputs)
        all.read(path);
    for (const std::string &kernel : all.distinct(&key::kernel))
        print_kernel(all, kernel);
    if (!opts.json.empty())
        std::ofstream(opts.json) << all.rows.dump(1) << '\n';
    if (!opts.plot.empty())
        write_plot_data(all, opts.plot);
    return print_goals(all) ? 0 : 2;
} catch (const std::exception &e) {
    fmt::print(stderr, "capsbench-report: {}\n", e.what());
    return 1;
}
