// govctl: the terminal (cli/tree.cpp is the tree of commands).

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/run.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  govctl::cli::Terminal terminal{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .in_is_tty = isatty(STDIN_FILENO) == 1,
      .out_is_tty = isatty(STDOUT_FILENO) == 1,
      .err_is_tty = isatty(STDERR_FILENO) == 1,
      .env = [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
  };
  return govctl::cli::run(std::vector<std::string>(argv + 1, argv + argc), terminal);
}
