// SPDX-License-Identifier: MIT
// Act 2: the server is killed again and again while it holds calls and others
// queue behind them; another takes its place.

#include "director.hpp"

#include <csignal>
#include <sys/wait.h>

namespace demo {

namespace {

constexpr unsigned kills = 3;
constexpr unsigned threads = 2; // of each client, so that many calls at a time
constexpr unsigned held = 3;    // of these calls, when the server dies
constexpr unsigned queued = client_count * threads - held;
constexpr unsigned served = 40; // calls, by each server before

player start_server(stage &on, bool dies) {
    std::vector<std::string> line{"digest-server"};
    if (dies)
        for (auto &[option, value] : {std::pair<const char *, unsigned>{"--serve", served},
                                      {"--hold", held},
                                      {"--queued", queued}}) {
            line.emplace_back(option);
            line.emplace_back(std::to_string(value));
        }
    player server(on.counters, on.role(on.cast.server()), "the server", line);
    server.hear("ready", clock::now() + curtain);
    return server;
}

// What the clients say in the end, together.
struct endings {
    std::uint64_t asked = 0, wrong = 0, retried = 0, reported = 0, hung = 0;
};

endings hear_all(stage &on, std::vector<player> &clients, clock::time_point limit,
                 const tick &watch) {
    endings all;
    for (auto &c : clients) {
        // One that never ends is what this act looks for, not an accident.
        try {
            const auto sum = c.hear("done", limit, watch);
            all.asked += sum.at("files").get<std::uint64_t>();
            all.wrong +=
                sum.at("wrong").get<std::uint64_t>() + sum.at("mistaken").get<std::uint64_t>();
            all.retried += sum.at("retried").get<std::uint64_t>();
            all.reported += sum.at("reported").get<std::uint64_t>();
        } catch (const std::exception &why) {
            on.out.line("   {}", why.what());
            all.hung++;
        }
    }
    return all;
}

} // namespace

void act_restart(stage &on) {
    on.out.title(2, "kill -9 of the server, with calls received and calls queued");
    const char *what = "digesting, killing and restarting";
    on.out.progress(what);
    const auto limit = clock::now() + curtain;

    std::vector<player> servers;
    servers.push_back(start_server(on, true));
    std::vector<player> clients;
    std::uint64_t all = 0;
    for (unsigned n = 0; n < client_count; n++)
        clients.emplace_back(on.counters, on.role(on.cast.client(n)), client_names[n],
                             std::vector<std::string>{"digest-client", "--sums", on.sums,
                                                      "--threads", std::to_string(threads)});
    for (auto &c : clients)
        all += c.hear("ready", limit).at("files").get<std::uint64_t>();
    auto watch = [&] { on.out.progress(what, on.done(clients), all); };
    for (auto &c : clients)
        c.cue();

    std::uint64_t taken = 0, waiting = 0;
    bool by_kill = true;
    for (unsigned n = 0; n < kills; n++) {
        const auto armed = servers.back().hear("armed", limit, watch);
        taken += armed.at("held").get<std::uint64_t>();
        waiting += armed.at("queued").get<std::uint64_t>();
        servers.back().kill();
        const auto status = servers.back().ended(limit, watch);
        by_kill = by_kill && status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
        servers.push_back(start_server(on, n + 1 < kills));
    }

    const auto got = hear_all(on, clients, limit, watch);
    on.out.line("   {} servers killed, with {} calls queued and {} received among them", kills,
                waiting, taken);
    const bool right = got.asked == all && got.wrong == 0;
    on.out.verdict(
        {{"the servers died by the signal", by_kill},
         {"what was queued was not seen by the server",
          got.retried == waiting && waiting == kills * queued},
         {"what was received has an unknown outcome",
          got.reported == taken && taken == kills * held},
         {"no call hangs", got.hung == 0},
         {"every digest is right in the end", right}},
        fmt::format("{} EPIPE retried, {} ECONNRESET reported, {} hung, {}", got.retried,
                    got.reported, got.hung,
                    right ? "all digests right"
                          : fmt::format("{} of {} digests right", got.asked - got.wrong, all)));
}

} // namespace demo
