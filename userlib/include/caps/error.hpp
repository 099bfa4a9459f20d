// SPDX-License-Identifier: MIT
// What went wrong: which operation, on what, why, and what can be done about it.
#ifndef CAPS_ERROR_HPP
#define CAPS_ERROR_HPP

#include <caps/config.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace caps {

/// The operations of the library; one for each command of /dev/caps, and opening it.
enum class operation : std::uint8_t {
    open,
    query,
    actor_info,
    actor_self,
    keep,
    adopt,
    duplicate,
    close,
    capability_info,
    export_fd,
    import_fd,
    place,
    watch,
    port_create,
    port_remove,
    port_enable,
    port_disable,
    port_info,
    revoke,
    migrate,
    signal,
    send,
    call,
    call_async,
    receive,
    receive_batch,
    read,
    reply,
    discard,
    forward,
    abort,
    header,
    identity,
    register_service,
    unregister,
    connect,
    group_create,
    group_insert,
    group_remove,
    group_delete,
    group_info,
    services,
    generation,
    set_generation,
    poll_file,
};

/// The operation's name as the library spells it: "call_async".
CAPSUSER_API std::string_view name_of(operation what) noexcept;

/// Why an operation did not succeed. A plain value: making or copying one neither allocates nor
/// throws. Except for the four outcomes told by taken() and answered(), and ECONNRESET, a failed
/// operation had no effect.
class CAPSUSER_API failure {
  public:
    /// What kind of thing the operation was about.
    enum class object_kind : std::uint8_t { device, actor, capability, message, service, fd };

    failure(operation what, int code, object_kind kind, std::uint64_t id,
            std::uint32_t result = 0) noexcept
        : id_(id), code_(code), result_(result), what_(what), kind_(kind) {}
    failure(operation what, int code, object_kind kind, std::string_view name,
            std::uint32_t uid = 0, std::uint32_t result = 0) noexcept;

    /// A positive errno, as caps(7) lists them.
    int code() const noexcept { return code_; }
    operation what() const noexcept { return what_; }
    /// ETIMEDOUT and EINTR of a call: the server had taken it, so it may have been carried out.
    bool taken() const noexcept;
    /// EFAULT of a call: the answer came and could not be written; it is lost.
    bool answered() const noexcept;
    /// Of connecting: code() is what the server gave as its reason.
    bool rejected() const noexcept;

    /// "capability 0x100000003", "service \"clock\" of uid 0", ...
    std::string object() const;
    /// What to do about it: a sentence for a person. Never empty.
    std::string_view remedy() const noexcept;
    /// All of it in one line.
    std::string message() const;

    friend bool operator==(const failure &why, std::errc code) noexcept {
        return why.code_ == static_cast<int>(code);
    }

  private:
    static constexpr std::size_t name_room = 64;

    std::uint64_t id_ = 0; // of the object, or the uid of a service
    int code_;
    std::uint32_t result_ = 0; // CAPS_RESULT_*
    operation what_;
    object_kind kind_;
    std::array<char, name_room> name_{};
};

/// What the operations without try_ throw. Its code() is the errno in std::generic_category(), so
/// that it compares with std::errc.
class CAPSUSER_API error : public std::system_error {
  public:
    explicit error(const failure &why);

    const failure &why() const noexcept { return why_; }
    /// The whole of failure::message().
    const char *what() const noexcept override { return text_->c_str(); }

  private:
    failure why_;
    std::shared_ptr<const std::string> text_; // shared: copying an exception must not throw
};

/// Throws error(why); out of line, to keep the throwing twins small.
[[noreturn]] CAPSUSER_API void raise(const failure &why);

} // namespace caps

#endif
