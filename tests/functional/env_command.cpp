// govctl env: the variables that lead a shell's programs to govd.

#include <sys/stat.h>

#include "tests/functional/harness/terminal.h"

using namespace govctl::test;

namespace {
const std::string env = "govctl env --agent acme/prod/support/triage ";
}

TEST_CASE("a shell that evaluates env calls through govd", "[env_command]") {
  GovernedTerminal t;
  for (const std::string shell : {"bash", "zsh", "dash"}) {
    if (run({"/bin/sh", "-c", "command -v " + shell}).exit_code != 0) continue;
    const std::string kind = shell == "dash" ? "bash" : shell;
    const ProgramEnd end =
        t.shell("export ANTHROPIC_API_KEY=real; eval \"$(" + env + "--shell " + kind +
                    ")\"; curl -s -o /dev/null -w '%{http_code}' -H \"Authorization: Bearer $OPENAI_API_KEY\" "
                    "$OPENAI_BASE_URL/models; echo \" [$ANTHROPIC_API_KEY]\"",
                run({"/bin/sh", "-c", "command -v " + shell + " | tr -d '\\n'"}).printed);
    INFO(shell << ": " << end.output);
    CHECK(holds(end.printed, "200 []"));
    CHECK(holds(end.output, "unset, for they lead around govd: ANTHROPIC_API_KEY"));
    CHECK(holds(end.output, "key of acme/prod/support/triage, until 20"));
  }
}

TEST_CASE("env gives the same key again while it works, and says so", "[env_command]") {
  GovernedTerminal t;
  const std::string first = t.shell(env).printed;
  const ProgramEnd again = t.shell(env);
  CHECK(again.printed == first);
  CHECK(holds(again.output, "the same key"));
  CHECK(t.agent_keys().size() == 1);
  CHECK(t.shell(env + "--new").printed != first);
  CHECK(t.agent_keys().size() == 2);
  // Revoked, or soon over: a new one.
  for (const Json& key : t.agent_keys()) {
    t.works({"key", "revoke", key["id"].get<std::string>(), "-y"});
  }
  CHECK(holds(t.shell(env).output, "a new key"));
  CHECK(holds(t.shell(env + "--ttl 30d").output, "a new key"));
  CHECK(t.active_keys() == 2);
}

TEST_CASE("the key that env keeps is for this user's eyes alone", "[env_command]") {
  GovernedTerminal t;
  t.shell(env);
  const ProgramEnd files = run({"/usr/bin/find", t.daemon.directory() + "/govctl/env", "-printf", "%m %y\n"});
  INFO(files.output);
  CHECK(holds(files.output, "700 d\n"));
  CHECK(holds(files.output, "600 f\n"));
}

TEST_CASE("env --unset asks no daemon", "[env_command]") {
  const auto unset = [](const std::string& shell) {
    return run({govctl_program(), "--socket", "/nowhere/s", "env", "--unset", "--shell", shell});
  };
  CHECK(unset("bash").exit_code == 0);
  CHECK(unset("bash").output ==
        "unset OPENAI_BASE_URL\nunset OPENAI_API_BASE\nunset OPENAI_API_KEY\nunset ANTHROPIC_BASE_URL\n"
        "unset ANTHROPIC_AUTH_TOKEN\n");
  CHECK(holds(unset("fish").output, "set -e OPENAI_API_KEY\n"));
  CHECK(unset("dotenv").exit_code == 64);
  CHECK(unset("tcsh").exit_code == 64);
}

TEST_CASE("env writes a .env file, JSON, and what fish reads", "[env_command]") {
  GovernedTerminal t;
  CHECK(holds(t.shell(env + "--shell dotenv").printed, "\nOPENAI_API_KEY=cpk_"));
  CHECK(t.shell(env + "--shell dotenv").printed.starts_with("OPENAI_BASE_URL=" + t.daemon.gateway() + "/v1\n"));
  CHECK(Json::parse(t.shell(env + "-o json").printed)["set"]["ANTHROPIC_BASE_URL"] == t.daemon.gateway());
  CHECK(holds(t.shell("SHELL=/usr/bin/fish " + env).printed, "set -gx OPENAI_API_KEY 'cpk_"));
  CHECK(t.shell("govctl env").exit_code == 64);
  CHECK(t.shell("govctl env --agent acme/prod/support/nobody").exit_code == 6);
  CHECK(t.shell("govctl env --agent acme/prod/support/nobody").printed.empty());
}
