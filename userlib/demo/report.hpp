// SPDX-License-Identifier: MIT
// What the person who watches sees: titles, one line of progress, tables and
// verdicts.
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

class report {
  public:
    /// On a terminal the progress is one line that is written over and over.
    explicit report(bool terminal) : terminal_(terminal) {}

    void title(unsigned act, std::string_view text);

    /// What is going on, and how far it is. Elsewhere than on a terminal a line
    /// for each new @what.
    void progress(std::string_view what, std::uint64_t done = 0, std::uint64_t all = 0);

    template <class... Args>
    void line(fmt::format_string<Args...> format, Args &&...args) {
        print(fmt::format(format, std::forward<Args>(args)...));
    }

    /// Rows of cells; the first column is flush left, the others are flush right
    /// for numbers.
    enum class cells { words, numbers };
    void table(cells others, const std::vector<std::vector<std::string>> &rows);

    /// Ends an act: good if all claims hold; those that do not are named. All
    /// verdicts together decide how the demo ends.
    struct claim {
        const char *what;
        bool holds;
    };
    void verdict(std::initializer_list<claim> claims, std::string_view text);
    bool all_good() const { return all_good_; }

  private:
    void print(std::string_view text);
    void clear_progress();

    bool terminal_;
    bool all_good_ = true;
    std::string shown_;
};

/// 1,234,567
std::string count(std::uint64_t number);
/// 8.2 MB, 4.0 KB; powers of ten
std::string bytes(std::uint64_t number);
/// 3.14, or n/a
std::string ratio(std::optional<double> number);

} // namespace demo
