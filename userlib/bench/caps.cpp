// SPDX-License-Identifier: MIT
// Ports, with the bare ABI: no library between the measurement and the kernel.
#include "caps_commands.hpp"
#include "mechanisms.hpp"
#include "parameter.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr std::string_view service = "capsbench";
constexpr std::uint32_t operation = 1;
constexpr std::size_t small_body = 64;

caps_data annex(const buffer &from, std::size_t size) {
    caps_data data{};
    data.annex = from.address();
    data.annex_len = static_cast<std::uint32_t>(size);
    return data;
}

// Taking part in "receive from any".
std::uint64_t create_port(int fd) {
    caps_port_create port{};
    port.queue_limit = 4 * burst; // one user may fill half of a queue
    command(fd, CAPS_PORT_CREATE, port, "CAPS_PORT_CREATE");
    caps_port_enable enable{};
    enable.capability = port.capability;
    command(fd, CAPS_PORT_ENABLE, enable, "CAPS_PORT_ENABLE");
    return port.capability;
}

// A service on a port of its own.
int offer_service() {
    const int fd = open_actor();
    caps_register name{};
    name.port = create_port(fd);
    name.name = address(service.data());
    name.name_len = service.size();
    name.uid = geteuid();
    name.gid = CAPS_ANY_ID;
    name.operations = CAPS_ALL_OPERATIONS;
    command(fd, CAPS_REGISTER, name, "CAPS_REGISTER");
    return fd;
}

// One descriptor in a message of one byte.
struct parcel {
    parcel() {
        message.msg_iov = &place;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
    }

    char byte = 0;
    iovec place{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
};

void send_descriptor(int to, int fd) {
    parcel it;
    cmsghdr *const head = CMSG_FIRSTHDR(&it.message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
    check(sendmsg(to, &it.message, 0), "sendmsg");
}

int receive_descriptor(int from) {
    parcel it;
    check(recvmsg(from, &it.message, MSG_CMSG_CLOEXEC), "recvmsg");
    const cmsghdr *const head = CMSG_FIRSTHDR(&it.message);
    if (head == nullptr || head->cmsg_type != SCM_RIGHTS)
        throw std::runtime_error("no descriptor came");
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
    return fd;
}

void close_capability(int fd, std::uint64_t capability) {
    caps_close it{};
    it.capability = capability;
    command(fd, CAPS_CLOSE, it, "CAPS_CLOSE");
}

// Capabilities that move: as many places for those received, and what sends the
// same ones on.
struct luggage {
    explicit luggage(std::size_t count) : handles(count), transfers(count) {
        in.capabilities = address(handles.data());
        in.capability_count = static_cast<std::uint32_t>(count);
        out.capabilities = address(transfers.data());
        out.capability_count = in.capability_count;
    }

    void turn_round() {
        for (std::size_t i = 0; i < handles.size(); i++)
            transfers[i] = {.capability = handles[i],
                            .operations = CAPS_ALL_OPERATIONS,
                            .rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT,
                            .flags = CAPS_TRANSFER_MOVE};
    }

    std::vector<std::uint64_t> handles;
    std::vector<caps_transfer> transfers;
    caps_attachments in{};
    caps_attachments out{};
};

// The server's loop. The kernel overwrites nothing but the header, so every
// turn asks with the same struct.
void answer_all(const side &self, int fd, const caps_data &request, const caps_data &answer) {
    caps_reply_receive turn{};
    turn.reply.data = answer;
    turn.receive.deadline = CAPS_FOREVER;
    turn.receive.buffer = request;
    say_ready(self);
    for (;;) {
        command(fd, CAPS_REPLY_RECEIVE, turn, "CAPS_REPLY_RECEIVE");
        turn.reply.id = turn.receive.header.id;
    }
}

// The same with two commands, for programs that do not answer and receive at once.
void answer_apart(const side &self, const caps_data &request, const caps_data &answer) {
    const int fd = offer_service();
    caps_receive receive{};
    receive.deadline = CAPS_FOREVER;
    receive.buffer = request;
    caps_reply reply{};
    reply.data = answer;
    say_ready(self);
    for (;;) {
        command(fd, CAPS_RECEIVE, receive, "CAPS_RECEIVE");
        reply.id = receive.header.id;
        command(fd, CAPS_REPLY, reply, "CAPS_REPLY");
    }
}

void check_answer(const caps_call &call, const row &r) {
    if (call.reply_body_len + call.reply_annex_len != r.answer || call.result != 0)
        throw std::runtime_error("caps: not the answer that was sent");
}

} // namespace

std::uint64_t connect(int fd) {
    caps_connect to{};
    to.name = address(service.data());
    to.name_len = service.size();
    to.uid = geteuid();
    to.gid = CAPS_ANY_ID;
    to.operations = CAPS_ALL_OPERATIONS;
    command(fd, CAPS_CONNECT, to, "CAPS_CONNECT");
    return to.capability;
}

caps_call make_call(std::uint64_t capability, const caps_data &request, const caps_data &answer) {
    caps_call it{};
    it.capability = capability;
    it.deadline = CAPS_FOREVER;
    it.operation = operation;
    it.request = request;
    it.reply = answer;
    return it;
}

void serve(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    answer_all(self, offer_service(), body(request, self.row.request),
               body(answer, self.row.answer));
}

void serve_apart(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    answer_apart(self, body(request, self.row.request), body(answer, self.row.answer));
}

void serve_annex(const side &self) {
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    answer_all(self, offer_service(), annex(request, self.row.request),
               annex(answer, self.row.answer));
}

void call(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_call it =
        make_call(connect(fd), body(request, self.row.request), body(answer, self.row.answer));
    // What the library does: see its threshold for large answers.
    if (self.row.operation == "fetch")
        it.flags = CAPS_DIRECT_REPLY;
    // Either way at any size: where does pinning begin to pay?
    std::optional<parameter> copy_break;
    if (self.row.operation == "call-copy")
        it.flags = CAPS_COPY;
    if (self.row.operation == "call-pin")
        copy_break.emplace("copy_break", "0");
    measure(self, [&] { command(fd, CAPS_CALL, it, "CAPS_CALL"); });
    check_answer(it, self.row);
}

std::vector<int> prepare_plain(const row & /*unused*/) {
    std::vector<int> fds(2);
    check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds.data()), "socketpair");
    return fds;
}

// Without a name: the client gets a descriptor, and with it a capability that
// has no badge.
void serve_plain(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_export out{};
    out.capability = create_port(fd);
    command(fd, CAPS_EXPORT, out, "CAPS_EXPORT");
    send_descriptor(self.fds[0], out.fd);
    check(close(out.fd), "close");
    answer_all(self, fd, body(request, self.row.request), body(answer, self.row.answer));
}

void call_plain(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_import in{};
    in.fd = receive_descriptor(self.fds[1]);
    command(fd, CAPS_IMPORT, in, "CAPS_IMPORT");
    check(close(in.fd), "close");
    caps_call it =
        make_call(in.capability, body(request, self.row.request), body(answer, self.row.answer));
    measure(self, [&] { command(fd, CAPS_CALL, it, "CAPS_CALL"); });
    check_answer(it, self.row);
}

void call_annex(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_call it =
        make_call(connect(fd), annex(request, self.row.request), annex(answer, self.row.answer));
    measure(self, [&] { command(fd, CAPS_CALL, it, "CAPS_CALL"); });
    check_answer(it, self.row);
}

// The row's size is how many there are; the bodies are as those of a small call.
void serve_capabilities(const side &self) {
    const int fd = offer_service();
    const buffer bytes(small_body);
    luggage bags(self.row.request);
    caps_reply_receive turn{};
    turn.reply.data = body(bytes, small_body);
    turn.reply.data.attachments = address(&bags.out);
    turn.receive.deadline = CAPS_FOREVER;
    turn.receive.buffer = body(bytes, small_body);
    turn.receive.buffer.attachments = address(&bags.in);
    say_ready(self);
    for (;;) {
        command(fd, CAPS_REPLY_RECEIVE, turn, "CAPS_REPLY_RECEIVE");
        turn.reply.id = turn.receive.header.id;
        bags.turn_round();
    }
}

void call_capabilities(const side &self) {
    const int fd = open_actor();
    const buffer bytes(small_body);
    luggage bags(self.row.request);
    for (auto &handle : bags.handles) {
        caps_duplicate copy{};
        copy.capability = CAPS_DEFAULT_PORT;
        copy.operations = CAPS_ALL_OPERATIONS;
        copy.rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT;
        command(fd, CAPS_DUPLICATE, copy, "CAPS_DUPLICATE");
        handle = copy.result;
    }
    caps_call it = make_call(connect(fd), body(bytes, small_body), body(bytes, small_body));
    it.request.attachments = address(&bags.out);
    it.reply.attachments = address(&bags.in);
    measure(self, [&] {
        bags.turn_round();
        command(fd, CAPS_CALL, it, "CAPS_CALL");
    });
    if (it.result != 0 || bags.in.capabilities_put != self.row.request)
        throw std::runtime_error("caps: capabilities are missing");
}

std::vector<int> prepare_oneway(const row &r) {
    return eventfds::prepare(r);
}

void drain(const side &self) {
    const int fd = offer_service();
    const buffer all(std::max<std::size_t>(self.row.request, 1) * burst);
    std::array<caps_receive, burst> entries{};
    for (unsigned i = 0; i < burst; i++) {
        entries[i].buffer.body = all.address() + i * self.row.request;
        entries[i].buffer.body_len = self.row.request;
    }
    caps_receive_batch batch{};
    batch.entries = address(entries.data());
    batch.count = burst;
    say_ready(self);
    for (;;) {
        eventfds::wait(self.fds[0]);
        command(fd, CAPS_RECEIVE_BATCH, batch, "CAPS_RECEIVE_BATCH");
        if (batch.received != burst)
            throw std::runtime_error("caps: messages are missing");
        eventfds::signal(self.fds[1]);
    }
}

void send(const side &self) {
    const int fd = open_actor();
    const buffer message(self.row.request);
    caps_send it{};
    it.capability = connect(fd);
    it.operation = operation;
    it.data = body(message, self.row.request);
    measure(
        self,
        [&] {
            for (unsigned i = 0; i < burst; i++)
                command(fd, CAPS_SEND, it, "CAPS_SEND");
            eventfds::signal(self.fds[0]);
            eventfds::wait(self.fds[1]);
        },
        burst);
}

void connect_call_close(const side &self) {
    const int fd = open_actor();
    const buffer request(self.row.request);
    const buffer answer(self.row.answer);
    caps_call it = make_call(0, body(request, self.row.request), body(answer, self.row.answer));
    measure(self, [&] {
        it.capability = connect(fd);
        command(fd, CAPS_CALL, it, "CAPS_CALL");
        close_capability(fd, it.capability);
    });
    check_answer(it, self.row);
}

void duplicate(const side &self) {
    const int fd = open_actor();
    caps_duplicate it{};
    it.capability = CAPS_DEFAULT_PORT;
    it.operations = CAPS_ALL_OPERATIONS;
    it.rights = CAPS_RIGHT_SEND;
    measure(self, [&] {
        command(fd, CAPS_DUPLICATE, it, "CAPS_DUPLICATE");
        close_capability(fd, it.result);
    });
}

void export_import(const side &self) {
    const int fd = open_actor();
    caps_export out{};
    out.capability = CAPS_DEFAULT_PORT;
    caps_import in{};
    measure(self, [&] {
        command(fd, CAPS_EXPORT, out, "CAPS_EXPORT");
        in.fd = out.fd;
        command(fd, CAPS_IMPORT, in, "CAPS_IMPORT");
        close(out.fd);
        close_capability(fd, in.capability);
    });
}

void open_close(const side &self) {
    measure(self, [] { check(close(open_actor()), "close"); });
}

} // namespace bench::caps
