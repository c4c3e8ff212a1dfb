#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "common/api/fields.h"

namespace govctl::cli {
// One line of govd's log for people: "2026-11-21T09:30:00Z warn  message  name=value". A line that is not JSON
// (the last words of a crash) stays as it is.
std::string log_line(std::string_view raw, bool color);
// 0 debug, 1 info, 2 warn, 3 error; a line without a level counts as an error, so that none hides.
int log_level(const api::Json& line);
}  // namespace govctl::cli
