// SPDX-License-Identifier: MIT
// Aborting threads, and what becomes of those that serve them.
#include "chorus_test.hpp"

#include <atomic>
#include <future>

namespace chorus_test {
namespace {

using abort_test = chorus_test;

/// A thread that can be aborted, and what its function returned.
template <class F>
class target {
  public:
    explicit target(F run)
        : thread_([this, run] {
              lid_.set_value(threadSelf());
              result_ = run();
          }) {}
    KnThreadLid lid() { return lid_.get_future().get(); }
    auto result() {
        thread_.join();
        return result_;
    }

  private:
    std::promise<KnThreadLid> lid_;
    std::invoke_result_t<F> result_{};
    std::thread thread_;
};

std::string abortable_receive(int portli, int delay = soon) {
    place at(K_ABORTABLE);
    return at.text(ipcReceive(&at.desc, &portli, delay));
}

std::string abortable_call(const KnUniqueId &to, std::string_view text) {
    return call(to, text, soon, K_ABORTABLE);
}

TEST_F(abort_test, ThreadsHaveLocalIdentifiers) {
    const KnThreadLid mine = threadSelf();
    EXPECT_GT(mine, 0);
    EXPECT_EQ(threadSelf(), mine);
    target other([] { return threadSelf(); });
    EXPECT_NE(other.result(), mine);
    EXPECT_EQ(threadAbort(K_MYACTOR, 100000), K_EINVAL);
}

TEST_F(abort_test, AnAbortableReceiveEndsWithEabort) {
    a_port port;
    target waiting([&] { return abortable_receive(port.li); });
    const KnThreadLid lid = waiting.lid();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    EXPECT_EQ(waiting.result(), error(K_EABORT));
}

TEST_F(abort_test, SoDoesOneFromAnyPort) {
    target waiting([&] { return abortable_receive(K_ANYENABLED, K_NOTIMEOUT); });
    const KnThreadLid lid = waiting.lid();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    EXPECT_EQ(waiting.result(), error(K_EABORT));
}

TEST_F(abort_test, AWaitThatIsNotAbortableGoesOnAndTheAbortIsRemembered) {
    a_port port;
    target waiting([&] {
        std::string all = receive(port.li);
        all += threadAborted() == 1 ? " aborted" : " not";
        all += threadAborted() == 1 ? " aborted" : " not"; // it was cleared
        return all;
    });
    const KnThreadLid lid = waiting.lid();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    pause();
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    EXPECT_EQ(waiting.result(), "received aborted not");
}

TEST_F(abort_test, ARememberedAbortHitsTheNextAbortableWait) {
    a_port port;
    target waiting([&] {
        std::string all = receive(port.li);
        all += ", " + abortable_receive(port.li);
        return all + ", " + abortable_receive(port.li, 0);
    });
    const KnThreadLid lid = waiting.lid();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    EXPECT_EQ(waiting.result(), "received, " + error(K_EABORT) + ", " + error(K_ETIMEOUT));
}

TEST_F(abort_test, AThreadCanAbortItself) {
    std::thread([] {
        EXPECT_EQ(threadAbort(K_MYACTOR, K_MYSELF), K_OK);
        EXPECT_EQ(threadDelay(K_NOTIMEOUT), K_EABORT);
        EXPECT_EQ(threadDelay(10), K_OK);
        EXPECT_EQ(threadAborted(), 0);
    }).join();
}

TEST_F(abort_test, AnAbortIsNeverLost) {
    // Aborted at any moment around the beginning of the wait.
    a_port port;
    for (int i = 0; i < 300; i++) {
        std::atomic<KnThreadLid> lid{0};
        std::thread waiting([&] {
            lid = threadSelf();
            EXPECT_EQ(abortable_receive(port.li), error(K_EABORT));
        });
        while (lid == 0)
            std::this_thread::yield();
        for (int spin = 0; spin < i * 20; spin++)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
        waiting.join();
    }
}

TEST_F(abort_test, AnAbortableCallEndsWithEabortBeforeItIsTaken) {
    a_port port;
    target client([&] { return abortable_call(port.ui, "unread"); });
    const KnThreadLid lid = client.lid();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    EXPECT_EQ(client.result(), error(K_EABORT));
    EXPECT_EQ(receive(port.li, 0), error(K_ETIMEOUT)); // withdrawn
}

TEST_F(abort_test, AndAfterItIsTaken) {
    a_port port;
    target client([&] { return abortable_call(port.ui, "taken"); });
    EXPECT_EQ(receive(port.li), "taken");
    EXPECT_EQ(threadAbort(K_MYACTOR, client.lid()), K_OK);
    EXPECT_EQ(client.result(), error(K_EABORT));
    EXPECT_EQ(reply("too late"), K_EUNKNOWN);
}

TEST_F(abort_test, ACallThatIsNotAbortableIsFinished) {
    a_port port;
    target client([&] {
        const std::string answer = call(port.ui, "question");
        return answer + (threadAborted() == 1 ? ", aborted" : "");
    });
    EXPECT_EQ(receive(port.li), "question");
    EXPECT_EQ(threadAbort(K_MYACTOR, client.lid()), K_OK);
    pause();
    EXPECT_EQ(reply("answer"), K_OK);
    EXPECT_EQ(client.result(), "answer, aborted");
}

TEST_F(abort_test, TheAbortOfAClientAbortsItsServer) {
    a_port port;
    a_port elsewhere;
    target client([&] { return abortable_call(port.ui, "work"); });
    std::promise<void> taken;
    std::thread server([&] {
        EXPECT_EQ(receive(port.li), "work");
        taken.set_value();
        EXPECT_EQ(abortable_receive(elsewhere.li), error(K_EABORT));
        EXPECT_EQ(threadAborted(), 0); // that was it
        EXPECT_EQ(threadDelay(50), K_OK);
    });
    const KnThreadLid lid = client.lid();
    taken.get_future().wait();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    EXPECT_EQ(client.result(), error(K_EABORT));
    server.join();
}

TEST_F(abort_test, AServerThatComputesFindsOutByAsking) {
    a_port port;
    target client([&] { return abortable_call(port.ui, "work"); });
    EXPECT_EQ(receive(port.li), "work");
    EXPECT_EQ(threadAborted(), 0);
    EXPECT_EQ(threadAbort(K_MYACTOR, client.lid()), K_OK);
    EXPECT_EQ(client.result(), error(K_EABORT));
    EXPECT_EQ(threadAborted(), 1);
    EXPECT_EQ(threadAborted(), 0);
}

TEST_F(abort_test, AbortionIsPropagatedAlongAChainOfActors) {
    const pipe_of_names names;
    const auto server = [&names](bool last, KnUniqueId next) {
        KnUniqueId ui{};
        const int li = portCreate(K_MYACTOR, &ui);
        names.tell(ui);
        if (receive(li) != "work")
            return 1;
        names.tell(ui); // it has been taken
        const std::string end =
            last ? error(threadDelay(K_NOTIMEOUT)) : abortable_call(next, "work");
        return end == error(K_EABORT) ? 0 : 2;
    };
    process third([&] { return server(true, {}); });
    const KnUniqueId of_third = names.hear();
    process second([&] { return server(false, of_third); });
    const KnUniqueId of_second = names.hear();
    target client([&] { return abortable_call(of_second, "work"); });
    const KnThreadLid lid = client.lid();
    (void)names.hear();
    (void)names.hear();
    pause();
    EXPECT_EQ(threadAbort(K_MYACTOR, lid), K_OK);
    EXPECT_EQ(client.result(), error(K_EABORT));
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(third.wait(), 0);
}

TEST_F(abort_test, TheDeathOfAClientAbortsItsServerToo) {
    a_port port;
    process client([&] { return call(port.ui, "work").empty() ? 0 : 1; });
    EXPECT_EQ(receive(port.li), "work");
    client.kill();
    EXPECT_EQ(threadDelay(soon), K_EABORT);
    EXPECT_EQ(reply("too late"), K_EUNKNOWN);
}

TEST_F(abort_test, WhoHasTheCapabilityOfAnActorMayAbortItsThreads) {
    const pipe_of_names names;
    const pipe_of_names end;
    process other([&] {
        KnCap self{};
        if (actorSelf(&self) != K_OK)
            return 1;
        names.tell(self);
        names.tell(threadSelf());
        const int why = threadDelay(K_NOTIMEOUT);
        (void)end.hear<int>(); // its agent is still to say that it was done
        return why == K_EABORT ? 0 : 2;
    });
    auto actor = names.hear<KnCap>();
    const auto lid = names.hear<KnThreadLid>();
    EXPECT_EQ(threadAbort(&actor, K_MYSELF), K_EINVAL); // that is here
    EXPECT_EQ(threadAbort(&actor, 1000), K_EINVAL);
    EXPECT_EQ(threadAbort(&actor, lid), K_OK);
    end.tell(0);
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(threadAbort(&actor, lid), K_EUNKNOWN);
}

TEST_F(abort_test, OtherSignalsDoNotDisturbAWait) {
    a_port port;
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr); // without SA_RESTART
    std::atomic<pthread_t> waiting{};
    std::thread receiver([&] {
        waiting = ::pthread_self();
        EXPECT_EQ(receive(port.li), "received");
        EXPECT_EQ(abortable_receive(port.li), "received too");
    });
    pause();
    ::pthread_kill(waiting, SIGUSR1);
    pause();
    ASSERT_EQ(send(port.ui, "received"), K_OK);
    pause();
    ::pthread_kill(waiting, SIGUSR1);
    pause();
    ASSERT_EQ(send(port.ui, "received too"), K_OK);
    receiver.join();
}

} // namespace
} // namespace chorus_test
