// SPDX-License-Identifier: GPL-2.0
// Reads what a guest's test run prints (see scripts/guest-tests) and judges it: kselftest's TAP
// with the subtests of each program counted one by one, and GoogleTest's own lines.
//
//   tally LIST RAW <stream
//
// LIST gets a line "RESULT NAME" per test in the order of the run, RAW the stream itself. Progress
// and the output around each failure go to stderr; the last line on stdout is the sum. What is
// missing counts as failed: a program without results, a plan not reached, a test that began and
// never ended, a stream without its last word. Exit status 0 only if tests passed and none failed.

#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using std::string;
using std::string_view;

enum class result { pass, fail, skip };

constexpr string_view name_of(result r) {
    return r == result::pass ? "pass" : r == result::fail ? "FAIL" : "skip";
}

// Takes the prefix off the line, if it is there.
bool consume(string_view &line, string_view prefix) {
    if (!line.starts_with(prefix))
        return false;
    line.remove_prefix(prefix.size());
    return true;
}

string_view trim(string_view s) {
    constexpr string_view blanks = " \t\r";
    const auto first = s.find_first_not_of(blanks);
    return first == s.npos ? string_view{}
                           : s.substr(first, s.find_last_not_of(blanks) - first + 1);
}

std::optional<unsigned> consume_number(string_view &line) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc{})
        return std::nullopt;
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    return value;
}

struct counts {
    unsigned passed = 0, failed = 0, skipped = 0;

    [[nodiscard]] unsigned total() const { return passed + failed + skipped; }
    void add(result r) { ++(r == result::pass ? passed : r == result::fail ? failed : skipped); }
};

// Where results end up, with the output since the last one for those who failed.
class ledger {
  public:
    explicit ledger(const char *list) : list_(list) {}

    void note(string_view line) {
        constexpr size_t enough = 200;
        if (recent_.size() == enough)
            recent_.erase(recent_.begin(), recent_.begin() + enough / 2);
        recent_.emplace_back(line);
    }

    void record(result r, const string &name, string_view why = {}) {
        sum_.add(r);
        program_.add(r);
        list_ << name_of(r) << ' ' << name << '\n';
        if (r == result::fail) {
            std::cerr << "FAIL " << name << (why.empty() ? "" : ": ") << why << '\n';
            for (const auto &line : recent_)
                std::cerr << "    | " << line << '\n';
        }
        recent_.clear();
    }

    void begin_program() { program_ = {}; }

    void end_program(string_view name) const {
        std::cerr << "  " << name << ": " << program_.passed << " passed";
        if (program_.failed)
            std::cerr << ", " << program_.failed << " FAILED";
        if (program_.skipped)
            std::cerr << ", " << program_.skipped << " skipped";
        std::cerr << '\n';
    }

    [[nodiscard]] const counts &program() const { return program_; }
    [[nodiscard]] const counts &sum() const { return sum_; }
    [[nodiscard]] bool written() { return list_.flush().good(); }

  private:
    std::ofstream list_;
    counts sum_, program_;
    std::vector<string> recent_;
};

struct tap_line {
    result what = result::fail;
    string_view text;      // without directive
    string_view directive; // what follows " # "
};

// "ok 3 name # SKIP why", "not ok 4 name"; nothing if it is something else.
std::optional<tap_line> parse_tap(string_view line) {
    tap_line parsed;
    const bool bad = consume(line, "not ");
    if (!consume(line, "ok ") || !consume_number(line))
        return std::nullopt;
    const auto hash = line.find("# ");
    parsed.text = trim(line.substr(0, hash));
    if (hash != line.npos)
        parsed.directive = trim(line.substr(hash + 2));
    if (!bad)
        parsed.what = parsed.directive.starts_with("SKIP") ? result::skip : result::pass;
    return parsed;
}

// One run of run_kselftest.sh: a TAP stream whose tests are programs, each with the program's own
// TAP, one "# " deeper, before its result.
class kselftest {
  public:
    explicit kselftest(ledger &book) : book_(book) {}

    void line(string_view text) {
        if (const auto top = parse_tap(text)) {
            end_program(*top);
        } else if (consume(text, "1..")) {
            // One plan per collection.
            programs_planned_ += consume_number(text).value_or(0);
        } else if (consume(text, "# ")) {
            inner(text);
        }
    }

    void end() {
        if (!program_.empty())
            book_.record(result::fail, program_, "the run ended within it");
        if (programs_ == 0 || programs_ != programs_planned_)
            book_.record(result::fail, "selftests",
                         std::to_string(programs_) + " of " + std::to_string(programs_planned_) +
                             " programs ran");
    }

  private:
    void inner(string_view text) {
        if (consume(text, "selftests: ")) {
            program_ = trim(text);
            running_.clear();
            planned_.reset();
            book_.begin_program();
        } else if (consume(text, "1..")) {
            planned_ = consume_number(text);
        } else if (consume(text, "#  RUN ")) {
            text = trim(text);
            running_ = text.substr(0, text.find(' '));
        } else if (const auto sub = parse_tap(text)) {
            // The harness names a skipped test only where it starts it.
            string_view name = sub->text.empty() ? sub->directive : sub->text;
            if (!running_.empty())
                name = running_;
            book_.record(sub->what, program_ + ": " + string(name), sub->directive);
            running_.clear();
        }
    }

    void end_program(const tap_line &top) {
        const auto &seen = book_.program();
        ++programs_;
        if (program_.empty()) {
            book_.record(result::fail, string(top.text), "a result of no program");
        } else if (seen.total() == 0 && planned_.value_or(0) == 0) {
            book_.record(top.what, program_, top.directive);
        } else if (planned_ && *planned_ != seen.total()) {
            book_.record(result::fail, program_,
                         std::to_string(seen.total()) + " of " + std::to_string(*planned_) +
                             " tests ran " + string(top.directive));
        } else if (top.what == result::fail && seen.failed == 0) {
            book_.record(result::fail, program_, top.directive);
        }
        book_.end_program(program_);
        program_.clear();
    }

    ledger &book_;
    string program_, running_;
    std::optional<unsigned> planned_;
    unsigned programs_ = 0, programs_planned_ = 0;
};

// One GoogleTest program.
class gtest {
  public:
    gtest(ledger &book, string_view name) : book_(book), name_(name) { book_.begin_program(); }

    // Markers are looked for anywhere: a test may leave a line of its own unfinished.
    void line(string_view text) {
        if (after(text, "[ RUN      ] ")) {
            running_ = trim(text);
        } else if (after(text, "[       OK ] ")) {
            finish(result::pass, text);
        } else if (after(text, "[  FAILED  ] ")) {
            finish(result::fail, text);
        } else if (after(text, "[  SKIPPED ] ")) {
            finish(result::skip, text);
        } else if (after(text, "[==========] ")) {
            complete_ |= text.find(" ran.") != text.npos;
        }
    }

    void end(string_view status) {
        const auto &seen = book_.program();
        if (!running_.empty())
            book_.record(result::fail, name_ + ": " + running_,
                         "the program ended within it, status " + string(status));
        else if (!complete_)
            book_.record(result::fail, name_, "did not finish, status " + string(status));
        else if (seen.passed + seen.failed == 0)
            book_.record(result::fail, name_, "every test was skipped, or there is none");
        else if (status != "0" && seen.failed == 0)
            book_.record(result::fail, name_, "status " + string(status));
        book_.end_program(name_);
    }

  private:
    static bool after(string_view &text, string_view marker) {
        const auto at = text.find(marker);
        if (at == text.npos)
            return false;
        text.remove_prefix(at + marker.size());
        return true;
    }

    // The summary names failed and skipped tests once more, when none is running.
    void finish(result r, string_view text) {
        if (running_.empty() || !text.starts_with(running_))
            return;
        book_.record(r, name_ + ": " + running_);
        running_.clear();
    }

    ledger &book_;
    string name_, running_;
    bool complete_ = false;
};

// The stream as scripts/guest-tests frames it:
//   @selftests, @gtest NAME: what follows is of this kind; @end STATUS: the end of it;
//   @done: nothing was cut off.
class stream {
  public:
    explicit stream(ledger &book) : book_(book) {}

    void line(string_view text) {
        book_.note(text);
        if (consume(text, "@selftests")) {
            selftests_.emplace(book_);
        } else if (consume(text, "@gtest ")) {
            gtest_.emplace(book_, trim(text));
        } else if (consume(text, "@end ")) {
            close(trim(text));
        } else if (consume(text, "@done")) {
            done_ = true;
        } else if (selftests_) {
            selftests_->line(text);
        } else if (gtest_) {
            gtest_->line(text);
        }
    }

    void end() {
        close("unknown");
        if (!done_)
            book_.record(result::fail, "the run", "it was cut off");
    }

  private:
    void close(string_view status) {
        if (selftests_)
            selftests_->end();
        if (gtest_)
            gtest_->end(status);
        selftests_.reset();
        gtest_.reset();
    }

    ledger &book_;
    std::optional<kselftest> selftests_;
    std::optional<gtest> gtest_;
    bool done_ = false;
};

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "usage: tally LIST RAW <stream\n";
        return 2;
    }
    ledger book(argv[1]);
    std::ofstream raw(argv[2]);
    stream tests(book);
    for (string line; std::getline(std::cin, line);) {
        raw << line << std::endl; // whole lines even if somebody stops us
        if (line.ends_with('\r'))
            line.pop_back();
        tests.line(line);
    }
    tests.end();

    const auto &sum = book.sum();
    std::cout << sum.passed << " passed, " << sum.failed << " failed, " << sum.skipped
              << " skipped\n";
    return sum.passed > 0 && sum.failed == 0 && book.written() ? 0 : 1;
}
