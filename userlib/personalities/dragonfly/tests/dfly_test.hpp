// SPDX-License-Identifier: MIT
// What the tests of libcapsdfly have in common: a fixture that skips without the device, other
// processes, and short ways to open ports and to get messages.
#pragma once

#include "../../../tests/process.hpp"

#include <sys/caps.h>
#include <sys/caps_event.h>

#include <gtest/gtest.h>

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dfly_test {

using namespace std::chrono_literals;

/// Long enough for others to have begun to wait.
constexpr auto a_while = 100ms;

inline void pause(std::chrono::milliseconds time = a_while) {
    std::this_thread::sleep_for(time);
}

/// Becomes true, sooner or later?
template <class F>
bool eventually(F is_so) {
    for (int i = 0; i < 6000; i++) {
        if (is_so())
            return true;
        pause(10ms);
    }
    return false;
}

/// How much of a long test to do.
inline int scaled(int count) {
    const char *const scale = std::getenv("CAPS_TEST_SCALE");
    const double factor = scale != nullptr ? std::atof(scale) : 1;
    return std::max(1, factor < 1 ? static_cast<int>(count * factor) : count);
}

class dfly_test : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/dev/caps", R_OK | W_OK) != 0)
            GTEST_SKIP() << "no /dev/caps that can be opened here";
    }
};

using test::process;

/// Numbers told from one process to another.
class teller {
  public:
    teller() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~teller() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    teller(const teller &) = delete;

    void tell(long long number = 0) const {
        EXPECT_EQ(::write(ends_[1], &number, sizeof(number)), static_cast<ssize_t>(sizeof(number)));
    }
    long long hear() const {
        long long number = -1;
        EXPECT_EQ(::read(ends_[0], &number, sizeof(number)), static_cast<ssize_t>(sizeof(number)));
        return number;
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

/// A port id for the time of a test.
class an_id {
  public:
    explicit an_id(int id) : id_(id) { EXPECT_GT(id_, 0) << std::strerror(errno); }
    an_id(an_id &&other) noexcept : id_(std::exchange(other.id_, 0)) {}
    ~an_id() {
        if (id_ > 0)
            (void)caps_sys_close(id_);
    }
    operator int() const { return id_; } // NOLINT: as the calls take it
    int release() { return std::exchange(id_, 0); }

  private:
    int id_;
};

constexpr uid_t any_uid = static_cast<uid_t>(-1);
constexpr gid_t any_gid = static_cast<gid_t>(-1);

inline an_id service(const char *name = "test", int flags = CAPF_ANYCLIENT, int upcid = 0) {
    return an_id(caps_sys_service(name, ::geteuid(), any_gid, upcid, flags));
}

inline an_id client(const char *name = "test", int flags = CAPF_ANYCLIENT, int upcid = 0) {
    return an_id(caps_sys_client(name, ::geteuid(), any_gid, upcid, flags));
}

inline off_t put(int id, std::string_view text) {
    return caps_sys_put(id, const_cast<char *>(text.data()), static_cast<int>(text.size()));
}

inline int reply(int id, off_t msgid, std::string_view text) {
    return caps_sys_reply(id, const_cast<char *>(text.data()), static_cast<int>(text.size()),
                          msgid);
}

/// What get or wait told.
struct message {
    int size = 0;
    int error = 0; ///< errno afterwards; it was 0 before
    std::string text;
    caps_msgid id{};
    caps_cred from{};
};

inline message get_with(decltype(&caps_sys_get) call, int id, int room = 1000) {
    message it;
    std::string body(static_cast<std::size_t>(room), '-');
    errno = 0;
    it.size = call(id, body.data(), room, &it.id, &it.from);
    it.error = errno;
    it.text = body.substr(0, static_cast<std::size_t>(std::clamp(it.size, 0, room)));
    return it;
}

inline message get(int id, int room = 1000) {
    return get_with(caps_sys_get, id, room);
}

inline message wait(int id, int room = 1000) {
    return get_with(caps_sys_wait, id, room);
}

/// In one word: what it is and what it says, or why there is none.
inline std::string said(const message &it) {
    if (it.size < 0)
        return "error " + std::to_string(it.error);
    switch (it.id.c_state) {
    case CAPMS_REQUEST:
        return "request " + it.text;
    case CAPMS_REPLY:
        return "reply " + it.text;
    case CAPMS_DISPOSE:
        return "dispose" + it.text;
    default:
        return "?";
    }
}

inline std::string error(int number) {
    return "error " + std::to_string(number);
}

/// Gets a request, and its id.
inline off_t request(int id, std::string_view text) {
    const message it = wait(id);
    EXPECT_EQ(said(it), "request " + std::string(text));
    return it.id.c_id;
}

inline bool readable(int id, int timeout = 0) {
    pollfd it{caps_poll_fd(id), POLLIN, 0};
    return ::poll(&it, 1, timeout) == 1 && (it.revents & POLLIN);
}

/// A thread that waits for a message; it is known whether it has one.
class waiting {
  public:
    explicit waiting(int id) : it_(std::async(std::launch::async, [id] { return wait(id); })) {
        pause();
    }
    bool is_asleep() { return it_.wait_for(a_while) == std::future_status::timeout; }
    message get() { return it_.get(); }

  private:
    std::future<message> it_;
};

/// Become a user without privilege who may open the device.
inline bool become_member(uid_t uid) {
    struct stat device {};
    const gid_t none = 0;
    return ::stat("/dev/caps", &device) == 0 && ::setgroups(0, &none) == 0 &&
           ::setgid(device.st_gid) == 0 && ::setuid(uid) == 0;
}

/// Tests of more than one user.
inline bool is_root() {
    return ::geteuid() == 0;
}

} // namespace dfly_test
