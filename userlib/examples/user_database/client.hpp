// SPDX-License-Identifier: MIT
// The client: asks the server for what it does not know, and keeps the answers until the server's
// generation changes. What it has is found without asking, and is never out of date: reading the
// generation is one short system call.
#ifndef USER_DATABASE_CLIENT_HPP
#define USER_DATABASE_CLIENT_HPP

#include "passwd.hpp"
#include "protocol.hpp"

#include <caps/caps.hpp>

namespace user_database {

class directory {
  public:
    struct tally {
        std::uint64_t hits, misses, calls, generations;
    };

    explicit directory(const caps::actor &me, std::uint32_t server_uid = ::geteuid())
        : me_(me), server_uid_(server_uid), room_(room) {}

    /// One entry for each key, nullptr where there is no such user; good until the next question.
    /// Waits for the server as long as it may take to be restarted.
    std::vector<const entry *> look_up(operation what, std::span<const std::string> keys) {
        for (;;) {
            try {
                return try_look_up(what, keys);
            } catch (const caps::error &problem) {
                if (problem.why().code() != EPIPE && problem.why().code() != ECONNRESET)
                    throw;
                server_.reset(); // asking twice does no harm
            }
        }
    }
    const entry *look_up(operation what, const std::string &key) {
        return look_up(what, std::span(&key, 1)).front();
    }

    /// What the server has done so far.
    counts server_counts() {
        counts all{};
        const auto answer = connected().call({.operation = count});
        if (answer.annex().size() == sizeof(all))
            std::memcpy(&all, answer.annex().data(), sizeof(all));
        return all;
    }

    /// As if nothing had ever been asked.
    void forget() {
        for (auto &known : known_)
            known.clear();
    }

    std::uint64_t generation() const { return generation_; }
    const tally &counted() const { return tally_; }
    /// To wait for the next generation with.
    const caps::connection &connected() {
        if (!server_) {
            server_ = me_->connect(service_name, {.uid = server_uid_,
                                                  .until = std::chrono::seconds(30),
                                                  .verdict = std::chrono::seconds(30)});
            generation_ = 0; // another one's numbers
        }
        return server_;
    }

  private:
    using cache = std::unordered_map<std::string, std::optional<entry>>;

    std::vector<const entry *> try_look_up(operation what, std::span<const std::string> keys) {
        const std::uint64_t now = connected().generation();
        if (now != generation_) {
            forget();
            generation_ = now;
            tally_.generations++;
        }
        cache &known = known_[what];
        std::vector<std::string_view> missing;
        for (const std::string &key : keys)
            if (!known.contains(key))
                missing.push_back(key);
        for (std::span<const std::string_view> rest = missing; !rest.empty();) {
            const auto some = rest.first(std::min(rest.size(), batch_limit));
            ask(what, some, known);
            rest = rest.subspan(some.size());
        }
        tally_.misses += missing.size();
        tally_.hits += keys.size() - missing.size();
        std::vector<const entry *> found;
        found.reserve(keys.size());
        for (const std::string &key : keys) {
            const auto &one = known.at(key);
            found.push_back(one ? &*one : nullptr);
        }
        return found;
    }

    void ask(operation what, std::span<const std::string_view> keys, cache &known) {
        std::string question;
        for (const std::string_view key : keys)
            question.append(key).append("\n");
        const auto answer = server_.call({.operation = what, .body = question}, room_);
        tally_.calls++;
        const auto lines = split(answer.text(), '\n');
        if (answer.status() != 0 || answer.truncated() || lines.size() != keys.size())
            throw std::runtime_error("the user database gave no proper answer");
        for (std::size_t i = 0; i < keys.size(); ++i)
            known.insert_or_assign(std::string(keys[i]), entry::parse(lines[i]));
    }

    caps::unowned<caps::actor> me_;
    std::uint32_t server_uid_;
    caps::connection server_;
    std::uint64_t generation_ = 0;
    tally tally_{};
    std::vector<char> room_;
    std::array<cache, 2> known_; // by name, by uid; also who does not exist
};

} // namespace user_database

#endif
