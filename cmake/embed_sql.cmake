# cmake -DFROM=<folder> -DTO=<file.cpp> -P embed_sql.cmake
# Writes the migrations <kind>-<number>.sql of a folder as one table in C++, in the order of kind and number.
file(GLOB files ${FROM}/*.sql)
list(SORT files)
set(rows "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^(org|catalog)-([0-9][0-9][0-9][0-9])$")
    message(FATAL_ERROR "${file} is not named <org|catalog>-<4 digits>.sql")
  endif()
  set(kind ${CMAKE_MATCH_1})
  string(REGEX REPLACE "^0+" "" number ${CMAKE_MATCH_2})
  file(READ ${file} sql)
  string(APPEND rows "    {FileKind::${kind}, ${number}, R\"sql(${sql})sql\"},\n")
endforeach()
file(WRITE ${TO} "// Made from daemon/store/migrations/*.sql by cmake/embed_sql.cmake.
#include \"daemon/store/migrations.h\"

// The prices that ship are longer than what the standard has every compiler take.
#pragma clang diagnostic ignored \"-Woverlength-strings\"

namespace govctl::store {
namespace {
constexpr Migration table[] = {
${rows}};
}  // namespace

std::span<const Migration> migrations() { return table; }

}  // namespace govctl::store
")
