// SPDX-License-Identifier: MIT
// What actors ask of one another, seen from inside: of those that answer wrongly, or die meanwhile.
#include "chorus_test.hpp"

#include "agent.hpp"
#include "directory.hpp"
#include "ports.hpp"

#include <fcntl.h>

#include <vector>

namespace chorus_test {
namespace {

using chorus::agent_answer;
using chorus::agent_request;
using chorus::command;
using chorus::request_kind;

class device {
  public:
    device() : fd_(::open("/dev/caps", O_RDWR | O_CLOEXEC)) {}
    ~device() { ::close(fd_); }
    device(const device &) = delete;

    int fd() const { return fd_; }
    std::uint64_t capabilities() const {
        caps_actor_info info{};
        EXPECT_EQ(command(fd_, CAPS_ACTOR_INFO, &info), 0);
        return info.capabilities;
    }

  private:
    int fd_;
};

/// Answers for a name, one request at a time, as it likes.
class impostor {
  public:
    explicit impostor(const std::string &service) {
        EXPECT_EQ(command(on_.fd(), CAPS_GROUP_CREATE, &group_), 0);
        EXPECT_EQ(command(on_.fd(), CAPS_PORT_CREATE, &port_), 0);
        EXPECT_EQ(command(on_.fd(), CAPS_ACTOR_SELF, &self_), 0);
        EXPECT_EQ(chorus::directory(on_.fd()).announce(service, port_.capability), 0);
    }

    int receive() {
        caps_receive it{};
        it.port = port_.capability;
        it.deadline = chorus::deadline_after(soon);
        it.buffer.body = chorus::address_of(&request_);
        it.buffer.body_len = sizeof(request_);
        const int error = command(on_.fd(), CAPS_RECEIVE, &it);
        id_ = it.header.id;
        return error;
    }

    /// With a capability to something of that type; 0: without.
    int answer(int result, std::uint32_t type) const {
        agent_answer said{result};
        if (type == CAPS_TYPE_PORT)
            said.along = {port_.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHT_SEND, 0};
        if (type == CAPS_TYPE_ACTOR)
            said.along = {self_.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHT_ACCEPT, 0};
        if (type == CAPS_TYPE_GROUP)
            said.along = {group_.capability, CAPS_ALL_OPERATIONS, CAPS_RIGHTS_GROUP, 0};
        caps_attachments along{};
        along.capabilities = chorus::address_of(&said.along);
        along.capability_count = 1;
        caps_reply it{};
        it.id = id_;
        it.data.body = chorus::address_of(&said);
        it.data.body_len = agent_answer::told;
        it.data.attachments = type != 0 ? chorus::address_of(&along) : 0;
        return command(on_.fd(), CAPS_REPLY, &it);
    }

    /// Who watches it is told that it has died, and what was received can still be answered.
    int vanish() {
        caps_port_ref it{};
        it.capability = port_.capability;
        return command(on_.fd(), CAPS_PORT_DELETE, &it);
    }

  private:
    device on_;
    caps_group_create group_{};
    caps_port_create port_{};
    caps_actor_self self_{};
    agent_request request_{};
    std::uint64_t id_ = 0;
};

struct exchange {
    request_kind kind;
    int result;         // that the other says
    std::uint32_t type; // of the capability that he gives
    int error;
    bool is_taken;
};

constexpr std::array<exchange, 9> exchanges{{
    {request_kind::group_change, K_OK, CAPS_TYPE_GROUP, 0, true},
    {request_kind::group_send, K_OK, CAPS_TYPE_GROUP, 0, true},
    {request_kind::port_accept, K_OK, CAPS_TYPE_ACTOR, 0, true},
    {request_kind::group_change, K_OK, 0, -EPIPE, false},
    {request_kind::group_change, K_OK, CAPS_TYPE_PORT, -EPIPE, false},
    {request_kind::port_accept, K_OK, CAPS_TYPE_GROUP, -EPIPE, false},
    {request_kind::group_send, K_EINVAL, CAPS_TYPE_GROUP, 0, false},
    {request_kind::port_create, K_OK, CAPS_TYPE_GROUP, 0, false},
    {request_kind::port_create, K_EINVAL, CAPS_TYPE_PORT, 0, false},
}};

class agent_test : public chorus_test {};

TEST_F(agent_test, OnlyWhatWasAskedForIsTakenAndNothingElseIsLeft) {
    const pipe_of_names ready;
    process other([&] {
        impostor it("impostor");
        ready.tell(0);
        for (const exchange &say : exchanges)
            if (it.receive() != 0 || it.answer(say.result, say.type) != 0)
                return 1;
        return 0;
    });
    EXPECT_EQ(ready.hear<int>(), 0);
    const device on;
    std::uint64_t agent = 0;
    ASSERT_EQ(chorus::directory(on.fd()).connect("impostor", ::geteuid(), agent), 0);
    for (const exchange &it : exchanges) {
        const std::uint64_t before = on.capabilities();
        agent_answer said{};
        EXPECT_EQ(chorus::call_agent(on.fd(), agent, {.kind = it.kind}, said), it.error);
        EXPECT_EQ(said.along.capability != 0, it.is_taken);
        EXPECT_EQ(on.capabilities(), before + (it.is_taken ? 1 : 0));
    }
    EXPECT_EQ(other.wait(), 0);
}

/// The notice of its death is there before the answer is.
TEST_F(agent_test, AHostThatDiesWhileItAnswersIsReplaced) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_STATUSER, &cap, 108), K_OK);
    const pipe_of_names told;
    const pipe_of_names end;
    process host([&] {
        impostor it(chorus::ui::service_of(cap.ui));
        told.tell(0);
        if (it.receive() != 0 || it.vanish() != 0)
            return 1;
        pause();
        return it.answer(K_OK, CAPS_TYPE_GROUP) == 0 ? end.hear<int>() : 2;
    });
    EXPECT_EQ(told.hear<int>(), 0);
    const a_port port;
    KnUniqueId ui = port.ui;
    EXPECT_EQ(grpPortInsert(&cap, &ui), K_OK);
    process stranger([&] { return send_patiently(cap.ui, "by the name") == K_OK ? 0 : 1; });
    EXPECT_EQ(stranger.wait(), 0);
    EXPECT_EQ(receive(port.li), "by the name");
    end.tell(0);
    EXPECT_EQ(host.wait(), 0);
}

/// Its members have given it up, as it may look to its host.
TEST_F(agent_test, AGroupThatWasDeletedIsFoundedAnewWithItsMembers) {
    KnCap cap{};
    ASSERT_EQ(grpAllocate(K_DYNAMIC, &cap, 0), K_OK);
    const a_port port;
    KnUniqueId ui = port.ui;
    ASSERT_EQ(grpPortInsert(&cap, &ui), K_OK);
    process other([&] {
        const device on;
        std::uint64_t host = 0;
        agent_answer said{};
        const agent_request request{.kind = request_kind::group_change, .ui = cap.ui, .other = cap};
        if (chorus::directory(on.fd()).connect(chorus::ui::service_of(cap.ui), ::geteuid(), host) ||
            chorus::call_agent(on.fd(), host, request, said) != 0)
            return 1;
        caps_group_ref it{};
        it.capability = said.along.capability;
        return command(on.fd(), CAPS_GROUP_DELETE, &it) == 0 ? 0 : 2;
    });
    ASSERT_EQ(other.wait(), 0);
    process stranger([&] { return send(cap.ui, "founded anew") == K_OK ? 0 : 1; });
    EXPECT_EQ(stranger.wait(), 0);
    EXPECT_EQ(receive(port.li), "founded anew");
    EXPECT_EQ(send(cap.ui, "here, too"), K_OK);
    EXPECT_EQ(receive(port.li), "here, too");
}

TEST_F(agent_test, ThePlaceOfAPortThatIsExpectedIsNotGivenAway) {
    const device on;
    chorus::directory names(on.fd());
    chorus::port_table ports(on.fd(), names);
    std::vector<int> made;
    const auto create = [&] {
        KnUniqueId name{};
        made.push_back(ports.create(name, {}));
        return made.back();
    };
    while (create() > 0)
        ;
    EXPECT_EQ(made.back(), K_ENOMEM);
    EXPECT_EQ(made.size(), K_CPORTMAX + 1U);
    KnUniqueId one{};
    KnUniqueId other{};
    ASSERT_TRUE(chorus::ui::choose(one, chorus::ui::type::port, ::geteuid(), 1));
    ASSERT_TRUE(chorus::ui::choose(other, chorus::ui::type::port, ::geteuid(), 2));
    EXPECT_EQ(ports.accepts(one), K_ENOMEM);
    EXPECT_EQ(ports.remove(made.at(1)), K_OK);
    EXPECT_EQ(ports.accepts(one), K_OK);
    EXPECT_EQ(ports.accepts(other), K_ENOMEM);
    EXPECT_EQ(create(), K_ENOMEM);
    EXPECT_EQ(ports.accepts(one), K_OK); // it is its own
    EXPECT_EQ(ports.remove(made.at(2)), K_OK);
    EXPECT_EQ(ports.accepts(other), K_OK);
}

} // namespace
} // namespace chorus_test
