#include "cli/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace govctl::cli {
namespace {

bool executable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

std::vector<char*> argv_of(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  return argv;
}

// The child's half of start_detached(): only what is allowed between fork and exec. Tells errno through
// `report`.
[[noreturn]] void run_child(const char* program, char* const* argv, int null_fd, int log_fd, int report) {
  setsid();
  dup2(null_fd, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  if (chdir("/") == 0) execv(program, argv);
  const int why = errno;
  const auto told = write(report, &why, sizeof(why));
  _exit(told == sizeof(why) ? 127 : 126);
}

}  // namespace

Result<std::string> find_govd() {
  std::array<char, 4096> self{};
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size());
  if (length > 0) {
    const std::string here(self.data(), static_cast<std::size_t>(length));
    const std::string folder = here.substr(0, here.rfind('/'));
    for (const auto& candidate : {folder + "/govd", folder + "/../daemon/govd"}) {
      std::error_code unresolved;
      if (executable(candidate)) return std::filesystem::canonical(candidate, unresolved).string();
    }
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    std::string candidate = std::string(rest.substr(0, colon)) + "/govd";
    if (candidate.starts_with('/') && executable(candidate)) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return fail(Code::not_found, "the program govd is neither beside govctl nor on PATH",
              "sudo apt install govctl");
}

Error become(const std::string& program, const std::vector<std::string>& arguments) {
  const auto argv = argv_of(program, arguments);
  execv(program.c_str(), argv.data());
  return {Code::internal, fmt::format("{} cannot be started: {}", program, strerror(errno)), "", ""};
}

Result<pid_t> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                             const std::string& log_file) {
  const int log_fd = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) {
    return fail(Code::no_permission, fmt::format("the log {} cannot be opened: {}", log_file, strerror(errno)));
  }
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::array<int, 2> report{-1, -1};
  const bool piped = pipe2(report.data(), O_CLOEXEC) == 0;
  const auto argv = argv_of(program, arguments);
  const pid_t child = piped ? fork() : -1;
  if (child == 0) run_child(program.c_str(), argv.data(), null_fd, log_fd, report[1]);
  const int fork_error = errno;
  close(log_fd);
  close(null_fd);
  if (piped) close(report[1]);
  int why = 0;
  const bool failed = child > 0 && read(report[0], &why, sizeof(why)) == sizeof(why);
  if (piped) close(report[0]);
  if (child < 0)
    return fail(Code::internal, fmt::format("no process can be started: {}", strerror(fork_error)));
  if (failed) {
    waitpid(child, nullptr, 0);
    return fail(Code::internal, fmt::format("{} cannot be started: {}", program, strerror(why)));
  }
  return child;
}

Result<Ended> run_to_end(const std::string& program, const std::vector<std::string>& arguments, bool quiet) {
  std::array<int, 2> out{-1, -1};
  const auto argv = argv_of(program, arguments);
  const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t child = null_fd >= 0 && pipe2(out.data(), O_CLOEXEC) == 0 ? fork() : -1;
  if (child == 0) {
    dup2(null_fd, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (quiet) dup2(null_fd, STDERR_FILENO);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  const int fork_error = errno;
  close(null_fd);
  if (child < 0)
    return fail(Code::internal, fmt::format("no process can be started: {}", strerror(fork_error)));
  close(out[1]);
  Ended end;
  for (std::array<char, 65536> piece{};;) {
    const ssize_t got = read(out[0], piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    end.printed.append(piece.data(), static_cast<std::size_t>(got));
  }
  close(out[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (end.exit_code == 127) return fail(Code::internal, fmt::format("{} cannot be started", program));
  return end;
}

std::optional<std::string> ended(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) != child) return std::nullopt;
  if (WIFEXITED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  return fmt::format("signal {}", WTERMSIG(status));
}

Result<Process> Process::open(pid_t pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    return fail(Code::not_found, fmt::format("there is no process {}: {}", pid, strerror(errno)),
                "govctl status");
  }
  return Process(fd, pid);
}

Process::~Process() {
  if (fd_ >= 0) close(fd_);
}

Process::Process(Process&& other) noexcept : fd_(std::exchange(other.fd_, -1)), pid_(other.pid_) {}

Result<void> Process::terminate() const {
  if (syscall(SYS_pidfd_send_signal, fd_, SIGTERM, nullptr, 0) == 0 || errno == ESRCH) return {};
  if (errno == EPERM) {
    return fail(Code::no_permission, fmt::format("the daemon (process {}) belongs to another user", pid_),
                "sudo systemctl stop govd");
  }
  return fail(Code::internal, fmt::format("process {} cannot be signalled: {}", pid_, strerror(errno)));
}

bool Process::wait_gone(std::int64_t micros) const {
  pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
  const int milliseconds = static_cast<int>(std::min<std::int64_t>(micros / 1000, 86'400'000));
  return poll(&watched, 1, milliseconds) == 1;
}

std::vector<std::string> arguments_of(pid_t pid) {
  std::ifstream stream(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(stream, word, '\0');) words.push_back(word);
  if (!words.empty()) words.erase(words.begin());
  return words;
}

std::vector<std::string> Service::arguments(std::string_view verb) const {
  std::vector<std::string> words{std::string(verb), name};
  if (of_user) words.insert(words.begin(), "--user");
  return words;
}

std::string Service::command(std::string_view verb) const {
  return fmt::format("{} {} {}", of_user ? "systemctl --user" : "sudo systemctl", verb, name);
}

std::optional<Service> service_of(const std::string& cgroup) {
  const std::string unit = cgroup.substr(cgroup.rfind('/') + 1);
  if (!unit.starts_with("govd") || !unit.ends_with(".service")) return std::nullopt;
  return Service{unit, cgroup.contains("/user.slice/")};
}

std::string cgroup_of(pid_t pid) {
  std::ifstream stream(fmt::format("/proc/{}/cgroup", pid));
  std::string line;
  std::getline(stream, line);
  return line;
}

std::vector<std::string> last_lines(const std::string& file, std::size_t lines, std::uint64_t from) {
  constexpr std::uint64_t step = 65536;
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return {};
  auto begin = static_cast<std::uint64_t>(stream.tellg());
  const std::uint64_t size = begin;
  if (from > size) from = 0;  // the file was cut in the meantime
  std::string text;
  // One line break more than lines, because the last one ends the file.
  while (begin > from && static_cast<std::size_t>(std::ranges::count(text, '\n')) <= lines) {
    const std::uint64_t length = std::min(step, begin - from);
    begin -= length;
    std::string piece(length, '\0');
    stream.seekg(static_cast<std::streamoff>(begin));
    stream.read(piece.data(), static_cast<std::streamsize>(length));
    text.insert(0, piece);
  }
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (found.size() > lines) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(lines));
  return found;
}

}  // namespace govctl::cli
