// An org's own name for a model leads to a list of them: who is asked, when the next one is, what that costs,
// and what is never sent twice.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

// "smart" leads to dear/m and then to cheap/m; a token costs ten credits at the one and one at the other.
struct Choice {
  FakeUpstream first, second;
  TestDaemon daemon;
  Shop shop;
  explicit Choice(const Json& dear = Json::object(), const std::string& dear_url = {})
      : shop(daemon, second.base_url()) {
    daemon.provider("dear", dear_url.empty() ? first.base_url() : dear_url, dear);
    daemon.provider("cheap", second.base_url());
    daemon.price("dear", "m", "0.01", "0.01");
    daemon.price("cheap", "m", "0.001", "0.001");
    alias("smart", {"dear/m", "cheap/m"});
  }
  void alias(const std::string& name, const std::vector<std::string>& targets) {
    daemon.expect(200, "PUT", "/orgs/acme/aliases/" + name, {{"targets", targets}});
  }
  Answer call(const std::string& model = "smart") { return daemon.chat(shop.key.secret, request(model)); }
  Json event_of(const Answer& answer) { return daemon.event(answer.header("x-request-id")); }
  void books_balance(std::int64_t charged) {
    CHECK(daemon.balance("acme") == 1'000'000 - charged);
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.verify()["ok"] == true);
  }
};

// Turns away the first `times` calls, and answers the rest.
FakeUpstream::Behaviour turning_away(int status, const std::string& retry_after, int times) {
  auto left = std::make_shared<std::atomic<int>>(times);
  return [=](Reply& reply) {
    if ((*left)-- > 0) {
      reply.json(status, {{"error", {{"message", "not now"}}}}, {{"retry-after", retry_after}});
      return;
    }
    answer(reply, Tokens{});
  };
}

constexpr auto nobody = "http://127.0.0.1:1/v1";

}  // namespace

TEST_CASE("the first of an alias's models is asked, by its own name, and charged", "[fallback]") {
  Choice c;
  const Answer answer = c.call();
  REQUIRE(answer.status == 200);
  CHECK(Json::parse(c.first.last().body)["model"] == "m");
  CHECK(c.second.calls() == 0);
  const Json event = c.event_of(answer);
  CHECK(event["model"] == "smart");
  CHECK(event["provider"] == "dear");
  CHECK(event["attempts"] == 1);
  c.books_balance(1200);  // 120 tokens at 10
}

TEST_CASE("the first is dead, the second answers: the hold was the dearest's, the charge is the second's",
          "[fallback]") {
  Choice c(Json::object(), nobody);
  const bool streamed = GENERATE(false, true);
  const Json asked = request("smart");
  std::string id;
  if (streamed) {
    const Stream stream = c.daemon.chat_stream(c.shop.key.secret, asked);
    CHECK(stream.status == 200);
    CHECK(stream.done);
    CHECK(stream.text == answer_text);
    id = find_header(stream.headers, "x-request-id").value_or("");
  } else {
    const Answer answer = c.daemon.chat(c.shop.key.secret, asked);
    REQUIRE(answer.status == 200);
    CHECK(answer.json()["x_platform"]["credits_charged"] == 120);
    id = answer.header("x-request-id");
  }
  const Json event = c.daemon.event(id);
  CHECK(event["provider"] == "cheap");
  CHECK(event["attempts"] == 2);
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["credits_charged"] == 120);
  // Every byte of the body as a token, and the 64 that may come, at 10 credits each.
  Json sent = asked;
  if (streamed) sent["stream"] = true;
  CHECK(event["reserved"] == static_cast<std::int64_t>(sent.dump().size() + 64) * 10);
  c.books_balance(120);
}

TEST_CASE("the hold is the dearest's wherever it stands in the list", "[fallback]") {
  Choice c;
  c.alias("thrifty", {"cheap/m", "dear/m"});
  const Answer answer = c.call("thrifty");
  REQUIRE(answer.status == 200);
  const Json event = c.event_of(answer);
  CHECK(event["provider"] == "cheap");
  CHECK(event["reserved"] == static_cast<std::int64_t>(request("thrifty").dump().size() + 64) * 10);
  c.books_balance(120);
}

TEST_CASE("a provider that says when to come back is asked again, once", "[fallback]") {
  Choice c;
  SECTION("and answers then") {
    c.first.on("m", turning_away(429, "1", 1));
    const auto began = std::chrono::steady_clock::now();
    const Answer answer = c.call("dear/m");
    CHECK(std::chrono::steady_clock::now() - began >= 1s);
    REQUIRE(answer.status == 200);
    CHECK(c.first.calls() == 2);
    CHECK(c.first.seen()[0].body == c.first.seen()[1].body);
    CHECK(c.event_of(answer)["attempts"] == 2);
    c.books_balance(1200);
  }
  SECTION("and not a third time") {
    c.first.on("m", turning_away(503, "0", 9));
    const Answer answer = c.call("dear/m");
    CHECK(answer.status == 503);
    CHECK(c.first.calls() == 2);
    CHECK(c.event_of(answer)["attempts"] == 2);
    c.books_balance(0);
  }
  SECTION("not when that is too long: then the next one is") {
    c.first.on("m", turning_away(429, "30", 1));
    const Answer answer = c.call();
    REQUIRE(answer.status == 200);
    CHECK(c.first.calls() == 1);
    CHECK(c.event_of(answer)["provider"] == "cheap");
    c.books_balance(120);
  }
}

TEST_CASE("which errors lead on to the next model", "[fallback]") {
  Choice c;
  const auto [status, leads_on] = GENERATE(table<int, bool>({{400, false},
                                                             {401, true},
                                                             {403, true},
                                                             {404, true},
                                                             {408, false},
                                                             {422, false},
                                                             {429, true},
                                                             {500, true},
                                                             {502, true},
                                                             {504, false},
                                                             {529, true}}));
  INFO(status);
  c.first.on("m", [error = status](Reply& reply) { reply.json(error, {{"error", {{"message", "no"}}}}); });
  const Answer answer = c.call();
  CHECK((answer.status == 200) == leads_on);
  CHECK(c.second.calls() == (leads_on ? 1 : 0));
  CHECK(c.event_of(answer)["attempts"] == (leads_on ? 2 : 1));
  c.books_balance(leads_on ? 120 : 0);
}

TEST_CASE("all fail: the client gets the last one's answer, nothing is charged", "[fallback]") {
  Choice c;
  c.first.on("m", [](Reply& reply) { reply.json(500, {{"error", {{"message", "first"}}}}); });
  c.second.on("m", [](Reply& reply) { reply.json(503, {{"error", {{"message", "second"}}}}); });
  const Answer answer = c.call();
  CHECK(answer.status == 503);
  CHECK(answer.body.contains("second"));
  const Json event = c.event_of(answer);
  CHECK(event["attempts"] == 2);
  CHECK(event["provider"] == "cheap");
  c.books_balance(0);
}

TEST_CASE("a request that was sent and timed out may be producing: it is never sent again", "[fallback]") {
  Choice c({{"first_byte_timeout_ms", 300}});
  c.first.on("m", [](Reply& reply) {
    reply.wait_until_gone();
    reply.close = true;
  });
  const Answer answer = c.call();
  CHECK(answer.status == 504);
  CHECK(c.first.calls() == 1);
  CHECK(c.second.calls() == 0);
  const Json event = c.event_of(answer);
  CHECK(event["attempts"] == 1);
  CHECK(event["provider"] == "dear");
  CHECK(event["cause"] == "upstream_timeout");
  CHECK(event["credits_charged"] > 0);  // the input's estimate, at the price of the one that was asked
}

TEST_CASE("a connection that breaks after the request was sent is no reason to send it again", "[fallback]") {
  Choice c;
  c.first.on("m", [](Reply& reply) { reply.close = true; });
  CHECK(c.call().status == 502);
  CHECK(c.first.calls() == 1);
  CHECK(c.second.calls() == 0);
}

TEST_CASE("once a byte of an answer was relayed, nobody else is asked", "[fallback]") {
  Choice c;
  c.first.on("m", [](Reply& reply) {
    reply.begin_stream();
    reply.text("The quick");
    reply.close = true;
  });
  const Stream stream = c.daemon.chat_stream(c.shop.key.secret, request("smart"));
  CHECK(stream.status == 200);
  CHECK_FALSE(stream.done);
  CHECK(stream.text == "The quick");
  CHECK(c.second.calls() == 0);
}

TEST_CASE("what policies deny is passed over; when all is, the refusal says so", "[fallback]") {
  Choice c;
  SECTION("one of them") {
    c.daemon.policy("acme", {{"deny_models", {"dear/*"}}});
    const Answer answer = c.call();
    REQUIRE(answer.status == 200);
    CHECK(c.first.calls() == 0);
    const Json event = c.event_of(answer);
    CHECK(event["attempts"] == 1);
    CHECK(event["reserved"] == static_cast<std::int64_t>(request("smart").dump().size() + 64));
  }
  SECTION("all of them") {
    c.daemon.policy("acme", {{"deny_models", {"m"}}});
    const Answer answer = c.call();
    CHECK(answer.status == 403);
    const std::string message = answer.json()["error"]["message"];
    CHECK(message.contains("alias 'smart'"));
    CHECK(message.contains("'m' at dear"));
    CHECK(message.contains("'m' at cheap"));
    CHECK(c.event_of(answer)["status"] == "POLICY_BLOCKED");
  }
  SECTION("a model without a price is passed over too") {
    c.alias("odd", {"dear/unpriced", "cheap/m"});
    CHECK(c.call("odd").status == 200);
    c.alias("none", {"dear/unpriced", "cheap/unpriced"});
    const Answer answer = c.call("none");
    CHECK(answer.status == 400);
    CHECK(answer.json()["error"]["code"] == "no_price");
    CHECK(answer.json()["error"]["message"].get<std::string>().contains("govctl pricing set dear unpriced"));
  }
}

TEST_CASE("an agent's list of models has the aliases", "[fallback]") {
  Choice c;
  const auto names = [&] {
    std::vector<std::string> ids;
    const Answer list = http(c.daemon.gateway(), "GET", "/v1/models", "", {{"x-api-key", c.shop.key.secret}});
    for (const Json& model : list.json()["data"]) ids.push_back(model["id"]);
    return ids;
  };
  CHECK(std::ranges::count(names(), "smart") == 1);
  CHECK(http(c.daemon.gateway(), "GET", "/v1/models/smart", "", {{"x-api-key", c.shop.key.secret}}).status ==
        200);
  c.daemon.policy("acme", {{"deny_models", {"m"}}});
  CHECK(std::ranges::count(names(), "smart") == 0);
}

TEST_CASE("a provider that fails five times is left alone for ten seconds, then tried with one call",
          "[fallback]") {
  Choice c;
  c.first.on("m", turning_away(500, "", 5));
  for (int i = 0; i < 5; ++i) CHECK(c.call("dear/m").status == 500);
  const Answer refused = c.call("dear/m");
  CHECK(refused.status == 503);
  CHECK(c.first.calls() == 5);
  const int wait = std::stoi(refused.header("retry-after"));
  CHECK(wait >= 1);
  CHECK(wait <= 10);
  CHECK(refused.json()["error"]["message"].get<std::string>().starts_with("provider dear keeps failing"));
  const Json event = c.event_of(refused);
  CHECK(event["cause"] == "circuit_open");
  CHECK(event["attempts"] == 0);
  CHECK(c.daemon.get("/health/ready")["open_circuits"] == Json{"dear"});
  CHECK(c.daemon.get("/status")["open_circuits"] == Json{"dear"});
  CHECK(c.daemon.get("/providers/dear")["circuit"] == "open");
  CHECK(c.daemon.get("/providers/cheap")["circuit"] == "closed");

  CHECK(c.call().status == 200);  // the next of the list is asked at once
  CHECK(c.first.calls() == 5);

  std::this_thread::sleep_for(std::chrono::seconds(wait) + 100ms);
  CHECK(c.daemon.get("/providers/dear")["circuit"] == "half_open");
  CHECK(c.call("dear/m").status == 200);
  CHECK(c.daemon.get("/health/ready")["open_circuits"].empty());
  c.books_balance(120 + 1200);
}

TEST_CASE("a provider takes as many calls at once as its row says", "[fallback]") {
  Choice c({{"max_parallel", 1}});
  Gate gate;
  c.first.on("m", [&](Reply& reply) {
    gate.wait();
    answer(reply, Tokens{});
  });
  HttpClient held = c.daemon.chat_open(c.shop.key.secret, request("dear/m"));
  REQUIRE(c.first.reached("m", 1));
  const Answer refused = c.call("dear/m");
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after") == "1");
  CHECK(refused.json()["error"]["message"].get<std::string>().contains("max_parallel"));
  CHECK(c.event_of(refused)["cause"] == "provider_busy");
  const Answer elsewhere = c.call();
  CHECK(elsewhere.status == 200);
  CHECK(c.event_of(elsewhere)["provider"] == "cheap");
  gate.open();
  CHECK(held.answer().status == 200);
  CHECK(c.call("dear/m").status == 200);
}

TEST_CASE("aliases are set, listed, replaced and deleted, each with its audit row", "[fallback]") {
  Choice c;
  const Json made = c.daemon.get("/orgs/acme/aliases/smart");
  CHECK(made["targets"] == Json{"dear/m", "cheap/m"});
  CHECK(made["version"] == 1);
  CHECK(c.daemon.get("/orgs/acme/aliases")["total"] == 1);
  const Answer stale =
      c.daemon.control("PUT", "/orgs/acme/aliases/smart", {{"targets", {"cheap/m"}}}, {{"If-Match", "\"7\""}});
  CHECK(stale.status == 412);
  const Answer unknown =
      c.daemon.control("PUT", "/orgs/acme/aliases/smart", {{"targets", {"dear/m", "nobody/m"}}});
  CHECK(unknown.status == 422);
  CHECK(unknown.json()["error"]["message"].get<std::string>().contains("'nobody'"));
  for (const char* const target : {"smart", "dear/", "/m", ""}) {
    INFO(target);
    CHECK(c.daemon.control("PUT", "/orgs/acme/aliases/smart", {{"targets", {target}}}).status == 400);
  }
  CHECK(c.daemon.control("PUT", "/orgs/acme/aliases/dear%2Fm", {{"targets", {"dear/m"}}}).status == 400);
  CHECK(c.daemon.control("PUT", "/orgs/acme/aliases/smart", {{"targets", {"dear/m", "dear/m"}}}).status == 400);
  CHECK(c.daemon.control("PUT", "/orgs/acme/aliases/smart", {{"targets", Json::array()}}).status == 400);

  c.daemon.expect(200, "PUT", "/orgs/acme/aliases/smart?dry_run=1", {{"targets", {"cheap/m"}}});
  CHECK(c.daemon.get("/orgs/acme/aliases/smart")["version"] == 1);
  c.alias("smart", {"cheap/m"});
  CHECK(c.daemon.get("/orgs/acme/aliases/smart")["version"] == 2);
  c.daemon.restart();
  CHECK(c.event_of(c.call())["provider"] == "cheap");
  c.daemon.expect(200, "DELETE", "/orgs/acme/aliases/smart");
  CHECK(c.daemon.control("GET", "/orgs/acme/aliases/smart").status == 404);
  CHECK(c.daemon.control("DELETE", "/orgs/acme/aliases/smart").status == 404);
  CHECK(c.call().status == 400);
  std::vector<std::string> told;
  for (const Json& row : c.daemon.audit("acme")) {
    if (row["resource_type"] == "alias") told.insert(told.begin(), row["event_type"].get<std::string>());
  }
  CHECK(told == std::vector<std::string>{"alias.set", "alias.set", "alias.delete"});
}
