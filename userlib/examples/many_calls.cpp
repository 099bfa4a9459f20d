// SPDX-License-Identifier: MIT
// Thousands of calls in flight in one thread, and the server that has them all at once, in the
// same: each side is coroutines. The server takes up to a second for an answer, and every tenth
// client gives up after 20 ms: many_calls [CALLS]
#include <caps/caps.hpp>
#include <caps/loop.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace many_calls {

using namespace std::chrono_literals;

constexpr unsigned receivers = 32; // so many questions may come in one turn

struct tally {
    unsigned answered = 0, late = 0, most = 0;
};

/// One question, in its own time.
caps::task<> answer(caps::loop &loop, caps::received question, std::stop_token stop) {
    co_await loop.sleep(question.address() % 1000 * 1ms, stop);
    (void)question.try_reply({.body = "done"}); // whoever gave up is not there any more
}

/// All of them, as they come, side by side.
caps::task<> serve(caps::loop &loop, const caps::port &door, caps::scope &all) {
    const auto questions = loop.bind(door);
    for (;;) {
        caps::received question = co_await questions.receive({}, caps::forever, all.token());
        if (question.kind() == caps::kind::call)
            all.spawn(answer(loop, std::move(question), all.token()));
    }
}

caps::task<> ask(caps::loop &loop, const caps::port &door, unsigned number, tally &counts) {
    std::array<char, 16> room{};
    const caps::deadline patience = number % 10 == 9 ? 20ms : 20s;
    const auto reply = co_await loop.bind(door).try_call({.address = number}, room, patience);
    if (reply)
        counts.answered += reply->text() == "done";
    else if (reply.error() == std::errc::timed_out)
        counts.late++;
    else
        throw caps::error(reply.error());
    counts.most = std::max(counts.most, static_cast<unsigned>(loop.ring().in_flight()));
}

/// Ends when the last client has: the server is asked to stop then.
caps::task<> everybody(caps::loop &loop, const caps::port &door, unsigned calls, tally &counts) {
    co_await caps::with_scope([&](caps::scope &server) -> caps::task<> {
        for (unsigned i = 0; i < receivers; i++)
            server.spawn(serve(loop, door, server));
        co_await caps::with_scope([&](caps::scope &clients) -> caps::task<> {
            for (unsigned i = 0; i < calls; i++)
                clients.spawn(ask(loop, door, i, counts));
            co_return;
        });
        server.request_stop();
    });
}

} // namespace many_calls

int main(int count, char *words[]) try {
    const unsigned calls = count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 2000;
    const auto me = caps::actor::open();
    const auto door = me.create_port({.queue_limit = 4096});
    caps::loop loop(me);
    many_calls::tally counts;
    loop.run(many_calls::everybody(loop, door, calls, counts));
    std::cout << calls << " calls: " << counts.answered << " answered, " << counts.late
              << " given up; up to " << counts.most << " operations in flight at once\n";
    return counts.answered + counts.late == calls ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "many_calls: " << error.what() << '\n';
    return 1;
}
