// SPDX-License-Identifier: MIT
// The functions that run the rows, by mechanism. Each namespace is a file.
#pragma once

#include "bench.hpp"

namespace bench {

// Messages that are sent before the receiver drains them, in a oneway row.
constexpr unsigned burst = 32;

namespace caps {
void serve(const side &);
void serve_apart(const side &);
void serve_annex(const side &);
std::vector<int> prepare_plain(const row &);
void serve_plain(const side &);
void call(const side &);
void call_plain(const side &);
void call_annex(const side &);
void serve_capabilities(const side &);
void call_capabilities(const side &);
std::vector<int> prepare_oneway(const row &);
void drain(const side &);
void send(const side &);
void connect_call_close(const side &);
void duplicate(const side &);
void export_import(const side &);
void open_close(const side &);
void look_up(const side &);
void connect_among(const side &);
void carry(const side &);
void move_queue(const side &);
void call_beside_work(const side &);
void call_beside_moves(const side &);
void send_to_each(const side &);
void broadcast(const side &);
void functional(const side &);
void serve_told(const side &);
void call_told(const side &);
} // namespace caps

namespace chorus {
void serve(const side &);
void serve_by_handler(const side &);
void call(const side &);
} // namespace chorus

namespace venter {
void serve(const side &);
void call(const side &);
} // namespace venter

namespace dragonfly {
void serve(const side &);
void call(const side &);
} // namespace dragonfly

namespace sockets {
std::vector<int> prepare(const row &);
void serve(const side &);
void call(const side &);
std::vector<int> prepare_oneway(const row &);
void drain(const side &);
void send_many(const side &);
std::vector<int> prepare_listener(const row &);
void accept_calls(const side &);
void connect_call_close(const side &);
} // namespace sockets

namespace pipes {
std::vector<int> prepare(const row &);
void serve(const side &);
void call(const side &);
// All of it, however many turns it takes.
void read_all(int fd, std::byte *to, std::size_t size);
void write_all(int fd, const std::byte *from, std::size_t size);
} // namespace pipes

namespace mq {
std::vector<int> prepare(const row &);
void serve(const side &);
void call(const side &);
std::vector<int> prepare_oneway(const row &);
void drain(const side &);
void send_many(const side &);
} // namespace mq

namespace eventfds {
std::vector<int> prepare(const row &);
void serve(const side &);
void call(const side &);
// One side's turn in a oneway row: wake the other and wait for it.
void signal(int fd);
void wait(int fd);
} // namespace eventfds

namespace futexes {
std::vector<int> prepare(const row &);
void serve(const side &);
void call(const side &);
} // namespace futexes

namespace binder {
void serve(const side &);
void call(const side &);
} // namespace binder

namespace rings {
void serve(const side &);
void call(const side &);
void serve_polled(const side &);
void call_polled(const side &);
void call_pinned(const side &);
void call_registered(const side &);
std::vector<int> prepare_pairs(const row &);
void serve_pairs(const side &);
void call_pairs(const side &);
} // namespace rings

namespace copies {
std::vector<int> prepare(const row &);
void lend(const side &);
void read_remote(const side &);
void yield_forever(const side &);
void yield(const side &);
void getppid_only(const side &);
} // namespace copies

} // namespace bench
