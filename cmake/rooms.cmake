# One folder = one static library: govctl_room(NAME [FOLDERS sub…] [LINK targets…]) compiles every .cpp of the folder it is
# called in, and of the named folders below it, into govctl_<NAME>. A new file needs no edit here.

# nlohmann/json and asio cost 4 s a file without this.
add_library(govctl_pch OBJECT ${CMAKE_CURRENT_LIST_DIR}/pch.cpp)
target_precompile_headers(govctl_pch PRIVATE <algorithm> <array> <chrono> <cstdint> <expected> <functional> <map>
                          <memory> <mutex> <optional> <string> <string_view> <unordered_map> <vector>
                          <nlohmann/json.hpp> <boost/asio.hpp> <fmt/format.h>)
target_link_libraries(govctl_pch PRIVATE fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)

function(govctl_room name)
  cmake_parse_arguments(ROOM "" "" "LINK;FOLDERS" ${ARGN})
  set(globs ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder ${ROOM_FOLDERS})
    list(APPEND globs ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${globs})
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(govctl_${name} STATIC ${sources})
  target_precompile_headers(govctl_${name} REUSE_FROM govctl_pch)
  target_link_libraries(govctl_${name} PUBLIC fmt::fmt nlohmann_json::nlohmann_json Threads::Threads ${ROOM_LINK})
endfunction()
