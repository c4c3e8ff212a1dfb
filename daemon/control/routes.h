#pragma once
// The one table of routes: what is not in it does not exist. A row is method, pattern, permission, handler, and
// what it takes and answers, from which /openapi.json is made.

#include <array>
#include <span>
#include <string_view>

#include "daemon/control/context.h"

namespace govctl::control {

// Which permission a route needs. It has no default: a row that does not say it does not compile.
struct Needs {
  explicit consteval Needs(Permission wanted) : permission(wanted) {}
  Permission permission;
};

using Schema = Json (*)();
using Handler = Answer (*)(Request&);
using Names = std::array<std::string_view, 8>;  // the first empty one ends the list

enum class Shape : std::uint8_t {
  object,
  list,       // takes limit and cursor
  versioned,  // a change or deletion of something that has a version: takes If-Match
  text,       // answers no JSON object of ours
};

struct Route {
  std::string_view method, pattern;
  Needs needs;
  Handler handler = nullptr;
  std::string_view summary;
  Schema body = nullptr;    // null: takes none
  Schema answer = nullptr;  // null: not JSON
  int status = 200;
  Shape shape = Shape::object;
  Names query{};
  std::size_t largest_body = std::size_t{1} << 20;

  [[nodiscard]] constexpr bool writes() const { return method != "GET"; }
  // What the query may hold, with what its shape adds.
  [[nodiscard]] bool takes(std::string_view name) const;
};

std::span<const Route> routes();

}  // namespace govctl::control
