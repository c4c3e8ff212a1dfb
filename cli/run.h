#pragma once
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace govctl::cli {

// Runs one command line (without the program's name) and gives the exit code of 50-cli.md.
int run(const std::vector<std::string>& words, Terminal& terminal);

}  // namespace govctl::cli
