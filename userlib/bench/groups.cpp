// SPDX-License-Identifier: MIT
// Groups of ports, in as many actors. Only the sends are timed: what they have
// queued is taken out in between, so nobody waits for it.
#include "caps_commands.hpp"
#include "mechanisms.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace bench::caps {
namespace {

constexpr unsigned members = 1000;
constexpr std::uint32_t operation = 1;

// More descriptors than a process has without asking.
void allow_descriptors(rlim_t count) {
    const rlimit limit{count, count};
    check(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
}

std::uint64_t import(int fd, int exported) {
    caps_import in{};
    in.fd = exported;
    command(fd, CAPS_IMPORT, in, "CAPS_IMPORT");
    check(close(exported), "close");
    return in.capability;
}

int export_from(int fd, std::uint64_t capability) {
    caps_export out{};
    out.capability = capability;
    command(fd, CAPS_EXPORT, out, "CAPS_EXPORT");
    return out.fd;
}

// An actor that sends, a group of its own, and the members: actors whose
// default ports are enabled.
class club {
  public:
    explicit club(const row &r) : sender_(open_actor()), from_(r.request), to_(r.request) {
        allow_descriptors(members + 64);
        caps_group_create create{};
        command(sender_, CAPS_GROUP_CREATE, create, "CAPS_GROUP_CREATE");
        group_ = create.capability;
        for (unsigned i = 0; i < members; i++)
            join(open_actor());
        message_.operation = operation;
        message_.data = body(from_, r.request);
        receive_.buffer = body(to_, r.request);
    }

    unsigned size() const { return members; }
    void send(std::uint64_t capability, std::uint32_t flags, unsigned reached) {
        message_.capability = capability;
        message_.flags = flags;
        command(sender_, CAPS_SEND, message_, "CAPS_SEND");
        if (message_.reached != reached)
            throw std::runtime_error("caps: not everybody was reached");
    }
    void send_to_group(std::uint32_t flags, unsigned reached) { send(group_, flags, reached); }
    void send_to(unsigned member) { send(ports_[member], 0, 1); }

    // One message from each. What is large is not read, only ended.
    void drain() {
        for (const int fd : actors_) {
            caps_receive it = receive_;
            if (it.buffer.body_len > 4096)
                it.buffer = {};
            command(fd, CAPS_RECEIVE, it, "CAPS_RECEIVE");
            if (it.header.flags & CAPS_HEADER_HELD) {
                caps_discard end{};
                end.id = it.header.id;
                command(fd, CAPS_DISCARD, end, "CAPS_DISCARD");
            }
        }
    }

  private:
    void join(int fd) {
        caps_port_enable enable{};
        enable.capability = CAPS_DEFAULT_PORT;
        command(fd, CAPS_PORT_ENABLE, enable, "CAPS_PORT_ENABLE");
        const std::uint64_t port = import(sender_, export_from(fd, CAPS_DEFAULT_PORT));
        caps_group_member insert{};
        insert.group = group_;
        insert.port = port;
        command(sender_, CAPS_GROUP_INSERT, insert, "CAPS_GROUP_INSERT");
        actors_.push_back(fd);
        ports_.push_back(port);
    }

    int sender_;
    buffer from_, to_;
    std::uint64_t group_ = 0;
    std::vector<int> actors_;
    std::vector<std::uint64_t> ports_; // the sender's capabilities
    caps_send message_{};
    caps_receive receive_{};
};

// One message to each member, however it is sent.
template <typename F>
void measure_sends(const side &self, club &all, F &&send) {
    measure(
        self,
        [&] {
            const std::uint64_t start = now();
            send();
            const std::uint64_t took = now() - start;
            all.drain();
            return took;
        },
        all.size());
}

} // namespace

void send_to_each(const side &self) {
    club all(self.row);
    measure_sends(self, all, [&] {
        for (unsigned i = 0; i < all.size(); i++)
            all.send_to(i);
    });
}

void broadcast(const side &self) {
    club all(self.row);
    measure_sends(self, all, [&] { all.send_to_group(0, all.size()); });
}

// In turn, so each gets one.
void functional(const side &self) {
    club all(self.row);
    measure_sends(self, all, [&] {
        for (unsigned i = 0; i < all.size(); i++)
            all.send_to_group(CAPS_TO_ANY, 1);
    });
}

} // namespace bench::caps
