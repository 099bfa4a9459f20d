// SPDX-License-Identifier: MIT
#include "server.hpp"

#include "process.hpp"

#include <algorithm>
#include <cstring>

namespace venter {
namespace {

constexpr std::uint32_t max_reason = 511;

/// What the program's words mean to the kernel. False: they are no verdict.
bool parse(const parameters &p, caps_verdict &verdict, std::int32_t &status) {
    io_verdict it{};
    if (p.out_len != sizeof(it) || p.out_buf == nullptr)
        return false;
    std::memcpy(&it, p.out_buf, sizeof(it));
    if (it.verdict == IO_REJECT) {
        status = static_cast<std::int32_t>(it.error);
        return it.error > 0 && it.error <= max_reason && it.operations == 0;
    }
    verdict.operations = it.operations;
    verdict.in_flight = 1;
    status = 0;
    return it.verdict == IO_ACCEPT && it.error == 0;
}

} // namespace

server::~server() {
    if (held_ != 0)
        finish(held_);
}

int server::make_available(int number, const parameters &p) {
    const int refused = check_posted(p);
    if (refused != 0)
        return refused;
    int error = inlet_.create(number);
    if (error == 0)
        error = inlet_.take_part();
    if (error == 0)
        error = home_.register_name(inlet_.handle(), 0);
    if (error == 0)
        post(p, state::available);
    return error;
}

void server::be_connected(std::uint64_t handle, std::uint64_t cookie) {
    inlet_.adopt(handle, cookie);
    connected_ = true;
}

void server::post(const parameters &p, state next) {
    input_.post(p);
    state_ = next;
    set_midst(true);
}

/// An application must fit wherever one can come.
int server::check_posted(const parameters &p) const {
    return p.in_len < sizeof(io_application) ? -EMSGSIZE : 0;
}

bool server::is_worth_trying() const {
    return inlet_.has_handed() || state_ == state::piece || state_ == state::gone;
}

// --- what the program says ---

/// Is this the answer to a piece that asks for the next one?
bool server::continues(const parameters &p) const {
    return state_ == state::serving && given_ < size_ && !(p.operation & (IO_STOP | IO_FAIL));
}

/// The kernel's part of it; an id of 0 if it has none.
int server::prepare(const parameters &p, caps_reply &reply) {
    switch (state_) {
    case state::applied:
        return prepare_verdict(p, reply);
    case state::serving:
        return continues(p) ? 0 : prepare_answer(p, reply);
    case state::fresh:
        return p.out_len != 0 ? -EINVAL : 0; // to whom?
    case state::ended:
        return -EPIPE;
    default:
        return -EBUSY;
    }
}

int server::prepare_verdict(const parameters &p, caps_reply &reply) {
    verdict_ = {};
    const bool good = parse(p, verdict_, reply.status);
    // The rejected leave it available for the next.
    if ((!good || reply.status != 0) && check_posted(p) != 0)
        return -EMSGSIZE;
    reply.id = held_;
    if (!good)
        reply.status = -1; // the kernel has a word for that
    else if (reply.status == 0)
        reply.data.annex = address_of(&verdict_);
    if (reply.data.annex != 0)
        reply.data.annex_len = sizeof(verdict_);
    return 0;
}

int server::prepare_answer(const parameters &p, caps_reply &reply) {
    const unsigned operation = p.operation & ~operation_flags;
    if (p.operation & IO_FAIL) {
        if (operation == 0 || operation > max_errno || p.out_len != 0)
            return -EINVAL;
        reply.status = static_cast<std::int32_t>(operation);
    } else {
        if (p.out_len > room_)
            return -EMSGSIZE;
        annex_ = {p.address, p.in_len, operation, (p.operation & IO_MORE) != 0 ? 1u : 0u};
        reply.data.annex = address_of(&annex_);
        reply.data.annex_len = sizeof(annex_);
        reply.data.body = address_of(p.out_buf);
        reply.data.body_len = p.out_len;
        if (p.operation & IO_SHARABLE)
            reply.flags = CAPS_DEFER;
    }
    reply.id = held_;
    return 0;
}

/// What has become of the answer that prepare() made. 0: go on to complete.
int server::after_answer(const parameters &p, int error) {
    const bool verdict = state_ == state::applied;
    if (error != 0 && error != -ECANCELED && error != -EBADMSG)
        return error; // nothing has happened
    const bool accepted = error == 0 && verdict && verdict_.in_flight != 0;
    held_ = 0;
    if (accepted)
        connected_ = true;
    post(p, verdict && !accepted ? state::available : state::waiting);
    // Posted for a request that will not come: the next application has a place of its own.
    if (state_ == state::available && check_posted(p) != 0)
        (void)input_.make(sizeof(io_application));
    if (verdict && error == -ECANCELED)
        state_ = state::gone;
    return error == -EBADMSG ? error : 0;
}

int server::initiate(const parameters &p) {
    caps_reply reply{};
    int error = prepare(p, reply);
    if (error != 0)
        return error;
    error = inlet_.take_part();
    if (error != 0)
        return error;
    if (reply.id == 0) {
        post(p, state_ == state::fresh ? state::waiting : state::piece);
        return 0;
    }
    return after_answer(p, command(home_.device(), CAPS_REPLY, &reply));
}

int server::exchange(parameters &p) {
    caps_reply reply{};
    message m;
    int error = prepare(p, reply);
    if (error != 0)
        return error;
    if (reply.id == 0) {
        post(p, state_ == state::fresh ? state::waiting : state::piece);
        return complete(p, waiting::yes);
    }
    input next;
    next.post(p);
    error = inlet_.answer_and_receive(reply, m, next.data(), next.room());
    const int received = reply.id == 0 ? error : -EAGAIN;
    error = after_answer(p, reply.id == 0 ? 0 : error);
    if (error != 0)
        return error;
    if (received != 0 && received != -EAGAIN)
        return received;
    const int done = received == 0 ? take(m, p) : nothing;
    return done != nothing ? done : complete(p, waiting::yes);
}

// --- what comes ---

int server::complete(parameters &p, waiting how) {
    if (!in_midst())
        return -EINVAL;
    if (state_ == state::gone) {
        state_ = state::available;
        p = {};
        return IO_GONE;
    }
    if (state_ == state::piece)
        return take_piece(p);
    for (;;) {
        message m;
        const int error = inlet_.receive(m, input_.data(), input_.room(), how);
        if (error != 0)
            return error;
        const int done = take(m, p);
        if (done != nothing)
            return done;
    }
}

int server::take(message &m, parameters &p) {
    switch (m.header.kind) {
    case CAPS_KIND_APPLICATION:
        return take_application(m, p);
    case CAPS_KIND_CALL:
        return take_request(m, p);
    case CAPS_KIND_DISCONNECTED:
        if (!connected_)
            return nothing;
        state_ = state::ended;
        set_midst(false);
        return -EPIPE;
    default:
        // No library sends one-way messages; and what is withdrawn shows when it is answered.
        if (m.header.kind == CAPS_KIND_SEND && (m.header.flags & CAPS_HEADER_HELD))
            finish(m.header.id);
        return nothing;
    }
}

int server::take_application(const message &m, parameters &p) {
    io_application who{};
    describe(m, who);
    if (input_.is_made() && !input_.make(sizeof(who)))
        return refuse(m, ENOMEM);
    std::memcpy(input_.data(), &who, sizeof(who));
    held_ = m.header.id;
    state_ = state::applied;
    set_midst(false);
    p = {0, who.operations, sizeof(io_verdict), nullptr, sizeof(who), input_.data()};
    return IO_APPLICATION;
}

int server::take_request(message &m, parameters &p) {
    request_annex annex{};
    // Somebody who has the capability and does not keep to the rules.
    if (held_ != 0 || !connected_ || !m.annex_is(annex))
        return refuse(m, held_ != 0 ? EBUSY : EPROTO);
    const std::uint64_t size = m.header.body_len;
    const bool pieces = (options_.load() & IO_INSTALLMENTS) != 0 && input_.room() != 0;
    if (size > input_.room() && !pieces)
        return refuse(m, EMSGSIZE);
    const std::size_t now = std::min<std::uint64_t>(size, input_.room());
    if (input_.is_made() && !input_.make(now))
        return refuse(m, ENOMEM);
    held_ = m.header.id;
    operation_ = m.header.operation;
    address_ = m.header.address;
    room_ = annex.room;
    size_ = size;
    given_ = 0;
    return take_rest(m, p);
}

/// As much of it as there is room for.
int server::take_rest(message &m, parameters &p) {
    const std::size_t now = std::min<std::uint64_t>(size_, input_.room());
    if (m.body_put < now) {
        const int error = fetch(0, now);
        if (error != 0) {
            finish(held_); // its client has gone
            held_ = 0;
            return nothing;
        }
    }
    given_ = now;
    state_ = state::serving;
    set_midst(false);
    p = {operation_, address_, room_, nullptr, now, input_.data()};
    return given_ < size_ ? IO_PIECE : IO_REQUEST;
}

int server::take_piece(parameters &p) {
    const std::size_t now = std::min<std::uint64_t>(size_ - given_, input_.room());
    int error = now == 0 ? -EMSGSIZE : 0; // no room was posted
    if (error == 0 && input_.is_made() && !input_.make(now))
        error = -ENOMEM;
    if (error == 0)
        error = fetch(given_, now);
    set_midst(false);
    state_ = state::serving;
    if (error != 0) {
        // Gone: nobody wants an answer, and what comes next is the end, or another request.
        if (error != -ECANCELED)
            return error;
        finish(held_);
        held_ = 0;
        state_ = state::waiting;
        set_midst(true);
        return complete(p, waiting::yes);
    }
    p = {operation_, address_ + given_, room_, nullptr, now, input_.data()};
    given_ += now;
    return given_ < size_ ? IO_PIECE : IO_REQUEST;
}

int server::refuse(const message &m, int error) {
    caps_reply reply{};
    reply.id = m.header.id;
    reply.status = error;
    (void)command(home_.device(), CAPS_REPLY, &reply);
    return nothing;
}

int server::fetch(std::uint64_t offset, std::size_t size) {
    caps_get_data it{};
    it.id = held_;
    it.offset = offset;
    it.buffer.body = address_of(input_.data());
    it.buffer.body_len = size;
    return command(home_.device(), CAPS_GET_DATA, &it);
}

void server::finish(std::uint64_t id) {
    caps_discard it{};
    it.id = id;
    (void)command(home_.device(), CAPS_DISCARD, &it);
}

void server::describe(const message &m, io_application &who) const {
    caps_application a{};
    (void)m.annex_is(a);
    caps_identity more{};
    more.id = m.header.id;
    more.groups = address_of(who.groups);
    more.group_count = IO_MAX_GROUPS;
    more.label = address_of(who.label);
    more.label_len = IO_MAX_LABEL;
    if (command(home_.device(), CAPS_IDENTITY, &more) == 0) {
        who.group_count = more.group_count;
        who.label_len = more.label_len;
    }
    who.operations = m.header.address;
    who.effective = a.effective;
    who.permitted = a.permitted;
    who.inheritable = a.inheritable;
    who.user_namespace = a.user_namespace;
    who.pid_namespace = a.pid_namespace;
    who.network_namespace = a.network_namespace;
    who.pid = m.header.pid;
    who.uid = m.header.uid;
    who.euid = m.header.euid;
    who.gid = m.header.gid;
    who.egid = m.header.egid;
}

} // namespace venter
