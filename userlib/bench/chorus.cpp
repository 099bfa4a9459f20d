// SPDX-License-Identifier: MIT
// Ports by the calls of Chorus: what that library adds to the bare ABI.
#include "mechanisms.hpp"

#include <chorus.h>
#include <stdexcept>

namespace bench::chorus {
namespace {

constexpr unsigned stamp = 0xbe4c;

KnUniqueId server_name() {
    KnUniqueId ui{};
    uiBuild(&ui, K_UIPORT, K_LOCALSITE, stamp);
    return ui;
}

KnMsgDesc body(buffer &from, std::size_t size) {
    KnMsgDesc msg{};
    msg.bodyAddr = from.data();
    msg.bodySize = static_cast<VmSize>(size);
    return msg;
}

void expect(bool good, const char *what) {
    if (!good)
        throw std::runtime_error(what);
}

int declare_port() {
    KnUniqueId ui = server_name();
    const int li = portDeclare(K_MYACTOR, &ui);
    expect(li > 0, "portDeclare");
    return li;
}

void answer(KnMsgDesc * /*request*/, void *cookie) {
    (void)svMsgHdlReply(static_cast<KnMsgDesc *>(cookie));
}

} // namespace

void serve_by_handler(const side &self) {
    buffer to_send(self.row.answer);
    KnMsgDesc out = body(to_send, self.row.answer);
    const int li = declare_port();
    expect(svMsgHandler(K_MYACTOR, li, answer, 0, &out) == K_OK, "svMsgHandler");
    say_ready(self);
    (void)threadDelay(K_NOTIMEOUT);
}

void serve(const side &self) {
    buffer request(self.row.request);
    buffer answer(self.row.answer);
    KnMsgDesc in = body(request, self.row.request);
    KnMsgDesc out = body(answer, self.row.answer);
    const int li = declare_port();
    say_ready(self);
    for (;;) {
        int from = li;
        expect(ipcReceive(&in, &from, K_NOTIMEOUT) >= 0, "ipcReceive");
        expect(ipcReply(&out) == K_OK, "ipcReply");
    }
}

void call(const side &self) {
    buffer request(self.row.request);
    buffer answer(self.row.answer);
    KnMsgDesc out = body(request, self.row.request);
    KnMsgDesc in = body(answer, self.row.answer);
    KnIpcDest dest{server_name(), {}};
    int got = 0;
    measure(self, [&] { got = ipcCall(&out, K_DEFAULTPORT, &dest, &in, K_NOTIMEOUT); });
    expect(got == static_cast<int>(self.row.answer), "ipcCall");
}

} // namespace bench::chorus
