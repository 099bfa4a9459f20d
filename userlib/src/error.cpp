// SPDX-License-Identifier: MIT
// Failures as text and as exceptions.
#include <caps/error.hpp>

#include "remedy.hpp"

#include <linux/caps.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace caps {

namespace {

constexpr std::string_view names[] = {
    "open",
    "query",
    "actor_info",
    "self",
    "keep",
    "adopt",
    "duplicate",
    "close",
    "capability_info",
    "export_fd",
    "import_fd",
    "place_in",
    "watch",
    "create_port",
    "remove",
    "enable",
    "disable",
    "port_info",
    "revoke",
    "migrate",
    "signal",
    "send",
    "call",
    "call_async",
    "receive",
    "receive_batch",
    "read",
    "reply",
    "discard",
    "forward_to",
    "abort",
    "header",
    "identity",
    "register_service",
    "unregister",
    "connect",
    "create_group",
    "insert",
    "remove_member",
    "disband",
    "group_info",
    "services",
    "generation",
    "set_generation",
    "poll_file",
};
static_assert(std::size(names) == static_cast<std::size_t>(operation::poll_file) + 1);

std::string hexadecimal(std::uint64_t number) {
    char text[2 * sizeof(number)];
    const auto end = std::to_chars(text, std::end(text), number, 16).ptr;
    return "0x" + std::string(text, end);
}

} // namespace

std::string_view name_of(operation what) noexcept {
    const auto index = static_cast<std::size_t>(what);
    return index < std::size(names) ? names[index] : "unknown operation";
}

// A name too long to be valid is cut: it is only shown.
failure::failure(operation what, int code, object_kind kind, std::string_view name,
                 std::uint32_t uid, std::uint32_t result) noexcept
    : id_(uid), code_(code), result_(result), what_(what), kind_(kind) {
    std::ranges::copy(name.substr(0, name_room - 1), name_.begin());
}

bool failure::taken() const noexcept {
    return (result_ & CAPS_RESULT_TAKEN) != 0;
}

bool failure::answered() const noexcept {
    return (result_ & CAPS_RESULT_ANSWERED) != 0;
}

bool failure::rejected() const noexcept {
    return (result_ & CAPS_RESULT_REJECTED) != 0;
}

std::string failure::object() const {
    switch (kind_) {
    case object_kind::device:
        return name_.data();
    case object_kind::actor:
        return "actor with fd " + std::to_string(static_cast<int>(id_));
    case object_kind::capability:
        return "capability " + hexadecimal(id_);
    case object_kind::message:
        return "message " + hexadecimal(id_);
    case object_kind::service:
        return "service \"" + std::string(name_.data()) + "\" of uid " + std::to_string(id_);
    case object_kind::fd:
        return "fd " + std::to_string(static_cast<int>(id_));
    }
    return "unknown object";
}

std::string_view failure::remedy() const noexcept {
    if (rejected())
        return "The server was asked and said no: whoever runs it can tell why.";
    return detail::remedy(what_, code_, taken(), answered());
}

// "call on capability 0x100000002: EPIPE, Broken pipe. <remedy>"
std::string failure::message() const {
    std::string text(name_of(what_));
    text += " on " + object() + ": ";
    const char *symbol = ::strerrorname_np(code_);
    text += symbol ? symbol : "errno " + std::to_string(code_);
    text += ", " + std::generic_category().message(code_) + ". ";
    text += remedy();
    return text;
}

error::error(const failure &why)
    : std::system_error(why.code(), std::generic_category()), why_(why),
      text_(std::make_shared<const std::string>(why.message())) {}

void raise(const failure &why) {
    throw error(why);
}

} // namespace caps
