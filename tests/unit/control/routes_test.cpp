#include "daemon/control/routes.h"

#include <set>

#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

namespace {

// The routes that both programs agree on.
const std::vector<std::string> agreed{"GET /health",
                                      "GET /health/ready",
                                      "GET /health/db",
                                      "GET /openapi.json",
                                      "GET /docs",
                                      "GET /redoc",
                                      "GET /status",
                                      "GET /live",
                                      "GET /metrics",
                                      "GET /doctor",
                                      "POST /backup",
                                      "GET /secrets",
                                      "POST /secrets/rotate-kek",
                                      "POST /secrets/unseal",
                                      "POST /orgs/{}/secrets/rotate-dek",
                                      "POST /orgs",
                                      "GET /orgs",
                                      "GET /orgs/{}",
                                      "PATCH /orgs/{}",
                                      "DELETE /orgs/{}",
                                      "POST /orgs/{}/undelete",
                                      "POST /orgs/{}/purge",
                                      "POST /orgs/{}/anchors",
                                      "POST /audit/anchors",
                                      "GET /orgs/{}/balance",
                                      "GET /orgs/{}/document",
                                      "POST /orgs/{}/apply",
                                      "GET /platform/document",
                                      "POST /platform/apply",
                                      "POST /orgs/{}/workspaces",
                                      "GET /orgs/{}/workspaces",
                                      "GET /workspaces/{}",
                                      "PATCH /workspaces/{}",
                                      "DELETE /workspaces/{}",
                                      "POST /workspaces/{}/agent-groups",
                                      "GET /workspaces/{}/agent-groups",
                                      "GET /agent-groups/{}",
                                      "PATCH /agent-groups/{}",
                                      "DELETE /agent-groups/{}",
                                      "POST /agent-groups/{}/agents",
                                      "GET /agent-groups/{}/agents",
                                      "GET /agents/{}",
                                      "PATCH /agents/{}",
                                      "DELETE /agents/{}",
                                      "POST /freeze",
                                      "POST /unfreeze",
                                      "POST /agents/{}/keys",
                                      "GET /agents/{}/keys",
                                      "GET /agents/{}/keys/{}",
                                      "PATCH /agents/{}/keys/{}",
                                      "DELETE /agents/{}/keys/{}",
                                      "POST /agents/{}/keys/{}/rotate",
                                      "GET /keys",
                                      "GET /keys/{}",
                                      "POST /orgs/{}/credentials",
                                      "GET /orgs/{}/credentials",
                                      "GET /orgs/{}/credentials/{}",
                                      "PATCH /orgs/{}/credentials/{}",
                                      "DELETE /orgs/{}/credentials/{}",
                                      "GET /providers",
                                      "POST /providers",
                                      "POST /pricing/import",
                                      "GET /providers/{}",
                                      "PATCH /providers/{}",
                                      "DELETE /providers/{}",
                                      "POST /policies",
                                      "GET /policies",
                                      "GET /policies/{}",
                                      "PATCH /policies/{}",
                                      "DELETE /policies/{}",
                                      "GET /can-i",
                                      "GET /policies/effective",
                                      "POST /budgets",
                                      "GET /budgets",
                                      "GET /budgets/explain",
                                      "GET /budgets/{}",
                                      "PATCH /budgets/{}",
                                      "DELETE /budgets/{}",
                                      "GET /orgs/{}/aliases",
                                      "GET /orgs/{}/aliases/{}",
                                      "PUT /orgs/{}/aliases/{}",
                                      "DELETE /orgs/{}/aliases/{}",
                                      "POST /providers/{}/test",
                                      "GET /providers/{}/models",
                                      "GET /pricing",
                                      "GET /pricing/{}/{}",
                                      "PUT /pricing/{}/{}",
                                      "DELETE /pricing/{}/{}",
                                      "POST /credits/purchase",
                                      "GET /orgs/{}/ledger",
                                      "POST /orgs/{}/ledger/adjust",
                                      "GET /orgs/{}/ledger/export",
                                      "POST /usage/{}/refund",
                                      "GET /verify",
                                      "GET /groups",
                                      "POST /groups",
                                      "GET /groups/{}",
                                      "GET /groups/{}/balance",
                                      "GET /usage/history/{}",
                                      "GET /usage/request/{}",
                                      "GET /usage/request/{}/explanation",
                                      "GET /usage/burn-rate/{}",
                                      "GET /usage/top-users/{}",
                                      "GET /usage/top/{}",
                                      "GET /orgs/{}/audit",
                                      "GET /audit"};

std::string nameless(std::string_view pattern) {
  std::string made;
  bool inside = false;
  for (const char c : pattern) {
    if (c == '}') inside = false;
    if (!inside) made += c;
    if (c == '{') inside = true;
  }
  return made;
}

}  // namespace

TEST_CASE("the table holds the agreed routes and no others") {
  std::set<std::string> here;
  for (const auto& route : routes()) here.insert(std::string(route.method) + " " + nameless(route.pattern));
  CHECK(here == std::set<std::string>(agreed.begin(), agreed.end()));
  CHECK(routes().size() == agreed.size());
}

TEST_CASE("only what describes the daemon itself needs no permission") {
  std::set<std::string> open;
  for (const auto& route : routes()) {
    if (route.needs.permission == Permission::none) open.insert(std::string(route.pattern));
  }
  CHECK(open ==
        std::set<std::string>{"/health", "/health/ready", "/health/db", "/openapi.json", "/docs", "/redoc"});
}

TEST_CASE("openapi.json describes every route from the table") {
  Daemon daemon;
  const Got got = daemon.get("/openapi.json");
  REQUIRE(got.status == 200);
  CHECK(got.json["openapi"] == "3.1.0");
  std::size_t operations = 0;
  for (const auto& [path, methods] : got.json["paths"].items()) operations += methods.size();
  CHECK(operations == routes().size());
  for (const auto& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(::tolower(c));
    INFO(route.method << ' ' << route.pattern);
    const Json& operation = got.json["paths"][std::string(route.pattern)][method];
    REQUIRE(operation.is_object());
    CHECK(operation["summary"].is_string());
    CHECK(operation["responses"].contains("default"));
    if (route.body != nullptr) {
      CHECK(operation["requestBody"]["content"]["application/json"]["schema"]["type"] == "object");
    }
  }
  const Json& create = got.json["paths"]["/orgs"]["post"];
  CHECK(create["x-permission"] == "orgs:write");
  CHECK(create["requestBody"]["content"]["application/json"]["schema"]["required"] == Json::array({"name"}));
  CHECK(create["responses"]["201"]["content"]["application/json"]["schema"]["properties"].contains("slug"));
  const Json& change = got.json["paths"]["/orgs/{org}"]["patch"];
  REQUIRE(change["parameters"].is_array());
  CHECK(change["parameters"][0]["name"] == "org");
  CHECK(change["parameters"][0]["in"] == "path");
  CHECK(change["responses"]["default"]["content"]["application/json"]["schema"]["$ref"] ==
        "#/components/schemas/Error");
  CHECK(got.json["components"]["schemas"]["Error"]["properties"]["error"]["properties"].contains("next"));
}

TEST_CASE("the page of the API loads nothing from elsewhere") {
  Daemon daemon;
  for (const char* route : {"/docs", "/redoc"}) {
    const Got got = daemon.get(route);
    CHECK(got.status == 200);
    CHECK(got.header("content-type").starts_with("text/html"));
    CHECK(got.body.find("openapi.json") != std::string::npos);
    CHECK(got.body.find("://") == std::string::npos);
  }
}

TEST_CASE("status and health") {
  Daemon daemon;
  daemon.make("POST", "/orgs", {{"name", "Acme"}});
  daemon.clock.advance_seconds(90);
  const Json status = daemon.make("GET", "/status");
  CHECK(status["version"].is_string());
  CHECK(status["api_major"] == 1);
  CHECK(status["pid"] == ::getpid());
  CHECK(status["uptime_s"] == 90);
  CHECK(status["gateway"]["url"] == "http://127.0.0.1:4683");
  CHECK(status["orgs"] == 1);
  CHECK(status["inflight"] == 0);
  CHECK(status["quarantined"] == Json::array());
  for (const char* route : {"/health", "/health/ready", "/health/db"}) {
    CHECK(daemon.make("GET", route)["status"] == "ok");
  }
}

}  // namespace govctl::control::test
