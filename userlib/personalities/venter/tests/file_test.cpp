// SPDX-License-Identifier: MIT
// I/O on files and devices.
#include "venter_test.hpp"

#include <fcntl.h>
#include <pty.h>

#include <fstream>
#include <iterator>

namespace venter_test {
namespace {

/// In a directory of its own.
class file_test : public venter_test {
  protected:
    void SetUp() override {
        venter_test::SetUp();
        ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
        path_ = directory_ + "/file";
    }
    void TearDown() override {
        venter_test::TearDown();
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    std::string content() const {
        std::ifstream it(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(it), {}};
    }
    void write(const std::string &text) const { std::ofstream(path_, std::ios::binary) << text; }

    std::string directory_ = "/tmp/venter-XXXXXX";
    std::string path_;
};

int put(int port, std::string_view text, std::uint64_t address = 0) {
    io it{port, IO_WRITE, address};
    it.say(text);
    const int kind = it.whole();
    EXPECT_TRUE(kind < 0 || it.out_len == text.size());
    return kind;
}

std::string get(int port, std::size_t size, std::uint64_t address = 0) {
    std::string buffer(size, '\0');
    io it{port, IO_READ, address};
    it.into(buffer);
    return it.whole() == IO_ANSWER ? it.text() : error(errno);
}

TEST_F(file_test, AnIOReadsAndWritesAtItsAddress) {
    EXPECT_EQ(Open(IO_SELF, 1, path_.c_str(), IO_SET(IO_READ) | IO_SET(IO_WRITE)), -1);
    EXPECT_EQ(errno, ENOENT);
    ASSERT_EQ(Open(IO_SELF, 1, path_.c_str(),
                   IO_SET(IO_READ) | IO_SET(IO_WRITE) | IO_SET(IO_RESIZE) | IO_SET(IO_CREATE)),
              0);
    EXPECT_EQ(Operations(1), IO_SET(IO_READ) | IO_SET(IO_WRITE) | IO_SET(IO_RESIZE));
    EXPECT_EQ(put(1, "hello world"), IO_ANSWER);
    EXPECT_EQ(put(1, "W", 6), IO_ANSWER);
    EXPECT_EQ(content(), "hello World");
    EXPECT_EQ(get(1, 100), "hello World");
    EXPECT_EQ(get(1, 3, 6), "Wor");
    EXPECT_EQ(get(1, 100, 11), ""); // the end
    io resize{1, IO_RESIZE, 5};
    EXPECT_EQ(resize.whole(), IO_ANSWER);
    EXPECT_EQ(content(), "hello");
}

TEST_F(file_test, V11_OnlyOperationsThatWereWanted) {
    write("text");
    ASSERT_EQ(Open(IO_SELF, 1, path_.c_str(), IO_SET(IO_READ)), 0);
    ASSERT_EQ(Open(IO_SELF, 2, path_.c_str(), IO_SET(IO_WRITE)), 0);
    EXPECT_EQ(Operations(1), IO_SET(IO_READ));
    EXPECT_EQ(put(1, "x"), -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(get(2, 10), error(EACCES));
    io other{1, 9};
    EXPECT_EQ(other.whole(), -1);
    EXPECT_EQ(errno, EACCES);
    EXPECT_EQ(get(1, 10), "text");
    EXPECT_EQ(Open(IO_SELF, 3, path_.c_str(), IO_SET(9)), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(Open(IO_SELF, 3, directory_.c_str(), IO_SET(IO_WRITE)), -1);
    EXPECT_EQ(errno, EISDIR);
    EXPECT_EQ(Open(IO_SELF, 3, nullptr, IO_SET(IO_READ)), -1);
    EXPECT_EQ(errno, EFAULT);
}

TEST_F(file_test, AllOperationsAreThoseThatThereAre) {
    write("text");
    ::chmod(path_.c_str(), 0444);
    process user([&] {
        CHECK(::chmod(directory_.c_str(), 0755) == 0 && become_nobody());
        CHECK(Open(IO_SELF, 1, path_.c_str(), IO_ALL_OPERATIONS) == 0);
        CHECK(Operations(1) == IO_SET(IO_READ));
        CHECK(get(1, 10) == "text");
        return 0;
    });
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(file_test, V16_OneIOAtATimeAndWhatItReads) {
    write("text");
    ASSERT_EQ(Open(IO_SELF, 1, path_.c_str(), IO_SET(IO_READ)), 0);
    std::array<char, 10> buffer{};
    io it = of(1);
    it.into(buffer);
    ASSERT_EQ(it.initiate(), 0);
    EXPECT_EQ(it.initiate(), -1);
    EXPECT_EQ(errno, EBUSY);
    ASSERT_EQ(it.attempt(), IO_ANSWER);
    EXPECT_EQ(it.text(), "text");
    it = of(1); // into a place that the library makes
    it.in_len = 3;
    ASSERT_EQ(it.whole(), IO_ANSWER);
    EXPECT_EQ(it.text(), "tex");
}

TEST_F(file_test, ATerminalHasNoAddresses) {
    int master = -1;
    int slave = -1;
    std::array<char, 100> name{};
    ASSERT_EQ(::openpty(&master, &slave, name.data(), nullptr, nullptr), 0);
    ASSERT_EQ(Open(IO_SELF, 1, name.data(), IO_SET(IO_READ) | IO_SET(IO_WRITE)), 0);
    std::array<char, 100> buffer{};
    io it{1, IO_READ, 4711};
    it.into(buffer);
    ASSERT_EQ(it.initiate(), 0);
    EXPECT_EQ(it.attempt(), -1);
    EXPECT_EQ(errno, EAGAIN);
    ASSERT_EQ(::write(master, "typed\n", 6), 6);
    ASSERT_EQ(it.complete(), IO_ANSWER);
    EXPECT_EQ(it.text(), "typed\n");
    EXPECT_EQ(put(1, "shown", 123), IO_ANSWER);
    std::string shown; // after the echo
    while (shown.find("shown") == shown.npos) {
        const ssize_t size = ::read(master, buffer.data(), buffer.size());
        ASSERT_GT(size, 0);
        shown.append(buffer.data(), static_cast<std::size_t>(size));
    }
    EXPECT_EQ(Close(1), 0);
    ::close(master);
    ::close(slave);
}

// The whole output, though the reader is slow.
TEST_F(file_test, OutputIsWrittenWhole) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::string path = "/proc/self/fd/" + std::to_string(ends[1]);
    ASSERT_EQ(Open(IO_SELF, 1, path.c_str(), IO_SET(IO_WRITE)), 0);
    const std::string text = bytes(500000);
    io it{1, IO_WRITE};
    it.say(text);
    ASSERT_EQ(it.initiate(), 0);
    EXPECT_EQ(it.attempt(), -1); // no pipe takes that much
    EXPECT_EQ(errno, EAGAIN);
    std::string got;
    std::thread reader([&] {
        std::array<char, 4096> some{};
        while (got.size() < text.size())
            got.append(some.data(),
                       static_cast<std::size_t>(::read(ends[0], some.data(), some.size())));
    });
    ASSERT_EQ(it.complete(), IO_ANSWER);
    reader.join();
    EXPECT_EQ(it.out_len, text.size());
    EXPECT_TRUE(got == text);
    ::close(ends[0]);
    ::close(ends[1]);
}

// A forked child has none of the ports, nor what was opened on them.
TEST_F(file_test, AForkedChildBeginsAnew) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::string path = "/proc/self/fd/" + std::to_string(ends[1]);
    ASSERT_EQ(Open(IO_SELF, 1, path.c_str(), IO_SET(IO_WRITE)), 0);
    ::close(ends[1]);
    const gong begun;
    process child([&] {
        CHECK(put(1, "x") == -1 && errno == EBADF);
        begun.strike();
        pause(100000);
        return 0;
    });
    begun.await();
    EXPECT_EQ(Close(1), 0);
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 0); // nobody has the other end any more
    ::close(ends[0]);
}

} // namespace
} // namespace venter_test
