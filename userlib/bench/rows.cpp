// SPDX-License-Identifier: MIT
// The list of rows, and which functions run each.
#include "bench.hpp"
#include "mechanisms.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t small = 64;
constexpr std::size_t mebibyte = 1 << 20;

constexpr auto mechanisms = std::to_array<mechanism>({
    {"caps", "call", nullptr, caps::serve, caps::call},
    {"caps", "fetch", nullptr, caps::serve, caps::call},
    {"caps", "call-copy", nullptr, caps::serve, caps::call},
    {"caps", "call-pin", nullptr, caps::serve, caps::call},
    {"caps", "call-apart", nullptr, caps::serve_apart, caps::call},
    {"caps", "call-plain", caps::prepare_plain, caps::serve_plain, caps::call_plain},
    {"caps", "call-annex", nullptr, caps::serve_annex, caps::call_annex},
    {"caps", "call-capabilities", nullptr, caps::serve_capabilities, caps::call_capabilities},
    {"caps", "carry-moved", nullptr, nullptr, caps::carry},
    {"caps", "carry-narrowed", nullptr, nullptr, caps::carry},
    {"caps", "call-beside-work", nullptr, caps::serve, caps::call_beside_work},
    {"caps", "call-beside-moves", nullptr, caps::serve, caps::call_beside_moves},
    {"caps", "oneway", caps::prepare_oneway, caps::drain, caps::send},
    {"caps", "connect", nullptr, caps::serve, caps::connect_call_close},
    {"caps", "look-up", nullptr, nullptr, caps::look_up},
    {"caps", "connect-among", nullptr, nullptr, caps::connect_among},
    {"caps", "duplicate", nullptr, nullptr, caps::duplicate},
    {"caps", "export", nullptr, nullptr, caps::export_import},
    {"caps", "actor", nullptr, nullptr, caps::open_close},
    {"caps", "move-1000", nullptr, nullptr, caps::move_queue},
    {"caps", "send", nullptr, nullptr, caps::send_to_each},
    {"caps", "broadcast", nullptr, nullptr, caps::broadcast},
    {"caps", "functional", nullptr, nullptr, caps::functional},
    {"chorus", "call", nullptr, chorus::serve_by_handler, chorus::call},
    {"chorus", "call-apart", nullptr, chorus::serve, chorus::call},
    {"venter", "call", nullptr, venter::serve, venter::call},
    {"caps", "call-told", nullptr, caps::serve_told, caps::call_told},
    {"dragonfly", "call-told", nullptr, dragonfly::serve, dragonfly::call},
    {"caps", "ring", nullptr, rings::serve, rings::call},
    {"caps", "ring-poll", nullptr, rings::serve_polled, rings::call_polled},
    {"caps", "ring-pinned", nullptr, rings::serve, rings::call_pinned},
    {"caps", "ring-registered", nullptr, rings::serve, rings::call_registered},
    {"seqpacket", "ring", rings::prepare_pairs, rings::serve_pairs, rings::call_pairs},
    {"seqpacket", "oneway", sockets::prepare_oneway, sockets::drain, sockets::send_many},
    {"seqpacket", "", sockets::prepare, sockets::serve, sockets::call},
    {"stream", "connect", sockets::prepare_listener, sockets::accept_calls,
     sockets::connect_call_close},
    {"stream", "", sockets::prepare, sockets::serve, sockets::call},
    {"pipe", "", pipes::prepare, pipes::serve, pipes::call},
    {"mq", "oneway", mq::prepare_oneway, mq::drain, mq::send_many},
    {"mq", "", mq::prepare, mq::serve, mq::call},
    {"eventfd", "", eventfds::prepare, eventfds::serve, eventfds::call},
    {"futex", "", futexes::prepare, futexes::serve, futexes::call},
    {"binder", "", nullptr, binder::serve, binder::call},
    {"process_vm_readv", "", copies::prepare, copies::lend, copies::read_remote},
    {"sched_yield", "", nullptr, copies::yield_forever, copies::yield},
    {"getppid", "", nullptr, nullptr, copies::getppid_only},
});

row call(std::string_view mechanism, std::size_t bytes) {
    return {.mechanism = std::string(mechanism),
            .operation = "call",
            .bytes = bytes,
            .request = bytes,
            .answer = std::min(bytes, small)};
}

row other(std::string_view mechanism, std::string_view operation, std::size_t bytes,
          std::size_t answer = 0) {
    return {.mechanism = std::string(mechanism),
            .operation = std::string(operation),
            .bytes = bytes,
            .request = bytes,
            .answer = answer};
}

row fetch(std::string_view mechanism, std::size_t bytes) {
    return {.mechanism = std::string(mechanism),
            .operation = "fetch",
            .bytes = bytes,
            .request = small,
            .answer = bytes};
}

} // namespace

std::span<const mechanism> all_mechanisms() {
    return mechanisms;
}

const mechanism &mechanism_of(const row &r) {
    const auto found = std::ranges::find_if(mechanisms, [&](const mechanism &m) {
        return m.name == r.mechanism && (m.operation.empty() || m.operation == r.operation);
    });
    if (found == mechanisms.end())
        throw std::logic_error("nothing runs " + r.name());
    return *found;
}

std::vector<row> all_rows(std::span<const std::size_t> sizes) {
    std::vector<row> rows;
    for (const auto name : {"getppid", "sched_yield", "eventfd", "futex", "caps", "binder"})
        rows.push_back(call(name, 0));
    for (const std::size_t size : sizes) {
        if (size == 0)
            continue;
        for (const auto name : {"caps", "seqpacket", "stream", "pipe", "mq", "futex"})
            rows.push_back(call(name, size));
        if (size <= 4096)
            rows.push_back(call("binder", size));
        if (size >= 1024)
            rows.push_back(call("process_vm_readv", size));
    }
    // Around the copy-break, to judge it.
    for (std::size_t size = 512; size <= 16384; size *= 2)
        for (const auto operation : {"call-copy", "call-pin"})
            rows.push_back(other("caps", operation, size, small));
    for (const auto name : {"caps", "seqpacket", "stream"})
        for (const std::size_t size : {std::size_t{65536}, mebibyte})
            rows.push_back(fetch(name, size));
    for (const auto name : {"caps", "seqpacket", "mq"})
        for (const std::size_t size : {small, std::size_t{4096}})
            rows.push_back(other(name, "oneway", size));
    for (const auto operation : {"call-plain", "call-annex"})
        rows.push_back(other("caps", operation, small, small));
    // The number is that of capabilities; in calls they move there and back.
    for (const auto operation : {"call-capabilities", "carry-moved", "carry-narrowed"})
        for (const std::size_t count : {std::size_t{1}, std::size_t{16}})
            rows.push_back(other("caps", operation, count, count));
    for (const auto operation : {"call-beside-work", "call-beside-moves"})
        rows.push_back(other("caps", operation, small, small));
    rows.push_back(call("chorus", small));
    rows.push_back(call("venter", small));
    for (const auto name : {"caps", "chorus"})
        rows.push_back(other(name, "call-apart", small, small));
    for (const auto name : {"caps", "dragonfly"})
        rows.push_back(other(name, "call-told", small, small));
    for (const auto operation : {"ring", "ring-poll"})
        rows.push_back(other("caps", operation, small, small));
    rows.push_back(other("seqpacket", "ring", small, small));
    for (const auto operation : {"ring-pinned", "ring-registered"})
        rows.push_back(other("caps", operation, 65536, small));
    for (const auto name : {"caps", "stream"})
        rows.push_back(other(name, "connect", small, small));
    // The number is that of services.
    for (const auto operation : {"look-up", "connect-among"})
        for (const std::size_t count : {std::size_t{1}, std::size_t{10000}})
            rows.push_back(other("caps", operation, count));
    for (const auto operation : {"duplicate", "export", "actor"})
        rows.push_back(other("caps", operation, 0));
    for (const std::size_t size : {small, mebibyte})
        rows.push_back(other("caps", "move-1000", size));
    for (const auto operation : {"send", "broadcast", "functional"})
        rows.push_back(other("caps", operation, small));
    rows.push_back(other("caps", "broadcast", mebibyte));
    return rows;
}

std::string size_text(std::size_t bytes) {
    if (bytes >= mebibyte && bytes % mebibyte == 0)
        return std::to_string(bytes / mebibyte) + "M";
    if (bytes >= 1024 && bytes % 1024 == 0)
        return std::to_string(bytes / 1024) + "K";
    return std::to_string(bytes);
}

std::size_t parse_size(const std::string &text) {
    std::size_t end = 0;
    std::size_t value = std::stoul(text, &end);
    const std::string_view unit = std::string_view(text).substr(end);
    if (unit == "K")
        return value << 10;
    if (unit == "M")
        return value << 20;
    if (!unit.empty())
        throw std::invalid_argument("not a size: " + text);
    return value;
}

std::string row::name() const {
    return mechanism + '.' + operation + '.' + size_text(bytes);
}

} // namespace bench
