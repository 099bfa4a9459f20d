// SPDX-License-Identifier: MIT
// The end that asks: a capability to a server's port.
//
// IO() is a call. What is initiated is an asynchronous call, whose answer comes to a port of
// the client's own. If the server says that it has given a piece (IO_MORE), the same request is
// made again for what comes after it, and the program sees one answer.
#pragma once

#include "inlet.hpp"

namespace venter {

class client : public end {
  public:
    client(process &home, int number, std::uint64_t capability, std::uint64_t operations)
        : home_(home), number_(number), capability_(capability), operations_(operations),
          inlet_(home) {}
    ~client() override;

    int initiate(const parameters &p) override;
    int complete(parameters &p, waiting how) override;
    int exchange(parameters &p) override;
    bool is_worth_trying() const override { return inlet_.has_handed(); }
    std::uint64_t operations() const override { return operations_; }

    inlet &in() { return inlet_; }

  private:
    int begin(const parameters &p);
    int call(const parameters &p, std::size_t out_len);
    int send(const parameters &p, std::size_t out_len);
    char *place() const { return input_.data() + got_; }
    std::size_t room() const { return input_.room() - got_; }

    int take(const message &m);
    int take_reply(const message &m);
    int take_answer(std::int32_t status, const message &m, std::uint64_t size);
    int finish(int error, parameters &p) const;

    process &home_;
    int number_;
    std::uint64_t capability_;
    std::uint64_t operations_;
    inlet inlet_;
    input input_;
    parameters asked_;
    std::size_t got_ = 0; // bytes of input, in all pieces

    answer_annex answer_{};
    std::uint64_t call_ = 0; // asynchronous, its answer has not come
};

} // namespace venter
