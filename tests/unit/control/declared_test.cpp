// Documents and what differs between two sides: no daemon, no file.

#include "daemon/control/declared.h"

#include <catch2/catch.hpp>

#include "daemon/control/apply.h"

namespace govctl::control::test {
namespace {

domain::PlatformConfig platform() {
  domain::PlatformConfig made;
  for (const auto* name : {"mock", "openai"}) {
    domain::Provider provider;
    provider.name = name;
    provider.kind = name;
    made.providers.push_back(provider);
  }
  return made;
}

Things declared(const char* json) {
  auto document = api::decode<api::OrgDocument>(Json::parse(json));
  REQUIRE(document);
  auto things = things_of(*document, platform(), std::nullopt);
  INFO((things ? "" : things.error().message));
  REQUIRE(things);
  return std::move(*things);
}

// What is wrong with a document, and where.
std::string fault(const char* json) {
  auto document = api::decode<api::OrgDocument>(Json::parse(json));
  REQUIRE(document);
  const auto things = things_of(*document, platform(), std::nullopt);
  REQUIRE_FALSE(things);
  return Json::parse(things.error().details)["at"].get<std::string>() + ": " + things.error().message;
}

// The things with ids of their own, as if they had been stored.
Things stored(Things things) {
  std::uint8_t number = 0;
  for (auto& thing : things) {
    std::visit(
        [&](auto& row) {
          if constexpr (requires { row.id.bytes; }) row.id.bytes[15] = ++number;
        },
        thing.row);
  }
  return things;
}

bool no_secret(const Thing* /*stored*/, const Thing& /*declared*/) { return false; }

// "+ agent acme/p/g/a", one a line; what is left alone with '='.
std::string plan(const Things& current, const Things& wanted, const Made& made = {}) {
  const Plan plan = diff(current, wanted, made, no_secret);
  std::string text;
  for (const auto& change : plan.changes) {
    const char sign = change.action == Action::add ? '+' : change.action == Action::change ? '~' : '-';
    text += fmt::format("{} {}\n", sign, change.thing().at.text());
  }
  for (const auto* thing : plan.rest) text += fmt::format("= {}\n", thing->at.text());
  return text;
}

Made all_of_kind(const Things& things, std::initializer_list<Kind> kinds) {
  Made made;
  for (const auto& thing : things) {
    if (std::ranges::find(kinds, thing.at.kind) != kinds.end()) made.insert(identity_of(thing));
  }
  return made;
}

constexpr const char* full = R"({"org":"acme","overdraft":"unlimited",
  "policies":[{"allow_models":["b","a"],"rpm":5}],
  "budgets":[{"period":"MONTHLY","limit_usd":"50"}],
  "aliases":[{"name":"fast","targets":["mock/a","openai/b"]}],
  "credentials":[{"provider":"openai"},{"provider":"openai","label":"two"},{"provider":"openai"}],
  "workspaces":[{"slug":"prod","groups":[{"slug":"support","agents":[
    {"slug":"triage","keys":[{"name":"ci","limit":5,"policies":[{"parallel":1}],
                              "budgets":[{"period":"TOTAL","limit":3}]}]}]}]}]})";

}  // namespace

TEST_CASE("every thing of a document has an address of its own, parents before children") {
  std::string addresses;
  for (const auto& thing : declared(full)) addresses += thing.at.text() + "\n";
  CHECK(addresses ==
        "org acme\npolicy acme default\nbudget acme MONTHLY\nalias acme fast\ncredential acme openai\n"
        "credential acme openai #2\ncredential acme openai two\nworkspace acme/prod\ngroup acme/prod/support\n"
        "agent acme/prod/support/triage\nkey acme/prod/support/triage ci\n"
        "policy acme/prod/support/triage key ci default\nbudget acme/prod/support/triage key ci TOTAL\n");
}

TEST_CASE("the same in another spelling and order is no difference") {
  const Things current = stored(declared(full));
  CHECK(plan(current, declared(full)).empty());
  CHECK(plan(current, declared(R"({"workspaces":[{"groups":[{"agents":[{"keys":[{"limit":5,"name":"ci",
    "budgets":[{"limit":3,"auto_disable":false,"period":"total"}],"policies":[{"parallel":1,"name":"default"}]}],
    "slug":"triage","name":"triage","status":"ACTIVE"}],"slug":"support","active":true}],"slug":"prod"}],
    "credentials":[{"provider":"openai"},{"provider":"openai"},{"provider":"openai","label":"two","active":true}],
    "aliases":[{"name":"fast","targets":["mock/a","openai/b"]}],
    "budgets":[{"period":"monthly","limit":50000000}],
    "policies":[{"rpm":5,"allow_models":["a","b","a"]}],"credits_per_usd":1000000,
    "overdraft":"unlimited","description":"","org":"acme","name":"acme"})"))
            .empty());
  CHECK(plan(current, declared(R"({"org":"acme","overdraft":"unlimited",
    "aliases":[{"name":"fast","targets":["openai/b","mock/a"]}]})"))
            .starts_with("~ alias acme fast\n"));  // this order says something
}

TEST_CASE("what differs is told field by field, with a limit in USD beside its credits") {
  const Things current = stored(declared(R"({"org":"acme","policies":[{"rpm":5,"tpm":7}],
    "budgets":[{"period":"DAILY","limit":100}]})"));
  const Things wanted = declared(R"({"org":"acme","policies":[{"rpm":6}],
    "budgets":[{"period":"DAILY","limit_usd":"0.5"}]})");
  const Plan made = diff(current, wanted, {}, no_secret);
  REQUIRE(made.changes.size() == 2);
  CHECK(api::encode(made.changes[0].fields) ==
        Json::parse(R"([{"field":"rpm","before":5,"after":6},{"field":"tpm","before":7,"after":null}])"));
  CHECK(api::encode(made.changes[1].fields) == Json::parse(R"([{"field":"limit","before":100,"after":500000},
                        {"field":"limit_usd","before":null,"after":"0.5"}])"));
}

TEST_CASE("what a document lacks stays, unless the set made it and all units below it") {
  const Things current = stored(declared(R"({"org":"acme","policies":[{"rpm":5}],"workspaces":[
    {"slug":"a","groups":[{"slug":"g","agents":[{"slug":"x","keys":[{"name":"k","budgets":[{"period":"DAILY","limit":1}]}]}]}]},
    {"slug":"b","groups":[{"slug":"g","agents":[{"slug":"mine"},{"slug":"theirs"}]}]}]})"));
  const Things wanted = declared(R"({"org":"acme"})");
  CHECK(plan(current, wanted).find('-') == std::string::npos);
  CHECK(diff(current, wanted, {}, no_secret).rest.size() == current.size() - 1);

  Made made = all_of_kind(current, {Kind::workspace, Kind::group, Kind::agent});
  for (const auto& thing : current) {
    if (thing.at.path == "acme/b/g/theirs") made.erase(identity_of(thing));
  }
  CHECK(plan(current, wanted, made) ==
        "- workspace acme/a\n- group acme/a/g\n- agent acme/a/g/x\n- key acme/a/g/x k\n"
        "- budget acme/a/g/x key k DAILY\n- agent acme/b/g/mine\n"
        "= policy acme default\n= workspace acme/b\n= group acme/b/g\n= agent acme/b/g/theirs\n");
  // Of what is removed only the topmost is removed by itself.
  for (const auto& change : diff(current, wanted, made, no_secret).changes) {
    CHECK(change.along == (change.thing().at.path.starts_with("acme/a/")));
  }
  CHECK(plan(current, wanted, all_of_kind(current, {Kind::key, Kind::policy})) ==
        "- policy acme default\n- key acme/a/g/x k\n- budget acme/a/g/x key k DAILY\n"
        "= workspace acme/a\n= group acme/a/g\n= agent acme/a/g/x\n= workspace acme/b\n= group acme/b/g\n"
        "= agent acme/b/g/mine\n= agent acme/b/g/theirs\n");
  // What the document names is not removed, whoever made it.
  CHECK(plan(current, current, all_of_kind(current, {Kind::workspace, Kind::policy})).empty());
}

TEST_CASE("a fault in a document names its place") {
  CHECK(fault(R"({"org":"A B"})").starts_with("/org: "));
  CHECK(fault(R"({"org":"a","overdraft":-1})").starts_with("/overdraft: "));
  CHECK(fault(R"({"org":"a","budgets":[{"period":"DAILY","limit":1,"limit_usd":"1"}]})")
            .starts_with("/budgets/0: "));
  CHECK(fault(R"({"org":"a","budgets":[{"period":"DAILY","limit_usd":"0.0000001"}]})")
            .starts_with("/budgets/0/limit_usd: "));
  CHECK(fault(R"({"org":"a","aliases":[{"name":"x","targets":["nowhere/y"]}]})")
            .starts_with("/aliases/0/targets: "));
  CHECK(
      fault(R"({"org":"a","credentials":[{"provider":"nowhere"}]})").starts_with("/credentials/0/provider: "));
  CHECK(
      fault(
          R"({"org":"a","workspaces":[{"slug":"w","groups":[{"slug":"g","agents":[{"slug":"x","status":"ON"}]}]}]})")
          .starts_with("/workspaces/0/groups/0/agents/0/status: "));
  CHECK(fault(R"({"org":"a","policies":[{},{"name":"default"}]})") ==
        "/policies/1: policy a default stands twice");
}

TEST_CASE("the base of a plan is another when anything that is declared is another") {
  const Things current = stored(declared(full));
  CHECK(base_of(current) == base_of(stored(declared(full))));
  CHECK(base_of(current) != base_of(stored(declared(R"({"org":"acme"})"))));
  Things touched = current;
  std::get<domain::Budget>(touched[2].row).version += 1;
  CHECK(base_of(current) != base_of(touched));
}

TEST_CASE("a price per thousand and one per million are the same price") {
  const auto model = [](const char* price, std::int64_t unit) {
    api::PlatformDocument document;
    document.models.emplace();
    document.models->push_back({"mock", "m", {}, {}, {{"input", price, unit, {}}, {"output", "1", 1000, 0}}});
    auto things = things_of(document);
    REQUIRE(things);
    return std::move(*things);
  };
  CHECK(plan(model("0.0025", 1000), model("2.50", 1'000'000)).empty());
  CHECK(plan(model("0.0025", 1000), model("2.51", 1'000'000)) == "~ model mock/m\n");
}

TEST_CASE("an apply needs the permission of each change that it makes") {
  Principal principal;
  principal.permissions = identity::Permissions::all();
  const auto compared = [&] {
    return compare({}, declared(R"({"org":"acme","budgets":[{"period":"DAILY","limit":1}]})"), {}, {},
                   no_secret, principal, "org acme");
  };
  CHECK(compared());
  principal.permissions.remove(identity::Permission::budgets_write);
  const auto refused = compared();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::forbidden);
  CHECK(refused.error().message == "budget acme DAILY needs the permission budgets:write");
}

}  // namespace govctl::control::test
