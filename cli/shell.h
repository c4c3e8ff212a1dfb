#pragma once
#include <string>
#include <vector>

#include "common/shell.h"

namespace govctl::cli {
// "govctl org delete acme", ready to be pasted.
std::string command_line(const std::vector<std::string>& words);
}  // namespace govctl::cli
