#include "cli/sandbox.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/child.h"
#include "cli/shell.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

namespace fs = std::filesystem;

bool is_within(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory.ends_with('/') ? directory : directory + "/");
}

std::string resolved(const std::string& path) {
  std::error_code failed;
  const auto real = fs::canonical(path, failed);
  return failed ? path : real.string();
}

// Sockets through which another program of this user starts commands outside the sandbox.
struct Doors {
  std::vector<std::string> directories, files;
};
Doors doors() {
  const std::string runtime = fmt::format("/run/user/{}", geteuid());
  return {{runtime + "/systemd", fmt::format("/tmp/tmux-{}", geteuid())}, {runtime + "/bus"}};
}

// Runs the sandbox around nothing; what bubblewrap says when it cannot.
Result<void> try_out(const SandboxPlan& plan) {
  std::string line = shell_quoted(plan.bwrap);
  for (const auto& word : plan.arguments) line += " " + shell_quoted(word);
  FILE* pipe = popen((line + " /bin/true 2>&1 </dev/null").c_str(), "re");
  std::string said;
  std::array<char, 512> piece{};
  while (pipe != nullptr && fgets(piece.data(), piece.size(), pipe) != nullptr) said += piece.data();
  if (pipe != nullptr && pclose(pipe) == 0) return {};
  while (said.ends_with('\n')) said.pop_back();
  std::ifstream setting("/proc/sys/kernel/unprivileged_userns_clone");
  std::string allowed;
  const bool forbidden = std::getline(setting, allowed) && allowed == "0";
  return fail(
      Code::unavailable,
      fmt::format("bubblewrap cannot make a sandbox here: {}",
                  said.empty() ? "it says no more" : said.substr(0, 300)),
      forbidden ? "sudo sysctl -w kernel.unprivileged_userns_clone=1" : "bwrap --bind / / --unshare-user true");
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", pid));
  return {std::istream_iterator<pid_t>(file), {}};
}

}  // namespace

std::vector<std::string> hiding(const std::vector<std::string>& directories,
                                const std::vector<std::string>& files) {
  std::vector<std::string> arguments;
  std::vector<std::string> hidden;
  for (const auto& directory : directories) {
    const std::string real = resolved(directory);
    std::error_code failed;
    const bool covered = std::ranges::any_of(hidden, [&](const auto& top) { return is_within(real, top); });
    if (covered || !fs::is_directory(real, failed)) continue;
    arguments.insert(arguments.end(), {"--tmpfs", real});
    hidden.push_back(real);
  }
  for (const auto& file : files) {
    std::error_code failed;
    if (fs::exists(file, failed)) arguments.insert(arguments.end(), {"--ro-bind", "/dev/null", file});
  }
  return arguments;
}

Result<SandboxPlan> plan_sandbox(const std::string& path, const std::string& socket,
                                 const std::string& state_dir, const std::string& here) {
  auto bwrap = find_program("bwrap", path);
  if (!bwrap) {
    return fail(Code::not_found, "--sandbox needs bubblewrap, and there is no program 'bwrap' on PATH",
                "sudo apt install bubblewrap");
  }
  auto user = user_paths();
  if (!user) return std::unexpected(user.error());
  const Paths machine = system_paths();
  const std::string socket_dir = resolved(fs::path(socket).parent_path().string());
  std::vector<std::string> hidden{socket_dir,       user->runtime_dir,   state_dir,         user->state_dir,
                                  user->config_dir, machine.runtime_dir, machine.state_dir, machine.config_dir};
  std::erase(hidden, "");
  for (const auto& directory : hidden) {
    if (!is_within(resolved(here), resolved(directory))) continue;
    return fail(Code::conflict,
                fmt::format("the working directory {} lies in {}, which the sandbox hides", here, directory),
                "cd ~");
  }
  if (socket_dir == "/" || socket_dir == "/tmp" || socket_dir == "/run") {
    return fail(
        Code::conflict,
        fmt::format("the control socket lies in {}, which cannot be hidden: give it a directory of its own",
                    socket_dir),
        "govctl up --socket DIRECTORY/govd.sock");
  }
  const Doors open = doors();
  hidden.insert(hidden.end(), open.directories.begin(), open.directories.end());
  SandboxPlan plan{*bwrap,
                   {"--unshare-user", "--unshare-pid", "--die-with-parent", "--cap-drop", "ALL", "--bind", "/",
                    "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"}};
  const auto covers = hiding(hidden, open.files);
  plan.arguments.insert(plan.arguments.end(), covers.begin(), covers.end());
  for (const auto* name : {"GOVCTL_SOCKET", "GOVCTL_CONTEXT", "DBUS_SESSION_BUS_ADDRESS", "TMUX"}) {
    plan.arguments.insert(plan.arguments.end(), {"--unsetenv", name});
  }
  plan.arguments.emplace_back("--");
  if (auto works = try_out(plan); !works) return std::unexpected(works.error());
  return plan;
}

std::vector<pid_t> sandboxed(pid_t bwrap) {
  std::vector<pid_t> found;
  for (const pid_t first : children_of(bwrap)) {
    const auto below = children_of(first);
    found.insert(found.end(), below.begin(), below.end());
  }
  return found;
}

}  // namespace govctl::cli
