// SPDX-License-Identifier: MIT
// A message as it is given to the kernel, and what is found again in it.
//
// A Chorus body is the body, an annex the annex, and the source port's name the address. What
// more a receiver may ask for, and few messages have, follows the body as a trailer: to which
// group it was sent, and protection identifiers other than the user id, which the kernel tells
// by itself. Operation 1 says that there is one.
#pragma once

#include "actor.hpp"

#include <array>

namespace chorus {

struct trailer {
    KnUniqueId target;
    KnUniqueId co_target;
    KnProtId actor_pi;
    KnProtId port_pi;
    std::uint32_t reserved;
};

enum operation : std::uint32_t { operation_plain = 0, operation_with_trailer = 1 };

/// The length of a received message's body, less its trailer.
VmSize body_size(const caps_header &header);

/// Checked and laid out. Points into the message and into itself.
class outgoing {
  public:
    outgoing() = default;

    /// K_OK, or why it cannot be sent.
    int prepare(actor &home, const KnMsgDesc *msg, int srcportli, const KnIpcDest *dest);

    const port &source() const { return *source_; }
    const caps_data &data() const { return data_; }
    std::uint32_t operation() const { return operation_; }
    bool waits() const { return waits_; }

  private:
    void add_trailer(const actor &home, const KnMsgDesc &msg, const KnIpcDest &dest);

    const port *source_ = nullptr;
    caps_data data_{};
    std::uint32_t operation_ = operation_plain;
    bool waits_ = false;
    // Only if there is one, which costs others nothing.
    trailer trailer_;
    std::array<caps_iovec, 2> pieces_;
};

/// Where a message, or the reply to one, is to be put.
caps_data place_for(const KnMsgDesc &msg);

} // namespace chorus
