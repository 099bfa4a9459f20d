// SPDX-License-Identifier: MIT
// The example of a server that is restarted without losing a request, run by a service manager
// that is as much of systemd as it needs: the test.
#include "device.hpp"

#define main kept_server_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/kept_server.cpp"
#undef main

#include <poll.h>

#include <atomic>
#include <memory>

namespace {

using namespace test;

/// Stores descriptors, and hands them to what it starts.
class manager {
  public:
    manager() : path_("/tmp/kept_server." + std::to_string(::getpid())) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
        ::unlink(path_.c_str());
        if (::bind(socket_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0)
            ADD_FAILURE() << "no socket at " << path_;
        ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
    }
    ~manager() {
        ::unsetenv("NOTIFY_SOCKET");
        ::unlink(path_.c_str());
    }

    /// As fork, set the environment, exec: the stored descriptor is number 3.
    std::unique_ptr<process> start() {
        return std::make_unique<process>([this] {
            if (stored_.get() >= 0) {
                ::dup2(stored_.get(), 3);
                ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
                ::setenv("LISTEN_FDS", "1", 1);
            }
            return kept_server_main();
        });
    }

    /// Waits for FDSTORE=1 with a descriptor.
    bool stores() {
        pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        std::array<char, 128> text{};
        int fd = -1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fd))> control{};
        iovec state{text.data(), text.size() - 1};
        msghdr message{};
        message.msg_iov = &state;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::poll(&readable, 1, 60000) != 1 ||
            ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC) <= 0)
            return false;
        const cmsghdr *passed = CMSG_FIRSTHDR(&message);
        if (!passed || std::string(text.data()).find("FDSTORE=1") == std::string::npos)
            return false;
        std::memcpy(&fd, CMSG_DATA(passed), sizeof(fd));
        stored_ = caps::descriptor(fd);
        return true;
    }

    /// Would systemd drop the descriptor, as it does when polling it finds an error?
    bool drops() const {
        pollfd stored{.fd = stored_.get(), .events = 0, .revents = 0};
        return ::poll(&stored, 1, 0) != 0;
    }

  private:
    std::string path_;
    caps::descriptor socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    caps::descriptor stored_;
};

class kept : public device {};

TEST_F(kept, server_is_killed_and_no_request_is_lost) {
    manager systemd;
    auto server = systemd.start();
    ASSERT_TRUE(systemd.stores());
    ASSERT_TRUE(eventually([&] { return me.try_connect("kept").has_value(); }));
    const auto to = me.connect("kept");
    std::atomic<bool> stop = false;
    unsigned answered = 0, reset = 0, other = 0;
    std::jthread client([&] {
        std::array<char, 64> answer{};
        while (!stop) {
            const auto got = to.try_call({}, answer, soon());
            if (got)
                ++answered;
            else
                ++(got.error().code() == ECONNRESET ? reset : other);
        }
    });
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(20ms);
        server->kill();
        (void)server->wait();
        EXPECT_FALSE(systemd.drops());
        std::this_thread::sleep_for(5ms); // the client finds nobody, and waits
        server = systemd.start();
    }
    std::this_thread::sleep_for(20ms);
    stop = true;
    client.join();
    std::printf("%u answered, %u taken and not answered\n", answered, reset);
    EXPECT_EQ(other, 0u) << "a call that no server has seen is to wait for the next";
    EXPECT_LE(reset, 5u);
    EXPECT_GT(answered, 0u);
}

} // namespace
