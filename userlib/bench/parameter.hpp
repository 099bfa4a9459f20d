// SPDX-License-Identifier: MIT
// One of the module's parameters, changed for a while.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

namespace bench {

class parameter {
  public:
    parameter(const std::string &name, const std::string &value)
        : path_("/sys/module/caps/parameters/" + name) {
        std::ifstream(path_) >> before_;
        set(value);
    }
    ~parameter() { std::ofstream(path_) << before_; }
    parameter(const parameter &) = delete;
    parameter &operator=(const parameter &) = delete;

  private:
    void set(const std::string &value) const {
        std::ofstream out(path_);
        out << value;
        if (!out.flush())
            throw std::runtime_error("cannot write " + path_);
    }

    std::string path_;
    std::string before_;
};

} // namespace bench
