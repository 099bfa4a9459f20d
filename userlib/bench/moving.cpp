// SPDX-License-Identifier: MIT
// Moving a port there and back with a thousand messages in its queue: does it depend on the size
// of their bodies, which stay in the sender's pages? And do others suffer who call each other
// meanwhile?
#include "caps_commands.hpp"
#include "mechanisms.hpp"
#include "parameter.hpp"

#include <csignal>
#include <optional>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr std::uint32_t messages = 1000;

constexpr unsigned calls = 1000; // in one look at the clocks

struct owner {
    int fd = open_actor();
    std::uint64_t other = 0; // the other one
};

// A capability to one, for the other.
void introduce(owner &to, const owner &who) {
    caps_actor_self self{};
    command(who.fd, CAPS_ACTOR_SELF, self, "CAPS_ACTOR_SELF");
    caps_export out{};
    out.capability = self.capability;
    command(who.fd, CAPS_EXPORT, out, "CAPS_EXPORT");
    caps_import in{};
    in.fd = out.fd;
    command(to.fd, CAPS_IMPORT, in, "CAPS_IMPORT");
    close(out.fd);
    to.other = in.capability;
}

// The handle that the other one has got for it.
std::uint64_t move(const owner &from, const owner &to, std::uint64_t port) {
    caps_port_migrate it{};
    it.capability = port;
    it.actor = from.other;
    command(from.fd, CAPS_PORT_MIGRATE, it, "CAPS_PORT_MIGRATE");
    caps_close old{};
    old.capability = port;
    command(from.fd, CAPS_CLOSE, old, "CAPS_CLOSE");
    caps_receive event{};
    event.port = CAPS_DEFAULT_PORT;
    command(to.fd, CAPS_RECEIVE, event, "CAPS_RECEIVE");
    return event.header.address;
}

// A port with a full queue, and its two owners.
class wanderer {
  public:
    explicit wanderer(const row &r) : body_(r.request) {
        introduce(here_, there_);
        introduce(there_, here_);
        if (r.request > CAPS_MAX_ANNEX)
            budget_.emplace("max_pinned", std::to_string(2 * messages * r.request));
        caps_port_create port{};
        port.queue_limit = 2 * messages + 2; // one user may fill half of a queue
        command(here_.fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
        handle_ = port.capability;
        caps_send it{};
        it.capability = handle_;
        it.data = body(body_, r.request);
        it.flags = CAPS_DEFER;
        for (std::uint32_t i = 0; i < messages; i++)
            command(here_.fd, CAPS_SEND, it, "CAPS_SEND");
        if (r.request > CAPS_MAX_ANNEX && it.result & CAPS_RESULT_COPIED)
            throw std::runtime_error("bodies were copied, not pinned");
    }
    ~wanderer() {
        close(here_.fd);
        close(there_.fd);
    }
    wanderer(const wanderer &) = delete;
    wanderer &operator=(const wanderer &) = delete;

    void there_and_back() { handle_ = move(there_, here_, move(here_, there_, handle_)); }

  private:
    owner here_, there_;
    std::optional<parameter> budget_;
    buffer body_;
    std::uint64_t handle_ = 0;
};

[[noreturn]] void work(const row & /*unused*/) {
    for (;;)
        getppid();
}

[[noreturn]] void wander(const row &r) {
    wanderer port(r);
    for (;;)
        port.there_and_back();
}

// Another process on the same processor. It never ends by itself.
class neighbour {
  public:
    neighbour(void (*live)(const row &), const row &r) {
        const pid_t parent = getpid();
        pid_ = check(fork(), "fork");
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent)
                live(r);
            _exit(1);
        }
        if (clock_getcpuclockid(pid_, &clock_) != 0)
            throw std::runtime_error("no clock of another process");
    }
    ~neighbour() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    neighbour(const neighbour &) = delete;
    neighbour &operator=(const neighbour &) = delete;

    // What it has executed, with what interrupted it.
    std::uint64_t used() const {
        timespec t{};
        check(clock_gettime(clock_, &t), "the other's clock");
        return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
               static_cast<std::uint64_t>(t.tv_nsec);
    }

  private:
    pid_t pid_;
    clockid_t clock_{};
};

// All counts that the neighbour has not executed itself: caller, server, their switches, and what
// is left to do in the background, whoever caused it.
void call_beside(const side &self, void (*live)(const row &)) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_call it =
        make_call(connect(fd), body(request, self.row.request), body(answer, self.row.answer));
    const neighbour other(live, self.row);
    const std::uint64_t begin = now();
    measure(
        self,
        [&] {
            const std::uint64_t others = other.used();
            const std::uint64_t start = now();
            for (unsigned i = 0; i < calls; i++)
                command(fd, CAPS_CALL, it, "CAPS_CALL");
            const std::uint64_t took = now() - start;
            return took - (other.used() - others);
        },
        calls);
    if (other.used() < (now() - begin) / 10)
        throw std::runtime_error("nobody was there beside");
}

} // namespace

void move_queue(const side &self) {
    wanderer port(self.row);
    measure(self, [&] { port.there_and_back(); });
}

void call_beside_work(const side &self) {
    call_beside(self, work);
}

void call_beside_moves(const side &self) {
    call_beside(self, wander);
}

} // namespace bench::caps
