# SPDX-License-Identifier: MIT
# The files of libcapsdfly, for it and for the benchmark, which has them
# compiled in.
set(dragonfly_sources
    address.cpp calls.cpp command.cpp delivery.cpp device.cpp kept.cpp open.cpp port.cpp
    process.cpp sending.cpp upcall.cpp)
list(TRANSFORM dragonfly_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/src/)
