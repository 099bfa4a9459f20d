// SPDX-License-Identifier: MIT
#include "handler.hpp"

#include "actor.hpp"
#include "current.hpp"

#include <exec/chExec.h>

#include <array>
#include <chrono>
#include <memory>

namespace chorus {
namespace {

thread_local const handler *running = nullptr;

} // namespace

bool handler::is_running() {
    return running != nullptr;
}

bool handler::start(VmSize stack) {
    body_.resize(K_CMSGSIZEMAX);
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
    std::array<unsigned char, K_CMSGANNEXSIZE> annex{};
    std::unique_lock held(lock_);
    lid_ = self.lid();
    changed_.notify_all();
    while (!stopping_) {
        held.unlock();
        KnMsgDesc msg{K_ABORTABLE, K_CMSGSIZEMAX, body_.data(), annex.data(), 0};
        int portli = portli_;
        const int size = receive(self, msg, portli, capability_, K_NOTIMEOUT);
        if (size >= 0) {
            msg.flags = 0;
            msg.bodySize = static_cast<VmSize>(size);
            if (self.current().header.annex_len == 0)
                msg.annexAddr = nullptr;
            call_(&msg, cookie_);
            // What it has neither answered nor saved, nobody can any more.
            self.replace_current(message{});
        } else if (size == K_ENOPORT) {
            return;
        } else if (size != K_EABORT) {
            (void)threadDelay(10); // short of memory
        }
        held.lock();
    }
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
    if (!handler::is_running())
        return K_EINVAL;
    return ipcReply(msg);
}
