// SPDX-License-Identifier: MIT
// The server: answers from a table in memory, several clients at once. When the file changes it
// reads it again, and then says so by the port's generation: whoever kept answers from before
// throws them away.
#ifndef USER_DATABASE_SERVER_HPP
#define USER_DATABASE_SERVER_HPP

#include "passwd.hpp"
#include "protocol.hpp"

#include <caps/server.hpp>

#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstring>
#include <future>
#include <iostream>

namespace user_database {

inline caps::descriptor opened(int fd, const char *what) {
    if (fd < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return caps::descriptor(fd);
}

/// Tells when a file has been written or replaced.
class file_watch {
  public:
    explicit file_watch(const std::filesystem::path &file)
        : name_(file.filename().string()), events_(opened(::inotify_init1(IN_CLOEXEC), "inotify")) {
        const auto folder = std::filesystem::absolute(file).parent_path();
        if (::inotify_add_watch(events_.get(), folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
            throw std::system_error(errno, std::generic_category(), folder);
    }

    int get() const { return events_.get(); }
    /// Takes what get() has; was it about the file?
    bool changed() const {
        alignas(inotify_event) std::array<char, 4096> some{};
        bool ours = false;
        const ssize_t size = ::read(get(), some.data(), some.size());
        for (ssize_t at = 0; at < size;) {
            inotify_event event{};
            std::memcpy(&event, some.data() + at, sizeof(event));
            at += static_cast<ssize_t>(sizeof(event));
            ours |= (event.mask & IN_Q_OVERFLOW) != 0;
            ours |= event.len != 0 && name_ == some.data() + at;
            at += event.len;
        }
        return ours;
    }

  private:
    std::string name_;
    caps::descriptor events_;
};

/// What the server keeps of a connection.
struct client {
    std::atomic<std::uint64_t> calls = 0;
};

class database {
  public:
    /// A connection may have a few calls on its way: nobody keeps the others waiting.
    database(const caps::actor &me, std::string path, unsigned threads)
        : path_(std::move(path)), watch_(path_), table_(std::make_shared<const table>(path_)),
          server_(me, service_name, {.world = true, .in_flight = 4},
                  {.threads = threads, .body = room}) {
        server_.door().set_generation(generation_);
        server_.on(by_name, [this](auto &asked) { return look_up(asked, &table::by_name); })
            .on(by_uid, [this](auto &asked) { return look_up(asked, &table::by_uid); })
            .on(count, [this](auto &asked) { return tell(asked); })
            .on_exception([](const std::exception_ptr &) { std::cerr << "a question failed\n"; });
    }

    /// Serves until one of these signals comes, which all threads have to have blocked.
    void run(const sigset_t &ending) {
        const auto signals = opened(::signalfd(-1, &ending, SFD_CLOEXEC), "signalfd");
        auto serving = std::async(std::launch::async, [this] {
            const struct finally {
                ~finally() { ::kill(::getpid(), SIGTERM); } // or who waits below would not know
            } told;
            server_.run();
        });
        std::array<pollfd, 2> events{{{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                      {.fd = watch_.get(), .events = POLLIN, .revents = 0}}};
        while (events[0].revents == 0) {
            if (::poll(events.data(), events.size(), -1) > 0 && events[1].revents != 0 &&
                watch_.changed())
                reload();
        }
        server_.stop();
        serving.get();
    }

  private:
    using request = caps::server<client>::request;

    std::shared_ptr<const table> now() const {
        const std::scoped_lock guard(lock_);
        return table_;
    }

    // The table first and the number then: who asks after it has seen the number gets the new one.
    void reload() {
        try {
            auto fresh = std::make_shared<const table>(path_);
            if (fresh->text() == now()->text())
                return;
            {
                const std::scoped_lock guard(lock_);
                table_ = std::move(fresh);
            }
            server_.door().set_generation(++generation_);
        } catch (const std::exception &problem) {
            std::cerr << problem.what() << ": going on with what there was\n";
        }
    }

    caps::answer look_up(request &asked, std::string_view (table::*find)(std::string_view) const) {
        const auto users = now();
        const auto keys = split(asked.message.text(), '\n');
        if (keys.size() > batch_limit || asked.message.truncated())
            return {.status = E2BIG};
        for (const std::string_view key : keys) {
            const auto line = std::as_bytes(std::span((users.get()->*find)(key)));
            asked.room.insert(asked.room.end(), line.begin(), line.end());
            asked.room.push_back(std::byte{'\n'});
        }
        calls_++;
        keys_ += keys.size();
        if (asked.connection != nullptr)
            asked.connection->calls++;
        return {.body = asked.room};
    }

    caps::answer tell(request &asked) {
        const counts all{.calls = calls_,
                         .keys = keys_,
                         .connections = server_.connections(),
                         .yours = asked.connection != nullptr ? asked.connection->calls.load() : 0};
        const auto bytes = std::as_bytes(std::span(&all, 1));
        asked.room.assign(bytes.begin(), bytes.end());
        return {.annex = asked.room};
    }

    std::string path_;
    file_watch watch_; // before the first reading: nothing is missed in between
    mutable std::mutex lock_;
    std::shared_ptr<const table> table_; // lock_
    std::uint64_t generation_ = 1;
    std::atomic<std::uint64_t> calls_ = 0, keys_ = 0;
    caps::server<client> server_;
};

inline int serve(const std::string &path, unsigned threads) {
    sigset_t ending;
    ::sigemptyset(&ending);
    ::sigaddset(&ending, SIGINT);
    ::sigaddset(&ending, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    const auto me = caps::actor::open();
    database(me, path, threads).run(ending);
    return 0;
}

} // namespace user_database

#endif
