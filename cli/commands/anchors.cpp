#include "cli/commands/anchors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"TABLE", "table"},
                             Column{"SEQ", "seq", Show::number},
                             Column{"SUM", "sum", Show::number},
                             Column{"SIGNED", "created_at", Show::time},
                             Column{"HASH", "hash"},
                             Column{"ORG", "org", Show::text, true},
                             Column{"SIGNATURE", "signature", Show::text, true}};
constexpr View view{"hash", columns, ""};

Result<void> append_to_file(const std::string& file, const std::string& lines) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && write(fd, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) && fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) close(fd);
  if (written) return {};
  return fail(Code::invalid, fmt::format("--to: {} cannot be appended to: {}", file, std::strerror(why)));
}

Result<void> send_to_command(const std::string& command, const std::string& lines) {
  // A command that ends before it has read everything says so by its exit code.
  auto* const broken = signal(SIGPIPE, SIG_IGN);
  FILE* const pipe = popen(command.c_str(), "we");
  if (pipe == nullptr) return fail(Code::invalid, fmt::format("--to: '{}' cannot be run", command));
  const bool written = fwrite(lines.data(), 1, lines.size(), pipe) == lines.size();
  const int status = pclose(pipe);
  signal(SIGPIPE, broken);
  if (written && status == 0) return {};
  return fail(Code::upstream_failed,
              fmt::format("--to: '{}' failed with exit code {}; the anchors are made all the same", command,
                          WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

}  // namespace

const View& anchor_view() { return view; }

Result<void> send_anchors(const Json& anchors, const std::string& to) {
  std::string lines;
  for (const auto& anchor : anchors) lines += anchor.dump() + "\n";
  if (to == "journald") return send_to_command("exec systemd-cat -t govctl-anchor", lines);
  if (to.starts_with('|')) return send_to_command(to.substr(1), lines);
  return append_to_file(to, lines);
}

}  // namespace govctl::cli
