// SPDX-License-Identifier: MIT
// Calls and receives as asynchronous operations of standalone Asio, for any completion token.
//
//     asio::io_context context;
//     const caps::actor me = caps::actor::open();
//     caps::asio::ring ring(context, me);
//     caps::asio::connection clock(ring, me.connect("clock"));
//     clock.async_call({.body = "now"}, room, 2s, [](std::error_code why, caps::reply reply) {});
//
// Header-only; link with capsuser::uring. Not for code that says "using namespace caps", where asio
// would be two.
#ifndef CAPS_ASIO_HPP
#define CAPS_ASIO_HPP

#include <caps/detail/asio_engine.hpp>

#include <concepts>
#include <memory>
#include <utility>

namespace caps::asio {

/// Joins the operations of one actor with an executor: one caps::ring, waited for by whoever runs
/// the executor. That has work to do as long as anything is in flight. Any number of threads may
/// run it; they must not end before what they started has (the kernel would cancel it). The actor
/// must outlive the execution context: messages may be on their way there.
class ring {
  public:
    using executor_type = ::asio::any_io_executor;

    /// As caps::ring::open().
    ring(const executor_type &executor, const actor &of, unsigned entries = 256,
         caps::ring::path best = caps::ring::path::parked)
        : engine_(detail::engine::make(executor, caps::ring::open(of, entries, best))) {}
    template <std::derived_from<::asio::execution_context> Context>
    ring(Context &context, const actor &of, unsigned entries = 256,
         caps::ring::path best = caps::ring::path::parked)
        : ring(context.get_executor(), of, entries, best) {}
    ring(ring &&) noexcept = default;
    ring &operator=(ring &&other) noexcept {
        const ring old(std::exchange(engine_, std::move(other.engine_)));
        return *this;
    }
    /// What is in flight is given up: its handlers are destroyed, not called. What is started
    /// afterwards ends with ECANCELED.
    ~ring() {
        if (engine_)
            engine_->shut_down();
    }

    executor_type get_executor() const noexcept { return engine_->executor(); }
    caps::ring::path how() const { return engine_->how(); }
    /// Started and not yet ended.
    std::size_t in_flight() const { return engine_->in_flight(); }

  private:
    template <class Handle, class Executor>
    friend class basic_object;

    explicit ring(std::shared_ptr<detail::engine> with) noexcept : engine_(std::move(with)) {}

    std::shared_ptr<detail::engine> engine_;
};

/// What I/O objects have in common: a handle of the library, owned or borrowed, and a ring. Like
/// Asio's, distinct ones may be used by several threads at once, and one may not; they must go
/// before the execution context does.
template <class Handle, class Executor>
class basic_object {
  public:
    using executor_type = Executor;

    basic_object(basic_object &&other) noexcept = default;
    basic_object &operator=(basic_object &&other) noexcept {
        if (this == &other)
            return *this;
        const basic_object old(std::move(*this));
        engine_ = std::move(other.engine_);
        executor_ = other.executor_;
        number_ = other.number_;
        owned_ = std::move(other.owned_);
        used_ = std::exchange(other.used_, {});
        return *this;
    }
    /// As cancel(), and the handle goes if it is owned.
    ~basic_object() { cancel(); }

    executor_type get_executor() const noexcept { return executor_; }
    /// The handle's other operations, which are synchronous.
    const Handle &operator*() const noexcept { return *used_; }
    const Handle *operator->() const noexcept { return &*used_; }
    /// Cancels, and gives the handle back.
    Handle release() noexcept {
        cancel();
        used_ = {};
        return std::move(owned_);
    }

    /// All of its operations that are in flight end with ECANCELED, which is
    /// asio::error::operation_aborted; but those that have ended already keep their result.
    void cancel() noexcept {
        if (engine_)
            engine_->cancel_all(number_);
    }

  protected:
    template <class, class>
    friend class basic_object;

    basic_object(Executor executor, const ring &by, Handle handle)
        : engine_(by.engine_), executor_(std::move(executor)), number_(engine_->next_number()),
          owned_(std::move(handle)), used_(owned_) {}
    basic_object(Executor executor, const ring &by, const unowned<Handle> &handle)
        : engine_(by.engine_), executor_(std::move(executor)), number_(engine_->next_number()),
          used_(handle) {}
    template <class Other>
    explicit basic_object(basic_object<Handle, Other> &&other)
        : engine_(std::move(other.engine_)), executor_(other.executor_), number_(other.number_),
          owned_(std::move(other.owned_)), used_(std::exchange(other.used_, {})) {}

    /// The initiation of an operation: starting(ring, then) starts it and returns its name.
    template <class Form, class Value, class Handler, class Starting>
    void start(Handler &&handler, Starting starting) {
        using pending = detail::pending<Form, Value, std::decay_t<Handler>, Executor>;
        engine_->start(pending::make(std::forward<Handler>(handler), executor_), number_, starting);
    }

  private:
    std::shared_ptr<detail::engine> engine_;
    Executor executor_;
    std::uint64_t number_;
    Handle owned_;
    unowned<Handle> used_;
};

/// A port to receive from.
///
/// An operation comes twice: async_receive() completes with void(std::error_code, received), the
/// code being an errno in Asio's category, to be compared with asio::error; async_try_receive()
/// with void(result<received>), which tells all of the failure. Buffers must live until then.
/// Cancelled by its slot, with any type of cancellation, no message is lost: one that came first is
/// delivered.
template <class Executor = ::asio::any_io_executor>
class basic_port : public basic_object<caps::port, Executor> {
    using base = basic_object<caps::port, Executor>;
    using default_token = ::asio::default_completion_token_t<Executor>;
    using code_signature = void(std::error_code, received);
    using result_signature = void(result<received>);

  public:
    template <class Other>
    struct rebind_executor {
        using other = basic_port<Other>;
    };

    /// Owned, or borrowed: unowned(port).
    template <class Handle>
    basic_port(const ring &by, Handle handle) : base(by.get_executor(), by, std::move(handle)) {}
    template <class Handle>
    basic_port(const Executor &executor, const ring &by, Handle handle)
        : base(executor, by, std::move(handle)) {}
    /// What actor::receive() receives from: any enabled port.
    basic_port(const ring &by, const actor &any)
        : base(by.get_executor(), by,
               unowned<caps::port>(any.get(), std::uint64_t{CAPS_ANY_PORT})) {}
    template <class Other>
    explicit basic_port(basic_port<Other> &&other) : base(std::move(other)) {}

    template <::asio::completion_token_for<code_signature> Token = default_token>
    auto async_receive(const buffers &body, deadline until, Token &&token = Token()) {
        return ::asio::async_initiate<Token, code_signature>(begin<detail::as_code>(), token, body,
                                                             until);
    }
    template <::asio::completion_token_for<code_signature> Token = default_token>
    auto async_receive(const buffers &body, Token &&token = Token()) {
        return async_receive(body, forever, std::forward<Token>(token));
    }
    template <::asio::completion_token_for<result_signature> Token = default_token>
    auto async_try_receive(const buffers &body, deadline until, Token &&token = Token()) {
        return ::asio::async_initiate<Token, result_signature>(begin<detail::as_result>(), token,
                                                               body, until);
    }
    template <::asio::completion_token_for<result_signature> Token = default_token>
    auto async_try_receive(const buffers &body, Token &&token = Token()) {
        return async_try_receive(body, forever, std::forward<Token>(token));
    }

  private:
    template <class Form>
    auto begin() {
        return [this](auto &&handler, const buffers &body, deadline until) {
            this->template start<Form, received>(
                std::forward<decltype(handler)>(handler), [&](caps::ring &ring, auto then) {
                    return ring.receive(**this, std::move(then), body, until);
                });
        };
    }
};

/// A capability to call: caps::capability itself, caps::connection, caps::group.
///
/// async_call() completes with void(std::error_code, reply), async_try_call() with
/// void(result<reply>); see basic_port. What the message refers to, and the buffers, must live
/// until then. Cancellation slots: terminal and partial cancellation may leave behind a call that
/// the server has taken, and may carry out; total cancellation promises that this is not so,
/// cannot, and does nothing.
template <class Handle, class Executor = ::asio::any_io_executor>
class basic_caller : public basic_object<Handle, Executor> {
    using base = basic_object<Handle, Executor>;
    using default_token = ::asio::default_completion_token_t<Executor>;
    using code_signature = void(std::error_code, reply);
    using result_signature = void(result<reply>);
    static constexpr bool is_group = std::is_same_v<Handle, caps::group>;

  public:
    template <class Other>
    struct rebind_executor {
        using other = basic_caller<Handle, Other>;
    };

    /// Owned, or borrowed: unowned(connection).
    template <class From>
    basic_caller(const ring &by, From handle) : base(by.get_executor(), by, std::move(handle)) {}
    template <class From>
    basic_caller(const Executor &executor, const ring &by, From handle)
        : base(executor, by, std::move(handle)) {}
    template <class Other>
    explicit basic_caller(basic_caller<Handle, Other> &&other) : base(std::move(other)) {}

    template <::asio::completion_token_for<code_signature> Token = default_token>
    auto async_call(const outgoing &message, const buffers &answer, deadline until,
                    Token &&token = Token()) requires(!is_group) {
        return ::asio::async_initiate<Token, code_signature>(begin<detail::as_code>(), token,
                                                             message, answer, until);
    }
    template <::asio::completion_token_for<code_signature> Token = default_token>
    auto async_call(const outgoing &message, const buffers &answer,
                    Token &&token = Token()) requires(!is_group) {
        return async_call(message, answer, forever, std::forward<Token>(token));
    }
    template <::asio::completion_token_for<result_signature> Token = default_token>
    auto async_try_call(const outgoing &message, const buffers &answer, deadline until,
                        Token &&token = Token()) requires(!is_group) {
        return ::asio::async_initiate<Token, result_signature>(begin<detail::as_result>(), token,
                                                               message, answer, until);
    }
    template <::asio::completion_token_for<result_signature> Token = default_token>
    auto async_try_call(const outgoing &message, const buffers &answer,
                        Token &&token = Token()) requires(!is_group) {
        return async_try_call(message, answer, forever, std::forward<Token>(token));
    }

    /// One member of a group: to::any or to::near.
    template <to Whom, ::asio::completion_token_for<code_signature> Token = default_token>
    auto async_call(const outgoing &message, const buffers &answer, const relation &related,
                    deadline until, Token &&token = Token()) requires is_group {
        return ::asio::async_initiate<Token, code_signature>(
            begin_one_of<Whom, detail::as_code>(), token, message, answer, related, until);
    }
    template <to Whom, ::asio::completion_token_for<result_signature> Token = default_token>
    auto async_try_call(const outgoing &message, const buffers &answer, const relation &related,
                        deadline until, Token &&token = Token()) requires is_group {
        return ::asio::async_initiate<Token, result_signature>(
            begin_one_of<Whom, detail::as_result>(), token, message, answer, related, until);
    }

  private:
    template <class Form>
    auto begin() {
        return
            [this](auto &&handler, const outgoing &message, const buffers &answer, deadline until) {
                this->template start<Form, reply>(
                    std::forward<decltype(handler)>(handler), [&](caps::ring &ring, auto then) {
                        return ring.call(**this, message, std::move(then), answer, until);
                    });
            };
    }
    template <to Whom, class Form>
    auto begin_one_of() {
        return [this](auto &&handler, const outgoing &message, const buffers &answer,
                      const relation &related, deadline until) {
            this->template start<Form, reply>(
                std::forward<decltype(handler)>(handler), [&](caps::ring &ring, auto then) {
                    return ring.call<Whom>(**this, message, std::move(then), answer, related,
                                           until);
                });
        };
    }
};

using port = basic_port<>;
using capability = basic_caller<caps::capability>;
using connection = basic_caller<caps::connection>;
using group = basic_caller<caps::group>;

} // namespace caps::asio

#endif
