// SPDX-License-Identifier: MIT
// The digest service over AF_UNIX: stream sockets, a thread for each client,
// identity by SCM_CREDENTIALS.

#include "asker.hpp"
#include "digest.hpp"
#include "files.hpp"
#include "unix.hpp"

#include <mutex>
#include <thread>
#include <vector>

namespace demo {

namespace {

class unix_asker : public asker {
  public:
    explicit unix_asker(uid_t server) : stream_(connected(server)) {}

    digest_answer ask(std::span<const std::byte> body) override {
        unix_request request{body.size()};
        digest_answer got;
        stream_.send(std::as_bytes(std::span(&request, 1)), body);
        stream_.receive(std::as_writable_bytes(std::span(&got, 1)));
        return got;
    }

    json counts() const override { return {{"copied", stream_.copied()}}; }

  private:
    static caps::descriptor connected(uid_t server) {
        unix_address address(digest_service, server);
        caps::descriptor fd = unix_socket(SOCK_STREAM);
        check(connect(fd.get(), address.get(), address.size()), "connecting to the server");
        return fd;
    }

    unix_stream stream_;
};

// Who asked, for the report.
struct guest {
    ucred who{};
    std::uint64_t files = 0, bytes = 0, copied = 0;
};

class guest_book {
  public:
    void enter(const guest &visit) {
        std::lock_guard lock(mutex_);
        guests_.push_back(visit);
    }

    json list() {
        std::lock_guard lock(mutex_);
        json clients = json::array();
        for (const guest &g : guests_)
            clients.push_back({{"pid", g.who.pid},
                               {"uid", g.who.uid},
                               {"files", g.files},
                               {"bytes", g.bytes},
                               {"copied", g.copied}});
        return clients;
    }

  private:
    std::mutex mutex_;
    std::vector<guest> guests_;
};

// One client, until it leaves.
void serve(unix_stream stream, std::span<std::byte> buffer, guest_book &book) {
    guest visit;
    sha256 hash;
    unix_request request;
    for (;;) {
        auto head = std::as_writable_bytes(std::span(&request, 1));
        std::size_t count = stream.receive(head, buffer);
        if (stream.ended())
            break;
        std::uint64_t left = request.length;
        for (;;) {
            hash.update(buffer.first(count));
            left -= count;
            if (!left)
                break;
            count = std::min<std::uint64_t>(left, buffer.size());
            stream.receive(buffer.first(count));
        }
        visit.who = stream.credentials();
        visit.files++;
        visit.bytes += request.length;
        digest_answer reply{{},
                            static_cast<std::uint32_t>(visit.who.pid),
                            static_cast<std::uint32_t>(visit.who.uid)};
        hash.finish(reply.digest);
        stream.send(std::as_bytes(std::span(&reply, 1)));
    }
    visit.copied = stream.copied();
    book.enter(visit);
}

} // namespace

std::unique_ptr<asker> ask_over_unix(uid_t server) {
    return std::make_unique<unix_asker>(server);
}

void unix_digest_server(const part &role, meter &costs) {
    unix_address address(digest_service, role.uid);
    caps::descriptor door = unix_socket(SOCK_STREAM, &address);
    const int on = 1;
    check(setsockopt(door.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), "SO_PASSCRED");
    check(listen(door.get(), client_count), "listen");
    // Its pages are there before anything is counted.
    std::vector<std::byte> buffers(client_count * chunk_size);
    guest_book book;
    say("ready");

    costs.start();
    std::vector<std::thread> threads;
    for (unsigned n = 0; n < client_count; n++) {
        caps::descriptor client(
            check(accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
        check(setsockopt(client.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), "SO_PASSCRED");
        auto buffer = std::span(buffers).subspan(n * chunk_size, chunk_size);
        threads.emplace_back([stream = unix_stream(std::move(client)), buffer, &book]() mutable {
            serve(std::move(stream), buffer, book);
        });
    }
    for (auto &thread : threads)
        thread.join();
    json report = costs.stop();
    await_cue();
    report["clients"] = book.list();
    say("report", report);
}

} // namespace demo
