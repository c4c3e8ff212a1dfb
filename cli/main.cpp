// govctl: the terminal (cli/tree.cpp is the tree of commands).

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "cli/pager.h"
#include "cli/run.h"

namespace {
int rows_of_terminal() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}
}  // namespace

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
      .rows = rows_of_terminal(),
      .page = govctl::cli::show_through,
      .pause =
          [] {
            std::this_thread::sleep_for(std::chrono::seconds(2));
            return std::cout.good();
          },
  };
  return govctl::cli::run(std::vector<std::string>(argv + 1, argv + argc), terminal);
}
