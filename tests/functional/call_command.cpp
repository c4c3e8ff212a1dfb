// govctl call: one governed call from the terminal.

#include "tests/functional/harness/terminal.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

TEST_CASE("call prints the answer alone, and its cost on stderr", "[call_command]") {
  GovernedTerminal t;
  const ProgramEnd end = t.ctl({"call", t.agent, "-m", "mock-model", "Say hello"});
  CHECK(end.exit_code == 0);
  CHECK(end.printed == "This is a mock answer from govd. You said: Say hello\n");
  const Json event = t.daemon.events("acme").at(0);
  CHECK(holds(end.output, std::to_string(event["credits_charged"].get<int>()) + " credits"));
  CHECK(holds(end.output, event["cost_usd"].get<std::string>() + " USD"));
  CHECK(holds(end.output, event["request_id"].get<std::string>()));
  CHECK(t.ctl({"call", t.agent, "-m", "mock-model", "Say hello", "-q"}).output ==
        "This is a mock answer from govd. You said: Say hello\n");
}

TEST_CASE("call streams, reads the prompt from stdin, and says all of it as JSON", "[call_command]") {
  GovernedTerminal t;
  const std::string agent(t.agent);
  const std::string said = "This is a mock answer from govd. You said: from a pipe\n";
  CHECK(t.shell("printf 'from a pipe' | govctl call " + agent + " -m mock-model --stream -").printed == said);
  CHECK(t.shell("printf 'from a pipe' | govctl call " + agent + " -m mock-model").printed == said);
  const Json json = t.json({"call", t.agent, "-m", "mock-model", "hi"});
  CHECK(json["text"] == "This is a mock answer from govd. You said: hi");
  CHECK(json["provider"] == "mock");
  CHECK(json["request_id"] == t.daemon.events("acme").at(0)["request_id"]);
  CHECK(json["credits_charged"] == t.daemon.events("acme").at(0)["credits_charged"]);
}

TEST_CASE("the key of a call is made for it and gone afterwards", "[call_command]") {
  GovernedTerminal t;
  t.ctl({"call", t.agent, "-m", "mock-model", "hi"});
  t.ctl({"call", t.agent, "-m", "no-such-model", "hi"});
  t.ctl({"call", t.agent, "-m", "mock-cut", "--stream", "hi"});
  const auto keys = t.agent_keys();
  REQUIRE(keys.size() == 3);
  CHECK(t.active_keys() == 0);
  for (const Json& key : keys) CHECK_FALSE(key["expires_at"].is_null());
}

TEST_CASE("a refused call says its code, why, and what to do, with the exit code of its kind",
          "[call_command]") {
  GovernedTerminal t;
  const auto ends = [&](const std::vector<std::string>& more, int code, const std::vector<std::string>& says) {
    std::vector<std::string> words{"call", t.agent, "hello", "-m"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramEnd end = t.ctl(words);
    INFO(end.output);
    CHECK(end.exit_code == code);
    CHECK(end.printed.empty());
    for (const auto& word : says) CHECK(holds(end.output, word));
  };
  ends({"unheard-of"}, 5, {"no_price", "has no price", "next: govctl pricing set openai unheard-of"});
  ends({"gpt-4o-mini"}, 5, {"no_credential", "next: govctl credential add acme openai"});
  ends({"mock-error-500"}, 1, {"failed", "next: govctl explain req_"});
  t.daemon.policy("acme", {{"name", "house"}, {"deny_models", {"mock-slow"}}});
  ends({"mock-slow"}, 5, {"policy_denied", "acme: house", "next: govctl explain req_"});
  t.daemon.budget("acme/prod", 10);
  ends({"mock-model"}, 5, {"budget_exceeded", "limit 10", "next: govctl explain req_"});
  const ProgramEnd json = t.ctl({"call", t.agent, "-m", "mock-model", "hi", "-o", "json"});
  const Json error = Json::parse(json.output)["error"];
  CHECK(error["code"] == "budget_exceeded");
  CHECK(error["request_id"].get<std::string>().starts_with("req_"));
  t.works({"freeze", "acme"});
  ends({"mock-model"}, 4, {"frozen"});
  CHECK(t.ctl({"call", "acme/prod/support/nobody", "-m", "mock-model", "hi"}).exit_code == 6);
  CHECK(t.ctl({"call", t.agent, "-m", "mock-model"}).exit_code == 64);
  CHECK(t.ctl({"call", t.agent, "-m", "mock-model", "hi", "--dry-run"}).exit_code == 64);
}

TEST_CASE("a stream that breaks off is no clean end", "[call_command]") {
  GovernedTerminal t;
  const ProgramEnd end = t.ctl({"call", t.agent, "-m", "mock-cut", "--stream", "hi"});
  CHECK(end.exit_code == 1);
  CHECK(holds(end.printed, "This is"));
  CHECK(holds(end.output, "broke off"));
  CHECK(holds(end.output, "govctl explain req_"));
}

TEST_CASE("Ctrl-C ends a call and its key", "[call_command]") {
  GovernedTerminal t;
  const std::string agent(t.agent);
  const ProgramEnd end =
      t.shell("govctl call " + agent + " -m mock-slow --stream hi > " + t.daemon.directory() +
              "/out & child=$!; until [ -s " + t.daemon.directory() +
              "/out ]; do sleep 0.02; done; kill -TERM $child; wait $child; echo \"ended $?\"");
  INFO(end.output);
  CHECK(holds(end.output, "ended 143"));
  CHECK(t.agent_keys().size() == 1);
  CHECK(t.active_keys() == 0);
}

TEST_CASE("a key's limit can be said in dollars", "[call_command]") {
  GovernedTerminal t;
  CHECK(t.json({"key", "create", t.agent, "--name", "cheap", "--limit-usd", "0.25"})["limit"] == 250'000);
  CHECK(t.ctl({"key", "create", t.agent, "--name", "x", "--limit-usd", "1", "--limit", "1"}).exit_code == 64);
  CHECK(t.ctl({"key", "create", t.agent, "--name", "x", "--limit-usd", "0.0000001"}).exit_code == 64);
  CHECK(t.ctl({"key", "create", t.agent, "--name", "x", "--limit-usd", "much"}).exit_code == 64);
}
