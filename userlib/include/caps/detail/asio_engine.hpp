// SPDX-License-Identifier: MIT
// What is behind caps/asio.hpp: operations with their handlers, and who drives the ring. Internal.
//
// A ring is for one thread at a time, so a mutex guards it. Nothing that belongs to a program runs
// while it is held: operations that have ended are collected, then posted to where their handlers
// are to run, which is also what keeps a handler from running inside the function that started its
// operation.
#ifndef CAPS_DETAIL_ASIO_ENGINE_HPP
#define CAPS_DETAIL_ASIO_ENGINE_HPP

#include <caps/ring.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/recycling_allocator.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace caps::asio::detail {

/// How a handler is told: what is left of a failure is its errno, in the category that Asio's own
/// errors have, so that ECANCELED is asio::error::operation_aborted.
struct as_code {
    template <class Handler, class Value>
    static void tell(Handler &&handler, result<Value> &&with) {
        if (with)
            std::forward<Handler>(handler)(std::error_code(), std::move(*with));
        else
            std::forward<Handler>(handler)(
                std::error_code(with.error().code(), ::asio::error::get_system_category()),
                Value());
    }
};

/// How a handler is told: everything.
struct as_result {
    template <class Handler, class Value>
    static void tell(Handler &&handler, result<Value> &&with) {
        std::forward<Handler>(handler)(std::move(with));
    }
};

/// Of an object, and among its operations.
using operation_key = std::pair<std::uint64_t, std::uint64_t>;

/// An operation from its start until its handler is called. Lives in memory of the handler's
/// allocator, so it destroys itself.
class operation {
  public:
    struct destroyer {
        void operator()(operation *old) const noexcept { old->destroy(); }
    };
    using pointer = std::unique_ptr<operation, destroyer>;

    operation() = default;
    operation(const operation &) = delete;

    /// Hands itself, which is what the pointer owns, to where the handler is to run.
    virtual void post(pointer self) = 0;

    operation_key key{};
    std::uint64_t name = 0; // the ring's

  protected:
    ~operation() = default;

  private:
    virtual void destroy() noexcept = 0;
};

/// One with its handler and, once it has ended, its result.
template <class Form, class Value, class Handler, class Executor>
class pending final : public operation {
    using handler_executor = ::asio::associated_executor_t<Handler, Executor>;
    using handler_allocator =
        ::asio::associated_allocator_t<Handler, ::asio::recycling_allocator<void>>;
    using allocator =
        typename std::allocator_traits<handler_allocator>::template rebind_alloc<pending>;
    using traits = std::allocator_traits<allocator>;

  public:
    using value_type = Value;
    using owner = std::unique_ptr<pending, destroyer>;

    template <class From>
    static owner make(From &&handler, const Executor &fallback) {
        allocator memory(
            ::asio::get_associated_allocator(handler, ::asio::recycling_allocator<void>()));
        pending *const at = traits::allocate(memory, 1);
        try {
            return owner(::new (static_cast<void *>(at))
                             pending(std::forward<From>(handler), fallback, memory));
        } catch (...) {
            traits::deallocate(memory, at, 1);
            throw;
        }
    }

    auto slot() const noexcept { return ::asio::get_associated_cancellation_slot(handler_); }
    void end(result<Value> with) { with_.emplace(std::move(with)); }
    void post(pointer self) override {
        auto executor = work_.get_executor();
        ::asio::post(executor, delivery{std::move(self)});
    }

  private:
    // What runs there; the memory is free for the next operation before the handler is called.
    struct delivery {
        using allocator_type = allocator;

        allocator_type get_allocator() const noexcept {
            return static_cast<pending *>(self.get())->memory_;
        }
        void operator()() {
            auto &mine = static_cast<pending &>(*self);
            Handler handler(std::move(mine.handler_));
            result<Value> with(std::move(*mine.with_));
            self.reset();
            Form::tell(std::move(handler), std::move(with));
        }

        pointer self;
    };

    template <class From>
    pending(From &&handler, const Executor &fallback, const allocator &memory)
        : memory_(memory), handler_(std::forward<From>(handler)),
          work_(::asio::get_associated_executor(handler_, fallback)) {}

    void destroy() noexcept override {
        allocator memory(memory_);
        this->~pending();
        traits::deallocate(memory, this, 1);
    }

    [[no_unique_address]] allocator memory_;
    Handler handler_;
    ::asio::executor_work_guard<handler_executor> work_; // its context does not run dry meanwhile
    std::optional<result<Value>> with_;
};

class engine;

/// Lets operations that are in flight when an execution context ends go with it, whoever owns their
/// ring: perhaps one of their handlers does.
class registry final : public ::asio::execution_context::service {
  public:
    inline static ::asio::execution_context::id id; // NOLINT(*-avoid-non-const-global-variables)

    explicit registry(::asio::execution_context &of) : service(of) {}

    void add(const std::shared_ptr<engine> &one) {
        const std::scoped_lock guard(mutex_);
        std::erase_if(engines_, [](const auto &known) { return known.expired(); });
        engines_.push_back(one);
    }

  private:
    inline void shutdown() override;

    std::mutex mutex_;
    std::vector<std::weak_ptr<engine>> engines_;
};

/// Drives a ring from an executor. What is started is submitted once for each turn of its loop, and
/// the ring's file is waited for only while something is in flight.
class engine : public std::enable_shared_from_this<engine> {
  public:
    static std::shared_ptr<engine> make(const ::asio::any_io_executor &executor,
                                        caps::ring &&with) {
        std::shared_ptr<engine> made(new engine(executor, std::move(with)));
        auto &context = ::asio::query(executor, ::asio::execution::context);
        ::asio::use_service<registry>(context).add(made);
        return made;
    }

    ::asio::any_io_executor executor() const noexcept { return executor_; }
    caps::ring::path how() const noexcept { return how_; }
    std::size_t in_flight() const {
        const std::scoped_lock guard(mutex_);
        return flying_.size();
    }
    std::uint64_t next_number() noexcept { return ++numbers_; }

    /// starting(ring, then) starts it, and returns the ring's name for it.
    template <class Pending, class Starting>
    void start(std::unique_ptr<Pending, operation::destroyer> one, std::uint64_t object,
               Starting &starting) {
        const auto slot = one->slot();
        canceller *const by_slot =
            slot.is_connected() ? &emplace<typename Pending::value_type>(slot) : nullptr;
        std::unique_lock guard(mutex_);
        Pending *const it = one.get();
        it->key = {object, ++started_};
        flying_.emplace(it->key, std::move(one));
        if (!ring_) {
            end(*it, given_up<typename Pending::value_type>());
        } else {
            try {
                it->name =
                    starting(*ring_, [this, it](auto with) { this->end(*it, std::move(with)); });
            } catch (...) {
                flying_.erase(it->key);
                throw;
            }
            if (by_slot)
                by_slot->name = it->name;
        }
        take_turn(guard);
    }

    /// Those of one object.
    void cancel_all(std::uint64_t object) noexcept {
        std::unique_lock guard(mutex_);
        auto at = flying_.lower_bound({object, 0});
        if (!ring_ || at == flying_.end() || at->first.first != object)
            return;
        for (; at != flying_.end() && at->first.first == object; ++at)
            ring_->cancel(at->second->name);
        take_turn(guard);
    }

    void cancel(std::uint64_t name) noexcept {
        std::unique_lock guard(mutex_);
        if (!ring_)
            return;
        ring_->cancel(name);
        take_turn(guard);
    }

    /// Handlers go without being called, and not before the kernel has let go of their buffers.
    /// They may take others with them, and lead here again.
    void shut_down() noexcept {
        std::optional<caps::ring> ring;
        std::map<operation_key, operation::pointer> flying;
        std::vector<operation::pointer> ended;
        {
            const std::scoped_lock guard(mutex_);
            ring = std::exchange(ring_, std::nullopt);
            flying.swap(flying_);
            ended.swap(ended_);
            std::error_code ignored;
            file_.close(ignored);
        }
        ring.reset();
    }

  private:
    /// In a handler's cancellation slot, perhaps longer than the operation lasts.
    struct canceller {
        canceller(std::weak_ptr<engine> of, ::asio::cancellation_type wanted) noexcept
            : by(std::move(of)), kinds(wanted) {}
        void operator()(::asio::cancellation_type kind) const noexcept {
            const auto alive = by.lock();
            if (alive && (kind & kinds) != ::asio::cancellation_type::none)
                alive->cancel(name);
        }

        std::weak_ptr<engine> by;
        ::asio::cancellation_type kinds;
        std::uint64_t name = 0;
    };

    engine(const ::asio::any_io_executor &executor, caps::ring &&with)
        : executor_(executor), how_(with.how()), ring_(std::move(with)), file_(executor) {
        const int file = ::fcntl(ring_->poll_fd(), F_DUPFD_CLOEXEC, 0);
        if (file < 0)
            throw std::system_error(errno, std::system_category(), "caps::asio::ring");
        std::error_code why;
        file_.assign(file, why);
        if (why) {
            (void)::close(file);
            throw std::system_error(why, "caps::asio::ring");
        }
    }

    template <class Value>
    static result<Value> given_up() {
        constexpr auto what =
            std::is_same_v<Value, received> ? caps::operation::receive : caps::operation::call;
        return failed(failure(what, ECANCELED, failure::object_kind::actor, 0));
    }

    // A receive that is cancelled has had no effect, so all three ask for the same. A call that a
    // server has taken may have had one, which total cancellation excludes.
    template <class Value, class Slot>
    canceller &emplace(Slot slot) {
        using kind = ::asio::cancellation_type;
        constexpr auto wanted = std::is_same_v<Value, received>
                                    ? kind::terminal | kind::partial | kind::total
                                    : kind::terminal | kind::partial;
        return slot.template emplace<canceller>(weak_from_this(), wanted);
    }

    // Called by the ring, or where there is none any more; mutex_ is held.
    template <class Pending, class Value>
    void end(Pending &one, result<Value> with) {
        one.end(std::move(with));
        ended_.push_back(std::move(flying_.extract(one.key).mapped()));
    }

    // Asks for a turn of the loop, if none is on its way.
    void take_turn(std::unique_lock<std::mutex> &guard) {
        if (std::exchange(posted_, true))
            return;
        guard.unlock();
        ::asio::post(executor_, [weak = weak_from_this()] {
            if (const auto alive = weak.lock())
                alive->turn(alive->posted_);
        });
    }

    // Submits, takes what has ended, and sees to the next turn. What it was asked for by is over.
    void turn(bool &asked) {
        std::vector<operation::pointer> ended;
        std::optional<failure> problem;
        {
            const std::scoped_lock guard(mutex_);
            asked = false;
            if (ring_) {
                problem = run();
                wait();
            }
            ended.swap(ended_);
        }
        for (auto &one : ended) {
            operation &it = *one;
            it.post(std::move(one));
        }
        if (problem)
            raise(*problem);
    }

    std::optional<failure> run() {
        for (;;) {
            const auto ran = ring_->try_run(no_wait);
            if (!ran)
                return ran.error();
            if (*ran == 0)
                return std::nullopt;
        }
    }

    // A wait that is no longer wanted ends, and takes a turn, too.
    void wait() {
        std::error_code ignored;
        if (flying_.empty()) {
            if (waiting_)
                file_.cancel(ignored);
        } else if (!std::exchange(waiting_, true)) {
            file_.async_wait(file_.wait_read, [weak = weak_from_this()](std::error_code) {
                if (const auto alive = weak.lock())
                    alive->turn(alive->waiting_);
            });
        }
    }

    const ::asio::any_io_executor executor_;
    const caps::ring::path how_;
    std::atomic<std::uint64_t> numbers_{0};

    mutable std::mutex mutex_; // for all that follows
    std::optional<caps::ring> ring_;
    ::asio::posix::stream_descriptor file_; // the ring's
    bool posted_ = false;
    bool waiting_ = false;
    std::uint64_t started_ = 0;
    std::map<operation_key, operation::pointer> flying_;
    std::vector<operation::pointer> ended_;
};

void registry::shutdown() {
    std::vector<std::weak_ptr<engine>> all;
    {
        const std::scoped_lock guard(mutex_);
        all.swap(engines_);
    }
    for (const auto &one : all)
        if (const auto alive = one.lock())
            alive->shut_down();
}

} // namespace caps::asio::detail

#endif
