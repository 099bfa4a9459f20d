// SPDX-License-Identifier: MIT
// Message handlers.
#include "chorus_test.hpp"

#include <atomic>
#include <mutex>
#include <vector>

namespace chorus_test {
namespace {

using handler_test = chorus_test;

/// What a handler was given, and what it does then.
struct log {
    std::mutex lock;
    std::vector<std::string> texts;
    std::atomic<int> count{0};

    void add(const KnMsgDesc &msg) {
        const std::lock_guard held(lock);
        texts.emplace_back(static_cast<const char *>(msg.bodyAddr), msg.bodySize);
        ++count;
    }
};

void note(KnMsgDesc *msg, void *cookie) {
    static_cast<log *>(cookie)->add(*msg);
}

void note_and_answer(KnMsgDesc *msg, void *cookie) {
    note(msg, cookie);
    KnMsgDesc answer = message("handled");
    EXPECT_EQ(svMsgHdlReply(&answer), K_OK);
}

void disconnect_itself(KnMsgDesc *msg, void *cookie) {
    note_and_answer(msg, cookie);
    KnMsgHead head{};
    EXPECT_EQ(ipcSysInfo(&head), K_EINVAL); // it was answered
    const int portli = static_cast<log *>(cookie)->count.load() + 1000000;
    EXPECT_EQ(svMsgHandler(K_MYACTOR, portli, nullptr, 0, nullptr), K_EINVAL);
}

struct self_ending {
    int portli;
    int result;
};

void end_itself(KnMsgDesc * /*msg*/, void *cookie) {
    auto *const it = static_cast<self_ending *>(cookie);
    it->result = svMsgHandler(K_MYACTOR, it->portli, nullptr, 0, nullptr);
    EXPECT_EQ(reply("the last"), K_OK);
}

bool eventually(const std::atomic<int> &count, int value) {
    for (int i = 0; i < 6000 && count != value; i++)
        pause(10);
    return count == value;
}

TEST_F(handler_test, AHandlerIsCalledWithEachMessageEvenThoseQueuedBefore) {
    a_port port;
    log seen;
    ASSERT_EQ(send(port.ui, "before"), K_OK);
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, note, 0, &seen), K_OK);
    ASSERT_EQ(send(port.ui, "after"), K_OK);
    EXPECT_TRUE(eventually(seen.count, 2));
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
    EXPECT_EQ(seen.texts, (std::vector<std::string>{"before", "after"}));
}

TEST_F(handler_test, TheClientCannotTellTheDifference) {
    a_port port;
    log seen;
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, note_and_answer, 256 * 1024, &seen), K_OK);
    process client([&] { return call(port.ui, "question") == "handled" ? 0 : 1; });
    EXPECT_EQ(client.wait(), 0);
    EXPECT_EQ(call(port.ui, "another"), "handled");
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
    EXPECT_EQ(seen.count, 2);
}

TEST_F(handler_test, HandlersAndReceivingExcludeEachOther) {
    a_port port;
    log seen;
    ASSERT_EQ(portEnable(K_MYACTOR, port.li, 1), K_OK);
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, note, 0, &seen), K_OK);
    EXPECT_EQ(receive(port.li, 0), error(K_EINVAL));
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, note, 0, &seen), K_EBUSY);
    ASSERT_EQ(send(port.ui, "handled"), K_OK);
    EXPECT_TRUE(eventually(seen.count, 1));
    EXPECT_EQ(receive(K_ANYENABLED, 0), error(K_ETIMEOUT));
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    EXPECT_EQ(receive(K_ANYENABLED), "received"); // it is enabled as before
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_EINVAL);
    EXPECT_EQ(seen.count, 1);
}

TEST_F(handler_test, WhatAHandlerDoesNotAnswerItsClientLearns) {
    a_port port;
    log seen;
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, note, 0, &seen), K_OK);
    EXPECT_EQ(call(port.ui, "unanswered"), error(K_EUNKNOWN));
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
}

TEST_F(handler_test, TheReplyOfAHandlerIsForHandlersOnly) {
    KnMsgDesc answer = message("answer");
    EXPECT_EQ(svMsgHdlReply(&answer), K_EINVAL);
    EXPECT_EQ(svMsgHandler(K_MYACTOR, 4000, note, 0, nullptr), K_EINVAL);
    a_port port;
    log seen;
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, disconnect_itself, 0, &seen), K_OK);
    EXPECT_EQ(call(port.ui, "question"), "handled");
    EXPECT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
}

TEST_F(handler_test, AHandlerMayDisconnectItself) {
    a_port port;
    self_ending it{port.li, 1};
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, end_itself, 0, &it), K_OK);
    EXPECT_EQ(call(port.ui, "end"), "the last");
    EXPECT_EQ(it.result, K_OK);
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    EXPECT_EQ(receive(port.li), "received");
}

TEST_F(handler_test, APortWithAHandlerCanBeDeleted) {
    KnUniqueId ui{};
    const int li = portCreate(K_MYACTOR, &ui);
    log seen;
    ASSERT_EQ(svMsgHandler(K_MYACTOR, li, note, 0, &seen), K_OK);
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
    EXPECT_EQ(send(ui, "gone"), K_EUNKNOWN);
}

} // namespace
} // namespace chorus_test
