#include "cli/shell.h"

namespace govctl::cli {

std::string command_line(const std::vector<std::string>& words) {
  std::string line = "govctl";
  for (const auto& word : words) line += " " + shell_quoted(word);
  return line;
}
}  // namespace govctl::cli
