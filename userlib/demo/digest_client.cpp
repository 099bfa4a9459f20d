// SPDX-License-Identifier: MIT
// A client of the digest service: asks for the digests of real files, over
// either mechanism, and compares them with what sha256sum found.

#include "asker.hpp"
#include "digest.hpp"
#include "files.hpp"

#include <thread>
#include <vector>

namespace demo {

namespace {

// Every asking thread: what it asked for and what became of it.
struct asking {
    std::unique_ptr<asker> server;
    std::uint64_t files = 0, bytes = 0, wrong = 0, mistaken = 0;
};

void ask_for_all(asking &mine, const std::vector<real_file> &files, std::size_t from,
                 std::size_t step, std::atomic<std::uint64_t> &progress) {
    const auto pid = static_cast<std::uint32_t>(getpid()),
               uid = static_cast<std::uint32_t>(getuid());
    for (std::size_t n = from; n < files.size(); n += step) {
        const real_file &file = files[n];
        auto got = mine.server->ask(file.data.content());
        mine.files++;
        mine.bytes += file.data.content().size();
        mine.wrong += !right(file, got);
        // Did the server take this process for what it is?
        mine.mistaken += got.pid != pid || got.uid != uid;
        progress++;
    }
}

void add_up(json &sum, const json &more) {
    for (const auto &[key, value] : more.items())
        sum[key] = sum.value(key, std::uint64_t{0}) + value.get<std::uint64_t>();
}

} // namespace

void digest_client(const part &role, const board &progress, meter &costs,
                   const client_options &options) {
    const auto files = load_files(options.sums, options.largest);
    std::vector<asking> askings(options.threads);
    for (auto &a : askings)
        a.server = options.over_unix ? ask_over_unix(role.cast.server())
                                     : ask_over_caps(role.cast.server());
    say("ready", {{"files", files.size()}});
    await_cue();

    costs.start();
    std::vector<std::thread> others;
    for (std::size_t n = 1; n < askings.size(); n++)
        others.emplace_back(
            [&, n] { ask_for_all(askings[n], files, n, askings.size(), progress[role.slot]); });
    ask_for_all(askings[0], files, 0, askings.size(), progress[role.slot]);
    for (auto &thread : others)
        thread.join();
    json sum = costs.stop();

    for (const auto &a : askings) {
        add_up(sum, a.server->counts());
        add_up(
            sum,
            {{"files", a.files}, {"bytes", a.bytes}, {"wrong", a.wrong}, {"mistaken", a.mistaken}});
    }
    say("done", sum);
}

} // namespace demo
