#pragma once
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/terminal.h"

namespace govctl::cli {

// A command line taken apart: which command, and what is left for it.
struct Line {
  const Noun* noun = nullptr;
  const Command* command = nullptr;
  bool help = false;
  std::vector<std::string> rest;
};
// Finds noun and verb; the options of every command may stand before and between them.
Result<Line> take_apart(const std::vector<std::string>& words);

// Runs one command line (without the program's name) and gives the exit code of 50-cli.md.
int run(const std::vector<std::string>& words, Terminal& terminal);

}  // namespace govctl::cli
