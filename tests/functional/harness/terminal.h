#pragma once
// govctl against the real daemon, as a user types it.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/functional/harness/daemon.h"

namespace govctl::test {

struct Terminal {
  TestDaemon daemon;

  // govctl and its arguments, with the daemon's socket.
  std::vector<std::string> command(const std::vector<std::string>& words) const {
    std::vector<std::string> all{govctl_program(), "--socket", daemon.socket()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  ProgramEnd ctl(const std::vector<std::string>& words) const { return run(command(words)); }
  // A shell script in which `govctl` is this one, and $S its socket.
  ProgramEnd shell(const std::string& script, const std::string& shell = "/bin/bash") const {
    return run({"/usr/bin/env", "GOVCTL_SOCKET=" + daemon.socket(),
                "PATH=" + govctl_program().substr(0, govctl_program().rfind('/')) + ":" + std::getenv("PATH"),
                "XDG_RUNTIME_DIR=" + daemon.directory(), shell, "-c", script});
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

// A terminal and an org that is set up: an agent and money.
struct GovernedTerminal : Terminal {
  static constexpr auto agent = Shop::agent;
  GovernedTerminal() {
    daemon.make_org("acme");
    daemon.make_agent(agent);
    daemon.buy("acme", 1'000'000);
  }
  std::vector<Json> agent_keys() {
    return daemon.get("/agents/" + percent(agent) + "/keys?limit=1000")["items"];
  }
  int active_keys() {
    int active = 0;
    for (const Json& key : agent_keys()) active += key["status"] == "ACTIVE" ? 1 : 0;
    return active;
  }
};

}  // namespace govctl::test
