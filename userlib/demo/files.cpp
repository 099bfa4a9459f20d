// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>

namespace demo {

namespace {

void ok(int result) {
    if (result != 1)
        throw std::runtime_error("OpenSSL refuses to digest");
}

} // namespace

sha256::sha256() : context_(EVP_MD_CTX_new()) {
    ok(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr));
}

void sha256::update(std::span<const std::byte> data) {
    ok(EVP_DigestUpdate(context_, data.data(), data.size()));
}

void sha256::finish(std::uint8_t (&digest)[32]) {
    ok(EVP_DigestFinal_ex(context_, digest, nullptr));
    ok(EVP_DigestInit_ex(context_, nullptr, nullptr));
}

mapped_file::mapped_file(const std::string &path) {
    caps::descriptor fd(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), path.c_str()));
    struct stat status;
    check(fstat(fd.get(), &status), path.c_str());
    auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0)
        return;
    void *place = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
    if (place == MAP_FAILED)
        fail("mapping " + path);
    content_ = {static_cast<std::byte *>(place), size};
}

mapped_file::~mapped_file() {
    if (!content_.empty())
        munmap(content_.data(), content_.size());
}

std::vector<real_file> load_files(const std::string &list, std::size_t largest) {
    std::ifstream input(list);
    if (!input)
        fail(list);
    auto folder = std::filesystem::path(list).parent_path();
    std::vector<real_file> files;
    std::string line;
    while (std::getline(input, line)) {
        // 64 digits, a space, a space or a star, the name.
        if (line.size() < 67 || line.find_first_not_of("0123456789abcdef") != 64)
            throw std::runtime_error("not a line of sha256sum: " + line);
        auto path = folder / line.substr(66);
        if (std::filesystem::file_size(path) > largest)
            continue;
        files.push_back({path, line.substr(0, 64), mapped_file(path)});
    }
    if (files.empty())
        throw std::runtime_error("no files in " + list);
    return files;
}

bool right(const real_file &file, const digest_answer &got) {
    std::string hex;
    for (auto byte : got.digest)
        fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
    return hex == file.expected;
}

} // namespace demo
