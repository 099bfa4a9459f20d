// SPDX-License-Identifier: MIT
// Programs in C that include what there was in 2004, in three editions of the language.
#include "dfly_test.hpp"

#define DECLARE(name)                                                                              \
    extern "C" int name##_90(int, char **);                                                        \
    extern "C" int name##_99(int, char **);                                                        \
    extern "C" int name##_17(int, char **)

DECLARE(every_call);
DECLARE(caps_server);
DECLARE(caps_client);
DECLARE(installer_back);
DECLARE(installer_front);

namespace dfly_test {
namespace {

using program = int (*)(int, char **);

struct edition {
    program every_call;
    program server;
    program client;
    program back;
    program front;
};

const std::array<edition, 3> editions{{
    {every_call_90, caps_server_90, caps_client_90, installer_back_90, installer_front_90},
    {every_call_99, caps_server_99, caps_client_99, installer_back_99, installer_front_99},
    {every_call_17, caps_server_17, caps_client_17, installer_back_17, installer_front_17},
}};

class program_test : public dfly_test, public testing::WithParamInterface<int> {
  protected:
    const edition &it() const { return editions[GetParam()]; }
};

/// Runs in a process of its own, as from a shell.
class running : public process {
  public:
    running(program main, const std::vector<std::string> &words)
        : process([main, words] {
              std::vector<std::string> own(words);
              std::vector<char *> arguments;
              arguments.reserve(own.size() + 1);
              for (std::string &word : own)
                  arguments.push_back(word.data());
              arguments.push_back(nullptr);
              return main(static_cast<int>(own.size()), arguments.data());
          }) {}
};

TEST_P(program_test, EveryCall) {
    running program(it().every_call, {"every_call"});
    EXPECT_EQ(program.wait(), 0);
}

TEST_P(program_test, TheTestOf2004WithTenForks) {
    // The client and ten generations of children, each of which does all its turns.
    const int turns = std::max(scaled(100), 10);
    const std::string all = std::to_string(3 * turns);
    running server(it().server,
                   {"caps_server", std::to_string(turns), std::to_string(11 * 3 * turns)});
    EXPECT_TRUE(eventually([] {
        const int id = caps_sys_client("test", ::getuid(), ::getgid(), 0, CAPF_ANYCLIENT);
        return id > 0 && caps_sys_close(id) == 0;
    }));
    running client(it().client, {"caps_client", std::to_string(turns), "10", all});
    EXPECT_EQ(client.wait(), 0);
    EXPECT_EQ(server.wait(), 0); // it gave as many replies, and no more
}

TEST_P(program_test, ItsClientFindsTheNextServer) {
    running client(it().client, {"caps_client", "1000000", "0", "60"});
    for (int i = 0; i < 3; i++) {
        running server(it().server, {"caps_server", "10", "20"});
        EXPECT_EQ(server.wait(), 0);
    }
    EXPECT_EQ(client.wait(), 0);
}

TEST_P(program_test, ItsClientSurvivesAServerThatIsKilled) {
    const int all = std::max(scaled(2000), 200);
    running client(it().client, {"caps_client", "1000000", "0", std::to_string(all)});
    for (int i = 0; i < 3; i++) {
        running server(it().server, {"caps_server"});
        pause();
        server.kill();
    }
    running last(it().server, {"caps_server"});
    EXPECT_EQ(client.wait(), 0);
}

TEST_P(program_test, TheInstallerInstalls) {
    running front(it().front, {"installer_front", "install", "da0"});
    running back(it().back, {"installer_back", "install"});
    EXPECT_EQ(front.wait(), 0);
    EXPECT_EQ(back.wait(), 0);
}

TEST_P(program_test, OrIsCancelled) {
    running back(it().back, {"installer_back", "install"});
    running front(it().front, {"installer_front", "install", "da0", "50"});
    EXPECT_EQ(front.wait(), 1);
    EXPECT_EQ(back.wait(), 0);
}

TEST_P(program_test, AFrontEndNoticesThatItsBackEndHasGone) {
    an_id back(caps_sys_service("install", ::getuid(), ::getgid(), 0, CAPF_ANYCLIENT));
    running front(it().front, {"installer_front", "install", "da0"});
    (void)request(back, "r");
    EXPECT_EQ(caps_sys_close(back.release()), 0);
    EXPECT_EQ(front.wait(), 1);
}

std::string language(const testing::TestParamInfo<int> &of) {
    return of.param == 0 ? "gnu89" : of.param == 1 ? "gnu99" : "gnu17";
}

INSTANTIATE_TEST_SUITE_P(InC, program_test, testing::Range(0, 3), language);

} // namespace
} // namespace dfly_test
