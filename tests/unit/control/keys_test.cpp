#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

namespace {
const std::string agent = "/agents/acme%2Fprod%2Fsupport%2Ftriage";
}

TEST_CASE("a key is shown once, works at once and is known by its last characters") {
  Daemon daemon;
  daemon.make_acme();
  const Got got = daemon.send("POST", agent + "/keys", {{"name", "ci"}, {"ttl", "24h"}, {"limit", 1000}});
  REQUIRE(got.status == 201);
  const std::string key = got.json["key"];
  CHECK(key.starts_with("cpk_"));
  CHECK(key.size() == 47);
  CHECK(got.json["suffix"] == key.substr(39));
  CHECK(got.json["status"] == "ACTIVE");
  CHECK(got.json["limit"] == 1000);
  CHECK(got.json["expires_at"] == "2026-09-22T14:13:20.000000Z");
  const auto caller = daemon.registry->authenticate(domain::sha256(key));
  REQUIRE(caller);
  CHECK(caller->key->path == "acme/prod/support/triage");

  const std::string id = got.json["id"];
  for (const std::string& route : {agent + "/keys", agent + "/keys/" + id, "/keys/" + id}) {
    const Got again = daemon.get(route);
    CHECK(again.status == 200);
    CHECK(again.body.find(key) == std::string::npos);
  }
  CHECK(daemon.make("GET", "/keys/" + id)["agent"] == "acme/prod/support/triage");
  CHECK(daemon.make("GET", "/keys/" + id)["key"].is_null());
  daemon.clock.advance_seconds(86'401);
  CHECK(daemon.make("GET", "/keys/" + id)["status"] == "EXPIRED");
}

TEST_CASE("what a key may not be") {
  Daemon daemon;
  daemon.make_acme();
  daemon.make("POST", agent + "/keys", {{"name", "one"}});
  const std::size_t before = daemon.audit_rows("acme");
  for (const Json& body :
       {Json{{"name", ""}}, Json{{"name", "x"}, {"limit", -1}}, Json{{"name", "x"}, {"limit", 0}},
        Json{{"name", "x"}, {"limit", 9007199254740992}}, Json{{"name", "x"}, {"ttl", "soon"}},
        Json{{"name", "x"}, {"ttl", "-5m"}}, Json{{"name", "x"}, {"expires_at", "2020-01-01T00:00:00Z"}},
        Json{{"name", "x"}, {"ttl", "1h"}, {"expires_at", "2030-01-01T00:00:00Z"}},
        Json{{"name", "x"}, {"key", "cpk_mine"}}}) {
    INFO(body.dump());
    CHECK(daemon.send("POST", agent + "/keys", body).status == 400);
  }
  CHECK(daemon.send("POST", agent + "/keys", {{"name", "one"}}).status == 409);
  CHECK(daemon.send("POST", "/agents/acme%2Fprod/keys", {{"name", "x"}}).status == 404);
  CHECK(daemon.audit_rows("acme") == before);
  CHECK(daemon.get(agent + "/keys").json["total"] == 1);
}

TEST_CASE("a revoked key is refused from the next call on") {
  Daemon daemon;
  daemon.make_acme();
  const Json key = daemon.make("POST", agent + "/keys", {{"name", "one"}});
  const std::string id = key["id"];
  const domain::Hash hash = domain::sha256(key["key"].get<std::string>());
  REQUIRE(daemon.registry->authenticate(hash));
  CHECK(daemon.send("DELETE", agent + "/keys/" + id + "?dry_run=1").status == 200);
  REQUIRE(daemon.registry->authenticate(hash));
  const Json revoked = daemon.make("DELETE", agent + "/keys/" + id + "?reason=left%20the%20team");
  CHECK(revoked["status"] == "REVOKED");
  CHECK(revoked["revoke_reason"] == "left the team");
  CHECK_FALSE(daemon.registry->authenticate(hash));
  CHECK(daemon.send("DELETE", agent + "/keys/" + id).status == 409);
  CHECK(daemon.send("PATCH", agent + "/keys/" + id, {{"name", "x"}}).status == 409);
  CHECK(daemon.send("POST", agent + "/keys/" + id + "/rotate").status == 409);
  // Its name is free again.
  CHECK(daemon.send("POST", agent + "/keys", {{"name", "one"}}).status == 201);
  CHECK(daemon.get("/orgs/acme/audit?event=key.*").json["total"] == 3);
}

TEST_CASE("a key's name, limit and expiry can be changed and cleared") {
  Daemon daemon;
  daemon.make_acme();
  const std::string id =
      daemon.make("POST", agent + "/keys", {{"name", "one"}, {"limit", 5}, {"ttl", "1h"}})["id"];
  const Json changed =
      daemon.make("PATCH", agent + "/keys/" + id,
                  {{"name", "two"}, {"limit", nullptr}, {"expires_at", "2027-01-01T00:00:00Z"}});
  CHECK(changed["name"] == "two");
  CHECK(changed["limit"].is_null());
  CHECK(changed["expires_at"] == "2027-01-01T00:00:00.000000Z");
  CHECK(daemon.make("PATCH", agent + "/keys/" + id, {{"expires_at", nullptr}})["expires_at"].is_null());
  CHECK(daemon.send("PATCH", agent + "/keys/" + id, {{"limit", -5}}).status == 400);
}

TEST_CASE("rotating gives a key that takes over, with what hung on the old one") {
  Daemon daemon;
  daemon.make_acme();
  const Json old = daemon.make("POST", agent + "/keys", {{"name", "one"}, {"limit", 77}});
  const std::string id = old["id"];
  const domain::Hash old_hash = domain::sha256(old["key"].get<std::string>());
  daemon.make("POST", "/policies", {{"path", "acme/prod/support/triage"}, {"key_id", id}, {"rpm", 3}});
  daemon.make("POST", "/budgets",
              {{"path", "acme/prod/support/triage"}, {"key_id", id}, {"period", "TOTAL"}, {"limit", 9}});
  CHECK(daemon.send("POST", agent + "/keys/" + id + "/rotate", {{"grace", "never"}}).status == 400);

  const Got got = daemon.send("POST", agent + "/keys/" + id + "/rotate", {{"grace", "1h"}});
  REQUIRE(got.status == 201);
  CHECK(got.json["name"] == "one");
  CHECK(got.json["limit"] == 77);
  const std::string fresh = got.json["id"];
  const domain::Hash fresh_hash = domain::sha256(got.json["key"].get<std::string>());
  CHECK(daemon.registry->authenticate(old_hash));
  CHECK(daemon.registry->authenticate(fresh_hash));
  const Json before = daemon.make("GET", "/keys/" + id);
  CHECK(before["rotated_to"] == fresh);
  CHECK(before["expires_at"] == "2026-09-21T15:13:20.000000Z");
  daemon.clock.advance_seconds(3601);
  CHECK_FALSE(daemon.registry->authenticate(old_hash));
  CHECK(daemon.registry->authenticate(fresh_hash));
  const Json policies = daemon.make("GET", "/policies");
  CHECK(policies["total"] == 2);
  CHECK(daemon.make("GET", "/policies/effective?path=acme/prod/support/triage&key_id=" +
                               fresh)["rates"][0]["rpm"] == 3);

  const Got at_once = daemon.send("POST", agent + "/keys/" + fresh + "/rotate");
  REQUIRE(at_once.status == 201);
  CHECK_FALSE(daemon.registry->authenticate(fresh_hash));
  CHECK(daemon.make("GET", "/keys/" + fresh)["revoke_reason"] == "rotated");
  CHECK(daemon.send("POST", agent + "/keys/" + id + "/rotate").status == 409);
}

}  // namespace govctl::control::test
