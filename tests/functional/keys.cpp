// Keys: revoked ones fail on the very next call, expired ones too; rotation has its grace; secrets are shown
// once.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

struct Keys {
  TestDaemon daemon;
  Key key;
  Keys() {
    daemon.make_org("acme");
    daemon.make_agent(Shop::agent);
    daemon.buy("acme", 1'000'000);
    key = daemon.make_key(Shop::agent, {{"name", "first"}});
  }
  int call(const std::string& secret) { return daemon.chat(secret, request("mock-model")).status; }
  std::string at(const Key& which) { return "/agents/" + percent(Shop::agent) + "/keys/" + which.id; }
  Json only(const Key& which) { return daemon.get(at(which)); }
};

}  // namespace

TEST_CASE("a revoked key fails on the very next call, each of a hundred times", "[keys]") {
  Keys k;
  for (int i = 0; i < 100; ++i) {
    const Key key = k.daemon.make_key(Shop::agent);
    REQUIRE(k.call(key.secret) == 200);
    k.daemon.expect(200, "DELETE", k.at(key) + "?reason=leaked");
    REQUIRE(k.call(key.secret) == 401);
  }
  CHECK(k.call(k.key.secret) == 200);
}

TEST_CASE("a revoked key stays revoked, says why, and is not revoked twice", "[keys]") {
  Keys k;
  k.daemon.expect(200, "DELETE", k.at(k.key) + "?reason=laptop%20lost");
  const Json seen = k.only(k.key);
  CHECK(seen["status"] == "REVOKED");
  CHECK(seen["revoke_reason"] == "laptop lost");
  CHECK_FALSE(seen["revoked_at"].is_null());
  const Answer again = k.daemon.control("DELETE", k.at(k.key));
  CHECK((again.status == 409 || again.status == 200));
  CHECK(k.only(k.key)["revoke_reason"] == "laptop lost");
  k.daemon.restart();
  CHECK(k.call(k.key.secret) == 401);
  CHECK(k.only(k.key)["status"] == "REVOKED");
}

TEST_CASE("a key's secret is shown once and never again", "[keys]") {
  Keys k;
  CHECK(k.key.secret.size() == 47);
  CHECK(k.key.secret.starts_with("cpk_"));
  const std::string seen = k.daemon.control("GET", k.at(k.key)).body +
                           k.daemon.control("GET", "/agents/" + percent(Shop::agent) + "/keys").body +
                           k.daemon.control("GET", "/keys/" + k.key.id).body;
  CHECK(seen.find(k.key.secret) == std::string::npos);
  CHECK(k.only(k.key)["suffix"] == k.key.secret.substr(39));
  CHECK(k.daemon.get("/keys/" + k.key.id)["agent"] == Shop::agent);
}

TEST_CASE("a key expires by itself", "[keys]") {
  Keys k;
  const Key key = k.daemon.make_key(Shop::agent, {{"ttl", "1s"}});
  const auto until = std::chrono::steady_clock::now() + patience;
  int status = 0;
  while ((status = k.call(key.secret)) == 200 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(20ms);
  }
  CHECK(status == 401);
  CHECK(k.only(key)["status"] == "EXPIRED");
  // What has expired does not come back by being forgotten.
  k.daemon.restart();
  CHECK(k.call(key.secret) == 401);
  CHECK(k.call(k.key.secret) == 200);
}

TEST_CASE("a rotated key and its successor both work in the grace, then the new one alone", "[keys]") {
  Keys k;
  const Json successor = k.daemon.expect(201, "POST", k.at(k.key) + "/rotate", {{"grace", "2s"}});
  const std::string fresh = successor["key"];
  CHECK(fresh != k.key.secret);
  CHECK(successor["name"] == "first");
  CHECK(k.call(fresh) == 200);
  CHECK(k.only(k.key)["rotated_to"] == successor["id"]);
  const auto until = std::chrono::steady_clock::now() + patience;
  int status = k.call(k.key.secret);
  CHECK(status == 200);
  while (status == 200 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(20ms);
    status = k.call(k.key.secret);
  }
  CHECK(status == 401);
  CHECK(k.call(fresh) == 200);
}

TEST_CASE("rotation without grace ends the old key at once", "[keys]") {
  Keys k;
  const Json successor = k.daemon.expect(201, "POST", k.at(k.key) + "/rotate", Json::object());
  CHECK(k.call(k.key.secret) == 401);
  CHECK(k.call(successor["key"]) == 200);
}

TEST_CASE("a key's limit moves to its successor and cannot be escaped by rotating", "[keys]") {
  Keys k;
  const Key key = k.daemon.make_key(Shop::agent, {{"limit", 500}});
  const Json successor = k.daemon.expect(201, "POST", k.at(key) + "/rotate", Json::object());
  CHECK(successor["limit"] == 500);
}

TEST_CASE("keys of a deleted agent, group, workspace and org stop working", "[keys]") {
  Keys k;
  const std::string level = GENERATE("agent", "group", "workspace", "org");
  INFO(level);
  REQUIRE(k.call(k.key.secret) == 200);
  if (level == "agent") k.daemon.expect(200, "DELETE", "/agents/" + percent(Shop::agent));
  if (level == "group") k.daemon.expect(200, "DELETE", "/agent-groups/" + percent(Shop::group));
  if (level == "workspace") k.daemon.expect(200, "DELETE", "/workspaces/" + percent(Shop::workspace));
  if (level == "org") k.daemon.expect(200, "DELETE", "/orgs/acme?confirm=acme");
  CHECK(k.call(k.key.secret) == 401);
  k.daemon.restart();
  CHECK(k.call(k.key.secret) == 401);
}

TEST_CASE("a key works from the very next call, for its own agent alone", "[keys]") {
  Keys k;
  k.daemon.make_agent("acme/prod/sales/quote");
  for (int i = 0; i < 20; ++i) {
    const Key key = k.daemon.make_key("acme/prod/sales/quote");
    REQUIRE(k.call(key.secret) == 200);
  }
  for (const Json& event : k.daemon.events("acme")) CHECK(event["agent"] == "acme/prod/sales/quote");
}

TEST_CASE("keys are listed for a path and all below it, or for all orgs", "[keys]") {
  Keys k;
  k.daemon.make_agent("acme/prod/support/other");
  k.daemon.make_org("beta");
  k.daemon.make_agent("beta/dev/tools/writer");
  const Key other = k.daemon.make_key("acme/prod/support/other");
  const Key far = k.daemon.make_key("beta/dev/tools/writer");
  const auto ids = [&](const std::string& target) {
    std::vector<std::string> found;
    for (const auto& key : k.daemon.get(target)["items"]) {
      CHECK(key["key"].is_null());
      found.push_back(key["id"]);
    }
    return found;
  };
  using Ids = std::vector<std::string>;
  CHECK(ids("/keys") == Ids{k.key.id, other.id, far.id});
  CHECK(ids("/keys?path=acme") == Ids{k.key.id, other.id});
  CHECK(ids("/keys?path=" + percent("acme/prod/support/other")) == Ids{other.id});
  CHECK(k.daemon.get("/keys?limit=1")["total"] == 3);
  k.daemon.expect(404, "GET", "/keys?path=gamma");
}
