// SPDX-License-Identifier: MIT
// Sending, calling and receiving.
#include "group_send.hpp"
#include "outgoing.hpp"

#include <ipc/chIpc.h>

namespace chorus {
namespace {

bool may_be_aborted(const KnMsgDesc &msg) {
    return (msg.flags & K_ABORTABLE) != 0;
}

/// The kernel's error of a receive, in which queues are never full.
int receive_error(int error) {
    switch (-error) {
    case EAGAIN:
        return K_ETIMEOUT;
    case EDQUOT: // too much is held already
        return K_ENOMEM;
    case EBADF: // it went between looking for it and waiting at it
    case EPERM:
    case EPIPE:
        return K_ENOPORT;
    default:
        return k_error(error);
    }
}

bool is_broadcast(KnUniqueId target) {
    return ui::is_group(target) && ui::mode_of(target) == K_BROADMODE;
}

template <class Send>
int send_to(actor &home, const KnIpcDest &dest, Send send) {
    if (ui::is_group(dest.target))
        return send_to_group(home, dest, send);
    return home.names().with(dest.target, [&](std::uint64_t capability) {
        return send({capability, 0, 0});
    });
}

/// What came that is not for the program. True: look for another message.
bool is_notice(actor &home, const caps_header &header) {
    if (header.kind == CAPS_KIND_CANCELLED)
        home.abort_server_of(header.id);
    return header.kind > CAPS_KIND_REPLY;
}

/// What was received, as the current message of the thread. Its parts are set one by one: this
/// is on the way of each message.
void make_current(thread &self, const caps_receive &received, int portli) {
    port_table &ports = self.home().ports();
    const caps_header &header = received.header;
    if (portli == K_ANYENABLED)
        portli = ports.find(ui::from_value(header.cookie));
    const port *const through = ports.find(portli);
    const std::uint64_t first = through != nullptr ? through->first.load() : 0;
    self.drop_current();
    message &it = self.current();
    it.header = header;
    it.portli = portli;
    it.sequence = static_cast<unsigned>(header.sequence - first);
    it.body_left = received.buffer.body == 0 || body_size(header) > received.buffer.body_len;
    self.current_is_new();
}

} // namespace

int receive(thread &self, KnMsgDesc &msg, int &portli, std::uint64_t capability, int delay,
            caps_reply *first) {
    caps_reply_receive turn{};
    caps_receive &it = turn.receive;
    it.port = capability;
    it.deadline = deadline_after(delay);
    it.buffer = place_for(msg);
    it.flags = CAPS_HOLD;
    if (first != nullptr)
        turn.reply = *first;
    do {
        const int error =
            turn.reply.id != 0
                ? self.wait(CAPS_REPLY_RECEIVE, turn, it.deadline, may_be_aborted(msg))
                : self.wait(CAPS_RECEIVE, it, it.deadline, may_be_aborted(msg));
        if (first != nullptr)
            first->id = turn.reply.id;
        if (error != 0)
            return receive_error(error);
    } while (is_notice(self.home(), it.header));

    make_current(self, it, portli);
    const message &current = self.current();
    portli = current.portli;
    msg.seqNum = current.sequence;
    const VmSize size = body_size(current.header);
    if (msg.bodyAddr != nullptr && current.body_left)
        return K_ETOOMUCH;
    return static_cast<int>(size);
}

} // namespace chorus

using namespace chorus;

int ipcSend(KnMsgDesc *msg, int srcportli, KnIpcDest *dest) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    outgoing out;
    const int refused = out.prepare(self->home(), msg, srcportli, dest);
    if (refused != K_OK)
        return refused;
    caps_send it{};
    it.source = out.source().capability;
    it.address = out.source().name;
    it.data = out.data();
    it.operation = out.operation();
    it.deadline = out.waits() ? CAPS_FOREVER : 0;
    const auto send = [&](const route &to) {
        it.capability = to.capability;
        it.relative = to.relative;
        it.flags = to.flags;
        return self->wait(CAPS_SEND, it, it.deadline, may_be_aborted(*msg));
    };
    if (is_broadcast(dest->target))
        it.deadline = 0; // one that is full is not to keep it from the others
    return k_error(send_to(self->home(), *dest, send));
}

int ipcCall(KnMsgDesc *request, int srcportli, KnIpcDest *dest, KnMsgDesc *reply, int delay) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (reply == nullptr)
        return K_EFAULT;
    outgoing out;
    const int refused = out.prepare(self->home(), request, srcportli, dest);
    if (refused != K_OK)
        return refused;
    if (is_broadcast(dest->target))
        return K_EINVAL;
    caps_call it{};
    it.address = out.source().name;
    it.deadline = delay == 0 ? 1 : deadline_after(delay);
    it.operation = out.operation();
    it.flags = out.waits() ? 0 : CAPS_NOWAIT_QUEUE;
    if (may_be_aborted(*reply))
        it.flags |= CAPS_INTERRUPTIBLE;
    it.request = out.data();
    it.reply = place_for(*reply);
    const std::uint32_t flags = it.flags;
    const int error = send_to(self->home(), *dest, [&](const route &to) {
        it.capability = to.capability;
        it.relative = to.relative;
        it.flags = flags | to.flags;
        return self->wait(CAPS_CALL, it, it.deadline, may_be_aborted(*reply));
    });
    if (error != 0)
        return k_error(error);
    if (reply->bodyAddr != nullptr && it.reply_body_len > reply->bodySize)
        return K_ETOOMUCH;
    return static_cast<int>(it.reply_body_len);
}

int ipcReceive(KnMsgDesc *msg, int *portli, int delay) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (msg == nullptr || portli == nullptr)
        return K_EFAULT;
    if (*portli == K_ANYENABLED)
        return receive(*self, *msg, *portli, CAPS_ANY_PORT, delay, nullptr);
    const port *const from = self->home().ports().find(*portli);
    if (from == nullptr || from->served.load() != nullptr)
        return K_EINVAL;
    int li = *portli == K_DEFAULTPORT ? port_table::default_port : *portli;
    const int result = receive(*self, *msg, li, from->capability, delay, nullptr);
    if (result >= 0 || result == K_ETOOMUCH)
        *portli = li;
    return result;
}
