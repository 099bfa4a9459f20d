// SPDX-License-Identifier: MIT
// The two processes of a row, and the memory they use.
#include "process.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <numeric>
#include <signal.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

constexpr std::size_t page = 4096;
// Of guest time, in which an idle machine skips ahead: a hang costs nothing.
constexpr unsigned hang_seconds = 30;

std::string join(const std::vector<int> &fds) {
    std::string text;
    for (const int fd : fds)
        text += std::to_string(fd) + ',';
    return text;
}

// Starts this program again in another role. Ends with its parent.
pid_t start(const char *role, const row &r, const std::vector<int> &fds, int report,
            const timing &times = {}) {
    const std::string name = r.name();
    const std::string list = join(fds);
    const std::string fd = std::to_string(report);
    const std::string warm_up = std::to_string(times.warm_up_ms);
    const std::string hold = std::to_string(times.hold_ms);
    const pid_t parent = getpid();
    const pid_t child = check(fork(), "fork");
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    execl("/proc/self/exe", "capsbench", role, name.c_str(), "--fds", list.c_str(), "--report",
          fd.c_str(), "--warm-up", warm_up.c_str(), "--hold", hold.c_str(),
          times.brief ? "--brief" : nullptr, nullptr);
    _exit(127);
}

// Kills and buries a child at the end of its row.
class child {
  public:
    explicit child(pid_t pid) : pid_(pid) {}
    ~child() {
        if (pid_ == 0)
            return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    child(const child &) = delete;
    child &operator=(const child &) = delete;

    bool ended_well() {
        int status = 0;
        check(waitpid(pid_, &status, 0), "waitpid");
        pid_ = 0;
        return status == 0;
    }

  private:
    pid_t pid_;
};

// A pipe that carries one side's reports to the driver.
class report_pipe {
  public:
    report_pipe() { check(pipe2(fds_, 0), "pipe"); }
    ~report_pipe() {
        close(fds_[0]);
        close_write();
    }
    report_pipe(const report_pipe &) = delete;
    report_pipe &operator=(const report_pipe &) = delete;

    int write_end() const { return fds_[1]; }
    // The end of the writer is seen only if nobody else can write.
    void close_write() {
        if (fds_[1] >= 0)
            close(fds_[1]);
        fds_[1] = -1;
    }
    bool read_one(void *to, std::size_t size) {
        return check(read(fds_[0], to, size), "read") == static_cast<ssize_t>(size);
    }

  private:
    int fds_[2];
};

struct descriptors {
    std::vector<int> fds;
    ~descriptors() {
        for (const int fd : fds)
            close(fd);
    }
};

} // namespace

buffer::buffer(std::size_t size) : size_(size) {
    const std::size_t room = (size + page) / page * page;
    base_ = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED)
        fail("mmap");
    check(madvise(base_, room, MADV_NOHUGEPAGE), "MADV_NOHUGEPAGE");
    std::memset(base_, 0x5a, room);
}

buffer::~buffer() {
    munmap(base_, (size_ + page) / page * page);
}

[[gnu::noinline]] void capsbench_mark() {
    asm volatile("");
}

void say_ready(const side &self) {
    const char ready = '!';
    alarm(0);
    check(write(self.report, &ready, 1), "write");
}

void say_settled() {
    fmt::print(stderr, "settled\n");
}

void report_sample(const side &self, double instructions) {
    check(write(self.report, &instructions, sizeof instructions), "write");
}

// The standard error of their mean; or there are enough anyhow.
bool settled(const std::vector<double> &samples) {
    const auto n = static_cast<double>(samples.size());
    const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
    double squares = 0;
    for (const double one : samples)
        squares += (one - mean) * (one - mean);
    return samples.size() >= most_samples ||
           std::sqrt(squares / (n - 1) / n) <= sharp_enough * mean;
}

std::vector<double> run_row(const row &r, const timing &times) {
    const mechanism &how = mechanism_of(r);
    const descriptors shared{how.prepare ? how.prepare(r) : std::vector<int>{}};
    pid_t server = 0;
    if (how.serve) {
        report_pipe ready;
        server = start("--serve", r, shared.fds, ready.write_end());
        ready.close_write();
        char byte = 0;
        if (!ready.read_one(&byte, 1)) {
            waitpid(server, nullptr, 0);
            throw std::runtime_error(r.name() + ": the server does not start");
        }
    }
    const child serving(server);

    report_pipe samples;
    child calling(start("--client", r, shared.fds, samples.write_end(), times));
    samples.close_write();
    std::vector<double> all;
    for (double one = 0; samples.read_one(&one, sizeof one);)
        all.push_back(one);
    if (!calling.ended_well() || all.empty())
        throw std::runtime_error(r.name() + ": the client failed or hung");
    return all;
}

void run_side(bool server, const side &self) {
    const mechanism &how = mechanism_of(self.row);
    alarm(hang_seconds);
    if (server)
        how.serve(self);
    else
        how.client(self);
}

} // namespace bench
