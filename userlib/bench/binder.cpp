// SPDX-License-Identifier: MIT
// Android's binder with its raw protocol, as thrifty as it can be used: one
// ioctl frees the last buffer, sends, and receives; the receiver reads the
// message where the driver put it. The server is the context manager.
#include "mechanisms.hpp"

#include <cstring>
#include <fcntl.h>
#include <linux/android/binder.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace bench::binder {
namespace {

constexpr std::size_t mapping = 1 << 20;
constexpr std::uint32_t context_manager = 0; // its handle

class connection {
  public:
    connection() : fd_(check(open("/dev/binder", O_RDWR | O_CLOEXEC), "/dev/binder")) {
        if (mmap(nullptr, mapping, PROT_READ, MAP_PRIVATE, fd_, 0) == MAP_FAILED)
            fail("mmap");
    }

    // The last server's place is free only once the kernel has buried it.
    void become_manager() {
        for (int tries = 0; ioctl(fd_, BINDER_SET_CONTEXT_MGR, 0) == -1; tries++) {
            if (errno != EBUSY || tries == 100)
                fail("BINDER_SET_CONTEXT_MGR");
            const timespec moment{0, 10'000'000};
            nanosleep(&moment, nullptr);
        }
        put(BC_ENTER_LOOPER);
    }

    template <typename T>
    void put(std::uint32_t command, const T &argument) {
        put(command);
        std::memcpy(out_ + out_size_, &argument, sizeof argument);
        out_size_ += sizeof argument;
    }

    void put(std::uint32_t command) {
        std::memcpy(out_ + out_size_, &command, sizeof command);
        out_size_ += sizeof command;
    }

    void put_data(std::uint32_t command, const buffer &data, std::size_t size) {
        binder_transaction_data message{};
        message.target.handle = context_manager;
        message.data_size = size;
        message.data.ptr.buffer = data.address();
        put(command, message);
    }

    // Sends what was put and waits for this kind of message, then puts the
    // command that frees its data.
    void receive(std::uint32_t wanted) {
        for (;;) {
            if (in_next_ == in_size_)
                exchange();
            std::uint32_t command = 0;
            std::memcpy(&command, in_ + in_next_, sizeof command);
            const std::byte *argument = in_ + in_next_ + sizeof command;
            in_next_ += sizeof command + _IOC_SIZE(command);
            if (command == BR_FAILED_REPLY || command == BR_DEAD_REPLY)
                throw std::runtime_error("binder: the server has gone");
            if (command != wanted)
                continue;
            binder_transaction_data message;
            std::memcpy(&message, argument, sizeof message);
            put(BC_FREE_BUFFER, message.data.ptr.buffer);
            return;
        }
    }

  private:
    void exchange() {
        binder_write_read both{};
        both.write_size = out_size_;
        both.write_buffer = reinterpret_cast<binder_uintptr_t>(out_);
        both.read_size = sizeof in_;
        both.read_buffer = reinterpret_cast<binder_uintptr_t>(in_);
        check(ioctl(fd_, BINDER_WRITE_READ, &both), "BINDER_WRITE_READ");
        out_size_ = 0;
        in_next_ = 0;
        in_size_ = both.read_consumed;
    }

    int fd_;
    std::byte out_[256];
    std::byte in_[256];
    std::size_t out_size_ = 0, in_size_ = 0, in_next_ = 0;
};

} // namespace

void serve(const side &self) {
    const buffer answer(self.row.answer);
    connection binder;
    binder.become_manager();
    say_ready(self);
    for (;;) {
        binder.receive(BR_TRANSACTION);
        binder.put_data(BC_REPLY, answer, self.row.answer);
    }
}

void call(const side &self) {
    const buffer request(self.row.request);
    connection binder;
    measure(self, [&] {
        binder.put_data(BC_TRANSACTION, request, self.row.request);
        binder.receive(BR_REPLY);
    });
}

} // namespace bench::binder
