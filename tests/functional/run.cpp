// govctl run: another program, whose calls go through govd with a key that lives as long as it.

#include <fstream>

#include "tests/functional/harness/terminal.h"

using namespace govctl::test;

namespace {

struct Runner : GovernedTerminal {
  // `script` as the governed program.
  ProgramEnd governed(const std::string& script, const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words{"run", "--agent", agent};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "/bin/sh", "-c", script});
    return ctl(words);
  }
  // A program of that name that prints what it gets, on a PATH of its own.
  std::string fake(const std::string& name, const std::string& script) const {
    const std::string folder = daemon.directory() + "/bin";
    run({"/bin/mkdir", "-p", folder});
    std::ofstream(folder + "/" + name) << "#!/bin/sh\n" << script << "\n";
    run({"/bin/chmod", "755", folder + "/" + name});
    return folder;
  }
};

const std::string call_models =
    "curl -s -o /dev/null -w '%{http_code}' -H \"Authorization: Bearer $OPENAI_API_KEY\" "
    "$OPENAI_BASE_URL/models";
const std::string call_chat =
    "curl -s -H \"Authorization: Bearer $OPENAI_API_KEY\" -H 'Content-Type: application/json' "
    "-d '{\"model\":\"mock-model\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}' "
    "$OPENAI_BASE_URL/chat/completions";

}  // namespace

TEST_CASE("a governed program is led to govd and sees no provider's key", "[run]") {
  Runner t;
  const ProgramEnd end = t.shell(
      "OPENAI_API_KEY=real-1 ANTHROPIC_API_KEY=real-2 GEMINI_API_KEY=real-3 OTHER=kept "
      "govctl run --agent acme/prod/support/triage -- printenv");
  INFO(end.output);
  CHECK(end.exit_code == 0);
  CHECK(holds(end.printed, "OPENAI_BASE_URL=" + t.daemon.gateway() + "/v1\n"));
  CHECK(holds(end.printed, "ANTHROPIC_BASE_URL=" + t.daemon.gateway() + "\n"));
  CHECK(holds(end.printed, "OPENAI_API_KEY=cpk_"));
  CHECK(holds(end.printed, "ANTHROPIC_AUTH_TOKEN=cpk_"));
  CHECK(holds(end.printed, "OTHER=kept\n"));
  for (const char* gone : {"real-1", "real-2", "real-3"}) CHECK_FALSE(holds(end.printed, gone));
  CHECK(holds(
      t.shell("GEMINI_API_KEY=real-3 govctl run --agent acme/prod/support/triage --keep-env GEMINI_API_KEY "
              "-- printenv")
          .printed,
      "GEMINI_API_KEY=real-3"));
}

TEST_CASE("its key works while it runs and not a moment longer", "[run]") {
  Runner t;
  const ProgramEnd end = t.governed(call_models + "; echo; echo $OPENAI_API_KEY");
  INFO(end.output);
  CHECK(holds(end.printed, "200\ncpk_"));
  const std::string key = end.printed.substr(4, 47);
  CHECK(t.daemon.chat(key, request("mock-model")).status == 401);
  CHECK(t.active_keys() == 0);
  const Json seen = t.agent_keys().at(0);
  CHECK(seen["name"].get<std::string>().starts_with("run sh "));
  CHECK_FALSE(seen["expires_at"].is_null());
}

TEST_CASE("the exit code is the program's, or says that govctl failed", "[run]") {
  Runner t;
  CHECK(t.governed("exit 7").exit_code == 7);
  CHECK(t.governed("exit 64").exit_code == 64);
  CHECK(t.governed("kill -TERM $$").exit_code == 143);
  CHECK(t.governed("kill -KILL $$").exit_code == 137);
  const auto ends = [&](const std::vector<std::string>& words, int code) {
    std::vector<std::string> all{"run"};
    all.insert(all.end(), words.begin(), words.end());
    const ProgramEnd end = t.ctl(all);
    INFO(end.output);
    CHECK(end.exit_code == code);
    CHECK(holds(end.output, "next: "));
  };
  ends({"--agent", t.agent, "--", "no-such-program"}, 127);
  ends({"--agent", t.agent, "--", "/etc/passwd"}, 126);
  ends({"--agent", "acme/prod/support/nobody", "--", "true"}, 125);
  ends({"--agent", t.agent}, 125);
  ends({"--agent", t.agent, "true"}, 125);
  ends({"--", "true"}, 125);
  ends({"--agent", t.agent, "--budget-usd", "much", "--", "true"}, 125);
  const int before = static_cast<int>(t.agent_keys().size());
  CHECK(before == 4);  // none for what did not start
  REQUIRE(t.daemon.stop() == 0);
  ends({"--agent", t.agent, "--", "true"}, 125);
  t.daemon.start();
}

TEST_CASE("options behind -- are the program's, and stdin and stdout pass", "[run]") {
  Runner t;
  CHECK(t.ctl({"run", "--agent", t.agent, "--", "echo", "-v", "--help", "--", "-o", "json"}).printed ==
        "-v --help -- -o json\n");
  CHECK(t.shell("echo through | govctl run --agent acme/prod/support/triage -q -- cat").output == "through\n");
}

TEST_CASE("a budget of dollars holds for the run alone", "[run]") {
  Runner t;
  const ProgramEnd end = t.governed(call_chat, {"--budget-usd", "0.00001"});
  INFO(end.output);
  CHECK(holds(end.printed, "budget_exceeded"));
  CHECK(holds(end.output, "0 of 10 credits spent"));
  CHECK(t.agent_keys().at(0)["limit"] == 10);
  const ProgramEnd enough = t.governed(call_chat, {"--budget-usd", "0.5"});
  INFO(enough.output);
  const Json event = t.daemon.events("acme").at(0);
  CHECK(event["status"] == "SUCCESS");
  CHECK(holds(enough.output, std::to_string(event["credits_charged"].get<int>()) + " of 500000 credits spent"));
}

TEST_CASE("a signal that govctl gets is the program's, and the key is gone afterwards", "[run]") {
  Runner t;
  const std::string mark = t.daemon.directory() + "/mark";
  for (const char* signal : {"TERM", "HUP", "USR1"}) {
    const std::string name(signal);
    const ProgramEnd end = t.shell(
        "rm -f " + mark + "; govctl run --agent acme/prod/support/triage -- /bin/sh -c 'trap \"echo got " +
        name + "; exit 9\" " + name + "; touch " + mark +
        "; while :; do sleep 0.05; done' & run=$!; until [ -e " + mark + " ]; do sleep 0.02; done; kill -" +
        name + " $run; wait $run; echo \"ended $?\"");
    INFO(end.output);
    CHECK(holds(end.printed, "got " + name + "\n"));
    CHECK(holds(end.printed, "ended 9\n"));
    CHECK(t.active_keys() == 0);
  }
}

TEST_CASE("a key that nobody could revoke is over within the hour", "[run]") {
  Runner t;
  const std::string mark = t.daemon.directory() + "/mark";
  t.shell("govctl run --agent acme/prod/support/triage -- /bin/sh -c 'echo $$ > " + mark +
          "; exec sleep 60' & run=$!; until [ -s " + mark +
          " ]; do sleep 0.02; done; kill -KILL $run; kill $(cat " + mark + ")");
  const Json key = t.agent_keys().at(0);
  CHECK(key["status"] == "ACTIVE");
  CHECK(key["expires_at"].get<std::string>() > key["created_at"].get<std::string>());
}

TEST_CASE("known clients get what they need, and nothing of it stays", "[run]") {
  Runner t;
  const std::string folder =
      t.fake("claude", "echo \"$@\"; cat \"$2\"; echo \"$2\" > " + t.daemon.directory() + "/settings");
  t.fake("codex", "echo \"$@\"");
  const auto said = [&](const std::string& command) {
    const ProgramEnd end =
        t.shell("PATH=" + folder + ":$PATH govctl run --agent acme/prod/support/triage -- " + command);
    INFO(end.output);
    CHECK(end.exit_code == 0);
    return end.printed;
  };
  const std::string claude = said("claude -p hello");
  CHECK(holds(claude, "--settings "));
  CHECK(holds(claude, " -p hello\n"));
  CHECK(holds(claude, "\"ANTHROPIC_BASE_URL\": \"" + t.daemon.gateway() + "\""));
  CHECK(t.shell("cat $(cat " + t.daemon.directory() + "/settings)").exit_code != 0);
  const std::string codex = said("codex exec hello");
  CHECK(holds(codex, "base_url=\"" + t.daemon.gateway() + "/v1\""));
  CHECK(holds(codex, " exec hello\n"));
}

TEST_CASE("no key is in any argument list", "[run]") {
  Runner t;
  const std::string folder =
      t.fake("claude",
             "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | "
             "awk 'index($0, ENVIRON[\"ANTHROPIC_AUTH_TOKEN\"]) {n++} END {print n + 0}'");
  CHECK(t.shell("PATH=" + folder + ":$PATH govctl run --agent acme/prod/support/triage -q -- claude").printed ==
        "0\n");
}

TEST_CASE("a rehearsal says what would be, and makes no key", "[run]") {
  Runner t;
  const ProgramEnd end =
      t.shell("GROQ_API_KEY=real govctl run --agent acme/prod/support/triage -n -o json -- sh -c true");
  const Json plan = Json::parse(end.printed);
  CHECK(plan["withholds"].dump().find("GROQ_API_KEY") != std::string::npos);
  CHECK(plan["gateway"] == t.daemon.gateway());
  CHECK(t.agent_keys().empty());
}

TEST_CASE("a sandboxed program calls, and finds neither socket nor state nor keys", "[run]") {
  Runner t;
  if (run({"/bin/sh", "-c",
           "bwrap --unshare-user --unshare-pid --bind / / --proc /proc --dev-bind /dev /dev true"})
          .exit_code != 0) {
    WARN("bubblewrap cannot make a sandbox here: not tested");
    return;
  }
  const ProgramEnd end = t.governed("ls -A " + t.daemon.directory() + "; test -e " + t.daemon.socket() +
                                        " && echo socket; test -e " + t.daemon.keys() + " && echo keys; " +
                                        call_models + "; echo \" $$\"; exit 5",
                                    {"--sandbox", "-q"});
  INFO(end.output);
  CHECK(end.exit_code == 5);
  CHECK(end.printed == "200 2\n");  // a process namespace of its own: no other's /proc to look through
  CHECK(t.active_keys() == 0);

  const std::string mark = "/tmp/govd-sandbox-mark." + std::to_string(t.daemon.pid());
  const ProgramEnd signalled = t.shell(
      "govctl run --agent acme/prod/support/triage --sandbox -- /bin/sh -c 'trap \"exit 9\" TERM; touch " +
      mark + "; while :; do sleep 0.05; done' & run=$!; until [ -e " + mark +
      " ]; do sleep 0.02; done; kill $run; wait $run; echo \"ended $?\"; rm " + mark);
  INFO(signalled.output);
  CHECK(holds(signalled.printed, "ended 9"));
}

TEST_CASE("a sandbox that cannot be says why, before a key is made", "[run]") {
  Runner t;
  const std::string folder =
      t.fake("bwrap", "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1");
  const ProgramEnd refused =
      t.shell("PATH=" + folder + ":$PATH govctl run --agent acme/prod/support/triage --sandbox -- true");
  INFO(refused.output);
  CHECK(refused.exit_code == 125);
  CHECK(holds(refused.output, "No permissions to create a new namespace"));
  const ProgramEnd missing =
      run({"/usr/bin/env", "PATH=/nowhere", govctl_program(), "--socket", t.daemon.socket(), "run", "--agent",
           t.agent, "--sandbox", "--", "/bin/true"});
  INFO(missing.output);
  CHECK(missing.exit_code == 125);
  CHECK(holds(missing.output, "next: sudo apt install bubblewrap"));
  CHECK(t.agent_keys().empty());
}
