// SPDX-License-Identifier: MIT
#include "handler.hpp"

#include "actor.hpp"
#include "current.hpp"
#include "outgoing.hpp"

#include <exec/chExec.h>

#include <cstring>
#include <memory>

namespace chorus {
namespace {

thread_local handler *running = nullptr;

} // namespace

bool handler::start(VmSize stack) {
    body_.resize(K_CMSGSIZEMAX);
    reply_body_.resize(K_CMSGSIZEMAX);
    annex_.resize(K_CMSGANNEXSIZE);
    reply_annex_.resize(K_CMSGANNEXSIZE);
    if (!start_thread(run, this, stack))
        return false;
    std::unique_lock held(lock_);
    changed_.wait(held, [this] { return lid_ != 0; });
    return true;
}

void handler::stop() {
    std::unique_lock held(lock_);
    stopping_ = true;
    if (running == this) {
        alone_ = true;
        return;
    }
    thread *const self = thread::enter();
    if (self != nullptr)
        (void)self->home().abort(lid_);
    changed_.wait(held, [this] { return ended_; });
    held.unlock();
    delete this;
}

void *handler::run(void *me) {
    auto *const it = static_cast<handler *>(me);
    thread *const self = thread::enter();
    running = it;
    it->handle_all(*self);
    std::unique_lock held(it->lock_);
    it->ended_ = true;
    it->changed_.notify_all();
    const bool alone = it->alone_;
    held.unlock();
    if (alone)
        delete it;
    return nullptr;
}

void handler::handle_all(thread &self) {
    std::unique_lock held(lock_);
    lid_ = self.lid();
    changed_.notify_all();
    bool more = true;
    while (more && !stopping_) {
        held.unlock();
        more = handle_next(self);
        held.lock();
    }
    held.unlock();
    finish_reply(self);
}

/// False: the port has gone.
bool handler::handle_next(thread &self) {
    KnMsgDesc msg{K_ABORTABLE, K_CMSGSIZEMAX, body_.data(), annex_.data(), 0};
    int portli = portli_;
    const int size = receive(self, msg, portli, capability_, K_NOTIMEOUT, &reply_);
    if (size >= 0) {
        msg.flags = 0;
        msg.bodySize = static_cast<VmSize>(size);
        if (self.current().header.annex_len == 0)
            msg.annexAddr = nullptr;
        call_(&msg, cookie_);
        // What it has neither answered nor saved, nobody can any more.
        self.drop_current();
    } else if (size == K_EUNKNOWN && reply_.id != 0) {
        reply_.id = 0; // its client has gone
    } else if (size != K_ENOPORT && size != K_EABORT) {
        (void)threadDelay(10); // short of memory
    }
    return size != K_ENOPORT;
}

int handler::prepare_reply(thread &self, const KnMsgDesc &msg) {
    if (running == nullptr || !self.current())
        return K_EINVAL;
    if (msg.bodySize > K_CMSGSIZEMAX)
        return K_ETOOMUCH;
    running->keep_reply(self.current().header.id, msg);
    self.forget_current();
    return K_OK;
}

/// A copy: the handler's variables are gone when it is sent.
void handler::keep_reply(std::uint64_t id, const KnMsgDesc &msg) {
    KnMsgDesc kept{};
    if (msg.bodyAddr != nullptr && msg.bodySize != 0) {
        std::memcpy(reply_body_.data(), msg.bodyAddr, msg.bodySize);
        kept.bodyAddr = reply_body_.data();
        kept.bodySize = msg.bodySize;
    }
    if (msg.annexAddr != nullptr) {
        std::memcpy(reply_annex_.data(), msg.annexAddr, K_CMSGANNEXSIZE);
        kept.annexAddr = reply_annex_.data();
    }
    reply_ = {};
    reply_.id = id;
    reply_.data = place_for(kept);
}

void handler::finish_reply(thread &self) {
    if (reply_.id != 0)
        (void)command(self.home().device(), CAPS_REPLY, &reply_);
}

} // namespace chorus

using namespace chorus;

int svMsgHandler(KnCap *actorcap, int portli, KnMsgHdl function, VmSize stacksize, void *cookie) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    port_table &ports = self->home().ports();
    const port *const served = ports.find(portli);
    if (!self->home().is_me(actorcap) || served == nullptr)
        return K_EINVAL;
    handler *before = nullptr;
    if (function == nullptr) {
        const int error = ports.serve(portli, nullptr, &before);
        if (error == K_OK)
            before->stop();
        return error;
    }
    auto it = std::make_unique<handler>(function, cookie, portli, served->capability);
    const int error = ports.serve(portli, it.get(), &before);
    if (error != K_OK)
        return error;
    if (it->start(stacksize)) {
        (void)it.release();
        return K_OK;
    }
    (void)ports.serve(portli, nullptr, &before);
    return K_ENOMEM;
}

int svMsgHdlReply(KnMsgDesc *msg) {
    thread *const self = thread::enter();
    if (self == nullptr)
        return K_EFAIL;
    return msg != nullptr ? handler::prepare_reply(*self, *msg) : K_EFAULT;
}
