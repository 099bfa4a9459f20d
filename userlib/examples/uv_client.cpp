// SPDX-License-Identifier: MIT
// Asks all its words at once in a libuv loop, and says each answer as it comes; gives up after five
// seconds. The server is ten_line_server.cpp or sd_event_server.cpp: uv_client WORD...
#include <caps/caps.hpp>
#include <caps/ring.hpp>

#include <uv.h>

#include <iostream>
#include <span>
#include <vector>

namespace uv_client {

struct question {
    std::string_view word;
    std::array<char, 256> answer{};
};

class questions {
  public:
    questions(uv_loop_t *loop, std::vector<question> asked) : asked_(std::move(asked)) {
        uv_poll_init(loop, &readable_, ring_.poll_fd());
        uv_timer_init(loop, &late_);
        readable_.data = late_.data = this;
        for (question &one : asked_)
            ring_.call(
                server_, {.body = one.word},
                [](auto reply) {
                    std::cout << (reply ? reply->text() : reply.error().message()) << '\n';
                },
                one.answer);
        uv_poll_start(&readable_, UV_READABLE, [](uv_poll_t *from, int, int) {
            static_cast<questions *>(from->data)->turn();
        });
        uv_timer_start(
            &late_, [](uv_timer_t *from) { static_cast<questions *>(from->data)->stop(); }, 5000,
            0);
        turn();
    }
    std::size_t unanswered() const { return ring_.in_flight(); }

  private:
    /// Until nothing has ended: only then the loop may wait for poll_fd().
    void turn() {
        while (ring_.run(caps::no_wait) > 0)
            continue;
        if (ring_.in_flight() == 0)
            stop();
    }
    /// A loop without handles ends.
    void stop() {
        uv_close(reinterpret_cast<uv_handle_t *>(&readable_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t *>(&late_), nullptr);
    }

    caps::actor me_ = caps::actor::open();
    caps::connection server_ = me_.connect("capitals");
    std::vector<question> asked_;
    caps::ring ring_ = caps::ring::open(me_);
    uv_poll_t readable_{};
    uv_timer_t late_{};
};

} // namespace uv_client

int main(int count, char *words[]) {
    std::vector<uv_client::question> asked;
    for (char *word : std::span(words, static_cast<std::size_t>(count)).subspan(1))
        asked.push_back({.word = word});
    uv_loop_t *loop = uv_default_loop();
    uv_client::questions all(loop, std::move(asked));
    uv_run(loop, UV_RUN_DEFAULT);
    return all.unanswered() > 0;
}
