// SPDX-License-Identifier: MIT
// capsbench-profile: where the instructions of a round trip go.
//
// QEMU can log every block of guest code that it runs; made to run one
// instruction per block, that log is the exact list of executed instructions.
// "record" turns it on through QEMU's monitor while a row is being measured
// and off again after some round trips. "report" attributes the instructions
// to the functions of the kernel, its modules and the benchmark.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/core.h>
#include <fstream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using address = std::uint64_t;

struct options {
    std::string monitor, log, timeline;
    std::vector<std::string> symbols;
    unsigned round_trips = 40;
    unsigned top = 60;
};

// --- symbols ---

struct function {
    std::string name;
    address start = 0;
};

class symbol_table {
  public:
    // The format of nm and of /proc/kallsyms.
    void read(const std::string &path) {
        std::ifstream in(path);
        if (!in)
            throw std::runtime_error("cannot read " + path);
        for (std::string line; std::getline(in, line);) {
            char type = 0;
            char name[512];
            char module[64] = "";
            address start = 0;
            if (std::sscanf(line.c_str(), "%lx %c %511s %63s", &start, &type, name, module) < 3 ||
                !std::strchr("tTwW", type))
                continue;
            table_.try_emplace(start,
                               function{std::string(name) + (*module ? " " : "") + module, start});
        }
    }

    const function &at(address pc) const {
        auto after = table_.upper_bound(pc);
        return after == table_.begin() ? nowhere_ : std::prev(after)->second;
    }

    address find(std::string_view name) const {
        for (const auto &[start, one] : table_)
            if (one.name == name)
                return start;
        throw std::runtime_error("no symbol " + std::string(name));
    }

  private:
    std::map<address, function> table_;
    function nowhere_{"?", 0};
};

// --- QEMU's log ---

// The lines that matter, of "-d exec":
//   Trace 0: 0x7f... [cs_base/pc/flags/cflags] symbol
//   Stopped execution of TB chain before 0x7f... [pc] symbol
class trace_reader {
  public:
    explicit trace_reader(const std::string &path) : in_(path) {}

    // False when there is no more, for now.
    bool next(address &pc, bool &undone) {
        for (;;) {
            const auto before = in_.tellg();
            if (!std::getline(in_, line_) || in_.eof()) {
                in_.clear();
                in_.seekg(before);
                return false;
            }
            if (std::sscanf(line_.c_str(), "Trace %*d: %*s [%*x/%lx/", &pc) == 1) {
                undone = false;
                return true;
            }
            if (std::sscanf(line_.c_str(), "Stopped execution of TB chain before %*s [%lx]", &pc) ==
                1) {
                undone = true;
                return true;
            }
        }
    }

  private:
    std::ifstream in_;
    std::string line_;
};

class monitor {
  public:
    explicit monitor(const std::string &path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        if (path.size() >= sizeof to.sun_path)
            throw std::runtime_error("too long: " + path);
        path.copy(to.sun_path, path.size());
        if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr *>(&to), sizeof to) < 0)
            throw std::system_error(errno, std::generic_category(), path);
        wait_for_prompt();
    }
    ~monitor() { close(fd_); }
    monitor(const monitor &) = delete;
    monitor &operator=(const monitor &) = delete;

    // Returns when the command has been carried out.
    void tell(const std::string &command) {
        const std::string line = command + "\n";
        if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            throw std::system_error(errno, std::generic_category(), "QEMU's monitor");
        wait_for_prompt();
    }

  private:
    void wait_for_prompt() {
        constexpr std::string_view prompt = "(qemu) ";
        std::string heard;
        for (char next = 0; !heard.ends_with(prompt); heard += next)
            if (read(fd_, &next, 1) != 1)
                throw std::runtime_error("QEMU's monitor has gone");
    }

    int fd_;
};

// Waits for the log to hold enough; at the end logging is off in any case.
void record(const options &opts) {
    symbol_table symbols;
    for (const std::string &path : opts.symbols)
        symbols.read(path);
    const address mark = symbols.find("capsbench_mark");
    monitor qemu(opts.monitor);
    std::ofstream(opts.log).close();
    qemu.tell("logfile " + opts.log);
    qemu.tell("singlestep on");
    qemu.tell("log exec,nochain");

    using clock = std::chrono::steady_clock;
    const auto deadline = clock::now() + std::chrono::seconds(120);
    trace_reader trace(opts.log);
    unsigned marks = 0;
    address pc = 0;
    bool undone = false;
    while (marks <= opts.round_trips && clock::now() < deadline) {
        if (!trace.next(pc, undone)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        } else if (pc == mark) {
            marks += undone ? -1 : 1;
        }
    }
    qemu.tell("log none");
    qemu.tell("singlestep off");
    if (marks <= opts.round_trips)
        throw std::runtime_error(fmt::format("only {} round trips in the log", marks));
}

// --- the report ---

using round_trip = std::vector<address>; // the instructions of one, in order

std::vector<round_trip> read_round_trips(const std::string &log, address mark) {
    std::vector<round_trip> all;
    trace_reader trace(log);
    address pc = 0;
    bool undone = false;
    while (trace.next(pc, undone)) {
        if (pc == mark && !undone)
            all.emplace_back();
        if (all.empty())
            continue;
        if (!undone)
            all.back().push_back(pc);
        else if (!all.back().empty())
            all.back().pop_back();
    }
    // The last one was cut off by the end of the log.
    if (!all.empty())
        all.pop_back();
    if (all.empty())
        throw std::runtime_error("no round trip in the log");
    return all;
}

// Those without a timer tick or another process in between.
std::vector<round_trip> undisturbed(std::vector<round_trip> all) {
    std::ranges::sort(all, {}, &round_trip::size);
    const std::size_t typical = all[all.size() / 2].size();
    std::erase_if(all, [&](const round_trip &one) {
        return one.size() * 100 > typical * 102 || one.size() * 100 < typical * 98;
    });
    return all;
}

struct cost {
    std::size_t instructions = 0;
    std::size_t entries = 0; // times its first instruction ran
};

// A function's name may carry its module; the benchmark has low addresses.
std::string part_of(const function &in) {
    constexpr address first_of_kernel = 0xffff800000000000;
    if (in.start < first_of_kernel)
        return "user space";
    const std::size_t module = in.name.find('[');
    return module == std::string::npos ? "kernel" : in.name.substr(module);
}

void print_parts(const std::vector<round_trip> &trips, const symbol_table &symbols) {
    std::map<std::string, std::size_t> parts;
    for (const round_trip &one : trips)
        for (const address pc : one)
            parts[part_of(symbols.at(pc))]++;
    for (const auto &[name, instructions] : parts)
        fmt::print("{:>12.1f}  {}\n", static_cast<double>(instructions) / trips.size(), name);
}

void print_functions(const std::vector<round_trip> &trips, const symbol_table &symbols,
                     unsigned top) {
    std::map<std::string, cost> costs;
    std::size_t total = 0;
    for (const round_trip &one : trips) {
        total += one.size();
        for (const address pc : one) {
            const function &in = symbols.at(pc);
            cost &its = costs[in.name];
            its.instructions++;
            its.entries += in.start == pc;
        }
    }
    std::vector<std::pair<std::string, cost>> sorted(costs.begin(), costs.end());
    std::ranges::sort(sorted, std::greater{},
                      [](const auto &one) { return one.second.instructions; });
    const auto n = static_cast<double>(trips.size());
    fmt::print("{} round trips, {:.0f} instructions each\n\n", trips.size(), total / n);
    print_parts(trips, symbols);
    fmt::print("\ninstructions  share  calls  function\n");
    for (const auto &[name, its] : sorted) {
        if (top-- == 0)
            break;
        fmt::print("{:>12.1f} {:>5.1f}% {:>6.1f}  {}\n", its.instructions / n,
                   100.0 * its.instructions / total, its.entries / n, name);
    }
}

// One round trip in order: how many instructions in which function.
void write_timeline(const round_trip &one, const symbol_table &symbols, const std::string &path) {
    std::ofstream out(path);
    std::size_t sum = 0;
    for (std::size_t i = 0; i < one.size();) {
        const function &in = symbols.at(one[i]);
        const std::size_t from = i;
        const address offset = one[i] - in.start;
        while (i < one.size() && symbols.at(one[i]).start == in.start)
            i++;
        sum += i - from;
        out << fmt::format("{:>7} {:>6}  {}{}\n", sum, i - from, in.name,
                           offset == 0 ? "" : fmt::format(" +{:#x}", offset));
    }
}

void report(const options &opts) {
    symbol_table symbols;
    for (const std::string &path : opts.symbols)
        symbols.read(path);
    const auto trips = undisturbed(read_round_trips(opts.log, symbols.find("capsbench_mark")));
    print_functions(trips, symbols, opts.top);
    if (!opts.timeline.empty())
        write_timeline(trips[trips.size() / 2], symbols, opts.timeline);
}

} // namespace

int main(int argc, char **argv) try {
    options opts;
    CLI::App app("Where the instructions of a round trip go");
    app.require_subcommand(1);
    CLI::App *recording = app.add_subcommand("record", "while capsbench runs in a counting VM");
    recording->add_option("--monitor", opts.monitor, "QEMU's monitor")->required();
    recording->add_option("--round-trips", opts.round_trips, "how many");
    CLI::App *reporting = app.add_subcommand("report", "what was recorded");
    reporting->add_option("--top", opts.top, "so many functions");
    reporting->add_option("--timeline", opts.timeline, "one round trip in order, to this file");
    for (CLI::App *sub : {recording, reporting}) {
        sub->add_option("--log", opts.log, "QEMU's log")->required();
        sub->add_option("--symbols", opts.symbols, "of the kernel, of capsbench")->required();
    }
    CLI11_PARSE(app, argc, argv);
    if (*recording)
        record(opts);
    else
        report(opts);
    return 0;
} catch (const std::exception &e) {
    fmt::print(stderr, "capsbench-profile: {}\n", e.what());
    return 1;
}
