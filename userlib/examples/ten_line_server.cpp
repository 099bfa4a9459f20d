// SPDX-License-Identifier: MIT
// Says back in capitals whatever it is asked. See ten_line_client.cpp.
#include <caps/caps.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>

int main() {
    auto me = caps::actor::open();
    auto door = me.create_port();
    auto name = door.register_service("capitals", {.world = true});
    std::cout << "serving " << name.name() << std::endl;
    std::array<char, 4096> text{};
    caps::received question; // none at first: then only receives
    for (;;) {
        door.reply_receive(question, {.body = question.body()}, text);
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
    }
}
