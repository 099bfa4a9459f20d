// SPDX-License-Identifier: MIT
// Sending, receiving and calling.
#include "chorus_test.hpp"

#include <vector>

namespace chorus_test {
namespace {

using ipc_test = chorus_test;

std::vector<char> bytes(std::size_t size) {
    std::vector<char> all(size);
    for (std::size_t i = 0; i < size; i++)
        all[i] = static_cast<char>(i * 7 + (i >> 8));
    return all;
}

KnMsgDesc around(std::vector<char> &body) {
    KnMsgDesc msg{};
    msg.bodyAddr = body.data();
    msg.bodySize = static_cast<VmSize>(body.size());
    return msg;
}

TEST_F(ipc_test, WhoKnowsTheNameOfAPortCanSendToIt) {
    a_port port;
    process user([&] {
        if (!become_nobody())
            return 1;
        return send(port.ui, "from anybody") == K_OK ? 0 : 2;
    });
    EXPECT_EQ(receive(port.li), "from anybody");
    EXPECT_EQ(user.wait(), 0);
    EXPECT_EQ(send(KnUniqueId{}, "to nobody"), K_EUNKNOWN);
}

TEST_F(ipc_test, SendIsAsynchronousAndReturnsZero) {
    a_port port;
    EXPECT_EQ(send(port.ui, "one"), K_OK);
    EXPECT_EQ(send(port.ui, "two"), K_OK);
    EXPECT_EQ(receive(port.li), "one");
    EXPECT_EQ(receive(port.li), "two");
}

TEST_F(ipc_test, BodyAndAnnexAreCopied) {
    a_port port;
    std::array<char, K_CMSGANNEXSIZE> annex{};
    annex.fill('a');
    std::string body = "body";
    KnMsgDesc msg = message(body);
    msg.annexAddr = annex.data();
    KnIpcDest dest = port.address();
    ASSERT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_OK);
    annex.fill('b');
    body.assign("ydob");
    place at;
    int li = port.li;
    EXPECT_EQ(at.text(ipcReceive(&at.desc, &li, soon)), "body");
    EXPECT_EQ(std::string(at.annex.begin(), at.annex.end()), std::string(K_CMSGANNEXSIZE, 'a'));
}

TEST_F(ipc_test, ANullAnnexAddressMeansNoAnnex) {
    a_port port;
    ASSERT_EQ(send(port.ui, "no annex"), K_OK);
    place at;
    at.annex.fill('x');
    int li = port.li;
    EXPECT_EQ(at.text(ipcReceive(&at.desc, &li, soon)), "no annex");
    EXPECT_EQ(at.annex[0], 'x'); // left as it was
    KnMsgHead head{};
    EXPECT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.flags[1], 0);
}

TEST_F(ipc_test, AnAnnexThatNobodyAsksForIsNotInTheWay) {
    a_port port;
    place msg;
    KnIpcDest dest = port.address();
    msg.desc.bodySize = 4;
    ASSERT_EQ(ipcSend(&msg.desc, K_DEFAULTPORT, &dest), K_OK);
    place at;
    at.desc.annexAddr = nullptr;
    int li = port.li;
    EXPECT_EQ(ipcReceive(&at.desc, &li, soon), 4);
}

TEST_F(ipc_test, ABodyHasUpTo64KiB) {
    a_port port;
    std::vector<char> body = bytes(K_CMSGSIZEMAX);
    KnMsgDesc msg = around(body);
    KnIpcDest dest = port.address();
    ASSERT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_OK);
    std::vector<char> got(K_CMSGSIZEMAX);
    KnMsgDesc at = around(got);
    int li = port.li;
    EXPECT_EQ(ipcReceive(&at, &li, soon), K_CMSGSIZEMAX);
    EXPECT_EQ(got, body);

    body.push_back('x');
    msg = around(body);
    EXPECT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_ETOOMUCH);
    EXPECT_EQ(ipcCall(&msg, K_DEFAULTPORT, &dest, &at, soon), K_ETOOMUCH);
}

TEST_F(ipc_test, AnEmptyMessageIsOne) {
    a_port port;
    KnMsgDesc msg{};
    KnIpcDest dest = port.address();
    ASSERT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_OK);
    EXPECT_EQ(receive(port.li), "");
}

TEST_F(ipc_test, DelayZeroPollsAndAPositiveOneIsMilliseconds) {
    a_port port;
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(receive(port.li, a_while), error(K_ETIMEOUT));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(a_while));
}

TEST_F(ipc_test, ANegativeDelayIsForEver) {
    a_port port;
    std::thread later([&] {
        pause();
        EXPECT_EQ(send(port.ui, "at last"), K_OK);
    });
    EXPECT_EQ(receive(port.li, K_NOTIMEOUT), "at last");
    later.join();
}

TEST_F(ipc_test, WhatIsNoPortOfThisActorIsInvalid) {
    a_port port;
    place at;
    int li = 4000;
    EXPECT_EQ(ipcReceive(&at.desc, &li, 0), K_EINVAL);
    EXPECT_EQ(ipcReceive(nullptr, &li, 0), K_EFAULT);
    EXPECT_EQ(ipcReceive(&at.desc, nullptr, 0), K_EFAULT);
    EXPECT_EQ(send(port.ui, "source?", 4000), K_EINVAL);
    KnIpcDest dest = port.address();
    EXPECT_EQ(ipcSend(nullptr, K_DEFAULTPORT, &dest), K_EFAULT);
    EXPECT_EQ(ipcSend(&at.desc, K_DEFAULTPORT, nullptr), K_EFAULT);
    EXPECT_EQ(ipcCall(&at.desc, K_DEFAULTPORT, &dest, nullptr, 0), K_EFAULT);
}

TEST_F(ipc_test, AnAddressOutsideOfTheActorIsAFault) {
    a_port port;
    KnMsgDesc msg = message("somewhere");
    KnIpcDest dest = port.address();
    msg.bodyAddr = reinterpret_cast<void *>(16);
    EXPECT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_EFAULT);
    ASSERT_EQ(send(port.ui, "kept"), K_OK);
    int li = port.li;
    msg.bodySize = 100;
    EXPECT_EQ(ipcReceive(&msg, &li, soon), K_EFAULT);
    EXPECT_EQ(receive(port.li), "kept"); // the message stayed
}

TEST_F(ipc_test, ABodyLargerThanItsPlaceIsTooMuchAndCanStillBeHad) {
    a_port port;
    ASSERT_EQ(send(port.ui, "longer than four"), K_OK);
    place at;
    at.desc.bodySize = 4;
    int li = port.li;
    EXPECT_EQ(ipcReceive(&at.desc, &li, soon), K_ETOOMUCH);
    KnMsgHead head{};
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.bodySize, 16);
    at.desc.bodySize = static_cast<VmSize>(head.bodySize);
    EXPECT_EQ(at.text(ipcGetData(&at.desc)), "longer than four");
}

TEST_F(ipc_test, AFullQueueIsAnErrorToTheSender) {
    a_port port;
    int sent = 0;
    int result = K_OK;
    while ((result = send(port.ui, "more")) == K_OK && sent < 2 * K_CPORTQUEUE)
        sent++;
    EXPECT_EQ(result, K_EFULL);
    EXPECT_EQ(sent, K_CPORTQUEUE / 2); // as much as one user may
    EXPECT_EQ(call(port.ui, "no room either"), error(K_EFULL));
    EXPECT_EQ(receive(port.li), "more");
    EXPECT_EQ(send(port.ui, "one again"), K_OK);
    EXPECT_EQ(send(port.ui, "and no other"), K_EFULL);
}

TEST_F(ipc_test, OnRequestTheSenderIsSuspendedUntilThereIsRoom) {
    a_port port;
    while (send(port.ui, "more") == K_OK)
        continue;
    std::thread receiver([&] {
        pause();
        EXPECT_EQ(receive(port.li), "more");
    });
    KnMsgDesc msg = message("waits");
    msg.flags = K_WAITROOM;
    KnIpcDest dest = port.address();
    EXPECT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_OK);
    receiver.join();
}

TEST_F(ipc_test, TheEnvironmentCanSuspendSendersOfAnOldProgram) {
    a_port port;
    while (send(port.ui, "more") == K_OK)
        continue;
    process old([&] {
        ::setenv("CAPSCHORUS_FULL", "wait", 1);
        return send(port.ui, "waits") == K_OK ? 0 : 1;
    });
    pause();
    std::string last;
    do
        last = receive(port.li);
    while (last == "more");
    EXPECT_EQ(last, "waits");
    EXPECT_EQ(old.wait(), 0);
}

TEST_F(ipc_test, CallReturnsTheAnswerToItsRequest) {
    const pipe_of_names names;
    process server([&] {
        KnUniqueId ui{};
        const int li = portCreate(K_MYACTOR, &ui);
        names.tell(ui);
        return serve(li, 100);
    });
    const KnUniqueId ui = names.hear();
    for (int i = 0; i < 100; i++)
        ASSERT_EQ(call(ui, std::to_string(i)), std::to_string(i) + "!");
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(call(ui, "gone"), error(K_EUNKNOWN));
}

TEST_F(ipc_test, AnswersHaveAnAnnexToo) {
    a_port port;
    std::thread server([&] {
        EXPECT_EQ(receive(port.li), "question");
        place answer;
        answer.annex.fill('z');
        answer.desc.bodySize = 0;
        EXPECT_EQ(ipcReply(&answer.desc), K_OK);
    });
    KnMsgDesc msg = message("question");
    KnIpcDest dest = port.address();
    place answer;
    EXPECT_EQ(ipcCall(&msg, K_DEFAULTPORT, &dest, &answer.desc, soon), 0);
    EXPECT_EQ(answer.annex[K_CMSGANNEXSIZE - 1], 'z');
    server.join();
}

TEST_F(ipc_test, AnAnswerLargerThanItsPlaceIsTooMuch) {
    a_port port;
    std::thread server([&] {
        EXPECT_EQ(receive(port.li), "question");
        EXPECT_EQ(reply("a long answer"), K_OK);
    });
    KnMsgDesc msg = message("question");
    KnIpcDest dest = port.address();
    place answer;
    answer.desc.bodySize = 6;
    EXPECT_EQ(ipcCall(&msg, K_DEFAULTPORT, &dest, &answer.desc, soon), K_ETOOMUCH);
    EXPECT_EQ(std::string(answer.body.data(), 6), "a long");
    server.join();
}

TEST_F(ipc_test, ACallThatIsNotAnsweredInTimeTimesOut) {
    a_port port;
    EXPECT_EQ(call(port.ui, "unread", a_while), error(K_ETIMEOUT));
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT)); // it was withdrawn
    std::string got;
    std::thread client([&] { got = call(port.ui, "unanswered", a_while); });
    EXPECT_EQ(receive(port.li), "unanswered");
    client.join();
    EXPECT_EQ(got, error(K_ETIMEOUT));
    EXPECT_EQ(reply("too late"), K_EUNKNOWN);
    EXPECT_EQ(reply("again"), K_EINVAL); // it is current no more
}

TEST_F(ipc_test, AServerThatDiesReleasesItsClients) {
    const pipe_of_names names;
    process server([&] {
        KnUniqueId ui{};
        const int li = portCreate(K_MYACTOR, &ui);
        names.tell(ui);
        return receive(li) == "taken" ? 7 : 1; // and ends, unanswered
    });
    EXPECT_EQ(call(names.hear(), "taken"), error(K_EUNKNOWN));
    EXPECT_EQ(server.wait(), 7);
}

TEST_F(ipc_test, AReplyToAOneWayMessageArrivesOnItsSourcePort) {
    a_port source;
    a_port port;
    ASSERT_EQ(send(port.ui, "question", source.li), K_OK);
    std::thread server([&] {
        EXPECT_EQ(receive(port.li), "question");
        EXPECT_EQ(reply("answer"), K_OK);
    });
    EXPECT_EQ(receive(source.li), "answer");
    KnMsgHead head{};
    EXPECT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_EQ(head.flags[0], K_MSGREPLY);
    EXPECT_TRUE(uiEqual(&head.srcPort, &source.ui)); // replying does not alter the stamps
    EXPECT_EQ(reply("to a reply"), K_EINVAL);
    server.join();
}

TEST_F(ipc_test, ANameThatIsDeclaredAnewIsFoundAnew) {
    KnUniqueId ui{};
    uiBuild(&ui, K_UIPORT, K_LOCALSITE, 0xabc);
    const pipe_of_names ready;
    const auto run = [&] {
        KnUniqueId mine = ui;
        const int li = portDeclare(K_MYACTOR, &mine);
        ready.tell(mine);
        return li > 0 ? serve(li, 1) : 1;
    };
    for (int turn = 0; turn < 3; turn++) {
        process server(run);
        (void)ready.hear();
        // The capability from the turn before is worth nothing any more.
        EXPECT_EQ(call(ui, "hello"), "hello!");
        EXPECT_EQ(server.wait(), 0);
    }
}

} // namespace
} // namespace chorus_test
