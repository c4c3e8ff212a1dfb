// govctl explain and can-i: every refusal names what decided it and the command that would have let the call
// through; running that command lets the same call through.

#include "tests/functional/harness/terminal.h"

using namespace govctl::test;

namespace {

constexpr auto agent = "acme/prod/support/triage";

// A line as a POSIX shell splits it.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool open = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ') {
      if (open || !word.empty()) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
    }
  }
  if (open || !word.empty()) words.push_back(word);
  return words;
}

struct Explained : Terminal {
  std::string key = set_up();

  [[nodiscard]] Json explanation(const Answer& answer) {
    const std::string id = answer.header("x-request-id");
    const Json explained = json({"explain", id});
    CHECK(explained == daemon.get("/usage/request/" + id + "/explanation"));
    return explained;
  }
  // Runs the commands of an explanation's or a verdict's changes; how many there were.
  std::size_t make(const Json& changes) const {
    std::size_t made = 0;
    for (const Json& change : changes) {
      if (change["command"].is_null()) continue;
      auto words = shell_words(change["command"]);
      INFO(change["command"]);
      REQUIRE(words.size() > 1);
      REQUIRE(words.front() == "govctl");
      words.erase(words.begin());
      works(words);
      ++made;
    }
    return made;
  }
  // The refused call passes once the printed commands were run; none of them is too many.
  Json mended_by(const Json& body, int refused_with, std::size_t commands) {
    const Answer refused = daemon.chat(key, body);
    INFO(refused.body);
    REQUIRE(refused.status == refused_with);
    const Json why = explanation(refused);
    INFO(why.dump(1));
    CHECK(make(why["changes"]) == commands);
    const Answer again = daemon.chat(key, body);
    INFO(again.body);
    CHECK(again.status == 200);
    return why;
  }
};

}  // namespace

TEST_CASE("a model that two policies forbid is let through by the two commands", "[explain]") {
  Explained t;
  t.daemon.policy("acme", {{"name", "house rules"}, {"allow_models", {"gpt-4o*", "claude-*"}}});
  t.daemon.policy("acme/prod", {{"deny_models", {"mock-*"}}});
  const Json why = t.mended_by(request("mock-model"), 403, 2);
  CHECK(why["decided_by"] == "policy acme: house rules");
  CHECK(why["rules"].size() == 2);
  CHECK(why["rules"][0]["value"] == "gpt-4o*, claude-*");
  CHECK(why["rules"][1]["policy"] == "acme/prod: default");
  // What was allowed before still is.
  CHECK(t.json({"can-i", "use", "claude-sonnet-4-5", "--as", agent})["cause"] == "no_credential");
}

TEST_CASE("a policy of a key is changed on that key", "[explain]") {
  Explained t;
  const std::string id = t.json({"key", "list", agent})["items"][0]["id"];
  t.daemon.policy(agent, {{"key_id", id}, {"name", "tight"}, {"max_output_tokens", 10}});
  const Json why = t.mended_by(request("mock-model", 50), 403, 1);
  CHECK(why["decided_by"] == "policy key laptop of acme/prod/support/triage: tight");
}

TEST_CASE("every number in the way is raised to what was needed, and no further", "[explain]") {
  Explained t;
  t.daemon.policy("acme", {{"max_output_tokens", 40}});
  t.daemon.policy("acme/prod", {{"max_output_tokens", 30}});
  t.daemon.policy("acme/prod/support", {{"max_output_tokens", 300}});
  const Json why = t.mended_by(request("mock-model", 50), 403, 2);
  CHECK(why["decided_by"] == "policy acme/prod: default");
  CHECK(why["needed"] == 50);
  CHECK(t.daemon.chat(t.key, request("mock-model", 51)).status == 403);
}

TEST_CASE("budgets in the way are raised to what was needed", "[explain]") {
  Explained t;
  t.daemon.budget("acme/prod", 10, {{"period", "DAILY"}});
  t.daemon.budget("acme", 1'000'000, {{"period", "MONTHLY"}});
  t.daemon.budget(agent, 5);
  const Json body = request("mock-model", 50);
  const Json why = t.mended_by(body, 402, 2);
  CHECK(why["decided_by"] == "the DAILY budget of acme/prod");
  REQUIRE(why["money"].size() == 4);
  CHECK(why["money"][0]["what"] == "BALANCE");
  CHECK(why["money"][0]["left"] == 100'000);
  CHECK(why["money"][1]["decided"] == false);
  CHECK(why["money"][2]["path"] == "acme/prod");
  CHECK(why["money"][2]["decided"] == true);
  CHECK(why["resets_at"].is_string());
  // Not a credit more than that: a call that needs more is refused again.
  CHECK(t.daemon.chat(t.key, request("mock-model", 200)).status == 402);
}

TEST_CASE("a balance, a key's limit, a rate and a frozen path name their command too", "[explain]") {
  Explained t;
  t.works({"ledger", "adjust", "acme", "-99999", "--reason", "test"});
  CHECK(t.mended_by(request("mock-model", 50), 402, 1)["decided_by"] == "the balance of acme");
  t.daemon.buy("acme", 100'000);

  const std::string id = t.json({"key", "list", agent})["items"][0]["id"];
  t.works({"key", "set", id, "--limit", "20"});
  CHECK(holds(t.mended_by(request("mock-model", 50), 402, 1)["decided_by"], "limit of this key"));

  t.works({"key", "set", id, "--limit", "none"});

  t.daemon.policy("acme/prod", {{"rpm", 1}});
  REQUIRE(t.daemon.chat(t.key, request("mock-model", 50)).status == 200);
  const Json rate = t.mended_by(request("mock-model", 50), 429, 1);
  CHECK(rate["decided_by"] == "rpm 1 of acme/prod");
  CHECK(rate["rates"][0]["used"] == 1);
  CHECK(rate["retry_after_s"].is_number());
  t.works({"policy", "set", "acme/prod", "--rpm", "none"});

  t.works({"freeze", "acme/prod"});
  t.mended_by(request("mock-model", 50), 403, 1);
  t.works({"workspace", "set", "acme/prod", "--active", "off"});
  t.mended_by(request("mock-model", 50), 403, 1);
  t.works({"agent", "disable", agent});
  t.mended_by(request("mock-model", 50), 403, 1);
}

TEST_CASE("a call that passed tells under which rules and with how much money", "[explain]") {
  Explained t;
  t.daemon.policy("acme", {{"allow_models", {"mock-*"}}});
  t.daemon.budget("acme/prod", 50'000, {{"period", "DAILY"}});
  const Answer answer = t.daemon.chat(t.key, request("mock-model", 50));
  REQUIRE(answer.status == 200);
  const Json why = t.explanation(answer);
  CHECK(why["changes"].empty());
  CHECK(why["decided_by"].is_null());
  CHECK(why["rules"][0]["rule"] == "allow_models");
  CHECK(why["money"][1]["left"] == 50'000);
  // As it was then, not as it is now.
  t.works({"policy", "set", "acme", "--allow-models", "gpt-*"});
  t.works({"budget", "set", "acme/prod", "--period", "daily", "--limit", "60000"});
  CHECK(t.explanation(answer) == why);
  const std::string page = t.works({"explain", answer.header("x-request-id")});
  for (const char* words : {"mock-*", "acme: default", "acme/prod", "50000"}) CHECK(holds(page, words));
}

TEST_CASE("can-i says what the gateway would, and does nothing", "[explain]") {
  Explained t;
  const auto asked = [&](const std::vector<std::string>& more, int code) {
    std::vector<std::string> words{"can-i", "use", "mock-model", "--as", agent};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramEnd end = t.ctl(words);
    INFO(end.output);
    CHECK(end.exit_code == code);
    return end.printed;
  };
  CHECK(asked({}, 0).starts_with("yes: "));
  CHECK(asked({"-q"}, 0) == "yes\n");
  t.daemon.policy("acme/prod", {{"deny_models", {"mock-*"}}, {"max_output_tokens", 100}});
  CHECK(holds(asked({}, 5), "govctl policy set acme/prod --deny-models none"));
  CHECK(asked({"-q"}, 5) == "no\n");
  t.make(t.json({"can-i", "use", "mock-model", "--as", agent})["changes"]);
  CHECK(t.json({"can-i", "use", "mock-model", "--as", agent})["max_tokens"] == 100);
  CHECK(holds(asked({"--max-tokens", "101"}, 5), "--max-output-tokens 101"));

  t.daemon.budget("acme/prod", 10, {{"period", "DAILY"}});
  const Json money = t.json({"can-i", "use", "mock-model", "--as", agent, "--max-tokens", "50"});
  CHECK(money["cause"] == "budget_exceeded");
  t.make(money["changes"]);
  CHECK(t.json({"can-i", "use", "mock-model", "--as", agent, "--max-tokens", "50"})["allowed"] == true);

  const std::string id = t.json({"key", "list", agent})["items"][0]["id"];
  t.works({"key", "set", id, "--limit", "1"});
  CHECK(t.json({"can-i", "use", "mock-model", "--as", agent, "--max-tokens", "50", "--key", id})["cause"] ==
        "key_limit");
  CHECK(holds(asked({"--max-tokens", "50"}, 0), "yes"));

  CHECK(t.ctl({"can-i", "use", "mock-model", "--as", "acme/prod/support/nobody"}).exit_code == 6);
  CHECK(t.ctl({"can-i", "use", "gpt-4o", "--as", agent}).exit_code == 5);
  CHECK(t.daemon.events("acme").empty());
  CHECK(t.daemon.reserved("acme") == 0);
  CHECK(t.daemon.ledger("acme").size() == 1);
  CHECK(t.daemon.get("/can-i?agent=" + percent(agent) + "&model=mock-model")["agent"] == agent);
}

TEST_CASE("budget explain tells what is left, how fast it goes, and when it is gone", "[explain]") {
  Explained t;
  t.daemon.budget("acme/prod", 50'000, {{"period", "TOTAL"}});
  t.daemon.budget(agent, 20, {{"period", "DAILY"}});
  t.daemon.budget("acme/prod/support", 40'000, {{"period", "MONTHLY"}});
  t.works({"budget", "set", agent, "--period", "daily", "--limit", "20000"});
  const Answer answer = t.daemon.chat(t.key, request("mock-model", 50));
  REQUIRE(answer.status == 200);
  const std::int64_t spent = answer.json()["x_platform"]["credits_charged"];
  const Json lines = t.daemon.get("/budgets/explain?path=" + percent("acme/prod/support"))["items"];
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["what"] == "BALANCE");
  CHECK(lines[0]["limit"] == 100'000 - spent);
  CHECK(lines[1]["path"] == "acme/prod");
  CHECK(lines[1]["last_24h"] == spent);
  CHECK(lines[1]["left"] == 50'000 - spent);
  CHECK(lines[1]["seconds_to_limit"] == (50'000 - spent) * 86'400 / spent);
  CHECK(lines[1]["resets_at"].is_null());
  CHECK(lines[3]["path"] == agent);
  CHECK(lines[3]["resets_at"].is_string());
  CHECK(lines[3]["limit_reached_at"].is_null());  // not today at that rate
  CHECK(holds(t.works({"budget", "explain", agent}), "LIMIT REACHED"));
  CHECK(holds(t.works({"policy", "effective", agent}), "every model with a price"));
}
