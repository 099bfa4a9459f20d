// SPDX-License-Identifier: MIT
// Programs in C: every call, and the examples.
#include "venter_test.hpp"

#include <pty.h>
#include <termios.h>

#include <fstream>
#include <iterator>

extern "C" int every_call(const char *name, const char *path);
extern "C" int copy_main(int argc, char **argv);
extern "C" int store_main(int argc, char **argv);

namespace venter_test {
namespace {

using programs_test = venter_test;

/// A program with its arguments.
template <class Main>
auto program(Main main, std::vector<std::string> arguments) {
    return [=]() mutable {
        std::vector<char *> argv;
        argv.reserve(arguments.size() + 1);
        for (std::string &it : arguments)
            argv.push_back(it.data());
        argv.push_back(nullptr);
        return main(static_cast<int>(arguments.size()), argv.data());
    };
}

std::string content(const std::string &path) {
    std::ifstream it(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(it), {}};
}

/// A terminal, and who sits at it.
class terminal {
  public:
    terminal() {
        std::array<char, 100> name{};
        EXPECT_EQ(::openpty(&master_, &slave_, name.data(), nullptr, nullptr), 0);
        path_ = name.data();
        termios it{};
        EXPECT_EQ(::tcgetattr(slave_, &it), 0);
        it.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        it.c_oflag = 0;
        EXPECT_EQ(::tcsetattr(slave_, TCSANOW, &it), 0);
    }
    ~terminal() {
        ::close(master_);
        ::close(slave_);
    }
    terminal(const terminal &) = delete;

    const std::string &path() const { return path_; }
    void type(std::string_view text) const {
        EXPECT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    std::string see(std::size_t size) const {
        std::string all;
        std::array<char, 1000> some{};
        while (all.size() < size) {
            const ssize_t got = ::read(master_, some.data(), some.size());
            if (got <= 0)
                break;
            all.append(some.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

  private:
    int master_ = -1;
    int slave_ = -1;
    std::string path_;
};

TEST_F(programs_test, EveryCallFromC99) {
    process all([] { return every_call("everycall", "/tmp/everycall"); });
    EXPECT_EQ(all.wait(), 0);
    ::unlink("/tmp/everycall");
}

/// A server that knows nobody's files and terminals, ready for so many clients.
class store : public process {
  public:
    explicit store(const char *clients)
        : process(program(store_main, {"store", "store", clients, "/tmp/store"})) {
        for (int i = 0; i < 2000 && ::access("/tmp/store", F_OK) != 0; i++)
            pause(5);
    }
    ~store() { ::unlink("/tmp/store"); }
};

// The thesis: one program, one call, and a file, a terminal and a server by their names only.
TEST_F(programs_test, CopiesBetweenAFileATerminalAndAServer) {
    const std::string here = "/tmp/venter-here";
    const std::string there = "/tmp/venter-there";
    std::string text = "A line.\n";
    for (int i = 0; i < 300; i++)
        text += "Line " + std::to_string(i) + " of some.\n";
    std::ofstream(here) << text;
    std::ofstream(there) << std::string(10000, 'x'); // which is cut
    terminal desk;
    store server("6");

    // file -> server -> terminal
    process out(program(copy_main, {"copy", here, "store", desk.path()}));
    EXPECT_EQ(desk.see(text.size()), text);
    EXPECT_EQ(out.wait(), 0);
    // terminal -> server, by its path -> file
    process in(program(copy_main, {"copy", desk.path(), "/tmp/store", there}));
    desk.type("typed by hand\n");
    desk.type("\004"); // end of file
    EXPECT_EQ(in.wait(), 0);
    EXPECT_EQ(content(there), "typed by hand\n");
    // file -> terminal, terminal -> file
    process show(program(copy_main, {"copy", here, desk.path()}));
    EXPECT_EQ(desk.see(text.size()), text);
    EXPECT_EQ(show.wait(), 0);
    process note(program(copy_main, {"copy", desk.path(), there}));
    desk.type("more\n\004");
    EXPECT_EQ(note.wait(), 0);
    EXPECT_EQ(content(there), "more\n");
    // server -> file; then what is refused
    process back(program(copy_main, {"copy", "store", there}));
    EXPECT_EQ(back.wait(), 0);
    EXPECT_EQ(content(there), "typed by hand\n");
    process user([&] {
        CHECK(become_nobody());
        return program(copy_main, {"copy", here, "store@0"})();
    });
    EXPECT_EQ(user.wait(), 1);
    process reader([&] {
        CHECK(become_nobody());
        return program(copy_main, {"copy", "store@0", "/dev/null"})();
    });
    EXPECT_EQ(reader.wait(), 0);
    EXPECT_EQ(server.wait(), 0); // six clients have come and gone
    ::unlink(here.c_str());
    ::unlink(there.c_str());
}

} // namespace
} // namespace venter_test
