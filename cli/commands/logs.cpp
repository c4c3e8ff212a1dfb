#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "cli/commands/nouns.h"
#include "cli/launch.h"
#include "cli/log_line.h"
#include "cli/session.h"
#include "common/clock.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

struct Wish {
  bool follow = false;
  std::optional<std::string> level, request, tail, since;
  std::string from{};  // RFC 3339, as the log's own times

  [[nodiscard]] bool wants(const std::string& raw) const {
    const Json line = Json::parse(raw, nullptr, false);
    if (!from.empty() && (!line.is_object() || line.value("ts", std::string()) < from)) return false;
    if (level && log_level(line) < log_level(Json{{"level", *level}})) return false;
    return !request || (line.is_object() && line.value("request_id", std::string()) == *request);
  }
};

// Where the daemon logs: it says itself, or where it would for this user.
Result<std::string> log_file(Session& s) {
  std::string state_dir;
  if (auto status = s.get("/status"); status && status->is_object()) {
    state_dir = status->value("state_dir", std::string());
  } else {
    auto paths = user_paths();
    if (!paths) return std::unexpected(paths.error());
    state_dir = paths->state_dir;
  }
  std::string file = state_dir + "/govd.log";
  if (access(file.c_str(), R_OK) == 0) return file;
  return fail(
      Code::not_found,
      fmt::format("there is no log {}: `govctl up` makes it; in the foreground and under systemd the log goes "
                  "elsewhere",
                  file),
      "journalctl --user -u govd");
}

std::string shown(const Session& s, const std::string& raw) {
  const Format format = s.settings().format;
  const bool as_is = format == Format::json || format == Format::jsonl;
  return (as_is ? raw : log_line(raw, s.settings().color_out)) + "\n";
}

ino_t inode_of(const std::string& file) {
  struct stat seen{};
  return stat(file.c_str(), &seen) == 0 ? seen.st_ino : 0;
}

// Prints what is appended, for ever; begins anew when the file is replaced or cut.
[[noreturn]] void follow(const Session& s, const std::string& file, const Wish& wish, std::uint64_t from) {
  auto& out = s.terminal().out;
  ino_t inode = inode_of(file);
  std::string rest;
  for (;;) {
    std::ifstream stream(file, std::ios::binary | std::ios::ate);
    const auto size = stream ? static_cast<std::uint64_t>(stream.tellg()) : from;
    if (inode_of(file) != inode || size < from) {
      inode = inode_of(file);
      from = 0;
      rest.clear();
    }
    stream.seekg(static_cast<std::streamoff>(from));
    for (std::array<char, 65536> piece{}; stream.read(piece.data(), piece.size()) || stream.gcount() > 0;) {
      rest.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
      from += static_cast<std::uint64_t>(stream.gcount());
    }
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      const std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      if (wish.wants(line)) out << shown(s, line);
    }
    out << std::flush;
    if (!out) std::_Exit(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Action build(Arguments& a) {
  auto in = std::make_shared<Wish>();
  a.flag("-f,--follow", in->follow, "Go on with what is logged from now on");
  a.option("--level", "L", in->level, "Only this level and above", {"debug", "info", "warn", "error"});
  a.option("--request", "ID", in->request, "Only what concerns this call: req_…");
  a.option("--since", "T", in->since, "Only from then on: 15m, 24h, or 2026-11-21T09:30:00Z");
  a.option("--tail", "N", in->tail, "How many of the last lines (default 100)");
  return [in](Session& s) -> Result<Answer> {
    std::size_t lines = 100;
    if (in->tail) {
      auto number = whole_number("--tail", *in->tail);
      if (!number) return std::unexpected(number.error());
      if (*number < 0) return fail(Code::invalid, "--tail: at least 0");
      lines = static_cast<std::size_t>(*number);
    }
    if (auto ok = check_instant("--since", in->since); !ok) return std::unexpected(ok.error());
    if (in->since) {
      const auto ago = parse_duration(*in->since);
      const Timestamp now = SystemClock().now();
      in->from = rfc3339(ago ? Timestamp{now.micros - *ago} : *parse_rfc3339(*in->since));
      if (!in->tail) lines = SIZE_MAX - 1;
    }
    auto file = log_file(s);
    if (!file) return std::unexpected(file.error());
    struct stat seen{};
    const auto size = stat(file->c_str(), &seen) == 0 ? static_cast<std::uint64_t>(seen.st_size) : 0;
    // A filter looks at the whole file: what it is to find may be long ago.
    const bool filtered = in->level || in->request || in->since;
    std::vector<std::string> found;
    for (const auto& line : last_lines(*file, filtered ? SIZE_MAX - 1 : lines)) {
      if (in->wants(line)) found.push_back(line);
    }
    if (found.size() > lines) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(lines));
    std::string text;
    Json items = Json::array();
    for (const auto& line : found) {
      text += shown(s, line);
      Json json = Json::parse(line, nullptr, false);
      items.push_back(json.is_object() ? std::move(json) : Json{{"msg", line}});
    }
    if (in->follow) {
      s.terminal().out << text << std::flush;
      follow(s, *file, *in, size);
    }
    if (text.empty()) return Answer{};
    const auto total = static_cast<std::int64_t>(items.size());
    return Answer{.json = Json{{"items", std::move(items)}, {"next", nullptr}, {"total", total}},
                  .text = std::move(text)};
  };
}

constexpr std::array commands{Command{"", "Show the daemon's log",
                                      "govctl logs\ngovctl logs -f --level warn\ngovctl logs --since 15m\n"
                                      "govctl logs --request req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f",
                                      build}};

}  // namespace

std::span<const Command> logs_command() { return commands; }

}  // namespace govctl::cli
