// SPDX-License-Identifier: MIT
// Messages: what to send, what to answer, what was received, what a call brought back.
#ifndef CAPS_MESSAGE_HPP
#define CAPS_MESSAGE_HPP

#include <caps/attachments.hpp>
#include <caps/buffers.hpp>
#include <caps/result.hpp>

#include <linux/caps.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caps {

class capability;
class ring;

/// What becomes of a body while it is on its way.
enum class body_mode : std::uint32_t {
    /// A call pins a body above the copy-break; everything else is copied when sent.
    automatic = 0,
    /// Copied when sent, whatever the size; the buffer is free at once. EMSGSIZE above
    /// limits::max_copied_body.
    copy = CAPS_COPY,
    /// Not for calls, which pin by themselves. Above the copy-break the body stays where it is and
    /// must not be touched until a message of kind::dispose with the id returned arrives on the
    /// source port (the default port if there is none). sent::copied tells that it was copied
    /// after all: then none comes.
    defer = CAPS_DEFER,
};

/// What to send. A view: annex, body and what goes along must live until the operation returns
/// (longer with body_mode::defer). Meant for designated initializers:
///
///     server.call({.operation = 3, .body = text}, answer, 2s);
struct outgoing {
    unsigned operation = 0;                   ///< 0 to 63; the capability's mask must have it
    std::uint64_t address = 0;                ///< passed through to the receiver
    std::uint64_t source = 0;                 ///< own port for the answer: port.get(), or 0
    const_bytes annex{};                      ///< up to 128 bytes, always copied
    const_buffers body{};                     ///< up to 64 MiB in up to 1,024 pieces
    std::span<const transfer> capabilities{}; ///< up to 64 to go along
    std::span<const int> fds{};               ///< up to 64, likewise
    body_mode mode = body_mode::automatic;
};

/// What to answer. A view, like outgoing.
struct answer {
    std::int32_t status = 0; ///< the server's word; the kernel does not look
    const_bytes annex{};
    const_buffers body{};
    std::span<const transfer> capabilities{}; ///< up to 64 to go along
    std::span<const int> fds{};               ///< up to 64, likewise
    body_mode mode = body_mode::automatic;
};

/// What sending gives back.
struct sent {
    std::uint64_t id; ///< of an async call, or of a deferred body; else 0
    bool copied;      ///< the body's buffer is free: no dispose message will come
};

/// What a call brought back. The body is in the buffers that were given to the call.
class reply {
  public:
    /// The server's word.
    std::int32_t status() const noexcept { return status_; }
    std::span<const std::byte> annex() const noexcept {
        return std::span(annex_).first(std::min<std::size_t>(annex_len_, annex_.size()));
    }
    /// Of the body as answered, in bytes; more than there was room for if truncated().
    std::uint64_t body_size() const noexcept { return body_len_; }
    /// What is in the first of the buffers.
    std::span<std::byte> body() const noexcept {
        return std::span<std::byte>(body_).first(std::min<std::size_t>(body_len_, body_.size()));
    }
    /// The same as text.
    std::string_view text() const noexcept {
        return {reinterpret_cast<const char *>(body().data()), body().size()};
    }
    /// Descriptors came along that could not be installed (EMFILE, a security module). Of what
    /// fetch() gets attachments::fds_lost() tells.
    bool fds_lost() const noexcept { return (result_ & CAPS_RESULT_FDS_LOST) != 0; }
    /// The answer was larger than the buffers, or what came along than its room; the rest is lost.
    bool truncated() const noexcept { return (result_ & CAPS_RESULT_TRUNCATED) != 0; }

  private:
    friend class capability;
    friend class ring;

    std::array<std::byte, CAPS_MAX_ANNEX> annex_; // only annex_len_ bytes of it are ever read
    bytes body_{};
    std::uint64_t body_len_ = 0;
    std::uint32_t annex_len_ = 0;
    std::int32_t status_ = 0;
    std::uint32_t result_ = 0;
};

/// What a message is; the kernel's word, which no sender can forge.
enum class kind : std::uint32_t {
    none = 0,                              ///< an empty received object
    send = CAPS_KIND_SEND,                 ///< one-way; answerable if it named a source port
    call = CAPS_KIND_CALL,                 ///< somebody waits for an answer
    reply = CAPS_KIND_REPLY,               ///< the answer to an async call or a send
    cancelled = CAPS_KIND_CANCELLED,       ///< the caller of the held message id() has left
    dispose = CAPS_KIND_DISPOSE,           ///< the deferred body id() is free
    signal = CAPS_KIND_SIGNAL,             ///< bits() were set since the last time
    port_arrived = CAPS_KIND_PORT_ARRIVED, ///< a port was moved here: actor::arrived() has it
    /// somebody placed one here: actor::placed() has it
    capability_arrived = CAPS_KIND_CAPABILITY_ARRIVED,
    port_dead = CAPS_KIND_PORT_DEAD,       ///< what capability::watch() gave id() for has died
    disconnected = CAPS_KIND_DISCONNECTED, ///< nobody has badge() any more
    connected = CAPS_KIND_CONNECTED,       ///< somebody connected and has badge()
    application = CAPS_KIND_APPLICATION,   ///< somebody wants to connect: accept() or reject() it
};

/// Who wants to connect, and what for, besides what any message tells of its sender.
struct application {
    operation_mask operations = 0; ///< wanted, of those that are registered
    std::uint64_t service = 0;     ///< the name, by its cursor in CAPS_SERVICES
    std::uint64_t effective = 0;   ///< capability sets, bit n is CAP_n
    std::uint64_t permitted = 0;
    std::uint64_t inheritable = 0;
    std::uint64_t user_namespace = 0; ///< inode numbers
    std::uint64_t pid_namespace = 0;
    std::uint64_t network_namespace = 0;
};

/// How somebody is accepted.
struct verdict {
    operation_mask operations = all_operations; ///< of those wanted, these
    std::uint32_t in_flight = 0;                ///< 0: as registered
    std::optional<std::uint64_t> badge{};       ///< bit 63 clear; else received::badge() stays
};

/// More about a sender, as it was when it sent, in the receiver's namespaces.
struct identity {
    std::vector<std::uint32_t> groups; ///< supplementary
    std::string label;                 ///< of the security module, may be empty
    std::uint64_t effective = 0;       ///< capability sets, bit n is CAP_n
    std::uint64_t permitted = 0;
    std::uint64_t inheritable = 0;
    std::uint64_t user_namespace = 0; ///< inode numbers
    std::uint64_t pid_namespace = 0;
};

/// A received message: its header, its annex, and a view of the buffer that its body was put
/// into. A held one must be ended: reply() or discard() do so, and so does the destructor, which
/// discards it (a call's caller gets ECONNRESET). A held message does not belong to the thread
/// that received it: any thread of the process may answer it, one at a time.
class CAPSUSER_API received {
  public:
    received() noexcept = default;
    received(received &&other) noexcept;
    received &operator=(received &&other) noexcept;
    ~received() { try_discard(); }

    explicit operator bool() const noexcept { return kind() != caps::kind::none; }

    // --- the header: see struct caps_header in linux/caps.h ---

    const ::caps_header &header() const noexcept { return header_; }
    caps::kind kind() const noexcept { return static_cast<caps::kind>(header_.kind); }
    /// The receiver's name for a held message, or what a reply, cancelled or dispose is about.
    std::uint64_t id() const noexcept { return header_.id; }
    /// Which capability it was sent through, as chosen by the port's owner or the kernel.
    std::uint64_t badge() const noexcept { return header_.badge; }
    unsigned operation() const noexcept { return header_.operation; }
    std::uint64_t address() const noexcept { return header_.address; }
    /// What capability::signal() has set; 0 in all that is no signal.
    std::uint64_t bits() const noexcept {
        return kind() == caps::kind::signal ? header_.address : 0;
    }
    /// Of the port it came through.
    std::uint64_t cookie() const noexcept { return header_.cookie; }
    /// Counts the messages received from one port, from 1.
    std::uint64_t sequence() const noexcept { return header_.sequence; }
    /// Who sent it, by the kernel's word. pid() is 0 where the process is not visible from here.
    std::uint32_t pid() const noexcept { return header_.pid; }
    std::uint32_t uid() const noexcept { return header_.uid; }
    std::uint32_t euid() const noexcept { return header_.euid; }
    std::uint32_t gid() const noexcept { return header_.gid; }
    std::uint32_t egid() const noexcept { return header_.egid; }
    /// The sender's ids differ from those it opened its actor with.
    bool identity_changed() const noexcept { return has(CAPS_HEADER_IDENTITY); }
    /// Of a reply: the server's word.
    std::int32_t status() const noexcept { return header_.status; }
    /// Of a reply: 0, or why the kernel ended the call, as a positive errno.
    int error() const noexcept { return header_.error; }

    /// It is to be ended by this object. Of kind::cancelled: no, it is about a call that another
    /// object holds, and that one ends it.
    bool held() const noexcept { return has(CAPS_HEADER_HELD) && kind() != caps::kind::cancelled; }
    /// reply() may be used. Stays true when the caller leaves: a reply is then ECANCELED.
    bool answerable() const noexcept { return has(CAPS_HEADER_ANSWERABLE); }
    /// There was more than room; a held message gives the rest to read() and fetch().
    bool truncated() const noexcept { return has(CAPS_HEADER_TRUNCATED); }
    /// How many capabilities and descriptors came along, received or not.
    std::size_t capability_count() const noexcept { return header_.capability_count; }
    std::size_t fd_count() const noexcept { return header_.fd_count; }
    /// Descriptors came along that could not be installed (EMFILE, a security module).
    bool fds_lost() const noexcept { return has(CAPS_HEADER_FDS_LOST); }
    /// The body is still in the sender's memory.
    bool pinned() const noexcept { return has(CAPS_HEADER_PINNED); }

    // --- annex and body ---

    std::span<const std::byte> annex() const noexcept {
        return std::span(annex_).first(std::min<std::size_t>(header_.annex_len, annex_.size()));
    }
    /// Of the whole body, in bytes, whatever was put into buffers.
    std::uint64_t body_size() const noexcept { return header_.body_len; }
    /// What of the body is in the first of the buffers given to receive.
    std::span<std::byte> body() const noexcept {
        return std::span<std::byte>(body_).first(
            std::min<std::size_t>(header_.body_len, body_.size()));
    }
    /// The same as text.
    std::string_view text() const noexcept {
        return {reinterpret_cast<const char *>(body().data()), body().size()};
    }

    /// Copies any part of a held message's body, from offset on, as often as wanted. Returns the
    /// bytes read: 0 at and past the end. ECANCELED once the caller has gone.
    result<std::size_t> try_read(const buffers &into, std::uint64_t offset = 0) const noexcept;
    std::size_t read(const buffers &into, std::uint64_t offset = 0) const {
        return value_or_throw(try_read(into, offset));
    }
    /// The whole body of a held message, in memory of its own.
    result<std::vector<std::byte>> try_read_all() const;
    std::vector<std::byte> read_all() const { return value_or_throw(try_read_all()); }

    /// Gets what came along with a held message and had no room. False if there is nothing to get:
    /// the room is too small for all of it, or it was received already.
    result<bool> try_fetch(attachments &into) const noexcept;
    bool fetch(attachments &into) const { return value_or_throw(try_fetch(into)); }

    /// More about the sender of a held message.
    result<caps::identity> try_identity() const;
    caps::identity identity() const { return value_or_throw(try_identity()); }

    // --- the end ---

    /// Answers a held message; never waits for the caller. An answer larger than the caller's
    /// buffers is cut. ECANCELED: the caller has gone, the message is ended all the same. After any
    /// other failure it is still held.
    result<sent> try_reply(const answer &with) noexcept;
    sent reply(const answer &with) { return value_or_throw(try_reply(with)); }
    /// What a message of kind::application asks for; nothing if it is another.
    std::optional<caps::application> application() const noexcept;
    /// Lets in who applied. ECANCELED: it has gone; EBADMSG: the verdict makes no sense, and it is
    /// rejected. Both end the message.
    result<void> try_accept(const verdict &as = {}) noexcept;
    void accept(const verdict &as = {}) { value_or_throw(try_accept(as)); }
    /// Does not let it in: connecting fails with this errno.
    result<void> try_reject(int reason = ECONNREFUSED) noexcept;
    void reject(int reason = ECONNREFUSED) { value_or_throw(try_reject(reason)); }
    /// Hands a held message on as it is to where another capability of this actor leads: whoever
    /// receives it there answers its sender directly. It is not held here any more then. Never
    /// waits: EAGAIN without room there. ECANCELED: the caller has gone, the message is ended.
    /// After any other failure it is still held.
    result<void> try_forward_to(const capability &to) noexcept;
    void forward_to(const capability &to) { value_or_throw(try_forward_to(to)); }
    /// Ends it without an answer: the caller gets ECONNRESET. Nothing to do if it is not held.
    result<void> try_discard() noexcept;
    void discard() { value_or_throw(try_discard()); }
    /// Gives up the duty to end it, and returns its id; actor::held() makes an object of it again.
    [[nodiscard]] std::uint64_t release() noexcept;

  private:
    friend class actor;
    friend class batch;
    friend class ring;
    friend struct detail_receive;

    bool has(std::uint32_t flag) const noexcept { return (header_.flags & flag) != 0; }
    void take(received &other) noexcept;
    void end() noexcept { header_.flags &= ~(CAPS_HEADER_HELD | CAPS_HEADER_ANSWERABLE); }
    void clear() noexcept;

    int actor_ = -1;
    ::caps_header header_{};
    bytes body_{};
    std::array<std::byte, CAPS_MAX_ANNEX> annex_; // only annex_len bytes of it are ever read
};

} // namespace caps

#endif
