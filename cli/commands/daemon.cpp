// up, down, restart, status, wait: the daemon as a process.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/commands/nouns.h"
#include "cli/launch.h"
#include "cli/log_line.h"
#include "cli/output.h"
#include "cli/session.h"
#include "common/api/platform.h"
#include "common/clock.h"
#include "common/paths.h"
#include "common/version.h"

namespace govctl::cli {
namespace {

constexpr std::int64_t start_patience = 30 * micros_per_second;
constexpr std::int64_t stop_patience = 60 * micros_per_second;
constexpr std::int64_t hurried_patience = 10 * micros_per_second;

// What the daemon says of itself. Refuses one of another API major.
Result<Json> status_of(Session& s) {
  auto status = s.get("/status");
  if (!status) return status;
  if (!status->is_object()) return fail(Code::internal, "the daemon's status is no object", "govctl version");
  const auto major = status->value("api_major", std::int64_t{api_major});
  if (major != api_major) {
    return fail(Code::version_differs,
                fmt::format("versions differ: the daemon speaks API {}, this govctl ({}) speaks "
                            "API {}",
                            major, version, api_major),
                "govctl version");
  }
  return status;
}

bool not_there(const Error& error) { return error.code == Code::unreachable; }

// Asks `done` every few milliseconds until it says yes, or the time is over.
template <class Done>
bool until(std::int64_t micros, Done&& done) {
  const SystemClock clock;
  const std::int64_t deadline = clock.steady_micros() + micros;
  while (!done()) {
    if (clock.steady_micros() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, 4096> here{};
  return getcwd(here.data(), here.size()) == nullptr ? path : std::string(here.data()) + "/" + path;
}

std::uint64_t size_of(const std::string& file) {
  struct stat seen{};
  return stat(file.c_str(), &seen) == 0 ? static_cast<std::uint64_t>(seen.st_size) : 0;
}

// Starts govd and waits until it answers. What it says when it does not is shown.
Result<Json> start(Session& s, const std::vector<std::string>& arguments, const std::string& state_dir) {
  auto program = find_govd();
  if (!program) return std::unexpected(program.error());
  if (auto made = ensure_private_dir(state_dir); !made) return std::unexpected(made.error());
  const std::string log_file = state_dir + "/govd.log";
  const std::uint64_t log_start = size_of(log_file);
  auto child = start_detached(*program, arguments, log_file);
  if (!child) return std::unexpected(child.error());

  Result<Json> status;
  std::optional<std::string> end;
  const bool settled = until(s.settings().timeout.value_or(start_patience), [&] {
    status = status_of(s);
    if (!status && !not_there(status.error()) && status.error().code != Code::unavailable) return true;
    end = ended(*child);
    return status.has_value() || end.has_value();
  });
  if (status) return status;
  if (settled && !end) return status;
  for (const auto& line : last_lines(log_file, 10, log_start))
    s.terminal().err << log_line(line, s.settings().color_err) << "\n";
  if (!end) {
    return fail(Code::timeout, fmt::format("govd was started (process {}) but does not answer yet", *child),
                "govctl wait");
  }
  return fail(*end == "exit code 64" ? Code::invalid : Code::internal,
              fmt::format("govd ended at once ({}); its last words are above and in {}", *end, log_file),
              "govctl up --foreground");
}

void say_up(const Session& s, const Json& status, std::string_view how) {
  s.note(
      fmt::format("govd {} {} (process {}); agents call {}", status.value("version", std::string()), how,
                  status.value("pid", std::int64_t{0}),
                  status.contains("gateway") ? status["gateway"].value("url", std::string()) : std::string()));
}

// Has systemd do it. What it must be asked for as root is said, not tried.
Result<void> tell_systemd(const Service& unit, std::string_view verb) {
  if (!unit.of_user && geteuid() != 0) {
    return fail(Code::no_permission,
                "this daemon is the machine's, which only its administrator starts and stops",
                unit.command(verb));
  }
  auto end = run_to_end("/usr/bin/systemctl", unit.arguments(verb));
  if (!end) return std::unexpected(end.error());
  if (end->exit_code == 0) return {};
  return fail(Code::internal, fmt::format("systemctl {} {} ended with {}", verb, unit.name, end->exit_code),
              fmt::format("journalctl {}-u {} -n 20", unit.of_user ? "--user " : "", unit.name));
}

// After systemd has started it.
Result<Answer> served_again(Session& s, std::string_view how) {
  Result<Json> status;
  const bool serves = until(s.settings().timeout.value_or(start_patience), [&] {
    status = status_of(s);
    return status.has_value() || (!not_there(status.error()) && status.error().code != Code::unavailable);
  });
  if (!serves)
    return fail(Code::timeout, "systemd has started govd, but it does not answer yet", "govctl wait");
  if (!status) return std::unexpected(status.error());
  say_up(s, *status, how);
  return Answer{.json = std::move(*status)};
}

// The user's own unit, where one is installed and systemd runs for this user.
std::optional<Service> installed_service() {
  const Service unit{"govd.service", true};
  if (access("/usr/bin/systemctl", X_OK) != 0) return std::nullopt;
  auto end = run_to_end("/usr/bin/systemctl", unit.arguments("cat"), true);
  return end && end->exit_code == 0 ? std::optional(unit) : std::nullopt;
}

Action up(Arguments& a) {
  struct Input {
    bool wait = false, foreground = false;
    std::vector<std::string> listen;
    std::optional<std::string> state_dir, keys_dir, log_level, drain_timeout;
  };
  auto in = std::make_shared<Input>();
  a.flag("--wait", in->wait, "Wait until it is ready for agents' calls, not only for govctl's");
  a.flag("--foreground", in->foreground, "Stay in this terminal; Ctrl-C stops it");
  a.options("--listen", "ADDR:PORT", in->listen, "Where agents call (default 127.0.0.1:4683); repeats");
  a.option("--state-dir", "DIR", in->state_dir, "Where its databases lie");
  a.option("--keys-dir", "DIR", in->keys_dir, "Where its keys lie");
  a.option("--log-level", "L", in->log_level, "How much it logs", {"debug", "info", "warn", "error"});
  a.option("--drain-timeout", "D", in->drain_timeout,
           "How long calls in flight may take to finish when it stops");
  return [in](Session& s) -> Result<Answer> {
    if (auto status = status_of(s)) {
      say_up(s, *status, "is running already");
      return Answer{.json = std::move(*status)};
    } else if (!not_there(status.error())) {
      return std::unexpected(status.error());
    }
    if (s.settings().dry_run) {
      s.note("dry run: govd would be started");
      return Answer{};
    }
    auto paths = user_paths();
    if (!paths) return std::unexpected(paths.error());
    const std::string state_dir = in->state_dir ? absolute(*in->state_dir) : paths->state_dir;
    std::vector<std::string> arguments;
    const auto pass = [&](const char* flag, const std::optional<std::string>& value) {
      if (value) arguments.insert(arguments.end(), {flag, *value});
    };
    if (in->state_dir) pass("--state-dir", state_dir);
    if (in->keys_dir) pass("--keys-dir", absolute(*in->keys_dir));
    if (s.settings().socket_is_given) pass("--socket", absolute(s.settings().socket));
    for (const auto& address : in->listen) pass("--listen", address);
    pass("--log-level", in->log_level);
    pass("--drain-timeout", in->drain_timeout);
    if (in->foreground) {
      auto program = find_govd();
      if (!program) return std::unexpected(program.error());
      return std::unexpected(become(*program, arguments));
    }
    // Without a wish of its own for where and how, the unit says it.
    if (arguments.empty()) {
      if (const auto unit = installed_service()) {
        if (auto told = tell_systemd(*unit, "start"); !told) return std::unexpected(told.error());
        return served_again(s, "is up, started by systemd");
      }
    }
    auto status = start(s, arguments, state_dir);
    if (!status) return std::unexpected(status.error());
    if (in->wait && !until(s.settings().timeout.value_or(start_patience),
                           [&] { return s.get("/health/ready").has_value(); })) {
      return fail(Code::timeout, "govd runs but is not ready yet", "govctl logs");
    }
    say_up(s, *status, "is up");
    return Answer{.json = std::move(*status)};
  };
}

// Ends the daemon that `status` speaks of, and waits until it has gone.
Result<void> stop(Session& s, const Json& status, const std::optional<std::string>& drain) {
  std::optional<std::int64_t> patience;
  if (drain) {
    patience = parse_duration(*drain);
    if (!patience) {
      return fail(Code::invalid,
                  fmt::format("--drain: '{}' is no duration; write 5s or 1m", drain->substr(0, 40)));
    }
  }
  const auto pid = static_cast<pid_t>(status.value("pid", std::int64_t{0}));
  if (pid <= 1) return fail(Code::internal, "the daemon does not say which process it is", "govctl status");
  auto process = Process::open(pid);
  if (!process) return std::unexpected(process.error());
  if (auto told = process->terminate(); !told) return told;
  if (process->wait_gone(patience.value_or(s.settings().timeout.value_or(stop_patience)))) return {};
  if (patience) {
    s.note("calls are still in flight: ending them");
    if (auto told = process->terminate(); !told) return told;
    if (process->wait_gone(hurried_patience)) return {};
  }
  return fail(Code::timeout, fmt::format("the daemon (process {}) is still finishing calls", pid),
              "govctl down --drain 1s");
}

Action down(Arguments& a) {
  auto drain = std::make_shared<std::optional<std::string>>();
  a.option("--drain", "T", *drain, "End calls that are still in flight after this long: 5s");
  return [drain](Session& s) -> Result<Answer> {
    auto status = status_of(s);
    if (!status && not_there(status.error())) {
      s.note("govd is not running");
      return Answer{};
    }
    if (!status) return std::unexpected(status.error());
    if (s.settings().dry_run) {
      s.note(fmt::format("dry run: govd (process {}) would be stopped", status->value("pid", std::int64_t{0})));
      return Answer{};
    }
    // systemd might start it again, or take its end for a failure, if it did not know.
    const auto unit = service_of(cgroup_of(static_cast<pid_t>(status->value("pid", std::int64_t{0}))));
    auto stopped = unit && !*drain ? tell_systemd(*unit, "stop") : stop(s, *status, *drain);
    if (!stopped) return std::unexpected(stopped.error());
    s.note("govd has stopped");
    return Answer{};
  };
}

Action restart(Arguments& a) {
  struct Input {
    std::optional<std::string> drain;
  };
  auto in = std::make_shared<Input>();
  a.option("--drain", "T", in->drain, "End calls that are still in flight after this long: 5s");
  return [in](Session& s) -> Result<Answer> {
    auto status = status_of(s);
    if (!status) return std::unexpected(status.error());
    const auto pid = static_cast<pid_t>(status->value("pid", std::int64_t{0}));
    if (s.settings().dry_run) {
      s.note(fmt::format("dry run: govd (process {}) would be stopped and started again", pid));
      return Answer{};
    }
    if (const auto unit = service_of(cgroup_of(pid))) {
      if (in->drain) {
        return fail(Code::invalid,
                    "this daemon is systemd's, which has its own time for it to stop: leave --drain out",
                    unit->command("restart"));
      }
      if (auto told = tell_systemd(*unit, "restart"); !told) return std::unexpected(told.error());
      return served_again(s, "is up again");
    }
    const auto arguments = arguments_of(pid);
    const auto state_dir = status->value("state_dir", std::string());
    if (auto stopped = stop(s, *status, in->drain); !stopped) return std::unexpected(stopped.error());
    auto started = start(s, arguments, state_dir);
    if (!started) return std::unexpected(started.error());
    say_up(s, *started, "is up again");
    return Answer{.json = std::move(*started)};
  };
}

// Again and again, until `count` times are over or nobody reads. On a terminal each takes the last one's place.
Result<Answer> watch(Session& s, std::int64_t interval, std::int64_t count) {
  auto& out = s.terminal().out;
  for (std::int64_t shown = 0; count == 0 || shown < count; ++shown) {
    if (shown > 0) std::this_thread::sleep_for(std::chrono::microseconds(interval));
    auto found = status_of(s);
    if (!found && !not_there(found.error())) return std::unexpected(found.error());
    const Answer now{.json = found ? std::move(*found) : Json{{"state", "not running"}}};
    auto text = render(now, s.settings(), s.terminal().out_is_tty, nullptr);
    if (!text) return std::unexpected(text.error());
    out << (s.terminal().out_is_tty ? "\x1b[H\x1b[2J" : shown > 0 ? "\n" : "") << *text << std::flush;
    if (!out) return fail(Code::unavailable, "the answer could not be written to standard output");
  }
  return Answer{};
}

Action status(Arguments& a) {
  struct Input {
    bool watch = false;
    std::optional<std::string> interval, count;
  };
  auto in = std::make_shared<Input>();
  a.flag("--watch", in->watch, "Show it again and again, until Ctrl-C");
  a.option("--interval", "T", in->interval, "With --watch: how often (default 2s)");
  a.option("--count", "N", in->count, "With --watch: end after so many times");
  return [in](Session& s) -> Result<Answer> {
    if (!in->watch) {
      if (in->interval || in->count) return fail(Code::invalid, "--interval and --count go with --watch");
      return answer(status_of(s));
    }
    const auto interval = parse_duration(in->interval.value_or("2s"));
    if (!interval) {
      return fail(Code::invalid,
                  fmt::format("--interval: '{}' is no duration; write 2s or 1m", in->interval->substr(0, 40)));
    }
    std::int64_t count = 0;
    if (in->count) {
      auto number = whole_number("--count", *in->count);
      if (!number) return std::unexpected(number.error());
      if (*number < 1) return fail(Code::invalid, "--count: at least 1");
      count = *number;
    }
    return watch(s, *interval, count);
  };
}

Action wait(Arguments&) {
  return [](Session& s) -> Result<Answer> {
    Error last;
    Json found;
    const bool serves = until(s.settings().timeout.value_or(start_patience), [&] {
      auto ready = s.get("/health/ready");
      auto known = ready ? status_of(s) : std::unexpected(ready.error());
      if (known) {
        found = std::move(*known);
        return true;
      }
      last = known.error();
      return !not_there(last) && last.code != Code::unavailable;
    });
    if (serves && !found.is_null()) return Answer{.json = std::move(found)};
    if (serves) return std::unexpected(last);
    return fail(Code::timeout, fmt::format("still not serving: {}", last.message), "govctl up");
  };
}

constexpr std::array up_table{
    Command{"", "Start govd for this user, in the background",
            "govctl up\ngovctl up --wait --timeout 20s\ngovctl up --listen 127.0.0.1:5000\n"
            "govctl up --foreground",
            up}};
constexpr std::array down_table{
    Command{"", "Stop govd, letting calls in flight finish", "govctl down\ngovctl down --drain 5s", down}};
constexpr std::array restart_table{
    Command{"", "Stop govd and start it again with the same options", "govctl restart", restart}};
constexpr std::array status_table{
    Command{"", "Show whether govd runs, and where agents call (exit 69 when it does not)",
            "govctl status\ngovctl status --jq .gateway.url\ngovctl status --watch --interval 5s", status}};
constexpr std::array wait_table{Command{"", "Wait until govd serves (exit 8 when --timeout is over)",
                                        "govctl wait\ngovctl wait --timeout 10s", wait}};

}  // namespace

std::span<const Command> up_command() { return up_table; }
std::span<const Command> down_command() { return down_table; }
std::span<const Command> restart_command() { return restart_table; }
std::span<const Command> status_command() { return status_table; }
std::span<const Command> wait_command() { return wait_table; }

}  // namespace govctl::cli
