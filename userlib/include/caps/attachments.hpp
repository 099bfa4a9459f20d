// SPDX-License-Identifier: MIT
// What goes along with messages: capabilities and file descriptors, to send and as received.
#ifndef CAPS_ATTACHMENTS_HPP
#define CAPS_ATTACHMENTS_HPP

#include <caps/descriptor.hpp>
#include <caps/result.hpp>
#include <caps/rights.hpp>

#include <linux/caps.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace caps {

class buffers;
class capability;

/// What becomes of the sender's own handle.
enum class transfer_mode : std::uint32_t {
    copy = 0,
    /// It goes if the message is sent, and stays if not; the object that has it then closes
    /// nothing. Not for the default port's own (EBUSY).
    move = CAPS_TRANSFER_MOVE,
};

/// A capability to send along, as the kernel takes it: narrower or equal. Takes rights::grant;
/// asking for more than there is is EPERM or EACCES, and nothing is sent then.
///
///     const caps::transfer along[] = {{.handle = door.get()}};
///     server.call({.capabilities = along});
struct transfer {
    std::uint64_t handle; ///< capability.get()
    operation_mask operations = all_operations;
    caps::rights rights = caps::rights::send;
    transfer_mode mode = transfer_mode::copy;
};

/// Room to receive what comes along with a message or an answer, and its owner until it is taken.
/// Given together with the buffers for the body, to whatever receives:
///
///     caps::attachments along;
///     auto message = door.receive({room, along});
///     caps::capability first = along.take_capability(0);
///
/// All that a message brings is received at once. Where there is no room for all of it, or none was
/// given, the message is held, and received::fetch() gets it; with the answer to a call it is lost,
/// and reply::truncated() says so. Receiving into it again closes what was not taken. Takes no
/// memory but its own, and cannot be moved. Must not outlive the actor.
class CAPSUSER_API attachments {
  public:
    /// Room for so many of each, CAPS_MAX_ATTACHED at most (EMSGSIZE when receiving).
    explicit attachments(std::size_t capabilities = CAPS_MAX_ATTACHED,
                         std::size_t fds = CAPS_MAX_ATTACHED) noexcept;
    attachments(attachments &&) = delete;
    ~attachments() { clear(); }

    /// How many came.
    std::size_t capability_count() const noexcept { return capability_count_; }
    std::size_t fd_count() const noexcept { return fd_count_; }
    /// Descriptors came that could not be installed (EMFILE, a security module).
    bool fds_lost() const noexcept { return fds_lost_; }

    /// The n-th, from 0, once: then it is empty, as one is that did not come. Descriptors are
    /// close-on-exec; one that could not be installed is empty, too.
    capability take_capability(std::size_t index) noexcept;
    descriptor take_fd(std::size_t index) noexcept;
    /// All, in order, with an empty one for each that was taken before.
    std::vector<capability> take_capabilities();
    std::vector<descriptor> take_fds();

    /// Closes what was not taken.
    void clear() noexcept;

  private:
    friend class buffers;

    void prepare(::caps_data &data) noexcept;
    void accept(int actor, bool lost) noexcept;

    ::caps_attachments room_{};
    int actor_ = -1;
    bool fds_lost_ = false;
    std::size_t capability_count_ = 0;
    std::size_t fd_count_ = 0;
    std::array<std::uint64_t, CAPS_MAX_ATTACHED> capabilities_; // as many as came are ever read
    std::array<std::int32_t, CAPS_MAX_ATTACHED> fds_;           // likewise
};

} // namespace caps

#endif
