// SPDX-License-Identifier: MIT
// Room for several messages at once, allocated once and used again and again.
#ifndef CAPS_BATCH_HPP
#define CAPS_BATCH_HPP

#include <caps/message.hpp>

#include <vector>

namespace caps {

/// Messages received together: a range of received, in the order they were received. Receiving
/// into it again ends those that are still held; move a message out to keep it.
class CAPSUSER_API batch {
  public:
    /// Room for so many messages, 1 to CAPS_MAX_BATCH, with so much of a body each; with hold,
    /// one-way messages are held too. Allocates all the memory it will ever use.
    batch(std::size_t messages, std::size_t body_bytes, bool hold = false);
    batch(batch &&other) noexcept;
    batch &operator=(batch &&other) noexcept;

    std::size_t capacity() const noexcept { return messages_.size(); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    received *begin() noexcept { return messages_.data(); }
    received *end() noexcept { return messages_.data() + size_; }
    received &operator[](std::size_t index) noexcept { return messages_[index]; }

    /// Ends what is still held.
    void clear() noexcept;

  private:
    friend struct detail_receive;

    bytes room_of(std::size_t index) noexcept;
    void prepare() noexcept;
    void accept(int actor, std::size_t count) noexcept;

    std::size_t body_bytes_;
    std::uint32_t flags_;
    std::size_t size_ = 0;
    std::vector<std::byte> bodies_;
    std::vector<::caps_receive> entries_;
    std::vector<received> messages_;
};

} // namespace caps

#endif
