#pragma once
#include <string>

namespace govctl::cli {
// Runs the shell command with `text` on its stdin and waits for its end; LESS=FRX unless the user has set it. A
// reader who leaves early is no fault. False: it could not be started, or was not found.
bool show_through(const std::string& command, const std::string& text);
}  // namespace govctl::cli
