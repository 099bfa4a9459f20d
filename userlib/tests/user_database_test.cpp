// SPDX-License-Identifier: MIT
// The example of a user database: what its clients keep, when they throw it away, and its sums.
#include "device.hpp"

#define main user_database_main
// NOLINTNEXTLINE(bugprone-suspicious-include): a whole program, under another name
#include "../examples/user_database.cpp"
#undef main

#include <memory>

namespace {

using namespace test;
using namespace user_database;

class user_database_example : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        if (!me)
            return;
        generate(path_, 100, 1);
        start();
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove(path_);
    }
    void start() {
        server_.reset();
        server_ = std::make_unique<process>([this] { return serve(path_, 2); });
    }
    /// The file is another one, and the server has noticed.
    void change(directory &users, std::uint32_t count, unsigned version) {
        const auto before = users.connected().generation();
        generate(path_, count, version);
        EXPECT_GT(users.connected().generation_after(before, soon()), before);
    }

    std::string path_ = "/tmp/user_database." + std::to_string(::getpid());
    std::unique_ptr<process> server_;
};

TEST_F(user_database_example, finds_users_and_keeps_them) {
    directory users(me);
    const std::vector<std::string> keys{"user00007", "nobody", "user00099", "user00100"};
    for (int i = 0; i < 3; ++i) {
        const auto found = users.look_up(by_name, keys);
        ASSERT_TRUE(found[0] != nullptr && found[2] != nullptr);
        EXPECT_EQ(found[0]->uid, first_uid + 7);
        EXPECT_EQ(found[0]->home, "/home/user00007");
        EXPECT_EQ(found[0]->shell, "/bin/sh");
        EXPECT_EQ(found[2]->comment, "version 1");
        EXPECT_EQ(found[1], nullptr);
        EXPECT_EQ(found[3], nullptr);
    }
    EXPECT_EQ(users.counted().misses, 4u);
    EXPECT_EQ(users.counted().hits, 8u);
    EXPECT_EQ(users.look_up(by_uid, "10042")->name, "user00042");
    EXPECT_EQ(users.look_up(by_uid, "x"), nullptr);
    EXPECT_EQ(users.look_up(by_uid, ""), nullptr);
    const counts served = users.server_counts();
    EXPECT_EQ(served.keys, users.counted().misses);
    EXPECT_EQ(served.calls, users.counted().calls);
    EXPECT_EQ(served.yours, users.counted().calls);
    EXPECT_EQ(served.connections, 1u);
    EXPECT_THROW(users.look_up(by_name, "two\nlines"), std::runtime_error);
}

TEST_F(user_database_example, throws_away_what_has_changed) {
    directory users(me);
    EXPECT_EQ(users.look_up(by_name, "user00050")->comment, "version 1");
    EXPECT_EQ(users.look_up(by_name, "user00150"), nullptr);
    change(users, 200, 2);
    EXPECT_EQ(users.look_up(by_name, "user00050")->comment, "version 2");
    EXPECT_EQ(users.look_up(by_name, "user00150")->uid, first_uid + 150);
    EXPECT_EQ(users.counted().generations, 2u);
    EXPECT_EQ(users.counted().hits, 0u);
    // Written again, and nothing else: what is kept is still good.
    generate(path_, 200, 2);
    const auto late = users.connected().try_generation_after(users.generation(), 100ms);
    EXPECT_EQ(late.error().code(), ETIMEDOUT);
}

TEST_F(user_database_example, finds_the_server_again) {
    directory users(me);
    EXPECT_TRUE(users.look_up(by_name, "user00001"));
    server_->kill();
    (void)server_->wait();
    generate(path_, 1, 2);
    start();
    EXPECT_FALSE(users.look_up(by_name, "user00001"));
    EXPECT_EQ(users.counted().generations, 2u);
}

TEST_F(user_database_example, answers_more_than_one_batch_and_stops_when_told) {
    directory users(me);
    std::vector<std::string> keys;
    keys.reserve(2 * batch_limit + 1);
    for (std::uint32_t i = 0; i < 2 * batch_limit + 1; ++i)
        keys.push_back(generated_name(i % 100));
    const auto found = users.look_up(by_name, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        ASSERT_TRUE(found[i]);
        EXPECT_EQ(found[i]->name, keys[i]);
    }
    EXPECT_EQ(users.counted().calls, 3u);
    ::kill(server_->pid(), SIGTERM);
    EXPECT_EQ(server_->wait(), 0);
    EXPECT_EQ(me.try_connect(service_name).error().code(), ENOENT);
}

/// Runs the program, and returns what it said.
std::string run_program(std::vector<std::string> words, int expected) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return {};
    const caps::descriptor out(ends[0]);
    caps::descriptor in(ends[1]);
    process program([&] {
        ::dup2(in.get(), STDOUT_FILENO);
        std::vector<char *> pointers;
        pointers.reserve(words.size() + 1);
        for (std::string &word : words)
            pointers.push_back(word.data());
        pointers.push_back(nullptr);
        const int status = user_database_main(static_cast<int>(words.size()), pointers.data());
        std::cout.flush();
        return status;
    });
    in.reset();
    std::string said;
    std::array<char, 1024> some{};
    for (ssize_t size = 0; (size = ::read(out.get(), some.data(), some.size())) > 0;)
        said.append(some.data(), static_cast<std::size_t>(size));
    EXPECT_EQ(program.wait(), expected) << said;
    return said;
}

TEST_F(user_database_example, program_asks_for_users) {
    directory(me).look_up(by_name, "it is there");
    EXPECT_EQ(run_program({"user_database", "get", "user00003", "10004"}, 0),
              "user00003:x:10003:100:version 1:/home/user00003:/bin/sh\n"
              "user00004:x:10004:100:version 1:/home/user00004:/bin/sh\n");
    EXPECT_EQ(run_program({"user_database", "get", "nobody"}, 2), "");
}

// Its own verdict is whether the sums are right: what clients found and had to ask for is what they
// looked up, what they asked for is what the server looked up, nothing was wrong or out of date.
TEST_F(user_database_example, show_adds_up) {
    server_.reset(); // it has its own
    const auto said = run_program({"user_database", "run", "--entries", "500", "--lookups", "1600",
                                   "--timed", "256", "--clients", "5", "--changes", "3"},
                                  0);
    std::istringstream lines(said);
    std::uint64_t lookups = 0, hits = 0, misses = 0, sums[3]{};
    unsigned clients = 0;
    std::string line;
    for (std::getline(lines, line); std::getline(lines, line) && !line.starts_with("all");) {
        std::istringstream(line.substr(6)) >> lookups >> hits >> misses;
        EXPECT_EQ(lookups, 1600u) << said;
        EXPECT_EQ(lookups, hits + misses) << said;
        EXPECT_GT(hits, 0u) << said;
        sums[0] += lookups;
        sums[1] += hits;
        sums[2] += misses;
        ++clients;
    }
    EXPECT_EQ(clients, 5u) << said;
    std::istringstream(line.substr(6)) >> lookups >> hits >> misses;
    EXPECT_EQ(lookups, sums[0]) << said;
    EXPECT_EQ(hits, sums[1]) << said;
    EXPECT_EQ(misses, sums[2]) << said;
    EXPECT_NE(said.find("wrong or out of date: 0\n"), said.npos) << said;
    EXPECT_NE(said.find("by getpwnam"), said.npos) << said;
    std::cout << said;
}

} // namespace
