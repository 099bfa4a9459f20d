// SPDX-License-Identifier: MIT
// A Markdown table, aligned so that it reads well as it is.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bench {

class table {
  public:
    explicit table(std::vector<std::string> header) : header_(std::move(header)) {}

    void add_column(const std::string &name) { header_.push_back(name); }
    void add_row(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.empty(); }

    std::string text() const {
        if (rows_.empty())
            return {};
        std::string all = line(header_);
        for (std::size_t i = 0; i < header_.size(); i++)
            all += i == 0 ? "|" + std::string(width(i) + 2, '-')
                          : "|" + std::string(width(i) + 1, '-') + ":";
        all += "|\n";
        for (const auto &row : rows_)
            all += line(row);
        return all;
    }

  private:
    std::size_t width(std::size_t column) const {
        std::size_t widest = header_[column].size();
        for (const auto &row : rows_)
            widest = std::max(widest, row[column].size());
        return widest;
    }

    // The first column to the left, numbers to the right.
    std::string line(const std::vector<std::string> &row) const {
        std::string text;
        for (std::size_t i = 0; i < row.size(); i++) {
            const std::string space(width(i) - row[i].size(), ' ');
            text += i == 0 ? "| " + row[i] + space + " " : "| " + space + row[i] + " ";
        }
        return text + "|\n";
    }

    std::vector<std::string> header_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace bench
