// SPDX-License-Identifier: MIT
// What other actors may have this one do, if they have its capability.
//
// A thread that receives from the actor's kernel default port, which Chorus programs do not see.
// It is a service under the actor's unique identifier. Each request carries the key that makes
// of the identifier a capability; without it nothing is done. Notices of the kernel that belong
// to no port of the program arrive there too.
#pragma once

#include "command.hpp"

#include <chTypes.h>

#include <mutex>

namespace chorus {

class actor;
class thread;

enum class request_kind : std::uint32_t {
    port_create = 1,
    port_declare,
    port_delete,
    port_enable,
    port_disable,
    port_sequence,
    thread_abort,
    port_migrate, // to the actor @other
    port_accept,  // answered with a capability by which a port can come
    port_settle,  // of one that has come
    port_pi,
    actor_pi,
    group_send,   // answered with a capability to send to @ui
    group_change, // with one to change it, by the key in @other
    group_join,   // the port @ui, which has come, is in @other
};

struct agent_request {
    request_kind kind;
    std::int32_t li{}; // of a port or thread
    std::int32_t argument{};
    std::uint32_t reserved{};
    KnCap object{}; // the actor, with its key
    KnUniqueId ui{};
    KnCap other{};
    KnProtId pi{};
    std::uint16_t set_pi{}; // else it is only asked for
};

struct agent_answer {
    std::int32_t result;
    std::uint32_t value{};
    KnUniqueId ui{};
    KnProtId pi{};
    std::uint16_t reserved{};

    /// The above is told. This goes along, as whoever asked may use it; then it is in his table.
    static constexpr std::size_t told = 24;
    caps_transfer along{};
};
static_assert(offsetof(agent_answer, along) == agent_answer::told);

class agent {
  public:
    explicit agent(actor &home) : home_(home) {}

    /// From now on requests about @a name are served. 0 or a negative errno.
    int serve(KnUniqueId name);
    /// Those that are there, and notices.
    int start();

  private:
    static void *run(void *me);
    void serve_forever();
    struct errand;
    static void *run_errand(void *errand_to_run);
    void notice(const caps_header &header);
    void serve(const caps_header &header, const agent_request &request);
    bool may_ask(const agent_request &request) const;
    void answer(const caps_header &header, agent_answer said);
    agent_answer perform(const caps_header &header, const agent_request &request);
    static int exchange_pi(const caps_header &header, const agent_request &request, KnProtId &old);
    int settle(const caps_header &header, const agent_request &request);

    actor &home_;
    std::mutex lock_;
    bool started_ = false;
};

/// One call of an agent that was connected to. 0 or a negative errno. A capability has come along
/// only if that kind of request was granted, and is then of the right type.
int call_agent(int device, std::uint64_t to, const agent_request &request, agent_answer &said);

/// Has the actor whose capability that is do something. What it answers, or an error.
agent_answer ask(thread &self, const KnCap &whom, agent_request request);

} // namespace chorus
