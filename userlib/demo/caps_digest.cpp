// SPDX-License-Identifier: MIT
// The digest service over ports.

#include "asker.hpp"
#include "digest.hpp"
#include "files.hpp"

#include <caps/caps.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace demo {

namespace {

using namespace std::chrono_literals;

// Nothing here takes so long: what has not come by then hangs. Counted from the
// start, not for each call: not every clock is read without a system call.
constexpr auto patience = 50s;

class caps_asker : public asker {
  public:
    explicit caps_asker(uid_t server) : server_(server), connection_(connected()) {}

    // A digest may be asked for twice, so a call whose outcome is unknown is reported and then
    // repeated like one that the server never saw.
    digest_answer ask(std::span<const std::byte> body) override {
        for (;;) {
            auto reply =
                connection_.try_call({.operation = operation_digest, .body = body}, {}, limit_);
            if (reply) {
                answers_++;
                return unpacked(*reply);
            }
            if (reply.error() == std::errc::broken_pipe)
                retried_++;
            else if (reply.error() == std::errc::connection_reset)
                reported_++;
            else
                caps::raise(reply.error());
            connection_ = connected();
        }
    }

    json counts() const override {
        const auto info = actor_.info();
        return {{"copied",
                 info.sent_copy_bytes + info.read_copy_bytes + answers_ * sizeof(digest_answer)},
                {"sent_copies", info.sent_copies},
                {"sent_copy_bytes", info.sent_copy_bytes},
                {"pinned", info.pinned_bodies},
                {"retried", retried_},
                {"reported", reported_}};
    }

  private:
    // While the server is not there it may be about to come back.
    caps::connection connected() {
        for (;;) {
            auto connection = actor_.try_connect(digest_service, {.uid = server_});
            if (connection)
                return std::move(*connection);
            if (connection.error() != std::errc::no_such_file_or_directory || clock::now() > limit_)
                caps::raise(connection.error());
            std::this_thread::sleep_for(5ms);
        }
    }

    static digest_answer unpacked(const caps::reply &reply) {
        digest_answer got;
        if (reply.status() != 0 || reply.annex().size() != sizeof(got))
            fail("an answer of another kind", EPROTO);
        std::memcpy(&got, reply.annex().data(), sizeof(got));
        return got;
    }

    const uid_t server_;
    const clock::time_point limit_ = clock::now() + patience;
    caps::actor actor_ = caps::actor::open();
    caps::connection connection_;
    std::uint64_t answers_ = 0, retried_ = 0, reported_ = 0;
};

// Who asked, by the badge that the kernel gave the connection.
struct guest {
    std::uint32_t pid = 0, uid = 0;
    std::uint64_t files = 0, bytes = 0;
};

// A thread that serves.
class worker {
  public:
    explicit worker(const caps::port &port) : port_(port) {}

    // One request after the other; for ever if @count is 0.
    void serve(unsigned count) {
        caps::received message;
        caps::answer reply;
        digest_answer found;
        for (unsigned served = 0; !count || served < count;) {
            port_->reply_receive(message, reply, buffer_);
            reply = {};
            if (message.kind() != caps::kind::call)
                continue;
            if (message.operation() != operation_digest) {
                strangers_++;
                reply.status = EACCES;
            } else if (digest(message, found)) {
                reply.annex = caps::bytes_of(std::as_const(found));
                served++;
            } else {
                message.try_discard(); // its caller has gone
            }
        }
        if (message.answerable())
            message.try_reply(reply);
    }

    // Adds this worker's guests to @all.
    std::uint64_t report(std::map<std::uint64_t, guest> &all) {
        std::lock_guard lock(mutex_);
        for (const auto &[badge, here] : guests_) {
            guest &sum = all[badge];
            sum.pid = here.pid;
            sum.uid = here.uid;
            sum.files += here.files;
            sum.bytes += here.bytes;
        }
        return strangers_;
    }

  private:
    bool digest(const caps::received &message, digest_answer &found) {
        hash_.update(message.body());
        for (std::uint64_t done = message.body().size(); done < message.body_size();) {
            auto count = message.try_read(caps::bytes(buffer_), done);
            if (!count) {
                hash_.finish(found.digest);
                return false;
            }
            hash_.update(std::span(buffer_).first(*count));
            done += *count;
        }
        hash_.finish(found.digest);
        found.pid = message.pid();
        found.uid = message.uid();
        std::lock_guard lock(mutex_);
        guest &visitor = guests_[message.badge()];
        visitor.pid = message.pid();
        visitor.uid = message.uid();
        visitor.files++;
        visitor.bytes += message.body_size();
        return true;
    }

    caps::unowned<caps::port> port_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(chunk_size);
    sha256 hash_;
    std::mutex mutex_; // of what follows, between worker and report
    std::map<std::uint64_t, guest> guests_;
    std::uint64_t strangers_ = 0;
};

json report(const caps::actor &actor, std::vector<std::unique_ptr<worker>> &workers) {
    std::map<std::uint64_t, guest> guests;
    std::uint64_t strangers = 0, files = 0;
    for (auto &w : workers)
        strangers += w->report(guests);
    json clients = json::array();
    for (const auto &[badge, g] : guests) {
        clients.push_back({{"pid", g.pid}, {"uid", g.uid}, {"files", g.files}, {"bytes", g.bytes}});
        files += g.files;
    }
    const auto info = actor.info();
    return {
        {"clients", clients},
        {"strangers", strangers},
        {"copied", info.read_copy_bytes + info.sent_copy_bytes + files * sizeof(digest_answer)}};
}

// Takes calls without answering them and waits for others to queue up behind: what a server that
// is about to die leaves. The messages are ended by the death of this process alone.
void die_slowly(const caps::port &port, const server_options &options) {
    std::vector<caps::received> held(options.hold);
    for (auto &message : held)
        message = port.receive();
    while (port.info().queued < options.queued)
        std::this_thread::sleep_for(1ms);
    say("armed", {{"held", held.size()}, {"queued", port.info().queued}});
    await_cue(); // which never comes
}

} // namespace

std::unique_ptr<asker> ask_over_caps(uid_t server) {
    return std::make_unique<caps_asker>(server);
}

void digest_server(const part &, meter &costs, const server_options &options) {
    const auto actor = caps::actor::open();
    const auto port = actor.create_port();
    [[maybe_unused]] const auto name =
        port.register_service(digest_service, {.operations = granted_operations, .world = true});
    std::vector<std::unique_ptr<worker>> workers;
    for (unsigned n = 0; n < options.threads; n++)
        workers.push_back(std::make_unique<worker>(port));
    say("ready");

    costs.start();
    if (options.serve) {
        workers[0]->serve(options.serve);
        die_slowly(port, options);
    }
    // They serve until the process ends: a server has no last request.
    for (auto &w : workers)
        std::thread([&w] { w->serve(0); }).detach();
    await_cue();
    json details = costs.stop();
    details.update(report(actor, workers));
    say("report", details);
    _exit(0);
}

} // namespace demo
