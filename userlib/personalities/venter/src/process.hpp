// SPDX-License-Identifier: MIT
// This process and its ports: all the state that the library keeps is in here.
//
// It comes into being with the first call, and lives until the process ends. A forked child
// begins anew, with all ports closed: see fork() in process.cpp.
#pragma once

#include "command.hpp"
#include "end.hpp"
#include "family.hpp"

#include <array>
#include <mutex>
#include <string>

namespace venter {

class inlet;
struct message;

/// One of the numbers that the program knows.
struct port {
    std::mutex use;          // by the thread that is at it, for the whole of an I/O
    std::unique_ptr<end> at; // none: it is closed
    std::atomic<unsigned> options{0};
    std::atomic<int> descriptor{-1}; // of its file
};

class process {
  public:
    /// Null where there is no device.
    static process *mine();

    int device() const { return device_; }
    family &relatives() { return relatives_; }
    void close_capability(std::uint64_t handle) const;
    /// That of a port of the kernel's for this one; no two are equal.
    std::uint64_t new_cookie(int number);
    void close_files();

    // --- its ports ---

    /// Null if there is no such.
    port *find(int number);
    /// To be at it; not if another thread is.
    std::unique_lock<std::mutex> enter(port &here);
    /// What the port is opened on from now on; the caller is at it.
    void install(port &here, std::unique_ptr<end> at);
    /// Those to which messages for any port are handed.
    void remember(inlet &it);
    void forget(const inlet &it);

    /// The one that completes first of those that other threads are not at.
    int complete_any(int &number, parameters &p, waiting how);
    /// Those who do that are to look again, at ports that no other thread is at now.
    void wake_any();

    // --- the server that it is ---

    int become_server(const char *name);
    int register_name(std::uint64_t handle, unsigned flags);
    std::string server_name();

  private:
    explicit process(int device) : device_(device), relatives_(*this) {}
    static process *create();

    struct survey;
    survey look(int &number, parameters &p);
    int receive_any(waiting how);
    int start_bell();
    void pass_on(const message &it);

    static constexpr std::uint64_t ports_ = IO_PORTS + 1;

    int device_;
    family relatives_;
    std::array<port, ports_> table_;
    std::atomic<int> highest_{0};
    std::atomic<std::uint64_t> cookies_{0};

    std::atomic<int> waiting_for_any_{0};
    std::atomic<unsigned> turn_{0};
    std::atomic<std::uint64_t> bell_{0};
    std::atomic<int> files_{0}; // open ones

    std::mutex looking_; // while a thread that waits for any port tries them
    std::mutex inlets_lock_;
    std::array<inlet *, ports_> inlets_{};
    std::mutex lock_;
    std::string name_; // set once
};

} // namespace venter
