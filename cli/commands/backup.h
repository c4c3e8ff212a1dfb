#pragma once
// One org's backup, as `org export` and `org import`.

#include "cli/command.h"

namespace govctl::cli {
Action export_org(Arguments& a);
Action import_org(Arguments& a);
}  // namespace govctl::cli
