#pragma once
// govctl against a test's daemon.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/functional/harness/daemon.h"

namespace govctl::test {

// Where govctl's settings lie.
inline std::string settings_of(const TestDaemon& daemon) { return daemon.directory() + "/me/.config/govctl"; }

// In a home of the test's own, so that nothing of this machine's is looked at or changed.
inline ProgramEnd ctl(const TestDaemon& daemon, std::vector<std::string> words) {
  const std::string home = daemon.directory() + "/me";
  std::filesystem::create_directories(home);
  words.insert(words.begin(),
               {"/usr/bin/env", "-u", "XDG_STATE_HOME", "-u", "XDG_CONFIG_HOME", "-u", "XDG_RUNTIME_DIR",
                "HOME=" + home, govctl_program(), "--socket", daemon.socket()});
  return run(words);
}
inline Json ctl_json(const TestDaemon& daemon, std::vector<std::string> words) {
  words.insert(words.end(), {"--format", "json"});
  const ProgramEnd end = ctl(daemon, std::move(words));
  const Json json = Json::parse(end.printed, nullptr, false);
  if (json.is_discarded()) throw WireError("no JSON: " + end.output);
  return json;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
inline unsigned mode_of(const std::string& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions()) & 0777U;
}

}  // namespace govctl::test
