// SPDX-License-Identifier: MIT
// Many calls and receives in flight in one thread, through io_uring where that can park them.
//
// Link with capsuser::uring (libcapsuser_uring, which needs liburing).
#ifndef CAPS_RING_HPP
#define CAPS_RING_HPP

#include <caps/actor.hpp>

#include <functional>
#include <memory>

namespace caps {

/// Starts operations of one actor, waits for all of them at once, and tells each one's function
/// what came of it. Buffers and what an outgoing message refers to must live until then. For one
/// thread at a time, but for wake(). Its functions may start and cancel others.
class CAPSUSER_API ring {
  public:
    /// How it waits.
    enum class path {
        parked, ///< io_uring: no thread, no system call for each
        polled, ///< poll(2): the kernel cannot park (6.1), or io_uring is not to be had here
    };
    using on_reply = std::function<void(result<reply>)>;
    using on_message = std::function<void(result<received>)>;

    /// For so many operations at once in one system call; there may be more. Takes the best path
    /// there is; with path::polled, that one. The actor must outlive it.
    static result<ring> try_open(const actor &of, unsigned entries = 256, path best = path::parked);
    static ring open(const actor &of, unsigned entries = 256, path best = path::parked) {
        return value_or_throw(try_open(of, entries, best));
    }

    ring(ring &&) noexcept;
    ring &operator=(ring &&) noexcept;
    /// What has not ended is given up, and what came for it is dropped; its functions are not
    /// called.
    ~ring();

    path how() const noexcept;
    /// Started and not yet told of.
    std::size_t in_flight() const noexcept;

    /// Like capability::call(): the answer's body is put into the buffers. Returns a name for
    /// cancel(). A deadline of no_wait is EINVAL. message.source has no meaning here. Calls that
    /// wait for room may be overtaken by others.
    std::uint64_t call(const capability &to, const outgoing &message, on_reply then,
                       const buffers &answer = {}, deadline until = forever) {
        return call_through(to, message, std::move(then), answer, until, 0, 0);
    }
    /// Like group::call().
    template <to Whom>
    std::uint64_t call(const group &to, const outgoing &message, on_reply then,
                       const buffers &answer = {}, const relation &related = {},
                       deadline until = forever) {
        static_assert(Whom == to::any || Whom == to::near, "a call has one answer");
        return call_through(to, message, std::move(then), answer, until,
                            group::flags_of(Whom, related), related.port);
    }
    /// Like port::receive().
    std::uint64_t receive(const port &from, on_message then, const buffers &body = {},
                          deadline until = forever);
    /// Like actor::receive(): from any enabled port.
    std::uint64_t receive(on_message then, const buffers &body = {}, deadline until = forever);

    /// Lets an operation end with ECANCELED, unless it has ended; its function is called by run().
    void cancel(std::uint64_t name) noexcept;
    /// Ends an operation now: its function is not called, what came for it is dropped, and its
    /// buffers are free. Waits only for the kernel. Nothing to do if it has been told of.
    void abandon(std::uint64_t name) noexcept;

    /// Waits until something has ended, and calls the functions of all that has. Returns how many;
    /// 0 if the deadline came first, if woken, or if there is nothing to wait for. What a function
    /// throws passes through; the next run() goes on with the others.
    result<std::size_t> try_run(deadline until = forever);
    std::size_t run(deadline until = forever) { return value_or_throw(try_run(until)); }

    /// A file for somebody else's loop: readable when something may have ended. Before the loop
    /// waits, run(no_wait) until it returns 0: it also begins what was started. The ring's own, as
    /// long as that lives, moved or not.
    int poll_fd() const noexcept;
    /// Lets run(), which waits now or is called next, return. For any thread, at any time.
    void wake() noexcept;

  private:
    struct one;
    struct call_one;
    struct receive_one;
    class engine;
    class parked_engine;
    class polled_engine;
    struct state;

    explicit ring(std::unique_ptr<state> with) noexcept;
    int gather(deadline until);

    std::uint64_t launch(std::unique_ptr<one> operation);
    std::uint64_t call_through(const capability &to, const outgoing &message, on_reply then,
                               const buffers &answer, deadline until, std::uint32_t group_flags,
                               std::uint64_t relative);

    std::unique_ptr<state> state_;
};

} // namespace caps

#endif
