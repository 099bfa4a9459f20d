// SPDX-License-Identifier: MIT
// What the tests of the Chorus calls have in common: a fixture that skips without the device,
// other actors (which are other processes), and short ways to write messages.
#pragma once

#include "../../../tests/process.hpp"

#include <chorus.h>

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace chorus_test {

/// Far beyond what anything takes, in milliseconds; only a hang reaches it.
constexpr int soon = 60000;
/// Long enough for others to have begun to wait.
constexpr int a_while = 100;

inline void pause(int milliseconds = a_while) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

class chorus_test : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/dev/caps", R_OK | W_OK) != 0)
            GTEST_SKIP() << "no /dev/caps that can be opened here";
    }
};

using test::process;

/// Names told from one actor to another: unique identifiers are plain data.
class pipe_of_names {
  public:
    pipe_of_names() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~pipe_of_names() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    pipe_of_names(const pipe_of_names &) = delete;

    template <class T>
    void tell(const T &name) const {
        EXPECT_EQ(::write(ends_[1], &name, sizeof(name)), static_cast<ssize_t>(sizeof(name)));
    }
    template <class T = KnUniqueId>
    T hear() const {
        T name{};
        EXPECT_EQ(::read(ends_[0], &name, sizeof(name)), static_cast<ssize_t>(sizeof(name)));
        return name;
    }

    /// Is there one, or will there be in so many milliseconds?
    bool has_word(int delay) const {
        pollfd it{ends_[0], POLLIN, 0};
        return ::poll(&it, 1, delay) > 0;
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

/// A port for the time of a test.
struct a_port {
    a_port() : li(portCreate(K_MYACTOR, &ui)) { EXPECT_GT(li, 0); }
    ~a_port() { (void)portDelete(K_MYACTOR, li); }
    a_port(const a_port &) = delete;

    KnIpcDest address() const { return {ui, {}}; }

    KnUniqueId ui{};
    int li;
};

inline KnMsgDesc message(const std::string_view text) {
    KnMsgDesc msg{};
    msg.bodyAddr = const_cast<char *>(text.data());
    msg.bodySize = static_cast<VmSize>(text.size());
    return msg;
}

/// A place for a message.
struct place {
    explicit place(unsigned flags = 0) {
        desc.flags = flags;
        desc.bodyAddr = body.data();
        desc.bodySize = static_cast<VmSize>(body.size());
        desc.annexAddr = annex.data();
    }
    std::string text(int size) const {
        return size >= 0 ? std::string(body.data(), static_cast<std::size_t>(size))
                         : "error " + std::to_string(size);
    }

    std::array<char, 1000> body{};
    std::array<char, K_CMSGANNEXSIZE> annex{};
    KnMsgDesc desc{};
};

inline int send(const KnUniqueId &to, std::string_view text, int source = K_DEFAULTPORT) {
    KnMsgDesc msg = message(text);
    KnIpcDest dest{to, {}};
    return ipcSend(&msg, source, &dest);
}

/// The text of the next message, or "error " and its number.
inline std::string receive(int portli, int delay = soon) {
    place at;
    return at.text(ipcReceive(&at.desc, &portli, delay));
}

inline std::string call(const KnUniqueId &to, std::string_view text, int delay = soon,
                        unsigned flags = 0) {
    KnMsgDesc msg = message(text);
    place answer(flags);
    KnIpcDest dest{to, {}};
    return answer.text(ipcCall(&msg, K_DEFAULTPORT, &dest, &answer.desc, delay));
}

inline int reply(std::string_view text) {
    KnMsgDesc msg = message(text);
    return ipcReply(&msg);
}

/// Sends until it has reached somebody, as long as the name changes hands.
inline int send_patiently(const KnUniqueId &target, std::string_view text) {
    int error = K_EUNKNOWN;
    for (int i = 0; i < 1000 && error == K_EUNKNOWN; i++) {
        error = send(target, text);
        if (error == K_EUNKNOWN)
            pause(5);
    }
    return error;
}

inline std::string error(int number) {
    return "error " + std::to_string(number);
}

/// Receives and answers so many messages; what it returns is an exit status.
inline int serve(int portli, int messages) {
    for (int i = 0; i < messages; i++)
        if (reply(receive(portli) + "!") != K_OK)
            return 1;
    return 0;
}

/// Become a user without privilege who may open the device.
inline bool become_nobody() {
    struct stat device {};
    return ::stat("/dev/caps", &device) == 0 && ::setgid(device.st_gid) == 0 && ::setuid(1001) == 0;
}

} // namespace chorus_test
