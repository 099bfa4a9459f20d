// SPDX-License-Identifier: MIT
#include "cast.hpp"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/wait.h>

namespace demo {

namespace {

constexpr int tick_ms = 3;
constexpr std::chrono::seconds patience{5};

std::pair<caps::descriptor, caps::descriptor> make_pipe() {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe");
    return {caps::descriptor(ends[0]), caps::descriptor(ends[1])};
}

// In the child: only what is safe after fork.
[[noreturn]] void enter(int in, int out, int counters, int group, char *const *arguments) {
    if (group >= 0 && write(group, "0", 1) != 1)
        _exit(126);
    // The pipes and the board may lie on each other's places: lift them first.
    int lifted[] = {fcntl(in, F_DUPFD_CLOEXEC, 10), fcntl(out, F_DUPFD_CLOEXEC, 10),
                    fcntl(counters, F_DUPFD_CLOEXEC, 10)};
    if (dup2(lifted[0], STDIN_FILENO) < 0 || dup2(lifted[1], STDOUT_FILENO) < 0 ||
        dup2(lifted[2], board::inherited_fd) < 0)
        _exit(126);
    execv("/proc/self/exe", arguments);
    _exit(127);
}

} // namespace

player::player(const board &counters, part role, std::string name,
               std::vector<std::string> arguments, int group)
    : role_(role), name_(std::move(name)) {
    arguments.insert(arguments.begin(), "caps-demo");
    for (auto &[option, value] : {std::pair<const char *, unsigned>{"--as", role.uid},
                                  {"--slot", role.slot},
                                  {"--first-uid", role.cast.first}}) {
        arguments.emplace_back(option);
        arguments.emplace_back(std::to_string(value));
    }
    std::vector<char *> pointers;
    pointers.reserve(arguments.size() + 1);
    for (auto &argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);

    counters[role.slot] = 0;
    auto [in_read, in_write] = make_pipe();
    auto [out_read, out_write] = make_pipe();
    pid_ = check(fork(), "fork");
    if (pid_ == 0)
        enter(in_read.get(), out_write.get(), counters.fd(), group, pointers.data());
    to_ = std::move(in_write);
    from_ = std::move(out_read);
    check(fcntl(from_.get(), F_SETFL, O_NONBLOCK), "fcntl");
}

player::player(player &&other) noexcept
    : role_(other.role_), name_(std::move(other.name_)), pid_(std::exchange(other.pid_, -1)),
      status_(other.status_), to_(std::move(other.to_)), from_(std::move(other.from_)),
      heard_(std::move(other.heard_)) {}

player::~player() {
    if (pid_ < 0 || status_)
        return;
    ::kill(pid_, SIGKILL);
    // One that cannot even be killed must not take the director along.
    ended(clock::now() + patience);
}

void player::cue() {
    if (write(to_.get(), "\n", 1) != 1)
        fail("a cue for " + name_);
}

void player::kill() {
    if (!status_)
        check(::kill(pid_, SIGKILL), "kill");
}

std::optional<json> player::next_line() {
    for (;;) {
        if (auto end = heard_.find('\n'); end != std::string::npos) {
            auto line = json::parse(heard_.substr(0, end));
            heard_.erase(0, end + 1);
            return line;
        }
        char buffer[4096];
        ssize_t count = read(from_.get(), buffer, sizeof(buffer));
        if (count < 0 && errno == EAGAIN)
            return std::nullopt;
        if (count <= 0)
            throw std::runtime_error(name_ + " ended before it should");
        heard_.append(buffer, static_cast<std::size_t>(count));
    }
}

json player::hear(const std::string &event, clock::time_point limit, const tick &each) {
    for (;;) {
        if (auto line = next_line()) {
            if (line->at("event") == event)
                return *line;
            if (line->at("event") == "failed")
                throw std::runtime_error(name_ + ": " + line->at("why").get<std::string>());
            throw std::runtime_error(name_ + " said " + line->dump() + " where " + event +
                                     " was due");
        }
        if (clock::now() > limit)
            throw std::runtime_error(name_ + " does not get to '" + event + "'");
        pollfd ready{from_.get(), POLLIN, 0};
        poll(&ready, 1, tick_ms);
        if (each)
            each();
    }
}

std::optional<int> player::ended(clock::time_point limit, const tick &each) {
    while (!status_) {
        int status;
        pid_t gone = check(waitpid(pid_, &status, WNOHANG), "waitpid");
        if (gone == pid_)
            status_ = status;
        else if (clock::now() > limit)
            break;
        else {
            usleep(tick_ms * 1000);
            if (each)
                each();
        }
    }
    return status_;
}

} // namespace demo
