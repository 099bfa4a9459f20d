# SPDX-License-Identifier: MIT
# The files of libcapsventer, for it and for the benchmark, which has them
# compiled in.
set(venter_sources
    any.cpp calls.cpp child.cpp client.cpp family.cpp file.cpp inlet.cpp open.cpp process.cpp
    server.cpp)
list(TRANSFORM venter_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/src/)
