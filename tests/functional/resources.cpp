// Every resource of the control API from its making to its end, by path and by id, and what is audited of it.

#include <catch2/catch.hpp>
#include <set>

#include "tests/functional/harness/api.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

TEST_CASE("orgs, workspaces, groups and agents: made, listed, changed, deleted", "[resources]") {
  Api api;
  const Json org =
      api.make("POST", "/orgs", {{"name", "Acme Works"}, {"description", "first"}, {"overdraft", 50}});
  CHECK(org["slug"] == "acme-works");
  CHECK(org["credits_per_usd"] == 100);
  CHECK(org["overdraft"] == 50);
  CHECK(org["version"] == 1);
  api.make("POST", "/orgs", {{"name", "beta"}, {"overdraft", "unlimited"}});
  CHECK(names(api.get("/orgs"), "slug") == Texts{"acme-works", "beta"});
  CHECK(api.get("/orgs/" + org["id"].get<std::string>()) == api.get("/orgs/acme-works"));
  const Json changed = api.done("PATCH", "/orgs/acme-works",
                                {{"name", "Acme"}, {"overdraft", "unlimited"}, {"credits_per_usd", 1000}});
  CHECK(changed["name"] == "Acme");
  CHECK(changed["overdraft"] == "unlimited");
  CHECK(changed["version"] == 2);

  const Json workspace = api.make("POST", "/orgs/acme-works/workspaces", {{"name", "Prod"}});
  CHECK(workspace["path"] == "acme-works/prod");
  CHECK(names(api.get("/orgs/acme-works/workspaces"), "path") == Texts{"acme-works/prod"});
  CHECK(api.get("/workspaces/" + workspace["id"].get<std::string>()) ==
        api.get("/workspaces/acme-works%2Fprod"));
  CHECK(api.done("PATCH", "/workspaces/acme-works%2Fprod", {{"description", "live"}})["description"] == "live");

  const Json group = api.make("POST", "/workspaces/acme-works%2Fprod/agent-groups", {{"name", "Support"}});
  CHECK(names(api.get("/workspaces/acme-works%2Fprod/agent-groups"), "slug") == Texts{"support"});
  CHECK(api.get("/agent-groups/" + group["id"].get<std::string>())["path"] == "acme-works/prod/support");
  CHECK(api.done("PATCH", "/agent-groups/acme-works%2Fprod%2Fsupport", {{"active", false}})["active"] == false);

  const Json agent = api.make("POST", "/agent-groups/acme-works%2Fprod%2Fsupport/agents",
                              {{"name", "Triage"}, {"slug", "t1"}});
  CHECK(agent["status"] == "ACTIVE");
  CHECK(names(api.get("/agent-groups/acme-works%2Fprod%2Fsupport/agents"), "slug") == Texts{"t1"});
  CHECK(api.get("/agents/" + agent["id"].get<std::string>())["path"] == "acme-works/prod/support/t1");
  CHECK(api.done("PATCH", "/agents/acme-works%2Fprod%2Fsupport%2Ft1", {{"status", "DISABLED"}})["status"] ==
        "DISABLED");

  api.done("DELETE", "/agents/acme-works%2Fprod%2Fsupport%2Ft1");
  CHECK(api.daemon.control("GET", "/agents/" + agent["id"].get<std::string>()).status == 404);
  // Its slug is free again, for another agent.
  CHECK(api.make("POST", "/agent-groups/acme-works%2Fprod%2Fsupport/agents", {{"name", "t1"}})["id"] !=
        agent["id"]);
  api.done("DELETE", "/agent-groups/acme-works%2Fprod%2Fsupport");
  api.done("DELETE", "/workspaces/acme-works%2Fprod");
  CHECK(api.get("/orgs/acme-works/workspaces")["total"] == 0);
  CHECK(api.audited("acme-works") == Texts{"org.create", "org.update", "workspace.create", "workspace.update",
                                           "agent-group.create", "agent-group.update", "agent.create",
                                           "agent.update", "agent.delete", "agent.create", "agent-group.delete",
                                           "workspace.delete"});

  api.done("DELETE", "/orgs/acme-works?confirm=acme-works");
  CHECK(names(api.get("/orgs"), "slug") == Texts{"beta"});
  CHECK(api.daemon.control("GET", "/orgs/acme-works").status == 404);
  CHECK(api.daemon.expect(200, "POST", "/orgs/acme-works/undelete")["slug"] == "acme-works");
  CHECK(names(api.get("/orgs"), "slug") == Texts{"acme-works", "beta"});
  CHECK(api.get("/verify")["ok"] == true);
}

TEST_CASE("an org that comes back is whole: its keys work, its balance is there", "[resources]") {
  Api api;
  api.daemon.make_org("acme");
  api.daemon.make_agent(Shop::agent);
  const Key key = api.daemon.make_key(Shop::agent);
  api.daemon.buy("acme", 5000);
  REQUIRE(api.daemon.chat(key.secret, request("mock-model", 5)).status == 200);
  const std::int64_t balance = api.daemon.balance("acme");
  api.done("DELETE", "/orgs/acme?confirm=acme");
  CHECK(api.daemon.chat(key.secret, request("mock-model", 5)).status == 401);
  api.daemon.restart();
  api.daemon.expect(200, "POST", "/orgs/acme/undelete");
  CHECK(api.daemon.balance("acme") == balance);
  CHECK(api.get("/verify")["ok"] == true);
}

TEST_CASE("keys: made, listed, changed, found by id", "[resources]") {
  Api api;
  api.daemon.make_org("acme");
  api.daemon.make_agent(Shop::agent);
  const Json key = api.make("POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys",
                            {{"name", "ci"}, {"limit", 500}, {"ttl", "24h"}});
  const std::string id = key["id"];
  CHECK(key["status"] == "ACTIVE");
  CHECK(key["limit"] == 500);
  CHECK(key["expires_at"].is_string());
  CHECK(names(api.get("/agents/acme%2Fprod%2Fsupport%2Ftriage/keys"), "name") == Texts{"ci"});
  CHECK(api.get("/keys/" + id)["agent"] == Shop::agent);
  const Json changed = api.done("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + id,
                                {{"name", "ci-2"}, {"limit", nullptr}, {"expires_at", nullptr}});
  CHECK(changed["name"] == "ci-2");
  CHECK(changed["limit"].is_null());
  CHECK(changed["expires_at"].is_null());
  CHECK(api.get("/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + id)["name"] == "ci-2");
  const Json next =
      api.make("POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + id + "/rotate", {{"grace", "1h"}});
  CHECK(next["name"] == "ci-2");
  api.done("DELETE", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + id + "?reason=done");
  CHECK(api.get("/keys/" + id)["status"] == "REVOKED");
  CHECK(api.daemon.control("PATCH", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + id, {{"name", "x"}})
            .status == 409);
  const Texts audited = api.audited("acme");
  CHECK(Texts(audited.end() - 4, audited.end()) ==
        Texts{"key.create", "key.update", "key.rotate", "key.revoke"});
}

TEST_CASE("credentials: stored, shown without their secret, replaced, switched off, deleted", "[resources]") {
  FakeUpstream upstream;
  Api api;
  const Shop shop(api.daemon, upstream.base_url());
  api.daemon.provider("paid", upstream.base_url(), {{"needs_credential", true}});
  api.daemon.price("paid", "m", "0.001", "0.001");
  const Json made = api.make("POST", "/orgs/acme/credentials",
                             {{"provider", "paid"}, {"secret", "sk-abcdef-1234"}, {"label", "team"}});
  const std::string id = made["id"];
  CHECK(made["suffix"] == "1234");
  CHECK_FALSE(made.contains("secret"));
  CHECK(names(api.get("/orgs/acme/credentials"), "label") == Texts{"team"});
  CHECK(api.get("/orgs/acme/credentials/" + id)["provider"] == "paid");
  const auto call = [&] { return api.daemon.chat(shop.key.secret, request("paid/m")).status; };
  CHECK(call() == 200);
  api.done("PATCH", "/orgs/acme/credentials/" + id, {{"active", false}});
  CHECK(call() == 400);
  CHECK(api.done("PATCH", "/orgs/acme/credentials/" + id,
                 {{"active", true}, {"secret", "sk-abcdef-5678"}})["suffix"] == "5678");
  CHECK(call() == 200);
  CHECK(find_header(upstream.last().headers, "authorization") == "Bearer sk-abcdef-5678");
  api.done("DELETE", "/orgs/acme/credentials/" + id);
  CHECK(call() == 400);
  CHECK(api.get("/orgs/acme/credentials")["total"] == 0);
}

TEST_CASE("policies: set, merged, shown as they work, changed and deleted", "[resources]") {
  FakeUpstream upstream;
  Api api;
  const Shop shop(api.daemon, upstream.base_url());
  api.daemon.price("fake", "m", "0.001", "0.001");
  const Json house =
      api.make("POST", "/policies",
               {{"path", "acme"}, {"allow_models", {"m", "gpt-*"}}, {"max_output_tokens", 500}, {"rpm", 100}});
  const std::string id = house["id"];
  CHECK(house["name"] == "default");
  api.make("POST", "/policies",
           {{"path", Shop::agent},
            {"allow_models", {"*"}},
            {"max_output_tokens", 800},
            {"rpm", 5},
            {"clamp", false}});
  api.make("POST", "/policies", {{"path", Shop::agent}, {"key_id", shop.key.id}, {"max_output_tokens", 300}});
  CHECK(api.get("/policies")["total"] == 3);
  CHECK(api.get("/policies?path=acme%2Fprod")["total"] == 2);
  CHECK(api.get("/policies/" + id)["rpm"] == 100);

  const Json merged = api.get("/policies/effective?path=" + percent(Shop::agent));
  CHECK(merged["max_output_tokens"] == 500);
  CHECK(merged["allow_models"].size() == 2);
  CHECK(merged["clamp"] == false);
  CHECK(merged["rates"].size() == 2);
  CHECK(merged["sources"] == Json{"acme: default", std::string(Shop::agent) + ": default"});
  CHECK(api.get("/policies/effective?path=" + percent(Shop::agent) +
                "&key_id=" + shop.key.id)["max_output_tokens"] == 300);

  const auto call = [&](int tokens) {
    return api.daemon.chat(shop.key.secret, request("fake/m", tokens)).status;
  };
  CHECK(call(300) == 200);
  CHECK(call(301) == 403);
  api.done("PATCH", "/policies/" + id, {{"allow_models", {"gpt-*"}}, {"rpm", nullptr}});
  CHECK(api.get("/policies/" + id)["rpm"].is_null());
  CHECK(call(300) == 403);
  api.done("DELETE", "/policies/" + id);
  CHECK(call(300) == 200);
  CHECK(api.daemon.control("GET", "/policies/" + id).status == 404);
}

TEST_CASE("providers and prices: what ships, what is added, changed and taken away", "[resources]") {
  FakeUpstream upstream;
  FakeUpstream other;
  Api api;
  const Json shipped = api.get("/providers");
  const Texts shipped_names = names(shipped, "name");
  for (const char* name :
       {"openai", "anthropic", "google", "azure", "bedrock", "cohere", "groq", "mistral", "perplexity",
        "openrouter", "together", "deepseek", "xai", "ollama", "llamacpp", "vllm", "mock"}) {
    CHECK(std::find(shipped_names.begin(), shipped_names.end(), name) != shipped_names.end());
  }
  CHECK(api.get("/providers/mock")["needs_credential"] == false);
  const Shop shop(api.daemon, upstream.base_url());
  const auto call = [&] { return api.daemon.chat(shop.key.secret, request("fake/m", 20)); };
  CHECK(call().status == 400);

  const Json put = api.daemon.expect(200, "PUT", "/pricing/fake/m",
                                     {{"input", "0.001"}, {"output", "0.002"}, {"source", "contract 7"}});
  CHECK(put["version"] == 1);
  const Json first = call().json();
  const Json again =
      api.daemon.expect(200, "PUT", "/pricing/fake/m", {{"input", "0.002"}, {"output", "0.004"}});
  CHECK(again["version"] == 2);
  const Answer second = call();
  CHECK(second.json()["x_platform"]["credits_charged"].get<int>() ==
        2 * first["x_platform"]["credits_charged"].get<int>());
  CHECK(api.daemon.event(second.header("x-request-id"))["price_version"] == 2);
  CHECK(api.daemon.event(first["x_platform"]["request_id"])["price_version"] == 1);
  CHECK(api.get("/pricing/fake/m")["prices"].size() == 2);
  CHECK(api.get("/pricing?provider=fake")["total"] == 1);
  CHECK(api.get("/pricing/openai/gpt-4o-mini")["prices"][0]["price"] == "0.15");

  // Another address for the same provider is in force at once.
  api.done("PATCH", "/providers/fake", {{"base_url", other.base_url()}});
  CHECK(call().status == 200);
  CHECK(other.calls() == 1);
  api.done("DELETE", "/pricing/fake/m");
  CHECK(call().status == 400);
  api.make("POST", "/providers",
           {{"name", "gone"}, {"kind", "openai"}, {"base_url", "https://api.example.com/v1"}});
  api.done("DELETE", "/providers/gone");
  CHECK(api.daemon.control("GET", "/providers/gone").status == 404);
  std::set<std::string> platform;
  for (const Json& row : api.get("/audit?limit=1000")["items"])
    platform.insert(row["event_type"].get<std::string>());
  for (const char* type :
       {"provider.create", "provider.update", "provider.delete", "pricing.set", "pricing.delete"}) {
    INFO(type);
    CHECK(platform.contains(type));
  }
}

TEST_CASE("lists page through all there is, once", "[resources]") {
  Api api;
  api.daemon.make_org("acme");
  for (int i = 0; i < 25; ++i) {
    api.make("POST", "/orgs/acme/workspaces", {{"name", "w" + std::to_string(i)}});
    api.daemon.buy("acme", 1);
  }
  for (const std::string& target : Texts{"/orgs/acme/workspaces", "/orgs/acme/ledger", "/orgs/acme/audit"}) {
    INFO(target);
    std::set<std::string> seen;
    std::size_t pages = 0;
    std::size_t items = 0;
    std::string cursor;
    do {
      const Json page = api.get(target + "?limit=4" + (cursor.empty() ? "" : "&cursor=" + cursor));
      CHECK(page["items"].size() <= 4);
      CHECK(page["total"] >= 25);
      for (const Json& item : page["items"]) seen.insert(item["id"].get<std::string>());
      items += page["items"].size();
      cursor = page["next"].is_null() ? "" : page["next"].get<std::string>();
      ++pages;
    } while (!cursor.empty() && pages < 100);
    CHECK(items == seen.size());
    CHECK(seen.size() == api.get(target + "?limit=1000")["total"]);
  }
}

TEST_CASE("the audit log says who did what, and can be searched", "[resources]") {
  Api api;
  api.daemon.make_org("acme");
  REQUIRE(api.daemon
              .control("POST", "/orgs/acme/workspaces", {{"name", "prod"}}, {{"x-correlation-id", "ticket-9"}})
              .status == 201);
  const Json found = api.get("/orgs/acme/audit?event=workspace.create");
  REQUIRE(found["total"] == 1);
  const Json row = found["items"][0];
  CHECK(row["actor_kind"] == "local");
  CHECK(row["correlation_id"] == "ticket-9");
  CHECK(row["resource_name"] == "acme/prod");
  CHECK_FALSE(row["description"].get<std::string>().empty());
  CHECK(api.get("/orgs/acme/audit?actor=nobody")["total"] == 0);
  CHECK(api.get("/orgs/acme/audit?resource=acme%2Fprod")["total"] == 1);
  CHECK(api.get("/audit")["total"] >= 0);
}

TEST_CASE("health, pages and the API's own description", "[resources]") {
  Api api;
  CHECK(api.get("/health")["status"] == "ok");
  CHECK(api.get("/health/ready")["status"] == "ok");
  CHECK(api.get("/health/db")["status"] == "ok");
  CHECK(api.daemon.control("GET", "/docs").body.find("<html") != std::string::npos);
  CHECK(api.daemon.control("GET", "/redoc").status == 200);
  const Json described = api.get("/openapi.json");
  CHECK(described["openapi"].get<std::string>().starts_with("3.1"));
  CHECK(described["paths"].contains("/credits/purchase"));
  CHECK(described["paths"]["/orgs/{org}/workspaces"].contains("post"));
  // The same under /api.
  CHECK(api.get("/api/health")["status"] == "ok");
  CHECK(api.get("/api/orgs")["total"] == 0);
}
