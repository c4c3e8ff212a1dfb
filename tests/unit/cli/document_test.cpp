// Documents as a user keeps them: YAML, JSON, plan files, references to secrets.

#include <catch2/catch.hpp>
#include <sstream>

#include "cli/document/show.h"
#include "cli/document/source.h"
#include "cli/yaml.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using namespace govctl::cli::test;
using api::Json;

namespace {

Json schema() { return api::schema<api::OrgDocument>(); }
Json read(const std::string& text) {
  const auto parsed = document::read_text("acme.yaml", text, schema());
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  return parsed->json;
}
std::string fault(const std::string& text) {
  const auto parsed = document::read_text("acme.yaml", text, schema());
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Code::invalid);
  return parsed.error().message;
}

struct Desk {
  TempDir directory;
  std::istringstream in;
  std::ostringstream out, err;
  std::map<std::string, std::string> variables;
  Terminal terminal{
      .in = in, .out = out, .err = err, .env = [this](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      }};
  document::Source load(const std::string& text) {
    write_file(directory.file("acme.yaml"), text);
    auto source = document::load(directory.file("acme.yaml"), false, terminal);
    INFO((source ? "" : source.error().message));
    REQUIRE(source);
    return std::move(*source);
  }
};

}  // namespace

TEST_CASE("a scalar is read as its field wants it, not as YAML guesses") {
  CHECK(
      read("org: 007\nname: yes\ndescription: 1e3\noverdraft: unlimited\nactive: false\n") ==
      Json::parse(R"({"org":"007","name":"yes","description":"1e3","overdraft":"unlimited","active":false})"));
  CHECK(read("org: a\noverdraft: 50\ncredits_per_usd: 100\n") ==
        Json::parse(R"({"org":"a","overdraft":50,"credits_per_usd":100})"));
  CHECK(read("org: a\nbudgets: [{period: DAILY, limit_usd: 0.50}]\n")["budgets"][0]["limit_usd"] == "0.50");
  CHECK(read("org: a\nworkspaces:\nname: ~\n") == Json::parse(R"({"org":"a"})"));  // said nothing
}

TEST_CASE("JSON is read like YAML, tabs and pairs of surrogates too") {
  CHECK(read("{\n\t\"org\": \"a\",\n\t\"description\": \"\\ud83d\\ude00 \\\\ud83d \\u00e9\"\n}\n") ==
        Json::parse("{\"org\":\"a\",\"description\":\"\xF0\x9F\x98\x80 \\\\ud83d \xC3\xA9\"}"));
}

TEST_CASE("an anchor stands for what it names, unless that is itself") {
  CHECK(
      read(
          "org: a\npolicies: [&p {rpm: 5}]\nworkspaces: [{slug: w, policies: [*p]}]\n")["workspaces"][0]
                                                                                       ["policies"][0]["rpm"] ==
      5);
  CHECK(fault("org: a\nworkspaces: &x [*x]\n").starts_with("acme.yaml:"));
}

TEST_CASE("what does not fit is told by line, with what would") {
  CHECK(fault("org: a\nworkspace: []\n") ==
        "acme.yaml:2: unknown field 'workspace'; did you mean 'workspaces'?");
  CHECK(fault("org: a\nbudgets:\n- period: DAILY\n  limit: \"5\"\n") ==
        "acme.yaml:4: 'limit' must be a whole number, in digits");
  for (const auto* number : {"0100", "1.5", "1e3", "1_000", "99999999999999999999", "true"}) {
    CHECK(fault(std::string("org: a\ncredits_per_usd: ") + number + "\n").starts_with("acme.yaml:2: "));
  }
  CHECK(fault("org: a\nactive: on\n") == "acme.yaml:2: 'active' must be true or false");
  CHECK(fault("org: a\nworkspaces:\n  slug: b\n") ==
        "acme.yaml:2: 'workspaces' must be a list, each entry behind a '-'");
  CHECK(fault("org: a\nworkspaces:\n  - prod\n") ==
        "acme.yaml:3: each of 'workspaces' must be a map of fields");
  CHECK(fault("- org\n") == "acme.yaml:1: the document must be a map of fields");
  CHECK(fault("name: x\n") == "acme.yaml:1: 'org' is missing");
  CHECK(fault("") == "acme.yaml is empty");
}

TEST_CASE("what the daemon finds wrong gets the line of the place that it names") {
  Desk desk;
  const auto source = desk.load("org: a\nworkspaces:\n  - slug: w\n    budgets:\n      - period: DAILY\n");
  const auto placed = [&](const char* at) {
    return source.placed({Code::invalid, "wrong", "", Json{{"at", at}}.dump()}).message;
  };
  CHECK(placed("/workspaces/0/budgets/0/limit") ==
        source.file + ":5: wrong");  // not there: what it would be in
  CHECK(placed("/workspaces/0/slug") == source.file + ":3: wrong");
  CHECK(source.placed({Code::invalid, "wrong", "", ""}).message == "wrong");
}

TEST_CASE("secrets come from where the document says, and go nowhere but into the request") {
  Desk desk;
  write_file(desk.directory.file("two.key"), "sk-two\n");
  desk.variables["ONE"] = "sk-one";
  desk.in.str("sk-three\n");
  const auto source = desk.load(
      "org: a\ncredentials:\n- {provider: openai, secret: env:ONE}\n- {provider: openai, label: two, secret: "
      "file:two.key}\n- {provider: mistral}\n- {provider: groq, secret: stdin}\n- {provider: xai, secret: "
      "env:NONE}\n"
      "- {provider: xai, label: f, secret: file:none.key}\n");
  const auto secrets = document::resolve(source, desk.terminal, false);
  REQUIRE(secrets);
  CHECK(secrets->given == Json::parse(R"([{"credential":0,"secret":"sk-one"},{"credential":1,"secret":"sk-two"},
                                          {"credential":3,"secret":"sk-three"}])"));
  REQUIRE(secrets->missing.size() == 2);
  CHECK(secrets->missing[0] == "credential xai: the variable NONE is not set");
  api::Applied plan;
  plan.base = "b";
  const std::string kept = document::plan_file(source, plan).dump();
  CHECK(kept.find("sk-") == std::string::npos);
  CHECK(kept.find("env:ONE") != std::string::npos);
  write_file(desk.directory.file("plan"), kept);
  const auto again = document::load(desk.directory.file("plan"), false, desk.terminal);
  REQUIRE(again);
  CHECK(again->base == "b");
  CHECK(again->document.json == source.document.json);
}

TEST_CASE("a secret in the place of its reference is refused and not repeated") {
  Desk desk;
  const auto source = desk.load("org: a\ncredentials:\n  - provider: openai\n    secret: sk-canary\n");
  const auto secrets = document::resolve(source, desk.terminal, false);
  REQUIRE_FALSE(secrets);
  CHECK(secrets.error().message.starts_with(source.file + ":4: 'secret' must be a reference"));
  CHECK(secrets.error().message.find("canary") == std::string::npos);
}

TEST_CASE("an exported document is given a reference for each credential and reads back to itself") {
  Json exported = Json::parse(
      R"({"org":"my-org","credentials":[{"provider":"openai"},{"provider":"openai","label":"b 2"},{"provider":"openai"}],
          "description":"- not: [a] list #","name":"null","policies":[{"name":"1","clamp":false,"allow_models":[]}]})");
  document::add_references(exported);
  CHECK(exported["credentials"][0]["secret"] == "env:MY_ORG_OPENAI_API_KEY");
  CHECK(exported["credentials"][1]["secret"] == "env:MY_ORG_OPENAI_B_2_API_KEY");
  CHECK(exported["credentials"][2]["secret"] == "env:MY_ORG_OPENAI_2_API_KEY");
  CHECK(read(yaml(exported)) == exported);
}

TEST_CASE("a field is explained by the thing's name or by its path") {
  const auto limit = document::explain("budget.limit");
  REQUIRE(limit);
  CHECK(limit->type == "whole number");
  CHECK(limit->doc.starts_with("credits"));
  const auto key = document::explain("workspaces.groups.agents.keys");
  REQUIRE(key);
  CHECK(key->type == "list of maps");
  CHECK(key->fields.front().name == "name");
  CHECK(key->fields.front().required);
  CHECK(document::explain("models.prices.unit"));
  CHECK(document::explain("bugdet.limit").error().message ==
        "there is no field 'bugdet'; did you mean 'budget'?");
  CHECK(document::explain("budget.limit.x").error().code == Code::not_found);
}

TEST_CASE("a plan file refuses what it was made with being said anew") {
  Desk desk;
  const auto source = desk.load("org: a\n");
  write_file(desk.directory.file("plan"), document::plan_file(source, {}).dump());
  const auto ran = typed({"apply", "-f", desk.directory.file("plan"), "--set", "x"});
  CHECK(ran.exit_code == 64);
  CHECK(ran.err.find("is a plan") != std::string::npos);
}
