// Money as administrators see it: bought, corrected, refunded, budgeted, and where it went.

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>

#include "tests/functional/harness/api.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

TEST_CASE("budgets: in credits and in dollars, spent and reset by what happens", "[money]") {
  FakeUpstream upstream;
  Api api;
  const Shop shop(api.daemon, upstream.base_url());
  api.daemon.price("fake", "m", "0", "0.001");
  upstream.uses("m", {.prompt = 1, .completion = 20});
  const Json budget =
      api.make("POST", "/budgets", {{"path", "acme/prod"}, {"period", "MONTHLY"}, {"limit_usd", "0.0001"}});
  const std::string id = budget["id"];
  CHECK(budget["limit"] == 100);
  CHECK(budget["limit_usd"] == "0.0001");
  CHECK(budget["resets_at"].is_string());
  REQUIRE(api.daemon.chat(shop.key.secret, request("fake/m", 20)).status == 200);
  const Json spent = api.get("/budgets/" + id);
  CHECK(spent["spent"] == 20);
  CHECK(spent["left"] == 80);
  // One made now knows what was spent before it.
  const Json total = api.make("POST", "/budgets", {{"path", Shop::agent}, {"period", "TOTAL"}, {"limit", 30}});
  CHECK(total["spent"] == 20);
  CHECK(total["resets_at"].is_null());
  CHECK(api.daemon.chat(shop.key.secret, request("fake/m", 20)).status == 402);
  CHECK(api.done("PATCH", "/budgets/" + total["id"].get<std::string>(), {{"limit", 40}})["left"] == 20);
  CHECK(api.daemon.chat(shop.key.secret, request("fake/m", 20)).status == 200);
  CHECK(names(api.get("/budgets?path=acme%2Fprod%2Fsupport"), "path") == Texts{Shop::agent});
  api.done("DELETE", "/budgets/" + total["id"].get<std::string>());
  CHECK(api.daemon.chat(shop.key.secret, request("fake/m", 20)).status == 200);
  CHECK(api.get("/budgets/" + id)["spent"] == 60);
}

TEST_CASE("credits: bought, corrected, refunded, each once however often it is asked", "[money]") {
  FakeUpstream upstream;
  Api api;
  const Shop shop(api.daemon, upstream.base_url(), 0);
  const Json bought =
      api.make("POST", "/credits/purchase",
               {{"org", "acme"}, {"amount", 1000}, {"reference", "inv-1"}, {"idempotency_key", "inv-1"}});
  CHECK(bought["type"] == "CREDIT_PURCHASE");
  CHECK(bought["balance_after"] == 1000);
  const Answer replay = api.daemon.control(
      "POST", "/credits/purchase",
      {{"org", "acme"}, {"amount", 1000}, {"reference", "inv-1"}, {"idempotency_key", "inv-1"}});
  CHECK((replay.status == 200 || replay.status == 201));
  CHECK(replay.json()["id"] == bought["id"]);
  const Answer other = api.daemon.control("POST", "/credits/purchase",
                                          {{"org", "acme"}, {"amount", 7}, {"idempotency_key", "inv-1"}});
  CHECK(other.status == 422);
  CHECK(other.json()["error"]["code"] == "idempotency_mismatch");
  CHECK(api.daemon.balance("acme") == 1000);

  api.make("POST", "/orgs/acme/ledger/adjust", {{"amount", -400}, {"reason", "double booking"}});
  api.make("POST", "/orgs/acme/ledger/adjust",
           {{"amount", -700}, {"reason", "debt"}, {"allow_negative", true}});
  CHECK(api.daemon.balance("acme") == -100);
  CHECK(api.daemon.chat(shop.key.secret, request("mock-model", 5)).status == 402);
  api.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", 10'100}});

  api.daemon.price("fake", "m", "0", "0.001");
  upstream.uses("m", {.prompt = 1, .completion = 50});
  const std::string request_id = api.daemon.chat(shop.key.secret, request("fake/m", 64)).header("x-request-id");
  CHECK(api.daemon.balance("acme") == 9950);
  CHECK(api.daemon.expect(201, "POST", "/usage/" + request_id + "/refund",
                          {{"amount", 20}, {"reason", "bad answer"}})["amount"] == 20);
  CHECK(api.daemon.control("POST", "/usage/" + request_id + "/refund", {{"amount", 31}}).status == 409);
  CHECK(api.daemon.expect(201, "POST", "/usage/" + request_id + "/refund", Json::object())["amount"] == 30);
  CHECK(api.daemon.control("POST", "/usage/" + request_id + "/refund", Json::object()).status == 409);
  CHECK(api.daemon.balance("acme") == 10'000);
  CHECK(api.get("/verify?org=acme")["ok"] == true);

  std::vector<std::string> types;
  std::int64_t running = 0;
  for (const Json& entry : api.daemon.ledger("acme")) {
    types.push_back(entry["type"]);
    running += entry["amount"].get<std::int64_t>();
    CHECK(entry["balance_after"] == running);
    CHECK(entry["seq"] == types.size());
  }
  CHECK(types == Texts{"CREDIT_PURCHASE", "ADJUSTMENT", "ADJUSTMENT", "CREDIT_PURCHASE", "USAGE_DEDUCTION",
                       "REFUND", "REFUND"});
  const Answer exported = api.daemon.control("GET", "/orgs/acme/ledger/export");
  CHECK(exported.header("content-type").starts_with("application/jsonl"));
  std::istringstream lines(exported.body);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) CHECK(Json::parse(line)["seq"] == count + 1);
  CHECK(count == types.size());
}

TEST_CASE("a hundred purchases at once are a hundred entries, and one key is one", "[money]") {
  Api api;
  api.daemon.make_org("acme");
  std::vector<std::thread> buyers;
  std::atomic<int> good = 0;
  for (int i = 0; i < 100; ++i) {
    buyers.emplace_back([&, i] {
      const Json body = i % 2 == 0 ? Json{{"org", "acme"}, {"amount", 3}}
                                   : Json{{"org", "acme"}, {"amount", 1000}, {"idempotency_key", "once"}};
      if (api.daemon.control("POST", "/credits/purchase", body).status / 100 == 2) ++good;
    });
  }
  for (std::thread& buyer : buyers) buyer.join();
  CHECK(good == 100);
  CHECK(api.daemon.balance("acme") == 50 * 3 + 1000);
  CHECK(api.daemon.ledger("acme").size() == 51);
  CHECK(api.get("/verify")["ok"] == true);
}

TEST_CASE("billing groups stand beside their orgs", "[money]") {
  Api api;
  const Json group = api.make("POST", "/groups", {{"name", "Acme"}});
  const std::string id = group["id"];
  CHECK(group["org"] == "acme");
  CHECK(names(api.get("/groups"), "id") == Texts{id});
  api.daemon.buy("acme", 5);
  CHECK(api.get("/groups/" + id)["balance"] == 5);
  CHECK(api.get("/groups/" + id + "/balance")["available"] == 5);
  CHECK(api.get("/usage/history/" + id)["total"] == 0);
}

TEST_CASE("usage: history, burn rate and the top of it add up", "[money]") {
  FakeUpstream upstream;
  Api api;
  const Shop shop(api.daemon, upstream.base_url());
  api.daemon.make_agent("acme/prod/sales/quote");
  const Key other = api.daemon.make_key("acme/prod/sales/quote");
  api.daemon.price("fake", "m", "0.001", "0.001");
  api.daemon.price("fake", "n", "0.001", "0.001");
  upstream.uses("m", {.prompt = 10, .completion = 5});
  upstream.uses("n", {.prompt = 20, .completion = 5});
  Json body = request("fake/m");
  body["user"] = "anna";
  for (int i = 0; i < 3; ++i) REQUIRE(api.daemon.chat(shop.key.secret, body).status == 200);
  REQUIRE(api.daemon.chat(other.secret, request("fake/n")).status == 200);
  REQUIRE(api.daemon.chat(other.secret, request("fake/unpriced")).status == 400);

  CHECK(api.get("/usage/history/acme")["total"] == 5);
  CHECK(api.get("/usage/history/acme?status=SUCCESS")["total"] == 4);
  CHECK(api.get("/usage/history/acme?path=acme%2Fprod%2Fsales")["total"] == 2);
  CHECK(api.get("/usage/history/acme?model=fake%2Fm")["total"] == 3);
  CHECK(api.get("/usage/history/acme?until=1h")["total"] == 0);
  CHECK(api.get("/usage/history/acme?since=1h")["total"] == 5);

  const Json rate = api.get("/usage/burn-rate/acme");
  CHECK(rate["last_24h"] == 3 * 15 + 25);
  CHECK(rate["last_7d"] == 3 * 15 + 25);
  CHECK(rate["calls_24h"] == 4);
  CHECK(api.get("/usage/burn-rate/acme?path=acme%2Fprod%2Fsales")["last_24h"] == 25);

  const Json agents = api.get("/usage/top/acme?by=agent")["items"];
  CHECK(agents[0]["name"] == Shop::agent);
  CHECK(agents[0]["credits"] == 45);
  CHECK(agents[0]["calls"] == 3);
  CHECK(agents[0]["cost_usd"] == "0.000045");
  for (const char* by : {"model", "key", "provider"}) {
    std::int64_t credits = 0;
    for (const Json& row : api.get(std::string("/usage/top/acme?by=") + by)["items"])
      credits += row["credits"].get<std::int64_t>();
    CHECK(credits == 70);
  }
  const Json users = api.get("/usage/top-users/acme")["items"];
  CHECK(users[0]["name"] == "anna");
  CHECK(users[0]["credits"] == 45);
}
