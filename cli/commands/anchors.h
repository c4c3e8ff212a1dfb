#pragma once
#include <string>

#include "cli/command.h"

namespace govctl::cli {
const View& anchor_view();
// Each as a JSON line: appended to the file `to` and on disk when this returns; to "journald"; or, after a '|',
// to the stdin of a shell command, whose failure is this one's.
Result<void> send_anchors(const Json& anchors, const std::string& to);
}  // namespace govctl::cli
