// SPDX-License-Identifier: MIT
// Port groups, by the rules of the pages of grpAllocate(), grpPortInsert() and ipcTarget().
#include "chorus_test.hpp"

#include <fstream>

namespace chorus_test {
namespace {

class group_test : public chorus_test {
  protected:
    void SetUp() override {
        chorus_test::SetUp();
        if (!IsSkipped()) {
            ASSERT_EQ(grpAllocate(K_DYNAMIC, &group, 0), K_OK);
        }
    }

    KnCap group{};
};

KnUniqueId in_mode(const KnCap &group, int mode) {
    KnUniqueId ui = group.ui;
    EXPECT_EQ(ipcTarget(&ui, mode), K_OK);
    return ui;
}

int send_beside(const KnUniqueId &target, const KnUniqueId &other, std::string_view text) {
    KnMsgDesc msg = message(text);
    KnIpcDest dest{target, other};
    return ipcSend(&msg, K_DEFAULTPORT, &dest);
}

/// An actor with a member of a group, or more, that ends when it has been told so often what to
/// expect, or with the number of the first surprise.
class member {
  public:
    explicit member(KnCap group)
        : process_([this, group] {
              KnCap mine = group;
              KnCap self{};
              KnUniqueId ui{};
              const int li = portCreate(K_MYACTOR, &ui);
              if (grpPortInsert(&mine, &ui) != K_OK)
                  return 100;
              names_.tell((actorSelf(&self), self));
              names_.tell(ui);
              for (;;) {
                  place at;
                  int from = li;
                  const int size = ipcReceive(&at.desc, &from, soon);
                  if (at.text(size) == "end")
                      return 0;
                  seen_.tell(size);
                  KnMsgHead head{};
                  if (ipcSysInfo(&head) == K_OK && head.flags[0] == K_MSGCALL)
                      (void)reply("of a member");
              }
          }),
          cap(names_.hear<KnCap>()), ui(names_.hear()) {}

    /// The length of the next message.
    int saw() const { return seen_.hear<int>(); }
    int end() {
        EXPECT_EQ(send(ui, "end"), K_OK);
        return process_.wait();
    }
    void kill() {
        process_.kill();
        (void)process_.wait();
    }
    bool has_seen(int delay) const { return seen_.has_word(delay); }
    void signal(int number) const { process_.signal(number); }

  private:
    pipe_of_names names_;
    pipe_of_names seen_;
    process process_;

  public:
    KnCap cap;
    KnUniqueId ui;
};

// --- grpAllocate() ---

TEST_F(group_test, DynamicGroupsHaveUniqueCapabilitiesAndTheStampIsIgnored) {
    KnCap other{};
    EXPECT_EQ(grpAllocate(K_DYNAMIC, &other, 0), K_OK);
    EXPECT_FALSE(uiEqual(&group.ui, &other.ui));
    EXPECT_NE(std::memcmp(&group.key, &other.key, sizeof(other.key)), 0);
}

TEST_F(group_test, StaticGroupsAreIdentifiedByTheirStamp) {
    for (const int kind : {K_STATUSER, K_STATSYS}) {
        KnCap one{};
        KnCap same{};
        KnCap other{};
        EXPECT_EQ(grpAllocate(kind, &one, 100), K_OK);
        EXPECT_EQ(grpAllocate(kind, &same, 100), K_OK);
        EXPECT_EQ(grpAllocate(kind, &other, 101), K_OK);
        EXPECT_EQ(std::memcmp(&one, &same, sizeof(one)), 0);
        EXPECT_FALSE(uiEqual(&one.ui, &other.ui));
    }
    KnCap of_system{};
    EXPECT_EQ(grpAllocate(K_STATSYS, &of_system, -1), K_OK); // up to 0xffffffff
    KnUniqueId built{};
    ASSERT_EQ(uiBuild(&built, K_UIGROUP, K_LOCALSITE, 0xffffffffU), K_OK);
    EXPECT_TRUE(uiEqual(&built, &of_system.ui));
}

TEST_F(group_test, WhatCannotBeAllocatedIsRefused) {
    KnCap cap{};
    EXPECT_EQ(grpAllocate(3, &cap, 1), K_EINVAL);
    EXPECT_EQ(grpAllocate(K_DYNAMIC, nullptr, 1), K_EFAULT);
    EXPECT_EQ(grpAllocate(K_STATUSER, &cap, 0x10000000), K_EINVAL);
}

TEST_F(group_test, StaticSystemGroupsAreForThePrivileged) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATSYS, &cap, 102), K_OK);
    process user([&] {
        KnCap same{};
        KnUniqueId ui{};
        if (!become_nobody() || grpAllocate(K_STATSYS, &same, 102) != K_EPRIV)
            return 1;
        if (portCreate(K_MYACTOR, &ui) < 0 || grpPortInsert(&cap, &ui) != K_EPRIV)
            return 2;
        return grpPortRemove(&cap, &ui) == K_EPRIV ? 0 : 3;
    });
    EXPECT_EQ(user.wait(), 0);
}

// --- grpPortInsert(), grpPortRemove() ---

TEST_F(group_test, WhatIsSentToAGroupReachesTheInsertedPort) {
    a_port port;
    EXPECT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(send(group.ui, "to the group"), K_OK);
    EXPECT_EQ(receive(port.li), "to the group");
    EXPECT_EQ(grpPortRemove(&group, &port.ui), K_OK);
    EXPECT_EQ(send(group.ui, "to nobody"), K_OK); // it is not guaranteed that anybody gets it
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT));
}

TEST_F(group_test, InsertingAMemberAgainReturnsZeroRemovingANonMemberIsAnError) {
    a_port port;
    EXPECT_EQ(grpPortRemove(&group, &port.ui), K_EINVAL);
    EXPECT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(send(group.ui, "once"), K_OK);
    EXPECT_EQ(receive(port.li), "once");
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT));
    EXPECT_EQ(grpPortRemove(&group, &port.ui), K_OK);
    EXPECT_EQ(grpPortRemove(&group, &port.ui), K_EINVAL);
}

TEST_F(group_test, APortMayBeInManyGroups) {
    a_port port;
    KnCap other{};
    ASSERT_EQ(grpAllocate(K_DYNAMIC, &other, 0), K_OK);
    EXPECT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(grpPortInsert(&other, &port.ui), K_OK);
    EXPECT_EQ(send(group.ui, "one"), K_OK);
    EXPECT_EQ(send(other.ui, "other"), K_OK);
    EXPECT_EQ(receive(port.li), "one");
    EXPECT_EQ(receive(port.li), "other");
}

TEST_F(group_test, ChangingAGroupTakesItsKeyAndSendingDoesNot) {
    a_port port;
    KnCap forged = group;
    forged.key.keyHead ^= 1;
    EXPECT_EQ(grpPortInsert(&forged, &port.ui), K_EINVAL);
    EXPECT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(grpPortRemove(&forged, &port.ui), K_EINVAL);
    process other([&] {
        a_port theirs;
        if (grpPortInsert(&forged, &theirs.ui) != K_EINVAL)
            return 1;
        return send(group.ui, "by the name alone") == K_OK ? 0 : 2;
    });
    EXPECT_EQ(receive(port.li), "by the name alone");
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(group_test, WhatIsNoGroupOrNoPortIsRefused) {
    a_port port;
    KnCap no_group{port.ui, group.key};
    EXPECT_EQ(grpPortInsert(&no_group, &port.ui), K_EINVAL);
    EXPECT_EQ(grpPortInsert(&group, &group.ui), K_EINVAL); // groups cannot contain groups
    EXPECT_EQ(grpPortInsert(nullptr, &port.ui), K_EFAULT);
    EXPECT_EQ(grpPortRemove(&group, nullptr), K_EFAULT);
    KnUniqueId gone = port.ui;
    gone.uiTail ^= 1;
    EXPECT_EQ(grpPortInsert(&group, &gone), K_EUNKNOWN);
    EXPECT_EQ(grpPortRemove(&group, &gone), K_EUNKNOWN);
    KnUniqueId unknown = group.ui;
    unknown.uiTail ^= 1;
    EXPECT_EQ(send(unknown, "to no group"), K_EUNKNOWN);
}

TEST_F(group_test, AStaticGroupOfAUserIsForThatUsersActors) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATUSER, &cap, 103), K_OK);
    EXPECT_EQ(send(cap.ui, "nobody has used it"), K_EUNKNOWN);
    a_port port;
    EXPECT_EQ(grpPortInsert(&cap, &port.ui), K_OK);
    process user([&] {
        KnCap own{};
        a_port theirs;
        if (!become_nobody() || grpPortInsert(&cap, &theirs.ui) != K_EPRIV)
            return 1;
        if (grpAllocate(K_STATUSER, &own, 103) != K_OK || uiEqual(&own.ui, &cap.ui))
            return 2;
        return send(cap.ui, "whoever knows the name sends") == K_OK ? 0 : 3;
    });
    EXPECT_EQ(receive(port.li), "whoever knows the name sends");
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(group_test, TheKeyOfADynamicGroupIsForAnotherUserAsGood) {
    const pipe_of_names names;
    process user([&] {
        if (!become_nobody())
            return 1;
        a_port theirs;
        names.tell(grpPortInsert(&group, &theirs.ui));
        return receive(theirs.li) == "to another user" ? 0 : 2;
    });
    EXPECT_EQ(names.hear<int>(), K_OK);
    EXPECT_EQ(send(group.ui, "to another user"), K_OK);
    EXPECT_EQ(user.wait(), 0);
}

// --- ipcTarget() ---

TEST_F(group_test, BroadcastReachesEachMemberWhereverItIs) {
    member one(group);
    member two(group);
    a_port port;
    ASSERT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(send(group.ui, "1"), K_OK); // the mode of a name that none was set in
    EXPECT_EQ(send(in_mode(group, K_BROADMODE), "22"), K_OK);
    EXPECT_EQ(receive(port.li), "1");
    EXPECT_EQ(receive(port.li), "22");
    for (const member *it : {&one, &two}) {
        EXPECT_EQ(it->saw(), 1);
        EXPECT_EQ(it->saw(), 2);
    }
    EXPECT_EQ(one.end(), 0);
    EXPECT_EQ(send(group.ui, "333"), K_OK); // who has gone is passed over
    EXPECT_EQ(two.saw(), 3);
    EXPECT_EQ(two.end(), 0);
}

TEST_F(group_test, BroadcastIsNotForCalls) {
    a_port port;
    ASSERT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    EXPECT_EQ(call(group.ui, "question"), error(K_EINVAL));
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT));
}

TEST_F(group_test, TheFunctionalModeReachesOneMemberAndAllInTurn) {
    std::array<a_port, 3> ports;
    for (a_port &it : ports)
        ASSERT_EQ(grpPortInsert(&group, &it.ui), K_OK);
    const KnUniqueId target = in_mode(group, K_FUNCMODE);
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(send(target, "one of you"), K_OK);
    for (const a_port &it : ports) {
        EXPECT_EQ(receive(it.li, 0), "one of you");
        EXPECT_EQ(receive(it.li, 0), "one of you");
        EXPECT_EQ(receive(it.li, 0), error(K_ETIMEOUT));
    }
}

TEST_F(group_test, ACallInFunctionalModeIsAnsweredByAMember) {
    member one(group);
    member two(group);
    const KnUniqueId target = in_mode(group, K_FUNCMODE);
    EXPECT_EQ(call(target, "1"), "of a member");
    one.kill();
    EXPECT_EQ(call(target, "22"), "of a member");
    EXPECT_EQ(call(target, "333"), "of a member");
    two.kill();
    EXPECT_EQ(call(target, "4444"), error(K_EUNKNOWN));
}

TEST_F(group_test, TheAssociativeModeReachesAMemberWhereTheCotargetIs) {
    member one(group);
    member two(group);
    const KnUniqueId target = in_mode(group, K_FUNCUMODE);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(send_beside(target, one.ui, "1"), K_OK);
        EXPECT_EQ(one.saw(), 1);
        EXPECT_EQ(send_beside(target, two.cap.ui, "22"), K_OK); // an actor's name
        EXPECT_EQ(two.saw(), 2);
    }
    // All is on one site, so it is reached from a port of any actor, too.
    const a_port port;
    EXPECT_EQ(send_beside(target, port.ui, "333"), K_OK);
    EXPECT_EQ(send_beside(target, port.ui, "333"), K_OK);
    int seen = 0; // by whoever waits first
    for (int i = 0; i < soon / 5 && seen < 2; i++)
        for (const member *it : {&one, &two})
            if (it->has_seen(5)) {
                EXPECT_EQ(it->saw(), 3);
                seen++;
            }
    EXPECT_EQ(seen, 2);
    KnUniqueId site{};
    uiSite(&site, K_LOCALSITE);
    EXPECT_EQ(send_beside(target, site, "4444"), K_OK);
    uiSite(&site, 7);
    EXPECT_EQ(send_beside(target, site, "no such site"), K_EUNKNOWN);
    EXPECT_EQ(send_beside(target, {}, "nowhere"), K_EINVAL);
    EXPECT_EQ(send_beside(target, group.ui, "a group is nowhere"), K_EINVAL);
    KnUniqueId gone = one.ui;
    one.kill();
    EXPECT_EQ(send_beside(target, gone, "it was there"), K_EUNKNOWN);
    two.kill();
}

TEST_F(group_test, TheExclusiveModeReachesAMemberOtherThanTheCotarget) {
    std::array<a_port, 2> ports;
    for (a_port &it : ports)
        ASSERT_EQ(grpPortInsert(&group, &it.ui), K_OK);
    const KnUniqueId target = in_mode(group, K_FUNCXMODE);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(send_beside(target, ports[0].ui, "not to the first"), K_OK);
        EXPECT_EQ(receive(ports[1].li, 0), "not to the first");
        EXPECT_EQ(send_beside(target, ports[1].ui, "not to the second"), K_OK);
        EXPECT_EQ(receive(ports[0].li, 0), "not to the second");
    }
    KnCap self{};
    ASSERT_EQ(actorSelf(&self), K_OK);
    EXPECT_EQ(send_beside(target, self.ui, "to another actor"), K_EUNKNOWN);
    KnUniqueId site{};
    uiSite(&site, K_LOCALSITE);
    EXPECT_EQ(send_beside(target, site, "to another site"), K_EUNKNOWN);
    KnUniqueId nobody = ports[0].ui;
    nobody.uiTail ^= 1;
    EXPECT_EQ(send_beside(target, nobody, "all are others"), K_OK);
    EXPECT_EQ(send_beside(target, group.ui, "no port"), K_EINVAL);
}

TEST_F(group_test, SysInfoTellsTheGroupAndTheCotarget) {
    a_port port;
    a_port other;
    ASSERT_EQ(grpPortInsert(&group, &port.ui), K_OK);
    const KnUniqueId target = in_mode(group, K_FUNCXMODE);
    EXPECT_EQ(send_beside(target, other.ui, "marked"), K_OK);
    EXPECT_EQ(receive(port.li), "marked");
    KnMsgHead head{};
    ASSERT_EQ(ipcSysInfo(&head), K_OK);
    EXPECT_TRUE(uiEqual(&head.target, &target));
    EXPECT_TRUE(uiEqual(&head.coTarget, &other.ui));
    EXPECT_EQ(head.bodySize, 6);
}

TEST_F(group_test, AFullMemberIsPassedOverAndOnlyFullOnesAreAnError) {
    a_port full;
    a_port other;
    ASSERT_EQ(grpPortInsert(&group, &full.ui), K_OK);
    while (send(full.ui, "filling") == K_OK)
        ;
    KnMsgDesc msg = message("broadcast");
    msg.flags = K_WAITROOM; // it never waits for one of many
    KnIpcDest dest{group.ui, {}};
    EXPECT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_EFULL);
    EXPECT_EQ(send(in_mode(group, K_FUNCMODE), "functional"), K_EFULL);
    ASSERT_EQ(grpPortInsert(&group, &other.ui), K_OK);
    EXPECT_EQ(ipcSend(&msg, K_DEFAULTPORT, &dest), K_OK);
    EXPECT_EQ(receive(other.li, 0), "broadcast");
    EXPECT_EQ(send(in_mode(group, K_FUNCMODE), "functional"), K_OK);
    EXPECT_EQ(receive(other.li, 0), "functional");
}

// --- a group lasts ---

TEST_F(group_test, APortRemainsAMemberWhenItMigrates) {
    KnUniqueId ui{};
    const int li = portCreate(K_MYACTOR, &ui);
    ASSERT_EQ(grpPortInsert(&group, &ui), K_OK);
    const pipe_of_names names;
    const pipe_of_names told;
    process there([&] {
        KnCap self{};
        names.tell((actorSelf(&self), self));
        const int here = told.hear<int>();
        const bool good = receive(here) == "after" && receive(here) == "by a new sender";
        return good ? 0 : 1;
    });
    auto to = names.hear<KnCap>();
    KnEvtNum count = 0;
    told.tell(portMigrate(K_MSGFOLLOW, K_MYACTOR, li, &to, &count));
    EXPECT_EQ(send(group.ui, "after"), K_OK);
    process sender([&] { return send(group.ui, "by a new sender") == K_OK ? 0 : 1; });
    EXPECT_EQ(sender.wait(), 0);
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(group_test, AGroupOutlivesWhoAllocatedIt) {
    const pipe_of_names names;
    const pipe_of_names end;
    process host([&] {
        KnCap cap{};
        names.tell(grpAllocate(K_DYNAMIC, &cap, 0));
        names.tell(cap);
        return end.hear<int>();
    });
    EXPECT_EQ(names.hear<int>(), K_OK);
    const auto cap = names.hear<KnCap>();
    member one(cap);
    member two(cap);
    EXPECT_EQ(send(cap.ui, "1"), K_OK);
    end.tell(0);
    EXPECT_EQ(host.wait(), 0);
    EXPECT_EQ(send(cap.ui, "22"), K_OK); // who knows it already notices nothing
    process sender([&] { return send_patiently(cap.ui, "333") == K_OK ? 0 : 1; });
    EXPECT_EQ(sender.wait(), 0);
    member three(cap);
    EXPECT_EQ(send(cap.ui, "4444"), K_OK);
    for (int i = 1; i <= 4; i++) {
        EXPECT_EQ(one.saw(), i);
        EXPECT_EQ(two.saw(), i);
    }
    EXPECT_EQ(three.saw(), 4);
    one.kill();
    two.kill();
    process late([&] { return send_patiently(cap.ui, "55555") == K_OK ? 0 : 1; });
    EXPECT_EQ(late.wait(), 0);
    EXPECT_EQ(three.saw(), 5);
    three.kill();
}

TEST_F(group_test, AGroupFollowsTheOnlyPortThatMigrates) {
    const pipe_of_names names;
    const pipe_of_names to;
    process first([&] {
        KnCap cap{};
        KnUniqueId ui{};
        KnEvtNum count = 0;
        const int li = portCreate(K_MYACTOR, &ui);
        if (grpAllocate(K_STATSYS, &cap, 104) != K_OK || grpPortInsert(&cap, &ui) != K_OK)
            return 1;
        auto there = to.hear<KnCap>();
        names.tell(portMigrate(K_MSGFOLLOW, K_MYACTOR, li, &there, &count));
        return 0;
    });
    KnCap self{};
    ASSERT_EQ(actorSelf(&self), K_OK);
    to.tell(self);
    const int li = names.hear<int>();
    EXPECT_EQ(first.wait(), 0); // it had the name
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATSYS, &cap, 104), K_OK);
    process sender([&] { return send_patiently(cap.ui, "found") == K_OK ? 0 : 1; });
    EXPECT_EQ(receive(li), "found");
    EXPECT_EQ(sender.wait(), 0);
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
}

/// One who is slow in taking the name over finds that a newcomer has it.
TEST_F(group_test, TwoGroupsUnderOneNameBecomeOne) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATUSER, &cap, 105), K_OK);
    member host(cap);
    member slow(cap);
    EXPECT_EQ(send(cap.ui, "1"), K_OK);
    EXPECT_EQ(slow.saw(), 1);
    slow.signal(SIGSTOP);
    host.kill();
    const member newcomer(cap); // makes a group anew
    process stranger([&] { return send(cap.ui, "22") == K_OK ? 0 : 1; });
    EXPECT_EQ(stranger.wait(), 0);
    EXPECT_EQ(newcomer.saw(), 2);
    slow.signal(SIGCONT);
    EXPECT_FALSE(slow.has_seen(0));
    // It puts its port into the newer group, and the older one is given up, so that who knows
    // that one, as this actor does, looks again.
    int sent = 0;
    do
        EXPECT_EQ(send(cap.ui, "333"), K_OK);
    while (!newcomer.has_seen(5) && ++sent < 2000);
    EXPECT_EQ(newcomer.saw(), 3);
    EXPECT_EQ(slow.saw(), 3);
}

/// A limit of the module, for a while.
class limit {
  public:
    limit(const std::string &name, const std::string &value)
        : path_("/sys/module/caps/parameters/" + name) {
        std::ifstream(path_) >> before_;
        is_set = write(value);
    }
    ~limit() { (void)write(before_); }
    limit(const limit &) = delete;

  private:
    bool write(const std::string &value) const {
        return static_cast<bool>(std::ofstream(path_) << value << std::flush);
    }
    std::string path_;
    std::string before_;

  public:
    bool is_set;
};

/// Whether the next host has the same group is found out by inserting a port, for which there is
/// no room.
TEST_F(group_test, AFullGroupOutlivesItsHost) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATUSER, &cap, 106), K_OK);
    member host(cap);
    member one(cap);
    member two(cap);
    EXPECT_EQ(send(cap.ui, "1"), K_OK);
    {
        const limit members("max_group_members", "2");
        ASSERT_TRUE(members.is_set);
        host.kill();
        process stranger([&] { return send_patiently(cap.ui, "22") == K_OK ? 0 : 1; });
        EXPECT_EQ(stranger.wait(), 0);
        pause(5 * a_while); // for the one that has not become the host
        EXPECT_EQ(send(cap.ui, "333"), K_OK);
        for (int i = 1; i <= 3; i++) {
            EXPECT_EQ(one.saw(), i);
            EXPECT_EQ(two.saw(), i);
        }
    }
    member three(cap);
    EXPECT_EQ(send(cap.ui, "4444"), K_OK);
    for (const member *it : {&one, &two, &three})
        EXPECT_EQ(it->saw(), 4);
}

TEST_F(group_test, TwoGroupsBecomeOneAsSoonAsThatCanBeToldApart) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATUSER, &cap, 107), K_OK);
    member host(cap);
    member slow(cap);
    EXPECT_EQ(send(cap.ui, "1"), K_OK);
    EXPECT_EQ(slow.saw(), 1);
    slow.signal(SIGSTOP);
    host.kill();
    const member newcomer(cap);
    {
        const limit ports("max_ports", "1");
        ASSERT_TRUE(ports.is_set);
        slow.signal(SIGCONT);
        pause(10 * a_while);
        EXPECT_EQ(send(cap.ui, "22"), K_OK); // to the older one
        EXPECT_EQ(slow.saw(), 2);
        EXPECT_FALSE(newcomer.has_seen(0));
    }
    int sent = 0;
    do
        EXPECT_EQ(send(cap.ui, "333"), K_OK);
    while (!newcomer.has_seen(5) && ++sent < 10000);
    EXPECT_EQ(newcomer.saw(), 3);
    EXPECT_EQ(slow.saw(), 3);
}

} // namespace
} // namespace chorus_test
