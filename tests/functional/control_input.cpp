// What is wrong with a request to the control API is said, with the field and a next command, and leaves
// nothing behind.

#include <catch2/catch.hpp>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"

using namespace govctl::test;

namespace {

struct Case {
  std::string method, target, body;
  int status;
  std::string code;
  std::string says = {};  // somewhere in the message
};

struct Control {
  TestDaemon daemon;
  Key key;
  Control() {
    daemon.make_org("acme");
    daemon.make_agent(Shop::agent);
    key = daemon.make_key(Shop::agent, {{"name", "only"}});
    daemon.buy("acme", 1000);
    daemon.provider("fake", "http://127.0.0.1:9/v1");
    daemon.policy("acme", {{"name", "house"}, {"rpm", 5}});
    daemon.budget("acme", 500);
  }
  // All that is stored, as text.
  std::string everything() {
    std::string all;
    for (const char* target :
         {"/orgs", "/orgs/acme/workspaces", "/workspaces/acme%2Fprod/agent-groups",
          "/agent-groups/acme%2Fprod%2Fsupport/agents", "/policies", "/budgets", "/providers",
          "/pricing?limit=1000", "/orgs/acme/credentials", "/orgs/acme/ledger", "/groups",
          "/orgs/acme/audit?limit=1000", "/audit?limit=1000", "/orgs/acme/balance"}) {
      all += daemon.control("GET", target).body;
    }
    all += daemon.control("GET", "/agents/" + percent(Shop::agent) + "/keys").body;
    return all;
  }
  void refused(const std::vector<Case>& cases) {
    const std::string before = everything();
    for (const Case& wrong : cases) {
      const Answer answer = http(daemon.socket(), wrong.method, wrong.target, wrong.body);
      INFO(wrong.method << " " << wrong.target << " " << wrong.body.substr(0, 120) << "\n-> " << answer.status
                        << " " << answer.body);
      CHECK(answer.status == wrong.status);
      const Json parsed = Json::parse(answer.body, nullptr, false);
      REQUIRE(parsed.is_object());
      REQUIRE(parsed.contains("error"));
      const Json& error = parsed["error"];
      CHECK(error["code"] == wrong.code);
      CHECK_FALSE(error["message"].get<std::string>().empty());
      REQUIRE(error.contains("next"));
      CHECK((error["next"].is_null() || error["next"].get<std::string>().starts_with("govctl ")));
      CHECK(error["request_id"].is_string());
      CHECK(error["request_id"] == answer.header("x-request-id"));
      if (!wrong.says.empty()) CHECK(error["message"].get<std::string>().find(wrong.says) != std::string::npos);
    }
    CHECK(everything() == before);
    CHECK(daemon.verify()["ok"] == true);
  }
};

const std::string uuid = "0197a000-0000-7000-8000-000000000000";
const std::string agent_at = "/agents/acme%2Fprod%2Fsupport%2Ftriage";

}  // namespace

TEST_CASE("bodies that cannot be read are refused", "[control_input]") {
  Control c;
  c.refused({
      {"POST", "/orgs", "", 400, "invalid"},
      {"POST", "/orgs", "not json", 400, "invalid"},
      {"POST", "/orgs", "[]", 400, "invalid", "object"},
      {"POST", "/orgs", "null", 400, "invalid"},
      {"POST", "/orgs", "{}", 400, "invalid", "name"},
      {"POST", "/orgs", R"({"name":5})", 400, "invalid", "name"},
      {"POST", "/orgs", R"({"name":null})", 400, "invalid", "name"},
      {"POST", "/orgs", R"({"name":"a","name":"b"})", 400, "invalid", "name"},
      {"POST", "/orgs", R"({"name":"a","Name":"b"})", 400, "invalid", "Name"},
      {"POST", "/orgs", R"({"name":"a","descripton":"b"})", 400, "invalid", "description"},
      {"POST", "/orgs", R"({"name":"a"} trailing)", 400, "invalid"},
      {"POST", "/orgs", "{\"name\":\"\xff\"}", 400, "invalid"},
      {"POST", "/orgs", "{\"name\":" + std::string(2000, '[') + std::string(2000, ']') + "}", 400, "invalid"},
      {"PATCH", "/orgs/acme", R"({"active":"yes"})", 400, "invalid", "active"},
      {"PATCH", "/orgs/acme", R"({"slug":"other"})", 400, "invalid", "slug"},
  });
}

TEST_CASE("names, slugs and rates out of bounds are refused", "[control_input]") {
  Control c;
  const auto org = [](const std::string& fields) {
    return Case{"POST", "/orgs", "{" + fields + "}", 400, "invalid"};
  };
  std::vector<Case> cases{
      org(R"("name":"")"),
      org(R"("name":")" + std::string(10'000, 'n') + "\""),
      org(R"("name":"a\u0000b")"),
      org(R"("name":"a\nb")"),
      org(R"("name":"a","slug":"")"),
      org(R"("name":"a","slug":"Upper")"),
      org(R"("name":"a","slug":"with space")"),
      org(R"("name":"a","slug":"with/slash")"),
      org(R"("name":"a","slug":"../up")"),
      org(R"("name":"a","slug":"-dash")"),
      org(R"("name":"a","slug":")" + std::string(300, 's') + "\""),
      org(R"("name":"a","description":")" + std::string(100'000, 'd') + "\""),
      org(R"("name":"a","credits_per_usd":0)"),
      org(R"("name":"a","credits_per_usd":-5)"),
      org(R"("name":"a","credits_per_usd":1000000001)"),
      org(R"("name":"a","credits_per_usd":9223372036854775808)"),
      org(R"("name":"a","credits_per_usd":1.5)"),
      org(R"("name":"a","credits_per_usd":"100")"),
      org(R"("name":"a","overdraft":-1)"),
      org(R"("name":"a","overdraft":"lots")"),
      org(R"("name":"a","overdraft":9007199254740992)"),
      {"POST", "/orgs/acme/workspaces", R"({"name":"w","slug":"a/b"})", 400, "invalid", "slug"},
      {"POST", agent_at + "/keys", R"({"name":""})", 400, "invalid", "name"},
      {"POST", agent_at + "/keys", R"({"name":"k","limit":-1})", 400, "invalid", "limit"},
      {"POST", agent_at + "/keys", R"({"name":"k","limit":9223372036854775808})", 400, "invalid", "limit"},
      {"POST", agent_at + "/keys", R"({"name":"k","limit":9007199254740992})", 400, "invalid", "limit"},
      {"POST", agent_at + "/keys", R"({"name":"k","ttl":"soon"})", 400, "invalid", "ttl"},
      {"POST", agent_at + "/keys", R"({"name":"k","ttl":"-5s"})", 400, "invalid", "ttl"},
      {"POST", agent_at + "/keys", R"({"name":"k","ttl":"0s"})", 400, "invalid", "ttl"},
      {"POST", agent_at + "/keys", R"({"name":"k","ttl":"99999999999999d"})", 400, "invalid", "ttl"},
      {"POST", agent_at + "/keys", R"({"name":"k","expires_at":"2020-01-01T00:00:00Z"})", 400, "invalid",
       "expires_at"},
      {"POST", agent_at + "/keys", R"({"name":"k","expires_at":"tomorrow"})", 400, "invalid", "expires_at"},
      {"POST", agent_at + "/keys", R"({"name":"k","ttl":"1h","expires_at":"2090-01-01T00:00:00Z"})", 400,
       "invalid"},
      {"PATCH", agent_at, R"({"status":"SLEEPING"})", 400, "invalid", "status"},
      {"PATCH", agent_at, R"({"status":"BUDGET_EXHAUSTED"})", 400, "invalid", "status"},
      {"DELETE", "/orgs/acme", "", 400, "invalid", "confirm"},
      {"DELETE", "/orgs/acme?confirm=other", "", 400, "invalid", "confirm"},
  };
  c.refused(cases);
}

TEST_CASE("what is there already is a conflict that names it", "[control_input]") {
  Control c;
  c.refused({
      {"POST", "/orgs", R"({"name":"Acme","slug":"acme"})", 409, "conflict", "acme"},
      {"POST", "/orgs/acme/workspaces", R"({"name":"prod"})", 409, "conflict", "prod"},
      {"POST", "/workspaces/acme%2Fprod/agent-groups", R"({"name":"support"})", 409, "conflict", "support"},
      {"POST", "/agent-groups/acme%2Fprod%2Fsupport/agents", R"({"name":"triage"})", 409, "conflict", "triage"},
      {"POST", agent_at + "/keys", R"({"name":"only"})", 409, "conflict", "only"},
      {"POST", "/providers", R"({"name":"fake","kind":"openai","base_url":"https://api.example.com"})", 409,
       "conflict", "fake"},
      {"POST", "/policies", R"({"path":"acme","name":"house"})", 409, "conflict"},
      {"POST", "/budgets", R"({"path":"acme","period":"TOTAL","limit":5})", 409, "conflict"},
      {"PATCH", "/orgs/acme", R"({"credits_per_usd":5})", 409, "conflict", "credits_per_usd"},
  });
  const Json policy = c.daemon.control("POST", "/policies", {{"path", "acme"}, {"name", "house"}}).json();
  CHECK(policy["error"]["details"]["id"] == c.daemon.get("/policies")["items"][0]["id"]);
  const Json budget =
      c.daemon.control("POST", "/budgets", {{"path", "acme"}, {"period", "TOTAL"}, {"limit", 5}}).json();
  CHECK(budget["error"]["details"]["id"] == c.daemon.get("/budgets")["items"][0]["id"]);
}

TEST_CASE("what is not there is not found, with a command that shows what is", "[control_input]") {
  Control c;
  std::vector<Case> cases;
  for (const std::string& target : std::vector<std::string>{"/orgs/nope",
                                                            "/orgs/" + uuid,
                                                            "/orgs/nope/balance",
                                                            "/orgs/nope/ledger",
                                                            "/orgs/nope/audit",
                                                            "/orgs/nope/workspaces",
                                                            "/orgs/nope/credentials",
                                                            "/workspaces/acme%2Fnope",
                                                            "/workspaces/" + uuid,
                                                            "/workspaces/acme",
                                                            "/agent-groups/acme%2Fprod%2Fnope",
                                                            "/agent-groups/" + uuid,
                                                            "/agents/" + uuid,
                                                            "/agents/acme%2Fprod%2Fsupport%2Fnope",
                                                            "/agents/" + uuid + "/keys",
                                                            agent_at + "/keys/" + uuid,
                                                            "/keys/" + uuid,
                                                            "/providers/nope",
                                                            "/pricing/openai/nope",
                                                            "/pricing/nope/nope",
                                                            "/policies/" + uuid,
                                                            "/budgets/" + uuid,
                                                            "/groups/" + uuid,
                                                            "/usage/history/nope",
                                                            "/usage/burn-rate/nope",
                                                            "/usage/top/nope",
                                                            "/usage/top-users/" + uuid,
                                                            "/usage/request/req_" + uuid,
                                                            "/verify?org=nope",
                                                            "/policies?path=acme%2Fnope",
                                                            "/budgets?path=nope",
                                                            "/orgs/acme/credentials/" + uuid}) {
    cases.push_back({"GET", target, "", 404, "not_found"});
  }
  cases.push_back({"POST", "/orgs/nope/workspaces", R"({"name":"w"})", 404, "not_found", "nope"});
  cases.push_back({"POST", "/workspaces/" + uuid + "/agent-groups", R"({"name":"w"})", 404, "not_found"});
  cases.push_back({"POST", "/credits/purchase", R"({"org":"nope","amount":5})", 404, "not_found", "nope"});
  cases.push_back({"POST", "/policies", R"({"path":"acme/nope"})", 404, "not_found", "acme/nope"});
  cases.push_back(
      {"POST", "/budgets", R"({"path":"nope","period":"DAILY","limit":5})", 404, "not_found", "nope"});
  cases.push_back({"POST", "/usage/req_" + uuid + "/refund", "{}", 404, "not_found"});
  cases.push_back({"PATCH", "/providers/nope", "{}", 404, "not_found"});
  cases.push_back({"DELETE", agent_at + "/keys/" + uuid, "", 404, "not_found"});
  cases.push_back({"DELETE", "/budgets/" + uuid, "", 404, "not_found"});
  cases.push_back({"POST", "/orgs/nope/undelete", "", 404, "not_found"});
  c.refused(cases);
  for (const Case& missing : cases) {
    INFO(missing.method << " " << missing.target);
    const Json error = http(c.daemon.socket(), missing.method, missing.target, missing.body).json()["error"];
    CHECK(error["next"].is_string());
  }
}

TEST_CASE("amounts, limits and prices that are no money are refused", "[control_input]") {
  Control c;
  std::vector<Case> cases;
  for (const char* amount :
       {"0", "-5", "9007199254740992", "9223372036854775808", "1e3", "1.5", "\"5\"", "null", "true"}) {
    cases.push_back({"POST", "/credits/purchase", std::string(R"({"org":"acme","amount":)") + amount + "}", 400,
                     "invalid", "amount"});
  }
  for (const char* amount : {"0", "9007199254740992", "-9223372036854775809", "\"x\""}) {
    cases.push_back({"POST", "/orgs/acme/ledger/adjust",
                     std::string(R"({"reason":"r","amount":)") + amount + "}", 400, "invalid", "amount"});
  }
  cases.push_back({"POST", "/orgs/acme/ledger/adjust", R"({"amount":5})", 400, "invalid", "reason"});
  cases.push_back(
      {"POST", "/orgs/acme/ledger/adjust", R"({"amount":-1001,"reason":"r"})", 402, "insufficient_credits"});
  for (const char* limit : {"-1", "9007199254740992", "9223372036854775808", "1.5", "\"5\""}) {
    cases.push_back({"POST", "/budgets",
                     std::string(R"({"path":"acme/prod","period":"DAILY","limit":)") + limit + "}", 400,
                     "invalid", "limit"});
  }
  for (const char* usd : {"-1", "abc", "1e3", "", "0.123456789", "9999999999999999", " 1", "0x10"}) {
    cases.push_back({"POST", "/budgets",
                     std::string(R"({"path":"acme/prod","period":"DAILY","limit_usd":")") + usd + "\"}", 400,
                     "invalid", "limit_usd"});
  }
  cases.push_back(
      {"POST", "/budgets", R"({"path":"acme/prod","period":"WEEKLY","limit":5})", 400, "invalid", "period"});
  cases.push_back({"POST", "/budgets", R"({"path":"acme/prod","period":"DAILY"})", 400, "invalid", "limit"});
  cases.push_back({"POST", "/budgets", R"({"path":"acme/prod","period":"DAILY","limit":5,"limit_usd":"1"})",
                   400, "invalid"});
  cases.push_back(
      {"POST", "/budgets", R"({"path":"acme//prod","period":"DAILY","limit":5})", 400, "invalid", "path"});
  for (const char* price : {"-1", "abc", "1e-3", "0.123456789", "", "1,5", "99999999999"}) {
    cases.push_back({"PUT", "/pricing/fake/m", std::string(R"({"input":")") + price + R"(","output":"1"})", 400,
                     "invalid", "input"});
  }
  cases.push_back({"PUT", "/pricing/fake/m", R"({"input":"1"})", 400, "invalid", "output"});
  cases.push_back({"PUT", "/pricing/fake/m", R"({"input":0.5,"output":"1"})", 400, "invalid", "input"});
  cases.push_back({"PUT", "/pricing/fake/m", R"({"input":"1","output":"1","max_output_tokens":-1})", 400,
                   "invalid", "max_output_tokens"});
  cases.push_back({"PUT", "/pricing/nope/m", R"({"input":"1","output":"1"})", 404, "not_found", "nope"});
  c.refused(cases);
  // The balance is exact however often it was tried.
  CHECK(c.daemon.balance("acme") == 1000);
}

TEST_CASE("policies, providers and credentials that cannot work are refused", "[control_input]") {
  Control c;
  const auto policy = [](const std::string& fields, const std::string& says) {
    return Case{"POST", "/policies", R"({"path":"acme/prod",)" + fields + "}", 400, "invalid", says};
  };
  const auto provider = [](const std::string& fields, const std::string& says) {
    return Case{"POST", "/providers", "{" + fields + "}", 400, "invalid", says};
  };
  c.refused({
      policy(R"("rpm":-1)", "rpm"),
      policy(R"("tpm":9223372036854775808)", "tpm"),
      policy(R"("parallel":1.5)", "parallel"),
      policy(R"("max_output_tokens":0)", "max_output_tokens"),
      policy(R"("max_input_tokens":-7)", "max_input_tokens"),
      policy(R"("allow_models":"gpt-*")", "allow_models"),
      policy(R"("allow_models":[5])", "allow_models"),
      policy(R"("allow_models":[""])", "allow_models"),
      policy(R"("deny_models":[")" + std::string(5000, 'g') + R"("])", "deny_models"),
      policy(R"("reserve":"never")", "reserve"),
      policy(R"("clamp":"no")", "clamp"),
      provider(R"("name":"x","kind":"openai","base_url":"ftp://example.com")", "base URL"),
      provider(R"("name":"x","kind":"openai","base_url":"http://example.com/v1")", ""),
      provider(R"("name":"x","kind":"openai","base_url":"http://10.0.0.7/v1")", ""),
      provider(R"("name":"x","kind":"openai","base_url":"https://user:pw@example.com/v1")", "base URL"),
      provider(R"("name":"x","kind":"openai","base_url":"not a url")", "base URL"),
      provider(R"("name":"x","kind":"openai","base_url":"")", "base URL"),
      provider(R"("name":"x","kind":"telegraph","base_url":"https://example.com")", "kind"),
      provider(R"("name":"a/b","kind":"openai","base_url":"https://example.com")", "slug"),
      provider(R"("name":"","kind":"openai","base_url":"https://example.com")", "name"),
      provider(R"("name":"x","kind":"openai","base_url":"https://example.com","connect_timeout_ms":-1)",
               "connect_timeout_ms"),
      provider(R"("name":"x","kind":"openai","base_url":"https://example.com","max_tokens_field":"most")",
               "max_tokens_field"),
      {"POST", "/orgs/acme/credentials", R"({"provider":"fake","secret":""})", 400, "invalid", "secret"},
      {"POST", "/orgs/acme/credentials", R"({"provider":"fake","secret":"a\r\nX-Injected: 1"})", 400, "invalid",
       "secret"},
      {"POST", "/orgs/acme/credentials", R"({"provider":"fake"})", 400, "invalid", "secret"},
      {"POST", "/orgs/acme/credentials", R"({"provider":"nope","secret":"s"})", 404, "not_found", "nope"},
  });
}

TEST_CASE("lists take limits and cursors within bounds", "[control_input]") {
  Control c;
  std::vector<Case> cases;
  for (const char* query :
       {"limit=0", "limit=-1", "limit=1001", "limit=abc", "limit=9223372036854775808", "cursor=garbage%21"}) {
    cases.push_back({"GET", std::string("/orgs?") + query, "", 400, "invalid"});
    cases.push_back({"GET", std::string("/orgs/acme/ledger?") + query, "", 400, "invalid"});
    cases.push_back({"GET", std::string("/usage/history/acme?") + query, "", 400, "invalid"});
  }
  cases.push_back({"GET", "/usage/history/acme?since=yesterday", "", 400, "invalid", "since"});
  cases.push_back({"GET", "/usage/history/acme?status=GOOD", "", 400, "invalid", "status"});
  cases.push_back({"GET", "/usage/top/acme?by=colour", "", 400, "invalid", "by"});
  cases.push_back({"GET", "/usage/top/acme?window=-3h", "", 400, "invalid", "window"});
  c.refused(cases);
}

TEST_CASE("routes, methods, origins and stale versions", "[control_input]") {
  Control c;
  c.refused({
      {"GET", "/nothing", "", 404, "not_found"},
      {"POST", "/auth/login", "{}", 404, "not_found"},
      {"GET", "/groups/me", "", 404, "not_found"},
      {"PUT", "/orgs", "{}", 405, "method_not_allowed"},
      {"DELETE", "/credits/purchase", "", 405, "method_not_allowed"},
  });
  for (const Headers& foreign : std::vector<Headers>{{{"Origin", "https://evil.example"}},
                                                     {{"Referer", "https://evil.example/x"}},
                                                     {{"Host", "evil.example"}}}) {
    const Answer answer = c.daemon.control("POST", "/orgs", {{"name", "evil"}}, foreign);
    INFO(foreign[0].first << " " << answer.body);
    CHECK(answer.status == 403);
  }
  CHECK(c.daemon.control("GET", "/orgs/evil").status == 404);

  const Json org = c.daemon.get("/orgs/acme");
  const std::string version = std::to_string(org["version"].get<int>());
  CHECK(c.daemon.control("PATCH", "/orgs/acme", {{"description", "x"}}, {{"If-Match", "\"" + version + "\""}})
            .status == 200);
  const Answer stale =
      c.daemon.control("PATCH", "/orgs/acme", {{"description", "y"}}, {{"If-Match", "\"" + version + "\""}});
  CHECK(stale.status == 412);
  CHECK(stale.json()["error"]["code"] == "stale");
  CHECK(c.daemon.get("/orgs/acme")["description"] == "x");
}

TEST_CASE("a dry run answers as the real one would and changes nothing", "[control_input]") {
  Control c;
  const std::string before = c.everything();
  const std::vector<Case> writes{
      {"POST", "/orgs?dry_run=1", R"({"name":"ghost"})", 201, ""},
      {"PATCH", "/orgs/acme?dry_run=1", R"({"description":"ghost"})", 200, ""},
      {"POST", "/orgs/acme/workspaces?dry_run=1", R"({"name":"ghost"})", 201, ""},
      {"PATCH", "/workspaces/acme%2Fprod?dry_run=1", R"({"active":false})", 200, ""},
      {"DELETE", "/workspaces/acme%2Fprod?dry_run=1", "", 200, ""},
      {"POST", "/agent-groups/acme%2Fprod%2Fsupport/agents?dry_run=1", R"({"name":"ghost"})", 201, ""},
      {"DELETE", agent_at + "?dry_run=1", "", 200, ""},
      {"POST", agent_at + "/keys?dry_run=1", R"({"name":"ghost"})", 201, ""},
      {"DELETE", agent_at + "/keys/" + c.key.id + "?dry_run=1", "", 200, ""},
      {"POST", agent_at + "/keys/" + c.key.id + "/rotate?dry_run=1", "{}", 201, ""},
      {"POST", "/orgs/acme/credentials?dry_run=1", R"({"provider":"fake","secret":"s3cret-value"})", 201, ""},
      {"POST", "/policies?dry_run=1", R"({"path":"acme/prod","rpm":1})", 201, ""},
      {"POST", "/budgets?dry_run=1", R"({"path":"acme/prod","period":"DAILY","limit":1})", 201, ""},
      {"POST", "/credits/purchase?dry_run=1", R"({"org":"acme","amount":77})", 201, ""},
      {"POST", "/orgs/acme/ledger/adjust?dry_run=1", R"({"amount":-5,"reason":"ghost"})", 201, ""},
      {"POST", "/providers?dry_run=1",
       R"({"name":"ghost","kind":"openai","base_url":"https://api.example.com/v1"})", 201, ""},
      {"PUT", "/pricing/fake/ghost?dry_run=1", R"({"input":"1","output":"1"})", 200, ""},
      {"DELETE", "/orgs/acme?dry_run=1&confirm=acme", "", 200, ""},
      {"POST", "/orgs?dry_run=1", R"({"name":"acme"})", 409, "conflict"},
  };
  for (const Case& write : writes) {
    const Answer answer = http(c.daemon.socket(), write.method, write.target, write.body);
    INFO(write.method << " " << write.target << " -> " << answer.status << " " << answer.body);
    CHECK(answer.status == write.status);
    CHECK(c.everything() == before);
  }
  CHECK(c.daemon.verify()["ok"] == true);
  c.daemon.restart();
  CHECK(c.everything() == before);
  CHECK(c.daemon.chat(c.key.secret, request("mock-model", 5)).status == 200);
}
