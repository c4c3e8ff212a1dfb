// One text file for a bug report: what a maintainer asks for first, and nothing that must stay here.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>

#include "cli/commands/doctor.h"
#include "cli/commands/nouns.h"
#include "cli/launch.h"
#include "cli/mask.h"
#include "cli/private_file.h"
#include "common/paths.h"
#include "common/version.h"

namespace govctl::cli {
namespace {

constexpr std::size_t log_lines = 300;
constexpr std::string_view about =
    "A bug report of govctl and govd. It holds versions, what doctor found, the daemon's status, the settings "
    "and the\n"
    "last lines of the log. It holds no API key, no credential, no prompt and no answer: those are never "
    "logged, and\n"
    "what looks like a secret was cut. It does name orgs, providers and paths on this machine: read it before "
    "you\n"
    "give it to anybody.\n";

std::string first_line_with(const std::string& file, std::string_view begins) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(begins)) return line.substr(begins.size());
  }
  return "unknown";
}

std::string section(std::string_view title, const std::string& text) {
  return fmt::format("\n== {}\n{}{}", title, text, text.empty() || text.ends_with('\n') ? "" : "\n");
}

std::string machine_text() {
  utsname name{};
  uname(&name);
  return fmt::format("system: {}\nkernel: {} {} {}\nmemory: {}\nprocessors: {}\nuid: {}\n",
                     first_line_with("/etc/os-release", "PRETTY_NAME="), name.sysname, name.release,
                     name.machine, first_line_with("/proc/meminfo", "MemTotal:"), sysconf(_SC_NPROCESSORS_ONLN),
                     geteuid());
}

std::string told(const Result<Json>& answer) {
  if (answer) return masked(answer->dump(2, ' ', false, Json::error_handler_t::replace));
  return masked(answer.error().message);
}

std::string settings_text(const Session& s) {
  std::string text = fmt::format("socket: {}\n", s.settings().socket);
  for (const char* const name :
       {"GOVCTL_SOCKET", "GOVCTL_CONTEXT", "GOVCTL_ORG", "GOVCTL_OUTPUT", "GOVCTL_TOKEN", "GOVCTL_TOKEN_FILE",
        "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}) {
    if (const auto value = s.terminal().env(name))
      text += masked_setting(fmt::format("{}={}", name, *value)) + "\n";
  }
  const auto paths = user_paths();
  if (!paths) return text;
  const std::string file = paths->config_dir + "/config.yaml";
  std::ifstream stream(file);
  text += fmt::format("{}:{}\n", file, stream ? "" : " none");
  for (std::string line; std::getline(stream, line);) text += "  " + masked_setting(line) + "\n";
  return text;
}

std::string log_text(const Json& status) {
  std::string state_dir = status.is_object() ? status.value("state_dir", std::string()) : std::string();
  if (state_dir.empty()) {
    const auto paths = user_paths();
    if (paths) state_dir = paths->state_dir;
  }
  std::string text;
  for (const auto& line : last_lines(state_dir + "/govd.log", log_lines)) text += masked(line) + "\n";
  return text.empty() ? "none in " + state_dir + "\n" : text;
}

Json api_of(Session& s) {
  auto described = s.get("/openapi.json");
  if (!described || !described->is_object()) return {};
  return Json{{"info", (*described)["info"]}, {"paths", (*described)["paths"].size()}};
}

std::string report_of(Session& s) {
  std::string text(about);
  text += section("Versions", fmt::format("govctl: {} (API {})\n", version, api_major));
  text += section("Machine", machine_text());
  const Examination found = examine(s, false, false);
  Settings plain = s.settings();
  plain.color_out = false;
  text += section("Doctor", masked(examination_text(found, plain)));
  const auto status = s.get("/status");
  text += section("Status", told(status));
  text += section("API", api_of(s).dump());
  text += section("Providers that are left alone, and readiness", told(s.get("/health/ready")));
  text += section("Settings", settings_text(s));
  return text + section("Log", log_text(status ? *status : Json()));
}

Action bugreport(Arguments& a) {
  auto out = std::make_shared<std::optional<std::string>>();
  a.option("--out", "FILE", *out, "Where it goes, or - for stdout (default: govctl-bugreport-TIME.txt here)");
  return [out](Session& s) -> Result<Answer> {
    std::string text = report_of(s);
    if (*out && **out == "-") return Answer{.json = Json{{"report", text}}, .text = text};
    const std::string file = (*out).value_or(fmt::format("govctl-bugreport-{}.txt", file_stamp()));
    auto into = PrivateFile::create(file);
    if (!into) return std::unexpected(into.error());
    if (auto done = into->write(text); !done) return std::unexpected(done.error());
    if (auto done = into->finish(); !done) return std::unexpected(done.error());
    s.note(
        "It names orgs, providers and paths, but holds no key, credential or prompt: read it before you send "
        "it");
    return Answer{.json = Json{{"file", file}, {"bytes", into->bytes()}}};
  };
}

constexpr std::array table{Command{
    "", "Write one file for a bug report: versions, doctor, status, settings, log; no secrets, no prompts",
    "govctl bugreport\ngovctl bugreport --out report.txt\ngovctl bugreport --out - > report.txt", bugreport}};

}  // namespace

std::span<const Command> bugreport_command() { return table; }

}  // namespace govctl::cli
