// SPDX-License-Identifier: MIT
// Receiving: the same from one port as from any enabled port of an actor.
#ifndef CAPS_RECEIVER_HPP
#define CAPS_RECEIVER_HPP

#include <caps/batch.hpp>
#include <caps/deadline.hpp>
#include <caps/message.hpp>

namespace caps {

/// How to receive.
enum class receive_flags : std::uint32_t {
    none = 0,
    hold = CAPS_HOLD, ///< hold one-way messages too, for read(), identity() and reply()
};

/// The operations behind receiver: an actor's file descriptor and one of its ports, or 0 for any.
struct CAPSUSER_API detail_receive {
    int actor;
    std::uint64_t port;

    result<received> receive(const buffers &body, deadline until,
                             receive_flags flags) const noexcept;
    result<std::size_t> receive_batch(batch &into, deadline until) const noexcept;
    result<void> reply_receive(received &message, const answer &with, const buffers &body,
                               deadline until, receive_flags flags) const noexcept;
};

/// What actor and port have in common. From an actor messages come from its enabled ports, lowest
/// priority number first, then by arrival; from a port they come in the order they were sent by
/// each sender, whether it is enabled or not.
///
/// Errors: EAGAIN (nothing there, no_wait), ETIMEDOUT, EIDRM (the port was removed meanwhile),
/// ENOTCONN (another process's actor), EINTR (a handler without SA_RESTART ran; nothing was
/// received). On any of them no message was consumed.
template <class Self>
class receiver {
  public:
    /// Takes one message, waiting for it until the deadline. The body goes into the buffers; what
    /// does not fit stays, and the message is held then, as calls always are.
    result<received> try_receive(const buffers &body = {}, deadline until = forever,
                                 receive_flags flags = receive_flags::none) const noexcept {
        return from().receive(body, until, flags);
    }
    received receive(const buffers &body = {}, deadline until = forever,
                     receive_flags flags = receive_flags::none) const {
        return value_or_throw(try_receive(body, until, flags));
    }

    /// Waits for one message, then takes what else is there and has room in the batch. Returns how
    /// many. What the batch held before is ended first.
    result<std::size_t> try_receive_batch(batch &into, deadline until = forever) const noexcept {
        return from().receive_batch(into, until);
    }
    std::size_t receive_batch(batch &into, deadline until = forever) const {
        return value_or_throw(try_receive_batch(into, until));
    }

    /// A server's loop in one system call: answers the message, if it is there and answerable
    /// (ends it, if it is only held), then receives the next one in its place. The answer may use
    /// the buffers that are received into. A caller that has gone is no failure: the reply is
    /// dropped and the receive goes on. If the reply fails for another reason, the failure's what()
    /// is operation::reply, nothing was received and the message is still there. If the receive
    /// fails after the reply was given, the message is empty: calling again only receives.
    result<void> try_reply_receive(received &message, const answer &with, const buffers &body = {},
                                   deadline until = forever,
                                   receive_flags flags = receive_flags::none) const noexcept {
        return from().reply_receive(message, with, body, until, flags);
    }
    void reply_receive(received &message, const answer &with, const buffers &body = {},
                       deadline until = forever, receive_flags flags = receive_flags::none) const {
        value_or_throw(try_reply_receive(message, with, body, until, flags));
    }

  private:
    detail_receive from() const noexcept { return static_cast<const Self *>(this)->source(); }
};

} // namespace caps

#endif
