// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <fstream>
#include <linux/perf_event.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace demo {

namespace {

constexpr const char *groups = "/sys/fs/cgroup";

long context_switches() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

} // namespace

meter::meter() {
    std::ifstream id_file("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id");
    std::uint64_t id;
    if (!(id_file >> id))
        return;
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.size = sizeof(attributes);
    attributes.config = id;
    attributes.disabled = 1;
    attributes.inherit = 1;
    events_ = caps::descriptor(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

void meter::start() {
    switches_ = context_switches();
    if (events_)
        check(ioctl(events_.get(), PERF_EVENT_IOC_ENABLE, 0), "counting system calls");
}

json meter::stop() const {
    json counts;
    std::uint64_t calls;
    // The last thing counted is this read itself.
    if (events_ && read(events_.get(), &calls, sizeof(calls)) == sizeof(calls))
        counts["system_calls"] = calls - 1;
    counts["switches"] = context_switches() - switches_;
    return counts;
}

memory_group::memory_group(const std::string &name)
    : path_(std::string(groups) + "/" + name + "." + std::to_string(getpid())) {
    std::ofstream(std::string(groups) + "/cgroup.subtree_control") << "+memory";
    if (mkdir(path_.c_str(), 0755) < 0)
        return;
    procs_ = caps::descriptor(open((path_ + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    stat_ = caps::descriptor(open((path_ + "/memory.stat").c_str(), O_RDONLY | O_CLOEXEC));
}

memory_group::~memory_group() {
    // A group is busy until the last of its processes has left for good.
    for (int tries = 0; rmdir(path_.c_str()) < 0 && errno == EBUSY && tries < 200; tries++)
        usleep(10'000);
}

std::optional<std::uint64_t> memory_group::now() const {
    char text[8192];
    ssize_t length = stat_ ? pread(stat_.get(), text, sizeof(text), 0) : -1;
    if (length <= 0)
        return std::nullopt;
    std::string_view lines(text, static_cast<std::size_t>(length));
    constexpr std::string_view key = "\nkernel ";
    auto at = lines.find(key);
    std::uint64_t value;
    if (at == lines.npos ||
        std::from_chars(lines.data() + at + key.size(), lines.end(), value).ec != std::errc{})
        return std::nullopt;
    return value;
}

void memory_group::sample() {
    if (auto value = now(); value && peak_)
        peak_ = std::max(*peak_, *value);
}

std::optional<std::uint64_t> memory_group::peak() const {
    if (!peak_)
        return std::nullopt;
    return *peak_ - *base_;
}

} // namespace demo
