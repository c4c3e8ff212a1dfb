// An org as one document: export, plan, diff and apply against the real daemon.

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

struct Desk {
  TestDaemon daemon;
  Directory directory;

  [[nodiscard]] std::string file(const std::string& name) const { return directory.path() + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream stream(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  ProgramEnd ctl(std::vector<std::string> words, const std::vector<std::string>& variables = {}) const {
    std::vector<std::string> command{"/usr/bin/env"};
    command.insert(command.end(), variables.begin(), variables.end());
    command.insert(command.end(), {govctl_program(), "--socket", daemon.socket()});
    command.insert(command.end(), words.begin(), words.end());
    return run(command);
  }
  // What a command that ends with `code` prints.
  std::string says(int code, const std::vector<std::string>& words,
                   const std::vector<std::string>& variables = {}) const {
    const ProgramEnd end = ctl(words, variables);
    INFO(words[0] << ": " << end.output);
    CHECK(end.exit_code == code);
    return end.output;
  }
  Json json(int code, std::vector<std::string> words) const {
    words.insert(words.end(), {"-o", "json"});
    const ProgramEnd end = ctl(words);
    INFO(words[0] << ": " << end.output);
    CHECK(end.exit_code == code);
    return Json::parse(end.printed);
  }
  std::vector<std::string> audited(const std::string& org) {
    std::vector<std::string> types;
    for (const Json& row : daemon.audit(org)) types.push_back(row["event_type"]);
    return types;
  }
};

constexpr const char* acme = R"(org: acme
name: Acme
overdraft: 500
policies:
  - allow_models: [mock-*, gpt-4o*]
    rpm: 600
budgets:
  - period: monthly
    limit_usd: 50
aliases:
  - name: fast
    targets: [mock/mock-model, openai/gpt-4o-mini]
workspaces:
  - slug: prod
    name: Production
    budgets:
      - period: DAILY
        limit: 400
    groups:
      - slug: support
        agents:
          - slug: triage
            description: Sorts what comes in
            keys:
              - name: laptop
                limit: 5000
                policies:
                  - parallel: 2
                budgets:
                  - {period: total, limit: 4000, auto_disable: true}
          - slug: replies
            status: DISABLED
)";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("an org is made from a file, with its keys, and its agent calls", "[org_as_code]") {
  Desk desk;
  const std::string file = desk.write("acme.yaml", acme);
  const std::string planned = desk.says(2, {"plan", "-f", file});
  CHECK(holds(planned, "+ agent acme/prod/support/triage\n"));
  CHECK(holds(planned, "+ budget acme/prod DAILY\n    limit: 400\n"));
  CHECK(holds(planned, "Plan: 12 to add, 0 to change, 0 to delete."));
  CHECK(desk.daemon.get("/orgs")["items"].empty());

  const Json applied = desk.json(0, {"apply", "-f", file});
  CHECK(applied["added"] == 12);
  REQUIRE(applied["keys"].size() == 1);
  const std::string key = applied["keys"][0]["key"];
  CHECK(key.rfind("cpk_", 0) == 0);
  CHECK(holds(desk.says(0, {"apply", "-f", file}), "No changes"));
  CHECK(desk.says(0, {"plan", "-f", file}).find('+') == std::string::npos);

  desk.daemon.buy("acme", 100'000);
  CHECK(desk.daemon.chat(key, request("mock-model", 20)).status == 200);
  CHECK(desk.daemon.chat(key, request("mock-model", 2'000)).status == 402);  // 400 credits a day
  CHECK(desk.daemon.get("/agents/acme%2Fprod%2Fsupport%2Freplies")["status"] == "DISABLED");
  CHECK(desk.daemon.get("/orgs/acme")["overdraft"] == 500);
  CHECK(desk.daemon.get("/budgets?path=acme")["items"][0]["limit"] == 50'000'000);
  CHECK(desk.daemon.get("/orgs/acme/aliases/fast")["targets"][0] == "mock/mock-model");
  desk.daemon.restart();  // the key is found again
  CHECK(desk.daemon.chat(key, request("mock-model", 20)).status == 200);
  CHECK(desk.daemon.verify()["ok"] == true);
}

TEST_CASE("what is exported is applied without a change, however the org came to be", "[org_as_code]") {
  Desk desk;
  desk.daemon.make_org("acme");
  desk.daemon.make_agent("acme/prod/support/triage");
  const Key key = desk.daemon.make_key("acme/prod/support/triage", {{"limit", 77}});
  const Key gone = desk.daemon.make_key("acme/prod/support/triage", {{"name", "gone"}});
  desk.daemon.expect(200, "DELETE", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + gone.id);
  desk.daemon.expect(201, "POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + key.id + "/rotate",
                     {{"grace", "1h"}});
  desk.daemon.policy("acme", {{"name", "house"},
                              {"deny_models", {"z*", "a*"}},
                              {"clamp", true},
                              {"reserve", "worst-case"},
                              {"rpm", 5}});
  desk.daemon.budget("acme/prod", 123, {{"period", "DAILY"}});
  desk.daemon.expect(201, "POST", "/budgets",
                     {{"path", "acme"}, {"period", "TOTAL"}, {"limit_usd", "0.50"}, {"auto_disable", true}});
  desk.daemon.expect(
      200, "PATCH", "/orgs/acme",
      {{"overdraft", "unlimited"}, {"description", "two\nlines: \"quoted\" # and no comment\n"}});
  desk.daemon.expect(200, "PATCH", "/workspaces/acme%2Fprod", {{"name", "007"}, {"active", false}});
  desk.daemon.expect(200, "PUT", "/orgs/acme/aliases/yes", {{"targets", {"mock/mock-model"}}});
  desk.daemon.expect(201, "POST", "/orgs/acme/credentials",
                     {{"provider", "openai"}, {"secret", "sk-1234567890abcd"}});
  desk.daemon.expect(201, "POST", "/orgs/acme/credentials",
                     {{"provider", "openai"}, {"secret", "sk-abcdefghijkl"}, {"label", "second"}});

  desk.says(0, {"export", "acme", "-f", desk.file("acme.yaml")});
  const std::string yaml = desk.read("acme.yaml");
  CHECK(holds(yaml, "secret: \"env:ACME_OPENAI_SECOND_API_KEY\""));
  for (const auto* secret : {"sk-1234567890abcd", "sk-abcdefghijkl", "abcd"}) CHECK_FALSE(holds(yaml, secret));
  for (const auto* format : {"yaml", "json"}) {
    const ProgramEnd exported = desk.ctl({"export", "acme", "-o", format});
    REQUIRE(exported.exit_code == 0);
    desk.write(format, exported.printed);
    CHECK(holds(desk.says(0, {"apply", "-f", desk.file(format)}), "No changes"));
  }
  const std::size_t rows = desk.daemon.audit("acme").size();
  CHECK(holds(desk.says(0, {"apply", "-f", desk.file("acme.yaml")}), "No changes"));
  CHECK(holds(desk.says(0, {"diff", "-f", desk.file("acme.yaml")}), "No differences"));
  CHECK(desk.daemon.audit("acme").size() == rows);
}

TEST_CASE("another spelling of the same is no change", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"apply", "-f", desk.write("acme.yaml", acme)});
  const auto unchanged = [&](const std::string& from, const std::string& to) {
    INFO(to);
    CHECK(holds(desk.says(0, {"apply", "-f", desk.write("again.yaml", with(acme, from, to))}), "No changes"));
  };
  unchanged("limit_usd: 50\n", "limit_usd: \"50.00\"\n");
  unchanged("limit_usd: 50\n", "limit: 50000000\n");
  unchanged("period: monthly", "period: MONTHLY");
  unchanged("[mock-*, gpt-4o*]", "[gpt-4o*, mock-*, gpt-4o*]");
  unchanged("overdraft: 500\n", "overdraft: 500\nactive: true\ndescription: ''\ncredits_per_usd: 1000000\n");
  unchanged("- allow_models", "- name: default\n    allow_models");
  unchanged("          - slug: replies\n            status: DISABLED\n", "");
  const std::string without = with(acme, "          - slug: replies\n            status: DISABLED\n", "");
  const std::string moved =
      with(without, "          - slug: triage\n",
           "          - slug: replies\n            status: DISABLED\n          - slug: triage\n");
  CHECK(holds(desk.says(0, {"diff", "-f", desk.write("again.yaml", moved)}), "No differences"));
}

TEST_CASE("a plan is what apply then does, and each thing has its audit row", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"apply", "-f", desk.write("acme.yaml", acme)});
  const std::size_t before = desk.daemon.audit("acme").size();
  std::string changed = with(acme, "limit: 400\n", "limit: 800\n");
  changed = with(changed, "    rpm: 600\n", "");
  changed = with(changed, "      - slug: support\n", "      - slug: billing\n      - slug: support\n");
  const std::string file = desk.write("acme.yaml", changed);
  const std::string planned = desk.says(2, {"plan", "-f", file});
  CHECK(holds(planned, "~ budget acme/prod DAILY\n    limit: 400 -> 800\n"));
  CHECK(holds(planned, "~ policy acme default\n    rpm: 600 -> none\n"));
  CHECK(holds(planned, "+ group acme/prod/billing\n"));
  CHECK(holds(planned, "Plan: 1 to add, 2 to change, 0 to delete."));
  CHECK(desk.daemon.audit("acme").size() == before);
  CHECK(holds(desk.says(0, {"apply", "-n", "-f", file}), "nothing was changed"));
  CHECK(desk.daemon.audit("acme").size() == before);

  CHECK(holds(desk.says(0, {"apply", "-f", file}), "Applied: 1 added, 2 changed, 0 deleted."));
  auto rows = desk.daemon.audit("acme");
  REQUIRE(rows.size() == before + 4);
  CHECK(rows[0]["event_type"] == "org.apply");
  CHECK(rows[0]["metadata"] == Json{{"added", 1}, {"changed", 2}, {"deleted", 0}});
  for (std::size_t i = 1; i < 4; ++i) CHECK(rows[i]["request_id"] == rows[0]["request_id"]);
  CHECK(rows[1]["event_type"] == "agent-group.create");
  CHECK(rows[2]["metadata"]["after"]["limit"] == 800);
  CHECK(rows[2]["metadata"]["before"]["limit"] == 400);
  CHECK(desk.daemon.get("/policies?path=acme")["items"][0]["rpm"].is_null());
}

TEST_CASE("an apply that fails half way leaves nothing behind", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"apply", "-f", desk.write("acme.yaml", acme)});
  desk.daemon.buy("acme", 10);  // fixes the rate
  const Json before = desk.daemon.get("/orgs/acme/document");
  const auto rows = desk.daemon.audit("acme").size();
  std::string bad = with(acme, "overdraft: 500\n", "credits_per_usd: 100\n");
  bad = with(bad, "      - slug: support\n",
             "      - slug: new\n        agents: [{slug: one, keys: [{name: k}]}]\n      - slug: support\n");
  const std::string said =
      desk.says(7, {"apply", "-f", desk.write("bad.yaml", bad), "--secret-dir", desk.file("keys")});
  CHECK(holds(said, "bad.yaml:"));
  CHECK(holds(said, "credits_per_usd"));
  CHECK(desk.daemon.get("/orgs/acme/document") == before);
  CHECK(desk.daemon.audit("acme").size() == rows);
  CHECK_FALSE(std::ifstream(desk.file("keys/acme/prod/new/one/k.key")).good());

  // An org that is new is not there either.
  std::string other = with(acme, "org: acme", "org: other");
  other = with(other, "targets: [mock/mock-model", "targets: [nowhere/mock-model");
  CHECK(holds(desk.says(64, {"apply", "-f", desk.write("other.yaml", other)}),
              "other.yaml:12: there is no provider 'nowhere'"));
  other = with(acme, "org: acme", "org: other") +
          "credentials:\n  - provider: openai\n    secret: env:NO_SUCH_KEY\n";
  CHECK(holds(desk.says(64, {"apply", "-f", desk.write("other.yaml", other)}), "NO_SUCH_KEY is not set"));
  desk.says(6, {"org", "get", "other"});
}

TEST_CASE("a plan that was kept is refused once the org is another", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"apply", "-f", desk.write("acme.yaml", acme)});
  const std::string file = desk.write("next.yaml", with(acme, "limit: 400\n", "limit: 800\n"));
  desk.says(2, {"plan", "-f", file, "--out", desk.file("plan")});
  const Json kept = Json::parse(desk.read("plan"));
  CHECK(kept["changes"].size() == 1);

  desk.daemon.buy("acme", 1'000);  // money is no part of the document
  desk.daemon.budget("acme/prod/support", 5, {{"period", "DAILY"}});
  const ProgramEnd stale = desk.ctl({"apply", "-f", desk.file("plan")});
  INFO(stale.output);
  CHECK(stale.exit_code == 7);
  CHECK(stale.printed.empty());
  CHECK(holds(stale.output, "changed since"));
  CHECK(desk.daemon.get("/budgets?path=acme/prod")["items"][0]["limit"] == 400);

  desk.says(2, {"plan", "-f", file, "--out", desk.file("plan")});
  CHECK(holds(desk.says(0, {"apply", "-f", desk.file("plan")}), "Applied: 0 added, 1 changed"));
  CHECK(desk.daemon.get("/budgets?path=acme/prod")["items"][0]["limit"] == 800);
  desk.says(7, {"apply", "-f", desk.file("plan")});  // once is all
}

TEST_CASE("two applies at once of one plan: one is made, one is refused", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"apply", "-f", desk.write("acme.yaml", acme)});
  desk.says(2, {"plan", "-f", desk.write("next.yaml", with(acme, "limit: 400\n", "limit: 800\n")), "--out",
                desk.file("plan")});
  std::vector<int> codes(4);
  {
    std::vector<std::jthread> threads;
    for (int& code : codes)
      threads.emplace_back([&] { code = desk.ctl({"apply", "-f", desk.file("plan")}).exit_code; });
  }
  CHECK(std::count(codes.begin(), codes.end(), 0) == 1);
  CHECK(std::count(codes.begin(), codes.end(), 7) == 3);
}

TEST_CASE("only what an apply of the same set made is pruned, and nothing without --prune", "[org_as_code]") {
  Desk desk;
  desk.daemon.make_org("acme");
  desk.daemon.make_agent("acme/prod/support/byhand");
  desk.daemon.make_key("acme/prod/support/byhand");
  const std::string file = desk.write("acme.yaml", acme);
  desk.says(0, {"apply", "-f", file, "--set", "ci"});
  const std::string fresh =
      desk.json(0, {"key", "create", "acme/prod/support/triage", "--name", "extra"})["key"];
  desk.daemon.buy("acme", 100'000);
  REQUIRE(desk.daemon.chat(fresh, request("mock-model", 10)).status == 200);

  const std::string little =
      desk.write("little.yaml",
                 "org: acme\nname: Acme\noverdraft: 500\nworkspaces:\n  - slug: prod\n    name: Production\n");
  CHECK(holds(desk.says(0, {"apply", "-f", little, "--set", "ci"}), "No changes"));
  CHECK(holds(desk.says(0, {"apply", "-f", little}), "No changes"));
  CHECK(holds(desk.says(0, {"apply", "-f", little, "--set", "other", "--prune"}), "No changes"));
  CHECK(holds(desk.says(64, {"apply", "-f", little, "--prune"}), "--set NAME"));

  const std::string planned = desk.says(2, {"plan", "-f", little, "--set", "ci", "--prune"});
  CHECK(holds(planned, "- agent acme/prod/support/triage\n"));
  CHECK(holds(planned, "- key acme/prod/support/triage extra\n"));  // it goes with its agent
  CHECK(holds(planned, "- alias acme fast\n"));
  CHECK_FALSE(holds(planned, "byhand"));
  CHECK_FALSE(holds(planned, "- group"));  // made by hand
  CHECK(holds(desk.says(64, {"apply", "-f", little, "--set", "ci", "--prune"}), "-y"));
  CHECK(desk.daemon.get("/agent-groups/acme%2Fprod%2Fsupport/agents")["items"].size() == 3);

  desk.says(0, {"apply", "-f", little, "--set", "ci", "--prune", "-y"});
  CHECK(desk.daemon.get("/agent-groups/acme%2Fprod%2Fsupport/agents")["items"].size() == 1);
  CHECK(desk.daemon.get("/policies")["items"].empty());
  CHECK(desk.daemon.get("/budgets")["items"].empty());
  CHECK(desk.daemon.chat(fresh, request("mock-model", 10)).status == 401);
  CHECK(holds(desk.says(0, {"plan", "-f", little, "--set", "ci", "--prune"}), "No changes"));
  CHECK(desk.daemon.verify()["ok"] == true);
}

TEST_CASE("credentials come by reference, and no secret is shown anywhere", "[org_as_code]") {
  Desk desk;
  const std::string one = "sk-canary-one-7f3a";
  const std::string two = "sk-canary-two-9c1d";
  desk.write("openai.key", two + "\n");
  const std::string file =
      desk.write("acme.yaml",
                 std::string("org: acme\ncredentials:\n  - provider: openai\n    secret: env:OPENAI_SECRET\n"));
  std::string everything;
  const auto says = [&](int code, const std::vector<std::string>& words,
                        const std::vector<std::string>& variables) {
    const std::string said = desk.says(code, words, variables);
    everything += said;
    return said;
  };
  CHECK(holds(says(2, {"plan", "-f", file}, {}), "OPENAI_SECRET is not set"));
  CHECK(holds(says(64, {"apply", "-f", file}, {}), "acme.yaml:3:"));
  says(2, {"plan", "-v", "--print-curl", "-f", file, "--out", desk.file("plan")}, {"OPENAI_SECRET=" + one});
  says(0, {"apply", "-v", "--print-curl", "-f", desk.file("plan")}, {"OPENAI_SECRET=" + one});
  CHECK(holds(says(0, {"apply", "-f", file}, {"OPENAI_SECRET=" + one}), "No changes"));
  const std::string unset = says(0, {"apply", "-f", file}, {});
  CHECK(holds(unset, "No changes"));
  CHECK(holds(unset, "a stored secret stays"));

  desk.write("acme.yaml", "org: acme\ncredentials:\n  - provider: openai\n    secret: file:openai.key\n");
  const std::string planned = says(2, {"plan", "-f", file, "--out", desk.file("plan2")}, {});
  CHECK(holds(planned, "~ credential acme openai\n    secret: replaced\n"));
  CHECK(holds(says(2, {"diff", "-f", file}, {}), "secret: replaced"));
  says(0, {"apply", "-f", desk.file("plan2")}, {});
  CHECK(holds(says(0, {"apply", "-f", file}, {}), "No changes"));
  CHECK(desk.daemon.get("/orgs/acme/credentials")["items"][0]["suffix"] == "9c1d");

  // The secret itself in the file: refused, and not repeated.
  desk.write("acme.yaml", "org: acme\ncredentials:\n  - provider: openai\n    secret: " + one + "\n");
  CHECK(holds(says(64, {"plan", "-f", file}, {}), "acme.yaml:4:"));
  everything +=
      desk.read("plan") + desk.read("plan2") + desk.ctl({"export", "acme"}).output + desk.daemon.log();
  for (const Json& row : desk.daemon.audit("acme")) everything += row.dump();
  CHECK_FALSE(holds(everything, one));
  CHECK_FALSE(holds(everything, two));
}

TEST_CASE("new keys are written to files of their own, readable by their owner alone", "[org_as_code]") {
  Desk desk;
  const std::string file = desk.write("acme.yaml", acme);
  const std::string said = desk.says(0, {"apply", "-f", file, "--secret-dir", desk.file("keys")});
  const std::string place = "keys/acme/prod/support/triage/laptop.key";
  CHECK(holds(said, place));
  CHECK_FALSE(holds(said, "cpk_"));
  std::string key = desk.read(place);
  REQUIRE(key.ends_with("\n"));
  key.pop_back();
  struct stat seen{};
  REQUIRE(stat(desk.file(place).c_str(), &seen) == 0);
  CHECK((seen.st_mode & 0777) == 0600);
  REQUIRE(stat(desk.file("keys").c_str(), &seen) == 0);
  CHECK((seen.st_mode & 0777) == 0700);
  desk.daemon.buy("acme", 100'000);
  CHECK(desk.daemon.chat(key, request("mock-model", 10)).status == 200);

  // A place that is taken stops it before anything is made.
  const std::string more = desk.write(
      "more.yaml",
      with(acme, "              - name: laptop\n", "              - name: ci\n              - name: laptop\n"));
  desk.write("keys/acme/prod/support/triage/ci.key", "mine\n");
  CHECK(holds(desk.says(7, {"apply", "-f", more, "--secret-dir", desk.file("keys")}), "exists already"));
  CHECK(desk.daemon.get("/agents/acme%2Fprod%2Fsupport%2Ftriage/keys")["items"].size() == 1);
  const std::string shown = desk.says(0, {"apply", "-f", more});
  CHECK(holds(shown, "cpk_"));
  CHECK(holds(shown, "shown this once"));
}

TEST_CASE("what is wrong in a file is told by its line", "[org_as_code]") {
  Desk desk;
  const auto wrong = [&](const std::string& text, const std::string& says) {
    const ProgramEnd end = desk.ctl({"plan", "-f", desk.write("wrong.yaml", text)});
    INFO(end.output);
    CHECK(end.exit_code == 64);
    CHECK(end.printed.empty());
    CHECK(holds(end.output, "wrong.yaml:" + says));
  };
  wrong("org: acme\nbudgets:\n  - period: DAILY\n    limt: 5\n",
        "4: unknown field 'limt'; did you mean 'limit'?");
  wrong("org: acme\nroles: []\n", "2: unknown field 'roles'");
  wrong("org: acme\nbudgets:\n  - period: DAILY\n    limit: many\n", "4: 'limit' must be a whole number");
  wrong("org: acme\nbudgets:\n  - period: WEEKLY\n    limit: 5\n",
        "3: 'period' must be DAILY, MONTHLY or TOTAL");
  wrong("org: acme\nbudgets:\n  - period: DAILY\n", "3: a budget has either");
  wrong("org: acme\nworkspaces:\n  - slug: prod\n    groups:\n      - slug: A B\n", "5: 'A B' is no slug");
  wrong("org: acme\nworkspaces:\n  - name: x\n", "3: 'slug' is missing");
  wrong("org: acme\nworkspaces:\n  - slug: a\n  - slug: a\n", "4: workspace acme/a stands twice");
  wrong("org: acme\norg: acme\n", "2: 'org' stands twice");
  wrong("org: acme\npolicies:\n  - rpm: -1\n", "3: 'rpm' must be");
  wrong("org: acme\nworkspaces: [\n", "3: neither YAML nor JSON");
  wrong("org: acme\n---\norg: other\n", "3: a second document");
  CHECK(holds(desk.says(64, {"plan", "-f", desk.file("none.yaml")}), "none.yaml cannot be read"));
  CHECK(holds(desk.says(64, {"plan", "-f", desk.directory.path()}), "it is a directory"));
}

TEST_CASE("the platform's providers and prices are one document", "[org_as_code]") {
  Desk desk;
  desk.says(0, {"export", "--platform", "-f", desk.file("platform.yaml")});
  CHECK(holds(desk.says(0, {"apply", "--platform", "-f", desk.file("platform.yaml")}), "No changes"));
  CHECK(holds(desk.says(0, {"diff", "--platform", "-f", desk.file("platform.yaml")}), "No differences"));
  CHECK(holds(desk.says(64, {"plan", "-f", desk.file("platform.yaml")}), "--platform"));

  const std::string mine = R"(providers:
  - name: local
    kind: openai
    base_url: http://127.0.0.1:11434/v1
    needs_credential: false
models:
  - provider: local
    model: llama3.2
    max_output_tokens: 4096
    prices:
      - {kind: input, price: 0.1, unit: 1000000}
      - {kind: output, price: "0.0002"}
)";
  const std::string file = desk.write("mine.yaml", mine);
  const std::string planned = desk.says(2, {"plan", "--platform", "-f", file, "--set", "mine"});
  CHECK(holds(planned, "+ provider local\n"));
  CHECK(holds(planned, "+ model local/llama3.2\n"));
  desk.says(0, {"apply", "--platform", "-f", file, "--set", "mine"});
  CHECK(desk.daemon.get("/pricing/local/llama3.2")["version"] == 1);
  desk.write("mine.yaml", with(with(mine, "price: 0.1, unit: 1000000", "price: 0.00010, unit: 1000"),
                               "\"0.0002\"", "0.20, unit: 1000000"));
  CHECK(holds(desk.says(0, {"apply", "--platform", "-f", file}), "No changes"));
  desk.write("mine.yaml", with(mine, "\"0.0002\"", "0.0003"));
  CHECK(holds(desk.says(2, {"plan", "--platform", "-f", file}),
              "~ model local/llama3.2\n    output per 1000000: \"0.2\" -> \"0.3\""));
  desk.says(0, {"apply", "--platform", "-f", file});
  CHECK(desk.daemon.get("/pricing/local/llama3.2")["version"] == 2);
  desk.write("mine.yaml", "models: []\n");
  desk.says(0, {"apply", "--platform", "-f", file, "--set", "mine", "--prune", "-y"});
  desk.daemon.expect(404, "GET", "/providers/local");
  CHECK(desk.daemon.get("/providers/openai")["shipped"] == true);
  desk.says(0, {"plan", "--platform", "-f", desk.file("platform.yaml")});
}

TEST_CASE("a route of its own: the answer tells the plan, and another org's document is refused",
          "[org_as_code]") {
  Desk desk;
  const Json document{{"org", "acme"}, {"workspaces", {{{"slug", "prod"}}}}};
  const Json plan = desk.daemon.expect(200, "POST", "/orgs/acme/apply?dry_run=1", {{"document", document}});
  CHECK(plan["changes"].size() == 2);
  CHECK(plan["changes"][1]["path"] == "acme/prod");
  desk.daemon.expect(400, "POST", "/orgs/other/apply", {{"document", document}});
  desk.daemon.expect(200, "POST", "/orgs/acme/apply", {{"document", document}, {"base", plan["base"]}});
  desk.daemon.expect(412, "POST", "/orgs/acme/apply", {{"document", document}, {"base", plan["base"]}});
  CHECK(desk.daemon.get("/orgs/acme/document") == Json{{"org", "acme"},
                                                       {"credits_per_usd", 1'000'000},
                                                       {"overdraft", 0},
                                                       {"workspaces", {{{"slug", "prod"}}}}});
  const Json bad{{"org", "acme"},
                 {"workspaces", {{{"slug", "prod"}, {"budgets", {{{"period", "DAILY"}, {"limit", 0}}}}}}}};
  const Answer refused = desk.daemon.control("POST", "/orgs/acme/apply", {{"document", bad}});
  CHECK(refused.status == 400);
  CHECK(refused.json()["error"]["details"]["at"] == "/workspaces/0/budgets/0/limit");
  CHECK(desk.daemon.get("/platform/document")["providers"].size() > 5);
  desk.daemon.expect(400, "POST", "/platform/apply", {{"document", Json::object()}, {"prune", true}});
}

TEST_CASE("a thousand agents are one apply", "[org_as_code]") {
  Desk desk;
  std::string text = "org: big\nworkspaces:\n  - slug: prod\n    groups:\n";
  for (int group = 0; group < 20; ++group) {
    text += "      - slug: g" + std::to_string(group) + "\n        agents:\n";
    for (int agent = 0; agent < 50; ++agent) {
      text += "          - slug: a" + std::to_string(agent) +
              "\n            budgets: [{period: DAILY, limit_usd: 2}]\n            keys: [{name: main, limit: "
              "1000000}]\n";
    }
  }
  const std::string file = desk.write("big.yaml", text);
  const auto timed = [&](const std::vector<std::string>& words, const char* what) {
    const auto start = std::chrono::steady_clock::now();
    const std::string said = desk.says(0, words);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    std::cout << what << ": " << took.count() << " ms\n";
    return said;
  };
  const std::string said = timed({"apply", "-f", file, "--secret-dir", desk.file("keys")},
                                 "apply of 1,000 agents with a budget and a key each");
  CHECK(holds(said, "Applied: 3022 added"));
  CHECK(holds(timed({"apply", "-f", file}, "the same again"), "No changes"));
  CHECK(desk.daemon.get("/agent-groups/big%2Fprod%2Fg19/agents?limit=1")["total"] == 50);
  std::string key = desk.read("keys/big/prod/g19/a49/main.key");
  key.pop_back();
  desk.daemon.buy("big", 100'000);
  CHECK(desk.daemon.chat(key, request("mock-model", 10)).status == 200);
}

TEST_CASE("the document is described: its schema for programs, its fields for people", "[org_as_code]") {
  Desk desk;
  const Json schema = desk.json(0, {"help", "schema"});
  CHECK(schema["properties"]["workspaces"]["type"] == Json{"array", "null"});
  CHECK(schema["additionalProperties"] == false);
  CHECK(holds(desk.says(0, {"explain-field", "budget.limit"}), "credits"));
  CHECK(holds(desk.says(0, {"help", "schema"}), "workspaces: list of maps"));
  CHECK(holds(desk.says(6, {"explain-field", "budget.limt"}), "did you mean 'limit'?"));
}
