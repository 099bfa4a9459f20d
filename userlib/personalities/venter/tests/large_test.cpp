// SPDX-License-Identifier: MIT
// V20: what is larger than a buffer, and buffers that are not copied.
#include "venter_test.hpp"

namespace venter_test {
namespace {

/// Port 1 asks port 2, which a thread serves.
class large_test : public venter_test {
  protected:
    void SetUp() override {
        venter_test::SetUp();
        if (IsSkipped())
            return;
        ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    }
    void TearDown() override {
        EXPECT_EQ(Set_options(2, 0), 0);
        venter_test::TearDown();
    }
};

/// What a server was told of one request, and what it said at last.
struct seen {
    std::vector<int> kinds;
    std::string text;
    bool in_order = true;
};

/// Takes one request, in pieces of the size of the buffer.
seen take_pieces(std::size_t room_size, unsigned last = 0) {
    std::vector<char> buffer(room_size);
    seen all;
    io it = of(2);
    it.into(buffer);
    int kind = 0;
    while (kind == 0 || kind == IO_PIECE) {
        kind = it.whole();
        all.kinds.push_back(kind);
        if (kind < 0)
            break;
        all.in_order &= it.operation == 7 && it.address == 1000 + all.text.size();
        all.text += it.text();
        it.operation = 0;
        it.out_len = 0;
        it.in_len = room_size;
        if (last != 0 && kind == IO_PIECE) {
            it.operation = last;
            break;
        }
    }
    it.in_len = room_size;
    EXPECT_EQ(it.initiate(), 0);
    return all;
}

TEST_F(large_test, V20_WithoutInstallmentsALargeRequestFails) {
    std::thread server([] {
        const seen all = take_pieces(100);
        EXPECT_EQ(all.text, "small");
        EXPECT_EQ(all.kinds, std::vector<int>{IO_REQUEST});
    });
    EXPECT_EQ(ask(1, std::string(101, 'x'), 7, 1000), error(EMSGSIZE));
    EXPECT_EQ(ask(1, std::string(1000000, 'x'), 7, 1000), error(EMSGSIZE));
    EXPECT_EQ(ask(1, "small", 7, 1000), "");
    server.join();
}

TEST_F(large_test, V20_ALargeRequestComesInInstallments) {
    ASSERT_EQ(Set_options(2, IO_INSTALLMENTS), 0);
    for (const std::size_t size : {101, 200, 100000}) {
        const std::string body = bytes(size);
        std::thread server([&] {
            const seen all = take_pieces(100);
            EXPECT_EQ(all.text, body);
            EXPECT_TRUE(all.in_order);
            EXPECT_EQ(all.kinds.size(), (size + 99) / 100);
            EXPECT_EQ(all.kinds.back(), IO_REQUEST);
        });
        EXPECT_EQ(ask(1, body, 7, 1000), ""); // one I/O, one answer
        server.join();
        io end = of(2); // what take_pieces() has posted
        std::thread next([] { EXPECT_EQ(ask(1, "next", 7), "ok"); });
        ASSERT_EQ(end.complete(), IO_REQUEST);
        end.say("ok");
        std::vector<char> buffer(100);
        end.into(buffer);
        ASSERT_EQ(end.initiate(), 0);
        next.join();
        ASSERT_EQ(Close(1) + Close(2), 0);
        ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    }
}

TEST_F(large_test, V20_AServerCanStopInstallments) {
    for (const unsigned last : {IO_FAIL | ENOSPC, IO_STOP | 5u}) {
        ASSERT_EQ(Set_options(2, IO_INSTALLMENTS), 0);
        std::thread server([&] {
            const seen all = take_pieces(100, last);
            EXPECT_EQ(all.kinds, std::vector<int>{IO_PIECE});
        });
        EXPECT_EQ(ask(1, bytes(1000), 7, 1000), last & IO_FAIL ? error(ENOSPC) : "");
        server.join();
        ASSERT_EQ(Close(1) + Close(2), 0);
        ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    }
}

/// Reads of what it has, as a file system would, in pieces.
void serve_reads(const std::string &content, std::size_t piece, int requests) {
    io it = of(2);
    for (int i = 0; i < requests; i++) {
        ASSERT_EQ(it.whole(), IO_REQUEST);
        ASSERT_EQ(it.operation, IO_READ);
        ASSERT_EQ(it.in_len, 0u);
        const std::size_t at = std::min<std::size_t>(it.address, content.size());
        const std::size_t size = std::min({piece, content.size() - at, it.out_len});
        const bool more = size < it.out_len && at + size < content.size();
        it.out_len = size;
        it.out_buf = const_cast<char *>(content.data()) + at;
        it.operation = more ? IO_MORE : 0;
        it.in_len = 0;
    }
    ASSERT_EQ(it.initiate(), 0);
}

TEST_F(large_test, V20_ALargeAnswerComesInInstallments) {
    const std::string content = bytes(50000);
    for (const bool at_once : {true, false}) {
        std::thread server([&] { serve_reads(content, 1000, 20 + 7); });
        for (const std::size_t size : {20000, 6500}) {
            std::vector<char> answer(size);
            io it{1, IO_READ, 30000};
            it.into(answer);
            if (at_once) {
                ASSERT_EQ(it.whole(), IO_ANSWER);
            } else {
                ASSERT_EQ(it.initiate(), 0);
                ASSERT_EQ(it.complete(), IO_ANSWER);
            }
            EXPECT_EQ(it.text(), content.substr(30000, size));
        }
        server.join();
        ASSERT_EQ(Close(1) + Close(2), 0);
        ASSERT_EQ(Connect(IO_SELF, 1, IO_SELF, 2), 0);
    }
}

TEST_F(large_test, V20_PiecesWithoutEndAreNoAnswer) {
    std::thread server([] {
        io it = of(2);
        ASSERT_EQ(it.whole(), IO_REQUEST);
        it.operation = IO_MORE;
        it.out_len = 0;
        ASSERT_EQ(it.initiate(), 0);
    });
    EXPECT_EQ(ask(1, "", IO_READ), error(EPROTO));
    server.join();
}

// IO_SHARABLE: the output is read where it is; input comes to a place of its size.
TEST_F(large_test, V20_BuffersThatAreShared) {
    const std::string request = bytes(3000000); // more than could be copied when it is sent
    const std::string answer = bytes(2000000);
    std::thread server([&] {
        io it = of(2);
        it.in_len = std::size_t{64} << 20;
        ASSERT_EQ(it.whole(), IO_REQUEST);
        ASSERT_NE(it.in_buf, nullptr);
        EXPECT_TRUE(it.text() == request);
        for (int i = 0; i < 2; i++) {
            it.say(answer);
            it.operation = IO_SHARABLE;
            it.in_buf = nullptr;
            it.in_len = std::size_t{64} << 20;
            ASSERT_EQ(i == 0 ? it.whole() : it.initiate(), i == 0);
        }
    });
    io it{1, 3 | IO_SHARABLE};
    it.say(request);
    it.in_len = answer.size();
    ASSERT_EQ(it.initiate(), 0);
    ASSERT_EQ(it.complete(), IO_ANSWER);
    ASSERT_NE(it.in_buf, nullptr);
    EXPECT_TRUE(it.text() == answer);

    std::vector<char> here(answer.size());
    it = {1, 3 | IO_SHARABLE};
    it.into(here);
    ASSERT_EQ(it.whole(), IO_ANSWER);
    EXPECT_TRUE(it.text() == answer);
    EXPECT_EQ(it.in_buf, here.data());
    server.join();
}

TEST_F(large_test, WithoutTheHintWhatIsInitiatedIsCopied) {
    std::string request = bytes(300000);
    const std::string as_it_was = request;
    io it{1, 3};
    it.say(request);
    ASSERT_EQ(it.initiate(), 0);
    std::fill(request.begin(), request.end(), 'x');
    std::vector<char> there(request.size());
    io asked = of(2);
    asked.into(there);
    ASSERT_EQ(asked.whole(), IO_REQUEST);
    EXPECT_TRUE(asked.text() == as_it_was);
    asked.out_len = 0;
    asked.operation = 0;
    ASSERT_EQ(asked.initiate(), 0);
    EXPECT_EQ(it.complete(), IO_ANSWER);
}

} // namespace
} // namespace venter_test
