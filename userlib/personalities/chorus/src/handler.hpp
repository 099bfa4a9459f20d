// SPDX-License-Identifier: MIT
// A message handler: a thread of the library that receives from a port and calls a function.
#pragma once

#include "thread.hpp"

#include <ipc/chIpc.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace chorus {

class handler {
  public:
    handler(KnMsgHdl call, void *cookie, int portli, std::uint64_t capability)
        : call_(call), cookie_(cookie), portli_(portli), capability_(capability) {}

    bool start(VmSize stack);
    /// Returns when no message is being handled any more, unless a handler calls it itself, in
    /// which case it ends with that message. Then it is no more.
    void stop();
    /// svMsgHdlReply(), in the calling thread.
    static int prepare_reply(thread &self, const KnMsgDesc &msg);

  private:
    static void *run(void *me);
    void handle_all(thread &self);
    bool handle_next(thread &self);
    void keep_reply(std::uint64_t id, const KnMsgDesc &msg);
    void finish_reply(thread &self);

    KnMsgHdl call_;
    void *cookie_;
    int portli_;
    std::uint64_t capability_;
    std::vector<unsigned char> body_;
    std::vector<unsigned char> annex_;
    // What was prepared: it is sent when the next message is received, by one system call.
    std::vector<unsigned char> reply_body_;
    std::vector<unsigned char> reply_annex_;
    caps_reply reply_{};

    std::mutex lock_;
    std::condition_variable changed_;
    KnThreadLid lid_ = 0; // of its thread, once that runs
    bool stopping_ = false;
    bool alone_ = false; // nobody waits for its end
    bool ended_ = false;
};

} // namespace chorus
