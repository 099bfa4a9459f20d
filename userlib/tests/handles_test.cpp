// SPDX-License-Identifier: MIT
// Handles as C++ objects: who owns, what moving leaves behind, what is closed. Needs no device: on
// /dev/null every command fails, and the destructors do not mind.
#include <caps/caps.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>

#include <array>
#include <string>
#include <utility>

namespace {

template <class T>
constexpr bool owns =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
    std::is_nothrow_destructible_v<T> && std::is_nothrow_default_constructible_v<T>;
static_assert(owns<caps::actor> && owns<caps::port> && owns<caps::capability>);
static_assert(owns<caps::connection> && owns<caps::service> && owns<caps::received>);
static_assert(owns<caps::descriptor>);
static_assert(!std::is_copy_constructible_v<caps::batch>);

// Nothing but the handle.
static_assert(sizeof(caps::actor) == sizeof(int));
static_assert(sizeof(caps::capability) == 16 && sizeof(caps::port) == 16);

// What cannot fail with an exception says so.
static_assert(noexcept(std::declval<const caps::port &>().try_receive()));
static_assert(noexcept(std::declval<const caps::capability &>().try_call({})));
static_assert(noexcept(caps::actor::try_open()));

// Borrowed handles have the same interface and are free to copy, but give no way to close.
using borrowed = caps::unowned<caps::port>;
static_assert(std::is_nothrow_copy_constructible_v<borrowed>);
static_assert(std::is_same_v<decltype(*std::declval<borrowed>()), const caps::port &>);
static_assert(std::is_convertible_v<borrowed, const caps::port &>);

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

caps::actor null_actor() {
    return caps::actor::open("/dev/null");
}

// Hides from the compiler that both are the same.
template <class T>
T &same(T &object) {
    T *volatile pointer = &object;
    return *pointer;
}

TEST(actor, closes_its_descriptor) {
    int fd = -1;
    {
        const caps::actor actor = null_actor();
        fd = actor.get();
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd)) << fd;
}

TEST(actor, opens_close_on_exec) {
    const caps::actor actor = null_actor();
    EXPECT_EQ(::fcntl(actor.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(actor, that_was_moved_from_owns_nothing) {
    caps::actor first = null_actor();
    const int fd = first.get();
    caps::actor second = std::move(first);
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), fd);
    first.reset();
    EXPECT_TRUE(is_open(fd));
}

TEST(actor, survives_being_moved_to_itself) {
    caps::actor actor = null_actor();
    actor = std::move(same(actor));
    EXPECT_TRUE(actor);
    EXPECT_TRUE(is_open(actor.get()));
}

TEST(actor, that_is_assigned_to_closes_what_it_had) {
    caps::actor first = null_actor(), second = null_actor();
    const int old = first.get(), kept = second.get();
    first = std::move(second);
    EXPECT_FALSE(is_open(old));
    EXPECT_TRUE(is_open(kept));
}

TEST(actor, that_was_released_leaves_the_descriptor_open) {
    int fd = -1;
    {
        caps::actor actor = null_actor();
        fd = actor.release();
        EXPECT_FALSE(actor);
    }
    EXPECT_TRUE(is_open(fd));
    caps::descriptor again(fd);
}

TEST(capability, survives_being_moved_to_itself) {
    const caps::actor actor = null_actor();
    caps::capability capability(actor.get(), 42);
    capability = std::move(same(capability));
    EXPECT_EQ(capability.get(), 42u);
}

TEST(capability, that_was_moved_from_owns_nothing) {
    const caps::actor actor = null_actor();
    caps::capability first(actor.get(), 42);
    caps::capability second(actor.get(), 43);
    second = std::move(first);
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), 42u);
    EXPECT_EQ(second.actor_fd(), actor.get());
    EXPECT_EQ(second.release(), 42u);
    EXPECT_FALSE(second);
}

TEST(port, survives_being_moved_to_itself) {
    const caps::actor actor = null_actor();
    caps::port port(actor.get(), 7);
    port = std::move(same(port));
    EXPECT_EQ(port.get(), 7u);
    caps::port other = std::move(port);
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_FALSE(port);
    EXPECT_EQ(other.get(), 7u);
}

TEST(service, keeps_its_name_over_a_move) {
    const caps::actor actor = null_actor();
    const std::string longest(63, 'n');
    caps::service first(actor.get(), longest);
    caps::service second = std::move(first);
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is the question
    EXPECT_FALSE(first);
    EXPECT_EQ(second.name(), longest);
    second = std::move(same(second));
    EXPECT_EQ(second.name(), longest);
    second.release();
    EXPECT_FALSE(second);
}

TEST(unowned, does_not_close) {
    const caps::actor actor = null_actor();
    {
        const caps::unowned<caps::actor> borrowed(actor);
        const std::array copies{borrowed, borrowed};
        EXPECT_EQ(copies[1]->get(), actor.get());
    }
    EXPECT_TRUE(is_open(actor.get()));
}

TEST(unowned, has_the_interface_of_what_it_borrows) {
    const caps::actor actor = null_actor();
    const caps::port port(actor.get(), 9);
    caps::unowned<caps::port> borrowed(port);
    EXPECT_EQ(borrowed->get(), 9u);
    EXPECT_EQ(borrowed->actor_fd(), actor.get());
    borrowed = same(borrowed);
    EXPECT_TRUE(borrowed);
    const caps::connection connection(actor.get(), 5, 0b11);
    EXPECT_EQ(caps::unowned<caps::connection>(connection)->operations(), 0b11u);
    EXPECT_FALSE(caps::unowned<caps::capability>());
}

TEST(received, that_is_empty_has_nothing_to_end) {
    caps::received none;
    EXPECT_FALSE(none);
    EXPECT_FALSE(none.held());
    EXPECT_TRUE(none.try_discard());
    EXPECT_EQ(none.body().size(), 0u);
    EXPECT_EQ(none.annex().size(), 0u);
    caps::received other = std::move(none);
    other = std::move(same(other));
    EXPECT_FALSE(other);
}

TEST(result, gives_its_value_or_throws_its_failure) {
    caps::result<std::unique_ptr<int>> good(std::make_unique<int>(7));
    EXPECT_EQ(*caps::value_or_throw(std::move(good)), 7);
    const caps::failure why(caps::operation::receive, EIDRM, caps::failure::object_kind::actor, 3);
    try {
        caps::value_or_throw(caps::result<void>(caps::failed(why)));
        FAIL() << "nothing was thrown";
    } catch (const caps::error &caught) {
        EXPECT_EQ(caught.why().code(), EIDRM);
        EXPECT_EQ(caught.why().what(), caps::operation::receive);
    }
}

TEST(rights, combine_and_compare) {
    using caps::rights;
    EXPECT_TRUE(includes(rights::send | rights::grant, rights::grant));
    EXPECT_FALSE(includes(rights::send, rights::send | rights::grant));
    EXPECT_EQ(caps::operations(0, 3, 63), 0x8000000000000009u);
}

} // namespace
