// SPDX-License-Identifier: MIT
// portMigrate(), by the rules of its page.
#include "chorus_test.hpp"

#include <algorithm>
#include <atomic>
#include <tuple>
#include <vector>

namespace chorus_test {
namespace {

/// Another actor. It tells its capability, is told the local identifiers of ports there, and runs
/// a function for each, whose result it ends with if that is not 0.
class destination {
  public:
    template <class F>
    explicit destination(F run, int ports = 1)
        : process_([this, run, ports] {
              KnCap self{};
              if (actorSelf(&self) != K_OK)
                  return 100;
              out_.tell(self);
              for (int i = 0; i < ports; i++)
                  if (const int status = run(in_.hear<int>()))
                      return status;
              return 0;
          }) {
        cap = out_.hear<KnCap>();
    }

    /// Now it runs its function.
    void go(int li) { in_.tell(li); }
    int wait() { return process_.wait(); }
    void kill() { process_.kill(); }

  private:
    pipe_of_names in_;
    pipe_of_names out_;
    process process_;

  public:
    KnCap cap{};
};

/// A port that is not deleted here: it will be another's.
struct traveller {
    traveller() : li(portCreate(K_MYACTOR, &ui)) { EXPECT_GT(li, 0); }
    int go_to(KnCap &there, int options = K_MSGFOLLOW) {
        return portMigrate(options, K_MYACTOR, li, &there, &sequence);
    }

    KnUniqueId ui{};
    KnEvtNum sequence = 0;
    int li;
};

class migrate_test : public chorus_test {};

TEST_F(migrate_test, AfterTheCallThePortIsAttachedToTheDestination) {
    traveller port;
    const KnUniqueId ui = port.ui;
    destination there([ui](int li) {
        KnUniqueId same = ui;
        if (portLi(&same) != li || portUi(&same, li) != K_OK || !uiEqual(&same, &ui))
            return 1;
        return receive(li) == "after" ? 0 : 2;
    });
    const int li = port.go_to(there.cap);
    ASSERT_GT(li, 0); // the one that it has there
    EXPECT_EQ(portLi(&port.ui), K_EINVAL);
    EXPECT_EQ(receive(port.li, 0), error(K_EINVAL));
    EXPECT_EQ(send(port.ui, "after"), K_OK); // the name is the same for all
    there.go(li);
    EXPECT_EQ(there.wait(), 0);
    EXPECT_EQ(send(port.ui, "too late"), K_EUNKNOWN);
}

TEST_F(migrate_test, TheQueuedMessagesFollowThePort) {
    traveller port;
    destination there([](int li) {
        for (int i = 0; i < 3; i++)
            if (receive(li) != std::to_string(i))
                return 1;
        return receive(li) == "called" && reply("answered there") == K_OK ? 0 : 2;
    });
    for (int i = 0; i < 3; i++)
        ASSERT_EQ(send(port.ui, std::to_string(i)), K_OK);
    std::string got;
    std::thread client([&] { got = call(port.ui, "called"); });
    pause();
    there.go(port.go_to(there.cap));
    client.join();
    EXPECT_EQ(got, "answered there");
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, OrTheyAreDeletedAndTransactionsAborted) {
    traveller port;
    destination there([](int li) { return receive(li, 0) == error(K_ETIMEOUT) ? 0 : 1; });
    ASSERT_EQ(send(port.ui, "deleted"), K_OK);
    std::string got;
    std::thread client([&] { got = call(port.ui, "aborted"); });
    pause();
    there.go(port.go_to(there.cap, K_MSGDELETE));
    client.join();
    EXPECT_EQ(got, error(K_EUNKNOWN));
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, SeqNumCountsWhatWasReceivedAndTheMigrationAndIsResetThere) {
    traveller port;
    destination there([](int li) {
        KnEvtNum count = 99;
        if (portGetSeqNum(K_MYACTOR, li, &count) != K_OK || count != 0)
            return 1;
        place at;
        if (at.text(ipcReceive(&at.desc, &li, soon)) != "2" || at.desc.seqNum != 1)
            return 2;
        return portGetSeqNum(K_MYACTOR, li, &count) == K_OK && count == 1 ? 0 : 3;
    });
    for (int i = 0; i < 3; i++)
        ASSERT_EQ(send(port.ui, std::to_string(i)), K_OK);
    EXPECT_EQ(receive(port.li), "0");
    EXPECT_EQ(receive(port.li), "1");
    there.go(port.go_to(there.cap));
    EXPECT_EQ(port.sequence, 3U);
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, AnEnabledPortIsDisabledAfterwards) {
    traveller port;
    destination there([](int li) {
        if (receive(K_ANYENABLED, 0) != error(K_ETIMEOUT))
            return 1;
        return portEnable(K_MYACTOR, li, 1) == K_OK && receive(K_ANYENABLED, 0) == "seen" ? 0 : 2;
    });
    ASSERT_EQ(portEnable(K_MYACTOR, port.li, 1), K_OK);
    ASSERT_EQ(send(port.ui, "seen"), K_OK);
    there.go(port.go_to(there.cap));
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, ThreadsThatWaitOnItLeaveWithEnoport) {
    traveller port;
    destination there([](int /*li*/) { return 0; });
    std::string got;
    std::thread waiting([&] { got = receive(port.li); });
    pause();
    there.go(port.go_to(there.cap));
    waiting.join();
    EXPECT_EQ(got, error(K_ENOPORT));
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, WhatWasReceivedIsAnsweredWhereItWasReceived) {
    traveller port;
    destination there([](int li) { return serve(li, 1); });
    std::string got;
    std::thread client([&] { got = call(port.ui, "taken"); });
    EXPECT_EQ(receive(port.li), "taken");
    const int li = port.go_to(there.cap);
    EXPECT_EQ(reply("answered here"), K_OK);
    client.join();
    EXPECT_EQ(got, "answered here");
    there.go(li);
    EXPECT_EQ(call(port.ui, "next"), "next!");
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, NeitherADefaultPortNorOneWithAHandlerMigrates) {
    a_port port;
    destination there([](int /*li*/) { return 0; });
    KnEvtNum count = 0;
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, K_DEFAULTPORT, &there.cap, &count), K_EINVAL);
    const auto ignore = [](KnMsgDesc * /*msg*/, void * /*cookie*/) {};
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, ignore, 0, nullptr), K_OK);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &there.cap, &count), K_EINVAL);
    ASSERT_EQ(svMsgHandler(K_MYACTOR, port.li, nullptr, 0, nullptr), K_OK);
    EXPECT_EQ(portLi(&port.ui), port.li);
    there.go(0);
    EXPECT_EQ(there.wait(), 0);
}

TEST_F(migrate_test, WhatIsWrongIsRefusedAndThePortStays) {
    a_port port;
    destination there([](int /*li*/) { return 0; });
    KnEvtNum count = 0;
    KnCap self{};
    ASSERT_EQ(actorSelf(&self), K_OK);
    KnCap forged = there.cap;
    forged.key.keyTail ^= 1;
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &forged, &count), K_EINVAL);
    KnCap no_actor{port.ui, there.cap.key};
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &no_actor, &count), K_EINVAL);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, &forged, port.li, &self, &count), K_EINVAL);
    EXPECT_EQ(portMigrate(2, K_MYACTOR, port.li, &there.cap, &count), K_EINVAL);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, 4000, &there.cap, &count), K_EINVAL);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &there.cap, nullptr), K_EFAULT);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &self, &count), K_EBUSY);
    there.kill();
    EXPECT_EQ(there.wait(), -1);
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &there.cap, &count), K_EUNKNOWN);
    EXPECT_EQ(portLi(&port.ui), port.li);
    EXPECT_EQ(send(port.ui, "still here"), K_OK);
    EXPECT_EQ(receive(port.li), "still here");
}

TEST_F(migrate_test, APortDoesNotMigrateToAnotherUsersActor) {
    a_port port;
    const pipe_of_names names;
    const pipe_of_names end;
    process user([&] {
        KnCap self{};
        if (!become_nobody() || actorSelf(&self) != K_OK)
            return 1;
        names.tell(self);
        return end.hear<int>();
    });
    auto there = names.hear<KnCap>();
    KnEvtNum count = 0;
    EXPECT_EQ(portMigrate(K_MSGFOLLOW, K_MYACTOR, port.li, &there, &count), K_EPRIV);
    EXPECT_EQ(portLi(&port.ui), port.li);
    end.tell(0);
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(migrate_test, TheCurrentActorMayBeTheDestination) {
    const pipe_of_names names;
    const pipe_of_names done;
    process other([&] {
        KnCap self{};
        KnUniqueId ui{};
        const int li = portCreate(K_MYACTOR, &ui);
        if (li < 0 || actorSelf(&self) != K_OK || send(ui, "queued") != K_OK)
            return 1;
        names.tell(self);
        names.tell(li);
        return done.hear<int>() != 0 && portLi(&ui) == K_EINVAL ? 0 : 2;
    });
    auto there = names.hear<KnCap>();
    const int theirs = names.hear<int>();
    KnEvtNum count = 0;
    const int li = portMigrate(K_MSGFOLLOW, &there, theirs, K_MYACTOR, &count);
    ASSERT_GT(li, 0);
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(receive(li), "queued");
    done.tell(1);
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(portDelete(K_MYACTOR, li), K_OK);
}

TEST_F(migrate_test, AThirdActorMayMoveItAndBack) {
    const pipe_of_names names;
    const pipe_of_names back;
    process other([&] {
        KnCap self{};
        KnUniqueId ui{};
        const int li = portCreate(K_MYACTOR, &ui);
        names.tell((actorSelf(&self), self));
        names.tell(li);
        names.tell(ui);
        return serve(back.hear<int>(), 1);
    });
    auto from = names.hear<KnCap>();
    const int first = names.hear<int>();
    const KnUniqueId ui = names.hear();
    destination there([](int li) { return serve(li, 1); });
    KnEvtNum count = 0;
    const int second = portMigrate(K_MSGFOLLOW, &from, first, &there.cap, &count);
    ASSERT_GT(second, 0);
    EXPECT_EQ(count, 1U);
    std::string got;
    std::thread client([&] { got = call(ui, "one"); });
    pause();
    const int third = portMigrate(K_MSGFOLLOW, &there.cap, second, &from, &count);
    ASSERT_GT(third, 0);
    EXPECT_EQ(count, 1U);
    back.tell(third);
    client.join();
    EXPECT_EQ(got, "one!");
    EXPECT_EQ(other.wait(), 0);
    there.kill();
}

TEST_F(migrate_test, ADeclaredNameGoesAlongAndIsFreeAfterThePort) {
    KnUniqueId ui{};
    ASSERT_EQ(uiBuild(&ui, K_UIPORT, K_LOCALSITE, 0x4d494752), K_OK);
    const int here = portDeclare(K_MYACTOR, &ui);
    ASSERT_GT(here, 0);
    destination there([](int li) { return portDelete(K_MYACTOR, li) == K_OK ? 0 : 1; });
    KnEvtNum count = 0;
    const int li = portMigrate(K_MSGFOLLOW, K_MYACTOR, here, &there.cap, &count);
    ASSERT_GT(li, 0);
    EXPECT_EQ(portDeclare(K_MYACTOR, &ui), K_EBUSY);
    there.go(li);
    EXPECT_EQ(there.wait(), 0);
    const int again = portDeclare(K_MYACTOR, &ui);
    EXPECT_GT(again, 0);
    EXPECT_EQ(portDelete(K_MYACTOR, again), K_OK);
}

TEST_F(migrate_test, TheProtectionIdentifierGoesAlong) {
    traveller port;
    KnProtId pi{4711, 1, 2};
    ASSERT_EQ(portPi(K_MYACTOR, port.li, nullptr, &pi), K_OK);
    destination there([](int li) {
        KnProtId is{};
        return portPi(K_MYACTOR, li, &is, nullptr) == K_OK && is.uid == 4711 && is.did == 2 ? 0 : 1;
    });
    there.go(port.go_to(there.cap));
    EXPECT_EQ(there.wait(), 0);
}

/// What a receiver saw: the moves before, its number there, and what it is.
struct sight {
    int moves;
    KnEvtNum sequence;
    int message;
};

template <int senders, int each>
void expect_order(std::vector<sight> &sights) {
    std::sort(sights.begin(), sights.end(), [](const sight &a, const sight &b) {
        return std::tie(a.moves, a.sequence) < std::tie(b.moves, b.sequence);
    });
    std::array<int, senders> next{};
    for (const sight &it : sights)
        EXPECT_EQ(it.message % each, next.at(static_cast<unsigned>(it.message / each))++);
}

/// Two actors pass a port on to one another while many send: each message is received once, and
/// those of one sender in their order.
TEST_F(migrate_test, NothingIsLostOrTurnedAroundUnderLoad) {
    constexpr int senders = 4;
    constexpr int each = 500;
    constexpr int turns = 20;
    constexpr int place_value = 10000; // of the moves, in what the actors are told
    const pipe_of_names seen;
    const pipe_of_names gone; // local identifiers are used again: nobody is to mix up two stays
    const auto stay = [&](int told) {
        for (;;) {
            int li = told % place_value;
            place at;
            const int size = ipcReceive(&at.desc, &li, soon);
            if (size < 0)
                return gone.tell(1), size == K_ENOPORT || size == K_EINVAL ? 0 : 1;
            seen.tell(sight{told / place_value, at.desc.seqNum, std::stoi(at.text(size))});
        }
    };
    traveller port;
    std::atomic<bool> bad = false;
    const auto sender = [&](int number) {
        KnIpcDest dest{port.ui, {}};
        for (int i = 0; i < each; i++) {
            const std::string text = std::to_string(number * each + i);
            KnMsgDesc msg = message(text);
            msg.flags = K_WAITROOM;
            if (ipcSend(&msg, K_DEFAULTPORT, &dest) != K_OK)
                bad = true;
        }
    };
    destination one(stay, turns);
    destination two(stay, turns);
    std::array<std::thread, senders> threads;
    int li = port.go_to(one.cap);
    one.go(li);
    for (int i = 0; i < senders; i++)
        threads.at(static_cast<unsigned>(i)) = std::thread(sender, i);
    KnEvtNum count = 0;
    for (int i = 1; i < turns; i++) {
        destination &from = i % 2 != 0 ? one : two;
        destination &to = i % 2 != 0 ? two : one;
        li = portMigrate(K_MSGFOLLOW, &from.cap, li, &to.cap, &count);
        ASSERT_GT(li, 0);
        EXPECT_EQ(gone.hear<int>(), 1);
        to.go(i * place_value + li);
    }
    std::vector<sight> sights;
    while (sights.size() < static_cast<std::size_t>(senders) * each)
        sights.push_back(seen.hear<sight>());
    for (std::thread &it : threads)
        it.join();
    EXPECT_FALSE(bad);
    expect_order<senders, each>(sights);
    EXPECT_EQ(send(port.ui, "none is left before this"), K_OK);
    one.kill();
    two.kill();
}

} // namespace
} // namespace chorus_test
