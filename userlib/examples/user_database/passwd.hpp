// SPDX-License-Identifier: MIT
// Files like /etc/passwd: one user a line, "name:password:uid:gid:comment:home:shell".
#ifndef USER_DATABASE_PASSWD_HPP
#define USER_DATABASE_PASSWD_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace user_database {

/// What a text has between its separators; the last one need not be there.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

inline std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return {};
    return value;
}

/// One user.
struct entry {
    std::string name, comment, home, shell;
    std::uint32_t uid = 0, gid = 0;

    static std::optional<entry> parse(std::string_view line) {
        const auto fields = split(line, ':');
        if (fields.size() < 6)
            return {};
        const auto uid = number(fields[2]), gid = number(fields[3]);
        if (!uid || !gid)
            return {};
        return entry{.name = std::string(fields[0]),
                     .comment = std::string(fields[4]),
                     .home = std::string(fields[5]),
                     .shell = std::string(fields.size() > 6 ? fields[6] : ""),
                     .uid = *uid,
                     .gid = *gid};
    }
};

/// All users of a file, as it was when it was read. Of two with the same name or uid the first one
/// is found, as getpwnam(3) does it.
class table {
  public:
    explicit table(const std::string &path) {
        std::ifstream file(path);
        std::ostringstream all;
        if (!(all << file.rdbuf()))
            throw std::runtime_error("cannot read " + path);
        text_ = all.str();
        for (const std::string_view line : split(text_, '\n')) {
            const auto fields = split(line, ':');
            if (fields.size() < 6 || !number(fields[2]))
                continue;
            by_name_.try_emplace(fields[0], line);
            by_uid_.try_emplace(*number(fields[2]), line);
        }
    }
    table(table &&) = delete; // the maps refer to the text

    const std::string &text() const { return text_; }
    std::size_t size() const { return by_name_.size(); }
    /// The line, or nothing.
    std::string_view by_name(std::string_view name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? std::string_view() : found->second;
    }
    std::string_view by_uid(std::string_view text) const {
        const auto found = by_uid_.find(number(text).value_or(0));
        return found == by_uid_.end() || !number(text) ? std::string_view() : found->second;
    }

  private:
    std::string text_;
    std::unordered_map<std::string_view, std::string_view> by_name_;
    std::unordered_map<std::uint32_t, std::string_view> by_uid_;
};

/// The users that generate() makes.
inline constexpr std::uint32_t first_uid = 10'000;

inline std::string generated_name(std::uint32_t index) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "user%05u", index);
    return text.data();
}

/// Writes so many users, and into each which version of the file it is from; puts it in the old
/// one's place at once, so that nobody reads half of it.
inline void generate(const std::string &path, std::uint32_t count, unsigned version) {
    const std::string fresh = path + ".new";
    std::ofstream file(fresh);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::string name = generated_name(i);
        file << name << ":x:" << first_uid + i << ":100:version " << version << ":/home/" << name
             << ":/bin/sh\n";
    }
    file.close();
    if (!file)
        throw std::runtime_error("cannot write " + fresh);
    std::filesystem::rename(fresh, path);
}

} // namespace user_database

#endif
