// SPDX-License-Identifier: MIT
// A client whose memory never answers. It uses the ABI itself where it has its
// answer written into such memory: the library keeps that part in its own.

#include "hostile.hpp"

#include <caps/caps.hpp>
#include <cstring>
#include <fcntl.h>
#include <linux/caps.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace demo {

void stuck_client(const part &role, const std::string &path, bool answer) {
    const auto actor = caps::actor::open();
    const auto server = actor.connect(digest_service, {.uid = role.cast.server()});
    const caps::descriptor file(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), path.c_str()));
    constexpr std::size_t size = 1 << 20;
    // Written to, a private mapping of a file first wants the file's content.
    void *place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
    if (place == MAP_FAILED)
        fail("mapping " + path);
    say("ready");
    await_cue();

    int error = 0;
    if (answer) {
        caps_call call{};
        call.capability = server.get();
        call.deadline = CAPS_FOREVER;
        call.reply.annex = reinterpret_cast<std::uintptr_t>(place);
        call.reply.annex_len = CAPS_MAX_ANNEX;
        if (ioctl(actor.get(), CAPS_CALL, &call) < 0)
            error = errno;
    } else {
        const auto reply = server.try_call({.body = caps::bytes(place, size)});
        if (!reply)
            error = reply.error().code();
    }
    say("returned", {{"error", error}});
}

} // namespace demo
