# SPDX-License-Identifier: MIT
# The files of libcapschorus, for it and for the benchmark, which has them
# compiled in.
set(chorus_sources
    actor.cpp agent.cpp command.cpp current.cpp directory.cpp
    group_calls.cpp group_send.cpp groups.cpp handler.cpp ipc.cpp migrate_calls.cpp outgoing.cpp port_calls.cpp
    ports.cpp thread.cpp ui.cpp watcher.cpp)
list(TRANSFORM chorus_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/src/)
