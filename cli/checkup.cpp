#include "cli/checkup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/config.h"
#include "cli/shell.h"
#include "common/clock.h"
#include "common/descriptor.h"

namespace govctl::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t usual_port = 4683;
constexpr std::int64_t little_room = std::int64_t{1} << 30, no_room = std::int64_t{64} << 20;
constexpr std::uintmax_t long_log = std::uintmax_t{256} << 20;
constexpr std::int64_t clock_slack = 60;  // seconds that a file may seem to come from the future

std::optional<struct stat> facts_of(const std::string& path) {
  struct stat facts{};
  if (lstat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}
bool there(const std::string& path) { return facts_of(path).has_value(); }

Result<void> set_mode(const std::string& path, mode_t mode) {
  if (chmod(path.c_str(), mode) == 0) return {};
  return fail(Code::no_permission, fmt::format("{} cannot be changed: {}", path, strerror(errno)));
}

// What of these has another mode than `mode` gives, or another owner.
struct Modes {
  std::vector<std::string> wrong, foreign;
  void look(const std::string& path, mode_t forbidden) {
    const auto facts = facts_of(path);
    if (!facts || S_ISLNK(facts->st_mode)) return;
    if (facts->st_uid != geteuid()) foreign.push_back(path);
    if ((facts->st_mode & forbidden) != 0) wrong.push_back(path);
  }
};

std::string some_of(const std::vector<std::string>& paths) {
  return paths.size() == 1 ? paths.front() : fmt::format("{} and {} more", paths.front(), paths.size() - 1);
}

void judge(Machine& m, std::string_view check, const Modes& modes, mode_t file_mode, std::string fine) {
  if (!modes.foreign.empty()) {
    return m.found(check, "FAULT", fmt::format("not this user's own: {}", some_of(modes.foreign)),
                   fmt::format("sudo chown -R {} {}", geteuid(),
                               shell_quoted(fs::path(modes.foreign.front()).parent_path().string())));
  }
  if (modes.wrong.empty()) return m.ok(check, std::move(fine));
  const auto mend = [paths = modes.wrong, file_mode]() -> Result<void> {
    for (const auto& path : paths) {
      const bool directory = fs::is_directory(path);
      if (auto done = set_mode(path, directory ? 0700 : file_mode); !done) return done;
    }
    return {};
  };
  m.found(check, "FAULT", fmt::format("others than this user can get at {}", some_of(modes.wrong)),
          "govctl doctor --fix", mend);
}

// --- the looks

void look_at_config(Machine& m) {
  if (!there(m.config_file)) return m.ok("config", fmt::format("none ({}): the defaults hold", m.config_file));
  auto read = read_context(m.config_file, std::nullopt);
  if (!read) return m.found("config", "FAULT", read.error().message, "$EDITOR " + shell_quoted(m.config_file));
  m.ok("config", m.config_file + " can be read");
}

void look_at_state(Machine& m) {
  if (!there(m.state_dir)) {
    return m.found("state", "note", fmt::format("{} is not there yet: the first start makes it", m.state_dir),
                   "govctl up");
  }
  Modes modes;
  modes.look(m.state_dir, 077);
  std::error_code code;
  for (const char* const folder : {"", "/orgs", "/anchors", "/trash"}) {
    const std::string directory = m.state_dir + folder;
    if (!there(directory)) continue;
    modes.look(directory, 077);
    for (const auto& entry : fs::directory_iterator(directory, code)) {
      if (entry.is_regular_file(code)) modes.look(entry.path(), 077);
    }
  }
  judge(m, "state", modes, 0600, m.state_dir + " is this user's alone");
}

bool has_key(const Machine& m, std::string_view name) {
  return there(fmt::format("{}/{}.key", m.keys_dir, name)) ||
         there(fmt::format("{}/{}.sealed", m.keys_dir, name));
}

void look_at_keys(Machine& m) {
  const bool data = there(m.state_dir + "/catalog.db");
  if (!there(m.keys_dir) && !data) {
    return m.found("keys", "note", fmt::format("{} is not there yet: the first start makes it", m.keys_dir),
                   "govctl up");
  }
  const bool given = getenv("CREDENTIALS_DIRECTORY") != nullptr;
  for (const std::string_view name : {"master", "signing"}) {
    if (!data || given || m.running || has_key(m, name)) continue;
    if (name == "master" && has_key(m, "master.next")) continue;
    return m.found("keys", "FAULT",
                   fmt::format("the {} key of the existing data is missing: put it back at {}/{}.key", name,
                               m.keys_dir, name),
                   fmt::format("cp -p YOUR-COPY/{}.key {}/", name, shell_quoted(m.keys_dir)));
  }
  Modes modes;
  modes.look(m.keys_dir, 077);
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(m.keys_dir, code)) {
    const auto kind = entry.path().extension();
    if (kind == ".key" || kind == ".sealed") modes.look(entry.path(), 0377);
  }
  judge(m, "keys", modes, 0400, m.keys_dir + " is this user's alone, with the master and the signing key");
}

// Connects; errno, or 0.
int knock(const std::string& socket) {
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.data(), std::min(socket.size(), sizeof(address.sun_path) - 1));
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

void look_at_socket(Machine& m) {
  const auto facts = facts_of(m.socket);
  if (!facts) {
    if (m.running) return m.ok("socket", m.socket);
    return m.found("socket", "note", fmt::format("there is no {}: no daemon runs for it", m.socket),
                   "govctl up");
  }
  if (!S_ISSOCK(facts->st_mode)) {
    return m.found("socket", "FAULT", m.socket + " is no socket", "ls -l " + shell_quoted(m.socket));
  }
  if (!m.running && knock(m.socket) == ECONNREFUSED) {
    return m.found("socket", "warn", fmt::format("{} is left over: nobody listens on it", m.socket),
                   "govctl doctor --fix", [path = m.socket]() -> Result<void> {
                     if (unlink(path.c_str()) == 0) return {};
                     return fail(Code::no_permission,
                                 fmt::format("{} cannot be removed: {}", path, strerror(errno)));
                   });
  }
  const bool machines = m.socket == system_paths().socket;
  if (!machines && facts->st_uid != geteuid() && geteuid() != 0) {
    return m.found("socket", "FAULT", m.socket + " is another user's", "govctl status --socket PATH");
  }
  if (!machines && (facts->st_mode & 077) != 0) {
    return m.found("socket", "FAULT", fmt::format("others than this user may connect to {}", m.socket),
                   "govctl doctor --fix", [path = m.socket] { return set_mode(path, 0600); });
  }
  m.ok("socket", m.socket);
}

// The lock is the kernel's and never stale: held, somebody serves the state.
void look_at_lock(Machine& m) {
  const std::string path = m.state_dir + "/govd.lock";
  if (!there(path) || m.running) return m.ok("lock", m.running ? "held by the daemon that answers" : "free");
  const Descriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0 || flock(fd.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
    return m.ok("lock", "free");
  std::ifstream file(path);
  std::string pid;
  std::getline(file, pid);
  m.found("lock", "warn",
          fmt::format("the process {} serves {}, but does not answer on {}: it has another socket, or hangs",
                      pid.empty() ? "?" : pid, m.state_dir, m.socket),
          pid.empty() ? "ps -C govd" : "ps -o pid,etime,args -p " + pid);
}

void look_at_leftovers(Machine& m) {
  if (m.running) return;
  std::vector<std::string> paths;
  std::error_code code;
  for (const char* const folder : {"", "/orgs"}) {
    for (const auto& entry : fs::directory_iterator(m.state_dir + folder, code)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("backup.") || name == "restore.part" || name.ends_with(".part")) {
        paths.push_back(entry.path().string());
      }
    }
  }
  if (there(m.state_dir + "/restore.ready")) {
    m.found("leftovers", "note", "a restore was cut in its last step: the next start goes on with it",
            "govctl up");
  }
  if (paths.empty()) return m.ok("leftovers", "none");
  m.found("leftovers", "warn", fmt::format("left by something that was cut: {}", some_of(paths)),
          "govctl doctor --fix", [paths]() -> Result<void> {
            for (const auto& path : paths) {
              std::error_code failed;
              fs::remove_all(path, failed);
              if (failed) return fail(Code::no_permission, fmt::format("{}: {}", path, failed.message()));
            }
            return {};
          });
}

// A daemon that runs speaks of its own disk.
void look_at_disk(Machine& m) {
  struct statvfs facts{};
  if (m.running || statvfs(m.state_dir.c_str(), &facts) != 0) return;
  const auto room = static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
  const std::string why = fmt::format("{} MiB are free in {}", room >> 20, m.state_dir);
  if (room >= little_room) return m.ok("disk", why);
  m.found("disk", room < no_room ? "FAULT" : "warn", why, "df -h " + shell_quoted(m.state_dir));
}

void look_at_clock(Machine& m) {
  const std::int64_t now = SystemClock().now().micros / micros_per_second;
  std::int64_t newest = 0;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(m.state_dir, code)) {
    if (const auto facts = facts_of(entry.path()))
      newest = std::max<std::int64_t>(newest, facts->st_mtim.tv_sec);
  }
  if (newest <= now + clock_slack) return m.ok("clock", "not behind what was written before");
  m.found("clock", "warn",
          fmt::format("the clock is {} s behind a file in {}: budgets' periods and times of entries follow it",
                      newest - now, m.state_dir),
          "timedatectl status");
}

// Connects to, or takes, 127.0.0.1:port; errno, or 0.
int try_port(std::uint16_t port, bool take) {
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  return (take ? bind(fd.get(), at, sizeof(address)) : connect(fd.get(), at, sizeof(address))) == 0 ? 0 : errno;
}

void look_at_gateway(Machine& m) {
  if (!m.running) {
    if (try_port(usual_port, true) != EADDRINUSE)
      return m.ok("gateway", fmt::format("port {} is free", usual_port));
    return m.found("gateway", "note",
                   fmt::format("port {} is somebody else's: govd takes another and keeps it", usual_port),
                   fmt::format("ss -ltnp 'sport = :{}'", usual_port));
  }
  std::uint16_t port = 0;
  const std::string text = m.gateway.substr(m.gateway.rfind(':') + 1);
  std::from_chars(text.data(), text.data() + text.size(), port);
  if (m.gateway.contains("127.0.0.1") && port != 0) {
    if (const int code = try_port(port, false); code != 0) {
      return m.found("gateway", "FAULT", fmt::format("{} takes no connection: {}", m.gateway, strerror(code)),
                     "govctl logs --level warn");
    }
  }
  m.ok("gateway", "agents call " + m.gateway);
}

void look_at_log(Machine& m) {
  const std::string path = m.state_dir + "/govd.log";
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code || size < long_log) return m.ok("log", code ? "none in the state directory" : path);
  m.found("log", "note", fmt::format("{} has {} MiB", path, size >> 20), "truncate -s 0 " + shell_quoted(path));
}

constexpr std::array looks{look_at_config,    look_at_state, look_at_keys,  look_at_socket,  look_at_lock,
                           look_at_leftovers, look_at_disk,  look_at_clock, look_at_gateway, look_at_log};

}  // namespace

void Machine::ok(std::string_view check, std::string why) {
  findings.push_back({{std::string(check), "ok", std::move(why), {}}});
}

void Machine::found(std::string_view check, std::string_view state, std::string why, std::string fix,
                    std::function<Result<void>()> mend) {
  findings.push_back(
      {{std::string(check), std::string(state), std::move(why), std::move(fix)}, std::move(mend)});
}

void look_at(Machine& machine) {
  for (const auto look : looks) look(machine);
}

}  // namespace govctl::cli
