# SPDX-License-Identifier: MIT
# personality(LIBRARY NAME DESCRIPTION): the interface of another system over /dev/caps,
# as libLIBRARY and capsuser::NAME, from the sources that sources.cmake lists. It needs
# the ABI's header only, not libcapsuser.

set(personality_cmake ${CMAKE_CURRENT_LIST_DIR})

function(personality library name description)
    include(sources.cmake)
    set(map ${CMAKE_CURRENT_SOURCE_DIR}/src/lib${library}.map)
    # In a directory of their own: the names are not to meet others.
    set(headers ${CMAKE_INSTALL_INCLUDEDIR}/${library})

    add_library(${library}_objects OBJECT ${${name}_sources})
    set_target_properties(${library}_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${library}_objects PUBLIC include PRIVATE ${uapi})

    add_library(${library} SHARED $<TARGET_OBJECTS:${library}_objects>)
    set_target_properties(${library} PROPERTIES EXPORT_NAME ${name}
        VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${map})
    target_link_options(${library} PRIVATE LINKER:--version-script=${map} LINKER:-z,defs)
    add_library(${library}_static STATIC $<TARGET_OBJECTS:${library}_objects>)
    set_target_properties(${library}_static PROPERTIES EXPORT_NAME ${name}_static
        OUTPUT_NAME ${library})
    foreach(target ${library} ${library}_static)
        target_include_directories(${target} PUBLIC
            $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
            $<INSTALL_INTERFACE:${headers}>)
    endforeach()
    add_library(capsuser::${name} ALIAS ${library})
    add_library(capsuser::${name}_static ALIAS ${library}_static)

    install(TARGETS ${library} ${library}_static EXPORT capsuser-targets)
    install(DIRECTORY include/ DESTINATION ${headers})
    configure_file(${personality_cmake}/personality.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${library}.pc
        @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${library}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
