// SPDX-License-Identifier: MIT
// A user database behind a port: clients ask a server in batches instead of reading /etc/passwd
// line by line, and keep what they were told until the port's generation says that the file has
// changed. Reading that number is one short system call and no message.
//
//   user_database serve [FILE]            serves a file, /etc/passwd by default; reads it again
//                                         whenever it changes
//   user_database get [--server UID] KEY...   asks for names or uids
//   user_database generate FILE COUNT     makes a file to serve
//   user_database run                     the whole show: 10,000 users, five clients, and the
//                                         file changes three times meanwhile
#include "user_database/show.hpp"

#include <CLI/CLI.hpp>

namespace user_database {

inline int get(std::uint32_t server, const std::vector<std::string> &keys) {
    const auto me = caps::actor::open();
    directory users(me, server);
    int status = 0;
    for (const std::string &key : keys) {
        const entry *user = users.look_up(number(key) ? by_uid : by_name, key);
        if (user == nullptr) {
            std::cerr << key << ": no such user\n";
            status = 2;
            continue;
        }
        std::cout << user->name << ":x:" << user->uid << ':' << user->gid << ':' << user->comment
                  << ':' << user->home << ':' << user->shell << '\n';
    }
    return status;
}

inline void add_show(CLI::App &app, show_options &how) {
    app.add_option("--entries", how.entries, "users in the file")
        ->check(CLI::Range(1, 90'000))
        ->capture_default_str();
    app.add_option("--clients", how.clients, "processes that ask")
        ->check(CLI::Range(1U, board::most))
        ->capture_default_str();
    app.add_option("--threads", how.threads, "of the server")->capture_default_str();
    app.add_option("--lookups", how.lookups, "of each client")->capture_default_str();
    app.add_option("--batch", how.batch, "looked up at once")
        ->check(CLI::Range(std::size_t{1}, batch_limit))
        ->capture_default_str();
    app.add_option("--changes", how.changes, "of the file")->capture_default_str();
    app.add_option("--timed", how.timed, "lookups of each kind that are timed")
        ->check(CLI::Range(batch_limit, std::size_t{1'000'000}))
        ->capture_default_str();
}

} // namespace user_database

int main(int count, char **words) try {
    using namespace user_database;
    std::string path = "/etc/passwd";
    std::vector<std::string> keys;
    std::uint32_t server = ::geteuid(), entries = 10'000;
    show_options how;
    int status = 0;

    CLI::App app("A user database whose clients keep what they were told.", "user_database");
    app.require_subcommand(1);
    auto *serving = app.add_subcommand("serve", "serve a file");
    serving->add_option("file", path)->capture_default_str();
    serving->add_option("--threads", how.threads)->capture_default_str();
    serving->callback([&] { status = serve(path, how.threads); });
    auto *getting = app.add_subcommand("get", "ask for names or uids");
    getting->add_option("key", keys)->required();
    getting->add_option("--server", server, "its uid")->capture_default_str();
    getting->callback([&] { status = get(server, keys); });
    auto *making = app.add_subcommand("generate", "make a file to serve");
    making->add_option("file", path)->required();
    making->add_option("count", entries)->required()->check(CLI::Range(1, 90'000));
    making->callback([&] { generate(path, entries, 1); });
    auto *running = app.add_subcommand("run", "the whole show");
    add_show(*running, how);
    running->callback([&] { status = show(how).run() ? 0 : 1; });
    CLI11_PARSE(app, count, words);
    return status;
} catch (const std::exception &error) {
    std::cerr << "user_database: " << error.what() << '\n';
    return 1;
}
