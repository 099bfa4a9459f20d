// SPDX-License-Identifier: MIT
// Act 4: clients that forge, and clients whose memory never answers.

#include "director.hpp"
#include "hostile.hpp"

#include <csignal>
#include <filesystem>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace demo {

namespace {

using namespace std::chrono_literals;

// Files of the tree only: the kernels take long and show nothing more here.
constexpr const char *largest = "65536";

// A place to mount at; unmounted and removed at the end.
class mount_point {
  public:
    mount_point() {
        if (!mkdtemp(path_.data()))
            fail("a folder in /tmp");
        check(chmod(path_.c_str(), 0755), "chmod");
    }
    mount_point(const mount_point &) = delete;
    mount_point &operator=(const mount_point &) = delete;
    ~mount_point() {
        umount2(path_.c_str(), MNT_DETACH);
        rmdir(path_.c_str());
    }
    const std::string &path() const { return path_; }

  private:
    std::string path_ = "/tmp/caps-demo.XXXXXX";
};

bool forgery(stage &on, clock::time_point limit) {
    on.out.progress("forging");
    player mallory(on.counters, on.role(on.cast.mallory()), "mallory", {"forger"});
    const auto attempts = mallory.hear("done", limit).at("attempts");
    std::vector<std::vector<std::string>> rows{
        {fmt::format("mallory, uid {}, pid {}", mallory.uid(), mallory.pid()), "what came of it"}};
    bool harmless = !attempts.empty();
    for (const auto &a : attempts) {
        rows.push_back({a.at("what"), a.at("came")});
        harmless = harmless && a.at("harmless").get<bool>();
    }
    on.out.table(report::cells::words, rows);
    return harmless;
}

// Killed, and gone within this time.
bool killable(player &p, clock::time_point limit) {
    p.kill();
    const auto status = p.ended(limit);
    return status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
}

// While two clients hang, a third works.
bool silence(stage &on, clock::time_point limit) {
    const char *what = "working beside clients that hang";
    on.out.progress(what);
    mount_point place;
    player files(on.counters, on.role(0), "the silent files", {"silent-files", place.path()});
    files.hear("ready", limit);
    player dave(on.counters, on.role(on.cast.client(3)), "dave",
                {"stuck-client", place.path() + "/" + silent_body});
    player carol(on.counters, on.role(on.cast.client(2)), "carol",
                 {"stuck-client", place.path() + "/" + silent_answer, "--answer"});
    for (auto *p : {&dave, &carol}) {
        p->hear("ready", limit);
        p->cue();
    }
    for (int n = 0; n < 2; n++)
        files.hear("stuck", limit);

    player alice(on.counters, on.role(on.cast.client(0)), "alice",
                 {"digest-client", "--sums", on.sums, "--largest", largest});
    const auto all = alice.hear("ready", limit).at("files").get<std::uint64_t>();
    alice.cue();
    const auto sum =
        alice.hear("done", limit, [&] { on.out.progress(what, on.counters[alice.slot()], all); });
    const auto right = sum.at("files").get<std::uint64_t>() - sum.at("wrong").get<std::uint64_t>();

    bool hang = true, die = true;
    for (auto *p : {&dave, &carol}) {
        hang = hang && !p->ended(clock::now());
        die = killable(*p, clock::now() + 10s) && die;
    }
    on.out.line("");
    on.out.table(
        report::cells::words,
        {{"dave's body lies in memory that never answers,",
          hang ? "both hang" : "BAD: they returned"},
         {"carol's answer is to be put there", die ? "kill -9 ends both" : "BAD: unkillable"},
         {"alice calls meanwhile", fmt::format("{} of {} digests right", right, all)}});
    return hang && die && right == all && sum.at("mistaken") == 0;
}

} // namespace

void act_hostile(stage &on) {
    on.out.title(4, "A client that forges, and clients whose memory is stuck");
    const auto limit = clock::now() + curtain;
    player server(on.counters, on.role(on.cast.server()), "the server", {"digest-server"});
    server.hear("ready", limit);

    const bool honest = forgery(on, limit);
    const bool steady = silence(on, limit);
    server.cue();
    const auto strangers = server.hear("report", limit).at("strangers").get<std::uint64_t>();
    on.out.verdict({{"nothing forged is believed or allowed", honest},
                    {"no forged call reaches the server", strangers == 0},
                    {"who is stuck stalls nobody else, and can be killed", steady}},
                   fmt::format("{}, {} forged calls got in, {}",
                               honest ? "no forgery believed" : "A FORGERY WAS BELIEVED", strangers,
                               steady ? "who is stuck stalls only itself" : "THE STUCK DO HARM"));
}

} // namespace demo
