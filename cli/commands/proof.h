#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace govctl::cli {
// Has the daemon verify `org`, or everything, and reports on the tables called `table` (empty: all). What is
// found is the answer, with exit code 2.
Result<Answer> prove(Session& s, const std::optional<std::string>& org, std::string_view table);
}  // namespace govctl::cli
