// SPDX-License-Identifier: MIT
// The example of a proxy in front of a pool, under the load of ApacheBench while workers die.
#include "device.hpp"

#define main http_proxy_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/http_proxy.cpp"
#undef main

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>

namespace {

using namespace test;
using asio::ip::tcp;

/// Until then 50,000 requests are answered where nothing is fast.
constexpr auto at_most = 1200s;

class proxied : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        if (IsSkipped())
            return;
        ASSERT_TRUE(eventually([&] { return !ask("GET /served HTTP/1.0\r\n\r\n").empty(); }));
    }

    /// All that comes back on one connection; nothing if there is no proxy.
    std::string ask(const std::string &text) const {
        tcp::iostream stream(tcp::endpoint(asio::ip::address_v4::loopback(), port));
        stream << text << std::flush;
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    nlohmann::json served() const {
        const std::string all = ask("GET /served HTTP/1.0\r\n\r\n");
        return nlohmann::json::parse(all.substr(all.find("\r\n\r\n")));
    }

    static std::uint16_t free_port() {
        asio::io_context context;
        const tcp::acceptor any(context, {asio::ip::address_v4::loopback(), 0});
        return any.local_endpoint().port();
    }

    const std::uint16_t port = free_port();
    process running{[this] {
        ::alarm(at_most.count());
        std::string program = "http_proxy", option = "--port", value = std::to_string(port);
        std::array<char *, 4> words{program.data(), option.data(), value.data(), nullptr};
        return http_proxy_main(3, words.data());
    }};
};

TEST_F(proxied, speaks_http) {
    const auto status = [&](const std::string &text) {
        const std::string all = ask(text);
        return all.substr(0, all.find("\r\n"));
    };
    EXPECT_EQ(status("GET /x HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK");
    EXPECT_EQ(status("PUT /x HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    EXPECT_EQ(status("GET / HTTP/2.0\r\n\r\n"), "HTTP/1.1 505 HTTP Version Not Supported");
    EXPECT_EQ(status("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    EXPECT_EQ(status("GET /x HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"),
              "HTTP/1.1 413 Content Too Large");
    EXPECT_EQ(status("GET /" + std::string(300, 'x') + " HTTP/1.1\r\n\r\n"),
              "HTTP/1.1 414 URI Too Long");
    EXPECT_EQ(status("GET / HTTP/1.1\r\nX: " + std::string(8192, 'x')),
              "HTTP/1.1 431 Request Header Fields Too Large");
    // Two on one connection, the second of which ends it.
    const std::string both = ask("GET /one HTTP/1.1\r\n\r\n"
                                 "HEAD /two HTTP/1.1\r\nConnection: Close\r\n\r\n");
    EXPECT_NE(both.find("Connection: keep-alive\r\n\r\nworker"), std::string::npos) << both;
    EXPECT_TRUE(both.ends_with("Connection: close\r\n\r\n")) << both;
    EXPECT_EQ(served()["served"], 3);
}

/// ApacheBench's whole output.
std::string bench(std::uint16_t port, int requests, int at_once) {
    const std::string file = "/tmp/http_proxy_test." + std::to_string(::getpid());
    process ab([&] {
        ::alarm(at_most.count());
        http_proxy::raise_file_limit();
        const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        const std::string count = std::to_string(requests), together = std::to_string(at_once),
                          url = "http://127.0.0.1:" + std::to_string(port) + "/hello";
        ::execlp("ab", "ab", "-q", "-s", "180", "-c", together.c_str(), "-n", count.c_str(),
                 url.c_str(), nullptr);
        return 127;
    });
    const int status = ab.wait();
    std::ifstream said(file);
    std::string all(std::istreambuf_iterator<char>(said), {});
    ::unlink(file.c_str());
    return status == 127 ? "" : all + "\nexit status: " + std::to_string(status) + "\n";
}

// Ten thousand requests; CAPS_TEST_SCALE=5 makes it 50,000. Each is answered and counted once,
// though two of the four workers are killed: one with what it has taken and what waits for it.
TEST_F(proxied, loses_no_request_of_a_worker_that_dies) {
    if (std::system("command -v ab >/dev/null") != 0)
        GTEST_SKIP() << "no ab: it is in apache2-utils";
    const char *const scale = std::getenv("CAPS_TEST_SCALE");
    const int requests = std::max(1000, static_cast<int>(10'000 * (scale ? std::atof(scale) : 1)));
    const int at_once = std::min(requests / 5, 1000);
    std::string said;
    std::jthread load([&] { said = bench(port, requests, at_once); });
    std::vector<pid_t> workers;
    const auto before = served();
    for (const auto &worker : before["workers"])
        workers.push_back(worker["pid"]);
    const auto signal = [&](int number) {
        for (const pid_t pid : workers)
            ::kill(pid, number);
    };
    const auto has_served = [&](int at_least) {
        const auto end = std::chrono::steady_clock::now() + at_most;
        while (served()["served"] < at_least && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(20ms);
        return std::chrono::steady_clock::now() < end;
    };
    EXPECT_TRUE(has_served(requests / 4));
    signal(SIGSTOP);
    EXPECT_TRUE(eventually([&] { return served()["in_flight"] >= at_once / 2; }));
    ::kill(workers[0], SIGKILL); // and its share of them has to go elsewhere
    signal(SIGCONT);
    EXPECT_TRUE(has_served(requests / 2));
    ::kill(workers[1], SIGKILL);
    load.join();

    EXPECT_TRUE(std::regex_search(
        said, std::regex("Complete requests: +" + std::to_string(requests) + "\n")))
        << said;
    EXPECT_TRUE(std::regex_search(said, std::regex("Failed requests: +0\n"))) << said;
    EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
    EXPECT_NE(said.find("exit status: 0\n"), std::string::npos) << said;
    const auto after = served();
    EXPECT_EQ(after["served"], requests) << after.dump(2);
    EXPECT_GT(after["retried"], 0);
    if (HasFailure())
        return;
    std::vector<bool> alive;
    for (const auto &worker : after["workers"])
        alive.push_back(worker["alive"]);
    EXPECT_EQ(alive, (std::vector<bool>{false, false, true, true}));
    std::cout << "ab: "
              << std::regex_replace(said.substr(said.find("Time taken")), std::regex("\n[^]*"), "")
              << "; " << after.dump() << '\n';
}

} // namespace
