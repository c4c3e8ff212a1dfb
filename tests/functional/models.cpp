// What a key may use, and what the gateway says of itself.

#include <catch2/catch.hpp>

#include "tests/functional/harness/api.h"
#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

Answer get(Dialects& d, const std::string& path, Headers headers = {}) {
  headers.emplace_back("Authorization", "Bearer " + d.shop.key.secret);
  return http(d.daemon.gateway(), "GET", path, {}, headers);
}

std::vector<std::string> ids(const Json& list) {
  std::vector<std::string> all;
  for (const Json& model : list["data"]) all.push_back(model["id"]);
  return all;
}
bool has(const std::vector<std::string>& all, const std::string& id) {
  return std::find(all.begin(), all.end(), id) != all.end();
}

}  // namespace

TEST_CASE("a key sees the models that it may call, by the names that call them", "[models]") {
  Dialects d;
  Answer answer = get(d, "/v1/models");
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["object"] == "list");
  CHECK(answer.json()["data"][0]["object"] == "model");
  auto all = ids(answer.json());
  CHECK(has(all, "mock-model"));
  CHECK(has(all, "fake/m"));
  CHECK_FALSE(has(all, "gpt-4o"));  // no credential
  for (const std::string& id : {std::string("mock-model"), std::string("fake/m")}) {
    CHECK(d.post("/v1/chat/completions", request(id)).status == 200);
  }
  d.daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "openai"}, {"secret", "sk-1"}});
  CHECK(has(ids(get(d, "/gateway/v1/models").json()), "gpt-4o"));
  d.daemon.policy("acme", {{"allow_models", {"mock-*"}}, {"deny_models", {"mock-cut"}}});
  all = ids(get(d, "/v1/models").json());
  CHECK(has(all, "mock-model"));
  CHECK_FALSE(has(all, "mock-cut"));
  CHECK_FALSE(has(all, "fake/m"));
  CHECK_FALSE(has(all, "gpt-4o"));
}

TEST_CASE("an Anthropic client gets Anthropic's list", "[models]") {
  Dialects d;
  const Json list = get(d, "/v1/models?limit=1000", {{"anthropic-version", "2023-06-01"}}).json();
  CHECK(list["has_more"] == false);
  CHECK(list["data"][0]["type"] == "model");
  CHECK(list["first_id"] == list["data"][0]["id"]);
  CHECK_FALSE(list["data"][0]["created_at"].get<std::string>().empty());
}

TEST_CASE("one model by its name, or 404", "[models]") {
  Dialects d;
  CHECK(get(d, "/v1/models/mock-model").json()["owned_by"] == "mock");
  CHECK(get(d, "/v1/models/fake/m").json()["id"] == "fake/m");
  CHECK(get(d, "/v1/models/fake%2Fm").json()["id"] == "fake/m");
  Answer answer = get(d, "/v1/models/gpt-4o");
  CHECK(answer.status == 404);
  CHECK(answer.json()["error"]["code"] == "model_not_found");
  answer = get(d, "/v1/models/gpt-4o", {{"anthropic-version", "2023-06-01"}});
  CHECK(answer.json()["error"]["type"] == "not_found_error");
  CHECK(http(d.daemon.gateway(), "GET", "/v1/models").status == 401);
}

TEST_CASE("the gateway says that it lives, and what it answers", "[models]") {
  TestDaemon daemon;
  CHECK(http(daemon.gateway(), "GET", "/api/hello").status == 200);
  CHECK(http(daemon.gateway(), "GET", "/gateway/health").status == 200);
  Answer answer = http(daemon.gateway(), "POST", "/v1/completions", "{}");
  CHECK(answer.status == 404);
  CHECK(answer.json()["error"]["message"].get<std::string>().find("/v1/chat/completions") != std::string::npos);
  answer = http(daemon.gateway(), "POST", "/v1/messages/batches", "{}", {{"anthropic-version", "2023-06-01"}});
  CHECK(answer.status == 404);
  CHECK(answer.json()["error"]["type"] == "not_found_error");
}
