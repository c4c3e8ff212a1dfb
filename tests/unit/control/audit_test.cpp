#include <set>

#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("every change has its audit row, with who, from which request, and what") {
  Daemon daemon;
  daemon.make_acme();
  Sent sent;
  sent.method = "PATCH";
  sent.target = "/workspaces/acme%2Fprod";
  sent.body = R"({"name":"Production"})";
  sent.headers.push_back({"X-Correlation-Id", "deploy-17"});
  sent.headers.push_back({"User-Agent", "govctl/0.1.0"});
  const Got got = daemon.send(sent);
  const Json row = daemon.make("GET", "/orgs/acme/audit?limit=1")["items"][0];
  CHECK(row["event_type"] == "workspace.update");
  CHECK(row["resource_type"] == "workspace");
  CHECK(row["resource_id"] == got.json["id"]);
  CHECK(row["resource_name"] == "acme/prod");
  CHECK(row["request_id"] == got.header("x-request-id"));
  CHECK(row["correlation_id"] == "deploy-17");
  CHECK(row["actor_kind"] == "local");
  CHECK(row["description"] == "changed workspace acme/prod");
  CHECK(row["metadata"] == Json({{"before", {{"name", "Prod"}}}, {"after", {{"name", "Production"}}}}));
  const std::string actor = row["actor"];
  CHECK(daemon.make("GET", "/orgs/acme/audit?actor=" + actor)["total"] == 5);
  CHECK(daemon.make("GET", "/orgs/acme/audit?actor=nobody")["total"] == 0);
  CHECK(daemon.make("GET", "/orgs/acme/audit?event=workspace.*")["total"] == 2);
  CHECK(daemon.make("GET", "/orgs/acme/audit?resource=acme/prod")["total"] == 2);
}

TEST_CASE("one org's log does not show another's") {
  Daemon daemon;
  daemon.make_acme();
  daemon.make("POST", "/orgs", {{"name", "Other"}});
  CHECK(daemon.audit_rows("other") == 1);
  CHECK(daemon.audit_rows("acme") == 4);
  CHECK(daemon.audit_rows("") == 2);
}

}  // namespace govctl::control::test
