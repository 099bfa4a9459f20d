// SPDX-License-Identifier: MIT
#include "outgoing.hpp"

namespace chorus {

VmSize body_size(const caps_header &header) {
    const bool with_trailer =
        header.kind != CAPS_KIND_REPLY && header.operation == operation_with_trailer;
    if (with_trailer && header.body_len >= sizeof(trailer))
        return static_cast<VmSize>(header.body_len - sizeof(trailer));
    return static_cast<VmSize>(header.body_len);
}

int outgoing::prepare(actor &home, const KnMsgDesc *msg, int srcportli, const KnIpcDest *dest) {
    if (msg == nullptr || dest == nullptr)
        return K_EFAULT;
    if (msg->bodySize > K_CMSGSIZEMAX)
        return K_ETOOMUCH;
    source_ = home.ports().find(srcportli);
    if (source_ == nullptr)
        return K_EINVAL;
    waits_ = (msg->flags & K_WAITROOM) != 0 || home.always_waits();
    data_ = place_for(*msg);
    if (home.says_who_it_is() || ui::type_of(dest->target) != ui::type::port)
        add_trailer(home, *msg, *dest);
    return K_OK;
}

void outgoing::add_trailer(const actor &home, const KnMsgDesc &msg, const KnIpcDest &dest) {
    trailer_ = {dest.target, dest.coTarget, home.pi(), protection(source_->pi), 0};
    pieces_[0] = {data_.body, msg.bodySize};
    pieces_[1] = {address_of(&trailer_), sizeof(trailer_)};
    data_.body = address_of(pieces_.data());
    data_.body_len = 0;
    data_.iov_count = static_cast<std::uint32_t>(pieces_.size());
    operation_ = operation_with_trailer;
}

caps_data place_for(const KnMsgDesc &msg) {
    caps_data data{};
    if (msg.annexAddr != nullptr) {
        data.annex = address_of(msg.annexAddr);
        data.annex_len = K_CMSGANNEXSIZE;
    }
    if (msg.bodyAddr != nullptr) {
        data.body = address_of(msg.bodyAddr);
        data.body_len = msg.bodySize;
    }
    return data;
}

} // namespace chorus
