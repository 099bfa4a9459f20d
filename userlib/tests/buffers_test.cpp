// SPDX-License-Identifier: MIT
// Views and lists of memory: what they are made from, and what they must not be. Needs no device.
#include <caps/buffers.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using caps::buffers;
using caps::bytes;
using caps::const_buffers;
using caps::const_bytes;

// Pointers and views mean nothing to another process: sending them must not compile.
static_assert(!std::is_convertible_v<const std::vector<int *> &, const_bytes>);
static_assert(!std::is_convertible_v<const std::vector<std::string_view> &, const_bytes>);
static_assert(!std::is_convertible_v<const std::vector<std::span<std::byte>> &, const_bytes>);
static_assert(!std::is_convertible_v<std::nullptr_t, const_bytes>);
// What is received into must be writable, and must last.
static_assert(!std::is_convertible_v<const std::vector<int> &, bytes>);
static_assert(!std::is_convertible_v<std::span<const std::byte>, bytes>);
static_assert(!std::is_convertible_v<std::vector<int>, bytes>);
static_assert(!std::is_convertible_v<const char *, bytes>);
static_assert(std::is_convertible_v<std::vector<int> &, bytes>);
static_assert(std::is_convertible_v<std::span<std::byte>, bytes>);
static_assert(std::is_convertible_v<bytes, const_bytes>);

TEST(buffers, of_a_literal_leave_its_terminator_out) {
    EXPECT_EQ(const_bytes("four").size(), 4u);
    EXPECT_EQ(const_buffers("four").size(), 4u);
}

TEST(buffers, of_a_range_count_bytes_not_elements) {
    const std::vector<std::uint32_t> numbers{1, 2, 3};
    const const_bytes view = numbers;
    EXPECT_EQ(view.size(), 12u);
    EXPECT_EQ(view.data(), numbers.data());
}

TEST(buffers, of_an_object_are_its_bytes) {
    struct point {
        int x, y;
    } here{1, 2};
    EXPECT_EQ(caps::bytes_of(here).size(), sizeof(point));
    EXPECT_EQ(caps::bytes_of(here).data(), &here);
    EXPECT_EQ(caps::bytes_of(std::as_const(here)).data(), &here);
}

caps_data put(const auto &list) {
    caps_data data{};
    data.iov_count = 99;
    data.body = data.body_len = 99;
    list.put_into(data);
    return data;
}

TEST(buffers, that_are_empty_say_so_to_the_kernel) {
    const caps_data data = put(buffers{});
    EXPECT_EQ(data.body, 0u);
    EXPECT_EQ(data.body_len, 0u);
    EXPECT_EQ(data.iov_count, 0u);
}

TEST(buffers, of_one_piece_are_given_without_a_list) {
    std::array<char, 10> room{};
    const caps_data data = put(buffers(room));
    EXPECT_EQ(data.body, reinterpret_cast<std::uintptr_t>(room.data()));
    EXPECT_EQ(data.body_len, 10u);
    EXPECT_EQ(data.iov_count, 0u);
}

TEST(buffers, of_several_pieces_are_given_as_a_list_in_order) {
    const std::string head = "head";
    const std::array<int, 2> tail{1, 2};
    const const_buffers list{head, tail};
    const caps_data data = put(list);
    ASSERT_EQ(data.iov_count, 2u);
    EXPECT_EQ(data.body_len, 0u);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the ABI has addresses as integers
    const auto *pieces = reinterpret_cast<const caps_iovec *>(data.body);
    EXPECT_EQ(pieces[0].base, reinterpret_cast<std::uintptr_t>(head.data()));
    EXPECT_EQ(pieces[0].len, 4u);
    EXPECT_EQ(pieces[1].base, reinterpret_cast<std::uintptr_t>(tail.data()));
    EXPECT_EQ(pieces[1].len, 8u);
    EXPECT_EQ(list.size(), 12u);
    EXPECT_EQ(list.front().data(), head.data());
}

TEST(buffers, that_are_added_one_by_one_are_the_same) {
    const_buffers list;
    list.add("").add("one").add("two").add("three");
    const caps_data data = put(list);
    EXPECT_EQ(data.iov_count, 3u) << "an empty first piece should vanish";
    EXPECT_EQ(list.size(), 11u);
}

TEST(buffers, that_are_copied_point_to_the_same_memory_and_are_lists_of_their_own) {
    std::array<char, 4> a{}, b{}, c{};
    buffers list{a, b};
    const buffers copy = list;
    list.add(c);
    EXPECT_EQ(list.size(), 12u);
    EXPECT_EQ(copy.size(), 8u);
    EXPECT_EQ(copy.front().data(), a.data());
}

} // namespace
