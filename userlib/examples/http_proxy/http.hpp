// SPDX-License-Identifier: MIT
// As much of HTTP as http_proxy needs: heads of requests without a body, and responses.
#ifndef HTTP_PROXY_HTTP_HPP
#define HTTP_PROXY_HTTP_HPP

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace http_proxy {

struct request {
    unsigned refused = 0; ///< with this status; else 0
    bool keep_alive = false;
    bool head = false;
    std::string target{};
};

struct response {
    unsigned status = 200;
    std::string body{};
    std::string_view type = "text/plain";
};

inline std::string_view reason(unsigned status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "";
    }
}

inline bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// Takes what is before the separator, and the separator, from the text.
inline std::string_view take(std::string_view &text, std::string_view separator) {
    const auto at = std::min(text.find(separator), text.size());
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(std::min(at + separator.size(), text.size()));
    return before;
}

inline std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A head up to the empty line that ends it.
inline request parse(std::string_view head) {
    std::string_view line = take(head, "\r\n");
    const std::string_view method = take(line, " "), target = take(line, " ");
    if (line != "HTTP/1.0" && line != "HTTP/1.1")
        return {line.starts_with("HTTP/") ? 505U : 400U};
    if (!target.starts_with('/'))
        return {400};
    if (target.size() > 256)
        return {414};
    request parsed{.keep_alive = line == "HTTP/1.1", .head = method == "HEAD"};
    while (!head.empty()) {
        std::string_view value = take(head, "\r\n");
        if (value.empty())
            break;
        const std::string_view name = take(value, ":");
        value = trimmed(value);
        if (same(name, "connection") && same(value, "close"))
            parsed.keep_alive = false;
        else if (same(name, "connection") && same(value, "keep-alive"))
            parsed.keep_alive = true;
        else if (same(name, "transfer-encoding") || (same(name, "content-length") && value != "0"))
            return {413}; // nobody here has use for a body
    }
    if (method != "GET" && method != "HEAD")
        return {405};
    parsed.target = target;
    return parsed;
}

inline std::string written(const response &with, bool head, bool keep_alive) {
    return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}"
                       "Connection: {}\r\n\r\n{}",
                       with.status, reason(with.status), with.type, with.body.size(),
                       with.status == 405 ? "Allow: GET, HEAD\r\n" : "",
                       keep_alive ? "keep-alive" : "close", head ? "" : with.body);
}

} // namespace http_proxy

#endif
