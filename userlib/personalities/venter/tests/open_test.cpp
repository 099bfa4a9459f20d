// SPDX-License-Identifier: MIT
// What names of objects mean: services, paths, and paths to services.
#include "venter_test.hpp"

#include <fstream>

namespace venter_test {
namespace {

class open_test : public venter_test {
  protected:
    void SetUp() override {
        venter_test::SetUp();
        ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
        ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
        path_ = directory_ + "/door";
    }
    void TearDown() override {
        venter_test::TearDown();
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    /// A file that says so, of this owner.
    void forge(const std::string &text, uid_t owner, mode_t mode = 0444) const {
        ::unlink(path_.c_str());
        std::ofstream(path_) << text;
        EXPECT_EQ(::chown(path_.c_str(), owner, owner), 0);
        EXPECT_EQ(::chmod(path_.c_str(), mode), 0);
    }
    int open_path(int port = 1) const {
        return Open_within(IO_SELF, port, path_.c_str(), IO_SET(IO_READ), 0);
    }

    std::string directory_ = "/tmp/venter-XXXXXX";
    std::string path_;
};

/// The same as serve(), with a path that leads to it.
int serve_at(const std::string &name, const std::string &path, const gong &published) {
    room buffer{};
    CHECK(Publish(path.c_str()) == -1 && errno == EDESTADDRREQ);
    CHECK(Become_server(name.c_str()) == 0);
    CHECK(Publish("nowhere") == -1 && errno == EINVAL);
    CHECK(Publish("/nowhere/at/all") == -1 && errno == ENOENT);
    CHECK(Publish(path.c_str()) == 0);
    CHECK(Publish(path.c_str()) == 0); // again, as when it is restarted
    CHECK(Make_available(1, buffer.size(), buffer.data()) == 0);
    published.strike();
    io it = of(1);
    CHECK(it.complete() == IO_APPLICATION);
    return echo(it, buffer, let_in(it, buffer));
}

TEST_F(open_test, APathLeadsToItsServer) {
    const gong published;
    process server([&] { return serve_at("door", path_, published); });
    published.await();
    struct stat file {};
    ASSERT_EQ(::stat(path_.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0444u);
    ASSERT_EQ(open_path(), 0);
    EXPECT_EQ(ask(1, "knock"), "knock!");
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(open_path(), -1); // the file is there, the server is not
    EXPECT_EQ(errno, ENOENT);
}

TEST_F(open_test, APathIsTheWordOfItsOwner) {
    process server([] { return serve("mallory"); }); // of user 0
    ASSERT_EQ(open_soon(2, "mallory"), 0);
    forge("caps service mallory 0\n", 1001); // says so, but has no right to
    EXPECT_EQ(open_path(), -1);
    EXPECT_EQ(errno, EPERM);
    forge("caps service mallory 0\n", 0, 0446); // nor do others who could write there
    EXPECT_EQ(open_path(), -1);
    EXPECT_EQ(errno, EPERM);
    forge("caps service mallory 1001\n", 1001); // no such server of that user
    EXPECT_EQ(open_path(), -1);
    EXPECT_EQ(errno, ENOENT);
    forge("caps service mallory 0\n", 0); // the server has no port for it
    EXPECT_EQ(open_path(), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(Close(2), 0);
    EXPECT_EQ(server.wait(), 0);
}

TEST_F(open_test, OtherFilesAreFiles) {
    for (const char *const text : {"caps service x", "caps service x 0 0\n", "caps service x -1\n",
                                   "caps service x\n", "Caps service x 0\n", ""}) {
        forge(text, 0);
        ASSERT_EQ(open_path(), 0) << text;
        std::array<char, 100> buffer{};
        io it{1, IO_READ};
        it.into(buffer);
        ASSERT_EQ(it.whole(), IO_ANSWER);
        EXPECT_EQ(it.text(), text);
        EXPECT_EQ(Close(1), 0);
    }
}

TEST_F(open_test, WhatIsThereIsNotReplaced) {
    forge("somebody's", 0);
    process server([&] {
        CHECK(Become_server("replace") == 0);
        CHECK(Publish(path_.c_str()) == -1 && errno == EEXIST);
        return 0;
    });
    EXPECT_EQ(server.wait(), 0);
    forge("caps service other 1001\n", 1001);
    process other([&] {
        CHECK(Become_server("replace") == 0);
        CHECK(Publish(path_.c_str()) == -1 && errno == EEXIST);
        return 0;
    });
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(::rename(path_.c_str(), (directory_ + "/door").c_str()), 0);
    EXPECT_EQ(::rmdir(directory_.c_str()), -1);
    ::unlink(path_.c_str());
    EXPECT_EQ(::rmdir(directory_.c_str()), 0); // nothing else was left there
    EXPECT_EQ(::mkdir(directory_.c_str(), 0700), 0);
}

// The own user's server, then root's; another one's only by name.
TEST_F(open_test, WhoseServerIsMeant) {
    process roots([] { return serve("whose"); });
    ASSERT_EQ(open_soon(1, "whose"), 0);
    process client([] {
        CHECK(become_nobody());
        process own([] { return serve("whose"); });
        CHECK(open_soon(1, "whose@1001") == 0);
        CHECK(Open_within(IO_SELF, 2, "whose", IO_ALL_OPERATIONS, 0) == -1);
        CHECK(errno == EAGAIN); // the own one, which is taken
        CHECK(Close(1) == 0);
        CHECK(own.wait() == 0);
        CHECK(Open_within(IO_SELF, 2, "whose", IO_ALL_OPERATIONS, 0) == -1);
        CHECK(errno == EAGAIN); // root's
        CHECK(Open_within(IO_SELF, 2, "whose@1001", IO_ALL_OPERATIONS, 0) == -1);
        CHECK(errno == ENOENT);
        return 0;
    });
    EXPECT_EQ(client.wait(), 0);
    for (const char *const name : {"whose@", "whose@x", "whose@-1", "whose@4294967295", "wh ose"}) {
        EXPECT_EQ(Open_within(IO_SELF, 2, name, IO_ALL_OPERATIONS, 0), -1);
        EXPECT_EQ(errno, EINVAL) << name;
    }
    EXPECT_EQ(Close(1), 0);
    EXPECT_EQ(roots.wait(), 0);
}

} // namespace
} // namespace venter_test
