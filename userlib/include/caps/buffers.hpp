// SPDX-License-Identifier: MIT
// Where bytes are sent from and received into. Nothing here owns memory: what a view or a list was
// made from must outlive it, as with std::span.
#ifndef CAPS_BUFFERS_HPP
#define CAPS_BUFFERS_HPP

#include <caps/config.hpp>

#include <linux/caps.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace caps {

class attachments;

/// What can be sent byte for byte. A pointer cannot, nor a view: it means nothing elsewhere.
/// Padding inside structs is sent as it is.
template <class T>
concept plain = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> &&
                !std::is_member_pointer_v<T> && !std::ranges::range<T>;

namespace detail {

template <class R>
concept plain_range = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    plain<std::ranges::range_value_t<R>>;

// Text in an array ends at its terminator.
template <class R>
concept readable_range = plain_range<const R &> && !std::convertible_to<const R &, const char *>;

template <class R>
concept changeable = !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

template <class T>
concept changeable_object = plain<T> && !std::is_const_v<T>;

template <class R>
concept lasting = std::is_lvalue_reference_v<R> || std::ranges::borrowed_range<R>;

template <class R>
concept writable_range = plain_range<R> && lasting<R> && changeable<R>;

template <class R>
constexpr std::size_t bytes_in(R &&range) {
    return std::ranges::size(range) * sizeof(std::ranges::range_value_t<R>);
}

} // namespace detail

/// Bytes to read: made from a span, an array, a vector, a string, any contiguous range of plain
/// values. A string literal does not include its terminator.
class const_bytes {
  public:
    constexpr const_bytes() noexcept = default;
    constexpr const_bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    constexpr const_bytes(std::string_view text) noexcept : const_bytes(text.data(), text.size()) {}
    constexpr const_bytes(const char *text) noexcept : const_bytes(std::string_view(text)) {}
    const_bytes(std::nullptr_t) = delete;
    template <detail::readable_range R>
    constexpr const_bytes(const R &range) noexcept
        : const_bytes(std::ranges::data(range), detail::bytes_in(range)) {}

    constexpr const void *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    operator std::span<const std::byte>() const noexcept {
        return {static_cast<const std::byte *>(data_), size_};
    }

  private:
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Bytes to write: made from a span, an array, a vector, a string that live on.
class bytes {
  public:
    constexpr bytes() noexcept = default;
    constexpr bytes(void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    // No range is a bytes object itself, so this cannot take a copy's place.
    template <detail::writable_range R> // NOLINTNEXTLINE(*-forwarding-reference-overload)
    constexpr bytes(R &&range) noexcept
        : bytes(std::ranges::data(range), detail::bytes_in(range)) {}

    constexpr void *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr operator const_bytes() const noexcept { return {data_, size_}; }
    operator std::span<std::byte>() const noexcept {
        return {static_cast<std::byte *>(data_), size_};
    }

  private:
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

/// The bytes of one plain object: bytes_of(header).
template <plain T>
constexpr const_bytes bytes_of(const T &object) noexcept {
    return {&object, sizeof(object)};
}
template <detail::changeable_object T>
constexpr bytes bytes_of(T &object) noexcept {
    return {&object, sizeof(object)};
}
template <plain T>
const_bytes bytes_of(const T &&) = delete;

/// A list of pieces, gathered or scattered in order as one body; at most CAPS_MAX_IOVECS. Made
/// from whatever a piece can be made from, or from {piece, piece, ...}. One piece needs no
/// allocation.
template <class Piece>
class pieces {
  public:
    pieces() noexcept = default;
    template <std::convertible_to<Piece> T> // NOLINTNEXTLINE(*-forwarding-reference-overload)
    pieces(T &&one) noexcept : front_(std::forward<T>(one)) {}
    pieces(std::initializer_list<Piece> list) {
        for (const Piece &piece : list)
            add(piece);
    }

    /// Appends a piece. May allocate.
    pieces &add(Piece piece) {
        if (all_.empty() && front_.size() == 0) {
            front_ = piece;
            return *this;
        }
        if (all_.empty())
            all_.push_back(describe(front_));
        all_.push_back(describe(piece));
        return *this;
    }

    /// Of all pieces together, in bytes.
    std::size_t size() const noexcept {
        std::size_t sum = all_.empty() ? front_.size() : 0;
        for (const caps_iovec &piece : all_)
            sum += piece.len;
        return sum;
    }

    /// The first piece.
    Piece front() const noexcept { return front_; }

    /// Enters the pieces where the kernel looks for a body.
    void put_into(caps_data &data) const noexcept {
        const caps_iovec one = describe(front_);
        data.body = all_.empty() ? one.base : reinterpret_cast<std::uintptr_t>(all_.data());
        data.body_len = all_.empty() ? one.len : 0;
        data.iov_count = static_cast<std::uint32_t>(all_.size());
    }

  private:
    static caps_iovec describe(Piece piece) noexcept {
        return {reinterpret_cast<std::uintptr_t>(piece.data()), piece.size()};
    }

    Piece front_{};
    std::vector<caps_iovec> all_; // none where the first is the only one
};

/// Where a body is gathered from.
using const_buffers = pieces<const_bytes>;

/// Where a body is scattered to, and room for what comes along with it, if any is given:
/// {room, along}, or along where no body is wanted.
class CAPSUSER_API buffers : public pieces<bytes> {
  public:
    using pieces::pieces;
    buffers() noexcept = default;
    buffers(attachments &along) noexcept : along_(&along) {}
    buffers(pieces body, attachments &along) noexcept : pieces(std::move(body)), along_(&along) {}

    /// Enters the pieces, and the room for what comes along, where the kernel looks for them.
    void put_into(caps_data &data) const noexcept {
        pieces::put_into(data);
        if (along_)
            prepare(data);
    }
    /// After success: what came along is the program's now, but for descriptors that were lost.
    void accept(int actor, bool lost) const noexcept {
        if (along_)
            accept_along(actor, lost);
    }

  private:
    void prepare(::caps_data &data) const noexcept;
    void accept_along(int actor, bool lost) const noexcept;

    attachments *along_ = nullptr;
};

} // namespace caps

#endif
