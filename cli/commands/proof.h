#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace govctl::cli {
// The tables of a report, the faults, and the verdict, as lines.
std::string report_text(const Json& report, const Settings& settings);
// Has the daemon verify `org`, or everything, and reports on the tables called `table` (empty: all). What is
// found is the answer, with exit code 2.
Result<Answer> prove(Session& s, const std::optional<std::string>& org, std::string_view table);
}  // namespace govctl::cli
