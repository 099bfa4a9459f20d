// SPDX-License-Identifier: MIT
// Ports and their names.
#include "chorus_test.hpp"

#include <set>

namespace chorus_test {
namespace {

using port_test = chorus_test;

TEST_F(port_test, CreateReturnsALocalIdentifierAndAUniqueOne) {
    std::set<int> local;
    std::set<std::pair<unsigned, unsigned>> unique;
    std::array<KnUniqueId, 50> names{};
    for (auto &name : names) {
        const int li = portCreate(K_MYACTOR, &name);
        ASSERT_GT(li, 0);
        EXPECT_TRUE(local.insert(li).second);
        EXPECT_TRUE(unique.emplace(name.uiHead, name.uiTail).second);
        EXPECT_TRUE(uiIsLocal(&name));
    }
    for (const int li : local)
        EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
}

TEST_F(port_test, LocalAndUniqueIdentifiersOfThisActorLeadToEachOther) {
    a_port port;
    KnUniqueId ui{};
    EXPECT_EQ(portUi(&ui, port.li), K_OK);
    EXPECT_TRUE(uiEqual(&ui, &port.ui));
    EXPECT_EQ(portLi(&port.ui), port.li);
    EXPECT_EQ(portUi(&ui, port.li + 1000), K_EINVAL);
    EXPECT_EQ(portUi(nullptr, port.li), K_EFAULT);
    EXPECT_EQ(portLi(nullptr), K_EFAULT);
}

TEST_F(port_test, AnotherActorsPortHasNoLocalIdentifierHere) {
    const pipe_of_names names;
    process other([&] {
        KnUniqueId ui{};
        names.tell((portCreate(K_MYACTOR, &ui), ui));
        pause();
        return 0;
    });
    KnUniqueId theirs = names.hear();
    EXPECT_EQ(portLi(&theirs), K_EINVAL);
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(port_test, ADefaultPortExistsAndCannotBeDeleted) {
    KnUniqueId ui{};
    ASSERT_EQ(portUi(&ui, K_DEFAULTPORT), K_OK);
    const int li = portLi(&ui);
    EXPECT_GT(li, 0);
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_EINVAL);
    EXPECT_EQ(portDelete(K_MYACTOR, K_DEFAULTPORT), K_EINVAL);
    EXPECT_EQ(send(ui, "to the default port"), K_OK);
    EXPECT_EQ(receive(K_DEFAULTPORT), "to the default port");
}

TEST_F(port_test, APortIsCreatedDisabled) {
    a_port port;
    ASSERT_EQ(send(port.ui, "unseen"), K_OK);
    EXPECT_EQ(receive(K_ANYENABLED, 0), error(K_ETIMEOUT));
    EXPECT_EQ(receive(port.li, 0), "unseen"); // but by name
}

TEST_F(port_test, AnEnabledPortIsReceivedFromAmongAll) {
    a_port port;
    ASSERT_EQ(portEnable(K_MYACTOR, port.li, 5), K_OK);
    ASSERT_EQ(send(port.ui, "seen"), K_OK);
    place at;
    int li = K_ANYENABLED;
    EXPECT_EQ(at.text(ipcReceive(&at.desc, &li, soon)), "seen");
    EXPECT_EQ(li, port.li); // the actual one is returned
    ASSERT_EQ(portDisable(K_MYACTOR, port.li), K_OK);
    ASSERT_EQ(send(port.ui, "unseen"), K_OK);
    EXPECT_EQ(receive(K_ANYENABLED, 0), error(K_ETIMEOUT));
    EXPECT_EQ(portDisable(K_MYACTOR, port.li), K_OK);
}

TEST_F(port_test, TheLowestPriorityNumberIsReceivedFirst) {
    a_port low;
    a_port high;
    ASSERT_EQ(portEnable(K_MYACTOR, low.li, 9), K_OK);
    ASSERT_EQ(portEnable(K_MYACTOR, high.li, 2), K_OK);
    ASSERT_EQ(send(low.ui, "1"), K_OK);
    ASSERT_EQ(send(high.ui, "2"), K_OK);
    ASSERT_EQ(send(low.ui, "3"), K_OK);
    ASSERT_EQ(send(high.ui, "4"), K_OK);
    std::string order;
    for (int i = 0; i < 4; i++)
        order += receive(K_ANYENABLED);
    EXPECT_EQ(order, "2413");
    EXPECT_EQ(portEnable(K_MYACTOR, low.li, -1), K_EINVAL);
    EXPECT_EQ(portEnable(K_MYACTOR, low.li, 256), K_EINVAL);
    EXPECT_EQ(portEnable(K_MYACTOR, 4000, 1), K_EINVAL);
    EXPECT_EQ(portDisable(K_MYACTOR, 4000), K_EINVAL);
}

TEST_F(port_test, ThreadsThatWaitOnADeletedPortLeaveWithEnoport) {
    KnUniqueId ui{};
    const int li = portCreate(K_MYACTOR, &ui);
    std::string got;
    std::thread waiting([&] { got = receive(li); });
    pause();
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
    waiting.join();
    EXPECT_EQ(got, error(K_ENOPORT));
    EXPECT_EQ(receive(li, 0), error(K_EINVAL)); // no such port any more
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_EINVAL);
    EXPECT_EQ(send(ui, "too late"), K_EUNKNOWN);
}

TEST_F(port_test, DeletingAPortAbortsItsQueuedTransactions) {
    KnUniqueId ui{};
    const int li = portCreate(K_MYACTOR, &ui);
    std::string got;
    std::thread client([&] { got = call(ui, "queued"); });
    pause();
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
    client.join();
    EXPECT_EQ(got, error(K_EUNKNOWN));
}

TEST_F(port_test, AReceivedTransactionOutlivesItsPort) {
    KnUniqueId ui{};
    const int li = portCreate(K_MYACTOR, &ui);
    std::string got;
    std::thread client([&] { got = call(ui, "taken"); });
    EXPECT_EQ(receive(li), "taken");
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
    EXPECT_EQ(reply("answered"), K_OK);
    client.join();
    EXPECT_EQ(got, "answered");
}

TEST_F(port_test, GetSeqNumIsTheCountOfMessagesReceived) {
    a_port port;
    unsigned count = 99;
    EXPECT_EQ(portGetSeqNum(K_MYACTOR, port.li, &count), K_OK);
    EXPECT_EQ(count, 0U);
    for (unsigned i = 1; i <= 3; i++) {
        ASSERT_EQ(send(port.ui, "message"), K_OK);
        place at;
        int li = port.li;
        ASSERT_GE(ipcReceive(&at.desc, &li, soon), 0);
        EXPECT_EQ(at.desc.seqNum, i);
        EXPECT_EQ(portGetSeqNum(K_MYACTOR, port.li, &count), K_OK);
        EXPECT_EQ(count, i);
    }
    EXPECT_EQ(portGetSeqNum(K_MYACTOR, port.li, nullptr), K_EFAULT);
    EXPECT_EQ(portGetSeqNum(K_MYACTOR, 4000, &count), K_EINVAL);
}

TEST_F(port_test, ADeclaredPortHasTheNameThatItsCallerChose) {
    KnUniqueId ui{};
    ASSERT_EQ(uiBuild(&ui, K_UIPORT, K_LOCALSITE, 0x12345678), K_OK);
    const KnUniqueId asked = ui;
    const int li = portDeclare(K_MYACTOR, &ui);
    ASSERT_GT(li, 0);
    EXPECT_TRUE(uiEqual(&ui, &asked));
    process client([&] {
        KnUniqueId same{};
        uiBuild(&same, K_UIPORT, K_LOCALSITE, 0x12345678);
        return send(same, "by a built name") == K_OK ? 0 : 1;
    });
    EXPECT_EQ(receive(li), "by a built name");
    EXPECT_EQ(client.wait(), 0);
    EXPECT_EQ(portDeclare(K_MYACTOR, &ui), K_EBUSY); // uniqueness is the caller's duty
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
}

TEST_F(port_test, DeclaringIsForThePrivileged) {
    process user([] {
        if (!become_nobody())
            return 1;
        KnUniqueId ui{};
        uiBuild(&ui, K_UIPORT, K_LOCALSITE, 77);
        return portDeclare(K_MYACTOR, &ui) == K_EPRIV ? 0 : 2;
    });
    EXPECT_EQ(user.wait(), 0);
    KnUniqueId group{};
    uiBuild(&group, K_UIGROUP, K_LOCALSITE, 77);
    EXPECT_EQ(portDeclare(K_MYACTOR, &group), K_EINVAL);
    EXPECT_EQ(portDeclare(K_MYACTOR, nullptr), K_EFAULT);
}

TEST_F(port_test, ACapabilityOfAnotherActorIsRefused) {
    KnCap self{};
    ASSERT_EQ(actorSelf(&self), K_OK);
    KnUniqueId ui{};
    const int li = portCreate(&self, &ui);
    EXPECT_GT(li, 0);
    KnCap forged = self;
    forged.key.keyTail ^= 1; // who knows the name only, may not
    EXPECT_EQ(portCreate(&forged, &ui), K_EINVAL);
    EXPECT_EQ(portDelete(&forged, li), K_EINVAL);
    EXPECT_EQ(portEnable(&forged, li, 1), K_EINVAL);
    EXPECT_EQ(svMsgHandler(&forged, li, nullptr, 0, nullptr), K_EINVAL);
    KnCap no_actor{ui, self.key};
    EXPECT_EQ(portDelete(&no_actor, li), K_EINVAL);
    EXPECT_EQ(portDelete(&self, li), K_OK);
    EXPECT_EQ(actorSelf(nullptr), K_EFAULT);
    EXPECT_EQ(portCreate(K_MYACTOR, nullptr), K_EFAULT);
}

TEST_F(port_test, WhoHasTheCapabilityOfAnActorMayChangeItsPorts) {
    const pipe_of_names names;
    process other([&] {
        KnCap self{};
        if (actorSelf(&self) != K_OK)
            return 1;
        names.tell(self);
        if (receive(K_DEFAULTPORT) != "look")
            return 2;
        // The only port that is enabled was made, and enabled, by the other actor.
        return receive(K_ANYENABLED) == "to a port made from outside" ? 0 : 3;
    });
    auto theirs = names.hear<KnCap>();
    KnUniqueId ui{};
    const int li = portCreate(&theirs, &ui);
    ASSERT_GT(li, 0);
    EXPECT_EQ(portLi(&ui), K_EINVAL); // it is not attached here
    EXPECT_EQ(portEnable(&theirs, li, 3), K_OK);
    EXPECT_EQ(portDisable(&theirs, li), K_OK);
    EXPECT_EQ(portEnable(&theirs, li, 3), K_OK);
    unsigned count = 99;
    EXPECT_EQ(portGetSeqNum(&theirs, li, &count), K_OK);
    EXPECT_EQ(count, 0U);
    const int another = portCreate(&theirs, &ui);
    EXPECT_EQ(portDelete(&theirs, another), K_OK);
    EXPECT_EQ(portDelete(&theirs, another), K_EINVAL);
    KnUniqueId made{};
    const int last = portCreate(&theirs, &made);
    EXPECT_EQ(portEnable(&theirs, last, 1), K_OK);

    KnCap forged = theirs;
    forged.key.keyHead ^= 1;
    EXPECT_EQ(portDelete(&forged, last), K_EINVAL);

    EXPECT_EQ(send(made, "to a port made from outside"), K_OK);
    KnUniqueId of_default = theirs.ui;
    of_default.uiTail &= 0x0fffffff; // the number is that of the default port
    EXPECT_EQ(send(of_default, "look"), K_OK);
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(portDelete(&theirs, li), K_EUNKNOWN); // no reachable actor
}

TEST_F(port_test, ProtectionIdentifiersAreInherited) {
    KnProtId before{};
    ASSERT_EQ(actorPi(K_MYACTOR, &before, nullptr), K_OK);
    EXPECT_EQ(before.uid, ::geteuid());
    EXPECT_EQ(before.gid, ::getegid());
    process other([] {
        KnProtId of_actor{4711, 1, 2};
        KnProtId of_port{};
        KnUniqueId ui{};
        if (actorPi(K_MYACTOR, nullptr, &of_actor) != K_OK)
            return 1;
        const int li = portCreate(K_MYACTOR, &ui);
        if (portPi(K_MYACTOR, li, &of_port, nullptr) != K_OK || of_port.uid != 4711)
            return 2;
        KnProtId changed{815, 3, 4};
        if (portPi(K_MYACTOR, li, &of_port, &changed) != K_OK || of_port.uid != 4711)
            return 3;
        if (portPi(K_MYACTOR, li, &of_port, nullptr) != K_OK || of_port.did != 4)
            return 4;
        return portPi(K_MYACTOR, 4000, &of_port, nullptr) == K_EINVAL ? 0 : 5;
    });
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(port_test, OnlyThePrivilegedMaySetProtectionIdentifiers) {
    process user([] {
        if (!become_nobody())
            return 1;
        KnProtId wanted{};
        KnProtId is{};
        if (actorPi(K_MYACTOR, &is, &wanted) != K_EPRIV)
            return 2;
        if (portPi(K_MYACTOR, K_DEFAULTPORT, nullptr, &wanted) != K_EPRIV)
            return 3;
        return actorPi(K_MYACTOR, &is, nullptr) == K_OK && is.uid == 1001 ? 0 : 4;
    });
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(port_test, ThePrivilegedMayChangeTheIdentifiersOfAnyActorAndPort) {
    const pipe_of_names names;
    process other([&] {
        KnCap self{};
        names.tell((actorSelf(&self), self));
        if (receive(K_DEFAULTPORT) != "look")
            return 1;
        KnProtId pi{};
        if (actorPi(K_MYACTOR, &pi, nullptr) != K_OK || pi.uid != 4711)
            return 2;
        return portPi(K_MYACTOR, K_DEFAULTPORT, &pi, nullptr) == K_OK && pi.gid == 815 ? 0 : 3;
    });
    auto theirs = names.hear<KnCap>();
    KnProtId before{};
    KnProtId wanted{4711, 815, 1};
    EXPECT_EQ(actorPi(&theirs, &before, &wanted), K_OK);
    EXPECT_EQ(before.uid, ::geteuid());
    EXPECT_EQ(actorPi(&theirs, &before, nullptr), K_OK);
    EXPECT_EQ(before.uid, 4711);
    EXPECT_EQ(portPi(&theirs, K_DEFAULTPORT, nullptr, &wanted), K_OK);
    EXPECT_EQ(portPi(&theirs, 4000, nullptr, &wanted), K_EINVAL);
    process user([&] {
        if (!become_nobody())
            return 1;
        KnProtId root{};
        if (actorPi(&theirs, nullptr, &root) != K_EPRIV)
            return 2;
        return portPi(&theirs, K_DEFAULTPORT, nullptr, &root) == K_EPRIV ? 0 : 3;
    });
    EXPECT_EQ(user.wait(), 0);
    KnUniqueId of_default = theirs.ui;
    of_default.uiTail &= 0x0fffffff;
    EXPECT_EQ(send(of_default, "look"), K_OK);
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(port_test, NobodyWouldBelieveTheIdentifiersOfAnotherUsersActor) {
    const pipe_of_names names;
    const pipe_of_names end;
    process user([&] {
        KnCap self{};
        if (!become_nobody() || actorSelf(&self) != K_OK)
            return 1;
        names.tell(self);
        return end.hear<int>();
    });
    auto theirs = names.hear<KnCap>();
    KnProtId wanted{4711, 1, 2};
    EXPECT_EQ(actorPi(&theirs, nullptr, &wanted), K_EPRIV); // whoever asks for it
    EXPECT_EQ(actorPi(&theirs, &wanted, nullptr), K_OK);
    EXPECT_EQ(wanted.uid, 1001);
    end.tell(0);
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(port_test, AForkedChildIsAnActorOfItsOwn) {
    a_port port;
    KnCap self{};
    actorSelf(&self);
    process child([&] {
        KnCap mine{};
        if (actorSelf(&mine) != K_OK || std::memcmp(&mine, &self, sizeof(mine)) == 0)
            return 1;
        if (portLi(&port.ui) != K_EINVAL || receive(port.li, 0) != error(K_EINVAL))
            return 2;
        return send(port.ui, "from the child") == K_OK ? 0 : 3;
    });
    EXPECT_EQ(receive(port.li), "from the child");
    EXPECT_EQ(child.wait(), 0);
}

} // namespace
} // namespace chorus_test
