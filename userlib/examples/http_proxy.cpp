// SPDX-License-Identifier: MIT
// An HTTP proxy in front of a pool of worker processes: each request that it accepts on loopback
// becomes a call to any one of a group. One thread has thousands of both in flight, as coroutines
// of Asio. If a worker dies with a request, another one gets it: a GET may be repeated.
//
//   http_proxy [--port 8080] [--workers 4] [--timeout 10]
//
// GET /served tells how many requests each worker has served, also those which are dead.
#include "http_proxy/http.hpp"
#include "http_proxy/pool.hpp"

#include <caps/asio.hpp>

#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <sys/resource.h>

#include <array>
#include <exception>

namespace http_proxy {

using asio::use_awaitable;
using asio::ip::tcp;
using namespace std::chrono_literals;

struct options {
    std::uint16_t port = 8080;
    unsigned workers = 4;
    unsigned timeout = 10; // seconds
};

class proxy {
  public:
    proxy(asio::io_context &context, pool &workers, const options &how)
        : acceptor_(context, {asio::ip::address_v4::loopback(), how.port}), pause_(context),
          ring_(context, workers.actor(), 1024), workers_(workers),
          group_(ring_, caps::unowned<caps::group>(workers.group())), timeout_(how.timeout) {}

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    asio::awaitable<void> accept() {
        for (;;) {
            std::error_code why;
            tcp::socket socket =
                co_await acceptor_.async_accept(asio::redirect_error(use_awaitable, why));
            if (!why) {
                asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
                continue;
            }
            std::cerr << "http_proxy: accept: " << why.message() << std::endl;
            pause_.expires_after(100ms);
            co_await pause_.async_wait(use_awaitable);
        }
    }

  private:
    static constexpr std::size_t longest_head = 8192;

    /// One client, until it or the proxy has had enough. A client that goes away ends it by an
    /// exception, which is of interest to nobody.
    asio::awaitable<void> serve(tcp::socket socket) {
        std::string input, output;
        bool more = true;
        while (more) {
            std::error_code why;
            const std::size_t size = co_await asio::async_read_until(
                socket, asio::dynamic_buffer(input, longest_head), "\r\n\r\n",
                asio::redirect_error(use_awaitable, why));
            if (why && why != asio::error::not_found)
                co_return;
            const request asked =
                why ? request{431} : parse(std::string_view(input).substr(0, size));
            input.erase(0, size);
            more = asked.keep_alive && asked.refused == 0;
            output = written(co_await answer(asked), asked.head, more);
            co_await asio::async_write(socket, asio::buffer(output), use_awaitable);
        }
        co_await linger(socket);
    }

    /// The client closes first, or loses patience: whatever it sends to a socket that has gone
    /// makes a reset, which may overtake the answer.
    static asio::awaitable<void> linger(tcp::socket &socket) {
        using namespace asio::experimental::awaitable_operators;
        asio::steady_timer patience(socket.get_executor(), 2s);
        socket.shutdown(tcp::socket::shutdown_send);
        co_await (ignore(socket) || patience.async_wait(use_awaitable));
    }
    static asio::awaitable<void> ignore(tcp::socket &socket) {
        std::array<char, 1024> rest; // NOLINT(*-member-init)
        std::error_code why;
        while (!why)
            co_await socket.async_read_some(asio::buffer(rest),
                                            asio::redirect_error(use_awaitable, why));
    }

    asio::awaitable<response> answer(const request &asked) {
        if (asked.refused != 0)
            co_return response{asked.refused, fmt::format("{}\n", reason(asked.refused))};
        if (asked.target == "/served")
            co_return response{200, report(), "application/json"};
        co_return co_await forward(asked.target);
    }

    /// Asks one worker after another, if they die.
    asio::awaitable<response> forward(const std::string &target) {
        const caps::deadline until(timeout_);
        std::array<char, 512> room; // NOLINT(*-member-init): as much as is filled is ever read
        for (;;) {
            const auto back = co_await group_.async_try_call<caps::to::any>(
                {.body = target}, room, {}, until, use_awaitable);
            if (back) {
                note(back->annex());
                co_return response{200, std::string(back->text())};
            }
            switch (back.error().code()) {
            case EPIPE:      // nobody had seen it
            case ECONNRESET: // somebody had it, and died
                workers_.note_retry();
                break;
            case ENOENT:
                co_return response{503, "no worker is left\n"};
            case ETIMEDOUT:
                co_return response{504, "no worker answered in time\n"};
            default:
                co_return response{502, back.error().message() + "\n"};
            }
        }
    }

    std::string report() {
        auto all = workers_.report();
        all["in_flight"] = ring_.in_flight();
        return all.dump(2) + "\n";
    }

    void note(std::span<const std::byte> annex) {
        account of{};
        if (annex.size() == sizeof of) {
            std::memcpy(&of, annex.data(), sizeof of);
            workers_.note(of);
        }
    }

    tcp::acceptor acceptor_;
    asio::steady_timer pause_;
    caps::asio::ring ring_;
    pool &workers_;
    caps::asio::group group_;
    std::chrono::seconds timeout_;
};

/// As many connections as the administrator allows.
inline void raise_file_limit() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
}

inline void run(const options &how) {
    raise_file_limit();
    pool workers(how.workers);
    asio::io_context context(1);
    proxy front(context, workers, how);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](auto, auto) { context.stop(); });
    asio::co_spawn(context, front.accept(), [](const std::exception_ptr &problem) {
        if (problem)
            std::rethrow_exception(problem);
    });
    std::cout << "http_proxy: http://127.0.0.1:" << front.port() << "/ served by " << how.workers
              << " workers" << std::endl;
    context.run();
    std::cout << workers.report().dump() << std::endl;
}

} // namespace http_proxy

int main(int count, char **words) try {
    http_proxy::options how;
    CLI::App app("An HTTP proxy in front of a pool of processes.");
    app.add_option("--port", how.port, "on 127.0.0.1; 0: any that is free")->capture_default_str();
    app.add_option("--workers", how.workers, "processes")
        ->check(CLI::Range(1U, 99U))
        ->capture_default_str();
    app.add_option("--timeout", how.timeout, "of a request, in seconds")
        ->check(CLI::Range(1U, 3600U))
        ->capture_default_str();
    CLI11_PARSE(app, count, words);
    http_proxy::run(how);
    return 0;
} catch (const std::exception &error) {
    std::cerr << "http_proxy: " << error.what() << '\n';
    return 1;
}
