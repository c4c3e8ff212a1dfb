#include "cli/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace govctl::cli {
namespace {

constexpr int not_found = 127;

[[noreturn]] void become(const std::string& command, int read_end) {
  dup2(read_end, STDIN_FILENO);
  setenv("LESS", "FRX", 0);
  execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
  _exit(not_found);
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written <= 0) return;  // the reader has left
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool show_through(const std::string& command, const std::string& text) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  const pid_t child = fork();
  if (child == 0) become(command, ends[0]);
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    return false;
  }
  // The pager takes Ctrl-C for itself, as it does everywhere.
  auto* const interrupted = signal(SIGINT, SIG_IGN);
  auto* const broken = signal(SIGPIPE, SIG_IGN);
  write_all(ends[1], text);
  close(ends[1]);
  int status = 0;
  waitpid(child, &status, 0);
  signal(SIGINT, interrupted);
  signal(SIGPIPE, broken);
  return !(WIFEXITED(status) && WEXITSTATUS(status) == not_found);
}

}  // namespace govctl::cli
