// SPDX-License-Identifier: MIT
// The real files that the demo works on, and what their digests must be.
#pragma once

#include "common.hpp"

#include <openssl/evp.h>
#include <span>
#include <vector>

namespace demo {

/// SHA-256, by OpenSSL.
class sha256 {
  public:
    sha256();
    sha256(const sha256 &) = delete;
    sha256 &operator=(const sha256 &) = delete;
    ~sha256() { EVP_MD_CTX_free(context_); }

    void update(std::span<const std::byte> data);
    /// Ends this digest and begins the next.
    void finish(std::uint8_t (&digest)[32]);

  private:
    EVP_MD_CTX *context_;
};

/// A file in memory, read in beforehand: what is measured is not the disk.
class mapped_file {
  public:
    explicit mapped_file(const std::string &path);
    mapped_file(mapped_file &&other) noexcept : content_(std::exchange(other.content_, {})) {}
    mapped_file &operator=(mapped_file &&) = delete;
    ~mapped_file();

    std::span<const std::byte> content() const { return content_; }

  private:
    std::span<std::byte> content_;
};

struct real_file {
    std::string path;
    std::string expected; ///< the digest in hexadecimal, from sha256sum
    mapped_file data;
};

/// The files that @list names, which sha256sum wrote; paths are relative to it.
/// Those larger than @largest are left out.
std::vector<real_file> load_files(const std::string &list, std::size_t largest = SIZE_MAX);

/// Is it what sha256sum said?
bool right(const real_file &file, const digest_answer &got);

} // namespace demo
