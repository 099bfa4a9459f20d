// SPDX-License-Identifier: MIT
// A client that claims to be root, and wants more than it was granted.

#include "hostile.hpp"

#include <caps/caps.hpp>
#include <cstring>
#include <random>
#include <vector>

namespace demo {

namespace {

using namespace std::chrono_literals;

constexpr unsigned guesses = 1000;

// Each attempt: what is tried, what came of it, and whether that did no harm.
class attempts {
  public:
    void add(const char *what, const std::string &came, bool harmless) {
        list_.push_back({{"what", what}, {"came", came}, {"harmless", harmless}});
    }

    // One that the kernel must refuse with just this error.
    template <class T>
    void add(const char *what, const caps::result<T> &result, int expected) {
        const int error = result ? 0 : result.error().code();
        add(what, error ? strerrorname_np(error) : "ALLOWED", error == expected);
    }

    const json &list() const { return list_; }

  private:
    json list_ = json::array();
};

// It says so in every place where a client may say something.
void claim_to_be_root(attempts &all, const caps::connection &server) {
    const digest_answer claim{{}, 1, 0};
    const auto reply = server.call({.operation = operation_digest,
                                    .address = 0,
                                    .annex = caps::bytes_of(claim),
                                    .body = caps::bytes_of(claim)},
                                   {}, 30s);
    digest_answer got{};
    if (reply.annex().size() == sizeof(got))
        std::memcpy(&got, reply.annex().data(), sizeof(got));
    all.add("says \"I am root\" in its message",
            "served as uid " + std::to_string(got.uid) + ", pid " + std::to_string(got.pid),
            got.uid == getuid() && got.pid == static_cast<std::uint32_t>(getpid()));
}

// Handles near its own and anywhere; all but its own are nobody's.
void guess_handles(attempts &all, const caps::actor &actor, const caps::connection &server) {
    std::mt19937_64 random(1);
    unsigned denied = 0;
    for (unsigned n = 0; n < guesses; n++) {
        std::uint64_t guess = n % 2 ? random() : server.get() + 1 + n;
        if (n % 4 == 0)
            guess = server.get() + (std::uint64_t{n + 1} << 32);
        const caps::unowned<caps::capability> other(actor.get(), guess);
        const auto result = other->try_call({.operation = operation_digest}, {}, 30s);
        denied += !result && result.error() == std::errc::bad_file_descriptor;
    }
    all.add(
        "calls through 1,000 guessed handles",
        (denied == guesses ? "EBADF each time" : std::to_string(guesses - denied) + " NOT EBADF"),
        denied == guesses);
}

} // namespace

void forger(const part &role) {
    const uid_t uid = role.cast.server();
    const auto actor = caps::actor::open();
    const auto server = actor.connect(digest_service, {.uid = uid});
    attempts all;

    claim_to_be_root(all, server);
    all.add("calls an operation that it was not granted",
            server.try_call({.operation = operation_reset}, {}, 30s), EACCES);
    all.add("connects again, asking for that operation",
            actor.try_connect(
                digest_service,
                {.uid = uid, .operations = granted_operations | caps::operations(operation_reset)}),
            EACCES);
    all.add("makes a wider capability from its own",
            server.try_duplicate(
                {.rights = caps::rights::send,
                 .operations = granted_operations | caps::operations(operation_reset)}),
            EACCES);
    all.add("makes one with alice's badge",
            server.try_duplicate(
                {.rights = caps::rights::send, .operations = granted_operations, .badge = 1}),
            EPERM);
    guess_handles(all, actor, server);
    say("done", {{"attempts", all.list()}});
}

} // namespace demo
