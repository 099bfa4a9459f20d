// SPDX-License-Identifier: MIT
// What goes along with messages.
#include <caps/attachments.hpp>
#include <caps/buffers.hpp>
#include <caps/capability.hpp>

#include "describe.hpp"

#include <cstddef>
#include <utility>

namespace caps {

// A transfer is the kernel's struct under names of its own: nothing needs to be converted.
static_assert(sizeof(transfer) == sizeof(::caps_transfer));
static_assert(offsetof(transfer, handle) == offsetof(::caps_transfer, capability));
static_assert(offsetof(transfer, operations) == offsetof(::caps_transfer, operations));
static_assert(offsetof(transfer, rights) == offsetof(::caps_transfer, rights));
static_assert(offsetof(transfer, mode) == offsetof(::caps_transfer, flags));

attachments::attachments(std::size_t capabilities, std::size_t fds) noexcept {
    room_.capabilities = reinterpret_cast<std::uintptr_t>(capabilities_.data());
    room_.fds = reinterpret_cast<std::uintptr_t>(fds_.data());
    room_.capability_count = detail::count_of(capabilities);
    room_.fd_count = detail::count_of(fds);
}

void attachments::prepare(::caps_data &data) noexcept {
    clear();
    room_.capabilities_put = 0;
    room_.fds_put = 0;
    data.attachments = reinterpret_cast<std::uintptr_t>(&room_);
}

// Only now is what was put worth something: what fails may have left numbers here.
void attachments::accept(int actor, bool lost) noexcept {
    actor_ = actor;
    fds_lost_ = lost;
    capability_count_ = room_.capabilities_put;
    fd_count_ = room_.fds_put;
}

capability attachments::take_capability(std::size_t index) noexcept {
    if (index >= capability_count_)
        return {};
    return {actor_, std::exchange(capabilities_[index], 0)};
}

descriptor attachments::take_fd(std::size_t index) noexcept {
    if (index >= fd_count_)
        return {};
    return descriptor(std::exchange(fds_[index], -1));
}

std::vector<capability> attachments::take_capabilities() {
    std::vector<capability> all;
    all.reserve(capability_count_);
    for (std::size_t i = 0; i < capability_count_; ++i)
        all.push_back(take_capability(i));
    return all;
}

std::vector<descriptor> attachments::take_fds() {
    std::vector<descriptor> all;
    all.reserve(fd_count_);
    for (std::size_t i = 0; i < fd_count_; ++i)
        all.push_back(take_fd(i));
    return all;
}

void attachments::clear() noexcept {
    for (std::size_t i = 0; i < capability_count_; ++i)
        take_capability(i).reset();
    for (std::size_t i = 0; i < fd_count_; ++i)
        take_fd(i).reset();
    capability_count_ = 0;
    fd_count_ = 0;
    fds_lost_ = false;
}

void buffers::prepare(::caps_data &data) const noexcept {
    along_->prepare(data);
}

void buffers::accept_along(int actor, bool lost) const noexcept {
    along_->accept(actor, lost);
}

} // namespace caps
