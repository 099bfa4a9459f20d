// SPDX-License-Identifier: MIT
// caps::task<T>: a coroutine that another one awaits, or caps::loop runs. Needs no device.
#ifndef CAPS_TASK_HPP
#define CAPS_TASK_HPP

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace caps {

template <class T = void>
class task;

namespace detail {

/// What all tasks' promises have in common. Whoever awaits goes on in the place of the task that
/// ends (symmetric transfer): however many are awaited one after another, or inside another, the
/// stack does not grow. gcc does that only if it optimizes.
class task_promise_base {
  public:
    struct end {
        bool await_ready() const noexcept { return false; }
        template <std::derived_from<task_promise_base> Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> of) const noexcept {
            return of.promise().then_;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    end final_suspend() const noexcept { return {}; }
    void go_on_with(std::coroutine_handle<> then) noexcept { then_ = then; }

  private:
    std::coroutine_handle<> then_ = std::noop_coroutine();
};

template <class T>
class task_promise_result : public task_promise_base {
  public:
    void unhandled_exception() noexcept { outcome_.template emplace<2>(std::current_exception()); }

    T take() {
        if (outcome_.index() == 2)
            std::rethrow_exception(std::get<2>(std::move(outcome_)));
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*std::get<1>(outcome_));
        else if constexpr (!std::is_void_v<T>)
            return std::get<1>(std::move(outcome_));
    }

  protected:
    struct nothing {};
    using stored = std::conditional_t<
        std::is_void_v<T>, nothing,
        std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_cv_t<T>>>;

    // By index: T may be what the others are.
    std::variant<std::monostate, stored, std::exception_ptr> outcome_;
};

template <class T>
class task_promise final : public task_promise_result<T> {
  public:
    task<T> get_return_object() noexcept;
    template <std::convertible_to<T> From = T>
    void return_value(From &&value) {
        if constexpr (std::is_reference_v<T>) {
            T &&converted = std::forward<From>(value);
            this->outcome_.template emplace<1>(std::addressof(converted));
        } else {
            this->outcome_.template emplace<1>(std::forward<From>(value));
        }
    }
};

template <>
class task_promise<void> final : public task_promise_result<void> {
  public:
    task<void> get_return_object() noexcept;
    void return_void() noexcept {}
};

} // namespace detail

/// A coroutine that begins when it is awaited, which can be done once: co_await f(), or
/// co_await std::move(task). What it returns or throws is what the co_await gives. Destroying a
/// task destroys the coroutine wherever it is, with all that it awaits. For one thread at a time.
template <class T>
class [[nodiscard]] task {
  public:
    using promise_type = detail::task_promise<T>;

    task() noexcept = default;
    task(task &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task &operator=(task &&other) noexcept {
        task taken(std::move(other));
        std::swap(frame_, taken.frame_);
        return *this;
    }
    ~task() {
        if (frame_)
            frame_.destroy();
    }

    /// It has not been awaited, run or moved.
    explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

    /// The frame goes at the end of the expression that awaits it.
    auto operator co_await() && { return awaiter<task>(std::move(*this)); }

  private:
    friend promise_type;
    friend class loop;
    friend class scope;
    using handle = std::coroutine_handle<promise_type>;

    template <class Task>
    struct awaiter {
        explicit awaiter(Task &&of) : of_(std::forward<Task>(of)) { of_.check(); }
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> then) noexcept {
            of_.frame_.promise().go_on_with(then);
            return of_.frame_;
        }
        T await_resume() { return of_.frame_.promise().take(); }

        Task of_;
    };

    explicit task(handle frame) noexcept : frame_(frame) {}

    // The frame stays as long as the task: for caps::scope.
    auto in_place() & { return awaiter<task &>(*this); }
    void go_on_with(std::coroutine_handle<> then) noexcept { frame_.promise().go_on_with(then); }

    void check() const {
        if (!frame_)
            throw std::logic_error("caps::task: there is none, or it has been awaited before");
    }
    // As the outermost: caps::loop resumes it, looks whether it has ended, and takes the outcome.
    void start() {
        check();
        frame_.resume();
    }
    bool done() const noexcept { return frame_.done(); }
    T take() { return frame_.promise().take(); }

    handle frame_;
};

template <class T>
task<T> detail::task_promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

inline task<void> detail::task_promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

} // namespace caps

#endif
