// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <initializer_list>

namespace demo {

namespace {

constexpr const char *bold = "\033[1m", *green = "\033[1;32m", *red = "\033[1;31m",
                     *plain = "\033[0m", *wipe = "\r\033[K";

} // namespace

void report::clear_progress() {
    if (terminal_ && !shown_.empty())
        std::fputs(wipe, stdout);
    shown_.clear();
}

void report::print(std::string_view text) {
    clear_progress();
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

void report::title(unsigned act, std::string_view text) {
    print("");
    print(fmt::format("{}{}  {}{}", terminal_ ? bold : "", act, text, terminal_ ? plain : ""));
}

void report::progress(std::string_view what, std::uint64_t done, std::uint64_t all) {
    std::string text = fmt::format("   ... {}", what);
    if (terminal_ && all)
        text += fmt::format("  {:3} %", done * 100 / all);
    if (text == shown_)
        return;
    if (terminal_)
        fmt::print("{}{}", wipe, text);
    else
        fmt::print("{}\n", text);
    std::fflush(stdout);
    shown_ = text;
}

void report::table(cells others, const std::vector<std::vector<std::string>> &rows) {
    std::vector<std::size_t> widths;
    for (const auto &row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t n = 0; n < row.size(); n++)
            widths[n] = std::max(widths[n], row[n].size());
    }
    for (const auto &row : rows) {
        std::string text = fmt::format("   {:<{}}", row[0], widths[0]);
        for (std::size_t n = 1; n < row.size(); n++)
            text += others == cells::numbers ? fmt::format("  {:>{}}", row[n], widths[n])
                                             : fmt::format("  {:<{}}", row[n], widths[n]);
        text.resize(text.find_last_not_of(' ') + 1);
        print(text);
    }
}

void report::verdict(std::initializer_list<claim> claims, std::string_view text) {
    std::string broken;
    for (const claim &c : claims)
        if (!c.holds)
            broken += fmt::format("\n         not so: {}", c.what);
    all_good_ = all_good_ && broken.empty();
    print(fmt::format("   {}{}{}  {}{}",
                      !terminal_       ? ""
                      : broken.empty() ? green
                                       : red,
                      broken.empty() ? "good" : "BAD ", terminal_ ? plain : "", text, broken));
}

std::string count(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string grouped;
    for (std::size_t n = 0; n < digits.size(); n++) {
        if (n && (digits.size() - n) % 3 == 0)
            grouped += ',';
        grouped += digits[n];
    }
    return grouped;
}

std::string bytes(std::uint64_t number) {
    if (number < 1000)
        return fmt::format("{} B", number);
    double scaled = static_cast<double>(number) / 1000;
    const char *unit = "KB";
    if (scaled >= 999.95) {
        scaled /= 1000;
        unit = "MB";
    }
    return fmt::format("{:.1f} {}", scaled, unit);
}

std::string ratio(std::optional<double> number) {
    return number ? fmt::format("{:.2f}", *number) : "n/a";
}

} // namespace demo
