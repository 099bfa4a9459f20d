// SPDX-License-Identifier: MIT
// What a capability costs that goes along with a message. One process sends and receives it: nobody
// sleeps, so what more of them cost is theirs alone, and not that of another rhythm.
#include "caps_commands.hpp"
#include "mechanisms.hpp"

#include <stdexcept>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr std::uint32_t rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT;

// To the default port of another actor.
std::uint64_t capability_to(int other, int fd) {
    caps_export out{};
    out.capability = CAPS_DEFAULT_PORT;
    command(other, CAPS_EXPORT, out, "CAPS_EXPORT");
    caps_import in{};
    in.fd = out.fd;
    command(fd, CAPS_IMPORT, in, "CAPS_IMPORT");
    close(out.fd);
    return in.capability;
}

std::uint64_t duplicate_for(int fd) {
    caps_duplicate copy{};
    copy.capability = CAPS_DEFAULT_PORT;
    copy.operations = CAPS_ALL_OPERATIONS;
    copy.rights = rights;
    command(fd, CAPS_DUPLICATE, copy, "CAPS_DUPLICATE");
    return copy.result;
}

class carrier {
  public:
    explicit carrier(std::size_t count)
        : transfers_(count, {.capability = CAPS_DEFAULT_PORT,
                             .operations = CAPS_ALL_OPERATIONS,
                             .rights = rights,
                             .flags = 0}),
          received_(count) {
        out_.capabilities = address(transfers_.data());
        out_.capability_count = static_cast<std::uint32_t>(count);
        in_.capabilities = address(received_.data());
        in_.capability_count = out_.capability_count;
        send_.capability = capability_to(to_, from_);
        send_.data.attachments = address(&out_);
        receive_.port = CAPS_DEFAULT_PORT;
        receive_.buffer.attachments = address(&in_);
    }
    ~carrier() {
        close(from_);
        close(to_);
    }
    carrier(const carrier &) = delete;
    carrier &operator=(const carrier &) = delete;

    // What is to move is made for it.
    void prepare_moves() {
        for (caps_transfer &one : transfers_) {
            one.capability = duplicate_for(from_);
            one.flags = CAPS_TRANSFER_MOVE;
        }
    }

    std::uint64_t carry() {
        const std::uint64_t start = now();
        command(from_, CAPS_SEND, send_, "CAPS_SEND");
        command(to_, CAPS_RECEIVE, receive_, "CAPS_RECEIVE");
        return now() - start;
    }

    void clear_up() {
        if (in_.capabilities_put != received_.size())
            throw std::runtime_error("caps: capabilities are missing");
        for (const std::uint64_t handle : received_) {
            caps_close it{};
            it.capability = handle;
            command(to_, CAPS_CLOSE, it, "CAPS_CLOSE");
        }
    }

  private:
    int from_ = open_actor(), to_ = open_actor();
    std::vector<caps_transfer> transfers_;
    std::vector<std::uint64_t> received_;
    caps_attachments out_{}, in_{};
    caps_send send_{};
    caps_receive receive_{};
};

} // namespace

// The row's size is how many.
void carry(const side &self) {
    carrier all(self.row.request);
    const bool moves = self.row.operation == "carry-moved";
    measure(self, [&] {
        if (moves)
            all.prepare_moves();
        const std::uint64_t took = all.carry();
        all.clear_up();
        return took;
    });
}

} // namespace bench::caps
