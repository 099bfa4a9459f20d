// SPDX-License-Identifier: MIT
// What a program outside the tree does with the library where there may be no device.
#include <caps/caps.hpp>

#include <iostream>

// Compiled, not run: both twins of the operations link with whatever -std this is.
std::string ask(const caps::actor &actor) {
    std::string room(100, '\0');
    const caps::result<caps::connection> server = actor.try_connect("clock");
    if (!server)
        return server.error().message();
    return std::string(server->call({.body = {"what ", "time?"}}, room).text());
}

int main(int count, char **) {
    if (count > 1)
        std::cout << ask(caps::actor::open());
    const auto opened = caps::actor::try_open("/nowhere");
    try {
        caps::actor::open("/nowhere");
    } catch (const caps::error &caught) {
        std::cout << CAPSUSER_VERSION << ": " << caught.what() << '\n';
        return !opened && opened.error() == std::errc::no_such_file_or_directory ? 0 : 1;
    }
    return 2;
}
