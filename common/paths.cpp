#include "common/paths.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace govctl {
namespace {

std::optional<std::string> absolute_env(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || value[0] != '/') return std::nullopt;
  std::string path = value;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<std::string> home_dir() {
  if (auto home = absolute_env("HOME")) return *home;
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr &&
      found->pw_dir != nullptr && found->pw_dir[0] == '/') {
    return std::string(found->pw_dir);
  }
  return fail(Code::invalid, "no home directory: HOME is not set and the user database names none");
}

std::string reason() {
  std::array<char, 256> text{};
  return strerror_r(errno, text.data(), text.size());
}

// Not there yet is fine: it is created later, or that fails with its own text.
bool belongs_to_another(const std::string& path) {
  struct stat seen{};
  return stat(path.c_str(), &seen) == 0 && seen.st_uid != geteuid();
}

Result<void> make_with_parents(const std::string& dir) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = dir.find('/', at);
    const std::string part = dir.substr(0, at);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const bool denied = errno == EACCES || errno == EPERM || errno == EROFS;
      const bool no_place = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP;
      return fail(denied     ? Code::no_permission
                  : no_place ? Code::invalid
                             : Code::internal,
                  fmt::format("cannot create the directory {}: {}", part, reason()));
    }
    if (at != std::string::npos) ++at;
  }
  return {};
}

}  // namespace

Result<Paths> user_paths() {
  auto home = home_dir();
  if (!home) return std::unexpected(home.error());
  Paths paths;
  paths.state_dir = absolute_env("XDG_STATE_HOME").value_or(*home + "/.local/state") + "/govctl";
  paths.config_dir = absolute_env("XDG_CONFIG_HOME").value_or(*home + "/.config") + "/govctl";
  paths.keys_dir = paths.config_dir + "/keys";
  const auto runtime = absolute_env("XDG_RUNTIME_DIR");
  paths.runtime_dir = runtime && !belongs_to_another(*runtime) ? *runtime + "/govctl"
                                                               : fmt::format("/tmp/govctl-{}", geteuid());
  paths.socket = paths.runtime_dir + "/govd.sock";
  return paths;
}

Paths system_paths() {
  return {"/var/lib/govctl", "/etc/govctl/keys", "/etc/govctl", "/run/govctl", "/run/govctl/govd.sock"};
}

Result<void> ensure_private_dir(const std::string& dir) {
  if (auto made = make_with_parents(dir); !made) return made;
  struct stat link{};
  struct stat target{};
  if (lstat(dir.c_str(), &link) != 0 || stat(dir.c_str(), &target) != 0) {
    return fail(Code::internal, fmt::format("cannot look at {}: {}", dir, reason()));
  }
  if (!S_ISDIR(target.st_mode)) return fail(Code::invalid, fmt::format("{} is not a directory", dir));
  if (link.st_uid != geteuid() || target.st_uid != geteuid()) {
    return fail(Code::no_permission,
                fmt::format("{} belongs to another user (uid {}), not to uid {}", dir,
                            link.st_uid != geteuid() ? link.st_uid : target.st_uid, geteuid()));
  }
  if ((target.st_mode & 07777) != 0700 && chmod(dir.c_str(), 0700) != 0) {
    return fail(Code::no_permission, fmt::format("cannot make {} private: {}", dir, reason()));
  }
  return {};
}

Result<void> check_socket_path(const std::string& path) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty()) return fail(Code::invalid, "the socket's path is empty");
  if (path.size() > longest) {
    return fail(Code::invalid, fmt::format("the socket's path has {} bytes, {} at most are possible: {}",
                                           path.size(), longest, path));
  }
  return {};
}

}  // namespace govctl
