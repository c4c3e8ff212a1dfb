// `provider test` and `provider models`: what an administrator sees of a provider, and what the provider sees.

#include <catch2/catch.hpp>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

constexpr auto secret = "sk-canary-0123456789abcdef";

struct Listed {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url()};
  void answers(int status, const Json& body) {
    upstream.on("", [=](Reply& reply) { reply.json(status, body); });
  }
  Json test(const std::string& name, const Json& body = Json::object()) {
    const Answer answer = daemon.control("POST", "/providers/" + name + "/test", body);
    CHECK_FALSE(answer.body.contains(secret));
    REQUIRE(answer.status == 200);
    return answer.json();
  }
};

}  // namespace

TEST_CASE("a provider is tested with its list of models, under the org's credential", "[provider_calls]") {
  Listed l;
  l.daemon.provider("paid", l.upstream.base_url(), {{"needs_credential", true}});
  const Answer none = l.daemon.control("POST", "/providers/paid/test", Json::object());
  CHECK(none.json()["error"]["code"] == "no_credential");
  l.daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "paid"}, {"secret", secret}});
  l.answers(200, {{"data", {{{"id", "m2"}}, {{"id", "m1"}}}}});
  const Json tested = l.test("paid");
  CHECK(tested["ok"] == true);
  CHECK(tested["status"] == 200);
  CHECK(tested["models"] == 2);
  CHECK(tested["called"] == "GET " + l.upstream.base_url() + "/models");
  CHECK(l.upstream.last().target == "/v1/models");
  CHECK(find_header(l.upstream.last().headers, "Authorization") == "Bearer " + std::string(secret));
  CHECK(l.test("paid", {{"model", "m1"}})["ok"] == true);
  const Json missing = l.test("paid", {{"org", "acme"}, {"model", "m3"}});
  CHECK(missing["ok"] == false);
  CHECK(missing["message"] == "the provider lists no model 'm3'");
  CHECK(l.daemon.balance("acme") == 1'000'000);
  CHECK(l.daemon.events("acme").empty());

  l.daemon.price("paid", "m1", "0.001", "0.001");
  const Json models = l.daemon.get("/providers/paid/models?org=acme");
  REQUIRE(models["total"] == 2);
  CHECK(models["items"][0] == Json{{"provider", "paid"}, {"model", "m1"}, {"priced", true}});
  CHECK(models["items"][1] == Json{{"provider", "paid"}, {"model", "m2"}, {"priced", false}});
}

TEST_CASE("each kind is asked where it documents its list", "[provider_calls]") {
  Listed l;
  struct Kind {
    std::string kind, target, header;
    Json answer;
  };
  const auto [kind, target, header, body] = GENERATE(values<Kind>(
      {{"anthropic", "/v1/models?limit=1000", "x-api-key", {{"data", {{{"id", "n"}}}}}},
       {"gemini", "/v1/models?pageSize=1000", "x-goog-api-key", {{"models", {{{"name", "models/n"}}}}}},
       {"cohere", "/v1/models?page_size=1000", "Authorization", {{"models", {{{"name", "n"}}}}}},
       {"azure_openai", "/v1/models", "api-key", {{"data", {{{"id", "n"}}}}}}}));
  INFO(kind);
  l.daemon.provider("other", l.upstream.base_url(), {{"kind", kind}, {"needs_credential", true}});
  l.daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "other"}, {"secret", secret}});
  l.answers(200, body);
  CHECK(l.daemon.get("/providers/other/models")["items"][0]["model"] == "n");
  CHECK(l.upstream.last().target == target);
  CHECK(find_header(l.upstream.last().headers, header).value_or("").contains(secret));
}

TEST_CASE("what is wrong with a provider is told in its own words", "[provider_calls]") {
  Listed l;
  l.answers(401, {{"error", {{"message", "Incorrect API key provided"}}}});
  Json tested = l.test("fake");
  CHECK(tested["ok"] == false);
  CHECK(tested["status"] == 401);
  CHECK(tested["message"] == "Incorrect API key provided");
  CHECK(l.daemon.control("GET", "/providers/fake/models").status == 502);
  l.answers(200, {{"data", "none"}});
  CHECK(l.test("fake")["message"] == "the answer is no list of models");
  l.daemon.provider("dead", "http://127.0.0.1:1/v1");
  tested = l.test("dead");
  CHECK(tested["ok"] == false);
  CHECK(tested["status"].is_null());
  CHECK_FALSE(tested["message"].get<std::string>().empty());
  l.daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "bedrock"}, {"secret", secret}});
  tested = l.test("bedrock");
  CHECK(tested["called"] == "nothing");
  CHECK(tested["ok"] == false);
  CHECK(l.daemon.control("POST", "/providers/nobody/test", Json::object()).status == 404);
}
