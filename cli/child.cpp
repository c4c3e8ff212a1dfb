#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace govctl::cli {
namespace {

constexpr timespec between_ticks{.tv_sec = 5, .tv_nsec = 0};

// What is passed on, and SIGCHLD.
constexpr std::array handled{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGUSR1, SIGUSR2, SIGCHLD};

// Keeps the handled signals for sigtimedwait(); the child gets the mask of before.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    for (const int signal : handled) sigaddset(&held_, signal);
    std::signal(SIGCHLD, SIG_DFL);  // whoever started govctl may ignore it, and then no child can be waited for
    sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  ~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  [[nodiscard]] const sigset_t& held() const { return held_; }
  [[nodiscard]] const sigset_t& before() const { return before_; }

 private:
  sigset_t held_{}, before_{};
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  all.reserve(words.size() + 1);
  for (const auto& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// Forks and executes; the errno of an exec that failed, as an error.
Result<pid_t> start(const ChildPlan& plan, const sigset_t& mask) {
  const auto argv = pointers(plan.words);
  const auto envp = pointers(plan.environment);
  std::array<int, 2> report{-1, -1};
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    return fail(Code::internal, fmt::format("no pipe can be made: {}", strerror(errno)));
  }
  const pid_t child = fork();
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    execve(plan.file.c_str(), argv.data(), envp.data());
    const int why = errno;
    const auto told = write(report[1], &why, sizeof(why));
    _exit(told == sizeof(why) ? 126 : 125);
  }
  const int fork_error = errno;
  close(report[1]);
  int why = 0;
  const bool failed = child > 0 && read(report[0], &why, sizeof(why)) == sizeof(why);
  close(report[0]);
  if (child < 0)
    return fail(Code::internal, fmt::format("no process can be started: {}", strerror(fork_error)));
  if (!failed) return child;
  waitpid(child, nullptr, 0);
  return fail(why == ENOENT ? Code::not_found : Code::forbidden,
              fmt::format("{} cannot be executed: {}", plan.file, strerror(why)));
}

void pass_on(const ChildPlan& plan, pid_t child, int signal) {
  std::vector<pid_t> targets;
  if (plan.targets) targets = plan.targets(child);
  if (targets.empty()) targets.push_back(child);
  for (const pid_t target : targets) kill(target, signal);
}

// True when the child has ended. When it has stopped, govctl stops too, for the shell waits for the whole job.
bool look_after(pid_t child, ChildEnd& end) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG | WUNTRACED) == child) {
    if (WIFSTOPPED(status)) {
      raise(SIGSTOP);
      kill(child, SIGCONT);
      continue;
    }
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + end.signal;
    return true;
  }
  return false;
}

}  // namespace

Result<std::string> find_program(const std::string& program, const std::string& path) {
  const auto is_file = [](const std::string& file) {
    struct stat seen{};
    return stat(file.c_str(), &seen) == 0 && S_ISREG(seen.st_mode);
  };
  std::vector<std::string> candidates;
  if (program.contains('/')) {
    candidates.push_back(program);
  } else {
    std::string_view rest = path;
    while (!rest.empty()) {
      const auto colon = rest.find(':');
      const std::string folder(rest.substr(0, colon));
      candidates.push_back((folder.empty() ? "." : folder) + "/" + program);
      rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    }
  }
  std::string closed;
  for (const auto& candidate : candidates) {
    if (program.empty() || access(candidate.c_str(), F_OK) != 0) continue;
    if (is_file(candidate) && access(candidate.c_str(), X_OK) == 0) return candidate;
    if (closed.empty()) closed = candidate;
  }
  if (!closed.empty()) {
    return fail(Code::forbidden, fmt::format("{} is there but is no program that you may execute", closed),
                "ls -l " + closed);
  }
  return fail(Code::not_found,
              program.contains('/') ? fmt::format("there is no program {}", program)
                                    : fmt::format("there is no program '{}' on PATH", program.substr(0, 200)),
              "govctl help run");
}

Result<ChildEnd> run_child(const ChildPlan& plan, const std::function<void()>& tick) {
  const HeldSignals signals;
  auto child = start(plan, signals.before());
  if (!child) return std::unexpected(child.error());
  ChildEnd end;
  while (!look_after(*child, end)) {
    siginfo_t info{};
    const int signal = sigtimedwait(&signals.held(), &info, &between_ticks);
    if (signal < 0) {
      if (errno == EAGAIN) tick();
    } else if (signal != SIGCHLD && info.si_code <= 0) {
      pass_on(plan, *child, signal);  // sent by a process; what the kernel sends, the child has too
    }
  }
  return end;
}

}  // namespace govctl::cli
