// SPDX-License-Identifier: MIT
#include "client.hpp"

#include "process.hpp"

#include <algorithm>

namespace venter {
namespace {

/// There is another piece, which take_answer() says instead of 0.
constexpr int another = 1;

} // namespace

client::~client() {
    if (call_ != 0) {
        caps_abort it{};
        it.id = call_;
        (void)command(home_.device(), CAPS_ABORT, &it);
    }
    home_.close_capability(capability_);
}

int client::begin(const parameters &p) {
    const unsigned operation = p.operation & ~operation_flags;
    if (in_midst())
        return -EBUSY;
    if (operation >= CAPS_OPERATIONS || (p.operation & operation_flags & ~IO_SHARABLE))
        return -EINVAL;
    if (!(operations_ & IO_SET(operation)))
        return -EACCES;
    asked_ = p;
    asked_.operation = operation;
    input_.post(p);
    got_ = 0;
    // What comes is as large as the server likes, up to this.
    return input_.is_made() && !input_.make(p.in_len) ? -ENOMEM : 0;
}

// --- at once ---

int client::exchange(parameters &p) {
    int error = begin(p);
    if (error != 0)
        return error;
    std::size_t out_len = p.out_len;
    do {
        error = call(p, out_len);
        out_len = 0;
    } while (error == another);
    return finish(error, p);
}

int client::call(const parameters &p, std::size_t out_len) {
    const request_annex annex{room()};
    message m;
    caps_call it{};
    it.capability = capability_;
    it.address = asked_.address + got_;
    it.deadline = CAPS_FOREVER;
    it.operation = asked_.operation;
    if ((p.operation & IO_SHARABLE) || room() >= direct_size)
        it.flags = CAPS_DIRECT_REPLY;
    it.request.annex = address_of(&annex);
    it.request.annex_len = sizeof(annex);
    it.request.body = address_of(p.out_buf);
    it.request.body_len = out_len;
    it.reply.annex = address_of(m.annex.data());
    it.reply.annex_len = sizeof(m.annex);
    it.reply.body = address_of(place());
    it.reply.body_len = room();
    const int error = command(home_.device(), CAPS_CALL, &it);
    if (error != 0)
        return error;
    m.header.annex_len = it.reply_annex_len;
    return take_answer(it.status, m, it.reply_body_len);
}

// --- in two steps ---

int client::initiate(const parameters &p) {
    int error = begin(p);
    if (error == 0 && inlet_.handle() == 0)
        error = inlet_.create(number_);
    if (error == 0)
        error = inlet_.take_part();
    if (error == 0)
        error = send(p, p.out_len);
    if (error == 0)
        set_midst(true);
    return error;
}

int client::send(const parameters &p, std::size_t out_len) {
    const request_annex annex{room()};
    caps_send it{};
    it.capability = capability_;
    it.source = inlet_.handle();
    it.address = asked_.address + got_;
    it.data.annex = address_of(&annex);
    it.data.annex_len = sizeof(annex);
    it.data.body = address_of(p.out_buf);
    it.data.body_len = out_len;
    it.operation = asked_.operation;
    if ((p.operation & IO_SHARABLE) && out_len != 0)
        it.flags = CAPS_DEFER;
    const int error = command(home_.device(), CAPS_CALL_ASYNC, &it);
    if (error != 0)
        return error;
    call_ = it.id;
    return 0;
}

int client::complete(parameters &p, waiting how) {
    if (!in_midst())
        return -EINVAL;
    int outcome = 0;
    while (call_ != 0) {
        message m;
        const int error = inlet_.receive(m, place(), room(), how);
        if (error != 0)
            return error;
        outcome = take(m);
        // No output comes along.
        if (outcome == another)
            outcome = send({}, 0);
    }
    set_midst(false);
    return finish(outcome, p);
}

/// The answer comes once, also if the server dies; and after it nobody reads the output.
int client::take(const message &m) {
    if (m.header.kind != CAPS_KIND_REPLY || m.header.id != call_)
        return 0;
    call_ = 0;
    const int result = take_reply(m);
    if (m.header.flags & CAPS_HEADER_HELD) {
        caps_discard it{};
        it.id = m.header.id;
        (void)command(home_.device(), CAPS_DISCARD, &it);
    }
    return result;
}

int client::take_reply(const message &m) {
    if (m.header.error != 0)
        return -m.header.error;
    const std::size_t wanted = std::min<std::uint64_t>(m.header.body_len, room());
    if (m.body_put < wanted) {
        caps_get_data it{};
        it.id = m.header.id;
        it.buffer.body = address_of(place());
        it.buffer.body_len = wanted;
        const int error = command(home_.device(), CAPS_GET_DATA, &it);
        if (error != 0)
            return error;
    }
    return take_answer(m.header.status, m, m.header.body_len);
}

// --- the answer ---

/// 0, another, or what it says that went wrong.
int client::take_answer(std::int32_t status, const message &m, std::uint64_t size) {
    if (status != 0)
        return status > 0 && status <= max_errno ? -status : -EPROTO;
    if (!m.annex_is(answer_))
        return -EPROTO;
    if (size > room())
        return -EMSGSIZE;
    got_ += size;
    if (answer_.more == 0 || room() == 0)
        return 0;
    return size != 0 ? another : -EPROTO; // it would never end
}

int client::finish(int error, parameters &p) const {
    if (error != 0)
        return error;
    p = {answer_.operation, answer_.address, answer_.room, asked_.out_buf, got_, input_.data()};
    return IO_ANSWER;
}

} // namespace venter
