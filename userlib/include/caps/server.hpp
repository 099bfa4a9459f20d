// SPDX-License-Identifier: MIT
// A server: threads that receive from one port and answer. Not part of caps.hpp.
#ifndef CAPS_SERVER_HPP
#define CAPS_SERVER_HPP

#include <caps/acceptor.hpp>
#include <caps/actor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

namespace caps {

struct server_options {
    unsigned threads = 0;                    ///< 0: one for each processor
    std::size_t body = std::size_t{1} << 16; ///< room for a body, in each thread
    /// With a State: one more is turned away. What each may have on its way is in
    /// service_options::in_flight.
    std::size_t connections = std::numeric_limits<std::size_t>::max();
    port_options port{};
};

/// Serves a port with several threads, each of which answers and receives the next message in one
/// system call. With a State there is one for each connection (see acceptor); without, clients
/// connect without being asked.
///
///     caps::server<session> desk(me, "desk", {.world = true, .in_flight = 8}, {.threads = 4});
///     desk.on(greet, [](auto &request) -> caps::answer {
///         request.connection->greeted++;
///         return {.body = "hello"};
///     });
///     desk.run();
///
/// Handlers are set before run(), and called by all threads at once. A server runs once.
template <class State = void>
class server {
  public:
    /// What a handler is to answer.
    struct request {
        /// The body is in the thread's room; of one that is larger read() gets the rest. A handler
        /// may move the message out and answer it later: what it returns is dropped then.
        received &message;
        /// nullptr if the message came through no connection.
        State *connection;
        /// Memory for an answer, which is a view: it lasts until that has been sent.
        std::vector<std::byte> &room;
    };
    /// Returns the answer; to one-way messages without a source it is dropped. An exception becomes
    /// its status, as acceptor::admission describes.
    using handler = std::function<answer(request &)>;

    /// A new port under a name.
    server(const actor &me, std::string_view name, const service_options &service = {},
           const server_options &options = {})
        : server(me.create_port(options.port), options) {
        name_ = door_.register_service(name, with_states ? asking(service) : service);
    }
    /// A port that there is, perhaps one that has come with its connections (see hand_over()).
    explicit server(port door, const server_options &options = {})
        : options_(options), door_(std::move(door)), served_(door_) {
        admit(nullptr);
    }
    server(server &&) = delete;

    /// For one operation. Without one for its operation a message is ENOSYS.
    server &on(unsigned operation, handler answering) {
        handlers_.at(operation) = std::move(answering);
        return *this;
    }
    /// For operations without one of their own.
    server &otherwise(handler answering) {
        other_ = std::move(answering);
        return *this;
    }
    /// For what is neither a message to be answered nor about connections that have a state:
    /// signals, cancelled, disconnected and so on.
    server &on_event(std::function<void(received &)> handling) {
        event_ = std::move(handling);
        return *this;
    }
    /// Told of the exceptions of all these.
    server &on_exception(std::function<void(std::exception_ptr)> telling) {
        telling_ = std::move(telling);
        return *this;
    }
    /// Who may connect; see acceptor::admission. nullptr: everybody who may by the service's rules.
    template <class Admission>
    server &admit(Admission admission) {
        if constexpr (std::is_same_v<Admission, std::nullptr_t>)
            clients_ = std::make_unique<acceptor_type>(options_.connections);
        else
            clients_ = std::make_unique<acceptor_type>(std::move(admission), options_.connections);
        return *this;
    }

    /// The port, for set_generation(), duplicate() and the like.
    const port &door() const noexcept { return door_; }
    std::size_t connections() const { return clients_->size(); }

    /// Serves, in this thread and others, until somebody calls stop() or hand_over(). Throws
    /// caps::error if receiving fails: then it has stopped, too.
    void run() {
        std::vector<std::jthread> others;
        unsigned count = options_.threads != 0 ? options_.threads
                                               : std::max(1U, std::thread::hardware_concurrency());
        try {
            for (others.reserve(count); --count != 0;)
                others.emplace_back([this] { work(); });
        } catch (...) {
            stop();
            throw;
        }
        work();
        others.clear();
        if (failure_)
            std::rethrow_exception(failure_);
    }

    /// What has been received is answered, then run() returns. Clients whose calls are in the queue
    /// get EPIPE: nobody has seen them. Never waits; for any thread, handlers included.
    void stop() noexcept {
        if (stopped_.exchange(true))
            return;
        name_.reset();
        (void)door_.try_remove(); // which wakes whoever waits there
    }

    /// The same, but all that is in the queue, the connections and the name go on at another actor,
    /// as port::migrate() does it; that makes a server of the port which arrives. Clients do not
    /// notice. If it fails nothing has happened.
    result<migrated> try_hand_over(const capability &to) noexcept {
        if (stopped_.exchange(true))
            return failed(
                failure(operation::migrate, EPIPE, failure::object_kind::capability, door_.get()));
        auto moved = door_.try_migrate(to);
        if (moved)
            name_.release();
        else
            stopped_ = false;
        return moved;
    }
    migrated hand_over(const capability &to) { return value_or_throw(try_hand_over(to)); }

  private:
    static constexpr bool with_states = !std::is_void_v<State>;
    // Without states it has none of them, and nothing to do.
    struct none {};
    using acceptor_type = acceptor<std::conditional_t<with_states, State, none>>;

    static service_options asking(const service_options &with) noexcept {
        return acceptor_type::asking(with);
    }

    void work() noexcept {
        try {
            serve();
        } catch (...) {
            fail();
        }
    }

    void serve() {
        constexpr auto flags = with_states ? receive_flags::hold : receive_flags::none;
        std::vector<std::byte> body(options_.body), room;
        received message;
        answer with;
        for (;;) {
            const auto done = served_->try_reply_receive(message, with, body, forever, flags);
            if (!done && !goes_on(done.error(), message))
                return;
            with = done ? handle(message, room) : answer{};
        }
    }

    // A message that is still there could not be answered with what the handler gave.
    bool goes_on(const failure &why, received &message) {
        if (message.held() && !message.try_reply({.status = why.code()}))
            (void)message.try_discard();
        if (why.what() == operation::reply || why.code() == EINTR)
            return true;
        if (!stopped_)
            raise(why);
        return false;
    }

    answer handle(received &message, std::vector<std::byte> &room) {
        const kind what = message.kind();
        try {
            if (what == kind::call || what == kind::send)
                return answer_to(message, room);
            if (!(with_states && clients_->take(message)) && event_)
                event_(message);
        } catch (...) {
            if (telling_)
                telling_(std::current_exception());
            return {.status = detail::current_reason()};
        }
        return {};
    }

    answer answer_to(received &message, std::vector<std::byte> &room) {
        const handler &own = handlers_[message.operation()], &answering = own ? own : other_;
        if (!answering)
            return {.status = ENOSYS};
        room.clear();
        if constexpr (with_states) {
            const auto state = clients_->of(message);
            request asked{message, state.get(), room};
            return answering(asked);
        } else {
            request asked{message, nullptr, room};
            return answering(asked);
        }
    }

    void fail() noexcept {
        const std::scoped_lock guard(failing_);
        if (!failure_)
            failure_ = std::current_exception();
        stop();
    }

    server_options options_;
    port door_;
    unowned<port> served_; // the same, but not emptied by hand_over() while threads use it
    service name_;         // goes before its port does
    std::unique_ptr<acceptor_type> clients_;
    std::array<handler, 64> handlers_;
    handler other_;
    std::function<void(received &)> event_;
    std::function<void(std::exception_ptr)> telling_;
    std::atomic<bool> stopped_{false};
    std::mutex failing_;
    std::exception_ptr failure_; // failing_
};

} // namespace caps

#endif
