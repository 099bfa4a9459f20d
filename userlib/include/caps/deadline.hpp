// SPDX-License-Identifier: MIT
// Until when an operation may wait.
#ifndef CAPS_DEADLINE_HPP
#define CAPS_DEADLINE_HPP

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace caps {

/// A point in time on CLOCK_MONOTONIC (std::chrono::steady_clock), made from a time_point, or from
/// a duration, which counts from now. Every operation that may wait takes one; what takes none
/// does not wait. A duration of zero or less is a deadline that has just passed, which is not the
/// same as no_wait: the operation ends with ETIMEDOUT instead of EAGAIN.
class deadline {
  public:
    using clock = std::chrono::steady_clock;

    /// Absolute nanoseconds as the kernel takes them: 0 is no_wait, all ones forever.
    static constexpr deadline from_nanoseconds(std::uint64_t nanoseconds) noexcept {
        return deadline(nanoseconds);
    }

    constexpr deadline(clock::time_point when) noexcept
        : nanoseconds_(clamp(when.time_since_epoch().count())) {}

    template <class Rep, class Period>
    deadline(std::chrono::duration<Rep, Period> from_now) noexcept
        : deadline(after(clock::now(), from_now)) {}

    constexpr std::uint64_t nanoseconds() const noexcept { return nanoseconds_; }

    friend constexpr bool operator==(deadline, deadline) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(deadline a, deadline b) noexcept {
        return a.nanoseconds_ <=> b.nanoseconds_;
    }

  private:
    static_assert(std::is_same_v<clock::period, std::nano>);

    explicit constexpr deadline(std::uint64_t nanoseconds) noexcept : nanoseconds_(nanoseconds) {}

    // 0 means "do not wait" to the kernel, so a time before the epoch becomes its first moment.
    static constexpr std::uint64_t clamp(clock::rep count) noexcept {
        return count > 0 ? static_cast<std::uint64_t>(count) : 1;
    }

    // What lies beyond the clock's range, 292 years, is for ever: it must not wrap into the past.
    template <class Rep, class Period>
    static constexpr deadline after(clock::time_point now,
                                    std::chrono::duration<Rep, Period> from_now) noexcept {
        using seconds = std::chrono::duration<double>;
        const double wanted = std::chrono::duration_cast<seconds>(from_now).count();
        const double left = seconds(clock::time_point::max() - now).count();
        if (!(wanted < left - 1))
            return deadline(std::numeric_limits<std::uint64_t>::max());
        if (wanted <= 0)
            return {now};
        return {now + std::chrono::ceil<clock::duration>(from_now)};
    }

    std::uint64_t nanoseconds_;
};

/// Wait for as long as it takes.
inline constexpr deadline forever =
    deadline::from_nanoseconds(std::numeric_limits<std::uint64_t>::max());

/// Do not wait: EAGAIN where one would have to.
inline constexpr deadline no_wait = deadline::from_nanoseconds(0);

} // namespace caps

#endif
