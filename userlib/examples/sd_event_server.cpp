// SPDX-License-Identifier: MIT
// Says back in capitals whatever it is asked, in an sd-event loop that ends by SIGTERM.
// Ask it with ten_line_client.cpp or uv_client.cpp.
#include <caps/caps.hpp>
#include <caps/ring.hpp>

#include <systemd/sd-event.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <iostream>

namespace sd_event_server {

class capitals {
  public:
    void receive() {
        ring_.receive(
            door_, [this](auto question) { answer(caps::value_or_throw(std::move(question))); },
            text_);
    }
    /// Until nothing has ended: only then the loop may wait for poll_fd().
    void turn() {
        while (ring_.run(caps::no_wait) > 0)
            continue;
    }
    int poll_fd() const { return ring_.poll_fd(); }
    unsigned long answered() const { return answered_; }

  private:
    void answer(caps::received question) {
        std::string text(question.text());
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
        if (question.try_reply({.body = text})) // who asked may have gone
            ++answered_;
        receive();
    }

    caps::actor me_ = caps::actor::open();
    caps::port door_ = me_.create_port();
    caps::service name_ = door_.register_service("capitals", {.world = true});
    caps::ring ring_ = caps::ring::open(me_);
    std::array<char, 4096> text_{};
    unsigned long answered_ = 0;
};

} // namespace sd_event_server

int main() {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, nullptr); // sd-event reads it from a file
    sd_event *loop = nullptr;
    int outcome = sd_event_new(&loop);
    sd_event_server::capitals server;
    const auto turn = [](sd_event_source *, int, std::uint32_t, void *self) {
        static_cast<sd_event_server::capitals *>(self)->turn();
        return 0;
    };
    if (outcome >= 0)
        outcome = sd_event_add_signal(loop, nullptr, SIGTERM, nullptr, nullptr);
    if (outcome >= 0)
        outcome = sd_event_add_io(loop, nullptr, server.poll_fd(), EPOLLIN, turn, &server);
    server.receive();
    server.turn();
    if (outcome >= 0)
        outcome = sd_event_loop(loop);
    sd_event_unref(loop);
    std::cout << server.answered() << " answered\n";
    return outcome < 0;
}
