#pragma once
// Finds the route of a request. Patterns are "/orgs/{org}/balance"; segments are matched first and
// percent-decoded after, so that an encoded slash stays inside its segment. A literal beats a parameter.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::http {

// Percent-decodes; nullopt on a broken escape or a NUL.
std::optional<std::string> percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);

struct QueryParameter {
  std::string name;
  std::string value;
};
// "a=1&b=x%20y" (also '+' for space). invalid on a broken escape or a name that stands twice.
Result<std::vector<QueryParameter>> parse_query(std::string_view query);

class Router {
 public:
  // `index` is what match() returns; the caller's row number.
  void add(std::string_view method, std::string_view pattern, std::size_t index);

  struct Match {
    std::size_t index = 0;
    std::vector<std::string> parameters;  // decoded, in the pattern's order
  };
  // not_found, or method_not_allowed with `details` {"allow":["GET",…]}.
  [[nodiscard]] Result<Match> match(std::string_view method, std::string_view path) const;

 private:
  struct Row {
    std::string method;
    std::vector<std::string> segments;  // "{…}" is a parameter
    std::size_t index;
  };
  std::vector<Row> rows_;
};

}  // namespace govctl::http
