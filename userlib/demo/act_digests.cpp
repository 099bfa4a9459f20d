// SPDX-License-Identifier: MIT
// Act 1: a digest server and four clients under four user ids, over ports and
// then over AF_UNIX.

#include "director.hpp"
#include "files.hpp"
#include "measure.hpp"

#include <algorithm>
#include <caps/actor.hpp>

namespace demo {

namespace {

// One mechanism's run. Moving JSON does not throw, whatever clang-tidy thinks.
struct outcome { // NOLINT(bugprone-exception-escape)
    struct client {
        std::string name;
        pid_t pid;
        uid_t uid;
        json counts; // what it said
        json seen;   // what the server was told of it, null if nothing
    };
    std::vector<client> clients;
    json server;
    std::optional<std::uint64_t> peak;

    std::uint64_t sum(const char *what) const {
        std::uint64_t total = 0;
        for (const auto &c : clients)
            total += c.counts.value(what, std::uint64_t{0});
        return total;
    }

    // Both sides together, for each request.
    std::optional<double> each(const char *what) const {
        if (!server.contains(what))
            return std::nullopt;
        return static_cast<double>(sum(what) + server.at(what).get<std::uint64_t>()) /
               static_cast<double>(sum("files"));
    }
};

std::vector<player> start_clients(stage &on, const memory_group &group, bool over_unix) {
    std::vector<player> clients;
    for (unsigned n = 0; n < client_count; n++) {
        std::vector<std::string> line{"digest-client", "--sums", on.sums};
        if (over_unix)
            line.emplace_back("--unix");
        clients.emplace_back(on.counters, on.role(on.cast.client(n)), client_names[n], line,
                             group.entrance());
    }
    return clients;
}

outcome run(stage &on, bool over_unix) {
    const char *what = over_unix ? "the same over AF_UNIX" : "digesting over ports";
    const auto limit = clock::now() + curtain;
    on.out.progress(what);

    memory_group group(over_unix ? "caps-demo-unix" : "caps-demo-ports");
    player server(on.counters, on.role(on.cast.server()), "the server",
                  {over_unix ? "unix-digest-server" : "digest-server"}, group.entrance());
    server.hear("ready", limit);
    auto clients = start_clients(on, group, over_unix);
    std::uint64_t all = 0;
    for (auto &c : clients)
        all += c.hear("ready", limit).at("files").get<std::uint64_t>();

    outcome result;
    group.start();
    for (auto &c : clients)
        c.cue();
    auto watch = [&] {
        group.sample();
        on.out.progress(what, on.done(clients), all);
    };
    for (auto &c : clients)
        result.clients.push_back({c.name(), c.pid(), c.uid(), c.hear("done", limit, watch), {}});
    result.peak = group.peak();
    server.cue();
    result.server = server.hear("report", limit);
    for (auto &c : result.clients)
        for (const auto &seen : result.server.at("clients"))
            if (seen.at("pid") == c.pid)
                c.seen = seen;
    return result;
}

// The kernel's word, not the client's: what the server was told.
void show_clients(stage &on, const outcome &got) {
    std::vector<std::vector<std::string>> rows{
        {"who asked, by the kernel's word", "pid", "uid", "files", "bytes", "digests"}};
    for (const auto &c : got.clients) {
        const auto wrong = c.counts.at("wrong").get<std::uint64_t>();
        const auto files = c.counts.at("files").get<std::uint64_t>();
        if (c.seen.is_null()) {
            rows.push_back({c.name, "unseen"});
            continue;
        }
        rows.push_back({c.name, std::to_string(c.seen.at("pid").get<pid_t>()),
                        std::to_string(c.seen.at("uid").get<uid_t>()),
                        count(c.seen.at("files").get<std::uint64_t>()),
                        bytes(c.seen.at("bytes").get<std::uint64_t>()),
                        wrong ? fmt::format("{} WRONG", wrong) : fmt::format("{} right", files)});
    }
    on.out.table(report::cells::numbers, rows);
}

// Did the server see each client as what it is, and all that it sent?
bool true_identity(const outcome &got) {
    bool good = true;
    for (const auto &c : got.clients)
        good = good && !c.seen.is_null() && c.seen.at("uid") == c.uid &&
               c.seen.at("files") == c.counts.at("files") &&
               c.seen.at("bytes") == c.counts.at("bytes") && c.counts.at("mistaken") == 0;
    return good && got.server.at("clients").size() == got.clients.size();
}

void compare(stage &on, const outcome &ports, const outcome &sockets) {
    auto copied = [](const outcome &o) {
        return o.sum("copied") + o.server.value("copied", std::uint64_t{0}) + [&] {
            std::uint64_t by_connection = 0;
            for (const auto &c : o.server.at("clients"))
                by_connection += c.value("copied", std::uint64_t{0});
            return by_connection;
        }();
    };
    auto memory = [](const outcome &o) { return o.peak ? bytes(*o.peak) : std::string("n/a"); };
    auto times = [&](const outcome &o) {
        return fmt::format("{:.2f}",
                           static_cast<double>(copied(o)) / static_cast<double>(o.sum("bytes")));
    };
    on.out.line("");
    on.out.table(report::cells::numbers,
                 {{"the same work over", "ports", "AF_UNIX"},
                  {"bytes copied in the kernel", bytes(copied(ports)), bytes(copied(sockets))},
                  {"  for each byte of the files", times(ports), times(sockets)},
                  {"peak of kernel memory held", memory(ports), memory(sockets)},
                  {"system calls per request, both sides", ratio(ports.each("system_calls")),
                   ratio(sockets.each("system_calls"))},
                  {"context switches per request, both sides", ratio(ports.each("switches")),
                   ratio(sockets.each("switches"))}});
}

} // namespace

void act_digests(stage &on) {
    on.out.title(1, "A digest server and four clients, over real files");
    const std::uint64_t copy_break = caps::actor::open().query().copy_break;
    std::uint64_t small = 0, small_bytes = 0, large = 0, empty = 0;
    for (const auto &file : load_files(on.sums)) {
        const auto size = file.data.content().size();
        (!size ? empty : size > copy_break ? large : small) += client_count;
        small_bytes += size > copy_break ? 0 : size * client_count;
    }

    const auto ports = run(on, false);
    show_clients(on, ports);
    // What was copied at send and need not have been.
    const auto copies = ports.sum("sent_copies");
    const auto needless = copies - std::min(copies, small);
    on.out.line("   bodies above the copy-break ({} B) copied at send: {} of {}", count(copy_break),
                count(needless), count(large));
    on.out.line("   bodies up to it, copied by design: {} of {}, {}", count(copies - needless),
                count(small), bytes(ports.sum("sent_copy_bytes")));

    const auto sockets = run(on, true);
    compare(on, ports, sockets);

    const auto wanted = 2 * (small + large + empty);
    const auto asked = ports.sum("files") + sockets.sum("files");
    const auto right = asked - ports.sum("wrong") - sockets.sum("wrong");
    const bool known = true_identity(ports) && true_identity(sockets);
    on.out.verdict({{"every digest equals sha256sum's", asked == wanted && right == wanted},
                    {"the server knows who asked for what", known},
                    {"a body above the copy-break is not copied at send",
                     needless == 0 && ports.sum("pinned") == large},
                    {"a body up to it is", ports.sum("sent_copy_bytes") == small_bytes},
                    {"no call failed", ports.sum("retried") + ports.sum("reported") == 0}},
                   fmt::format("{} of {} digests right, {}, {} large bodies copied at send",
                               count(right), count(wanted),
                               known ? "everybody known" : "MISTAKEN IDENTITY", count(needless)));
}

} // namespace demo
