// SPDX-License-Identifier: MIT
// Act 3: somebody floods a server; does another user still get an answer? Over a
// port and over AF_UNIX datagrams.

#include "director.hpp"
#include "flood.hpp"

namespace demo {

namespace {

struct outcome {
    std::uint64_t share;    // messages that filled the flooder's share
    bool first;             // was the victim's request admitted then?
    std::uint64_t admitted; // of the victim's requests
    std::uint64_t flood_admitted, flood_refused;
};

outcome run(stage &on, bool over_unix) {
    const auto limit = clock::now() + curtain;
    const char *what = over_unix ? "flooding an AF_UNIX socket" : "flooding a port";
    on.out.progress(what);
    auto start = [&](uid_t uid, const char *name, std::string role) {
        std::vector<std::string> line{std::move(role)};
        if (over_unix)
            line.emplace_back("--unix");
        return player(on.counters, on.role(uid), name, line);
    };
    auto server = start(on.cast.server(), "the server", "echo-server");
    server.hear("ready", limit);
    auto mallory = start(on.cast.mallory(), "mallory", "flooder");
    auto alice = start(on.cast.client(0), "alice", "victim");
    alice.hear("ready", limit);

    // The server does not receive yet: what is sent stays.
    outcome got;
    mallory.cue();
    got.share = mallory.hear("full", limit).at("share");
    alice.cue();
    got.first = alice.hear("knocked", limit).at("admitted");
    mallory.cue();
    server.cue();
    alice.cue();
    got.admitted =
        alice
            .hear("done", limit,
                  [&] { on.out.progress(what, on.counters[alice.slot()], victim_calls); })
            .at("admitted");
    mallory.cue();
    const auto flood = mallory.hear("report", limit);
    got.flood_admitted = flood.at("admitted");
    got.flood_refused = flood.at("refused");
    return got;
}

std::string attempts(std::uint64_t admitted, std::uint64_t refused) {
    return count(admitted) + " / " + count(refused);
}

} // namespace

void act_flood(stage &on) {
    on.out.title(3, "A user who floods the server, and one who needs it");
    const auto port = run(on, false);
    const auto datagrams = run(on, true);

    auto first = [](const outcome &o) { return o.first ? "admitted" : "EAGAIN"; };
    on.out.table(
        report::cells::numbers,
        {{"", "port", "AF_UNIX datagrams"},
         {"mallory's messages until she is refused", count(port.share), count(datagrams.share)},
         {"alice's first request after that", first(port), first(datagrams)},
         {fmt::format("alice's requests admitted, of {}", count(victim_calls)),
          count(port.admitted), count(datagrams.admitted)},
         {"mallory meanwhile, admitted / refused",
          attempts(port.flood_admitted, port.flood_refused),
          attempts(datagrams.flood_admitted, datagrams.flood_refused)}});
    on.out.verdict({{"a share is less than the queue", port.share < echo_queue_limit},
                    {"mallory is refused beyond hers", port.share > 0 && port.flood_refused > 0},
                    {"alice is admitted all the same", port.first},
                    {"each of her calls is answered", port.admitted == victim_calls}},
                   fmt::format("mallory fills her {} of {} places, {} of alice's {} calls succeed",
                               port.share, echo_queue_limit, count(port.admitted),
                               count(victim_calls)));
}

} // namespace demo
