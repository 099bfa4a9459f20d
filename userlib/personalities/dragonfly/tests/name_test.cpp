// SPDX-License-Identifier: MIT
// Who finds whom, and who is let in.
#include "dfly_test.hpp"

namespace dfly_test {
namespace {

using name_test = dfly_test;

/// Which of the services gets what this client puts?
int reached(const an_id &from, const std::vector<const an_id *> &services) {
    EXPECT_GT(put(from, "?"), 0);
    for (std::size_t i = 0; i < services.size(); i++)
        if (get(*services[i]).size == 1)
            return static_cast<int>(i);
    return -1;
}

TEST_F(name_test, TheNewestWinsAndTheOlderKeepTheirClients) {
    const an_id first = service();
    const an_id of_first = client();
    an_id second = service();
    const an_id of_second = client();
    EXPECT_EQ(reached(of_first, {&first, &second}), 0);
    EXPECT_EQ(reached(of_second, {&first, &second}), 1);
    EXPECT_EQ(caps_sys_close(second.release()), 0);
    const an_id later = client();
    EXPECT_EQ(reached(later, {&first}), 0);
}

TEST_F(name_test, AClientMayLeaveOneIdOpen) {
    const gid_t mine = ::getegid();
    const uid_t me = ::geteuid();
    const an_id of_user(caps_sys_service("test", me, any_gid, 0, CAPF_ANYCLIENT));
    const an_id of_both(caps_sys_service("both", me, mine, 0, CAPF_ANYCLIENT));
    const auto find = [](const char *name, uid_t uid, gid_t gid) {
        const int id = caps_sys_client(name, uid, gid, 0, CAPF_ANYCLIENT);
        if (id > 0)
            (void)caps_sys_close(id);
        return id > 0;
    };
    EXPECT_TRUE(find("test", me, any_gid));
    EXPECT_FALSE(find("test", any_uid, mine)); // one without a group has none
    EXPECT_FALSE(find("test", me, mine));
    EXPECT_TRUE(find("both", me, any_gid));
    EXPECT_TRUE(find("both", any_uid, mine));
    EXPECT_TRUE(find("both", me, mine));
    EXPECT_FALSE(find("both", me, mine + 1));
    EXPECT_FALSE(find("both", me + 1, any_gid));
}

TEST_F(name_test, WaitsUntilThereIsAService) {
    std::atomic<int> id{0};
    std::thread sleeper([&] {
        id = caps_sys_client("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT | CAPF_WAITSVC);
    });
    pause();
    const an_id other = service("other");
    pause();
    EXPECT_EQ(id, 0);
    const an_id server = service();
    sleeper.join();
    const an_id mine(id);
    EXPECT_EQ(reached(mine, {&other, &server}), 1);
}

TEST_F(name_test, ClassesOfAnotherUser) {
    if (!is_root())
        GTEST_SKIP() << "takes root";
    struct stat device {};
    ASSERT_EQ(::stat("/dev/caps", &device), 0);
    const gid_t group = device.st_gid;
    const an_id user = service("user", CAPF_USER);
    const an_id world = service("world", CAPF_WORLD);
    const an_id members(caps_sys_service("members", 0, group, 0, CAPF_GROUP));
    const an_id others(caps_sys_service("others", 0, group + 1, 0, CAPF_GROUP));
    process other([] {
        if (!become_member(1001))
            return 1;
        const auto may = [](const char *name, int flags) {
            const int id = caps_sys_client(name, 0, any_gid, 0, flags);
            return id > 0 || errno != EACCES;
        };
        if (may("user", CAPF_ANYCLIENT))
            return 2;
        if (!may("world", CAPF_ANYCLIENT) || may("world", CAPF_USER | CAPF_GROUP))
            return 3;
        if (!may("members", CAPF_ANYCLIENT) || may("members", CAPF_USER))
            return 4;
        return may("others", CAPF_ANYCLIENT) ? 5 : 0;
    });
    EXPECT_EQ(other.wait(), 0);
    // Root is no exception.
    process another([] {
        const int id =
            become_member(1001) ? caps_sys_service("test", 1001, any_gid, 0, CAPF_USER) : -1;
        return id > 0 ? ::pause() : 1;
    });
    int error = 0;
    EXPECT_TRUE(eventually([&] {
        const int id = caps_sys_client("test", 1001, any_gid, 0, CAPF_ANYCLIENT);
        error = errno;
        return id > 0 || error != ENOENT;
    }));
    EXPECT_EQ(error, EACCES);
}

TEST_F(name_test, OnlyTheFirstThatFitsIsTried) {
    const an_id open = service("test", CAPF_ANYCLIENT);
    const an_id closed = service("test", 0);
    EXPECT_EQ(caps_sys_client("test", ::geteuid(), any_gid, 0, CAPF_ANYCLIENT), -1);
    EXPECT_EQ(errno, EACCES);
}

TEST_F(name_test, IdsCountUpAndAreNotUsedAgain) {
    int first = service("a").release();
    const int second = service("b").release();
    EXPECT_EQ(second, first + 1);
    EXPECT_EQ(caps_sys_close(first), 0);
    EXPECT_EQ(caps_sys_close(second), 0);
    const an_id third = service("a");
    EXPECT_EQ(third, second + 1);
}

} // namespace
} // namespace dfly_test
