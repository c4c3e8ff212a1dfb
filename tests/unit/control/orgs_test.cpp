#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("an org is made, found by slug and id, changed and listed") {
  Daemon daemon;
  const Got got = daemon.send("POST", "/orgs", {{"name", "Acme Corp"}, {"overdraft", "unlimited"}});
  REQUIRE(got.status == 201);
  CHECK(got.json["slug"] == "acme-corp");
  CHECK(got.json["path"] == "acme-corp");
  CHECK(got.json["credits_per_usd"] == 100);
  CHECK(got.json["overdraft"] == "unlimited");
  CHECK(got.json["version"] == 1);
  CHECK(got.json["created_at"] == "2026-09-21T14:13:20.000000Z");
  const std::string id = got.json["id"];
  CHECK(daemon.make("GET", "/orgs/" + id) == got.json);
  CHECK(daemon.make("GET", "/orgs/acme-corp") == got.json);

  const Json changed = daemon.make("PATCH", "/orgs/acme-corp", {{"name", "Acme"}, {"overdraft", 5}});
  CHECK(changed["name"] == "Acme");
  CHECK(changed["overdraft"] == 5);
  CHECK(changed["version"] == 2);
  // What changes nothing is no change.
  CHECK(daemon.make("PATCH", "/orgs/acme-corp", {{"name", "Acme"}})["version"] == 2);
  CHECK(daemon.audit_rows("acme-corp") == 2);

  const Json audit = daemon.make("GET", "/orgs/acme-corp/audit");
  CHECK(audit["items"][0]["event_type"] == "org.update");
  CHECK(audit["items"][0]["metadata"]["before"] == Json({{"name", "Acme Corp"}, {"overdraft", "unlimited"}}));
  CHECK(audit["items"][0]["metadata"]["after"] == Json({{"name", "Acme"}, {"overdraft", 5}}));
  CHECK(audit["items"][1]["event_type"] == "org.create");
  CHECK(audit["items"][1]["actor_kind"] == "local");
  CHECK(daemon.audit_rows("") == 1);  // the platform's log tells of the org's making too
}

TEST_CASE("what an org may not be") {
  Daemon daemon;
  daemon.make("POST", "/orgs", {{"name", "Acme"}});
  const auto refused = [&](const Json& body, int status) {
    const Got got = daemon.send("POST", "/orgs", body);
    INFO(body.dump() << " -> " << got.body);
    CHECK(got.status == status);
  };
  refused({{"name", ""}}, 400);
  refused({{"name", "   "}}, 400);
  refused({{"name", std::string(201, 'x')}}, 400);
  refused({{"name", "a\nb"}}, 400);
  refused({{"name", "a\u0085b"}}, 400);
  refused({{"name", "\u00e4\u00f6"}}, 400);  // no slug can be made of it
  refused({{"name", "x"}, {"slug", "Not A Slug"}}, 400);
  refused({{"name", "x"}, {"slug", std::string(64, 'x')}}, 400);
  refused({{"name", "x"}, {"credits_per_usd", 0}}, 400);
  refused({{"name", "x"}, {"credits_per_usd", 1'000'000'001}}, 400);
  refused({{"name", "x"}, {"overdraft", -1}}, 400);
  refused({{"name", "x"}, {"overdraft", "lots"}}, 400);
  refused({{"name", "x"}, {"overdraft", 9007199254740992}}, 400);
  const Got taken = daemon.send("POST", "/orgs", {{"name", "ACME"}});
  CHECK(taken.status == 409);
  CHECK(taken.code() == "conflict");
  CHECK(taken.next() == "govctl org get acme");
  CHECK(daemon.get("/orgs").json["total"] == 1);
  CHECK(daemon.audit_rows("") == 1);
  CHECK(daemon.send("POST", "/orgs", {{"name", std::string(200, 'x')}, {"slug", "long"}}).status == 201);
}

TEST_CASE("a dry run of an org leaves nothing") {
  Daemon daemon;
  CHECK(daemon.send("POST", "/orgs?dry_run=1", {{"name", "Acme"}}).status == 201);
  CHECK(daemon.get("/orgs/acme").status == 404);
  CHECK(daemon.audit_rows("") == 0);
  daemon.make("POST", "/orgs", {{"name", "Acme"}});
  CHECK(daemon.send("PATCH", "/orgs/acme?dry_run=1", {{"name", "Other"}}).json["name"] == "Other");
  CHECK(daemon.get("/orgs/acme").json["name"] == "Acme");
  CHECK(daemon.send("DELETE", "/orgs/acme?confirm=acme&dry_run=1").status == 200);
  CHECK(daemon.get("/orgs/acme").status == 200);
  CHECK(daemon.audit_rows("acme") == 1);
}

TEST_CASE("credits_per_usd is fixed once the ledger has an entry, and budgets in USD follow it before") {
  Daemon daemon;
  daemon.make("POST", "/orgs", {{"name", "Acme"}});
  daemon.make("POST", "/budgets", {{"path", "acme"}, {"period", "TOTAL"}, {"limit_usd", "50"}});
  daemon.make("PATCH", "/orgs/acme", {{"credits_per_usd", 1'000'000}});
  CHECK(daemon.make("GET", "/budgets?path=acme")["items"][0]["limit"] == 50'000'000);
  daemon.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", 10}});
  const Got got = daemon.send("PATCH", "/orgs/acme", {{"credits_per_usd", 100}});
  CHECK(got.status == 409);
  CHECK(daemon.make("GET", "/orgs/acme")["credits_per_usd"] == 1'000'000);
}

TEST_CASE("an org is deleted only with its slug, and comes back") {
  Daemon daemon;
  daemon.make_acme();
  CHECK(daemon.send("DELETE", "/orgs/acme").status == 400);
  CHECK(daemon.send("DELETE", "/orgs/acme").next() == "govctl org delete acme --confirm=acme");
  CHECK(daemon.send("DELETE", "/orgs/acme?confirm=acne").status == 400);
  CHECK(daemon.make("DELETE", "/orgs/acme?confirm=acme")["slug"] == "acme");
  CHECK(daemon.get("/orgs/acme").status == 404);
  CHECK(daemon.get("/agents/acme%2Fprod%2Fsupport%2Ftriage").status == 404);
  CHECK(daemon.send("POST", "/orgs/none/undelete").status == 404);
  CHECK(daemon.make("POST", "/orgs/acme/undelete")["slug"] == "acme");
  CHECK(daemon.get("/agents/acme%2Fprod%2Fsupport%2Ftriage").status == 200);
  CHECK(daemon.get("/audit").json["items"][0]["event_type"] == "org.undelete");
}

TEST_CASE("a billing group is an org's account") {
  Daemon daemon;
  const Json group = daemon.make("POST", "/groups", {{"name", "Research"}});
  CHECK(group["org"] == "research");
  const std::string id = group["id"];
  daemon.make("POST", "/credits/purchase", {{"org", "research"}, {"amount", 700}});
  CHECK(daemon.make("GET", "/groups/" + id)["balance"] == 700);
  CHECK(daemon.make("GET", "/groups")["items"][0]["id"] == id);
  const Json balance{
      {"org", "research"}, {"balance", 700}, {"reserved", 0}, {"available", 700}, {"credits_per_usd", 100}};
  CHECK(daemon.make("GET", "/groups/" + id + "/balance") == balance);
  CHECK(daemon.make("GET", "/orgs/research/balance") == balance);
  const Got taken = daemon.send("POST", "/groups", {{"name", "More"}, {"org", "research"}});
  CHECK(taken.status == 409);
  CHECK(taken.json["error"]["details"]["id"] == id);
  CHECK(daemon.send("GET", "/groups/none").status == 404);
}

TEST_CASE("lists come in pages") {
  Daemon daemon;
  for (const char* name : {"delta", "alpha", "echo", "bravo", "charlie"}) {
    daemon.make("POST", "/orgs", {{"name", name}});
  }
  std::vector<std::string> seen;
  std::string target = "/orgs?limit=2";
  for (int pages = 0; pages < 3; ++pages) {
    const Json page = daemon.make("GET", target);
    CHECK(page["total"] == 5);
    for (const auto& org : page["items"]) seen.push_back(org["slug"]);
    CHECK(page["next"].is_null() == (pages == 2));
    if (!page["next"].is_null()) target = "/orgs?limit=2&cursor=" + page["next"].get<std::string>();
  }
  CHECK(seen == std::vector<std::string>{"alpha", "bravo", "charlie", "delta", "echo"});
}

}  // namespace govctl::control::test
