// SPDX-License-Identifier: MIT
// What is done with the current message of a thread.
#include "current.hpp"

#include "outgoing.hpp"

#include <ipc/chIpc.h>

namespace chorus {
namespace {

int read_body(thread &self, std::uint64_t offset, void *to, std::size_t size) {
    caps_get_data it{};
    it.id = self.current().header.id;
    it.offset = offset;
    it.buffer.body = address_of(to);
    it.buffer.body_len = size;
    return command(self.home().device(), CAPS_GET_DATA, &it);
}

/// The name that a message says it comes from. Its owner must be the user whom the kernel says
/// it comes from, so nobody can speak in the name of another. What a reply carries is what this
/// actor itself had written when it sent.
KnUniqueId verified_source(const caps_header &header) {
    const KnUniqueId claimed = ui::from_value(header.address);
    const bool true_enough = header.kind == CAPS_KIND_REPLY || ui::owner_of(claimed) == header.euid;
    return true_enough ? claimed : KnUniqueId{};
}

/// What the trailer says. Only the super-user may have protection identifiers of his choice.
int read_trailer(thread &self, KnMsgHead &head) {
    const caps_header &header = self.current().header;
    if (body_size(header) == header.body_len)
        return K_OK;
    trailer said{};
    const int error = read_body(self, body_size(header), &said, sizeof(said));
    if (error != 0)
        return k_error(error);
    head.target = said.target;
    head.coTarget = said.co_target;
    if (header.euid == 0) {
        head.actorId = said.actor_pi;
        head.portId = said.port_pi;
    }
    return K_OK;
}

} // namespace

int reply(thread &self, const KnMsgDesc &msg) {
    if (msg.bodySize > K_CMSGSIZEMAX)
        return K_ETOOMUCH;
    if (!self.current())
        return K_EINVAL;
    caps_reply it{};
    it.id = self.current().header.id;
    it.data = place_for(msg);
    const int error = command(self.home().device(), CAPS_REPLY, &it);
    // Nobody waits for it any more: it has been ended all the same.
    if (error == 0 || error == -ECANCELED || error == -ENOMSG)
        self.forget_current();
    return k_error(error);
}

} // namespace chorus

using namespace chorus;

int ipcReply(KnMsgDesc *msg) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    return msg != nullptr ? reply(*self, *msg) : K_EFAULT;
}

int ipcGetData(KnMsgDesc *msg) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (msg == nullptr)
        return K_EFAULT;
    message &current = self->current();
    if (!current || !current.body_left)
        return K_EINVAL;
    const VmSize size = body_size(current.header);
    if (size > msg->bodySize)
        return K_ETOOMUCH;
    const int error = read_body(*self, 0, msg->bodyAddr, size);
    if (error != 0)
        return k_error(error);
    current.body_left = false;
    return static_cast<int>(size);
}

int ipcSysInfo(KnMsgHead *head) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (head == nullptr)
        return K_EFAULT;
    const message &current = self->current();
    if (!current)
        return K_EINVAL;
    const caps_header &header = current.header;
    *head = KnMsgHead{};
    head->srcPort = verified_source(header);
    head->target = ui::from_value(header.cookie);
    head->transId = current.is_call() ? static_cast<unsigned>(header.id) : 0;
    head->actorId = protection_of(header.euid, header.egid);
    head->portId = head->actorId;
    head->bodySize = static_cast<int>(body_size(header));
    head->flags[0] = static_cast<char>(header.kind);
    head->flags[1] = header.annex_len != 0 ? 1 : 0;
    return read_trailer(*self, *head);
}

int ipcSave(int /*reserved*/) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    if (!self->current())
        return K_EINVAL;
    const int saved = self->home().save(self->current());
    if (saved > 0)
        self->forget_current();
    return saved;
}

int ipcRestore(int saved) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    message it;
    if (!self->home().restore(saved, it))
        return K_EINVAL;
    self->replace_current(it);
    return K_OK;
}
