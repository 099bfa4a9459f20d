// SPDX-License-Identifier: MIT
// A client's end of the digest service, over either mechanism.
#pragma once

#include "stage.hpp"

#include <memory>
#include <span>

namespace demo {

/// One connection to the digest server, used by one thread.
class asker {
  public:
    virtual ~asker() = default;

    /// Has the server digest @body. Waits for the answer.
    virtual digest_answer ask(std::span<const std::byte> body) = 0;

    /// What this end saw happen; every value is a number, and those of several
    /// askers add up.
    virtual json counts() const = 0;
};

/// Connects to the server that runs as @server.
std::unique_ptr<asker> ask_over_caps(uid_t server);
std::unique_ptr<asker> ask_over_unix(uid_t server);

} // namespace demo
