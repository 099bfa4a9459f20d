// SPDX-License-Identifier: MIT
// caps-demo: four acts that show what ports do, with real processes under real
// user ids. Needs root, to become others, and /dev/caps.
//
// Without a subcommand it directs; the subcommands are the roles, which it
// starts itself.

#include "digest.hpp"
#include "director.hpp"
#include "flood.hpp"
#include "hostile.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <sys/utsname.h>
#include <thread>

namespace demo {

namespace {

// Adds the roles to the command line; each runs in the callback of its name.
class roles {
  public:
    explicit roles(CLI::App &app) {
        app.add_option("--as", role_.uid)->group("");
        app.add_option("--slot", role_.slot)->group("");
        add(app, "digest-server", [this] {
            digest_server(role_, *meter_, server_);
        })->add_option("--serve", server_.serve);
        auto *server = app.get_subcommand("digest-server");
        server->add_option("--hold", server_.hold);
        server->add_option("--queued", server_.queued);
        add(app, "unix-digest-server", [this] { unix_digest_server(role_, *meter_); });

        auto *client = add(app, "digest-client",
                           [this] { digest_client(role_, board::inherited(), *meter_, client_); });
        client->add_option("--sums", client_.sums);
        client->add_option("--threads", client_.threads);
        client->add_option("--largest", client_.largest);
        client->add_flag("--unix", client_.over_unix);

        over(add(app, "echo-server",
                 [this] { over_unix_ ? unix_echo_server(role_) : echo_server(role_); }));
        over(add(app, "flooder", [this] { flooder(role_, over_unix_); }));
        over(add(app, "victim", [this] { victim(role_, board::inherited(), over_unix_); }));

        add(app, "forger", [this] { forger(role_); });
        add(app, "silent-files", [this] { silent_files(path_); })->add_option("path", path_);
        auto *stuck = add(app, "stuck-client", [this] { stuck_client(role_, path_, answer_); });
        stuck->add_option("path", path_);
        stuck->add_flag("--answer", answer_);
    }

    people &cast() { return role_.cast; }

  private:
    template <class Play>
    CLI::App *add(CLI::App &app, const char *name, Play play) {
        auto *command = app.add_subcommand(name)->group("")->fallthrough();
        command->callback([this, play] {
            try {
                meter_.emplace(); // while still root
                if (role_.uid)
                    become(role_.uid);
                play();
            } catch (const std::exception &why) {
                say("failed", {{"why", why.what()}});
                _exit(1);
            }
        });
        return command;
    }
    void over(CLI::App *command) { command->add_flag("--unix", over_unix_); }

    part role_;
    std::optional<meter> meter_;
    server_options server_;
    client_options client_;
    std::string path_;
    bool over_unix_ = false, answer_ = false;
};

// One act after the other; a failure in one is its bad verdict.
int direct(const people &cast, const std::string &sums, const std::vector<unsigned> &wanted,
           bool terminal) {
    using act = void (*)(stage &);
    constexpr act acts[] = {act_digests, act_restart, act_flood, act_hostile};

    report out(terminal);
    stage on(out, cast, sums);
    utsname system;
    uname(&system);
    out.line("Linux {}, {} processors", system.release, std::thread::hardware_concurrency());
    for (unsigned n = 1; n <= std::size(acts); n++) {
        if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), n) == wanted.end())
            continue;
        try {
            acts[n - 1](on);
        } catch (const std::exception &why) {
            out.verdict({{"the act comes to its end", false}}, why.what());
        }
    }
    return out.all_good() ? 0 : 1;
}

int start(int argc, char **argv) {
    CLI::App app("Shows what ports do. Needs root and /dev/caps.", "caps-demo");
    roles all(app);
    std::string sums;
    std::vector<unsigned> wanted;
    bool terminal = false;
    app.add_option("--sums", sums, "a file by sha256sum; the files it names are digested");
    app.add_option("--act", wanted, "only these acts, 1 to 4");
    app.add_option("--first-uid", all.cast().first, "alice's user id; the others' lie next to it")
        ->capture_default_str();
    app.add_flag("--terminal", terminal, "progress on one line that is overwritten");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &why) {
        return app.exit(why);
    }
    if (!app.get_subcommands().empty())
        return 0;
    if (sums.empty()) {
        fmt::print(stderr, "caps-demo: --sums FILE is needed (see --help)\n");
        return 2;
    }
    return direct(all.cast(), sums, wanted, terminal);
}

} // namespace

} // namespace demo

int main(int argc, char **argv) {
    // Who writes to a role that has died is to learn it from the write.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return demo::start(argc, argv);
    } catch (const std::exception &why) {
        fmt::print(stderr, "caps-demo: {}\n", why.what());
        return 2;
    }
}
