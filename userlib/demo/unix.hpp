// SPDX-License-Identifier: MIT
// AF_UNIX, as the demo uses it beside ports.
#pragma once

#include "common.hpp"

#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

namespace demo {

/// An abstract address, different for each run's server.
class unix_address {
  public:
    unix_address(const std::string &service, uid_t server);

    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&address_); }
    socklen_t size() const { return size_; }

  private:
    sockaddr_un address_{};
    socklen_t size_;
};

/// A socket of @type, and bound to @address if there is one.
caps::descriptor unix_socket(int type, const unix_address *bound = nullptr);

/// A stream that counts what the kernel copies: in when sent, out when received.
class unix_stream {
  public:
    explicit unix_stream(caps::descriptor fd) : fd_(std::move(fd)) {}

    /// All of both pieces.
    void send(std::span<const std::byte> head, std::span<const std::byte> body = {});

    /// Fills @head, and as much of @body as is there; how many bytes of @body.
    /// At the end of the stream ended() becomes true.
    std::size_t receive(std::span<std::byte> head, std::span<std::byte> body);

    /// All of @body.
    void receive(std::span<std::byte> body);

    bool ended() const { return ended_; }
    /// Of the last sender, as the kernel tells it to a socket with SO_PASSCRED.
    const ucred &credentials() const { return credentials_; }
    std::uint64_t copied() const { return copied_; }

  private:
    std::size_t take(std::span<iovec> pieces, int flags);

    caps::descriptor fd_;
    ucred credentials_{};
    std::uint64_t copied_ = 0;
    bool ended_ = false;
};

/// How a request over the stream begins; the body follows.
struct unix_request {
    std::uint64_t length;
};

} // namespace demo
