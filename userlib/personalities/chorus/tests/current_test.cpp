// SPDX-License-Identifier: MIT
// The current message of a thread.
#include "chorus_test.hpp"

#include <vector>

namespace chorus_test {
namespace {

using current_test = chorus_test;

/// No thread of a test begins with a current message.
template <class F>
void in_a_thread(F run) {
    std::thread(run).join();
}

TEST_F(current_test, WithoutOneThereIsNothingToAnswerSaveOrAsk) {
    in_a_thread([] {
        KnMsgHead head{};
        place at;
        EXPECT_EQ(reply("to nobody"), K_EINVAL);
        EXPECT_EQ(ipcSysInfo(&head), K_EINVAL);
        EXPECT_EQ(ipcSave(K_NONEPORT), K_EINVAL);
        EXPECT_EQ(ipcGetData(&at.desc), K_EINVAL);
        EXPECT_EQ(ipcRestore(1), K_EINVAL);
        EXPECT_EQ(ipcReply(nullptr), K_EFAULT);
        EXPECT_EQ(ipcSysInfo(nullptr), K_EFAULT);
        EXPECT_EQ(ipcGetData(nullptr), K_EFAULT);
    });
}

TEST_F(current_test, EachThreadHasItsOwn) {
    a_port port;
    in_a_thread([&] {
        ASSERT_EQ(send(port.ui, "mine"), K_OK);
        ASSERT_EQ(receive(port.li), "mine");
        KnMsgHead head{};
        EXPECT_EQ(ipcSysInfo(&head), K_OK);
        in_a_thread([&] { EXPECT_EQ(ipcSysInfo(&head), K_EINVAL); });
        EXPECT_EQ(ipcSysInfo(&head), K_OK);
    });
}

TEST_F(current_test, AfterASuccessfulReplyThereIsNone) {
    a_port port;
    in_a_thread([&] {
        ASSERT_EQ(send(port.ui, "question"), K_OK);
        ASSERT_EQ(receive(port.li), "question");
        EXPECT_EQ(reply("answer"), K_OK);
        EXPECT_EQ(reply("again"), K_EINVAL);
    });
    EXPECT_EQ(receive(K_DEFAULTPORT), "answer");
}

TEST_F(current_test, AReplyThatIsTooLargeLeavesIt) {
    a_port port;
    std::string got;
    std::thread client([&] { got = call(port.ui, "question"); });
    EXPECT_EQ(receive(port.li), "question");
    std::vector<char> body(K_CMSGSIZEMAX + 1);
    KnMsgDesc msg{};
    msg.bodyAddr = body.data();
    msg.bodySize = static_cast<VmSize>(body.size());
    EXPECT_EQ(ipcReply(&msg), K_ETOOMUCH);
    msg.bodyAddr = reinterpret_cast<void *>(16);
    msg.bodySize = 16;
    EXPECT_EQ(ipcReply(&msg), K_EFAULT);
    EXPECT_EQ(reply("good"), K_OK);
    client.join();
    EXPECT_EQ(got, "good");
}

TEST_F(current_test, ReceivingSupplantsItAndItsClientIsReleased) {
    a_port port;
    std::string got;
    std::thread client([&] { got = call(port.ui, "supplanted"); });
    in_a_thread([&] {
        EXPECT_EQ(receive(port.li), "supplanted");
        ASSERT_EQ(send(port.ui, "next"), K_OK);
        EXPECT_EQ(receive(port.li), "next");
        client.join();
        EXPECT_EQ(got, error(K_EUNKNOWN));
    });
}

TEST_F(current_test, AReceiveThatFailsLeavesIt) {
    a_port port;
    std::string got;
    std::thread client([&] { got = call(port.ui, "kept"); });
    EXPECT_EQ(receive(port.li), "kept");
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT));
    EXPECT_EQ(reply("answered"), K_OK);
    client.join();
    EXPECT_EQ(got, "answered");
}

TEST_F(current_test, AThreadThatEndsReleasesItsClient) {
    a_port port;
    std::string got;
    std::thread client([&] { got = call(port.ui, "left"); });
    in_a_thread([&] { EXPECT_EQ(receive(port.li), "left"); });
    client.join();
    EXPECT_EQ(got, error(K_EUNKNOWN));
}

TEST_F(current_test, TheBodyIsReceivedLaterIfItsAddressIsNull) {
    a_port port;
    ASSERT_EQ(send(port.ui, "deferred"), K_OK);
    KnMsgDesc at{};
    int li = port.li;
    EXPECT_EQ(ipcReceive(&at, &li, soon), 8); // its length
    place body;
    EXPECT_EQ(body.text(ipcGetData(&body.desc)), "deferred");
    EXPECT_EQ(ipcGetData(&body.desc), K_EINVAL); // only once
}

TEST_F(current_test, GetDataIsOnlyForBodiesThatWereLeft) {
    a_port port;
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    ASSERT_EQ(receive(port.li), "received");
    place body;
    EXPECT_EQ(ipcGetData(&body.desc), K_EINVAL);
}

TEST_F(current_test, GetDataThatFailsMayBeTriedAgain) {
    a_port port;
    ASSERT_EQ(send(port.ui, "deferred"), K_OK);
    KnMsgDesc at{};
    int li = port.li;
    ASSERT_EQ(ipcReceive(&at, &li, soon), 8);
    place body;
    body.desc.bodySize = 3;
    EXPECT_EQ(ipcGetData(&body.desc), K_ETOOMUCH);
    body.desc.bodySize = 100;
    body.desc.bodyAddr = reinterpret_cast<void *>(16);
    EXPECT_EQ(ipcGetData(&body.desc), K_EFAULT);
    body.desc.bodyAddr = body.body.data();
    EXPECT_EQ(body.text(ipcGetData(&body.desc)), "deferred");
}

TEST_F(current_test, ASavedMessageIsAnsweredAfterOthers) {
    a_port port;
    std::string first;
    std::string second;
    std::thread one([&] { first = call(port.ui, "first"); });
    EXPECT_EQ(receive(port.li), "first");
    const int saved = ipcSave(K_NONEPORT);
    EXPECT_GT(saved, 0);
    EXPECT_EQ(reply("nothing is current"), K_EINVAL);
    std::thread two([&] { second = call(port.ui, "second"); });
    EXPECT_EQ(receive(port.li), "second");
    EXPECT_EQ(reply("to the second"), K_OK);
    EXPECT_EQ(ipcRestore(saved), K_OK);
    EXPECT_EQ(reply("to the first"), K_OK);
    one.join();
    two.join();
    EXPECT_EQ(first, "to the first");
    EXPECT_EQ(second, "to the second");
    EXPECT_EQ(ipcRestore(saved), K_EINVAL);
}

TEST_F(current_test, AnyThreadOfTheActorMayRestore) {
    a_port port;
    std::string got;
    std::thread client([&] { got = call(port.ui, "question"); });
    EXPECT_EQ(receive(port.li), "question");
    const int saved = ipcSave(K_NONEPORT);
    in_a_thread([&] {
        EXPECT_EQ(ipcRestore(saved), K_OK);
        KnMsgHead head{};
        EXPECT_EQ(ipcSysInfo(&head), K_OK);
        EXPECT_EQ(head.flags[0], K_MSGCALL);
        EXPECT_EQ(reply("by another thread"), K_OK);
    });
    client.join();
    EXPECT_EQ(got, "by another thread");
}

TEST_F(current_test, RestoringReplacesTheCurrentMessage) {
    a_port port;
    ASSERT_EQ(send(port.ui, "saved"), K_OK);
    ASSERT_EQ(receive(port.li), "saved");
    const int saved = ipcSave(K_NONEPORT);
    std::string got;
    std::thread client([&] { got = call(port.ui, "replaced"); });
    EXPECT_EQ(receive(port.li), "replaced");
    EXPECT_EQ(ipcRestore(1000), K_EINVAL); // leaves it alone
    EXPECT_EQ(ipcRestore(saved), K_OK);
    client.join();
    EXPECT_EQ(got, error(K_EUNKNOWN));
}

TEST_F(current_test, SomeMessagesOfAnActorCanBeSavedAndNoMore) {
    a_port port;
    std::vector<int> saved;
    for (int i = 0; i < K_CMSGSAVEDMAX; i++) {
        ASSERT_EQ(send(port.ui, std::to_string(i)), K_OK);
        ASSERT_EQ(receive(port.li), std::to_string(i));
        saved.push_back(ipcSave(K_NONEPORT));
        ASSERT_GT(saved.back(), 0);
    }
    ASSERT_EQ(send(port.ui, "one more"), K_OK);
    ASSERT_EQ(receive(port.li), "one more");
    EXPECT_EQ(ipcSave(K_NONEPORT), K_ETOOMUCH);
    EXPECT_EQ(reply("still current"), K_OK);
    EXPECT_EQ(receive(K_DEFAULTPORT), "still current");
    for (const int id : saved)
        EXPECT_EQ(ipcRestore(id), K_OK);
}

TEST_F(current_test, SysInfoTellsSourceTargetAndTransaction) {
    a_port source;
    a_port port;
    ASSERT_EQ(send(port.ui, "hello", source.li), K_OK);
    ASSERT_EQ(receive(port.li), "hello");
    KnMsgHead head{};
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_TRUE(uiEqual(&head.srcPort, &source.ui));
    EXPECT_TRUE(uiEqual(&head.target, &port.ui));
    EXPECT_EQ(head.bodySize, 5);
    EXPECT_EQ(head.flags[0], K_MSGSEND);
    EXPECT_EQ(head.transId, 0U);
    EXPECT_EQ(head.actorId.uid, ::geteuid());
    EXPECT_EQ(head.actorId.gid, ::getegid());

    std::thread client([&] { (void)call(port.ui, "question"); });
    ASSERT_EQ(receive(port.li), "question");
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.flags[0], K_MSGCALL);
    EXPECT_NE(head.transId, 0U);
    EXPECT_EQ(reply(""), K_OK);
    client.join();
}

TEST_F(current_test, TheReceiverLearnsTheProtectionIdentifiersOfTheSender) {
    a_port port;
    process sender([&] {
        KnProtId of_actor{4711, 1, 2};
        KnProtId of_port{815, 3, 4};
        if (actorPi(K_MYACTOR, nullptr, &of_actor) != K_OK)
            return 1;
        if (portPi(K_MYACTOR, K_DEFAULTPORT, nullptr, &of_port) != K_OK)
            return 2;
        return send(port.ui, "marked") == K_OK ? 0 : 3;
    });
    EXPECT_EQ(receive(port.li), "marked"); // nothing of it is in the body
    KnMsgHead head{};
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.actorId.uid, 4711);
    EXPECT_EQ(head.actorId.did, 2);
    EXPECT_EQ(head.portId.uid, 815);
    EXPECT_EQ(head.portId.gid, 3);
    EXPECT_EQ(head.bodySize, 6);
    EXPECT_EQ(sender.wait(), 0);
}

TEST_F(current_test, AUserIsWhoTheSystemSays) {
    a_port port;
    process user([&] {
        if (!become_nobody())
            return 1;
        return send(port.ui, "plain") == K_OK ? 0 : 2;
    });
    EXPECT_EQ(receive(port.li), "plain");
    KnMsgHead head{};
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.actorId.uid, 1001);
    EXPECT_EQ(head.portId.uid, 1001);
    EXPECT_EQ(head.srcPort.uiHead, 1001U); // nobody else can have such a name
    EXPECT_EQ(user.wait(), 0);
}

} // namespace
} // namespace chorus_test
