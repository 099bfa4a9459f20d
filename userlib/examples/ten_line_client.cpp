// SPDX-License-Identifier: MIT
// Asks ten_line_server.cpp: ten_line_client WORD [UID OF THE SERVER]
#include <caps/caps.hpp>

#include <cstdlib>
#include <iostream>

int main(int count, char *words[]) {
    auto me = caps::actor::open();
    auto server = count > 2 ? me.connect("capitals", {.uid = unsigned(std::atoi(words[2]))})
                            : me.connect("capitals");
    std::array<char, 4096> text;
    auto reply = server.call({.body = count > 1 ? words[1] : "hello"}, text);
    std::cout << reply.text() << '\n';
    return 0;
}
