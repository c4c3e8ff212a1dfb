#pragma once
// govctl against the real daemon, as a user types it.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/functional/harness/daemon.h"

namespace govctl::test {

inline std::string govctl_program() {
  const char* named = std::getenv("GOVCTL");
  return named != nullptr ? named : GOVCTL_PROGRAM;
}

struct Terminal {
  TestDaemon daemon;
  ProgramEnd ctl(std::vector<std::string> words) const {
    words.insert(words.begin(), {govctl_program(), "--socket", daemon.socket()});
    return run(words);
  }
  // What a command that must work prints.
  std::string works(const std::vector<std::string>& words) const {
    const ProgramEnd end = ctl(words);
    INFO(words[0] << ": " << end.output);
    CHECK(end.exit_code == 0);
    return end.output;
  }
  Json json(std::vector<std::string> words) const {
    words.insert(words.end(), {"--format", "json"});
    const ProgramEnd end = ctl(words);
    const Json parsed = Json::parse(end.printed, nullptr, false);
    INFO(words[0] << " ended with " << end.exit_code << ": " << end.output);
    REQUIRE_FALSE(parsed.is_discarded());
    return parsed;
  }
  // org acme, its agent, and the agent's key.
  std::string set_up() const {
    works({"org", "create", "acme", "--slug", "acme"});
    works({"workspace", "create", "acme/prod"});
    works({"group", "create", "acme/prod/support"});
    works({"agent", "create", "acme/prod/support/triage"});
    works({"ledger", "purchase", "acme", "100000"});
    return json({"key", "create", "acme/prod/support/triage", "--name", "laptop"})["key"];
  }
};

inline bool holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace govctl::test
