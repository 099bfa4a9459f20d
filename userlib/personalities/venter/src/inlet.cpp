// SPDX-License-Identifier: MIT
#include "inlet.hpp"

#include "process.hpp"

namespace venter {

caps_receive receive_into(message &it, char *body, std::size_t size) {
    caps_receive r{};
    r.buffer.annex = address_of(it.annex.data());
    r.buffer.annex_len = sizeof(it.annex);
    r.buffer.body = address_of(body);
    r.buffer.body_len = body != nullptr ? size : 0;
    return r;
}

namespace {

void received(const caps_receive &r, message &it) {
    it.header = r.header;
    it.body_put = r.header.body_len < r.buffer.body_len ? r.header.body_len : r.buffer.body_len;
}

} // namespace

inlet::~inlet() {
    if (handle_ == 0)
        return;
    home_.forget(*this);
    caps_port_ref gone{};
    gone.capability = handle_;
    (void)command(home_.device(), CAPS_PORT_DELETE, &gone);
    home_.close_capability(handle_);
}

int inlet::create(int number) {
    caps_port_create it{};
    it.cookie = home_.new_cookie(number);
    const int error = command(home_.device(), CAPS_PORT_CREATE, &it);
    if (error == 0)
        adopt(it.capability, it.cookie);
    return error;
}

void inlet::adopt(std::uint64_t handle, std::uint64_t cookie) {
    handle_ = handle;
    cookie_ = cookie;
    home_.remember(*this);
}

int inlet::take_part() {
    if (takes_part_)
        return 0;
    caps_port_enable it{};
    it.capability = handle_;
    const int error = command(home_.device(), CAPS_PORT_ENABLE, &it);
    takes_part_ = error == 0;
    return error;
}

int inlet::receive(message &it, char *body, std::size_t size, waiting how) {
    if (begin_wait(it))
        return 0;
    caps_receive r = receive_into(it, body, size);
    r.port = handle_;
    r.deadline = how == waiting::yes ? CAPS_FOREVER : 0;
    const int error = command(home_.device(), CAPS_RECEIVE, &r);
    end_wait();
    received(r, it);
    return error;
}

int inlet::answer_and_receive(caps_reply &reply, message &it, char *body, std::size_t size) {
    if (begin_wait(it)) {
        const int error = command(home_.device(), CAPS_REPLY, &reply);
        if (error != 0)
            hand(it);
        else
            reply.id = 0;
        return error;
    }
    caps_reply_receive turn{};
    turn.reply = reply;
    turn.receive = receive_into(it, body, size);
    turn.receive.port = handle_;
    turn.receive.deadline = CAPS_FOREVER;
    const int error = command(home_.device(), CAPS_REPLY_RECEIVE, &turn);
    end_wait();
    reply.id = turn.reply.id;
    received(turn.receive, it);
    return error;
}

void inlet::hand(const message &it) {
    const std::lock_guard held(lock_);
    handed_.push_back(it);
    handed_count_.store(static_cast<unsigned>(handed_.size()), std::memory_order_release);
    if (!waited_for_)
        return;
    caps_signal look{};
    look.capability = handle_;
    look.bits = 1;
    (void)command(home_.device(), CAPS_SIGNAL, &look);
}

bool inlet::take_handed(message &it) {
    if (handed_.empty())
        return false;
    it = handed_.front();
    handed_.pop_front();
    handed_count_.store(static_cast<unsigned>(handed_.size()), std::memory_order_release);
    return true;
}

/// True: no need to wait.
bool inlet::begin_wait(message &it) {
    const std::lock_guard held(lock_);
    if (take_handed(it))
        return true;
    waited_for_ = true;
    return false;
}

void inlet::end_wait() {
    const std::lock_guard held(lock_);
    waited_for_ = false;
}

} // namespace venter
