// SPDX-License-Identifier: MIT
// What the tests of the I/O ports have in common: a fixture that skips without the device, other
// processes, short ways to do an I/O, and servers that let everybody in.
#pragma once

#include "../../../tests/process.hpp"

#include <venter.h>

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace venter_test {

/// In a child: what is not so is said, and its status is not 0.
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,       \
                         std::strerror(errno));                                                    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/// Long enough for others to have begun to wait.
inline void pause(int milliseconds = 100) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

class venter_test : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/dev/caps", R_OK | W_OK) != 0)
            GTEST_SKIP() << "no /dev/caps that can be opened here";
    }
    void TearDown() override {
        for (int port = 1; port < 32; port++)
            (void)Close(port);
    }
};

using test::process;

/// One process says when, another waits for it.
class gong {
  public:
    gong() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~gong() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    gong(const gong &) = delete;
    void strike() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
    void await() const {
        char byte = 0;
        EXPECT_EQ(::read(ends_[0], &byte, 1), 1);
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

/// The parameters of an I/O.
struct io {
    int port = 0;
    unsigned operation = 0;
    std::uint64_t address = 0;
    std::size_t out_len = 0;
    void *out_buf = nullptr;
    std::size_t in_len = 0;
    void *in_buf = nullptr;

    int whole() { return IO(&port, &operation, &address, &out_len, &out_buf, &in_len, &in_buf); }
    int initiate() {
        return Initiate_IO(&port, &operation, &address, &out_len, &out_buf, &in_len, &in_buf);
    }
    int complete() {
        return Complete_IO(&port, &operation, &address, &out_len, &out_buf, &in_len, &in_buf);
    }
    int attempt() {
        return Try_to_complete_IO(&port, &operation, &address, &out_len, &out_buf, &in_len,
                                  &in_buf);
    }

    void say(std::string_view text) {
        out_buf = const_cast<char *>(text.data());
        out_len = text.size();
    }
    template <class Buffer>
    void into(Buffer &buffer) {
        in_buf = buffer.data();
        in_len = buffer.size() * sizeof(buffer[0]);
    }
    std::string text() const { return {static_cast<const char *>(in_buf), in_len}; }
};

/// For requests and applications.
using room = std::array<char, 4096>;

inline io of(int port) {
    io it;
    it.port = port;
    return it;
}

/// What a client gets: the text, or "error " and its number.
inline std::string ask(int port, std::string_view text, unsigned operation = 0,
                       std::uint64_t address = 0) {
    std::vector<char> answer(65536);
    io it{port, operation, address};
    it.say(text);
    it.into(answer);
    return it.whole() == IO_ANSWER ? it.text() : "error " + std::to_string(errno);
}

inline std::string error(int number) {
    return "error " + std::to_string(number);
}

/// As soon as there is such a server.
inline int open_soon(int port, const std::string &name,
                     std::uint64_t operations = IO_ALL_OPERATIONS, int milliseconds = -1) {
    int result = -1;
    for (int i = 0; i < 2000; i++) {
        result = Open_within(IO_SELF, port, name.c_str(), operations, milliseconds);
        if (result == 0 || errno != ENOENT)
            break;
        pause(5);
    }
    return result;
}

inline io_application application(const io &it) {
    io_application who{};
    std::memcpy(&who, it.in_buf, sizeof(who));
    return who;
}

inline io_verdict accepted(std::uint64_t operations) {
    return {IO_ACCEPT, 0, operations};
}
inline io_verdict rejected(unsigned reason) {
    return {IO_REJECT, reason, 0};
}

/// Says the verdict, and waits for what comes next into the same buffer.
inline int decide(io &it, io_verdict verdict, room &buffer) {
    it.out_buf = &verdict;
    it.out_len = sizeof(verdict);
    it.operation = 0;
    it.into(buffer);
    return it.whole();
}
inline int let_in(io &it, room &buffer) {
    return decide(it, accepted(it.address), buffer);
}

/// Answers each request by its text and a '!', operation and address one more, until the client
/// has gone.
inline int echo(io &it, room &buffer, int kind) {
    while (kind == IO_REQUEST) {
        const std::string text = it.text() + "!";
        it.say(text);
        it.operation++;
        it.address++;
        it.into(buffer);
        kind = it.whole();
    }
    CHECK(kind == -1 && errno == EPIPE);
    return 0;
}

/// A server of so many clients, one after the other.
inline int serve(const std::string &name, int clients = 1) {
    room buffer{};
    CHECK(Become_server(name.c_str()) == 0);
    for (int i = 0; i < clients; i++) {
        CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
        io it = of(1);
        CHECK(it.complete() == IO_APPLICATION);
        CHECK(echo(it, buffer, let_in(it, buffer)) == 0);
    }
    return 0;
}

/// Become a user without privilege who may open the device.
inline bool become_nobody() {
    struct stat device {};
    return ::stat("/dev/caps", &device) == 0 && ::setgid(device.st_gid) == 0 && ::setuid(1001) == 0;
}

inline std::string bytes(std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t i = 0; i < size; i++)
        all[i] = static_cast<char>(i * 7 + (i >> 8));
    return all;
}

} // namespace venter_test
