// SPDX-License-Identifier: MIT
// What a port id stands for: a service, or a connection to one.
//
// What it is made of. Each id has an open of /dev/caps of its own, so an actor of the kernel,
// with two ports: the main one, where requests or replies arrive, and the default port, where
// the kernel tells of replies that have been received. Both are enabled: what can be got from
// the id is what can be received from any port of the actor, in the order of arrival, and poll
// on its descriptor tells of it. A service is a name of the main port; a client has a
// connection to that, and a watch on it.
//
// Ids belong to the process, and every thread of it may use them. In 2004 they belonged to
// threads; programs cannot tell, as long as they keep to what they could do then.
//
// A request is an asynchronous call, a reply its answer, both with CAPS_DEFER: up to the
// copy-break they are copied, larger ones stay in the sender's memory, and reach the receiver
// as they are when it reads them.
//
// DISPOSE says to a service that
// - a reply has been received, or never will be (CAPS_RECEIPT): the buffer is its own again.
//   Nobody who sleeps in wait is woken for that: it sleeps at the main port. Who comes to wait
//   looks at both ports first, and who is woken by a request looks whether there is one that
//   came before it;
// - the client of a request that it has read has gone, or has aborted it (the kernel's
//   CANCELLED). That wakes, and the request cannot be replied to afterwards.
// Whether the kernel sent it or the reply came too late, there is one for each request read.
//
// A message that is larger than the program's buffer stays the first until it is got with a
// larger one or, if it is a request, replied to. It is held by the kernel meanwhile.
//
// When a server dies each request that is on its way comes back as an empty reply with errno
// ENOTCONN, and when all are back everything but close and getgen is ENOTCONN for ever. That is
// known by the watch, so that nobody sleeps then. An empty reply of a live server sets errno to 0.
//
// Abort withdraws a request in any case; it comes back as an empty reply with errno ECANCELED.
//
// Fork: the child closes its copies of the descriptors, and all its ids are ENOTCONN (see
// process.hpp). Where no handler runs, as after clone(2), the kernel says so itself, since an
// actor belongs to the process image that opened it. Exec ends all.
//
// Counts. requests_: put, and not yet got back; at most CAPS_MAXINPROG. receipts_: replied to,
// and DISPOSE not yet got. asleep_: threads that sleep in the kernel, or are about to: whoever
// changes what they would look at under the lock sends a signal to the main port then.
#pragma once

#include "device.hpp"
#include "kept.hpp"

#include <sys/caps.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

namespace dragonfly {

/// Where a program wants a message.
struct place {
    void *msg = nullptr;
    int room = 0;
    caps_msgid_t msgid = nullptr;
    caps_cred_t ccr = nullptr;
};

/// A service's name, or what a client looks for.
struct name {
    std::string text;
    uid_t uid = 0;
    gid_t gid = 0;
};

class port {
  public:
    port() : kept_(device_) {}
    port(const port &) = delete;
    port &operator=(const port &) = delete;

    // What returns int or off_t returns a negative errno instead.

    int open() { return device_.open(); }
    int become_service(const name &as, int flags);
    int become_client(const name &of, int flags);

    off_t put(const void *msg, int size);
    int reply(const void *msg, int size, off_t msgid);
    int abort(off_t msgid);

    /// The size of the next message. @word is what errno is to be then, or -1: as it was.
    int get(const place &to, bool wait, int &word);
    /// Who waits is woken for a DISPOSE, too. Before others know the port.
    void wait_for_all() { waits_for_all_ = true; }
    /// To be polled.
    int poll_fd();

    int set_generation(caps_gen_t number);
    int generation(caps_gen_t &number);

    /// Nothing can be got any more, and those who wait are told. What the kernel has of it goes
    /// when the last of them has left.
    void close();
    bool is_closed() const { return closed_; }

  private:
    int begin(std::uint32_t room);
    std::uint32_t largest_queue() const;
    int watch();

    // Of these the lock is held.
    int over() const;
    void wake();

    void keep(const kept_message &it, bool wakes);
    void note_death();
    void look_whether_dead();
    void request_is_back();
    void receipt_is_back() { receipts_--; }

    int reply_for_less(caps_reply &out);

    int get_kept(const place &to, int &word);
    int show_kept(kept_message it, const place &to, int &word);
    int lost(const kept_message &it, const place &to, int &word);
    int receive(const place &to, bool wait, caps_receive &in, bool &slept);
    int sleep(caps_receive &in);
    int take(const caps_receive &in, bool slept, const place &to, int &word);
    int take_cancelled(const caps_receive &in, const place &to);
    bool keep_receipts();
    int show(kept_message it, const place &to);
    int show_reply(const kept_message &it, const place &to, int &word);
    void tell(const kept_message &it, const place &to) const;
    void tell_groups(const kept_message &it, caps_cred &ccr) const;
    int discard(std::uint64_t id) const;

    device device_;
    bool is_service_ = false;
    bool waits_for_all_ = false;
    std::uint64_t main_ = 0;
    std::uint64_t connection_ = 0;
    std::uint64_t watch_ = 0;

    std::atomic<int> requests_{0};
    std::atomic<int> receipts_{0};
    std::atomic<bool> closed_{false};
    std::atomic<bool> dead_{false};
    std::atomic<caps_gen_t> known_generation_{0};

    std::mutex lock_; // of what follows
    kept_messages kept_;
    int asleep_ = 0;
};

} // namespace dragonfly
