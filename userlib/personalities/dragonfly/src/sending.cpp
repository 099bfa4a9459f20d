// SPDX-License-Identifier: MIT
// Requests, replies, and what can be done about a request afterwards.
#include "port.hpp"

#include <cerrno>

namespace dragonfly {
namespace {

caps_data body(const void *at, int size) {
    caps_data it{};
    it.body = address_of(at);
    it.body_len = static_cast<std::uint64_t>(size);
    return it;
}

} // namespace

off_t port::put(const void *msg, int size) {
    if (is_service_ || size < 0)
        return -EINVAL;
    if (dead_)
        return -ENOTCONN;
    // Counted first: another thread may get the reply before this one has the id.
    if (requests_++ >= CAPS_MAXINPROG) {
        request_is_back();
        return -ENOBUFS;
    }
    caps_send out{};
    out.capability = connection_;
    out.source = main_;
    out.data = body(msg, size);
    out.flags = CAPS_DEFER;
    const int error = command(device_.fd(), CAPS_CALL_ASYNC, &out);
    if (error == 0)
        return to_msgid(out.id);
    request_is_back();
    if (error == -EPIPE || error == -EKEYREVOKED)
        note_death();
    return error == -EAGAIN ? -ENOBUFS : to_program(error);
}

int port::reply(const void *msg, int size, off_t msgid) {
    if (!is_service_ || size < 0)
        return -EINVAL;
    caps_reply out{};
    out.id = from_msgid(msgid);
    out.data = body(msg, size);
    out.flags = CAPS_DEFER | CAPS_RECEIPT;
    receipts_++;
    int error = command(device_.fd(), CAPS_REPLY, &out);
    if (error == -EDQUOT)
        error = reply_for_less(out);
    if (error == 0 || error == -ECANCELED) {
        const std::lock_guard held(lock_);
        kept_.remove(out.id);
    }
    if (error == -ECANCELED) {
        // Its client has gone, and nobody will be told of that.
        kept_message it;
        it.header.id = out.id;
        keep(it, false);
        return 0;
    }
    if (error != 0)
        receipt_is_back();
    return to_program(error);
}

/// The receipt is too much for this user's share. A small reply can do without: it was copied.
int port::reply_for_less(caps_reply &out) {
    out.flags = CAPS_DEFER;
    const int error = command(device_.fd(), CAPS_REPLY, &out);
    if (error == 0 && (out.result & CAPS_RESULT_COPIED)) {
        kept_message it;
        it.header.id = out.id;
        keep(it, false);
    }
    return error;
}

int port::abort(off_t msgid) {
    if (is_service_)
        return -EINVAL;
    caps_abort it{};
    it.id = from_msgid(msgid);
    if (it.id == watch_)
        return CAPS_ABORT_NOTIMPL;
    {
        const std::lock_guard held(lock_);
        if (kept_.has(it.id))
            return CAPS_ABORT_RETURNED;
    }
    const int error = command(device_.fd(), CAPS_ABORT, &it);
    if (error != 0)
        return to_program(error);
    static_assert(int{CAPS_ABORT_UNKNOWN} == CAPS_ABORT_NOTIMPL);
    static_assert(int{CAPS_ABORT_ANSWERED} == CAPS_ABORT_RETURNED);
    static_assert(int{CAPS_ABORT_BEFORE} == CAPS_ABORT_BEFORESERVER);
    static_assert(int{CAPS_ABORT_AT_SERVER} == CAPS_ABORT_ATSERVER);
    const int outcome = static_cast<int>(it.outcome);
    if (outcome == CAPS_ABORT_BEFORESERVER || outcome == CAPS_ABORT_ATSERVER) {
        kept_message back;
        back.state = CAPMS_REPLY;
        back.header.id = it.id;
        back.word = ECANCELED;
        keep(back, true);
    }
    return outcome;
}

} // namespace dragonfly
