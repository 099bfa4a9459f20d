// SPDX-License-Identifier: MIT
// The four acts. Each starts its roles, listens to them, shows what they counted
// and pronounces its verdict; what goes wrong on the way is thrown.
#pragma once

#include "cast.hpp"
#include "report.hpp"

namespace demo {

/// What the acts have in common.
class stage {
  public:
    stage(report &report, const people &cast_, std::string sums_)
        : out(report), cast(cast_), sums(std::move(sums_)) {}

    report &out;
    const people cast;
    const board counters = board::create();
    const std::string sums; ///< of the real files

    /// With the next free place on the board.
    part role(uid_t uid) { return {uid, next_slot_++ % board::slots, cast}; }

    /// Some roles' progress together.
    std::uint64_t done(const std::vector<player> &players) const {
        std::uint64_t sum = 0;
        for (const auto &p : players)
            sum += counters[p.slot()];
        return sum;
    }

  private:
    unsigned next_slot_ = 0;
};

/// A call that has not ended by then hangs.
constexpr std::chrono::seconds curtain{60};

void act_digests(stage &on);
void act_restart(stage &on);
void act_flood(stage &on);
void act_hostile(stage &on);

} // namespace demo
