// SPDX-License-Identifier: MIT
// What the module's objects cost in kernel memory, by making many of them.
#include "memory.hpp"
#include "bench.hpp"
#include "parameter.hpp"

#include <fcntl.h>
#include <fstream>
#include <linux/caps.h>
#include <memory>
#include <stdexcept>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bench {
namespace {

constexpr std::size_t bodies = 64;
constexpr std::size_t body_size = 1 << 20;
constexpr std::size_t many = 10000;

template <typename T>
void command(int fd, unsigned long number, T &argument, const char *what) {
    check(ioctl(fd, number, &argument), what);
}

class actor {
  public:
    actor() : fd_(check(open("/dev/caps", O_RDWR | O_CLOEXEC), "/dev/caps")) {}
    ~actor() { close(fd_); }
    actor(const actor &) = delete;
    actor &operator=(const actor &) = delete;
    int fd() const { return fd_; }

  private:
    int fd_;
};

// Everything that /proc/meminfo knows the kernel to keep for itself. The
// kernel's counters are exact only after a while; in a counting VM waiting
// costs nothing.
std::int64_t kernel_memory() {
    sleep(3);
    std::ifstream in("/proc/meminfo");
    std::int64_t sum = 0;
    std::int64_t kib = 0;
    std::string unit;
    for (std::string name; in >> name >> kib; std::getline(in, unit))
        for (const auto *counted :
             {"Slab:", "KernelStack:", "PageTables:", "SecPageTables:", "VmallocUsed:", "Percpu:"})
            if (name == counted)
                sum += kib * 1024;
    return sum;
}

template <typename F>
double growth(F &&make, double times = 1) {
    const std::int64_t before = kernel_memory();
    make();
    return static_cast<double>(kernel_memory() - before) / times;
}

std::uint64_t create_port(int fd, std::uint32_t queue_limit = 0) {
    caps_port_create port{};
    port.queue_limit = queue_limit;
    command(fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
    return port.capability;
}

// As many deferred bodies as fit nowhere but in their sender's pages.
double deferred_bodies() {
    const parameter budget("max_pinned", std::to_string(2 * bodies * body_size));
    const actor self;
    const std::uint64_t port = create_port(self.fd(), 4 * bodies);
    std::vector<std::unique_ptr<buffer>> all;
    for (std::size_t i = 0; i < bodies; i++)
        all.push_back(std::make_unique<buffer>(body_size));
    return growth([&] {
        for (const auto &one : all) {
            caps_send it{};
            it.capability = port;
            it.flags = CAPS_DEFER;
            it.data.body = one->address();
            it.data.body_len = body_size;
            command(self.fd(), CAPS_SEND, it, "CAPS_SEND");
            if (it.result & CAPS_RESULT_COPIED)
                throw std::runtime_error("a body was copied that should have been deferred");
        }
    });
}

double idle_ports() {
    const actor self;
    return growth(
        [&] {
            for (std::size_t i = 0; i < many; i++)
                create_port(self.fd());
        },
        many);
}

double duplicates(bool badged) {
    const actor self;
    const std::uint64_t port = create_port(self.fd());
    return growth(
        [&] {
            for (std::size_t i = 0; i < many; i++) {
                caps_duplicate it{};
                it.capability = port;
                it.operations = CAPS_ALL_OPERATIONS;
                it.rights = CAPS_RIGHT_SEND;
                it.badge = badged ? i + 1 : 0;
                it.flags = badged ? CAPS_DUP_BADGE : 0;
                command(self.fd(), CAPS_DUPLICATE, it, "CAPS_DUPLICATE");
            }
        },
        many);
}

} // namespace

std::vector<memory_figure> measure_memory() {
    const double capability = duplicates(false);
    return {
        {"64 deferred bodies of 1 MiB, queued", deferred_bodies(), 1 << 20},
        {"an idle port", idle_ports(), 1024},
        {"a duplicated capability", capability, 128},
        {"a badge", duplicates(true) - capability, 256},
    };
}

} // namespace bench
