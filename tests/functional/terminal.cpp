// govctl against the real daemon: an agent set up, called, explained and proven from a terminal.

#include "tests/functional/harness/terminal.h"

#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

struct SetUp : Terminal {
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

}  // namespace

TEST_CASE("an agent is set up, called and read about with govctl alone", "[terminal]") {
  SetUp t;
  const std::string key = t.set_up();
  const Answer answer = t.daemon.chat(key, request("mock-model", 50));
  REQUIRE(answer.status == 200);
  const std::string request_id = answer.header("x-request-id");
  const std::int64_t credits = answer.json()["x_platform"]["credits_charged"];

  CHECK(t.json({"status"})["gateway"]["url"] == t.daemon.gateway());
  CHECK(t.json({"ledger", "balance", "acme"})["balance"] == 100'000 - credits);
  CHECK(t.json({"usage", "history", "acme"})["items"][0]["request_id"] == request_id);
  CHECK(t.json({"ledger", "statement", "acme"})["items"].size() == 2);
  CHECK(holds(t.works({"explain", request_id}), std::to_string(credits) + " credits"));
  t.works({"ledger", "verify", "acme"});
  t.works({"audit", "list", "acme"});
  t.works({"audit", "verify"});
  t.works({"usage", "burn-rate", "acme"});
  t.works({"usage", "top", "acme"});
  t.works({"pricing", "list"});
  t.works({"provider", "list"});
  CHECK_FALSE(holds(t.works({"key", "list", "acme/prod/support/triage"}), key));
}

TEST_CASE("the command that a refusal ends with says why, with the figures", "[terminal]") {
  SetUp t;
  const std::string key = t.set_up();
  t.works({"budget", "set", "acme/prod", "--period", "daily", "--limit", "10"});
  t.works({"policy", "set", "acme", "--name", "house", "--deny-models", "gpt-*"});

  const auto explained = [&](const std::string& model) {
    const Answer answer = t.daemon.chat(key, request(model, 50));
    CHECK(answer.status != 200);
    const std::string message = answer.json()["error"]["message"];
    const std::string::size_type at = message.rfind("govctl explain ");
    REQUIRE(at != std::string::npos);
    return t.works({"explain", message.substr(at + 15)});
  };
  const std::string money = explained("mock-model");
  for (const char* words : {"DAILY", "acme/prod", "10"}) CHECK(holds(money, words));
  const std::string rule = explained("gpt-4o");
  for (const char* words : {"acme: house", "gpt-4o"}) CHECK(holds(rule, words));
}

TEST_CASE("what is wrong is told by the exit code, the reason and the next command", "[terminal]") {
  SetUp t;
  t.set_up();
  const auto ends = [&](const std::vector<std::string>& words, int code, const std::string& says) {
    const ProgramEnd end = t.ctl(words);
    INFO(end.output);
    CHECK(end.exit_code == code);
    CHECK(holds(end.output, says));
    CHECK(holds(end.output, "govctl "));
  };
  ends({"org", "get", "nope"}, 6, "nope");
  ends({"org", "create", "acme", "--slug", "acme"}, 7, "acme");
  ends({"ledger", "purchase", "acme", "9223372036854775808"}, 64, "9223372036854775808");
  ends({"ledger", "purchase", "acme", "-5"}, 64, "");
  ends({"ledger", "adjust", "acme", "-200000", "--reason", "x"}, 5, "--allow-negative");
  ends({"budget", "set", "acme", "--period", "weekly", "--limit", "1"}, 64, "weekly");
  ends({"no-such-command"}, 64, "no-such-command");
  CHECK(t.daemon.balance("acme") == 100'000);
  REQUIRE(t.daemon.stop() == 0);
  ends({"org", "list"}, 69, t.daemon.socket());
  t.daemon.start();
}

TEST_CASE("govctl's proof fails when a row was changed", "[terminal]") {
  SetUp t;
  const std::string key = t.set_up();
  REQUIRE(t.daemon.chat(key, request("mock-model", 50)).status == 200);
  Database database(t.daemon.org_file("acme"));
  drop_guards(database);
  database.execute("UPDATE ledger SET amount = amount + 1 WHERE seq = 1");
  const ProgramEnd end = t.ctl({"ledger", "verify", "acme"});
  INFO(end.output);
  CHECK(end.exit_code != 0);
  CHECK(holds(end.output, "ledger"));
  database.execute("UPDATE ledger SET amount = amount - 1 WHERE seq = 1");
  t.works({"ledger", "verify", "acme"});
}
