// SPDX-License-Identifier: MIT
// The end that is asked: available for a client, or connected with one.
//
//   available --application--> applied --accepted--> waiting --request--> serving
//       ^                         |                     ^                     |
//       +----rejected, gone-------+                     +------answered-------+
//
// Available and waiting are "in midst I/O". Who it talks to is the kernel's doing: the port is
// registered for one client (CAPS_REGISTER_SINGLE), or there is one capability to it.
//
// A request that is larger than the posted buffer stays in the client's memory, or in the
// kernel. With IO_INSTALLMENTS the server gets it piece by piece (CAPS_GET_DATA), each by an
// answer that the client sees nothing of; the answer to the last piece is the client's.
#pragma once

#include "inlet.hpp"

namespace venter {

class server : public end {
  public:
    /// @a options are those of its port, and change.
    server(process &home, const std::atomic<unsigned> &options)
        : home_(home), options_(options), inlet_(home) {}
    ~server() override;

    /// For a client that will open this process, under its name.
    int make_available(int number, const parameters &p);
    /// For one that has a capability to this port of the kernel's.
    void be_connected(std::uint64_t handle, std::uint64_t cookie);

    int initiate(const parameters &p) override;
    int complete(parameters &p, waiting how) override;
    int exchange(parameters &p) override;
    bool is_worth_trying() const override;
    bool has_ended() const override { return state_ == state::ended; }

    inlet &in() { return inlet_; }

  private:
    enum class state { fresh, available, applied, waiting, serving, piece, gone, ended };
    /// Nothing for the program has come yet.
    static constexpr int nothing = -EAGAIN;

    void post(const parameters &p, state next);
    int check_posted(const parameters &p) const;

    int prepare(const parameters &p, caps_reply &reply);
    int prepare_verdict(const parameters &p, caps_reply &reply);
    int prepare_answer(const parameters &p, caps_reply &reply);
    int after_answer(const parameters &p, int error);
    bool continues(const parameters &p) const;

    int take(message &m, parameters &p);
    int take_application(const message &m, parameters &p);
    int take_request(message &m, parameters &p);
    int take_rest(message &m, parameters &p);
    int take_piece(parameters &p);
    int refuse(const message &m, int error);
    int fetch(std::uint64_t offset, std::size_t size);
    void finish(std::uint64_t id);
    void describe(const message &m, io_application &who) const;

    process &home_;
    const std::atomic<unsigned> &options_;
    inlet inlet_;
    state state_ = state::fresh;
    input input_;
    bool connected_ = false;

    // The application or request that is to be answered.
    std::uint64_t held_ = 0;
    unsigned operation_ = 0;
    std::uint64_t address_ = 0;
    std::uint64_t room_ = 0;
    std::uint64_t size_ = 0;  // of all of it
    std::uint64_t given_ = 0; // to the program
    answer_annex annex_{};
    caps_verdict verdict_{};
};

} // namespace venter
