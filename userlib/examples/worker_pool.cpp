// SPDX-License-Identifier: MIT
// A pool of workers behind one stable capability: a group whose members are called in turn. While
// clients call it, workers are killed, and others are replaced by a successor to whom they move
// their port with all that is queued there. At the end every call is accounted for:
//
//   submitted = answered + reported failed
//
//   worker_pool [SECONDS [KILLS [REPLACEMENTS]]]        (30 10 10)
//
// Nobody connects to anybody by name. The boss hands down two capabilities as inherited file
// descriptors: to the group, and to its own actor, into which a worker places one to itself. To
// replace a worker the boss places its successor's into it.
#include <caps/caps.hpp>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

namespace worker_pool {

using namespace std::chrono_literals;
using seconds = std::chrono::duration<double>;

constexpr int workers = 4;
constexpr int clients = 4;

/// What clients count, in memory that all processes share.
struct tally {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> submitted{0}, answered{0}, failed{0}, wrong{0}, again{0};
};

/// What a forked process inherits.
struct inheritance {
    int group;
    int boss;
};

std::uint64_t work_on(std::uint64_t number) {
    return number * number + 1;
}

// --- a client -----------------------------------------------------------------

/// One call, which the whole pool may answer. Nobody saw it: ask the next; nothing is lost by
/// that. Somebody took it and died: nobody knows how far that came, so it is reported.
bool ask(const caps::group &pool, std::uint64_t number, tally &counts) {
    std::uint64_t answer = 0;
    const auto question = std::as_bytes(std::span(&number, 1));
    const auto room = std::as_writable_bytes(std::span(&answer, 1));
    for (;;) {
        const auto reply = pool.try_call<caps::to::any>({.body = question}, room);
        if (reply) {
            counts.wrong += answer != work_on(number);
            return true;
        }
        if (reply.error().code() == ECONNRESET)
            return false;
        if (reply.error().code() != EPIPE && reply.error().code() != ENOENT)
            throw caps::error(reply.error());
        counts.again++;
        ::usleep(1000);
    }
}

int client(const inheritance &from, tally &counts) {
    const auto me = caps::actor::open();
    const caps::group pool(me.import_fd(from.group));
    for (std::uint64_t number = 0; !counts.stop; number++) {
        counts.submitted++;
        if (ask(pool, number, counts))
            counts.answered++;
        else
            counts.failed++;
    }
    return 0;
}

// --- a worker -----------------------------------------------------------------

/// Serves all ports that it has, until it is told who comes after it.
int worker(const inheritance &from, bool successor) {
    auto me = caps::actor::open();
    const caps::group pool(me.import_fd(from.group));
    const caps::capability boss = me.import_fd(from.boss);
    me.default_port()->enable();
    caps::port door;
    if (!successor) {
        door = me.create_port();
        door.enable();
        pool.insert(door);
    }
    me.self().place_in(boss, {.rights = caps::rights::accept | caps::rights::grant});

    std::uint64_t number = 0, answer = 0;
    const auto room = std::as_writable_bytes(std::span(&number, 1));
    caps::received question;
    for (;;) {
        me.reply_receive(question, {.body = std::as_bytes(std::span(&answer, 1))}, room);
        switch (question.kind()) {
        case caps::kind::call:
            answer = work_on(number);
            break;
        case caps::kind::port_arrived:
            door = me.arrived(question);
            door.enable();
            break;
        case caps::kind::capability_arrived:
            door.migrate(me.placed(question));
            return 0;
        default:
            break;
        }
    }
}

// --- the boss -----------------------------------------------------------------

class boss {
  public:
    explicit boss(tally &counts)
        : counts_(counts), group_(me_.create_group()),
          group_fd_(group_
                        .duplicate({.rights = caps::rights::send | caps::rights::insert |
                                              caps::rights::grant})
                        .export_fd()),
          boss_fd_(me_.self()
                       .duplicate({.rights = caps::rights::accept | caps::rights::grant})
                       .export_fd()) {
        me_.default_port()->enable();
        for (int i = 0; i < workers; i++)
            staff_.push_back(hire(false));
        for (int i = 0; i < clients; i++)
            clients_.push_back(
                start([&](const inheritance &from) { return client(from, counts_); }));
    }

    /// kill -9, and somebody new.
    void kill_one() {
        const pid_t pid = staff_.front();
        staff_.pop_front();
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        known_.erase(pid);
        staff_.push_back(hire(false));
    }

    /// Who has been there longest moves its port, and what is queued there, to a successor.
    void replace_one() {
        const pid_t old = staff_.front();
        staff_.pop_front();
        const pid_t successor = hire(true);
        known_.at(successor).place_in(known_.at(old), {.rights = caps::rights::accept});
        int status = -1;
        ::waitpid(old, &status, 0);
        if (status != 0)
            throw std::runtime_error("a worker that was replaced did not end well");
        known_.erase(old);
        staff_.push_back(successor);
    }

    void finish() {
        counts_.stop = true;
        for (const pid_t pid : clients_) {
            int status = -1;
            ::waitpid(pid, &status, 0);
            ended_well_ &= status == 0;
        }
        for (const pid_t pid : staff_) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
    }

    bool ended_well() const { return ended_well_; }

  private:
    template <class Role>
    pid_t start(Role role) {
        const pid_t parent = ::getpid();
        const pid_t pid = ::fork();
        if (pid < 0)
            throw std::system_error(errno, std::generic_category(), "fork");
        if (pid > 0)
            return pid;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        // The actor is the parent's; its destructors are nothing for the child.
        try {
            ::_exit(role({.group = group_fd_.get(), .boss = boss_fd_.get()}));
        } catch (const std::exception &error) {
            std::cerr << "worker_pool: " << error.what() << std::endl;
            ::_exit(1);
        }
    }

    /// A new worker, known when it has put a capability to itself here.
    pid_t hire(bool successor) {
        const pid_t pid = start([&](const inheritance &from) { return worker(from, successor); });
        while (!known_.contains(pid)) {
            const auto message = me_.receive({}, 10s);
            if (message.kind() == caps::kind::capability_arrived)
                known_.insert_or_assign(static_cast<pid_t>(message.header().pid),
                                        me_.placed(message));
        }
        return pid;
    }

    tally &counts_;
    bool ended_well_ = true;
    caps::actor me_ = caps::actor::open();
    caps::group group_;
    caps::descriptor group_fd_, boss_fd_;
    std::map<pid_t, caps::capability> known_;
    std::deque<pid_t> staff_, clients_;
};

/// What happened since the last line, as a bar.
class picture {
  public:
    explicit picture(const tally &counts) : counts_(counts) {}

    void note(const std::string &what) { events_ += events_.empty() ? what : ", " + what; }

    void draw() {
        const auto now = std::chrono::steady_clock::now();
        const double rate =
            static_cast<double>(counts_.answered - before_) / seconds(now - since_).count();
        before_ = counts_.answered;
        since_ = now;
        most_ = std::max(most_, rate);
        std::string bar;
        for (int i = 0; i < static_cast<int>(40 * rate / std::max(most_, 1.0)); i++)
            bar += "\u2588";
        std::cout << std::fixed << std::setprecision(1) << std::setw(5)
                  << seconds(now - start_).count() << " s " << std::setprecision(0) << std::setw(8)
                  << rate << "/s " << bar;
        if (!events_.empty())
            std::cout << "  " << events_;
        std::cout << std::endl;
        events_.clear();
    }

  private:
    const tally &counts_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point since_ = start_;
    std::uint64_t before_ = 0;
    double most_ = 0;
    std::string events_;
};

/// Kills and replacements in turn, spread over the time.
void run(boss &pool, picture &view, seconds duration, int kills, int replacements) {
    const auto start = std::chrono::steady_clock::now();
    const int events = kills + replacements;
    for (int next = 0;;) {
        const seconds gone = std::chrono::steady_clock::now() - start;
        if (gone >= duration)
            return;
        if (next < events && gone >= duration * (next + 1) / (events + 1)) {
            next++;
            const bool kill = replacements == 0 || (kills > 0 && kills >= replacements);
            if (kill)
                pool.kill_one();
            else
                pool.replace_one();
            (kill ? kills : replacements)--;
            view.note(kill ? "killed one" : "replaced one");
        } else {
            ::usleep(250'000);
            view.draw();
        }
    }
}

/// The last word: does it add up?
bool report(const tally &counts) {
    std::cout << "submitted " << counts.submitted << " = answered " << counts.answered
              << " + reported failed " << counts.failed << "   (asked the next one " << counts.again
              << " times, wrong answers " << counts.wrong << ")\n";
    return counts.submitted == counts.answered + counts.failed && counts.wrong == 0;
}

} // namespace worker_pool

int main(int argc, char **argv) try {
    using namespace worker_pool;
    const double duration = argc > 1 ? std::atof(argv[1]) : 30;
    const int kills = argc > 2 ? std::atoi(argv[2]) : 10;
    const int replacements = argc > 3 ? std::atoi(argv[3]) : 10;

    void *const shared =
        ::mmap(nullptr, sizeof(tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "mmap");
    tally &counts = *new (shared) tally;
    boss pool(counts);
    picture view(counts);
    run(pool, view, seconds(duration), kills, replacements);
    pool.finish();
    view.draw();
    return report(counts) && pool.ended_well() ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "worker_pool: " << error.what() << '\n';
    return 1;
}
