// SPDX-License-Identifier: MIT
// Ports by the calls of Venter: what that library adds to the bare ABI.
#include "mechanisms.hpp"

#include <stdexcept>
#include <venter.h>

namespace bench::venter {
namespace {

constexpr int port = 1;
constexpr const char *name = "bench";

void expect(bool good, const char *what) {
    if (!good)
        throw std::runtime_error(what);
}

/// One IO() at the port, with all of a buffer out and another one for what comes in.
int exchange(const void *from, std::size_t size, buffer &into, std::size_t &got) {
    int io_port = port;
    unsigned operation = 0;
    std::uint64_t address = 0;
    void *out = const_cast<void *>(from);
    void *in = into.data();
    got = into.size();
    return IO(&io_port, &operation, &address, &size, &out, &got, &in);
}

} // namespace

void serve(const side &self) {
    // Room for the application, too.
    buffer in(self.row.request + sizeof(io_application));
    buffer answer(self.row.answer);
    const io_verdict welcome{IO_ACCEPT, 0, IO_SET(0)};
    std::size_t got = 0;
    int io_port = port;
    expect(Become_server(name) == 0, "Become_server");
    expect(Make_available(port, in.size(), in.data()) == 0, "Make_available");
    say_ready(self);
    expect(Complete_IO(&io_port, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr) ==
               IO_APPLICATION,
           "Complete_IO");
    int kind = exchange(&welcome, sizeof(welcome), in, got);
    while (kind == IO_REQUEST)
        kind = exchange(answer.data(), answer.size(), in, got);
}

void call(const side &self) {
    buffer request(self.row.request);
    buffer answer(self.row.answer);
    std::size_t got = 0;
    expect(Open(IO_SELF, port, name, IO_SET(0)) == 0, "Open");
    measure(self, [&] { (void)exchange(request.data(), request.size(), answer, got); });
    expect(got == self.row.answer, "IO");
}

} // namespace bench::venter
