# Compiler settings and helpers shared by all folders.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(MOM_CCACHE ccache)
if(MOM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MOM_CCACHE})
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now)
if(MOM_SANITIZE)
  add_compile_options(-fsanitize=${MOM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MOM_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

if(MOM_FUZZ)  # What libFuzzer counts as new is code of ours that ran.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings as errors for what we wrote; generated and third-party code keeps its own.
function(mom_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wformat-security -Werror)
  if(MOM_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # GCC 12 then sees uninitialised variables in Boost that are none.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  if(MOM_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-error=tsan)
  endif()
endfunction()

# mom_library(name SOURCES... ): one static library a folder, include paths from the root.
function(mom_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  mom_warnings(${name})
endfunction()

function(mom_executable name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  mom_warnings(${name})
endfunction()

# mom_test(name LIBS a b SOURCES x.cc y.cc): a GoogleTest binary whose cases ctest knows one by one.
function(mom_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LIBS;SOURCES" ${ARGN})
  mom_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest GTest::gtest_main Threads::Threads)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()
