// SPDX-License-Identifier: MIT
// Get and wait: from the kernel's queues, or from what is kept, to the program.
#include "address.hpp"
#include "port.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace dragonfly {
namespace {

/// There was nothing for the program in it.
constexpr int look_again = INT_MIN;

bool can_be_told(const place &to) {
    return (to.msgid == nullptr || writable(to.msgid, sizeof(*to.msgid))) &&
           (to.ccr == nullptr || writable(to.ccr, sizeof(*to.ccr)));
}

int size_of(const kept_message &it) {
    return static_cast<int>(it.header.body_len);
}

kept_message received(caps_msg_state_t state, const caps_header &header) {
    kept_message it;
    it.state = state;
    it.header = header;
    it.held = header.flags & CAPS_HEADER_HELD;
    if (header.error != 0)
        it.word = ENOTCONN;
    return it;
}

} // namespace

int port::get(const place &to, bool wait, int &word) {
    word = -1;
    if (to.room < 0)
        return -EINVAL;
    // Before anything is taken, which would be lost otherwise.
    if (!can_be_told(to))
        return -EFAULT;
    for (;;) {
        int got = get_kept(to, word);
        if (got != look_again)
            return got;
        caps_receive in{};
        bool slept = false;
        const int error = receive(to, wait, in, slept);
        if (error == 0)
            got = take(in, slept, to, word);
        else if (error != look_again && !closed_)
            return to_program(error);
        if (got != look_again)
            return got;
    }
}

// --- what is kept ---

int port::get_kept(const place &to, int &word) {
    kept_message first;
    {
        const std::lock_guard held(lock_);
        const int error = over();
        if (error != 0) {
            wake();
            return error;
        }
        if (kept_.empty())
            return look_again;
        first = kept_.pop();
    }
    return show_kept(first, to, word);
}

int port::show_kept(kept_message it, const place &to, int &word) {
    if (!it.held) {
        tell(it, to);
        if (it.state == CAPMS_DISPOSE)
            receipt_is_back();
        else
            request_is_back();
        word = it.state == CAPMS_REPLY ? it.word : -1;
        return 0;
    }
    caps_get_data in{};
    in.id = it.header.id;
    in.buffer.body = address_of(to.msg);
    in.buffer.body_len = static_cast<std::uint64_t>(to.room);
    const int error = command(device_.fd(), CAPS_GET_DATA, &in);
    if (error == -ENOMSG)
        return look_again; // replied to meanwhile
    if (error == -ECANCELED)
        return lost(it, to, word);
    if (error != 0) {
        const std::lock_guard held(lock_);
        kept_.push_front(it);
        wake();
        return to_program(error);
    }
    return it.state == CAPMS_REPLY ? show_reply(it, to, word) : show(it, to);
}

/// Whose it was has gone: a client whose request nobody has seen may as well not have been; of
/// others a notice tells. A server that died left its reply unfinished.
int port::lost(const kept_message &it, const place &to, int &word) {
    if (it.state == CAPMS_REPLY) {
        kept_message nothing = it;
        nothing.header.body_len = 0;
        nothing.word = ENOTCONN;
        look_whether_dead();
        return show_reply(nothing, to, word);
    }
    if (!it.shown)
        (void)discard(it.header.id);
    return look_again;
}

// --- what the kernel has ---

int port::receive(const place &to, bool wait, caps_receive &in, bool &slept) {
    in.port = CAPS_ANY_PORT;
    in.buffer.body = address_of(to.msg);
    in.buffer.body_len = static_cast<std::uint64_t>(to.room);
    // Groups can be asked for as long as it is held.
    in.flags = to.ccr != nullptr ? CAPS_HOLD : 0;
    if (!wait)
        return command(device_.fd(), CAPS_RECEIVE, &in);
    if (receipts_ != 0 && !waits_for_all_) {
        const int error = command(device_.fd(), CAPS_RECEIVE, &in);
        if (error != -EAGAIN)
            return error;
    }
    slept = true;
    return sleep(in);
}

int port::sleep(caps_receive &in) {
    {
        const std::lock_guard held(lock_);
        if (over() != 0 || !kept_.empty())
            return look_again;
        asleep_++;
    }
    in.port = waits_for_all_ ? CAPS_ANY_PORT : main_;
    in.deadline = CAPS_FOREVER;
    const int error = command(device_.fd(), CAPS_RECEIVE, &in);
    const std::lock_guard held(lock_);
    asleep_--;
    return error;
}

int port::take(const caps_receive &in, bool slept, const place &to, int &word) {
    const caps_header &header = in.header;
    switch (header.kind) {
    case CAPS_KIND_CALL:
        if (slept && receipts_ != 0 && keep_receipts()) {
            keep(received(CAPMS_REQUEST, header), true);
            return look_again;
        }
        return show(received(CAPMS_REQUEST, header), to);
    case CAPS_KIND_REPLY:
        return show_reply(received(CAPMS_REPLY, header), to, word);
    case CAPS_KIND_CANCELLED:
        return take_cancelled(in, to);
    case CAPS_KIND_DISPOSE:
        tell(received(CAPMS_DISPOSE, header), to);
        receipt_is_back();
        return 0;
    case CAPS_KIND_PORT_DEAD:
        note_death();
        return look_again;
    case CAPS_KIND_SIGNAL: {
        const std::lock_guard held(lock_);
        if (header.cookie == 0)
            kept_.signal_taken();
        return look_again;
    }
    default:
        // Nobody is to send one-way messages here.
        if (header.flags & CAPS_HEADER_HELD)
            (void)discard(header.id);
        return look_again;
    }
}

/// Those that came while this thread slept at the other port; before the request, mostly.
bool port::keep_receipts() {
    bool any = false;
    for (int due = receipts_; due > 0; due--) {
        caps_receive in{};
        in.port = CAPS_DEFAULT_PORT;
        if (command(device_.fd(), CAPS_RECEIVE, &in) != 0)
            break;
        if (in.header.kind == CAPS_KIND_DISPOSE) {
            kept_message it = received(CAPMS_DISPOSE, in.header);
            keep(it, false);
            any = true;
        } else if (in.header.kind == CAPS_KIND_SIGNAL) {
            const std::lock_guard held(lock_);
            kept_.signal_taken();
        }
    }
    return any;
}

/// A thread that replies just now, too late, leaves a DISPOSE itself; then it is not for us.
int port::take_cancelled(const caps_receive &in, const place &to) {
    const kept_message it = received(CAPMS_DISPOSE, in.header);
    kept_message unread;
    bool was_kept = false;
    {
        const std::lock_guard held(lock_);
        was_kept = kept_.remove(in.header.id, &unread);
    }
    tell(it, to);
    const int error = discard(in.header.id);
    return error != 0 || (was_kept && !unread.shown) ? look_again : 0;
}

// --- to the program ---

/// A request, or whatever is too large: that stays the first.
int port::show(kept_message it, const place &to) {
    tell(it, to);
    if (size_of(it) > to.room) {
        it.shown = true;
        const std::lock_guard held(lock_);
        kept_.push_front(it);
        wake();
    }
    return size_of(it);
}

int port::show_reply(const kept_message &it, const place &to, int &word) {
    if (it.word != 0)
        look_whether_dead();
    word = size_of(it) == 0 ? it.word : -1;
    if (size_of(it) > to.room)
        return show(it, to);
    tell(it, to);
    if (it.held)
        (void)discard(it.header.id);
    request_is_back();
    return size_of(it);
}

void port::tell(const kept_message &it, const place &to) const {
    if (to.msgid != nullptr)
        *to.msgid = {to_msgid(it.header.id), it.state, 0};
    if (to.ccr == nullptr)
        return;
    *to.ccr = {};
    to.ccr->pid = static_cast<pid_t>(it.header.pid);
    to.ccr->uid = it.header.uid;
    to.ccr->euid = it.header.euid;
    to.ccr->gid = it.header.gid;
    tell_groups(it, *to.ccr);
}

/// As BSD has them: the effective group is the first.
void port::tell_groups(const kept_message &it, caps_cred &ccr) const {
    std::array<gid_t, CAPS_MAXGROUPS> others{};
    caps_identity more{};
    more.id = it.header.id;
    more.groups = address_of(others.data());
    more.group_count = CAPS_MAXGROUPS;
    if (!it.held || command(device_.fd(), CAPS_IDENTITY, &more) != 0)
        more.group_count = 0;
    ccr.groups[ccr.ngroups++] = it.header.egid;
    const std::uint32_t count = std::min<std::uint32_t>(more.group_count, CAPS_MAXGROUPS);
    for (std::uint32_t i = 0; i < count && ccr.ngroups < CAPS_MAXGROUPS; i++)
        if (others[i] != it.header.egid)
            ccr.groups[ccr.ngroups++] = others[i];
}

int port::discard(std::uint64_t id) const {
    caps_discard it{};
    it.id = id;
    return command(device_.fd(), CAPS_DISCARD, &it);
}

} // namespace dragonfly
