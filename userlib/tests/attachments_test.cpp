// SPDX-License-Identifier: MIT
// Capabilities and file descriptors in messages and answers: sent, moved, received, left over.
#include "device.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace {

using namespace test;

constexpr auto to_grant = caps::rights::send | caps::rights::grant;

class along : public device {
  protected:
    void SetUp() override {
        device::SetUp();
        if (!IsSkipped())
            door = me.create_port();
    }
    std::uint64_t handles() const { return me.info().capabilities; }

    caps::port door;
};

/// A file with this content, to be read from its beginning.
caps::descriptor file_with(std::string_view text) {
    caps::descriptor file(::memfd_create("along", MFD_CLOEXEC));
    if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        ADD_FAILURE() << std::strerror(errno);
    return file;
}

std::string content(const caps::descriptor &file) {
    std::array<char, 64> room{};
    const ssize_t length = ::pread(file.get(), room.data(), room.size(), 0);
    return length < 0 ? std::strerror(errno) : std::string(room.data(), length);
}

bool open_here(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST_F(along, capability_goes_to_another_process_and_is_called_through) {
    const passed way(door);
    process other([&] {
        const auto [actor, server] = way.take();
        const auto mine = actor.create_port();
        const caps::transfer give[] = {{.handle = mine.get(), .operations = caps::operations(7)}};
        server.send({.body = "call me", .capabilities = give});
        auto called = mine.receive({}, soon());
        called.reply({.status = static_cast<int>(called.operation())});
        return 0;
    });
    caps::attachments got;
    std::array<char, 16> room{};
    const auto message = door.receive({room, got}, soon());
    EXPECT_EQ(message.text(), "call me");
    EXPECT_EQ(message.capability_count(), 1u);
    EXPECT_FALSE(message.held());
    ASSERT_EQ(got.capability_count(), 1u);
    const auto back = got.take_capability(0);
    EXPECT_EQ(back.info().rights, caps::rights::send);
    EXPECT_EQ(back.try_call({.operation = 6}, {}, soon()).error().code(), EACCES);
    EXPECT_EQ(back.call({.operation = 7}, {}, soon()).status(), 7);
    EXPECT_FALSE(got.take_capability(0)) << "only once";
    EXPECT_FALSE(got.take_capability(1)) << "only those that came";
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(along, file_goes_to_another_process_and_another_comes_back) {
    const passed way(door);
    process other([&] {
        const auto [actor, server] = way.take();
        const auto file = file_with("from the client");
        const int give[] = {file.get()};
        caps::attachments got;
        const auto reply = server.call({.fds = give}, got, soon());
        if (reply.truncated() || reply.fds_lost() || got.fd_count() != 2)
            return 1;
        const auto files = got.take_fds();
        if (::fcntl(files[1].get(), F_GETFD) != FD_CLOEXEC)
            return 2;
        return content(files[0]) == "from the client" && content(files[1]) == "own" ? 0 : 3;
    });
    caps::attachments got;
    auto message = door.receive(got, soon());
    EXPECT_EQ(message.fd_count(), 1u);
    const auto theirs = got.take_fd(0), mine = file_with("own");
    EXPECT_EQ(content(theirs), "from the client");
    const int give[] = {theirs.get(), mine.get()};
    message.reply({.fds = give});
    EXPECT_EQ(other.wait(), 0);
}

TEST_F(along, sockets_come_where_the_port_wants_them) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const caps::descriptor near(ends[0]), far(ends[1]);
    const int give[] = {far.get()};
    const auto refused = door.try_send({.fds = give});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL);
    const auto open = me.create_port({.unix_sockets = true});
    open.send({.fds = give});
    caps::attachments got;
    (void)open.receive(got, soon());
    const auto same = got.take_fd(0);
    EXPECT_EQ(::write(same.get(), "x", 1), 1);
    char back = 0;
    EXPECT_EQ(::read(near.get(), &back, 1), 1);
    EXPECT_EQ(back, 'x');
}

TEST_F(along, moved_capability_goes_if_it_is_sent_and_stays_if_not) {
    const caps::port full = me.create_port({.queue_limit = 1});
    full.send({});
    const auto mine = door.duplicate({.rights = to_grant});
    const caps::transfer give[] = {{.handle = mine.get(), .mode = caps::transfer_mode::move}};
    const auto before = handles();
    EXPECT_EQ(full.try_send({.capabilities = give}).error().code(), EAGAIN);
    EXPECT_EQ(mine.info().rights, to_grant);
    door.send({.capabilities = give});
    EXPECT_EQ(handles(), before - 1);
    EXPECT_EQ(mine.try_info().error().code(), EBADF);
    caps::attachments got;
    (void)door.receive(got, soon());
    EXPECT_EQ(got.take_capability(0).info().rights, caps::rights::send);
}

TEST_F(along, what_has_no_room_is_held_and_fetched_once) {
    const auto before = handles();
    const auto file = file_with("later");
    const caps::transfer give[] = {{.handle = door.get()}, {.handle = door.get()}};
    const int fds[] = {file.get()};
    const caps::outgoing message{.body = "body", .capabilities = give, .fds = fds};
    std::array<char, 8> room{};
    caps::attachments small(1, 1), enough(2, 1);
    for (const caps::buffers &into : {caps::buffers(room), caps::buffers(room, small)}) {
        door.send(message);
        const auto held = door.receive(into, soon());
        EXPECT_TRUE(held.held());
        EXPECT_TRUE(held.truncated());
        EXPECT_EQ(held.text(), "body");
        EXPECT_EQ(held.capability_count(), 2u);
        EXPECT_EQ(held.fd_count(), 1u);
        EXPECT_EQ(small.capability_count(), 0u);
        EXPECT_FALSE(held.fetch(small));
        EXPECT_EQ(handles(), before);
        ASSERT_TRUE(held.fetch(enough));
        EXPECT_EQ(enough.take_capabilities().size(), 2u) << "and closes them";
        EXPECT_EQ(content(enough.take_fds()[0]), "later");
        EXPECT_FALSE(held.fetch(enough)) << "only once";
    }
    EXPECT_EQ(handles(), before);
    door.send(message);
    (void)door.receive({}, soon());
    EXPECT_EQ(handles(), before) << "nobody took it: it goes with the message";
}

TEST_F(along, answer_without_room_loses_it_and_says_so) {
    const auto server = serve(door, 3, [&](caps::received &message) {
        const caps::transfer give[] = {{.handle = door.get()}, {.handle = door.get()}};
        message.reply({.status = 5, .capabilities = give});
    });
    const auto before = handles();
    caps::attachments small(1, 64), enough(2, 0);
    const auto none = door.call({}, {}, soon());
    EXPECT_EQ(none.status(), 5);
    EXPECT_TRUE(none.truncated());
    EXPECT_TRUE(door.call({}, small, soon()).truncated());
    EXPECT_EQ(small.capability_count(), 0u);
    EXPECT_EQ(handles(), before);
    EXPECT_FALSE(door.call({}, enough, soon()).truncated());
    EXPECT_EQ(enough.capability_count(), 2u);
    EXPECT_EQ(handles(), before + 2);
}

TEST_F(along, room_used_again_closes_what_was_not_taken) {
    const auto before = handles();
    const auto file = file_with("left");
    const caps::transfer give[] = {{.handle = door.get()}};
    const int fds[] = {file.get()};
    int left = -1;
    {
        caps::attachments room;
        door.send({.capabilities = give, .fds = fds});
        (void)door.receive(room, soon());
        caps::descriptor taken = room.take_fd(0);
        left = taken.get();
        EXPECT_TRUE(open_here(left));
        EXPECT_EQ(handles(), before + 1);
        EXPECT_FALSE(door.try_receive(room, caps::no_wait));
        EXPECT_EQ(handles(), before);
        EXPECT_EQ(room.capability_count(), 0u);
        EXPECT_TRUE(open_here(left)) << "it was taken";
        taken.reset();

        door.send({.fds = fds});
        (void)door.receive(room, soon());
        EXPECT_TRUE(open_here(left)) << "the lowest that is free";
        door.send({.capabilities = give});
        (void)door.receive(room, soon());
        EXPECT_FALSE(open_here(left));
        EXPECT_EQ(room.fd_count(), 0u);
        EXPECT_EQ(handles(), before + 1);
    }
    EXPECT_EQ(handles(), before) << "the destructor closes, too";
}

TEST_F(along, one_bad_attachment_and_nothing_is_sent) {
    const auto mute = door.duplicate({.rights = caps::rights::send});
    const auto narrow = door.duplicate({.rights = to_grant, .operations = caps::operations(1)});
    const caps::transfer good{.handle = door.get()};
    const auto refused = [&](const caps::transfer &bad) {
        const caps::transfer give[] = {good, bad};
        const auto outcome = door.try_send({.capabilities = give});
        return outcome ? 0 : outcome.error().code();
    };
    EXPECT_EQ(refused({.handle = mute.get()}), EPERM);
    EXPECT_EQ(refused({.handle = narrow.get()}), EACCES);
    EXPECT_EQ(refused({.handle = narrow.get(),
                       .operations = caps::operations(1),
                       .rights = caps::rights::manage}),
              EPERM);
    EXPECT_EQ(refused({.handle = 0}), EBADF);
    EXPECT_EQ(refused({.handle = CAPS_DEFAULT_PORT, .mode = caps::transfer_mode::move}), EBUSY);
    for (const auto &[fd, code] : {std::pair(-1, EBADF), std::pair(me.get(), EINVAL)}) {
        const int give[] = {STDERR_FILENO, fd};
        const auto outcome = door.try_send({.fds = give});
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code(), code) << outcome.error().message();
    }
    const std::vector<caps::transfer> many(CAPS_MAX_ATTACHED + 1, good);
    const auto too_many = door.try_send({.capabilities = many});
    ASSERT_FALSE(too_many);
    EXPECT_EQ(too_many.error().code(), EMSGSIZE) << too_many.error().message();
    EXPECT_EQ(door.info().queued, 0u);
}

TEST_F(along, room_for_more_than_there_can_be_is_refused) {
    const caps::transfer give[] = {{.handle = door.get()}};
    door.send({.capabilities = give});
    caps::attachments room(CAPS_MAX_ATTACHED + 1, 0);
    const auto outcome = door.try_receive(room, soon());
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), EMSGSIZE) << outcome.error().message();
    EXPECT_EQ(door.info().queued, 1u);
}

TEST_F(along, loop_of_a_server_takes_and_gives) {
    const auto before = handles();
    const std::jthread server([&] {
        caps::attachments got;
        caps::received message;
        door.reply_receive(message, {}, got, soon());
        for (int i = 0; i < 3; ++i) {
            const auto back = got.take_capabilities();
            std::vector<caps::transfer> give;
            give.reserve(back.size());
            for (const caps::capability &one : back)
                give.push_back({.handle = one.get(), .mode = caps::transfer_mode::move});
            door.reply_receive(message, {.capabilities = give}, got, soon());
        }
    });
    const auto mine = door.duplicate({.rights = to_grant});
    const caps::transfer give[] = {{.handle = mine.get(), .rights = to_grant},
                                   {.handle = mine.get(), .rights = to_grant}};
    caps::attachments got;
    for (int i = 0; i < 3; ++i) {
        door.call({.capabilities = give}, got, soon());
        EXPECT_EQ(got.capability_count(), 2u);
        EXPECT_EQ(got.take_capability(1).info().rights, caps::rights::send);
    }
    door.send({});
    got.clear();
    EXPECT_TRUE(eventually([&] { return handles() == before + 1; })) << "mine is left";
}

TEST_F(along, answer_to_an_async_call_brings_it_and_a_batch_holds_it) {
    const auto file = file_with("both");
    const int fds[] = {file.get()};
    caps::batch batch(4, 16);
    caps::attachments got;
    door.call_async({.fds = fds});
    ASSERT_EQ(door.receive_batch(batch, soon()), 1u);
    ASSERT_TRUE(batch[0].fetch(got));
    EXPECT_EQ(content(got.take_fd(0)), "both");
    batch[0].reply({.fds = fds});
    const auto answer = me.default_port()->receive(got, soon());
    EXPECT_EQ(answer.kind(), caps::kind::reply);
    EXPECT_EQ(content(got.take_fd(0)), "both");
}

/// Until its end there is room for one descriptor more.
class room_for_one {
  public:
    explicit room_for_one(const caps::descriptor &any) {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &usual_), 0);
        const int next = caps::descriptor(::dup(any.get())).get();
        rlimit full = usual_;
        full.rlim_cur = static_cast<rlim_t>(next) + 1;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
    }
    room_for_one(room_for_one &&) = delete;
    ~room_for_one() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &usual_), 0); }

  private:
    rlimit usual_{};
};

TEST_F(along, file_that_cannot_be_installed_is_told) {
    const auto file = file_with("lost");
    const int fds[] = {file.get(), file.get()};
    door.send({.fds = fds});
    caps::attachments got;
    const auto message = [&] {
        const room_for_one more(file);
        return door.try_receive(got, soon());
    }();
    ASSERT_TRUE(message) << message.error().message();
    EXPECT_TRUE(message->fds_lost());
    EXPECT_TRUE(got.fds_lost());
    ASSERT_EQ(got.fd_count(), 2u);
    EXPECT_EQ(content(got.take_fd(0)), "lost");
    EXPECT_FALSE(got.take_fd(1));
}

TEST_F(along, file_that_cannot_be_fetched_is_told) {
    const auto file = file_with("lost");
    const int fds[] = {file.get(), file.get()};
    door.send({.fds = fds});
    const auto message = door.receive({}, soon());
    EXPECT_FALSE(message.fds_lost());
    caps::attachments got;
    const auto fetched = [&] {
        const room_for_one more(file);
        return message.try_fetch(got);
    }();
    ASSERT_TRUE(fetched) << fetched.error().message();
    EXPECT_TRUE(got.fds_lost());
    ASSERT_EQ(got.fd_count(), 2u);
    EXPECT_EQ(content(got.take_fd(0)), "lost");
    EXPECT_FALSE(got.take_fd(1));
    got.clear();
    EXPECT_FALSE(got.fds_lost());
}

} // namespace
