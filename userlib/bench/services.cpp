// SPDX-License-Identifier: MIT
// Does it matter how many services and connections there are, and whose? Beside who looks services
// up there are servers and clients of several users, each a process with an actor of its own, which
// do nothing any more.
#include "caps_commands.hpp"
#include "mechanisms.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fmt/core.h>
#include <grp.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr std::uint64_t granted = 1;
constexpr std::uint64_t refused = 2;
constexpr uid_t first_user = 1001;

// Of as many users as servers.
struct population {
    std::size_t services, servers, clients, connections; // the last of each client
};

constexpr population alone{1, 1, 1, 1};
constexpr population many{10000, 10, 100, 1000};

// A service belongs to each of the users in turn.
struct named {
    std::string name;
    uid_t uid;
};

std::vector<named> names_of(const population &all) {
    std::vector<named> names;
    for (std::size_t i = 0; i < all.services; i++)
        names.push_back(
            {fmt::format("bench.{:05}", i), first_user + static_cast<uid_t>(i % all.servers)});
    return names;
}

caps_connect wish(const named &service, std::uint64_t operations) {
    caps_connect to{};
    to.name = address(service.name.data());
    to.name_len = static_cast<std::uint32_t>(service.name.size());
    to.uid = service.uid;
    to.gid = CAPS_ANY_ID;
    to.operations = operations;
    return to;
}

// For good; in the group that may open the device.
void become(uid_t uid) {
    struct stat device {};
    check(stat("/dev/caps", &device), "/dev/caps");
    check(setgroups(1, &device.st_gid), "setgroups");
    check(setresgid(uid, uid, uid), "setresgid");
    check(setresuid(uid, uid, uid), "setresuid");
}

// Each on a port of its own.
void offer(const std::vector<named> &names) {
    const int fd = open_actor();
    for (const named &one : names) {
        if (one.uid != geteuid())
            continue;
        caps_port_create port{};
        command(fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
        caps_register it{};
        it.port = port.capability;
        it.name = address(one.name.data());
        it.name_len = static_cast<std::uint32_t>(one.name.size());
        it.uid = one.uid;
        it.gid = CAPS_ANY_ID;
        it.operations = granted;
        it.flags = CAPS_REGISTER_WORLD;
        command(fd, CAPS_REGISTER, it, "CAPS_REGISTER");
    }
}

void use(const std::vector<named> &names, std::size_t first, std::size_t connections) {
    const int fd = open_actor();
    for (std::size_t i = 0; i < connections; i++) {
        caps_connect to = wish(names[(first + i) % names.size()], granted);
        command(fd, CAPS_CONNECT, to, "CAPS_CONNECT");
    }
}

class crowd {
  public:
    explicit crowd(const population &all) : names_(names_of(all)) {
        for (std::size_t i = 0; i < all.servers; i++)
            start(first_user + static_cast<uid_t>(i), [&] { offer(names_); });
        for (std::size_t i = 0; i < all.clients; i++)
            start(first_user + static_cast<uid_t>(i % all.servers),
                  [&] { use(names_, i * all.services / all.clients, all.connections); });
    }
    // What they had is given back in the background: that shall not count elsewhere.
    ~crowd() {
        for (const pid_t pid : processes_)
            kill(pid, SIGKILL);
        for (const pid_t pid : processes_)
            waitpid(pid, nullptr, 0);
        sleep(2);
    }
    crowd(const crowd &) = delete;
    crowd &operator=(const crowd &) = delete;

    // All in turn, but neighbours not one after the other.
    const named &next() {
        constexpr std::size_t step = 7919;
        at_ = (at_ + step) % names_.size();
        return names_[at_];
    }

  private:
    // Until it has done that. It keeps its actor as long as it lives.
    template <typename F>
    void start(uid_t uid, F &&work) {
        std::array<int, 2> done{};
        check(pipe(done.data()), "pipe");
        const pid_t parent = getpid();
        const pid_t pid = check(fork(), "fork");
        if (pid == 0) {
            live(uid, parent, work, done[1]);
            _exit(1);
        }
        processes_.push_back(pid);
        close(done[1]);
        char byte = 0;
        const ssize_t count = read(done[0], &byte, 1);
        close(done[0]);
        if (count != 1)
            throw std::runtime_error("a neighbour has failed");
    }

    template <typename F>
    static void live(uid_t uid, pid_t parent, F &&work, int done) try {
        become(uid);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            return;
        work();
        check(write(done, "", 1), "write");
        close(done);
        for (;;)
            pause();
    } catch (const std::exception &e) {
        fmt::print(stderr, "capsbench: {}\n", e.what());
    }

    std::vector<named> names_;
    std::vector<pid_t> processes_;
    std::size_t at_ = 0;
};

const population &population_of(const row &r) {
    return r.bytes == alone.services ? alone : many;
}

} // namespace

// Found, and asked for what nobody gets: nothing is made.
void look_up(const side &self) {
    crowd others(population_of(self.row));
    const int fd = open_actor();
    measure(self, [&] {
        caps_connect to = wish(others.next(), refused);
        if (ioctl(fd, CAPS_CONNECT, &to) != -1 || errno != EACCES)
            throw std::runtime_error("caps: not what nobody gets");
    });
}

void connect_among(const side &self) {
    crowd others(population_of(self.row));
    const int fd = open_actor();
    measure(self, [&] {
        caps_connect to = wish(others.next(), granted);
        command(fd, CAPS_CONNECT, to, "CAPS_CONNECT");
        caps_close it{};
        it.capability = to.capability;
        command(fd, CAPS_CLOSE, it, "CAPS_CLOSE");
    });
}

} // namespace bench::caps
