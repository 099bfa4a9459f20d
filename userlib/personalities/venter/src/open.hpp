// SPDX-License-Identifier: MIT
// What the name of an object means: with a '/' it is a path, else a service.
//
// A service is that of the own user, else of root; NAME@UID is that of another one. A path can
// lead to a service, too: to a small file with its name and the user id of its server, which
// must be the file's owner, so nobody can lead others to his server by a file of another's.
#pragma once

#include "family.hpp"

namespace venter {

/// 0 or a negative errno.
int open_object(const process &home, const char *object, std::uint64_t desired, int milliseconds,
                opening &it);
int publish(const char *name, const char *path);

} // namespace venter
