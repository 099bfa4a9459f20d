// SPDX-License-Identifier: MIT
// Borrowed handles: the same interface, never closed.
#ifndef CAPS_UNOWNED_HPP
#define CAPS_UNOWNED_HPP

#include <concepts>
#include <type_traits>
#include <utility>

namespace caps {

namespace detail {

template <class T>
concept scalar = std::is_scalar_v<T>;

} // namespace detail

/// A handle that somebody else owns and keeps alive, used through -> or as a const T &. Copying is
/// free.
template <class T>
class unowned {
  public:
    unowned() noexcept = default;
    /// From what T takes over: unowned<capability>(actor.get(), handle), unowned<actor>(fd).
    template <detail::scalar... Raw>
    unowned(Raw... raw) noexcept : handle_(raw...) {}
    unowned(const T &owner) noexcept : handle_(borrow(owner)) {}
    unowned(const unowned &other) noexcept : handle_(borrow(other.handle_)) {}
    unowned &operator=(const unowned &other) noexcept {
        if (this != &other) {
            forget();
            handle_ = borrow(other.handle_);
        }
        return *this;
    }
    ~unowned() { forget(); }

    const T &operator*() const noexcept { return handle_; }
    const T *operator->() const noexcept { return &handle_; }
    operator const T &() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  private:
    static T borrow(const T &owner) noexcept {
        if constexpr (requires { owner.operations(); })
            return T(owner.actor_fd(), owner.get(), owner.operations());
        else if constexpr (requires { owner.actor_fd(); })
            return T(owner.actor_fd(), owner.get());
        else
            return T(owner.get());
    }
    void forget() noexcept { (void)handle_.release(); }

    T handle_;
};

} // namespace caps

#endif
