// SPDX-License-Identifier: MIT
// What a port is opened on: a file or device, a partner that is asked, or one that asks.
//
//   closed --Open--> opening --verdict--> idle <----I/O----> in midst I/O     client.hpp
//   closed --Open-----------------------> idle <----I/O----> in midst I/O     file.hpp
//   closed --Make_available--> available, and so on                           server.hpp
//
// While a thread opens or is in an I/O it holds the port (process.hpp), so "opening" is a port
// that is closed and in use. Connect() makes an idle end and one that answers.
//
// An I/O is initiated, which puts the port in midst I/O, and completed. IO() is both; where
// the kernel has one command for the two, exchange() uses it: CAPS_CALL for who asks,
// CAPS_REPLY_RECEIVE for who answers. What initiate() posts are the two buffers; the kernel
// knows that of a server only while somebody waits, and keeps what comes before.
#pragma once

#include <venter.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>

namespace venter {

/// Those of IO(), but for the port.
struct parameters {
    unsigned operation = 0;
    std::uint64_t address = 0;
    std::size_t out_len = 0;
    void *out_buf = nullptr;
    std::size_t in_len = 0;
    void *in_buf = nullptr;
};

enum class waiting : bool { no, yes };

constexpr unsigned operation_flags = IO_FAIL | IO_STOP | IO_MORE | IO_SHARABLE;

/// Where input goes: the buffer that the program posted, or one that the library makes when it
/// knows the size, and which lasts until the port's next I/O.
class input {
  public:
    void post(const parameters &p) {
        posted_ = p.in_buf;
        room_ = p.in_len;
        made_.reset();
    }
    std::size_t room() const { return room_; }
    /// The program leaves it to the library.
    bool is_made() const { return posted_ == nullptr && room_ != 0; }
    bool make(std::size_t size) {
        made_.reset(std::malloc(size != 0 ? size : 1));
        return made_ != nullptr;
    }
    char *data() const { return static_cast<char *>(made_ != nullptr ? made_.get() : posted_); }

  private:
    struct freeing {
        void operator()(void *it) const { std::free(it); }
    };
    void *posted_ = nullptr;
    std::size_t room_ = 0;
    std::unique_ptr<void, freeing> made_;
};

/// All calls return 0 or more, see IO(), or a negative errno. One thread at a time is in them.
class end {
  public:
    end() = default;
    end(const end &) = delete;
    end &operator=(const end &) = delete;
    virtual ~end() = default;

    /// Does not wait. -EBUSY in midst I/O.
    virtual int initiate(const parameters &p) = 0;
    /// -EAGAIN if it cannot be now, and is not to wait.
    virtual int complete(parameters &p, waiting how) = 0;
    virtual int exchange(parameters &p) {
        const int error = initiate(p);
        return error != 0 ? error : complete(p, waiting::yes);
    }

    /// Does complete() find something, or can it be found out only by trying? Any thread.
    virtual bool is_worth_trying() const = 0;
    /// What to wait for by poll(), or -1: it completes by a message.
    virtual int descriptor() const { return -1; }
    virtual short awaited() const { return 0; }
    /// What the program may do with it; 0 if it is the one who is asked.
    virtual std::uint64_t operations() const { return 0; }
    /// May Make_available() take its place?
    virtual bool has_ended() const { return false; }

    bool in_midst() const { return midst_.load(std::memory_order_acquire); }

  protected:
    void set_midst(bool midst) { midst_.store(midst, std::memory_order_release); }

  private:
    std::atomic<bool> midst_{false};
};

} // namespace venter
