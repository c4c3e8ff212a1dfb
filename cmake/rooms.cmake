# One folder = one static library: govctl_room(NAME [COLD] [FOLDERS sub…] [LINK targets…]) compiles every .cpp of the folder it is
# called in, and of the named folders below it, into govctl_<NAME>. A new file needs no edit here.

# A precompiled header holds the folder that it was made in, and ccache would take what is compiled with it for another
# file in every folder. With this option of clang's the path to it is relative for ccache, and (CCACHE_PCH_EXTSUM) what
# it was made from stands beside it and counts instead of its bytes.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
endif()

# nlohmann/json and asio cost 4 s a file without this. govctl_pch(NAME [HEADERS <more>…] [OPTIONS compile options…]
# [LINK targets…])
function(govctl_pch name)
  cmake_parse_arguments(PCH "" "" "HEADERS;OPTIONS;LINK" ${ARGN})
  set(headers <algorithm> <array> <atomic> <chrono> <cstdint> <expected> <functional> <map> <memory> <mutex> <optional>
              <string> <string_view> <thread> <unordered_map> <vector> <nlohmann/json.hpp> <boost/asio.hpp>
              <fmt/format.h> ${PCH_HEADERS})
  add_library(${name} OBJECT ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/pch.cpp)
  target_precompile_headers(${name} PRIVATE ${headers})
  target_compile_options(${name} PRIVATE ${PCH_OPTIONS})
  target_link_libraries(${name} PRIVATE fmt::fmt nlohmann_json::nlohmann_json Threads::Threads ${PCH_LINK})
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch.sum
       CONTENT "${headers} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} \
${CMAKE_CXX_FLAGS_DEBUG} ${GOVCTL_SANITIZE} ${PCH_OPTIONS} ${Boost_VERSION} ${nlohmann_json_VERSION} ${fmt_VERSION} \
${Catch2_VERSION}")
endfunction()
govctl_pch(govctl_pch)

# Off the path of a call, code is not optimized under sanitizers: that takes half of its compiling.
if(GOVCTL_SANITIZE)
  set(cold_options -O0)
  govctl_pch(govctl_cold_pch OPTIONS ${cold_options})
else()
  set(cold_options)
  add_library(govctl_cold_pch ALIAS govctl_pch)
endif()
function(govctl_cold target)
  target_compile_options(${target} PRIVATE ${cold_options})
  target_precompile_headers(${target} REUSE_FROM govctl_cold_pch)
endfunction()

function(govctl_room name)
  cmake_parse_arguments(ROOM "COLD" "" "LINK;FOLDERS" ${ARGN})
  set(globs ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder ${ROOM_FOLDERS})
    list(APPEND globs ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${globs})
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(govctl_${name} STATIC ${sources})
  if(ROOM_COLD)
    govctl_cold(govctl_${name})
  else()
    target_precompile_headers(govctl_${name} REUSE_FROM govctl_pch)
  endif()
  target_link_libraries(govctl_${name} PUBLIC fmt::fmt nlohmann_json::nlohmann_json Threads::Threads ${ROOM_LINK})
endfunction()
