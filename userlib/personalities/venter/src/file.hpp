// SPDX-License-Identifier: MIT
// A file or a device: an I/O is a pread or pwrite at the address, where there are such, and
// happens when it is completed. The output is written whole or the I/O fails; input is what one
// read gives, 0 bytes at the end.
#pragma once

#include "end.hpp"

namespace venter {

class file : public end {
  public:
    /// Owns @a descriptor, which is set not to wait.
    file(int descriptor, std::uint64_t operations, std::atomic<int> &told);
    ~file() override;

    int initiate(const parameters &p) override;
    int complete(parameters &p, waiting how) override;
    bool is_worth_trying() const override { return true; }
    int descriptor() const override { return descriptor_; }
    std::uint64_t operations() const override { return operations_; }
    short awaited() const override;

  private:
    int step();
    int read_once();
    int write_some();

    int descriptor_;
    std::uint64_t operations_;
    std::atomic<int> &told_; // for a forked child, which closes it
    bool seekable_;
    parameters asked_;
    input input_;
    std::size_t done_ = 0;
};

} // namespace venter
