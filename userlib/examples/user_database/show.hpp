// SPDX-License-Identifier: MIT
// The show: a server, clients that look users up while the file changes, the sums, and how long it
// takes beside getpwnam(3) with the same file.
#ifndef USER_DATABASE_SHOW_HPP
#define USER_DATABASE_SHOW_HPP

#include "client.hpp"
#include "server.hpp"

#include <pwd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmath>
#include <iomanip>
#include <numeric>
#include <random>

namespace user_database {

struct show_options {
    std::uint32_t entries = 10'000;
    unsigned clients = 5, threads = 2, batch = 16, changes = 3;
    std::uint64_t lookups = 100'000; ///< of each client
    std::uint64_t timed = 2'000;     ///< of each way to look one up; a tenth by libc
};

using clock = std::chrono::steady_clock;

/// What clients tell, in memory that all processes share.
struct board {
    struct line {
        directory::tally counted;
        std::uint64_t server_calls; ///< of its connection, by the server's count
        std::uint64_t wrong;        ///< another user than the one asked for
        std::uint64_t stale;        ///< from before the generation that was seen
    };
    static constexpr unsigned most = 64;

    std::atomic<std::uint64_t> done{0}; ///< lookups of all
    std::array<line, most> clients{};
    counts served{};                          ///< when the clients had ended
    double hit{}, alone{}, batched{}, libc{}; ///< nanoseconds of one lookup
};

// --- a client -------------------------------------------------------------------------

/// Few users are looked up often, and many now and then.
inline std::uint32_t some_user(std::mt19937 &random, std::uint32_t entries) {
    const auto where = std::generate_canonical<double, 32>(random);
    return std::min(static_cast<std::uint32_t>(std::pow(where, 4) * entries), entries - 1);
}

/// Every fourth batch by uid.
inline int ask_around(const show_options &how, unsigned which, board &shared) {
    const auto me = caps::actor::open();
    directory users(me);
    board::line &mine = shared.clients.at(which);
    std::mt19937 random(which);
    std::vector<std::string> keys(how.batch);
    std::vector<std::uint32_t> indices(how.batch);
    for (std::uint64_t done = 0; done < how.lookups; done += how.batch) {
        const operation what = done / how.batch % 4 == 3 ? by_uid : by_name;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            indices[i] = some_user(random, how.entries);
            keys[i] = what == by_uid ? std::to_string(first_uid + indices[i])
                                     : generated_name(indices[i]);
        }
        const auto found = users.look_up(what, keys);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const entry *user = found[i];
            const bool right = user != nullptr && user->uid == first_uid + indices[i] &&
                               user->name == generated_name(indices[i]);
            mine.wrong += right ? 0 : 1;
            constexpr std::string_view before = "version ";
            mine.stale += right && number(user->comment.substr(before.size())).value_or(0) <
                                       users.generation()
                              ? 1
                              : 0;
        }
        shared.done += how.batch;
    }
    mine.counted = users.counted();
    mine.server_calls = users.server_counts().yours;
    return 0;
}

// --- the ways to look one up ----------------------------------------------------------------

/// Nanoseconds for each of so many.
template <class Look>
double time_of(std::uint64_t many, Look look) {
    const auto start = clock::now();
    for (std::uint64_t i = 0; i < many; ++i)
        look(static_cast<std::uint32_t>(i));
    return std::chrono::duration<double, std::nano>(clock::now() - start).count() /
           static_cast<double>(many);
}

/// The users that are timed are spread over all of the file.
inline std::uint32_t spread(std::uint32_t i, std::uint32_t entries) {
    return static_cast<std::uint32_t>(std::uint64_t{i} * 7919 % entries);
}

inline int time_directory(const show_options &how, board &shared) {
    const auto me = caps::actor::open();
    directory users(me);
    std::vector<std::string> names(how.timed);
    for (std::uint32_t i = 0; i < names.size(); ++i)
        names[i] = generated_name(spread(i, how.entries));
    shared.alone = time_of(names.size(), [&](std::uint32_t i) {
        users.forget();
        users.look_up(by_name, names[i]);
    });
    shared.batched =
        time_of(names.size() / how.batch,
                [&](std::uint32_t i) {
                    users.forget();
                    users.look_up(by_name,
                                  std::span(names).subspan(std::size_t{i} * how.batch, how.batch));
                }) /
        how.batch;
    users.look_up(by_name, names);
    shared.hit = time_of(names.size(), [&](std::uint32_t i) { users.look_up(by_name, names[i]); });
    return 0;
}

/// With the file in place of /etc/passwd, in a mount namespace of its own, which takes root.
inline int time_libc(const show_options &how, const std::string &path, board &shared) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(path.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0)
        return 0; // shared.libc says that it was not done
    std::uint64_t wrong = 0;
    const double each = time_of(how.timed / 10, [&](std::uint32_t i) {
        const std::uint32_t index = spread(i, how.entries);
        const passwd *user = ::getpwnam(generated_name(index).c_str());
        wrong += user != nullptr && user->pw_uid == first_uid + index ? 0 : 1;
    });
    shared.libc = each;
    return wrong == 0 ? 0 : 1;
}

// --- all of them ---------------------------------------------------------------------------

class show {
  public:
    explicit show(const show_options &how) : how_(how), folder_(temporary_folder()) {
        void *const memory = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(), "mmap");
        shared_ = new (memory) board;
    }
    show(show &&) = delete;
    ~show() {
        ::munmap(shared_, sizeof(board));
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// Does it all add up?
    bool run() {
        const std::string path = folder_ + "/passwd";
        generate(path, how_.entries, 1);
        const pid_t server = start([&] { return serve(path, how_.threads); });
        std::vector<pid_t> clients(how_.clients);
        for (unsigned i = 0; i < how_.clients; ++i)
            clients[i] = start([&, i] { return ask_around(how_, i, *shared_); });
        change(path, clients);
        bool well = true;
        for (const pid_t client : clients)
            well &= ended_well(client);
        well &= ended_well(start([&] {
            const auto me = caps::actor::open();
            shared_->served = directory(me).server_counts();
            return 0;
        }));
        well &= ended_well(start([&] { return time_directory(how_, *shared_); }));
        well &= ended_well(start([&] { return time_libc(how_, path, *shared_); }));
        ::kill(server, SIGTERM);
        well &= ended_well(server);
        return report() && well;
    }

  private:
    static std::string temporary_folder() {
        std::string name = "/tmp/user_database.XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), name);
        return name;
    }

    template <class Role>
    static pid_t start(Role role) {
        const pid_t parent = ::getpid(), pid = ::fork();
        if (pid < 0)
            throw std::system_error(errno, std::generic_category(), "fork");
        if (pid > 0)
            return pid;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        try {
            ::_exit(role());
        } catch (const std::exception &error) {
            std::cerr << "user_database: " << error.what() << std::endl;
            ::_exit(1);
        }
    }

    static bool ended_well(pid_t pid) {
        int status = -1;
        return ::waitpid(pid, &status, 0) == pid && status == 0;
    }

    /// Without taking its status from who waits for it.
    static bool has_failed(pid_t pid) {
        siginfo_t ended{};
        return ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == pid && ended.si_status != 0;
    }

    /// A new version of the file each time that the clients have got so far; the next one when the
    /// server has it, so that its generation is the version. Waited for as any client would.
    void change(const std::string &path, const std::vector<pid_t> &clients) {
        const auto me = caps::actor::open();
        const auto server = me.connect(service_name, {.until = std::chrono::seconds(30)});
        const std::uint64_t all = how_.lookups * how_.clients;
        for (unsigned version = 2; version < how_.changes + 2; ++version) {
            while (shared_->done < all * (version - 1) / (how_.changes + 1)) {
                if (std::ranges::any_of(clients, has_failed))
                    return;
                ::usleep(1000);
            }
            generate(path, how_.entries, version);
            server.generation_after(version - 1, std::chrono::seconds(30));
        }
    }

    bool report() const {
        directory::tally all{};
        bool right = true;
        std::cout << "client   lookups      hits   misses    calls  generations\n";
        for (unsigned i = 0; i < how_.clients; ++i) {
            const board::line &one = shared_->clients.at(i);
            print(std::to_string(i + 1), one.counted);
            right &= one.wrong == 0 && one.stale == 0 && one.server_calls == one.counted.calls;
            all.hits += one.counted.hits;
            all.misses += one.counted.misses;
            all.calls += one.counted.calls;
            all.generations += one.counted.generations;
        }
        print("all", all);
        right &= all.hits + all.misses == shared_->done;
        std::cout << "the server looked up " << shared_->served.keys << "; wrong or out of date: "
                  << std::accumulate(
                         shared_->clients.begin(), shared_->clients.end(), 0ULL,
                         [](auto sum, const auto &one) { return sum + one.wrong + one.stale; })
                  << '\n'
                  << std::fixed << std::setprecision(0) << "one lookup, of " << how_.entries
                  << " users, in ns: " << shared_->hit << " kept, " << shared_->batched
                  << " asked for in batches of " << how_.batch << ", " << shared_->alone
                  << " asked for alone, ";
        if (shared_->libc > 0)
            std::cout << shared_->libc << " by getpwnam\n";
        else
            std::cout << "not measured by getpwnam, which takes root\n";
        return right && shared_->served.keys == all.misses && shared_->served.calls == all.calls;
    }

    static void print(const std::string &who, const directory::tally &one) {
        std::cout << std::left << std::setw(6) << who << std::right << std::setw(10)
                  << one.hits + one.misses << std::setw(10) << one.hits << std::setw(9)
                  << one.misses << std::setw(9) << one.calls << std::setw(13) << one.generations
                  << '\n';
    }

    show_options how_;
    std::string folder_;
    board *shared_;
};

} // namespace user_database

#endif
