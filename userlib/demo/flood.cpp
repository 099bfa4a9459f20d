// SPDX-License-Identifier: MIT
#include "flood.hpp"
#include "unix.hpp"

#include <atomic>
#include <caps/caps.hpp>
#include <cstring>
#include <memory>
#include <thread>

namespace demo {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;

// What both mechanisms carry: 64 bytes, of which the first tells the AF_UNIX
// server whether somebody waits for an answer. A port's server knows.
struct note {
    char kind = 0;
    char rest[63]{};
};
constexpr char one_way = 's', question = 'c';

bool refused(int error) {
    return error == EAGAIN || error == EDQUOT;
}

// A client of either server. Nothing waits for room: false means refused.
class line {
  public:
    virtual ~line() = default;
    virtual bool send() = 0;
    /// Asks, without waiting for the answer yet.
    virtual bool ask() = 0;
    virtual void await_answer() = 0;
    /// Asks and waits for the answer.
    virtual bool call() = 0;
};

class caps_line : public line {
  public:
    explicit caps_line(uid_t server) : server_(actor_.connect(echo_service, {.uid = server})) {}

    bool send() override { return admitted(server_.try_send({.annex = caps::bytes_of(note_)})); }
    bool ask() override {
        return admitted(server_.try_call_async({.annex = caps::bytes_of(note_)}));
    }
    void await_answer() override {
        const auto message = actor_.default_port()->receive({}, patience);
        if (message.kind() != caps::kind::reply || message.error())
            fail("the answer to the first call", message.error());
    }
    bool call() override {
        return admitted(server_.try_call({.annex = caps::bytes_of(note_)}, {}, patience,
                                         caps::call_flags::no_wait_queue));
    }

  private:
    template <class T>
    static bool admitted(const caps::result<T> &result) {
        if (!result && !refused(result.error().code()))
            caps::raise(result.error());
        return result.has_value();
    }

    caps::actor actor_ = caps::actor::open();
    caps::connection server_;
    note note_;
};

class unix_line : public line {
  public:
    explicit unix_line(uid_t server) : server_(echo_service, server) {
        // An address of its own, which the kernel picks, for the answers.
        sockaddr_un mine{};
        mine.sun_family = AF_UNIX;
        check(bind(fd_.get(), reinterpret_cast<sockaddr *>(&mine), sizeof(sa_family_t)), "bind");
        const timeval limit{patience.count(), 0};
        check(setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), "SO_RCVTIMEO");
    }

    bool send() override { return put(one_way); }
    bool ask() override { return put(question); }
    void await_answer() override {
        note got;
        check(recv(fd_.get(), &got, sizeof(got), 0), "waiting for the answer");
    }
    bool call() override {
        if (!ask())
            return false;
        await_answer();
        return true;
    }

  private:
    bool put(char kind) {
        const note out{kind, {}};
        if (sendto(fd_.get(), &out, sizeof(out), MSG_DONTWAIT, server_.get(), server_.size()) >= 0)
            return true;
        if (!refused(errno))
            fail("sending a datagram");
        return false;
    }

    unix_address server_;
    caps::descriptor fd_ = unix_socket(SOCK_DGRAM);
};

std::unique_ptr<line> open_line(uid_t server, bool over_unix) {
    if (over_unix)
        return std::make_unique<unix_line>(server);
    return std::make_unique<caps_line>(server);
}

} // namespace

void echo_server(const part &) {
    const auto actor = caps::actor::open();
    const auto port = actor.create_port({.queue_limit = echo_queue_limit});
    [[maybe_unused]] const auto name = port.register_service(echo_service, {.world = true});
    say("ready");
    await_cue();
    for (caps::received message;;)
        port.reply_receive(message, {.annex = message.annex()});
}

void unix_echo_server(const part &role) {
    const unix_address address(echo_service, role.uid);
    const caps::descriptor fd = unix_socket(SOCK_DGRAM, &address);
    say("ready");
    await_cue();
    for (;;) {
        note got;
        sockaddr_un from;
        socklen_t size = sizeof(from);
        auto *sender = reinterpret_cast<sockaddr *>(&from);
        check(recvfrom(fd.get(), &got, sizeof(got), 0, sender, &size), "receiving a datagram");
        if (got.kind == question)
            check(sendto(fd.get(), &got, sizeof(got), MSG_DONTWAIT, sender, size), "answering");
    }
}

void flooder(const part &role, bool over_unix) {
    const auto server = open_line(role.cast.server(), over_unix);
    std::uint64_t share = 0, admitted = 0, refusals = 0;
    await_cue();
    while (server->send())
        share++;
    say("full", {{"share", share}});
    await_cue();
    std::atomic<bool> enough = false;
    std::thread director([&] {
        await_cue();
        enough = true;
    });
    while (!enough)
        (server->send() ? admitted : refusals)++;
    director.join();
    say("report", {{"admitted", admitted}, {"refused", refusals}});
}

void victim(const part &role, const board &progress, bool over_unix) {
    const auto server = open_line(role.cast.server(), over_unix);
    say("ready");
    await_cue();
    const bool first = server->ask();
    say("knocked", {{"admitted", first}});
    await_cue();
    if (first)
        server->await_answer();
    std::uint64_t admitted = first;
    for (unsigned n = 1; n < victim_calls; n++) {
        admitted += server->call();
        progress[role.slot]++;
    }
    say("done", {{"admitted", admitted}});
}

} // namespace demo
