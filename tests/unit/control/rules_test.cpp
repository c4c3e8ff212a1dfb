#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("a policy hangs on a path, is changed rule by rule and merged on the way down") {
  Daemon daemon;
  daemon.make_acme();
  const Json org = daemon.make("POST", "/policies",
                               {{"path", "acme"},
                                {"allow_models", {"gpt-4o*", "mock-*"}},
                                {"max_output_tokens", 1000},
                                {"rpm", 60},
                                {"providers", {"openai", "mock"}}});
  CHECK(org["name"] == "default");
  CHECK(org["path"] == "acme");
  CHECK(org["deny_models"].is_null());
  const Got got = daemon.send("POST", "/policies",
                              {{"path", "acme/prod/support/triage"},
                               {"name", "strict"},
                               {"deny_models", {"gpt-4o"}},
                               {"max_output_tokens", 500},
                               {"providers", {"openai"}},
                               {"clamp", false},
                               {"reserve", "estimate"},
                               {"parallel", 2}});
  REQUIRE(got.status == 201);
  const std::string id = got.json["id"];
  CHECK(daemon.make("GET", "/policies/" + id) == got.json);

  const Json effective = daemon.make("GET", "/policies/effective?path=acme/prod/support/triage");
  CHECK(effective["allow_models"] == Json::array({{"gpt-4o*", "mock-*"}}));
  CHECK(effective["deny_models"] == Json::array({"gpt-4o"}));
  CHECK(effective["providers"] == Json::array({"openai"}));
  CHECK(effective["max_output_tokens"] == 500);
  CHECK(effective["clamp"] == false);
  CHECK(effective["sources"].size() == 2);
  CHECK(effective["rates"].size() == 2);
  CHECK(effective["rates"][0]["path"] == "acme");
  CHECK(effective["rates"][0]["rpm"] == 60);

  const Json changed =
      daemon.make("PATCH", "/policies/" + id, {{"deny_models", nullptr}, {"rpm", 5}, {"reserve", nullptr}});
  CHECK(changed["deny_models"].is_null());
  CHECK(changed["rpm"] == 5);
  CHECK(changed["reserve"].is_null());
  CHECK(changed["max_output_tokens"] == 500);
  CHECK(changed["version"] == 2);

  CHECK(daemon.make("GET", "/policies")["total"] == 2);
  CHECK(daemon.make("GET", "/policies?path=acme/prod")["total"] == 1);
  CHECK(daemon.make("GET", "/policies?path=acme")["total"] == 2);
  CHECK(daemon.make("DELETE", "/policies/" + id)["id"] == id);
  CHECK(daemon.get("/policies/" + id).status == 404);
  CHECK(daemon.make("GET", "/policies")["total"] == 1);
  CHECK(daemon.make("GET", "/orgs/acme/audit?resource=policy")["total"] == 4);
}

TEST_CASE("what a policy may not be") {
  Daemon daemon;
  daemon.make_acme();
  const std::string id = daemon.make("POST", "/policies", {{"path", "acme"}, {"rpm", 1}})["id"];
  const std::size_t before = daemon.audit_rows("acme");
  const Got taken = daemon.send("POST", "/policies", {{"path", "acme"}, {"rpm", 2}});
  CHECK(taken.status == 409);
  CHECK(taken.json["error"]["details"]["id"] == id);
  for (const Json& rule :
       {Json{{"rpm", 0}}, Json{{"rpm", -1}}, Json{{"tpm", 9007199254740992}}, Json{{"parallel", 1.5}},
        Json{{"allow_models", "gpt-4o"}}, Json{{"allow_models", {""}}}, Json{{"allow_models", {1}}},
        Json{{"deny_models", {"a\tb"}}}, Json{{"reserve", "maybe"}}, Json{{"clamp", "on"}},
        Json{{"max_input_tokens", "10"}}, Json{{"name", ""}}}) {
    Json create = rule;
    create["path"] = "acme/prod";
    INFO(rule.dump());
    CHECK(daemon.send("POST", "/policies", create).status == 400);
    CHECK(daemon.send("PATCH", "/policies/" + id, rule).status == 400);
  }
  CHECK(daemon.send("POST", "/policies", {{"path", "none"}, {"rpm", 1}}).status == 404);
  CHECK(daemon.send("POST", "/policies", {{"path", "acme"}, {"key_id", id}, {"rpm", 1}}).status == 400);
  CHECK(daemon.send("POST", "/policies", {{"path", "acme/prod/support/triage"}, {"key_id", id}}).status == 404);
  CHECK(daemon.get("/policies/effective").status == 400);
  CHECK(daemon.audit_rows("acme") == before);
  CHECK(daemon.make("GET", "/policies/" + id)["version"] == 1);
}

TEST_CASE("a budget is set in credits or USD and shows what is spent, held and left") {
  Daemon daemon;
  daemon.make_acme();
  const Got got =
      daemon.send("POST", "/budgets",
                  {{"path", "acme/prod"}, {"period", "DAILY"}, {"limit_usd", "0.5"}, {"auto_disable", true}});
  REQUIRE(got.status == 201);
  CHECK(got.json["limit"] == 500'000);
  CHECK(got.json["limit_usd"] == "0.5");
  CHECK(got.json["spent"] == 0);
  CHECK(got.json["left"] == 500'000);
  CHECK(got.json["resets_at"] == "2026-09-22T00:00:00.000000Z");
  const std::string id = got.json["id"];
  const Json changed = daemon.make("PATCH", "/budgets/" + id, {{"limit", 100}, {"auto_disable", false}});
  CHECK(changed["limit"] == 100);
  CHECK(changed["limit_usd"].is_null());
  CHECK(changed["auto_disable"] == false);
  CHECK(daemon.make("GET", "/budgets?path=acme")["items"][0] == changed);
  CHECK(daemon.make("GET", "/budgets?path=acme/prod/support")["total"] == 0);
  CHECK(daemon.make("DELETE", "/budgets/" + id)["id"] == id);
  CHECK(daemon.get("/budgets/" + id).status == 404);
  CHECK(daemon.make("GET", "/orgs/acme/audit?event=budget.update")["items"][0]["metadata"] ==
        Json({{"before", {{"limit", 500'000}, {"limit_usd", "0.5"}, {"auto_disable", true}}},
              {"after", {{"limit", 100}, {"limit_usd", nullptr}, {"auto_disable", false}}}}));
}

TEST_CASE("what a budget may not be") {
  Daemon daemon;
  daemon.make_acme();
  const std::string id =
      daemon.make("POST", "/budgets", {{"path", "acme"}, {"period", "TOTAL"}, {"limit", 5}})["id"];
  const std::size_t before = daemon.audit_rows("acme");
  const Got taken = daemon.send("POST", "/budgets", {{"path", "acme"}, {"period", "TOTAL"}, {"limit", 6}});
  CHECK(taken.status == 409);
  CHECK(taken.json["error"]["details"]["id"] == id);
  for (const Json& body :
       {Json{{"period", "TOTAL"}}, Json{{"period", "TOTAL"}, {"limit", 1}, {"limit_usd", "1"}},
        Json{{"period", "WEEKLY"}, {"limit", 1}}, Json{{"period", "DAILY"}, {"limit", 0}},
        Json{{"period", "DAILY"}, {"limit", -1}}, Json{{"period", "DAILY"}, {"limit", 9223372036854775808U}},
        Json{{"period", "DAILY"}, {"limit_usd", "-1"}}, Json{{"period", "DAILY"}, {"limit_usd", "1e3"}},
        Json{{"period", "DAILY"}, {"limit_usd", "0.00000001"}}, Json{{"period", "DAILY"}, {"limit", "5"}}}) {
    Json create = body;
    create["path"] = "acme/prod";
    INFO(body.dump());
    CHECK(daemon.send("POST", "/budgets", create).status == 400);
  }
  CHECK(daemon.send("PATCH", "/budgets/" + id, {{"limit", 1}, {"limit_usd", "1"}}).status == 400);
  CHECK(daemon.send("PATCH", "/budgets/" + id, {{"limit", -7}}).status == 400);
  CHECK(daemon.audit_rows("acme") == before);
}

}  // namespace govctl::control::test
