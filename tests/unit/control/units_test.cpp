#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("workspaces, groups and agents are made, found by path and id, changed and listed") {
  Daemon daemon;
  daemon.make_acme();
  const Json workspace = daemon.make("GET", "/workspaces/acme%2Fprod");
  CHECK(workspace["path"] == "acme/prod");
  CHECK(workspace["active"] == true);
  CHECK(daemon.make("GET", "/workspaces/" + workspace["id"].get<std::string>()) == workspace);
  const Json agent = daemon.make("GET", "/agents/acme%2Fprod%2Fsupport%2Ftriage");
  CHECK(agent["path"] == "acme/prod/support/triage");
  CHECK(agent["status"] == "ACTIVE");
  CHECK(daemon.make("GET", "/agents/" + agent["id"].get<std::string>()) == agent);

  CHECK(daemon.make("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage", {{"status", "DISABLED"}})["status"] ==
        "DISABLED");
  CHECK(daemon.make("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage", {{"status", "ACTIVE"}})["version"] == 3);
  CHECK(daemon.make("PATCH", "/workspaces/acme%2Fprod", {{"active", false}})["active"] == false);
  CHECK(daemon.make("PATCH", "/agent-groups/acme%2Fprod%2Fsupport",
                    {{"description", "first\nline"}})["description"] == "first\nline");

  CHECK(daemon.make("GET", "/orgs/acme/workspaces")["items"].size() == 1);
  CHECK(daemon.make("GET", "/workspaces/acme%2Fprod/agent-groups")["items"][0]["slug"] == "support");
  CHECK(daemon.make("GET", "/agent-groups/acme%2Fprod%2Fsupport/agents")["items"][0]["slug"] == "triage");
  CHECK(daemon.make("GET", "/agents/acme%2Fprod%2Fsupport%2Ftriage")["status"] == "ACTIVE");
  CHECK(daemon.audit_rows("acme") == 8);
}

TEST_CASE("what a unit may not be") {
  Daemon daemon;
  daemon.make_acme();
  const std::size_t before = daemon.audit_rows("acme");
  CHECK(daemon.send("POST", "/orgs/acme/workspaces", {{"name", ""}}).status == 400);
  CHECK(daemon.send("POST", "/orgs/acme/workspaces", {{"name", "x"}, {"slug", "-"}}).status == 400);
  CHECK(daemon.send("POST", "/orgs/acme/workspaces", {{"name", "x"}, {"description", std::string(2001, 'x')}})
            .status == 400);
  const Got taken = daemon.send("POST", "/orgs/acme/workspaces", {{"name", "PROD"}});
  CHECK(taken.status == 409);
  CHECK(taken.next() == "govctl workspace get acme/prod");
  CHECK(daemon.send("POST", "/agent-groups/acme%2Fprod%2Fsupport/agents", {{"name", "Triage"}}).next() ==
        "govctl agent get acme/prod/support/triage");
  CHECK(
      daemon.send("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage", {{"status", "BUDGET_EXHAUSTED"}}).status ==
      400);
  CHECK(daemon.send("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage", {{"slug", "other"}}).status == 400);
  CHECK(daemon.audit_rows("acme") == before);
}

TEST_CASE("what is not there is 404, whatever names it") {
  Daemon daemon;
  daemon.make_acme();
  const std::string unknown = "019a0000-0000-7000-8000-000000000000";
  for (const std::string& named :
       {std::string("acme%2Fnone"), std::string("none%2Fprod"), unknown, std::string("acme")}) {
    INFO(named);
    CHECK(daemon.get("/workspaces/" + named).status == 404);
    CHECK(daemon.send("DELETE", "/workspaces/" + named).status == 404);
    CHECK(daemon.send("PATCH", "/workspaces/" + named, {{"name", "x"}}).status == 404);
    CHECK(daemon.send("POST", "/workspaces/" + named + "/agent-groups", {{"name", "x"}}).status == 404);
  }
  const std::vector<std::string> routes{"/orgs/" + unknown,
                                        "/agents/" + unknown,
                                        "/agent-groups/" + unknown,
                                        "/keys/" + unknown,
                                        "/policies/" + unknown,
                                        "/budgets/" + unknown,
                                        "/orgs/acme/credentials/" + unknown,
                                        "/usage/request/" + unknown,
                                        "/usage/history/" + unknown,
                                        "/providers/none",
                                        "/pricing/openai/none",
                                        "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + unknown};
  for (const std::string& route : routes) {
    INFO(route);
    CHECK(daemon.get(route).status == 404);
  }
  CHECK(daemon.get("/workspaces/Not%20A%20Path").status == 400);
  CHECK(daemon.get("/agents/acme%2Fprod").message() == "'acme/prod' is a workspace; this takes an agent");
}

TEST_CASE("If-Match refuses a stale version") {
  Daemon daemon;
  daemon.make_acme();
  Sent sent;
  sent.method = "PATCH";
  sent.target = "/workspaces/acme%2Fprod";
  sent.body = R"({"name":"New"})";
  sent.headers.push_back({"If-Match", "\"2\""});
  const Got stale = daemon.send(sent);
  CHECK(stale.status == 412);
  CHECK(stale.code() == "stale");
  CHECK(stale.json["error"]["details"]["version"] == 1);
  CHECK(daemon.make("GET", "/workspaces/acme%2Fprod")["name"] == "Prod");
  sent.headers.back().value = "\"1\"";
  CHECK(daemon.send(sent).json["version"] == 2);
  sent.headers.back().value = "one";
  CHECK(daemon.send(sent).status == 400);
  sent.method = "DELETE";
  sent.body.clear();
  sent.headers.back().value = "1";
  CHECK(daemon.send(sent).status == 412);
  CHECK(daemon.get("/workspaces/acme%2Fprod").status == 200);
}

TEST_CASE("a dry run answers the same and changes nothing") {
  Daemon daemon;
  daemon.make_acme();
  const std::size_t before = daemon.audit_rows("acme");
  const Got got = daemon.send("POST", "/orgs/acme/workspaces?dry_run=1", {{"name", "Dev"}});
  CHECK(got.status == 201);
  CHECK(got.json["path"] == "acme/dev");
  CHECK(daemon.get("/workspaces/acme%2Fdev").status == 404);
  CHECK(daemon.send("POST", "/orgs/acme/workspaces?dry_run=1", {{"name", "Prod"}}).status == 409);
  CHECK(daemon.send("DELETE", "/workspaces/acme%2Fprod?dry_run=1").status == 200);
  CHECK(daemon.get("/agents/acme%2Fprod%2Fsupport%2Ftriage").status == 200);
  CHECK(daemon.audit_rows("acme") == before);
}

TEST_CASE("deleting a workspace takes all below it along and revokes the keys") {
  Daemon daemon;
  daemon.make_acme();
  const Json key = daemon.make("POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys", {{"name", "one"}});
  const domain::Hash hash = domain::sha256(key["key"].get<std::string>());
  REQUIRE(daemon.registry->authenticate(hash));
  daemon.make("POST", "/policies", {{"path", "acme/prod/support"}, {"rpm", 5}});
  daemon.make("POST", "/budgets", {{"path", "acme/prod/support/triage"}, {"period", "DAILY"}, {"limit", 5}});
  daemon.make("DELETE", "/workspaces/acme%2Fprod");
  CHECK_FALSE(daemon.registry->authenticate(hash));
  for (const char* route : {"/workspaces/acme%2Fprod", "/agent-groups/acme%2Fprod%2Fsupport",
                            "/agents/acme%2Fprod%2Fsupport%2Ftriage"}) {
    CHECK(daemon.get(route).status == 404);
  }
  CHECK(daemon.get("/keys/" + key["id"].get<std::string>()).status == 404);
  CHECK(daemon.get("/policies").json["total"] == 0);
  CHECK(daemon.get("/budgets").json["total"] == 0);
  const Json below =
      daemon.get("/orgs/acme/audit?event=workspace.delete").json["items"][0]["metadata"]["below"];
  CHECK(below ==
        Json({{"agent_groups", 1}, {"agents", 1}, {"keys_revoked", 1}, {"policies", 1}, {"budgets", 1}}));
  // The slug is free again, and after a restart it is all the same.
  daemon.make("POST", "/orgs/acme/workspaces", {{"name", "Prod"}});
  daemon.close();
  daemon.open();
  CHECK(daemon.get("/orgs/acme/workspaces").json["total"] == 1);
  CHECK(daemon.get("/agents/acme%2Fprod%2Fsupport%2Ftriage").status == 404);
  CHECK_FALSE(daemon.registry->authenticate(hash));
}

}  // namespace govctl::control::test
