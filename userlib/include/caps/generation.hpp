// SPDX-License-Identifier: MIT
// A port's generation for event loops.
#ifndef CAPS_GENERATION_HPP
#define CAPS_GENERATION_HPP

#include <caps/descriptor.hpp>
#include <caps/result.hpp>

#include <cstdint>

namespace caps {

/// Tells by poll(2) that a port's generation has changed:
///
///     caps::generation_file changes(server.export_fd());
///
/// get() is readable when the number is not the one that was read last, or that was there when the
/// descriptor was made, and hung up when the port has gone. It needs no actor, so it can be handed
/// to another process; all who share the descriptor share what was read last.
class CAPSUSER_API generation_file {
  public:
    generation_file() noexcept = default;
    /// Takes over what capability::export_fd() has made.
    explicit generation_file(descriptor exported) noexcept : file_(std::move(exported)) {}

    int get() const noexcept { return file_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(file_); }
    /// Gives the file descriptor up: the caller closes it.
    [[nodiscard]] int release() noexcept { return file_.release(); }
    void reset() noexcept { file_.reset(); }

    /// The number that the port's owner set last. Never waits. EPIPE: the port has gone; EINVAL:
    /// it is no capability to a port.
    result<std::uint64_t> try_read() const noexcept;
    std::uint64_t read() const { return value_or_throw(try_read()); }

  private:
    descriptor file_;
};

} // namespace caps

#endif
