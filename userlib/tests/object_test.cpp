// SPDX-License-Identifier: MIT
// Actors, ports, capabilities, services: made, asked, narrowed, passed on, gone with their objects.
#include "device.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <thread>

namespace {

using namespace test;

class object : public device {
  protected:
    std::string name_ = "object." + std::to_string(::getpid());
};

TEST_F(object, limits_make_sense) {
    const auto limits = me.query();
    EXPECT_EQ(limits.max_annex, CAPS_MAX_ANNEX);
    EXPECT_EQ(limits.max_body, CAPS_MAX_BODY);
    EXPECT_EQ(limits.max_pieces, CAPS_MAX_IOVECS);
    EXPECT_EQ(limits.max_batch, CAPS_MAX_BATCH);
    EXPECT_GT(limits.max_queue_limit, 0u);
    EXPECT_LE(limits.copy_break, caps::direct_reply_threshold)
        << "a direct reply of what would be copied anyway pays for pins in vain";
    std::printf("copy-break %u, queue limit %u\n", limits.copy_break, limits.default_queue_limit);
}

TEST_F(object, port_knows_what_it_was_made_with) {
    const caps::port port = me.create_port({.cookie = 42, .queue_limit = 5});
    auto info = port.info();
    EXPECT_EQ(info.cookie, 42u);
    EXPECT_EQ(info.queue_limit, 5u);
    EXPECT_FALSE(info.enabled);
    EXPECT_FALSE(info.is_default);
    port.enable(17);
    port.send({});
    info = port.info();
    EXPECT_TRUE(info.enabled);
    EXPECT_EQ(info.priority, 17u);
    EXPECT_EQ(info.queued, 1u);
    EXPECT_EQ(info.users, 1u);
    EXPECT_EQ(info.sequence, 0u);
    const auto twice = port.try_disable();
    EXPECT_TRUE(twice);
    EXPECT_EQ(port.try_disable().error().code(), EBUSY);
}

TEST_F(object, port_with_too_long_a_queue_is_refused_with_a_remedy) {
    const auto refused = me.try_create_port({.queue_limit = me.query().max_queue_limit + 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EMSGSIZE) << refused.error().message();
    EXPECT_NE(refused.error().remedy().find("max_queue_limit"), std::string_view::npos);
}

TEST_F(object, port_goes_with_its_object_and_takes_its_handle_along) {
    const auto before = me.info();
    {
        const caps::port port = me.create_port();
        EXPECT_EQ(me.info().ports, before.ports + 1);
        EXPECT_EQ(me.info().capabilities, before.capabilities + 1);
    }
    EXPECT_EQ(me.info().ports, before.ports);
    EXPECT_EQ(me.info().capabilities, before.capabilities);
}

TEST_F(object, port_moves_to_another_actor_with_its_queue) {
    const auto heir = caps::actor::open();
    const auto to = me.import_fd(heir.self().export_fd().get());
    caps::port port = me.create_port({.cookie = 7});
    const auto client = heir.import_fd(port.export_fd().get());
    client.send({});
    client.send({});
    (void)port.receive({}, caps::no_wait);
    const auto cut = port.migrate(to);
    EXPECT_FALSE(port);
    EXPECT_EQ(cut.sequence, 1u);
    EXPECT_EQ(cut.dropped, 0u);
    const auto event = heir.default_port()->receive({}, caps::no_wait);
    EXPECT_EQ(event.kind(), caps::kind::port_arrived);
    caps::port arrived = heir.arrived(event);
    ASSERT_TRUE(arrived);
    EXPECT_EQ(arrived.info().cookie, 7u);
    EXPECT_EQ(arrived.info().queued, 1u);
    const auto back = heir.import_fd(me.self().export_fd().get());
    EXPECT_EQ(arrived.migrate(back, {.drop = true}).dropped, 1u);
    EXPECT_TRUE(me.arrived(me.default_port()->receive({}, caps::no_wait)));
}

TEST_F(object, port_that_cannot_move_stays) {
    const auto self = me.self();
    caps::port port = me.create_port();
    const auto refused = port.try_migrate(self);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EBUSY) << refused.error().message();
    EXPECT_EQ(port.info().queued, 0u);
}

TEST_F(object, port_that_is_assigned_to_goes) {
    const auto before = me.info();
    caps::port port = me.create_port();
    port = me.create_port();
    EXPECT_EQ(me.info().ports, before.ports + 1);
    EXPECT_EQ(me.info().capabilities, before.capabilities + 1);
    EXPECT_TRUE(port.try_info());
}

TEST_F(object, port_that_was_released_lives_on) {
    const auto before = me.info();
    std::uint64_t handle = 0;
    {
        caps::port port = me.create_port();
        handle = port.release();
    }
    EXPECT_EQ(me.info().ports, before.ports + 1);
    caps::port again(me.get(), handle);
    EXPECT_TRUE(again.try_info());
}

TEST_F(object, default_port_is_there_and_stays) {
    const auto port = me.default_port();
    EXPECT_TRUE(port->info().is_default);
    EXPECT_EQ(port->try_remove().error().code(), EBUSY);
    port->send({.body = "to myself"});
    std::array<char, 16> room{};
    EXPECT_EQ(port->receive(room, soon()).text(), "to myself");
}

TEST_F(object, capability_is_closed_with_its_object) {
    const caps::port port = me.create_port();
    const auto before = me.info().capabilities;
    std::uint64_t handle = 0;
    {
        const caps::capability one = port.duplicate(), two = port.duplicate();
        handle = one.get();
        EXPECT_EQ(me.info().capabilities, before + 2);
    }
    EXPECT_EQ(me.info().capabilities, before);
    const caps::unowned<caps::capability> dangling(me.get(), handle);
    EXPECT_EQ(dangling->try_send({}).error().code(), EBADF);
}

TEST_F(object, capability_can_only_be_narrowed) {
    const caps::port port = me.create_port();
    const auto narrow = port.duplicate(
        {.rights = caps::rights::send, .operations = caps::operations(1, 2), .badge = 99});
    const auto info = narrow.info();
    EXPECT_EQ(info.rights, caps::rights::send);
    EXPECT_EQ(info.operations, 0b110u);
    EXPECT_TRUE(info.badged);
    EXPECT_EQ(info.badge, 99u);
    EXPECT_TRUE(info.own);
    EXPECT_FALSE(info.dead);
    const auto more_rights = narrow.try_duplicate(
        {.rights = caps::rights::send | caps::rights::grant, .operations = caps::operations(1)});
    ASSERT_FALSE(more_rights);
    EXPECT_EQ(more_rights.error().code(), EPERM) << more_rights.error().message();
    const auto more_operations = narrow.try_duplicate({.operations = caps::operations(3)});
    ASSERT_FALSE(more_operations);
    EXPECT_EQ(more_operations.error().code(), EACCES) << more_operations.error().message();
    EXPECT_EQ(narrow.duplicate().info().operations, 0b110u) << "without arguments: the same";
}

TEST_F(object, badge_tells_the_owner_who_sent) {
    const caps::port port = me.create_port();
    const auto alice = port.duplicate({.badge = 1}), bob = port.duplicate({.badge = 2});
    bob.send({});
    alice.send({});
    EXPECT_EQ(port.receive({}, soon()).badge(), 2u);
    EXPECT_EQ(port.receive({}, soon()).badge(), 1u);
}

TEST_F(object, capability_travels_over_a_socket) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const caps::descriptor near(ends[0]), far(ends[1]);
    const caps::port port = me.create_port();
    char byte = 0;
    iovec part{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    process receiver([&] {
        if (::recvmsg(far.get(), &message, MSG_CMSG_CLOEXEC) != 1)
            return 1;
        const cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_type != SCM_RIGHTS)
            return 2;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        const caps::descriptor got(fd);
        const auto actor = caps::actor::open();
        const auto capability = actor.import_fd(got.get());
        capability.send({.body = "over a socket"});
        return 0;
    });
    {
        const auto exported =
            port.duplicate({.rights = caps::rights::send | caps::rights::grant}).export_fd();
        const int fd = exported.get();
        cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        ASSERT_EQ(::sendmsg(near.get(), &message, 0), 1) << std::strerror(errno);
    }
    std::array<char, 32> room{};
    EXPECT_EQ(port.receive(room, soon()).text(), "over a socket");
    EXPECT_EQ(receiver.wait(), 0);
}

TEST_F(object, capability_is_placed_in_another_process) {
    const caps::port port = me.create_port();
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const caps::descriptor reads(ready[0]), writes(ready[1]);
    const passed way(port);
    process other([&] {
        const auto [actor, parent] = way.take();
        const auto self = actor.self();
        // What may be placed in, as a descriptor that the parent finds by its number.
        const caps::descriptor mine = self.export_fd();
        const int fd = mine.get();
        if (::write(writes.get(), &fd, sizeof(fd)) != sizeof(fd))
            return 1;
        const auto event = actor.default_port()->receive({}, soon());
        if (event.kind() != caps::kind::capability_arrived)
            return 2;
        const caps::capability got = actor.placed(event);
        if (!got || got.info().operations != caps::operations(3))
            return 3;
        got.send({.operation = 3, .body = "placed"});
        return 0;
    });
    int fd = -1;
    ASSERT_EQ(::read(reads.get(), &fd, sizeof(fd)), ssize_t{sizeof(fd)});
    const caps::descriptor file(static_cast<int>(::syscall(
        SYS_pidfd_getfd,
        caps::descriptor(static_cast<int>(::syscall(SYS_pidfd_open, other.pid(), 0))).get(), fd,
        0)));
    const auto target = me.import_fd(file.get());
    port.place_in(target, {.operations = caps::operations(3)});
    std::array<char, 16> room{};
    EXPECT_EQ(port.receive(room, soon()).text(), "placed");
    EXPECT_EQ(other.wait(), 0);
    const auto late = port.try_place_in(target, {});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), EPIPE) << late.error().message();
}

TEST_F(object, placing_only_narrows_and_takes_an_actor_that_accepts) {
    const caps::port port = me.create_port();
    const auto self = me.self();
    const auto refused = [&](const caps::capability &what, const caps::capability &into,
                             const caps::narrowing &with) {
        const auto outcome = what.try_place_in(into, with);
        EXPECT_TRUE(outcome || outcome.error().what() == caps::operation::place);
        return outcome ? 0 : outcome.error().code();
    };
    const auto narrow = port.duplicate(
        {.rights = caps::rights::send | caps::rights::grant, .operations = caps::operations(1)});
    const auto before = me.info().capabilities;
    EXPECT_EQ(refused(port, port, {}), EINVAL) << "no actor";
    EXPECT_EQ(refused(port, self, {.badge = 5}), EINVAL) << "no badge";
    EXPECT_EQ(refused(narrow, self, {.rights = caps::rights::manage}), EPERM);
    EXPECT_EQ(refused(narrow, self, {}), EACCES);
    EXPECT_EQ(refused(port.duplicate({}), self, {}), EPERM) << "no right to grant";
    EXPECT_EQ(refused(port, self.duplicate({.rights = caps::rights::watch}), {}), EPERM);
    EXPECT_EQ(me.info().capabilities, before);
    EXPECT_FALSE(me.default_port()->try_receive({}, caps::no_wait)) << "nothing has arrived";

    narrow.place_in(self, {.operations = caps::operations(1)});
    const auto event = me.default_port()->receive({}, caps::no_wait);
    EXPECT_FALSE(me.arrived(event)) << "no port";
    EXPECT_TRUE(me.placed(event));
    EXPECT_EQ(me.info().capabilities, before) << "closed with its object";
}

TEST_F(object, export_takes_the_right_to_grant) {
    const caps::port port = me.create_port();
    const auto mute = port.duplicate({.rights = caps::rights::send});
    const auto refused = mute.try_export_fd();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM) << refused.error().message();
}

TEST_F(object, import_refuses_what_is_no_capability) {
    const caps::descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto refused = me.try_import_fd(null.get());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL) << refused.error().message();
    EXPECT_EQ(me.try_import_fd(-1).error().code(), EBADF);
}

TEST_F(object, actor_names_itself) {
    const caps::capability self = me.self();
    const caps::capability_info info = self.info();
    EXPECT_EQ(info.type, caps::object_type::actor);
    EXPECT_EQ(info.rights, caps::rights::actor);
    EXPECT_TRUE(info.own);
    me.default_port()->enable();
    self.send({.body = "to each enabled port"});
    EXPECT_EQ(me.default_port()->info().queued, 1u);
    const auto refused = self.try_call({.body = "for one answer"}, {}, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL) << refused.error().message();
}

TEST_F(object, service_is_found_by_its_name) {
    const caps::port door = me.create_port();
    const auto service =
        door.register_service(name_, {.operations = caps::operations(0, 4), .world = true});
    EXPECT_EQ(service.name(), name_);
    process client([&] {
        const auto actor = caps::actor::open();
        const auto server = actor.connect(name_);
        if (server.operations() != caps::operations(0, 4))
            return 1;
        std::array<char, 16> room{};
        if (server.call({.operation = 4}, room, soon()).text() != "found")
            return 2;
        return server.try_call({.operation = 5}, {}, soon()).error().code() == EACCES ? 0 : 3;
    });
    auto message = door.receive({}, soon());
    EXPECT_NE(message.badge() & CAPS_BADGE_KERNEL, 0u);
    message.reply({.body = "found"});
    EXPECT_EQ(client.wait(), 0);
}

TEST_F(object, service_of_another_id_is_waited_for) {
    const caps::port door = me.create_port();
    const auto client = caps::actor::open();
    const std::array<std::uint32_t, 2> trusted{4711, ::geteuid()};
    caps::connect_options wanted{.uid = caps::any_id, .trusted = trusted};
    const auto none = client.try_connect(name_, wanted);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ENOENT) << none.error().message();
    wanted.until = soon();
    std::jthread server([&] {
        auto service = door.register_service(name_, {.gid = ::getegid(), .newest = true});
        service.release();
    });
    const auto found = client.connect(name_, wanted);
    server.join();
    found.send({.body = "found"});
    EXPECT_EQ(door.receive({}, soon()).badge(), found.info().badge);
    const auto same = door.register_service(name_, {.gid = ::getegid(), .replace = true});
    const auto listed = me.services();
    const auto entry = std::ranges::find(listed, std::string(name_), &caps::service_info::name);
    ASSERT_NE(entry, listed.end());
    EXPECT_EQ(entry->gid, ::getegid());
    EXPECT_EQ(entry->pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(std::ranges::count(listed, std::string(name_), &caps::service_info::name), 1);
}

TEST_F(object, generation_is_read_and_waited_for) {
    const caps::port door = me.create_port();
    const auto narrow = door.duplicate({});
    EXPECT_EQ(narrow.generation(), 0u);
    std::jthread server([&] { door.set_generation(5); });
    EXPECT_EQ(narrow.generation_after(0, soon()), 5u);
    server.join();
    const auto late = narrow.try_generation_after(5, std::chrono::milliseconds(0));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), ETIMEDOUT) << late.error().message();
    const auto refused = door.try_set_generation(5);
    EXPECT_TRUE(refused) << refused.error().message();
}

TEST_F(object, connections_are_told) {
    const caps::port door = me.create_port();
    const auto service = door.register_service(name_, {.connected = true, .disconnected = true});
    const auto client = caps::actor::open();
    auto server = client.connect(name_);
    server.send({.body = "between"});
    server.reset();
    const auto first = door.receive({}, soon());
    EXPECT_EQ(first.kind(), caps::kind::connected);
    EXPECT_EQ(door.receive({}, soon()).badge(), first.badge());
    const auto last = door.receive({}, soon());
    EXPECT_EQ(last.kind(), caps::kind::disconnected);
    EXPECT_EQ(last.badge(), first.badge());
    (void)door.duplicate({.badge = 5, .disconnected = true});
    EXPECT_EQ(door.receive({}, soon()).badge(), 5u);
}

TEST_F(object, server_decides_who_connects) {
    const caps::port door = me.create_port();
    const auto service =
        door.register_service(name_, {.operations = 0xff, .disconnected = true, .ask = true});
    std::jthread server([&] {
        auto first = door.receive({}, soon());
        EXPECT_EQ(first.kind(), caps::kind::application);
        const auto who = first.application();
        ASSERT_TRUE(who);
        EXPECT_EQ(who->operations, 0x3u);
        EXPECT_NE(who->network_namespace, 0u);
        EXPECT_EQ(first.identity().user_namespace, who->user_namespace);
        first.accept({.operations = 0xf1, .in_flight = 3, .badge = 7});
        EXPECT_FALSE(first.held());
        door.receive({}, soon()).reject(EDOM);
        auto last = door.receive({}, soon());
        const auto senseless = last.try_reply({.body = "yes"});
        ASSERT_FALSE(senseless);
        EXPECT_EQ(senseless.error().code(), EBADMSG) << senseless.error().message();
        EXPECT_FALSE(last.held());
    });
    const auto client = caps::actor::open();
    auto in = client.connect(name_, {.operations = 0x3});
    EXPECT_EQ(in.operations(), 1u);
    EXPECT_EQ(in.in_flight(), 3u);
    EXPECT_EQ(in.info().badge, 7u);
    for (const int why : {EDOM, ECONNREFUSED}) {
        const auto out = client.try_connect(name_);
        ASSERT_FALSE(out);
        EXPECT_EQ(out.error().code(), why);
        EXPECT_TRUE(out.error().rejected()) << out.error().message();
    }
    server.join();
    in.reset();
    EXPECT_EQ(door.receive({}, soon()).kind(), caps::kind::disconnected);
    const auto never = client.try_connect(name_, {.verdict = caps::no_wait});
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code(), EAGAIN) << never.error().message();
}

TEST_F(object, revoked_capabilities_are_worth_nothing) {
    const caps::port door = me.create_port();
    const auto open = door.duplicate({.rights = caps::rights::send | caps::rights::grant});
    const auto other = caps::actor::open();
    const caps::capability given = other.import_fd(open.export_fd().get());
    given.send({.body = "seen"});
    EXPECT_EQ(door.receive({}, soon()).header().operation, 0u);
    given.send({.body = "not seen"});
    EXPECT_EQ(door.revoke(), 1u);
    const auto sent = given.try_send({.body = "refused"});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), EKEYREVOKED) << sent.error().message();
    EXPECT_EQ(door.info().queued, 0u);
    const auto none = door.try_revoke(77);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ENOENT) << none.error().message();
}

TEST_F(object, signals_add_up) {
    const caps::port door = me.create_port();
    door.signal(1);
    door.signal(6);
    const auto signal = door.receive({}, soon());
    EXPECT_EQ(signal.kind(), caps::kind::signal);
    EXPECT_EQ(signal.bits(), 7u);
    const auto nothing = door.try_signal(0);
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code(), EINVAL) << nothing.error().message();
    EXPECT_EQ(nothing.error().remedy(), "Set at least one bit.");
}

TEST_F(object, death_of_a_port_is_told_to_who_watches) {
    const caps::port replies = me.create_port();
    const caps::actor other = caps::actor::open();
    caps::port door = other.create_port();
    const caps::capability mine = me.import_fd(door.export_fd().get());
    const caps::capability owner = me.import_fd(other.self().export_fd().get());
    const auto first = mine.watch(replies.get()), second = mine.watch(), third = owner.watch();
    EXPECT_EQ(me.info().pending, 3u);
    EXPECT_EQ(me.abort(second), caps::abort_outcome::before_server);
    door.remove();
    const auto dead = replies.receive({}, soon());
    EXPECT_EQ(dead.kind(), caps::kind::port_dead);
    EXPECT_EQ(dead.id(), first);
    EXPECT_FALSE(dead.held());
    EXPECT_EQ(me.info().pending, 1u);
    EXPECT_EQ(me.abort(third), caps::abort_outcome::before_server);
}

TEST_F(object, watch_takes_the_right_to) {
    const caps::port door = me.create_port();
    const auto refused = door.duplicate({.rights = caps::rights::send}).try_watch();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM) << refused.error().message();
    EXPECT_NE(refused.error().remedy().find("Watch with"), std::string_view::npos);
}

TEST_F(object, service_ends_with_its_object) {
    const caps::port door = me.create_port();
    {
        const auto service = door.register_service(name_);
        const auto taken = door.try_register_service(name_);
        ASSERT_FALSE(taken);
        EXPECT_EQ(taken.error().code(), EEXIST) << taken.error().message();
        EXPECT_TRUE(me.try_connect(name_));
    }
    const auto gone = me.try_connect(name_);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), ENOENT) << gone.error().message();
    EXPECT_TRUE(door.try_register_service(name_));
}

TEST_F(object, service_that_was_released_stays) {
    const caps::port door = me.create_port();
    door.register_service(name_).release();
    EXPECT_TRUE(me.try_connect(name_));
    caps::service(me.get(), name_).reset();
    EXPECT_FALSE(me.try_connect(name_));
}

TEST_F(object, names_that_no_service_can_have_are_refused) {
    const caps::port door = me.create_port();
    for (const std::string &bad :
         {std::string(), std::string(64, 'x'), std::string(500, 'x'), std::string("a b"),
          std::string("a/b"), std::string("ok\0hidden", 9), std::string("\xc3\xa4")}) {
        const auto refused = door.try_register_service(bad);
        ASSERT_FALSE(refused) << "\"" << bad << "\"";
        EXPECT_EQ(refused.error().code(), EINVAL) << refused.error().message();
        EXPECT_EQ(me.try_connect(bad).error().code(), EINVAL) << "\"" << bad << "\"";
    }
    EXPECT_TRUE(door.try_register_service(std::string(63, 'y')));
}

TEST_F(object, service_of_another_user_is_another_service) {
    const caps::port door = me.create_port();
    const auto service = door.register_service(name_);
    const auto other = me.try_connect(name_, {.uid = ::geteuid() + 1});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), ENOENT) << other.error().message();
}

} // namespace
