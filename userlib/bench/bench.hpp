// SPDX-License-Identifier: MIT
// What every part of capsbench shares: rows, the two processes of a row, and
// how a round trip is timed.
//
// A row is one operation of one mechanism at one size. The driver (main.cpp)
// starts its server and its client as separate programs, so that their address
// spaces are separate and plain. The server says when it is ready; the client
// measures, reports, and ends; the driver then kills the server.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace bench {

// Throws what the C library left in errno.
[[noreturn]] inline void fail(const char *what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// For calls that answer -1 on failure.
template <typename T>
T check(T value, const char *what) {
    if (value == static_cast<T>(-1))
        fail(what);
    return value;
}

struct row {
    std::string mechanism; // "caps", "pipe", ...
    std::string operation; // "call", "oneway", ...
    std::size_t bytes = 0; // what the row is listed under
    std::size_t request = 0;
    std::size_t answer = 0;

    std::string name() const; // "caps.call.1M"
};

// What one process of a row works with.
struct side {
    const struct row &row;
    std::vector<int> fds; // what prepare made, in both processes
    int report = -1;      // the driver reads it
    std::uint64_t warm_up_ns = 0;
    std::uint64_t hold_ns = 0; // for the profiler, which needs time to look
    bool brief = false;        // one sample, for its side effects
};

// How the rows of a mechanism are run. Without serve there is no server.
struct mechanism {
    std::string_view name;
    std::string_view operation; // empty: any
    std::vector<int> (*prepare)(const row &);
    void (*serve)(const side &);
    void (*client)(const side &);
};

std::span<const mechanism> all_mechanisms();
const mechanism &mechanism_of(const row &);

// All rows that there are, for these sizes.
std::vector<row> all_rows(std::span<const std::size_t> sizes);
std::string size_text(std::size_t bytes);
std::size_t parse_size(const std::string &text);

// Page aligned, present, filled, in 4 KiB pages: what a body is made of.
class buffer {
  public:
    explicit buffer(std::size_t size);
    ~buffer();
    buffer(const buffer &) = delete;
    buffer &operator=(const buffer &) = delete;

    std::byte *data() const { return static_cast<std::byte *>(base_); }
    std::size_t size() const { return size_; }
    std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(base_); }

  private:
    void *base_;
    std::size_t size_;
};

// The server's word to the driver, which then starts the client.
void say_ready(const side &);

// The client's word to whoever watches.
void say_settled();

// CLOCK_MONOTONIC. In a counting VM a nanosecond is an instruction.
inline std::uint64_t now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(t.tv_nsec);
}

// The profiler cuts its trace where the client passes here.
extern "C" void capsbench_mark();

// A sample lasts this long: two or three timer ticks, whatever the row costs.
constexpr std::uint64_t sample_ns = 10'000'000;
// Where the scheduler keeps changing its mind, more samples are taken, until
// their mean is known to this fraction.
constexpr std::size_t fewest_samples = 5;
constexpr std::size_t most_samples = 50;
constexpr double sharp_enough = 0.002;

void report_sample(const side &, double instructions);

// Where once() returns how long it took, that counts: it also clears up.
template <typename F>
std::uint64_t time_of(std::uint64_t times, F &&once) {
    if constexpr (!std::is_void_v<std::invoke_result_t<F &>>) {
        std::uint64_t took = 0;
        for (std::uint64_t i = 0; i < times; i++)
            took += once();
        return took;
    }
    const std::uint64_t start = now();
    for (std::uint64_t i = 0; i < times; i++) {
        capsbench_mark();
        once();
    }
    return now() - start;
}

// Is the mean of these known well enough?
bool settled(const std::vector<double> &samples);

// Runs once() for the warm-up's time, in which the scheduler settles too: two
// processes that wake each other find their pattern only after milliseconds.
// Then reports samples of its cost. Where once() does several operations,
// `operations` says how many.
template <typename F>
void measure(const side &self, F &&once, unsigned operations = 1) {
    std::uint64_t times = 1;
    std::uint64_t took = 0;
    while ((took = time_of(times, once)) < sample_ns / 2)
        times *= 2;
    times = std::max<std::uint64_t>(1, times * sample_ns / took);
    for (took = 0; took < self.warm_up_ns;)
        took += time_of(times, once);
    if (self.hold_ns > 0)
        say_settled();
    for (took = 0; took < self.hold_ns;)
        took += time_of(times, once);

    std::vector<double> samples;
    const std::size_t fewest = self.brief ? 1 : fewest_samples;
    while (samples.size() < fewest || !(self.brief || settled(samples))) {
        samples.push_back(static_cast<double>(time_of(times, once)) /
                          (static_cast<double>(times) * operations));
        report_sample(self, samples.back());
    }
}

} // namespace bench
